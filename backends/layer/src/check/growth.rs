//! Sizes of memories and tables: the store's data decides.

use enginebay_core::{CountedResource, ErrorKind};

use super::*;

const PAGE: u64 = 1 << 16;

/// Two memories, the second of which may have four pages; two tables, the first
/// of which may have two elements.
const GROWING: &str = "(module
    (memory $a 1) (memory $b 1 4)
    (table $t 1 2 funcref) (table $u 1 funcref)
    (func (export \"a\") (param i32) (result i32) (memory.grow $a (local.get 0)))
    (func (export \"b\") (param i32) (result i32) (memory.grow $b (local.get 0)))
    (func (export \"t\") (param i32) (result i32)
        (table.grow $t (ref.null func) (local.get 0)))
    (func (export \"u\") (param i32) (result i32)
        (table.grow $u (ref.null func) (local.get 0)))
    (func (export \"store\") (param i32) (result i32)
        (i32.store (local.get 0) (i32.const 1)) (i32.const 0)))";

struct Growing<E: CoreEngine>(Host<E>, E::Instance);

impl<E: CoreEngine> Growing<E> {
    fn new() -> Self {
        let mut host = Host::limited(limits().memory(8 * PAGE).table_elements(10));
        let instance = host.instance(GROWING, &[]);
        Growing(host, instance)
    }

    fn call(&mut self, name: &str, by: i32) -> i32 {
        let Growing(host, instance) = self;
        let ty = signature([I32], [I32]);
        let results = host.call(instance, name, &ty, &[u64::from(by as u32)]);
        results.unwrap()[0] as i32
    }
}

/// The total of all memories, and of all tables, may be as much as the limit
/// says.
pub fn growth_within_the_limit_is_granted<E: CoreEngine>() {
    let mut guest = Growing::<E>::new();
    assert_eq!(guest.call("b", 3), 1);
    assert_eq!(guest.call("a", 3), 1);
    assert_eq!(guest.call("a", 0), 4);
    assert_eq!(guest.call("store", 4 * PAGE as i32 - 4), 0);
    assert_eq!(guest.call("u", 8), 1);
    assert_eq!(guest.call("u", 0), 9);
}

/// One page, or one element, more than that gives -1.
pub fn growth_beyond_the_limit_gives_minus_one<E: CoreEngine>() {
    let mut guest = Growing::<E>::new();
    assert_eq!(guest.call("a", 7), -1);
    assert_eq!(guest.call("b", 3), 1);
    assert_eq!(guest.call("a", 4), -1);
    assert_eq!(guest.call("a", 3), 1);
    assert_eq!(guest.call("a", 1), -1);
    assert_eq!(guest.call("u", 9), -1);
    assert_eq!(guest.call("u", i32::MAX), -1);
    assert_eq!(guest.call("u", 8), 1);
    assert_eq!(guest.call("t", 1), -1);
    let data = E::store_data(&guest.0.store).store_data();
    let ErrorKind::MemoryLimit { limit, requested } = *data.memory_refused().kind() else {
        panic!("{:?}", data.memory_refused());
    };
    assert_eq!((limit, requested), (8 * PAGE, 9 * PAGE));
}

/// Growth that the store's data allowed and that the memory's or the table's
/// own maximum does not, counts for nothing.
pub fn growth_that_fails_is_taken_back<E: CoreEngine>() {
    let mut guest = Growing::<E>::new();
    for _ in 0..3 {
        assert_eq!(guest.call("b", 5), -1);
        assert_eq!(guest.call("t", 5), -1);
    }
    assert_eq!(guest.call("a", 6), 1);
    assert_eq!(guest.call("u", 8), 1);
}

/// A memory that is larger than the limit from the start ends the instantiation
/// with the limit's error; so does the second of two that are too large together.
pub fn a_memory_that_starts_too_large_is_refused<E: CoreEngine>() {
    for text in [
        "(module (memory 9))",
        "(module (memory 5) (memory 4))",
        "(module (memory 9) (data (i32.const 0) \"1\"))",
    ] {
        let mut host = Host::<E>::limited(limits().memory(8 * PAGE));
        let error = unwrap_err(host.instantiate(text, &[]));
        let limit = ErrorKind::MemoryLimit {
            limit: 8 * PAGE,
            requested: 9 * PAGE,
        };
        assert_eq!(*error.kind(), limit, "{text}: {error:?}");
    }
}

/// The same for tables.
pub fn a_table_that_starts_too_large_is_refused<E: CoreEngine>() {
    for text in [
        "(module (table 11 funcref))",
        "(module (table 5 funcref) (table 6 funcref))",
        "(module (table 1000000000 funcref))",
    ] {
        let mut host = Host::<E>::limited(limits().table_elements(10));
        let error = unwrap_err(host.instantiate(text, &[]));
        let limit = ErrorKind::ResourceLimit {
            what: CountedResource::TableElements,
            limit: 10,
        };
        assert_eq!(*error.kind(), limit, "{text}: {error:?}");
    }
}
