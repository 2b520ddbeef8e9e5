//! Strings in the three encodings of the canonical ABI ("Storing" and
//! "Loading", strings). A host string is UTF-8; lifting allocates once.

use super::{Abi, ComponentType, FlatReader, FlatWriter, Lift, LiftContext, Lower, LowerContext};
use crate::__private::Sealed;
use crate::error::{Error, Result};
use crate::trap::TrapCode;
use crate::types::Type;

/// How a component's core code encodes strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StringEncoding {
    /// UTF-8.
    Utf8,
    /// UTF-16, little endian.
    Utf16,
    /// Latin-1, or UTF-16 where the tag bit of the length is set.
    Latin1OrUtf16,
}

/// The bit of a `latin1+utf16` length that says UTF-16.
const UTF16_TAG: usize = 1 << 31;

/// The longest string in bytes that may cross (Canonical ABI,
/// `MAX_STRING_BYTE_LENGTH`).
const MAX_BYTES: usize = (1 << 31) - 1;

fn too_long() -> Error {
    Error::trap(TrapCode::TooLong)
}

/// Writes a string to memory of the guest's; returns its pointer and its
/// (tagged) length in code units.
///
/// `realloc` is called as the Canonical ABI says ("Storing", strings), since
/// the guest sees that and pays for it.
pub(super) fn store<C: LowerContext + ?Sized>(cx: &mut C, text: &str) -> Result<(usize, usize)> {
    match cx.string_encoding() {
        StringEncoding::Utf8 => {
            let size = checked_size(text.len(), 1)?;
            let at = cx.realloc(0, 0, 1, size)?;
            cx.memory()[at..at + size].copy_from_slice(text.as_bytes());
            Ok((at, size))
        }
        StringEncoding::Utf16 => {
            let size = checked_size(text.len(), 2)?;
            let at = cx.realloc(0, 0, 2, size)?;
            let units = encode_utf16(&mut cx.memory()[at..at + size], text);
            Ok((shrink(cx, at, size, units * 2)?, units))
        }
        StringEncoding::Latin1OrUtf16 => {
            let size = checked_size(text.len(), 1)?;
            let at = cx.realloc(0, 0, 2, size)?;
            let (read, written) = encode_latin1(&mut cx.memory()[at..at + size], text);
            if read == text.len() {
                return Ok((shrink(cx, at, size, written)?, written));
            }
            let wide = checked_size(text.len(), 2)?;
            let at = cx.realloc(at, size, 2, wide)?;
            let memory = &mut cx.memory()[at..at + wide];
            for i in (0..written).rev() {
                memory[2 * i] = memory[i];
                memory[2 * i + 1] = 0;
            }
            let units = written + encode_utf16(&mut memory[2 * written..], &text[read..]);
            Ok((shrink(cx, at, wide, units * 2)?, units | UTF16_TAG))
        }
    }
}

/// What is first allocated for a string of this many bytes.
fn checked_size(len: usize, factor: usize) -> Result<usize> {
    len.checked_mul(factor)
        .filter(|size| *size <= MAX_BYTES)
        .ok_or_else(too_long)
}

/// Gives back what was allocated and not used.
fn shrink<C: LowerContext + ?Sized>(
    cx: &mut C,
    at: usize,
    size: usize,
    used: usize,
) -> Result<usize> {
    if used < size {
        cx.realloc(at, size, 2, used)
    } else {
        Ok(at)
    }
}

/// Writes a string's code units and says how many there are.
fn encode_utf16(memory: &mut [u8], text: &str) -> usize {
    let (units, _) = memory.as_chunks_mut();
    let mut count = 0;
    for (to, unit) in units.iter_mut().zip(text.encode_utf16()) {
        *to = unit.to_le_bytes();
        count += 1;
    }
    count
}

/// Writes the Latin-1 beginning of a string; returns how many bytes were read
/// and how many written.
fn encode_latin1(memory: &mut [u8], text: &str) -> (usize, usize) {
    let mut written = 0;
    for (to, (at, c)) in memory.iter_mut().zip(text.char_indices()) {
        match u8::try_from(u32::from(c)) {
            Ok(byte) => *to = byte,
            Err(_) => return (at, written),
        }
        written += 1;
    }
    (text.len(), written)
}

