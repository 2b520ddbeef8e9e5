//! Lists that host functions read where they are, in the guest's memory
//! ([`WasmList`]): they read what a [`Vec`] would have, are refused where it would
//! have been, and never read another store's memory.

mod common;

use std::any::Any;

use common::{engine, on_each_backend_and_any};
use enginebay::generic::{Component, Engine, Instance, Linker, Store};
use enginebay::{
    AsContextMut, Backend, Error, ErrorKind, Interruption, Lift, Result, TrapCode, WasmList,
};
use enginebay::{ComponentType, Lower};

on_each_backend_and_any! {
    numbers_are_read_as_they_are
    elements_are_lifted_when_they_are_read
    lists_of_lists_are_read_in_place
    lists_in_records_are_read_in_place
    an_empty_list_has_no_elements
    what_a_vector_is_refused_for_a_view_is_refused_for
    a_view_costs_what_a_vector_costs
    elements_of_an_iteration_are_counted_together
    an_element_that_is_wrong_is_an_error_of_its_own
    a_view_is_good_after_calls_of_other_instances
    a_view_that_was_kept_reads_what_is_there
    a_view_of_another_store_is_refused
    a_poisoned_store_is_not_read
    each_list_is_read_in_its_own_memory
    results_cannot_be_views
    asynchronous_functions_read_in_place
}

/// Passes lists that are wherever it is told.
const GUEST: &str = r#"(component
    (type $points (record (field "x" u8) (field "y" f64) (field "name" string)))
    (import "point" (type $point (eq $points)))
    (type $pairs (record (field "bytes" (list u8)) (field "words" (list u32))))
    (import "pair" (type $pair (eq $pairs)))
    (import "bytes" (func $bytes (param "a" (list u8))))
    (import "words" (func $words (param "a" (list u32))))
    (import "doubles" (func $doubles (param "a" (list f64))))
    (import "chars" (func $chars (param "a" (list char))))
    (import "texts" (func $texts (param "a" (list string))))
    (import "points" (func $points (param "a" (list $point))))
    (import "lists" (func $lists (param "a" (list (list u16)))))
    (import "pairs" (func $pairs (param "a" $pair)))
    (core module $memory
        (memory (export "memory") 1)
        (data (i32.const 1024) "\01\02\03\04\05\06\07\08\09\0a\0b\0c\0d\0e\0f\10")
        ;; 0.5, -2.0
        (data (i32.const 2048) "\00\00\00\00\00\00\e0\3f\00\00\00\00\00\00\00\c0")
        ;; "a", a surrogate, and a smiling face
        (data (i32.const 2560) "\61\00\00\00\00\d8\00\00\00\f6\01\00")
        (data (i32.const 3072) "Ada\ff\fe")
        ;; "Ada", "da", what is no UTF-8, what is nowhere
        (data (i32.const 3584)
            "\00\0c\00\00\03\00\00\00" "\01\0c\00\00\02\00\00\00"
            "\03\0c\00\00\02\00\00\00" "\f0\ff\ff\ff\02\00\00\00")
        ;; 7, -2.0, "Ada" and 8, 0.5, ""
        (data (i32.const 4096)
            "\07\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\c0" "\00\0c\00\00\03\00\00\00"
            "\08\00\00\00\00\00\00\00" "\00\00\00\00\00\00\e0\3f" "\00\00\00\00\00\00\00\00")
        ;; 0x201, 0x403; none; one that is not aligned
        (data (i32.const 5120)
            "\00\04\00\00\02\00\00\00" "\00\00\00\00\00\00\00\00" "\01\04\00\00\01\00\00\00")
        ;; the 32 bytes at 1024, twice
        (data (i32.const 6144) "\00\04\00\00\20\00\00\00" "\00\04\00\00\20\00\00\00"))
    (core instance $memory (instantiate $memory))
    (core func $bytes (canon lower (func $bytes) (memory $memory "memory")))
    (core func $words (canon lower (func $words) (memory $memory "memory")))
    (core func $doubles (canon lower (func $doubles) (memory $memory "memory")))
    (core func $chars (canon lower (func $chars) (memory $memory "memory")))
    (core func $texts (canon lower (func $texts) (memory $memory "memory")))
    (core func $points (canon lower (func $points) (memory $memory "memory")))
    (core func $lists (canon lower (func $lists) (memory $memory "memory")))
    (core func $pairs (canon lower (func $pairs) (memory $memory "memory")))
    (core module $m
        (import "" "memory" (memory 1))
        (import "" "bytes" (func $bytes (param i32 i32)))
        (import "" "words" (func $words (param i32 i32)))
        (import "" "doubles" (func $doubles (param i32 i32)))
        (import "" "chars" (func $chars (param i32 i32)))
        (import "" "texts" (func $texts (param i32 i32)))
        (import "" "points" (func $points (param i32 i32)))
        (import "" "lists" (func $lists (param i32 i32)))
        (import "" "pairs" (func $pairs (param i32 i32 i32 i32)))
        (export "bytes" (func $bytes))
        (export "words" (func $words))
        (export "doubles" (func $doubles))
        (export "chars" (func $chars))
        (export "texts" (func $texts))
        (export "points" (func $points))
        (export "lists" (func $lists))
        (func (export "pairs") (param i32 i32)
            (call $pairs (local.get 0) (local.get 1) (local.get 0) (i32.const 2)))
        (func (export "change") (param i32 i32)
            (i32.store8 (local.get 0) (local.get 1)))
        (func (export "grow") (param i32) (result i32)
            (memory.grow (local.get 0)))
        (func (export "give") (result i32)
            (i32.store (i32.const 0) (i32.const 1024))
            (i32.store (i32.const 4) (i32.const 3))
            (i32.const 0))
        (func (export "fail") unreachable))
    (core instance $i (instantiate $m (with "" (instance
        (export "memory" (memory $memory "memory"))
        (export "bytes" (func $bytes))
        (export "words" (func $words))
        (export "doubles" (func $doubles))
        (export "chars" (func $chars))
        (export "texts" (func $texts))
        (export "points" (func $points))
        (export "lists" (func $lists))
        (export "pairs" (func $pairs))))))
    (func (export "bytes") (param "at" u32) (param "len" u32) (canon lift (core func $i "bytes")))
    (func (export "words") (param "at" u32) (param "len" u32) (canon lift (core func $i "words")))
    (func (export "doubles") (param "at" u32) (param "len" u32)
        (canon lift (core func $i "doubles")))
    (func (export "chars") (param "at" u32) (param "len" u32) (canon lift (core func $i "chars")))
    (func (export "texts") (param "at" u32) (param "len" u32) (canon lift (core func $i "texts")))
    (func (export "points") (param "at" u32) (param "len" u32)
        (canon lift (core func $i "points")))
    (func (export "lists") (param "at" u32) (param "len" u32) (canon lift (core func $i "lists")))
    (func (export "pairs") (param "at" u32) (param "len" u32) (canon lift (core func $i "pairs")))
    (func (export "change") (param "at" u32) (param "to" u8) (canon lift (core func $i "change")))
    (func (export "grow") (param "pages" u32) (result u32) (canon lift (core func $i "grow")))
    (func (export "give") (result (list u8))
        (canon lift (core func $i "give") (memory $memory "memory")))
    (func (export "fail") (canon lift (core func $i "fail"))))"#;

