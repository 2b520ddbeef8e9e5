//! What waits for a person.

use enginebay_host::permission::{
    Decision, MAX_PENDING, PermissionError, Permissions, Reason, ReviewUnknown, SecurityMode,
    SecurityPolicy, TrustLevel,
};

use super::*;

fn reviewing() -> Permissions {
    Permissions::builder().policy(ReviewUnknown).build()
}

#[test]
fn what_needs_review_is_denied_until_it_is_approved() {
    let permissions = reviewing();
    let grants = [optional(READ, "/data/**"), optional(READ, "/other/**")];
    let checker = registered(&permissions, grants);
    let denial = check(&checker, read("/data/a")).unwrap_err();
    assert_eq!(
        denial.reason(),
        &Reason::NeedsReview("the component is not trusted".into())
    );

    let pending = permissions.pending();
    assert_eq!(pending.len(), 2);
    assert_eq!(&*pending[0].component, NAME);
    assert_eq!(pending[0].grant, optional(READ, "/data/**"));
    permissions.approve(pending[0].id).unwrap();
    check(&checker, read("/data/a")).unwrap();
    check(&checker, read("/other/a")).unwrap_err();

    permissions.refuse(pending[1].id, "not that").unwrap();
    let denial = check(&checker, read("/other/a")).unwrap_err();
    assert_eq!(denial.reason(), &Reason::Refused("not that".into()));
    assert!(permissions.pending().is_empty());
    let error = permissions.approve(pending[1].id).unwrap_err();
    assert_eq!(error, PermissionError::NoSuchReview { id: pending[1].id });
}

#[test]
fn a_component_that_was_refused_for_a_review_loads_after_it() {
    let permissions = reviewing();
    let load = || permissions.register(Subject::new(NAME), [required(READ, "/data/**")]);
    let error = load().unwrap_err();
    assert!(error.to_string().contains("waits for review"), "{error}");
    load().unwrap_err();
    let pending = permissions.pending();
    assert_eq!(pending.len(), 1, "it is listed once");
    permissions.approve(pending[0].id).unwrap();
    load().unwrap();
    check(&permissions.checker(NAME).unwrap(), read("/data/a")).unwrap();
}

#[test]
fn what_was_approved_holds_for_one_version() {
    let permissions = reviewing();
    let version = |it: &str| Subject::new(NAME).with_version(it);
    let grants = || [optional(READ, "/data/**")];
    permissions.register(version("1.0.0"), grants()).unwrap();
    let checker = permissions.checker(NAME).unwrap();
    permissions.approve(permissions.pending()[0].id).unwrap();
    check(&checker, read("/data/a")).unwrap();
    permissions.reload(version("1.0.0"), grants()).unwrap();
    check(&checker, read("/data/a")).unwrap();
    permissions.reload(version("1.1.0"), grants()).unwrap();
    check(&checker, read("/data/a")).unwrap_err();
    assert_eq!(permissions.pending()[0].version.as_deref(), Some("1.1.0"));
}

#[test]
fn what_is_not_asked_for_any_more_does_not_wait_any_more() {
    let permissions = reviewing();
    registered(&permissions, [optional(READ, "/a"), optional(READ, "/b")]);
    let kept = permissions.pending()[1].id;
    permissions
        .reload(Subject::new(NAME), [optional(READ, "/b")])
        .unwrap();
    let pending: Vec<_> = permissions.pending().iter().map(|it| it.id).collect();
    assert_eq!(pending, [kept]);
    permissions.unregister(NAME).unwrap();
    assert!(permissions.pending().is_empty());
}

#[test]
fn what_was_approved_can_be_revoked() {
    let permissions = reviewing();
    let checker = registered(&permissions, [optional(READ, "/data")]);
    permissions.approve(permissions.pending()[0].id).unwrap();
    check(&checker, read("/data")).unwrap();
    permissions.revoke(NAME, READ, "/data").unwrap();
    check(&checker, read("/data")).unwrap_err();
    permissions
        .reload(Subject::new(NAME), [optional(READ, "/data")])
        .unwrap();
    check(&checker, read("/data")).unwrap_err();
}

/// Asks a person about each call that no grant covers.
struct AskAlways;

impl SecurityPolicy for AskAlways {
    fn review(&self, _: &Subject, _: &Grant, _: SecurityMode) -> Decision {
        Decision::Allow
    }

    fn check(&self, _: &Subject, _: &enginebay_host::Capability, _: SecurityMode) -> Decision {
        Decision::needs_review("ask")
    }
}

#[test]
fn a_single_call_can_wait_for_review() {
    let permissions = Permissions::builder().policy(AskAlways).build();
    let checker = registered(&permissions, []);
    for path in ["/a", "/b*"] {
        let denial = check(&checker, read(path)).unwrap_err();
        assert_eq!(denial.reason(), &Reason::NeedsReview("ask".into()));
    }
    let pending = permissions.pending();
    assert_eq!(pending.len(), 2);
    permissions.approve(pending[1].id).unwrap();
    permissions.refuse(pending[0].id, "no").unwrap();
    check(&checker, read("/b*")).unwrap();
    assert_eq!(
        check(&checker, read("/bc")).unwrap_err().reason().kind(),
        "needs-review"
    );
    assert_eq!(
        check(&checker, read("/a")).unwrap_err().reason(),
        &Reason::Refused("no".into())
    );
    permissions.reload(Subject::new(NAME), []).unwrap();
    check(&checker, read("/b*")).unwrap();
    permissions.revoke(NAME, READ, "=/b*").unwrap();
    check(&checker, read("/b*")).unwrap_err();
}

#[test]
fn a_component_cannot_fill_the_list_of_reviews() {
    let permissions = Permissions::builder().policy(AskAlways).build();
    let checker = registered(&permissions, []);
    permissions.register(Subject::new("other"), []).unwrap();
    let other = permissions.checker("other").unwrap();
    for n in 0..MAX_PENDING + 100 {
        check(&checker, read(&format!("/{n}"))).unwrap_err();
    }
    assert_eq!(permissions.pending().len(), MAX_PENDING);
    let denial = check(&checker, read("/one-more")).unwrap_err();
    assert!(
        denial
            .to_string()
            .ends_with("(refused: ask, and too much of it waits already)")
    );
    check(&other, read("/a")).unwrap_err();
    assert_eq!(permissions.pending().len(), MAX_PENDING + 1);
}

#[test]
fn what_needs_review_is_denied_in_every_mode() {
    for mode in SecurityMode::ALL {
        let permissions = Permissions::builder()
            .policy(ReviewUnknown)
            .mode(mode)
            .build();
        let checker = registered(&permissions, [optional(READ, "/data")]);
        assert_eq!(
            check(&checker, read("/data")).unwrap_err().reason().kind(),
            "needs-review"
        );
    }
}

#[test]
fn trusted_components_need_no_review() {
    let permissions = reviewing();
    let subject = Subject::new(NAME).with_trust(TrustLevel::Trusted);
    permissions
        .register(subject, [required(READ, "/data")])
        .unwrap();
    assert!(permissions.pending().is_empty());
}
