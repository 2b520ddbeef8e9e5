//! Messages in numbers, from many threads, and on several executors.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use enginebay_host::messaging::{Broker, Mailbox, MailboxOptions, MessageKind, MessagingError};

/// Longer than any test takes, unless something hangs.
const LONG: Duration = Duration::from_secs(300);

/// Ends a blocking call that would never end.
fn patience() -> impl FnMut() -> Option<MessagingError> {
    let start = Instant::now();
    move || (start.elapsed() > LONG).then_some(MessagingError::Cancelled)
}

fn register(broker: &Broker, name: &str, messages: usize) -> Mailbox {
    let options = MailboxOptions::default().messages(messages);
    broker.register(name, options).unwrap()
}

fn receive(mailbox: &mut Mailbox) -> Option<(String, u32)> {
    let message = mailbox.blocking_recv(patience()).unwrap()?;
    let number = u32::from_le_bytes(message.payload[..].try_into().unwrap());
    Some((message.sender.to_string(), number))
}

#[test]
fn eight_senders_keep_their_order_under_pressure() {
    const SENDERS: usize = 8;
    const MESSAGES: u32 = 10_000;
    let broker = Broker::new();
    // Room for few, so that they wait for each other all the time.
    let mut receiver = register(&broker, "receiver", 32);
    let senders: Vec<_> = (0..SENDERS)
        .map(|number| {
            let sender = register(&broker, &format!("s{number}"), 1);
            thread::spawn(move || {
                for number in 0..MESSAGES {
                    sender
                        .endpoint()
                        .blocking_send("receiver", number.to_le_bytes().to_vec(), LONG, patience())
                        .unwrap();
                }
                assert_eq!(sender.stats().sent, u64::from(MESSAGES));
            })
        })
        .collect();
    let mut next = [0; SENDERS];
    for _ in 0..SENDERS * MESSAGES as usize {
        let (sender, number) = receive(&mut receiver).unwrap();
        let sender: usize = sender[1..].parse().unwrap();
        assert_eq!(number, next[sender], "of sender {sender}");
        next[sender] += 1;
    }
    senders.into_iter().for_each(|it| it.join().unwrap());
    let stats = receiver.stats();
    assert_eq!(next, [MESSAGES; SENDERS]);
    assert_eq!((stats.depth, stats.bytes, stats.waiting), (0, 0, 0));
}

#[test]
fn tasks_of_one_thread_send_and_answer() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async {
        let broker = Broker::new();
        let mut server = register(&broker, "server", 4);
        let serve = tokio::spawn(async move {
            while let Some(message) = server.recv().await {
                match message.kind {
                    MessageKind::Request(responder) => responder.respond(message.payload).unwrap(),
                    _ => break,
                }
            }
            server.stats()
        });
        let clients: Vec<_> = (0..16)
            .map(|number| {
                let client = register(&broker, &format!("c{number}"), 1);
                tokio::spawn(async move {
                    for number in 0..500_u32 {
                        let bytes = number.to_le_bytes();
                        let request = client.endpoint().request("server", &bytes, LONG).unwrap();
                        assert_eq!(*request.await.unwrap(), bytes);
                    }
                    assert_eq!(client.stats().in_flight, 0);
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        let host = register(&broker, "host", 1);
        host.endpoint().send("server", "stop", LONG).await.unwrap();
        let stats = serve.await.unwrap();
        assert_eq!((stats.received, stats.open_requests), (16 * 500 + 1, 0));
    });
}

#[test]
fn a_task_that_always_has_messages_lets_others_run() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async {
        let broker = Broker::new();
        let mut mailbox = register(&broker, "a", 10);
        let endpoint = mailbox.endpoint();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let busy = tokio::spawn(async move {
            let mut rounds = 0_u64;
            while !stopped.load(Ordering::Relaxed) && rounds < 10_000_000 {
                endpoint.try_send("a", "x").unwrap();
                mailbox.recv().await.unwrap();
                rounds += 1;
            }
            rounds
        });
        tokio::task::yield_now().await;
        stop.store(true, Ordering::Relaxed);
        assert!(busy.await.unwrap() < 10_000_000);
    });
}