const BYTES: u32 = 1024;
const DOUBLES: u32 = 2048;
const CHARS: u32 = 2560;
const TEXTS: u32 = 3584;
const POINTS: u32 = 4096;
const LISTS: u32 = 5120;
const LONG_TEXTS: u32 = 6144;
/// The end of the memory.
const END: u32 = 65536;

#[derive(Clone, Debug, PartialEq, ComponentType, Lower, Lift)]
struct Point {
    x: u8,
    y: f64,
    name: String,
}

/// Lists in place of a record of lists.
#[derive(Debug, ComponentType, Lift)]
struct Pair {
    bytes: WasmList<u8>,
    words: WasmList<u32>,
}

/// What host functions have seen.
#[derive(Default)]
struct Data {
    seen: Vec<String>,
    kept: Option<WasmList<u8>>,
    texts: Option<WasmList<String>>,
    /// Another instance in the same store, of whatever backend.
    other: Option<Box<dyn Any + Send>>,
}

type Linked<B> = Linker<B, Data>;

/// A linker that has what the guest imports, for what a test defines anew.
fn linker<B: Backend>(engine: &Engine<B>) -> Linked<B> {
    let mut linker = Linked::<B>::new(engine);
    linker.allow_shadowing(true);
    for name in [
        "bytes", "words", "doubles", "chars", "texts", "points", "lists", "pairs",
    ] {
        linker.root().func_new(name, |_, _, _| Ok(())).unwrap();
    }
    linker
}

struct Guest<B: Backend> {
    store: Store<B, Data>,
    instance: Instance<B>,
}

