//! What the runner offers to scripts: the interface `enginebay:test/host`, whose
//! functions return, fail, panic, call back, wait and cancel, and whose resources
//! are counted. A script that imports it says which of them it needs.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use enginebay::generic::{Caller, Instance, Linker, LinkerInstance};
use enginebay::{
    Backend, CancelHandle, Error, ErrorKind, HostFuture, Resource, ResourceType, Result, TrapCode,
};

/// The interface's name.
pub(super) const INTERFACE: &str = "enginebay:test/host";

/// An error of the host's own, which comes back from a call as it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HostError(pub(super) String);

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for HostError {}

/// What a host function panics with.
pub(super) struct HostPanic(pub(super) String);

/// The host's resource.
struct Thing;

/// A resource whose destructor fails.
struct Fragile;

/// What the host knows of a script that runs.
#[derive(Default)]
pub(super) struct Ledger {
    /// What was noted since it was last asked for.
    pub(super) log: Vec<String>,
    /// Resources that were made, and dropped, since the script began.
    pub(super) made: u32,
    pub(super) dropped: u32,
    /// The values of those that live, by their representations.
    live: HashMap<u32, u32>,
    /// Those that the host holds.
    held: Vec<u32>,
    /// What no backend may do, such as to drop a resource twice.
    pub(super) faults: Vec<String>,
    /// Stores, and futures of host functions, that live.
    pub(super) stores: u32,
    pub(super) waiting: u32,
    /// When a store was last cancelled.
    pub(super) cancelled_at: Option<Instant>,
}

impl Ledger {
    fn make(&mut self, value: u32) -> u32 {
        self.made += 1;
        // Not the value, and not the handle's index.
        let rep = 1000 + self.made;
        self.live.insert(rep, value);
        rep
    }

    fn end(&mut self, rep: u32) -> u32 {
        match self.live.remove(&rep) {
            Some(value) => {
                self.dropped += 1;
                self.log.push(format!("drop {value}"));
                value
            }
            None => {
                self.faults
                    .push(format!("the destructor ran for {rep}, which is not there"));
                0
            }
        }
    }

    fn value(&mut self, rep: u32) -> u32 {
        if let Some(value) = self.live.get(&rep) {
            return *value;
        }
        self.faults
            .push(format!("the guest passed {rep}, which is not there"));
        0
    }
}

/// The ledger of a script, shared by its stores.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Ledger>>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cancel(&self, handle: &CancelHandle) {
        self.lock().cancelled_at = Some(Instant::now());
        handle.cancel();
    }
}

/// What each store of a script holds.
pub(super) struct State<B: Backend> {
    pub(super) shared: Shared,
    /// The store's instances, by their names.
    pub(super) instances: Vec<(Option<String>, Instance<B>)>,
    pub(super) cancel: Option<CancelHandle>,
}

impl<B: Backend> State<B> {
    pub(super) fn new(shared: Shared) -> Self {
        shared.lock().stores += 1;
        State {
            shared,
            instances: Vec::new(),
            cancel: None,
        }
    }
}

impl<B: Backend> Drop for State<B> {
    fn drop(&mut self) {
        self.shared.lock().stores -= 1;
    }
}

/// Counts a future of the host's while it lives.
struct Waiting(Shared);

