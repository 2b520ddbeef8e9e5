//! Components against what a host offers: each reason why one does not fit, and what is
//! said of those that do.

use enginebay_host::compat::{Offer, Problem, Side, WitError};

use super::{component, offer, wit};

/// What is said of the first problem.
fn first(offer: &Offer, component: &[u8]) -> String {
    let unfit = offer.check(component).expect_err("it does not fit");
    unfit.problems[0].to_string()
}

fn host(version: &str, interface: &str) -> Offer {
    offer(
        &wit(&format!(
            "package a:b@{version}; interface i {{ {interface} }} world w {{ import i; }}"
        )),
        "w",
    )
}

fn guest(version: &str, interface: &str) -> Vec<u8> {
    component(
        &wit(&format!(
            "package a:b@{version}; interface i {{ {interface} }} world w {{ import i; }}"
        )),
        "w",
    )
}

#[test]
fn the_compatibility_matrix() {
    // What the component was built against, what the host offers, and the reason why it
    // does not fit.
    let matrix = [
        ("1.0.0", "1.0.0", None),
        ("1.0.0", "1.5.0", None),
        (
            "1.5.0",
            "1.0.0",
            Some(
                "import `a:b/i`: the component was built against 1.5.0, this host offers 1.0.0; \
                 what fits: a host with 1.5.0 or a later 1.x, or the component built against \
                 1.0.0 to 1.0.0",
            ),
        ),
        (
            "1.5.0",
            "2.0.0",
            Some(
                "import `a:b/i`: the component was built against 1.5.0, this host offers 2.0.0; \
                 what fits: a host with 1.5.0 or a later 1.x, or the component built against \
                 2.0.0 to 2.0.0",
            ),
        ),
        (
            "2.0.0",
            "1.5.0",
            Some(
                "import `a:b/i`: the component was built against 2.0.0, this host offers 1.5.0; \
                 what fits: a host with 2.0.0 or a later 2.x, or the component built against \
                 1.0.0 to 1.5.0",
            ),
        ),
        ("0.2.0", "0.2.6", None),
        (
            "0.2.6",
            "0.2.0",
            Some(
                "import `a:b/i`: the component was built against 0.2.6, this host offers 0.2.0; \
                 what fits: a host with 0.2.6 or a later 0.2.x, or the component built against \
                 0.2.0 to 0.2.0",
            ),
        ),
        ("1.0.0-rc.1", "1.0.0-rc.1", None),
        (
            "1.0.0-rc.1",
            "1.0.0",
            Some(
                "import `a:b/i`: the component was built against 1.0.0-rc.1, this host offers \
                 1.0.0; what fits: a host with exactly 1.0.0-rc.1, or the component built against \
                 1.0.0 to 1.0.0",
            ),
        ),
    ];
    for (built, offered, reason) in matrix {
        let result = host(offered, "f: func();").check(&guest(built, "f: func();"));
        let actual = result.map_err(|unfit| unfit.problems[0].to_string());
        match reason {
            None => {
                let fit = actual.unwrap_or_else(|it| panic!("{built} on {offered}: {it}"));
                let served = &fit.imports[0];
                assert_eq!(served.name, "a:b/i");
                let version = |it: &Option<_>| it.as_ref().map(ToString::to_string);
                assert_eq!(version(&served.required).as_deref(), Some(built));
                assert_eq!(version(&served.offered).as_deref(), Some(offered));
            }
            Some(reason) => assert_eq!(actual.unwrap_err(), reason, "{built} on {offered}"),
        }
    }
}

#[test]
fn versions_that_are_missing_on_one_side() {
    let plain = "package a:b; interface i { f: func(); } world w { import i; }";
    let plain = wit(plain);
    assert!(offer(&plain, "w").check(&component(&plain, "w")).is_ok());
    assert_eq!(
        first(&host("1.2.0", "f: func();"), &component(&plain, "w")),
        "import `a:b/i`: the component names no version, this host offers 1.2.0; what fits: the \
         component built against 1.0.0 to 1.2.0"
    );
    assert_eq!(
        first(&offer(&plain, "w"), &guest("1.2.0", "f: func();")),
        "import `a:b/i`: the component was built against 1.2.0, this host has it without a \
         version; what fits: a host with 1.2.0 or a later 1.x"
    );
}

