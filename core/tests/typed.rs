//! Typed values over a plain memory: each shape crosses in both directions, as
//! flat values, through memory and as an element of a list, in each string
//! encoding.
#![forbid(unsafe_code)]

mod support;

use std::fmt::Debug;

use enginebay_core::abi::{
    FlatReader, FlatWriter, LowerContext, lift_params, lift_results, lower_params,
};
use enginebay_core::{
    ComponentNamedList, ComponentType, ErrorKind, Field, Lift, Lower, Map, Resource, ResourceAny,
    ResourceType, StringEncoding, Type,
};

use support::shapes::*;
use support::{Guest, Handle};

const ENCODINGS: [StringEncoding; 3] = [
    StringEncoding::Utf8,
    StringEncoding::Utf16,
    StringEncoding::Latin1OrUtf16,
];

fn lower_flat<T: Lower>(guest: &mut Guest, ty: &Type, value: &T) -> Vec<u64> {
    // What is not written stays visible.
    let mut slots = vec![u64::MAX; T::LAYOUT.flat];
    let mut writer = FlatWriter::new(&mut slots);
    value.lower_flat(guest, ty, &mut writer).unwrap();
    assert_eq!(writer.written(), T::LAYOUT.flat);
    slots
}

fn lift_flat<T: Lift>(guest: &mut Guest, ty: &Type, slots: &[u64]) -> T {
    let mut reader = FlatReader::new(slots);
    let value = T::lift_flat(guest, ty, &mut reader).unwrap();
    assert_eq!(reader.position(), T::LAYOUT.flat);
    value
}

/// Lowers a value to memory of its own; nothing around it may be written.
fn lower_memory<T: Lower>(guest: &mut Guest, ty: &Type, value: &T) -> usize {
    let abi = T::LAYOUT;
    let at = guest.realloc(0, 0, abi.align, abi.size).unwrap();
    let end = guest.next;
    value.lower_memory(guest, ty, at).unwrap();
    assert!(guest.memory[..at].iter().all(|byte| *byte == support::FILL));
    assert!(
        guest.memory[guest.next..]
            .iter()
            .all(|byte| *byte == support::FILL)
    );
    assert!(guest.next >= end);
    at
}

fn each_way<T>(value: &T, same: impl Fn(&T, &T) -> bool)
where
    T: Lower + Lift + Clone + Debug,
{
    let ty = T::component_type();
    let check = |back: &T, how: &str| assert!(same(value, back), "{how}: {value:?}, {back:?}");
    for encoding in ENCODINGS {
        let mut guest = Guest::new(encoding);
        let slots = lower_flat(&mut guest, &ty, value);
        check(&lift_flat(&mut guest, &ty, &slots), "flat");

        let mut guest = Guest::new(encoding);
        let at = lower_memory(&mut guest, &ty, value);
        check(&T::lift_memory(&mut guest, &ty, at).unwrap(), "memory");

        let mut guest = Guest::new(encoding);
        let list = vec![value.clone(); 3];
        let ty = Vec::<T>::component_type();
        let at = lower_memory(&mut guest, &ty, &list);
        let back = Vec::<T>::lift_memory(&mut guest, &ty, at).unwrap();
        assert_eq!(back.len(), 3);
        for item in &back {
            check(item, "list");
        }
    }
}

fn round_trip<T: Lower + Lift + Clone + Debug + PartialEq>(value: T) {
    each_way(&value, T::eq);
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
    large: u64::MAX - 1,
    medium: 0x1234,
};

#[test]
fn numbers_keep_their_edges() {
    macro_rules! edges {
        ($($ty:ident)*) => {$(
            for value in [$ty::MIN, 0, 1, $ty::MAX / 2, $ty::MAX - 1, $ty::MAX] {
                round_trip(value);
            }
        )*};
    }
    edges!(u8 i8 u16 i16 u32 i32 u64 i64);
    round_trip(-1_i8);
    round_trip(-1_i64);
}

