//! What components do with a host's services.

use std::fs;
use std::future::Future;
use std::task::{Context, Poll, Waker};

use enginebay::Backend;
use enginebay::host::capability::{Operation, StorageAction};
use enginebay::host::filesystem::{Access, Filesystem};
use enginebay::host::permission::{Decision, Permissions, SecurityMode, TrustLevel};
use enginebay::host::runner::{Changes, ExecutionOutcome, HostOptions};
use enginebay::host::services::{Services, Status};
use enginebay::host::storage::Storage;

use super::{host, host_with, load, output, run, services};
use crate::common::temp::TempDir;

pub(crate) fn a_count_outlives_its_component<B: Backend>() {
    let folder = TempDir::on::<B>("count");
    let file = folder.0.join("values");
    for before in [0, 2] {
        let storage = Storage::open(&file).unwrap();
        let host = host::<B>(Services::builder().storage(storage).build());
        let counter = load(&host, "counter/counter");
        assert_eq!(output(&counter, "get", ""), before.to_string());
        assert_eq!(output(&counter, "increment", ""), (before + 1).to_string());
        assert_eq!(output(&counter, "increment", ""), (before + 2).to_string());
        host.stop();
        assert_eq!(counter.status(), Status::Terminated);
    }
}

pub(crate) fn components_talk<B: Backend>() {
    let host = host::<B>(services());
    let answerer = load(&host, "talk/answerer");
    let asker = load(&host, "talk/asker");

    let answer = output(&asker, "ask", "hello");
    assert!(answer.to_lowercase().contains("hello"), "{answer}");

    output(&asker, "ask-later", "later");
    let mut answers = String::new();
    // The answer comes between two operations.
    for _ in 0..10_000 {
        answers = output(&asker, "answers", "");
        if !answers.is_empty() {
            break;
        }
        std::thread::yield_now();
    }
    assert!(answers.to_lowercase().contains("later"), "{answers}");

    output(&asker, "publish", "good morning");
    // It was in the mailbox before this was asked, which may be looked at first.
    let mut seen = String::new();
    for _ in 0..10_000 {
        seen = output(&answerer, "seen", "");
        if seen.contains("published 1") {
            break;
        }
        std::thread::yield_now();
    }
    assert!(seen.contains("published 1"), "{seen}");
}

pub(crate) fn files_are_processed<B: Backend>() {
    let folder = TempDir::on::<B>("files");
    fs::create_dir(folder.0.join("out")).unwrap();
    fs::write(folder.0.join("in.txt"), "one two\nthree\n").unwrap();
    let files = Filesystem::builder()
        .mount("/data", &folder.0, Access::ReadWrite)
        .build()
        .unwrap();
    let host = host::<B>(Services::builder().filesystem(files).build());
    let processor = load(&host, "files/file-processor");
    output(&processor, "process", "/data/in.txt");
    let mut written = fs::read_dir(folder.0.join("out")).unwrap();
    let written = written.next().unwrap().unwrap().path();
    let counts = fs::read_to_string(written).unwrap();
    for count in ["2", "3", "14"] {
        assert!(counts.contains(count), "{counts}");
    }

    // A link out of what was granted is no way out.
    #[cfg(unix)]
    {
        fs::create_dir(folder.0.join("deep")).unwrap();
        fs::write(folder.0.join("deep/secret"), "secret").unwrap();
        std::os::unix::fs::symlink("deep/secret", folder.0.join("link.txt")).unwrap();
        let before = fs::read_dir(folder.0.join("out")).unwrap().count();
        let outcome = run(&processor, "process", "/data/link.txt").outcome;
        assert!(matches!(outcome, ExecutionOutcome::Failed(_)), "{outcome}");
        let after = fs::read_dir(folder.0.join("out")).unwrap().count();
        assert_eq!(before, after);
    }
}

pub(crate) fn what_is_not_granted_is_denied<B: Backend>() {
    let host = host::<B>(services());
    let counter = load(&host, "counter/counter");
    let denied = load(&host, "denied/denied");
    let metadata = denied.metadata().unwrap();
    let mut refused = 0;
    for operation in &metadata.operations {
        let told = output(&denied, operation, "");
        refused += told.matches("denied: ").count();
    }
    assert!(refused >= 4, "{refused}");
    assert_eq!(denied.restarts(), 0);
    assert_eq!(output(&counter, "increment", ""), "1");
}

