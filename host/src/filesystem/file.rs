//! Files that are open.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::FileError;

/// The most bytes that are read at once: 1 MiB.
pub const MAX_CHUNK: u32 = 1 << 20;

/// Bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// What was read.
    pub data: Vec<u8>,
    /// Whether the file ended there.
    pub end: bool,
}

/// A regular file that is open. It is closed when it is dropped.
///
/// It stays the same file when its name is removed or given to another. Several threads
/// may use it; they share one position.
///
/// # Errors
///
/// All methods: what the host's system says, as [`FileError::from_io`] has it.
pub struct File {
    inner: cap_std::fs::File,
    named: String,
    path: String,
    read: bool,
    write: bool,
}

impl File {
    pub(super) fn new(
        inner: cap_std::fs::File,
        named: &str,
        path: &str,
        read: bool,
        write: bool,
    ) -> Self {
        File {
            inner,
            named: named.to_owned(),
            path: path.to_owned(),
            read,
            write,
        }
    }

    /// The guest's path of the file, without links, as it was when it was opened. This is
    /// what has to be granted still when the file is used.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path that it was opened by.
    pub fn named_path(&self) -> &str {
        &self.named
    }

    /// Whether it was opened for reading.
    pub fn can_read(&self) -> bool {
        self.read
    }

    /// Whether it was opened for writing.
    pub fn can_write(&self) -> bool {
        self.write
    }

    /// Reads at most `max` bytes and at most [`MAX_CHUNK`] at the position, and moves it.
    /// There are fewer only at the end.
    ///
    /// # Errors
    ///
    /// [`FileError::WrongMode`] if it was not opened for reading.
    pub fn read(&self, max: u32) -> Result<Chunk, FileError> {
        self.needs(self.read, "reading")?;
        let most = u64::from(max.min(MAX_CHUNK));
        let length = self.length()?;
        let left = length.saturating_sub(self.tell()?);
        let mut data = Vec::with_capacity(most.min(left) as usize);
        self.done((&self.inner).take(most).read_to_end(&mut data))?;
        let end = if (data.len() as u64) < most {
            true
        } else {
            self.tell()? >= self.length()?
        };
        Ok(Chunk { data, end })
    }

    /// Writes all of the data at the position, or at the end if the file was opened to
    /// append, and moves the position behind it. Gives the number of bytes. When it
    /// fails, some of it may have been written.
    ///
    /// # Errors
    ///
    /// [`FileError::WrongMode`] if it was not opened for writing,
    /// [`FileError::ResourceExhausted`] if there is no room.
    pub fn write(&self, data: &[u8]) -> Result<u64, FileError> {
        self.needs(self.write, "writing")?;
        self.done((&self.inner).write_all(data))?;
        Ok(data.len() as u64)
    }

    /// Moves the position, in bytes from the beginning. It may be behind the end: what is
    /// written there has zeros before it.
    ///
    /// # Errors
    ///
    /// [`FileError::InvalidArgument`] if it is more than `i64::MAX`.
    pub fn seek(&self, position: u64) -> Result<(), FileError> {
        if position > i64::MAX as u64 {
            return Err(FileError::InvalidArgument {
                reason: format!(
                    "a file has no position {position}; the last is {}",
                    i64::MAX
                ),
            });
        }
        self.done((&self.inner).seek(SeekFrom::Start(position)))?;
        Ok(())
    }

    /// The position, in bytes from the beginning.
    pub fn tell(&self) -> Result<u64, FileError> {
        self.done((&self.inner).stream_position())
    }

    /// Waits until what was written is on the disk.
    ///
    /// # Errors
    ///
    /// [`FileError::WrongMode`] if it was not opened for writing.
    pub fn sync(&self) -> Result<(), FileError> {
        self.needs(self.write, "writing")?;
        self.done(self.inner.sync_all())
    }

    pub(super) fn inner(&self) -> &cap_std::fs::File {
        &self.inner
    }

    pub(super) fn length(&self) -> Result<u64, FileError> {
        Ok(self.done(self.inner.metadata())?.len())
    }

    fn needs(&self, has: bool, needed: &'static str) -> Result<(), FileError> {
        if has {
            return Ok(());
        }
        Err(FileError::WrongMode {
            path: self.named.clone(),
            needed,
        })
    }

    pub(super) fn done<T>(&self, result: io::Result<T>) -> Result<T, FileError> {
        result.map_err(|error| FileError::from_io(&self.named, &error))
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("path", &self.path)
            .field("read", &self.read)
            .field("write", &self.write)
            .finish_non_exhaustive()
    }
}
