//! What is no regular file, and names that are odd.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;

use enginebay_host::capability::FilesystemAction;
use enginebay_host::filesystem::{Access, FileError, FileType, Filesystem, OpenFlags, Query};
use tempfile::TempDir;

fn all(_: FilesystemAction, _: &str) -> bool {
    true
}

fn new() -> (TempDir, Filesystem) {
    let directory = tempfile::tempdir().unwrap();
    let builder = Filesystem::builder().mount("/data", directory.path(), Access::ReadWrite);
    let files = builder.build().unwrap();
    (directory, files)
}

fn pipe(path: &std::path::Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// Opens a path in every way.
fn open_each_way(files: &Filesystem, path: &str) -> Vec<Result<(), FileError>> {
    let flags = OpenFlags::new();
    vec![
        files.open_read(path, &all).map(drop),
        files.open_write(path, flags, &all).map(drop),
        files.open_write(path, flags.create(true), &all).map(drop),
        files.open_write(path, flags.truncate(true), &all).map(drop),
        files.open_write(path, flags.append(true), &all).map(drop),
        files.open_read_write(path, flags, &all).map(drop),
        files.copy(path, "/data/copy", &all).map(drop),
        files.copy("/data/file", path, &all).map(drop),
        files.set_read_only(path, true, &all),
    ]
}

#[test]
fn pipes_sockets_and_directories_are_not_opened() {
    let (directory, files) = new();
    let root = directory.path();
    fs::write(root.join("file"), "").unwrap();
    pipe(&root.join("pipe"));
    let _listener = UnixListener::bind(root.join("socket")).unwrap();
    fs::create_dir(root.join("directory")).unwrap();
    for name in ["pipe", "socket", "directory"] {
        symlink(name, root.join(format!("to-{name}"))).unwrap();
        for path in [format!("/data/{name}"), format!("/data/to-{name}")] {
            for (way, result) in open_each_way(&files, &path).into_iter().enumerate() {
                assert!(
                    matches!(result, Err(FileError::NotAFile { .. })),
                    "{path} {way}: {result:?}"
                );
            }
        }
    }
    assert!(!root.join("copy").exists());
}

#[test]
fn other_kinds_are_seen_and_removed() {
    let (directory, files) = new();
    let root = directory.path();
    pipe(&root.join("pipe"));
    let _listener = UnixListener::bind(root.join("socket")).unwrap();
    for name in ["pipe", "socket"] {
        let path = format!("/data/{name}");
        let metadata = files.get_metadata(&path, &all).unwrap();
        assert_eq!((metadata.file_type, metadata.size), (FileType::Other, 0));
        assert_eq!(files.exists(&path, &all), Ok(true));
        assert_eq!(files.canonical_path(&path, &all).unwrap(), path);
        assert_eq!(files.same_file(&path, &path, &all), Ok(true));
        files
            .set_times(&path, None, Some(std::time::UNIX_EPOCH), &all)
            .unwrap();
        assert!(matches!(
            files.list_directory(&path, &all),
            Err(FileError::NotADirectory { .. })
        ));
        assert!(matches!(
            files.open_read(&format!("{path}/x"), &all),
            Err(FileError::NotADirectory { .. })
        ));
        assert!(matches!(
            files.rename(&path, "/data/x", &all),
            Err(FileError::NotAFile { .. })
        ));
    }
    let entries = files.list_directory("/data", &all).unwrap();
    assert!(
        entries
            .iter()
            .all(|entry| entry.file_type == FileType::Other)
    );
    assert_eq!(entries.len(), 2);
    files.delete_file("/data/pipe", &all).unwrap();
    assert_eq!(files.list_directory("/data", &all).unwrap().len(), 1);
    fs::create_dir(root.join("d")).unwrap();
    pipe(&root.join("d/pipe"));
    files.remove_directory_recursive("/data/d", &all).unwrap();
}

#[test]
fn devices_are_not_reached_by_links() {
    let (directory, files) = new();
    fs::write(directory.path().join("file"), "").unwrap();
    symlink("/dev/null", directory.path().join("null")).unwrap();
    symlink(
        "../../../../../../../dev/zero",
        directory.path().join("zero"),
    )
    .unwrap();
    for path in ["/data/null", "/data/zero"] {
        for result in open_each_way(&files, path) {
            assert!(
                matches!(result, Err(FileError::PermissionDenied { .. })),
                "{result:?}"
            );
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn devices_in_a_mount_are_not_opened() {
    let files = Filesystem::builder()
        .mount("/dev", "/dev", Access::ReadWrite)
        .build()
        .unwrap();
    for path in ["/dev/null", "/dev/zero"] {
        assert_eq!(
            files.get_metadata(path, &all).unwrap().file_type,
            FileType::Other
        );
        let flags = OpenFlags::new();
        let not_a_file = |result: Result<_, FileError>| {
            assert!(
                matches!(result, Err(FileError::NotAFile { .. })),
                "{result:?}"
            );
        };
        not_a_file(files.open_read(path, &all));
        not_a_file(files.open_write(path, flags, &all));
        not_a_file(files.open_read_write(path, flags.create(true), &all));
    }
}

#[test]
fn names_that_are_too_long_are_said_to_be() {
    let (directory, files) = new();
    fs::write(directory.path().join("file"), "").unwrap();
    let too_long = |result: Result<(), FileError>| {
        assert!(
            matches!(result, Err(FileError::NameTooLong { .. })),
            "{result:?}"
        );
    };
    let name = "n".repeat(300);
    let path = format!("/data/{name}");
    for result in open_each_way(&files, &path) {
        too_long(result);
    }
    too_long(files.create_directory(&path, &all));
    too_long(files.create_directory(&format!("{path}/x"), &all));
    too_long(files.delete_file(&path, &all));
    too_long(files.rename("/data/file", &path, &all));
    too_long(files.create_symlink("/data/file", &path, &all));
    too_long(files.exists(&path, &all).map(drop));
    // By a link.
    symlink("n".repeat(256), directory.path().join("link")).unwrap();
    too_long(files.open_read("/data/link", &all).map(drop));

    let longest = "n".repeat(255);
    let path = format!("/data/{longest}");
    files.create_directory(&path, &all).unwrap();
    files.remove_directory(&path, &all).unwrap();

    let path = format!("/data{}", "/directory".repeat(410));
    assert!(path.len() > 4096);
    for result in open_each_way(&files, &path) {
        assert!(
            matches!(result, Err(FileError::InvalidPath { .. })),
            "{result:?}"
        );
    }
}

#[test]
fn a_path_may_be_as_long_as_it_may_be() {
    let (directory, files) = new();
    fs::write(directory.path().join("file"), "").unwrap();
    let mut path = "/data".to_owned();
    let name = "a-directory-of-many";
    while path.len() + 1 + name.len() + 2 <= 4096 {
        path = format!("{path}/{name}");
        files.create_directory(&path, &all).unwrap();
    }
    let rest = "r".repeat(4096 - path.len() - 1);
    let longest = format!("{path}/{rest}");
    assert_eq!(longest.len(), 4096);
    files.create_directory(&longest, &all).unwrap();
    assert_eq!(files.canonical_path(&longest, &all).unwrap(), longest);
    let levels = path.split('/').count() - 2;
    assert!(levels > 200);
    let back = vec![".."; levels].join("/");
    let link = format!("{path}/l");
    files
        .create_symlink(&format!("{back}/file"), &link, &all)
        .unwrap();
    assert_eq!(files.canonical_path(&link, &all).unwrap(), "/data/file");
    // A link to what is longer than a path can be.
    let first = &path["/data/".len()..];
    symlink(
        &first[..first.len() - 1 - name.len()],
        directory.path().join("s"),
    )
    .unwrap();
    let longer = format!("/data/s/{name}/{rest}/{}", "z".repeat(200));
    assert!(matches!(
        files.exists(&longer, &all),
        Err(FileError::NameTooLong { .. })
    ));
}

#[test]
fn odd_names_are_names() {
    let (_directory, files) = new();
    let odd = [
        "a b",
        " ",
        "...",
        "..a",
        "a:b",
        "*",
        "?",
        "[a]",
        "{a,b}",
        "a\nb",
        "\u{7f}",
        "\u{e9}",
        "e\u{301}",
        "\u{202e}txt",
        "\u{feff}",
        "\u{1f980}",
        "~",
        "-rf",
        "%2e%2e",
        "con",
        "NUL.txt",
    ];
    for name in odd {
        let path = format!("/data/{name}");
        let file = files
            .open_write(&path, OpenFlags::new().create_new(true), &all)
            .unwrap();
        file.write(name.as_bytes()).unwrap();
    }
    for name in odd {
        let file = files.open_read(&format!("/data/{name}"), &all).unwrap();
        assert_eq!(file.read(100).unwrap().data, name.as_bytes(), "{name:?}");
    }
    assert_eq!(
        files.list_directory("/data", &all).unwrap().len(),
        odd.len()
    );
    // A name that looks the same is another name.
    assert_eq!(
        files.same_file("/data/\u{e9}", "/data/e\u{301}", &all),
        Ok(false)
    );
}

#[test]
#[cfg(target_os = "linux")]
fn case_makes_another_name() {
    let (directory, files) = new();
    fs::write(directory.path().join("Secret"), "").unwrap();
    assert_eq!(files.exists("/data/Secret", &all), Ok(true));
    assert_eq!(files.exists("/data/secret", &all), Ok(false));
    assert!(matches!(
        files.get_metadata("/DATA/Secret", &all),
        Err(FileError::NotFound { .. })
    ));
}

#[test]
#[cfg(target_os = "linux")]
fn names_that_no_guest_can_give_are_left_out() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let (directory, files) = new();
    let root = directory.path();
    fs::create_dir(root.join("d")).unwrap();
    for name in [&b"bytes\xff"[..], b"back\\slash", b"plain"] {
        fs::write(root.join("d").join(OsStr::from_bytes(name)), "12345").unwrap();
    }
    let entries = files.list_directory("/data/d", &all).unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].path, "plain");
    let query = Query {
        pattern: None,
        file_type: None,
        max_depth: 9,
    };
    assert_eq!(files.find("/data", &query, &all).unwrap().len(), 2);
    assert_eq!(files.directory_size("/data", &all), Ok(5));
    assert!(matches!(
        files.remove_directory_recursive("/data/d", &all),
        Err(FileError::DirectoryNotEmpty { .. })
    ));
    assert_eq!(fs::read_dir(root.join("d")).unwrap().count(), 2);
}

#[test]
fn what_the_system_refuses_is_said() {
    let (directory, files) = new();
    let root = directory.path();
    fs::write(root.join("a"), "a").unwrap();
    files.set_read_only("/data/a", true, &all).unwrap();
    fs::create_dir(root.join("d")).unwrap();
    fs::write(root.join("d/b"), "").unwrap();
    fs::set_permissions(root.join("d"), fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may do all of it.
    if fs::File::options()
        .write(true)
        .open(root.join("a"))
        .is_err()
    {
        fn refused<T: std::fmt::Debug>(result: Result<T, FileError>) {
            assert!(
                matches!(result, Err(FileError::PermissionDenied { .. })),
                "{result:?}"
            );
        }
        refused(files.open_write("/data/a", OpenFlags::new(), &all));
        refused(files.open_read("/data/d/b", &all));
        refused(files.list_directory("/data/d", &all));
        refused(files.exists("/data/d/b", &all));
        // It is named, and not entered.
        let query = Query {
            pattern: None,
            file_type: None,
            max_depth: 9,
        };
        assert_eq!(files.find("/data", &query, &all).unwrap().len(), 2);
    }
    fs::set_permissions(root.join("d"), fs::Permissions::from_mode(0o700)).unwrap();
    assert!(files.open_read("/data/d/b", &all).is_ok());
    // The mode that a file had is kept.
    files.set_read_only("/data/a", false, &all).unwrap();
    fs::set_permissions(root.join("a"), fs::Permissions::from_mode(0o754)).unwrap();
    files.set_read_only("/data/a", true, &all).unwrap();
    files.set_read_only("/data/a", false, &all).unwrap();
    let mode = fs::metadata(root.join("a")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o754);
}