/// Checks where a string lies, and charges its bytes in the guest's memory for
/// those that it will have in the host's: both as Wasmtime does, and in its
/// order.
fn check<C: LiftContext + ?Sized>(
    cx: &mut C,
    at: usize,
    units: usize,
    width: usize,
    align: usize,
) -> Result<usize> {
    if !at.is_multiple_of(align) {
        return Err(Error::trap(TrapCode::UnalignedPointer));
    }
    let size = units
        .checked_mul(width)
        .filter(|size| {
            at.checked_add(*size)
                .is_some_and(|end| end <= cx.memory().len())
        })
        .ok_or_else(|| Error::trap(TrapCode::StringOutOfBounds))?;
    cx.charge(size)?;
    if size > MAX_BYTES {
        return Err(too_long());
    }
    Ok(size)
}

/// Reads a string of the guest's at `at` with a (tagged) length.
pub(super) fn load<C: LiftContext + ?Sized>(cx: &mut C, at: usize, len: usize) -> Result<String> {
    match cx.string_encoding() {
        StringEncoding::Utf8 => {
            let size = check(cx, at, len, 1, 1)?;
            std::str::from_utf8(&cx.memory()[at..at + size])
                .map(str::to_owned)
                .map_err(|_| Error::trap(TrapCode::InvalidString))
        }
        StringEncoding::Utf16 => load_utf16(cx, at, len),
        StringEncoding::Latin1OrUtf16 if len & UTF16_TAG != 0 => {
            load_utf16(cx, at, len & !UTF16_TAG)
        }
        StringEncoding::Latin1OrUtf16 => {
            let size = check(cx, at, len, 1, 2)?;
            let bytes = &cx.memory()[at..at + size];
            let high = bytes.iter().filter(|b| **b >= 0x80).count();
            let mut text = String::with_capacity(size + high);
            text.extend(bytes.iter().map(|b| char::from(*b)));
            Ok(text)
        }
    }
}

fn load_utf16<C: LiftContext + ?Sized>(cx: &mut C, at: usize, units: usize) -> Result<String> {
    let size = check(cx, at, units, 2, 2)?;
    let (units, _) = cx.memory()[at..at + size].as_chunks();
    let chars = || char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)));
    let mut bytes = 0;
    for c in chars() {
        bytes += c
            .map_err(|_| Error::trap(TrapCode::InvalidString))?
            .len_utf8();
    }
    let mut text = String::with_capacity(bytes);
    text.extend(chars().map_while(Result::ok));
    Ok(text)
}

impl Sealed for str {}

impl ComponentType for str {
    const LAYOUT: Abi = Abi::POINTER_PAIR;

    fn component_type() -> Type {
        Type::String
    }
}

impl Lower for str {
    fn lower_flat<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        _: &Type,
        dst: &mut FlatWriter<'_>,
    ) -> Result<()> {
        let (at, len) = store(cx, self)?;
        dst.write(at as u64);
        dst.write(len as u64);
        Ok(())
    }

    fn lower_memory<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        offset: usize,
    ) -> Result<()> {
        let (at, len) = store(cx, self)?;
        (at as u32).lower_memory(cx, ty, offset)?;
        (len as u32).lower_memory(cx, ty, offset + 4)
    }
}

impl Sealed for String {}

impl ComponentType for String {
    const LAYOUT: Abi = Abi::POINTER_PAIR;

    fn component_type() -> Type {
        Type::String
    }
}

impl Lift for String {
    fn lift_flat<C: LiftContext + ?Sized>(
        cx: &mut C,
        _: &Type,
        src: &mut FlatReader<'_>,
    ) -> Result<Self> {
        let at = src.read_u32() as usize;
        let len = src.read_u32() as usize;
        load(cx, at, len)
    }

    fn lift_memory<C: LiftContext + ?Sized>(cx: &mut C, ty: &Type, offset: usize) -> Result<Self> {
        let at = u32::lift_memory(cx, ty, offset)? as usize;
        let len = u32::lift_memory(cx, ty, offset + 4)? as usize;
        load(cx, at, len)
    }
}

impl Sealed for Box<str> {}

impl ComponentType for Box<str> {
    const LAYOUT: Abi = Abi::POINTER_PAIR;

    fn component_type() -> Type {
        Type::String
    }
}

impl Lift for Box<str> {
    fn lift_flat<C: LiftContext + ?Sized>(
        cx: &mut C,
        ty: &Type,
        src: &mut FlatReader<'_>,
    ) -> Result<Self> {
        String::lift_flat(cx, ty, src).map(Into::into)
    }

    fn lift_memory<C: LiftContext + ?Sized>(cx: &mut C, ty: &Type, offset: usize) -> Result<Self> {
        String::lift_memory(cx, ty, offset).map(Into::into)
    }
}

lower_by_reference! {
    () String => str,
    () Box<str> => str,
}
