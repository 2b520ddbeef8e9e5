//! What the filesystem service does with files and directories.

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use enginebay_host::capability::FilesystemAction;
use enginebay_host::filesystem::{
    Access, Allow, FileError, FileType, Filesystem, Limits, MAX_CHUNK, MountError, OpenFlags, Query,
};
use tempfile::TempDir;

fn all(_: FilesystemAction, _: &str) -> bool {
    true
}

fn writable(directory: &Path) -> Filesystem {
    let builder = Filesystem::builder().mount("/data", directory, Access::ReadWrite);
    builder.build().unwrap()
}

fn new() -> (TempDir, Filesystem) {
    let directory = tempfile::tempdir().unwrap();
    let files = writable(directory.path());
    (directory, files)
}

fn create() -> OpenFlags {
    OpenFlags::new().create(true)
}

fn names(entries: &[enginebay_host::filesystem::DirectoryEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.path.as_str()).collect()
}

fn everything() -> Query {
    Query {
        pattern: None,
        file_type: None,
        max_depth: u32::MAX,
    }
}

#[test]
fn nothing_is_there_unless_it_is_mounted() {
    let files = Filesystem::builder().build().unwrap();
    for path in ["/", "/etc", "/etc/passwd", "/tmp"] {
        assert!(matches!(
            files.get_metadata(path, &all),
            Err(FileError::NotFound { .. })
        ));
        assert_eq!(files.exists(path, &all), Ok(false));
    }
    let (_directory, files) = new();
    assert!(matches!(
        files.list_directory("/", &all),
        Err(FileError::NotFound { .. })
    ));
    assert!(matches!(
        files.list_directory("/dat", &all),
        Err(FileError::NotFound { .. })
    ));
    assert!(matches!(
        files.list_directory("/data2", &all),
        Err(FileError::NotFound { .. })
    ));
}

#[test]
fn a_file_is_written_and_read() {
    let (directory, files) = new();
    let file = files.open_write("/data/a", create(), &all).unwrap();
    assert_eq!(file.write(b"hello ").unwrap(), 6);
    assert_eq!(file.write(b"world").unwrap(), 5);
    assert_eq!(file.tell().unwrap(), 11);
    file.sync().unwrap();
    assert_eq!(
        fs::read(directory.path().join("a")).unwrap(),
        b"hello world"
    );

    let file = files.open_read("/data/a", &all).unwrap();
    assert_eq!(
        (file.path(), file.can_read(), file.can_write()),
        ("/data/a", true, false)
    );
    let chunk = file.read(6).unwrap();
    assert_eq!((chunk.data.as_slice(), chunk.end), (&b"hello "[..], false));
    let chunk = file.read(5).unwrap();
    assert_eq!((chunk.data.as_slice(), chunk.end), (&b"world"[..], true));
    let chunk = file.read(5).unwrap();
    assert_eq!((chunk.data.as_slice(), chunk.end), (&b""[..], true));
    file.seek(9).unwrap();
    assert_eq!(file.read(u32::MAX).unwrap().data, b"ld");
    file.seek(0).unwrap();
    let chunk = file.read(0).unwrap();
    assert_eq!((chunk.data.len(), chunk.end), (0, false));
}

#[test]
fn a_read_is_bounded() {
    let (directory, files) = new();
    let length = MAX_CHUNK as usize + 10;
    fs::write(directory.path().join("big"), vec![7; length]).unwrap();
    let file = files.open_read("/data/big", &all).unwrap();
    let chunk = file.read(u32::MAX).unwrap();
    assert_eq!((chunk.data.len(), chunk.end), (MAX_CHUNK as usize, false));
    let chunk = file.read(u32::MAX).unwrap();
    assert_eq!((chunk.data.len(), chunk.end), (10, true));
}

#[test]
fn a_file_does_only_what_it_was_opened_for() {
    let (directory, files) = new();
    fs::write(directory.path().join("a"), "abc").unwrap();
    let file = files.open_read("/data/a", &all).unwrap();
    assert!(matches!(
        file.write(b"x"),
        Err(FileError::WrongMode {
            needed: "writing",
            ..
        })
    ));
    assert!(matches!(
        file.sync(),
        Err(FileError::WrongMode {
            needed: "writing",
            ..
        })
    ));
    let file = files.open_write("/data/a", OpenFlags::new(), &all).unwrap();
    assert!(matches!(
        file.read(1),
        Err(FileError::WrongMode {
            needed: "reading",
            ..
        })
    ));
    let file = files
        .open_read_write("/data/a", OpenFlags::new(), &all)
        .unwrap();
    file.write(b"x").unwrap();
    assert_eq!(file.read(10).unwrap().data, b"bc");
}

