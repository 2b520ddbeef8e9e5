//! The table: mode, trust, and what is asked for.

use enginebay_host::capability::Operation;
use enginebay_host::permission::{
    Decision, Grant, Permissions, Reason, SecurityMode, SecurityPolicy, Subject, TrustLevel,
};

use super::*;

/// Accepts everything but what is below `/private`.
struct NotPrivate;

impl SecurityPolicy for NotPrivate {
    fn review(&self, _: &Subject, grant: &Grant, _: SecurityMode) -> Decision {
        match grant.pattern.to_string().starts_with("/private") {
            true => Decision::deny("private"),
            false => Decision::Allow,
        }
    }
}

#[test]
fn each_mode_with_each_trust_decides_as_its_table_says() {
    use SecurityMode::{Development, Permissive, Strict};

    for mode in SecurityMode::ALL {
        for trust in TrustLevel::ALL {
            let permissions = Permissions::builder().mode(mode).policy(NotPrivate).build();
            let grants = [
                required(READ, "/granted/**"),
                optional(READ, "/maybe/**"),
                optional(READ, "/private/**"),
                optional(READ, "/dev/**"),
            ];
            let subject = Subject::new(NAME).with_trust(trust);
            permissions.register(subject, grants).unwrap();
            let checker = permissions.checker(NAME).unwrap();
            let case = format!("{mode}, {trust}");
            let kind = |path: &str| match check(&checker, read(path)) {
                Ok(()) => checker.explain(read(path)).1.kind(),
                Err(denial) => denial.reason().kind(),
            };

            assert_eq!(kind("/granted/a"), "grant", "{case}");
            assert_eq!(kind("/maybe/a"), "grant", "{case}");
            assert_eq!(kind("/private/a"), "refused", "{case}");
            assert_eq!(kind("/dev/null"), "forbidden", "{case}");
            assert_eq!(kind("/granted/.ssh/config"), "forbidden", "{case}");
            assert_eq!(kind("/granted/../x"), "malformed", "{case}");
            let beyond = match (mode, trust) {
                (Development, _) => "mode",
                (Permissive, TrustLevel::Trusted) => "mode",
                (Permissive, _) | (Strict, _) => "not-granted",
            };
            assert_eq!(kind("/elsewhere"), beyond, "{case}");
        }
    }
}

#[test]
fn a_new_host_is_strict_and_a_new_component_unknown() {
    assert_eq!(Permissions::new().mode(), SecurityMode::Strict);
    assert_eq!(Subject::new(NAME).trust(), TrustLevel::Unknown);
}

#[test]
fn every_operation_denies_by_default_with_the_same_error() {
    let checker = registered(&Permissions::new(), []);
    for operation in Operation::all() {
        let (target, port, shown) = match operation.family() {
            "filesystem" => ("/x", 0, "/x"),
            "network" => ("example.com", 443, "example.com:443"),
            "process" => ("git", 0, "git"),
            "storage" => ("app:x", 0, "app:x"),
            _ => ("x", 0, "x"),
        };
        let denial = check(&checker, request(operation, target, port)).unwrap_err();
        assert_eq!(denial.reason(), &Reason::NotGranted);
        assert_eq!(denial.subject(), NAME);
        let expected = format!("denied: {operation}({shown}) is not granted to `{NAME}`");
        assert_eq!(denial.to_string(), expected);
    }
}

#[test]
fn every_operation_is_allowed_by_a_grant_of_it_and_of_no_other() {
    for granted in Operation::all() {
        let checker = registered(&Permissions::new(), [Grant::any(granted)]);
        for asked in Operation::all() {
            let (target, port) = match asked.family() {
                "filesystem" => ("/x", 0),
                "network" => ("example.com", 443),
                "process" => ("git", 0),
                "storage" => ("app:x", 0),
                _ => ("x", 0),
            };
            let allowed = check(&checker, request(asked, target, port)).is_ok();
            assert_eq!(
                allowed,
                asked == granted,
                "{asked} with a grant of {granted}"
            );
        }
    }
}

#[test]
fn patterns_are_those_of_the_operations_family() {
    let checker = registered(
        &Permissions::new(),
        [
            required(READ, "/data/*.txt"),
            required(CONNECT, "*.example.com:443"),
            required(RESOLVE, "*.example.com"),
            required(SPAWN, "/usr/bin/git"),
            required(STORE, "app:*"),
            required(PUBLISH, "events.**"),
        ],
    );
    for (allowed, operation, target, port) in [
        (true, READ, "/data/a.txt", 0),
        (false, READ, "/data/b/a.txt", 0),
        (true, CONNECT, "www.example.com", 443),
        (false, CONNECT, "www.example.com", 80),
        (false, CONNECT, "example.com", 443),
        (false, CONNECT, "evilexample.com", 443),
        (true, RESOLVE, "www.example.com", 0),
        (true, SPAWN, "/usr/bin/git", 0),
        (false, SPAWN, "git", 0),
        (true, STORE, "app:cache", 0),
        (false, STORE, "apple:cache", 0),
        (true, PUBLISH, "events", 0),
        (true, PUBLISH, "events.user.created", 0),
        (false, PUBLISH, "eventsx", 0),
    ] {
        let asked = request(operation, target, port);
        assert_eq!(check(&checker, asked).is_ok(), allowed, "{asked}");
    }
}

#[test]
fn a_policy_can_widen_and_narrow_what_is_beyond_the_grants() {
    struct Temporary;
    impl SecurityPolicy for Temporary {
        fn review(&self, _: &Subject, _: &Grant, _: SecurityMode) -> Decision {
            Decision::Allow
        }
        fn check(
            &self,
            component: &Subject,
            capability: &enginebay_host::Capability,
            _: SecurityMode,
        ) -> Decision {
            let enginebay_host::Capability::Filesystem { path, .. } = capability else {
                return Decision::deny("no file");
            };
            match path
                .strip_prefix("/tmp/")
                .is_some_and(|it| it.starts_with(component.name()))
            {
                true => Decision::Allow,
                false => Decision::deny("not its own"),
            }
        }
    }
    for mode in [SecurityMode::Strict, SecurityMode::Development] {
        let permissions = Permissions::builder().mode(mode).policy(Temporary).build();
        let checker = registered(&permissions, []);
        check(&checker, read("/tmp/counter-1")).unwrap();
        let denial = check(&checker, read("/tmp/other-1")).unwrap_err();
        assert_eq!(
            denial.to_string(),
            "denied: filesystem.read(/tmp/other-1) is not granted to `counter` (refused: not its \
             own)"
        );
    }
}
