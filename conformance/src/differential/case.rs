//! One case: a value that goes through a guest, or an image that a guest claims
//! to be one; what comes of it on a backend, and what ought to.

use std::collections::BTreeMap;
use std::fmt;

use enginebay::generic::{Component, Engine, Instance, Linker, Store};
use enginebay::{Backend, Config, Error, ErrorKind, Feature, Interruption, Val, to_binary};

use super::guest::{BASE, Echo, component};
use super::handles;
use super::image::{Encoding, Image};

/// What is done with a function's type.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// A value is given and comes back: `inner` or `outer`, `echo`.
    Echo(Val),
    /// The bytes are a value's, so this value is the result: `raw`.
    Image(Vec<u8>, Option<Val>),
    /// The bytes are an argument of a call between components: `send`.
    Send(Vec<u8>),
}

/// What is called, and with what.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Whether the call goes through a second component.
    pub(crate) outer: bool,
    pub(crate) input: Input,
}

impl Case {
    /// What the result has to be, if that is known without a backend.
    fn expected(&self) -> Option<&Val> {
        match &self.input {
            Input::Echo(value) => Some(value),
            Input::Image(_, value) => value.as_ref(),
            Input::Send(_) => None,
        }
    }

    fn name(&self, index: usize) -> String {
        let instance = if self.outer { "outer" } else { "inner" };
        let function = match &self.input {
            Input::Echo(_) => "echo",
            Input::Image(..) => "raw",
            Input::Send(_) => "send",
        };
        format!("{instance}#{function}{index}")
    }

    fn params(&self, padded: bool) -> Vec<Val> {
        match &self.input {
            Input::Echo(value) => {
                let mut params = vec![value.clone()];
                if padded {
                    params.push(Val::Tuple((0..16).map(Val::U64).collect()));
                }
                params
            }
            Input::Image(bytes, _) | Input::Send(bytes) => {
                let words = bytes.chunks(8).map(|chunk| {
                    let mut word = [0; 8];
                    word[..chunk.len()].copy_from_slice(chunk);
                    Val::U64(u64::from_le_bytes(word))
                });
                vec![Val::List(words.collect())]
            }
        }
    }
}

/// What came of a case: a value, with floats as their bits, or an error's kind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Value(Val),
    Error(ErrorKind),
    /// The component could not be made, and why.
    Refused(ErrorKind, String),
    /// All is well but for the fuel, of which this much is left.
    Fuel(Option<u64>),
}

impl Outcome {
    /// In which way a case ended.
    fn end(&self) -> &'static str {
        match self {
            Outcome::Value(_) => VALUE,
            Outcome::Error(ErrorKind::Trap(code)) => code.description(),
            Outcome::Error(kind) => kind.name(),
            Outcome::Refused(..) => "refused",
            Outcome::Fuel(_) => "fuel",
        }
    }
}

/// What came of a case, and the fuel that was left, where it is metered.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    pub(crate) outcome: Outcome,
    pub(crate) fuel: Option<u64>,
}

/// How a case ends that ends well.
pub(crate) const VALUE: &str = "value";

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Value(value) => write!(f, "{value:?}"),
            Outcome::Error(kind) => write!(f, "{kind:?}"),
            Outcome::Refused(kind, message) => write!(f, "refused: {kind:?}: {message}"),
            Outcome::Fuel(left) => write!(f, "{left:?} fuel is left"),
        }
    }
}

/// Floats as their bits: NaNs are to come through as they are.
pub(crate) fn bits(value: &Val) -> Val {
    let boxed = |value: &Option<Box<Val>>| value.as_ref().map(|value| Box::new(bits(value)));
    match value {
        Val::F32(value) => Val::U32(value.to_bits()),
        Val::F64(value) => Val::U64(value.to_bits()),
        Val::List(values) => Val::List(values.iter().map(bits).collect()),
        Val::FixedLengthList(values) => Val::FixedLengthList(values.iter().map(bits).collect()),
        Val::Tuple(values) => Val::Tuple(values.iter().map(bits).collect()),
        Val::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| (bits(key), bits(value)));
            Val::Map(entries.collect())
        }
        Val::Record(fields) => {
            let fields = fields.iter();
            Val::Record(fields.map(|(name, v)| (name.clone(), bits(v))).collect())
        }
        Val::Variant(name, payload) => Val::Variant(name.clone(), boxed(payload)),
        Val::Option(payload) => Val::Option(boxed(payload)),
        Val::Result(Ok(payload)) => Val::Result(Ok(boxed(payload))),
        Val::Result(Err(payload)) => Val::Result(Err(boxed(payload))),
        other => other.clone(),
    }
}

/// Functions in one component, and the cases for each.
pub(crate) struct Batch {
    pub(crate) echoes: Vec<Echo>,
    /// String encodings of the inner and of the outer component.
    pub(crate) encodings: (Encoding, Encoding),
    /// With the index of their function.
    pub(crate) cases: Vec<(usize, Case)>,
}

/// One backend's engine, which all batches use.
pub(crate) trait Runs: Send {
    fn name(&self) -> &'static str;

    /// What comes of each case of a batch.
    fn run(&self, component: &[u8], batch: &Batch) -> Vec<Ran>;

    /// What comes of each program of a batch of those about handles.
    fn run_handles(
        &self,
        component: &[u8],
        functions: &[handles::Function],
        batch: &handles::Batch,
    ) -> Vec<handles::Trace>;
}

struct Runner<B: Backend>(Engine<B>);