#[test]
fn flags_say_how_a_file_is_opened() {
    let (directory, files) = new();
    let open = |flags| files.open_write("/data/a", flags, &all);
    assert!(matches!(
        open(OpenFlags::new()),
        Err(FileError::NotFound { .. })
    ));
    assert!(matches!(
        open(OpenFlags::new().truncate(true)),
        Err(FileError::NotFound { .. })
    ));
    open(OpenFlags::new().create_new(true))
        .unwrap()
        .write(b"abcdef")
        .unwrap();
    assert!(matches!(
        open(OpenFlags::new().create_new(true)),
        Err(FileError::AlreadyExists { .. })
    ));
    let contents = || fs::read_to_string(directory.path().join("a")).unwrap();
    open(create()).unwrap().write(b"AB").unwrap();
    assert_eq!(contents(), "ABcdef");
    let file = open(OpenFlags::new().append(true)).unwrap();
    file.seek(0).unwrap();
    file.write(b"gh").unwrap();
    assert_eq!(contents(), "ABcdefgh");
    assert_eq!(file.tell().unwrap(), 8);
    open(create().truncate(true)).unwrap().write(b"z").unwrap();
    assert_eq!(contents(), "z");
    open(create().truncate(true).append(true))
        .unwrap()
        .write(b"yy")
        .unwrap();
    assert_eq!(contents(), "yy");
}

#[test]
fn a_position_behind_the_end_leaves_zeros() {
    let (_directory, files) = new();
    let file = files.open_read_write("/data/a", create(), &all).unwrap();
    file.seek(3).unwrap();
    assert!(file.read(1).unwrap().end);
    file.write(b"x").unwrap();
    file.seek(0).unwrap();
    assert_eq!(file.read(9).unwrap().data, b"\0\0\0x");
    assert!(matches!(
        file.seek(u64::MAX),
        Err(FileError::InvalidArgument { .. })
    ));
    assert_eq!(file.tell().unwrap(), 4);
}

#[test]
fn a_file_that_is_removed_stays_open() {
    let (_directory, files) = new();
    let file = files.open_read_write("/data/a", create(), &all).unwrap();
    file.write(b"kept").unwrap();
    files.delete_file("/data/a", &all).unwrap();
    assert_eq!(files.exists("/data/a", &all), Ok(false));
    files
        .open_write("/data/a", create(), &all)
        .unwrap()
        .write(b"new")
        .unwrap();
    file.seek(0).unwrap();
    assert_eq!(file.read(9).unwrap().data, b"kept");
}

#[test]
fn directories_are_made_and_removed() {
    let (directory, files) = new();
    files.create_directory("/data/d", &all).unwrap();
    assert!(directory.path().join("d").is_dir());
    assert!(matches!(
        files.create_directory("/data/d", &all),
        Err(FileError::AlreadyExists { .. })
    ));
    assert!(matches!(
        files.create_directory("/data/x/y", &all),
        Err(FileError::NotFound { .. })
    ));
    files.open_write("/data/d/a", create(), &all).unwrap();
    assert!(matches!(
        files.create_directory("/data/d/a/b", &all),
        Err(FileError::NotADirectory { .. })
    ));
    assert!(matches!(
        files.remove_directory("/data/d", &all),
        Err(FileError::DirectoryNotEmpty { .. })
    ));
    assert!(matches!(
        files.remove_directory("/data/d/a", &all),
        Err(FileError::NotADirectory { .. })
    ));
    assert!(matches!(
        files.delete_file("/data/d", &all),
        Err(FileError::NotAFile { .. })
    ));
    files.delete_file("/data/d/a", &all).unwrap();
    assert!(matches!(
        files.delete_file("/data/d/a", &all),
        Err(FileError::NotFound { .. })
    ));
    files.remove_directory("/data/d", &all).unwrap();
    assert!(!directory.path().join("d").exists());
}

