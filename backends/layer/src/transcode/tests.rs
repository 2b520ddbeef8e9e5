//! Each transcoder against one that goes character by character.

use enginebay_core::ErrorKind;

use super::*;

const UTF8: Transcode = Transcode::Copy(FixedEncoding::Utf8);
const UTF16: Transcode = Transcode::Copy(FixedEncoding::Utf16);
const LATIN1: Transcode = Transcode::Copy(FixedEncoding::Latin1);

const ALL: [Transcode; 12] = [
    UTF8,
    UTF16,
    LATIN1,
    Transcode::Latin1ToUtf16,
    Transcode::Latin1ToUtf8,
    Transcode::Utf16ToCompactProbablyUtf16,
    Transcode::Utf16ToCompactUtf16,
    Transcode::Utf16ToLatin1,
    Transcode::Utf16ToUtf8,
    Transcode::Utf8ToCompactUtf16,
    Transcode::Utf8ToLatin1,
    Transcode::Utf8ToUtf16,
];

/// What the source is encoded in.
fn source(op: Transcode) -> FixedEncoding {
    match op {
        Transcode::Copy(encoding) => encoding,
        Transcode::Latin1ToUtf16 | Transcode::Latin1ToUtf8 => FixedEncoding::Latin1,
        Transcode::Utf16ToCompactProbablyUtf16
        | Transcode::Utf16ToCompactUtf16
        | Transcode::Utf16ToLatin1
        | Transcode::Utf16ToUtf8 => FixedEncoding::Utf16,
        Transcode::Utf8ToCompactUtf16 | Transcode::Utf8ToLatin1 | Transcode::Utf8ToUtf16 => {
            FixedEncoding::Utf8
        }
    }
}

/// The width of the destination's code units.
fn width(op: Transcode) -> usize {
    match op {
        UTF8
        | LATIN1
        | Transcode::Latin1ToUtf8
        | Transcode::Utf16ToUtf8
        | Transcode::Utf8ToLatin1
        | Transcode::Utf16ToLatin1 => 1,
        _ => 2,
    }
}

fn le_bytes(units: &[u16]) -> Vec<u8> {
    units.iter().flat_map(|unit| unit.to_le_bytes()).collect()
}

fn units(bytes: &[u8]) -> Vec<u16> {
    let (units, rest) = bytes.as_chunks();
    assert!(rest.is_empty());
    units.iter().map(|unit| u16::from_le_bytes(*unit)).collect()
}

/// The characters of the source, and where the first that is none is.
fn chars(encoding: FixedEncoding, bytes: &[u8]) -> Vec<Option<char>> {
    match encoding {
        FixedEncoding::Latin1 => bytes.iter().map(|b| Some(char::from(*b))).collect(),
        FixedEncoding::Utf16 => char::decode_utf16(units(bytes)).map(Result::ok).collect(),
        FixedEncoding::Utf8 => match std::str::from_utf8(bytes) {
            Ok(text) => text.chars().map(Some).collect(),
            Err(error) => {
                let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap();
                valid.chars().map(Some).chain([None]).collect()
            }
        },
    }
}

