//! Messages between components: what is delivered, what is refused and what ends.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, UNIX_EPOCH};

use enginebay_host::messaging::{
    Broker, Delivered, Mailbox, MailboxOptions, ManualClock, Message, MessageKind, MessagingError,
    Responder,
};

const SECOND: Duration = Duration::from_secs(1);

/// The outcome of a future that needs no more than a look.
fn look<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(future).poll(&mut cx) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}

fn setup() -> (ManualClock, Broker) {
    let clock = ManualClock::new();
    let broker = Broker::with_clock(clock.clock());
    (clock, broker)
}

fn register(broker: &Broker, name: &str) -> Mailbox {
    broker.register(name, MailboxOptions::default()).unwrap()
}

/// A mailbox for few messages, which one sender may fill.
fn narrow(broker: &Broker, name: &str, messages: usize) -> Mailbox {
    let options = MailboxOptions::default();
    let options = options.messages(messages).sender_share(100);
    broker.register(name, options).unwrap()
}

fn responder(message: Message) -> Responder {
    match message.kind {
        MessageKind::Request(responder) => responder,
        other => panic!("{other:?} is no request"),
    }
}

fn payloads(mailbox: &mut Mailbox) -> Vec<String> {
    std::iter::from_fn(|| mailbox.try_recv())
        .map(|it| String::from_utf8(it.payload.into_vec()).unwrap())
        .collect()
}

fn gone(component: &str) -> MessagingError {
    let component = component.to_owned();
    MessagingError::ComponentGone { component }
}

fn full(component: &str) -> MessagingError {
    let component = component.to_owned();
    MessagingError::MailboxFull { component }
}

fn not_found(component: &str) -> MessagingError {
    let component = component.to_owned();
    MessagingError::ComponentNotFound { component }
}

fn timeout(component: &str) -> MessagingError {
    MessagingError::Timeout {
        component: component.to_owned(),
        after: SECOND,
    }
}

#[test]
fn a_message_says_where_it_is_from() {
    let (clock, broker) = setup();
    let _a = register(&broker, "a");
    let mut b = register(&broker, "b");
    clock.advance(SECOND);
    let first = broker.try_send("a", "b", "x").unwrap();
    let second = look(&mut broker.send("a", "b", "y", SECOND)).unwrap();
    let message = b.try_recv().unwrap();
    assert_eq!(message.id, first);
    assert_eq!(&*message.sender, "a");
    assert_eq!(message.time, UNIX_EPOCH + SECOND);
    assert_eq!(*message.payload, *b"x");
    assert!(matches!(message.kind, MessageKind::OneWay));
    assert_eq!(b.try_recv().unwrap().id, second.unwrap());
    assert!(b.try_recv().is_none());
    let stats = b.stats();
    assert_eq!((stats.received, stats.depth, stats.bytes), (2, 0, 0));
    assert_eq!(broker.stats("a").unwrap().sent, 2);
}

#[test]
fn names_are_checked() {
    let (_clock, broker) = setup();
    let a = register(&broker, "a");
    let options = MailboxOptions::default();
    let again = broker.register("a", options).unwrap_err();
    let component = "a".to_owned();
    assert_eq!(again, MessagingError::AlreadyRegistered { component });
    for name in ["", "a\0", "A", "a_b", "a.b", "1a", "a--b", &"x".repeat(65)] {
        let error = broker.register(name, options).unwrap_err();
        assert!(
            matches!(error, MessagingError::InvalidName { .. }),
            "{error}"
        );
        assert!(error.to_string().len() < 300, "{error}");
    }
    for (options, name) in [
        (options.messages(0), "messages"),
        (options.bytes(0), "bytes"),
        (options.sender_share(0), "sender_share"),
        (options.sender_share(101), "sender_share"),
    ] {
        let error = broker.register("b", options).unwrap_err();
        assert!(matches!(error, MessagingError::InvalidOptions { option, .. } if option == name));
    }
    assert_eq!(broker.try_send("a", "b", "x"), Err(not_found("b")));
    assert_eq!(broker.try_send("b", "a", "x"), Err(not_found("b")));
    let sending = look(&mut broker.send("b", "a", "x", SECOND)).unwrap();
    assert_eq!(sending, Err(not_found("b")));
    assert_eq!(
        broker.request("a", "b", "x", SECOND).unwrap_err(),
        not_found("b")
    );
    assert_eq!(broker.components().len(), 1);
    let endpoint = a.endpoint();
    drop(a);
    assert!(broker.components().is_empty());
    let mut second = register(&broker, "a");
    assert_eq!(endpoint.try_send("a", "x"), Err(not_found("a")));
    assert!(
        second.try_recv().is_none(),
        "the old endpoint does not speak for the new component"
    );
    assert!(broker.unregister("a"));
    assert!(!broker.unregister("a"));
    let _third = register(&broker, "a");
    drop(second);
    assert_eq!(
        broker.components().len(),
        1,
        "an old mailbox does not end a new registration"
    );
}

