//! Lists that a host keeps: good for as long as their store is, and in it alone.

use enginebay::generic::{Component, Instance, Linker, Store};
use enginebay::{AsContextMut, Backend, Error, ErrorKind, Interruption, Result, WasmList};

use super::guest::{BYTES, GUEST, Guest, Linked, TEXTS, with_list};
use crate::common::engine;

/// A host that keeps the lists that it is given.
pub(crate) fn keeping<B: Backend>() -> Linked<B> {
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

pub(crate) fn a_view_is_good_after_calls_of_other_instances<B: Backend>() {
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

pub(crate) fn a_view_that_was_kept_reads_what_is_there<B: Backend>() {
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

pub(crate) fn a_view_of_another_store_is_refused<B: Backend>() {
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

pub(crate) fn a_poisoned_store_is_not_read<B: Backend>() {
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

pub(crate) fn each_list_is_read_in_its_own_memory<B: Backend>() {
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
