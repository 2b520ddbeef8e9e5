//! What the macros refuse, and with which message.

use super::*;

#[track_caller]
fn refuses(source: &str, message: &str) {
    let input = syn::parse_str(source).unwrap();
    match expand(input, neutral::component_type, engine::component_type) {
        Ok(_) => panic!("not refused: {source}"),
        Err(error) => assert_eq!(error.to_string(), message),
    }
}

#[test]
fn records_have_named_fields() {
    refuses(
        "struct Meters(u32);",
        "the fields of a `record` have names; this is a tuple struct",
    );
    for source in ["struct Nothing;", "struct Nothing {}"] {
        refuses(source, "a `record` has at least one field");
    }
    refuses(
        "union Bits { int: u32, float: f32 }",
        "a union is not a component type",
    );
}

#[test]
fn cases_have_one_payload_or_none() {
    refuses(
        "enum Event { Moved(i32, i32) }",
        "a case has one payload or none; use a tuple or a record as the payload",
    );
    refuses(
        "enum Event { Moved() }",
        "a case has one payload or none; use a tuple or a record as the payload",
    );
    refuses(
        "enum Event { Moved { x: i32 } }",
        "a case has no named fields; use a record as the payload",
    );
    refuses(
        "enum Event { Moved(#[component(name = \"x\")] i32) }",
        "a payload has no name; name the case",
    );
    refuses(
        "enum Never {}",
        "a `variant` or `enum` has at least one case",
    );
}

#[test]
fn the_style_must_fit() {
    refuses(
        "#[component(variant)] struct Point { x: i32 }",
        "a struct can only be a `record`",
    );
    refuses(
        "#[component(record)] enum Color { Red }",
        "an enum cannot be a `record`, only a `variant` or an `enum`",
    );
    refuses(
        "#[component(enum)] enum Event { Closed, Moved(i32) }",
        "a case of an `enum` has no payload; with payloads it is a `variant`",
    );
    refuses(
        "#[component(enum)] #[component(variant)] enum Color { Red }",
        "a type is one of `record`, `variant` and `enum`",
    );
    refuses(
        "#[component(flags)] struct Permissions { read: bool }",
        "flags are defined with the macro `flags!`",
    );
    refuses(
        "#[component(rename = \"x\")] struct Point { x: i32 }",
        "unknown option: expected `record`, `variant`, `enum` or `crate = path`",
    );
}

#[test]
fn names_must_be_a_components() {
    refuses(
        "struct Point { #[component(name = \"x_axis\")] x: i32 }",
        "`x_axis` is not a kebab-case name",
    );
    refuses(
        "struct Point { _0: i32 }",
        "`_0` has no kebab-case form; give it a name with `#[component(name = \"...\")]`",
    );
    refuses(
        "struct Point { x: i32, #[component(name = \"X\")] y: i32 }",
        "the name `X` is used twice",
    );
    refuses(
        "struct Point { #[component(name = \"a\", name = \"b\")] x: i32 }",
        "the name is given twice",
    );
    refuses(
        "struct Point { #[component(record)] x: i32 }",
        "unknown option: expected `name = \"...\"`",
    );
}

#[test]
fn lifted_values_are_owned() {
    let parse = || syn::parse_str("struct View<'a> { text: &'a str }").unwrap();
    expand(parse(), neutral::lower, engine::lower).unwrap();
    let error = expand(parse(), neutral::lift, engine::lift).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`Lift` cannot be derived for a type with lifetimes: a lifted value is owned"
    );
}

#[test]
fn flags_need_a_name() {
    let refuses = |source: &str, message: &str| {
        let error = syn::parse_str::<flags::Flags>(source).err().unwrap();
        assert_eq!(error.to_string(), message);
    };
    refuses("pub Permissions {}", "flags have at least one name");
    refuses(
        "pub struct Permissions { const READ; }",
        "write the type's name without `struct`",
    );
    refuses(
        "Permissions { const READ; #[component(name = \"read\")] const WRITE; }",
        "the name `read` is used twice",
    );
    refuses(
        "#[component(record)] Permissions { const READ; }",
        "unknown option: expected `crate = path`",
    );
}

#[test]
fn a_path_can_be_given() {
    let input = syn::parse_str("#[component(crate = a::b)] struct Point { x: i32 }").unwrap();
    let tokens = expand(input, neutral::lower, engine::lower).unwrap();
    let tokens = tokens.to_string();
    assert!(tokens.contains("a :: b :: __private"), "{tokens}");
    assert!(!tokens.contains("enginebay"), "{tokens}");
}

#[test]
fn type_parameters_are_hidden_from_other_derives() {
    let input = "struct Pair<'T, T: Clone, const N: usize> where T: a::T {
        x: &'T [T; N],
        y: T::Item,
        z: b::T,
    }";
    let tokens = engine::lower(&input::Input::parse(syn::parse_str(input).unwrap()).unwrap());
    let tokens = tokens.unwrap().to_string();
    for part in [
        "type __Type < 'T , __T , const N : usize > = Pair < 'T , __T , N > ;",
        "struct __Type < 'T , __T : Clone , const N : usize > where __T : a :: T {",
        "x : & 'T [__T ; N]",
        "y : __T :: Item",
        "z : b :: T",
    ] {
        assert!(tokens.contains(part), "{part} in {tokens}");
    }
}
