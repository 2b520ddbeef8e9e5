//! Handles: programs of a few calls that make, pass on, lend, keep and drop
//! resources of a guest's and of the host's, inside values of generated types.
//! What the backends say to each step, and all that the host saw in between, is
//! compared.

mod generate;
mod guest;
mod run;

use std::fmt;

use enginebay::{Error, ResourceType, Type, Val, to_binary};

pub(crate) use generate::generate;
pub(crate) use run::run;

use super::SHRINKS;
use super::case::Runs;
use super::guest::Echo;
use super::image::{Encoding, flat};
use super::shrink::{fewer, inner};

/// Stands for the resource type of the host's.
pub(crate) struct H;
/// Stands for the guest's.
pub(crate) struct G;

/// What a type is called in a component's text.
pub(crate) fn name(resource: &ResourceType) -> &'static str {
    match is_host(resource) {
        true => "h",
        false => "g",
    }
}

fn is_host(resource: &ResourceType) -> bool {
    *resource == ResourceType::host::<H>()
}

/// A function that takes a value with handles in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Function {
    pub(crate) echo: Echo,
}

impl Function {
    /// Whether the function gives its value back: borrowed handles cannot be.
    pub(crate) fn gives_back(&self) -> bool {
        !borrows(&self.echo.ty)
    }

    /// Whether an image can be its parameter: else it is core values.
    pub(crate) fn sends(&self) -> bool {
        self.echo.spilled() || flat(&self.echo.ty).len() == 1
    }
}

/// Whether a type has borrowed handles in it.
fn borrows(ty: &Type) -> bool {
    let some = |ty: &Option<Type>| ty.as_ref().is_some_and(borrows);
    match ty {
        Type::Borrow(_) => true,
        Type::List(ty) | Type::FixedLengthList(ty, _) | Type::Option(ty) => borrows(ty),
        Type::Map(map) => borrows(&map.value),
        Type::Record(fields) => fields.iter().any(|field| borrows(&field.ty)),
        Type::Tuple(types) => types.iter().any(borrows),
        Type::Variant(cases) => cases.iter().any(|case| some(&case.ty)),
        Type::Result(ty) => some(&ty.ok) || some(&ty.err),
        _ => false,
    }
}

/// What to do, and with which handle or number: the guest's table of what there
/// is to do is in its text.
pub(crate) type Op = (u32, u32);

/// What a component does before and after what it is called for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ops {
    pub(crate) before: Vec<Op>,
    pub(crate) after: Vec<Op>,
}

/// How a value reaches a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The host passes it, with handles of its own: `f`.
    Pass,
    /// The inner component gives it as a result, with the handles of these
    /// numbers: `raw`.
    Give,
    /// The outer component passes it, with the handles of these numbers: `send`.
    Send,
}

/// A call of a function; in its value, a handle is a number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) function: Function,
    pub(crate) value: Val,
    pub(crate) way: Way,
    /// Whether it goes through the outer component.
    pub(crate) outer: bool,
    /// What the inner and the outer component do in the call.
    pub(crate) ops: [Ops; 2],
}

/// Numbers from here on stand for a new resource with that representation.
pub(crate) const NEW: u32 = 100;
/// Stands for a handle of the other type.
pub(crate) const WRONG: u32 = u32::MAX;

/// One thing that the host does. Numbers choose among the handles that it has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Makes a resource with this representation: the guest's by its constructor.
    Make(bool, u32),
    /// Drops a handle: of the host's type, or the guest's.
    Drop(bool, u32),
    /// Lends the guest one of its own, to be told its representation.
    Rep(u32),
    /// Passes the guest one of its own, for good.
    Take(u32),
    Call(Box<Call>),
}

/// What the host does with one store.
pub(crate) type Program = Vec<Step>;

/// What came of a program: everything that the host was told, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trace {
    pub(crate) lines: Vec<String>,
    /// In which way it ended.
    pub(crate) end: String,
}

/// Programs that share a component.
#[derive(Clone)]
pub(crate) struct Batch {
    /// String encodings of the inner and of the outer component.
    pub(crate) encodings: (Encoding, Encoding),
    pub(crate) programs: Vec<Program>,
}

impl Batch {
    /// All functions that are called, once.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut functions: Vec<Function> = Vec::new();
        for step in self.programs.iter().flatten() {
            if let Step::Call(call) = step
                && !functions.contains(&call.function)
            {
                functions.push(call.function.clone());
            }
        }
        functions
    }
}

/// Every backend's trace of each program.
type Traces = Vec<(&'static str, Vec<Trace>)>;

fn traces(runners: &[Box<dyn Runs>], batch: &Batch) -> Result<Traces, Error> {
    let functions = batch.functions();
    let text = guest::component(&functions, batch.encodings);
    let component = to_binary(text.as_bytes())?;
    let all = runners.iter().map(|runner| {
        let traces = runner.run_handles(&component, &functions, batch);
        (runner.name(), traces)
    });
    Ok(all.collect())
}

/// The backends' traces of one program, if they differ or there are none.
fn wrong(traces: &Traces, index: usize) -> Option<Vec<(&'static str, Trace)>> {
    let (_, first) = traces.first()?;
    let refused = first[index].end == run::REFUSED;
    let same = traces.iter().all(|(_, all)| all[index] == first[index]);
    (refused || !same).then(|| {
        let traces = traces.iter();
        let traces = traces.map(|(name, all)| (*name, all[index].clone()));
        traces.collect()
    })
}

/// Runs a batch on every backend: how each program ended, and those of which the
/// backends have several opinions.
pub(crate) fn check(
    runners: &[Box<dyn Runs>],
    batch: &Batch,
) -> Result<(Vec<String>, Vec<usize>), Error> {
    let traces = traces(runners, batch)?;
    let programs = 0..batch.programs.len();
    let wrong = programs.filter(|index| wrong(&traces, *index).is_some());
    let wrong = wrong.collect();
    let ends = traces.into_iter().next();
    let ends = ends.map(|(_, all)| all).unwrap_or_default().into_iter();
    Ok((ends.map(|trace| trace.end).collect(), wrong))
}

/// How a program ended, on every backend.
fn ends<'a>(traces: &'a [(&str, Trace)]) -> impl Iterator<Item = &'a str> {
    traces.iter().map(|(_, trace)| &*trace.end)
}

