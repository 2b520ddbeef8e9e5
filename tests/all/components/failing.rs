//! Components that fail, and those beside them.

use std::time::Duration;

use enginebay::host::runner::{ExecutionContext, ExecutionOutcome, HostOptions, NotRunning};
use enginebay::host::services::Status;
use enginebay::{Backend, TrapCode};

use super::{LONG, faulty, host, host_with, load, output, run, services};

pub(crate) fn a_component_that_traps_is_started_again<B: Backend>() {
    let host = host::<B>(services());
    let counter = load(&host, "counter/counter");
    let faulty = faulty(&host, "faulty", "[lifecycle]\nbackoff = \"1ms\"");
    assert_eq!(output(&faulty, "count", ""), "1");
    for restarts in 1..=3 {
        let outcome = run(&faulty, "trap", "").outcome;
        assert!(
            matches!(
                outcome,
                ExecutionOutcome::Trapped {
                    code: Some(TrapCode::Unreachable),
                    ..
                }
            ),
            "{outcome}"
        );
        // It waits until the component runs again, with a state that is new.
        assert_eq!(output(&faulty, "count", ""), "1");
        assert_eq!(faulty.restarts(), restarts);
        assert!(faulty.last_failure().unwrap().contains("trap"));
        assert_eq!(output(&counter, "increment", ""), restarts.to_string());
    }
    let outcome = run(&faulty, "panic", "").outcome;
    assert!(
        matches!(outcome, ExecutionOutcome::Trapped { .. }),
        "{outcome}"
    );
    // What it says itself is no failure of it.
    let outcome = run(&faulty, "fail", "so").outcome;
    assert!(matches!(outcome, ExecutionOutcome::Failed(_)), "{outcome}");
    let outcome = run(&faulty, "no-such-operation", "").outcome;
    assert!(matches!(outcome, ExecutionOutcome::Failed(_)), "{outcome}");
    assert_eq!(faulty.restarts(), 4);
    assert_eq!(counter.restarts(), 0);
}

pub(crate) fn limits_stop_a_component<B: Backend>() {
    let host = host::<B>(services());
    let counter = load(&host, "counter/counter");
    let more = "deadline = \"300ms\"\n[lifecycle]\nbackoff = \"1ms\"";
    let faulty = faulty(&host, "faulty", more);
    for operation in ["spin", "never"] {
        let outcome = run(&faulty, operation, "").outcome;
        assert!(
            matches!(outcome, ExecutionOutcome::TimedOut { .. }),
            "{outcome}"
        );
    }
    let outcome = run(&faulty, "grow", "").outcome;
    assert!(
        matches!(
            outcome,
            ExecutionOutcome::OutOfMemory {
                limit: 2_097_152,
                ..
            }
        ),
        "{outcome}"
    );
    assert_eq!(output(&faulty, "count", ""), "1");
    assert_eq!(output(&counter, "increment", ""), "1");
}

pub(crate) fn a_deadline_of_a_call_is_the_shorter_one<B: Backend>() {
    let host = host::<B>(services());
    let more = "deadline = \"1m\"\n[lifecycle]\nbackoff = \"1ms\"";
    let faulty = faulty(&host, "faulty", more);
    let context = ExecutionContext::new().deadline(Duration::from_millis(100));
    let outcome = faulty.execute("spin", b"", context).outcome;
    assert!(
        matches!(outcome, ExecutionOutcome::TimedOut { .. }),
        "{outcome}"
    );
    // The next call has its own.
    assert_eq!(output(&faulty, "sleep", "150"), "");
}

pub(crate) fn who_fails_too_often_is_not_started_again<B: Backend>() {
    let services = services();
    let host = host::<B>(services.clone());
    let more = "[lifecycle]\nbackoff = \"1ms\"\nmax-restarts = 2";
    let faulty = faulty(&host, "faulty", more);
    for _ in 0..3 {
        let outcome = run(&faulty, "trap", "").outcome;
        assert!(
            matches!(outcome, ExecutionOutcome::Trapped { .. }),
            "{outcome}"
        );
    }
    let outcome = run(&faulty, "count", "").outcome;
    assert!(
        matches!(outcome, ExecutionOutcome::NotRunning(NotRunning::Failed)),
        "{outcome}"
    );
    assert_eq!(faulty.wait_until_ended(LONG), Status::Failed);
    assert_eq!(faulty.restarts(), 2);
    assert!(
        !services
            .broker()
            .components()
            .iter()
            .any(|it| &**it == "faulty")
    );
}

pub(crate) fn a_component_that_is_never_started_again<B: Backend>() {
    let host = host::<B>(services());
    let faulty = faulty(&host, "faulty", "[lifecycle]\nrestart = \"never\"");
    run(&faulty, "trap", "");
    assert_eq!(faulty.wait_until_ended(LONG), Status::Failed);
    assert_eq!(faulty.restarts(), 0);
}

