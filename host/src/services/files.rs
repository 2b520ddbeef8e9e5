//! Files and directories.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use enginebay_core::{Error as Stop, Resource, Result};

use super::ComponentContext;
use super::convert::timestamp;
use crate::capability::{Capability, FilesystemAction};
use crate::contract::bindings::enginebay::core::capabilities::{Denial, DenialReason};
use crate::contract::bindings::enginebay::core::types::Timestamp;
use crate::contract::bindings::enginebay::ext_filesystem::filesystem::{self, Chunk, File};
use crate::contract::bindings::enginebay::ext_filesystem::metadata::{self, Query};
use crate::contract::bindings::enginebay::ext_filesystem::types::{
    DirectoryEntry, FileError, FileMetadata, FileType, OpenFlags,
};
use crate::filesystem as fs;
use crate::permission::{Checker, Request};
use crate::pool;

/// An open file; work that is under way keeps it open.
pub(super) type OpenFile = Arc<fs::File>;

/// What a function gives a guest.
type Answer<R> = Result<Result<R, FileError>>;

/// Where paths lead is checked as the paths are.
struct Allowed {
    checker: Checker,
    stop: Arc<AtomicBool>,
}

impl fs::Allow for Allowed {
    fn allows(&self, action: FilesystemAction, path: &str) -> bool {
        let request = Request::filesystem(action, path);
        let function = "enginebay:ext-filesystem/filesystem@1.0.0";
        self.checker.check(function, request).is_ok()
    }

    fn interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Work goes on after who waited for it has gone, until it looks here.
struct StopWhenDropped(Arc<AtomicBool>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl ComponentContext {
    /// Work with files, on a thread for it.
    fn on_files<R: Send + 'static>(
        &self,
        work: impl FnOnce(&fs::Filesystem, &dyn fs::Allow) -> Result<R, fs::FileError> + Send + 'static,
    ) -> impl Future<Output = Answer<R>> + Send + 'static {
        let files = self.services.inner.filesystem.clone();
        let stop = Arc::new(AtomicBool::new(false));
        let checker = self.checker.clone();
        let allowed = Allowed {
            checker,
            stop: stop.clone(),
        };
        let component: Arc<str> = self.name().into();
        async move {
            let _stop = StopWhenDropped(stop);
            let done = pool::run(move || work(&files, &allowed)).await;
            Ok(done
                .map_err(Stop::host)?
                .map_err(|error| answer(error, &component)))
        }
    }

    /// Work with an open file.
    fn on_file<R: Send + 'static>(
        &self,
        file: Resource<File>,
        work: impl FnOnce(&fs::File) -> Result<R, fs::FileError> + Send + 'static,
    ) -> impl Future<Output = Answer<R>> + Send + 'static {
        let file = self.files.get(file.rep());
        let work = file.map(|file| self.on_files(move |_, _| work(&file)));
        async move { work?.await }
    }

    /// Opens a file. Its handle is there before the file is, so that what is waited for
    /// needs nothing of the store.
    fn open(
        &mut self,
        work: impl FnOnce(&fs::Filesystem, &dyn fs::Allow) -> Result<fs::File, fs::FileError>
        + Send
        + 'static,
    ) -> impl Future<Output = Answer<Resource<File>>> + Send + 'static {
        let slots = self.files.clone();
        let work = self.on_files(work);
        async move {
            let slot = match slots.reserve() {
                Ok(slot) => slot,
                Err(_) => return Ok(Err(FileError::ResourceExhausted)),
            };
            Ok(work
                .await?
                .map(|file| Resource::new_own(slot.fill(Arc::new(file)))))
        }
    }
}

fn answer(error: fs::FileError, component: &str) -> FileError {
    use fs::FileError as E;
    match error {
        E::Denied { action, path } => {
            let capability = Capability::Filesystem { action, path };
            FileError::Denied(Denial {
                message: format!("denied: {capability} is not granted to `{component}`"),
                capability: (&capability).into(),
                reason: DenialReason::NotGranted,
            })
        }
        E::NotFound { .. } => FileError::NotFound,
        E::PermissionDenied { .. } => FileError::PermissionDenied,
        E::AlreadyExists { .. } => FileError::AlreadyExists,
        E::InvalidPath { reason, .. } => FileError::InvalidPath(reason),
        E::InvalidArgument { reason } => FileError::InvalidArgument(reason),
        E::ResourceExhausted { .. } => FileError::ResourceExhausted,
        E::DirectoryNotEmpty { .. } => FileError::DirectoryNotEmpty,
        E::NotADirectory { .. } => FileError::NotADirectory,
        E::NotAFile { .. } => FileError::NotAFile,
        E::TooManySymlinks { .. } => FileError::TooManySymlinks,
        E::NameTooLong { .. } => FileError::NameTooLong,
        E::WrongMode { .. } => FileError::WrongMode,
        error => FileError::IoError(error.to_string()),
    }
}