pub(crate) fn a_revocation_holds_at_the_next_call<B: Backend>() {
    let services = services();
    let host = host::<B>(services.clone());
    let counter = load(&host, "counter/counter");
    assert_eq!(output(&counter, "increment", ""), "1");
    let write = Operation::Storage(StorageAction::Write);
    assert!(
        services
            .permissions()
            .revoke_operation("counter", write)
            .unwrap()
            > 0
    );
    let outcome = run(&counter, "increment", "").outcome;
    assert!(matches!(outcome, ExecutionOutcome::Failed(_)), "{outcome}");
    assert_eq!(output(&counter, "get", ""), "1");
    services.permissions().restore("counter", write).unwrap();
    assert_eq!(output(&counter, "increment", ""), "2");
}

pub(crate) fn trust_decides_in_the_mode_permissive<B: Backend>() {
    let refused = |mode, trust| {
        let permissions = Permissions::builder().mode(mode).build();
        let services = Services::builder().permissions(permissions).build();
        let mut options = HostOptions::default();
        options.trust = trust;
        let host = host_with::<B>(services, options);
        let told = output(&load(&host, "denied/denied"), "try", "");
        told.contains("denied: filesystem.read(/data/secret.txt)")
    };
    for mode in SecurityMode::ALL {
        for trust in TrustLevel::ALL {
            let is_allowed = mode.beyond_grants(trust) == Decision::Allow;
            assert_eq!(refused(mode, trust), !is_allowed, "{mode}, {trust}");
        }
    }
    assert_eq!(HostOptions::default().trust, TrustLevel::Unknown);
}

pub(crate) fn a_configuration_is_told_to_its_component<B: Backend>() {
    let host = host::<B>(services());
    let more = "[config]\ngreeting = \"h\u{e4}\"\ntimes = [1, 2.5]\n[lifecycle]\nbackoff = \"1ms\"";
    let told = super::faulty(&host, "told", more);
    let expected = "{\"greeting\":\"h\u{e4}\",\"times\":[1,2.5]}";
    assert_eq!(output(&told, "config", ""), expected);
    // It is told each time that it is started.
    run(&told, "trap", "");
    assert_eq!(output(&told, "config", ""), expected);
    let untold = super::faulty(&host, "untold", "");
    assert_eq!(output(&untold, "config", ""), "");
}

pub(crate) fn changes_are_told<B: Backend>() {
    let host = host::<B>(services());
    let mut changes = host.changes();
    let is_told = |changes: &mut Changes| {
        let mut changed = std::pin::pin!(changes.changed());
        let mut context = Context::from_waker(Waker::noop());
        changed.as_mut().poll(&mut context) == Poll::Ready(true)
    };
    assert!(!is_told(&mut changes));
    let counter = load(&host, "counter/counter");
    assert!(is_told(&mut changes));
    // To be at work is no change, and looking at it is none.
    assert_eq!(output(&counter, "increment", ""), "1");
    assert!(!is_told(&mut changes));
    let faulty = super::faulty(&host, "faulty", "[lifecycle]\nbackoff = \"1h\"");
    while faulty.status() != Status::Ready {
        assert!(changes.wait());
    }
    run(&faulty, "trap", "");
    while faulty.status() != Status::Suspended {
        assert!(changes.wait());
    }
    assert!(host.remove("faulty"));
    assert!(is_told(&mut changes));
    assert!(!is_told(&mut changes));
    // That the host stops what it has left is the last one.
    drop((host, counter, faulty));
    assert!(changes.wait());
    assert!(!changes.wait());
}

pub(crate) fn what_components_know_of_one_another<B: Backend>() {
    let services = services();
    let host = host::<B>(services.clone());
    let counter = load(&host, "counter/counter");
    load(&host, "talk/answerer");
    assert_eq!(services.registry().names(), ["answerer", "counter"]);
    let known = services.registry().get("counter").unwrap().metadata;
    assert_eq!(known.id.name, "counter");
    assert!(known.operations.contains(&"increment".to_string()));
    assert_eq!(counter.metadata().unwrap().operations, known.operations);
    assert!(host.remove("counter"));
    assert!(!host.remove("counter"));
    assert_eq!(services.registry().names(), ["answerer"]);
}

pub(crate) fn usage_is_told<B: Backend>() {
    let host = host::<B>(services());
    let counter = load(&host, "counter/counter");
    let execution = run(&counter, "increment", "");
    let usage = execution.usage;
    assert!(usage.memory_bytes >= 64 << 10, "{usage:?}");
    assert!(usage.storage_bytes > 0, "{usage:?}");
    assert!(!usage.execution_time.is_zero());
    let all = counter.usage().unwrap();
    assert!(all.execution_time >= usage.execution_time);
}