#[test]
fn a_mailbox_is_bounded_by_messages() {
    let (_clock, broker) = setup();
    let _a = register(&broker, "a");
    let mut b = narrow(&broker, "b", 2);
    broker.try_send("a", "b", "1").unwrap();
    broker.try_send("a", "b", "2").unwrap();
    assert_eq!(broker.try_send("a", "b", "3"), Err(full("b")));
    let mut waits = broker.send("a", "b", "4", SECOND);
    assert!(look(&mut waits).is_none());
    // It does not pass the one that waits.
    assert_eq!(broker.try_send("a", "b", "5"), Err(full("b")));
    assert_eq!(b.stats().waiting, 1);
    assert_eq!(*b.try_recv().unwrap().payload, *b"1");
    assert_eq!((b.stats().waiting, b.stats().depth), (0, 2));
    assert!(look(&mut waits).unwrap().is_ok());
    assert_eq!(payloads(&mut b), ["2", "4"]);
    assert_eq!((b.stats().refused, b.stats().received), (2, 3));
    assert_eq!(broker.stats("a").unwrap().sent, 3);
}

#[test]
fn a_mailbox_is_bounded_by_bytes() {
    let (_clock, broker) = setup();
    let _a = register(&broker, "a");
    let _c = register(&broker, "c");
    let options = MailboxOptions::default().bytes(10).sender_share(100);
    let mut b = broker.register("b", options).unwrap();
    let error = broker.try_send("a", "b", "12345678901").unwrap_err();
    let expected = MessagingError::MessageTooLarge {
        component: "b".to_owned(),
        size: 11,
        limit: 10,
    };
    assert_eq!(error, expected);
    let never = look(&mut broker.send("a", "b", "12345678901", SECOND)).unwrap();
    assert_eq!(never, Err(expected));
    broker.try_send("c", "b", "12345").unwrap();
    broker.try_send("c", "b", "1234").unwrap();
    assert_eq!(b.stats().bytes, 9);
    let mut large = broker.send("a", "b", "1234567890", SECOND);
    assert!(look(&mut large).is_none());
    // Small ones of others do not keep a large one out for ever.
    assert_eq!(broker.try_send("c", "b", "1"), Err(full("b")));
    let mut small = broker.send("c", "b", "1", SECOND);
    assert!(look(&mut small).is_none());
    assert_eq!(payloads(&mut b), ["12345", "1234", "1234567890", "1"]);
    assert!(look(&mut large).unwrap().is_ok() && look(&mut small).unwrap().is_ok());
}

#[test]
fn one_sender_fills_its_share_and_no_more() {
    let (_clock, broker) = setup();
    let _a = register(&broker, "a");
    let _c = register(&broker, "c");
    let options = MailboxOptions::default().messages(4).bytes(100);
    let mut b = broker.register("b", options).unwrap();
    let flood = (0..100).filter(|_| broker.try_send("a", "b", "a").is_ok());
    assert_eq!(flood.count(), 2);
    let mut waits = broker.send("a", "b", "a", SECOND);
    assert!(look(&mut waits).is_none());
    // Others come in, even past the one who waits for its own share.
    broker.try_send("c", "b", "c").unwrap();
    broker.subscribe("b", "news").unwrap();
    assert_eq!(broker.publish("c", "news", "n").unwrap().delivered, 1);
    assert_eq!(payloads(&mut b), ["a", "a", "c", "n", "a"]);
    // A message larger than the share comes in if its sender has no other there.
    broker.try_send("a", "b", "x".repeat(100)).unwrap();
    assert_eq!(broker.try_send("a", "b", "x"), Err(full("b")));
}

