//! The storage beside the database that it is made of, opened alike: redb with one table
//! of texts and bytes, one transaction for each call, synchronised before it returns.
//! What the storage has on top are namespaces, limits that hold, counters that are exact
//! after a crash, and a thread that commits what comes at once together.
//!
//! The files are in the system's folder for temporary files (`TMPDIR`): how fast its disk
//! synchronises decides most of what writes take.

use std::path::Path;

use enginebay::host::storage::{
    Namespace, Operation, Query, Storage, StorageLimits, StorageOptions,
};
use redb::{Database, ReadableDatabase, TableDefinition};
use tempfile::TempDir;

use super::add;
use crate::{Bench, Pair, Work};

const AGAINST: &str = "bare redb";
const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("values");

/// Keys that are there before anything is measured, and all that are written.
const KEYS: u64 = 10_000;
/// Operations of a batch, and pairs of a page.
const MANY: u64 = 100;
/// Threads that write at once.
const WRITERS: u64 = 8;
const VALUE: [u8; 100] = [7; 100];

pub(super) fn list(to: &mut Vec<Bench>) {
    let mut add = |name: &str, make: fn(Ours, Theirs) -> Pair| {
        let make = move || make(Ours::new(), Theirs::new());
        add(to, format!("storage, {name}"), AGAINST, None, make);
    };
    add("put", put);
    add("put, 8 threads at once, each", put_at_once);
    add("batch of 100 puts", batch);
    add("get", get);
    add("scan of 100 pairs", scan);
}

/// The `number`th key: spread over the order of keys.
fn key(number: u64) -> String {
    let spread = (number % KEYS).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("key/{spread:016x}")
}

/// A namespace of a new storage, with all keys.
struct Ours {
    namespace: Namespace,
    /// Before its folder is removed.
    _storage: Storage,
    _folder: TempDir,
}

impl Ours {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        let storage = Storage::open(folder.path().join("storage")).expect("the disk works");
        let namespace = storage
            .namespace("shop:cart", StorageLimits::new())
            .expect("the name is valid");
        let puts: Vec<_> = (0..KEYS)
            .map(|number| Operation::set(key(number), VALUE))
            .collect();
        for puts in puts.chunks(1000) {
            namespace.batch(puts).expect("there is room");
        }
        Ours {
            namespace,
            _storage: storage,
            _folder: folder,
        }
    }
}

/// A new database, with all keys.
struct Theirs {
    database: Database,
    _folder: TempDir,
}

impl Theirs {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        let database = create(&folder.path().join("database"));
        let keys: Vec<_> = (0..KEYS).map(key).collect();
        insert(&database, &keys);
        Theirs {
            database,
            _folder: folder,
        }
    }
}

fn create(path: &Path) -> Database {
    Database::builder()
        .set_cache_size(StorageOptions::new().cache_bytes)
        .create(path)
        .expect("the disk works")
}

/// One transaction, which is on disk when it returns, as redb does unless told otherwise.
fn insert(database: &Database, keys: &[impl AsRef<str>]) {
    let transaction = database.begin_write().expect("the disk works");
    {
        let mut table = transaction.open_table(TABLE).expect("it has these types");
        for key in keys {
            table
                .insert(key.as_ref(), &VALUE[..])
                .expect("the disk works");
        }
    }
    transaction.commit().expect("the disk works");
}

/// With the numbers from 0 on, one after the other.
fn counted(mut once: impl FnMut(u64) + 'static) -> Work {
    let mut number = 0;
    Box::new(move |n| {
        for _ in 0..n {
            once(number);
            number += 1;
        }
    })
}

fn put(ours: Ours, theirs: Theirs) -> Pair {
    Pair::new((
        counted(move |number| {
            let put = ours.namespace.set(&key(number), &VALUE);
            put.expect("there is room");
        }),
        counted(move |number| insert(&theirs.database, &[key(number)])),
    ))
}

/// Each of some threads does something `n` times.
fn at_once(once: impl Fn(u64) + Sync + 'static) -> Work {
    Box::new(move |n| {
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let once = &once;
                scope.spawn(move || {
                    for number in 0..n {
                        once(writer * KEYS / WRITERS + number);
                    }
                });
            }
        });
    })
}

fn put_at_once(ours: Ours, theirs: Theirs) -> Pair {
    Pair {
        operations: WRITERS,
        ours: at_once(move |number| {
            let put = ours.namespace.set(&key(number), &VALUE);
            put.expect("there is room");
        }),
        theirs: at_once(move |number| insert(&theirs.database, &[key(number)])),
    }
}

fn batch(ours: Ours, theirs: Theirs) -> Pair {
    Pair::new((
        counted(move |number| {
            let puts: Vec<_> = (0..MANY)
                .map(|at| Operation::set(key(number * MANY + at), VALUE))
                .collect();
            ours.namespace.batch(&puts).expect("there is room");
        }),
        counted(move |number| {
            let keys: Vec<_> = (0..MANY).map(|at| key(number * MANY + at)).collect();
            insert(&theirs.database, &keys);
        }),
    ))
}

fn get(ours: Ours, theirs: Theirs) -> Pair {
    Pair::new((
        counted(move |number| {
            let value = ours.namespace.get(&key(number)).expect("the disk works");
            assert_eq!(value.map(|it| it.len()), Some(VALUE.len()));
        }),
        counted(move |number| {
            let transaction = theirs.database.begin_read().expect("the disk works");
            let table = transaction.open_table(TABLE).expect("it has these types");
            let value = table.get(&*key(number)).expect("the disk works");
            let value = value.map(|it| it.value().to_vec());
            assert_eq!(value.map(|it| it.len()), Some(VALUE.len()));
        }),
    ))
}

/// From keys of the first half on, so that there always is a page.
fn scan(ours: Ours, theirs: Theirs) -> Pair {
    let mut keys: Vec<_> = (0..KEYS).map(key).collect();
    keys.sort();
    keys.truncate(keys.len() / 2);
    let same = keys.clone();
    let from = |keys: &[String], number: u64| keys[number as usize * 31 % keys.len()].clone();
    Pair::new((
        counted(move |number| {
            let query = Query::new().after(from(&keys, number)).limit(MANY as usize);
            let page = ours.namespace.scan(&query).expect("the disk works");
            assert_eq!(page.items.len(), MANY as usize);
        }),
        counted(move |number| {
            let transaction = theirs.database.begin_read().expect("the disk works");
            let table = transaction.open_table(TABLE).expect("it has these types");
            let rows = table.range(&*from(&same, number)..).expect("it works");
            let page: Vec<_> = rows
                .skip(1)
                .take(MANY as usize)
                .map(|row| {
                    let (key, value) = row.expect("the disk works");
                    (key.value().to_owned(), value.value().to_vec())
                })
                .collect();
            assert_eq!(page.len(), MANY as usize);
        }),
    ))
}
