//! What cannot be lowered or lifted, and how that is said.

use super::*;

#[test]
fn types_that_are_larger_than_any_memory() {
    let mut ty = Type::U64;
    for _ in 0..10 {
        ty = Type::tuple([Type::U8, Type::fixed_length_list(ty, 1 << 30)]);
    }
    let shape = FuncShape::new(&FuncType::new(vec![("p".into(), ty.clone())], Some(ty)));
    assert_eq!(shape.params.slots(), 1);
    let mut guest = Guest::utf8();
    let code = TrapCode::PointerOutOfBounds;
    let lifted = shape.params.lift(&mut guest, &[8], &mut Vec::new());
    assert_eq!(trap(lifted), code);
    let lifted = shape.result.lift(&mut guest, &[8], &mut Vec::new());
    assert_eq!(trap(lifted), code);
}

#[test]
fn a_return_pointer_is_checked() {
    let ty = <(Person,)>::component_type();
    let shape = ResultShape::new(Some(&Person::component_type()));
    let val = Val::Record(vec![
        ("full-name".into(), Val::String("x".into())),
        ("years-old".into(), Val::U32(1)),
        ("type".into(), Val::Char('x')),
    ]);
    for (pointer, code) in [
        (2, TrapCode::UnalignedPointer),
        ((1 << 16) - 12, TrapCode::PointerOutOfBounds),
        (0xffff_fff0, TrapCode::PointerOutOfBounds),
    ] {
        let mut guest = Guest::utf8();
        let typed = lower_results(&(person("x"),), &mut guest, &ty, pointer, &mut []);
        assert_eq!(trap(typed), code);
        let dynamic = shape.lower(std::slice::from_ref(&val), &mut guest, pointer, &mut []);
        assert_eq!(trap(dynamic), code);
        // Nothing was lowered before that was found.
        assert!(guest.reallocs.is_empty());
        assert_eq!(
            trap(shape.lift(&mut guest, &[pointer], &mut Vec::new())),
            code
        );
    }
    let mut guest = Guest::utf8();
    let none = ResultShape::new(None);
    assert_eq!(none.lower(&[], &mut guest, u64::MAX, &mut []).unwrap(), 0);
    none.lift(&mut guest, &[], &mut Vec::new()).unwrap();
    assert_eq!(
        lower_results(&(), &mut guest, &<()>::component_type(), 0, &mut []).unwrap(),
        0
    );
}

#[test]
fn values_are_checked_as_val_check_does() {
    let mut random = Random(7);
    let (mut fitting, mut others) = (0, 0);
    for round in 0..10_000 {
        let ty = random.ty(round % 3);
        // Of a type that may be the same, or nearly.
        let other = match random.below(3) {
            0 => random.ty(round % 3),
            _ => ty.clone(),
        };
        let mut val = random.val(&other);
        if random.below(2) == 0 {
            spoil(&mut random, &mut val);
        }
        let checked = params_of([ty.clone()]).check(std::slice::from_ref(&val));
        match val.check(&ty) {
            Ok(()) => {
                fitting += 1;
                checked.unwrap();
            }
            Err(expected) => {
                others += 1;
                let error = checked.unwrap_err();
                assert_eq!(error.kind(), expected.kind());
                assert_eq!(error.message(), expected.message());
                assert_eq!(error.context_value("argument"), Some("p0"));
            }
        }
    }
    assert!(fitting > 1000 && others > 1000, "{fitting}, {others}");
}

/// Lifts garbage in both ways: it is the same trap, or the same value.
fn same_garbage<T>(random: &mut Random, traps: &mut Vec<TrapCode>)
where
    T: Lower + Lift,
{
    let ty = <(T,)>::component_type();
    let shape = ResultShape::new(Some(&T::component_type()));
    let params = params_of(types_of::<(T,)>());
    for encoding in ENCODINGS {
        let mut guest = Guest::new(encoding);
        guest.memory.truncate(1 << 12);
        for byte in &mut guest.memory {
            // Small numbers, so that some of it makes sense.
            *byte = match random.below(3) {
                0 => random.below(256) as u8,
                1 => random.below(5) as u8,
                _ => 0,
            };
        }
        let slots: [u64; 16] = std::array::from_fn(|_| match random.below(4) {
            0 => random.next() >> random.below(60),
            _ => random.below(300) as u64,
        });
        let mut vals = Vec::new();
        let typed = lift_results::<(T,), _>(&mut guest, &ty, &slots);
        same_outcome(
            typed,
            shape.lift(&mut guest, &slots, &mut vals),
            &vals,
            &ty,
            traps,
        );
        vals.clear();
        let typed = lift_params::<(T,), _>(&mut guest, &ty, &slots);
        same_outcome(
            typed,
            params.lift(&mut guest, &slots, &mut vals),
            &vals,
            &ty,
            traps,
        );
    }
}

fn same_outcome<P: Lower>(
    typed: Result<P>,
    dynamic: Result<()>,
    vals: &[Val],
    ty: &Type,
    traps: &mut Vec<TrapCode>,
) {
    match (typed, dynamic) {
        (Ok(typed), Ok(())) => {
            let shapes = params_of(types_of::<P>());
            let [mut a, mut b] = [(); 2].map(|()| Guest::new(StringEncoding::Utf16));
            let [mut a_slots, mut b_slots] = [[0; 20]; 2];
            let typed = lower_params(&typed, &mut a, ty, &mut a_slots);
            let dynamic = shapes.lower(vals, &mut b, &mut b_slots);
            assert_eq!(
                typed.map_err(|e| e.trap_code()),
                dynamic.map_err(|e| e.trap_code())
            );
            assert_eq!(a_slots, b_slots);
            same_guests(&a, &b);
        }
        (Err(typed), Err(dynamic)) => {
            assert_eq!(typed.kind(), dynamic.kind());
            traps.push(typed.trap_code().unwrap());
        }
        (typed, dynamic) => panic!("{:?} and {dynamic:?}", typed.err()),
    }
}