#[test]
fn of_several_versions_the_newest_that_serves_is_taken() {
    let mut offer = Offer::new();
    for version in ["1.0.0", "1.5.0", "2.1.0"] {
        let wit = wit(&format!(
            "package a:b@{version}; interface i {{ f: func(); }}"
        ));
        let id = wit.resolve().packages[wit.package()].interfaces["i"];
        offer
            .interface(wit.resolve(), id)
            .expect("it can be offered");
    }
    for (built, taken) in [("1.0.0", "1.5.0"), ("1.5.0", "1.5.0"), ("2.0.0", "2.1.0")] {
        let fit = offer.check(&guest(built, "f: func();")).expect("it fits");
        let offered = fit.imports[0].offered.as_ref().map(ToString::to_string);
        assert_eq!(offered.as_deref(), Some(taken));
    }
    assert_eq!(
        first(&offer, &guest("1.6.0", "f: func();")),
        "import `a:b/i`: the component was built against 1.6.0, this host offers 1.0.0 and 1.5.0 \
         and 2.1.0; what fits: a host with 1.6.0 or a later 1.x, or the component built against \
         1.0.0 to 1.0.0 and 1.0.0 to 1.5.0 and 2.0.0 to 2.1.0"
    );
}

#[test]
fn a_newer_minor_is_told_with_what_it_has_more() {
    let newer = guest("1.5.0", "f: func(); g: func(a: u8) -> string;");
    let unfit = host("1.0.0", "f: func();").check(&newer).unwrap_err();
    assert!(matches!(
        unfit.problems[0],
        Problem::Version {
            side: Side::Import,
            ..
        }
    ));
    assert_eq!(
        unfit.problems[1].to_string(),
        "import `a:b/i@1.5.0`, function `g`: this host does not have it: `func(a: u8) -> string`"
    );
    assert_eq!(unfit.problems.len(), 2);
}

#[test]
fn an_unknown_interface_is_told_with_what_there_is() {
    assert_eq!(
        first(&Offer::new(), &guest("1.0.0", "f: func();")),
        "import `a:b/i@1.0.0`: this host does not know it"
    );
    let other = offer(
        &wit("package a:b@1.3.0; interface j { f: func(); } world w { import j; }"),
        "w",
    );
    assert_eq!(
        first(&other, &guest("1.0.0", "f: func();")),
        "import `a:b/i@1.0.0`: this host does not know it; of that package it offers `a:b/j@1.3.0`"
    );
}

