//! Host functions: what a guest's call of an import does.

use std::marker::PhantomData;
use std::sync::Arc;

use enginebay_core::abi::{self, MAX_FLAT_RESULTS};
use enginebay_core::{
    ComponentNamedList, FuncType, HostContext, HostFuture, Lift, Lower, Result, Type, Val,
};

use crate::Layer;
use crate::context::{Boundary, Crossing};
use crate::coroutine;
use crate::engine::{CoreEngine, Signature};
use crate::instance::Ends;
use crate::store::check_may_leave;

/// A host function in a linker.
pub(crate) trait HostFunc<E: CoreEngine>: Send + Sync {
    /// Checks the function against the type with which it is imported.
    ///
    /// # Errors
    ///
    /// The function's own type as text, if that is another one.
    fn check(&self, wanted: &FuncType) -> std::result::Result<(), String>;

    fn is_async(&self) -> bool;

    /// Makes the core function that an instance's code calls.
    fn lower(
        self: Arc<Self>,
        cx: &mut E::Context<'_>,
        realm: E::Realm,
        ty: &Signature,
        instance: u32,
        boundary: Arc<Boundary>,
    ) -> E::Func;
}

/// Whether values of the Rust type `ours` are values of the component's type.
pub(crate) fn fits(ours: &Type, theirs: &Type) -> bool {
    let optional = |ours: &Option<Type>, theirs: &Option<Type>| match (ours, theirs) {
        (Some(ours), Some(theirs)) => fits(ours, theirs),
        (None, None) => true,
        _ => false,
    };
    match (ours, theirs) {
        // A Rust type does not tell the two apart.
        (Type::Own(ours) | Type::Borrow(ours), Type::Own(theirs) | Type::Borrow(theirs)) => {
            ours.is_any() || ours == theirs
        }
        (Type::List(ours), Type::List(theirs)) | (Type::Option(ours), Type::Option(theirs)) => {
            fits(ours, theirs)
        }
        (Type::Record(ours), Type::Record(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(&**theirs)
                    .all(|(ours, theirs)| ours.name == theirs.name && fits(&ours.ty, &theirs.ty))
        }
        (Type::Tuple(ours), Type::Tuple(theirs)) => all_fit(ours, theirs),
        (Type::Variant(ours), Type::Variant(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(&**theirs).all(|(ours, theirs)| {
                    ours.name == theirs.name && optional(&ours.ty, &theirs.ty)
                })
        }
        (Type::Result(ours), Type::Result(theirs)) => {
            optional(&ours.ok, &theirs.ok) && optional(&ours.err, &theirs.err)
        }
        (ours, theirs) => ours == theirs,
    }
}

pub(crate) fn all_fit(ours: &[Type], theirs: &[Type]) -> bool {
    ours.len() == theirs.len()
        && ours
            .iter()
            .zip(theirs)
            .all(|(ours, theirs)| fits(ours, theirs))
}

/// Whether a function can be called with these Rust types.
pub(crate) fn func_fits<P: ComponentNamedList, R: ComponentNamedList>(ty: &FuncType) -> bool {
    let params: Vec<_> = ty.params.iter().map(|(_, ty)| ty.clone()).collect();
    let results: Vec<_> = ty.result.iter().cloned().collect();
    all_fit(&P::component_types(), &params) && all_fit(&R::component_types(), &results)
}

/// Rust types as a function's type, for messages.
pub(crate) fn describe<P: ComponentNamedList, R: ComponentNamedList>() -> String {
    let list = |types: Vec<Type>| {
        let texts: Vec<_> = types.iter().map(Type::to_string).collect();
        texts.join(", ")
    };
    match R::component_types().as_slice() {
        [] => format!("func({})", list(P::component_types())),
        [result] => format!("func({}) -> {result}", list(P::component_types())),
        _ => format!(
            "func({}) -> ({})",
            list(P::component_types()),
            list(R::component_types())
        ),
    }
}

fn check_typed<P: ComponentNamedList, R: ComponentNamedList>(
    wanted: &FuncType,
) -> std::result::Result<(), String> {
    if func_fits::<P, R>(wanted) {
        Ok(())
    } else {
        Err(describe::<P, R>())
    }
}

/// One call of a host function: from the guest's flat values to the host's,
/// and back.
struct Call<'a, E: CoreEngine> {
    instance: u32,
    boundary: &'a Boundary,
    ends: &'a Ends<E>,
    scoped: bool,
}

impl<'a, E: CoreEngine> Call<'a, E> {
    #[inline]
    fn begin<P>(
        cx: &mut E::Context<'_>,
        instance: u32,
        boundary: &'a Boundary,
        ends: &'a Ends<E>,
        lift: impl FnOnce(&mut Crossing<'_, '_, E>) -> Result<P>,
    ) -> Result<(Self, P)> {
        check_may_leave::<E>(cx, instance, boundary.owner)?;
        let scoped = boundary.uses.params.borrows || boundary.has_context;
        if scoped {
            E::data_mut(cx).enter_scope();
        }
        let needs = &boundary.uses.params;
        let mut crossing = Crossing::new(cx, instance, boundary, ends);
        crossing.lifting(needs)?;
        let params = lift(&mut crossing)?;
        let call = Call {
            instance,
            boundary,
            ends,
            scoped,
        };
        Ok((call, params))
    }

    #[inline]
    fn finish(
        self,
        cx: &mut E::Context<'_>,
        lower: impl FnOnce(&mut Crossing<'_, '_, E>) -> Result<()>,
    ) -> Result<()> {
        if self.scoped {
            E::data_mut(cx).exit_scope()?;
        }
        let needs = &self.boundary.uses.results;
        let mut crossing = Crossing::new(cx, self.instance, self.boundary, self.ends);
        crossing.lowering(needs)?;
        lower(&mut crossing)
    }
}

/// Where the guest wants a result that is not flat: after the parameters.
fn return_pointer(boundary: &Boundary, slots: &[u64]) -> u64 {
    match boundary.uses.results.flat {
        Some(_) => 0,
        None => slots[boundary.uses.params.flat.unwrap_or(1)],
    }
}

#[inline]
fn lower_typed<R: Lower, E: CoreEngine>(
    crossing: &mut Crossing<'_, '_, E>,
    boundary: &Boundary,
    results: &R,
    slots: &mut [u64],
) -> Result<()> {
    let pointer = if R::LAYOUT.flat <= MAX_FLAT_RESULTS {
        0
    } else {
        return_pointer(boundary, slots)
    };
    abi::lower_results(results, crossing, &boundary.results, pointer, slots).map(drop)
}

/// A synchronous function of Rust types.
pub(crate) struct Typed<P, R, F> {
    func: F,
    _marker: PhantomData<fn(P) -> R>,
}

impl<P, R, F> Typed<P, R, F> {
    pub(crate) fn new(func: F) -> Self {
        Typed {
            func,
            _marker: PhantomData,
        }
    }
}

impl<E, P, R, F> HostFunc<E> for Typed<P, R, F>
where
    E: CoreEngine,
    P: ComponentNamedList + Lift + 'static,
    R: ComponentNamedList + Lower + 'static,
    F: for<'a> Fn(HostContext<'a, Layer<E>>, P) -> Result<R> + Send + Sync + 'static,
{
    fn check(&self, wanted: &FuncType) -> std::result::Result<(), String> {
        check_typed::<P, R>(wanted)
    }

    fn is_async(&self) -> bool {
        false
    }

    fn lower(
        self: Arc<Self>,
        cx: &mut E::Context<'_>,
        realm: E::Realm,
        ty: &Signature,
        instance: u32,
        boundary: Arc<Boundary>,
    ) -> E::Func {
        let ends = Ends::<E>::default();
        E::host_func(cx, realm, ty, move |mut cx, slots| {
            let (call, params) =
                Call::<E>::begin(&mut cx, instance, &boundary, &ends, |crossing| {
                    abi::lift_params::<P, _>(crossing, &boundary.params, slots)
                })?;
            let results = (self.func)(HostContext(E::reborrow(&mut cx)), params)?;
            call.finish(&mut cx, |crossing| {
                lower_typed(crossing, &boundary, &results, slots)
            })
        })
    }
}

