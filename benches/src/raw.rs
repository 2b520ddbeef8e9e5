//! What the layered backends are measured against: the same core modules on the
//! engine's own API, with adapters written by hand for each function.

mod wasmer;
mod wasmi;
mod wasmtime;

use std::hint::black_box;

use crate::work::Person;
use crate::{HOST_CALLS, Work};

pub(crate) use self::wasmer::Wasmer;
pub(crate) use self::wasmi::Wasmi;
pub(crate) use self::wasmtime::Wasmtime;

/// Compiles a module.
pub(crate) type Compiler<M> = Box<dyn FnMut(&[u8]) -> M>;

/// A core engine by its own API.
pub(crate) trait Raw {
    const NAME: &'static str;

    /// A compiled module.
    type Module: 'static;
    type Calls: Calls;
    type Echo: Echo;

    /// Compiles on an engine that the closure keeps.
    fn compiler() -> Compiler<Self::Module>;

    /// A store and an instance of a module, prepared as far as the engine lets
    /// one; the host function `f` gives back what it gets.
    fn instantiate(module: &[u8]) -> Box<dyn FnMut()>;

    fn calls(module: &[u8]) -> Self::Calls;

    fn echo(module: &[u8]) -> Self::Echo;
}

/// An instance of `CALLS_MODULE`.
pub(crate) trait Calls: 'static {
    /// By the engine's typed function.
    fn add(&mut self, a: u32, b: u32) -> u32;

    /// By the engine's function for types that are known at run time only.
    fn add_dynamic(&mut self, a: u32, b: u32) -> u32;

    /// With an engine's typed host function.
    fn repeat(&mut self, times: u32) -> u32;
}

/// An instance of `ECHO_MODULE`, by typed functions.
pub(crate) trait Echo: 'static {
    fn realloc(&mut self, align: u32, size: u32) -> u32;
    fn echo(&mut self, at: u32, len: u32) -> u32;
    fn echo_record(&mut self, params: (u32, u32, u32, u32, u32)) -> u32;
    fn post(&mut self, result: u32);
    fn write(&mut self, at: u32, bytes: &[u8]);
    fn write_words(&mut self, at: u32, words: &[u64]);
    fn read<const N: usize>(&mut self, at: u32) -> [u8; N];
    fn bytes(&mut self, at: u32, len: u32) -> Vec<u8>;
    fn words(&mut self, at: u32, len: u32) -> Vec<u64>;
}

fn pair(bytes: [u8; 8]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = bytes;
    let pair = ([a, b, c, d], [e, f, g, h]);
    (u32::from_le_bytes(pair.0), u32::from_le_bytes(pair.1))
}

fn words_of(bytes: &[u8]) -> Vec<u64> {
    let word = |word: &[u8]| u64::from_le_bytes(word.try_into().expect("there are 8 bytes"));
    bytes.chunks_exact(8).map(word).collect()
}

fn lower(guest: &mut impl Echo, bytes: &[u8]) -> (u32, u32) {
    let len = bytes.len() as u32;
    let at = guest.realloc(1, len);
    guest.write(at, bytes);
    (at, len)
}

fn text(guest: &mut impl Echo, (at, len): (u32, u32)) -> String {
    String::from_utf8(guest.bytes(at, len)).expect("the guest gives back what it got")
}

fn echo_string(guest: &mut impl Echo, value: &str) -> String {
    let (at, len) = lower(guest, value.as_bytes());
    let result = guest.echo(at, len);
    let value = pair(guest.read(result));
    let value = text(guest, value);
    guest.post(result);
    value
}

fn echo_bytes(guest: &mut impl Echo, value: &[u8]) -> Vec<u8> {
    let (at, len) = lower(guest, value);
    let result = guest.echo(at, len);
    let (at, len) = pair(guest.read(result));
    let value = guest.bytes(at, len);
    guest.post(result);
    value
}

fn echo_words(guest: &mut impl Echo, value: &[u64]) -> Vec<u64> {
    let len = value.len() as u32;
    let at = guest.realloc(8, 8 * len);
    guest.write_words(at, value);
    let result = guest.echo(at, len);
    let (at, len) = pair(guest.read(result));
    let value = guest.words(at, len);
    guest.post(result);
    value
}

fn echo_record(guest: &mut impl Echo, value: &Person) -> Person {
    let (name, name_len) = lower(guest, value.name.as_bytes());
    let len = value.tags.len() as u32;
    let tags = guest.realloc(4, 8 * len);
    for (tag, to) in value.tags.iter().zip((tags..).step_by(8)) {
        let (at, len) = lower(guest, tag.as_bytes());
        let mut pair = [0; 8];
        pair[..4].copy_from_slice(&at.to_le_bytes());
        pair[4..].copy_from_slice(&len.to_le_bytes());
        guest.write(to, &pair);
    }
    let result = guest.echo_record((name, name_len, value.age.into(), tags, len));
    let fields: [u8; 20] = guest.read(result);
    let field = |at: usize| pair(fields[at..at + 8].try_into().expect("there are 20 bytes"));
    let name = text(guest, field(0));
    let (tags, len) = field(12);
    let tags = (0..len)
        .map(|i| {
            let tag = pair(guest.read(tags + 8 * i));
            text(guest, tag)
        })
        .collect();
    guest.post(result);
    Person {
        name,
        age: fields[8],
        tags,
    }
}

fn repeat<G: 'static>(mut guest: G, mut run: impl FnMut(&mut G) + 'static) -> Work {
    Box::new(move |n| {
        for _ in 0..n {
            run(&mut guest);
        }
    })
}

pub(crate) fn add<R: Raw>(module: &[u8]) -> Work {
    repeat(R::calls(module), |guest| {
        black_box(guest.add(black_box(2), 3));
    })
}

pub(crate) fn add_dynamic<R: Raw>(module: &[u8]) -> Work {
    repeat(R::calls(module), |guest| {
        black_box(guest.add_dynamic(black_box(2), 3));
    })
}

pub(crate) fn host_call<R: Raw>(module: &[u8]) -> Work {
    repeat(R::calls(module), |guest| {
        black_box(guest.repeat(HOST_CALLS));
    })
}

pub(crate) fn string<R: Raw>(module: &[u8], value: &'static str) -> Work {
    repeat(R::echo(module), move |guest| {
        black_box(echo_string(guest, value));
    })
}

pub(crate) fn bytes<R: Raw>(module: &[u8], value: &'static [u8]) -> Work {
    repeat(R::echo(module), move |guest| {
        black_box(echo_bytes(guest, value));
    })
}

pub(crate) fn words<R: Raw>(module: &[u8], value: &'static [u64]) -> Work {
    repeat(R::echo(module), move |guest| {
        black_box(echo_words(guest, value));
    })
}

pub(crate) fn record<R: Raw>(module: &[u8], value: &'static Person) -> Work {
    repeat(R::echo(module), move |guest| {
        black_box(echo_record(guest, value));
    })
}

pub(crate) fn instantiate<R: Raw>(module: &[u8]) -> Work {
    repeat(R::instantiate(module), |instantiate| instantiate())
}

/// All core modules of a component.
pub(crate) fn compile<R: Raw>(modules: Vec<Vec<u8>>) -> Work {
    repeat(R::compiler(), move |compile| {
        for module in &modules {
            black_box(compile(module));
        }
    })
}