#[test]
fn floats_keep_their_bits() {
    for bits in [
        0,
        1 << 31,
        1.5_f32.to_bits(),
        f32::INFINITY.to_bits(),
        0x7fc0_0000,
        0xffc0_0001,
        0x7fa0_1234,
        1,
    ] {
        each_way(&f32::from_bits(bits), |a, b| a.to_bits() == b.to_bits());
    }
    for bits in [
        0,
        1 << 63,
        1.5_f64.to_bits(),
        f64::NEG_INFINITY.to_bits(),
        0x7ff8_0000_0000_0000,
        0xfff8_0000_0000_0001,
        0x7ff4_0000_0000_1234,
        1,
    ] {
        each_way(&f64::from_bits(bits), |a, b| a.to_bits() == b.to_bits());
    }
}

#[test]
fn bools_and_chars() {
    round_trip(true);
    round_trip(false);
    for c in ['\0', 'a', 'ÿ', '\u{d7ff}', '\u{e000}', '😀', char::MAX] {
        round_trip(c);
    }
    // Any number but zero is true, and lifting wraps to the type's width.
    let mut guest = Guest::utf8();
    assert!(lift_flat::<bool>(&mut guest, &Type::Bool, &[2]));
    assert_eq!(lift_flat::<u8>(&mut guest, &Type::U8, &[0xabcd]), 0xcd);
    assert_eq!(lift_flat::<i8>(&mut guest, &Type::S8, &[0x80]), -128);
    assert_eq!(
        lift_flat::<u32>(&mut guest, &Type::U32, &[u64::MAX]),
        u32::MAX
    );
}

#[test]
fn strings_in_each_encoding() {
    for text in ["", "a", "plain", "Grüße", "żółw", "日本語", "a😀b", "\0"] {
        round_trip(text.to_string());
        for encoding in ENCODINGS {
            let mut guest = Guest::new(encoding);
            let slots = lower_flat(&mut guest, &Type::String, &text);
            let back: Box<str> = lift_flat(&mut guest, &Type::String, &slots);
            assert_eq!(&*back, text);
        }
    }
}

#[test]
fn strings_have_the_bytes_of_their_encoding() {
    let lowered = |encoding, text: &str| {
        let mut guest = Guest::new(encoding);
        let slots = lower_flat(&mut guest, &Type::String, &text);
        let end = guest.next;
        (slots[1], guest.memory[slots[0] as usize..end].to_vec())
    };
    assert_eq!(
        lowered(StringEncoding::Utf8, "é€"),
        (5, "é€".as_bytes().to_vec())
    );
    assert_eq!(
        lowered(StringEncoding::Utf16, "é😀"),
        (3, vec![0xe9, 0x00, 0x3d, 0xd8, 0x00, 0xde])
    );
    assert_eq!(
        lowered(StringEncoding::Latin1OrUtf16, "né"),
        (2, vec![b'n', 0xe9])
    );
    assert_eq!(
        lowered(StringEncoding::Latin1OrUtf16, "é€"),
        (1 << 31 | 2, vec![0xe9, 0x00, 0xac, 0x20])
    );
}

#[test]
fn records() {
    round_trip(PADDED);
    round_trip(person("Zoë"));
    let mut nested = Nested {
        head: PADDED,
        owner: person("Ada"),
        tail: Some(Padded::default()),
    };
    round_trip(nested.clone());
    nested.tail = None;
    round_trip(nested);
}

#[test]
fn generic_records() {
    round_trip(Pair {
        first: "one".to_string(),
        second: vec![1_u8, 2, 3],
    });
    round_trip(Pair {
        first: PADDED,
        second: vec![Pair {
            first: (),
            second: vec![person("inner")],
        }],
    });
}

#[test]
fn borrowing_records_are_lowered() {
    let view = View {
        text: "borrowed",
        numbers: &[1, 2, 0xffff],
    };
    let ty = View::component_type();
    let mut guest = Guest::utf8();
    let slots = lower_flat(&mut guest, &ty, &view);
    let owned: (String, Vec<u16>) = lift_flat(&mut guest, &ty, &slots);
    assert_eq!(owned, ("borrowed".into(), vec![1, 2, 0xffff]));
}

