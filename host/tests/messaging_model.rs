//! Random operations, one after the other, against a model that is plain lists: every
//! outcome, every message received and every figure must agree.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use enginebay_host::messaging::{
    Broker, Mailbox, MailboxOptions, ManualClock, MessageKind, MessagingError, PendingRequest,
    Responder, Sending,
};
use proptest::prelude::*;

const NAMES: [&str; 3] = ["a", "b", "c"];
const TIMEOUT: u64 = 10;
// Bounds that are reached all the time. One sender's share is half.
const MESSAGES: usize = 4;
const BYTES: usize = 40;
const WAITING: usize = 2;
const IN_FLIGHT: usize = 3;
const OPEN: usize = 4;

#[derive(Clone, Debug)]
enum Op {
    Send {
        from: usize,
        to: usize,
        size: usize,
        wait: bool,
    },
    Request {
        from: usize,
        to: usize,
        size: usize,
    },
    Publish {
        from: usize,
    },
    Subscribe {
        who: usize,
        on: bool,
    },
    Take {
        who: usize,
    },
    Answer {
        which: usize,
        how: u8,
    },
    /// Drops what waits for an outcome.
    GiveUp {
        which: usize,
    },
    Advance {
        time: u64,
    },
    Restart {
        who: usize,
    },
}

fn ops() -> impl Strategy<Value = Op> {
    let who = || 0..NAMES.len();
    let size = || 4..=BYTES + 2;
    prop_oneof![
        5 => (who(), who(), size(), any::<bool>())
            .prop_map(|(from, to, size, wait)| Op::Send { from, to, size: size / 2 + 2, wait }),
        5 => (who(), who(), size()).prop_map(|(from, to, size)| Op::Request { from, to, size }),
        2 => who().prop_map(|from| Op::Publish { from }),
        2 => (who(), any::<bool>()).prop_map(|(who, on)| Op::Subscribe { who, on }),
        7 => who().prop_map(|who| Op::Take { who }),
        4 => (any::<usize>(), 0..3_u8).prop_map(|(which, how)| Op::Answer { which, how }),
        2 => any::<usize>().prop_map(|which| Op::GiveUp { which }),
        2 => (1..TIMEOUT).prop_map(|time| Op::Advance { time }),
        1 => who().prop_map(|who| Op::Restart { who }),
    ]
}

/// What became of a call, in a form that both sides have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Full,
    TooLarge,
    TooMany,
    Timeout,
    Abandoned,
    Rejected,
    Gone,
}

