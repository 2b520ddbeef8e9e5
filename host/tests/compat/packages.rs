//! Each kind of change, with its level and its text, and whether that is so: a component
//! that was built against the old version is held against the new one, by wasmparser and
//! by [`Offer::check`].
//!
//! [`Offer::check`]: enginebay_host::compat::Offer::check

use enginebay_host::compat::{ChangeKind, Level, Report, Wit, compare};
use wit_component::semver_check;
use wit_parser::Resolve;

use super::{component, offer, wit};

use Level::{Major, Minor, Patch};

fn package(version: &str, items: &str, world: &str) -> String {
    format!("package a:b@{version};\n{items}\nworld w {{ {world} }}")
}

fn report(old: &str, new: &str) -> Report {
    compare(&wit(old), &wit(new)).expect("both are versions of one package")
}

/// Whether wasmparser accepts a component of the old world where one of the new world is
/// wanted.
fn wasmparser_accepts(old: &str, new: &str) -> bool {
    let mut resolve = Resolve::default();
    let old = resolve.push_source("old.wit", old).expect("valid WIT");
    let new = resolve.push_source("new.wit", new).expect("valid WIT");
    let world = |package| resolve.packages[package].worlds["w"];
    let (old, new) = (world(old), world(new));
    semver_check(resolve, old, new).is_ok()
}

fn offer_accepts(old: &Wit, new: &Wit) -> bool {
    offer(new, "w").check(&component(old, "w")).is_ok()
}

/// Compares two interfaces and says what is said of the first change.
fn changed(old: &str, new: &str, world: &str) -> (Option<Level>, String) {
    let old = package("1.0.0", &format!("interface i {{ {old} }}"), world);
    let new = package("1.1.0", &format!("interface i {{ {new} }}"), world);
    let report = report(&old, &new);
    let breaks = report.level == Some(Major);
    // wit-component cannot make the component that it needs with these.
    if !old.contains("async") && !new.contains("async") {
        assert_eq!(
            wasmparser_accepts(&old, &new),
            !breaks,
            "{report}\n{old}\n{new}"
        );
    }
    assert_eq!(
        offer_accepts(&wit(&old), &wit(&new)),
        !breaks,
        "{report}\n{old}\n{new}"
    );
    let text = report.changes.first().map_or(String::new(), |change| {
        format!("{}: {}", change.item, change.text)
    });
    (report.level, text)
}

