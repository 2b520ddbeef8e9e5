//! Stores: a wasmi store for each component that is used, and the layer's data
//! behind one address; and the handles to what is in them.
//!
//! wasmi's stores are bound to an engine, and each component has its own. Guests
//! of all of them call host functions, which may call guests of any: so host
//! functions and limiters come back to the one address. A guest that waits for a
//! host function has lent its wasmi store to it ([`Lent`]); until it gets it back,
//! whoever wants that store goes by what was lent last.
//!
//! References to a part of a store are as short as an operation. None is held
//! while a guest runs, and none is ever made to a wasmi store but by
//! [`Context::wasmi`].
#![allow(unsafe_code, reason = "wasmi's stores are reached from two sides")]

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;

use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{Error, ErrorKind, Result, StoreData, TrapCode};
use enginebay_layer::{CoreExtern, CoreType, Data, Signature, contain};
use wasmi::{AsContextMut, Extern, Mutability, StoreContextMut};

use crate::engine::{Engine, Module, Unit};
use crate::limits::Asked;
use crate::signature::{from_val, to_val};
use crate::{WasmiCore, growth, linker, signature, start, trap};

/// How deep calls are nested in each other through host functions. wasmi gives
/// each a stack of its own on the heap and uses the thread's stack for itself,
/// and counts neither.
struct Nesting {
    /// Where the thread's stack was when the outermost call began.
    base: usize,
    depth: u32,
    max_stack: usize,
}

/// With the default of 512 KiB of stack, a guest that nests calls as deep as it
/// can makes wasmi keep at most 180 MiB.
const MAX_DEPTH: u32 = 200;

impl Nesting {
    #[inline]
    fn enter(&mut self) -> Result<()> {
        let here = 0u8;
        let here = (&raw const here).addr();
        if self.depth == 0 {
            self.base = here;
        } else if self.depth == MAX_DEPTH || self.base.abs_diff(here) > self.max_stack {
            return Err(Error::trap(TrapCode::StackOverflow));
        }
        self.depth += 1;
        Ok(())
    }

    #[inline]
    fn leave(&mut self) {
        self.depth -= 1;
    }
}

/// What a store is: at one address as long as it lives, because its wasmi stores
/// know it.
struct Inner {
    data: Data<WasmiCore>,
    nesting: Nesting,
    /// The place of the component that came first: most stores have no other.
    first: MaybeUninit<Place>,
    has_first: bool,
    /// The places of further components, which this owns.
    rest: Vec<NonNull<Place>>,
    /// Their realms by [`Unit::address`].
    realms: BTreeMap<usize, Realm>,
}

/// A wasmi store for the modules of one component: at one address as long as it
/// lives.
struct Place {
    store: wasmi::Store<Link>,
    /// The way to `store`: what a guest of it lent last to a host function, else
    /// the whole. It keeps what it was when another takes its place, and nobody
    /// looks at it then: hence `MaybeUninit`, which is always initialized.
    top: MaybeUninit<StoreContextMut<'static, Link>>,
    unit: Unit,
}

/// What our wasmi stores hold: the way back.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    inner: NonNull<Inner>,
    place: NonNull<Place>,
    /// Whether what grows now is not counted: it is ours, or was counted before.
    pub(crate) is_exempt: bool,
    /// What became of the last growth.
    pub(crate) asked: Asked,
}

impl Link {
    /// Why a guest has to stop now, if it has to.
    pub(crate) fn interrupted(&self) -> Option<Error> {
        // SAFETY: as in `store_data_mut`: a call that has paused asks.
        unsafe { (*self.inner.as_ptr()).data.store_data().interrupted() }
    }

    /// For wasmi's limiter.
    pub(crate) fn store_data_mut(&mut self) -> &mut StoreData {
        // SAFETY: wasmi asks in an operation that a context of the store makes or
        // that a guest of it makes. The store is borrowed exclusively by that
        // context or by who called the guest, is alive, and none of the two holds
        // a reference into it meanwhile.
        unsafe { (*self.inner.as_ptr()).data.store_data_mut() }
    }
}

/// A store.
pub struct Store {
    inner: NonNull<Inner>,
}

