//! Guests whose results and allocations are malformed.

use enginebay_core::Error;

use super::*;

/// The kinds of error that a typed and a dynamic call of one export end with,
/// each in a store of its own.
fn both<P, R>(wat: &str, name: &str, typed: P, dynamic: &[Val]) -> (ErrorKind, ErrorKind)
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    let kind = |error: Error| error.kind().clone();
    let typed = match Fixture::new(wat).typed::<P, R>(name, typed) {
        Err(error) => kind(error),
        Ok(_) => panic!("{name}: the typed call succeeded"),
    };
    let dynamic = Fixture::new(wat).call(name, dynamic);
    (typed, kind(dynamic.expect_err(name)))
}

#[test]
fn malformed_results_give_the_errors_of_typed_calls() {
    let data = r#"
        ;; 256: a pointer beyond the end and a length; 264: one byte too many
        (data (i32.const 256) "\ff\ff\ff\ff\01\00\00\00" "\ff\ff\03\00\02\00\00\00")
        ;; 272: not aligned; 280: a length that overflows
        (data (i32.const 272) "\01\01\00\00\01\00\00\00" "\00\01\00\00\ff\ff\ff\ff")
        ;; 288: invalid UTF-8 at 296; 304: discriminant 2
        (data (i32.const 288) "\28\01\00\00\02\00\00\00" "\ff\fe\00\00\00\00\00\00")
        (data (i32.const 304) "\02\00\00\00\00\00\00\00")
        ;; 312: a list of one surrogate at 320
        (data (i32.const 312) "\40\01\00\00\01\00\00\00" "\00\d8\00\00\00\00\00\00")
        ;; 328: a list of one discriminant 2
        (data (i32.const 328) "\30\01\00\00\01\00\00\00")"#;
    let wat = component(
        &format!(
            r#"{MEMORY} {data}
            (func (export "number") (param i32) (result i32) (local.get 0))"#
        ),
        &format!(
            r#"(func (export "char") (param "at" u32) (result char) {lift})
            (func (export "string") (param "at" u32) (result string) {lift})
            (func (export "utf16") (param "at" u32) (result string)
                (canon lift (core func $i "number") (memory $i "memory") string-encoding=utf16))
            (func (export "bytes") (param "at" u32) (result (list u8)) {lift})
            (func (export "numbers") (param "at" u32) (result (list u32)) {lift})
            (func (export "chars") (param "at" u32) (result (list char)) {lift})
            (func (export "strings") (param "at" u32) (result (list string)) {lift})
            (func (export "options") (param "at" u32) (result (list (option u8))) {lift})
            (func (export "option") (param "at" u32) (result (option u32)) {lift})
            (func (export "result") (param "at" u32) (result (result u32 (error u32))) {lift})
            (func (export "empty") (param "n" u32) (result (result)) {lift})"#,
            lift = lift("number"),
        ),
    );
    macro_rules! check {
        ($($name:literal ($at:expr) -> $ty:ty = $code:ident;)*) => {$(
            let (typed, dynamic) =
                both::<(u32,), ($ty,)>(&wat, $name, ($at,), &[Val::U32($at)]);
            assert_eq!(typed, dynamic, "{} {}", $name, $at);
            assert_eq!(dynamic, ErrorKind::Trap(TrapCode::$code), "{} {}", $name, $at);
        )*};
    }
    check! {
        "char" (0xd800) -> char = InvalidChar;
        "char" (0x11_0000) -> char = InvalidChar;
        "chars" (312) -> Vec<char> = InvalidChar;
        "empty" (2) -> Result<(), ()> = InvalidDiscriminant;
        "option" (304) -> Option<u32> = InvalidDiscriminant;
        "options" (328) -> Vec<Option<u8>> = InvalidDiscriminant;
        "result" (304) -> Result<u32, u32> = InvalidDiscriminant;
        "string" (256) -> String = StringOutOfBounds;
        "string" (264) -> String = StringOutOfBounds;
        "string" (280) -> String = StringOutOfBounds;
        "string" (288) -> String = InvalidString;
        "utf16" (272) -> String = UnalignedPointer;
        "utf16" (312) -> String = InvalidString;
        "bytes" (256) -> Vec<u8> = ListOutOfBounds;
        "bytes" (264) -> Vec<u8> = ListOutOfBounds;
        "bytes" (280) -> Vec<u8> = ListOutOfBounds;
        "numbers" (256) -> Vec<u32> = ListOutOfBounds;
        "numbers" (272) -> Vec<u32> = UnalignedPointer;
        "numbers" (280) -> Vec<u32> = ListOutOfBounds;
        "strings" (272) -> Vec<String> = UnalignedPointer;
        "strings" (280) -> Vec<String> = ListOutOfBounds;
        "bytes" (2) -> Vec<u8> = UnalignedPointer;
        "bytes" (0x4_0000 - 4) -> Vec<u8> = PointerOutOfBounds;
        "bytes" (0xffff_fffc_u32) -> Vec<u8> = PointerOutOfBounds;
        "option" (0x4_0000) -> Option<u32> = PointerOutOfBounds;
    }
}