#[test]
fn the_root_of_a_mount_stays() {
    let (directory, files) = new();
    let refused = |result| assert!(matches!(result, Err(FileError::PermissionDenied { .. })));
    refused(files.remove_directory("/data", &all));
    refused(files.remove_directory_recursive("/data", &all));
    assert!(matches!(
        files.delete_file("/data", &all),
        Err(FileError::NotAFile { .. })
    ));
    assert!(matches!(
        files.rename("/data", "/data/x", &all),
        Err(FileError::NotAFile { .. })
    ));
    assert!(matches!(
        files.create_directory("/data", &all),
        Err(FileError::AlreadyExists { .. })
    ));
    assert!(matches!(
        files.open_read("/data", &all),
        Err(FileError::NotAFile { .. })
    ));
    assert!(matches!(
        files.open_write("/data", create(), &all),
        Err(FileError::NotAFile { .. })
    ));
    assert!(directory.path().is_dir());
    assert_eq!(
        files.get_metadata("/data", &all).unwrap().file_type,
        FileType::Directory
    );
    let time = UNIX_EPOCH + Duration::from_secs(1_000_000);
    files.set_times("/data", None, Some(time), &all).unwrap();
    assert_eq!(
        files.get_metadata("/data", &all).unwrap().modified,
        Some(time)
    );
}

#[test]
fn a_directory_is_removed_with_what_is_in_it() {
    let (directory, files) = new();
    let root = directory.path();
    fs::create_dir_all(root.join("d/e/f")).unwrap();
    fs::write(root.join("d/a"), "").unwrap();
    fs::write(root.join("d/e/f/b"), "").unwrap();
    fs::write(root.join("other"), "").unwrap();
    files.remove_directory_recursive("/data/d", &all).unwrap();
    assert!(!root.join("d").exists());
    assert!(root.join("other").exists());
    assert!(matches!(
        files.remove_directory_recursive("/data/other", &all),
        Err(FileError::NotADirectory { .. })
    ));
    assert!(matches!(
        files.remove_directory_recursive("/data/d", &all),
        Err(FileError::NotFound { .. })
    ));
}

#[test]
fn what_may_not_be_deleted_ends_a_removal() {
    let (directory, files) = new();
    let root = directory.path();
    fs::create_dir_all(root.join("d/b")).unwrap();
    for name in ["d/a", "d/b/kept", "d/c"] {
        fs::write(root.join(name), "").unwrap();
    }
    let allow = |_, path: &str| path != "/data/d/b/kept";
    assert_eq!(
        files.remove_directory_recursive("/data/d", &allow),
        Err(FileError::Denied {
            action: FilesystemAction::Delete,
            path: "/data/d/b/kept".to_owned(),
        })
    );
    assert!(!root.join("d/a").exists());
    assert!(root.join("d/b/kept").exists());
    assert!(root.join("d/c").exists());
}

#[test]
fn a_file_gets_another_path() {
    let (directory, files) = new();
    let root = directory.path();
    fs::write(root.join("a"), "a").unwrap();
    fs::write(root.join("b"), "b").unwrap();
    fs::create_dir(root.join("d")).unwrap();
    files.rename("/data/a", "/data/d/c", &all).unwrap();
    assert!(!root.join("a").exists());
    assert_eq!(fs::read(root.join("d/c")).unwrap(), b"a");
    files.rename("/data/d/c", "/data/b", &all).unwrap();
    assert_eq!(fs::read(root.join("b")).unwrap(), b"a");
    files.rename("/data/b", "/data/b", &all).unwrap();
    assert_eq!(fs::read(root.join("b")).unwrap(), b"a");

    let not_a_file = |result| assert!(matches!(result, Err(FileError::NotAFile { .. })));
    not_a_file(files.rename("/data/d", "/data/e", &all));
    not_a_file(files.rename("/data/b", "/data/d", &all));
    not_a_file(files.rename("/data/b", "/data", &all));
    assert!(matches!(
        files.rename("/data/x", "/data/y", &all),
        Err(FileError::NotFound { .. })
    ));
    assert!(matches!(
        files.rename("/data/b", "/data/x/y", &all),
        Err(FileError::NotFound { .. })
    ));
}

