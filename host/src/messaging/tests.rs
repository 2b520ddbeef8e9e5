//! What cannot be seen from outside: that nothing is left behind, and the line's order
//! when those in it leave.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn look<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn two(options: MailboxOptions) -> (ManualClock, Mailbox, Mailbox) {
    let clock = ManualClock::new();
    let broker = Broker::with_clock(clock.clock());
    let a = broker.register("a", MailboxOptions::default()).unwrap();
    let b = broker.register("b", options).unwrap();
    (clock, a, b)
}

#[test]
fn senders_are_forgotten_when_they_have_nothing_there() {
    let (_clock, a, mut b) = two(MailboxOptions::default());
    let entries = |mailbox: &Mailbox| mailbox.component.inbox.entries();
    a.endpoint().try_send("b", "x").unwrap();
    assert_eq!(entries(&b), 1);
    b.try_recv().unwrap();
    assert_eq!(entries(&b), 0);
    let request = a.endpoint().request("b", "x", SECOND).unwrap();
    let message = b.try_recv().unwrap();
    assert_eq!(entries(&b), 1);
    drop(request);
    assert_eq!(entries(&b), 1);
    drop(message);
    assert_eq!(entries(&b), 0);
    drop(a.endpoint().request("b", "x", SECOND).unwrap());
    assert!(b.try_recv().is_none());
    assert_eq!(entries(&b), 0);
}

#[test]
fn subscribers_are_forgotten_when_they_end() {
    let (_clock, a, b) = two(MailboxOptions::default());
    let broker = a.broker.clone();
    a.endpoint().subscribe("x").unwrap();
    b.endpoint().subscribe("x").unwrap();
    assert_eq!(broker.topics.entries(), 2);
    assert!(a.endpoint().unsubscribe("x"));
    assert_eq!(broker.topics.entries(), 1);
    drop(b);
    assert_eq!(broker.topics.entries(), 0);
}

#[test]
fn whom_the_first_in_line_kept_waiting_comes_in_when_it_leaves() {
    let options = MailboxOptions::default().bytes(10).sender_share(100);
    let (clock, a, mut b) = two(options);
    let broker = Broker(a.broker.clone());
    let _c = broker.register("c", MailboxOptions::default()).unwrap();
    let _d = broker.register("d", MailboxOptions::default()).unwrap();
    for leaves in ["dropped", "timed out", "cancelled"] {
        broker.try_send("d", "b", "12345").unwrap();
        let mut sending = None;
        let mut asking = None;
        match leaves {
            "cancelled" => asking = Some(broker.request("a", "b", "1234567", SECOND).unwrap()),
            _ => sending = Some(broker.send("a", "b", "1234567", SECOND)),
        }
        let mut small = broker.send("c", "b", "1", SECOND * 2);
        assert!(look(&mut small).is_pending());
        match leaves {
            "timed out" => {
                assert!(look(sending.as_mut().unwrap()).is_pending());
                clock.advance(SECOND);
                assert!(look(sending.as_mut().unwrap()).is_ready());
            }
            _ => drop((sending.take(), asking.take())),
        }
        assert!(matches!(look(&mut small), Poll::Ready(Ok(_))), "{leaves}");
        assert_eq!(b.stats().depth, 2);
        while b.try_recv().is_some() {}
    }
}

#[test]
fn a_waker_that_panics_keeps_no_others_waiting() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: std::sync::Arc<Self>) {
            std::panic::resume_unwind(Box::new("a waker panics"));
        }
    }
    let (clock, a, mut b) = two(MailboxOptions::default());
    let panics = Waker::from(std::sync::Arc::new(Panics));
    // Of a timeout.
    let mut first = a.endpoint().request("b", "1", SECOND).unwrap();
    let mut second = a.endpoint().request("b", "2", SECOND).unwrap();
    let poll = Pin::new(&mut first).poll(&mut Context::from_waker(&panics));
    assert!(poll.is_pending() && look(&mut second).is_pending());
    clock.advance(SECOND);
    assert!(look(&mut first).is_ready() && look(&mut second).is_ready());
    assert!(b.try_recv().is_none());
    // Of a receiver.
    assert!(b.poll_recv(&mut Context::from_waker(&panics)).is_pending());
    let endpoint = a.endpoint();
    let sent = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        endpoint.try_send("b", "3").unwrap()
    }));
    assert!(sent.is_err());
    endpoint.try_send("b", "4").unwrap();
    assert_eq!(*b.try_recv().unwrap().payload, *b"3");
    assert_eq!(*b.try_recv().unwrap().payload, *b"4");
}

#[test]
fn a_share_is_never_nothing() {
    let options = MailboxOptions::default().sender_share(1);
    assert_eq!(options.share(1), 1);
    assert_eq!(options.share(1000), 10);
    assert_eq!(options.sender_share(100).share(usize::MAX), usize::MAX);
}

#[test]
fn payloads_are_shared_and_taken_without_a_copy() {
    let bytes = vec![1, 2, 3];
    let address = bytes.as_ptr();
    let payload = Payload::from(bytes);
    assert_eq!(payload.clone().as_ptr(), address);
    let bytes = payload.into_vec();
    assert_eq!(bytes.as_ptr(), address);
}
