//! Paths, links, files that are none, and folders that are for reading.

use super::*;

on_each_backend! {
    paths_that_climb_are_denied
    paths_that_are_none_are_denied
    links_out_of_a_folder_are_denied
    named_pipes_are_not_waited_for
    devices_are_there_where_they_are_granted
    a_folder_for_reading_stays_as_it_is
}

fn paths_that_climb_are_denied<B: Backend>() {
    let (dir, inner) = with_secret::<B>("climb");
    let mut guest = Guest::<B>::in_dir(&inner, DirAccess::ReadWrite);
    let absolute = dir.0.join("secret").display().to_string();
    let own = inner.join("file").display().to_string();
    for path in [
        "..",
        "../",
        "../.",
        "../secret",
        "./../secret",
        "a/../../secret",
        "a/.././../secret",
        "a/./..//../secret",
        "../inner/file",
        "/",
        "/etc/passwd",
        "//",
        &absolute,
        &own,
    ] {
        for flags in [
            FOLLOW | READ,
            READ,
            FOLLOW | DIRECTORY | READ,
            FOLLOW | CREATE | WRITE,
            FOLLOW | TRUNCATE | WRITE,
        ] {
            assert_eq!(guest.run("open", path, "", flags), NOT_PERMITTED, "{path}");
        }
        for follow in [0, FOLLOW] {
            assert_eq!(guest.run("stat", path, "", follow), NOT_PERMITTED, "{path}");
            let code = guest.run("times-at", path, "", follow);
            assert_eq!(code, NOT_PERMITTED, "{path}");
        }
        for name in ["mkdir", "rmdir", "unlink", "readlink"] {
            let code = guest.run(name, path, "", 0);
            assert_eq!(code, NOT_PERMITTED, "{name} {path}");
        }
        for (name, from, to) in [
            ("rename", "file", path),
            ("rename", path, "got"),
            ("link", "file", path),
            ("link", path, "got"),
            ("symlink", "file", path),
        ] {
            let code = guest.run(name, from, to, 0);
            assert_eq!(code, NOT_PERMITTED, "{name} {from} {to}");
        }
    }
    // Those that only look as if they did.
    for path in [
        ".",
        "./",
        "./file",
        "a/../file",
        "a/.",
        "a/..",
        "./a/.././file",
    ] {
        assert_eq!(guest.run("open", path, "", FOLLOW | READ), DONE, "{path}");
    }
    assert_eq!(fs::read(dir.0.join("secret")).unwrap(), b"secret");
    assert_eq!(fs::read(inner.join("file")).unwrap(), b"contents");
    assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 2);
    assert_eq!(fs::read_dir(&inner).unwrap().count(), 2);
}

fn paths_that_are_none_are_denied<B: Backend>() {
    let (_dir, inner) = with_secret::<B>("none");
    let mut guest = Guest::<B>::in_dir(&inner, DirAccess::ReadWrite);
    let long = "x".repeat(1 << 20);
    let deep = "a/../".repeat(1 << 18) + "file";
    for (path, code) in [
        ("", NO_ENTRY),
        ("file\0", INVALID),
        ("\0", INVALID),
        ("a/\0/../../secret", INVALID),
        (long.as_str(), NAME_TOO_LONG),
    ] {
        for name in ["open", "stat", "mkdir", "unlink"] {
            let flags = if name == "open" {
                FOLLOW | CREATE | READ
            } else {
                0
            };
            let got = guest.run(name, path, "", flags);
            assert_eq!(got, code, "{name} {path:.40}");
        }
        assert_eq!(guest.run("rename", "file", path, 0), code, "{path:.40}");
        assert_eq!(guest.run("symlink", "file", path, 0), code, "{path:.40}");
    }
    // A million steps that lead nowhere.
    let code = guest.run("open", &deep, "", FOLLOW | READ);
    assert!(code == NAME_TOO_LONG || code == DONE, "{code}");
    assert_eq!(fs::read_dir(&inner).unwrap().count(), 2);
}

