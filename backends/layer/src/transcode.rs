//! Strings from one memory to another: the transcoders that adapters between
//! components import.
//!
//! An adapter allocates, calls a transcoder, and decides by the numbers that it
//! returns whether to allocate more and call another. Guests pay fuel for what
//! adapters do, so the numbers are those of Wasmtime's own transcoders, and so
//! is each byte that is written, beyond the string's end too.
#![allow(
    unsafe_code,
    reason = "memories of engines are views of raw memory, and two of them may be one"
)]

use encoding_rs::mem;
use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{Error, Result, TrapCode};
use wasmtime_environ::component::{FixedEncoding, Transcode};

// Code units are read and written in place.
const _: () = assert!(
    cfg!(target_endian = "little"),
    "strings are transcoded on little-endian machines only"
);

/// The bit of a `latin1+utf16` length that says UTF-16, in 64-bit memories too.
const UTF16_TAG: u64 = 1 << 31;

/// A linear memory, while nobody else reads, writes or moves it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    base: *mut u8,
    len: usize,
}

impl Memory {
    /// A memory of `len` bytes at `base`.
    ///
    /// # Safety
    ///
    /// For as long as the value is used, `len` bytes at `base` can be read and
    /// written, nobody else does that, and there is no reference to them. Other
    /// values for the same memory are no exception, except as both arguments of
    /// one [`transcode`].
    pub(crate) unsafe fn new(base: *mut u8, len: usize) -> Self {
        Memory { base, len }
    }

    /// Where `len` code units at `at` are, if they are in the memory.
    fn locate<T: Unit>(self, at: u64, len: u64) -> Result<Range<T>> {
        let outside = || Error::trap(TrapCode::StringOutOfBounds);
        let at = usize::try_from(at).map_err(|_| outside())?;
        let len = usize::try_from(len).map_err(|_| outside())?;
        let end = len
            .checked_mul(size_of::<T>())
            .and_then(|size| at.checked_add(size));
        if end.is_none_or(|end| end > self.len) {
            return Err(outside());
        }
        let start = self.base.wrapping_add(at).cast::<T>();
        if !start.is_aligned() {
            return Err(Error::trap(TrapCode::UnalignedPointer));
        }
        Ok(Range { start, len })
    }
}

/// A code unit: any bits are one.
trait Unit: Copy {}

impl Unit for u8 {}
impl Unit for u16 {}

/// Code units that are all in one memory, and aligned.
struct Range<T> {
    start: *mut T,
    len: usize,
}

impl<T> Range<T> {
    fn ends(&self) -> (usize, usize) {
        let start = self.start.addr();
        (start, start + self.len * size_of::<T>())
    }
}

/// Two ranges as slices. They never overlap: an adapter's destination is newly
/// allocated in the memory of another component. If they did all the same, the
/// call ends.
fn slices<'a, S: Unit, D: Unit>(from: Range<S>, to: Range<D>) -> Result<(&'a [S], &'a mut [D])> {
    let ((a, a_end), (b, b_end)) = (from.ends(), to.ends());
    if a < b_end && b < a_end && a < a_end && b < b_end {
        return Err(Error::new(
            enginebay_core::ErrorKind::Trap(TrapCode::CanonicalAbi),
            "a string overlaps what it is copied to",
        ));
    }
    // A memory without bytes may be nowhere; it has no ranges but empty ones.
    let src = match from.len {
        0 => &[],
        // SAFETY: `locate` has checked that the range is aligned and inside its
        // memory, for which `Memory::new`'s caller has promised the rest; the
        // other range, which alone is written to, does not overlap it.
        len => unsafe { std::slice::from_raw_parts(from.start, len) },
    };
    let dst = match to.len {
        0 => &mut [][..],
        // SAFETY: as above, and nobody else has a reference to the range.
        len => unsafe { std::slice::from_raw_parts_mut(to.start, len) },
    };
    Ok((src, dst))
}

fn invalid() -> Error {
    Error::trap(TrapCode::InvalidString)
}

