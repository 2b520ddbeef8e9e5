//! The canonical ABI to the byte: layouts, flat values and what traps.
#![forbid(unsafe_code)]

mod support;

use enginebay_core::abi::{
    Abi, FlatReader, FlatWriter, enum_abi, flag_bit, flags_layout, lift_params, lift_results,
    record_abi, record_offsets, variant_abi,
};
use enginebay_core::{
    ComponentType, Error, ErrorKind, Lift, Lower, Map, Result, StringEncoding, TrapCode, Type,
};

use support::Guest;
use support::shapes::*;

const fn abi(size: usize, align: usize, flat: usize) -> Abi {
    Abi { size, align, flat }
}

fn flat<T: Lower>(value: T) -> Vec<u64> {
    let mut slots = vec![u64::MAX; T::LAYOUT.flat];
    let mut writer = FlatWriter::new(&mut slots);
    value
        .lower_flat(&mut Guest::utf8(), &T::component_type(), &mut writer)
        .unwrap();
    slots
}

/// The bytes of a value in memory. What is not written is the fill.
fn bytes<T: Lower>(value: T) -> Vec<u8> {
    let mut guest = Guest::utf8();
    guest.next = 64;
    value
        .lower_memory(&mut guest, &T::component_type(), 0)
        .unwrap();
    guest.memory[..T::LAYOUT.size].to_vec()
}

fn lift_flat<T: Lift>(slots: &[u64]) -> Result<T> {
    T::lift_flat(
        &mut Guest::utf8(),
        &T::component_type(),
        &mut FlatReader::new(slots),
    )
}

fn lift_bytes<T: Lift>(bytes: &[u8]) -> Result<T> {
    let mut guest = Guest::utf8();
    guest.memory[..bytes.len()].copy_from_slice(bytes);
    T::lift_memory(&mut guest, &T::component_type(), 0)
}

#[test]
fn a_record_is_padded_between_and_after_its_fields() {
    assert_eq!(Padded::LAYOUT, abi(24, 8, 3));
    let parts = [u8::LAYOUT, u64::LAYOUT, u16::LAYOUT];
    assert_eq!(record_offsets(parts), [0, 8, 16]);
    let value = Padded {
        small: 0x11,
        large: 0x2233_4455_6677_8899,
        medium: 0xaabb,
    };
    #[rustfmt::skip]
    assert_eq!(bytes(value), [
        0x11, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5,
        0x99, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22,
        0xbb, 0xaa, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5,
    ]);
    assert_eq!(flat(value), [0x11, 0x2233_4455_6677_8899, 0xaabb]);

    let parts = [u8::LAYOUT, u16::LAYOUT, u8::LAYOUT, String::LAYOUT];
    assert_eq!(record_offsets(parts), [0, 2, 4, 8]);
    assert_eq!(<(u8, u16, u8, String)>::LAYOUT, abi(16, 4, 5));
    assert_eq!(<(u8, u16, u8, String)>::LAYOUT, record_abi(&parts));
    assert_eq!(Person::LAYOUT, abi(16, 4, 4));
    assert_eq!(<()>::LAYOUT, abi(0, 1, 0));
}

#[derive(ComponentType, Lower, Lift, Clone, Debug, PartialEq)]
enum Join {
    Int(u32),
    Float(f64),
    Text(String),
    Nothing,
}

#[test]
fn a_variant_joins_its_cases() {
    assert_eq!(Join::LAYOUT, abi(16, 8, 3));
    let cases = [u32::LAYOUT, f64::LAYOUT, String::LAYOUT, record_abi(&[])];
    let variant = variant_abi(&cases);
    assert_eq!((variant.discriminant, variant.payload), (1, 8));

    // The case, then i32, i64 and i32 joined: what is not used is zero.
    assert_eq!(flat(Join::Int(7)), [0, 7, 0]);
    assert_eq!(flat(Join::Float(1.5)), [1, 1.5_f64.to_bits(), 0]);
    assert_eq!(flat(Join::Text("abc".into())), [2, 8, 3]);
    assert_eq!(flat(Join::Nothing), [3, 0, 0]);
    #[rustfmt::skip]
    assert_eq!(bytes(Join::Int(7)), [
        0x00, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5,
        0x07, 0x00, 0x00, 0x00, 0xa5, 0xa5, 0xa5, 0xa5,
    ]);
    #[rustfmt::skip]
    assert_eq!(bytes(Join::Text("abc".into())), [
        0x02, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5, 0xa5,
        0x40, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,
    ]);

    // A narrow value in a wide slot is zero extended when it is lowered, also
    // a negative one, and wrapped when it is lifted.
    assert_eq!(flat(Shape::Signed(-1))[..2], [4, 0xffff_ffff]);
    assert_eq!(flat(Shape::Single(-2.0))[..2], [5, 0xc000_0000]);
    assert_eq!(
        lift_flat::<Join>(&[0, u64::MAX << 32 | 7, 9]).unwrap(),
        Join::Int(7)
    );
    assert_eq!(Shape::LAYOUT, abi(32, 8, 4));
}

