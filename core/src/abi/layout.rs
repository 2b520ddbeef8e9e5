//! Sizes, alignments and flat counts of the canonical ABI, computed at compile
//! time, for 32-bit memories.

use crate::error::{Error, Result};
use crate::trap::TrapCode;

/// Size and alignment in bytes, and the number of flat values, of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abi {
    /// Size in memory, in bytes.
    pub size: usize,
    /// Alignment in memory, in bytes.
    pub align: usize,
    /// How many flat values the type has.
    pub flat: usize,
}

impl Abi {
    /// A type of one flat value whose size is its alignment.
    pub const fn scalar(size: usize) -> Abi {
        Abi {
            size,
            align: size,
            flat: 1,
        }
    }

    /// A pointer and a length: strings and lists.
    pub const POINTER_PAIR: Abi = Abi {
        size: 8,
        align: 4,
        flat: 2,
    };
}

/// The next multiple of `align`. Fixed-length lists of each other can be larger
/// than anything; they stay so, and no memory has them in bounds.
pub(super) const fn align_to(offset: usize, align: usize) -> usize {
    match offset.checked_next_multiple_of(align) {
        Some(offset) => offset,
        None => usize::MAX,
    }
}

/// The layout of a record or tuple with these parts.
pub const fn record_abi(parts: &[Abi]) -> Abi {
    let mut abi = Abi {
        size: 0,
        align: 1,
        flat: 0,
    };
    let mut i = 0;
    while i < parts.len() {
        abi.size = align_to(abi.size, parts[i].align).saturating_add(parts[i].size);
        if parts[i].align > abi.align {
            abi.align = parts[i].align;
        }
        abi.flat = abi.flat.saturating_add(parts[i].flat);
        i += 1;
    }
    abi.size = align_to(abi.size, abi.align);
    abi
}

/// The offsets of a record's parts.
pub const fn record_offsets<const N: usize>(parts: [Abi; N]) -> [usize; N] {
    let mut offsets = [0; N];
    let mut end = 0;
    let mut i = 0;
    while i < N {
        offsets[i] = align_to(end, parts[i].align);
        end = offsets[i] + parts[i].size;
        i += 1;
    }
    offsets
}

/// The layout of a fixed-length list.
pub(super) const fn fixed_length_list_abi(element: Abi, len: u32) -> Abi {
    let size = element.size.saturating_mul(len as usize);
    Abi {
        size: if size < u32::MAX as usize {
            size
        } else {
            u32::MAX as usize
        },
        align: element.align,
        flat: element.flat.saturating_mul(len as usize),
    }
}

/// The layout of a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VariantAbi {
    /// The whole.
    pub abi: Abi,
    /// Bytes of the discriminant: 1, 2 or 4.
    pub discriminant: usize,
    /// Offset of the payload.
    pub payload: usize,
}

/// The layout of a variant with these payloads; a case without one is
/// `record_abi(&[])`.
pub const fn variant_abi(cases: &[Abi]) -> VariantAbi {
    let discriminant = match cases.len() {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    };
    let mut size = 0;
    let mut align = 1;
    let mut flat = 0;
    let mut i = 0;
    while i < cases.len() {
        if cases[i].size > size {
            size = cases[i].size;
        }
        if cases[i].align > align {
            align = cases[i].align;
        }
        if cases[i].flat > flat {
            flat = cases[i].flat;
        }
        i += 1;
    }
    let payload = align_to(discriminant, align);
    let align = if align > discriminant {
        align
    } else {
        discriminant
    };
    VariantAbi {
        abi: Abi {
            size: align_to(payload.saturating_add(size), align),
            align,
            flat: flat.saturating_add(1),
        },
        discriminant,
        payload,
    }
}

/// The layout of an enum with this many names.
pub const fn enum_abi(names: usize) -> VariantAbi {
    let discriminant = match names {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    };
    VariantAbi {
        abi: Abi::scalar(discriminant),
        discriminant,
        payload: discriminant,
    }
}

/// Checks a pointer that the guest gave.
#[inline]
pub(crate) fn check_range(memory: &[u8], offset: usize, size: usize, align: usize) -> Result<()> {
    if !offset.is_multiple_of(align) {
        return Err(Error::trap(TrapCode::UnalignedPointer));
    }
    match offset.checked_add(size) {
        Some(end) if end <= memory.len() => Ok(()),
        _ => Err(Error::trap(TrapCode::PointerOutOfBounds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_pads_between_and_after_its_parts() {
        let parts = [Abi::scalar(1), Abi::scalar(8), Abi::scalar(2)];
        assert_eq!(
            record_abi(&parts),
            Abi {
                size: 24,
                align: 8,
                flat: 3
            }
        );
        assert_eq!(record_offsets(parts), [0, 8, 16]);
        assert_eq!(
            record_abi(&[]),
            Abi {
                size: 0,
                align: 1,
                flat: 0
            }
        );
    }

    #[test]
    fn variant_takes_its_widest_case() {
        let cases = [Abi::POINTER_PAIR, Abi::scalar(8), record_abi(&[])];
        let variant = variant_abi(&cases);
        assert_eq!(
            variant.abi,
            Abi {
                size: 16,
                align: 8,
                flat: 3
            }
        );
        assert_eq!((variant.discriminant, variant.payload), (1, 8));
        assert_eq!(enum_abi(257).abi, Abi::scalar(2));
    }
}