#[test]
fn a_hundred_thousand_requests_leave_nothing_behind() {
    const REQUESTS: u32 = 100_000;
    let broker = Broker::new();
    let mut server = register(&broker, "server", 64);
    let client = register(&broker, "client", 64);
    let serve = thread::spawn(move || {
        let mut seen = 0_u32;
        while let Some(message) = server.blocking_recv(patience()).unwrap() {
            let MessageKind::Request(responder) = message.kind else {
                break;
            };
            seen += 1;
            // One in ten is given up, one in ten rejected. Those that the client has
            // cancelled by now are late.
            let result = match message.payload[0] % 10 {
                0 => {
                    drop(responder);
                    Ok(())
                }
                1 => responder.reject("no"),
                _ => responder.respond(message.payload),
            };
            assert!(matches!(result, Ok(()) | Err(MessagingError::RequestEnded)));
        }
        (seen, server)
    });
    let endpoint = client.endpoint();
    let mut outcomes = 0;
    let mut pending = Vec::new();
    for number in 0..REQUESTS {
        let request = loop {
            match endpoint.request("server", vec![number as u8], LONG) {
                Ok(request) => break request,
                // As many as may wait do.
                Err(MessagingError::MailboxFull { .. }) => thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        };
        match number % 7 {
            0 => outcomes += usize::from(request.cancel().is_some()),
            1 => drop(request),
            _ => pending.push(request),
        }
        if pending.len() == 16 {
            for request in pending.drain(..) {
                match request.blocking_wait(patience()) {
                    Ok(_)
                    | Err(MessagingError::Abandoned { .. } | MessagingError::Rejected { .. }) => {
                        outcomes += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
    drop(pending);
    endpoint
        .blocking_send("server", "stop", LONG, patience())
        .unwrap();
    let (seen, server) = serve.join().unwrap();
    let (server, client) = (server.stats(), client.stats());
    assert!(outcomes > 70_000);
    assert_eq!(u64::from(seen) + 1, server.received);
    // None is unaccounted for.
    assert_eq!(u64::from(seen) + server.withdrawn, u64::from(REQUESTS));
    assert_eq!(
        (
            server.open_requests,
            server.depth,
            server.bytes,
            server.waiting
        ),
        (0, 0, 0, 0)
    );
    assert_eq!(client.in_flight, 0);
}

#[test]
fn a_thousand_subscribers_get_what_they_have_room_for() {
    let broker = Broker::new();
    let host = register(&broker, "host", 1);
    let mut subscribers: Vec<_> = (0..1000)
        .map(|number| {
            let messages = if number % 10 == 0 { 1 } else { 8 };
            let mailbox = register(&broker, &format!("s{number}"), messages);
            mailbox.endpoint().subscribe("news.*").unwrap();
            mailbox
        })
        .collect();
    let payload = vec![7; 1000];
    let first = host.endpoint().publish("news.a", payload.clone()).unwrap();
    assert_eq!((first.delivered, first.dropped), (1000, 0));
    let second = host.endpoint().publish("news.b", payload.clone()).unwrap();
    assert_eq!((second.delivered, second.dropped), (900, 100));
    for (number, subscriber) in subscribers.iter_mut().enumerate() {
        let small = number % 10 == 0;
        assert_eq!(*subscriber.try_recv().unwrap().payload, payload[..]);
        assert_eq!(subscriber.try_recv().is_none(), small);
        assert_eq!(subscriber.stats().dropped, u64::from(small));
    }
}

#[test]
fn components_come_and_go_while_messages_are_sent() {
    let broker = Broker::new();
    let stop = AtomicBool::new(false);
    let ended = AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in 0..3 {
            let sender = register(&broker, &format!("s{number}"), 1);
            let (stop, ended) = (&stop, &ended);
            scope.spawn(move || {
                let endpoint = sender.endpoint();
                while !stop.load(Ordering::Relaxed) {
                    let sent = endpoint.blocking_send("target", "x", LONG, patience());
                    let asked = endpoint.blocking_request("target", "y", LONG, patience());
                    for error in [sent.err(), asked.err()].into_iter().flatten() {
                        assert!(
                            matches!(
                                error,
                                MessagingError::ComponentNotFound { .. }
                                    | MessagingError::ComponentGone { .. }
                                    | MessagingError::Abandoned { .. }
                            ),
                            "{error}"
                        );
                        ended.fetch_add(1, Ordering::Relaxed);
                    }
                }
                assert_eq!(sender.stats().in_flight, 0);
            });
        }
        for _ in 0..200 {
            let mut target = register(&broker, "target", 2);
            let mut held = Vec::new();
            for _ in 0..5 {
                let message = target.blocking_recv(patience()).unwrap().unwrap();
                if let MessageKind::Request(responder) = message.kind {
                    held.push(responder);
                }
                if held.len() > 1 {
                    held.remove(0).respond("z").unwrap();
                }
            }
            // In the middle of its work, with the responders still there.
            assert!(broker.unregister("target"));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(ended.load(Ordering::Relaxed) > 0);
    assert_eq!(broker.components().len(), 0);
}

#[test]
fn timeouts_need_no_runtime() {
    let broker = Broker::new();
    let a = register(&broker, "a", 1);
    let _b = register(&broker, "b", 1);
    let endpoint = a.endpoint();
    let short = Duration::from_millis(20);
    let timed_out = |error| matches!(error, MessagingError::Timeout { .. });
    endpoint.try_send("b", "x").unwrap();
    let error = endpoint
        .blocking_send("b", "x", short, patience())
        .unwrap_err();
    assert!(timed_out(error));
    let error = endpoint
        .blocking_request("b", "x", short, patience())
        .unwrap_err();
    assert!(timed_out(error));
    // One that has no timers of its own, and a thread that works for it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let error = runtime.block_on(async { endpoint.send("b", "x", short).await.unwrap_err() });
    assert!(timed_out(error));
    let error = runtime
        .block_on(async { endpoint.blocking_request("b", "x", short, patience()) })
        .unwrap_err();
    assert!(timed_out(error));
}

#[test]
fn a_blocking_wait_is_interrupted() {
    let broker = Broker::new();
    let mut a = register(&broker, "a", 1);
    let mut b = register(&broker, "b", 1);
    let endpoint = a.endpoint();
    let interrupted = || {
        Some(MessagingError::NoTimer {
            reason: "stop".to_owned(),
        })
    };
    let stop = interrupted();
    endpoint.try_send("b", "x").unwrap();
    assert_eq!(
        endpoint.blocking_send("b", "y", LONG, interrupted).err(),
        stop
    );
    assert_eq!(
        endpoint.blocking_request("b", "z", LONG, interrupted).err(),
        stop
    );
    assert_eq!(a.blocking_recv(interrupted).err(), stop);
    assert!(b.try_recv().is_some());
    assert!(b.try_recv().is_none(), "what was interrupted is taken back");
    assert_eq!((a.stats().in_flight, b.stats().open_requests), (0, 0));
    // What needs no wait is not asked about.
    assert!(endpoint.blocking_send("b", "x", LONG, interrupted).is_ok());
}

#[test]
fn a_blocking_request_is_answered_from_another_thread() {
    let broker = Broker::new();
    let a = register(&broker, "a", 1);
    let mut b = register(&broker, "b", 1);
    let answer = thread::spawn(move || {
        let message = b.blocking_recv(patience()).unwrap().unwrap();
        let MessageKind::Request(responder) = message.kind else {
            panic!("no request");
        };
        responder.respond("pong").unwrap();
    });
    let reply = a.endpoint().blocking_request("b", "ping", LONG, patience());
    assert_eq!(*reply.unwrap(), *b"pong");
    answer.join().unwrap();
}