#[test]
fn what_is_known_but_not_offered_is_told_as_that() {
    let both = wit("package a:b@1.0.0;
         interface i { f: func(); }
         interface j { f: func(); }
         world little { import i; }
         world much { import i; import j; }");
    let much = component(&both, "much");
    assert_eq!(
        first(&offer(&both, "little"), &much),
        "import `a:b/j@1.0.0`: this host does not offer it: the world `little` does not have it"
    );
    let mut offer = offer(&both, "little");
    let id = both.resolve().packages[both.package()].interfaces["j"];
    offer.not_offered(both.resolve(), id, "networks come with the next release");
    assert_eq!(
        first(&offer, &much),
        "import `a:b/j@1.0.0`: this host does not offer it: networks come with the next release"
    );
}

#[test]
fn a_function_of_another_type_is_told_with_both_and_the_part() {
    let types = "variant error { missing, denied(u8) }
                 record file { name: string, error: option<error> }
                 f: func(path: string, mode: u8) -> result<list<file>, error>;";
    let older = guest("1.0.0", types);
    let newer = types.replace("denied(u8)", "denied(u16)");
    let unfit = host("1.1.0", &newer).check(&older).unwrap_err();
    assert_eq!(
        unfit.to_string(),
        "the component does not fit this host:
  import `a:b/i@1.0.0`, function `f`: it is of another type
    component:  func(path: string, mode: u8) -> result<list<file>, error>
    host:       func(path: string, mode: u8) -> result<list<file>, error>
    difference: the result, `ok` of the result, the list's items, field `error` of `file`, \
         the option, case `denied` of `error`: the component has `u8`, the host has `u16`
"
    );
    let renamed = types.replace("path: string", "name: string");
    assert_eq!(
        first(&host("1.1.0", &renamed), &older).lines().last(),
        Some(
            "    difference: parameter 1 is named `path` by the component and `name` by the host, \
             and names are part of the type"
        )
    );
}

#[test]
fn resources_are_the_same_by_where_they_are_from() {
    let interface = |package: &str| {
        format!(
            "package a:b@1.0.0;
             interface i {{ use {package}/t@1.0.0.{{r}}; f: func(a: borrow<r>); }}
             world w {{ import i; }}
             package c:d@1.0.0 {{ interface t {{ resource r {{ m: func(); }} }} }}
             package e:f@1.0.0 {{ interface t {{ resource r {{ m: func(); }} }} }}"
        )
    };
    let (cd, ef) = (wit(&interface("c:d")), wit(&interface("e:f")));
    assert!(offer(&cd, "w").check(&component(&cd, "w")).is_ok());
    let unfit = offer(&cd, "w").check(&component(&ef, "w")).unwrap_err();
    let texts: Vec<_> = unfit.problems.iter().map(ToString::to_string).collect();
    assert!(
        texts[0].starts_with("import `e:f/t@1.0.0`: this host does not offer it"),
        "{texts:?}"
    );
    assert!(
        texts[1].ends_with(
            "difference: parameter `a`: the component has `e:f/t.r`, the host has \
             `c:d/t.r`"
        ),
        "{texts:?}"
    );
    // Used only as a type, without functions.
    let with = guest("1.0.0", "resource r; f: func(a: r);");
    let problems = host("1.0.0", "type r = u8; f: func(a: r);")
        .check(&with)
        .unwrap_err();
    assert_eq!(
        problems.problems[0].to_string(),
        "import `a:b/i@1.0.0`, resource `r`: this host does not have it"
    );
}

#[test]
fn functions_and_interfaces_of_the_world_itself() {
    let text = "package a:b@1.0.0;
                world w {
                    resource r { m: func(a: u8); }
                    import f: func(a: u8) -> r;
                    import n: interface { g: func(); }
                    export run: func();
                }";
    let world = wit(text);
    let fit = offer(&world, "w")
        .check(&component(&world, "w"))
        .expect("it fits");
    let names: Vec<_> = fit.imports.iter().map(|it| it.name.as_str()).collect();
    assert!(
        names.contains(&"f") && names.contains(&"n") && names.contains(&"r"),
        "{names:?}"
    );
    let other = wit(&text.replace("f: func(a: u8)", "f: func(a: u16)"));
    assert_eq!(
        first(&offer(&other, "w"), &component(&world, "w")),
        "import `f`: it is of another type
    component:  func(a: u8) -> r
    host:       func(a: u16) -> r
    difference: parameter `a`: the component has `u8`, the host has `u16`"
    );
    let other = wit(&text.replace("n: interface { g: func(); }", "n: func();"));
    assert_eq!(
        first(&offer(&other, "w"), &component(&world, "w")),
        "import `n`: the component has an interface, this host has a function"
    );
    let other = wit(&text.replace("m: func(a: u8)", "m: func(a: u16)"));
    assert_eq!(
        first(&offer(&other, "w"), &component(&world, "w"))
            .lines()
            .next(),
        Some("import `r.m`: it is of another type")
    );
}

#[test]
fn what_the_host_needs_must_be_exported() {
    let text = "package a:b@1.2.0;
                interface life { init: func(config: string) -> result; stop: func(); }
                world w { export life; export run: func() -> u8; }
                world empty {}";
    let host_wit = wit(text);
    let host = offer(&host_wit, "w");
    let fit = host.check(&component(&host_wit, "w")).expect("it fits");
    assert_eq!(fit.to_string(), "the component fits this host\n");
    let unfit = host.check(&component(&host_wit, "empty")).unwrap_err();
    assert_eq!(
        unfit.to_string(),
        "the component does not fit this host:
  export `a:b/life@1.2.0`: it is missing, and this host needs it
  export `run`: it is missing, and this host needs it: `func() -> u8`
"
    );
    let guest = |text: &str| component(&wit(text), "w");
    let older = guest(&text.replace("1.2.0", "1.0.0"));
    assert!(host.check(&older).is_ok());
    assert_eq!(
        first(&host, &guest(&text.replace("1.2.0", "1.3.0"))),
        "export `a:b/life`: the component was built against 1.3.0, this host needs 1.2.0; what \
         fits: a host with 1.3.0 or a later 1.x, or the component built against 1.0.0 to 1.2.0"
    );
    assert_eq!(
        first(&host, &guest(&text.replace("stop: func();", ""))),
        "export `a:b/life@1.2.0`, function `stop`: the component does not have it, and this host \
         needs it: `func()`"
    );
    assert_eq!(
        first(
            &host,
            &guest(&text.replace("config: string", "config: list<u8>"))
        ),
        "export `a:b/life@1.2.0`, function `init`: it is of another type
    component:  func(config: list<u8>) -> result
    host:       func(config: string) -> result
    difference: parameter `config`: the component has `list<u8>`, the host has `string`"
    );
    assert_eq!(
        first(
            &host,
            &guest(&text.replace("run: func() -> u8;", "run: interface {}"))
        ),
        "export `run`: the component has an interface, this host has a function"
    );
}

#[test]
fn all_problems_come_at_once_imports_first() {
    let guest = wit("package a:b@1.5.0;
         interface i { f: func(); g: func(); }
         interface j { f: func(); }
         world w { import i; import j; import k: func(); }");
    let host = wit("package a:b@1.0.0;
         interface i { f: func(a: u8); }
         world w { import i; export run: func(); }");
    let unfit = offer(&host, "w")
        .check(&component(&guest, "w"))
        .unwrap_err();
    let texts: Vec<_> = unfit.problems.iter().map(ToString::to_string).collect();
    let starts = [
        "import `a:b/i`: the component was built against 1.5.0",
        "import `a:b/i@1.5.0`, function `f`: it is of another type",
        "import `a:b/i@1.5.0`, function `g`: this host does not have it",
        "import `a:b/j@1.5.0`: this host does not know it",
        "import `k`: this host does not know it",
        "export `run`: it is missing",
    ];
    assert_eq!(texts.len(), starts.len(), "{unfit}");
    for start in starts {
        assert!(
            texts.iter().any(|it| it.starts_with(start)),
            "{start} in {unfit}"
        );
    }
    assert!(texts[5].starts_with("export"), "{unfit}");
}

#[test]
fn deprecated_functions_warn_and_name_the_replacement() {
    let host = host(
        "1.4.0",
        "/// Does it.
         ///
         /// Use `a:b/i.g` instead.
         @since(version = 1.0.0)
         @deprecated(version = 1.2.0)
         f: func();
         @since(version = 1.0.0)
         @deprecated(version = 1.3.0)
         h: func();
         @since(version = 1.2.0)
         g: func();",
    );
    let fit = host
        .check(&guest("1.0.0", "f: func(); h: func();"))
        .expect("it fits");
    assert_eq!(
        fit.to_string(),
        "the component fits this host
  import `a:b/i`: built against 1.0.0, gets 1.4.0
  warning: import `a:b/i@1.4.0`, function `f`: deprecated since 1.2.0, use `a:b/i.g` instead
  warning: import `a:b/i@1.4.0`, function `h`: deprecated since 1.3.0
"
    );
    let fit = host.check(&guest("1.2.0", "g: func();")).expect("it fits");
    assert_eq!(fit.warnings, []);
    // They are told of what does not fit as well.
    let unfit = host
        .check(&guest("1.0.0", "f: func(); x: func();"))
        .unwrap_err();
    assert_eq!(unfit.warnings.len(), 1);
}

#[test]
fn deprecated_interfaces_and_functions_of_the_world_warn() {
    let host = wit("package a:b@1.4.0;
         /// Use `a:c/j` instead.
         @since(version = 1.0.0)
         @deprecated(version = 1.2.0)
         interface i { @since(version = 1.0.0) f: func(); }
         world w {
             import i;
             /// Use `y` instead.
             @since(version = 1.0.0)
             @deprecated(version = 1.1.0)
             import x: func();
         }");
    let fit = offer(&host, "w")
        .check(&component(&host, "w"))
        .expect("it fits");
    let mut warnings: Vec<_> = fit.warnings.iter().map(ToString::to_string).collect();
    warnings.sort();
    assert_eq!(
        warnings,
        [
            "import `a:b/i@1.4.0`: deprecated since 1.2.0, use `a:c/j` instead",
            "import `x`: deprecated since 1.1.0, use `y` instead",
        ]
    );
}

#[test]
fn what_is_unstable_is_offered_with_its_feature_only() {
    let text = "package a:b@1.0.0;
                interface i { f: func(); @unstable(feature = fast) g: func(); }
                @unstable(feature = wide) interface j { f: func(); }
                world w { import i; @unstable(feature = wide) import j; }";
    let world = wit(text);
    let mut offer = offer(&world, "w");
    let guest = component(&world, "w");
    let unfit = offer.check(&guest).unwrap_err();
    let texts: Vec<_> = unfit.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "import `a:b/i@1.0.0`, function `g`: it is unstable, and this host does not turn the \
             feature `fast` on: `func()`",
            "import `a:b/j@1.0.0`: this host does not offer it: it is unstable, and the feature \
             `wide` is not turned on",
        ]
    );
    offer.feature("fast").feature("wide");
    assert!(offer.check(&guest).is_ok());
}

#[test]
fn foreign_interfaces_are_checked_by_version() {
    let guest = guest("0.2.3", "f: func();");
    for (foreign, fits) in [
        ("a:b/i@0.2.3", true),
        ("a:b/i@0.2.6", true),
        ("a:b/*@0.2.6", true),
        ("a:*/*@0.2.6", true),
        ("a:*/i@0.2.6", true),
        ("a:b/i", true),
        ("a:b/i@0.2.0", false),
        ("a:b/i@0.3.0", false),
        ("a:b/j@0.2.3", false),
        ("a:c/*@0.2.3", false),
        ("c:*/*@0.2.3", false),
    ] {
        let mut offer = Offer::new();
        offer.foreign(foreign).expect("a name");
        assert_eq!(offer.check(&guest).is_ok(), fits, "{foreign}");
    }
    let mut offer = Offer::new();
    offer.foreign("a:b/*@0.2.0").expect("a name");
    assert_eq!(
        first(&offer, &guest),
        "import `a:b/i`: the component was built against 0.2.3, this host offers 0.2.0; what \
         fits: a host with 0.2.3 or a later 0.2.x, or the component built against 0.2.0 to 0.2.0"
    );
    offer.foreign("a:b/i@0.2.9").expect("a name");
    assert_eq!(
        offer.check(&guest).expect("it fits").to_string(),
        "the component fits this host\n  import `a:b/i`: built against 0.2.3, gets 0.2.9, types \
         are checked when it is linked\n"
    );
}

#[test]
fn foreign_names_of_another_form_are_refused() {
    let mut offer = Offer::new();
    for name in [
        "", "a", "a:b", "a/b", "*:b/i", "a:b/i@", "a:b/i@1", "a:b/i@x", "A:!/i", "a:b/i/j",
    ] {
        let error = offer.foreign(name).expect_err(name);
        assert!(
            matches!(&error, WitError::Name(it) if it == name),
            "{error}"
        );
    }
    assert!(offer.check(b"\0asm\x0d\0\x01\0").is_ok());
}

#[test]
fn a_whole_package_can_be_offered() {
    let wit = wit("package a:b@1.0.0;
         interface i { f: func(); }
         interface j { f: func(); }
         world w { import i; import j; }");
    let offer = Offer::package(wit.resolve(), wit.package()).expect("it can be offered");
    assert_eq!(
        offer
            .check(&component(&wit, "w"))
            .expect("it fits")
            .imports
            .len(),
        2
    );
}

#[test]
fn reports_are_data() {
    let host = host("1.0.0", "f: func();");
    let fit = host.check(&guest("1.0.0", "f: func();")).expect("it fits");
    assert_eq!(
        serde_json::to_value(&fit).expect("it is data"),
        serde_json::json!({
            "imports": [{
                "name": "a:b/i", "required": "1.0.0", "offered": "1.0.0", "foreign": false,
            }],
            "warnings": [],
        })
    );
    let unfit = host
        .check(&guest("1.5.0", "f: func(); g: func();"))
        .unwrap_err();
    assert_eq!(
        serde_json::to_value(&unfit).expect("it is data"),
        serde_json::json!({
            "problems": [
                {
                    "problem": "version", "side": "import", "name": "a:b/i",
                    "component": "1.5.0", "host": ["1.0.0"],
                },
                {
                    "problem": "missing-function", "side": "import",
                    "interface": "a:b/i@1.5.0", "function": "g", "type": "func()",
                    "unstable": null,
                },
            ],
            "omitted": 0,
            "warnings": [],
        })
    );
}
