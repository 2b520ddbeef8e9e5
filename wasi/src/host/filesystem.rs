//! `wasi:filesystem`: descriptors of files and directories, and those that a
//! guest starts with.

use enginebay_core::{Backend, ComponentType, Lift, Lower, Resource, Result};
use wasmtime_wasi::filesystem::WasiFilesystemView;
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{self, Host, HostDescriptor};

use super::clocks::Datetime;
use super::io::{InputStream, IoError, OutputStream};
use super::listing::Listing;
use super::{Imports, Interface, entry, enums, failed, give, resources};
use crate::ctx::WasiView;

resources! {
    /// `wasi:filesystem/types.descriptor`.
    Descriptor = types::Descriptor;
    /// `wasi:filesystem/types.directory-entry-stream`.
    DirectoryEntryStream = Listing;
}

enums! {
    /// `wasi:filesystem/types.descriptor-type`.
    DescriptorType = types::DescriptorType {
        Unknown,
        BlockDevice,
        CharacterDevice,
        Directory,
        Fifo,
        SymbolicLink,
        RegularFile,
        Socket,
    }

    /// `wasi:filesystem/types.error-code`.
    ErrorCode = types::ErrorCode {
        Access,
        WouldBlock,
        Already,
        BadDescriptor,
        Busy,
        Deadlock,
        Quota,
        Exist,
        FileTooLarge,
        IllegalByteSequence,
        InProgress,
        Interrupted,
        Invalid,
        Io,
        IsDirectory,
        Loop,
        TooManyLinks,
        MessageSize,
        NameTooLong,
        NoDevice,
        NoEntry,
        NoLock,
        InsufficientMemory,
        InsufficientSpace,
        NotDirectory,
        NotEmpty,
        NotRecoverable,
        Unsupported,
        NoTty,
        NoSuchDevice,
        Overflow,
        NotPermitted,
        Pipe,
        ReadOnly,
        InvalidSeek,
        TextFileBusy,
        CrossDevice,
    }

    /// `wasi:filesystem/types.advice`.
    Advice = types::Advice {
        Normal,
        Sequential,
        Random,
        WillNeed,
        DontNeed,
        NoReuse,
    }
}

/// Declares flags that are those of `wasmtime-wasi` by the same names, in the
/// same order.
macro_rules! flag_sets {
    ($($name:ident = $theirs:ty { $($flag:ident,)* })*) => {$(
        enginebay_core::flags! {
            pub(super) $name {
                $(const $flag;)*
            }
        }

        impl From<$theirs> for $name {
            fn from(theirs: $theirs) -> Self {
                type Theirs = $theirs;
                let mut ours = $name::empty();
                $(if theirs.contains(Theirs::$flag) {
                    ours.insert($name::$flag);
                })*
                ours
            }
        }

        impl From<$name> for $theirs {
            fn from(ours: $name) -> Self {
                type Theirs = $theirs;
                let mut theirs = Theirs::empty();
                $(if ours.contains($name::$flag) {
                    theirs |= Theirs::$flag;
                })*
                theirs
            }
        }
    )*};
}

flag_sets! {
    DescriptorFlags = types::DescriptorFlags {
        READ,
        WRITE,
        FILE_INTEGRITY_SYNC,
        DATA_INTEGRITY_SYNC,
        REQUESTED_WRITE_SYNC,
        MUTATE_DIRECTORY,
    }

    PathFlags = types::PathFlags {
        SYMLINK_FOLLOW,
    }

    OpenFlags = types::OpenFlags {
        CREATE,
        DIRECTORY,
        EXCLUSIVE,
        TRUNCATE,
    }
}

#[derive(Clone, Copy, Debug, ComponentType, Lift)]
enum NewTimestamp {
    NoChange,
    Now,
    Timestamp(Datetime),
}

impl From<NewTimestamp> for types::NewTimestamp {
    fn from(time: NewTimestamp) -> Self {
        match time {
            NewTimestamp::NoChange => types::NewTimestamp::NoChange,
            NewTimestamp::Now => types::NewTimestamp::Now,
            NewTimestamp::Timestamp(time) => types::NewTimestamp::Timestamp(time.into()),
        }
    }
}

#[derive(Clone, Copy, Debug, ComponentType, Lower)]
struct DescriptorStat {
    r#type: DescriptorType,
    link_count: u64,
    size: u64,
    data_access_timestamp: Option<Datetime>,
    data_modification_timestamp: Option<Datetime>,
    status_change_timestamp: Option<Datetime>,
}

impl From<types::DescriptorStat> for DescriptorStat {
    fn from(stat: types::DescriptorStat) -> Self {
        DescriptorStat {
            r#type: stat.type_.into(),
            link_count: stat.link_count,
            size: stat.size,
            data_access_timestamp: stat.data_access_timestamp.map(Into::into),
            data_modification_timestamp: stat.data_modification_timestamp.map(Into::into),
            status_change_timestamp: stat.status_change_timestamp.map(Into::into),
        }
    }
}