#[test]
fn discriminants_grow_with_the_number_of_cases() {
    assert_eq!(Color::LAYOUT, abi(1, 1, 1));
    assert_eq!(Bare::LAYOUT, abi(1, 1, 1));
    assert_eq!(Large::LAYOUT, abi(2, 2, 1));
    assert_eq!(enum_abi(256).abi, abi(1, 1, 1));
    assert_eq!(enum_abi(257).abi, abi(2, 2, 1));
    assert_eq!(enum_abi(65_536).abi, abi(2, 2, 1));
    assert_eq!(enum_abi(65_537).abi, abi(4, 4, 1));
    assert_eq!(variant_abi(&[u8::LAYOUT; 257]).abi, abi(4, 2, 2));

    assert_eq!(Option::<u8>::LAYOUT, abi(2, 1, 2));
    assert_eq!(Option::<u64>::LAYOUT, abi(16, 8, 2));
    assert_eq!(<std::result::Result<(), ()>>::LAYOUT, abi(1, 1, 1));
    assert_eq!(<std::result::Result<u16, String>>::LAYOUT, abi(12, 4, 3));
    assert_eq!(bytes(Some(5_u16)), [1, 0xa5, 5, 0]);
    assert_eq!(flat(None::<String>), [0, 0, 0]);
}

#[test]
fn flags_take_as_few_bytes_as_they_can() {
    assert_eq!(Flags1::LAYOUT, abi(1, 1, 1));
    assert_eq!(Flags8::LAYOUT, abi(1, 1, 1));
    assert_eq!(Flags9::LAYOUT, abi(2, 2, 1));
    assert_eq!(Flags16::LAYOUT, abi(2, 2, 1));
    assert_eq!(Flags17::LAYOUT, abi(4, 4, 1));
    assert_eq!(Flags32::LAYOUT, abi(4, 4, 1));
    assert_eq!(Flags33::LAYOUT, abi(8, 4, 2));
    assert_eq!(Flags64::LAYOUT, abi(8, 4, 2));
    assert_eq!(flags_layout(65), abi(12, 4, 3));
    assert_eq!(flag_bit(37), (1, 32));

    assert_eq!(bytes(Flags8::F0 | Flags8::F7), [0x81]);
    assert_eq!(bytes(Flags9::F1 | Flags9::F8), [0x02, 0x01]);
    assert_eq!(bytes(Flags17::F0 | Flags17::F16), [1, 0, 1, 0]);
    assert_eq!(bytes(Flags33::F8 | Flags33::F32), [0, 1, 0, 0, 1, 0, 0, 0]);
    assert_eq!(flat(Flags64::all()), [0xffff_ffff, 0xffff_ffff]);
    assert_eq!(flat(Flags33::all()), [0xffff_ffff, 1]);

    // The host keeps no more than the guest does.
    assert_eq!(size_of::<Flags8>(), 1);
    assert_eq!(size_of::<Flags16>(), 2);
    assert_eq!(size_of::<Flags64>(), 8);
}

fn trap<T>(result: Result<T>) -> TrapCode {
    match result {
        Ok(_) => panic!("nothing trapped"),
        Err(error) => match error.kind() {
            ErrorKind::Trap(code) => *code,
            other => panic!("not a trap: {other:?}"),
        },
    }
}

#[test]
fn bad_discriminants_trap() {
    let code = TrapCode::InvalidDiscriminant;
    assert_eq!(trap(lift_flat::<Join>(&[4, 0, 0])), code);
    assert_eq!(trap(lift_flat::<Bare>(&[2])), code);
    assert_eq!(trap(lift_flat::<Color>(&[3])), code);
    assert_eq!(trap(lift_flat::<Only>(&[1])), code);
    assert_eq!(trap(lift_flat::<Large>(&[300])), code);
    assert_eq!(trap(lift_flat::<Option<u8>>(&[2, 0])), code);
    assert_eq!(
        trap(lift_flat::<std::result::Result<u8, ()>>(&[u64::MAX, 0])),
        code
    );
    assert_eq!(trap(lift_bytes::<Join>(&[4])), code);
    assert_eq!(trap(lift_bytes::<Color>(&[3])), code);
    assert_eq!(trap(lift_bytes::<Large>(&300_u16.to_le_bytes())), code);
    assert_eq!(trap(lift_bytes::<Option<u8>>(&[2])), code);
    // A discriminant is an `i32`: what is above it in a slot does not count.
    assert_eq!(lift_flat::<Color>(&[1 << 32]).unwrap(), Color::Red);
}

