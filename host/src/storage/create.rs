//! Making a new file, so that it is never seen half made.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::StorageError;

/// Makes the file beside its place, has `fill` write it, and puts it there. A process
/// that is killed meanwhile leaves nothing at `path`. If another process was faster,
/// its file stays.
///
/// Others than the owner cannot read the file, where the system has such rights.
pub(super) fn create_file(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let new = NewFile::beside(path)?;
    fill(&new.path)?;
    let creating = |error| StorageError::io("create the storage", &error);
    match fs::hard_link(&new.path, path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        // A file system without hard links.
        Err(_) if !path.exists() => fs::rename(&new.path, path).map_err(creating)?,
        Err(error) => return Err(creating(error)),
    }
    drop(new);
    sync_folder(path).map_err(creating)
}

/// A file that is removed when this is dropped.
struct NewFile {
    path: PathBuf,
}

impl NewFile {
    fn beside(path: &Path) -> Result<Self, StorageError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut tries = 0;
        loop {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            name.push(format!(".new-{}-{count}", std::process::id()));
            let new = path.with_file_name(name);
            match options.open(&new) {
                Ok(_) => return Ok(NewFile { path: new }),
                // Of a process that was killed and had the same number.
                Err(error) if error.kind() == ErrorKind::AlreadyExists && tries < 100 => tries += 1,
                Err(error) => return Err(StorageError::io("create the storage", &error)),
            }
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // It is gone already if it was renamed.
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes the name of a new file last when power fails.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