/// Old and new items of an interface, the level of the change, and its text.
type Row = (&'static str, &'static str, Option<Level>, &'static str);

fn check(rows: &[Row], world: &str) {
    for (old, new, level, text) in rows {
        let (actual_level, actual) = changed(old, new, world);
        assert_eq!(actual_level, *level, "{old} -> {new}: {actual}");
        assert_eq!(actual, *text, "{old} -> {new}");
    }
}

#[test]
fn functions_of_an_interface_that_the_host_implements() {
    check(
        &[
            ("f: func();", "f: func();", None, ""),
            (
                "f: func();",
                "f: func(); g: func();",
                Some(Minor),
                "i.g: added",
            ),
            (
                "f: func(); g: func();",
                "g: func();",
                Some(Major),
                "i.f: removed",
            ),
            ("f: func(); g: func();", "g: func(); f: func();", None, ""),
            ("f: func();", "g: func();", Some(Major), "i.f: removed"),
            (
                "f: func();",
                "f: func(a: u32);",
                Some(Major),
                "i.f: is of another type: only that of the new version has the parameter `a`",
            ),
            (
                "f: func(a: u32, b: u32);",
                "f: func(a: u32);",
                Some(Major),
                "i.f: is of another type: only that of the old version has the parameter `b`",
            ),
            (
                "f: func(a: u32);",
                "f: func(a: u64);",
                Some(Major),
                "i.f: is of another type: parameter `a`: the old version has `u32`, the new \
                 version has `u64`",
            ),
            (
                "f: func(a: u32);",
                "f: func(b: u32);",
                Some(Major),
                "i.f: is of another type: parameter 1 is named `a` by the old version and `b` by \
                 the new version, and names are part of the type",
            ),
            (
                "f: func();",
                "f: func() -> u8;",
                Some(Major),
                "i.f: is of another type: the result: only the new version has a type here, `u8`",
            ),
            (
                "f: func() -> list<u8>;",
                "f: func() -> list<s8>;",
                Some(Major),
                "i.f: is of another type: the result, the list's items: the old version has `u8`, \
                 the new version has `s8`",
            ),
            (
                "f: func();",
                "f: async func();",
                Some(Major),
                "i.f: is of another type: only that of the new version is async",
            ),
        ],
        "import i;",
    );
}

#[test]
fn anonymous_types() {
    let rows = [
        (
            "list<u8>",
            "list<u8, 4>",
            ": the old version has `list<u8>`, the new version has `list<u8, 4>`",
        ),
        (
            "list<u8, 4>",
            "list<u8, 5>",
            ": the old version has `list<u8, 4>`, the new version has `list<u8, 5>`",
        ),
        (
            "list<u8, 4>",
            "list<s8, 4>",
            ", the list's items: the old version has `u8`, the new version has `s8`",
        ),
        (
            "option<u8>",
            "option<char>",
            ", the option: the old version has `u8`, the new version has `char`",
        ),
        (
            "option<u8>",
            "u8",
            ": the old version has `option<u8>`, the new version has `u8`",
        ),
        (
            "result<u8>",
            "result<u8, string>",
            ", `err` of the result: only the new version has a type here, `string`",
        ),
        (
            "result<_, u8>",
            "result<_, bool>",
            ", `err` of the result: the old version has `u8`, the new version has `bool`",
        ),
        (
            "result<f32>",
            "result<f64>",
            ", `ok` of the result: the old version has `f32`, the new version has `f64`",
        ),
        (
            "tuple<u8, u8>",
            "tuple<u8, u16>",
            ", item 2 of the tuple: the old version has `u8`, the new version has `u16`",
        ),
        (
            "tuple<u8, u8>",
            "tuple<u8>",
            ": the old version has `tuple<u8, u8>`, the new version has `tuple<u8>`",
        ),
        (
            "map<string, u8>",
            "map<u8, u8>",
            ", the map's keys: the old version has `string`, the new version has `u8`",
        ),
        (
            "map<string, u8>",
            "map<string, u16>",
            ", the map's values: the old version has `u8`, the new version has `u16`",
        ),
        (
            "future<u8>",
            "future",
            ", the future: only the old version has a type here, `u8`",
        ),
        (
            "stream<u8>",
            "stream<u16>",
            ", the stream: the old version has `u8`, the new version has `u16`",
        ),
        (
            "stream<u8>",
            "future<u8>",
            ": the old version has `stream<u8>`, the new version has `future<u8>`",
        ),
    ];
    for (old, new, text) in rows {
        let f = |ty| format!("f: func(a: {ty});");
        let (level, actual) = changed(&f(old), &f(new), "import i;");
        assert_eq!(level, Some(Major), "{old} -> {new}");
        assert_eq!(
            actual,
            format!("i.f: is of another type: parameter `a`{text}")
        );
    }
}

#[test]
fn members_of_named_types() {
    let rows = [
        (
            "record t { a: u8 }",
            "record t { a: u8, b: u8 }",
            "the field `b` was added",
        ),
        (
            "record t { a: u8, b: u8 }",
            "record t { a: u8 }",
            "the field `b` was removed",
        ),
        (
            "record t { a: u8 }",
            "record t { z: u8 }",
            "the field `a` was removed",
        ),
        (
            "record t { a: u8, b: u8 }",
            "record t { b: u8, a: u8 }",
            "the fields are in another order",
        ),
        (
            "record t { a: u8 }",
            "record t { a: u16 }",
            "the field `a` is of another type: the old version has `u8`, the new version has `u16`",
        ),
        (
            "variant t { a, b(u8) }",
            "variant t { a, b(u8), c }",
            "the case `c` was added",
        ),
        (
            "variant t { a, b(u8) }",
            "variant t { a }",
            "the case `b` was removed",
        ),
        (
            "variant t { a, b(u8) }",
            "variant t { b(u8), a }",
            "the cases are in another order",
        ),
        (
            "variant t { a }",
            "variant t { a(u8) }",
            "the case `a` is of another type: only the new version has a type here, `u8`",
        ),
        (
            "enum t { a, b }",
            "enum t { a, b, c }",
            "the case `c` was added",
        ),
        (
            "enum t { a, b }",
            "enum t { b }",
            "the case `a` was removed",
        ),
        (
            "enum t { a, b }",
            "enum t { b, a }",
            "the cases are in another order",
        ),
        (
            "flags t { a }",
            "flags t { a, b }",
            "the flag `b` was added",
        ),
        (
            "flags t { a, b }",
            "flags t { a }",
            "the flag `b` was removed",
        ),
        (
            "flags t { a, b }",
            "flags t { b, a }",
            "the flags are in another order",
        ),
        (
            "enum t { a, b }",
            "flags t { a, b }",
            "is of another type: the old version has `enum t { a, b }`, the new version has \
             `flags t { a, b }`",
        ),
        (
            "type t = u8;",
            "type t = u16;",
            "is of another type: the old version has `u8`, the new version has `u16`",
        ),
    ];
    for (old, new, text) in rows {
        let f = |ty| format!("{ty} f: func(a: list<t>);");
        let (level, actual) = changed(&f(old), &f(new), "import i;");
        assert_eq!(level, Some(Major), "{old} -> {new}");
        assert_eq!(actual, format!("i.t: {text}"), "{old} -> {new}");
    }
}

#[test]
fn names_of_what_is_the_same() {
    check(
        &[
            (
                "type t = u8; f: func(a: t);",
                "type t = u8; f: func(a: u8);",
                None,
                "",
            ),
            (
                "record r { a: u8 } type t = r; f: func(a: t);",
                "record r { a: u8 } type t = r; f: func(a: r);",
                None,
                "",
            ),
            (
                "record r { a: u8 } f: func(a: r);",
                "record r { a: u8 } record s { a: u8 } f: func(a: s);",
                Some(Minor),
                "i.s: added",
            ),
        ],
        "import i;",
    );
}

#[test]
fn resources() {
    check(
        &[
            (
                "f: func();",
                "f: func(); resource r { constructor(); m: func(); }",
                Some(Minor),
                "i.r: added",
            ),
            (
                "resource r { m: func(); }",
                "resource r { m: func(); n: func(); s: static func(); constructor(); }",
                Some(Minor),
                "i.r.n: added",
            ),
            (
                "resource r { m: func(); n: func(); }",
                "resource r { m: func(); }",
                Some(Major),
                "i.r.n: removed",
            ),
            (
                "resource r { m: func(); } f: func();",
                "f: func();",
                Some(Major),
                "i.r: removed",
            ),
            (
                "resource r; f: func(a: borrow<r>);",
                "resource r; f: func(a: r);",
                Some(Major),
                "i.f: is of another type: parameter `a`: the old version has `borrow<r>`, the new \
                 version has `r`",
            ),
            (
                "resource r; f: func(a: r);",
                "record r { a: u8 } f: func(a: r);",
                Some(Major),
                "i.r: is of another type: the old version has `resource r`, the new version has \
                 `record r { a: u8 }`",
            ),
            (
                "resource r { constructor(a: u8); }",
                "resource r { constructor(a: u16); }",
                Some(Major),
                "i.r.constructor: is of another type: parameter `a`: the old version has `u8`, the \
                 new version has `u16`",
            ),
        ],
        "import i;",
    );
}

#[test]
fn docs_and_deprecation() {
    check(
        &[
            (
                "f: func();",
                "/// Does it.\nf: func();",
                Some(Patch),
                "i.f: docs",
            ),
            (
                "record t { a: u8 } f: func(a: t);",
                "record t {\n/// A byte.\na: u8 } f: func(a: t);",
                Some(Patch),
                "i.t: docs",
            ),
            (
                "@since(version = 1.0.0) f: func();",
                "@since(version = 1.0.0) @deprecated(version = 1.1.0) f: func();",
                Some(Minor),
                "i.f: deprecated since 1.1.0",
            ),
            (
                "/// Use `g` instead.\n@since(version = 1.0.0) f: func();",
                "/// Use `g` instead.\n@since(version = 1.0.0) @deprecated(version = 1.1.0) \
                 f: func();",
                Some(Minor),
                "i.f: deprecated since 1.1.0, use `g` instead",
            ),
            (
                "@since(version = 1.0.0) @deprecated(version = 1.0.0) f: func();",
                "@since(version = 1.0.0) f: func();",
                Some(Minor),
                "i.f: no longer deprecated",
            ),
            (
                "f: func();",
                "@since(version = 1.0.0) f: func();",
                Some(Patch),
                "i.f: `@since(version = 1.0.0)` was written",
            ),
        ],
        "import i;",
    );
}

#[test]
fn an_interface_that_components_export() {
    let lacking = "added to what components export, so that those that were built before lack it";
    for (old, new, item) in [
        ("f: func();", "f: func(); g: func();", "i.g"),
        ("f: func();", "f: func(); resource r { m: func(); }", "i.r"),
        (
            "resource r { m: func(); }",
            "resource r { m: func(); n: func(); }",
            "i.r.n",
        ),
    ] {
        let (level, text) = changed(old, new, "export i;");
        assert_eq!(level, Some(Major), "{old} -> {new}");
        assert_eq!(text, format!("{item}: {lacking}"));
        let (level, text) = changed(old, new, "import i;");
        assert_eq!(level, Some(Minor), "{old} -> {new}");
        assert_eq!(text, format!("{item}: added"));
    }
    let (level, _) = changed("f: func(a: u8);", "f: func(a: u16);", "export i;");
    assert_eq!(level, Some(Major));
}

/// Compares two worlds, with interfaces at hand, and says what the first change is.
fn worlds(old: &str, new: &str) -> (Report, String, String) {
    let items = "interface i { f: func(); } interface j { f: func(); }";
    let (old, new) = (package("1.0.0", items, old), package("1.1.0", items, new));
    (report(&old, &new), old, new)
}

#[test]
fn what_a_world_imports_and_exports() {
    let added = "added to what components export, so that those that were built before lack it";
    for (before, after, level, text) in [
        (
            "import i;",
            "import i; import j;",
            Minor,
            "world w: import a:b/j: added",
        ),
        (
            "import i; import j;",
            "import i;",
            Major,
            "world w: import a:b/j: removed",
        ),
        (
            "import i;",
            "import i; import f: func();",
            Minor,
            "world w: import f: added",
        ),
        ("import f: func();", "", Major, "world w: import f: removed"),
        (
            "import f: func();",
            "import f: func(a: u8);",
            Major,
            "world w: import f: is of another type: only that of the new version has the \
             parameter `a`",
        ),
        (
            "import n: interface { f: func(); }",
            "import n: interface { f: func(); g: func(); }",
            Minor,
            "world w: import n.g: added",
        ),
        (
            "import f: func();",
            "import f: interface {}",
            Major,
            "world w: import f: is of another kind",
        ),
        (
            "export i;",
            "export i; export j;",
            Major,
            &format!("world w: export a:b/j: {added}"),
        ),
        (
            "export i;",
            "export i; export f: func();",
            Major,
            &format!("world w: export f: {added}"),
        ),
        (
            "export f: func() -> u8;",
            "export f: func() -> u16;",
            Major,
            "world w: export f: is of another type: the result: the old version has `u8`, the new \
             version has `u16`",
        ),
    ] {
        let (report, old, new) = worlds(before, after);
        assert_eq!(report.level, Some(level), "{before} -> {after}: {report}");
        let change = &report.changes[0];
        assert_eq!(format!("{}: {}", change.item, change.text), text);
        let accepted = wasmparser_accepts(&old, &new);
        assert_eq!(accepted, level != Major, "{before} -> {after}");
        assert_eq!(
            offer_accepts(&wit(&old), &wit(&new)),
            accepted,
            "{before} -> {after}"
        );
    }
}

#[test]
fn a_removed_export_is_major_although_components_still_fit() {
    let (report, old, new) = worlds("export i; export j;", "export i;");
    assert_eq!(
        report.level,
        Some(Major),
        "hosts that call it cannot any more"
    );
    assert!(wasmparser_accepts(&old, &new));
    assert!(offer_accepts(&wit(&old), &wit(&new)));
}

#[test]
fn interfaces_and_worlds_come_and_go() {
    let one = "package a:b@1.0.0; interface i {} world w {}";
    let two = "package a:b@1.1.0; interface i {} interface j {} world w {} world v {}";
    let added = report(one, two);
    assert_eq!(added.level, Some(Minor));
    let items: Vec<_> = added.changes.iter().map(|it| it.item.as_str()).collect();
    assert_eq!(items, ["j", "world v"]);
    let two_before = &two.replace("1.1.0", "1.0.0");
    let removed = report(two_before, &one.replace("1.0.0", "2.0.0"));
    assert_eq!(removed.level, Some(Major));
    assert!(
        removed
            .changes
            .iter()
            .all(|it| it.kind == ChangeKind::Removed)
    );
    assert!(removed.is_ok(), "{removed}");
}

#[test]
fn types_of_other_packages_are_compared_whole() {
    let text = |own: &str, other: &str, field: &str| {
        format!(
            "package a:b@{own};
             interface i {{ use c:d/t@{other}.{{r}}; f: func(a: r); }}
             package c:d@{other} {{ interface t {{ record r {{ {field} }} }} }}"
        )
    };
    let same = report(
        &text("1.0.0", "1.0.0", "a: u8"),
        &text("1.1.0", "1.2.0", "a: u8"),
    );
    assert_eq!(same.level, Some(Minor), "{same}");
    assert_eq!(same.changes[0].kind, ChangeKind::Dependency);
    assert_eq!(same.changes[0].text, "uses c:d@1.2.0, and before c:d@1.0.0");
    let other = report(
        &text("1.0.0", "1.0.0", "a: u8"),
        &text("1.1.0", "2.0.0", "a: u16"),
    );
    assert_eq!(other.level, Some(Major), "{other}");
    let texts: Vec<_> = other.changes.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "uses c:d@2.0.0, and before c:d@1.0.0",
            "is of another type: field `a` of `r`: the old version has `u8`, the new version has \
             `u16`",
            "is of another type: parameter `a`, field `a` of `r`: the old version has `u8`, the \
             new version has `u16`",
        ]
    );
}