#[test]
fn senders_in_line_take_turns() {
    let (_clock, broker) = setup();
    let _a = register(&broker, "a");
    let _c = register(&broker, "c");
    let mut b = narrow(&broker, "b", 1);
    broker.try_send("a", "b", "a0").unwrap();
    let flood: Vec<_> = (1..20)
        .map(|number| broker.send("a", "b", format!("a{number}"), SECOND))
        .collect();
    let mut others = [
        broker.send("c", "b", "c1", SECOND),
        broker.send("c", "b", "c2", SECOND),
    ];
    // The line is bounded as well. Those in it are taken back when they are dropped.
    let outcomes = flood.into_iter().filter_map(|mut it| look(&mut it));
    assert_eq!(outcomes.collect::<Vec<_>>(), vec![Err(full("b")); 3]);
    assert!(others.iter_mut().all(|it| look(it).is_none()));
    assert_eq!(payloads(&mut b), ["a0", "c1", "c2"]);
    assert!(others.iter_mut().all(|it| look(it).unwrap().is_ok()));
    // As above, but those of the flood are not taken back.
    broker.try_send("a", "b", "a0").unwrap();
    let _flood: Vec<_> = (1..4)
        .map(|number| broker.send("a", "b", format!("a{number}"), SECOND))
        .collect();
    let _others = [
        broker.send("c", "b", "c1", SECOND),
        broker.send("c", "b", "c2", SECOND),
    ];
    assert_eq!(payloads(&mut b), ["a0", "a1", "c1", "a2", "c2", "a3"]);
}

#[test]
fn a_wait_for_room_ends_in_time() {
    let (clock, broker) = setup();
    let _a = register(&broker, "a");
    let mut b = narrow(&broker, "b", 1);
    broker.try_send("a", "b", "1").unwrap();
    let mut waits = broker.send("a", "b", "2", SECOND);
    assert!(look(&mut waits).is_none());
    clock.advance(SECOND - Duration::from_nanos(1));
    assert!(look(&mut waits).is_none());
    assert_eq!(clock.clock().waits(), 1);
    clock.advance(Duration::from_nanos(1));
    assert_eq!(look(&mut waits), Some(Err(timeout("b"))));
    assert_eq!(clock.clock().waits(), 0);
    assert_eq!(payloads(&mut b), ["1"]);
    // Without a time to wait there is no wait.
    broker.try_send("a", "b", "3").unwrap();
    let outcome = look(&mut broker.send("a", "b", "4", Duration::ZERO));
    assert_eq!(outcome, Some(Err(full("b"))));
    // Room that came in time counts, however late it is asked about.
    let mut waits = broker.send("a", "b", "5", SECOND);
    assert!(look(&mut waits).is_none());
    b.try_recv().unwrap();
    clock.advance(SECOND * 2);
    assert!(look(&mut waits).unwrap().is_ok());
    // One that waits for ever and is dropped leaves no trace.
    let mut waits = broker.send("a", "b", "6", Duration::MAX);
    assert!(look(&mut waits).is_none());
    drop(waits);
    assert_eq!((clock.clock().waits(), b.stats().waiting), (0, 0));
    assert_eq!(payloads(&mut b), ["5"]);
    assert_eq!(broker.stats("a").unwrap().sent, 3);
}

#[test]
fn a_request_is_answered_once() {
    let (clock, broker) = setup();
    let a = register(&broker, "a");
    let mut b = register(&broker, "b");
    let mut request = broker.request("a", "b", "ping", SECOND).unwrap();
    assert!(look(&mut request).is_none());
    assert_eq!((a.stats().in_flight, b.stats().open_requests), (1, 1));
    let message = b.try_recv().unwrap();
    assert_eq!(message.id, request.id());
    assert_eq!(request.target(), "b");
    let responder = responder(message);
    assert_eq!(responder.id(), request.id());
    assert!(!responder.is_cancelled());
    responder.respond("pong").unwrap();
    assert_eq!(*look(&mut request).unwrap().unwrap(), *b"pong");
    assert_eq!((a.stats().in_flight, b.stats().open_requests), (0, 0));
    assert_eq!(clock.clock().waits(), 0);
}

