//! What runs when a handle is dropped.

use super::*;

on_each_backend_and_any! {
    asynchronous_destructors_run
    the_guard_sees_destructors
    an_instance_whose_destructor_runs_cannot_be_entered
    a_resource_of_an_instance_on_the_stack_is_not_dropped
}

fn asynchronous_destructors_run<B: Backend>() {
    let mut linker = Linker::<B, Closed>::new(&engine::<B>(Interruption::None));
    let mut files = linker.instance("test:host/files@1.0.0").unwrap();
    files
        .resource_async("file", ResourceType::host::<File>(), |mut caller, rep| {
            HostFuture::new(async move {
                yield_once().await;
                caller.data_mut().push(rep);
                Ok(())
            })
        })
        .unwrap();
    files
        .func_wrap("open", |_, (id,): (u32,)| {
            Ok((Resource::<File>::new_own(id),))
        })
        .unwrap();
    files
        .func_wrap("size", |_, _: (Resource<File>,)| Ok((1_u32,)))
        .unwrap();
    let component = Component::new(linker.engine(), FILES).unwrap();
    let mut store = Store::new_async(linker.engine(), vec![]).unwrap();
    block_on(async {
        let instance = linker
            .instantiate_async(&mut store, &component)
            .await
            .unwrap();
        let once = instance
            .get_typed_func::<(u32,), (u32,)>(&mut store, "once")
            .unwrap();
        assert_eq!(once.call_async(&mut store, (3,)).await.unwrap(), (1,));
        assert_eq!(*store.data(), [3]);
        let give = instance.get_func(&mut store, "give").unwrap();
        let given = give.call_async(&mut store, &[Val::U32(4)]).await.unwrap();
        let [Val::Resource(file)] = given[..] else {
            panic!("{given:?}")
        };
        file.resource_drop_async(&mut store).await.unwrap();
        assert_eq!(*store.data(), [3, 4]);
    });
}

fn the_guard_sees_destructors<B: Backend>() {
    let linker = files_linker::<B>();
    let guard = |call: &HostCall<'_>| match call.function {
        "[resource-drop]file" => Err(Error::new(ErrorKind::Denied, "files stay open")),
        _ => Ok(()),
    };
    let component = Component::new(linker.engine(), FILES).unwrap();
    let builder = Store::<B, Closed>::builder(linker.engine());
    let mut store = builder.guard(guard).build(vec![]).unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let once = instance
        .get_typed_func::<(u32,), (u32,)>(&mut store, "once")
        .unwrap();
    assert_eq!(
        *once.call(&mut store, (3,)).unwrap_err().kind(),
        ErrorKind::Denied
    );
    assert!(store.data().is_empty());
}

/// A resource whose destructor calls the host.
const DESTRUCTOR: &str = r#"(component
    (import "f" (func $f))
    (core func $f (canon lower (func $f)))
    (core module $dtor
        (import "" "f" (func $f))
        (func (export "dtor") (param i32) (call $f)))
    (core instance $dtor (instantiate $dtor (with "" (instance (export "f" (func $f))))))
    (type $r' (resource (rep i32) (dtor (func $dtor "dtor"))))
    (export $r "r" (type $r'))
    (core func $new (canon resource.new $r'))
    (core module $m
        (import "" "new" (func $new (param i32) (result i32)))
        (import "" "f" (func $f))
        (func (export "make") (result i32) (call $new (i32.const 5)))
        (func (export "call") (call $f))
        (func (export "nop")))
    (core instance $i (instantiate $m (with "" (instance
        (export "new" (func $new)) (export "f" (func $f))))))
    (func (export "call") (canon lift (core func $i "call")))
    (func (export "make") (result (own $r)) (canon lift (core func $i "make")))
    (func (export "nop") (canon lift (core func $i "nop"))))"#;

/// Two instances whose destructors call `f`.
fn with_destructors<B: Backend, T: Send + 'static>(
    data: T,
    f: impl Fn(Caller<'_, B, T>) -> Result<(), Error> + Send + Sync + 'static,
) -> (Store<B, T>, [Instance<B>; 2]) {
    let mut linker = Linker::<B, T>::new(&engine(Interruption::None));
    let f = move |caller: Caller<'_, B, T>, ()| f(caller);
    linker.root().func_wrap("f", f).unwrap();
    let component = Component::new(linker.engine(), DESTRUCTOR).unwrap();
    let mut store = Store::new(linker.engine(), data).unwrap();
    let instances = [(); 2].map(|()| linker.instantiate(&mut store, &component).unwrap());
    (store, instances)
}

fn made<B: Backend, T: Send + 'static>(
    instance: &Instance<B>,
    store: &mut Store<B, T>,
) -> ResourceAny {
    let make = instance.get_typed_func::<(), (ResourceAny,)>(&mut *store, "make");
    make.unwrap().call(store, ()).unwrap().0
}

fn cannot_enter<R>(result: Result<R, Error>) {
    let error = result.err().expect("the instance is on the stack");
    assert_eq!(error.trap_code(), Some(TrapCode::CannotEnterComponent));
}

fn an_instance_whose_destructor_runs_cannot_be_entered<B: Backend>() {
    let (mut store, instances) = with_destructors::<B, Option<[Run<B>; 2]>>(None, |mut caller| {
        let [own, other] = caller.data_mut().take().unwrap();
        cannot_enter(own.call(&mut caller, ()));
        other.call(&mut caller, ())
    });
    let nop = |instance: &Instance<B>, store: &mut Store<B, Option<[Run<B>; 2]>>| {
        instance.get_typed_func(store, "nop").unwrap()
    };
    for [own, other] in [[0, 1], [1, 0]] {
        let run = [own, other].map(|i: usize| nop(&instances[i], &mut store));
        *store.data_mut() = Some(run);
        let resource = made(&instances[own], &mut store);
        resource.resource_drop(&mut store).unwrap();
        assert!(store.data().is_none(), "the destructor called the host");
        nop(&instances[own], &mut store)
            .call(&mut store, ())
            .unwrap();
    }
}

fn a_resource_of_an_instance_on_the_stack_is_not_dropped<B: Backend>() {
    type Data = Vec<[ResourceAny; 2]>;
    let (mut store, instances) = with_destructors::<B, Data>(vec![], |mut caller| {
        // Destructors call this as well.
        if let Some([own, other]) = caller.data_mut().pop() {
            cannot_enter(own.resource_drop(&mut caller));
            other.resource_drop(&mut caller)?;
        }
        Ok(())
    });
    for [own, other] in [[0, 1], [1, 0]] {
        let both = [own, other].map(|i: usize| made(&instances[i], &mut store));
        store.data_mut().push(both);
        let call: Run<B> = instances[own].get_typed_func(&mut store, "call").unwrap();
        call.call(&mut store, ()).unwrap();
        assert!(store.data().is_empty());
        assert_eq!(store.last_call_usage().host_calls, 2);
        // It is still there.
        both[0].resource_drop(&mut store).unwrap();
        let error = both[1].resource_drop(&mut store).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::TypeMismatch);
    }
}