impl<B: Backend> Guest<B> {
    fn new(linker: &Linked<B>) -> Self {
        Self::limited(linker, u64::MAX)
    }

    fn limited(linker: &Linked<B>, host_bytes: u64) -> Self {
        let engine = linker.engine();
        let limits = engine.default_limits().host_bytes(host_bytes);
        let store = Store::builder(engine).limits(limits);
        let mut store = store.build(Data::default()).unwrap();
        let component = Component::new(engine, GUEST).unwrap();
        let instance = linker.instantiate(&mut store, &component).unwrap();
        Guest { store, instance }
    }

    /// Has the guest pass a list.
    fn pass(&mut self, function: &str, at: u32, len: u32) -> Result<()> {
        let store = &mut self.store;
        let pass = self
            .instance
            .get_typed_func::<(u32, u32), ()>(&mut *store, function)?;
        pass.call(store, (at, len))
    }
}

/// An engine, and a linker with one function that takes a list of these.
fn with_list<B: Backend, T: Lift + Send + Sync + 'static>(
    name: &str,
    read: impl Fn(enginebay::generic::Caller<'_, B, Data>, T) -> Result<()> + Send + Sync + 'static,
) -> Linked<B> {
    let mut linker = linker::<B>(&engine::<B>(Interruption::None));
    linker
        .root()
        .func_wrap(name, move |caller, (list,): (T,)| read(caller, list))
        .unwrap();
    linker
}