#[test]
fn a_request_that_is_not_answered_ends_in_time() {
    let (clock, broker) = setup();
    let a = register(&broker, "a");
    let mut b = narrow(&broker, "b", 2);
    let mut taken = broker.request("a", "b", "1", SECOND).unwrap();
    let late = responder(b.try_recv().unwrap());
    let mut queued = [
        broker.request("a", "b", "2", SECOND).unwrap(),
        broker.request("a", "b", "3", SECOND).unwrap(),
    ];
    let mut in_line = broker.request("a", "b", "4", SECOND).unwrap();
    assert!(look(&mut taken).is_none() && look(&mut in_line).is_none());
    clock.advance(SECOND);
    assert_eq!(look(&mut taken), Some(Err(timeout("b"))));
    assert_eq!(look(&mut in_line), Some(Err(timeout("b"))));
    for request in &mut queued {
        assert_eq!(look(request), Some(Err(timeout("b"))));
    }
    assert!(late.is_cancelled());
    assert_eq!(b.stats().open_requests, 1);
    assert_eq!(late.respond("x"), Err(MessagingError::RequestEnded));
    assert!(
        b.try_recv().is_none(),
        "what nobody waits for is not received"
    );
    let stats = b.stats();
    assert_eq!((stats.late_replies, stats.withdrawn), (1, 3));
    assert_eq!((stats.open_requests, stats.depth, stats.waiting), (0, 0, 0));
    assert_eq!((a.stats().in_flight, clock.clock().waits()), (0, 0));
}

#[test]
fn an_answer_in_time_counts_however_late_it_is_looked_at() {
    let (clock, broker) = setup();
    let _a = register(&broker, "a");
    let mut b = register(&broker, "b");
    let mut request = broker.request("a", "b", "1", SECOND).unwrap();
    assert!(look(&mut request).is_none());
    responder(b.try_recv().unwrap()).respond("2").unwrap();
    clock.advance(SECOND * 2);
    assert_eq!(*look(&mut request).unwrap().unwrap(), *b"2");
}

#[test]
fn a_request_is_cancelled_before_it_is_taken() {
    let (_clock, broker) = setup();
    let a = register(&broker, "a");
    let mut b = register(&broker, "b");
    let request = broker.request("a", "b", "1", SECOND).unwrap();
    assert_eq!(request.cancel(), None);
    assert!(b.try_recv().is_none());
    assert_eq!((a.stats().in_flight, b.stats().withdrawn), (0, 1));
    drop(broker.request("a", "b", "2", SECOND).unwrap());
    assert!(b.try_recv().is_none());
    assert_eq!((a.stats().in_flight, b.stats().open_requests), (0, 0));
}

#[test]
fn a_request_is_cancelled_while_it_is_handled() {
    let (_clock, broker) = setup();
    let a = register(&broker, "a");
    let mut b = register(&broker, "b");
    let request = broker.request("a", "b", "1", SECOND).unwrap();
    let mut handling = responder(b.try_recv().unwrap());
    {
        let mut cancelled = Box::pin(handling.cancelled());
        assert!(look(&mut cancelled).is_none());
        assert_eq!(request.cancel(), None);
        assert!(look(&mut cancelled).is_some());
    }
    assert!(handling.is_cancelled());
    assert_eq!(a.stats().in_flight, 0);
    assert_eq!(handling.respond("x"), Err(MessagingError::RequestEnded));
    assert_eq!((b.stats().late_replies, b.stats().open_requests), (1, 0));
}

#[test]
fn a_request_is_cancelled_after_its_answer() {
    let (_clock, broker) = setup();
    let a = register(&broker, "a");
    let mut b = register(&broker, "b");
    let request = broker.request("a", "b", "1", SECOND).unwrap();
    let canceller = request.canceller();
    responder(b.try_recv().unwrap()).respond("2").unwrap();
    assert!(!canceller.cancel());
    assert_eq!(*request.cancel().unwrap().unwrap(), *b"2");
    assert_eq!((a.stats().in_flight, b.stats().late_replies), (0, 0));
}

#[test]
fn a_request_is_cancelled_from_elsewhere() {
    let (_clock, broker) = setup();
    let _a = register(&broker, "a");
    let mut b = register(&broker, "b");
    for taken in [false, true] {
        let mut request = broker.request("a", "b", "1", SECOND).unwrap();
        let message = taken.then(|| b.try_recv().unwrap());
        let canceller = request.canceller();
        assert!(canceller.cancel());
        assert!(!canceller.cancel());
        assert_eq!(look(&mut request), Some(Err(MessagingError::Cancelled)));
        assert!(message.is_none_or(|it| responder(it).is_cancelled()));
    }
    assert!(b.try_recv().is_none());
    assert_eq!(b.stats().open_requests, 0);
}

