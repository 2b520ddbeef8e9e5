//! The declared version, the gates, and the report on both.

use enginebay_host::compat::{Level, VersionProblem, Wit, WitError, compare, compare_all};

use super::wit;

fn report(old: &str, new: &str) -> enginebay_host::compat::Report {
    compare(&wit(old), &wit(new)).expect("both are versions of one package")
}

const ONE: &str = "interface i { f: func(); }";
const TWO: &str = "interface i { f: func(); g: func(); }";
const DOCS: &str = "interface i {\n/// Does it.\nf: func(); }";

#[test]
fn the_declared_version_must_suffice() {
    // The change, the two versions, and the least that would do if the new one does not.
    let table = [
        (ONE, ONE, "1.2.3", "1.2.3", None),
        (ONE, ONE, "1.2.3", "3.0.0", None),
        (ONE, DOCS, "1.2.3", "1.2.3", Some("1.2.4")),
        (ONE, DOCS, "1.2.3", "1.2.4", None),
        (ONE, TWO, "1.2.3", "1.2.3", Some("1.3.0")),
        (ONE, TWO, "1.2.3", "1.2.9", Some("1.3.0")),
        (ONE, TWO, "1.2.3", "1.3.0", None),
        (ONE, TWO, "1.2.3", "1.3.0-rc.1", None),
        (ONE, TWO, "1.2.3", "2.0.0", None),
        (TWO, ONE, "1.2.3", "1.3.0", Some("2.0.0")),
        (TWO, ONE, "1.2.3", "2.0.0", None),
        (TWO, ONE, "1.2.3", "2.0.0-rc.1", None),
        (ONE, TWO, "0.2.3", "0.2.3", Some("0.2.4")),
        (ONE, TWO, "0.2.3", "0.2.4", None),
        (TWO, ONE, "0.2.3", "0.2.4", Some("0.3.0")),
        (TWO, ONE, "0.2.3", "0.3.0", None),
        (TWO, ONE, "0.0.3", "0.0.3", Some("0.0.4")),
        (TWO, ONE, "0.0.3", "0.0.4", None),
        (TWO, ONE, "2.0.0-rc.1", "2.0.0-rc.2", None),
        (TWO, ONE, "2.0.0-rc.1", "2.0.0-rc.1", Some("2.0.0")),
        (TWO, ONE, "2.0.0-rc.1", "2.0.0", None),
    ];
    for (old, new, before, after, least) in table {
        let report = report(
            &format!("package a:b@{before}; {old}"),
            &format!("package a:b@{after}; {new}"),
        );
        let actual = match &report.version {
            None => None,
            Some(VersionProblem::TooLow { least }) => Some(least.to_string()),
            Some(other) => panic!("{other:?}: {report}"),
        };
        assert_eq!(actual.as_deref(), least, "{before} -> {after}: {report}");
        assert_eq!(report.is_ok(), least.is_none());
    }
}

#[test]
fn a_lower_version_or_none_is_refused() {
    let lower = report(
        &format!("package a:b@1.2.0; {ONE}"),
        &format!("package a:b@1.1.9; {ONE}"),
    );
    assert_eq!(lower.version, Some(VersionProblem::Lower));
    assert_eq!(
        lower.to_string(),
        "a:b 1.2.0 -> 1.1.9: no changes; the version is less than before\n"
    );
    let none = report(
        &format!("package a:b; {ONE}"),
        &format!("package a:b; {ONE}"),
    );
    assert_eq!(none.version, Some(VersionProblem::None));
    assert_eq!(
        none.to_string(),
        "a:b no version -> no version: no changes; the package must have a version, as in \
         `package a:b@1.0.0;`\n"
    );
}

#[test]
fn packages_of_other_names_are_not_compared() {
    let error = compare(&wit("package a:b@1.0.0;"), &wit("package a:c@1.0.0;")).unwrap_err();
    assert!(matches!(error, WitError::Package { .. }));
    assert_eq!(
        error.to_string(),
        "a:b@1.0.0 and a:c@1.0.0 are not versions of one package: give two of the same name"
    );
}

#[test]
fn new_items_say_since_when_they_are() {
    let old = "package a:b@1.0.0;
               @since(version = 1.0.0) interface i { @since(version = 1.0.0) f: func(); }";
    let new = "package a:b@1.1.0;
               @since(version = 1.0.0) interface i {
                   @since(version = 1.0.0) f: func();
                   @since(version = 1.1.0) good: func();
                   @since(version = 1.0.0) wrong: func();
                   none: func();
                   @unstable(feature = x) unstable: func();
                   type also-none = u8;
               }
               interface j { f: func(); }
               world w {}";
    let report = report(old, new);
    assert_eq!(report.level, Some(Level::Minor));
    assert_eq!(report.version, None);
    assert!(!report.is_ok());
    let gates: Vec<_> = report
        .gates
        .iter()
        .map(|gate| format!("{}: {}", gate.item, gate.text))
        .collect();
    let none = "it is new and has no `@since`: write `@since(version = 1.1.0)`";
    assert_eq!(
        gates,
        [
            format!("i.also-none: {none}"),
            "i.wrong: it is new and says `@since(version = 1.0.0)`: write `@since(version = \
             1.1.0)`"
                .to_owned(),
            format!("i.none: {none}"),
            format!("j: {none}"),
            format!("world w: {none}"),
        ]
    );
}