#[test]
fn malformed_discriminants_of_named_cases_trap() {
    let wat = component(
        &format!(
            r#"{MEMORY}
            (data (i32.const 256) "\02\00\00\00\00\00\00\00")
            (func (export "number") (param i32) (result i32) (local.get 0))"#
        ),
        &format!(
            r#"(type $u (variant (case "a") (case "b" u32)))
            (export $v "v" (type $u))
            (type $w (enum "a" "b"))
            (export $e "e" (type $w))
            (type $x (flags "a" "b"))
            (export $f "f" (type $x))
            (func (export "variant") (param "at" u32) (result $v) {lift})
            (func (export "enum") (param "at" u32) (result $e) {lift})
            (func (export "flags") (param "at" u32) (result $f) {lift})"#,
            lift = lift("number"),
        ),
    );
    for (name, number) in [("variant", 256), ("enum", 2), ("enum", u32::MAX)] {
        let error = Fixture::new(&wat)
            .call(name, &[Val::U32(number)])
            .unwrap_err();
        assert_eq!(
            *error.kind(),
            ErrorKind::Trap(TrapCode::InvalidDiscriminant)
        );
    }
    // Bits without a flag are ignored, as the canonical ABI says.
    let val = Fixture::new(&wat).one("flags", &[Val::U32(0xffff_fffe)]);
    assert_eq!(val, flags(&["b"]));
}

#[test]
fn malformed_allocations_give_the_errors_of_typed_calls() {
    for (pointer, code) in [
        (1, TrapCode::UnalignedPointer),
        (0x1_0000, TrapCode::PointerOutOfBounds),
        (0xffff_fff8_u32, TrapCode::PointerOutOfBounds),
    ] {
        let parts: String = (0..17).map(|i| format!("(param \"p{i}\" u32)")).collect();
        let wat = component(
            &format!(
                r#"(memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                    (i32.const {pointer}))
                (func (export "list") (param i32 i32))
                (func (export "spill") (param i32))"#
            ),
            &format!(
                r#"(func (export "list") (param "v" (list u32)) {})
                (func (export "strings") (param "v" (list string)) {})
                (func (export "spill") {parts} {})"#,
                lift("list"),
                lift("list"),
                lift("spill"),
            ),
        );
        let expected = ErrorKind::Trap(code);
        let list = [Val::List(vec![Val::U32(1)])];
        let got = both::<(Vec<u32>,), ()>(&wat, "list", (vec![1],), &list);
        assert_eq!(got, (expected.clone(), expected.clone()));
        let list = [Val::List(vec![s("a")])];
        let got = both::<(Vec<String>,), ()>(&wat, "strings", (vec!["a".into()],), &list);
        assert_eq!(got, (expected.clone(), expected.clone()));
        let error = Fixture::new(&wat).call("spill", &vec![Val::U32(1); 17]);
        assert_eq!(*error.unwrap_err().kind(), expected);
    }
}

#[test]
fn host_bytes_are_charged() {
    let engine = Engine::<Wasmtime>::new(&config(None)).unwrap();
    let component = Component::new(&engine, GREET).unwrap();
    let limit = 64 << 10;
    let limits = engine.default_limits().host_bytes(limit as u64);
    let mut store = Store::<_, ()>::builder(&engine)
        .limits(limits)
        .build(())
        .unwrap();
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    let echo = instance.get_func(&mut store, &api("echo")).unwrap();
    let bytes = |n| [Val::List(vec![Val::U8(0); n])];
    let fits = limit / enginebay_core::abi::VAL_COST;
    echo.call(&mut store, &bytes(fits)).unwrap();
    let error = echo.call(&mut store, &bytes(fits + 1)).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::HostAllocationLimit { .. }),
        "{error}"
    );
}