impl From<fs::FileType> for FileType {
    fn from(kind: fs::FileType) -> Self {
        match kind {
            fs::FileType::Regular => FileType::Regular,
            fs::FileType::Directory => FileType::Directory,
            fs::FileType::Symlink => FileType::Symlink,
            fs::FileType::Other => FileType::Other,
        }
    }
}

impl From<FileType> for fs::FileType {
    fn from(kind: FileType) -> Self {
        match kind {
            FileType::Regular => fs::FileType::Regular,
            FileType::Directory => fs::FileType::Directory,
            FileType::Symlink => fs::FileType::Symlink,
            FileType::Other => fs::FileType::Other,
        }
    }
}

fn about(it: fs::FileMetadata) -> FileMetadata {
    FileMetadata {
        file_type: it.file_type.into(),
        size: it.size,
        read_only: it.read_only,
        accessed: it.accessed.map(timestamp),
        modified: it.modified.map(timestamp),
        created: it.created.map(timestamp),
    }
}

fn entries(entries: Vec<fs::DirectoryEntry>) -> Vec<DirectoryEntry> {
    let entries = entries.into_iter().map(|it| DirectoryEntry {
        path: it.path,
        file_type: it.file_type.into(),
    });
    entries.collect()
}

fn flags(flags: OpenFlags) -> fs::OpenFlags {
    fs::OpenFlags::new()
        .create(flags.contains(OpenFlags::CREATE))
        .create_new(flags.contains(OpenFlags::CREATE_NEW))
        .truncate(flags.contains(OpenFlags::TRUNCATE))
        .append(flags.contains(OpenFlags::APPEND))
}

fn time(time: Option<Timestamp>) -> Result<Option<SystemTime>, fs::FileError> {
    let Some(time) = time else {
        return Ok(None);
    };
    let too_late = || fs::FileError::InvalidArgument {
        reason: "there is no such time".to_string(),
    };
    // More than a second of nanoseconds could overflow.
    if time.nanoseconds >= 1_000_000_000 {
        return Err(too_late());
    }
    let since = Duration::new(time.seconds, time.nanoseconds);
    UNIX_EPOCH.checked_add(since).map(Some).ok_or_else(too_late)
}

impl filesystem::HostFile for ComponentContext {
    fn read(
        &mut self,
        file: Resource<File>,
        max: u32,
    ) -> impl Future<Output = Answer<Chunk>> + Send + 'static {
        self.on_file(file, move |file| {
            let fs::Chunk { data, end } = file.read(max)?;
            Ok(Chunk { data, end })
        })
    }

    fn write(
        &mut self,
        file: Resource<File>,
        data: Vec<u8>,
    ) -> impl Future<Output = Answer<u64>> + Send + 'static {
        self.on_file(file, move |file| file.write(&data))
    }

    fn seek(
        &mut self,
        file: Resource<File>,
        position: u64,
    ) -> impl Future<Output = Answer<()>> + Send + 'static {
        self.on_file(file, move |file| file.seek(position))
    }

    fn tell(&mut self, file: Resource<File>) -> impl Future<Output = Answer<u64>> + Send + 'static {
        self.on_file(file, fs::File::tell)
    }

    fn sync(&mut self, file: Resource<File>) -> impl Future<Output = Answer<()>> + Send + 'static {
        self.on_file(file, fs::File::sync)
    }

    fn drop(&mut self, file: Resource<File>) -> Result<()> {
        self.files.remove(file.rep());
        Ok(())
    }
}