#[test]
fn a_package_without_gates_needs_none() {
    let report = report(
        &format!("package a:b@1.0.0; {ONE}"),
        &format!("package a:b@1.1.0; {TWO}"),
    );
    assert!(report.is_ok(), "{report}");
}

#[test]
fn a_since_stays_what_it_is() {
    let with = |version: &str, gate: &str| {
        format!(
            "package a:b@{version};
             @since(version = 1.0.0) interface i {{ {gate} f: func(); }}"
        )
    };
    for (before, after, text) in [
        (
            "@since(version = 1.0.0)",
            "@since(version = 1.1.0)",
            "its `@since` was 1.0.0 and is 1.1.0: it says when the item came, and stays",
        ),
        (
            "@since(version = 1.0.0)",
            "",
            "it lost its `@since`: write `@since(version = 1.0.0)`",
        ),
        (
            "",
            "@since(version = 1.1.0)",
            "its `@since` is 1.1.0, and it was there before",
        ),
        (
            "@since(version = 1.0.0)",
            "@since(version = 1.0.0) @deprecated(version = 1.2.0)",
            "it says that it is deprecated since 1.2.0, to come",
        ),
    ] {
        let report = report(&with("1.0.0", before), &with("1.1.0", after));
        let texts: Vec<_> = report.gates.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(texts, [text]);
    }
}

#[test]
fn a_since_that_is_to_come_is_no_valid_wit() {
    let error = Wit::parse(
        "i.wit",
        "package a:b@1.0.0;\ninterface i { @since(version = 1.1.0) f: func(); }",
    )
    .unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, WitError::Invalid(_)));
    assert!(text.contains("1.1.0") && text.contains("i.wit:2"), "{text}");
}

#[test]
fn the_report_has_a_line_for_each_change() {
    let report = report(
        "package a:b@1.2.0; interface i { record r { x: u8 } f: func(a: r); }",
        "package a:b@1.3.0; interface i { record r { x: u8, y: u8 } f: func(a: r, b: r); }",
    );
    assert_eq!(
        report.to_string(),
        "a:b 1.2.0 -> 1.3.0: major changes; the version must be at least 2.0.0
  major  i.r: the field `y` was added
         before: record r { x: u8 }
         after:  record r { x: u8, y: u8 }
  major  i.f: is of another type: only that of the new version has the parameter `b`
         before: func(a: r)
         after:  func(a: r, b: r)
"
    );
    assert_eq!(
        serde_json::to_value(&report).expect("it is data")["version"],
        serde_json::json!({ "problem": "too-low", "least": "2.0.0" })
    );
}

#[test]
fn packages_of_the_same_owner_are_compared_together() {
    let folder = |main: &str, other: &str, field: &str| {
        wit(&format!(
            "package a:main@{main};
             interface i {{ use a:other/t@{other}.{{r}}; f: func(a: r); }}
             package a:other@{other} {{ interface t {{ record r {{ {field} }} }} }}
             package z:foreign@{other} {{ interface t {{ record r {{ {field} }} }} }}"
        ))
    };
    let reports = compare_all(
        &folder("1.0.0", "1.0.0", "x: u8"),
        &folder("2.0.0", "1.1.0", "x: u16"),
    )
    .expect("they can be compared");
    let summary: Vec<_> = reports
        .iter()
        .map(|it| (it.package.as_str(), it.is_ok()))
        .collect();
    assert_eq!(summary, [("a:main", true), ("a:other", false)]);
    assert_eq!(reports[1].level, Some(Level::Major));
}

#[test]
fn folders_and_files_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let deps = folder.path().join("deps/c");
    std::fs::create_dir_all(&deps).expect("a folder");
    let write = |path: &std::path::Path, text: &str| std::fs::write(path, text).expect("a file");
    write(
        &deps.join("c.wit"),
        "package c:c@1.0.0; interface t { record r { x: u8 } }",
    );
    let main = folder.path().join("main.wit");
    write(
        &main,
        "package a:b@1.0.0; interface i { use c:c/t@1.0.0.{r}; }",
    );
    let wit = Wit::read(folder.path()).expect("a package");
    assert_eq!(wit.name().to_string(), "a:b@1.0.0");
    assert_eq!(
        Wit::read(deps.join("c.wit"))
            .expect("a file")
            .name()
            .to_string(),
        "c:c@1.0.0"
    );
    let error = Wit::read(&main).unwrap_err();
    assert!(error.to_string().contains("main.wit:1"), "{error}");
    assert!(matches!(
        Wit::read(folder.path().join("none")),
        Err(WitError::Io { .. })
    ));
}

#[test]
fn worlds_are_chosen_by_name() {
    let two = wit("package a:b@1.0.0; world v {} world w {}");
    assert!(two.select(Some("w")).is_ok());
    let error = two.select(Some("x")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a:b@1.0.0 has no world `x`, only: `v`, `w`"
    );
    let error = two.select(None).unwrap_err();
    assert_eq!(error.to_string(), "a:b@1.0.0 has 2 worlds: name one");
    assert!(wit("package a:b@1.0.0; world v {}").select(None).is_ok());
    assert!(wit("package a:b@1.0.0;").select(None).is_err());
}