#[test]
fn a_file_is_copied() {
    let (directory, files) = new();
    let root = directory.path();
    let contents: Vec<u8> = (0..3_000_000_u32).map(|i| (i / 7) as u8).collect();
    fs::write(root.join("a"), &contents).unwrap();
    fs::write(root.join("b"), vec![0; 4_000_000]).unwrap();
    assert_eq!(files.copy("/data/a", "/data/b", &all), Ok(3_000_000));
    assert!(fs::read(root.join("b")).unwrap() == contents);
    assert_eq!(files.copy("/data/a", "/data/c", &all), Ok(3_000_000));
    assert!(fs::read(root.join("c")).unwrap() == contents);
    fs::create_dir(root.join("d")).unwrap();
    assert!(matches!(
        files.copy("/data/a", "/data/d", &all),
        Err(FileError::NotAFile { .. })
    ));
    assert!(matches!(
        files.copy("/data/d", "/data/e", &all),
        Err(FileError::NotAFile { .. })
    ));
    assert!(matches!(
        files.copy("/data/x", "/data/e", &all),
        Err(FileError::NotFound { .. })
    ));
    assert!(!root.join("e").exists());
}

#[test]
fn a_file_is_not_copied_to_itself() {
    let (directory, files) = new();
    let root = directory.path();
    fs::write(root.join("a"), "kept").unwrap();
    fs::hard_link(root.join("a"), root.join("b")).unwrap();
    for to in ["/data/a", "/data/b"] {
        assert!(matches!(
            files.copy("/data/a", to, &all),
            Err(FileError::InvalidArgument { .. })
        ));
    }
    assert_eq!(fs::read(root.join("a")).unwrap(), b"kept");
}

/// Stops after having been asked so many times.
struct Stop(std::cell::Cell<u32>);

impl Allow for Stop {
    fn allows(&self, _: FilesystemAction, _: &str) -> bool {
        true
    }

    fn interrupted(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left == 0
    }
}

#[test]
fn long_operations_are_interrupted() {
    let (directory, files) = new();
    let root = directory.path();
    fs::write(root.join("a"), vec![1; 3 * MAX_CHUNK as usize]).unwrap();
    let stop = |after| Stop(std::cell::Cell::new(after));
    assert_eq!(
        files.copy("/data/a", "/data/b", &stop(2)),
        Err(FileError::Interrupted)
    );
    let copied = fs::metadata(root.join("b")).unwrap().len();
    assert_eq!(copied, 2 * u64::from(MAX_CHUNK));
    assert!(files.list_directory("/data", &stop(2)).is_ok());
    assert_eq!(
        files.list_directory("/data", &stop(1)),
        Err(FileError::Interrupted)
    );
    assert_eq!(
        files.find("/data", &everything(), &stop(1)),
        Err(FileError::Interrupted)
    );
    assert_eq!(
        files.directory_size("/data", &stop(1)),
        Err(FileError::Interrupted)
    );
    let paths = ["/data/a".to_owned(), "/data/b".to_owned()];
    assert_eq!(
        files.batch_metadata(&paths, &stop(1)),
        Err(FileError::Interrupted)
    );
    assert_eq!(
        files.all_exist(&paths, &stop(1)),
        Err(FileError::Interrupted)
    );
    fs::create_dir(root.join("d")).unwrap();
    fs::write(root.join("d/c"), "").unwrap();
    assert_eq!(
        files.remove_directory_recursive("/data/d", &stop(0)),
        Err(FileError::Interrupted)
    );
    assert!(root.join("d/c").exists());
}

#[test]
fn metadata_says_what_is_there() {
    let (directory, files) = new();
    let root = directory.path();
    fs::write(root.join("a"), "12345").unwrap();
    fs::create_dir(root.join("d")).unwrap();
    let a = files.get_metadata("/data/a", &all).unwrap();
    assert_eq!(
        (a.file_type, a.size, a.read_only),
        (FileType::Regular, 5, false)
    );
    let d = files.get_metadata("/data/d", &all).unwrap();
    assert_eq!((d.file_type, d.size), (FileType::Directory, 0));

    let time = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    files
        .set_times("/data/a", Some(time(1000)), Some(time(2000)), &all)
        .unwrap();
    files
        .set_times("/data/a", None, Some(time(3000)), &all)
        .unwrap();
    files.set_times("/data/a", None, None, &all).unwrap();
    let a = files.get_metadata("/data/a", &all).unwrap();
    assert_eq!(
        (a.accessed, a.modified),
        (Some(time(1000)), Some(time(3000)))
    );
    files
        .set_times("/data/d", Some(time(4000)), Some(time(5000)), &all)
        .unwrap();
    let d = files.get_metadata("/data/d", &all).unwrap();
    assert_eq!(
        (d.accessed, d.modified),
        (Some(time(4000)), Some(time(5000)))
    );
    assert!(matches!(
        files.set_times("/data/x", None, None, &all),
        Err(FileError::NotFound { .. })
    ));

    files.set_read_only("/data/a", true, &all).unwrap();
    assert!(files.get_metadata("/data/a", &all).unwrap().read_only);
    files.set_read_only("/data/a", false, &all).unwrap();
    assert!(!files.get_metadata("/data/a", &all).unwrap().read_only);
    assert!(matches!(
        files.set_read_only("/data/d", true, &all),
        Err(FileError::NotAFile { .. })
    ));
}