#[test]
fn who_asks_a_component_that_goes_learns_of_it_at_once() {
    let (_clock, broker) = setup();
    let a = register(&broker, "a");
    let mut b = narrow(&broker, "b", 1);
    let mut taken = broker.request("a", "b", "1", SECOND).unwrap();
    let mut held = responder(b.try_recv().unwrap());
    let mut queued = broker.request("a", "b", "2", SECOND).unwrap();
    let mut in_line = broker.request("a", "b", "3", SECOND).unwrap();
    let mut sending = broker.send("a", "b", "4", SECOND);
    assert!(look(&mut sending).is_none());
    drop(b);
    for request in [&mut taken, &mut queued, &mut in_line] {
        assert_eq!(look(request), Some(Err(gone("b"))));
    }
    assert_eq!(look(&mut sending), Some(Err(gone("b"))));
    assert!(look(&mut Box::pin(held.cancelled())).is_some());
    assert_eq!(held.respond("x"), Err(MessagingError::RequestEnded));
    assert_eq!((a.stats().in_flight, a.stats().sent), (0, 3));
}

#[test]
fn a_request_whose_handler_fails_is_abandoned() {
    let (_clock, broker) = setup();
    let _a = register(&broker, "a");
    let mut b = register(&broker, "b");
    let component = "b".to_owned();
    let abandoned = Some(Err(MessagingError::Abandoned { component }));
    let mut request = broker.request("a", "b", "1", SECOND).unwrap();
    drop(b.try_recv().unwrap());
    assert_eq!(look(&mut request), abandoned);
    let mut request = broker.request("a", "b", "2", SECOND).unwrap();
    let handler = std::thread::spawn(move || {
        let _message = b.try_recv().unwrap();
        std::panic::resume_unwind(Box::new("the handler fails"));
    });
    assert!(handler.join().is_err());
    // The message is dropped first, then the mailbox with the thread's end.
    assert_eq!(look(&mut request), abandoned);
    assert!(broker.components().iter().all(|it| **it != *"b"));
    let _b = register(&broker, "b");
    broker.try_send("a", "b", "3").unwrap();
}

#[test]
fn a_request_is_rejected_with_a_reason() {
    let (_clock, broker) = setup();
    let _a = register(&broker, "a");
    let mut b = register(&broker, "b");
    let mut request = broker.request("a", "b", "1", SECOND).unwrap();
    // Two bytes each: the bound is in the middle of none.
    let reason = "x".to_owned() + &"é".repeat(1000);
    responder(b.try_recv().unwrap()).reject(&reason).unwrap();
    let error = look(&mut request).unwrap().unwrap_err();
    let MessagingError::Rejected { component, reason } = error else {
        panic!("{error}");
    };
    assert_eq!((&*component, reason.len()), ("b", 1023));
}

#[test]
fn an_answer_must_fit_into_the_mailbox_of_who_asks() {
    let (_clock, broker) = setup();
    let _a = broker
        .register("a", MailboxOptions::default().bytes(3))
        .unwrap();
    let mut b = register(&broker, "b");
    let mut request = broker.request("a", "b", "long enough", SECOND).unwrap();
    let error = responder(b.try_recv().unwrap())
        .respond("1234")
        .unwrap_err();
    assert!(matches!(
        error,
        MessagingError::MessageTooLarge {
            size: 4,
            limit: 3,
            ..
        }
    ));
    assert_eq!(look(&mut request), Some(Err(error)));
}

#[test]
fn requests_are_bounded_for_who_asks_and_who_is_asked() {
    let (_clock, broker) = setup();
    let options = MailboxOptions::default();
    let _a = broker.register("a", options.requests(2)).unwrap();
    let _c = register(&broker, "c");
    let options = options.open_requests(4);
    let mut b = broker.register("b", options).unwrap();
    let too_many = |component: &str, limit| MessagingError::TooManyRequests {
        component: component.to_owned(),
        limit,
    };
    let first = broker.request("a", "b", "1", SECOND).unwrap();
    let _second = broker.request("a", "b", "2", SECOND).unwrap();
    let error = broker.request("a", "c", "3", SECOND).unwrap_err();
    assert_eq!(error, too_many("a", 2));
    // What it has given up does not count for the one who asks, but for the one who is
    // asked it does as long as that handles it. So a component that asks and cancels
    // keeps nobody else out.
    let handled = b.try_recv().unwrap();
    drop(first);
    let error = broker.request("a", "b", "4", SECOND).unwrap_err();
    assert_eq!(error, too_many("b", 2));
    let _third = broker.request("c", "b", "5", SECOND).unwrap();
    drop(handled);
    let _fourth = broker.request("a", "b", "6", SECOND).unwrap();
    assert_eq!(b.stats().open_requests, 3);
}

