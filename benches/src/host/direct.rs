//! What messages would be without a queue: calls of a function that the compiler does
//! not see through.

use std::hint::black_box;

use enginebay::host::messaging::Payload;

use super::messages::payload;
use crate::Work;

/// A handler takes a message, again and again.
pub(super) fn one_way() -> Work {
    let mut handle: Box<dyn FnMut(Payload)> = Box::new(drop);
    Box::new(move |n| {
        for _ in 0..n {
            black_box(&mut handle)(payload());
        }
    })
}

/// A handler answers with what it was given, again and again.
pub(super) fn round_trip() -> Work {
    let mut handle: Box<dyn FnMut(Payload) -> Payload> = Box::new(|it| it);
    Box::new(move |n| {
        for _ in 0..n {
            drop(black_box(&mut handle)(payload()));
        }
    })
}
