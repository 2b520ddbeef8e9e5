//! Late linking: what an instance exports, as definitions in the linker of
//! another component. Functions are host functions that call on, so that all of
//! the policy holds between the two instances as it does between each and the
//! host.

use std::sync::Arc;

use crate::backend::{Backend, HostContext};
use crate::call::{Call, Mode, host_call};
use crate::error::{Error, ErrorKind, Result};
use crate::func::Func;
use crate::future::HostFuture;
use crate::instance::{self, Instance};
use crate::linker::LinkerInstance;
use crate::names::Given;
use crate::resource::{ResourceAny, ResourceType};
use crate::store::{AsContextMut, StoreContextMut};
use crate::types::{Extern, ExternType};
use crate::val::Val;

impl<B: Backend, T: Send + 'static> LinkerInstance<'_, B, T> {
    /// Defines everything that an instance exports, under the names that it has
    /// there: functions, resource types, core modules, and instances with what is
    /// in them. At a linker's root, one component's exports become another's
    /// imports.
    ///
    /// The linker is good for the instance's store from then on, and for no
    /// other. In an asynchronous store the definitions are asynchronous
    /// functions.
    ///
    /// - A call goes through the host: the guard is asked, it counts as a call of
    ///   a host function, an instance that is on the stack is not entered, and a
    ///   trap poisons the store.
    /// - A resource type stays the one that it is. Dropping an owned handle of it
    ///   runs the destructor of the instance that defines it.
    /// - Types are compared by [`Linker::instantiate_pre`], before any guest code
    ///   runs.
    ///
    /// ```
    /// # use enginebay_core::{Backend, Component, Engine, Instance, Linker, Result, Store};
    /// # fn example<B: Backend>(engine: &Engine<B>, adder: &Component<B>,
    /// #     calculator: &Component<B>) -> Result<Instance<B>> {
    /// let mut store = Store::new(engine, ())?;
    /// let mut linker = Linker::new(engine);
    /// let adder = linker.instantiate(&mut store, adder)?;
    /// linker.root().define_exports(&mut store, &adder)?;
    /// linker.instantiate(&mut store, calculator)
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - `Link` if a name is taken.
    /// - `WrongStore` for an instance of another store, or if the linker has
    ///   exports of an instance of another one.
    ///
    /// [`Linker::instantiate_pre`]: crate::Linker::instantiate_pre
    pub fn define_exports(
        &mut self,
        mut store: impl AsContextMut<Backend = B, Data = T>,
        instance: &Instance<B>,
    ) -> Result<()> {
        let mut cx = store.as_context_mut();
        self.bind(&mut cx, instance)?;
        let mut from = Exports {
            instance,
            path: Vec::new(),
        };
        self.define_all(&mut cx, &mut from, instance.exports())
    }

