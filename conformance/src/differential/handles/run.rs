//! A backend's trace of a program.

use enginebay::generic::{Caller, Component, Engine, Instance, Linker, Store};
use enginebay::{
    Backend, Error, ErrorKind, Resource, ResourceAny, ResourceType, Result, Type, Val,
};

use super::super::case::image;
use super::super::image::Encoding;
use super::{Batch, Call, Function, H, NEW, Ops, Step, Trace, WRONG, Way, is_host, visit};

/// The end of a program whose component was refused.
pub(crate) const REFUSED: &str = "refused";

/// What the host has in a store.
#[derive(Default)]
pub(crate) struct Host {
    lines: Vec<String>,
    /// Handles of the host's type, and of the guest's; those that are gone too.
    handles: [Vec<ResourceAny>; 2],
}

/// Which kind of handles: the host's come first.
fn kind(host: bool) -> usize {
    usize::from(!host)
}

impl Host {
    fn say(&mut self, line: String) {
        self.lines.push(line);
    }
}

fn resource(params: &[Val]) -> Result<ResourceAny> {
    match params {
        [Val::Resource(any)] => Ok(*any),
        _ => Err(Error::new(ErrorKind::TypeMismatch, "no handle")),
    }
}

/// What the components import.
fn linker<B: Backend>(engine: &Engine<B>) -> Result<Linker<B, Host>> {
    type Handle = Resource<H>;
    let mut linker = Linker::new(engine);
    let mut host = linker.instance("host")?;
    host.resource(
        "h",
        ResourceType::host::<H>(),
        |mut caller: Caller<'_, B, Host>, rep| {
            caller.data_mut().say(format!("h {rep} is destroyed"));
            Ok(())
        },
    )?;
    host.func_wrap(
        "note",
        |mut caller: Caller<'_, B, Host>, (what, value): (u32, u32)| {
            caller.data_mut().say(format!("note {what}: {value}"));
            Ok(())
        },
    )?;
    host.func_wrap("make", |_: Caller<'_, B, Host>, (rep,): (u32,)| {
        Ok((Handle::new_own(rep),))
    })?;
    for name in ["take", "see"] {
        host.func_wrap(
            name,
            move |mut caller: Caller<'_, B, Host>, (handle,): (Handle,)| {
                let line = format!("{name}: {} {}", handle.rep(), handle.owned());
                caller.data_mut().say(line);
                Ok(())
            },
        )?;
    }
    host.func_new("keep", |mut caller: Caller<'_, B, Host>, params, _| {
        let any = resource(params)?;
        caller.data_mut().handles[kind(true)].push(any);
        Ok(())
    })?;
    host.func_new("lend", |mut caller: Caller<'_, B, Host>, params, _| {
        let any = resource(params)?;
        let rep = any.into_resource::<H, _>(&mut caller)?;
        let line = format!("lend: {} {}", rep.rep(), rep.owned());
        caller.data_mut().say(line);
        Ok(())
    })?;
    Ok(linker)
}

struct Run<'a, B: Backend> {
    store: Store<B, Host>,
    instance: Instance<B>,
    functions: &'a [Function],
    encodings: (Encoding, Encoding),
}