fn numbers_are_read_as_they_are<B: Backend>() {
    let mut linker = with_list::<B, _>("bytes", |mut caller, list: WasmList<u8>| {
        assert_eq!((list.len(), list.is_empty()), (5, false));
        assert_eq!(list.as_le_slice(&mut caller)?, [1, 2, 3, 4, 5]);
        assert_eq!(list.as_bytes(&mut caller)?, [1, 2, 3, 4, 5]);
        assert_eq!(list.get(&mut caller, 4).unwrap()?, 5);
        assert!(list.get(&mut caller, 5).is_none());
        assert_eq!(list.to_vec(&mut caller)?, [1, 2, 3, 4, 5]);
        let mut iter = list.iter(&mut caller)?;
        assert_eq!(iter.len(), 5);
        assert_eq!(iter.next().unwrap()?, 1);
        assert_eq!(iter.len(), 4);
        assert_eq!(iter.map(Result::unwrap).collect::<Vec<_>>(), [2, 3, 4, 5]);
        let (slice, data) = list.as_le_slice_with_data(&mut caller)?;
        data.seen.push(format!("{slice:?}"));
        Ok(())
    });
    let mut root = linker.root();
    root.func_wrap("words", |mut caller: _, (list,): (WasmList<u32>,)| {
        let slice = list.as_le_slice(&mut caller)?;
        let slice: Vec<_> = slice.iter().map(|word| u32::from_le(*word)).collect();
        assert_eq!(slice, [0x0403_0201, 0x0807_0605]);
        assert_eq!(list.as_bytes(&mut caller)?, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(list.get(&mut caller, 1).unwrap()?, 0x0807_0605);
        assert_eq!(list.to_vec(&mut caller)?, slice);
        caller.data_mut().seen.push("words".into());
        Ok(())
    })
    .unwrap();
    root.func_wrap("doubles", |mut caller, (list,): (WasmList<f64>,)| {
        let all: Result<Vec<_>> = list.iter(&mut caller)?.collect();
        assert_eq!(all?, [0.5, -2.0]);
        if cfg!(target_endian = "little") {
            assert_eq!(list.as_le_slice(&mut caller)?, [0.5, -2.0]);
        }
        caller.data_mut().seen.push("doubles".into());
        Ok(())
    })
    .unwrap();
    let mut guest = Guest::new(&linker);
    guest.pass("bytes", BYTES, 5).unwrap();
    guest.pass("words", BYTES, 2).unwrap();
    guest.pass("doubles", DOUBLES, 2).unwrap();
    assert_eq!(
        guest.store.data().seen,
        ["[1, 2, 3, 4, 5]", "words", "doubles"]
    );
}

fn elements_are_lifted_when_they_are_read<B: Backend>() {
    let mut linker = with_list::<B, _>("texts", |mut caller, list: WasmList<String>| {
        assert_eq!(list.get(&mut caller, 1).unwrap()?, "da");
        assert_eq!(list.to_vec(&mut caller)?, ["Ada", "da"]);
        caller.data_mut().seen.push("texts".into());
        Ok(())
    });
    linker
        .root()
        .func_wrap("points", |mut caller, (list,): (WasmList<Point>,)| {
            let point = |x, y, name: &str| Point {
                x,
                y,
                name: name.into(),
            };
            let points = [point(7, -2.0, "Ada"), point(8, 0.5, "")];
            let all: Result<Vec<_>> = list.iter(&mut caller)?.collect();
            assert_eq!(all?, points);
            assert_eq!(list.get(&mut caller, 1).unwrap()?, points[1]);
            caller.data_mut().seen.push("points".into());
            Ok(())
        })
        .unwrap();
    let mut guest = Guest::new(&linker);
    guest.pass("texts", TEXTS, 2).unwrap();
    guest.pass("points", POINTS, 2).unwrap();
    assert_eq!(guest.store.data().seen, ["texts", "points"]);
}

fn lists_of_lists_are_read_in_place<B: Backend>() {
    let linker = with_list::<B, _>("lists", |mut caller, list: WasmList<WasmList<u16>>| {
        let mut lists = list.to_vec(&mut caller)?;
        assert_eq!((lists.len(), lists[1].len()), (2, 0));
        let first = lists.remove(0);
        assert_eq!(first.to_vec(&mut caller)?, [0x0201, 0x0403]);
        caller.data_mut().seen.push("lists".into());
        Ok(())
    });
    let mut guest = Guest::new(&linker);
    guest.pass("lists", LISTS, 2).unwrap();
    assert_eq!(guest.store.data().seen, ["lists"]);
}

fn lists_in_records_are_read_in_place<B: Backend>() {
    let linker = with_list::<B, _>("pairs", |mut caller, pair: Pair| {
        assert_eq!(pair.bytes.as_le_slice(&mut caller)?, [1, 2, 3]);
        let words = pair.words.to_vec(&mut caller)?;
        assert_eq!(words, [0x0403_0201, 0x0807_0605]);
        caller.data_mut().seen.push("pairs".into());
        Ok(())
    });
    let mut guest = Guest::new(&linker);
    guest.pass("pairs", BYTES, 3).unwrap();
    assert_eq!(guest.store.data().seen, ["pairs"]);
}

fn an_empty_list_has_no_elements<B: Backend>() {
    let mut linker = with_list::<B, _>("bytes", |mut caller, list: WasmList<u8>| {
        assert!(list.is_empty() && list.get(&mut caller, 0).is_none());
        assert_eq!(list.as_le_slice(&mut caller)?, [0; 0]);
        assert_eq!(list.iter(&mut caller)?.count(), 0);
        caller.data_mut().seen.push("bytes".into());
        Ok(())
    });
    linker
        .root()
        .func_wrap("texts", |mut caller, (list,): (WasmList<String>,)| {
            assert!(list.is_empty() && list.get(&mut caller, 0).is_none());
            assert_eq!(list.iter(&mut caller)?.count(), 0);
            caller.data_mut().seen.push("texts".into());
            Ok(())
        })
        .unwrap();
    let mut guest = Guest::new(&linker);
    for at in [0, BYTES, END] {
        guest.pass("bytes", at, 0).unwrap();
        guest.pass("texts", at, 0).unwrap();
    }
    assert_eq!(guest.store.data().seen.len(), 6);
}

/// How a call ends for a host function that takes this type and does nothing.
fn outcome<B: Backend, T: Lift + Send + Sync + 'static>(
    engine: &Engine<B>,
    name: &str,
    (at, len): (u32, u32),
    host_bytes: u64,
) -> Result<(), ErrorKind> {
    let mut linker = linker::<B>(engine);
    linker
        .root()
        .func_wrap(name, |_, (_,): (T,)| Ok(()))
        .unwrap();
    let mut guest = Guest::limited(&linker, host_bytes);
    let result = guest.pass(name, at, len);
    result.map_err(|error| error.kind().clone())
}