    /// Defines one export of an instance under a name of the caller's choice.
    /// `export` reaches into nested instances as in [`Instance::get_func`]:
    /// `ns:pkg/iface@version#name`.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such export; otherwise as
    /// [`LinkerInstance::define_exports`].
    pub fn define_export(
        &mut self,
        name: &str,
        mut store: impl AsContextMut<Backend = B, Data = T>,
        instance: &Instance<B>,
        export: &str,
    ) -> Result<()> {
        let mut cx = store.as_context_mut();
        self.bind(&mut cx, instance)?;
        let path = instance::path(export);
        let Some(ty) = find(instance.exports(), &path) else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("the component has no export `{export}`"),
            ));
        };
        let mut from = Exports { instance, path };
        self.define_one(&mut cx, &mut from, name, ty)
    }

    /// Ties the linker to the instance's store.
    fn bind(&mut self, cx: &mut StoreContextMut<'_, B, T>, instance: &Instance<B>) -> Result<()> {
        instance.check(cx)?;
        let store = instance.owner().store;
        if self.linker.store.is_some_and(|bound| bound != store) {
            return Err(Error::new(
                ErrorKind::WrongStore,
                "the linker has exports of an instance of another store",
            ));
        }
        self.linker.store = Some(store);
        Ok(())
    }

    fn define_all<'e>(
        &mut self,
        cx: &mut StoreContextMut<'_, B, T>,
        from: &mut Exports<'e, B>,
        exports: &'e [Extern],
    ) -> Result<()> {
        for export in exports {
            from.path.push(&export.name);
            self.define_one(cx, from, &export.name, &export.ty)?;
            from.path.pop();
        }
        Ok(())
    }

    fn define_one<'e>(
        &mut self,
        cx: &mut StoreContextMut<'_, B, T>,
        from: &mut Exports<'e, B>,
        name: &str,
        ty: &'e ExternType,
    ) -> Result<()> {
        match ty {
            ExternType::Func(_) => self.define_func(cx, from, name),
            ExternType::Instance(exports) => self.instance(name)?.define_all(cx, from, exports),
            ExternType::Resource(_) => self.define_resource(cx, from, name),
            ExternType::CoreModule => {
                let module = B::get_module(cx.inner_mut(), from.instance.inner(), &from.path)
                    .ok_or_else(|| from.missing())?;
                B::module(&mut self.linker.inner, &self.path, name, &module)?;
                self.defined(name, Given::Unchecked);
                Ok(())
            }
            // A type without identity needs no definition, and no engine gives a
            // component out.
            ExternType::Type(_) | ExternType::Component => Ok(()),
        }
    }

    fn define_func(
        &mut self,
        cx: &mut StoreContextMut<'_, B, T>,
        from: &Exports<'_, B>,
        name: &str,
    ) -> Result<()> {
        let inner = B::get_func(cx.inner_mut(), from.instance.inner(), &from.path)
            .ok_or_else(|| from.missing())?;
        let ty = B::func_type(cx.inner_mut(), &inner);
        let func = Func::<B>::new(inner, from.instance.owner(), &from.path.join("#"));
        let site = self.site(name);
        match B::data(cx.inner_mut()).policy.mode {
            Mode::Sync => B::func_new(
                &mut self.linker.inner,
                &self.path,
                name,
                move |HostContext(cx), params, results| {
                    host_call::<B, ()>(cx, &site, |cx| call(cx, &func, params, results))
                },
            )?,
            Mode::Async => {
                self.linker.has_async = true;
                B::func_new_async(
                    &mut self.linker.inner,
                    &self.path,
                    name,
                    move |HostContext(cx), params, _| {
                        HostFuture::start::<B>(cx, &site, |cx| call_async(cx, &func, params))
                    },
                )?;
            }
        }
        self.defined(name, Given::Exported(ty));
        Ok(())
    }

    fn define_resource(
        &mut self,
        cx: &mut StoreContextMut<'_, B, T>,
        from: &Exports<'_, B>,
        name: &str,
    ) -> Result<()> {
        let ty = B::get_resource(cx.inner_mut(), from.instance.inner(), &from.path)
            .ok_or_else(|| from.missing())?;
        let site = self.site(format!("[resource-drop]{name}"));
        let end = End {
            ty,
            passed_on: from.instance.shape().imported.contains(&ty),
            instance: from.instance.clone(),
        };
        match B::data(cx.inner_mut()).policy.mode {
            Mode::Sync => B::resource(
                &mut self.linker.inner,
                &self.path,
                name,
                ty,
                move |HostContext(cx), rep| host_call::<B, ()>(cx, &site, |cx| end.run(cx, rep)),
            )?,
            Mode::Async => {
                self.linker.has_async = true;
                let end = Arc::new(end);
                B::resource_async(
                    &mut self.linker.inner,
                    &self.path,
                    name,
                    ty,
                    move |HostContext(cx), rep| {
                        HostFuture::start::<B>(cx, &site, |cx| end.clone().run_async(cx, rep))
                    },
                )?;
            }
        }
        self.defined(name, Given::Resource(ty));
        Ok(())
    }
}

/// An instance, and where in its exports we are.
struct Exports<'e, B: Backend> {
    instance: &'e Instance<B>,
    path: Vec<&'e str>,
}

impl<B: Backend> Exports<'_, B> {
    #[cold]
    fn missing(&self) -> Error {
        Error::new(
            ErrorKind::NotFound,
            format!(
                "the instance does not give out its export `{}`",
                self.path.join("#")
            ),
        )
    }
}

