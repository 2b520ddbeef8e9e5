//! Values of other types than the function has.

use super::*;

#[test]
fn mismatches_are_found_before_anything_is_entered() {
    let mut guest = Fixture::wat(
        &format!(
            r#"{MEMORY}
            (func (export "reallocs") (result i32) (i32.load (i32.const 0)))
            (func (export "f") (param i32 i32 i32) (result i32) (local.get 2))"#
        ),
        &format!(
            r#"(func (export "f") (param "text" string) (param "number" u8) (result u8) {})
            (func (export "reallocs") (result u32) {})"#,
            lift("f"),
            lift("reallocs")
        ),
    );
    let cases: [(&[Val], &str); 4] = [
        (&[], "the function takes 2 arguments, 0 were given"),
        (&[s("a")], "the function takes 2 arguments, 1 were given"),
        (&[s("a"), Val::U16(1)], "expected `u8`, found `u16`"),
        (&[Val::U8(1), Val::U8(1)], "expected `string`, found `u8`"),
    ];
    for (params, message) in cases {
        let error = guest.call("f", params).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::TypeMismatch, "{error}");
        assert_eq!(error.message(), message);
        assert_eq!(guest.reallocs(), 0);
        assert!(guest.store.poisoned().is_none());
    }
    let text = guest.call("f", &[s("a"), s("b")]).unwrap_err().to_string();
    assert!(text.contains("number"), "{text}");
    assert_eq!(guest.one("f", &[s("a"), Val::U8(7)]), Val::U8(7));
    assert_eq!(guest.reallocs(), 1);
}

#[test]
fn mismatches_say_where() {
    let mut guest = Fixture::new(GREET);
    let mut tags = person("a", 1, &["x"]);
    if let Val::Record(fields) = &mut tags {
        fields[2].1 = Val::List(vec![s("x"), Val::U8(1)]);
    }
    let mut order = person("a", 1, &[]);
    if let Val::Record(fields) = &mut order {
        fields.swap(0, 1);
    }
    let mut short = person("a", 1, &[]);
    if let Val::Record(fields) = &mut short {
        fields.pop();
    }
    let fields = "the record's fields must be `name`, `age`, `tags`, in this order";
    let cases = [
        (
            "describe",
            tags,
            "expected `string`, found `u8` (at tags[1])",
        ),
        ("describe", order, fields),
        ("describe", short, fields),
        ("describe", s("a"), "found `string`"),
        (
            "area",
            case("square", Val::F64(1.0)),
            "there is no case `square`",
        ),
        (
            "area",
            case("circle", None),
            "case `circle` has a payload, `f64`",
        ),
        (
            "area",
            case("none", Val::F64(1.0)),
            "case `none` has no payload",
        ),
        (
            "area",
            case("circle", Val::F32(1.0)),
            "found `f32` (at circle)",
        ),
        (
            "area",
            case("rectangle", Val::Tuple(vec![Val::F64(1.0)])),
            "found `tuple` (at rectangle)",
        ),
        (
            "sum",
            Val::List(vec![Val::U32(1), Val::S32(1)]),
            "found `s32` (at [1])",
        ),
        (
            "next-color",
            Val::Enum("pink".into()),
            "there is no case `pink`",
        ),
    ];
    for (name, val, message) in cases {
        let error = guest.call(&api(name), &[val]).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::TypeMismatch, "{name}: {error}");
        assert!(error.message().contains(message), "{name}: {error}");
        assert_eq!(
            guest.one(&api("describe"), &[person("Ada", 1, &[])]),
            s("Ada is 1")
        );
    }
    let error = guest.call(&api("union"), &[flags(&["read"]), flags(&["fly"])]);
    let error = error.unwrap_err();
    assert!(
        error.message().contains("there is no flag `fly`"),
        "{error}"
    );
    assert!(error.to_string().contains('b'), "{error}");
}

#[test]
fn mismatches_leave_no_trace_where_calls_are_concurrent() {
    let mut guest = Fixture::with(GREET, Some(Feature::ComponentAsync));
    for _ in 0..3 {
        let error = guest.call("greet", &[Val::U8(1)]).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::TypeMismatch);
        assert_eq!(guest.one("greet", &[s("Ada")]), s("Hello, Ada!"));
    }
}

#[test]
fn types_without_values_are_refused() {
    let wat = component(
        r#"(memory (export "memory") 1)
        (func (export "param") (param i32 i32) unreachable)
        (func (export "result") (result i32) unreachable)
        (func (export "seven") (result i32) (i32.const 7))"#,
        r#"(type $s (stream u8))
        (func (export "seven") (result u8) (canon lift (core func $i "seven")))
        (func (export "param") (param "maybe" (option $s))
            (canon lift (core func $i "param") (memory $i "memory")))
        (func (export "result") (result (tuple u8 (list (option $s))))
            (canon lift (core func $i "result") (memory $i "memory")))"#,
    );
    let cases: [(&str, &[Val]); 2] = [("param", &[some(Val::U32(1))]), ("result", &[])];
    for (name, params) in cases {
        let mut guest = Fixture::with(&wat, Some(Feature::ComponentAsync));
        let error = guest.call(name, params).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.message().contains("`stream`"), "{error}");
        assert_eq!(
            error.to_string().contains("maybe"),
            name == "param",
            "{error}"
        );
        // Nothing was entered.
        assert_eq!(guest.store.poisoned(), None);
        assert_eq!(guest.one("seven", &[]), Val::U8(7));
    }
}