#[test]
fn publications_go_to_those_who_subscribe() {
    let (_clock, broker) = setup();
    let a = register(&broker, "a");
    let mut b = register(&broker, "b");
    let mut c = register(&broker, "c");
    broker.subscribe("b", "events.*").unwrap();
    broker.subscribe("b", "events.**").unwrap();
    broker.subscribe("c", "**").unwrap();
    let publish = |topic: &str| a.endpoint().publish(topic, topic).unwrap().delivered;
    assert_eq!(publish("events.created"), 2);
    assert_eq!(publish("events.user.created"), 2);
    assert_eq!(publish("other"), 1);
    assert!(broker.unsubscribe("b", "events.**").unwrap());
    assert!(!broker.unsubscribe("b", "events.**").unwrap());
    assert_eq!(publish("events.user.created"), 1);
    assert_eq!(publish("events.created"), 2);
    let first = b.try_recv().unwrap();
    assert_eq!(first.id, c.try_recv().unwrap().id);
    assert!(
        matches!(first.kind, MessageKind::Publication { topic } if *topic == *"events.created")
    );
    assert_eq!(payloads(&mut b), ["events.user.created", "events.created"]);
    assert_eq!(payloads(&mut c).len(), 4);
    drop(c);
    assert_eq!(publish("other"), 0);
    let mut c = register(&broker, "c");
    assert_eq!(publish("other"), 0, "a new component has no subscriptions");
    // A component gets what it publishes itself if it subscribes to it.
    c.endpoint().subscribe("mine").unwrap();
    assert_eq!(c.endpoint().publish("mine", "x").unwrap().delivered, 1);
    assert_eq!(payloads(&mut c), ["x"]);
}

#[test]
fn topics_patterns_and_subscriptions_are_checked() {
    let (_clock, broker) = setup();
    let mailbox = broker
        .register("a", MailboxOptions::default().subscriptions(2))
        .unwrap();
    let a = mailbox.endpoint();
    let long = ["x"; 33].join(".");
    for topic in [
        "",
        "a..b",
        ".a",
        "a.*",
        "a b",
        "a\0",
        "\u{e9}",
        &long,
        &"x".repeat(257),
    ] {
        let error = a.publish(topic, "").unwrap_err();
        assert!(
            matches!(error, MessagingError::InvalidTopic { .. }),
            "{topic}: {error}"
        );
    }
    for pattern in ["", "a..b", "a*", &"x".repeat(257)] {
        let error = a.subscribe(pattern).unwrap_err();
        assert!(
            matches!(error, MessagingError::InvalidPattern { .. }),
            "{pattern}: {error}"
        );
        assert!(error.to_string().len() < 500, "{error}");
    }
    for pattern in ["a", "b", "a"] {
        a.subscribe(pattern).unwrap();
    }
    let limit = 2;
    let component = "a".to_owned();
    let error = a.subscribe("c").unwrap_err();
    assert_eq!(
        error,
        MessagingError::TooManySubscriptions { component, limit }
    );
    assert_eq!(a.stats().subscriptions, 2);
    drop(mailbox);
    assert_eq!(a.stats().subscriptions, 0);
    assert_eq!(a.subscribe("d"), Err(not_found("a")));
}

#[test]
fn a_slow_subscriber_keeps_nobody_waiting() {
    let (_clock, broker) = setup();
    let _a = register(&broker, "a");
    let mut slow = narrow(&broker, "slow", 2);
    let mut quick = register(&broker, "quick");
    broker.subscribe("slow", "**").unwrap();
    broker.subscribe("quick", "**").unwrap();
    for number in 0..10 {
        let result = broker.publish("a", "n", number.to_string()).unwrap();
        let dropped = usize::from(number >= 2);
        let delivered = 2 - dropped;
        assert_eq!(result, Delivered { delivered, dropped });
    }
    assert_eq!(slow.stats().dropped, 8);
    assert_eq!(payloads(&mut slow), ["0", "1"]);
    assert_eq!(payloads(&mut quick).len(), 10);
    broker.publish("a", "n", "next").unwrap();
    assert_eq!(payloads(&mut slow), ["next"]);
}

