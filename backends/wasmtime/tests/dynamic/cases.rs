//! Types with values of each.

use super::*;

/// A type, how it is passed in core wasm, and some of its values.
pub(super) struct Case {
    /// What `T` is.
    pub(super) ty: String,
    /// Types of slots; empty if there are too many.
    pub(super) flat: &'static str,
    /// Loads the value from an address, if it is one slot.
    pub(super) load: &'static str,
    pub(super) vals: Vec<Val>,
}

pub(super) fn scalar_cases() -> Vec<Case> {
    fn of<V>(
        ty: &str,
        flat: &'static str,
        load: &'static str,
        val: fn(V) -> Val,
        vals: Vec<V>,
    ) -> Case {
        let vals = vals.into_iter().map(val).collect();
        Case {
            ty: ty.into(),
            flat,
            load,
            vals,
        }
    }
    vec![
        of("bool", "i32", "i32.load8_u", Val::Bool, vec![true, false]),
        of(
            "s8",
            "i32",
            "i32.load8_s",
            Val::S8,
            vec![0, -1, i8::MIN, i8::MAX],
        ),
        of("u8", "i32", "i32.load8_u", Val::U8, vec![0, 1, u8::MAX]),
        of(
            "s16",
            "i32",
            "i32.load16_s",
            Val::S16,
            vec![0, -1, i16::MIN, i16::MAX],
        ),
        of("u16", "i32", "i32.load16_u", Val::U16, vec![0, 1, u16::MAX]),
        of(
            "s32",
            "i32",
            "i32.load",
            Val::S32,
            vec![0, -1, i32::MIN, i32::MAX],
        ),
        of("u32", "i32", "i32.load", Val::U32, vec![0, 1, u32::MAX]),
        of(
            "s64",
            "i64",
            "i64.load",
            Val::S64,
            vec![0, -1, i64::MIN, i64::MAX],
        ),
        of("u64", "i64", "i64.load", Val::U64, vec![0, 1, u64::MAX]),
        of(
            "f32",
            "f32",
            "f32.load",
            Val::F32,
            vec![0.0, -0.0, 1.5, f32::NEG_INFINITY],
        ),
        of(
            "f64",
            "f64",
            "f64.load",
            Val::F64,
            vec![0.0, -0.0, 1.5, f64::MIN_POSITIVE],
        ),
        of(
            "char",
            "i32",
            "i32.load",
            Val::Char,
            vec!['a', '\0', '€', char::MAX],
        ),
    ]
}