// SAFETY: a store owns all that it points to, and nothing else points there: the
// engines and modules are `Send` and `Sync`, the closures of host functions and
// the data are `Send`, and so is what else a wasmi store has. The pointers between
// these stay inside the store. While a guest runs, the store is borrowed, so that
// it cannot move to another thread meanwhile.
unsafe impl Send for Store {}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    pub(crate) fn new(engine: &Engine, data: Data<WasmiCore>) -> Self {
        let inner = Box::new(Inner {
            data,
            nesting: Nesting {
                base: 0,
                depth: 0,
                max_stack: engine.max_stack(),
            },
            first: MaybeUninit::uninit(),
            has_first: false,
            rest: Vec::new(),
            realms: BTreeMap::new(),
        });
        Store {
            inner: NonNull::from(Box::leak(inner)),
        }
    }

    #[inline]
    pub(crate) fn data(&self) -> &Data<WasmiCore> {
        // SAFETY: the store is borrowed, so that nobody has exclusive access.
        unsafe { &(*self.inner.as_ptr()).data }
    }

    #[inline]
    pub(crate) fn data_mut(&mut self) -> &mut Data<WasmiCore> {
        // SAFETY: the store is borrowed exclusively, and no guest runs.
        unsafe { &mut (*self.inner.as_ptr()).data }
    }

    #[inline]
    pub(crate) fn context(&mut self) -> Context<'_> {
        Context {
            inner: self.inner,
            _store: PhantomData,
        }
    }

    pub(crate) fn into_data(self) -> Data<WasmiCore> {
        let store = ManuallyDrop::new(self);
        // SAFETY: the store ends here, without its destructor.
        unsafe { end(store.inner) }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: the store ends here.
        drop(unsafe { end(self.inner) });
    }
}

/// Frees what a store is, but for its data.
///
/// # Safety
///
/// [`Store::new`] made it, and nobody uses it from here on.
unsafe fn end(inner: NonNull<Inner>) -> Data<WasmiCore> {
    // SAFETY: `new` made it of a box, and `Context::realm` made the places: the
    // first where `has_first` says so, the rest of boxes.
    unsafe {
        let mut inner = Box::from_raw(inner.as_ptr());
        if inner.has_first {
            inner.first.assume_init_drop();
        }
        for place in &inner.rest {
            drop(Box::from_raw(place.as_ptr()));
        }
        inner.data
    }
}

/// Exclusive access to a store, also from within a host function.
pub struct Context<'a> {
    inner: NonNull<Inner>,
    _store: PhantomData<&'a mut Inner>,
}

// SAFETY: it is a `&mut Store` in all but name, and `Store` is `Send`. Within a
// host function too: the guest that called it waits on its own thread, and does
// not touch the store until the host function returns, which it cannot while the
// borrow of its context is used elsewhere.
unsafe impl Send for Context<'_> {}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

