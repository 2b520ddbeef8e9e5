//! What is in a folder, read on as the guest asks for it.
//!
//! `wasmtime-wasi` reads a folder as a whole before it gives the first entry, and
//! keeps it until the last: a guest that lists one folder of many files many times
//! would take as much of the host's memory as it likes.

use std::collections::VecDeque;
use std::fs::File;
use std::io;

use cap_primitives::fs::{DirEntry, FileType, ReadDir, read_base_dir};
use tokio::task::{JoinError, spawn_blocking};
use wasmtime_wasi::p2::bindings::filesystem::types::{DescriptorType, DirectoryEntry, ErrorCode};
use wasmtime_wasi::p2::{FsError, FsResult};

/// How many entries are read at once, and held at most.
const AHEAD: usize = 32;

/// A folder that is being listed.
pub(crate) struct Listing {
    /// As long as there is more of it.
    folder: Option<ReadDir>,
    ahead: VecDeque<FsResult<DirectoryEntry>>,
}

impl Listing {
    /// Begins with the first entry, wherever others are that read this folder. Waits
    /// for the disk, as [`Listing::next`] does: on a thread of its own.
    pub(super) async fn new(folder: impl AsRef<File> + Send + 'static) -> FsResult<Self> {
        let folder = spawn_blocking(move || read_base_dir(folder.as_ref())).await;
        Ok(Listing {
            folder: Some(folder.map_err(lost)??),
            ahead: VecDeque::new(),
        })
    }

    /// The next entry, or that there is none.
    pub(super) async fn next(&mut self) -> FsResult<Option<DirectoryEntry>> {
        if self.ahead.is_empty()
            && let Some(mut folder) = self.folder.take()
        {
            let read = spawn_blocking(move || {
                let ahead: VecDeque<_> = folder.by_ref().filter_map(told).take(AHEAD).collect();
                (folder, ahead)
            });
            let (folder, ahead) = read.await.map_err(lost)?;
            self.folder = (ahead.len() == AHEAD).then_some(folder);
            self.ahead = ahead;
        }
        self.ahead.pop_front().transpose()
    }
}

fn lost(error: JoinError) -> FsError {
    FsError::trap(error)
}

/// An entry as the guest gets it, if it does.
fn told(entry: io::Result<DirEntry>) -> Option<FsResult<DirectoryEntry>> {
    let read = entry.and_then(|entry| Ok((kind(&entry)?, entry.file_name())));
    Some(match read {
        Ok((type_, name)) => match name.into_string() {
            Ok(name) => Ok(DirectoryEntry { type_, name }),
            Err(_) => Err(ErrorCode::IllegalByteSequence.into()),
        },
        // It is gone since.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        // Files of the system's own, of which nothing may be known.
        Err(error) if cfg!(windows) && matches!(error.raw_os_error(), Some(5 | 32)) => return None,
        Err(error) => Err(error.into()),
    })
}

fn kind(entry: &DirEntry) -> io::Result<DescriptorType> {
    let mut ty = entry.file_type()?;
    // Not every file system says so in the folder.
    if ty == FileType::unknown() {
        ty = entry.metadata()?.file_type();
    }
    Ok(if ty.is_dir() {
        DescriptorType::Directory
    } else if ty.is_file() {
        DescriptorType::RegularFile
    } else if ty.is_symlink() {
        DescriptorType::SymbolicLink
    } else {
        special(ty)
    })
}

#[cfg(unix)]
fn special(ty: FileType) -> DescriptorType {
    use cap_primitives::fs::FileTypeExt;

    if ty.is_block_device() {
        DescriptorType::BlockDevice
    } else if ty.is_char_device() {
        DescriptorType::CharacterDevice
    } else {
        DescriptorType::Unknown
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> DescriptorType {
    DescriptorType::Unknown
}
