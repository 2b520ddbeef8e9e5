use super::fold::fold;
use super::*;
use crate::capability::FilesystemAction;

#[test]
fn a_plain_path_is_not_copied() {
    for path in ["/", "/data/a.txt", "/a/.ssh/b..c"] {
        assert!(
            matches!(fold(path), std::borrow::Cow::Borrowed(_)),
            "{path}"
        );
    }
}

#[test]
fn names_are_folded_one_by_one() {
    for (path, folded) in [
        ("/A/b", "/a/b"),
        ("/a./b ./c", "/a/b/c"),
        ("/a:b/c:d", "/a/c"),
        ("/\u{fb06}r", "/str"),
        ("/\u{212a}", "/k"),
        ("/a\u{feff}b", "/ab"),
        ("/.../a", "/.../a"),
    ] {
        assert_eq!(fold(path), folded, "{path}");
    }
}

#[test]
fn a_rule_for_a_path_is_for_all_below_and_for_nothing_beside() {
    let mut list = ForbiddenList::none();
    list.forbid_path("/a/b", "rooted").unwrap();
    list.forbid_path("/**/x/y/**", "anywhere").unwrap();
    list.forbid_path("/logs/*.key", "pattern").unwrap();
    let rule = |path| {
        let found = list.find(&Request::filesystem(FilesystemAction::List, path));
        found.map(|it| it.reason.to_string())
    };
    for (path, expected) in [
        ("/a/b", Some("rooted")),
        ("/A/B/c", Some("rooted")),
        ("/a/bc", None),
        ("/z/a/b", None),
        ("/a", None),
        ("/x/y", Some("anywhere")),
        ("/p/x/y/z", Some("anywhere")),
        ("/x/p/y", None),
        ("/p/x", None),
        ("/x/x/y", Some("anywhere")),
        ("/logs/a.KEY", Some("pattern")),
        ("/logs/a/b.key", None),
    ] {
        assert_eq!(rule(path).as_deref(), expected, "{path}");
    }
}

#[test]
fn networks_are_compared_by_their_first_bits() {
    let mut list = ForbiddenList::none();
    list.forbid_network("10.1.0.0".parse().unwrap(), 16, "v4");
    list.forbid_network("2001:db8::".parse().unwrap(), 32, "v6");
    let found = |address: &str| list.find_address(address.parse().unwrap(), 1).is_some();
    assert!(found("10.1.0.0") && found("10.1.255.255") && found("2001:db8:1::1"));
    assert!(!found("10.2.0.0") && !found("2001:db9::") && !found("::10.2.0.1"));
    assert!(found("::ffff:10.1.2.3"));
    list.forbid_network("0.0.0.0".parse().unwrap(), 0, "all of v4");
    let found = |address: &str| list.find_address(address.parse().unwrap(), 1).is_some();
    assert!(found("10.2.0.0") && !found("2001:db9::"));
}

#[test]
fn a_text_that_is_no_pattern_is_no_rule() {
    let mut list = ForbiddenList::none();
    list.forbid_path("relative", "x").unwrap_err();
    list.forbid_path("/a/../b", "x").unwrap_err();
    list.forbid_host("127.1", "x").unwrap_err();
    assert!(list.rules().is_empty());
}