#[test]
fn variants() {
    for shape in [
        Shape::Nothing,
        Shape::Count(u32::MAX),
        Shape::Fraction(-0.5),
        Shape::Text("a variant's".into()),
        Shape::Signed(-1),
        Shape::Single(3.25),
        Shape::Inner(PADDED),
    ] {
        round_trip(shape.clone());
        round_trip(Either::<_, u8>::Left(shape.clone()));
        round_trip(Some(shape));
    }
    round_trip(Either::<u64, String>::Right("right".into()));
    round_trip(Bare::One);
    round_trip(Bare::Two);
}

#[test]
fn enums_count_cases_from_zero() {
    for color in [Color::Red, Color::Green, Color::Blue] {
        round_trip(color);
    }
    round_trip(Only::This);
    let mut guest = Guest::utf8();
    let ty = Color::component_type();
    assert_eq!(lower_flat(&mut guest, &ty, &Color::Blue), [2]);

    for large in [Large::C0, Large::C255, Large::C256, Large::C299] {
        round_trip(large);
    }
    let at = lower_memory(&mut guest, &Large::component_type(), &Large::C299);
    assert_eq!(guest.memory[at..at + 2], 299_u16.to_le_bytes());
}

#[test]
fn options_and_results_in_all_forms() {
    round_trip(None::<u8>);
    round_trip(Some(Some(Some(7_u64))));
    round_trip(Some("text".to_string()));
    round_trip(Ok::<(), ()>(()));
    round_trip(Err::<(), ()>(()));
    round_trip(Ok::<u32, ()>(5));
    round_trip(Err::<u32, ()>(()));
    round_trip(Ok::<(), String>(()));
    round_trip(Err::<(), String>("failed".into()));
    round_trip(Ok::<f32, u64>(1.5));
    round_trip(Err::<f32, u64>(u64::MAX));
    round_trip(Ok::<Option<Color>, Shape>(Some(Color::Green)));

    let ty = |ty: Type| ty.to_string();
    assert_eq!(ty(Result::<(), ()>::component_type()), "result");
    assert_eq!(ty(Result::<u8, ()>::component_type()), "result<u8>");
    assert_eq!(ty(Result::<(), u8>::component_type()), "result<_, u8>");
}

#[test]
fn tuples_and_lists() {
    round_trip((1_u8,));
    round_trip((1_u8, "two".to_string(), 3.0_f64, [4_u16, 5].to_vec()));
    round_trip(vec![PADDED, Padded::default()]);
    round_trip(vec![
        vec!["a".to_string(), String::new()],
        vec![],
        vec!["żółw".into()],
    ]);
    round_trip(vec![true, false]);
    round_trip(vec!['a', '😀']);
    round_trip(Vec::<Person>::new());
    for list in [vec![1_u64, 2, u64::MAX], vec![]] {
        let mut guest = Guest::utf8();
        let ty = Type::list(Type::U64);
        let slots = lower_flat(&mut guest, &ty, &list.as_slice());
        let back: Box<[u64]> = lift_flat(&mut guest, &ty, &slots);
        assert_eq!(*back, *list);
    }
}

#[test]
fn fixed_length_lists() {
    round_trip([1_u8, 2, 3]);
    round_trip([u64::MAX; 40]);
    round_trip([person("a"), person("")]);
    round_trip([[Some('é'), None], [None, None]]);
    assert_eq!(<[u16; 3]>::component_type().to_string(), "list<u16, 3>");
    // They stand where they are, without a pointer.
    let mut guest = Guest::utf8();
    assert_eq!(
        lower_flat(&mut guest, &<[u16; 3]>::component_type(), &[7, 8, 9]),
        [7, 8, 9]
    );
    assert!(guest.reallocs.is_empty());
}

#[test]
fn maps_are_lists_of_pairs_in_order() {
    round_trip(Map::<String, u32>::default());
    round_trip(Map::from([(3_u8, 1_u64), (1, 2)]));
    round_trip(Map::from([
        ("b".to_string(), vec![person("a")]),
        ("a".to_string(), vec![]),
    ]));
    let ty = Map::<u8, u16>::component_type();
    assert_eq!(ty.to_string(), "map<u8, u16>");

    let mut guest = Guest::utf8();
    let slots = lower_flat(&mut guest, &ty, &Map::from([(9_u8, 1_u16), (4, 2)]));
    let at = slots[0] as usize;
    assert_eq!(slots[1], 2);
    assert_eq!(guest.memory[at], 4);
    assert_eq!(guest.memory[at + 2..at + 5], [2, 0, 9]);

    // The last of a key's values counts, and each entry is charged.
    let at = guest.put(2, &[1, 0, 5, 0, 1, 0, 6, 0]) as u64;
    let map: Map<u8, u16> = lift_flat(&mut guest, &ty, &[at, 2]);
    assert_eq!(map, Map::from([(1, 6)]));
    assert_eq!(guest.charged, 2 * size_of::<(u8, u16)>());
}

