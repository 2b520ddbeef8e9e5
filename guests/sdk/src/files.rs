//! Files and directories. Paths are absolute, with `/` between names; `..` is refused.

use crate::bindings::enginebay::ext_filesystem::{filesystem, metadata};

pub use crate::bindings::enginebay::ext_filesystem::filesystem::{
    Chunk, File, copy, create_directory, create_symlink, delete_file, exists, get_metadata,
    open_read, open_read_write, open_write, read_symlink, remove_directory,
    remove_directory_recursive, rename, set_read_only,
};
pub use crate::bindings::enginebay::ext_filesystem::metadata::{
    Query, all_exist, any_exist, batch_metadata, canonical_path, directory_size, find, same_file,
    set_times,
};
pub use crate::bindings::enginebay::ext_filesystem::types::{
    DirectoryEntry, FileError, FileMetadata, FileType, OpenFlags,
};

/// Bytes that are read or written at once: few enough for a host to be asked for.
const CHUNK: u32 = 64 << 10;

/// All that is in a file. Needs `filesystem.read`.
///
/// # Errors
///
/// It could not be read to its end.
pub fn read(path: &str) -> Result<Vec<u8>, FileError> {
    let file = filesystem::open_read(path)?;
    let mut contents = Vec::new();
    loop {
        let chunk = file.read(CHUNK)?;
        contents.extend_from_slice(&chunk.data);
        if chunk.end {
            return Ok(contents);
        }
    }
}

/// Replaces what is in a file, and makes it if it is not there. Needs `filesystem.write`.
///
/// # Errors
///
/// It could not be written. What was in it may be gone.
pub fn write(path: &str, contents: &[u8]) -> Result<(), FileError> {
    let file = filesystem::open_write(path, OpenFlags::CREATE | OpenFlags::TRUNCATE)?;
    for chunk in contents.chunks(CHUNK as usize) {
        file.write(chunk)?;
    }
    Ok(())
}

/// What is in a directory, by name. Needs `filesystem.list`.
///
/// # Errors
///
/// It could not be listed.
pub fn list(path: &str) -> Result<Vec<DirectoryEntry>, FileError> {
    metadata::list_directory(path)
}
