//! Files that are made to be expensive before anything of them is compiled are
//! refused for less than they would cost: what the scan keeps is bounded by the
//! limits, however large a file of 128 MiB can make it.
#![allow(unsafe_code, reason = "a global allocator is unsafe to implement")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write;

use enginebay_core::{Config, ErrorKind, to_binary, validate};

struct Counting;

thread_local! {
    /// Bytes that this thread has allocated at present, and at most. Other threads
    /// are the test harness's.
    static BYTES: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn add(bytes: isize) {
    BYTES.set(BYTES.get() + bytes);
    PEAK.set(PEAK.get().max(BYTES.get()));
}

// SAFETY: everything is passed on to the system's allocator; the counters are
// constant until they are first used and need no destructor, so that they do not
// allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as isize);
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        add(-(layout.size() as isize));
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are there while the content is copied.
        add(size as isize);
        add(-(layout.size() as isize));
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many bytes something allocates at most, besides those that there are.
fn peak<T>(run: impl FnOnce() -> T) -> (T, isize) {
    let before = BYTES.get();
    PEAK.set(before);
    let value = run();
    (value, PEAK.get() - before)
}

/// A component is refused for being too large, and allocates no more than this.
fn is_too_large(name: &str, wasm: &[u8], what: &str, most: isize) {
    let (result, peak) = peak(|| validate(wasm, &Config::new()));
    let error = result.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::TooLarge, "{name}: {error}");
    assert!(error.message().starts_with(what), "{name}: {error}");
    assert!(peak < most, "{name}: {peak} bytes");
}

fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

const MODULE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id], &*leb(content.len()), content].concat()
}

/// A section of so many equal items.
fn items(id: u8, count: usize, item: &[u8]) -> Vec<u8> {
    section(id, &[leb(count), item.repeat(count)].concat())
}

/// A component with a core module.
fn with_module(sections: &[u8]) -> Vec<u8> {
    [COMPONENT, &section(1, &[MODULE, sections].concat())].concat()
}

/// The same component with what is not valid in front: the validator stops there,
/// and what is measured is what comes before it.
fn invalid(wasm: &[u8]) -> Vec<u8> {
    // An alias of an outer type that is not there.
    [&wasm[..8], &section(6, &[1, 3, 2, 0, 9]), &wasm[8..]].concat()
}

/// A component that is only invalid allocates no more than this.
fn is_cheap(name: &str, wasm: &[u8], most: isize) {
    let wasm = invalid(wasm);
    let (result, peak) = peak(|| validate(&wasm, &Config::new()));
    let error = result.unwrap_err();
    assert_eq!(
        *error.kind(),
        ErrorKind::InvalidComponent,
        "{name}: {error}"
    );
    assert!(
        error.message().starts_with("unknown type"),
        "{name}: {error}"
    );
    assert!(peak < most, "{name}: {peak} bytes");
}

const MIB: isize = 1 << 20;

#[test]
fn sections_with_millions_of_items_are_not_kept() {
    let millions = 8_000_000;
    for (name, what, item, id) in [
        ("core instances", "instances", &[0u8, 0, 0][..], 2),
        ("instances", "instances", &[0, 0, 0], 5),
        ("outer aliases", "parts of instances", &[4, 2, 0, 0], 6),
        ("export aliases", "parts of instances", &[5, 0, 0, 0], 6),
        ("imports", "parts of instances", &[0, 0, 5, 0], 10),
        ("exports", "parts of instances", &[0, 0, 5, 0, 0], 11),
    ] {
        let wasm = [COMPONENT, &items(id, millions, item)].concat();
        is_too_large(name, &wasm, what, 80 * MIB);
    }
    // One instance with many arguments, and many of them.
    let argument = [0, 5, 0].repeat(100_000);
    let instance = [&[0, 0][..], &leb(100_000), &argument].concat();
    let wasm = [COMPONENT, &items(5, 30, &instance)].concat();
    is_too_large("arguments", &wasm, "parts of instances", 80 * MIB);
    // Components that are empty.
    let nested = section(4, COMPONENT).repeat(2_000_000);
    let wasm = [COMPONENT, &nested].concat();
    is_too_large("components", &wasm, "parts of instances", 160 * MIB);
}

