//! Guests that run or wait for too long.

use super::*;

on_each_backend! {
    a_deadline_stops_a_guest_that_runs
    a_deadline_stops_a_guest_that_waits
    a_deadline_stops_a_guest_that_waits_asynchronously
    cancellation_stops_a_guest_that_waits
    a_guest_that_waits_gets_its_time
}

#[track_caller]
fn stopped_in_time(error: &Error, start: Instant, deadline: Duration) {
    let elapsed = start.elapsed();
    assert!(
        matches!(error.kind(), ErrorKind::DeadlineExceeded { .. }),
        "{error}"
    );
    assert!(elapsed >= deadline, "{elapsed:?}");
    // Generous, for machines that are busy with other tests.
    assert!(elapsed < deadline + Duration::from_secs(2), "{elapsed:?}");
}

fn a_deadline_stops_a_guest_that_runs<B: Backend>() {
    let deadline = Duration::from_millis(50);
    let wasi = WasiCtx::builder().build().unwrap();
    let (mut store, instance) = waits::<B>(wasi, Limits::new().deadline(deadline));
    let spin = instance
        .get_typed_func::<(), ()>(&mut store, "spin")
        .unwrap();
    let start = Instant::now();
    let error = spin.call(&mut store, ()).unwrap_err();
    stopped_in_time(&error, start, deadline);
}

fn a_deadline_stops_a_guest_that_waits<B: Backend>() {
    let deadline = Duration::from_millis(50);
    let wasi = WasiCtx::builder().build().unwrap();
    let (mut store, instance) = waits::<B>(wasi, Limits::new().deadline(deadline));
    let sleep = instance
        .get_typed_func::<(u64,), ()>(&mut store, "sleep")
        .unwrap();
    let start = Instant::now();
    let error = sleep.call(&mut store, (HOUR,)).unwrap_err();
    stopped_in_time(&error, start, deadline);
}

fn a_deadline_stops_a_guest_that_waits_asynchronously<B: Backend>() {
    let deadline = Duration::from_millis(50);
    let engine = Engine::<B>::new(&Config::new()).unwrap();
    let component = Component::new(&engine, WAITS).unwrap();
    let mut linker = Linker::new(&engine);
    wasi::add_to_linker_async(&mut linker).unwrap();
    let mut store = Store::<B, WasiCtx>::builder(&engine)
        .limits(Limits::new().deadline(deadline))
        .build_async(WasiCtx::builder().build().unwrap())
        .unwrap();
    common::block_on(async {
        let instance = linker
            .instantiate_async(&mut store, &component)
            .await
            .unwrap();
        let sleep = instance
            .get_typed_func::<(u64,), ()>(&mut store, "sleep")
            .unwrap();
        sleep.call_async(&mut store, (1_000_000,)).await.unwrap();
        let start = Instant::now();
        let error = sleep.call_async(&mut store, (HOUR,)).await.unwrap_err();
        stopped_in_time(&error, start, deadline);
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
    let (mut store, instance) = waits::<B>(wasi, common::limits::<B>());
    let sleep = instance
        .get_typed_func::<(u64,), ()>(&mut store, "sleep")
        .unwrap();
    let start = Instant::now();
    sleep.call(&mut store, (20_000_000,)).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(20));
    sleep.call(&mut store, (0,)).unwrap();
}