/// What a transcoder writes and returns, one character after the other. The
/// destination is passed as it is before.
fn naive(op: Transcode, src: &[u8], dst: &mut [u8], last: u64) -> Result<Vec<u64>, TrapCode> {
    let chars = chars(source(op), src);
    let whole = || -> Result<String, TrapCode> {
        let text: Option<String> = chars.iter().copied().collect();
        text.ok_or(TrapCode::InvalidString)
    };
    let wide = |text: &str| le_bytes(&text.encode_utf16().collect::<Vec<_>>());
    match op {
        Transcode::Copy(_) => {
            whole()?;
            dst.copy_from_slice(src);
            Ok(vec![])
        }
        Transcode::Latin1ToUtf16 => {
            dst.copy_from_slice(&wide(&whole()?));
            Ok(vec![])
        }
        Transcode::Utf8ToUtf16 => {
            let out = wide(&whole()?);
            dst[..out.len()].copy_from_slice(&out);
            Ok(vec![out.len() as u64 / 2])
        }
        Transcode::Utf8ToLatin1 | Transcode::Utf16ToLatin1 => {
            let (mut read, mut written) = (0, 0);
            for c in chars {
                let Some(c) = c.filter(|c| *c <= 'ÿ') else {
                    break;
                };
                read += if op == Transcode::Utf8ToLatin1 {
                    c.len_utf8()
                } else {
                    1
                };
                dst[written] = c as u8;
                written += 1;
            }
            Ok(vec![read as u64, written as u64])
        }
        Transcode::Utf16ToCompactProbablyUtf16 => {
            let text = whole()?;
            dst.copy_from_slice(src);
            let count = src.len() / 2;
            if text.chars().any(|c| c > 'ÿ') {
                return Ok(vec![count as u64 | 1 << 31]);
            }
            for (to, c) in dst.iter_mut().zip(text.chars()) {
                *to = c as u8;
            }
            Ok(vec![count as u64])
        }
        Transcode::Utf8ToCompactUtf16 | Transcode::Utf16ToCompactUtf16 => {
            let out = wide(&whole()?);
            let before = last as usize;
            let latin1 = dst[..before].to_vec();
            for (to, byte) in dst.chunks_mut(2).zip(&latin1) {
                to.copy_from_slice(&[*byte, 0]);
            }
            dst[2 * before..][..out.len()].copy_from_slice(&out);
            Ok(vec![before as u64 + out.len() as u64 / 2])
        }
        Transcode::Latin1ToUtf8 | Transcode::Utf16ToUtf8 => {
            let (mut read, mut written) = (0, 0);
            for c in chars {
                let c = c.ok_or(TrapCode::InvalidString)?;
                if last != 0 && !c.is_ascii() || written + c.len_utf8() > dst.len() {
                    break;
                }
                written += c.encode_utf8(&mut dst[written..]).len();
                read += if op == Transcode::Utf16ToUtf8 {
                    c.len_utf16()
                } else {
                    1
                };
            }
            Ok(vec![read as u64, written as u64])
        }
    }
}

/// Memory that is aligned.
struct Pages(Vec<u64>);

impl Pages {
    fn new(len: usize) -> Self {
        Pages(vec![0xa5a5_a5a5_a5a5_a5a5; len.div_ceil(8)])
    }

    fn bytes(&mut self) -> &mut [u8] {
        let (base, len) = (self.0.as_mut_ptr().cast(), self.0.len() * 8);
        // SAFETY: the vector's elements as bytes, borrowed as long as it is.
        unsafe { std::slice::from_raw_parts_mut(base, len) }
    }

    fn memory(&mut self) -> Memory {
        let bytes = self.bytes();
        // SAFETY: no test keeps a reference while it uses this.
        unsafe { Memory::new(bytes.as_mut_ptr(), bytes.len()) }
    }
}

fn code(result: Result<()>) -> TrapCode {
    result.unwrap_err().trap_code().unwrap()
}

const FROM: usize = 6;
const TO: usize = 4;

/// Runs a transcoder in both ways. `room` is the destination's length in code
/// units, `last` the last argument if there is a fifth.
fn same(op: Transcode, src: &[u8], room: usize, last: u64) {
    let wide = source(op) == FixedEncoding::Utf16;
    let count = src.len() / if wide { 2 } else { 1 };
    let size = room * width(op);
    let mut from = Pages::new(FROM + src.len());
    from.bytes()[FROM..][..src.len()].copy_from_slice(src);
    let mut to = Pages::new(TO + size + 16);
    for (i, byte) in to.bytes().iter_mut().enumerate() {
        *byte = (i * 31) as u8;
    }
    let mut expected = to.bytes().to_vec();
    let results = naive(op, src, &mut expected[TO..][..size], last);

    let mut slots = [FROM, count, TO, room].map(|slot| slot as u64).to_vec();
    slots.push(last);
    let before = from.bytes().to_vec();
    let outcome = transcode(op, from.memory(), to.memory(), &mut slots);
    assert!(from.bytes() == before, "{op:?} wrote to its source");
    match results {
        Ok(results) => {
            outcome.unwrap_or_else(|error| panic!("{op:?} {src:?} {room} {last}: {error}"));
            assert_eq!(
                slots[..results.len()],
                results,
                "{op:?} {src:?} {room} {last}"
            );
            assert!(to.bytes() == expected, "{op:?} {src:?} {room} {last}");
        }
        Err(trap) => assert_eq!(code(outcome), trap, "{op:?} {src:?} {room} {last}"),
    }
}

