//! Values whose types are known at run time cross the boundary as typed values
//! do: the same bytes, the same traps. What typed values cannot show is tried
//! with types and values made at random, the same ones each time.
#![forbid(unsafe_code)]

#[path = "../support/mod.rs"]
mod support;

mod refused;

use std::fmt::Debug;

use enginebay_core::abi::{
    FuncShape, LowerContext, MAX_FLAT_PARAMS, ParamShapes, ResultShape, lift_params, lift_results,
    lower_params, lower_results, param_slots,
};
use enginebay_core::{
    ComponentType, Error, ErrorKind, FuncType, Lift, Lower, ResourceAny, ResourceType, Result,
    StringEncoding, TrapCode, Type, Val,
};

use support::Guest;
use support::random::{Random, cost, spoil};
use support::shapes::*;

const ENCODINGS: [StringEncoding; 3] = [
    StringEncoding::Utf8,
    StringEncoding::Utf16,
    StringEncoding::Latin1OrUtf16,
];

fn params_of(types: impl IntoIterator<Item = Type>) -> ParamShapes {
    let named = |(i, ty)| (format!("p{i}"), ty);
    let params: Vec<_> = types.into_iter().enumerate().map(named).collect();
    ParamShapes::new(&params)
}

fn types_of<P: ComponentType>() -> Vec<Type> {
    match P::component_type() {
        Type::Tuple(types) => types.to_vec(),
        other => panic!("not parameters: {other}"),
    }
}

fn trap<T>(result: Result<T>) -> TrapCode {
    match result {
        Ok(_) => panic!("nothing trapped"),
        Err(error) => error.trap_code().unwrap_or_else(|| panic!("{error:?}")),
    }
}

/// Two guests to which the same was done.
fn same_guests(typed: &Guest, dynamic: &Guest) {
    assert_eq!(typed.reallocs, dynamic.reallocs);
    assert_eq!(typed.handles, dynamic.handles);
    assert!(typed.memory == dynamic.memory, "memories differ");
}

/// Lowers parameters in both ways, which must do the same to the guest, and
/// lifts them in both ways from what the other lowered. The [`Val`]s are
/// compared with text.
fn same_params<P>(params: P, text: &str)
where
    P: Lower + Lift + Debug + PartialEq,
{
    let shapes = params_of(types_of::<P>());
    assert_eq!(shapes.abi(), P::LAYOUT);
    assert_eq!(shapes.slots(), param_slots(P::LAYOUT));
    let ty = P::component_type();
    for encoding in ENCODINGS {
        let mut typed = Guest::new(encoding);
        let mut typed_slots = [u64::MAX; 20];
        let count = lower_params(&params, &mut typed, &ty, &mut typed_slots).unwrap();
        assert_eq!(count, shapes.slots());

        let mut vals = Vec::new();
        shapes.lift(&mut typed, &typed_slots, &mut vals).unwrap();
        assert_eq!(Val::Tuple(vals.clone()).to_string(), text);
        shapes.check(&vals).unwrap();

        let mut dynamic = Guest::new(encoding);
        let mut slots = [u64::MAX; 20];
        assert_eq!(
            shapes.lower(&vals, &mut dynamic, &mut slots).unwrap(),
            count
        );
        assert_eq!(slots, typed_slots);
        same_guests(&typed, &dynamic);
        assert_eq!(
            lift_params::<P, _>(&mut dynamic, &ty, &slots).unwrap(),
            params
        );
    }
}

