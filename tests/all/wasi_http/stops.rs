//! Guests that wait for an answer that does not come.

use std::thread;
use std::time::Duration;

use super::*;

on_each_backend! {
    a_deadline_stops_a_guest_that_waits_for_an_answer
    a_deadline_stops_a_guest_that_waits_asynchronously
    cancellation_stops_a_guest_that_waits_for_an_answer
    a_dropped_call_gives_up_its_request
    an_executor_goes_on_while_a_guest_waits
}

const DEADLINE: Duration = Duration::from_millis(100);

/// The answer would not come before the server is left: a call that is not stopped
/// does not end.
#[track_caller]
fn stopped_by_deadline(error: &Error) {
    assert!(
        matches!(error.kind(), ErrorKind::DeadlineExceeded { .. }),
        "{error}"
    );
}

fn a_deadline_stops_a_guest_that_waits_for_an_answer<B: Backend>() {
    let server = Server::start();
    let (wasi, _) = context(&["GET", &server.url("/never")], &["*"]);
    let program = client::<B>();
    let limits = program.limits().deadline(DEADLINE);
    let (mut store, instance) = program.store(wasi, limits);
    let error = wasi::run(&mut store, &instance).unwrap_err();
    stopped_by_deadline(&error);
    assert_eq!(server.connections(), 1);
    // The store has the connection until it is gone.
    drop(store);
    assert!(server.was_left());
}

fn a_deadline_stops_a_guest_that_waits_asynchronously<B: Backend>() {
    let server = Server::start();
    let (wasi, _) = context(&["GET", &server.url("/never")], &["*"]);
    let program = client::<B>();
    let limits = program.limits().deadline(DEADLINE);
    crate::common::block_on(async {
        let (mut store, instance) = program.store_async(wasi, limits).await;
        let error = wasi::run_async(&mut store, &instance).await.unwrap_err();
        stopped_by_deadline(&error);
    });
    assert!(server.was_left());
}

fn cancellation_stops_a_guest_that_waits_for_an_answer<B: Backend>() {
    let server = Server::start();
    let (wasi, _) = context(&["GET", &server.url("/never")], &["*"]);
    let program = client::<B>();
    let (mut store, instance) = program.store(wasi, program.limits().deadline(None));
    let handle = store.cancel_handle().unwrap();
    let canceller = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        handle.cancel();
    });
    let error = wasi::run(&mut store, &instance).unwrap_err();
    canceller.join().unwrap();
    assert_eq!(*error.kind(), ErrorKind::Cancelled);
}

fn a_dropped_call_gives_up_its_request<B: Backend>() {
    let server = Server::start();
    let (wasi, _) = context(&["GET", &server.url("/never")], &["*"]);
    let program = client::<B>();
    crate::common::block_on(async {
        let (mut store, instance) = program.store_async(wasi, program.limits()).await;
        {
            let mut call = std::pin::pin!(wasi::run_async(&mut store, &instance));
            while server.connections() == 0 {
                let polled = std::future::poll_fn(|cx| {
                    std::task::Poll::Ready(call.as_mut().poll(cx).is_pending())
                });
                assert!(polled.await);
                thread::sleep(Duration::from_millis(1));
            }
        }
        drop(store);
    });
    assert!(server.was_left());
}

fn an_executor_goes_on_while_a_guest_waits<B: Backend>() {
    let server = Server::start();
    let program = client::<B>();
    let url = server.url("/gate");
    // One thread: whoever blocks it keeps the gate closed.
    single_threaded().block_on(async {
        let args = ["GET", &url];
        let request = program.run_async(&args, &["*"]);
        let opener = async {
            while server.connections() == 0 {
                tokio::task::yield_now().await;
            }
            server.open();
        };
        let (output, ()) = tokio::join!(request, opener);
        assert_eq!(output, "200\n\nopened");
    });
}