/// The same with each destination and each last argument that an adapter may
/// give.
fn same_all(op: Transcode, src: &[u8], random: &mut Random) {
    let count = src.len()
        / if source(op) == FixedEncoding::Utf16 {
            2
        } else {
            1
        };
    match op {
        Transcode::Latin1ToUtf8 | Transcode::Utf16ToUtf8 => {
            for first_pass in [0, 1] {
                same(op, src, count, first_pass);
                same(op, src, count * 3, first_pass);
                same(op, src, random.below(count * 3 + 1), first_pass);
            }
        }
        Transcode::Utf8ToCompactUtf16 | Transcode::Utf16ToCompactUtf16 => {
            for before in [0, 1, 63, 64, 65, random.below(300)] {
                same(op, src, before + count, before as u64);
                same(op, src, before + count + random.below(9), before as u64);
            }
        }
        _ => same(op, src, count, 0),
    }
}

/// The same numbers each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    /// Text in which characters beyond some point are rare, often, or all.
    fn text(&mut self, len: usize) -> String {
        let top = [0x80, 0x100, 0x800, 0x1_0000, 0x11_0000][self.below(5)];
        let seldom = [1, 3, 40][self.below(3)];
        let mut char = || {
            let top = if self.below(seldom) == 0 { top } else { 0x80 };
            char::from_u32(self.below(top) as u32).unwrap_or('\u{ffff}')
        };
        (0..len).map(|_| char()).collect()
    }

    /// A source for a transcoder, not always a valid one.
    fn source(&mut self, op: Transcode) -> Vec<u8> {
        let len = [0, 1, 2, 7, 64, 65, 200][self.below(7)];
        let len = len + self.below(3);
        let text = self.text(len);
        let broken = self.below(4) == 0;
        match source(op) {
            FixedEncoding::Latin1 => (0..len).map(|_| self.below(256) as u8).collect(),
            FixedEncoding::Utf16 => {
                let mut units: Vec<u16> = text.encode_utf16().collect();
                if broken && !units.is_empty() {
                    let at = self.below(units.len());
                    units[at] = 0xd800 + self.below(0x800) as u16;
                }
                le_bytes(&units)
            }
            FixedEncoding::Utf8 => {
                let mut bytes = text.into_bytes();
                if broken && !bytes.is_empty() {
                    let at = self.below(bytes.len());
                    bytes[at] = 0x80 + self.below(0x80) as u8;
                }
                bytes
            }
        }
    }
}

#[test]
fn each_does_what_one_character_after_the_other_does() {
    let mut random = Random(0x1234_5678_9abc_def1);
    for op in ALL {
        for _ in 0..400 {
            let src = random.source(op);
            same_all(op, &src, &mut random);
        }
    }
}

#[test]
fn texts_of_each_kind_in_each_encoding() {
    let mut random = Random(5);
    for text in [
        "",
        "a",
        "plain text",
        "Grüße",
        "żółw",
        "日本語",
        "a😀b",
        "😀",
        "\0",
        "é€é",
    ] {
        for op in ALL {
            let bytes = match source(op) {
                FixedEncoding::Utf8 => text.as_bytes().to_vec(),
                FixedEncoding::Utf16 => le_bytes(&text.encode_utf16().collect::<Vec<_>>()),
                FixedEncoding::Latin1 => {
                    let latin1: Result<Vec<u8>, _> =
                        text.chars().map(|c| u8::try_from(u32::from(c))).collect();
                    match latin1 {
                        Ok(bytes) => bytes,
                        Err(_) => continue,
                    }
                }
            };
            same_all(op, &bytes, &mut random);
        }
    }
}

