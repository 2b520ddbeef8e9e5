//! Every type both ways, and what errors say.

use super::*;
use crate::resource::{ResourceAny, ResourceType};
use crate::types::Type;

fn read(ty: &Type, text: &str) -> Val {
    Val::from_wave(ty, text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Reads `text`, which is written back as it is.
#[track_caller]
fn same(ty: &Type, text: &str) -> Val {
    into(ty, text, text)
}

/// Reads `text`, which is written back as `written`, which is read as the same.
#[track_caller]
fn into(ty: &Type, text: &str, written: &str) -> Val {
    let val = read(ty, text);
    val.check(ty).unwrap();
    assert_eq!(val.to_wave().unwrap(), written);
    assert_eq!(read(ty, written).to_string(), written);
    val
}

#[track_caller]
fn refuse(ty: &Type, text: &str, message: &str) {
    let error = Val::from_wave(ty, text).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::TypeMismatch);
    assert_eq!(error.message(), message);
}

#[test]
fn booleans() {
    assert_eq!(same(&Type::Bool, "true"), Val::Bool(true));
    assert_eq!(same(&Type::Bool, "false"), Val::Bool(false));
    refuse(&Type::Bool, "1", "expected `bool`, found `1`");
}

#[test]
fn integers_at_their_ends_and_beyond() {
    assert_eq!(same(&Type::S8, "-128"), Val::S8(i8::MIN));
    assert_eq!(same(&Type::U8, "255"), Val::U8(u8::MAX));
    assert_eq!(same(&Type::S16, "-32768"), Val::S16(i16::MIN));
    assert_eq!(same(&Type::U16, "65535"), Val::U16(u16::MAX));
    assert_eq!(same(&Type::S32, "-2147483648"), Val::S32(i32::MIN));
    assert_eq!(same(&Type::U32, "4294967295"), Val::U32(u32::MAX));
    assert_eq!(same(&Type::S64, "-9223372036854775808"), Val::S64(i64::MIN));
    assert_eq!(same(&Type::U64, "18446744073709551615"), Val::U64(u64::MAX));
    refuse(&Type::U8, "256", "`256` is out of range for `u8`");
    refuse(&Type::U8, "-1", "`-1` is out of range for `u8`");
    refuse(&Type::S8, "-129", "`-129` is out of range for `s8`");
    refuse(&Type::U8, "1.5", "expected `u8`, found `1.5`");
    refuse(&Type::U8, "nan", "expected `u8`, found `nan`");
    refuse(&Type::U8, "\"1\"", "expected `u8`, found `\"1\"`");
}

#[test]
fn floats() {
    for text in ["0", "-0", "1.5", "-2.25", "inf", "-inf", "1e20", "1.5e-7"] {
        same(&Type::F32, text);
        same(&Type::F64, text);
    }
    assert_eq!(same(&Type::F64, "5e-324"), Val::F64(5e-324));
    assert_eq!(
        same(&Type::F64, "1.7976931348623157e308"),
        Val::F64(f64::MAX)
    );
    assert_eq!(same(&Type::F32, "3.4028235e38"), Val::F32(f32::MAX));
    assert_eq!(same(&Type::F32, "0.1"), Val::F32(0.1));
    let Val::F64(zero) = read(&Type::F64, "-0") else {
        panic!("not a float");
    };
    assert!(zero.is_sign_negative());
    for ty in [Type::F32, Type::F64] {
        same(&ty, "nan");
    }
    assert_eq!(Val::F32(-f32::NAN).to_string(), "nan");
    refuse(&Type::F32, "x", "expected `f32`, found `x`");
}

#[test]
fn characters_and_strings_with_escapes() {
    assert_eq!(same(&Type::Char, "'x'"), Val::Char('x'));
    assert_eq!(same(&Type::Char, r"'\''"), Val::Char('\''));
    assert_eq!(same(&Type::Char, "'\"'"), Val::Char('"'));
    assert_eq!(same(&Type::Char, r"'\n'"), Val::Char('\n'));
    assert_eq!(same(&Type::Char, r"'\u{0}'"), Val::Char('\0'));
    assert_eq!(same(&Type::Char, "'\u{1f44b}'"), Val::Char('\u{1f44b}'));
    into(&Type::Char, r"'\u{48}'", "'H'");
    assert!(Val::from_wave(&Type::Char, "'ab'").is_err());
    refuse(&Type::Char, r"'\u{d800}'", "invalid character escape");

    let text = r#""a \"quote\", it's \\ \t\n\r \u{1b}[0m \u{202e}""#;
    assert_eq!(
        same(&Type::String, text),
        Val::String("a \"quote\", it's \\ \t\n\r \x1b[0m \u{202e}".into())
    );
    into(&Type::String, r#""\u{48}\'""#, r#""H'""#);
    same(&Type::String, r#""""#);
    into(&Type::String, "\"\"\"\n  a\n   b\n  \"\"\"", r#""a\n b""#);
    refuse(&Type::String, "hello", "expected `string`, found `hello`");
}

#[test]
fn lists_and_tuples() {
    let ty = Type::list(Type::U8);
    same(&ty, "[]");
    into(&ty, "[1,2 , 3,]", "[1, 2, 3]");
    refuse(&ty, "[1, true]", "expected `u8`, found `true` (at [1])");
    refuse(&ty, "1", "expected `list<u8>`, found `1`");
    let ty = Type::fixed_length_list(Type::option(Type::U8), 2);
    into(&ty, "[1, none]", "[some(1), none]");
    refuse(&ty, "[1]", "1 elements, and `list<option<u8>, 2>` has 2");
    refuse(
        &ty,
        "[1, 256]",
        "`256` is out of range for `u8` (at [1].some)",
    );
    refuse(&ty, "1", "expected `list<option<u8>, 2>`, found `1`");
    let ty = Type::tuple([Type::U8, Type::String]);
    same(&ty, r#"(1, "x")"#);
    refuse(&ty, "(1)", "1 members, and `tuple<u8, string>` has 2");
    refuse(&ty, "(1, 2)", "expected `string`, found `2` (at 1)");
}

#[test]
fn records_in_any_order_and_without_their_optional_fields() {
    let ty = Type::record([
        ("name", Type::String),
        ("age", Type::option(Type::U8)),
        ("ok", Type::Bool),
    ]);
    let val = into(&ty, r#"{ok: true, name: "x"}"#, r#"{name: "x", ok: true}"#);
    let fields = vec![
        ("name".into(), Val::String("x".into())),
        ("age".into(), Val::Option(None)),
        ("ok".into(), Val::Bool(true)),
    ];
    assert_eq!(val, Val::Record(fields));
    into(
        &ty,
        r#"{name: "x", %age: 7, ok: true}"#,
        r#"{name: "x", age: some(7), ok: true}"#,
    );
    refuse(&ty, "{ok: true}", "the field `name` is missing");
    refuse(
        &ty,
        r#"{name: "x", ok: true, size: 1}"#,
        "there is no field `size` in \
         `record { name: string, age: option<u8>, ok: bool }`",
    );
    refuse(
        &ty,
        r#"{name: "x", age: 1000, ok: true}"#,
        "`1000` is out of range for `u8` (at age.some)",
    );
    let empty = Type::record([("a", Type::option(Type::U8))]);
    same(&empty, "{:}");
    refuse(&empty, "{}", "an empty record is written `{:}`");
}

#[test]
fn variants_and_enums_with_names_that_are_keywords() {
    let ty = Type::variant([
        ("circle", Some(Type::F64)),
        ("none", None),
        ("some", Some(Type::U8)),
    ]);
    same(&ty, "circle(1.5)");
    assert_eq!(same(&ty, "%none"), Val::Variant("none".into(), None));
    same(&ty, "%some(1)");
    into(&ty, "%circle(1)", "circle(1)");
    refuse(
        &ty,
        "none",
        "`none` is a keyword in WAVE: write the case as `%none`",
    );
    refuse(
        &ty,
        "some(1)",
        "`some` is a keyword in WAVE: write the case as `%some`",
    );
    refuse(&ty, "circle", "case `circle` has a payload, `f64`");
    refuse(&ty, "%none(1)", "case `none` has no payload");
    refuse(
        &ty,
        "circle(true)",
        "expected `f64`, found `true` (at circle)",
    );
    refuse(
        &ty,
        "square",
        "there is no case `square` in `variant { circle(f64), none, some(u8) }`",
    );
    let ty = Type::enumeration(["red", "inf"]);
    assert_eq!(same(&ty, "red"), Val::Enum("red".into()));
    same(&ty, "%inf");
    refuse(
        &ty,
        "inf",
        "`inf` is a keyword in WAVE: write the case as `%inf`",
    );
    refuse(
        &ty,
        "blue",
        "there is no case `blue` in `enum { red, inf }`",
    );
    refuse(
        &ty,
        "red(1)",
        "expected `enum { red, inf }`, found `red(1)`",
    );
}

#[test]
fn options_and_results_in_all_forms() {
    let ty = Type::option(Type::U8);
    same(&ty, "none");
    into(&ty, "5", "some(5)");
    same(&ty, "some(5)");
    refuse(&ty, "some(true)", "expected `u8`, found `true` (at some)");
    let ty = Type::option(Type::option(Type::U8));
    same(&ty, "some(none)");
    into(&ty, "some(1)", "some(some(1))");
    refuse(&ty, "1", "expected `option<option<u8>>`, found `1`");

    same(&Type::result(None, None), "ok");
    same(&Type::result(None, None), "err");
    let ty = Type::result(Some(Type::U8), Some(Type::String));
    same(&ty, "ok(1)");
    into(&ty, "1", "ok(1)");
    same(&ty, r#"err("no")"#);
    refuse(&ty, "ok", "case `ok` has a payload, `u8`");
    refuse(&ty, "err(1)", "expected `string`, found `1` (at err)");
    let ty = Type::result(None, Some(Type::U8));
    same(&ty, "ok");
    same(&ty, "err(1)");
    refuse(&ty, "ok(1)", "case `ok` has no payload");
    refuse(&ty, "1", "expected `result<_, u8>`, found `1`");
    let ty = Type::result(Some(Type::U8), None);
    same(&ty, "ok(1)");
    same(&ty, "err");
}

#[test]
fn flags_in_the_order_of_their_type() {
    let ty = Type::flags(["read", "write", "none"]);
    same(&ty, "{}");
    let val = into(&ty, "{none, %read}", "{read, none}");
    assert_eq!(val, Val::Flags(vec!["read".into(), "none".into()]));
    refuse(
        &ty,
        "{run}",
        "there is no flag `run` in `flags { read, write, none }`",
    );
    refuse(&ty, "{:}", "no flags are written `{}`");
    refuse(
        &ty,
        "{read, read}",
        r#"not a WAVE value: duplicate flag: "read""#,
    );
}

#[test]
fn nested_values_say_where() {
    let person = Type::record([
        ("name", Type::String),
        (
            "tags",
            Type::list(Type::option(Type::tuple([Type::U8, Type::Char]))),
        ),
    ]);
    let ty = Type::list(Type::result(Some(person), None));
    same(
        &ty,
        r#"[ok({name: "a", tags: [some((1, 'x')), none]}), err]"#,
    );
    let error = Val::from_wave(&ty, "[\n  err,\n  {name: \"ä\", tags: [(1, 2)]},\n]").unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected `char`, found `2` (at [1].ok.tags[0].some.1) (column: 26, line: 3)"
    );
}

#[test]
fn text_that_is_not_wave_is_refused() {
    for text in [
        "", "[", "1 2", "(", "\"", "{a", "some(", "[1;2]", "@", "'", "\"\\x\"", "()",
    ] {
        let error = Val::from_wave(&Type::list(Type::U8), text).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::TypeMismatch, "{text}");
    }
    refuse(
        &Type::U8,
        "1 2",
        "not a WAVE value: trailing characters after value",
    );
    let deep = "[".repeat(100_000);
    refuse(&Type::U8, &deep, "not a WAVE value: value nesting too deep");
}

#[test]
fn long_input_and_long_types_make_short_messages() {
    let text = format!("\"{}\"", "x\\n".repeat(2_000_000));
    let Val::String(string) = read(&Type::String, &text) else {
        panic!("not a string");
    };
    assert_eq!(string.len(), 4_000_000);
    let error = Val::from_wave(&Type::U8, &text).unwrap_err();
    assert!(error.message().len() < 200, "{error}");
    let names: Vec<_> = (0..10_000).map(|i| format!("case-{i}")).collect();
    let ty = Type::enumeration(names.iter().map(String::as_str));
    let error = Val::from_wave(&ty, "x").unwrap_err();
    assert!(error.message().ends_with("...`"), "{error}");
    assert!(error.message().len() < 200, "{error}");
}

#[test]
fn maps_are_shown_and_not_read() {
    let entry = |key: &str, val| (Val::String(key.into()), Val::U8(val));
    let map = Val::Map(vec![entry("a", 1), entry("b", 2)]);
    assert_eq!(map.to_string(), r#"<map {"a": 1, "b": 2}>"#);
    let val = Val::Tuple(vec![Val::FixedLengthList(vec![map])]);
    let error = val.to_wave().unwrap_err();
    assert_eq!(error.message(), "a map has no text form");
    let ty = Type::option(Type::map(Type::String, Type::U8));
    let message = "a map has no text form, so none can be given (at some)";
    refuse(&ty, "some([(\"a\", 1)])", message);
}

#[test]
fn handles_are_shown_and_not_read() {
    let resource = ResourceType::component(1);
    let handles = Val::List(vec![
        Val::Resource(ResourceAny::new(resource, 1, (0, 0), true, None)),
        Val::Option(Some(Box::new(Val::Resource(ResourceAny::new(
            resource,
            1,
            (0, 0),
            false,
            None,
        ))))),
    ]);
    assert_eq!(
        handles.to_string(),
        "[<own resource>, some(<borrow resource>)]"
    );
    let error = handles.to_wave().unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::TypeMismatch);
    refuse(
        &Type::list(Type::Own(resource)),
        "[1]",
        "a resource handle has no text form, so none can be given (at [0])",
    );
    refuse(
        &Type::Other("stream"),
        "1",
        "values of type `stream` are not supported",
    );
}

fn sum(params: &[(&str, Type)]) -> FuncType {
    let params = params
        .iter()
        .map(|(name, ty)| (name.to_string(), ty.clone()));
    FuncType::new(params.collect(), None)
}

#[test]
fn arguments_are_read_with_those_at_the_end_optional() {
    let ty = sum(&[
        ("a", Type::U8),
        ("b", Type::option(Type::U8)),
        ("c", Type::option(Type::U8)),
    ]);
    let one = Val::Option(Some(Box::new(Val::U8(1))));
    let none = Val::Option(None);
    let parse = |text| ty.parse_params(text);
    assert_eq!(
        parse("(1, 1, none)").unwrap(),
        [Val::U8(1), one.clone(), none.clone()]
    );
    assert_eq!(
        parse(" ( 1 , ) ").unwrap(),
        [Val::U8(1), none.clone(), none]
    );
    let message = |text| parse(text).unwrap_err().to_string();
    assert_eq!(
        message("()"),
        "the argument `a` of type `u8` is missing (column: 2)"
    );
    assert_eq!(
        message("(300)"),
        "`300` is out of range for `u8` (at a) (column: 2)"
    );
    assert_eq!(
        message("(1, 2, 3, 4)"),
        "4 arguments, and `func(a: u8, b: option<u8>, c: option<u8>)` takes 3 (column: 11)"
    );
    assert_eq!(message(""), "expected arguments in parentheses (column: 1)");
    assert_eq!(
        message("1"),
        "expected arguments in parentheses (column: 1)"
    );
    assert!(message("(1").starts_with("not a WAVE value: unexpected end of input"));
    assert!(message("(1) x").contains("trailing characters"));
    assert!(message("(1)(2)").contains("trailing characters"));
    assert_eq!(sum(&[]).parse_params("()").unwrap(), []);
    let pair = sum(&[("p", Type::tuple([Type::U8, Type::U8]))]);
    assert_eq!(
        pair.parse_params("((1, 2))").unwrap(),
        [Val::Tuple(vec![Val::U8(1), Val::U8(2)])]
    );
}
