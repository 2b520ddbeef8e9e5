//! Files that are not as they should be.

use std::path::Path;

use enginebay_host::storage::{
    Namespace, Operation, Query, Storage, StorageError, StorageLimits, StorageOptions,
};

fn namespace(storage: &Storage) -> Namespace {
    storage
        .namespace("shop:cart", StorageLimits::new())
        .unwrap()
}

fn value(number: usize) -> Vec<u8> {
    format!("{number} ").repeat(30).into_bytes()
}

/// Makes a file of a few hundred pages.
fn fill(path: &Path, keys: usize) {
    let storage = Storage::open(path).unwrap();
    let sets: Vec<_> = (0..keys)
        .map(|number| Operation::set(format!("key{number:05}"), value(number)))
        .collect();
    namespace(&storage).batch(&sets).unwrap();
}

/// Everything, a page after the other.
fn read_all(storage: &Storage) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
    let mut query = Query::new();
    let mut pairs = Vec::new();
    loop {
        let page = namespace(storage).scan(&query)?;
        pairs.extend(page.items);
        match page.next {
            Some(next) => query = query.after(next),
            None => return Ok(pairs),
        }
    }
}

#[test]
fn a_file_is_open_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.db");
    let storage = Storage::open(&path).unwrap();
    let cart = namespace(&storage);
    let in_use = || Err(StorageError::InUse { path: path.clone() });
    assert_eq!(Storage::open(&path).map(|_| ()), in_use());
    // A namespace keeps its storage open.
    drop(storage);
    assert_eq!(Storage::open(&path).map(|_| ()), in_use());
    cart.set("a", b"1").unwrap();
    drop(cart);
    assert_eq!(
        namespace(&Storage::open(&path).unwrap()).get("a"),
        Ok(Some(b"1".to_vec()))
    );
}

#[test]
fn one_of_many_that_make_a_file_at_once_gets_it() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("values.db");
        let barrier = std::sync::Barrier::new(4);
        let opened: Vec<Storage> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        Storage::open(&path)
                    })
                })
                .collect();
            threads
                .into_iter()
                .filter_map(|thread| match thread.join().unwrap() {
                    Ok(storage) => Some(storage),
                    Err(StorageError::InUse { .. }) => None,
                    Err(error) => panic!("{error}"),
                })
                .collect()
        });
        assert_eq!(opened.len(), 1);
        namespace(&opened[0]).set("a", b"1").unwrap();
        drop(opened);
        let storage = Storage::open(&path).unwrap();
        assert!(namespace(&storage).exists("a").unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn what_is_no_storage_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.db");
    let texts: [&[u8]; 4] = [
        b"",
        b"a",
        b"some text that is no database at all",
        &[0; 100_000],
    ];
    for text in texts {
        std::fs::write(&path, text).unwrap();
        let error = Storage::open(&path).unwrap_err();
        assert!(
            matches!(error, StorageError::NotADatabase { .. }),
            "{error}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), text);
    }
}

#[test]
fn another_programs_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.db");
    let table: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("users");
    {
        let database = redb::Database::create(&path).unwrap();
        let txn = database.begin_write().unwrap();
        txn.open_table(table).unwrap().insert("anna", 1).unwrap();
        txn.commit().unwrap();
    }
    let error = Storage::open(&path).unwrap_err();
    assert!(
        matches!(error, StorageError::NotADatabase { .. }),
        "{error}"
    );
    redb::Database::open(&path).unwrap();
}

#[test]
fn a_later_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.db");
    fill(&path, 1);
    let table: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
    {
        let database = redb::Database::open(&path).unwrap();
        let txn = database.begin_write().unwrap();
        txn.open_table(table).unwrap().insert("format", 2).unwrap();
        txn.commit().unwrap();
    }
    let error = Storage::open(&path).unwrap_err();
    assert_eq!(error, StorageError::UnsupportedFormat { path, found: 2 });
}