#[test]
fn many_paths_are_asked_for_at_once() {
    let (directory, files) = new();
    fs::write(directory.path().join("a"), "1").unwrap();
    let paths = |names: &[&str]| names.iter().map(|&it| it.to_owned()).collect::<Vec<_>>();
    let answers = files
        .batch_metadata(&paths(&["/data/a", "/data/b", "data", "/data"]), &all)
        .unwrap();
    assert_eq!(answers[0].as_ref().unwrap().size, 1);
    assert!(matches!(answers[1], Err(FileError::NotFound { .. })));
    assert!(matches!(answers[2], Err(FileError::InvalidPath { .. })));
    assert_eq!(answers[3].as_ref().unwrap().file_type, FileType::Directory);

    let there = paths(&["/data", "/data/a"]);
    let one = paths(&["/data/b", "/data/a/b", "/data/a"]);
    let none = paths(&["/data/b", "/x"]);
    assert_eq!(files.all_exist(&there, &all), Ok(true));
    assert_eq!(files.all_exist(&one, &all), Ok(false));
    assert_eq!(files.all_exist(&[], &all), Ok(true));
    assert_eq!(files.any_exist(&one, &all), Ok(true));
    assert_eq!(files.any_exist(&none, &all), Ok(false));
    assert_eq!(files.any_exist(&[], &all), Ok(false));
}

#[test]
fn names_of_one_file_are_the_same() {
    let (directory, files) = new();
    let root = directory.path();
    fs::write(root.join("a"), "").unwrap();
    fs::write(root.join("b"), "").unwrap();
    fs::hard_link(root.join("a"), root.join("c")).unwrap();
    assert_eq!(files.same_file("/data/a", "/data/c", &all), Ok(true));
    assert_eq!(files.same_file("/data/a", "/data/b", &all), Ok(false));
    assert_eq!(files.same_file("/data", "/data", &all), Ok(true));
    assert!(matches!(
        files.same_file("/data/a", "/data/x", &all),
        Err(FileError::NotFound { .. })
    ));
    assert_eq!(files.canonical_path("/data/a", &all).unwrap(), "/data/a");
    assert_eq!(files.canonical_path("/data", &all).unwrap(), "/data");
    assert!(matches!(
        files.canonical_path("/data/x", &all),
        Err(FileError::NotFound { .. })
    ));
}

fn tree(root: &Path) {
    fs::create_dir_all(root.join("d/e")).unwrap();
    fs::create_dir(root.join("private")).unwrap();
    for (name, length) in [
        ("a.txt", 1),
        ("d/b.txt", 20),
        ("d/e/c.md", 300),
        ("private/p.txt", 4000),
    ] {
        fs::write(root.join(name), vec![0; length]).unwrap();
    }
}

#[test]
fn a_directory_is_listed_by_name() {
    let (directory, files) = new();
    tree(directory.path());
    let entries = files.list_directory("/data", &all).unwrap();
    assert_eq!(names(&entries), ["a.txt", "d", "private"]);
    let types: Vec<FileType> = entries.iter().map(|entry| entry.file_type).collect();
    assert_eq!(
        types,
        [FileType::Regular, FileType::Directory, FileType::Directory]
    );
    assert!(matches!(
        files.list_directory("/data/a.txt", &all),
        Err(FileError::NotADirectory { .. })
    ));
    assert!(matches!(
        files.list_directory("/data/x", &all),
        Err(FileError::NotFound { .. })
    ));
}

