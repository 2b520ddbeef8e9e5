//! Failures of Wasmtime itself, and not of a guest.

use enginebay_core::{Component, Config, ErrorKind, Interruption, Limits, Linker, Store};
use enginebay_wasmtime::{Wasmtime, config, engine_from};

/// A memory for which more addresses are reserved than a process has.
#[test]
fn what_the_system_does_not_give_is_the_engines_failure() {
    let mut ours = Config::new();
    ours.interruption(Interruption::None);
    let mut theirs = config(&ours);
    theirs.memory_reservation(1 << 50);
    let engine = engine_from(&theirs, &ours).unwrap();
    let text = "(component (core module $m (memory 1)) (core instance (instantiate $m)))";
    let component = Component::<Wasmtime>::new(&engine, text).unwrap();
    let mut store = Store::builder(&engine)
        .limits(Limits::new().deadline(None))
        .build(())
        .unwrap();
    let linker = Linker::<Wasmtime, ()>::new(&engine);
    let error = linker.instantiate(&mut store, &component).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Engine, "{error:?}");
    assert!(error.message().contains("mmap"), "{error:?}");
    assert_eq!(store.poisoned(), Some(&ErrorKind::Engine));
}