fn outcome<T>(result: Result<T, MessagingError>) -> Outcome {
    match result {
        Ok(_) => Outcome::Done,
        Err(MessagingError::MailboxFull { .. }) => Outcome::Full,
        Err(MessagingError::MessageTooLarge { .. }) => Outcome::TooLarge,
        Err(MessagingError::TooManyRequests { .. }) => Outcome::TooMany,
        Err(MessagingError::Timeout { .. }) => Outcome::Timeout,
        Err(MessagingError::Abandoned { .. }) => Outcome::Abandoned,
        Err(MessagingError::Rejected { .. }) => Outcome::Rejected,
        Err(MessagingError::ComponentGone { .. }) => Outcome::Gone,
        Err(error) => panic!("{error}"),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    OneWay,
    Request,
    Publication,
}

#[derive(Clone)]
struct Note {
    tag: u32,
    /// The registration of the sender.
    sender: usize,
    size: usize,
    kind: Kind,
}

/// The model of one mailbox.
#[derive(Default)]
struct Place {
    queue: VecDeque<Note>,
    /// Lanes, the next one first.
    line: VecDeque<VecDeque<Note>>,
    /// Sender, and whether it was taken, of those without an answer.
    open: HashMap<u32, (usize, bool)>,
}

impl Place {
    fn bytes(&self) -> usize {
        self.queue.iter().map(|it| it.size).sum()
    }

    fn waiting(&self) -> usize {
        self.line.iter().map(VecDeque::len).sum()
    }

    fn beyond_share(&self, note: &Note) -> bool {
        let own = self.queue.iter().filter(|it| it.sender == note.sender);
        let (messages, bytes) = own.fold((0, 0), |(n, b), it| (n + 1, b + it.size));
        messages > 0 && (messages >= MESSAGES / 2 || bytes + note.size > BYTES / 2)
    }

    fn beyond_room(&self, note: &Note) -> bool {
        self.queue.len() >= MESSAGES || self.bytes() + note.size > BYTES
    }

    /// Whether somebody in line waits for nothing but the mailbox as a whole.
    fn blocked(&self) -> bool {
        self.line.iter().any(|lane| !self.beyond_share(&lane[0]))
    }

    fn push(&mut self, note: Note, wait: bool) -> Result<bool, Outcome> {
        if note.size > BYTES {
            return Err(Outcome::TooLarge);
        }
        if note.kind == Kind::Request {
            let own = self.open.values().filter(|it| it.0 == note.sender).count();
            if self.open.len() >= OPEN || own >= OPEN / 2 {
                return Err(Outcome::TooMany);
            }
        }
        let lane = self.line.iter().position(|it| it[0].sender == note.sender);
        let enters = lane.is_none()
            && !self.blocked()
            && !self.beyond_share(&note)
            && !self.beyond_room(&note);
        if !enters && (!wait || lane.is_some_and(|it| self.line[it].len() >= WAITING)) {
            return Err(Outcome::Full);
        }
        if note.kind == Kind::Request {
            self.open.insert(note.tag, (note.sender, false));
        }
        match (enters, lane) {
            (true, _) => self.queue.push_back(note),
            (false, Some(lane)) => self.line[lane].push_back(note),
            (false, None) => self.line.push_back([note].into()),
        }
        Ok(enters)
    }

    /// Lets in whom there is room for, and adds their tags.
    fn admit(&mut self, admitted: &mut Vec<u32>) {
        // The first that does not wait for its own share has the turn.
        while let Some(turn) = self.line.iter().position(|it| !self.beyond_share(&it[0])) {
            if self.beyond_room(&self.line[turn][0]) {
                return;
            }
            let mut lane = self.line.remove(turn).unwrap();
            let note = lane.pop_front().unwrap();
            admitted.push(note.tag);
            self.queue.push_back(note);
            if !lane.is_empty() {
                self.line.push_back(lane);
            }
        }
    }

    fn take(&mut self, admitted: &mut Vec<u32>) -> Option<Note> {
        loop {
            let note = self.queue.pop_front()?;
            self.admit(admitted);
            if note.kind != Kind::Request {
                return Some(note);
            }
            if let Some(open) = self.open.get_mut(&note.tag) {
                open.1 = true;
                return Some(note);
            }
        }
    }

    /// The asker or sender gives up. What was taken is the receiver's to give up.
    fn withdraw(&mut self, tag: u32, admitted: &mut Vec<u32>) {
        if self.open.get(&tag).is_some_and(|it| it.1) {
            return;
        }
        self.open.remove(&tag);
        for lane in &mut self.line {
            lane.retain(|it| it.tag != tag);
        }
        self.line.retain(|it| !it.is_empty());
        self.admit(admitted);
    }
}

enum Call {
    Send(Sending),
    Request(PendingRequest),
}

/// A call without an outcome.
struct Flight {
    call: Call,
    tag: u32,
    asker: usize,
    /// The registration that it is to.
    target: usize,
    deadline: u64,
    /// What the model says, once it is known.
    expected: Option<Outcome>,
}

struct World {
    clock: ManualClock,
    now: u64,
    broker: Broker,
    mailboxes: Vec<Option<Mailbox>>,
    /// The registration of each component, and the mailbox of each registration.
    current: [usize; 3],
    places: Vec<Place>,
    subscribed: [bool; 3],
    flights: Vec<Flight>,
    responders: Vec<(u32, usize, Responder)>,
    next: u32,
}

fn register(broker: &Broker, name: &str) -> Mailbox {
    let options = MailboxOptions::default().messages(MESSAGES).bytes(BYTES);
    let options = options
        .waiting(WAITING)
        .requests(IN_FLIGHT)
        .open_requests(OPEN);
    broker.register(name, options).unwrap()
}

impl World {
    fn new() -> World {
        let clock = ManualClock::new();
        let broker = Broker::with_clock(clock.clock());
        World {
            clock,
            now: 0,
            mailboxes: NAMES.map(|name| Some(register(&broker, name))).into(),
            broker,
            current: [0, 1, 2],
            places: NAMES.map(|_| Place::default()).into(),
            subscribed: [false; 3],
            flights: Vec::new(),
            responders: Vec::new(),
            next: 0,
        }
    }

    fn note(&mut self, from: usize, size: usize, kind: Kind) -> (Note, Vec<u8>) {
        self.next += 1;
        let mut payload = vec![0; size];
        payload[..4].copy_from_slice(&self.next.to_le_bytes());
        let sender = self.current[from];
        let tag = self.next;
        (
            Note {
                tag,
                sender,
                size,
                kind,
            },
            payload,
        )
    }

    /// The model's word on calls that are waited for.
    fn expect(&mut self, tags: Vec<u32>, outcome: Outcome) {
        for flight in &mut self.flights {
            if tags.contains(&flight.tag) && matches!(flight.call, Call::Send(_)) {
                flight.expected.get_or_insert(outcome);
            }
        }
    }

    fn in_flight(&self, asker: usize) -> usize {
        let requests = self.flights.iter();
        requests
            .filter(|it| it.asker == asker && matches!(it.call, Call::Request(_)))
            .count()
    }

    fn withdraw(&mut self, tag: u32, target: usize) {
        let mut admitted = Vec::new();
        self.places[target].withdraw(tag, &mut admitted);
        self.expect(admitted, Outcome::Done);
    }

    /// Looks at all calls that are waited for, the oldest first.
    fn look(&mut self) {
        let mut at = 0;
        while at < self.flights.len() {
            let mut cx = Context::from_waker(Waker::noop());
            let actual = match &mut self.flights[at].call {
                Call::Send(call) => Pin::new(call).poll(&mut cx).map(outcome),
                Call::Request(call) => Pin::new(call).poll(&mut cx).map(outcome),
            };
            let flight = &self.flights[at];
            let over = flight.deadline <= self.now;
            let expected = flight.expected.or(over.then_some(Outcome::Timeout));
            match (actual, expected) {
                (Poll::Pending, None) => at += 1,
                (Poll::Ready(actual), Some(expected)) => {
                    assert_eq!(actual, expected);
                    let flight = self.flights.remove(at);
                    if flight.expected.is_none() {
                        self.withdraw(flight.tag, flight.target);
                    }
                }
                (actual, expected) => panic!("{actual:?} instead of {expected:?}"),
            }
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Send {
                from,
                to,
                size,
                wait,
            } => {
                let (note, payload) = self.note(from, size, Kind::OneWay);
                let (tag, asker, target) = (note.tag, note.sender, self.current[to]);
                let expected = self.places[target].push(note, wait && from != to);
                if !wait {
                    let actual = self.broker.try_send(NAMES[from], NAMES[to], payload);
                    assert_eq!(
                        outcome(actual),
                        expected.map_or_else(|it| it, |_| Outcome::Done)
                    );
                    return;
                }
                let timeout = Duration::from_secs(TIMEOUT);
                let call = self.broker.send(NAMES[from], NAMES[to], payload, timeout);
                self.flights.push(Flight {
                    call: Call::Send(call),
                    tag,
                    asker,
                    target,
                    deadline: self.now + TIMEOUT,
                    expected: match expected {
                        Ok(true) => Some(Outcome::Done),
                        Ok(false) => None,
                        Err(outcome) => Some(outcome),
                    },
                });
            }
            Op::Request { from, to, size } => {
                let (note, payload) = self.note(from, size, Kind::Request);
                let (tag, asker, target) = (note.tag, note.sender, self.current[to]);
                let expected = match self.in_flight(asker) {
                    IN_FLIGHT.. => Err(Outcome::TooMany),
                    _ => self.places[target].push(note, true),
                };
                let timeout = Duration::from_secs(TIMEOUT);
                match self
                    .broker
                    .request(NAMES[from], NAMES[to], payload, timeout)
                {
                    Ok(call) => {
                        assert!(expected.is_ok(), "{expected:?}");
                        self.flights.push(Flight {
                            call: Call::Request(call),
                            tag,
                            asker,
                            target,
                            deadline: self.now + TIMEOUT,
                            expected: None,
                        });
                    }
                    Err(error) => assert_eq!(Err(outcome::<()>(Err(error))), expected),
                }
            }
            Op::Publish { from } => {
                let (note, payload) = self.note(from, 5, Kind::Publication);
                let mut expected = (0, 0);
                for who in (0..NAMES.len()).filter(|it| self.subscribed[*it]) {
                    match self.places[self.current[who]].push(note.clone(), false) {
                        Ok(_) => expected.0 += 1,
                        Err(_) => expected.1 += 1,
                    }
                }
                let actual = self
                    .broker
                    .publish(NAMES[from], "topic.x", payload)
                    .unwrap();
                assert_eq!((actual.delivered, actual.dropped), expected);
            }
            Op::Subscribe { who, on: true } => {
                self.broker.subscribe(NAMES[who], "topic.*").unwrap();
                self.subscribed[who] = true;
            }
            Op::Subscribe { who, on: false } => {
                let ended = self.broker.unsubscribe(NAMES[who], "topic.*").unwrap();
                assert_eq!(ended, self.subscribed[who]);
                self.subscribed[who] = false;
            }
            Op::Take { who } => {
                self.take(who);
            }
            Op::Answer { which, how } if !self.responders.is_empty() => {
                let which = which % self.responders.len();
                let (tag, target, responder) = self.responders.swap_remove(which);
                let waited = self.places[target].open.remove(&tag).is_some();
                let flight = self.flights.iter_mut().find(|it| it.tag == tag);
                let flight = flight.filter(|it| waited && it.expected.is_none());
                assert_eq!(responder.is_cancelled(), flight.is_none());
                let result = match how {
                    0 => {
                        drop(responder);
                        Ok(())
                    }
                    1 => responder.reject("no"),
                    _ => responder.respond("yes"),
                };
                assert_eq!(result.is_ok(), how == 0 || flight.is_some());
                if let Some(flight) = flight {
                    let outcomes = [Outcome::Abandoned, Outcome::Rejected, Outcome::Done];
                    flight.expected = Some(outcomes[usize::from(how)]);
                }
            }
            Op::GiveUp { which } if !self.flights.is_empty() => {
                let flight = self.flights.remove(which % self.flights.len());
                if flight.expected.is_none() {
                    self.withdraw(flight.tag, flight.target);
                }
            }
            Op::Answer { .. } | Op::GiveUp { .. } => {}
            Op::Advance { time } => {
                self.now += time;
                self.clock.advance(Duration::from_secs(time));
                self.look();
            }
            Op::Restart { who } => {
                let old = self.current[who];
                self.mailboxes[who] = None;
                self.places[old] = Place::default();
                for flight in self.flights.iter_mut().filter(|it| it.target == old) {
                    flight.expected.get_or_insert(Outcome::Gone);
                }
                self.current[who] = self.places.len();
                self.places.push(Place::default());
                self.subscribed[who] = false;
                self.mailboxes[who] = Some(register(&self.broker, NAMES[who]));
            }
        }
    }

    /// Whether there was a message.
    fn take(&mut self, who: usize) -> bool {
        let target = self.current[who];
        let mut admitted = Vec::new();
        let expected = self.places[target].take(&mut admitted);
        self.expect(admitted, Outcome::Done);
        let actual = self.mailboxes[who].as_mut().unwrap().try_recv();
        let tag = |bytes: &[u8]| u32::from_le_bytes(bytes[..4].try_into().unwrap());
        assert_eq!(
            actual
                .as_ref()
                .map(|it| (tag(&it.payload), it.payload.len())),
            expected.as_ref().map(|it| (it.tag, it.size))
        );
        let (Some(actual), Some(expected)) = (actual, expected) else {
            return false;
        };
        match actual.kind {
            MessageKind::OneWay => assert!(expected.kind == Kind::OneWay),
            MessageKind::Publication { .. } => assert!(expected.kind == Kind::Publication),
            MessageKind::Request(responder) => {
                assert!(expected.kind == Kind::Request);
                self.responders.push((expected.tag, target, responder));
            }
            other => panic!("{other:?}"),
        }
        true
    }

    fn check(&self) {
        for (who, name) in NAMES.iter().enumerate() {
            let place = &self.places[self.current[who]];
            let stats = self.broker.stats(name).unwrap();
            assert_eq!(
                (
                    stats.depth,
                    stats.bytes,
                    stats.waiting,
                    stats.open_requests,
                    stats.in_flight
                ),
                (
                    place.queue.len(),
                    place.bytes(),
                    place.waiting(),
                    place.open.len(),
                    self.in_flight(self.current[who])
                )
            );
        }
    }

    /// All ends, and nothing is left.
    fn end(mut self) {
        for who in 0..NAMES.len() {
            while self.take(who) {}
        }
        self.check();
        self.look();
        self.flights.clear();
        self.responders.clear();
        for (name, mailbox) in NAMES.iter().zip(&mut self.mailboxes) {
            assert!(mailbox.as_mut().unwrap().try_recv().is_none());
            let stats = self.broker.stats(name).unwrap();
            assert_eq!((stats.depth, stats.bytes, stats.waiting), (0, 0, 0));
            assert_eq!((stats.open_requests, stats.in_flight), (0, 0));
        }
        assert_eq!(self.clock.clock().waits(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_broker_does_as_its_model(ops in prop::collection::vec(ops(), 1..120)) {
        let mut world = World::new();
        for op in ops {
            world.apply(op);
            world.check();
        }
        world.end();
    }
}
