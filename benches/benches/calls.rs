//! The same pairs for criterion: its statistics, its history, its plots.

use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use enginebay_benches::{Work, benches};

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
    for bench in benches() {
        let mut pair = (bench.make)();
        let name = format!("{}: {}", bench.backend, bench.name);
        side(c, &name, "enginebay", &mut pair.ours);
        side(c, &name, bench.against, &mut pair.theirs);
    }
}

criterion_group!(all, calls);
criterion_main!(all);
