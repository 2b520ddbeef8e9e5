//! Files: what is written is read, and long work is interrupted.

use super::*;

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