/// An asynchronous function of Rust types.
pub(crate) struct TypedAsync<P, R, F> {
    func: F,
    _marker: PhantomData<fn(P) -> R>,
}

impl<P, R, F> TypedAsync<P, R, F> {
    pub(crate) fn new(func: F) -> Self {
        TypedAsync {
            func,
            _marker: PhantomData,
        }
    }
}

impl<E, P, R, F> HostFunc<E> for TypedAsync<P, R, F>
where
    E: CoreEngine,
    P: ComponentNamedList + Lift + Send + 'static,
    R: ComponentNamedList + Lower + Send + 'static,
    F: for<'a> Fn(HostContext<'a, Layer<E>>, P) -> HostFuture<'a, R> + Send + Sync + 'static,
{
    fn check(&self, wanted: &FuncType) -> std::result::Result<(), String> {
        check_typed::<P, R>(wanted)
    }

    fn is_async(&self) -> bool {
        true
    }

    fn lower(
        self: Arc<Self>,
        cx: &mut E::Context<'_>,
        realm: E::Realm,
        ty: &Signature,
        instance: u32,
        boundary: Arc<Boundary>,
    ) -> E::Func {
        let ends = Ends::<E>::default();
        E::host_func(cx, realm, ty, move |mut cx, slots| {
            let (call, params) =
                Call::<E>::begin(&mut cx, instance, &boundary, &ends, |crossing| {
                    abi::lift_params::<P, _>(crossing, &boundary.params, slots)
                })?;
            let coroutine = coroutine::current::<E>(&cx)?;
            let inner = E::reborrow(&mut cx);
            let results = coroutine.wait(|| (self.func)(HostContext(inner), params))?;
            call.finish(&mut cx, |crossing| {
                lower_typed(crossing, &boundary, &results, slots)
            })
        })
    }
}