fn what_a_vector_is_refused_for_a_view_is_refused_for<B: Backend>() {
    fn compare<B: Backend, T: Lift + Send + Sync + 'static>(
        engine: &Engine<B>,
        name: &str,
        cases: &[(u32, u32, Option<TrapCode>)],
    ) {
        for &(at, len, trap) in cases {
            let place = (at, len);
            let expected = trap.map_or(Ok(()), |code| Err(ErrorKind::Trap(code)));
            let vec = outcome::<B, Vec<T>>(engine, name, place, u64::MAX);
            assert_eq!(vec, expected, "a vector, {name} {place:?}");
            let view = outcome::<B, WasmList<T>>(engine, name, place, u64::MAX);
            assert_eq!(view, expected, "a view, {name} {place:?}");
        }
    }
    let engine = engine::<B>(Interruption::None);
    let outside = Some(TrapCode::ListOutOfBounds);
    let unaligned = Some(TrapCode::UnalignedPointer);
    compare::<B, u8>(
        &engine,
        "bytes",
        &[
            (END - 1, 1, None),
            (END - 1, 2, outside),
            (END + 1, 0, outside),
            (u32::MAX, u32::MAX, outside),
        ],
    );
    compare::<B, u32>(
        &engine,
        "words",
        &[
            (END - 4, 1, None),
            (BYTES + 2, 1, unaligned),
            (END - 3, 1, outside),
            (0, 1 << 30, outside),
            (0, (1 << 30) + 1, outside),
            (4, u32::MAX, outside),
        ],
    );
    compare::<B, f64>(
        &engine,
        "doubles",
        &[
            (DOUBLES + 4, 1, unaligned),
            (8, 1 << 29, outside),
            (8, u32::MAX, outside),
        ],
    );
    compare::<B, String>(
        &engine,
        "texts",
        &[
            (TEXTS + 2, 1, unaligned),
            (END - 4, 1, outside),
            (0, u32::MAX, outside),
        ],
    );
}

fn a_view_costs_what_a_vector_costs<B: Backend>() {
    fn compare<B: Backend, T: Lift + Send + Sync + 'static>(
        engine: &Engine<B>,
        name: &str,
        place: (u32, u32),
        costs: u64,
    ) {
        let refused = Err(ErrorKind::HostAllocationLimit { limit: costs - 1 });
        for (limit, expected) in [(costs, Ok(())), (costs - 1, refused)] {
            assert_eq!(outcome::<B, T>(engine, name, place, limit), expected);
        }
    }
    let engine = engine::<B>(Interruption::None);
    compare::<B, Vec<u8>>(&engine, "bytes", (0, 1000), 1000);
    compare::<B, WasmList<u8>>(&engine, "bytes", (0, 1000), 1000);
    compare::<B, Vec<u32>>(&engine, "words", (0, 1000), 4000);
    compare::<B, WasmList<u32>>(&engine, "words", (0, 1000), 4000);
    // In the order of the checks.
    compare::<B, WasmList<u32>>(&engine, "words", (4, 1000), 4000);
    let (empty, string) = (0, size_of::<String>() as u64);
    compare::<B, Vec<String>>(&engine, "texts", (empty, 10), 10 * string);
    compare::<B, WasmList<String>>(&engine, "texts", (empty, 10), 10 * string);
}

fn elements_of_an_iteration_are_counted_together<B: Backend>() {
    // The list fits, and so does each text of 32 bytes, but not both.
    let limit = 48;
    let linker = with_list::<B, _>("texts", move |mut caller, list: WasmList<String>| {
        for at in 0..2 {
            assert_eq!(list.get(&mut caller, at).unwrap()?.len(), 32);
        }
        let mut all = list.iter(&mut caller)?;
        assert_eq!(all.next().unwrap()?.len(), 32);
        let error = all.next().unwrap().unwrap_err();
        drop(all);
        caller.data_mut().seen.push("texts".into());
        Err(error)
    });
    let mut guest = Guest::limited(&linker, limit);
    let error = guest.pass("texts", LONG_TEXTS, 2).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::HostAllocationLimit { limit });
    assert_eq!(guest.store.data().seen, ["texts"]);
}