/// The export at a path.
fn find<'e>(exports: &'e [Extern], path: &[&str]) -> Option<&'e ExternType> {
    let (name, rest) = path.split_first()?;
    let export = exports.iter().find(|export| export.name == *name)?;
    match &export.ty {
        ty if rest.is_empty() => Some(ty),
        ExternType::Instance(exports) => find(exports, rest),
        _ => None,
    }
}

fn call<B: Backend>(
    mut cx: B::Context<'_>,
    func: &Func<B>,
    params: &[Val],
    results: &mut [Val],
) -> Result<()> {
    let mut out = Vec::new();
    let store = StoreContextMut::<B, ()>::new(B::reborrow(&mut cx));
    func.call_into(store, params, &mut out)?;
    for (slot, val) in results.iter_mut().zip(out) {
        *slot = val;
    }
    // What was lent to the host for this call goes back.
    let mut result = Ok(());
    borrows(params, &mut |resource| {
        if result.is_ok() {
            result = B::resource_drop(B::reborrow(&mut cx), resource);
        }
    });
    result
}

fn call_async<'a, B: Backend>(
    mut cx: B::Context<'a>,
    func: &Func<B>,
    params: Vec<Val>,
) -> HostFuture<'a, Vec<Val>> {
    let func = func.clone();
    HostFuture::new(async move {
        let store = StoreContextMut::<B, ()>::new(B::reborrow(&mut cx));
        let out = func.call_async(store, &params).await?;
        let mut lent = Vec::new();
        borrows(&params, &mut |resource| lent.push(resource));
        for resource in lent {
            B::resource_drop_async(B::reborrow(&mut cx), &resource).await?;
        }
        Ok(out)
    })
}

/// Every borrowed handle in the values.
fn borrows(vals: &[Val], found: &mut impl FnMut(ResourceAny)) {
    for val in vals {
        match val {
            Val::Resource(resource) if !resource.owned() => found(*resource),
            Val::List(vals) | Val::FixedLengthList(vals) | Val::Tuple(vals) => {
                borrows(vals, found);
            }
            Val::Map(entries) => {
                for (key, val) in entries {
                    borrows(std::slice::from_ref(key), found);
                    borrows(std::slice::from_ref(val), found);
                }
            }
            Val::Record(fields) => {
                for (_, val) in fields {
                    borrows(std::slice::from_ref(val), found);
                }
            }
            Val::Variant(_, Some(val))
            | Val::Option(Some(val))
            | Val::Result(Ok(Some(val)) | Err(Some(val))) => {
                borrows(std::slice::from_ref(val), found);
            }
            _ => {}
        }
    }
}

/// The end of a resource whose owner is another instance than its maker.
struct End<B: Backend> {
    instance: Instance<B>,
    ty: ResourceType,
    /// The instance has the type from elsewhere: its destructor there is a host
    /// function, and the instance itself is not entered.
    passed_on: bool,
}

impl<B: Backend> End<B> {
    fn run(&self, cx: B::Context<'_>, rep: u32) -> Result<()> {
        let inner = self.instance.inner();
        if self.passed_on {
            return B::resource_end(cx, inner, self.ty, rep);
        }
        let mut call = Call::<B>::begin_end(cx, Mode::Sync, self.instance.owner())?;
        let result = B::resource_end(call.cx(), inner, self.ty, rep);
        call.finish(result)
    }

    fn run_async<'a>(self: Arc<Self>, mut cx: B::Context<'a>, rep: u32) -> HostFuture<'a, ()> {
        HostFuture::new(async move {
            let inner = self.instance.inner();
            if self.passed_on {
                let cx = B::reborrow(&mut cx);
                return B::resource_end_async(cx, inner, self.ty, rep).await;
            }
            let cx = B::reborrow(&mut cx);
            let mut call = Call::<B>::begin_end(cx, Mode::Async, self.instance.owner())?;
            let result = B::resource_end_async(call.cx(), inner, self.ty, rep).await;
            call.finish(result)
        })
    }
}