fn links_out_of_a_folder_are_denied<B: Backend>() {
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        let (dir, inner) = with_secret::<B>("links");
        let mut guest = Guest::<B>::in_dir(&inner, DirAccess::ReadWrite);
        let secret = dir.0.join("secret").display().to_string();

        // Made by the guest.
        assert_eq!(guest.run("symlink", &secret, "absolute", 0), NOT_PERMITTED);
        assert_eq!(guest.run("symlink", "../secret", "own", 0), DONE);
        assert_eq!(guest.run("symlink", "..", "own-dir", 0), DONE);
        assert_eq!(guest.run("symlink", "circle", "circle", 0), DONE);
        assert_eq!(guest.run("symlink", "file", "inside", 0), DONE);
        // By somebody else.
        symlink(&secret, inner.join("theirs")).unwrap();
        symlink(&dir.0, inner.join("their-dir")).unwrap();
        symlink("own", inner.join("chain")).unwrap();
        symlink("/dev/zero", inner.join("zero")).unwrap();

        for path in [
            "own",
            "own-dir",
            "own-dir/secret",
            "own-dir/inner/file",
            "theirs",
            "their-dir",
            "their-dir/secret",
            "chain",
            "zero",
        ] {
            for flags in [READ, CREATE | WRITE, TRUNCATE | WRITE, DIRECTORY | READ] {
                let code = guest.run("open", path, "", FOLLOW | flags);
                assert_eq!(code, NOT_PERMITTED, "{path} {flags:x}");
            }
            assert_eq!(guest.run("stat", path, "", FOLLOW), NOT_PERMITTED, "{path}");
            let code = guest.run("times-at", path, "", FOLLOW);
            assert_eq!(code, NOT_PERMITTED, "{path}");
        }
        // Not followed, a link is no file.
        for path in ["own", "own-dir", "theirs", "their-dir", "zero", "circle"] {
            assert_eq!(guest.run("open", path, "", READ), LOOP, "{path}");
            assert_eq!(guest.run("stat", path, "", 0), DONE, "{path}");
        }
        // In the middle of a path, it always is.
        for name in ["mkdir", "rmdir", "unlink", "readlink"] {
            let code = guest.run(name, "own-dir/secret", "", 0);
            assert_eq!(code, NOT_PERMITTED, "{name}");
        }
        for (from, to) in [("file", "own-dir/got"), ("their-dir/secret", "got")] {
            assert_eq!(guest.run("rename", from, to, 0), NOT_PERMITTED);
            assert_eq!(guest.run("link", from, to, 0), NOT_PERMITTED);
        }
        // To where the host's own files are, a link is not told.
        assert_eq!(guest.run("readlink", "theirs", "", 0), NOT_PERMITTED);
        assert_eq!(guest.run("readlink", "own", "", 0), DONE);
        assert_eq!(guest.run("open", "circle", "", FOLLOW | READ), LOOP);
        assert_eq!(guest.run("open", "inside", "", FOLLOW | READ), DONE);
        // A link to a link is one to the link.
        assert_eq!(guest.run("link", "own", "hard", 0), DONE);
        assert_eq!(guest.run("open", "hard", "", FOLLOW | READ), NOT_PERMITTED);
        assert_eq!(guest.run("link", "own", "hard2", FOLLOW), INVALID);

        assert_eq!(fs::read(dir.0.join("secret")).unwrap(), b"secret");
        assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 2);
    }
}