/// The same for a result, in both directions.
fn same_result<R>(result: R, text: &str)
where
    R: Lower + Lift + Debug + PartialEq,
{
    let shape = ResultShape::new(Some(&R::component_type()));
    assert_eq!(shape.abi(), R::LAYOUT);
    shape.check_type().unwrap();
    let ty = <(R,)>::component_type();
    let result = (result,);
    for encoding in ENCODINGS {
        let mut typed = Guest::new(encoding);
        let at = typed.put(R::LAYOUT.align, &vec![support::FILL; R::LAYOUT.size]);
        let mut typed_slots = [u64::MAX; 2];
        let count = lower_results(&result, &mut typed, &ty, at as u64, &mut typed_slots).unwrap();
        assert_eq!(count, usize::from(R::LAYOUT.flat == 1));

        // What a guest returns: the value, or where it is.
        let returned = if count == 1 {
            typed_slots
        } else {
            [at as u64; 2]
        };
        let mut vals = Vec::new();
        shape.lift(&mut typed, &returned, &mut vals).unwrap();
        let [val] = &vals[..] else {
            panic!("one result, {vals:?}");
        };
        assert_eq!(val.to_string(), text);
        shape.check(&vals).unwrap();

        let mut dynamic = Guest::new(encoding);
        dynamic.put(R::LAYOUT.align, &vec![support::FILL; R::LAYOUT.size]);
        let mut slots = [u64::MAX; 2];
        let lowered = shape.lower(&vals, &mut dynamic, at as u64, &mut slots);
        assert_eq!(lowered.unwrap(), count);
        assert_eq!(slots, typed_slots);
        same_guests(&typed, &dynamic);
        assert_eq!(
            lift_results::<(R,), _>(&mut dynamic, &ty, &returned).unwrap(),
            result
        );
    }
}

fn person(name: &str) -> Person {
    Person {
        full_name: name.into(),
        age: 41,
        r#type: 'é',
    }
}

const PADDED: Padded = Padded {
    small: 1,
    large: 2,
    medium: 3,
};

#[test]
fn numbers_are_lowered_as_typed_ones() {
    same_params((), "()");
    same_params(
        (i8::MIN, u8::MAX, i16::MIN, u16::MAX, i32::MIN, u32::MAX),
        "(-128, 255, -32768, 65535, -2147483648, 4294967295)",
    );
    same_params(
        (i64::MIN, u64::MAX, -1.5_f32, 1e300_f64, true, '😀'),
        "(-9223372036854775808, 18446744073709551615, -1.5, 1e300, true, '😀')",
    );
    same_result(-1_i8, "-1");
    same_result(f32::MIN_POSITIVE, "1.1754944e-38");
    same_result(false, "false");
    same_result('\u{10ffff}', "'\\u{10ffff}'");
}

#[test]
fn strings_and_lists_are_lowered_as_typed_ones() {
    for text in ["", "plain", "Grüße", "żółw", "a😀b"] {
        same_params((text.to_string(), 1_u8), &format!("(\"{text}\", 1)"));
        same_result(text.to_string(), &format!("\"{text}\""));
        let list = vec![text.to_string(), "x".into()];
        same_result(list, &format!("[\"{text}\", \"x\"]"));
    }
    same_result(vec![-1_i8, 2], "[-1, 2]");
    same_result(vec![1_u8, 255], "[1, 255]");
    same_result(vec![-1_i16, 2], "[-1, 2]");
    same_result(vec![1_u16, 65535], "[1, 65535]");
    same_result(vec![-1_i32, 2], "[-1, 2]");
    same_result(vec![1_u32, 2], "[1, 2]");
    same_result(vec![-1_i64, 2], "[-1, 2]");
    same_result(vec![1_u64, 2], "[1, 2]");
    same_result(vec![1.5_f32, -0.0], "[1.5, -0]");
    same_result(vec![1.5_f64, -0.0], "[1.5, -0]");
    same_result(vec![true, false], "[true, false]");
    same_result(vec!['x', 'ö'], "['x', 'ö']");
    same_result(Vec::<u64>::new(), "[]");
    same_result(vec![vec![1_u8], vec![]], "[[1], []]");
    same_result(
        vec![PADDED; 2],
        "[{small: 1, large: 2, medium: 3}, {small: 1, large: 2, medium: 3}]",
    );
}

