//! Directories: made, removed, listed and searched.

use super::*;

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