#[test]
fn flags_of_each_size() {
    macro_rules! each {
        ($($flags:ident $last:ident $words:literal,)*) => {$(
            assert_eq!($flags::all().bits().len(), $words);
            for value in [$flags::empty(), $flags::F0, $flags::$last, $flags::all()] {
                round_trip(value);
                assert_eq!(!!value, value);
                assert_eq!($flags::from_bits_truncate(value.bits()), value);
            }
            assert_eq!($flags::from_bits_truncate([u32::MAX; $words]), $flags::all());
            assert!($flags::all().contains($flags::F0 | $flags::$last));
            assert_eq!($flags::default(), $flags::empty());
        )*};
    }
    each! {
        Flags1 F0 1, Flags8 F7 1, Flags9 F8 1, Flags16 F15 1, Flags17 F16 1,
        Flags32 F31 1, Flags33 F32 2, Flags64 F63 2,
    }
}

#[test]
fn flags_are_sets() {
    let mut set = Permissions::READ | Permissions::WRITE;
    assert!(set.contains(Permissions::READ) && !set.contains(Permissions::all()));
    assert!(set.intersects(Permissions::all()) && !set.intersects(Permissions::RUN_AS_ROOT));
    set.remove(Permissions::READ);
    assert_eq!(set, Permissions::WRITE);
    set.insert(Permissions::RUN_AS_ROOT);
    assert_eq!(set, !Permissions::READ);
    assert_eq!(set - Permissions::WRITE, Permissions::RUN_AS_ROOT);
    assert_eq!(set ^ Permissions::all(), Permissions::READ);
    assert_eq!(set & Permissions::READ, Permissions::empty());
    assert!((set & Permissions::READ).is_empty() && !set.is_empty());
    set &= Permissions::WRITE;
    set |= Permissions::READ;
    set ^= Permissions::all();
    set -= Permissions::all();
    assert!(set.is_empty());

    const BOTH: Permissions = Permissions::READ.union(Permissions::WRITE);
    assert_eq!(BOTH.bits(), [3]);
    assert_eq!(format!("{BOTH:?}"), "Permissions(READ | WRITE)");
    assert_eq!(format!("{:?}", Permissions::empty()), "Permissions()");
}

#[test]
fn unknown_flags_are_dropped() {
    let mut guest = Guest::utf8();
    let ty = Permissions::component_type();
    assert_eq!(
        lift_flat::<Permissions>(&mut guest, &ty, &[u64::MAX]),
        Permissions::all()
    );
    let at = guest.put(1, &[0b1111_0010]);
    let lifted = Permissions::lift_memory(&mut guest, &ty, at).unwrap();
    assert_eq!(lifted, Permissions::WRITE);
}

#[test]
fn names_and_types_are_those_of_wit() {
    assert_eq!(
        Person::component_type().to_string(),
        "record { full-name: string, years-old: u32, type: char }"
    );
    assert_eq!(
        Shape::component_type().to_string(),
        "variant { nothing, count(u32), ratio(f64), text(string), signed(s8), single(f32), \
         inner(record { small: u8, large: u64, medium: u16 }) }"
    );
    assert_eq!(
        Color::component_type().to_string(),
        "enum { red, dark-green, blue }"
    );
    assert_eq!(Bare::component_type().to_string(), "variant { one, two }");
    assert_eq!(
        Permissions::component_type().to_string(),
        "flags { read, append, run-as-root }"
    );
    assert_eq!(
        Pair::<bool, u8>::component_type(),
        Type::Record(
            [
                Field {
                    name: "first".into(),
                    ty: Type::Bool
                },
                Field {
                    name: "second".into(),
                    ty: Type::list(Type::U8)
                },
            ]
            .into()
        )
    );
    assert_eq!(<(u8, String)>::component_types(), [Type::U8, Type::String]);
}

