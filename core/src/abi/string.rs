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
fn store<C: LowerContext + ?Sized>(cx: &mut C, text: &str) -> Result<(usize, usize)> {
    match cx.string_encoding() {
        StringEncoding::Utf8 => {
            if text.len() > MAX_BYTES {
                return Err(too_long());
            }
            let at = cx.realloc(0, 0, 1, text.len())?;
            cx.memory()[at..at + text.len()].copy_from_slice(text.as_bytes());
            Ok((at, text.len()))
        }
        StringEncoding::Utf16 => {
            let units = text.encode_utf16().count();
            let at = store_utf16(cx, text, units)?;
            Ok((at, units))
        }
        StringEncoding::Latin1OrUtf16 => {
            let mut chars = 0;
            let latin1 = text
                .chars()
                .inspect(|_| chars += 1)
                .all(|c| u32::from(c) < 0x100);
            if latin1 {
                if chars > MAX_BYTES {
                    return Err(too_long());
                }
                let at = cx.realloc(0, 0, 2, chars)?;
                let memory = &mut cx.memory()[at..at + chars];
                for (to, c) in memory.iter_mut().zip(text.chars()) {
                    *to = u32::from(c) as u8;
                }
                Ok((at, chars))
            } else {
                let units = text.encode_utf16().count();
                let at = store_utf16(cx, text, units)?;
                Ok((at, units | UTF16_TAG))
            }
        }
    }
}

fn store_utf16<C: LowerContext + ?Sized>(cx: &mut C, text: &str, units: usize) -> Result<usize> {
    let bytes = units * 2;
    if bytes > MAX_BYTES {
        return Err(too_long());
    }
    let at = cx.realloc(0, 0, 2, bytes)?;
    let memory = &mut cx.memory()[at..at + bytes];
    for (to, unit) in memory.chunks_exact_mut(2).zip(text.encode_utf16()) {
        to.copy_from_slice(&unit.to_le_bytes());
    }
    Ok(at)
}

fn slice(memory: &[u8], at: usize, bytes: usize, align: usize) -> Result<&[u8]> {
    if bytes > MAX_BYTES {
        return Err(too_long());
    }
    if !at.is_multiple_of(align) {
        return Err(Error::trap(TrapCode::UnalignedPointer));
    }
    at.checked_add(bytes)
        .and_then(|end| memory.get(at..end))
        .ok_or_else(|| Error::trap(TrapCode::StringOutOfBounds))
}

/// Reads a string of the guest's at `at` with a (tagged) length.
fn load<C: LiftContext + ?Sized>(cx: &mut C, at: usize, len: usize) -> Result<String> {
    let invalid = || Error::trap(TrapCode::InvalidString);
    match cx.string_encoding() {
        StringEncoding::Utf8 => {
            slice(cx.memory(), at, len, 1)?;
            cx.charge(len)?;
            let bytes = slice(cx.memory(), at, len, 1)?;
            std::str::from_utf8(bytes)
                .map(str::to_owned)
                .map_err(|_| invalid())
        }
        StringEncoding::Utf16 => load_utf16(cx, at, len),
        StringEncoding::Latin1OrUtf16 if len & UTF16_TAG != 0 => {
            load_utf16(cx, at, len & !UTF16_TAG)
        }
        StringEncoding::Latin1OrUtf16 => {
            let high = slice(cx.memory(), at, len, 2)?
                .iter()
                .filter(|b| **b >= 0x80)
                .count();
            cx.charge(len + high)?;
            let bytes = slice(cx.memory(), at, len, 2)?;
            let mut text = String::with_capacity(len + high);
            text.extend(bytes.iter().map(|b| char::from(*b)));
            Ok(text)
        }
    }
}

fn utf16_chars(
    memory: &[u8],
    at: usize,
    size: usize,
) -> Result<impl Iterator<Item = Result<char, std::char::DecodeUtf16Error>>> {
    let units = slice(memory, at, size, 2)?.chunks_exact(2);
    Ok(char::decode_utf16(
        units.map(|b| u16::from_le_bytes([b[0], b[1]])),
    ))
}

fn load_utf16<C: LiftContext + ?Sized>(cx: &mut C, at: usize, units: usize) -> Result<String> {
    let size = units.checked_mul(2).ok_or_else(too_long)?;
    let mut bytes = 0;
    for c in utf16_chars(cx.memory(), at, size)? {
        bytes += c
            .map_err(|_| Error::trap(TrapCode::InvalidString))?
            .len_utf8();
    }
    cx.charge(bytes)?;
    let mut text = String::with_capacity(bytes);
    text.extend(utf16_chars(cx.memory(), at, size)?.map_while(Result::ok));
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
