//! Changes hold at the very next check, in all threads.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use enginebay_host::permission::{
    Decision, Grant, Permissions, Reason, ReviewUnknown, SecurityMode, SecurityPolicy, Subject,
    TrustLevel,
};

use super::*;

#[test]
fn a_revocation_is_seen_by_all_threads_at_their_next_check() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 200;

    let permissions = Permissions::new();
    let shared = registered(&permissions, [required(READ, "/data/**")]);
    let barrier = Barrier::new(THREADS + 1);
    let wrong = AtomicUsize::new(0);
    thread::scope(|scope| {
        for n in 0..THREADS {
            let (permissions, shared, barrier, wrong) = (&permissions, &shared, &barrier, &wrong);
            scope.spawn(move || {
                // Half of the threads share one checker.
                let own = permissions.checker(NAME).unwrap();
                let checker = if n % 2 == 0 { shared } else { &own };
                for round in 0..ROUNDS {
                    let allowed = round % 2 == 0;
                    barrier.wait();
                    for _ in 0..3 {
                        let checked = checker.check(FUNCTION, read("/data/a"));
                        wrong.fetch_add(usize::from(checked.is_ok() != allowed), Ordering::SeqCst);
                    }
                    barrier.wait();
                }
            });
        }
        for round in 0..ROUNDS {
            // The threads check.
            barrier.wait();
            barrier.wait();
            // They wait for the next round: what happens here holds in it.
            match round % 2 == 0 {
                true => assert!(permissions.revoke(NAME, READ, "/data/**").unwrap()),
                false => assert!(permissions.grant(NAME, required(READ, "/data/**")).unwrap()),
            }
        }
    });
    assert_eq!(wrong.into_inner(), 0);
}

#[test]
fn a_hundred_threads_check_while_grants_come_and_go() {
    let permissions = Permissions::new();
    let shared = registered(&permissions, [required(READ, "/always/**")]);
    let barrier = Barrier::new(101);
    thread::scope(|scope| {
        for n in 0..100 {
            let (permissions, shared, barrier) = (&permissions, &shared, &barrier);
            scope.spawn(move || {
                let own = permissions.checker(NAME).unwrap();
                let checker = if n % 2 == 0 { shared } else { &own };
                barrier.wait();
                for m in 0..100 {
                    let always = format!("/always/{}", m % 10);
                    checker.check(FUNCTION, read(&always)).unwrap();
                    checker.check(FUNCTION, read("/never/a")).unwrap_err();
                    let _ = checker.check(FUNCTION, read("/sometimes/a"));
                }
            });
        }
        barrier.wait();
        for _ in 0..100 {
            permissions
                .grant(NAME, optional(READ, "/sometimes/**"))
                .unwrap();
            permissions.revoke(NAME, READ, "/sometimes/**").unwrap();
        }
    });
    assert_eq!(
        shared
            .check(FUNCTION, read("/sometimes/a"))
            .unwrap_err()
            .reason(),
        &Reason::Revoked
    );
}

#[test]
fn what_was_revoked_is_denied_in_every_mode_and_stays_so_over_reloads() {
    for mode in SecurityMode::ALL {
        let permissions = Permissions::builder().mode(mode).build();
        let subject = Subject::new(NAME).with_trust(TrustLevel::Trusted);
        let grants = || [optional(READ, "/data/**"), optional(READ, "/data/open/**")];
        permissions.register(subject.clone(), grants()).unwrap();
        let checker = permissions.checker(NAME).unwrap();
        check(&checker, read("/data/a")).unwrap();
        assert!(permissions.revoke(NAME, READ, "/data/**").unwrap());
        assert!(!permissions.revoke(NAME, READ, "/data/**").unwrap());
        for _ in 0..2 {
            assert_eq!(
                check(&checker, read("/data/a")).unwrap_err().reason(),
                &Reason::Revoked
            );
            check(&checker, read("/data/open/a")).unwrap();
            permissions.reload(subject.clone(), grants()).unwrap();
        }
        let needed = [required(READ, "/data/**")];
        permissions.reload(subject.clone(), needed).unwrap_err();
        permissions.restore(NAME, READ).unwrap();
        check(&checker, read("/data/a")).unwrap();
    }
}

