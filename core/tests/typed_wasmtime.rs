//! With the `wasmtime` feature each typed value carries Wasmtime's traits as
//! well, and both have the same idea of its layout. That it crosses correctly
//! is for the backend's tests. User crates may forbid unsafe code.
#![forbid(unsafe_code)]

mod support;

use enginebay_core::{ComponentType, Map, Resource, ResourceAny};
use wasmtime::component as wt;

use support::shapes::*;

fn lowers<T: wt::Lower>() {}
fn lifts<T: wt::Lift>() {}

/// Compares at compile time, except for how many flat values there really are.
macro_rules! same_layout {
    ($($ty:ty),* $(,)?) => {$(
        const {
            let ours = <$ty as ComponentType>::LAYOUT;
            let theirs = <$ty as wt::ComponentType>::ABI;
            assert!(ours.size == theirs.size32 as usize);
            assert!(ours.align == theirs.align32 as usize);
            match theirs.flat_count {
                Some(flat) => assert!(ours.flat == flat as usize),
                None => assert!(ours.flat > 16),
            }
        };
        assert_eq!(
            <$ty as ComponentType>::LAYOUT.flat,
            <$ty as wt::ComponentType>::flatten_count(),
            stringify!($ty),
        );
        lowers::<$ty>();
    )*};
}

macro_rules! owned {
    ($($ty:ty),* $(,)?) => {
        same_layout!($($ty),*);
        $(lifts::<$ty>();)*
    };
}

#[test]
fn plain_types() {
    owned!(
        u8,
        i8,
        u16,
        i16,
        u32,
        i32,
        u64,
        i64,
        f32,
        f64,
        bool,
        char,
        String,
        Vec<u8>,
        Vec<Vec<String>>,
        (),
        (u8, u64, u16),
        Option<u8>,
        Option<u64>,
        Option<Option<String>>,
        Result<(), ()>,
        Result<u16, String>,
        Result<f32, u64>,
        [u8; 3],
        [Option<u64>; 9],
        [String; 2],
        Map<String, u32>,
        Map<u8, Vec<u64>>,
        Resource<File>,
        ResourceAny,
    );
    same_layout!(&str, &[u16]);
}

#[test]
fn derived_types() {
    owned!(
        Padded,
        Person,
        Nested,
        Pair<String, u8>,
        Pair<Padded, Pair<(), Shape>>,
        Shape,
        Either<Shape, u8>,
        Either<u64, String>,
        Bare,
        Color,
        Only,
        Large,
        Handles,
        Opened,
        Vec<Padded>,
        Option<Color>,
        (Nested, Nested),
    );
    same_layout!(View<'_>, Vec<View<'_>>);
}

#[test]
fn flags() {
    owned!(
        Permissions,
        Flags1,
        Flags8,
        Flags9,
        Flags16,
        Flags17,
        Flags32,
        Flags33,
        Flags64,
    );
}

#[test]
fn only_pointers_need_the_guests_allocator() {
    const {
        assert!(!<Padded as wt::ComponentType>::MAY_REQUIRE_REALLOC);
        assert!(!<Color as wt::ComponentType>::MAY_REQUIRE_REALLOC);
        assert!(!<Flags64 as wt::ComponentType>::MAY_REQUIRE_REALLOC);
        assert!(<Person as wt::ComponentType>::MAY_REQUIRE_REALLOC);
        assert!(<Shape as wt::ComponentType>::MAY_REQUIRE_REALLOC);
    }
}