pub(crate) fn a_failure_in_a_message_is_told_to_who_asked<B: Backend>() {
    let host = host::<B>(services());
    let more = "[lifecycle]\nbackoff = \"1ms\"";
    let answerer = faulty(&host, "answerer", more);
    let asker = load(&host, "talk/asker");
    assert!(output(&asker, "ask", "hello").contains("hello"));
    for message in ["trap", "panic", "fail"] {
        let outcome = run(&asker, "ask", message).outcome;
        assert!(
            matches!(outcome, ExecutionOutcome::Failed(_)),
            "{message}: {outcome}"
        );
    }
    // What the component says itself is no failure of it; what it is asked while it is
    // started again waits.
    assert!(output(&asker, "ask", "once more").contains("once more"));
    assert_eq!(answerer.restarts(), 2);
    assert_eq!(asker.restarts(), 0);
    host.remove("answerer");
    let outcome = run(&asker, "ask", "anybody").outcome;
    assert!(matches!(outcome, ExecutionOutcome::Failed(_)), "{outcome}");
}

pub(crate) fn what_waits_in_a_mailbox_outlives_a_restart<B: Backend>() {
    let services = services();
    let host = host::<B>(services.clone());
    let faulty = faulty(&host, "faulty", "[lifecycle]\nbackoff = \"1ms\"");
    assert_eq!(faulty.wait_until_ready(LONG), Status::Ready);
    let mailbox = services
        .broker()
        .register("test", Default::default())
        .unwrap();
    let sender = mailbox.endpoint();
    // The first ends the component, and those after it are there already.
    let messages = ["sleep 50", "trap", "one", "trap", "two"];
    let requests: Vec<_> = messages
        .iter()
        .map(|message| sender.request("faulty", *message, LONG).unwrap())
        .collect();
    let answers: Vec<_> = requests
        .into_iter()
        .map(|request| {
            let answer =
                request.blocking_wait(|| None::<enginebay::host::messaging::MessagingError>);
            answer.map(|payload| String::from_utf8(payload.to_vec()).unwrap())
        })
        .collect();
    assert_eq!(answers[0].as_deref(), Ok("sleep 50"));
    assert!(answers[1].is_err() && answers[3].is_err(), "{answers:?}");
    assert_eq!(answers[2].as_deref(), Ok("one"));
    assert_eq!(answers[4].as_deref(), Ok("two"));
    assert_eq!(faulty.restarts(), 2);
}

pub(crate) fn a_flood_is_limited<B: Backend>() {
    let host = host::<B>(services());
    let counter = load(&host, "counter/counter");
    let faulty = faulty(
        &host,
        "faulty",
        "[permissions.messaging]\nsend = [\"faulty\", \"counter\"]",
    );
    // Nobody takes them while it sends.
    let told = output(&faulty, "flood", "faulty");
    let (sent, why) = told.split_once('\n').unwrap();
    let sent: u64 = sent.parse().unwrap();
    assert!((1..=1_024).contains(&sent), "{told}");
    assert!(!why.is_empty());
    let told = output(&faulty, "flood", "nobody");
    assert!(told.contains("denied: messaging.send(nobody)"), "{told}");
    // A thousand in a minute, whoever takes them.
    let told = output(&faulty, "flood", "counter");
    let more: u64 = told.split_once('\n').unwrap().0.parse().unwrap();
    assert!(sent + more <= 1_000, "{told}");
    assert_eq!(output(&counter, "increment", ""), "1");
    assert_eq!(counter.restarts() + faulty.restarts(), 0);
}

pub(crate) fn storage_is_limited<B: Backend>() {
    let mut options = HostOptions::default();
    options.context.storage = options.context.storage.max_bytes(200_000);
    let host = host_with::<B>(services(), options);
    let counter = load(&host, "counter/counter");
    let faulty = faulty(
        &host,
        "faulty",
        "[permissions.storage]\nwrite = [\"faulty:data\"]",
    );
    let told = output(&faulty, "fill", "faulty:data");
    let (stored, why) = told.split_once('\n').unwrap();
    assert_eq!(stored, "12", "{told}");
    assert!(!why.contains("denied"), "{told}");
    let told = output(&faulty, "fill", "counter:data");
    assert!(
        told.contains("denied: storage.write(counter:data)"),
        "{told}"
    );
    assert_eq!(output(&counter, "increment", ""), "1");
}

pub(crate) fn a_manifest_may_ask_for_less<B: Backend>() {
    let host = host::<B>(services());
    let more = "[permissions.storage]\nwrite = [\"faulty:*\"]\nmax-bytes = \"64KiB\"\n\
                [permissions.messaging]\nsend = [\"counter\"]\nmax-per-minute = 7";
    let faulty = faulty(&host, "faulty", more);
    let counter = load(&host, "counter/counter");
    let told = output(&faulty, "fill", "faulty:a");
    assert!(told.starts_with("3\n"), "{told}");
    // All namespaces of a component count.
    let told = output(&faulty, "fill", "faulty:b");
    assert!(told.starts_with("0\n"), "{told}");
    let told = output(&faulty, "flood", "counter");
    assert!(told.starts_with("7\n"), "{told}");
    assert_eq!(output(&counter, "increment", ""), "1");
}

pub(crate) fn an_init_that_fails<B: Backend>() {
    let mut options = HostOptions::default();
    options
        .environment
        .push(("FAIL_INIT".to_string(), "1".to_string()));
    let host = host_with::<B>(services(), options);
    let more = "[lifecycle]\nbackoff = \"1ms\"\nmax-restarts = 3";
    let faulty = faulty(&host, "faulty", more);
    assert_eq!(faulty.wait_until_ended(LONG), Status::Failed);
    assert_eq!(faulty.restarts(), 3);
    let failure = faulty.last_failure().unwrap();
    assert!(failure.contains("FAIL_INIT is set"), "{failure}");
}