impl Waiting {
    fn new(shared: &Shared) -> Self {
        shared.lock().waiting += 1;
        Waiting(shared.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

/// Is pending so many times.
struct Pause(u32);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.0.checked_sub(1) {
            None => Poll::Ready(()),
            Some(left) => {
                self.0 = left;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

fn shared<B: Backend>(caller: &Caller<'_, B, State<B>>) -> Shared {
    caller.data().shared.clone()
}

/// The last instance of the store, or the one of this name.
fn instance<B: Backend>(
    caller: &Caller<'_, B, State<B>>,
    name: Option<&str>,
) -> Result<Instance<B>> {
    let mut all = caller.data().instances.iter().rev();
    let found = all.find(|(known, _)| name.is_none() || known.as_deref() == name);
    found.map(|(_, instance)| instance.clone()).ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            "there is no such instance in the store",
        )
    })
}

fn own_handle<B: Backend>(caller: &Caller<'_, B, State<B>>) -> Result<CancelHandle> {
    let handle = caller.data().cancel.clone();
    handle.ok_or_else(|| Error::unsupported("cancellation: the script's interruption is none"))
}

/// Defines the interface. Functions that wait are there in asynchronous stores
/// only.
pub(super) fn define<B: Backend>(
    linker: &mut Linker<B, State<B>>,
    asynchronous: bool,
) -> Result<()> {
    let mut host = linker.instance(INTERFACE)?;
    plain(&mut host)?;
    failures(&mut host)?;
    resources(&mut host)?;
    if asynchronous {
        waits(&mut host)
    } else {
        calls(&mut host)
    }
}

fn plain<B: Backend>(host: &mut LinkerInstance<'_, B, State<B>>) -> Result<()> {
    host.func_wrap("nothing", |_, (): ()| Ok(()))?;
    host.func_wrap("add", |_, (a, b): (u32, u32)| Ok((a.wrapping_add(b),)))?;
    host.func_wrap("echo", |_, (text,): (String,)| Ok((text,)))?;
    host.func_wrap("repeat", |_, (text, times): (String, u32)| {
        Ok((text.repeat(times as usize),))
    })?;
    host.func_wrap("note", |caller, (text,): (String,)| {
        shared(&caller).lock().log.push(text);
        Ok(())
    })?;
    host.func_wrap("note-number", |caller, (number,): (u32,)| {
        shared(&caller).lock().log.push(number.to_string());
        Ok(())
    })?;
    host.func_wrap("fuel-left", |mut caller, (): ()| {
        let left = caller.fuel();
        let left = left.ok_or_else(|| Error::unsupported("fuel: it is not metered"))?;
        Ok((left,))
    })?;
    host.func_wrap("sleep", |_, (ms,): (u32,)| {
        thread::sleep(Duration::from_millis(ms.into()));
        Ok(())
    })?;
    host.func_wrap("cancel", |caller, (): ()| {
        shared(&caller).cancel(&own_handle(&caller)?);
        Ok(())
    })?;
    host.func_wrap("cancel-soon", |caller, (): ()| {
        let (shared, handle) = (shared(&caller), own_handle(&caller)?);
        let soon = move || {
            thread::sleep(Duration::from_millis(5));
            shared.cancel(&handle);
        };
        let started = thread::Builder::new().spawn(soon);
        started.map_err(|error| Error::unsupported(format!("threads: {error}")))?;
        Ok(())
    })
}

fn failures<B: Backend>(host: &mut LinkerInstance<'_, B, State<B>>) -> Result<()> {
    host.func_wrap("fail", |_, (text,): (String,)| {
        Err::<(), _>(Error::host(HostError(text)))
    })?;
    host.func_wrap("panic", |_, (text,): (String,)| panic_with(text))?;
    host.func_wrap("trap", |_, (): ()| {
        Err::<(), _>(Error::trap(TrapCode::IntegerOverflow))
    })
}

fn resources<B: Backend>(host: &mut LinkerInstance<'_, B, State<B>>) -> Result<()> {
    let thing = ResourceType::host::<Thing>();
    host.resource("thing", thing, |caller, rep| {
        shared(&caller).lock().end(rep);
        Ok(())
    })?;
    host.func_wrap("[constructor]thing", |caller, (value,): (u32,)| {
        let rep = shared(&caller).lock().make(value);
        Ok((Resource::<Thing>::new_own(rep),))
    })?;
    host.func_wrap(
        "[method]thing.value",
        |caller, (this,): (Resource<Thing>,)| Ok((shared(&caller).lock().value(this.rep()),)),
    )?;
    host.func_wrap("consume", |caller, (this,): (Resource<Thing>,)| {
        Ok((shared(&caller).lock().end(this.rep()),))
    })?;
    host.func_wrap("hold", |caller, (this,): (Resource<Thing>,)| {
        shared(&caller).lock().held.push(this.rep());
        Ok(())
    })?;
    host.func_wrap("release", |caller, (): ()| {
        let rep = shared(&caller).lock().held.pop();
        let rep = rep.ok_or_else(|| Error::host(HostError("nothing is held".into())))?;
        Ok((Resource::<Thing>::new_own(rep),))
    })?;
    let fragile = ResourceType::host::<Fragile>();
    host.resource("fragile", fragile, |_, _| {
        Err(Error::host(HostError("the destructor fails".into())))
    })?;
    host.func_wrap("[constructor]fragile", |_, (): ()| {
        Ok((Resource::<Fragile>::new_own(7),))
    })
}

/// Calls back into the guest.
fn calls<B: Backend>(host: &mut LinkerInstance<'_, B, State<B>>) -> Result<()> {
    let call = |mut caller: Caller<'_, B, State<B>>, of: Option<&str>, name: &str| {
        let instance = instance(&caller, of)?;
        let func = instance.get_func(&mut caller, name)?;
        func.call(&mut caller, &[])?;
        Ok(())
    };
    host.func_wrap("call", move |caller, (name,): (String,)| {
        call(caller, None, &name)
    })?;
    host.func_wrap("call-in", move |caller, (of, name): (String, String)| {
        call(caller, Some(&of), &name)
    })
}

/// What needs an asynchronous store.
fn waits<B: Backend>(host: &mut LinkerInstance<'_, B, State<B>>) -> Result<()> {
    fn call<B: Backend>(
        mut caller: Caller<'_, B, State<B>>,
        of: Option<String>,
        name: String,
    ) -> HostFuture<'_, ()> {
        HostFuture::new(async move {
            let instance = instance(&caller, of.as_deref())?;
            let func = instance.get_func(&mut caller, &name)?;
            func.call_async(&mut caller, &[]).await?;
            Ok(())
        })
    }
    host.func_wrap_async("call", |caller, (name,): (String,)| {
        call(caller, None, name)
    })?;
    host.func_wrap_async("call-in", |caller, (of, name): (String, String)| {
        call(caller, Some(of), name)
    })?;
    host.func_wrap_async("pause", |caller, (turns,): (u32,)| {
        let waiting = Waiting::new(&shared(&caller));
        HostFuture::new(async move {
            let _waiting = waiting;
            Pause(turns).await;
            Ok((turns,))
        })
    })?;
    host.func_wrap_async("never", |caller, (): ()| {
        let waiting = Waiting::new(&shared(&caller));
        HostFuture::new(async move {
            let _waiting = waiting;
            std::future::pending::<()>().await;
            Ok(())
        })
    })?;
    host.func_wrap_async("fail-later", |caller, (text,): (String,)| {
        let waiting = Waiting::new(&shared(&caller));
        HostFuture::new(async move {
            let _waiting = waiting;
            Pause(1).await;
            Err::<(), _>(Error::host(HostError(text)))
        })
    })?;
    host.func_wrap_async("panic-later", |caller, (text,): (String,)| {
        let waiting = Waiting::new(&shared(&caller));
        HostFuture::new(async move {
            let _waiting = waiting;
            Pause(1).await;
            panic_with(text)
        })
    })
}

/// Panics without the message of the hook.
fn panic_with(text: String) -> Result<()> {
    resume_unwind(Box::new(HostPanic(text)))
}