/// Runs a transcoder: `slots` has the core function's arguments and gets its
/// results. All of them are zero-extended, whatever the memories' widths.
///
/// # Errors
///
/// Traps: `InvalidString` if the source is not in its encoding,
/// `StringOutOfBounds` and `UnalignedPointer` for ranges that no adapter makes.
pub(crate) fn transcode(op: Transcode, from: Memory, to: Memory, slots: &mut [u64]) -> Result<()> {
    match op {
        Transcode::Copy(FixedEncoding::Utf8) => {
            let (src, dst) = equally_long::<u8, u8>(from, to, slots)?;
            std::str::from_utf8(src).map_err(|_| invalid())?;
            dst.copy_from_slice(src);
        }
        Transcode::Copy(FixedEncoding::Latin1) => {
            let (src, dst) = equally_long::<u8, u8>(from, to, slots)?;
            dst.copy_from_slice(src);
        }
        Transcode::Copy(FixedEncoding::Utf16) => {
            let (src, dst) = equally_long::<u16, u16>(from, to, slots)?;
            copy_utf16(src, dst)?;
        }
        Transcode::Latin1ToUtf16 => {
            let (src, dst) = equally_long::<u8, u16>(from, to, slots)?;
            widen(src, dst);
        }
        Transcode::Utf8ToUtf16 => {
            let (src, dst) = equally_long::<u8, u16>(from, to, slots)?;
            slots[0] = utf8_to_utf16(src, dst)? as u64;
        }
        Transcode::Utf8ToLatin1 => {
            let (src, dst) = equally_long::<u8, u8>(from, to, slots)?;
            let read = mem::utf8_latin1_up_to(src);
            let written = mem::convert_utf8_to_latin1_lossy(&src[..read], dst);
            (slots[0], slots[1]) = (read as u64, written as u64);
        }
        Transcode::Utf16ToLatin1 => {
            let (src, dst) = equally_long::<u16, u8>(from, to, slots)?;
            let len = utf16_to_latin1(src, dst);
            (slots[0], slots[1]) = (len as u64, len as u64);
        }
        Transcode::Utf16ToCompactProbablyUtf16 => {
            let (src, dst) = equally_long::<u16, u16>(from, to, slots)?;
            slots[0] = utf16_to_probably_utf16(src, dst)?;
        }
        Transcode::Latin1ToUtf8 => {
            let (src, dst) = each_long::<u8, u8>(from, to, slots)?;
            let (read, written) = latin1_to_utf8(src, dst, slots[4] != 0);
            (slots[0], slots[1]) = (read as u64, written as u64);
        }
        Transcode::Utf16ToUtf8 => {
            let (src, dst) = each_long::<u16, u8>(from, to, slots)?;
            let (read, written) = utf16_to_utf8(src, dst, slots[4] != 0)?;
            (slots[0], slots[1]) = (read as u64, written as u64);
        }
        Transcode::Utf8ToCompactUtf16 => {
            let (src, dst) = each_long::<u8, u16>(from, to, slots)?;
            let (inflated, rest) = inflate(dst, slots[4])?;
            slots[0] = (inflated + utf8_to_utf16(src, rest)?) as u64;
        }
        Transcode::Utf16ToCompactUtf16 => {
            let (src, dst) = each_long::<u16, u16>(from, to, slots)?;
            let (inflated, rest) = inflate(dst, slots[4])?;
            let rest = rest.get_mut(..src.len()).ok_or_else(no_room)?;
            copy_utf16(src, rest)?;
            slots[0] = (inflated + src.len()) as u64;
        }
    }
    Ok(())
}

/// Source, code units, destination: as many code units there.
fn equally_long<'a, S: Unit, D: Unit>(
    from: Memory,
    to: Memory,
    slots: &[u64],
) -> Result<(&'a [S], &'a mut [D])> {
    slices(
        from.locate(slots[0], slots[1])?,
        to.locate(slots[2], slots[1])?,
    )
}

/// Source, code units, destination, code units.
fn each_long<'a, S: Unit, D: Unit>(
    from: Memory,
    to: Memory,
    slots: &[u64],
) -> Result<(&'a [S], &'a mut [D])> {
    slices(
        from.locate(slots[0], slots[1])?,
        to.locate(slots[2], slots[3])?,
    )
}

/// The destination is shorter than an adapter makes it.
fn no_room() -> Error {
    Error::trap(TrapCode::StringOutOfBounds)
}

fn copy_utf16(src: &[u16], dst: &mut [u16]) -> Result<()> {
    if mem::utf16_valid_up_to(src) < src.len() {
        return Err(invalid());
    }
    dst.copy_from_slice(src);
    Ok(())
}

fn utf8_to_utf16(src: &[u8], dst: &mut [u16]) -> Result<usize> {
    if dst.len() < src.len() {
        return Err(no_room());
    }
    mem::convert_utf8_to_utf16_without_replacement(src, dst).ok_or_else(invalid)
}

