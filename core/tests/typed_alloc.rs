//! Typed values allocate what they own and nothing else: one allocation for
//! each string or list that is lifted, none for anything that is lowered. Values
//! whose types are known at run time only are no different.
#![allow(unsafe_code, reason = "a global allocator is unsafe to implement")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use enginebay_core::abi::{FlatReader, FlatWriter, LowerContext, ParamShapes};
use enginebay_core::{Lift, Lower, Resource, ResourceType, StringEncoding, Type, Val};

use support::Guest;
use support::shapes::*;

struct Counting;

thread_local! {
    /// Allocations of this thread. Other threads are the test harness's.
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator; the counter is
// constant until it is first used and needs no destructor, so that it does not
// allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs something and counts its allocations.
fn count<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = COUNT.get();
    let value = run();
    (value, COUNT.get() - before)
}

/// Lowering a value allocates nothing, and lifting it this often.
fn allocates<T: Lower + Lift>(value: &T, expected: usize) {
    allocates_as(value, &T::component_type(), expected);
}

fn allocates_as<T: Lower + Lift>(value: &T, ty: &Type, expected: usize) {
    for encoding in [
        StringEncoding::Utf8,
        StringEncoding::Utf16,
        StringEncoding::Latin1OrUtf16,
    ] {
        let name = std::any::type_name::<T>();
        let mut guest = Guest::new(encoding);
        let mut slots = [0; 64];
        let (_, lowered) = count(|| {
            let mut writer = FlatWriter::new(&mut slots);
            value.lower_flat(&mut guest, ty, &mut writer).unwrap();
        });
        assert_eq!(lowered, 0, "lowering {name} to flat values");
        let (_, lifted) = count(|| {
            let back = T::lift_flat(&mut guest, ty, &mut FlatReader::new(&slots)).unwrap();
            std::mem::forget(back);
        });
        assert_eq!(lifted, expected, "lifting {name} from flat values");
    }
}

/// The same through memory. Owned handles can be lowered only once.
fn allocates_in_memory<T: Lower + Lift>(value: &T, expected: usize) {
    let ty = T::component_type();
    let name = std::any::type_name::<T>();
    let mut guest = Guest::utf8();
    let at = guest
        .realloc(0, 0, T::LAYOUT.align, T::LAYOUT.size)
        .unwrap();
    let (_, lowered) = count(|| value.lower_memory(&mut guest, &ty, at).unwrap());
    assert_eq!(lowered, 0, "lowering {name} to memory");
    let (_, lifted) = count(|| std::mem::forget(T::lift_memory(&mut guest, &ty, at).unwrap()));
    assert_eq!(lifted, expected, "lifting {name} from memory");
}

fn both<T: Lower + Lift>(value: T, expected: usize) {
    allocates(&value, expected);
    allocates_in_memory(&value, expected);
}

#[test]
fn values_without_strings_and_lists_allocate_nothing() {
    both(1_u8, 0);
    both(-1_i64, 0);
    both(1.5_f32, 0);
    both('😀', 0);
    both(true, 0);
    both((1_u8, 2_u64, (3_i16, 'c')), 0);
    both(Padded::default(), 0);
    both(Some(Some(4_u32)), 0);
    both(None::<String>, 0);
    both(Ok::<u8, String>(1), 0);
    both(Err::<String, ()>(()), 0);
    both(Color::Blue, 0);
    both(Large::C299, 0);
    both(Flags64::all(), 0);
    both(Permissions::READ, 0);
    both(Shape::Inner(Padded::default()), 0);
    both(Shape::Nothing, 0);
}

