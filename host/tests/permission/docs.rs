//! The page about permissions says what the code does.

use enginebay_host::permission::{ForbiddenList, SecurityMode, TrustLevel};

const PAGE: &str = include_str!("../../../docs/src/explanation/permissions.md");

#[test]
fn the_page_lists_every_rule_that_is_forbidden_by_default() {
    for rule in ForbiddenList::standard().rules() {
        let listed = format!("`{}`", rule.pattern);
        assert!(PAGE.contains(&listed), "the page does not list {listed}");
        assert!(
            PAGE.contains(&*rule.reason),
            "the page does not say: {}",
            rule.reason
        );
    }
}

#[test]
fn the_page_has_every_mode_and_every_trust() {
    for name in SecurityMode::ALL.map(|it| it.name()) {
        assert!(PAGE.contains(&format!("**{name}**")), "{name}");
    }
    for name in TrustLevel::ALL.map(|it| it.name()) {
        assert!(PAGE.contains(name), "{name}");
    }
}