impl filesystem::Host for ComponentContext {
    fn open_read(
        &mut self,
        path: String,
    ) -> impl Future<Output = Answer<Resource<File>>> + Send + 'static {
        self.open(move |files, allow| files.open_read(&path, allow))
    }

    fn open_write(
        &mut self,
        path: String,
        options: OpenFlags,
    ) -> impl Future<Output = Answer<Resource<File>>> + Send + 'static {
        self.open(move |files, allow| files.open_write(&path, flags(options), allow))
    }

    fn open_read_write(
        &mut self,
        path: String,
        options: OpenFlags,
    ) -> impl Future<Output = Answer<Resource<File>>> + Send + 'static {
        self.open(move |files, allow| files.open_read_write(&path, flags(options), allow))
    }

    fn delete_file(&mut self, path: String) -> impl Future<Output = Answer<()>> + Send + 'static {
        self.on_files(move |files, allow| files.delete_file(&path, allow))
    }

    fn create_directory(
        &mut self,
        path: String,
    ) -> impl Future<Output = Answer<()>> + Send + 'static {
        self.on_files(move |files, allow| files.create_directory(&path, allow))
    }

    fn remove_directory(
        &mut self,
        path: String,
    ) -> impl Future<Output = Answer<()>> + Send + 'static {
        self.on_files(move |files, allow| files.remove_directory(&path, allow))
    }

    fn remove_directory_recursive(
        &mut self,
        path: String,
    ) -> impl Future<Output = Answer<()>> + Send + 'static {
        self.on_files(move |files, allow| files.remove_directory_recursive(&path, allow))
    }

    fn rename(
        &mut self,
        from: String,
        to: String,
    ) -> impl Future<Output = Answer<()>> + Send + 'static {
        self.on_files(move |files, allow| files.rename(&from, &to, allow))
    }

    fn copy(
        &mut self,
        from: String,
        to: String,
    ) -> impl Future<Output = Answer<u64>> + Send + 'static {
        self.on_files(move |files, allow| files.copy(&from, &to, allow))
    }

    fn exists(&mut self, path: String) -> impl Future<Output = Answer<bool>> + Send + 'static {
        self.on_files(move |files, allow| files.exists(&path, allow))
    }

    fn get_metadata(
        &mut self,
        path: String,
    ) -> impl Future<Output = Answer<FileMetadata>> + Send + 'static {
        self.on_files(move |files, allow| files.get_metadata(&path, allow).map(about))
    }

    fn set_read_only(
        &mut self,
        path: String,
        read_only: bool,
    ) -> impl Future<Output = Answer<()>> + Send + 'static {
        self.on_files(move |files, allow| files.set_read_only(&path, read_only, allow))
    }

    fn create_symlink(
        &mut self,
        target: String,
        link: String,
    ) -> impl Future<Output = Answer<()>> + Send + 'static {
        self.on_files(move |files, allow| files.create_symlink(&target, &link, allow))
    }

    fn read_symlink(
        &mut self,
        path: String,
    ) -> impl Future<Output = Answer<String>> + Send + 'static {
        self.on_files(move |files, allow| files.read_symlink(&path, allow))
    }
}

impl metadata::Host for ComponentContext {
    fn list_directory(
        &mut self,
        path: String,
    ) -> impl Future<Output = Answer<Vec<DirectoryEntry>>> + Send + 'static {
        self.on_files(move |files, allow| files.list_directory(&path, allow).map(entries))
    }

    fn find(
        &mut self,
        path: String,
        query: Query,
    ) -> impl Future<Output = Answer<Vec<DirectoryEntry>>> + Send + 'static {
        self.on_files(move |files, allow| {
            let query = fs::Query {
                pattern: query.pattern,
                file_type: query.file_type.map(Into::into),
                max_depth: query.max_depth,
            };
            files.find(&path, &query, allow).map(entries)
        })
    }

    fn directory_size(
        &mut self,
        path: String,
    ) -> impl Future<Output = Answer<u64>> + Send + 'static {
        self.on_files(move |files, allow| files.directory_size(&path, allow))
    }

    fn same_file(
        &mut self,
        a: String,
        b: String,
    ) -> impl Future<Output = Answer<bool>> + Send + 'static {
        self.on_files(move |files, allow| files.same_file(&a, &b, allow))
    }

    fn canonical_path(
        &mut self,
        path: String,
    ) -> impl Future<Output = Answer<String>> + Send + 'static {
        self.on_files(move |files, allow| files.canonical_path(&path, allow))
    }

    fn batch_metadata(
        &mut self,
        paths: Vec<String>,
    ) -> impl Future<Output = Answer<Vec<Result<FileMetadata, FileError>>>> + Send + 'static {
        let component: Arc<str> = self.name().into();
        self.on_files(move |files, allow| {
            let all = files.batch_metadata(&paths, allow)?.into_iter();
            let all = all.map(|it| it.map(about).map_err(|error| answer(error, &component)));
            Ok(all.collect())
        })
    }

    fn all_exist(
        &mut self,
        paths: Vec<String>,
    ) -> impl Future<Output = Answer<bool>> + Send + 'static {
        self.on_files(move |files, allow| files.all_exist(&paths, allow))
    }

    fn any_exist(
        &mut self,
        paths: Vec<String>,
    ) -> impl Future<Output = Answer<bool>> + Send + 'static {
        self.on_files(move |files, allow| files.any_exist(&paths, allow))
    }

    fn set_times(
        &mut self,
        path: String,
        accessed: Option<Timestamp>,
        modified: Option<Timestamp>,
    ) -> impl Future<Output = Answer<()>> + Send + 'static {
        self.on_files(move |files, allow| {
            files.set_times(&path, time(accessed)?, time(modified)?, allow)
        })
    }
}
