//! Messages between two endpoints of a broker, of 32 bytes each. Beside them are bare
//! channels of tokio's with the same room (for answers a `oneshot` channel each), and
//! direct calls. Both ends are tasks of tokio's: of one thread, where no thread has to
//! wake up and what is seen is the work itself, and of two.

use std::sync::Arc;
use std::time::Duration;

use enginebay::host::messaging::{Broker, Endpoint, Mailbox, MailboxOptions, MessageKind, Payload};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::{add, direct};
use crate::{Bench, Pair, Work};

/// Messages in a mailbox, and in a bare channel.
const ROOM: usize = 1024;
const MINUTE: Duration = Duration::from_secs(60);
const BARE: &str = "bare tokio channels";
const CALL: &str = "direct calls";

type Question = (Payload, oneshot::Sender<Payload>);

pub(super) fn list(to: &mut Vec<Bench>) {
    for threads in [1, 2] {
        let on = match threads {
            1 => "one thread",
            _ => "two threads",
        };
        let name = format!("message, one way, {on}");
        add(to, &*name, BARE, None, move || {
            Pair::new((one_way(threads), bare_one_way(threads)))
        });
        add(to, name, CALL, None, move || {
            Pair::new((one_way(threads), direct::one_way()))
        });
        let name = format!("message, round trip, {on}");
        add(to, &*name, BARE, None, move || {
            Pair::new((round_trip(threads), bare_round_trip(threads)))
        });
        add(to, name, CALL, None, move || {
            Pair::new((round_trip(threads), direct::round_trip()))
        });
    }
}

pub(super) fn payload() -> Payload {
    Payload::from(&[7; 32])
}

fn runtime(threads: usize) -> Runtime {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.build().expect("threads can be started")
}

/// Runs the two ends as tasks, each as often as it is told. The ends are behind a lock
/// for the next time, which each takes once.
fn both<A, B, FA, FB>(threads: usize, first: A, second: B) -> Work
where
    A: Fn(u64) -> FA + 'static,
    B: Fn(u64) -> FB + 'static,
    FA: Future<Output = ()> + Send + 'static,
    FB: Future<Output = ()> + Send + 'static,
{
    let runtime = runtime(threads);
    Box::new(move |n| {
        runtime.block_on(async {
            let (first, second) = (tokio::spawn(first(n)), tokio::spawn(second(n)));
            first.await.expect("it does not panic");
            second.await.expect("it does not panic");
        });
    })
}

/// The sending end of one component and the mailbox of another, which one sender may
/// fill. The sender's own mailbox comes with it, as it is gone without.
fn ends() -> ((Endpoint, Arc<Mailbox>), Arc<Mutex<Mailbox>>) {
    let broker = Broker::new();
    let register = |name| {
        let options = MailboxOptions::default().messages(ROOM).sender_share(100);
        broker.register(name, options).expect("the name is free")
    };
    let (sender, receiver) = (register("sender"), register("receiver"));
    let endpoint = sender.endpoint();
    ((endpoint, Arc::new(sender)), Arc::new(Mutex::new(receiver)))
}

fn one_way(threads: usize) -> Work {
    let (sender, receiver) = ends();
    let send = move |n| {
        let (endpoint, kept) = sender.clone();
        async move {
            for _ in 0..n {
                let sent = endpoint.send("receiver", payload(), MINUTE).await;
                sent.expect("the receiver is there");
            }
            drop(kept);
        }
    };
    let receive = move |n| {
        let receiver = receiver.clone();
        async move {
            let mut mailbox = receiver.lock().await;
            for _ in 0..n {
                mailbox.recv().await.expect("the broker is there");
            }
        }
    };
    both(threads, send, receive)
}

fn bare_one_way(threads: usize) -> Work {
    let (sender, receiver) = mpsc::channel(ROOM);
    let receiver = Arc::new(Mutex::new(receiver));
    let send = move |n| {
        let sender = sender.clone();
        async move {
            for _ in 0..n {
                let sent = sender.send(payload()).await;
                sent.expect("the receiver is there");
            }
        }
    };
    let receive = move |n| {
        let receiver = receiver.clone();
        async move {
            let mut receiver = receiver.lock().await;
            for _ in 0..n {
                receiver.recv().await.expect("the sender is there");
            }
        }
    };
    both(threads, send, receive)
}

fn round_trip(threads: usize) -> Work {
    let (asker, answerer) = ends();
    let ask = move |n| {
        let (endpoint, kept) = asker.clone();
        async move {
            for _ in 0..n {
                let request = endpoint.request("receiver", payload(), MINUTE);
                let answer = request.expect("the receiver is there").await;
                answer.expect("it answers");
            }
            drop(kept);
        }
    };
    let answer = move |n| {
        let answerer = answerer.clone();
        async move {
            let mut mailbox = answerer.lock().await;
            for _ in 0..n {
                let message = mailbox.recv().await.expect("the broker is there");
                if let MessageKind::Request(responder) = message.kind {
                    let answered = responder.respond(message.payload);
                    answered.expect("somebody waits for it");
                }
            }
        }
    };
    both(threads, ask, answer)
}

fn bare_round_trip(threads: usize) -> Work {
    let (sender, receiver) = mpsc::channel::<Question>(ROOM);
    let receiver = Arc::new(Mutex::new(receiver));
    let ask = move |n| {
        let sender = sender.clone();
        async move {
            for _ in 0..n {
                let (reply, answer) = oneshot::channel();
                let sent = sender.send((payload(), reply)).await;
                sent.expect("the receiver is there");
                answer.await.expect("it answers");
            }
        }
    };
    let answer = move |n| {
        let receiver = receiver.clone();
        async move {
            let mut receiver = receiver.lock().await;
            for _ in 0..n {
                let (payload, reply) = receiver.recv().await.expect("the sender is there");
                reply.send(payload).expect("somebody waits for it");
            }
        }
    };
    both(threads, ask, answer)
}