#[derive(Debug, ComponentType, Lower)]
struct DirectoryEntry {
    r#type: DescriptorType,
    name: String,
}

impl From<types::DirectoryEntry> for DirectoryEntry {
    fn from(entry: types::DirectoryEntry) -> Self {
        DirectoryEntry {
            r#type: entry.type_.into(),
            name: entry.name,
        }
    }
}

#[derive(Clone, Copy, Debug, ComponentType, Lower)]
struct MetadataHashValue {
    lower: u64,
    upper: u64,
}

impl From<types::MetadataHashValue> for MetadataHashValue {
    fn from(hash: types::MetadataHashValue) -> Self {
        MetadataHashValue {
            lower: hash.lower,
            upper: hash.upper,
        }
    }
}

/// The result of a function of a file, as the guest gets it.
fn answer<Theirs, Ours>(
    result: FsResult<Theirs>,
    ours: impl FnOnce(Theirs) -> Ours,
) -> Result<(Result<Ours, ErrorCode>,)> {
    match result {
        Ok(value) => Ok((Ok(ours(value)),)),
        Err(error) => Ok((Err(error.downcast().map_err(failed)?.into()),)),
    }
}

/// Whether this is a named pipe. On Unix, `wasmtime-wasi` calls these and sockets,
/// which cannot be opened, unknown.
fn is_pipe(ty: types::DescriptorType) -> bool {
    matches!(
        ty,
        types::DescriptorType::Unknown | types::DescriptorType::Fifo
    )
}

type This = Resource<Descriptor>;

pub(super) fn add<B: Backend, T: WasiView + 'static>(
    imports: &mut Imports<'_, B, T>,
) -> Result<()> {
    let mut types = imports.interface("wasi:filesystem/types")?;
    types.func(
        "filesystem-error-code",
        |state, (error,): (Resource<IoError>,)| {
            let code = Host::filesystem_error_code(&mut state.filesystem(), entry(&error));
            Ok((code.map_err(failed)?.map(ErrorCode::from),))
        },
    )?;
    types.resource::<Descriptor, _>("descriptor", |state, this| {
        HostDescriptor::drop(&mut state.filesystem(), this)
    })?;
    streams(&mut types)?;
    methods(&mut types)?;
    methods_with_handles(&mut types)?;

    types.resource::<DirectoryEntryStream, _>("directory-entry-stream", |state, this| {
        state.table.delete(this)?;
        Ok(())
    })?;
    types.waits(
        "[method]directory-entry-stream.read-directory-entry",
        |state, (this,): (Resource<DirectoryEntryStream>,)| {
            Box::pin(async move {
                let listing = state.table.get_mut(&entry(&this));
                let listing = listing.map_err(|error| failed(error.into()))?;
                let entry = listing.next().await;
                answer(entry, |entry| entry.map(DirectoryEntry::from))
            })
        },
    )?;

    imports
        .interface("wasi:filesystem/preopens")?
        .func("get-directories", |state, ()| {
            let dirs = preopens::Host::get_directories(&mut state.filesystem());
            let dirs = dirs
                .map_err(failed)?
                .into_iter()
                .map(|(dir, name)| (give(dir), name));
            Ok((dirs.collect::<Vec<(This, String)>>(),))
        })
}

fn streams<B: Backend, T: WasiView + 'static>(types: &mut Interface<'_, B, T>) -> Result<()> {
    types.func(
        "[method]descriptor.read-via-stream",
        |state, (this, offset): (This, u64)| {
            let mut files = state.filesystem();
            let stream = HostDescriptor::read_via_stream(&mut files, entry(&this), offset);
            answer(stream, give::<InputStream>)
        },
    )?;
    types.func(
        "[method]descriptor.write-via-stream",
        |state, (this, offset): (This, u64)| {
            let mut files = state.filesystem();
            let stream = HostDescriptor::write_via_stream(&mut files, entry(&this), offset);
            answer(stream, give::<OutputStream>)
        },
    )?;
    types.func(
        "[method]descriptor.append-via-stream",
        |state, (this,): (This,)| {
            let mut files = state.filesystem();
            let stream = HostDescriptor::append_via_stream(&mut files, entry(&this));
            answer(stream, give::<OutputStream>)
        },
    )
}