#[test]
fn an_operation_can_be_revoked_as_a_whole() {
    let permissions = Permissions::builder()
        .mode(SecurityMode::Development)
        .build();
    let grants = [
        optional(READ, "/a/**"),
        optional(READ, "/b"),
        optional(WRITE, "/a/**"),
    ];
    let checker = registered(&permissions, grants);
    assert_eq!(permissions.revoke_operation(NAME, READ).unwrap(), 2);
    for path in ["/a/x", "/b", "/c"] {
        assert_eq!(
            check(&checker, read(path)).unwrap_err().reason(),
            &Reason::Revoked
        );
    }
    check(&checker, request(WRITE, "/a/x", 0)).unwrap();
    permissions.grant(NAME, optional(READ, "/b")).unwrap();
    check(&checker, read("/b")).unwrap();
    check(&checker, read("/a/x")).unwrap_err();

    permissions.revoke_all(NAME).unwrap();
    for operation in [READ, WRITE, CONNECT, PUBLISH] {
        let target = if operation == READ || operation == WRITE {
            "/b"
        } else {
            "b"
        };
        let denial = check(&checker, request(operation, target, 1)).unwrap_err();
        assert_eq!(denial.reason(), &Reason::Revoked, "{operation}");
    }
}

#[test]
fn a_reload_forgets_what_was_remembered() {
    let permissions = Permissions::new();
    let checker = registered(&permissions, [required(READ, "/old/**")]);
    check(&checker, read("/old/a")).unwrap();
    check(&checker, read("/new/a")).unwrap_err();
    permissions
        .reload(Subject::new(NAME), [required(READ, "/new/**")])
        .unwrap();
    check(&checker, read("/old/a")).unwrap_err();
    check(&checker, read("/new/a")).unwrap();
}

#[test]
fn a_reload_that_is_refused_changes_nothing() {
    let permissions = Permissions::new();
    let checker = registered(&permissions, [required(READ, "/data/**")]);
    let grants = [required(READ, "/more/**"), required(READ, "/dev/**")];
    permissions.reload(Subject::new(NAME), grants).unwrap_err();
    check(&checker, read("/data/a")).unwrap();
    check(&checker, read("/more/a")).unwrap_err();
}

#[test]
fn what_was_granted_by_hand_stays_over_a_reload() {
    let permissions = Permissions::new();
    let checker = registered(&permissions, []);
    permissions.grant(NAME, optional(READ, "/data/**")).unwrap();
    permissions.reload(Subject::new(NAME), []).unwrap();
    check(&checker, read("/data/a")).unwrap();
}

#[test]
fn a_checker_of_a_component_that_is_gone_denies_even_when_the_name_comes_back() {
    let permissions = Permissions::builder()
        .mode(SecurityMode::Development)
        .build();
    let old = registered(&permissions, [required(READ, "/data/**")]);
    check(&old, read("/data/a")).unwrap();
    permissions.unregister(NAME).unwrap();
    assert_eq!(
        check(&old, read("/data/a")).unwrap_err().reason(),
        &Reason::Unregistered
    );
    let new = registered(&permissions, [required(READ, "/data/**")]);
    check(&new, read("/data/a")).unwrap();
    assert_eq!(
        check(&old, read("/data/a")).unwrap_err().reason(),
        &Reason::Unregistered
    );
    check(&old.clone(), read("/data/a")).unwrap_err();
}

#[test]
fn the_mode_changes_for_all_at_once() {
    let permissions = Permissions::new();
    let checker = registered(&permissions, []);
    check(&checker, read("/x")).unwrap_err();
    permissions.set_mode(SecurityMode::Development);
    check(&checker, read("/x")).unwrap();
    permissions.set_mode(SecurityMode::Strict);
    check(&checker, read("/x")).unwrap_err();
}

