//! Messages per second against bare channels, in the same run. Not a test: it prints
//! figures when asked, with
//! `cargo test --release -p enginebay-host --test messaging_figures -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use enginebay_host::messaging::{Broker, Mailbox, MailboxOptions, MessageKind, Payload};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

const MESSAGES: u32 = 300_000;
const ROUNDS: usize = 7;
const ROOM: usize = 1024;
const MINUTE: Duration = Duration::from_secs(60);

fn payload() -> Payload {
    Payload::from(&[7; 32])
}

fn register(broker: &Broker, name: &str) -> Mailbox {
    let options = MailboxOptions::default().messages(ROOM).sender_share(100);
    broker.register(name, options).unwrap()
}

/// Nanoseconds per message, the best of some rounds of each, one after the other.
fn compare<A, B>(name: &str, ours: impl Fn() -> A, bare: impl Fn() -> B)
where
    A: Future<Output = ()>,
    B: Future<Output = ()>,
{
    let time = |future: std::pin::Pin<Box<dyn Future<Output = ()> + '_>>| {
        let runtime = Builder::new_multi_thread().worker_threads(2).build();
        let start = Instant::now();
        runtime.unwrap().block_on(future);
        start.elapsed().as_nanos() as f64 / f64::from(MESSAGES)
    };
    let mut best = [f64::INFINITY; 2];
    for _ in 0..ROUNDS {
        best[0] = best[0].min(time(Box::pin(ours())));
        best[1] = best[1].min(time(Box::pin(bare())));
    }
    let ratio = best[0] / best[1];
    println!(
        "{name}: {:.0} ns ({:.0}/s), bare {:.0} ns ({:.0}/s), ratio {ratio:.2}",
        best[0],
        1e9 / best[0],
        best[1],
        1e9 / best[1]
    );
}

#[test]
#[ignore = "prints figures"]
fn one_way_and_round_trips() {
    compare(
        "one way, two threads",
        || async {
            let broker = Broker::new();
            let mut receiver = register(&broker, "receiver");
            let sender = register(&broker, "sender");
            let send = tokio::spawn(async move {
                let endpoint = sender.endpoint();
                for _ in 0..MESSAGES {
                    endpoint.send("receiver", payload(), MINUTE).await.unwrap();
                }
            });
            let receive = tokio::spawn(async move {
                for _ in 0..MESSAGES {
                    receiver.recv().await.unwrap();
                }
            });
            send.await.unwrap();
            receive.await.unwrap();
        },
        || async {
            let (sender, mut receiver) = mpsc::channel(ROOM);
            let send = tokio::spawn(async move {
                for _ in 0..MESSAGES {
                    sender.send(payload()).await.unwrap();
                }
            });
            let receive = tokio::spawn(async move {
                for _ in 0..MESSAGES {
                    receiver.recv().await.unwrap();
                }
            });
            send.await.unwrap();
            receive.await.unwrap();
        },
    );
    compare(
        "one way, one task",
        || async {
            let broker = Broker::new();
            let mut receiver = register(&broker, "receiver");
            let sender = register(&broker, "sender");
            let endpoint = sender.endpoint();
            for _ in 0..MESSAGES / 100 {
                for _ in 0..100 {
                    endpoint.send("receiver", payload(), MINUTE).await.unwrap();
                }
                for _ in 0..100 {
                    receiver.recv().await.unwrap();
                }
            }
        },
        || async {
            let (sender, mut receiver) = mpsc::channel(ROOM);
            for _ in 0..MESSAGES / 100 {
                for _ in 0..100 {
                    sender.send(payload()).await.unwrap();
                }
                for _ in 0..100 {
                    receiver.recv().await.unwrap();
                }
            }
        },
    );
    compare(
        "round trip",
        || async {
            let broker = Broker::new();
            let mut server = register(&broker, "server");
            let client = register(&broker, "client");
            let serve = tokio::spawn(async move {
                for _ in 0..MESSAGES {
                    let message = server.recv().await.unwrap();
                    if let MessageKind::Request(responder) = message.kind {
                        responder.respond(message.payload).unwrap();
                    }
                }
            });
            let ask = tokio::spawn(async move {
                let endpoint = client.endpoint();
                for _ in 0..MESSAGES {
                    let request = endpoint.request("server", payload(), MINUTE).unwrap();
                    request.await.unwrap();
                }
            });
            ask.await.unwrap();
            serve.await.unwrap();
        },
        || async {
            let (sender, mut receiver) = mpsc::channel::<(Payload, oneshot::Sender<Payload>)>(ROOM);
            let serve = tokio::spawn(async move {
                for _ in 0..MESSAGES {
                    let (payload, reply) = receiver.recv().await.unwrap();
                    reply.send(payload).unwrap();
                }
            });
            let ask = tokio::spawn(async move {
                for _ in 0..MESSAGES {
                    let (reply, answer) = oneshot::channel();
                    sender.send((payload(), reply)).await.unwrap();
                    answer.await.unwrap();
                }
            });
            ask.await.unwrap();
            serve.await.unwrap();
        },
    );
}