fn an_element_that_is_wrong_is_an_error_of_its_own<B: Backend>() {
    fn trap(error: Error) -> TrapCode {
        error.trap_code().unwrap()
    }
    let mut linker = with_list::<B, _>("texts", |mut caller, list: WasmList<String>| {
        let all: Vec<_> = list.iter(&mut caller)?.map(|it| it.map_err(trap)).collect();
        assert_eq!(
            all,
            [
                Ok("Ada".to_owned()),
                Ok("da".to_owned()),
                Err(TrapCode::InvalidString),
                Err(TrapCode::StringOutOfBounds)
            ]
        );
        assert_eq!(list.get(&mut caller, 0).unwrap()?, "Ada");
        list.get(&mut caller, 2).unwrap().map(drop)
    });
    let mut root = linker.root();
    root.func_wrap("chars", |mut caller, (list,): (WasmList<char>,)| {
        assert_eq!(list.get(&mut caller, 0).unwrap()?, 'a');
        let error = list.get(&mut caller, 1).unwrap().map_err(trap);
        assert_eq!(error, Err(TrapCode::InvalidChar));
        assert_eq!(list.get(&mut caller, 2).unwrap()?, '\u{1f600}');
        caller.data_mut().seen.push("chars".into());
        Ok(())
    })
    .unwrap();
    root.func_wrap(
        "lists",
        |mut caller, (list,): (WasmList<WasmList<u16>>,)| {
            let error = list.get(&mut caller, 2).unwrap().map(drop).map_err(trap);
            assert_eq!(error, Err(TrapCode::UnalignedPointer));
            caller.data_mut().seen.push("lists".into());
            Ok(())
        },
    )
    .unwrap();
    let mut guest = Guest::new(&linker);
    guest.pass("chars", CHARS, 3).unwrap();
    guest.pass("lists", LISTS, 3).unwrap();
    assert_eq!(guest.store.data().seen, ["chars", "lists"]);
    let error = guest.pass("texts", TEXTS, 4).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::InvalidString));
    assert_eq!(error.context_value("function"), Some("texts"));
}

/// A host that keeps the lists that it is given.
fn keeping<B: Backend>() -> Linked<B> {
    let mut linker = with_list::<B, _>("bytes", |mut caller, list: WasmList<u8>| {
        caller.data_mut().kept = Some(list);
        Ok(())
    });
    linker
        .root()
        .func_wrap("texts", |mut caller, (list,): (WasmList<String>,)| {
            caller.data_mut().texts = Some(list);
            Ok(())
        })
        .unwrap();
    linker
}

fn a_view_is_good_after_calls_of_other_instances<B: Backend>() {
    let linker = with_list::<B, _>("bytes", |mut caller, list: WasmList<u8>| {
        assert_eq!(list.as_le_slice(&mut caller)?, [1, 2, 3]);
        let other = caller.data_mut().other.take().unwrap();
        let other = other.downcast_ref::<Instance<B>>().unwrap();
        let change = other.get_typed_func::<(u32, u8), ()>(&mut caller, "change")?;
        change.call(&mut caller, (BYTES, 99))?;
        let grow = other.get_typed_func::<(u32,), (u32,)>(&mut caller, "grow")?;
        assert_eq!(grow.call(&mut caller, (500,))?, (1,));
        assert_eq!(list.as_le_slice(&mut caller)?, [1, 2, 3]);
        assert_eq!(list.to_vec(&mut caller)?, [1, 2, 3]);
        caller.data_mut().seen.push("bytes".into());
        Ok(())
    });
    let mut guest = Guest::new(&linker);
    let component = Component::new(linker.engine(), GUEST).unwrap();
    let other = linker.instantiate(&mut guest.store, &component).unwrap();
    guest.store.data_mut().other = Some(Box::new(other));
    guest.pass("bytes", BYTES, 3).unwrap();
    assert_eq!(guest.store.data().seen, ["bytes"]);
}

fn a_view_that_was_kept_reads_what_is_there<B: Backend>() {
    let mut guest = Guest::new(&keeping::<B>());
    guest.pass("bytes", BYTES, 3).unwrap();
    guest.pass("texts", TEXTS, 2).unwrap();
    let Guest { store, instance } = &mut guest;
    let list = store.data_mut().kept.take().unwrap();
    let texts = store.data_mut().texts.take().unwrap();
    let mut store = store.as_context_mut();
    assert_eq!(list.as_le_slice(&mut store).unwrap(), [1, 2, 3]);
    let change = instance
        .get_typed_func::<(u32, u8), ()>(&mut store, "change")
        .unwrap();
    change.call(&mut store, (BYTES + 1, 77)).unwrap();
    change.call(&mut store, (3072, b'O')).unwrap();
    assert_eq!(list.as_le_slice(&mut store).unwrap(), [1, 77, 3]);
    assert_eq!(texts.to_vec(&mut store).unwrap(), ["Oda", "da"]);
    // Where the memory is after it has grown: far enough that it has to move.
    let grow = instance
        .get_typed_func::<(u32,), (u32,)>(&mut store, "grow")
        .unwrap();
    assert_eq!(grow.call(&mut store, (500,)).unwrap(), (1,));
    change.call(&mut store, (BYTES + 2, 78)).unwrap();
    assert_eq!(list.as_le_slice(&mut store).unwrap(), [1, 77, 78]);
    assert_eq!(list.get(&mut store, 2).unwrap().unwrap(), 78);
    assert_eq!(texts.to_vec(&mut store).unwrap(), ["Oda", "da"]);
}