#[test]
fn what_is_in_directories_is_found() {
    let (directory, files) = new();
    tree(directory.path());
    let find = |pattern: Option<&str>, file_type, max_depth| {
        let query = Query {
            pattern: pattern.map(str::to_owned),
            file_type,
            max_depth,
        };
        files.find("/data", &query, &all)
    };
    let found = find(None, None, u32::MAX).unwrap();
    assert_eq!(
        names(&found),
        [
            "a.txt",
            "d",
            "d/b.txt",
            "d/e",
            "d/e/c.md",
            "private",
            "private/p.txt"
        ]
    );
    assert_eq!(
        names(&find(None, None, 0).unwrap()),
        ["a.txt", "d", "private"]
    );
    assert_eq!(
        names(&find(None, Some(FileType::Regular), 1).unwrap()),
        ["a.txt", "d/b.txt", "private/p.txt"]
    );
    assert_eq!(
        names(&find(Some("**/*.txt"), None, u32::MAX).unwrap()),
        ["a.txt", "d/b.txt", "private/p.txt"]
    );
    assert_eq!(
        names(&find(Some("d/*"), None, u32::MAX).unwrap()),
        ["d/b.txt", "d/e"]
    );
    assert_eq!(
        names(&find(Some("d/**"), Some(FileType::Directory), u32::MAX).unwrap()),
        ["d/e"]
    );
    for pattern in ["", "/a", "../a", "[", "a\\b"] {
        let result = find(Some(pattern), None, 0);
        assert!(
            matches!(result, Err(FileError::InvalidArgument { .. })),
            "{pattern}: {result:?}"
        );
    }
}

#[test]
fn what_may_not_be_listed_is_not_entered() {
    let (directory, files) = new();
    tree(directory.path());
    let allow = |action, path: &str| {
        assert_eq!(action, FilesystemAction::List);
        path != "/data/private"
    };
    let found = files.find("/data", &everything(), &allow).unwrap();
    assert_eq!(
        names(&found),
        ["a.txt", "d", "d/b.txt", "d/e", "d/e/c.md", "private"]
    );
    assert_eq!(files.directory_size("/data", &allow), Ok(321));
    assert_eq!(files.directory_size("/data", &all), Ok(4321));
    assert_eq!(files.directory_size("/data/d/e", &all), Ok(300));
}

#[test]
fn what_one_call_looks_at_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::create_dir(root.join("d")).unwrap();
    for i in 0..10 {
        fs::write(root.join(format!("d/{i}")), "").unwrap();
        fs::write(root.join(format!("{i}")), "").unwrap();
    }
    let with = |limits| {
        let builder = Filesystem::builder().mount("/data", root, Access::ReadWrite);
        builder.limits(limits).build().unwrap()
    };
    fn exhausted<T: std::fmt::Debug>(result: Result<T, FileError>) {
        assert!(
            matches!(result, Err(FileError::ResourceExhausted { .. })),
            "{result:?}"
        );
    }
    let paths = vec!["/data".to_owned(); 11];

    let few = with(Limits::new().max_entries(10));
    assert_eq!(few.list_directory("/data/d", &all).unwrap().len(), 10);
    exhausted(few.list_directory("/data", &all));
    exhausted(few.find("/data", &everything(), &all));
    exhausted(few.batch_metadata(&paths, &all));
    exhausted(few.all_exist(&paths, &all));
    exhausted(few.any_exist(&paths, &all));
    assert_eq!(few.batch_metadata(&paths[1..], &all).unwrap().len(), 10);
    assert_eq!(few.directory_size("/data", &all), Ok(0));

    let short = with(Limits::new().max_visited(20));
    exhausted(short.find("/data", &everything(), &all));
    exhausted(short.directory_size("/data", &all));
    let enough = with(Limits::new().max_visited(21));
    assert_eq!(enough.find("/data", &everything(), &all).unwrap().len(), 21);

    let small = with(Limits::new().max_bytes(9));
    exhausted(small.list_directory("/data/d", &all));
    let enough = with(Limits::new().max_bytes(10));
    assert_eq!(enough.list_directory("/data/d", &all).unwrap().len(), 10);

    exhausted(with(Limits::new().max_visited(9)).remove_directory_recursive("/data/d", &all));
    assert_eq!(few.list_directory("/data/d", &all).unwrap().len(), 10);
}

