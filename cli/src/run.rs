//! `enginebay run`: one call of a component on one backend.

use enginebay::generic::{Component, Engine, InstancePre, Linker, Store};
use enginebay::{Backend, Error, ErrorKind, Interruption, Limits, Usage, Val};

use crate::args::{Format, RunArgs};
use crate::cancel;
use crate::compiler::Source;
use crate::dispatch::{self, ALL, Task};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::guest::{self, Guest, Output};
use crate::invoke::{self, Call};
use crate::load;
use crate::report;

/// What came of a call.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A function returned, with this result if it has one.
    Returned(Option<String>),
    /// A command ended.
    Exited(u8),
}

/// One call on one backend.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) backend: &'static str,
    pub(crate) outcome: Result<Outcome, Failure>,
    /// What the guest wrote, where it is kept.
    pub(crate) stdout: Option<Vec<u8>>,
    /// What was used, if it came so far.
    pub(crate) usage: Option<Usage>,
}

pub(crate) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    #[cfg(feature = "host")]
    let args = &crate::manifest::apply(args)?;
    check(args)?;
    let call = args.invoke.as_deref().map(Call::parse).transpose()?;
    let bytes = load::read(&args.file)?;
    let all = args.backend == ALL;
    let session = Session {
        args,
        call,
        bytes: &bytes,
        keep: all || args.format == Format::Json,
        stdin: !all,
    };
    if all {
        let runs = dispatch::on_each(&session);
        #[cfg(not(target_family = "wasm"))]
        if cancel::is_interrupted() {
            return Err(Failure::Interrupted);
        }
        report::all(runs, args)
    } else {
        report::one(dispatch::on(&args.backend, &session)?, args)
    }
}

/// Refuses options that contradict each other.
fn check(args: &RunArgs) -> Result<(), Failure> {
    let refuse = |option: &str, needs: &str| {
        Err(Failure::Usage(format!(
            "{option} cannot be enforced with that --interruption: it needs {needs}"
        )))
    };
    let stop = args.engine.interruption;
    let stop = stop.map(Interruption::from);
    if args.limits.fuel.is_some() && stop.is_some_and(|stop| !stop.has_fuel()) {
        return refuse("--fuel", "`fuel` or `fuel-only`");
    }
    let timed = args
        .limits
        .timeout
        .is_some_and(|timeout| timeout.0.is_some());
    if timed && stop.is_some_and(|stop| !stop.has_deadline()) {
        return refuse("--timeout", "`deadline` or `fuel`");
    }
    Ok(())
}

struct Session<'a> {
    args: &'a RunArgs,
    call: Option<Call<'a>>,
    bytes: &'a [u8],
    /// Whether standard output is kept instead of passed on.
    keep: bool,
    /// Whether the guest gets this program's standard input.
    stdin: bool,
}

impl Task for Session<'_> {
    type Output = Run;

    fn run<B: Backend>(&self) -> Run {
        let stdout = self.keep.then(guest::output);
        let mut usage = None;
        let outcome = self.outcome::<B>(stdout.as_ref(), &mut usage);
        Run {
            backend: B::NAME,
            outcome,
            stdout: stdout.map(|pipe| pipe.contents()),
            usage,
        }
    }
}

/// A function by its full name and its arguments; without it, the component is
/// run as a command.
type Target = Option<(String, Vec<Val>)>;

impl Session<'_> {
    fn outcome<B: Backend>(
        &self,
        stdout: Option<&Output>,
        usage: &mut Option<Usage>,
    ) -> Result<Outcome, Failure> {
        let args = self.args;
        let config = args.engine.config(args.limits.fuel.is_some());
        let engine = Engine::<B>::new(&config)?;
        let source = Source {
            path: &args.file,
            bytes: self.bytes,
            engine: &args.engine,
            fuel: args.limits.fuel.is_some(),
            compiler: &args.compiler,
        };
        let component = load::component(&engine, &source, args.allow_precompiled)?;
        let target = self.target(&component)?;
        let mut linker = Linker::new(&engine);
        guest::offer(&mut linker)?;
        let pre = linker
            .instantiate_pre(&component)
            .map_err(|error| load::named(error, &args.file))?;
        let mut store = Store::<B, Guest>::builder(&engine)
            .limits(self.limits(engine.default_limits()))
            .build(guest::guest(args, stdout, self.stdin)?)?;
        if let Ok(handle) = store.cancel_handle() {
            cancel::on_interrupt(handle);
        }
        let outcome = enter(&mut store, &pre, target);
        cancel::done();
        *usage = Some(store.usage());
        outcome
    }

    /// What is called, found and checked before anything of the guest runs.
    fn target<B: Backend>(&self, component: &Component<B>) -> Result<Target, Failure> {
        let exports = component.exports();
        let Some(call) = self.call else {
            if exports
                .iter()
                .any(|export| export.name.starts_with("wasi:cli/run@0.2."))
            {
                return Ok(None);
            }
            let error = Error::new(
                ErrorKind::NotFound,
                "the component is not a command: it does not export `wasi:cli/run`",
            );
            return Err(Failure::advised(
                error.with_context("file", self.args.file.display()),
                format!(
                    "call a function with --invoke; {}",
                    invoke::exported(exports)
                ),
            ));
        };
        let (name, ty) = invoke::find(exports, call.name)?;
        let params = ty.parse_params(call.args).map_err(|error| {
            Failure::advised(
                error.with_context("arguments of", &name),
                format!("its type is `{ty}`"),
            )
        })?;
        Ok(Some((name, params)))
    }

    fn limits(&self, limits: Limits) -> Limits {
        #[cfg(feature = "host")]
        let mut limits = self.args.manifest.limits.clone().unwrap_or(limits);
        #[cfg(not(feature = "host"))]
        let mut limits = limits;
        let args = &self.args.limits;
        if let Some(bytes) = args.memory {
            limits = limits.memory(bytes);
        }
        if args.fuel.is_some() {
            limits = limits.fuel(args.fuel);
        }
        if let Some(timeout) = args.timeout {
            limits = limits.deadline(timeout.0);
        }
        limits
    }
}

/// Makes the instance and calls it. A guest that exits ends well, wherever it
/// does.
fn enter<B: Backend>(
    store: &mut Store<B, Guest>,
    pre: &InstancePre<B, Guest>,
    target: Target,
) -> Result<Outcome, Failure> {
    let result = pre.instantiate(&mut *store).and_then(|instance| {
        let Some((name, params)) = target else {
            return Ok(Outcome::Exited(guest::run_command(store, &instance)?));
        };
        let func = instance.get_func(&mut *store, &name)?;
        let results = func.call(store, &params)?;
        Ok(Outcome::Returned(results.first().map(Val::to_string)))
    });
    result.or_else(|error| match guest::exit_code(&error) {
        Some(code) => Ok(Outcome::Exited(code)),
        None => Err(error.into()),
    })
}