impl Context<'_> {
    #[inline]
    pub(crate) fn reborrow(&mut self) -> Context<'_> {
        Context {
            inner: self.inner,
            _store: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn data(&self) -> &Data<WasmiCore> {
        // SAFETY: the store is borrowed, so that nobody has exclusive access.
        unsafe { &(*self.inner.as_ptr()).data }
    }

    #[inline]
    pub(crate) fn data_mut(&mut self) -> &mut Data<WasmiCore> {
        // SAFETY: the store is borrowed exclusively, and guests of it wait.
        unsafe { &mut (*self.inner.as_ptr()).data }
    }

    #[inline]
    fn nesting(&mut self) -> &mut Nesting {
        // SAFETY: as in `data_mut`.
        unsafe { &mut (*self.inner.as_ptr()).nesting }
    }

    fn rest(&mut self) -> &mut Vec<NonNull<Place>> {
        // SAFETY: as in `data_mut`. What the vector points to is not touched.
        unsafe { &mut (*self.inner.as_ptr()).rest }
    }

    #[inline]
    fn has_first(&self) -> bool {
        // SAFETY: as in `data`.
        unsafe { (*self.inner.as_ptr()).has_first }
    }

    /// Where the first place is, or will be.
    #[inline]
    fn first(&self) -> NonNull<Place> {
        // SAFETY: the store is alive; no reference is made.
        unsafe { NonNull::new_unchecked((&raw mut (*self.inner.as_ptr()).first).cast()) }
    }

    #[inline]
    fn place(&mut self, realm: Realm) -> NonNull<Place> {
        if realm.0 == 0 && self.has_first() {
            return self.first();
        }
        match self.rest().get((realm.0 as usize).wrapping_sub(1)) {
            Some(place) => *place,
            None => panic!("a handle is used with another store"),
        }
    }

    /// The wasmi store of a realm.
    #[inline]
    fn wasmi(&mut self, realm: Realm) -> StoreContextMut<'_, Link> {
        let place = self.place(realm);
        // SAFETY: the place is one of this store, which is borrowed exclusively;
        // `begin` wrote `top`. What it leads to is either the wasmi store itself,
        // which nobody else uses, or what a guest lent to a host function that
        // has not returned: `Lent` takes it back before that guest goes on. Until
        // the result is dropped nobody else gets here.
        unsafe { (*place.as_ptr()).top.assume_init_mut() }.as_context_mut()
    }

    /// Whether guests of a realm can be stopped.
    fn stops(&mut self, realm: Realm) -> bool {
        let place = self.place(realm);
        // SAFETY: the place is one of this store, and this part of it never
        // changes.
        unsafe { (*place.as_ptr()).unit.stops() }
    }

    pub(crate) fn realm(&mut self, unit: &Unit) -> Realm {
        let first = self.first();
        if !self.has_first() {
            // SAFETY: there is room for a place, which is not in use.
            unsafe {
                self.begin(first, unit);
                (*self.inner.as_ptr()).has_first = true;
            }
            return Realm(0);
        }
        // SAFETY: the first place is there, and this part of it never changes.
        if unsafe { (*first.as_ptr()).unit.address() } == unit.address() {
            return Realm(0);
        }
        // SAFETY: as in `data_mut`.
        let realms = unsafe { &mut (*self.inner.as_ptr()).realms };
        if let Some(realm) = realms.get(&unit.address()) {
            return *realm;
        }
        let place = NonNull::from(Box::leak(Box::<Place>::new_uninit())).cast();
        // SAFETY: the box has room for a place; `rest` owns it from here on.
        unsafe { self.begin(place, unit) };
        self.rest().push(place);
        let realm = Realm(self.rest().len() as u32);
        realms.insert(unit.address(), realm);
        realm
    }

    /// Begins a place for a unit.
    ///
    /// # Safety
    ///
    /// There is room for a place at `place`, where the place stays for as long as
    /// it lives, and which holds nothing yet.
    unsafe fn begin(&mut self, place: NonNull<Place>, unit: &Unit) {
        let link = Link {
            inner: self.inner,
            place,
            is_exempt: false,
            asked: Asked::Nothing,
        };
        let mut store = wasmi::Store::new(unit.engine(), link);
        store.limiter(|link| link);
        if unit.stops() {
            let set = store.set_fuel(signature::SLICE);
            debug_assert!(set.is_ok(), "the unit's engine counts fuel");
        }
        let place = place.as_ptr();
        // SAFETY: as the caller promises. The last reference to `store` is the one
        // in `top`.
        unsafe {
            (&raw mut (*place).unit).write(unit.clone());
            (&raw mut (*place).store).write(store);
            let top = (*place).store.as_context_mut();
            (&raw mut (*place).top).write(MaybeUninit::new(top));
        }
    }

    pub(crate) fn instantiate(
        &mut self,
        realm: Realm,
        module: &Module,
        imports: &[CoreExtern<WasmiCore>],
    ) -> Result<Instance> {
        let place = self.place(realm);
        // SAFETY: the place is one of this store, and this part of it never
        // changes.
        if unsafe { !(*place.as_ptr()).unit.owns(module) } {
            return Err(misused("a module is instantiated in another's place"));
        }
        if let Some(initial) = &module.initial
            && let Some(error) = initial.refused(self.data_mut().store_data_mut())
        {
            return Err(error);
        }
        let made = match &*module.memories {
            [] => Vec::new(),
            memories => contain("making memories", || {
                let mut cx = self.wasmi(realm);
                memories.iter().map(|it| it.make(&mut cx)).collect()
            })?,
        };
        let (one, mut several);
        let externs = match imports {
            [import] if made.is_empty() => {
                one = [self.import(realm, import)?];
                &one[..]
            }
            imports => {
                let each = imports.iter().map(|import| self.import(realm, import));
                several = each.collect::<Result<Vec<_>>>()?;
                several.extend(made);
                // Stable, and one pass over what is in order, as most modules are.
                several.sort_by_key(rank);
                &several[..]
            }
        };
        self.nesting().enter()?;
        let result = contain("instantiating a module", || {
            match wasmi::Instance::new(self.wasmi(realm), &module.inner, externs) {
                Ok(inner) => {
                    if !module.growths.is_empty() {
                        growth::provide(&mut self.wasmi(realm), &inner, &module.growths)?;
                    }
                    if module.has_start && !mutant::active(Mutant::WasmiStartNotRun) {
                        self.start(realm, &inner)?;
                    }
                    Ok(Instance { realm, inner })
                }
                Err(error) => Err(trap::error(self.data().store_data(), error)),
            }
        });
        self.nesting().leave();
        result
    }

    /// Runs a start function that wasmi has not run.
    fn start(&mut self, realm: Realm, instance: &wasmi::Instance) -> Result<()> {
        let Some(start) = instance.get_func(self.wasmi(realm), start::NAME) else {
            return Err(misused("wasmi lost a start function"));
        };
        let result = match self.stops(realm) {
            true => signature::run_in_slices(&mut self.wasmi(realm), &start, &[], &mut []),
            false => start.call(self.wasmi(realm), &[], &mut []),
        };
        match result {
            Ok(()) => Ok(()),
            Err(error) => Err(trap::error(self.data().store_data(), error)),
        }
    }

    /// An import as wasmi has it.
    fn import(&self, realm: Realm, import: &CoreExtern<WasmiCore>) -> Result<Extern> {
        let (of, import) = match import {
            CoreExtern::Func(it) => (it.realm, Extern::Func(it.inner)),
            CoreExtern::Memory(it) => (it.realm, Extern::Memory(it.inner)),
            CoreExtern::Table(it) => (it.realm, Extern::Table(it.inner)),
            CoreExtern::Global(it) => (it.realm, Extern::Global(it.inner)),
            CoreExtern::Tag(it) => match *it {},
        };
        if of != realm {
            return Err(misused("an import belongs to another component"));
        }
        Ok(import)
    }

    pub(crate) fn export(
        &mut self,
        instance: &Instance,
        name: &str,
    ) -> Option<CoreExtern<WasmiCore>> {
        let realm = instance.realm;
        let export = instance.inner.get_export(self.wasmi(realm), name)?;
        Some(match export {
            Extern::Func(inner) => CoreExtern::Func(Func { realm, inner }),
            Extern::Memory(inner) => CoreExtern::Memory(Memory { realm, inner }),
            Extern::Table(inner) => CoreExtern::Table(Table { realm, inner }),
            Extern::Global(inner) => CoreExtern::Global(Global { realm, inner }),
        })
    }

    pub(crate) fn host_func<F>(&mut self, realm: Realm, ty: &Signature, func: F) -> Func
    where
        F: for<'a> Fn(Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
    {
        let inner = linker::host_func(&mut self.wasmi(realm), ty, func);
        Func { realm, inner }
    }

    pub(crate) fn callee(&mut self, func: &Func, ty: &Signature) -> Result<Callee> {
        let realm = func.realm;
        let stops = self.stops(realm);
        match signature::callee(&self.wasmi(realm), &func.inner, ty, stops) {
            Ok(inner) => Ok(Callee { realm, inner }),
            Err(error) => Err(Error::new(
                ErrorKind::Engine,
                format!("a core function is not of the type that it is called with: {error}"),
            )
            .with_source(error)),
        }
    }

    #[inline]
    pub(crate) fn call(&mut self, callee: &Callee, slots: &mut [u64]) -> Result<()> {
        self.nesting().enter()?;
        let result = callee.inner.call(&mut self.wasmi(callee.realm), slots);
        self.nesting().leave();
        match result {
            Ok(()) => Ok(()),
            Err(error) => Err(trap::error(self.data().store_data(), error)),
        }
    }

    #[inline]
    pub(crate) fn memory(&mut self, memory: &Memory) -> &mut [u8] {
        memory.inner.data_mut(self.wasmi(memory.realm))
    }

    pub(crate) fn new_global(&mut self, realm: Realm, ty: CoreType, value: u64) -> Global {
        let value = to_val(ty, value);
        let inner = wasmi::Global::new(self.wasmi(realm), value, Mutability::Var);
        Global { realm, inner }
    }

    #[inline]
    pub(crate) fn global(&mut self, global: &Global) -> u64 {
        from_val(&global.inner.get(self.wasmi(global.realm)))
    }

    #[inline]
    pub(crate) fn set_global(&mut self, global: &Global, ty: CoreType, value: u64) {
        let cx = self.wasmi(global.realm);
        let set = global.inner.set(cx, to_val(ty, value));
        debug_assert!(set.is_ok(), "a global of ours is mutable and of this type");
    }
}