#[test]
fn directories_that_are_too_deep_are_not_gone_through() {
    let (directory, files) = new();
    let deep = |levels| vec!["d"; levels].join("/");
    fs::create_dir_all(directory.path().join(deep(70))).unwrap();
    fn exhausted<T: std::fmt::Debug>(result: Result<T, FileError>) {
        assert!(
            matches!(result, Err(FileError::ResourceExhausted { .. })),
            "{result:?}"
        );
    }
    exhausted(files.find("/data", &everything(), &all));
    exhausted(files.directory_size("/data", &all));
    exhausted(files.remove_directory_recursive("/data/d", &all));
    let query = Query {
        max_depth: 10,
        ..everything()
    };
    assert_eq!(files.find("/data", &query, &all).unwrap().len(), 11);
    // A path may be that deep.
    let inside = format!("/data/{}", deep(60));
    assert_eq!(files.find(&inside, &everything(), &all).unwrap().len(), 10);
    files
        .remove_directory_recursive(&format!("/data/{}", deep(10)), &all)
        .unwrap();
    files.remove_directory_recursive("/data/d", &all).unwrap();
}

#[test]
fn a_read_only_mount_is_not_changed() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a"), "a").unwrap();
    fs::create_dir(directory.path().join("d")).unwrap();
    let other = tempfile::tempdir().unwrap();
    let files = Filesystem::builder()
        .mount("/ro", directory.path(), Access::ReadOnly)
        .mount("/rw", other.path(), Access::ReadWrite)
        .build()
        .unwrap();
    fn refused<T: std::fmt::Debug>(result: Result<T, FileError>) {
        assert!(
            matches!(result, Err(FileError::PermissionDenied { .. })),
            "{result:?}"
        );
    }
    refused(files.open_write("/ro/a", OpenFlags::new(), &all));
    refused(files.open_write("/ro/new", create(), &all));
    refused(files.open_write("/ro/new", OpenFlags::new().create_new(true), &all));
    refused(files.open_read_write("/ro/a", OpenFlags::new(), &all));
    refused(files.delete_file("/ro/a", &all));
    refused(files.create_directory("/ro/e", &all));
    refused(files.remove_directory("/ro/d", &all));
    refused(files.remove_directory_recursive("/ro/d", &all));
    refused(files.rename("/ro/a", "/ro/b", &all));
    refused(files.rename("/ro/a", "/rw/b", &all));
    refused(files.copy("/ro/a", "/ro/b", &all));
    refused(files.set_read_only("/ro/a", true, &all));
    refused(files.create_symlink("/ro/a", "/ro/l", &all));
    refused(files.set_times("/ro/a", None, Some(UNIX_EPOCH), &all));
    refused(files.set_times("/ro", None, Some(UNIX_EPOCH), &all));

    assert_eq!(
        names(&files.list_directory("/ro", &all).unwrap()),
        ["a", "d"]
    );
    assert_eq!(
        files
            .open_read("/ro/a", &all)
            .unwrap()
            .read(9)
            .unwrap()
            .data,
        b"a"
    );
    assert_eq!(files.copy("/ro/a", "/rw/b", &all), Ok(1));
}

#[test]
fn a_file_is_not_renamed_to_another_mount() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(one.path().join("a"), "a").unwrap();
    let files = Filesystem::builder()
        .mount("/one", one.path(), Access::ReadWrite)
        .mount("/two", two.path(), Access::ReadWrite)
        .build()
        .unwrap();
    assert!(matches!(
        files.rename("/one/a", "/two/a", &all),
        Err(FileError::InvalidArgument { .. })
    ));
    assert!(one.path().join("a").exists());
    assert!(!two.path().join("a").exists());
    assert_eq!(files.copy("/one/a", "/two/a", &all), Ok(1));
}