fn lift_dynamic<E: CoreEngine>(
    crossing: &mut Crossing<'_, '_, E>,
    boundary: &Boundary,
    slots: &[u64],
) -> Result<Vec<Val>> {
    let mut params = Vec::new();
    boundary
        .shapes()
        .params
        .lift(crossing, slots, &mut params)?;
    Ok(params)
}

fn lower_dynamic<E: CoreEngine>(
    crossing: &mut Crossing<'_, '_, E>,
    boundary: &Boundary,
    results: &[Val],
    slots: &mut [u64],
) -> Result<()> {
    let pointer = return_pointer(boundary, slots);
    let shape = &boundary.shapes().result;
    shape.lower(results, crossing, pointer, slots).map(drop)
}

/// How many results a function has: one or none.
fn results(boundary: &Boundary) -> usize {
    usize::from(boundary.ty.result.is_some())
}

/// A synchronous function of whatever type it is imported with.
pub(crate) struct Dynamic<F>(pub(crate) F);

impl<E, F> HostFunc<E> for Dynamic<F>
where
    E: CoreEngine,
    F: for<'a> Fn(HostContext<'a, Layer<E>>, &[Val], &mut [Val]) -> Result<()>
        + Send
        + Sync
        + 'static,
{
    fn check(&self, _: &FuncType) -> std::result::Result<(), String> {
        Ok(())
    }

    fn is_async(&self) -> bool {
        false
    }

    fn lower(
        self: Arc<Self>,
        cx: &mut E::Context<'_>,
        realm: E::Realm,
        ty: &Signature,
        instance: u32,
        boundary: Arc<Boundary>,
    ) -> E::Func {
        let ends = Ends::<E>::default();
        E::host_func(cx, realm, ty, move |mut cx, slots| {
            let (call, params) =
                Call::<E>::begin(&mut cx, instance, &boundary, &ends, |crossing| {
                    lift_dynamic(crossing, &boundary, slots)
                })?;
            let mut results = vec![Val::Bool(false); self::results(&boundary)];
            (self.0)(HostContext(E::reborrow(&mut cx)), &params, &mut results)?;
            boundary.shapes().result.check(&results)?;
            call.finish(&mut cx, |crossing| {
                lower_dynamic(crossing, &boundary, &results, slots)
            })
        })
    }
}

/// An asynchronous function of whatever type it is imported with.
pub(crate) struct DynamicAsync<F>(pub(crate) F);

impl<E, F> HostFunc<E> for DynamicAsync<F>
where
    E: CoreEngine,
    F: for<'a> Fn(HostContext<'a, Layer<E>>, Vec<Val>, usize) -> HostFuture<'a, Vec<Val>>
        + Send
        + Sync
        + 'static,
{
    fn check(&self, _: &FuncType) -> std::result::Result<(), String> {
        Ok(())
    }

    fn is_async(&self) -> bool {
        true
    }

    fn lower(
        self: Arc<Self>,
        cx: &mut E::Context<'_>,
        realm: E::Realm,
        ty: &Signature,
        instance: u32,
        boundary: Arc<Boundary>,
    ) -> E::Func {
        let ends = Ends::<E>::default();
        E::host_func(cx, realm, ty, move |mut cx, slots| {
            let (call, params) =
                Call::<E>::begin(&mut cx, instance, &boundary, &ends, |crossing| {
                    lift_dynamic(crossing, &boundary, slots)
                })?;
            let coroutine = coroutine::current::<E>(&cx)?;
            let count = self::results(&boundary);
            let inner = E::reborrow(&mut cx);
            let results = coroutine.wait(|| (self.0)(HostContext(inner), params, count))?;
            boundary.shapes().result.check(&results)?;
            call.finish(&mut cx, |crossing| {
                lower_dynamic(crossing, &boundary, &results, slots)
            })
        })
    }
}