#[test]
fn records_and_tuples_are_lowered_as_typed_ones() {
    same_params((PADDED,), "({small: 1, large: 2, medium: 3})");
    same_result(PADDED, "{small: 1, large: 2, medium: 3}");
    same_result((7_u8,), "(7)");
    same_params(
        (person("Zoë"), (1_u8, 2_u64, 3_u16)),
        "({full-name: \"Zoë\", years-old: 41, type: 'é'}, (1, 2, 3))",
    );
    let nested = Nested {
        head: PADDED,
        owner: person("x"),
        tail: Some(PADDED),
    };
    let padded = "{small: 1, large: 2, medium: 3}";
    let owner = "{full-name: \"x\", years-old: 41, type: 'é'}";
    let text = format!("{{head: {padded}, owner: {owner}, tail: some({padded})}}");
    same_result(nested.clone(), &text);
    // 14 flat values, and 3 more: spilled.
    same_params((nested, PADDED), &format!("({text}, {padded})"));
}

#[test]
fn cases_are_lowered_as_typed_ones() {
    for (shape, text) in [
        (Shape::Nothing, "nothing"),
        (Shape::Count(7), "count(7)"),
        (Shape::Fraction(0.5), "ratio(0.5)"),
        (Shape::Text("ä€".into()), "text(\"ä€\")"),
        (Shape::Signed(-1), "signed(-1)"),
        (Shape::Single(-2.0), "single(-2)"),
        (
            Shape::Inner(PADDED),
            "inner({small: 1, large: 2, medium: 3})",
        ),
    ] {
        same_params((shape.clone(), 9_u8), &format!("({text}, 9)"));
        same_result(
            vec![shape.clone(), Shape::Nothing],
            &format!("[{text}, nothing]"),
        );
        same_result(shape, text);
    }
    same_result(Bare::Two, "two");
    same_result(Color::Green, "dark-green");
    same_result(Only::This, "this");
    same_result(Large::C0, "c0");
    same_result(vec![Large::C299, Large::C256], "[c299, c256]");
    same_result(None::<u8>, "none");
    same_result(Some(u64::MAX), "some(18446744073709551615)");
    same_result(Some(None::<String>), "some(none)");
    same_result(Ok::<u8, String>(1), "ok(1)");
    same_result(Err::<u8, String>("no".into()), "err(\"no\")");
    same_result(Ok::<(), ()>(()), "ok");
    same_result(Err::<(), f64>(0.5), "err(0.5)");
    same_params((Ok::<u8, f32>(1), Err::<u8, f32>(1.5)), "(ok(1), err(1.5))");
}

#[test]
fn flags_are_lowered_as_typed_ones() {
    same_result(
        Permissions::READ | Permissions::RUN_AS_ROOT,
        "{read, run-as-root}",
    );
    same_result(Flags1::F0, "{f0}");
    same_result(Flags8::F7, "{f7}");
    same_result(Flags9::F8 | Flags9::F0, "{f0, f8}");
    same_result(Flags16::F15, "{f15}");
    same_result(Flags17::F16 | Flags17::F7, "{f7, f16}");
    same_result(Flags32::F31, "{f31}");
    same_result(Flags33::F32 | Flags33::F31, "{f31, f32}");
    same_result(Flags64::F63, "{f63}");
    same_params(
        (Flags64::F63 | Flags64::F1, Flags9::F8),
        "({f1, f63}, {f8})",
    );
    same_params((Flags8::empty(), 1_u8), "({}, 1)");
}

#[test]
fn parameters_spill_and_results_go_through_memory() {
    type Sixteen = (
        (u8, u8, u8, u8),
        (u8, u8, u8, u8),
        (u8, u8, u8, u8),
        (u8, u8, u8, u8),
    );
    let four = (1, 2, 3, 4);
    let text = "(1, 2, 3, 4)";
    let sixteen: Sixteen = (four, four, four, four);
    same_params(sixteen, &format!("({text}, {text}, {text}, {text})"));
    same_params(
        (four, four, four, four, 'x'),
        &format!("({text}, {text}, {text}, {text}, 'x')"),
    );
    let shapes = params_of(types_of::<(Sixteen, char)>());
    assert_eq!((shapes.abi().flat, shapes.slots()), (17, 1));
}

