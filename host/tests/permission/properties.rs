//! Against a reference that goes through all grants one by one.

use std::sync::LazyLock;

use enginebay_host::capability::Operation;
use enginebay_host::permission::{CapabilitySet, ForbiddenList, Permissions};
use proptest::prelude::*;

use super::*;

static FORBIDDEN: LazyLock<ForbiddenList> = LazyLock::new(ForbiddenList::standard);

/// Segments that are alike, so that patterns and targets meet.
fn segment() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "ab", ".ssh", "dev", "events"])
}

fn wild() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a", "b", "ab", "*", "**", "a*", "?b", "{a,b}", "[ab]", "events",
    ])
}

fn operation() -> impl Strategy<Value = Operation> {
    prop::sample::select(vec![READ, WRITE, CONNECT, RESOLVE, SPAWN, STORE, PUBLISH])
}

fn written(operation: Operation, parts: &[&str], port: u16) -> String {
    match operation.family() {
        "filesystem" => format!("/{}", parts.join("/")),
        "network" if operation == RESOLVE => parts.join("."),
        "network" => format!("{}:{port}", parts.join(".")),
        "process" => match parts {
            [one] => (*one).to_owned(),
            many => format!("/{}", many.join("/")),
        },
        "storage" => format!("{}:{}", parts[0], parts.last().unwrap_or(&"x")),
        _ => parts.join("."),
    }
}

fn grant() -> impl Strategy<Value = Option<Grant>> {
    (
        operation(),
        prop::collection::vec(wild(), 1..5),
        1_u16..4,
        any::<bool>(),
    )
        .prop_map(|(operation, parts, port, required)| {
            Grant::new(operation, &written(operation, &parts, port), required).ok()
        })
}

fn asked() -> impl Strategy<Value = (Operation, String, u16)> {
    (
        operation(),
        prop::collection::vec(segment(), 1..6),
        1_u16..4,
    )
        .prop_map(|(operation, parts, port)| {
            let target = match operation.family() {
                "network" => parts.join("."),
                _ => written(operation, &parts, port),
            };
            (
                operation,
                target,
                if operation == CONNECT { port } else { 0 },
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_set_matches_if_one_of_its_grants_does(
        grants in prop::collection::vec(grant(), 0..40),
        asked in prop::collection::vec(asked(), 1..20),
    ) {
        let grants: Vec<_> = grants.into_iter().flatten().collect();
        let set: CapabilitySet = grants.iter().cloned().collect();
        for (operation, target, port) in &asked {
            let request = request(*operation, target, *port);
            let reference = grants.iter().any(|it| it.covers(&request));
            prop_assert_eq!(set.matches(&request.to_capability()), reference, "{}", request);
            if let Some(which) = set.which_request(&request) {
                prop_assert!(which.covers(&request));
            }
        }
    }

    #[test]
    fn a_set_without_a_grant_is_as_if_it_never_had_it(
        grants in prop::collection::vec(grant(), 1..20),
        gone in any::<prop::sample::Index>(),
        asked in prop::collection::vec(asked(), 1..20),
    ) {
        let grants: Vec<_> = grants.into_iter().flatten().collect();
        prop_assume!(!grants.is_empty());
        let gone = &grants[gone.index(grants.len())];
        let mut set: CapabilitySet = grants.iter().cloned().collect();
        let before = set.len();
        prop_assert!(set.revoke(gone.operation, &gone.pattern.to_string()).is_some());
        prop_assert_eq!(set.len(), before - 1);
        prop_assert_eq!(set.iter().count(), set.len());
        let same = |it: &&Grant| it.operation != gone.operation || it.pattern != gone.pattern;
        for (operation, target, port) in &asked {
            let request = request(*operation, target, *port);
            let reference = grants.iter().filter(same).any(|it| it.covers(&request));
            prop_assert_eq!(set.which_request(&request).is_some(), reference, "{}", request);
        }
    }

    #[test]
    fn a_check_allows_what_is_granted_and_not_forbidden_however_often_it_is_asked(
        grants in prop::collection::vec(grant(), 0..20),
        asked in prop::collection::vec(asked(), 1..40),
    ) {
        let grants: Vec<_> = grants.into_iter().flatten().collect();
        let permissions = Permissions::new();
        let optional = grants.iter().cloned().map(|it| Grant { required: false, ..it });
        let checker = registered(&permissions, optional);
        for (operation, target, port) in asked.iter().chain(&asked) {
            let request = request(*operation, target, *port);
            let reference = grants.iter().any(|it| it.covers(&request))
                && FORBIDDEN.find(&request).is_none();
            prop_assert_eq!(checker.check(FUNCTION, request).is_ok(), reference, "{}", request);
        }
    }

    /// No text at all makes a check fail in another way than by denying.
    #[test]
    fn any_text_is_answered(target in any::<String>(), port: u16) {
        let checker = registered(&Permissions::new(), []);
        for operation in Operation::all() {
            let denial = check(&checker, request(operation, &target, port)).unwrap_err();
            prop_assert!(!denial.to_string().contains(char::is_control));
        }
    }
}