/// Writes Latin-1 as UTF-16: a loop that compilers make vector code of.
fn widen(src: &[u8], dst: &mut [u16]) {
    for (to, byte) in dst.iter_mut().zip(src) {
        *to = u16::from(*byte);
    }
}

/// Writes what is Latin-1 at the beginning, and returns how much that is.
fn utf16_to_latin1(src: &[u16], dst: &mut [u8]) -> usize {
    let mut len = 0;
    let (blocks, _) = src.as_chunks::<16>();
    let (to, _) = dst.as_chunks_mut::<16>();
    for (block, to) in blocks.iter().zip(to) {
        if block.iter().fold(0, |bits, unit| bits | unit) > 0xff {
            break;
        }
        *to = block.map(|unit| unit as u8);
        len += block.len();
    }
    for (unit, to) in src[len..].iter().zip(&mut dst[len..]) {
        let Ok(byte) = u8::try_from(*unit) else {
            len += usize::from(mutant::active(Mutant::TranscodedTooFar));
            break;
        };
        *to = byte;
        len += 1;
    }
    len
}

/// Copies all, and makes it Latin-1 if it can be.
fn utf16_to_probably_utf16(src: &[u16], dst: &mut [u16]) -> Result<u64> {
    let len = src.len();
    copy_utf16(src, dst)?;
    if !mem::is_utf16_latin1(src) {
        if mutant::active(Mutant::TranscodedTagLost) {
            return Ok(len as u64);
        }
        return Ok(len as u64 | UTF16_TAG);
    }
    mem::convert_utf16_to_latin1_lossy(src, &mut bytes(dst)[..len]);
    Ok(len as u64)
}

/// Code units as the bytes that they are in memory.
fn bytes(units: &mut [u16]) -> &mut [u8] {
    // SAFETY: the bytes of the slice, which stays borrowed; any are valid as
    // either type, and bytes need no alignment.
    unsafe { std::slice::from_raw_parts_mut(units.as_mut_ptr().cast(), units.len() * 2) }
}

/// Stops where the destination is full, and in the first pass before anything
/// that is not ASCII. Returns how much was read and written.
fn latin1_to_utf8(src: &[u8], dst: &mut [u8], first_pass: bool) -> (usize, usize) {
    if first_pass {
        let room = src.len().min(dst.len());
        let len = mem::copy_ascii_to_ascii(&src[..room], dst);
        return (len, len);
    }
    mem::convert_latin1_to_utf8_partial(src, dst)
}

/// As [`latin1_to_utf8`]. The character that it stops at is looked at.
fn utf16_to_utf8(src: &[u16], dst: &mut [u8], first_pass: bool) -> Result<(usize, usize)> {
    if first_pass {
        let room = src.len().min(dst.len());
        let len = mem::copy_basic_latin_to_ascii(&src[..room], dst);
        return match char::decode_utf16(src[len..].iter().copied()).next() {
            Some(Err(_)) => Err(invalid()),
            _ => Ok((len, len)),
        };
    }
    let valid = mem::utf16_valid_up_to(src);
    let (mut read, mut written) = mem::convert_utf16_to_utf8_partial(&src[..valid], dst);
    // It may leave some bytes over into which a short character fits.
    for c in char::decode_utf16(src[read..valid].iter().copied()) {
        let Some((c, to)) = c
            .ok()
            .and_then(|c| Some((c, dst[written..].get_mut(..c.len_utf8())?)))
        else {
            break;
        };
        written += c.encode_utf8(to).len();
        read += c.len_utf16();
    }
    if read == valid && valid < src.len() {
        return Err(invalid());
    }
    Ok((read, written))
}

/// Widens the first `count` bytes of the destination, which are Latin-1, in
/// place. Returns how many code units they are now, and what comes after them.
fn inflate(dst: &mut [u16], count: u64) -> Result<(usize, &mut [u16])> {
    const BLOCK: usize = 64;
    let (head, rest) = usize::try_from(count)
        .ok()
        .and_then(|count| dst.split_at_mut_checked(count))
        .ok_or_else(no_room)?;
    // From the end: what a block is widened to lies after the blocks before it.
    let mut end = head.len();
    while end > 0 {
        let start = (end - 1) / BLOCK * BLOCK;
        let mut block = [0; BLOCK];
        let block = &mut block[..end - start];
        block.copy_from_slice(&bytes(head)[start..end]);
        widen(block, &mut head[start..end]);
        end = start;
    }
    Ok((head.len(), rest))
}

#[cfg(test)]
mod tests;
