//! A guest that passes lists, and hosts that take them.

use std::any::Any;

use enginebay::generic::{Component, Engine, Instance, Linker, Store};
use enginebay::{Backend, ComponentType, Interruption, Lift, Lower, Result, WasmList};

use crate::common::engine;

/// Passes lists that are wherever it is told.
pub(crate) const GUEST: &str = r#"(component
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

pub(crate) const BYTES: u32 = 1024;
pub(crate) const DOUBLES: u32 = 2048;
pub(crate) const CHARS: u32 = 2560;
pub(crate) const TEXTS: u32 = 3584;
pub(crate) const POINTS: u32 = 4096;
pub(crate) const LISTS: u32 = 5120;
pub(crate) const LONG_TEXTS: u32 = 6144;
/// The end of the memory.
pub(crate) const END: u32 = 65536;

#[derive(Clone, Debug, PartialEq, ComponentType, Lower, Lift)]
pub(crate) struct Point {
    pub(crate) x: u8,
    pub(crate) y: f64,
    pub(crate) name: String,
}

/// Lists in place of a record of lists.
#[derive(Debug, ComponentType, Lift)]
pub(crate) struct Pair {
    pub(crate) bytes: WasmList<u8>,
    pub(crate) words: WasmList<u32>,
}

/// What host functions have seen.
#[derive(Default)]
pub(crate) struct Data {
    pub(crate) seen: Vec<String>,
    pub(crate) kept: Option<WasmList<u8>>,
    pub(crate) texts: Option<WasmList<String>>,
    /// Another instance in the same store, of whatever backend.
    pub(crate) other: Option<Box<dyn Any + Send>>,
}

pub(crate) type Linked<B> = Linker<B, Data>;

/// A linker that has what the guest imports, for what a test defines anew.
pub(crate) fn linker<B: Backend>(engine: &Engine<B>) -> Linked<B> {
    let mut linker = Linked::<B>::new(engine);
    linker.allow_shadowing(true);
    for name in [
        "bytes", "words", "doubles", "chars", "texts", "points", "lists", "pairs",
    ] {
        linker.root().func_new(name, |_, _, _| Ok(())).unwrap();
    }
    linker
}

pub(crate) struct Guest<B: Backend> {
    pub(crate) store: Store<B, Data>,
    pub(crate) instance: Instance<B>,
}

impl<B: Backend> Guest<B> {
    pub(crate) fn new(linker: &Linked<B>) -> Self {
        Self::limited(linker, u64::MAX)
    }

    pub(crate) fn limited(linker: &Linked<B>, host_bytes: u64) -> Self {
        let engine = linker.engine();
        let limits = engine.default_limits().host_bytes(host_bytes);
        let store = Store::builder(engine).limits(limits);
        let mut store = store.build(Data::default()).unwrap();
        let component = Component::new(engine, GUEST).unwrap();
        let instance = linker.instantiate(&mut store, &component).unwrap();
        Guest { store, instance }
    }

    /// Has the guest pass a list.
    pub(crate) fn pass(&mut self, function: &str, at: u32, len: u32) -> Result<()> {
        let store = &mut self.store;
        let pass = self
            .instance
            .get_typed_func::<(u32, u32), ()>(&mut *store, function)?;
        pass.call(store, (at, len))
    }
}

/// An engine, and a linker with one function that takes a list of these.
pub(crate) fn with_list<B: Backend, T: Lift + Send + Sync + 'static>(
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
