//! Resources of guests and of the host.

use super::*;

on_each_backend_and_any! {
    guest_resources_cross_both_ways
    dropped_guest_resources_are_gone
    host_resources_are_passed_lent_and_destroyed
}

struct Counter<B: Backend> {
    instance: Instance<B>,
    store: Store<B, ()>,
}

impl<B: Backend> Counter<B> {
    fn new() -> Self {
        let engine = engine::<B>(Interruption::None);
        let component = Component::new(&engine, GREET).unwrap();
        let mut store = Store::new(&engine, ()).unwrap();
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &component)
            .unwrap();
        Counter { instance, store }
    }

    fn call<P, R>(&mut self, name: &str, params: P) -> Result<R, Error>
    where
        P: enginebay::ComponentNamedList + Lower,
        (R,): enginebay::ComponentNamedList + Lift,
    {
        let name = format!("{API}#{name}");
        let func = self
            .instance
            .get_typed_func::<P, (R,)>(&mut self.store, &name)?;
        Ok(func.call(&mut self.store, params)?.0)
    }
}

fn guest_resources_cross_both_ways<B: Backend>() {
    let mut c = Counter::<B>::new();
    let a: ResourceAny = c.call("[constructor]counter", (5_u32,)).unwrap();
    let b: ResourceAny = c.call("[constructor]counter", (7_u32,)).unwrap();
    assert!(a.owned());
    let name = format!("{API}#counter");
    assert_eq!(
        a.ty(),
        c.instance.get_resource(&mut c.store, &name).unwrap()
    );
    assert_eq!(
        c.call::<_, u32>("[method]counter.increment", (a, 3_u32))
            .unwrap(),
        8
    );
    assert_eq!(c.call::<_, u32>("[method]counter.value", (a,)).unwrap(), 8);
    assert_eq!(c.call::<_, u32>("[static]counter.sum", (a, b)).unwrap(), 15);
    // The dynamic form takes the same handles.
    let name = format!("{API}#[method]counter.value");
    let value = c.instance.get_func(&mut c.store, &name).unwrap();
    assert_eq!(
        value.call(&mut c.store, &[Val::Resource(b)]).unwrap(),
        [Val::U32(7)]
    );
    assert_eq!(
        c.call::<_, u32>("[static]counter.into-value", (a,))
            .unwrap(),
        8
    );
    b.resource_drop(&mut c.store).unwrap();
}

fn dropped_guest_resources_are_gone<B: Backend>() {
    let mut c = Counter::<B>::new();
    let a: ResourceAny = c.call("[constructor]counter", (5_u32,)).unwrap();
    a.resource_drop(&mut c.store).unwrap();
    // To drop it again is refused before anything runs.
    let error = a.resource_drop(&mut c.store).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::TypeMismatch, "{error}");
    let b: ResourceAny = c.call("[constructor]counter", (1_u32,)).unwrap();
    b.resource_drop(&mut c.store).unwrap();
    // To pass it is found out in the middle of a call.
    let error = c.call::<_, u32>("[method]counter.value", (b,)).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::UnknownHandle), "{error}");
    assert!(c.store.poisoned().is_some());
}

fn files<B: Backend>() -> (Store<B, Closed>, Instance<B>) {
    let linker = files_linker::<B>();
    let component = Component::new(linker.engine(), FILES).unwrap();
    let mut store = Store::new(linker.engine(), vec![]).unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    (store, instance)
}

fn host_resources_are_passed_lent_and_destroyed<B: Backend>() {
    let (mut store, instance) = files::<B>();
    let once = instance
        .get_typed_func::<(u32,), (u32,)>(&mut store, "once")
        .unwrap();
    assert_eq!(once.call(&mut store, (3,)).unwrap(), (300,));
    assert_eq!(*store.data(), [3], "the guest dropped it");

    let take = instance
        .get_typed_func::<(&Resource<File>,), (u32,)>(&mut store, "take")
        .unwrap();
    let file = Resource::new_own(4);
    assert_eq!(take.call(&mut store, (&file,)).unwrap(), (400,));
    assert_eq!(*store.data(), [3, 4]);

    let look = instance
        .get_typed_func::<(Resource<File>,), (u32,)>(&mut store, "look")
        .unwrap();
    assert_eq!(
        look.call(&mut store, (Resource::new_borrow(5),)).unwrap(),
        (500,)
    );
    assert_eq!(*store.data(), [3, 4], "a borrow destroys nothing");

    let give = instance
        .get_typed_func::<(u32,), (Resource<File>,)>(&mut store, "give")
        .unwrap();
    let (file,) = give.call(&mut store, (6,)).unwrap();
    assert_eq!((file.rep(), file.owned()), (6, true));
    let any = ResourceAny::from_resource(file, &mut store).unwrap();
    let look = instance.get_func(&mut store, "look").unwrap();
    assert_eq!(
        look.call(&mut store, &[Val::Resource(any)]).unwrap(),
        [Val::U32(600)]
    );
    let file = any.into_resource::<File, _>(&mut store).unwrap();
    assert_eq!(file.rep(), 6);

    let keep = instance
        .get_typed_func::<(Resource<File>,), ()>(&mut store, "keep")
        .unwrap();
    let error = keep
        .call(&mut store, (Resource::new_borrow(7),))
        .unwrap_err();
    assert_eq!(
        error.trap_code(),
        Some(TrapCode::BorrowStillHeld),
        "{error}"
    );
}