impl<B: Backend> Runner<B> {
    fn instance(&self, component: &Component<B>) -> Result<(Store<B, ()>, Instance<B>), Error> {
        let mut store = Store::new(&self.0, ())?;
        let instance = Linker::new(&self.0).instantiate(&mut store, component)?;
        Ok((store, instance))
    }

    fn run_all(&self, component: &[u8], batch: &Batch) -> Result<Vec<Ran>, Error> {
        let component = Component::new(&self.0, component)?;
        let mut outcomes = Vec::new();
        let mut used = None;
        for (index, case) in &batch.cases {
            let (mut store, instance) = match used.take() {
                Some(used) => used,
                None => self.instance(&component)?,
            };
            let func = instance.get_func(&mut store, &case.name(*index))?;
            let params = case.params(batch.echoes[*index].padded());
            let result = func.call(&mut store, &params);
            let fuel = store.fuel();
            let outcome = match result {
                Ok(results) => {
                    let value = results.first().map(bits);
                    let value = value.unwrap_or(Val::Tuple(Vec::new()));
                    // What an image left in memory is none of the next one's business.
                    if matches!(case.input, Input::Echo(_)) {
                        used = Some((store, instance));
                    }
                    Outcome::Value(value)
                }
                Err(error) => Outcome::Error(error.kind().clone()),
            };
            outcomes.push(Ran { outcome, fuel });
        }
        Ok(outcomes)
    }
}

impl<B: Backend> Runs for Runner<B> {
    fn name(&self) -> &'static str {
        B::NAME
    }

    fn run(&self, component: &[u8], batch: &Batch) -> Vec<Ran> {
        self.run_all(component, batch).unwrap_or_else(|error| {
            let refused = Ran {
                outcome: Outcome::Refused(error.kind().clone(), error.to_string()),
                fuel: None,
            };
            vec![refused; batch.cases.len()]
        })
    }

    fn run_handles(
        &self,
        component: &[u8],
        functions: &[handles::Function],
        batch: &handles::Batch,
    ) -> Vec<handles::Trace> {
        handles::run(&self.0, component, functions, batch)
    }
}

fn runner<B: Backend>(interruption: Interruption) -> Result<Box<dyn Runs>, Error> {
    let mut config = Config::new();
    config.interruption(interruption);
    config.feature(Feature::Maps, true);
    config.feature(Feature::FixedLengthLists, true);
    Ok(Box::new(Runner::<B>(Engine::new(&config)?)))
}

/// An engine of each backend.
pub(crate) fn runners(interruption: Interruption) -> Result<Vec<Box<dyn Runs>>, Error> {
    let mut runners = Vec::new();
    macro_rules! add {
        ($name:ident, $backend:ty) => {
            runners.push(runner::<$backend>(interruption)?);
        };
    }
    enginebay::for_each_backend!(add);
    Ok(runners)
}

/// What is wrong with a case: every backend's outcome.
#[derive(Clone, Debug)]
pub(crate) struct Wrong {
    pub(crate) case: usize,
    pub(crate) outcomes: Vec<(&'static str, Outcome)>,
}

/// What is wrong in a batch, and what there was.
pub(crate) struct Checked {
    /// The cases that differ between backends or from what they have to be.
    pub(crate) wrong: Vec<Wrong>,
    /// How many cases ended in which way.
    pub(crate) ends: BTreeMap<String, usize>,
}

impl Checked {
    /// Whether something is wrong with a component that is not simply refused by
    /// every backend: when cases are made smaller, that shows nothing.
    pub(crate) fn shown(self) -> Option<Wrong> {
        let refused = |(_, outcome): &(_, Outcome)| matches!(outcome, Outcome::Refused(..));
        let mut wrong = self.wrong.into_iter();
        wrong.find(|wrong| !wrong.outcomes.iter().all(refused))
    }
}

/// Runs a batch on every backend and compares.
pub(crate) fn check(runners: &[Box<dyn Runs>], batch: &Batch) -> Result<Checked, Error> {
    let text = component(&batch.echoes, batch.encodings);
    let component = to_binary(text.as_bytes())?;
    let all: Vec<_> = runners
        .iter()
        .map(|runner| runner.run(&component, batch))
        .collect();
    let (mut wrong, mut ends) = (Vec::new(), BTreeMap::new());
    for (index, (_, case)) in batch.cases.iter().enumerate() {
        let outcomes: Vec<_> = all.iter().map(|all| &all[index].outcome).collect();
        let expected = case.expected().map(|value| Outcome::Value(bits(value)));
        let first = expected.as_ref().or(outcomes.first().copied());
        *ends
            .entry(first.map_or("nothing", Outcome::end).to_owned())
            .or_insert(0) += 1;
        // A component that all refuse is no test.
        let refused = matches!(first, Some(Outcome::Refused(..)));
        if refused || outcomes.iter().any(|outcome| Some(*outcome) != first) {
            let names = runners.iter().map(|runner| runner.name());
            let outcomes = names.zip(outcomes.into_iter().cloned()).collect();
            wrong.push(Wrong {
                case: index,
                outcomes,
            });
            continue;
        }
        let fuel: Vec<_> = all.iter().map(|all| all[index].fuel).collect();
        if fuel.iter().any(|left| *left != fuel[0]) {
            let names = runners.iter().map(|runner| runner.name());
            wrong.push(Wrong {
                case: index,
                outcomes: names.zip(fuel.into_iter().map(Outcome::Fuel)).collect(),
            });
        }
    }
    Ok(Checked { wrong, ends })
}

/// The bytes of a value for an image.
pub(crate) fn image(echo: &Echo, value: &Val, encoding: Encoding) -> Vec<u8> {
    Image::of(&echo.ty, value, BASE, encoding).bytes
}