#[test]
fn results_are_where_adapters_expect_them() {
    let run = |op, src: &[u8], room: u64, last: u64| {
        let mut from = Pages::new(64);
        from.bytes()[..src.len()].copy_from_slice(src);
        let mut to = Pages::new(64);
        let wide = source(op) == FixedEncoding::Utf16;
        let count = src.len() as u64 / if wide { 2 } else { 1 };
        let mut slots = [0, count, 8, room, last];
        transcode(op, from.memory(), to.memory(), &mut slots).unwrap();
        (slots[0], slots[1], to.bytes()[8..16].to_vec())
    };
    let (read, written, bytes) = run(Transcode::Utf16ToUtf8, b"a\0\xe9\0b\0", 3, 1);
    assert_eq!((read, written, &bytes[..2]), (1, 1, &b"a\xa5"[..]));
    let (read, written, bytes) = run(Transcode::Utf16ToUtf8, b"\xe9\0b\0", 8, 0);
    assert_eq!((read, written, &bytes[..4]), (2, 3, &b"\xc3\xa9b\xa5"[..]));
    let (read, written, _) = run(Transcode::Utf8ToLatin1, "né€".as_bytes(), 0, 0);
    assert_eq!((read, written), (3, 2));
    let (count, _, bytes) = run(Transcode::Utf8ToUtf16, "né".as_bytes(), 0, 0);
    assert_eq!((count, &bytes[..5]), (2, &b"n\0\xe9\0\xa5"[..]));
    let (count, _, bytes) = run(Transcode::Utf16ToCompactProbablyUtf16, b"n\0\xe9\0", 0, 0);
    assert_eq!((count, &bytes[..2]), (2, &b"n\xe9"[..]));
    let (count, ..) = run(Transcode::Utf16ToCompactProbablyUtf16, b"n\0\xac\x20", 0, 0);
    assert_eq!(count, 2 | 1 << 31);
}

#[test]
fn surrogates_at_the_end_and_alone_are_invalid() {
    let bad: [&[u16]; 6] = [
        &[0xd83d],
        &[0xde00],
        &[0x61, 0xd83d],
        &[0xde00, 0xd83d],
        &[0xd83d, 0x61],
        &[0x61, 0xd83d, 0xd83d, 0xde00],
    ];
    for units in bad {
        let src = le_bytes(units);
        for op in [
            UTF16,
            Transcode::Utf16ToCompactProbablyUtf16,
            Transcode::Utf16ToCompactUtf16,
            Transcode::Utf16ToUtf8,
        ] {
            let mut from = Pages::new(32);
            from.bytes()[..src.len()].copy_from_slice(&src);
            let mut to = Pages::new(64);
            let mut slots = [0, units.len() as u64, 0, 16, 0];
            let result = transcode(op, from.memory(), to.memory(), &mut slots);
            assert_eq!(code(result), TrapCode::InvalidString, "{op:?} {units:x?}");
        }
        // It is found in the first pass, if that comes so far, and where there
        // is no room for it.
        same(Transcode::Utf16ToUtf8, &src, units.len(), 1);
        same(Transcode::Utf16ToUtf8, &src, 0, 0);
        same(Transcode::Utf16ToUtf8, &src, 0, 1);
        // Latin-1 ends before it, which the next step finds.
        same(Transcode::Utf16ToLatin1, &src, units.len(), 0);
    }
    // A pair whose second half is beyond the string.
    let pair = le_bytes(&[0x61, 0xd83d, 0xde00]);
    same(UTF16, &pair[..4], 2, 0);
    same(UTF16, &pair, 3, 0);
    same(UTF8, &"a😀".as_bytes()[..4], 4, 0);
}