fn misused(text: &'static str) -> Error {
    Error::new(ErrorKind::Engine, text)
}

/// wasmi wants the imports of a module by kind, and in order within each.
fn rank(item: &Extern) -> u8 {
    match item {
        Extern::Func(_) => 0,
        Extern::Table(_) => 1,
        Extern::Memory(_) => 2,
        Extern::Global(_) => 3,
    }
}

/// A wasmi store that a guest of it has lent to a host function, as long as this
/// lives.
pub(crate) struct Lent<'a> {
    link: Link,
    /// The way to the wasmi store before.
    before: MaybeUninit<StoreContextMut<'static, Link>>,
    _cx: PhantomData<StoreContextMut<'a, Link>>,
}

impl<'a> Lent<'a> {
    #[inline]
    pub(crate) fn new(cx: StoreContextMut<'a, Link>) -> Self {
        let link = *cx.data();
        // SAFETY: only the lifetime changes. It is used by who goes by `top`,
        // where `drop` puts another: before the borrow `'a` ends, or never if the
        // call is forgotten, whose frames then stay for ever.
        let cx: StoreContextMut<'static, Link> = unsafe { mem::transmute(cx) };
        // SAFETY: the place is alive, since a guest of it waits, and nobody has a
        // reference to this part of it while a guest runs, as it did until now.
        let top = unsafe { &mut (*link.place.as_ptr()).top };
        Lent {
            link,
            before: mem::replace(top, MaybeUninit::new(cx)),
            _cx: PhantomData,
        }
    }