fn handles_type() -> Type {
    let file = ResourceType::host::<File>();
    Type::record([
        ("own", Type::Own(file)),
        ("borrow", Type::Borrow(file)),
        ("any", Type::Own(ResourceType::component(1))),
        ("more", Type::list(Type::Own(file))),
    ])
}

fn handles() -> (Handles, ResourceAny) {
    let any = ResourceAny::new(ResourceType::component(1), 1, (9, 1), true, None);
    let handles = Handles {
        own: Resource::new_own(5),
        borrow: Resource::new_borrow(6),
        any,
        more: vec![Resource::new_own(7), Resource::new_own(8)],
    };
    (handles, any)
}

#[test]
fn handles_follow_the_components_type() {
    const { assert!(Handles::HAS_HANDLES && Opened::HAS_HANDLES && !Nested::HAS_HANDLES) };
    let ty = handles_type();
    let file = ResourceType::host::<File>();
    let check = |guest: &mut Guest, back: &Handles| {
        let (_, any) = handles();
        assert_eq!((back.own.rep(), back.own.owned()), (5, true));
        assert_eq!((back.borrow.rep(), back.borrow.owned()), (6, false));
        assert_eq!(back.any, any);
        let more: Vec<_> = back.more.iter().map(Resource::rep).collect();
        assert_eq!(more, [7, 8]);
        // Owned handles left the guest's table; the others are still there.
        assert_eq!(
            guest.handles,
            [
                None,
                Some(Handle::Borrow(file, 6)),
                Some(Handle::Any(any)),
                None,
                None
            ]
        );
    };

    let mut guest = Guest::utf8();
    let slots = lower_flat(&mut guest, &ty, &handles().0);
    assert_eq!(slots[..3], [1, 2, 3]);
    let back = lift_flat(&mut guest, &ty, &slots);
    check(&mut guest, &back);

    let mut guest = Guest::utf8();
    let at = lower_memory(&mut guest, &ty, &handles().0);
    let back = Handles::lift_memory(&mut guest, &ty, at).unwrap();
    check(&mut guest, &back);
}

#[test]
fn handles_in_variants() {
    let file = ResourceType::host::<File>();
    for (ty, value) in [
        (Type::Own(file), Resource::new_own(3)),
        (Type::Borrow(file), Resource::new_own(3)),
    ] {
        let owned = matches!(ty, Type::Own(_));
        let ty = Type::variant([("closed", None), ("file", Some(ty))]);
        let mut guest = Guest::utf8();
        let slots = lower_flat(&mut guest, &ty, &Opened::File(value));
        assert_eq!(slots, [1, 1]);
        match lift_flat(&mut guest, &ty, &slots) {
            Opened::File(file) => assert_eq!((file.rep(), file.owned()), (3, owned)),
            Opened::Closed => panic!("another case was lowered"),
        }
    }
    let optional = Type::option(Type::Own(file));
    let mut guest = Guest::utf8();
    let slots = lower_flat(&mut guest, &optional, &Some(Resource::<File>::new_own(4)));
    let back: Option<Resource<File>> = lift_flat(&mut guest, &optional, &slots);
    assert_eq!(back.map(|file| file.rep()), Some(4));
}

#[test]
fn handles_are_checked_before_they_are_lowered() {
    let file = ResourceType::host::<File>();
    let lower = |value: &Resource<File>, ty: &Type| {
        let mut slots = [0];
        value.lower_flat(&mut Guest::utf8(), ty, &mut FlatWriter::new(&mut slots))
    };
    let spent = Resource::<File>::new_own(1);
    lower(&spent, &Type::Own(file)).unwrap();
    for error in [
        lower(&spent, &Type::Own(file)),
        lower(&Resource::new_borrow(1), &Type::Own(file)),
        lower(&Resource::new_own(1), &Type::U32),
    ] {
        assert_eq!(*error.unwrap_err().kind(), ErrorKind::TypeMismatch);
    }
}