#[test]
fn what_is_out_of_bounds_is_refused() {
    let size = 64;
    for op in ALL {
        let from_width = if source(op) == FixedEncoding::Utf16 {
            2
        } else {
            1
        };
        let fitting = size / width(op) as u64;
        let cases = [
            ([size, 1, 0, 1], TrapCode::StringOutOfBounds),
            (
                [0, size / from_width + 1, 0, 1],
                TrapCode::StringOutOfBounds,
            ),
            ([0, 1, size, 1], TrapCode::StringOutOfBounds),
            (
                [0, 4, size - 3 * width(op) as u64, 4],
                TrapCode::StringOutOfBounds,
            ),
            ([u64::MAX, 1, 0, 1], TrapCode::StringOutOfBounds),
            ([0, u64::MAX, 0, 1], TrapCode::StringOutOfBounds),
            ([0, u64::MAX / 2 + 2, 0, 1], TrapCode::StringOutOfBounds),
            ([0, 1, u64::MAX, 1], TrapCode::StringOutOfBounds),
            ([1 << 32, 1, 0, 1], TrapCode::StringOutOfBounds),
        ];
        let run = |[a, b, c, d]: [u64; 4]| {
            let (mut from, mut to) = (Pages::new(size as usize), Pages::new(size as usize));
            from.bytes().fill(b' ');
            let before = to.bytes().to_vec();
            let result = transcode(op, from.memory(), to.memory(), &mut [a, b, c, d, 0]);
            assert!(
                result.is_ok() || to.bytes() == before,
                "{op:?} wrote before"
            );
            result
        };
        for (slots, trap) in cases {
            assert_eq!(code(run(slots)), trap, "{op:?} {slots:?}");
        }
        if from_width == 2 {
            assert_eq!(code(run([1, 1, 0, 1])), TrapCode::UnalignedPointer);
        }
        if width(op) == 2 {
            assert_eq!(code(run([0, 1, 1, 1])), TrapCode::UnalignedPointer);
        }
        // At the very end there is room for nothing, and that is in bounds.
        run([size, 0, size, 0]).unwrap();
        let most = fitting.min(size / from_width);
        run([0, most, size - most * width(op) as u64, most]).unwrap();
    }
}

#[test]
fn destinations_that_no_adapter_makes_are_refused() {
    for op in [
        Transcode::Utf8ToCompactUtf16,
        Transcode::Utf16ToCompactUtf16,
    ] {
        let (mut from, mut to) = (Pages::new(64), Pages::new(64));
        from.bytes().fill(0);
        let mut run = |slots: &mut [u64]| transcode(op, from.memory(), to.memory(), slots);
        for slots in [
            [0, 8, 0, 7, 0],
            [0, 4, 0, 7, 4],
            [0, 1, 0, 4, 5],
            [0, 0, 0, 4, u64::MAX],
        ] {
            assert_eq!(code(run(&mut slots.clone())), TrapCode::StringOutOfBounds);
        }
        run(&mut [0, 4, 0, 8, 4]).unwrap();
    }
}

#[test]
fn one_memory_can_be_both_but_strings_never_overlap() {
    let mut pages = Pages::new(64);
    pages.bytes()[..4].copy_from_slice(b"abcd");
    let memory = pages.memory();
    transcode(UTF8, memory, memory, &mut [0, 4, 4, 0, 0]).unwrap();
    transcode(UTF8, memory, memory, &mut [4, 2, 2, 0, 0]).unwrap();
    assert_eq!(&pages.bytes()[..8], b"ababab\x63\x64");
    let memory = pages.memory();
    for op in ALL {
        for (from, to) in [(0, 0), (0, 2), (2, 0), (8, 6)] {
            let result = transcode(op, memory, memory, &mut [from, 4, to, 4, 0]);
            let error = result.unwrap_err();
            assert_eq!(
                *error.kind(),
                ErrorKind::Trap(TrapCode::CanonicalAbi),
                "{op:?}"
            );
        }
        transcode(op, memory, memory, &mut [2, 0, 0, 0, 0]).unwrap();
    }
}

#[test]
fn memories_without_bytes_have_empty_strings() {
    // SAFETY: there are no bytes to read or write.
    let nothing = unsafe { Memory::new(std::ptr::null_mut(), 0) };
    for op in ALL {
        transcode(op, nothing, nothing, &mut [0; 5]).unwrap();
        let result = transcode(op, nothing, nothing, &mut [0, 1, 0, 1, 0]);
        assert_eq!(code(result), TrapCode::StringOutOfBounds);
    }
}

#[test]
fn large_strings() {
    let mut random = Random(3);
    let text = random.text(300_000) + &"é".repeat(100_000) + "😀";
    for op in ALL {
        let src = match source(op) {
            FixedEncoding::Utf8 => text.as_bytes().to_vec(),
            FixedEncoding::Utf16 => le_bytes(&text.encode_utf16().collect::<Vec<_>>()),
            FixedEncoding::Latin1 => (0..1_000_000).map(|i| (i / 100) as u8).collect(),
        };
        same_all(op, &src, &mut random);
    }
}