#[test]
fn all_that_one_component_sends_another_keeps_its_order() {
    let (_clock, broker) = setup();
    let _a = register(&broker, "a");
    let mut b = narrow(&broker, "b", 3);
    broker.subscribe("b", "t").unwrap();
    broker.try_send("a", "b", "1").unwrap();
    let _two = broker.request("a", "b", "2", SECOND).unwrap();
    broker.publish("a", "t", "3").unwrap();
    // None of them is polled.
    let _four = broker.send("a", "b", "4", SECOND);
    let _five = broker.request("a", "b", "5", SECOND).unwrap();
    let _six = broker.send("a", "b", "6", SECOND);
    assert_eq!(broker.publish("a", "t", "7").unwrap().dropped, 1);
    assert_eq!(payloads(&mut b), ["1", "2", "3", "4", "5", "6"]);
}

#[test]
fn a_component_does_not_wait_for_itself() {
    let (clock, broker) = setup();
    let mut a = narrow(&broker, "a", 1);
    let endpoint = a.endpoint();
    endpoint.try_send("a", "1").unwrap();
    assert_eq!(
        look(&mut endpoint.send("a", "2", SECOND)),
        Some(Err(full("a")))
    );
    assert_eq!(payloads(&mut a), ["1"]);
    let error = endpoint.blocking_request("a", "3", SECOND, || None::<MessagingError>);
    let component = "a".to_owned();
    assert_eq!(error, Err(MessagingError::WouldDeadlock { component }));
    // It may ask itself if it goes on meanwhile.
    let mut request = endpoint.request("a", "4", SECOND).unwrap();
    responder(a.try_recv().unwrap()).respond("5").unwrap();
    assert_eq!(*look(&mut request).unwrap().unwrap(), *b"5");
    let mut request = endpoint.request("a", "6", SECOND).unwrap();
    assert!(look(&mut request).is_none());
    clock.advance(SECOND);
    assert_eq!(look(&mut request), Some(Err(timeout("a"))));
}

#[test]
fn components_that_wait_for_each_other_end_in_time() {
    let (clock, broker) = setup();
    let mut a = register(&broker, "a");
    let mut b = register(&broker, "b");
    let mut of_a = broker.request("a", "b", "1", SECOND).unwrap();
    let mut of_b = broker.request("b", "a", "2", SECOND * 2).unwrap();
    let at_a = responder(a.try_recv().unwrap());
    let _at_b = responder(b.try_recv().unwrap());
    assert!(look(&mut of_a).is_none() && look(&mut of_b).is_none());
    clock.advance(SECOND);
    assert_eq!(look(&mut of_a), Some(Err(timeout("b"))));
    // Which sets the other free.
    at_a.respond("3").unwrap();
    assert_eq!(*look(&mut of_b).unwrap().unwrap(), *b"3");
}

#[test]
fn a_closed_mailbox_can_be_emptied() {
    let (_clock, broker) = setup();
    let _a = register(&broker, "a");
    let mut b = narrow(&broker, "b", 2);
    b.endpoint().subscribe("t").unwrap();
    let mut request = broker.request("a", "b", "1", SECOND).unwrap();
    broker.try_send("a", "b", "2").unwrap();
    let mut in_line = broker.send("a", "b", "3", SECOND);
    let mut asks_in_line = broker.request("a", "b", "4", SECOND).unwrap();
    assert!(look(&mut in_line).is_none());
    b.close();
    assert_eq!(look(&mut in_line), Some(Err(gone("b"))));
    assert_eq!(look(&mut asks_in_line), Some(Err(gone("b"))));
    assert_eq!(broker.try_send("a", "b", "5"), Err(not_found("b")));
    assert_eq!(broker.publish("a", "t", "6").unwrap(), Delivered::default());
    let message = look(&mut Box::pin(b.recv())).unwrap().unwrap();
    responder(message).respond("7").unwrap();
    assert_eq!(*look(&mut request).unwrap().unwrap(), *b"7");
    assert_eq!(payloads(&mut b), ["2"]);
    assert!(look(&mut Box::pin(b.recv())).unwrap().is_none());
}
