//! Resources of another store on every backend: each way in refuses them, and
//! neither store suffers from it. Handles are numbered from the start in each
//! store, so the other store always has one of the same number.

use crate::common::{block_on, engine, on_each_backend};
use enginebay::generic::{Component, Func, Instance, Linker, Store, TypedFunc};
use enginebay::{
    Backend, ComponentNamedList, ComponentType, Error, ErrorKind, HostFuture, Interruption, Lift,
    Lower, Resource, ResourceAny, ResourceType, Val,
};

on_each_backend! {
    typed_calls_refuse_resources_of_other_stores
    dynamic_calls_refuse_resources_of_other_stores
    async_calls_refuse_resources_of_other_stores
    resources_of_other_stores_are_not_dropped
    resources_of_other_stores_are_not_converted
    host_functions_cannot_give_resources_of_other_stores
    handles_that_host_functions_got_are_of_their_store
}

/// Has a resource of the host's and one of its own, takes both in lists and
/// records, and asks the host for one.
const THINGS: &str = r#"(component
    (import "test:host/things@1.0.0" (instance $things
        (export "file" (type $file (sub resource)))
        (export "get" (func (result (own $file))))
        (export "take" (func (param "f" (own $file))))))
    (alias export $things "file" (type $file))
    (core func $get (canon lower (func $things "get")))
    (core func $take (canon lower (func $things "take")))
    (core func $drop-file (canon resource.drop $file))
    (core module $dtor (func (export "dtor") (param i32)))
    (core instance $dtor (instantiate $dtor))
    (type $node' (resource (rep i32) (dtor (func $dtor "dtor"))))
    (core func $new (canon resource.new $node'))
    (core module $m
        (import "" "get" (func $get (result i32)))
        (import "" "take" (func $take (param i32)))
        (import "" "drop-file" (func $drop-file (param i32)))
        (import "" "new" (func $new (param i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
        (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
        (func (export "look") (param i32) (result i32) (local.get 0))
        (func (export "lent") (param i32) (result i32) (call $drop-file (local.get 0)) (i32.const 1))
        (func (export "many") (param i32 i32) (result i32) (local.get 1))
        (func (export "pass") (param i32) (result i32) (local.get 0))
        (func (export "fetch") (call $drop-file (call $get)))
        (func (export "offer") (param i32) (call $take (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance
        (export "get" (func $get))
        (export "take" (func $take))
        (export "drop-file" (func $drop-file))
        (export "new" (func $new))))))
    (export $node "node" (type $node'))
    (func (export "make") (param "n" u32) (result (own $node)) (canon lift (core func $i "make")))
    (func (export "look") (param "n" (borrow $node)) (result u32)
        (canon lift (core func $i "look")))
    (func (export "lent") (param "f" (borrow $file)) (result u32)
        (canon lift (core func $i "lent")))
    (func (export "pass") (param "f" (own $file)) (result (own $file))
        (canon lift (core func $i "pass")))
    (type $pair' (record (field "label" u32) (field "node" (option (own $node)))))
    (export $pair "pair" (type $pair'))
    (func (export "many") (param "ns" (list $pair)) (result u32)
        (canon lift (core func $i "many") (memory $i "memory") (realloc (func $i "realloc"))))
    (func (export "fetch") (canon lift (core func $i "fetch")))
    (func (export "offer") (param "f" (own $file)) (canon lift (core func $i "offer"))))"#;

struct File;

#[derive(Clone, ComponentType, Lower, Lift)]
#[component(record)]
struct Pair {
    label: u32,
    node: Option<ResourceAny>,
}

/// What `get` gives, and what `take` got.
#[derive(Default)]
struct Data {
    get: Option<ResourceAny>,
    took: Option<ResourceAny>,
}

const HOST: &str = "test:host/things@1.0.0";

/// How `get` and `take` are defined.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Host {
    Typed,
    Dynamic,
    DynamicAsync,
}

fn linker<B: Backend>(host: Host) -> Linker<B, Data> {
    let mut linker = Linker::<B, Data>::new(&engine::<B>(Interruption::None));
    let mut things = linker.instance(HOST).unwrap();
    things
        .resource("file", ResourceType::host::<File>(), |_, _| Ok(()))
        .unwrap();
    let missing = || Error::new(ErrorKind::NotFound, "nothing to give");
    match host {
        Host::Typed => {
            things
                .func_wrap("get", move |caller, ()| {
                    Ok((caller.data().get.ok_or_else(missing)?,))
                })
                .unwrap();
            things
                .func_wrap("take", |mut caller, (any,): (ResourceAny,)| {
                    caller.data_mut().took = Some(any);
                    Ok(())
                })
                .unwrap();
        }
        Host::Dynamic => {
            things
                .func_new("get", move |caller, _, results| {
                    results[0] = Val::Resource(caller.data().get.ok_or_else(missing)?);
                    Ok(())
                })
                .unwrap();
            things
                .func_new("take", |mut caller, params, _| {
                    caller.data_mut().took = handle(&params[0]);
                    Ok(())
                })
                .unwrap();
        }
        Host::DynamicAsync => {
            things
                .func_new_async("get", move |caller, _, _| {
                    HostFuture::new(async move {
                        Ok(vec![Val::Resource(caller.data().get.ok_or_else(missing)?)])
                    })
                })
                .unwrap();
            things
                .func_new_async("take", |mut caller, params, _| {
                    HostFuture::new(async move {
                        caller.data_mut().took = handle(&params[0]);
                        Ok(vec![])
                    })
                })
                .unwrap();
        }
    }
    linker
}

fn handle(val: &Val) -> Option<ResourceAny> {
    match val {
        Val::Resource(any) => Some(*any),
        _ => None,
    }
}

struct Things<B: Backend> {
    store: Store<B, Data>,
    instance: Instance<B>,
    is_async: bool,
}

impl<B: Backend> Things<B> {
    fn new(linker: &Linker<B, Data>, is_async: bool) -> Self {
        let component = Component::new(linker.engine(), THINGS).unwrap();
        let engine = linker.engine();
        let (store, instance);
        if is_async {
            let mut new = Store::<B, _>::new_async(engine, Data::default()).unwrap();
            instance = block_on(linker.instantiate_async(&mut new, &component)).unwrap();
            store = new;
        } else {
            let mut new = Store::<B, _>::new(engine, Data::default()).unwrap();
            instance = linker.instantiate(&mut new, &component).unwrap();
            store = new;
        }
        Things {
            store,
            instance,
            is_async,
        }
    }

    fn two(host: Host, is_async: bool) -> [Self; 2] {
        let linker = linker(host);
        [(); 2].map(|()| Self::new(&linker, is_async))
    }

    fn typed<P, R>(&mut self, name: &str, params: P) -> Result<R, Error>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let func: TypedFunc<B, P, R> = self.instance.get_typed_func(&mut self.store, name)?;
        if self.is_async {
            block_on(func.call_async(&mut self.store, params))
        } else {
            func.call(&mut self.store, params)
        }
    }

    fn dynamic(&mut self, name: &str, params: &[Val]) -> Result<Vec<Val>, Error> {
        let func: Func<B> = self.instance.get_func(&mut self.store, name)?;
        if self.is_async {
            block_on(func.call_async(&mut self.store, params))
        } else {
            func.call(&mut self.store, params)
        }
    }

    fn node(&mut self) -> ResourceAny {
        let (node,) = self.typed("make", (7_u32,)).unwrap();
        node
    }

    fn file(&mut self) -> ResourceAny {
        ResourceAny::from_resource(Resource::<File>::new_own(7), &mut self.store).unwrap()
    }
}

fn is_wrong<R>(result: Result<R, Error>) {
    match result {
        Ok(_) => panic!("it was taken"),
        Err(error) => assert_eq!(*error.kind(), ErrorKind::WrongStore, "{error:?}"),
    }
}

fn many(node: ResourceAny) -> Vec<Pair> {
    [None, Some(node)]
        .map(|node| Pair { label: 1, node })
        .into()
}

fn typed_ways_in<B: Backend>(is_async: bool) {
    let [mut a, mut b] = Things::<B>::two(Host::Typed, is_async);
    let (node, file) = (a.node(), a.file());
    let (own_node, own_file) = (b.node(), b.file());
    is_wrong(b.typed::<_, (u32,)>("look", (node,)));
    is_wrong(b.typed::<_, (u32,)>("look", (&node,)));
    is_wrong(b.typed::<_, (u32,)>("lent", (file,)));
    is_wrong(b.typed::<_, (ResourceAny,)>("pass", (file,)));
    is_wrong(b.typed::<_, (u32,)>("many", (many(node),)));
    is_wrong(b.typed::<_, (u32,)>("many", (&*many(node),)));
    // Neither the handle nor the store is worse off.
    assert_eq!(b.typed::<_, (u32,)>("look", (own_node,)).unwrap(), (7,));
    assert_eq!(b.typed::<_, (u32,)>("lent", (own_file,)).unwrap(), (1,));
    assert_eq!(a.typed::<_, (u32,)>("look", (node,)).unwrap(), (7,));
    let (file,) = a.typed::<_, (ResourceAny,)>("pass", (file,)).unwrap();
    assert_eq!(a.typed::<_, (u32,)>("lent", (file,)).unwrap(), (1,));
    is_wrong(b.typed::<_, (u32,)>("lent", (file,)));
    assert_eq!(
        b.typed::<_, (u32,)>("many", (many(own_node),)).unwrap(),
        (2,)
    );
}

fn dynamic_ways_in<B: Backend>(is_async: bool) {
    let [mut a, mut b] = Things::<B>::two(Host::Typed, is_async);
    let [node, file] = [a.node(), a.file()].map(Val::Resource);
    let [own_node, own_file] = [b.node(), b.file()].map(Val::Resource);
    let many = |node: &Val| {
        let pair = |node: Option<&Val>| {
            Val::Record(vec![
                ("label".into(), Val::U32(1)),
                ("node".into(), Val::Option(node.cloned().map(Box::new))),
            ])
        };
        Val::List(vec![pair(None), pair(Some(node))])
    };
    for (name, param) in [
        ("look", node.clone()),
        ("lent", file.clone()),
        ("pass", file.clone()),
        ("many", many(&node)),
    ] {
        let error = b.dynamic(name, &[param]).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::WrongStore, "{name}: {error:?}");
        assert!(error.context_value("argument").is_some(), "{error}");
    }
    assert_eq!(
        b.dynamic("look", std::slice::from_ref(&own_node)).unwrap(),
        [Val::U32(7)]
    );
    assert_eq!(b.dynamic("lent", &[own_file]).unwrap(), [Val::U32(1)]);
    assert_eq!(a.dynamic("look", &[node]).unwrap(), [Val::U32(7)]);
    let passed = a.dynamic("pass", &[file]).unwrap();
    assert_eq!(a.dynamic("lent", &passed).unwrap(), [Val::U32(1)]);
    is_wrong(b.dynamic("lent", &passed));
    assert_eq!(
        b.dynamic("many", &[many(&own_node)]).unwrap(),
        [Val::U32(2)]
    );
}

fn typed_calls_refuse_resources_of_other_stores<B: Backend>() {
    typed_ways_in::<B>(false);
}

fn dynamic_calls_refuse_resources_of_other_stores<B: Backend>() {
    dynamic_ways_in::<B>(false);
}

fn async_calls_refuse_resources_of_other_stores<B: Backend>() {
    typed_ways_in::<B>(true);
    dynamic_ways_in::<B>(true);
}

fn resources_of_other_stores_are_not_dropped<B: Backend>() {
    let [mut a, mut b] = Things::<B>::two(Host::Typed, false);
    let (node, file) = (a.node(), a.file());
    let (own_node, own_file) = (b.node(), b.file());
    is_wrong(node.resource_drop(&mut b.store));
    is_wrong(file.resource_drop(&mut b.store));
    assert_eq!(b.typed::<_, (u32,)>("look", (own_node,)).unwrap(), (7,));
    for (any, store) in [(own_node, &mut b.store), (node, &mut a.store)] {
        any.resource_drop(store).unwrap();
    }
    own_file.resource_drop(&mut b.store).unwrap();
    file.resource_drop(&mut a.store).unwrap();

    let [mut a, mut b] = Things::<B>::two(Host::Typed, true);
    let (node, own_node) = (a.node(), b.node());
    is_wrong(block_on(node.resource_drop_async(&mut b.store)));
    block_on(node.resource_drop_async(&mut a.store)).unwrap();
    block_on(own_node.resource_drop_async(&mut b.store)).unwrap();
}

fn resources_of_other_stores_are_not_converted<B: Backend>() {
    let [mut a, mut b] = Things::<B>::two(Host::Typed, false);
    let (file, own_file) = (a.file(), b.file());
    is_wrong(file.into_resource::<File, _>(&mut b.store));
    for (any, store) in [(file, &mut a.store), (own_file, &mut b.store)] {
        assert_eq!(any.into_resource::<File, _>(store).unwrap().rep(), 7);
    }
}

fn host_functions_cannot_give_resources_of_other_stores<B: Backend>() {
    for host in [Host::Typed, Host::Dynamic, Host::DynamicAsync] {
        let [mut a, mut b] = Things::<B>::two(host, host == Host::DynamicAsync);
        a.store.data_mut().get = Some(a.file());
        a.typed::<(), ()>("fetch", ()).unwrap();
        let _own = b.file();
        b.store.data_mut().get = Some(a.file());
        let error = b.typed::<(), ()>("fetch", ()).unwrap_err();
        // The guest was stopped for it.
        assert_eq!(*error.kind(), ErrorKind::Host, "{host:?}: {error:?}");
        let source = error.downcast_ref::<Error>().expect("it says why");
        assert_eq!(*source.kind(), ErrorKind::WrongStore, "{host:?}");
        assert_eq!(b.store.poisoned(), Some(&ErrorKind::Host));
    }
}

fn handles_that_host_functions_got_are_of_their_store<B: Backend>() {
    for host in [Host::Typed, Host::Dynamic, Host::DynamicAsync] {
        let [mut a, mut b] = Things::<B>::two(host, host == Host::DynamicAsync);
        for things in [&mut a, &mut b] {
            let file = things.file();
            things.typed::<_, ()>("offer", (file,)).unwrap();
        }
        let took = a.store.data().took.unwrap();
        is_wrong(b.typed::<_, (u32,)>("lent", (took,)));
        is_wrong(took.into_resource::<File, _>(&mut b.store));
        assert_eq!(a.typed::<_, (u32,)>("lent", (took,)).unwrap(), (1,));
        assert_eq!(
            took.into_resource::<File, _>(&mut a.store).unwrap().rep(),
            7
        );
    }
}