fn a_view_of_another_store_is_refused<B: Backend>() {
    let linker = keeping::<B>();
    let (mut one, mut two) = (Guest::new(&linker), Guest::new(&linker));
    for guest in [&mut one, &mut two] {
        guest.pass("bytes", BYTES, 3).unwrap();
        guest.pass("texts", TEXTS, 2).unwrap();
    }
    let list = one.store.data_mut().kept.take().unwrap();
    let texts = one.store.data_mut().texts.take().unwrap();
    let mut store = two.store.as_context_mut();
    let wrong = |error: Error| *error.kind() == ErrorKind::WrongStore;
    assert!(wrong(list.as_le_slice(&mut store).unwrap_err()));
    assert!(wrong(list.as_bytes(&mut store).unwrap_err()));
    assert!(wrong(
        list.as_le_slice_with_data(&mut store)
            .map(drop)
            .unwrap_err()
    ));
    assert!(wrong(list.get(&mut store, 0).unwrap().unwrap_err()));
    assert!(wrong(list.iter(&mut store).map(drop).unwrap_err()));
    assert!(wrong(list.to_vec(&mut store).unwrap_err()));
    assert!(wrong(texts.get(&mut store, 0).unwrap().unwrap_err()));
    assert!(wrong(texts.iter(&mut store).map(drop).unwrap_err()));
    assert!(wrong(texts.to_vec(&mut store).unwrap_err()));
    drop(store);
    // Neither store is worse for it.
    one.pass("bytes", BYTES, 3).unwrap();
    two.pass("bytes", BYTES, 3).unwrap();
    assert_eq!(list.get(&mut one.store, 0).unwrap().unwrap(), 1);
}

fn a_poisoned_store_is_not_read<B: Backend>() {
    let mut guest = Guest::new(&keeping::<B>());
    guest.pass("bytes", BYTES, 3).unwrap();
    guest.pass("texts", TEXTS, 2).unwrap();
    let Guest { store, instance } = &mut guest;
    let list = store.data_mut().kept.take().unwrap();
    let texts = store.data_mut().texts.take().unwrap();
    let fail = instance.get_typed_func::<(), ()>(&mut *store, "fail");
    fail.unwrap().call(&mut *store, ()).unwrap_err();
    let poisoned = |error: Error| matches!(error.kind(), ErrorKind::Poisoned { .. });
    let mut store = store.as_context_mut();
    assert!(poisoned(list.as_le_slice(&mut store).unwrap_err()));
    assert!(poisoned(list.get(&mut store, 0).unwrap().unwrap_err()));
    assert!(poisoned(list.to_vec(&mut store).unwrap_err()));
    assert!(poisoned(texts.get(&mut store, 0).unwrap().unwrap_err()));
    assert!(poisoned(texts.iter(&mut store).map(drop).unwrap_err()));
}

fn results_cannot_be_views<B: Backend>() {
    let mut guest = Guest::new(&keeping::<B>());
    let Guest { store, instance } = &mut guest;
    let give = instance.get_func(&mut *store, "give").unwrap();
    let refused = |error: Error| {
        assert_eq!(*error.kind(), ErrorKind::Unsupported, "{error:?}");
        assert!(error.to_string().contains("WasmList"), "{error}");
        assert_eq!(error.context_value("function"), Some("give"));
    };
    refused(give.typed::<(), (WasmList<u8>,)>(&mut *store).unwrap_err());
    refused(
        instance
            .get_typed_func::<(), (Option<WasmList<u8>>,)>(&mut *store, "give")
            .unwrap_err(),
    );
    refused(give.typed::<(), (Pair,)>(&mut *store).unwrap_err());
    let give = give.typed::<(), (Vec<u8>,)>(&mut *store).unwrap();
    assert_eq!(give.call(store, ()).unwrap(), (vec![1, 2, 3],));
}

