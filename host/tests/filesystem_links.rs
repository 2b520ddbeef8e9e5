//! Where links lead, and where they do not.
#![cfg(unix)]

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use enginebay_host::capability::FilesystemAction::{self, Delete, List, Read, Write};
use enginebay_host::filesystem::{Access, FileError, FileType, Filesystem, OpenFlags, Query};
use tempfile::TempDir;

fn all(_: FilesystemAction, _: &str) -> bool {
    true
}

/// What is granted in these tests: all that is in `/data/public`.
fn public(_: FilesystemAction, path: &str) -> bool {
    path.starts_with("/data/public/")
}

/// A mount with a public and a secret directory, and something outside of it.
struct World {
    directory: TempDir,
    files: Filesystem,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("mount");
        fs::create_dir_all(root.join("public/inner")).unwrap();
        fs::create_dir(root.join("secret")).unwrap();
        fs::write(root.join("public/a"), "a").unwrap();
        fs::write(root.join("secret/key"), "key").unwrap();
        fs::create_dir(directory.path().join("outside")).unwrap();
        fs::write(directory.path().join("outside/file"), "outside").unwrap();
        let files = Filesystem::builder()
            .mount("/data", &root, Access::ReadWrite)
            .build()
            .unwrap();
        World { directory, files }
    }

    fn host(&self, path: &str) -> std::path::PathBuf {
        self.directory.path().join("mount").join(path)
    }

    fn link(&self, target: impl AsRef<Path>, path: &str) {
        symlink(target, self.host(path)).unwrap();
    }

    /// Where a path leads without permissions.
    fn canonical(&self, path: &str) -> Result<String, FileError> {
        self.files.canonical_path(path, &all)
    }
}

fn denied<T: std::fmt::Debug>(result: Result<T, FileError>, action: FilesystemAction, path: &str) {
    let expected = FileError::Denied {
        action,
        path: path.to_owned(),
    };
    assert_eq!(result.map(|_| ()).unwrap_err(), expected);
}

/// Says what is granted.
type Granted<'a> = &'a dyn Fn(FilesystemAction, &str) -> bool;