/// The smallest program that the backends still disagree about, each as it did at
/// first, as text.
pub(crate) fn minimise(
    runners: &[Box<dyn Runs>],
    seed: u64,
    batch: &Batch,
    index: usize,
) -> Result<String, Error> {
    let alone = |program: Program| Batch {
        encodings: batch.encodings,
        programs: vec![program],
    };
    let mut found = batch.programs[index].clone();
    let mut shown = wrong(&traces(runners, batch)?, index).unwrap_or_default();
    let mut left = SHRINKS;
    'smaller: loop {
        for program in smaller(&found) {
            if left == 0 {
                break 'smaller;
            }
            left -= 1;
            if let Ok(traces) = traces(runners, &alone(program.clone()))
                && let Some(traces) = wrong(&traces, 0)
                && ends(&traces).eq(ends(&shown))
            {
                (found, shown) = (program, traces);
                continue 'smaller;
            }
        }
        break;
    }
    Ok(Failure {
        seed,
        batch,
        program: &found,
        traces: &shown,
    }
    .to_string())
}

/// Programs with something left out, those that leave out the most first.
fn smaller(program: &Program) -> Vec<Program> {
    let mut all = fewer(program);
    for (index, step) in program.iter().enumerate() {
        let Step::Call(call) = step else {
            continue;
        };
        let mut add = |call: Call| {
            let possible = match call.way {
                Way::Pass => true,
                Way::Give => call.function.gives_back(),
                Way::Send => call.function.sends(),
            };
            if possible {
                let mut program = program.clone();
                program[index] = Step::Call(Box::new(call));
                all.push(program);
            }
        };
        for side in 0..2 {
            for ops in fewer(&call.ops[side].before) {
                let mut call = call.clone();
                call.ops[side].before = ops;
                add(*call);
            }
            for ops in fewer(&call.ops[side].after) {
                let mut call = call.clone();
                call.ops[side].after = ops;
                add(*call);
            }
        }
        for (ty, value) in inner(&call.function.echo.ty, &call.value) {
            let mut call = call.clone();
            call.function.echo.ty = ty;
            call.value = value;
            add(*call);
        }
        if call.function.echo.pad {
            let mut call = call.clone();
            call.function.echo.pad = false;
            add(*call);
        }
    }
    all
}

struct Failure<'a> {
    seed: u64,
    batch: &'a Batch,
    program: &'a Program,
    traces: &'a [(&'static str, Trace)],
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (inner, outer) = self.batch.encodings;
        writeln!(
            f,
            "seed {}: handles, strings {} inside and {} outside",
            self.seed,
            inner.name(),
            outer.name()
        )?;
        for step in self.program {
            match step {
                Step::Call(call) => writeln!(
                    f,
                    "  {:?} {}, pad {}, outer {}, inner {:?}, outer {:?}: {:?}",
                    call.way,
                    call.function.echo.ty,
                    call.function.echo.pad,
                    call.outer,
                    call.ops[0],
                    call.ops[1],
                    call.value
                )?,
                step => writeln!(f, "  {step:?}")?,
            }
        }
        for (name, trace) in self.traces {
            writeln!(f, "  {name}: {}: {}", trace.end, trace.lines.join("; "))?;
        }
        Ok(())
    }
}

/// Calls a function for each handle in a value, in the order in which handles
/// are passed.
pub(crate) fn visit<E>(
    ty: &Type,
    value: &mut Val,
    see: &mut dyn FnMut(&Type, &mut Val) -> Result<(), E>,
) -> Result<(), E> {
    let mut some = |ty: &Option<Type>, value: &mut Option<Box<Val>>| match (ty, value) {
        (Some(ty), Some(value)) => visit(ty, value, see),
        _ => Ok(()),
    };
    match (ty, value) {
        (Type::Own(_) | Type::Borrow(_), value) => see(ty, value),
        (Type::List(ty), Val::List(values))
        | (Type::FixedLengthList(ty, _), Val::FixedLengthList(values)) => values
            .iter_mut()
            .try_for_each(|value| visit(ty, value, see)),
        (Type::Map(map), Val::Map(entries)) => {
            let mut entries = entries.iter_mut();
            entries.try_for_each(|(_, value)| visit(&map.value, value, see))
        }
        (Type::Record(fields), Val::Record(values)) => {
            let mut both = fields.iter().zip(values);
            both.try_for_each(|(field, (_, value))| visit(&field.ty, value, see))
        }
        (Type::Tuple(types), Val::Tuple(values)) => {
            let mut both = types.iter().zip(values);
            both.try_for_each(|(ty, value)| visit(ty, value, see))
        }
        (Type::Option(ty), Val::Option(Some(value))) => visit(ty, value, see),
        (Type::Variant(cases), Val::Variant(name, payload)) => {
            let case = cases.iter().find(|case| *case.name == **name);
            case.map_or(Ok(()), |case| some(&case.ty, payload))
        }
        (Type::Result(ty), Val::Result(Ok(payload))) => some(&ty.ok, payload),
        (Type::Result(ty), Val::Result(Err(payload))) => some(&ty.err, payload),
        _ => Ok(()),
    }
}