fn asynchronous_functions_read_in_place<B: Backend>() {
    let engine = engine::<B>(Interruption::None);
    let mut linker = linker::<B>(&engine);
    linker
        .root()
        .func_wrap_async("words", |mut caller, (list,): (WasmList<u32>,)| {
            enginebay::HostFuture::new(async move {
                let before = list.to_vec(&mut caller)?;
                common::yield_once().await;
                assert_eq!(list.to_vec(&mut caller)?, before);
                caller.data_mut().seen.push(format!("{before:?}"));
                Ok(())
            })
        })
        .unwrap();
    let mut store = Store::new_async(&engine, Data::default()).unwrap();
    let component = Component::new(&engine, GUEST).unwrap();
    common::block_on(async {
        let instance = linker.instantiate_async(&mut store, &component).await?;
        let pass = instance.get_typed_func::<(u32, u32), ()>(&mut store, "words")?;
        pass.call_async(&mut store, (BYTES, 2)).await
    })
    .unwrap();
    assert_eq!(store.data().seen, ["[67305985, 134678021]"]);
}

/// Two inner instances that pass lists of the same place, each in a memory of its own.
const TWO_MEMORIES: &str = r#"(component
    (import "take" (func $take (param "first" (list u8))))
    (core module $memory (memory (export "memory") 1)
        (func (export "put") (param i32) (i32.store8 (i32.const 8) (local.get 0))))
    (core module $m (import "" "take" (func $take (param i32 i32)))
        (func (export "run") (call $take (i32.const 8) (i32.const 1))))
    (core instance $one (instantiate $memory))
    (core instance $two (instantiate $memory))
    (core func $take-one (canon lower (func $take) (memory $one "memory")))
    (core func $take-two (canon lower (func $take) (memory $two "memory")))
    (core instance $run-one (instantiate $m (with "" (instance
        (export "take" (func $take-one))))))
    (core instance $run-two (instantiate $m (with "" (instance
        (export "take" (func $take-two))))))
    (func (export "put-one") (param "it" u8) (canon lift (core func $one "put")))
    (func (export "put-two") (param "it" u8) (canon lift (core func $two "put")))
    (func (export "run-one") (canon lift (core func $run-one "run")))
    (func (export "run-two") (canon lift (core func $run-two "run"))))"#;

fn each_list_is_read_in_its_own_memory<B: Backend>() {
    let engine = engine::<B>(Interruption::None);
    let mut linker = Linker::<B, Vec<WasmList<u8>>>::new(&engine);
    linker
        .root()
        .func_wrap("take", |mut caller, (list,): (WasmList<u8>,)| {
            caller.data_mut().push(list);
            Ok(())
        })
        .unwrap();
    let component = Component::new(&engine, TWO_MEMORIES).unwrap();
    let mut store = Store::new(&engine, Vec::new()).unwrap();
    let one = linker.instantiate(&mut store, &component).unwrap();
    let two = linker.instantiate(&mut store, &component).unwrap();
    let mut expected = Vec::new();
    for (at, instance) in [one, two].iter().enumerate() {
        for (memory, name) in ["one", "two"].iter().enumerate() {
            let byte = (10 * at + memory) as u8;
            let put = format!("put-{name}");
            let put = instance.get_typed_func::<(u8,), ()>(&mut store, &put);
            put.unwrap().call(&mut store, (byte,)).unwrap();
            let run = format!("run-{name}");
            let run = instance.get_typed_func::<(), ()>(&mut store, &run);
            run.unwrap().call(&mut store, ()).unwrap();
            expected.push(byte);
        }
    }
    let lists = std::mem::take(store.data_mut());
    let read = lists.iter().map(|list| list.get(&mut store, 0).unwrap());
    assert_eq!(read.collect::<Result<Vec<_>>>().unwrap(), expected);
}

/// Each backend's list in the store of each other.
#[test]
fn a_view_of_another_backend_is_refused() {
    let guests = || {
        let guests = enginebay::any::Choice::on().map(|choice| {
            enginebay::any::with_default(choice, || {
                let mut guest = Guest::new(&keeping::<enginebay::any::Any>());
                guest.pass("bytes", BYTES, 3).unwrap();
                guest.pass("texts", TEXTS, 2).unwrap();
                guest
            })
        });
        guests.collect::<Vec<_>>()
    };
    for mut from in guests() {
        let data = from.store.data_mut();
        let (list, texts) = (data.kept.take().unwrap(), data.texts.take().unwrap());
        for to in &mut guests() {
            let refused = [
                list.get(&mut to.store, 0).unwrap().map(drop),
                texts.get(&mut to.store, 0).unwrap().map(drop),
            ];
            for refused in refused {
                let kind = refused.unwrap_err().kind().clone();
                let known = [ErrorKind::WrongStore, ErrorKind::TypeMismatch].contains(&kind);
                assert!(known, "{kind:?}");
            }
        }
    }
}