/// Values of two types that are the same in core wasm: lowers `vals` as one and
/// lifts the other from there, which gives `others`.
fn same_in_core(types: [Type; 2], vals: [Val; 2]) {
    let [a, b] = types.map(|ty| params_of([Type::U8, ty]));
    let [a_vals, b_vals] = vals.map(|val| [Val::U8(1), val]);
    assert_eq!(a.abi(), b.abi());
    for encoding in ENCODINGS {
        let [mut a_guest, mut b_guest] = [(); 2].map(|()| Guest::new(encoding));
        let [mut a_slots, mut b_slots] = [[u64::MAX; 20]; 2];
        a.check(&a_vals).unwrap();
        b.check(&b_vals).unwrap();
        a.lower(&a_vals, &mut a_guest, &mut a_slots).unwrap();
        b.lower(&b_vals, &mut b_guest, &mut b_slots).unwrap();
        assert_eq!(a_slots, b_slots);
        same_guests(&a_guest, &b_guest);
        let (mut a_back, mut b_back) = (Vec::new(), Vec::new());
        a.lift(&mut b_guest, &b_slots, &mut a_back).unwrap();
        b.lift(&mut a_guest, &a_slots, &mut b_back).unwrap();
        assert_eq!((&a_back[..], &b_back[..]), (&a_vals[..], &b_vals[..]));
    }
}

#[test]
fn a_map_is_a_list_of_tuples() {
    let entries = |text: &str| {
        let text = Val::String(text.into());
        vec![
            (Val::U8(1), Val::Tuple(vec![text.clone(), Val::U64(2)])),
            (Val::U8(1), Val::Tuple(vec![text, Val::U64(3)])),
        ]
    };
    let value = Type::tuple([Type::String, Type::U64]);
    for entries in [entries("é"), entries("€"), entries(""), entries("x")] {
        let tuples = entries.iter().cloned();
        let tuples = tuples
            .map(|(key, val)| Val::Tuple(vec![key, val]))
            .collect();
        same_in_core(
            [
                Type::map(Type::U8, value.clone()),
                Type::list(Type::tuple([Type::U8, value.clone()])),
            ],
            [Val::Map(entries.clone()), Val::List(tuples)],
        );
        // Inside another, so that it is in memory itself.
        same_in_core(
            [
                Type::list(Type::map(Type::U8, value.clone())),
                Type::list(Type::list(Type::tuple([Type::U8, value.clone()]))),
            ],
            [
                Val::List(vec![Val::Map(entries.clone())]),
                Val::List(vec![Val::List(
                    entries
                        .into_iter()
                        .map(|(key, val)| Val::Tuple(vec![key, val]))
                        .collect(),
                )]),
            ],
        );
    }
    let shape = params_of([Type::map(Type::U8, Type::U32)]);
    for (at, len, code) in [
        (2, 1, TrapCode::UnalignedPointer),
        ((1 << 16) - 8, 2, TrapCode::ListOutOfBounds),
        (0, 0xffff_ffff, TrapCode::ListOutOfBounds),
    ] {
        let lifted = shape.lift(&mut Guest::utf8(), &[at, len], &mut Vec::new());
        assert_eq!(trap(lifted), code);
    }
}

#[test]
fn a_fixed_length_list_is_a_tuple() {
    let numbers = || [1, 2, 3, 4].map(Val::U16).to_vec();
    let texts = || {
        ["a", "é", "€", ""]
            .map(|text| Val::String(text.into()))
            .to_vec()
    };
    for (ty, vals) in [(Type::U16, numbers()), (Type::String, texts())] {
        let list = Type::fixed_length_list(ty.clone(), 4);
        let tuple = Type::tuple([(); 4].map(|()| ty.clone()));
        let (list_val, tuple_val) = (Val::FixedLengthList(vals.clone()), Val::Tuple(vals));
        same_in_core(
            [list.clone(), tuple.clone()],
            [list_val.clone(), tuple_val.clone()],
        );
        // In memory; and spilled, as there are too many.
        same_in_core(
            [Type::list(list.clone()), Type::list(tuple.clone())],
            [
                Val::List(vec![list_val.clone(); 2]),
                Val::List(vec![tuple_val.clone(); 2]),
            ],
        );
        same_in_core(
            [
                Type::fixed_length_list(list, 5),
                Type::fixed_length_list(tuple, 5),
            ],
            [
                Val::FixedLengthList(vec![list_val; 5]),
                Val::FixedLengthList(vec![tuple_val; 5]),
            ],
        );
    }
}