#[test]
fn paths_where_no_file_can_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    for path in [
        folder.path().to_owned(),
        folder.path().join("missing/values.db"),
        file.join("values.db"),
        "".into(),
        "/".into(),
        "nul\0.db".into(),
    ] {
        let error = Storage::open(&path).unwrap_err();
        assert!(
            matches!(error, StorageError::Io { .. }),
            "{}: {error}",
            path.display()
        );
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_read_only_is_an_error() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mode = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(folder.path(), mode(0o555)).unwrap();
    let may_write = std::fs::write(folder.path().join("probe"), b"").is_ok();
    let opened = Storage::open(folder.path().join("values.db")).map(|_| ());
    std::fs::set_permissions(folder.path(), mode(0o755)).unwrap();
    // The system's administrator may write everywhere.
    match opened {
        Ok(()) => assert!(may_write),
        Err(StorageError::Io { kind, .. }) => {
            assert!(!may_write);
            assert_eq!(kind, std::io::ErrorKind::PermissionDenied);
        }
        Err(error) => panic!("{error}"),
    }
}

/// A sequence that is the same in every run.
fn numbers() -> impl Iterator<Item = usize> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize
    })
}

/// Opens a damaged file and reads everything: an error, or exactly what was written.
fn read_damaged(path: &Path, expected: &[(String, Vec<u8>)]) -> bool {
    let Ok(storage) = Storage::open(path) else {
        return false;
    };
    let Ok(pairs) = read_all(&storage) else {
        return false;
    };
    assert!(pairs == expected, "wrong values without an error");
    let mut lines = Vec::new();
    let records = storage.export(&mut lines).unwrap();
    assert_eq!(records as usize, expected.len());
    true
}

#[test]
fn a_damaged_file_gives_errors_or_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.db");
    fill(&path, 1_000);
    let intact = std::fs::read(&path).unwrap();
    let expected = read_all(&Storage::open(&path).unwrap()).unwrap();
    assert_eq!(expected.len(), 1_000);

    let mut numbers = numbers();
    let mut number = move |end: usize| numbers.next().unwrap() % end;
    let (mut damaged, mut good) = (0, 0);
    for round in 0..150 {
        let mut bytes = intact.clone();
        match round % 5 {
            // In the header, which has two parts that take turns.
            0 => {
                let at = number(320);
                bytes[at] ^= 1 << number(8);
            }
            // Anywhere.
            1 | 2 => {
                let at = number(bytes.len());
                bytes[at] ^= 1 << number(8);
            }
            // A page that was not written, or belongs elsewhere.
            3 => {
                let pages = bytes.len() / 4_096;
                let (from, to) = (number(pages) * 4_096, number(pages) * 4_096);
                bytes.copy_within(from..from + 4_096, to);
            }
            // The end is missing.
            _ => bytes.truncate(number(intact.len())),
        }
        std::fs::write(&path, &bytes).unwrap();
        match read_damaged(&path, &expected) {
            true => good += 1,
            false => damaged += 1,
        }
    }
    // Both happened, or the test tests nothing.
    assert!(damaged > 30 && good > 5, "{damaged} {good}");
}

#[test]
fn a_value_that_was_changed_on_disk_is_found_when_opening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.db");
    fill(&path, 100);
    let mut bytes = std::fs::read(&path).unwrap();
    let value = value(77);
    let places: Vec<usize> = bytes
        .windows(value.len())
        .enumerate()
        .filter(|(_, window)| *window == value)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at] ^= 1;
    }
    std::fs::write(&path, &bytes).unwrap();
    let error = Storage::open(&path).unwrap_err();
    assert!(matches!(error, StorageError::Corrupted { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "it was left as it is");
    // Who does not want to wait for the comparison is not told.
    let options = StorageOptions::new().verify_on_open(false);
    let storage = Storage::open_with(&path, options).unwrap();
    assert_ne!(namespace(&storage).get("key00077"), Ok(Some(value)));
}

#[test]
fn a_commit_in_two_phases_is_read_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.db");
    let options = StorageOptions::new().two_phase_commit(true).cache_bytes(0);
    let storage = Storage::open_with(&path, options).unwrap();
    namespace(&storage).set("a", b"1").unwrap();
    drop(storage);
    let storage = Storage::open(&path).unwrap();
    assert_eq!(namespace(&storage).get("a"), Ok(Some(b"1".to_vec())));
}
