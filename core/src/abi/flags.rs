//! What [`flags!`](crate::flags) is built from.

use super::layout::Abi;

/// The layout of flags with this many names: 1, 2 or 4 bytes, or a multiple of
/// 4, and one flat value per 32 names.
pub const fn flags_layout(names: usize) -> Abi {
    match names {
        0 => Abi {
            size: 0,
            align: 1,
            flat: 0,
        },
        1..=8 => Abi::scalar(1),
        9..=16 => Abi::scalar(2),
        _ => {
            let words = names.div_ceil(32);
            Abi {
                size: words * 4,
                align: 4,
                flat: words,
            }
        }
    }
}

/// The word and the bit in it of the flag at `index`.
pub const fn flag_bit(index: usize) -> (usize, u32) {
    (index / 32, 1 << (index % 32))
}