#[test]
fn each_string_and_list_is_one_allocation() {
    both("Grüße aus der Ferne".to_string(), 1);
    both("żółw 😀".to_string(), 1);
    both(vec![1_u8; 100], 1);
    both(vec![1_u64; 100], 1);
    both(vec![1.5_f64; 100], 1);
    both(vec![true; 100], 1);
    both(vec![Color::Green; 100], 1);
    both(vec![Flags33::F32; 100], 1);
    both(vec![Padded::default(); 100], 1);
    both(vec![Some((1_u32, 'c')); 100], 1);
    both(Shape::Text("in a variant".into()), 1);
    both(vec!["one".to_string(), "two".into(), "three".into()], 4);
    both(vec![vec!["a".to_string(), "b".into()], vec!["c".into()]], 6);
    both(("a".to_string(), vec![1_u16], "b".to_string()), 3);
    both(
        Pair {
            first: "generic".to_string(),
            second: vec![Padded::default()],
        },
        2,
    );
    // What is empty is not allocated.
    both(String::new(), 0);
    both(Vec::<String>::new(), 0);
}

#[test]
fn handles_allocate_nothing() {
    let file = ResourceType::host::<File>();
    allocates_as(&Resource::<File>::new_borrow(1), &Type::Borrow(file), 0);
    allocates_in_memory(&Resource::<File>::new_own(1), 0);
    allocates_in_memory(&vec![Resource::<File>::new_own(1)], 1);
    allocates_in_memory(&Opened::File(Resource::new_own(1)), 0);
}

/// The same for arguments whose types are known at run time.
fn dynamic(types: &[Type], vals: &[Val], expected: usize) {
    let named: Vec<_> = types
        .iter()
        .map(|ty| ("p".to_owned(), ty.clone()))
        .collect();
    let shapes = ParamShapes::new(&named);
    for (val, ty) in vals.iter().zip(types) {
        assert_eq!(count(|| val.check(ty).unwrap()).1, 0, "checking {val}");
    }
    for encoding in [
        StringEncoding::Utf8,
        StringEncoding::Utf16,
        StringEncoding::Latin1OrUtf16,
    ] {
        let mut guest = Guest::new(encoding);
        let mut slots = [0; 16];
        let ((), checked) = count(|| shapes.check(vals).unwrap());
        assert_eq!(checked, 0, "checking {vals:?}");
        let (_, lowered) = count(|| shapes.lower(vals, &mut guest, &mut slots).unwrap());
        assert_eq!(lowered, 0, "lowering {vals:?}");
        let mut back = Vec::with_capacity(vals.len());
        let ((), lifted) = count(|| shapes.lift(&mut guest, &slots, &mut back).unwrap());
        assert_eq!(back, vals);
        assert_eq!(lifted, expected, "lifting {vals:?}");
    }
}

#[test]
fn dynamic_values_allocate_what_they_consist_of() {
    dynamic(&[Type::U8, Type::F64], &[Val::U8(1), Val::F64(0.5)], 0);
    let numbers = Val::List(vec![Val::U16(7); 100]);
    dynamic(&[Type::list(Type::U16)], &[numbers], 1);
    let text = Val::String("Grüße".into());
    let texts = Val::List(vec![text.clone(), text.clone()]);
    dynamic(
        &[Type::list(Type::String), Type::String],
        &[texts, text.clone()],
        4,
    );
    // A record has its fields' names, a variant its case's and a box.
    let record = Type::record([("name", Type::String), ("age", Type::option(Type::U8))]);
    let variant = Type::variant([("nothing", None), ("this", Some(record))]);
    let fields = vec![
        ("name".into(), text),
        ("age".into(), Val::Option(Some(Val::U8(1).into()))),
    ];
    let val = Val::Variant("this".into(), Some(Val::Record(fields).into()));
    dynamic(&[variant], &[val], 7);
    let flags = Type::flags(["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
    dynamic(&[flags], &[Val::Flags(vec!["b".into(), "i".into()])], 3);
    let colors = Type::enumeration(["red", "green"]);
    dynamic(&[colors], &[Val::Enum("green".into())], 1);
    // 17 flat values, which are spilled.
    let many = [(); 17].map(|()| Type::U8);
    dynamic(&many, &[(); 17].map(|()| Val::U8(3)), 0);
}