#[test]
fn any_value_comes_back_as_it_was() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut flat, mut spilled) = (0, 0);
    for round in 0..400 {
        let types: Vec<_> = (0..random.below(10))
            .map(|_| random.ty(round % 4))
            .collect();
        let vals: Vec<_> = types.iter().map(|ty| random.val(ty)).collect();
        let shapes = params_of(types.clone());
        shapes.check(&vals).unwrap();
        if shapes.abi().flat <= MAX_FLAT_PARAMS {
            flat += 1;
        } else {
            spilled += 1;
        }
        for encoding in ENCODINGS {
            let mut guest = Guest::new(encoding);
            guest.memory.resize(1 << 17, support::FILL);
            let mut slots = [u64::MAX; MAX_FLAT_PARAMS];
            let count = shapes.lower(&vals, &mut guest, &mut slots).unwrap();
            assert_eq!(count, shapes.slots());
            assert!(slots[count..].iter().all(|slot| *slot == u64::MAX));
            let end = guest.next;
            assert!(
                guest.memory[end..]
                    .iter()
                    .all(|byte| *byte == support::FILL)
            );

            let mut back = Vec::new();
            shapes.lift(&mut guest, &slots[..count], &mut back).unwrap();
            assert_eq!(back, vals, "{types:?}");
            let cost = vals.iter().map(|val| cost(val, encoding)).sum::<usize>();
            assert_eq!(guest.charged, cost, "{types:?}");
            if cost > 0 {
                guest.budget = cost - 1;
                let error = shapes.lift(&mut guest, &slots, &mut back).unwrap_err();
                assert!(matches!(
                    error.kind(),
                    ErrorKind::HostAllocationLimit { .. }
                ));
            }
        }
    }
    assert!(flat > 50 && spilled > 50, "{flat} flat, {spilled} spilled");
}

#[test]
fn handles_go_through_the_guests_tables() {
    let ty = ResourceType::component(1);
    let owned = ResourceAny::new(ty, 1, (5, 0), true, None);
    let lent = ResourceAny::new(ty, 1, (6, 0), false, None);
    let shapes = params_of([Type::Own(ty), Type::list(Type::Borrow(ty))]);
    // An owned handle can be lent, a lent one cannot be given away.
    let vals = [
        Val::Resource(owned),
        Val::List(vec![Val::Resource(lent), Val::Resource(owned)]),
    ];
    shapes.check(&vals).unwrap();
    let mut guest = Guest::utf8();
    let mut slots = [0; MAX_FLAT_PARAMS];
    shapes.lower(&vals, &mut guest, &mut slots).unwrap();
    let expected = [owned, lent, owned].map(|any| Some(support::Handle::Any(any)));
    assert_eq!(guest.handles, expected);
    assert_eq!(slots[0], 1);
    let mut back = Vec::new();
    shapes.lift(&mut guest, &slots, &mut back).unwrap();
    assert_eq!(back, vals);

    let other = ResourceAny::new(ResourceType::component(2), 1, (5, 0), true, None);
    for (any, text) in [
        (lent, "an owned handle is needed, this one is borrowed"),
        (other, "handle of another resource type"),
    ] {
        let vals = [Val::Resource(any), Val::List(Vec::new())];
        let error = shapes.check(&vals).unwrap_err();
        assert_eq!(error.message(), text);
    }
    slots[0] = 9;
    let lifted = shapes.lift(&mut guest, &slots, &mut back);
    assert_eq!(trap(lifted), TrapCode::UnknownHandle);
}

#[test]
fn shapes_can_be_shared_by_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<FuncShape>();
}
