//! What is left when the process that writes is killed, or its disk is full. The writer
//! is this program again, told by the environment what to do.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use enginebay_host::storage::{
    Namespace, Operation, Query, Storage, StorageError, StorageLimits, StorageUsage,
};

/// Tells a writer the file.
const FILE: &str = "ENGINEBAY_TEST_STORAGE_FILE";
/// How many times a writer is killed.
const KILLS: u32 = 100;
/// Writers at once in a process, so that commits are of several writes.
const WRITERS: u32 = 3;
/// Keys of a batch, which all have the batch's number for a value.
const BATCH: u32 = 5;
/// Keys that a writer goes around, so that the file stays small.
const KEYS: u64 = 40;

/// A namespace of each writer, in two owners.
fn namespace(storage: &Storage, writer: u32) -> Namespace {
    let name = format!("owner{}:writer{writer}", writer % 2);
    storage.namespace(&name, StorageLimits::new()).unwrap()
}

/// A text of a length that differs from number to number.
fn padded(number: u64) -> Vec<u8> {
    let mut text = number.to_string().into_bytes();
    text.resize(text.len() + (number * 37 % 900) as usize, b' ');
    text
}

fn number(value: &[u8]) -> u64 {
    std::str::from_utf8(value).unwrap().trim().parse().unwrap()
}

fn writer(role: &str, path: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([role, "--exact", "--ignored", "--nocapture"])
        .env(FILE, path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    command
}

/// Writes on until it is killed, and says what it has written.
#[test]
#[ignore = "a role of another test"]
fn role_write_until_killed() {
    let Some(path) = std::env::var_os(FILE) else {
        return;
    };
    let storage = Storage::open(path).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let storage = &storage;
            scope.spawn(move || write_on(storage, writer));
        }
    });
}

fn write_on(storage: &Storage, writer: u32) {
    let namespace = namespace(storage, writer);
    let mut last = namespace.get("last").unwrap().map_or(0, |it| number(&it));
    loop {
        last += 1;
        let mut batch = vec![Operation::set("last", padded(last))];
        batch.push(match last % 5 {
            0 => Operation::delete(format!("key{}", last % KEYS)),
            _ => Operation::set(format!("key{}", last % KEYS), padded(last)),
        });
        for part in 0..BATCH {
            batch.push(Operation::set(format!("batch/{part}"), padded(last)));
        }
        namespace.batch(&batch).unwrap();
        // One call, so that the line arrives whole or not at all.
        let line = format!("written {writer} {last}\n");
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    }
}

/// The last number of each writer that the process acknowledged before its end.
fn acknowledged(child: &mut Child) -> BTreeMap<u32, u64> {
    let mut last = BTreeMap::new();
    let lines = BufReader::new(child.stdout.take().unwrap());
    for line in lines.lines() {
        let line = line.unwrap();
        // Others come from the test runner, which may begin ours.
        let words: Vec<&str> = line.split(' ').collect();
        if let [.., "written", writer, number] = words.as_slice() {
            last.insert(writer.parse().unwrap(), number.parse().unwrap());
        }
    }
    last
}

/// Checks a writer's namespace, and gives its last number.
fn check(storage: &Storage, writer: u32) -> u64 {
    let namespace = namespace(storage, writer);
    let pairs = namespace.scan(&Query::new()).unwrap().items;
    let bytes: usize = pairs
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    let usage = namespace.usage().unwrap();
    assert_eq!(
        (usage.keys, usage.bytes),
        (pairs.len() as u64, bytes as u64)
    );
    let pairs: BTreeMap<String, Vec<u8>> = pairs.into_iter().collect();
    let Some(last) = pairs.get("last").map(|value| number(value)) else {
        assert!(pairs.is_empty());
        return 0;
    };
    // The last batch is there as a whole, and the keys are those that the batches up to
    // it leave.
    let mut expected: BTreeMap<String, Vec<u8>> = (0..BATCH)
        .map(|part| (format!("batch/{part}"), padded(last)))
        .collect();
    expected.insert("last".to_owned(), padded(last));
    for number in last.saturating_sub(KEYS - 1).max(1)..=last {
        if number % 5 != 0 {
            expected.insert(format!("key{}", number % KEYS), padded(number));
        }
    }
    assert_eq!(pairs, expected);
    last
}

