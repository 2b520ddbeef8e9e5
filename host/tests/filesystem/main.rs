//! What the filesystem service does with files and directories.

mod directories;
mod files;

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
