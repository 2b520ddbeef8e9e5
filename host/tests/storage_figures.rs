//! How fast the storage is on this machine, for people: it asserts nothing about time.
//!
//! ```text
//! cargo test --release -p enginebay-host --test storage_figures -- --ignored --nocapture
//! ```

use std::time::Instant;

use enginebay_host::storage::{Operation, Query, Storage, StorageLimits, StorageOptions};

fn key(number: u64) -> String {
    format!("key/{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Does something many times, and prints how often in a second.
fn rate(name: &str, times: u64, work: impl FnOnce()) {
    let start = Instant::now();
    work();
    let elapsed = start.elapsed();
    let each = elapsed.as_secs_f64() * 1e6 / times as f64;
    println!("{name}: {:.0}/s, {each:.1} us each", 1e6 / each);
}

#[test]
#[ignore = "measures"]
fn figures() {
    const KEYS: u64 = 100_000;
    let folder = tempfile::tempdir_in(".").unwrap();
    let value = [7; 100];
    for (name, options) in [
        ("one phase", StorageOptions::new()),
        ("two phases", StorageOptions::new().two_phase_commit(true)),
    ] {
        let path = folder.path().join(name);
        let storage = Storage::open_with(&path, options).unwrap();
        let namespace = storage
            .namespace("shop:cart", StorageLimits::new())
            .unwrap();
        println!("{name}");
        rate("  load in batches of 1,000", KEYS, || {
            for start in (0..KEYS).step_by(1_000) {
                let sets: Vec<_> = (start..start + 1_000)
                    .map(|number| Operation::set(key(number), value))
                    .collect();
                namespace.batch(&sets).unwrap();
            }
        });
        rate("  set, 1 thread", 300, || {
            for number in 0..300 {
                namespace.set(&key(number), &value).unwrap();
            }
        });
        rate("  set, 16 threads", 16 * 200, || {
            std::thread::scope(|scope| {
                for thread in 0..16 {
                    let namespace = &namespace;
                    scope.spawn(move || {
                        for number in 0..200 {
                            let key = key(thread * 1_000 + number);
                            namespace.set(&key, &value).unwrap();
                        }
                    });
                }
            });
        });
        rate("  get", KEYS, || {
            for number in 0..KEYS {
                let found = namespace.get(&key(number * 7_919 % KEYS)).unwrap();
                assert!(found.is_some());
            }
        });
        rate("  scan, each pair", KEYS, || {
            let mut query = Query::new();
            while let Some(next) = namespace.scan(&query).unwrap().next {
                query = query.after(next);
            }
        });
        drop((namespace, storage));
        let size = std::fs::metadata(&path).unwrap().len();
        rate(&format!("  open, {} MiB", size >> 20), 1, || {
            drop(Storage::open(&path).unwrap());
        });
    }
}