/// What each method gave.
type Results = Vec<(&'static str, Result<(), FileError>)>;

/// Every method that follows a link, on a path.
fn follow(files: &Filesystem, path: &str, allow: Granted<'_>) -> Results {
    let existing = OpenFlags::new();
    let allow = &|action: FilesystemAction, path: &str| allow(action, path);
    let query = Query {
        pattern: None,
        file_type: None,
        max_depth: 9,
    };
    vec![
        ("open-read", files.open_read(path, allow).map(drop)),
        (
            "open-write",
            files.open_write(path, existing, allow).map(drop),
        ),
        (
            "truncate",
            files
                .open_write(path, existing.truncate(true), allow)
                .map(drop),
        ),
        (
            "create",
            files
                .open_write(path, existing.create(true), allow)
                .map(drop),
        ),
        (
            "open-read-write",
            files.open_read_write(path, existing, allow).map(drop),
        ),
        (
            "copy from",
            files.copy(path, "/data/public/copy", allow).map(drop),
        ),
        (
            "copy to",
            files.copy("/data/public/a", path, allow).map(drop),
        ),
        ("exists", files.exists(path, allow).map(drop)),
        ("get-metadata", files.get_metadata(path, allow).map(drop)),
        ("set-read-only", files.set_read_only(path, true, allow)),
        (
            "list-directory",
            files.list_directory(path, allow).map(drop),
        ),
        ("find", files.find(path, &query, allow).map(drop)),
        (
            "directory-size",
            files.directory_size(path, allow).map(drop),
        ),
        (
            "same-file",
            files.same_file("/data/public/a", path, allow).map(drop),
        ),
        (
            "same-file",
            files.same_file(path, "/data/public/a", allow).map(drop),
        ),
        (
            "canonical-path",
            files.canonical_path(path, allow).map(drop),
        ),
        (
            "batch-metadata",
            files
                .batch_metadata(&[path.to_owned()], allow)
                .and_then(|mut it| it.remove(0))
                .map(drop),
        ),
        (
            "all-exist",
            files.all_exist(&[path.to_owned()], allow).map(drop),
        ),
        (
            "any-exist",
            files.any_exist(&[path.to_owned()], allow).map(drop),
        ),
        (
            "set-times",
            files.set_times(path, None, Some(std::time::UNIX_EPOCH), allow),
        ),
    ]
}

/// Every method that does not follow a link that is last, on a path.
fn keep(files: &Filesystem, path: &str, allow: &dyn Fn(FilesystemAction, &str) -> bool) -> Results {
    let allow = &|action: FilesystemAction, path: &str| allow(action, path);
    vec![
        (
            "create-new",
            files
                .open_write(path, OpenFlags::new().create_new(true), allow)
                .map(drop),
        ),
        ("delete-file", files.delete_file(path, allow)),
        ("create-directory", files.create_directory(path, allow)),
        ("remove-directory", files.remove_directory(path, allow)),
        (
            "remove-directory-recursive",
            files.remove_directory_recursive(path, allow),
        ),
        (
            "rename from",
            files.rename(path, "/data/public/renamed", allow),
        ),
        ("rename to", files.rename("/data/public/a", path, allow)),
        (
            "create-symlink",
            files.create_symlink("/data/public/a", path, allow),
        ),
        ("read-symlink", files.read_symlink(path, allow).map(drop)),
    ]
}

#[test]
fn a_link_within_what_is_granted_is_followed() {
    let world = World::new();
    world.link("a", "public/link");
    world.link("inner", "public/directory");
    world.link("../a", "public/inner/up");
    world.link("./inner/.././directory/up", "public/chain");
    for path in [
        "/data/public/link",
        "/data/public/directory/up",
        "/data/public/chain",
    ] {
        let file = world.files.open_read(path, &public).unwrap();
        assert_eq!((file.path(), file.named_path()), ("/data/public/a", path));
        assert_eq!(file.read(9).unwrap().data, b"a");
        assert_eq!(world.canonical(path).unwrap(), "/data/public/a");
        let same = world.files.same_file(path, "/data/public/a", &public);
        assert_eq!(same, Ok(true));
    }
    let metadata = world
        .files
        .get_metadata("/data/public/link", &public)
        .unwrap();
    assert_eq!(metadata.file_type, FileType::Regular);
    let entries = world
        .files
        .list_directory("/data/public/directory", &public)
        .unwrap();
    assert_eq!(
        (entries[0].path.as_str(), entries[0].file_type),
        ("up", FileType::Symlink)
    );
}

#[test]
fn where_a_link_leads_has_to_be_granted() {
    let world = World::new();
    world.link("../secret/key", "public/file");
    world.link("../secret", "public/directory");
    for (name, result) in follow(&world.files, "/data/public/file", &public) {
        match result {
            Err(FileError::Denied { path, .. }) => assert_eq!(path, "/data/secret/key", "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    for (name, result) in follow(&world.files, "/data/public/directory", &public) {
        match result {
            Err(FileError::Denied { path, .. }) => assert_eq!(path, "/data/secret", "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let through = "/data/public/directory/key";
    let mut both = follow(&world.files, through, &public);
    both.extend(keep(&world.files, through, &public));
    for (name, result) in both {
        match result {
            Err(FileError::Denied { path, .. }) => assert_eq!(path, "/data/secret/key", "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(fs::read(world.host("secret/key")).unwrap(), b"key");
    assert_eq!(fs::read(world.host("public/a")).unwrap(), b"a");
}

#[test]
fn each_action_is_asked_for_where_a_link_leads() {
    let world = World::new();
    world.link("../secret/key", "public/file");
    world.link("../secret", "public/directory");
    let (file, directory) = ("/data/public/file", "/data/public/directory");
    let flags = OpenFlags::new();
    let files = &world.files;
    let asked = |run: &dyn Fn(Granted<'_>)| {
        let asked = RefCell::new(Vec::new());
        run(&|action, path: &str| {
            asked.borrow_mut().push((action, path.to_owned()));
            true
        });
        asked.into_inner()
    };
    let key = |action: FilesystemAction| (action, "/data/secret/key".to_owned());
    let read = asked(&|allow| drop(files.open_read(file, &|a: _, p: &str| allow(a, p)).unwrap()));
    assert_eq!(read, [key(Read)]);
    let write = asked(&|allow| {
        drop(
            files
                .open_write(file, flags, &|a: _, p: &str| allow(a, p))
                .unwrap(),
        )
    });
    assert_eq!(write, [key(Write)]);
    let both = asked(&|allow| {
        drop(
            files
                .open_read_write(file, flags, &|a: _, p: &str| allow(a, p))
                .unwrap(),
        );
    });
    assert_eq!(both, [key(Read), key(Write)]);
    let list = asked(&|allow| {
        drop(
            files
                .list_directory(directory, &|a: _, p: &str| allow(a, p))
                .unwrap(),
        )
    });
    assert_eq!(list, [(List, "/data/secret".to_owned())]);
    let rename = asked(&|allow| {
        let through = "/data/public/directory/key";
        files
            .rename(through, "/data/public/b", &|a: _, p: &str| allow(a, p))
            .unwrap();
    });
    assert_eq!(rename, [key(Read), key(Delete)]);
}

#[test]
fn nobody_learns_whether_there_is_something_that_is_not_granted() {
    let world = World::new();
    world.link("../secret/key", "public/there");
    world.link("../secret/other", "public/missing");
    world.link("../secret/key/x", "public/below");
    world.link("../secret/no/x/../y", "public/further");
    world.link("../secret", "public/directory");
    for (name, path) in [
        ("there", "/data/secret/key"),
        ("missing", "/data/secret/other"),
        ("below", "/data/secret/key/x"),
        ("further", "/data/secret/no/y"),
        ("directory/key/a", "/data/secret/key/a"),
        ("directory/no/a", "/data/secret/no/a"),
    ] {
        let named = format!("/data/public/{name}");
        denied(world.files.exists(&named, &public), Read, path);
        denied(world.files.open_read(&named, &public), Read, path);
        let flags = OpenFlags::new().create(true);
        denied(world.files.open_write(&named, flags, &public), Write, path);
    }
    assert_eq!(fs::read_dir(world.host("secret")).unwrap().count(), 1);
}

#[test]
fn a_link_does_not_lead_out_of_the_mount() {
    let world = World::new();
    let outside = world.directory.path().join("outside");
    world.link(&outside, "public/absolute");
    world.link("../../outside", "public/relative");
    world.link("../../mount/public/a", "public/around");
    world.link("/data/public/a", "public/guest");
    world.link("/", "public/root");
    world.link("absolute", "public/chain");
    for path in ["absolute", "relative", "around", "guest", "root", "chain"] {
        let path = format!("/data/public/{path}");
        for (name, result) in follow(&world.files, &path, &all) {
            assert!(
                matches!(result, Err(FileError::PermissionDenied { .. })),
                "{name} {path}: {result:?}"
            );
        }
    }
    for path in ["absolute/file", "relative/file", "chain/file", "root/etc"] {
        let path = format!("/data/public/{path}");
        let mut both = follow(&world.files, &path, &all);
        both.extend(keep(&world.files, &path, &all));
        for (name, result) in both {
            assert!(
                matches!(result, Err(FileError::PermissionDenied { .. })),
                "{name} {path}: {result:?}"
            );
        }
    }
    assert_eq!(fs::read(outside.join("file")).unwrap(), b"outside");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

#[test]
fn climbing_is_refused() {
    let world = World::new();
    for path in [
        "/data/../etc/passwd",
        "/data/public/../secret/key",
        "/..",
        "data/public/a",
        "",
        "/data/public//a",
        "/data/public/./a",
        "/data/public/a/",
        "/data/public\\a",
        "/data/public/a\0",
        "/data/public/\0/../a",
    ] {
        let mut both = follow(&world.files, path, &all);
        both.extend(keep(&world.files, path, &all));
        for (name, result) in both {
            assert!(
                matches!(result, Err(FileError::InvalidPath { .. })),
                "{name} {path:?}: {result:?}"
            );
        }
    }
}

#[test]
fn links_in_circles_and_long_chains_end() {
    let world = World::new();
    world.link("loop", "public/loop");
    world.link("two", "public/one");
    world.link("one", "public/two");
    world.link("deeper/x", "public/deeper");
    for path in ["loop", "one", "deeper", "loop/x"] {
        let path = format!("/data/public/{path}");
        for (name, result) in follow(&world.files, &path, &all) {
            assert!(
                matches!(result, Err(FileError::TooManySymlinks { .. })),
                "{name} {path}: {result:?}"
            );
        }
    }
    world.link("a", "public/c0");
    for i in 0..50 {
        world.link(format!("c{i}"), &format!("public/c{}", i + 1));
    }
    assert_eq!(
        world.canonical("/data/public/c39").unwrap(),
        "/data/public/a"
    );
    assert!(matches!(
        world.canonical("/data/public/c40"),
        Err(FileError::TooManySymlinks { .. })
    ));
    // Each of these doubles the way of the one before.
    fs::create_dir(world.host("d")).unwrap();
    world.link(".", "d/l0");
    for i in 0..30 {
        world.link(format!("l{i}/../d/l{i}"), &format!("d/l{}", i + 1));
    }
    assert!(matches!(
        world.canonical("/data/d/l30"),
        Err(FileError::TooManySymlinks { .. } | FileError::NotFound { .. })
    ));
}

#[test]
fn up_in_a_target_is_from_where_the_link_really_is() {
    let world = World::new();
    // The directory of the link is reached by another link.
    fs::create_dir_all(world.host("x/y")).unwrap();
    world.link("../file", "x/y/up");
    fs::write(world.host("x/file"), "x").unwrap();
    world.link("../x/y", "public/y");
    assert_eq!(
        world.canonical("/data/public/y/up").unwrap(),
        "/data/x/file"
    );
    // After a name that is a link.
    world.link("y/../file", "public/over");
    assert_eq!(
        world.canonical("/data/public/over").unwrap(),
        "/data/x/file"
    );
    world.link("..", "public/root");
    assert_eq!(world.canonical("/data/public/root").unwrap(), "/data");
    assert_eq!(
        world.canonical("/data/public/root/public/root/x").unwrap(),
        "/data/x"
    );
    world.link("inner/..", "public/itself");
    assert_eq!(
        world.canonical("/data/public/itself").unwrap(),
        "/data/public"
    );
    world.link(".", "public/dot");
    assert_eq!(world.canonical("/data/public/dot").unwrap(), "/data/public");
    assert_eq!(
        world.canonical("/data/public/dot/dot/a").unwrap(),
        "/data/public/a"
    );
    assert_eq!(
        world
            .files
            .get_metadata("/data/public/dot", &all)
            .unwrap()
            .file_type,
        FileType::Directory
    );
    assert!(
        world
            .files
            .list_directory("/data/public/dot", &all)
            .unwrap()
            .len()
            > 3
    );
    // Through what is a file.
    world.link("a/../a", "public/file");
    assert!(matches!(
        world.canonical("/data/public/file"),
        Err(FileError::NotADirectory { .. })
    ));
}

#[test]
fn a_file_is_made_where_a_link_leads() {
    let world = World::new();
    world.link("inner/new", "public/link");
    let flags = OpenFlags::new().create(true);
    let file = world
        .files
        .open_write("/data/public/link", flags, &public)
        .unwrap();
    assert_eq!(file.path(), "/data/public/inner/new");
    file.write(b"new").unwrap();
    assert_eq!(fs::read(world.host("public/inner/new")).unwrap(), b"new");
    assert!(world.host("public/link").is_symlink());
    // But not if it has to be new.
    world.link("inner/other", "public/dangling");
    let flags = OpenFlags::new().create_new(true);
    assert!(matches!(
        world
            .files
            .open_write("/data/public/dangling", flags, &public),
        Err(FileError::AlreadyExists { .. })
    ));
    assert!(!world.host("public/inner/other").exists());
}

#[test]
fn a_link_itself_is_removed_and_not_what_it_leads_to() {
    let world = World::new();
    world.link("../secret/key", "public/file");
    world.link("../secret", "public/directory");
    world.link("/etc", "public/out");
    for name in ["file", "directory", "out"] {
        let path = format!("/data/public/{name}");
        let not_one = |result| assert!(matches!(result, Err(FileError::NotADirectory { .. })));
        not_one(world.files.remove_directory(&path, &public));
        not_one(world.files.remove_directory_recursive(&path, &public));
        assert!(matches!(
            world.files.create_directory(&path, &public),
            Err(FileError::AlreadyExists { .. })
        ));
        assert!(matches!(
            world.files.rename(&path, "/data/public/x", &public),
            Err(FileError::NotAFile { .. })
        ));
        world.files.delete_file(&path, &public).unwrap();
        assert!(!world.host(&format!("public/{name}")).is_symlink());
    }
    assert!(world.host("secret/key").exists());

    world.link("../../secret", "public/inner/directory");
    world.link("../../secret/key", "public/inner/file");
    world
        .files
        .remove_directory_recursive("/data/public/inner", &public)
        .unwrap();
    assert!(!world.host("public/inner").exists());
    assert!(world.host("secret/key").exists());

    world.link("../secret/key", "public/file");
    world
        .files
        .rename("/data/public/a", "/data/public/file", &public)
        .unwrap();
    assert_eq!(fs::read(world.host("public/file")).unwrap(), b"a");
    assert_eq!(fs::read(world.host("secret/key")).unwrap(), b"key");
}

#[test]
fn a_search_does_not_follow_links() {
    let world = World::new();
    world.link("../secret", "public/directory");
    world.link(".", "public/inner/loop");
    let query = Query {
        pattern: None,
        file_type: None,
        max_depth: 60,
    };
    let found = world.files.find("/data/public", &query, &all).unwrap();
    let paths: Vec<&str> = found.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(paths, ["a", "directory", "inner", "inner/loop"]);
    assert_eq!(world.files.directory_size("/data/public", &all), Ok(1));
    // Where it begins, it does.
    let found = world
        .files
        .find("/data/public/directory", &query, &all)
        .unwrap();
    assert_eq!(found[0].path, "key");
    let links = Query {
        file_type: Some(FileType::Symlink),
        ..query
    };
    assert_eq!(
        world
            .files
            .find("/data/public", &links, &all)
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_link_that_a_guest_makes_leads_where_it_says() {
    let world = World::new();
    let make = |target: &str, link: &str| world.files.create_symlink(target, link, &public);
    make("/data/public/a", "/data/public/inner/one").unwrap();
    make("../a", "/data/public/inner/two").unwrap();
    make("/data/secret/key", "/data/public/inner/secret").unwrap();
    make("/data", "/data/public/inner/root").unwrap();
    make("/data/public/inner", "/data/public/inner/here").unwrap();
    make("no/such", "/data/public/inner/missing").unwrap();
    let target = |name: &str| fs::read_link(world.host("public/inner").join(name)).unwrap();
    assert_eq!(target("one"), Path::new("../a"));
    assert_eq!(target("two"), Path::new("../a"));
    assert_eq!(target("secret"), Path::new("../../secret/key"));
    assert_eq!(target("root"), Path::new("../.."));
    assert_eq!(target("here"), Path::new("."));
    assert_eq!(target("missing"), Path::new("no/such"));
    let read = |name: &str| {
        let path = format!("/data/public/inner/{name}");
        world.files.read_symlink(&path, &public).unwrap()
    };
    assert_eq!(read("one"), "/data/public/a");
    assert_eq!(read("two"), "/data/public/a");
    assert_eq!(read("secret"), "/data/secret/key");
    assert_eq!(read("root"), "/data");
    assert_eq!(read("here"), "/data/public/inner");
    assert_eq!(read("missing"), "/data/public/inner/no/such");
    // It gives nothing that is not granted.
    denied(
        world.files.open_read("/data/public/inner/secret", &public),
        Read,
        "/data/secret/key",
    );
    assert_eq!(
        world
            .files
            .open_read("/data/public/inner/one", &public)
            .unwrap()
            .read(9)
            .unwrap()
            .data,
        b"a"
    );
    assert!(matches!(
        make("/data/public/a", "/data/public/a"),
        Err(FileError::AlreadyExists { .. })
    ));
}

#[test]
fn a_guest_makes_no_link_out_of_its_mount() {
    let world = World::new();
    let long = "x".repeat(5000);
    for target in [
        "/etc/passwd",
        "/",
        "/data/../etc",
        "../../..",
        "../../../etc/passwd",
        "inner/../../../..",
        "a/..",
        "",
        "a\0b",
        "a\\b",
        "/data/\0",
        long.as_str(),
    ] {
        let result = world
            .files
            .create_symlink(target, "/data/public/inner/l", &all);
        assert!(
            matches!(result, Err(FileError::InvalidArgument { .. })),
            "{target:?}: {result:?}"
        );
        assert!(!world.host("public/inner/l").is_symlink(), "{target:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn links_that_no_path_can_say_are_refused() {
    use std::os::unix::ffi::OsStrExt;
    let world = World::new();
    let name = std::ffi::OsStr::from_bytes(b"bad\xff");
    fs::write(world.host("public").join(name), "").unwrap();
    world.link(name, "public/bytes");
    fs::write(world.host("public/back\\slash"), "").unwrap();
    world.link("back\\slash", "public/backslash");
    world.link("/etc", "public/out");
    world.link("inner/../a", "public/over");
    for name in ["bytes", "backslash"] {
        let path = format!("/data/public/{name}");
        assert!(matches!(
            world.files.open_read(&path, &all),
            Err(FileError::PermissionDenied { .. })
        ));
        assert!(matches!(
            world.files.read_symlink(&path, &all),
            Err(FileError::InvalidPath { .. })
        ));
    }
    let error = world
        .files
        .read_symlink("/data/public/out", &all)
        .unwrap_err();
    assert!(matches!(error, FileError::PermissionDenied { .. }));
    assert!(!error.to_string().contains("etc"), "{error}");
    assert!(matches!(
        world.files.read_symlink("/data/public/over", &all),
        Err(FileError::InvalidPath { .. })
    ));
    assert!(matches!(
        world.files.read_symlink("/data/public/a", &all),
        Err(FileError::InvalidArgument { .. })
    ));
    assert!(matches!(
        world.files.read_symlink("/data", &all),
        Err(FileError::InvalidArgument { .. })
    ));
}

#[test]
fn a_link_leads_into_the_mount_that_covers_its_target() {
    let (outer, inner) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(outer.path().join("cache")).unwrap();
    fs::write(outer.path().join("cache/a"), "hidden").unwrap();
    fs::write(inner.path().join("a"), "seen").unwrap();
    symlink("cache/a", outer.path().join("link")).unwrap();
    symlink("../link", inner.path().join("back")).unwrap();
    let files = Filesystem::builder()
        .mount("/data", outer.path(), Access::ReadWrite)
        .mount("/data/cache", inner.path(), Access::ReadOnly)
        .build()
        .unwrap();
    let file = files.open_read("/data/link", &all).unwrap();
    assert_eq!(
        (file.path(), file.read(9).unwrap().data),
        ("/data/cache/a", b"seen".to_vec())
    );
    assert!(matches!(
        files.open_write("/data/link", OpenFlags::new(), &all),
        Err(FileError::PermissionDenied { .. })
    ));
    assert!(matches!(
        files.open_read("/data/cache/back", &all),
        Err(FileError::PermissionDenied { .. })
    ));
    assert!(matches!(
        files.create_symlink("/data/cache/a", "/data/other", &all),
        Err(FileError::InvalidArgument { .. })
    ));
}

#[test]
fn a_directory_that_becomes_a_link_is_seen_as_one() {
    let world = World::new();
    world.files.open_read("/data/public/a", &public).unwrap();
    fs::remove_dir(world.host("public/inner")).unwrap();
    world.link("../secret", "public/inner");
    denied(
        world.files.open_read("/data/public/inner/key", &public),
        Read,
        "/data/secret/key",
    );
    // So is the root of a mount no more than what was mounted.
    fs::rename(world.host(""), world.directory.path().join("moved")).unwrap();
    symlink("outside", world.directory.path().join("mount")).unwrap();
    assert_eq!(world.files.exists("/data/file", &all), Ok(false));
    assert_eq!(world.files.exists("/data/public/a", &all), Ok(true));
}