/// Methods whose parameters and results are plain values.
fn methods<B: Backend, T: WasiView + 'static>(types: &mut Interface<'_, B, T>) -> Result<()> {
    macro_rules! methods {
        ($($name:literal: $method:ident($($arg:ident: $ty:ty),*) -> $result:ty;)*) => {$(
            types.waits(
                concat!("[method]descriptor.", $name),
                |state, (this, $($arg,)*): (This, $($ty,)*)| {
                    Box::pin(async move {
                        let mut files = state.filesystem();
                        let this = entry(&this);
                        let result = HostDescriptor::$method(&mut files, this, $($arg.into()),*);
                        answer(result.await, <$result>::from)
                    })
                },
            )?;
        )*};
    }
    methods! {
        "advise": advise(offset: u64, length: u64, advice: Advice) -> ();
        "sync-data": sync_data() -> ();
        "get-flags": get_flags() -> DescriptorFlags;
        "get-type": get_type() -> DescriptorType;
        "set-size": set_size(size: u64) -> ();
        "set-times": set_times(access: NewTimestamp, modification: NewTimestamp) -> ();
        "read": read(length: u64, offset: u64) -> (Vec<u8>, bool);
        "write": write(buffer: Vec<u8>, offset: u64) -> u64;
        "sync": sync() -> ();
        "create-directory-at": create_directory_at(path: String) -> ();
        "stat": stat() -> DescriptorStat;
        "stat-at": stat_at(flags: PathFlags, path: String) -> DescriptorStat;
        "set-times-at": set_times_at(
            flags: PathFlags,
            path: String,
            access: NewTimestamp,
            modification: NewTimestamp
        ) -> ();
        "readlink-at": readlink_at(path: String) -> String;
        "symlink-at": symlink_at(old_path: String, new_path: String) -> ();
        "unlink-file-at": unlink_file_at(path: String) -> ();
        "metadata-hash": metadata_hash() -> MetadataHashValue;
        "metadata-hash-at": metadata_hash_at(flags: PathFlags, path: String) -> MetadataHashValue;
    }
    Ok(())
}

fn methods_with_handles<B: Backend, T: WasiView + 'static>(
    types: &mut Interface<'_, B, T>,
) -> Result<()> {
    types.waits(
        "[method]descriptor.open-at",
        |state,
         (this, path_flags, path, open_flags, flags): (
            This,
            PathFlags,
            String,
            OpenFlags,
            DescriptorFlags,
        )| {
            Box::pin(async move {
                let mut files = state.filesystem();
                let path_flags = types::PathFlags::from(path_flags);
                // A named pipe opens when somebody opens its other end: a thread of
                // the process would wait until then, longer than the guest may.
                if cfg!(unix) {
                    let path = path.clone();
                    let found =
                        HostDescriptor::stat_at(&mut files, entry(&this), path_flags, path).await;
                    if found.is_ok_and(|stat| is_pipe(stat.type_)) {
                        return Ok((Err(ErrorCode::Unsupported),));
                    }
                }
                let opened = HostDescriptor::open_at(
                    &mut files,
                    entry(&this),
                    path_flags,
                    path,
                    open_flags.into(),
                    flags.into(),
                )
                .await;
                answer(opened, give::<Descriptor>)
            })
        },
    )?;
    types.waits(
        "[method]descriptor.remove-directory-at",
        |state, (this, path): (This, String)| {
            Box::pin(async move {
                // As systems have it, `folder/` is the folder. What is below refuses that.
                let path = match path.trim_end_matches('/') {
                    "" => path,
                    trimmed => trimmed.to_owned(),
                };
                let mut files = state.filesystem();
                let done = HostDescriptor::remove_directory_at(&mut files, entry(&this), path);
                answer(done.await, |()| ())
            })
        },
    )?;
    types.waits(
        "[method]descriptor.read-directory",
        |state, (this,): (This,)| {
            Box::pin(async move {
                let listing = match state.table.get(&entry(&this)) {
                    Ok(types::Descriptor::Dir(folder)) => Listing::new(folder.dir.clone()).await,
                    Ok(types::Descriptor::File(_)) => Err(types::ErrorCode::NotDirectory.into()),
                    Err(error) => Err(error.into()),
                };
                let listing = match listing {
                    Ok(listing) => state.table.push(listing).map_err(Into::into),
                    Err(error) => Err(error),
                };
                answer(listing, give::<DirectoryEntryStream>)
            })
        },
    )?;
    types.waits(
        "[method]descriptor.link-at",
        |state, (this, flags, path, other, new_path): (This, PathFlags, String, This, String)| {
            Box::pin(async move {
                let done = HostDescriptor::link_at(
                    &mut state.filesystem(),
                    entry(&this),
                    flags.into(),
                    path,
                    entry(&other),
                    new_path,
                )
                .await;
                answer(done, |()| ())
            })
        },
    )?;
    types.waits(
        "[method]descriptor.rename-at",
        |state, (this, path, other, new_path): (This, String, This, String)| {
            Box::pin(async move {
                let mut files = state.filesystem();
                let (this, other) = (entry(&this), entry(&other));
                let done = HostDescriptor::rename_at(&mut files, this, path, other, new_path).await;
                answer(done, |()| ())
            })
        },
    )?;
    types.waits(
        "[method]descriptor.is-same-object",
        |state, (this, other): (This, This)| {
            Box::pin(async move {
                let mut files = state.filesystem();
                let (this, other) = (entry(&this), entry(&other));
                let same = HostDescriptor::is_same_object(&mut files, this, other).await;
                Ok((same.map_err(failed)?,))
            })
        },
    )
}
