//! Guests that run or wait for too long.

use super::*;

on_each_backend! {
    a_deadline_stops_a_guest_that_runs
    a_deadline_stops_a_guest_that_waits
    a_deadline_stops_a_guest_that_waits_asynchronously
    cancellation_stops_a_guest_that_waits
    a_guest_that_waits_gets_its_time
}

const DEADLINE: Duration = Duration::from_millis(50);

/// By the deadline: by themselves, the guests go on for an hour or for ever.
#[track_caller]
fn stopped(error: &Error) {
    assert!(
        matches!(error.kind(), ErrorKind::DeadlineExceeded { elapsed } if *elapsed >= DEADLINE),
        "{error}"
    );
}

/// Calls from now on have a deadline. Before that, a slow machine has its time.
fn from_now_on<B: Backend>(store: &mut Store<B, WasiCtx>) {
    store.set_deadline(Some(DEADLINE)).unwrap();
}

fn without_deadline<B: Backend>() -> (Store<B, WasiCtx>, Instance<B>) {
    let wasi = WasiCtx::builder().build().unwrap();
    waits::<B>(wasi, Limits::new().deadline(None))
}

fn a_deadline_stops_a_guest_that_runs<B: Backend>() {
    let (mut store, instance) = without_deadline::<B>();
    let spin = instance
        .get_typed_func::<(), ()>(&mut store, "spin")
        .unwrap();
    from_now_on(&mut store);
    stopped(&spin.call(&mut store, ()).unwrap_err());
}

fn a_deadline_stops_a_guest_that_waits<B: Backend>() {
    let (mut store, instance) = without_deadline::<B>();
    let sleep = instance
        .get_typed_func::<(u64,), ()>(&mut store, "sleep")
        .unwrap();
    from_now_on(&mut store);
    stopped(&sleep.call(&mut store, (HOUR,)).unwrap_err());
}

fn a_deadline_stops_a_guest_that_waits_asynchronously<B: Backend>() {
    let engine = Engine::<B>::new(&Config::new()).unwrap();
    let component = Component::new(&engine, WAITS).unwrap();
    let mut linker = Linker::new(&engine);
    wasi::add_to_linker_async(&mut linker).unwrap();
    let mut store = Store::<B, WasiCtx>::builder(&engine)
        .limits(Limits::new().deadline(None))
        .build_async(WasiCtx::builder().build().unwrap())
        .unwrap();
    crate::common::block_on(async {
        let instance = linker
            .instantiate_async(&mut store, &component)
            .await
            .unwrap();
        let sleep = instance
            .get_typed_func::<(u64,), ()>(&mut store, "sleep")
            .unwrap();
        sleep.call_async(&mut store, (1_000_000,)).await.unwrap();
        from_now_on(&mut store);
        stopped(&sleep.call_async(&mut store, (HOUR,)).await.unwrap_err());
    });
}

fn cancellation_stops_a_guest_that_waits<B: Backend>() {
    let wasi = WasiCtx::builder().build().unwrap();
    let (mut store, instance) = waits::<B>(wasi, Limits::new().deadline(None));
    let sleep = instance
        .get_typed_func::<(u64,), ()>(&mut store, "sleep")
        .unwrap();
    let handle = store.cancel_handle().unwrap();
    let canceller = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        handle.cancel();
    });
    let error = sleep.call(&mut store, (HOUR,)).unwrap_err();
    canceller.join().unwrap();
    assert_eq!(*error.kind(), ErrorKind::Cancelled);
}

fn a_guest_that_waits_gets_its_time<B: Backend>() {
    let wasi = WasiCtx::builder().build().unwrap();
    let (mut store, instance) = waits::<B>(wasi, crate::common::limits::<B>());
    let sleep = instance
        .get_typed_func::<(u64,), ()>(&mut store, "sleep")
        .unwrap();
    let now = instance
        .get_typed_func::<(), (u64,)>(&mut store, "now")
        .unwrap();
    // By its own clock.
    let (start,) = now.call(&mut store, ()).unwrap();
    sleep.call(&mut store, (20_000_000,)).unwrap();
    let (end,) = now.call(&mut store, ()).unwrap();
    assert!(end - start >= 20_000_000, "{start} to {end}");
    sleep.call(&mut store, (0,)).unwrap();
}