#[test]
fn bad_chars_trap() {
    for bits in [0xd800, 0xdfff, 0x11_0000, u32::MAX] {
        let code = TrapCode::InvalidChar;
        assert_eq!(trap(lift_flat::<char>(&[bits.into()])), code);
        assert_eq!(trap(lift_bytes::<char>(&bits.to_le_bytes())), code);
    }
}

/// Lifts a string that the guest claims to have.
fn string(encoding: StringEncoding, at: usize, len: u64, bytes: &[u8]) -> Result<String> {
    let mut guest = Guest::new(encoding);
    if let Some(to) = guest.memory.get_mut(at..at + bytes.len()) {
        to.copy_from_slice(bytes);
    }
    let ty = String::component_type();
    let from_memory = {
        let mut pair = (at as u32).to_le_bytes().to_vec();
        pair.extend((len as u32).to_le_bytes());
        let pair = guest.put(4, &pair);
        String::lift_memory(&mut guest, &ty, pair)
    };
    let slots = [at as u64, len];
    let from_flat = String::lift_flat(&mut guest, &ty, &mut FlatReader::new(&slots));
    assert_eq!(
        from_flat.as_ref().map_err(Error::kind),
        from_memory.as_ref().map_err(Error::kind)
    );
    from_flat
}

#[test]
fn bad_strings_trap() {
    use StringEncoding::{Latin1OrUtf16, Utf8, Utf16};
    let tag = 1 << 31;
    let size = 1 << 16;
    let at = 256;

    let code = TrapCode::InvalidString;
    assert_eq!(trap(string(Utf8, at, 2, &[b'a', 0xff])), code);
    assert_eq!(trap(string(Utf8, at, 1, &[0xc3])), code);
    assert_eq!(trap(string(Utf8, at, 3, &[0xed, 0xa0, 0x80])), code);
    assert_eq!(trap(string(Utf16, at, 1, &[0x00, 0xd8])), code);
    assert_eq!(trap(string(Utf16, at, 2, &[0x00, 0xdc, 0x00, 0xd8])), code);
    let tagged = string(Latin1OrUtf16, at, tag | 1, &[0x00, 0xd8]);
    assert_eq!(trap(tagged), code);
    assert_eq!(string(Latin1OrUtf16, at, 1, &[0xff]).unwrap(), "ÿ");

    let code = TrapCode::StringOutOfBounds;
    assert_eq!(trap(string(Utf8, size - 1, 2, &[])), code);
    assert_eq!(trap(string(Utf8, size + 1, 0, &[])), code);
    assert_eq!(trap(string(Utf8, 0xffff_ffff, 0x7fff_ffff, &[])), code);
    assert_eq!(trap(string(Utf16, size - 2, 2, &[])), code);
    assert_eq!(trap(string(Latin1OrUtf16, size - 2, 3, &[])), code);
    assert_eq!(trap(string(Latin1OrUtf16, size - 2, tag | 2, &[])), code);
    assert_eq!(string(Utf8, size, 0, &[]).unwrap(), "");

    let code = TrapCode::UnalignedPointer;
    assert_eq!(trap(string(Utf16, at + 1, 1, &[])), code);
    assert_eq!(trap(string(Latin1OrUtf16, at + 1, 0, &[])), code);

    // Lengths that no string may have do not fit into this memory either.
    let code = TrapCode::StringOutOfBounds;
    assert_eq!(trap(string(Utf8, at, 0x8000_0000, &[])), code);
    assert_eq!(trap(string(Utf16, at, 0x4000_0000, &[])), code);
}

#[test]
fn bad_lists_trap() {
    let list = |at: u64, len: u64| lift_flat::<Vec<u32>>(&[at, len]);
    let size = 1 << 16;
    assert_eq!(trap(list(2, 1)), TrapCode::UnalignedPointer);
    assert_eq!(trap(list(size - 4, 2)), TrapCode::ListOutOfBounds);
    assert_eq!(trap(list(0xffff_fffc, 1)), TrapCode::ListOutOfBounds);
    assert_eq!(trap(list(0, 0x0400_0000)), TrapCode::ListOutOfBounds);
    assert_eq!(trap(list(0, 0xffff_ffff)), TrapCode::ListOutOfBounds);
    assert_eq!(list(size - 4, 1).unwrap().len(), 1);
    assert!(list(size, 0).unwrap().is_empty());
    assert_eq!(
        trap(lift_flat::<Vec<Padded>>(&[4, 0])),
        TrapCode::UnalignedPointer
    );
}