pub(super) fn cases() -> Vec<Case> {
    fn of(ty: impl Into<String>, flat: &'static str, vals: Vec<Val>) -> Case {
        let load = match flat {
            "i32" => "i32.load8_u",
            _ => "",
        };
        Case {
            ty: ty.into(),
            flat,
            load,
            vals,
        }
    }
    let long = "ä€😀".repeat(500);
    let mut cases = scalar_cases();
    let lists: Vec<_> = cases
        .iter()
        .map(|case| {
            let vals = vec![Val::List(vec![]), Val::List(case.vals.clone())];
            of(format!("(list {})", case.ty), "i32 i32", vals)
        })
        .collect();
    cases.extend(lists);
    cases.push(of(
        "string",
        "i32 i32",
        vec![s(""), s("a"), s("ä€😀\0"), s(&long)],
    ));
    cases.push(of(
        "(list (list string))",
        "i32 i32",
        vec![
            Val::List(vec![]),
            Val::List(vec![
                Val::List(vec![]),
                Val::List(vec![s("x"), s(""), s(&long)]),
            ]),
        ],
    ));

    // Records and tuples.
    let point = |x: u8, name: &str| {
        let d = some(Val::U16(u16::from(x) * 3));
        record([
            ("x", Val::U8(x)),
            ("y", Val::F64(2.5)),
            ("name", s(name)),
            ("d", d),
        ])
    };
    let point_ty = r#"(record (field "x" u8) (field "y" f64) (field "name" string)
        (field "d" (option u16)))"#;
    cases.push(of(
        point_ty,
        "i32 f64 i32 i32 i32 i32",
        vec![point(1, ""), point(255, "p"), point(7, &long)],
    ));
    cases.push(of(
        "(tuple u8 u64 char (list u8))",
        "i32 i64 i32 i32 i32",
        vec![Val::Tuple(vec![
            Val::U8(200),
            Val::U64(u64::MAX),
            Val::Char('ß'),
            Val::List(vec![Val::U8(1), Val::U8(2), Val::U8(3)]),
        ])],
    ));
    // One slot, however deep.
    cases.push(of(
        r#"(tuple (tuple u8))"#,
        "i32",
        vec![Val::Tuple(vec![Val::Tuple(vec![Val::U8(9)])])],
    ));
    cases.push(of(
        r#"(record (field "only" bool))"#,
        "i32",
        vec![record([("only", Val::Bool(true))])],
    ));
    // More slots than there are.
    let fields: String = (0..20)
        .map(|i| format!(" (field \"n{i}\" (option u64))"))
        .collect();
    let big = (0..20_u64)
        .map(|i| {
            let val = if i % 3 == 0 {
                Val::Option(None)
            } else {
                some(Val::U64(i << 60 | i))
            };
            (format!("n{i}"), val)
        })
        .collect();
    cases.push(of(format!("(record{fields})"), "", vec![Val::Record(big)]));

    // Variants whose cases share slots of other types.
    cases.push(of(
        r#"(variant (case "u" u32) (case "d" f64) (case "s" string) (case "none") (case "f" f32)
            (case "t" (tuple u64 f32)) (case "i" s8))"#,
        "i32 i64 i32",
        vec![
            case("u", Val::U32(u32::MAX)),
            case("d", Val::F64(-1.25)),
            case("s", s("text")),
            case("none", None),
            case("f", Val::F32(-0.5)),
            case("t", Val::Tuple(vec![Val::U64(u64::MAX - 1), Val::F32(3.5)])),
            case("i", Val::S8(-1)),
        ],
    ));
    cases.push(of(
        "(option f32)",
        "i32 f32",
        vec![Val::Option(None), some(Val::F32(0.25))],
    ));
    cases.push(of(
        "(option (option string))",
        "i32 i32 i32 i32",
        vec![
            Val::Option(None),
            some(Val::Option(None)),
            some(some(s("deep"))),
        ],
    ));
    cases.push(of(
        "(result)",
        "i32",
        vec![Val::Result(Ok(None)), Val::Result(Err(None))],
    ));
    cases.push(of(
        "(result f32 (error string))",
        "i32 i32 i32",
        vec![ok(Val::F32(1.0)), err(s("e"))],
    ));
    cases.push(of(
        "(result (error u64))",
        "i32 i64",
        vec![Val::Result(Ok(None)), err(Val::U64(u64::MAX))],
    ));
    cases.push(of(
        "(result string)",
        "i32 i32 i32",
        vec![ok(s("")), Val::Result(Err(None))],
    ));
    cases.push(of(
        "(option (result (list (option u8)) (error (tuple f64 f64))))",
        "i32 i32 i64 i64",
        vec![
            Val::Option(None),
            some(ok(Val::List(vec![Val::Option(None), some(Val::U8(4))]))),
            some(err(Val::Tuple(vec![Val::F64(0.1), Val::F64(f64::MAX)]))),
        ],
    ));

    // Enums, flags and variants of few and many names.
    let enums = |names: &[&str]| names.iter().map(|n| Val::Enum((*n).into())).collect();
    cases.push(of(r#"(enum "r" "g" "b")"#, "i32", enums(&["r", "g", "b"])));
    let mut many = of(
        format!("(enum{})", names(300)),
        "i32",
        enums(&["n0", "n255", "n256", "n299"]),
    );
    many.load = "i32.load16_u";
    cases.push(many);
    for (count, load, last) in [
        (3, "i32.load8_u", "n2"),
        (8, "i32.load8_u", "n7"),
        (9, "i32.load16_u", "n8"),
        (17, "i32.load", "n16"),
        (32, "i32.load", "n31"),
    ] {
        let vals = vec![flags(&[]), flags(&["n0"]), flags(&["n1", last])];
        let mut case = of(format!("(flags{})", names(count)), "i32", vals);
        case.load = load;
        cases.push(case);
    }
    let payloads: String = (0..300)
        .map(|i| {
            format!(
                " (case \"c{i}\"{})",
                if i % 2 == 0 { "" } else { " string" }
            )
        })
        .collect();
    cases.push(of(
        format!("(variant{payloads})"),
        "i32 i32 i32",
        vec![
            case("c0", None),
            case("c255", s("x")),
            case("c256", None),
            case("c299", s("y")),
        ],
    ));
    cases
}

/// What a case's component exports:
/// - `list`, from a list of the type to the same;
/// - `one`, the first of a list;
/// - `spill`, more parameters than there are slots, to a tuple of them;
/// - `flat`, from one value to its slots as bits.
pub(super) fn echo(case: &Case) -> String {
    let slots: Vec<&str> = case.flat.split_whitespace().collect();
    let one = match case.load {
        "" => "i32".to_owned(),
        load => load.split('.').next().unwrap().to_owned(),
    };
    let bits: String = slots
        .iter()
        .enumerate()
        .map(|(i, slot)| format!("({slot}.store (i32.const {}) (local.get {i}))", 64 + i * 8))
        .collect();
    let module = format!(
        r#"{MEMORY}
        (func (export "list") (param i32 i32) (result i32)
            (i32.store (i32.const 16) (local.get 0))
            (i32.store (i32.const 20) (local.get 1))
            (i32.const 16))
        (func (export "one") (param i32 i32) (result {one}) ({load} (local.get 0)))
        (func (export "spill") (param i32) (result i32) (local.get 0))
        (func (export "flat") (param {flat}) (result i32)
            (memory.fill (i32.const 64) (i32.const 0) (i32.const 128))
            {bits}
            (i32.store (i32.const 16) (i32.const 64))
            (i32.store (i32.const 20) (i32.const {count}))
            (i32.const 16))"#,
        load = if case.load.is_empty() {
            "i32.add (i32.const 0)"
        } else {
            case.load
        },
        flat = case.flat,
        count = slots.len(),
    );
    let pad: String = (0..16).map(|i| format!(" (param \"p{i}\" u64)")).collect();
    let flat = if slots.is_empty() {
        String::new()
    } else {
        format!(
            r#"(func (export "flat") (param "v" $t) (result (list u64)) {})"#,
            lift("flat")
        )
    };
    let rest = format!(
        r#"(type $u {ty})
        (export $t "t" (type $u))
        (func (export "list") (param "v" (list $t)) (result (list $t)) {})
        (func (export "one") (param "v" (list $t)) (result $t) {})
        (func (export "spill") (param "v" $t){pad} (result (tuple $t{})) {})
        {flat}"#,
        lift("list"),
        lift("one"),
        " u64".repeat(16),
        lift("spill"),
        ty = case.ty,
    );
    component(&module, &rest)
}