#[test]
fn trust_that_is_lost_takes_what_it_gave() {
    let permissions = Permissions::builder().policy(ReviewUnknown).build();
    let subject = Subject::new(NAME).with_trust(TrustLevel::Trusted);
    permissions
        .register(subject, [required(READ, "/data/**")])
        .unwrap();
    let checker = permissions.checker(NAME).unwrap();
    check(&checker, read("/data/a")).unwrap();
    permissions.set_trust(NAME, TrustLevel::Unknown).unwrap();
    assert_eq!(
        check(&checker, read("/data/a"))
            .unwrap_err()
            .reason()
            .kind(),
        "needs-review"
    );
    permissions.set_trust(NAME, TrustLevel::Trusted).unwrap();
    check(&checker, read("/data/a")).unwrap();
    assert!(permissions.pending().is_empty());
}

#[test]
fn development_trust_counts_in_the_development_mode_alone() {
    let permissions = Permissions::builder().policy(ReviewUnknown).build();
    let subject = Subject::new(NAME).with_trust(TrustLevel::Development);
    permissions
        .register(subject, [optional(READ, "/data/**")])
        .unwrap();
    let checker = permissions.checker(NAME).unwrap();
    check(&checker, read("/data/a")).unwrap_err();
    permissions.set_mode(SecurityMode::Permissive);
    check(&checker, read("/data/a")).unwrap_err();
    permissions.set_mode(SecurityMode::Development);
    check(&checker, read("/data/a")).unwrap();
    permissions.set_mode(SecurityMode::Strict);
    check(&checker, read("/data/a")).unwrap_err();
}

#[test]
fn a_policy_that_changes_its_mind_is_heard_after_a_refresh() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    struct First;
    impl SecurityPolicy for First {
        fn review(&self, _: &Subject, _: &Grant, _: SecurityMode) -> Decision {
            Decision::Allow
        }
        fn check(&self, _: &Subject, _: &enginebay_host::Capability, _: SecurityMode) -> Decision {
            match CALLS.fetch_add(1, Ordering::SeqCst) {
                0 => Decision::Allow,
                _ => Decision::deny("no more"),
            }
        }
    }
    let permissions = Permissions::builder().policy(First).build();
    let checker = registered(&permissions, []);
    check(&checker, read("/x")).unwrap();
    check(&checker, read("/x")).unwrap();
    assert_eq!(CALLS.load(Ordering::SeqCst), 1, "the answer is remembered");
    permissions.refresh();
    check(&checker, read("/x")).unwrap_err();
}

#[test]
fn a_policy_may_use_the_permissions_while_it_is_asked() {
    use std::sync::OnceLock;
    static HANDLE: OnceLock<Permissions> = OnceLock::new();
    struct Nosy;
    impl SecurityPolicy for Nosy {
        fn review(&self, _: &Subject, _: &Grant, _: SecurityMode) -> Decision {
            let names = HANDLE.get().unwrap().components();
            Decision::deny(format!("{} others", names.len()))
        }
    }
    let permissions = Permissions::builder().policy(Nosy).build();
    HANDLE.set(permissions.clone()).unwrap();
    let checker = registered(&permissions, [optional(READ, "/data")]);
    let denial = check(&checker, read("/data")).unwrap_err();
    assert_eq!(denial.reason(), &Reason::Refused("0 others".into()));
}

#[test]
fn changes_of_an_unknown_component_are_errors() {
    let permissions = Permissions::new();
    permissions.grant("x", optional(READ, "/data")).unwrap_err();
    permissions.revoke("x", READ, "/data").unwrap_err();
    permissions.revoke_all("x").unwrap_err();
    permissions.set_trust("x", TrustLevel::Trusted).unwrap_err();
    permissions.unregister("x").unwrap_err();
    permissions.meter("x").unwrap_err();
    let error = permissions.checker("x").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`x` is not registered: register it first"
    );
}
