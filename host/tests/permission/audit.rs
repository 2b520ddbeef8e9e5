//! What is written down.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use enginebay_host::permission::{
    AuditEvent, AuditSink, JsonLinesAudit, ManualClock, MemoryAudit, Outcome, Permissions,
    PermissionsBuilder, QuotaKind, Quotas, Reason, SecurityMode,
};

use super::*;

fn with_sink(sink: Arc<dyn AuditSink>) -> PermissionsBuilder {
    Permissions::builder().audit(sink)
}

#[test]
fn every_check_is_recorded_remembered_or_not() {
    let sink = Arc::new(MemoryAudit::new(100));
    let clock = Arc::new(ManualClock::new());
    clock.advance(Duration::from_secs(7));
    let permissions = with_sink(sink.clone()).clock(clock).build();
    let checker = registered(&permissions, [required(READ, "/data/**")]);
    for _ in 0..2 {
        checker.check(FUNCTION, read("/data/a")).unwrap();
        checker.check(FUNCTION, read("/etc/x")).unwrap_err();
    }
    let events = sink.events();
    assert_eq!(events.len(), 4);
    assert_eq!((&events[0], &events[1]), (&events[2], &events[3]));
    let granted = &events[0];
    assert_eq!(
        granted.time,
        SystemTime::UNIX_EPOCH + Duration::from_secs(7)
    );
    assert_eq!(
        (&*granted.component, granted.function.as_str()),
        (NAME, FUNCTION)
    );
    assert_eq!(granted.capability, read("/data/a").to_capability());
    assert_eq!(granted.outcome, Outcome::Granted);
    assert_eq!(granted.reason, Reason::Grant("/data/**".into()));
    assert_eq!(
        (events[1].outcome, &events[1].reason),
        (Outcome::Denied, &Reason::NotGranted)
    );
}

#[test]
fn the_mode_is_named_when_it_alone_allows() {
    let sink = Arc::new(MemoryAudit::new(100));
    let permissions = with_sink(sink.clone())
        .mode(SecurityMode::Development)
        .build();
    check(&registered(&permissions, []), read("/x")).unwrap();
    assert_eq!(
        sink.events()[0].reason,
        Reason::Mode(SecurityMode::Development)
    );
}

#[test]
fn a_quota_that_is_exceeded_is_recorded() {
    let sink = Arc::new(MemoryAudit::new(100));
    let quotas = Quotas {
        messages_per_minute: 1,
        ..Quotas::default()
    };
    let permissions = with_sink(sink.clone()).quotas(quotas).build();
    let checker = registered(&permissions, []);
    let asked = request(PUBLISH, "events", 0);
    checker
        .charge(FUNCTION, asked, QuotaKind::Messages, 1)
        .unwrap();
    let exceeded = checker
        .charge(FUNCTION, asked, QuotaKind::Messages, 1)
        .unwrap_err();
    let events = sink.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].outcome, Outcome::Denied);
    assert_eq!(events[0].reason, Reason::Quota(exceeded));
}

#[test]
fn quotas_outlive_a_reload() {
    let permissions = Permissions::new();
    registered(&permissions, []);
    let meter = permissions.meter(NAME).unwrap();
    meter.charge(QuotaKind::NetworkBytes, 10).unwrap();
    permissions.reload(Subject::new(NAME), []).unwrap();
    assert_eq!(
        permissions
            .meter(NAME)
            .unwrap()
            .report()
            .used(QuotaKind::NetworkBytes),
        10
    );
}

#[test]
fn explaining_is_not_recorded() {
    let sink = Arc::new(MemoryAudit::new(100));
    let checker = registered(&with_sink(sink.clone()).build(), []);
    assert_eq!(
        checker.explain(read("/x")),
        (Outcome::Denied, Reason::NotGranted)
    );
    assert!(sink.events().is_empty());
}

