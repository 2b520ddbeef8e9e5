//! What cannot be made to happen from outside: a disk that fails.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::engine::{Engine, Source};
use super::{Namespace, Query, Storage, StorageError, StorageLimits, StorageOptions};

/// What goes wrong with a disk at the moment.
#[derive(Debug, Default)]
struct Faults {
    /// Writes fail, as there is no room.
    full: AtomicBool,
    /// Synchronising fails.
    sync: AtomicBool,
    /// Everything panics.
    panic: AtomicBool,
    /// How often the file was opened.
    opened: AtomicU32,
}

impl Faults {
    fn check(&self, writes: bool, syncs: bool) -> io::Result<()> {
        assert!(!self.panic.load(Ordering::Relaxed), "the disk is on fire");
        if writes && self.full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if syncs && self.sync.load(Ordering::Relaxed) {
            return Err(io::Error::other("no answer from the disk"));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Disk {
    file: FileBackend,
    faults: Arc<Faults>,
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.faults.check(false, false)?;
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.faults.check(false, false)?;
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.faults.check(true, false)?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.faults.check(false, true)?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.faults.check(true, false)?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

/// A namespace on a disk whose faults can be set. Without a cache, so that reads reach
/// the disk.
fn disk(interval: Duration) -> (Arc<Faults>, Namespace) {
    let faults = Arc::new(Faults::default());
    let file = tempfile::tempfile().unwrap();
    let backend = faults.clone();
    let source = Source::Backend(Box::new(move |builder| {
        backend.opened.fetch_add(1, Ordering::Relaxed);
        builder.create_with_backend(Disk {
            file: FileBackend::new(file.try_clone()?)?,
            faults: backend.clone(),
        })
    }));
    let options = StorageOptions::new().cache_bytes(0);
    let engine = Engine::open(source, options).unwrap();
    let storage = Storage::start(engine.reopen_interval(interval), None).unwrap();
    let namespace = storage
        .namespace("shop:cart", StorageLimits::new())
        .unwrap();
    (faults, namespace)
}

#[test]
fn a_full_disk_loses_nothing_and_is_used_again_when_there_is_room() {
    let (faults, cart) = disk(Duration::ZERO);
    cart.set("before", b"1").unwrap();
    faults.full.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        let error = cart.set("during", &[0; 100_000]).unwrap_err();
        assert!(
            matches!(
                error,
                StorageError::DiskFull { .. } | StorageError::Unavailable { .. }
            ),
            "{error}"
        );
    }
    faults.full.store(false, Ordering::Relaxed);
    cart.set("after", b"2").unwrap();
    assert_eq!(cart.get("before").unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(cart.get("after").unwrap().as_deref(), Some(&b"2"[..]));
}

#[test]
fn a_failed_synchronisation_is_an_error_of_the_write() {
    let (faults, cart) = disk(Duration::ZERO);
    cart.set("before", b"1").unwrap();
    faults.sync.store(true, Ordering::Relaxed);
    let error = cart.set("during", b"1").unwrap_err();
    assert!(matches!(error, StorageError::Io { .. }), "{error}");
    faults.sync.store(false, Ordering::Relaxed);
    cart.set("after", b"2").unwrap();
    let keys = cart.list_keys(&Query::new()).unwrap().items;
    assert!(keys.contains(&"before".to_owned()) && keys.contains(&"after".to_owned()));
    assert_eq!(cart.usage().unwrap().keys, keys.len() as u64);
}

#[test]
fn readers_have_the_database_opened_again() {
    let (faults, cart) = disk(Duration::ZERO);
    cart.set("before", b"1").unwrap();
    faults.full.store(true, Ordering::Relaxed);
    cart.set("during", b"1").unwrap_err();
    faults.full.store(false, Ordering::Relaxed);
    // The writer's thread does it, so a first read may come too early.
    for _ in 0..1_000 {
        if cart.get("before").is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(cart.get("before").unwrap().as_deref(), Some(&b"1"[..]));
}

#[test]
fn a_disk_that_keeps_failing_is_not_tried_all_the_time() {
    let (faults, cart) = disk(Duration::from_secs(3_600));
    faults.full.store(true, Ordering::Relaxed);
    for _ in 0..50 {
        cart.set("during", b"1").unwrap_err();
    }
    assert!(faults.opened.load(Ordering::Relaxed) <= 2);
}

#[test]
fn a_panic_of_the_database_is_an_error() {
    let (faults, cart) = disk(Duration::ZERO);
    cart.set("before", b"1").unwrap();
    faults.panic.store(true, Ordering::Relaxed);
    let failed = |error: StorageError| {
        let expected = matches!(
            error,
            StorageError::Corrupted { .. } | StorageError::Unavailable { .. }
        );
        assert!(expected, "{error}");
    };
    failed(cart.get("before").unwrap_err());
    failed(cart.set("during", b"1").unwrap_err());
    failed(cart.get("before").unwrap_err());
    faults.panic.store(false, Ordering::Relaxed);
    // Writes and reads go on, once the database was opened again.
    for _ in 0..1_000 {
        if cart.set("after", b"2").is_ok() && cart.get("before").is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(cart.get("before").unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(cart.get("after").unwrap().as_deref(), Some(&b"2"[..]));
}