#[test]
fn the_mount_with_the_longest_path_has_it() {
    let (outer, inner) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(outer.path().join("cache")).unwrap();
    fs::write(outer.path().join("cache/hidden"), "hidden").unwrap();
    fs::write(outer.path().join("cached"), "").unwrap();
    fs::write(inner.path().join("seen"), "seen").unwrap();
    let files = Filesystem::builder()
        .mount("/data", outer.path(), Access::ReadWrite)
        .mount("/data/cache/", inner.path(), Access::ReadOnly)
        .mount("/data/far/away", inner.path(), Access::ReadOnly)
        .build()
        .unwrap();
    assert_eq!(
        names(&files.list_directory("/data/cache", &all).unwrap()),
        ["seen"]
    );
    assert_eq!(files.exists("/data/cache/hidden", &all), Ok(false));
    assert_eq!(files.exists("/data/cached", &all), Ok(true));
    assert_eq!(files.exists("/data/far/away/seen", &all), Ok(true));
    assert_eq!(files.exists("/data/far", &all), Ok(false));
    assert_eq!(
        names(&files.find("/data", &everything(), &all).unwrap()),
        ["cache", "cache/seen", "cached"]
    );
    assert_eq!(files.directory_size("/data", &all), Ok(4));
    for path in ["/data/cache", "/data"] {
        assert!(matches!(
            files.remove_directory_recursive(path, &all),
            Err(FileError::PermissionDenied { .. })
        ));
    }
    assert!(outer.path().join("cache/hidden").exists());
    fs::create_dir(outer.path().join("far")).unwrap();
    assert!(matches!(
        files.remove_directory("/data/far", &all),
        Err(FileError::PermissionDenied { .. })
    ));
}

#[test]
fn everything_may_be_mounted_at_the_root() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a"), "a").unwrap();
    let files = Filesystem::builder()
        .mount("/", directory.path(), Access::ReadWrite)
        .build()
        .unwrap();
    assert_eq!(names(&files.list_directory("/", &all).unwrap()), ["a"]);
    assert_eq!(files.canonical_path("/a", &all).unwrap(), "/a");
    files.create_directory("/d", &all).unwrap();
    assert_eq!(
        names(&files.find("/", &everything(), &all).unwrap()),
        ["a", "d"]
    );
}

#[test]
fn what_cannot_be_mounted_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let build = |point: &str| {
        let builder = Filesystem::builder().mount(point, directory.path(), Access::ReadOnly);
        builder.build()
    };
    for point in ["", "data", "/a/../b", "/a\0", "/a\\b"] {
        assert!(
            matches!(build(point), Err(MountError::InvalidPath { .. })),
            "{point}"
        );
    }
    let twice = Filesystem::builder()
        .mount("/data", directory.path(), Access::ReadOnly)
        .mount("//data/", directory.path(), Access::ReadWrite);
    assert!(matches!(twice.build(), Err(MountError::Taken { .. })));
    fs::write(directory.path().join("file"), "").unwrap();
    for missing in ["file", "nothing"] {
        let builder =
            Filesystem::builder().mount("/data", directory.path().join(missing), Access::ReadOnly);
        let error = builder.build().unwrap_err();
        assert!(matches!(error, MountError::Open { .. }));
        assert!(error.to_string().contains(missing), "{error}");
    }
}

#[test]
fn it_can_be_shared_between_threads() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    let (_directory, files) = new();
    shared(&files);
    std::thread::scope(|scope| {
        for i in 0..4 {
            let files = files.clone();
            scope.spawn(move || {
                for j in 0..20 {
                    let path = format!("/data/{i}-{j}");
                    let file = files.open_read_write(&path, create(), &all).unwrap();
                    file.write(path.as_bytes()).unwrap();
                    file.seek(0).unwrap();
                    assert_eq!(file.read(99).unwrap().data, path.as_bytes());
                }
            });
        }
    });
    assert_eq!(files.list_directory("/data", &all).unwrap().len(), 80);
    assert_eq!(format!("{files:?}"), r#"{"/data": ReadWrite}"#);
}

#[test]
fn what_was_named_is_not_asked_for_again() {
    let (_directory, files) = new();
    let never = |_: FilesystemAction, _: &str| false;
    files.create_directory("/data/d", &never).unwrap();
    files
        .open_write("/data/d/a", create(), &never)
        .unwrap()
        .write(b"a")
        .unwrap();
    files.copy("/data/d/a", "/data/d/b", &never).unwrap();
    files.rename("/data/d/b", "/data/d/c", &never).unwrap();
    files.get_metadata("/data/d/c", &never).unwrap();
    files.delete_file("/data/d/c", &never).unwrap();
    assert_eq!(files.list_directory("/data/d", &never).unwrap().len(), 1);
}

#[test]
fn a_handle_that_is_dropped_is_closed() {
    let (directory, files) = new();
    fs::write(directory.path().join("a"), "a").unwrap();
    // More than a process may have open.
    for _ in 0..5000 {
        drop(files.open_read("/data/a", &all).unwrap());
    }
}
