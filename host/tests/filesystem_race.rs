//! Links that are put in place and taken away while guests use what is there.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use enginebay_host::capability::FilesystemAction;
use enginebay_host::filesystem::{Access, FileError, Filesystem, OpenFlags};

/// How often a guest tries at least.
const TRIES: usize = 2000;

/// How often it tries at most, until it has met each state.
const MOST_TRIES: usize = 1_000_000;

fn public(_: FilesystemAction, path: &str) -> bool {
    path.starts_with("/data/public/") && path != "/data/public/hidden"
}

struct World {
    directory: tempfile::TempDir,
    files: Filesystem,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for name in ["mount/public", "mount/secret", "outside"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        for name in ["mount/secret/file", "mount/public/hidden", "outside/file"] {
            fs::write(root.join(name), "secret").unwrap();
        }
        let builder = Filesystem::builder();
        let builder = builder.mount("/data", root.join("mount"), Access::ReadWrite);
        World {
            files: builder.build().unwrap(),
            directory,
        }
    }

    fn host(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// Runs `guest` while `swap` is called again and again, until it says that it has met
    /// all that it waits for.
    fn race(&self, swap: impl Fn(&Self) + Sync, mut guest: impl FnMut() -> bool) {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let swapper = scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    swap(self);
                }
            });
            // Also when the guest fails.
            let end = End(&done);
            let met = (0..MOST_TRIES).any(|tries| guest() && tries >= TRIES);
            assert!(met, "the guest did not meet all states");
            drop(end);
            swapper.join().unwrap();
        })
    }

    /// That nothing was done to what is secret.
    fn is_untouched(&self) {
        let hidden = fs::read(self.host("mount/public/hidden")).unwrap();
        assert_eq!(hidden, b"secret");
        for name in ["mount/secret", "outside"] {
            let entries = fs::read_dir(self.host(name)).unwrap();
            assert_eq!(entries.count(), 1, "{name}");
            assert_eq!(fs::read(self.host(name).join("file")).unwrap(), b"secret");
        }
    }
}

/// Ends the swapping.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Puts something new at a path, at once.
fn replace(path: &Path, make: impl FnOnce(&Path)) {
    let new = path.with_extension("new");
    make(&new);
    fs::rename(new, path).unwrap();
}

/// The last name is a file, a link to what is not granted, and one out of the mount.
fn swap_file(world: &World) {
    let path = world.host("mount/public/file");
    for target in ["hidden", "../secret/file", "../../outside/file"] {
        replace(&path, |new| fs::write(new, "public").unwrap());
        replace(&path, |new| symlink(target, new).unwrap());
    }
}

/// A directory on the way is one, and is a link. The guest may remove or fill it while
/// that is done, so each step may fail.
fn swap_directory(world: &World) {
    let path = world.host("mount/public/directory");
    let aside = world.host("mount/aside");
    for target in ["../secret", "../../outside"] {
        let _ = fs::remove_file(&path);
        let _ = fs::create_dir(&path);
        let _ = fs::write(path.join("file"), "public");
        let _ = fs::rename(&path, &aside);
        let _ = symlink(target, &path);
        let _ = fs::remove_dir_all(&aside);
    }
}

/// What a guest may meet when what it names is swapped. None of it is another file.
fn is_refusal(error: &FileError) -> bool {
    matches!(
        error,
        FileError::Denied { .. }
            | FileError::PermissionDenied { .. }
            | FileError::NotFound { .. }
            | FileError::TooManySymlinks { .. }
            | FileError::NotADirectory { .. }
            | FileError::NotAFile { .. }
            | FileError::AlreadyExists { .. }
            | FileError::DirectoryNotEmpty { .. }
    )
}

fn tally<T>(result: Result<T, FileError>, done: &mut usize) -> Option<T> {
    match result {
        Ok(value) => {
            *done += 1;
            Some(value)
        }
        Err(error) => {
            assert!(is_refusal(&error), "{error:?}");
            None
        }
    }
}

