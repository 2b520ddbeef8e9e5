//! What a component gets at load, and when it is refused.

use enginebay_host::permission::{
    DenyAll, MAX_GRANTS, PermissionError, Permissions, Reason, SecurityMode,
};

use super::*;

#[test]
fn what_is_required_and_refused_refuses_the_load_with_all_reasons() {
    let permissions = Permissions::builder().policy(DenyAll).build();
    let grants = [
        required(READ, "/data/**"),
        optional(READ, "/maybe"),
        required(WRITE, "/etc/shadow"),
        required(CONNECT, "example.com:22"),
    ];
    let error = permissions
        .register(Subject::new(NAME), grants)
        .unwrap_err();
    let PermissionError::Refused { component, grants } = &error else {
        panic!("{error}");
    };
    assert_eq!(&**component, NAME);
    let kinds: Vec<_> = grants
        .iter()
        .map(|it| (it.grant.to_string(), it.reason.kind()))
        .collect();
    assert_eq!(
        kinds,
        [
            ("filesystem.read(/data/**)".to_owned(), "refused"),
            ("filesystem.write(/etc/shadow)".to_owned(), "forbidden"),
            ("network.connect(example.com:22)".to_owned(), "forbidden"),
        ]
    );
    assert_eq!(
        error.to_string(),
        "`counter` requires what it does not get: filesystem.read(/data/**): refused: this host \
         accepts nothing that a manifest asks for; filesystem.write(/etc/shadow): forbidden in \
         every mode: accounts and hashes of passwords: to read is to attack them, to write is to \
         be root; network.connect(example.com:22): forbidden in every mode: SSH: with a key or a \
         password it is a shell on another machine"
    );
    assert!(permissions.components().is_empty());
    permissions.checker(NAME).unwrap_err();
}

#[test]
fn what_is_optional_and_refused_loads_and_is_denied_at_the_call() {
    for mode in SecurityMode::ALL {
        let permissions = Permissions::builder().policy(DenyAll).mode(mode).build();
        let checker = registered(&permissions, [optional(READ, "/data/**")]);
        let denial = check(&checker, read("/data/a")).unwrap_err();
        assert_eq!(denial.reason().kind(), "refused");
        let refused = permissions.refused(NAME).unwrap();
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].grant, optional(READ, "/data/**"));
    }
}

#[test]
fn a_grant_that_is_wholly_forbidden_is_refused_at_load_in_every_mode() {
    for mode in SecurityMode::ALL {
        for (operation, pattern) in [
            (READ, "/dev/**"),
            (READ, "/home/me/.ssh/id_rsa"),
            (READ, "/home/me/.ssh/*"),
            (READ, "/proc/self/environ"),
            (WRITE, "/boot/**/*.img"),
            (CONNECT, "169.254.169.254:80"),
            (CONNECT, "*.example.com:22"),
            (RESOLVE, "metadata.google.internal"),
            (SPAWN, "/bin/sh"),
            (SPAWN, "sudo"),
        ] {
            let permissions = Permissions::builder().mode(mode).build();
            let grant = required(operation, pattern);
            let refused = permissions
                .register(Subject::new(NAME), [grant])
                .unwrap_err();
            assert!(refused.to_string().contains("forbidden"), "{refused}");
            permissions
                .register(Subject::new(NAME), [optional(operation, pattern)])
                .unwrap();
        }
    }
}

#[test]
fn a_grant_that_is_partly_forbidden_gives_the_rest() {
    let checker = registered(&Permissions::new(), [required(READ, "/**")]);
    check(&checker, read("/data/a")).unwrap();
    check(&checker, read("/home/me/.ssh/id_rsa")).unwrap_err();
}

#[test]
fn a_name_is_registered_once() {
    let permissions = Permissions::new();
    registered(&permissions, []);
    let error = permissions.register(Subject::new(NAME), []).unwrap_err();
    assert_eq!(
        error,
        PermissionError::Registered {
            component: NAME.into()
        }
    );
    permissions.reload(Subject::new(NAME), []).unwrap();
    let error = permissions.reload(Subject::new("other"), []).unwrap_err();
    assert_eq!(
        error,
        PermissionError::NotRegistered {
            component: "other".into()
        }
    );
}

#[test]
fn a_manifest_cannot_ask_for_grants_without_end() {
    let permissions = Permissions::new();
    let grants = |count: usize| (0..count).map(|n| required(READ, &format!("/data/{n}")));
    let error = permissions
        .register(Subject::new(NAME), grants(MAX_GRANTS + 1))
        .unwrap_err();
    assert!(
        matches!(error, PermissionError::TooManyGrants { .. }),
        "{error}"
    );
    permissions
        .register(Subject::new(NAME), grants(MAX_GRANTS))
        .unwrap();
    assert_eq!(permissions.granted(NAME).unwrap().len(), MAX_GRANTS);
    let last = format!("/data/{}", MAX_GRANTS - 1);
    check(&permissions.checker(NAME).unwrap(), read(&last)).unwrap();
}

#[test]
fn a_grant_that_is_asked_for_twice_is_required_if_either_is() {
    let permissions = Permissions::builder().policy(DenyAll).build();
    let grants = [required(READ, "/data"), optional(READ, "/data")];
    permissions
        .register(Subject::new(NAME), grants)
        .unwrap_err();
    let grants = [optional(READ, "/data"), required(READ, "/data")];
    permissions
        .register(Subject::new(NAME), grants)
        .unwrap_err();
}

#[test]
fn what_an_embedder_grants_needs_no_policy_but_cannot_be_forbidden() {
    let permissions = Permissions::builder().policy(DenyAll).build();
    let checker = registered(&permissions, []);
    assert!(permissions.grant(NAME, optional(READ, "/data/**")).unwrap());
    assert!(!permissions.grant(NAME, optional(READ, "/data/**")).unwrap());
    check(&checker, read("/data/a")).unwrap();
    let error = permissions
        .grant(NAME, optional(READ, "/dev/sda"))
        .unwrap_err();
    assert!(
        matches!(error, PermissionError::Forbidden { .. }),
        "{error}"
    );
    permissions.grant(NAME, Grant::any(READ)).unwrap();
    assert_eq!(
        check(&checker, read("/dev/sda"))
            .unwrap_err()
            .reason()
            .kind(),
        "forbidden"
    );
}

#[test]
fn an_exact_grant_takes_wildcards_for_what_they_are() {
    let permissions = Permissions::new();
    let checker = registered(&permissions, []);
    let odd = read("/data/[a]*").to_capability();
    permissions.grant(NAME, Grant::exact(&odd)).unwrap();
    check(&checker, Request::from(&odd)).unwrap();
    checker.check(FUNCTION, &odd).unwrap();
    assert_eq!(
        check(&checker, read("/data/ab")).unwrap_err().reason(),
        &Reason::NotGranted
    );
}