/// Seventeen parameters, the last of them a string.
type Many = (
    (u8, u16, u32, u64, i8, i16, i32, i64),
    (u8, u16, u32, u64, i8, i16, i32),
    String,
);

fn many() -> Many {
    (
        (1, 2, 3, 4, -5, -6, -7, -8),
        (9, 10, 11, 12, -13, -14, -15),
        "seventeen".into(),
    )
}

#[test]
fn parameters_spill_over_sixteen_flat_values() {
    let fits = (1_u32, "two".to_string(), Some(3_u64));
    let ty = <(u32, String, Option<u64>)>::component_type();
    let mut guest = Guest::utf8();
    let mut slots = [0; 16];
    let written = lower_params(&fits, &mut guest, &ty, &mut slots).unwrap();
    assert_eq!(written, 5);
    let back: (u32, String, Option<u64>) = lift_params(&mut guest, &ty, &slots).unwrap();
    assert_eq!(back, fits);

    assert_eq!(Many::LAYOUT.flat, 17);
    let ty = Many::component_type();
    let mut guest = Guest::utf8();
    let written = lower_params(&many(), &mut guest, &ty, &mut slots).unwrap();
    assert_eq!(written, 1);
    assert!((slots[0] as usize).is_multiple_of(8));
    let back: Many = lift_params(&mut guest, &ty, &slots[..1]).unwrap();
    assert_eq!(back, many());
}

#[test]
fn results_over_one_flat_value_go_through_memory() {
    let mut guest = Guest::utf8();
    let ty = <(u32,)>::component_type();
    assert_eq!(
        lift_results::<(u32,), _>(&mut guest, &ty, &[7]).unwrap(),
        (7,)
    );
    lift_results::<(), _>(&mut guest, &<()>::component_type(), &[]).unwrap();

    let ty = <(Person,)>::component_type();
    let at = lower_memory(&mut guest, &ty, &(person("result"),));
    let back: (Person,) = lift_results(&mut guest, &ty, &[at as u64]).unwrap();
    assert_eq!(back, (person("result"),));
}

/// Fields, types and functions with the names that expansions use inside.
mod names {
    #![allow(non_upper_case_globals, dead_code)]

    use super::round_trip;

    fn cx() {}
    fn value() {}
    struct Result;
    struct Error;
    struct Type;
    struct Abi;
    struct Lower;

    #[derive(
        enginebay_core::ComponentType,
        enginebay_core::Lower,
        enginebay_core::Lift,
        Clone,
        Debug,
        PartialEq,
    )]
    #[component(crate = enginebay_core)]
    struct Fields<T, U> {
        cx: u8,
        ty: u16,
        dst: u32,
        src: u64,
        offset: String,
        at: i8,
        abi: i16,
        end: i32,
        value: i64,
        case: T,
        bits: U,
        bytes: bool,
    }

    #[derive(
        enginebay_core::ComponentType,
        enginebay_core::Lower,
        enginebay_core::Lift,
        Clone,
        Debug,
        PartialEq,
    )]
    #[component(variant, crate = enginebay_core)]
    enum Cases {
        Cx(u8),
        Value(String),
        Self_(u32),
    }

    enginebay_core::flags! {
        #[component(crate = enginebay_core)]
        Bits {
            const cx;
            const word;
            const BITS;
        }
    }

    #[test]
    fn do_not_collide() {
        round_trip(Fields {
            cx: 1,
            ty: 2,
            dst: 3,
            src: 4,
            offset: "5".into(),
            at: 6,
            abi: 7,
            end: 8,
            value: 9,
            case: 'c',
            bits: vec![Bits::cx, Bits::word | Bits::BITS],
            bytes: true,
        });
        for case in [Cases::Cx(1), Cases::Value("2".into()), Cases::Self_(3)] {
            round_trip(case);
        }
    }

    #[test]
    fn types_may_be_local_to_a_function() {
        #[derive(
            enginebay_core::ComponentType,
            enginebay_core::Lower,
            enginebay_core::Lift,
            Clone,
            Debug,
            PartialEq,
        )]
        struct Local<const N: usize, T> {
            field: T,
        }
        round_trip(Local::<4, _> { field: 1_u8 });
    }
}