fn named_pipes_are_not_waited_for<B: Backend>() {
    #[cfg(unix)]
    {
        use std::os::unix::net::UnixListener;

        let dir = TempDir::on::<B>("pipes");
        let made = std::process::Command::new("mkfifo")
            .arg(dir.0.join("pipe"))
            .status();
        assert!(made.unwrap().success());
        std::os::unix::fs::symlink("pipe", dir.0.join("link")).unwrap();
        // Bound at a short path and moved, as a long one is none for a socket.
        let short = std::env::temp_dir().join(format!("eb-{}-{}", B::NAME, std::process::id()));
        let _ = fs::remove_file(&short);
        let _listener = UnixListener::bind(&short).unwrap();
        let moved = fs::rename(&short, dir.0.join("socket")).is_ok();
        let _ = fs::remove_file(&short);

        let mut guest = Guest::<B>::in_dir(&dir.0, DirAccess::ReadWrite);
        // More of them than there are threads that files are opened on: if one waited,
        // the deadline of its call would end it, or that of a later one.
        for _ in 0..60 {
            for flags in [READ, WRITE, READ | WRITE, TRUNCATE | WRITE, CREATE | WRITE] {
                for path in ["pipe", "link"] {
                    let code = guest.run("open", path, "", FOLLOW | flags);
                    assert_eq!(code, UNSUPPORTED, "{path} {flags:x}");
                }
            }
        }
        let code = guest.run("open", "pipe", "", DIRECTORY | READ);
        assert_eq!(code, UNSUPPORTED);
        assert_eq!(guest.run("stat", "pipe", "", 0), DONE);
        if moved {
            assert_eq!(guest.run("open", "socket", "", READ), UNSUPPORTED);
        }
        // It is there to be removed.
        assert_eq!(guest.run("unlink", "pipe", "", 0), DONE);
        assert_eq!(guest.run("open", "file", "", CREATE | WRITE), DONE);
    }
}

fn devices_are_there_where_they_are_granted<B: Backend>() {
    #[cfg(target_os = "linux")]
    {
        let dir = TempDir::on::<B>("devices");
        let mut guest = Guest::<B>::in_dir(&dir.0, DirAccess::ReadWrite);
        for path in ["/dev/zero", "dev/zero", "../../../../../../../../dev/zero"] {
            let code = guest.run("open", path, "", FOLLOW | READ);
            assert!(code == NOT_PERMITTED || code == NO_ENTRY, "{path}: {code}");
        }
        // Without an end, and still only so much at a time.
        let mut guest = Guest::<B>::in_dir(Path::new("/dev"), DirAccess::ReadOnly);
        assert_eq!(guest.run("open", "zero", "", FOLLOW | WRITE), NOT_PERMITTED);
        assert_eq!(guest.run("open", "zero", "", FOLLOW | READ), DONE);
        let read = guest.run("read-stream", "zero", "", u64::MAX);
        assert!((1..=1 << 20).contains(&read), "{read}");
    }
}

fn a_folder_for_reading_stays_as_it_is<B: Backend>() {
    let (dir, inner) = with_secret::<B>("reading");
    let mut guest = Guest::<B>::in_dir(&inner, DirAccess::ReadOnly);
    let before = fs::metadata(inner.join("file"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(guest.run("open", "file", "", FOLLOW | READ), DONE);
    for flags in [
        WRITE,
        READ | WRITE,
        CREATE | READ,
        CREATE | WRITE,
        TRUNCATE | READ,
        TRUNCATE | WRITE,
    ] {
        for path in ["file", "new"] {
            let code = guest.run("open", path, "", FOLLOW | flags);
            assert_eq!(code, NOT_PERMITTED, "{path} {flags:x}");
        }
    }
    for (name, from, to) in [
        ("mkdir", "new", ""),
        ("rmdir", "a", ""),
        ("unlink", "file", ""),
        ("rename", "file", "new"),
        ("link", "file", "new"),
        ("symlink", "file", "new"),
        ("times-at", "file", ""),
        ("times-at", "a", ""),
        ("times", "file", ""),
    ] {
        let code = guest.run(name, from, to, 0);
        assert_eq!(code, NOT_PERMITTED, "{name}");
    }
    // By a descriptor that was opened for reading.
    for name in ["set-size", "write", "writer", "appender"] {
        let code = guest.run(name, "file", "text", 1);
        assert!(
            [NOT_PERMITTED, BAD_DESCRIPTOR].contains(&code),
            "{name}: {code}"
        );
    }
    let file = inner.join("file");
    assert_eq!(fs::read(&file).unwrap(), b"contents");
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), before);
    assert_eq!(fs::read_dir(&inner).unwrap().count(), 2);
    drop(dir);
}