#[test]
fn the_sink_in_memory_keeps_the_latest_and_counts_the_rest() {
    let sink = Arc::new(MemoryAudit::new(3));
    let checker = registered(&with_sink(sink.clone()).build(), []);
    for n in 0..10 {
        checker.check(FUNCTION, read(&format!("/{n}"))).unwrap_err();
    }
    assert_eq!(sink.dropped(), 7);
    let kept: Vec<_> = sink
        .take()
        .iter()
        .map(|it| it.capability.to_string())
        .collect();
    assert_eq!(
        kept,
        [
            "filesystem.read(/7)",
            "filesystem.read(/8)",
            "filesystem.read(/9)"
        ]
    );
    assert!(sink.events().is_empty());
}

#[test]
fn a_sink_that_panics_changes_no_decision_and_no_other_sink() {
    struct Panics;
    impl AuditSink for Panics {
        fn record(&self, _: &AuditEvent) {
            panic!("a sink's own");
        }
    }
    let memory = Arc::new(MemoryAudit::new(100));
    let permissions = with_sink(Arc::new(Panics)).audit(memory.clone()).build();
    let checker = registered(&permissions, [required(READ, "/data/**")]);
    for _ in 0..3 {
        check(&checker, read("/data/a")).unwrap();
        check(&checker, read("/x")).unwrap_err();
    }
    permissions.revoke(NAME, READ, "/data/**").unwrap();
    check(&checker, read("/data/a")).unwrap_err();
    assert_eq!(memory.events().len(), 14);
}

#[test]
fn a_sink_may_check_and_change_permissions() {
    struct RevokesOnce(Mutex<Option<Permissions>>, AtomicBool);
    impl AuditSink for RevokesOnce {
        fn record(&self, _: &AuditEvent) {
            let permissions = self.0.lock().unwrap().clone();
            if let (Some(permissions), false) = (permissions, self.1.swap(true, Ordering::SeqCst)) {
                permissions.revoke(NAME, READ, "/data/**").unwrap();
                permissions
                    .checker(NAME)
                    .unwrap()
                    .check(FUNCTION, read("/data/a"))
                    .unwrap_err();
            }
        }
    }
    let sink = Arc::new(RevokesOnce(Mutex::new(None), false.into()));
    let permissions = with_sink(sink.clone()).build();
    *sink.0.lock().unwrap() = Some(permissions.clone());
    let checker = registered(&permissions, [required(READ, "/data/**")]);
    checker.check(FUNCTION, read("/data/a")).unwrap();
    checker.check(FUNCTION, read("/data/a")).unwrap_err();
    *sink.0.lock().unwrap() = None;
}

#[test]
fn lines_of_json_are_one_for_each_event_whatever_the_guest_wrote() {
    let sink = Arc::new(JsonLinesAudit::new(Vec::new()).denied_only());
    let permissions = with_sink(sink.clone()).build();
    let checker = registered(&permissions, [required(CONNECT, "example.com:443")]);
    checker
        .check(FUNCTION, connect("example.com", 443))
        .unwrap();
    checker
        .check(FUNCTION, connect("example.com", 80))
        .unwrap_err();
    checker
        .check(FUNCTION, read("/a\n{\"outcome\":\"granted\"}"))
        .unwrap_err();
    drop((checker, permissions));
    let sink = Arc::into_inner(sink).unwrap();
    assert_eq!(sink.failed(), 0);
    let text = String::from_utf8(sink.into_inner()).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    let mut first = lines[0].clone();
    assert!(first["time"].take().as_u64().is_some());
    assert_eq!(
        first,
        serde_json::json!({
            "time": null,
            "component": NAME,
            "function": FUNCTION,
            "operation": "network.connect",
            "target": "example.com",
            "port": 80,
            "outcome": "denied",
            "by": "not-granted",
            "reason": "no grant covers it",
        })
    );
    assert_eq!(lines[1]["outcome"], "denied");
}

#[test]
fn a_writer_that_fails_loses_events_and_counts_them() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let sink = Arc::new(JsonLinesAudit::new(Full));
    let checker = registered(&with_sink(sink.clone()).build(), []);
    check(&checker, read("/x")).unwrap_err();
    assert_eq!(sink.failed(), 2);
}