#[test]
fn groups_with_millions_of_types_imports_or_tags_are_not_kept() {
    let group = [&[0x4e][..], &leb(400_000), &[0x60, 0, 0].repeat(400_000)].concat();
    let types = items(1, 1, &group);
    // The reader holds a group as a whole.
    let what = "parameters and results of functions and types";
    is_too_large("types", &with_module(&types), what, 120 * MIB);
    // Of one module and one type, with names alone.
    let names = vec![0; 8_000_000];
    let group = [&[0, 0, 0x7e, 0, 0][..], &leb(names.len()), &names].concat();
    let imports = with_module(&items(2, 1, &group));
    is_too_large("imports", &imports, "imported functions", 20 * MIB);
    let imports = with_module(&items(2, 3_000_000, &[0, 0, 0, 0]));
    is_too_large("imports", &imports, "imported functions", 20 * MIB);
    let tags = with_module(&items(13, 8_000_000, &[0, 0]));
    is_too_large("tags", &tags, "tags", 20 * MIB);
}

/// A component of which another exports so many, by names so long, so many times.
fn exports(exports: usize, length: usize, instances: usize) -> Vec<u8> {
    let mut text = String::from("(component (component $c (component $e)");
    for i in 0..exports {
        let name = "a".repeat(length);
        let _ = write!(text, "(export \"{name}{i}\" (component $e))");
    }
    text += ")";
    text += &"(instance (instantiate $c))".repeat(instances);
    text += ")";
    to_binary(text.as_bytes()).unwrap().into_owned()
}

#[test]
fn long_names_are_not_copied_for_each_instance() {
    let wasm = exports(90, 99_990, 9_000);
    is_too_large("exports", &wasm, "bytes of what instances export", 80 * MIB);
    // More of them are too many, long or not.
    for length in [1, 1_000] {
        let wasm = exports(150, length, 9_000);
        is_too_large("exports", &wasm, "parts of instances", 80 * MIB);
    }
}

#[test]
fn aliases_count_in_each_instance() {
    let mut text = String::from("(component (component $c");
    text += &"(alias outer 0 0 (component))".repeat(90_000);
    text += ")";
    text += &"(instance (instantiate $c))".repeat(100);
    text += ")";
    let wasm = to_binary(text.as_bytes()).unwrap();
    is_too_large("aliases", &wasm, "parts of instances", 80 * MIB);
}

#[test]
fn instances_that_export_each_other_in_a_long_chain_end() {
    // Each instance has some that export the one before.
    let mut wraps = String::new();
    for i in 0..40 {
        let _ = write!(
            wraps,
            "(instance $b{} (export \"a\" (instance $b{i})))",
            i + 1
        );
    }
    let mut text = format!(
        "(component (component $c (import \"a\" (instance $b0)) {wraps}
            (export \"a\" (instance $b40)))
        (instance $i0)"
    );
    for i in 0..9_000 {
        let _ = write!(
            text,
            "(instance $i{} (instantiate $c (with \"a\" (instance $i{i}))))",
            i + 1
        );
    }
    text += ")";
    let wasm = to_binary(text.as_bytes()).unwrap();
    is_cheap("chain", &wasm, 80 * MIB);
}

#[test]
fn components_of_programs_are_valid() {
    let guests = concat!(env!("CARGO_MANIFEST_DIR"), "/../guests/prebuilt");
    let mut found = 0;
    for entry in std::fs::read_dir(guests).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            let wasm = std::fs::read(&path).unwrap();
            validate(&wasm, &Config::new()).unwrap();
            found += 1;
        }
    }
    assert!(found > 0, "{guests}");
}

#[test]
fn exports_are_not_kept_for_each_of_thousands_of_instances() {
    // Short names and long ones: what is kept for each counts too.
    for (exports, length) in [(20_000, 1), (1_000, 400)] {
        let mut text = String::from("(component (core module $m (func $f)");
        for i in 0..exports {
            write!(text, "(export \"{i:0length$}\" (func $f))").unwrap();
        }
        text.push(')');
        for _ in 0..5_000 {
            text.push_str("(core instance (instantiate $m))");
        }
        text.push(')');
        let wasm = to_binary(text.as_bytes()).unwrap();
        let what = "bytes of what instances export";
        is_too_large("exports of instances", &wasm, what, 20 * MIB);
    }
    // The same module once is none too many.
    let once = "(component (core module $m (func $f) (export \"f\" (func $f)))
        (core instance (instantiate $m)))";
    validate(once, &Config::new()).unwrap();
}