#[test]
fn garbage_traps_as_it_does_for_typed_values() {
    let mut random = Random(99);
    let traps = &mut Vec::new();
    for _ in 0..200 {
        same_garbage::<char>(&mut random, traps);
        same_garbage::<(bool, i8, f32)>(&mut random, traps);
        same_garbage::<String>(&mut random, traps);
        same_garbage::<Vec<String>>(&mut random, traps);
        same_garbage::<Vec<char>>(&mut random, traps);
        same_garbage::<Vec<u32>>(&mut random, traps);
        same_garbage::<Vec<bool>>(&mut random, traps);
        same_garbage::<Vec<Padded>>(&mut random, traps);
        same_garbage::<Person>(&mut random, traps);
        same_garbage::<Option<char>>(&mut random, traps);
        same_garbage::<Result<u64, String>>(&mut random, traps);
        same_garbage::<Shape>(&mut random, traps);
        same_garbage::<Vec<Shape>>(&mut random, traps);
        same_garbage::<Color>(&mut random, traps);
        same_garbage::<Vec<Large>>(&mut random, traps);
        same_garbage::<(Flags9, Flags33)>(&mut random, traps);
    }
    for code in [
        TrapCode::InvalidChar,
        TrapCode::InvalidString,
        TrapCode::InvalidDiscriminant,
        TrapCode::StringOutOfBounds,
        TrapCode::ListOutOfBounds,
        TrapCode::PointerOutOfBounds,
        TrapCode::UnalignedPointer,
    ] {
        let count = traps.iter().filter(|trap| **trap == code).count();
        assert!(count > 20, "{code:?} only {count} times");
    }
}

fn message(result: Result<()>) -> (ErrorKind, String) {
    let error: Error = result.unwrap_err();
    (error.kind().clone(), error.to_string())
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let shape = FuncShape::new(&FuncType::new(
        vec![("a".into(), Type::U8), ("b".into(), Type::list(Type::Char))],
        Some(Type::U8),
    ));
    let mismatch = |text: &str| (ErrorKind::TypeMismatch, text.to_owned());
    let no_list = [Val::U8(1), Val::List(vec![Val::Char('x'), Val::U8(2)])];
    assert_eq!(
        message(shape.params.check(&no_list)),
        mismatch("expected `char`, found `u8` (at [1]) (argument: b)")
    );
    assert_eq!(
        message(shape.params.check(&no_list[..1])),
        mismatch("the function takes 2 arguments, 1 were given")
    );
    // Unchecked, it is refused as well.
    let mut guest = Guest::utf8();
    let lowered = shape.params.lower(&no_list, &mut guest, &mut [0; 16]);
    assert_eq!(*lowered.unwrap_err().kind(), ErrorKind::TypeMismatch);

    let host = |text: &str| {
        let start = "a host function returned something else than its type says: ";
        (ErrorKind::Host, format!("{start}{text}"))
    };
    assert_eq!(
        message(shape.result.check(&[Val::U16(1)])),
        host("expected `u8`, found `u16`")
    );
    assert_eq!(
        message(shape.result.check(&[])),
        host("0 results instead of 1")
    );
    let none = ResultShape::new(None);
    assert_eq!(
        message(none.check(&[Val::U8(1)])),
        host("1 results instead of 0")
    );
}

#[test]
fn types_without_values_are_unsupported() {
    let stream = Type::Other("stream");
    let shape = FuncShape::new(&FuncType::new(
        vec![("s".into(), Type::option(stream.clone()))],
        Some(Type::tuple([Type::U8, Type::list(stream.clone())])),
    ));
    shape.params.check(&[Val::Option(None)]).unwrap();
    let some = [Val::Option(Some(Val::U32(1).into()))];
    let text = "values of type `stream` are not supported";
    assert_eq!(
        message(shape.params.check(&some)),
        (ErrorKind::Unsupported, format!("{text} (argument: s)"))
    );
    let unsupported = (ErrorKind::Unsupported, text.to_owned());
    assert_eq!(message(shape.result.check_type()), unsupported);
    let mut vals = Vec::new();
    let lifted = shape.params.lift(&mut Guest::utf8(), &[1, 1], &mut vals);
    assert_eq!(message(lifted), unsupported);
    shape
        .params
        .lift(&mut Guest::utf8(), &[0, 0], &mut vals)
        .unwrap();
    assert_eq!(vals, [Val::Option(None)]);
}

#[test]
fn a_failing_realloc_ends_the_lowering() {
    let mut guest = Guest::utf8();
    guest.realloc(0, 0, 1, (1 << 16) - 64).unwrap();
    let shapes = params_of([Type::list(Type::String)]);
    let vals = [Val::List(vec![Val::String("x".repeat(40)); 2])];
    let lowered = shapes.lower(&vals, &mut guest, &mut [0; MAX_FLAT_PARAMS]);
    assert_eq!(trap(lowered), TrapCode::PointerOutOfBounds);
}