#[test]
fn nothing_acknowledged_is_lost_when_the_writer_is_killed_a_hundred_times() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.db");
    let mut total = 0;
    for kill in 0..KILLS {
        let mut child = writer("role_write_until_killed", &path).spawn().unwrap();
        // From while it makes or opens the file to many commits later.
        let wait = u64::from(kill * 7919 % 100);
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        let acknowledged = acknowledged(&mut child);
        let status = child.wait().unwrap();
        assert!(!status.success());
        assert_eq!(status.code(), None, "the writer ended by itself");

        let storage = Storage::open(&path).unwrap();
        let mut owners = [StorageUsage::default(); 2];
        for writer in 0..WRITERS {
            let last = check(&storage, writer);
            let acknowledged = acknowledged.get(&writer).copied().unwrap_or(0);
            assert!(last >= acknowledged, "{last} of {acknowledged} are there");
            total += acknowledged.min(1);
            let usage = namespace(&storage, writer).usage().unwrap();
            let owner = &mut owners[writer as usize % 2];
            owner.keys += usage.keys;
            owner.bytes += usage.bytes;
        }
        for (number, owner) in owners.iter().enumerate() {
            let usage = storage.owner_usage(&format!("owner{number}")).unwrap();
            assert_eq!(usage, *owner);
        }
    }
    // Enough of them were killed while they wrote.
    assert!(total > 20, "{total}");
}

/// Opens the file, says so and holds it.
#[test]
#[ignore = "a role of another test"]
fn role_hold() {
    let Some(path) = std::env::var_os(FILE) else {
        return;
    };
    let _storage = Storage::open(path).unwrap();
    println!("\nheld");
    loop {
        std::thread::park();
    }
}

#[test]
fn a_file_that_another_process_has_open_is_refused_until_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.db");
    let mut child = writer("role_hold", &path).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "held"));
    let refused = Storage::open(&path).map(|_| ());
    child.kill().unwrap();
    child.wait().unwrap();
    let in_use = StorageError::InUse { path: path.clone() };
    assert_eq!(refused, Err(in_use));
    Storage::open(&path).unwrap();
}

/// Fills the file up to where the system refuses more, then makes room and goes on.
#[test]
#[ignore = "a role of another test"]
fn role_fill_the_disk() {
    let Some(path) = std::env::var_os(FILE) else {
        return;
    };
    let storage = Storage::open(path).unwrap();
    let namespace = namespace(&storage, 0);
    let mut last = 0;
    let error = loop {
        match namespace.set(&format!("key{:05}", last + 1), &[1; 10_000]) {
            Ok(()) => last += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StorageError::DiskFull { .. }), "{error}");
    // What was acknowledged can be read, if not at once.
    let mut tries = 0;
    while let Err(error) = namespace.scan(&Query::new()) {
        assert!(tries < 500, "{error}");
        tries += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    for number in 1..=last {
        let value = namespace.get(&format!("key{number:05}")).unwrap();
        assert_eq!(value.as_deref(), Some(&[1; 10_000][..]));
    }
    println!("\nfilled {last}");
}

#[test]
fn a_full_disk_is_an_error_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.db");
    // A limit of 2 MiB for files, in units of 512 bytes, which refuses as a full disk
    // does once the signal is ignored.
    let role = writer("role_fill_the_disk", &path);
    let mut child = Command::new("sh")
        .args(["-c", "trap '' XFSZ && ulimit -f 4096 && exec \"$@\"", "sh"])
        .arg(role.get_program())
        .args(role.get_args())
        .env(FILE, &path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(child.wait().unwrap().success(), "{lines:#?}");
    let last: u64 = lines
        .iter()
        .find_map(|line| line.strip_prefix("filled "))
        .unwrap()
        .parse()
        .unwrap();
    assert!(last > 20, "{last}");

    let storage = Storage::open(&path).unwrap();
    let namespace = namespace(&storage, 0);
    let page = namespace.scan(&Query::new()).unwrap();
    assert_eq!(page.items[0].0, "key00001");
    // Of the write that was refused, either is true.
    let keys = namespace.usage().unwrap().keys;
    assert!(keys == last || keys == last + 1, "{keys} of {last}");
    namespace.set("more", &[2; 1_000_000]).unwrap();
}
