//! Where calls are made: stores with a script's limits and guard, synchronous or not,
//! and the stores of core modules, which are made again after a trap.

use std::sync::{Arc, OnceLock};

use enginebay::generic::{Component, Engine, Instance, Linker, Store};
use enginebay::{Backend, Error, ErrorKind, HostCall, Val};

use super::Step;
use super::host::{self, Shared, State};
use crate::adapt::{Export, Exports};
use crate::executor::{block_on, poll_times};
use crate::header::HeaderLimits;
use crate::outcome::Outcome;
use crate::script::Core;
use crate::value;

/// Where calls are made: the mode of all stores of a script.
pub(super) struct Place<B: Backend> {
    pub(super) engine: Engine<B>,
    pub(super) limits: HeaderLimits,
    /// Host functions that the store's guard refuses.
    pub(super) deny: Arc<[String]>,
    pub(super) asynchronous: bool,
    pub(super) shared: Shared,
    /// What the runner offers, for components that import nothing else.
    pub(super) linker: Arc<OnceLock<Linker<B, State<B>>>>,
}

impl<B: Backend> Clone for Place<B> {
    fn clone(&self) -> Self {
        Place {
            engine: self.engine.clone(),
            limits: self.limits.clone(),
            deny: self.deny.clone(),
            asynchronous: self.asynchronous,
            shared: self.shared.clone(),
            linker: self.linker.clone(),
        }
    }
}

impl<B: Backend> Place<B> {
    pub(super) fn store(&self, own: &HeaderLimits) -> Result<Store<B, State<B>>, Error> {
        let limits = self.limits.apply(self.engine.default_limits());
        let mut builder = Store::builder(&self.engine).limits(own.apply(limits));
        if !self.deny.is_empty() {
            let deny = self.deny.clone();
            builder = builder.guard(move |call: &HostCall<'_>| {
                if deny.iter().any(|name| name == call.function) {
                    let text = format!("the script denies `{}`", call.function);
                    return Err(Error::new(ErrorKind::Denied, text));
                }
                Ok(())
            });
        }
        let state = State::new(self.shared.clone());
        let mut store = if self.asynchronous {
            builder.build_async(state)
        } else {
            builder.build(state)
        }?;
        // There is none where nothing can be stopped.
        store.data_mut().cancel = store.cancel_handle().ok();
        Ok(store)
    }

    /// A linker with what the runner offers.
    pub(super) fn linker(&self) -> Result<Linker<B, State<B>>, Error> {
        let mut linker = Linker::new(&self.engine);
        host::define(&mut linker, self.asynchronous)?;
        Ok(linker)
    }

    pub(super) fn instantiate(
        &self,
        linker: &Linker<B, State<B>>,
        store: &mut Store<B, State<B>>,
        component: &Component<B>,
    ) -> Result<Instance<B>, Error> {
        if self.asynchronous {
            block_on(linker.instantiate_async(store, component))
        } else {
            linker.instantiate(store, component)
        }
    }

    pub(super) fn call(
        &self,
        store: &mut Store<B, State<B>>,
        instance: &Instance<B>,
        name: &str,
        args: &[Val],
    ) -> Result<Vec<Val>, Error> {
        let func = instance.get_func(&mut *store, name)?;
        let args = &value::fit_all(args, &func.ty(&mut *store)?);
        if self.asynchronous {
            block_on(func.call_async(store, args))
        } else {
            func.call(store, args)
        }
    }

    /// Calls, and drops the call after so many polls.
    pub(super) fn abandon(
        &self,
        store: &mut Store<B, State<B>>,
        instance: &Instance<B>,
        (name, args): (&str, &[Val]),
        polls: u32,
    ) -> Step<Result<(), Error>> {
        if !self.asynchronous {
            return Err(Outcome::fail("only asynchronous calls can be abandoned"));
        }
        let func = match instance.get_func(&mut *store, name) {
            Ok(func) => func,
            Err(error) => return Ok(Err(error)),
        };
        match poll_times(func.call_async(store, args), polls) {
            None => Ok(Ok(())),
            Some(Err(error)) => Ok(Err(error)),
            Some(Ok(_)) => Err(Outcome::fail("the call returned before it was abandoned")),
        }
    }

    pub(super) fn drop_handle(
        &self,
        store: &mut Store<B, State<B>>,
        val: &Val,
    ) -> Step<Result<(), Error>> {
        let Val::Resource(handle) = val else {
            return Err(Outcome::fail("what was kept is no handle"));
        };
        Ok(if self.asynchronous {
            block_on(handle.resource_drop_async(store))
        } else {
            handle.resource_drop(store)
        })
    }
}

/// A core module's instance in a store of its own.
pub(super) struct CoreInstance<B: Backend> {
    place: Place<B>,
    limits: HeaderLimits,
    component: Component<B>,
    pub(super) exports: Exports,
    pub(super) made: (Store<B, State<B>>, Instance<B>),
    /// The calls that succeeded.
    calls: Vec<(String, Vec<Val>)>,
}

impl<B: Backend> CoreInstance<B> {
    pub(super) fn make(
        place: Place<B>,
        component: Component<B>,
        exports: Exports,
        limits: &HeaderLimits,
    ) -> Result<Self, Error> {
        let mut store = place.store(limits)?;
        let instance = place.instantiate(&Linker::new(&place.engine), &mut store, &component)?;
        Ok(CoreInstance {
            place,
            component,
            exports,
            limits: limits.clone(),
            made: (store, instance),
            calls: Vec::new(),
        })
    }

    /// Calls an export: the inner result is the guest's.
    pub(super) fn call(
        &mut self,
        export: &Export,
        args: Vec<Val>,
        changes: bool,
    ) -> Step<Result<Vec<Core>, Error>> {
        if self.made.0.poisoned().is_some() {
            self.revive()
                .map_err(|error| Outcome::fail(format!("cannot be made again: {error}")))?;
        }
        let (store, instance) = &mut self.made;
        let results = match self.place.call(store, instance, &export.name, &args) {
            Ok(results) => results,
            Err(error) => return Ok(Err(error)),
        };
        if changes {
            self.calls.push((export.name.clone(), args));
        }
        match export.lift(&results) {
            Some(cores) => Ok(Ok(cores)),
            None => Err(Outcome::fail("the results do not fit the function")),
        }
    }

    /// Makes the instance again, as it was before the trap.
    fn revive(&mut self) -> Result<(), Error> {
        let place = &self.place;
        let mut store = place.store(&self.limits)?;
        let linker = Linker::new(&place.engine);
        let instance = place.instantiate(&linker, &mut store, &self.component)?;
        for (name, args) in &self.calls {
            place.call(&mut store, &instance, name, args)?;
        }
        self.made = (store, instance);
        Ok(())
    }
}
