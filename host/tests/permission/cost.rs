//! What a check costs. Run in release mode:
//! `cargo test --release -p enginebay-host --test permission cost -- --ignored --nocapture`.

use std::hint::black_box;
use std::time::Instant;

use enginebay_host::permission::Permissions;

use super::*;

/// The median of batches, in nanoseconds for one call.
fn median(mut call: impl FnMut()) -> f64 {
    const BATCH: u32 = 2_000;
    let mut samples: Vec<f64> = (0..201)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..BATCH {
                call();
            }
            start.elapsed().as_nanos() as f64 / f64::from(BATCH)
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

#[test]
#[ignore = "measures, and asserts nothing about time"]
fn print_what_checks_cost() {
    for count in [1, 10, 500] {
        let permissions = Permissions::new();
        let grants = (0..count).map(|n| required(READ, &format!("/data/dir{n}/**")));
        let checker = registered(&permissions, grants);
        let path = format!("/data/dir{}/2024/report.txt", count - 1);
        let (granted, denied) = (read(&path), read("/home/me/notes/report.txt"));
        checker.check(FUNCTION, granted).unwrap();
        checker.check(FUNCTION, denied).unwrap_err();
        let ns = median(|| _ = black_box(checker.check(FUNCTION, black_box(granted))));
        println!("{count} grants, granted, cached: {ns:.0} ns");
        let ns = median(|| _ = black_box(checker.check(FUNCTION, black_box(denied))));
        println!("{count} grants, denied, cached: {ns:.0} ns");

        // More targets than are remembered, so that each is decided anew.
        let paths: Vec<_> = (0..4_096)
            .map(|n| format!("/data/dir{}/2024/{n}.txt", n % count))
            .collect();
        let mut next = paths.iter().cycle();
        let ns = median(|| {
            let path = next.next().unwrap();
            checker.check(FUNCTION, black_box(read(path))).unwrap();
        });
        println!("{count} grants, granted, not cached: {ns:.0} ns");
        let paths: Vec<_> = (0..4_096)
            .map(|n| format!("/home/me/notes/{n}.txt"))
            .collect();
        let mut next = paths.iter().cycle();
        let ns = median(|| {
            let path = next.next().unwrap();
            checker.check(FUNCTION, black_box(read(path))).unwrap_err();
        });
        println!("{count} grants, denied, not cached: {ns:.0} ns");
    }
    let permissions = Permissions::new();
    let checker = registered(&permissions, [required(CONNECT, "*.example.com:443")]);
    let hosts: Vec<_> = (0..4_096).map(|n| format!("host{n}.example.com")).collect();
    let mut next = hosts.iter().cycle();
    let ns = median(|| {
        let host = next.next().unwrap();
        checker
            .check(FUNCTION, black_box(connect(host, 443)))
            .unwrap();
    });
    println!("hosts, granted, not cached: {ns:.0} ns");
    let meter = permissions.meter(NAME).unwrap();
    let ns = median(|| {
        let kind = enginebay_host::permission::QuotaKind::StorageBytes;
        black_box(meter.charge(kind, 1)).unwrap();
        meter.release(kind, 1);
    });
    println!("quota, charged and released: {ns:.0} ns");
}