    /// Access to all of the store that the wasmi store is part of.
    #[inline]
    pub(crate) fn context(&mut self) -> Context<'_> {
        Context {
            inner: self.link.inner,
            _store: PhantomData,
        }
    }
}

impl Drop for Lent<'_> {
    #[inline]
    fn drop(&mut self) {
        let before = mem::replace(&mut self.before, MaybeUninit::uninit());
        // SAFETY: as in `new`: the host function has returned, and with it
        // whoever had a context.
        unsafe { (*self.link.place.as_ptr()).top = before };
    }
}

/// The place in a store where the instances of one component live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Realm(u32);

/// An instance of a module.
#[derive(Clone, Debug)]
pub struct Instance {
    realm: Realm,
    inner: wasmi::Instance,
}

/// A function in a store.
#[derive(Clone, Debug)]
pub struct Func {
    realm: Realm,
    inner: wasmi::Func,
}

/// A function that is ready for calls.
#[derive(Clone, Debug)]
pub struct Callee {
    realm: Realm,
    inner: signature::Callee,
}

/// A linear memory.
#[derive(Clone, Debug)]
pub struct Memory {
    realm: Realm,
    inner: wasmi::Memory,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    realm: Realm,
    inner: wasmi::Table,
}

/// A global.
#[derive(Clone, Debug)]
pub struct Global {
    realm: Realm,
    inner: wasmi::Global,
}
