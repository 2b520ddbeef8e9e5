//! The audit's `tracing` events. One test in a process of its own: `tracing` remembers for
//! the whole process whether anybody listens, so the subscriber is there before anything
//! else happens.

use std::fmt;
use std::sync::{Arc, Mutex};

use enginebay_host::capability::{FilesystemAction, Operation};
use enginebay_host::permission::{Grant, Permissions, Request, SecurityMode, Subject, TrustLevel};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// Keeps the audit's events as text.
#[derive(Clone, Default)]
struct Tracer(Arc<Mutex<Vec<(Level, String)>>>);

impl Subscriber for Tracer {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "enginebay::audit"
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0
            .lock()
            .unwrap()
            .push((*event.metadata().level(), fields.0));
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

#[test]
fn decisions_are_tracing_events_of_their_levels() {
    let tracer = Tracer::default();
    tracing::subscriber::set_global_default(tracer.clone()).unwrap();
    let permissions = Permissions::new();
    let read = Operation::Filesystem(FilesystemAction::Read);
    let grant = Grant::required(read, "/data/**").unwrap();
    permissions
        .register(Subject::new("counter"), [grant])
        .unwrap();
    let checker = permissions.checker("counter").unwrap();
    let check = |path| {
        let request = Request::filesystem(FilesystemAction::Read, path);
        checker.check("enginebay:test/calls#call", request)
    };
    for _ in 0..2 {
        check("/data/a").unwrap();
    }
    check("/x\u{202e}\ny").unwrap_err();
    permissions.set_mode(SecurityMode::Development);
    check("/x").unwrap();
    permissions.set_mode(SecurityMode::Permissive);
    permissions
        .set_trust("counter", TrustLevel::Trusted)
        .unwrap();
    check("/x").unwrap();
    let events = tracer.0.lock().unwrap().clone();
    let levels: Vec<_> = events.iter().map(|(level, _)| *level).collect();
    assert_eq!(
        levels,
        [
            Level::DEBUG,
            Level::DEBUG,
            Level::WARN,
            Level::WARN,
            Level::INFO
        ]
    );
    assert_eq!(
        events[0].1,
        "component=\"counter\" function=\"enginebay:test/calls#call\" \
         capability=filesystem.read(/data/a) outcome=\"granted\" by=\"grant\" reason=granted by \
         `/data/**` "
    );
    assert!(
        events[2].1.contains(r"(/x\u{202e}\u{a}y)"),
        "{}",
        events[2].1
    );
}
