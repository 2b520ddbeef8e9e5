//! Lists that host functions read where they are, in the guest's memory
//! ([`WasmList`]): they read what a [`Vec`] would have, are refused where it would
//! have been, and never read another store's memory.

mod guest;
mod kept;

use crate::common::{engine, on_each_backend_and_any};
use enginebay::generic::{Component, Engine, Store};
use enginebay::{Backend, Error, ErrorKind, Interruption, Lift, Result, TrapCode, WasmList};
use guest::*;
use kept::*;

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
                crate::common::yield_once().await;
                assert_eq!(list.to_vec(&mut caller)?, before);
                caller.data_mut().seen.push(format!("{before:?}"));
                Ok(())
            })
        })
        .unwrap();
    let mut store = Store::new_async(&engine, Data::default()).unwrap();
    let component = Component::new(&engine, GUEST).unwrap();
    crate::common::block_on(async {
        let instance = linker.instantiate_async(&mut store, &component).await?;
        let pass = instance.get_typed_func::<(u32, u32), ()>(&mut store, "words")?;
        pass.call_async(&mut store, (BYTES, 2)).await
    })
    .unwrap();
    assert_eq!(store.data().seen, ["[67305985, 134678021]"]);
}
