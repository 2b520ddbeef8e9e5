//! The same pairs for criterion: its statistics, its history, its plots.

use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use enginebay_benches::{Work, pairs};

fn side(c: &mut Criterion, name: &str, side: &str, work: &mut Work) {
    c.benchmark_group(name).bench_function(side, |bencher| {
        bencher.iter_custom(|n| {
            let start = Instant::now();
            work(n);
            start.elapsed()
        });
    });
}

fn calls(c: &mut Criterion) {
    for mut pair in pairs() {
        side(c, &pair.name, "enginebay", &mut pair.ours);
        side(c, &pair.name, pair.against, &mut pair.theirs);
    }
}

criterion_group!(benches, calls);
criterion_main!(benches);