#[test]
fn bad_maps_trap() {
    let map = |at: u64, len: u64| lift_flat::<Map<u8, u32>>(&[at, len]);
    let size = 1 << 16;
    assert_eq!(trap(map(2, 1)), TrapCode::UnalignedPointer);
    assert_eq!(trap(map(size - 8, 2)), TrapCode::ListOutOfBounds);
    assert_eq!(trap(map(0, 0xffff_ffff)), TrapCode::ListOutOfBounds);
    assert_eq!(map(size - 8, 1).unwrap().len(), 1);
    assert!(map(size, 0).unwrap().is_empty());
}

#[test]
fn bad_pointers_to_values_trap() {
    let ty = <(Person,)>::component_type();
    for (pointer, code) in [
        (2, TrapCode::UnalignedPointer),
        ((1 << 16) - 8, TrapCode::PointerOutOfBounds),
        (0xffff_fff0, TrapCode::PointerOutOfBounds),
    ] {
        let mut guest = Guest::utf8();
        let result = lift_results::<(Person,), _>(&mut guest, &ty, &[pointer]);
        assert_eq!(trap(result), code);
        type Many = ((Person, Person), (Person, Person), u8);
        let ty = Many::component_type();
        assert_eq!(
            trap(lift_params::<Many, _>(&mut guest, &ty, &[pointer])),
            code
        );
    }
}

#[test]
fn strings_are_allocated_as_the_canonical_abi_says() {
    let reallocs = |encoding, text: &str| {
        let mut guest = Guest::new(encoding);
        let mut slots = [0; 2];
        text.lower_flat(&mut guest, &Type::String, &mut FlatWriter::new(&mut slots))
            .unwrap();
        guest.reallocs
    };
    let utf8 = |text| reallocs(StringEncoding::Utf8, text);
    assert_eq!(utf8("né"), [[0, 0, 1, 3]]);
    assert_eq!(utf8(""), [[0, 0, 1, 0]]);

    let utf16 = |text| reallocs(StringEncoding::Utf16, text);
    assert_eq!(utf16("ab"), [[0, 0, 2, 4]]);
    assert_eq!(utf16("né"), [[0, 0, 2, 6], [8, 6, 2, 4]]);

    let latin1 = |text| reallocs(StringEncoding::Latin1OrUtf16, text);
    assert_eq!(latin1("ab"), [[0, 0, 2, 2]]);
    assert_eq!(latin1("né"), [[0, 0, 2, 3], [8, 3, 2, 2]]);
    let inflated = [[0, 0, 2, 6], [8, 6, 2, 12], [8, 12, 2, 6]];
    assert_eq!(latin1("né€"), inflated);
}

#[test]
fn what_the_host_allocates_is_charged_before() {
    fn charged<T: Lower + Lift>(value: &T, encoding: StringEncoding) -> usize {
        let ty = T::component_type();
        let mut guest = Guest::new(encoding);
        let mut slots = vec![0; T::LAYOUT.flat];
        value
            .lower_flat(&mut guest, &ty, &mut FlatWriter::new(&mut slots))
            .unwrap();
        T::lift_flat(&mut guest, &ty, &mut FlatReader::new(&slots)).unwrap();
        let charged = guest.charged;
        if charged > 0 {
            guest.budget = charged - 1;
            let error = T::lift_flat(&mut guest, &ty, &mut FlatReader::new(&slots)).err();
            assert!(matches!(
                error.unwrap().kind(),
                ErrorKind::HostAllocationLimit { .. }
            ));
        }
        charged
    }
    let text = "Grüße".to_string();
    // A string costs what it takes in the guest's memory.
    for (encoding, bytes) in [
        (StringEncoding::Utf8, 7),
        (StringEncoding::Utf16, 10),
        (StringEncoding::Latin1OrUtf16, 5),
    ] {
        assert_eq!(charged(&text, encoding), bytes);
        assert_eq!(charged(&vec![text.clone(); 2], encoding), 2 * (24 + bytes));
        assert_eq!(charged(&vec![1_u16; 5], encoding), 10);
        let padded = size_of::<Padded>();
        assert_eq!(charged(&vec![Padded::default(); 3], encoding), 3 * padded);
        assert_eq!(charged(&(1_u8, Some(2.0_f64), Color::Red), encoding), 0);
    }
}

#[test]
fn a_guest_without_memory_left_is_an_error() {
    let mut guest = Guest::utf8();
    guest.next = guest.memory.len() - 4;
    let ty = String::component_type();
    let mut slots = [0; 2];
    let result = "too long".lower_flat(&mut guest, &ty, &mut FlatWriter::new(&mut slots));
    assert_eq!(trap(result), TrapCode::PointerOutOfBounds);
}