#[test]
fn what_is_unstable_may_change() {
    let gate = "@unstable(feature = x)";
    let stable = "@since(version = 1.1.0)";
    for (old, new, level, text) in [
        (
            "",
            &format!("{gate} f: func();")[..],
            Patch,
            "added, unstable",
        ),
        (
            &format!("{gate} f: func();")[..],
            "",
            Patch,
            "removed; it was unstable",
        ),
        (
            &format!("{gate} f: func();"),
            &format!("{gate} f: func(a: u8);"),
            Patch,
            "is of another type: only that of the new version has the parameter `a`",
        ),
        (
            &format!("{gate} f: func();"),
            &format!("{stable} f: func();"),
            Minor,
            "no longer unstable",
        ),
        (
            "f: func();",
            &format!("{gate} f: func();"),
            Major,
            "became unstable, with `x`",
        ),
        (
            &format!("{gate} resource r {{ m: func(); }}"),
            &format!("{gate} resource r {{ m: func(a: u8); }}"),
            Patch,
            "is of another type: only that of the new version has the parameter `a`",
        ),
    ] {
        let old = package("1.0.0", &format!("interface i {{ {old} }}"), "");
        let new = package("1.1.0", &format!("interface i {{ {new} }}"), "");
        let report = report(&old, &new);
        assert_eq!(report.level, Some(level), "{report}");
        assert_eq!(report.changes[0].text, text);
    }
}