impl<B: Backend> Run<'_, B> {
    fn call(&mut self, name: &str, params: &[Val]) -> Result<Option<Val>> {
        let func = self.instance.get_func(&mut self.store, name)?;
        let mut results = func.call(&mut self.store, params)?;
        Ok(results.pop())
    }

    fn make(&mut self, host: bool, rep: u32) -> Result<()> {
        let any = match host {
            true => ResourceAny::from_resource(Resource::<H>::new_own(rep), &mut self.store)?,
            false => {
                let made = self.call("inner#[constructor]g", &[Val::U32(rep)])?;
                resource(made.as_slice())?
            }
        };
        self.store.data_mut().handles[kind(host)].push(any);
        Ok(())
    }

    /// One of the host's handles, which is made if there is none.
    fn handle(&mut self, host: bool, number: u32) -> Result<ResourceAny> {
        let number = number as usize;
        let handles = &self.store.data().handles[kind(host)];
        if handles.is_empty() || (NEW as usize..WRONG as usize).contains(&number) {
            self.make(host, number as u32)?;
            let handles = &self.store.data().handles[kind(host)];
            return Ok(handles[handles.len() - 1]);
        }
        Ok(handles[number % handles.len()])
    }

    fn step(&mut self, step: &Step) -> Result<String> {
        match step {
            Step::Make(host, rep) => self.make(*host, *rep).map(|()| "made".to_owned()),
            Step::Drop(host, number) => {
                let any = self.handle(*host, *number)?;
                any.resource_drop(&mut self.store)?;
                Ok("dropped".to_owned())
            }
            Step::Rep(number) => {
                let any = self.handle(false, *number)?;
                let rep = self.call("inner#[method]g.rep", &[Val::Resource(any)])?;
                Ok(format!("{rep:?}"))
            }
            Step::Take(number) => {
                let any = self.handle(false, *number)?;
                self.call("inner#[static]g.take", &[Val::Resource(any)])?;
                Ok("taken".to_owned())
            }
            Step::Call(call) => self.pass(call),
        }
    }

    /// Has a component do something in the call that follows.
    fn set(&mut self, instance: &str, ops: &Ops) -> Result<()> {
        let words = |ops: &[(u32, u32)]| {
            let ops = ops.iter();
            let words = ops.map(|(op, arg)| Val::U64(u64::from(*arg) << 32 | u64::from(*op)));
            Val::List(words.collect())
        };
        let params = [words(&ops.before), words(&ops.after)];
        self.call(&format!("{instance}#set"), &params)?;
        Ok(())
    }

    fn pass(&mut self, call: &Call) -> Result<String> {
        let instance = if call.outer { "outer" } else { "inner" };
        self.set("inner", &call.ops[0])?;
        if call.outer {
            self.set("outer", &call.ops[1])?;
        }
        let Function { echo } = &call.function;
        let mut functions = self.functions.iter();
        let index = functions.position(|function| *function == call.function);
        let index = index.unwrap_or_default();
        let mut value = call.value.clone();
        let encoding = match call.way {
            Way::Pass => {
                visit(&echo.ty, &mut value, &mut |ty, value| {
                    self.choose(ty, value)
                })?;
                let mut params = vec![value];
                if echo.padded() {
                    params.push(Val::Tuple((0..16).map(Val::U64).collect()));
                }
                let result = self.call(&format!("{instance}#f{index}"), &params)?;
                return self.observed(&echo.ty, result);
            }
            Way::Give => self.encodings.0,
            Way::Send => self.encodings.1,
        };
        let bytes = image(echo, &value, encoding);
        let words = bytes.chunks(8).map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            Val::U64(u64::from_le_bytes(word))
        });
        let name = match call.way {
            Way::Give => format!("{instance}#raw{index}"),
            _ => format!("{instance}#send{index}"),
        };
        let result = self.call(&name, &[Val::List(words.collect())])?;
        self.observed(&echo.ty, result)
    }

    /// Puts one of the host's handles for a number; for some, of the other type.
    fn choose(&mut self, ty: &Type, value: &mut Val) -> Result<()> {
        if let (Type::Own(resource) | Type::Borrow(resource), Val::U32(number)) = (ty, &*value) {
            let host = is_host(resource) != (*number == WRONG);
            *value = Val::Resource(self.handle(host, *number)?);
        }
        Ok(())
    }

    /// A result as text, with representations for handles; these are kept.
    fn observed(&mut self, ty: &Type, result: Option<Val>) -> Result<String> {
        let Some(mut result) = result else {
            return Ok("nothing".to_owned());
        };
        visit(ty, &mut result, &mut |ty, value| {
            let (Type::Own(resource) | Type::Borrow(resource), Val::Resource(any)) = (ty, &*value)
            else {
                return Ok(());
            };
            let (host, any) = (is_host(resource), *any);
            let (any, rep) = match host {
                true => {
                    let resource = any.into_resource::<H, _>(&mut self.store)?;
                    let rep = resource.rep();
                    let any = ResourceAny::from_resource(resource, &mut self.store)?;
                    (any, Val::U32(rep))
                }
                false => {
                    let rep = self.call("inner#[method]g.rep", &[Val::Resource(any)])?;
                    (any, rep.unwrap_or(Val::Bool(false)))
                }
            };
            self.store.data_mut().handles[kind(host)].push(any);
            *value = rep;
            Ok::<(), Error>(())
        })?;
        // NaNs are equal as text.
        Ok(format!("{result:?}"))
    }

    /// What is left is told and dropped, the last first.
    fn finish(&mut self) -> Result<()> {
        for host in [false, true] {
            for index in (0..self.store.data().handles[kind(host)].len()).rev() {
                let drop = Step::Drop(host, index as u32);
                self.told(&drop);
            }
        }
        Ok(())
    }

    fn told(&mut self, step: &Step) -> Option<ErrorKind> {
        let (line, error) = match self.step(step) {
            Ok(line) => (line, None),
            Err(error) => {
                let kind = error.kind().clone();
                (format!("{kind:?}"), Some(kind))
            }
        };
        self.store.data_mut().say(line);
        error
    }
}

fn end(error: &ErrorKind) -> &'static str {
    match error {
        ErrorKind::Trap(code) => code.description(),
        kind => kind.name(),
    }
}

fn run_all<B: Backend>(
    engine: &Engine<B>,
    component: &[u8],
    functions: &[Function],
    batch: &Batch,
) -> Result<Vec<Trace>> {
    let component = Component::new(engine, component)?;
    let pre = linker(engine)?.instantiate_pre(&component)?;
    let mut traces = Vec::new();
    for program in &batch.programs {
        let mut store = Store::new(engine, Host::default())?;
        let instance = pre.instantiate(&mut store)?;
        let mut run = Run {
            store,
            instance,
            functions,
            encodings: batch.encodings,
        };
        // A step that the host refuses is not the end, a trap is: all after it are
        // refused.
        let errors: Vec<_> = program.iter().filter_map(|step| run.told(step)).collect();
        run.finish()?;
        let trap = errors
            .iter()
            .find(|kind| matches!(kind, ErrorKind::Trap(_)));
        let error = trap.or(errors.first());
        let fuel = run.store.fuel();
        let end = error.map_or(super::super::case::VALUE, end).to_owned();
        let mut lines = run.store.into_data().lines;
        lines.extend(fuel.map(|left| format!("{left} fuel is left")));
        traces.push(Trace { end, lines });
    }
    Ok(traces)
}

/// One backend's trace of each program.
pub(crate) fn run<B: Backend>(
    engine: &Engine<B>,
    component: &[u8],
    functions: &[Function],
    batch: &Batch,
) -> Vec<Trace> {
    run_all(engine, component, functions, batch).unwrap_or_else(|error| {
        let refused = Trace {
            lines: vec![error.to_string()],
            end: REFUSED.to_owned(),
        };
        vec![refused; batch.programs.len()]
    })
}