#[test]
fn a_file_that_becomes_a_link_is_not_read_through_it() {
    let world = World::new();
    swap_file(&world);
    let (mut read, mut refused) = (0, 0);
    world.race(swap_file, || {
        let file = world.files.open_read("/data/public/file", &public);
        refused += usize::from(matches!(file, Err(FileError::Denied { .. })));
        if let Some(file) = tally(file, &mut read) {
            assert_eq!(file.read(100).unwrap().data, b"public");
        }
        read > 0 && refused > 0
    });
}

/// Between the check and the use: what is asked whether it is allowed swaps the file.
#[test]
fn a_link_that_appears_after_the_check_is_checked_itself() {
    let world = World::new();
    let path = world.host("mount/public/file");
    symlink("file", world.host("mount/public/link")).unwrap();
    let flags = OpenFlags::new().truncate(true);
    for target in ["hidden", "../secret/file", "../../outside/file"] {
        let swapped = AtomicBool::new(false);
        let allow = |action, asked: &str| {
            if !swapped.swap(true, Ordering::Relaxed) {
                replace(&path, |new| symlink(target, new).unwrap());
            }
            public(action, asked)
        };
        let refused = |result: Result<(), FileError>| {
            let error = result.unwrap_err();
            assert!(
                matches!(
                    error,
                    FileError::Denied { .. } | FileError::PermissionDenied { .. }
                ),
                "{error:?}"
            );
            assert!(swapped.swap(false, Ordering::Relaxed));
            replace(&path, |new| fs::write(new, "public").unwrap());
        };
        replace(&path, |new| fs::write(new, "public").unwrap());
        let (files, link) = (&world.files, "/data/public/link");
        refused(files.open_read(link, &allow).map(drop));
        refused(files.open_write(link, flags, &allow).map(drop));
        refused(files.open_read_write(link, flags, &allow).map(drop));
        refused(files.set_read_only(link, true, &allow));
        refused(files.copy("/data/secret/file", link, &allow).map(drop));
    }
    world.is_untouched();
}

#[test]
fn a_directory_that_becomes_a_link_is_not_read_through_it() {
    let world = World::new();
    let (mut read, mut refused) = (0, 0);
    world.race(swap_directory, || {
        let file = world
            .files
            .open_read("/data/public/directory/file", &public);
        refused += usize::from(matches!(file, Err(FileError::Denied { .. })));
        if let Some(file) = tally(file, &mut read) {
            let data = file.read(100).unwrap().data;
            // It is empty when it was just made.
            assert!(data == b"public" || data.is_empty(), "{data:?}");
        }
        read > 0 && refused > 0
    });
}

#[test]
fn nothing_is_written_or_removed_through_a_link_that_appears() {
    let world = World::new();
    let mut done = 0;
    let flags = OpenFlags::new().create(true).truncate(true);
    world.race(
        |world| {
            swap_file(world);
            swap_directory(world);
        },
        || {
            let files = &world.files;
            let (file, below) = ("/data/public/file", "/data/public/directory/file");
            for path in [file, below] {
                if let Some(file) = tally(files.open_write(path, flags, &public), &mut done) {
                    file.write(b"written").unwrap();
                }
                tally(files.set_read_only(path, false, &public), &mut done);
            }
            tally(files.copy(file, below, &public), &mut done);
            let directory = "/data/public/directory";
            tally(
                files.create_directory(&format!("{directory}/made"), &public),
                &mut done,
            );
            tally(
                files.create_symlink("x", &format!("{directory}/link"), &public),
                &mut done,
            );
            tally(
                files.rename("/data/public/file", &format!("{directory}/moved"), &public),
                &mut done,
            );
            tally(files.delete_file(below, &public), &mut done);
            tally(
                files.remove_directory_recursive(directory, &public),
                &mut done,
            );
            done > 0
        },
    );
    world.is_untouched();
}
