//! Checks of permissions, which come before each call of a host function: those whose
//! answer is remembered, and those that are decided anew. Beside them is a map of the
//! standard library's with the same targets: the least that could know what is granted.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use enginebay::host::capability::{FilesystemAction, NetworkAction, Operation};
use enginebay::host::permission::{Checker, Grant, Permissions, QuotaKind, Request, Subject};

use super::add;
use crate::{Bar, Bench, Pair, Work};

const FUNCTION: &str = "enginebay:ext-filesystem/files#read";
const READ: Operation = Operation::Filesystem(FilesystemAction::Read);
const CONNECT: Operation = Operation::Network(NetworkAction::Connect);
const AGAINST: &str = "a HashMap of the targets";

/// More targets than a checker remembers, so that none is found again.
const TARGETS: usize = 4096;
/// Nanoseconds of a check whose answer is remembered.
const REMEMBERED: f64 = 100.0;
/// Nanoseconds of a check that is decided anew.
const DECIDED: f64 = 1000.0;

pub(super) fn list(to: &mut Vec<Bench>) {
    for grants in [1, 500] {
        let mut add = |name: &str, most, make: fn(usize) -> Pair| {
            let grant = if grants == 1 { "grant" } else { "grants" };
            let name = format!("check, {name}, of {grants} {grant}");
            add(to, name, AGAINST, Bar::most(most), move || make(grants));
        };
        add("granted and remembered", REMEMBERED, |grants| {
            remembered(grants, true)
        });
        add("denied and remembered", REMEMBERED, |grants| {
            remembered(grants, false)
        });
        add("granted anew", DECIDED, |grants| anew(grants, true));
        add("denied anew", DECIDED, |grants| anew(grants, false));
    }
    let name = "check, a host granted anew, of 1 grant";
    add(to, name, AGAINST, Bar::most(DECIDED), hosts);
    let name = "quota, charged and released";
    add(to, name, "an atomic number, twice", None, quota);
}

fn checker(grants: impl IntoIterator<Item = Grant>) -> Checker {
    let permissions = Permissions::new();
    permissions
        .register(Subject::new("counter"), grants)
        .expect("the name is free");
    permissions.checker("counter").expect("it is registered")
}

/// With the right to read `grants` folders.
fn reader(grants: usize) -> Checker {
    checker(
        (0..grants).map(|n| {
            Grant::required(READ, &format!("/data/dir{n}/**")).expect("the pattern is valid")
        }),
    )
}

fn read(path: &str) -> Request<'_> {
    Request::filesystem(FilesystemAction::Read, path)
}

fn map(targets: &[String], granted: bool) -> HashMap<String, bool> {
    targets.iter().map(|it| (it.clone(), granted)).collect()
}

/// Paths that are covered by a grant, or by none.
fn paths(grants: usize, granted: bool) -> Vec<String> {
    (0..TARGETS)
        .map(|n| match granted {
            true => format!("/data/dir{}/2024/{n}.txt", n % grants),
            false => format!("/home/me/notes/{n}.txt"),
        })
        .collect()
}

/// One target again and again.
fn remembered(grants: usize, granted: bool) -> Pair {
    let checker = reader(grants);
    let paths = paths(grants, granted);
    let map = map(&paths, granted);
    let (path, same) = (paths[0].clone(), paths[0].clone());
    assert_eq!(checker.check(FUNCTION, read(&path)).is_ok(), granted);
    Pair::new((
        Box::new(move |n| {
            for _ in 0..n {
                _ = black_box(checker.check(FUNCTION, black_box(read(&path))));
            }
        }),
        Box::new(move |n| {
            for _ in 0..n {
                black_box(map.get(black_box(&*same)));
            }
        }),
    ))
}

/// Each time another target.
fn each_of(targets: Vec<String>, mut once: impl FnMut(&str) + 'static) -> Work {
    let mut next = 0;
    Box::new(move |n| {
        for _ in 0..n {
            once(&targets[next]);
            next = (next + 1) % targets.len();
        }
    })
}

fn anew(grants: usize, granted: bool) -> Pair {
    let checker = reader(grants);
    let paths = paths(grants, granted);
    let map = map(&paths, granted);
    assert_eq!(checker.check(FUNCTION, read(&paths[0])).is_ok(), granted);
    Pair::new((
        each_of(paths.clone(), move |path| {
            _ = black_box(checker.check(FUNCTION, black_box(read(path))));
        }),
        each_of(paths, move |path| {
            black_box(map.get(black_box(path)));
        }),
    ))
}

fn hosts() -> Pair {
    let grant = Grant::required(CONNECT, "*.example.com:443").expect("the pattern is valid");
    let checker = checker([grant]);
    let hosts: Vec<_> = (0..TARGETS)
        .map(|n| format!("host{n}.example.com"))
        .collect();
    let map = map(&hosts, true);
    let connect = move |host: &str| {
        let request = Request::network(NetworkAction::Connect, host, 443);
        checker.check(FUNCTION, black_box(request))
    };
    assert!(connect(&hosts[0]).is_ok());
    Pair::new((
        each_of(hosts.clone(), move |host| _ = black_box(connect(host))),
        each_of(hosts, move |host| {
            black_box(map.get(black_box(host)));
        }),
    ))
}

fn quota() -> Pair {
    let checker = checker([]);
    let meter = checker.meter().clone();
    let number = AtomicU64::new(0);
    Pair::new((
        Box::new(move |n| {
            for _ in 0..n {
                let charged = meter.charge(QuotaKind::NetworkBytes, black_box(1));
                charged.expect("as much was released as was charged");
                meter.release(QuotaKind::NetworkBytes, black_box(1));
            }
        }),
        Box::new(move |n| {
            for _ in 0..n {
                number.fetch_add(black_box(1), Ordering::SeqCst);
                number.fetch_sub(black_box(1), Ordering::SeqCst);
            }
        }),
    ))
}
