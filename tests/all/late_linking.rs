//! Instances linked to each other through the host, on every backend:
//! functions, resource types with their destructors, core modules and nested
//! instances, in synchronous and asynchronous stores.

use crate::common::{block_on, engine, on_each_backend_and_any};
use enginebay::generic::{Component, Engine, Instance, Linker, Store};
use enginebay::{
    Backend, Config, Error, ErrorKind, Feature, HostCall, HostFuture, Interruption, TrapCode, Val,
};

on_each_backend_and_any! {
    functions_with_strings_cross
    one_export_is_defined_under_another_name
    nested_instances_are_found_by_compatible_version
    dropping_a_handle_runs_the_makers_destructor
    a_resource_goes_back_to_its_maker
    a_lent_resource_is_given_back
    a_resource_is_passed_on_to_a_third_instance
    handles_pass_through_the_host_as_well
    core_modules_are_linked
    a_function_of_another_type_is_named_with_both
    a_resource_of_another_instance_is_another_type
    instances_of_two_stores_are_not_mixed
    the_linker_is_good_for_one_store
    a_trap_in_the_callee_is_the_callers
    an_instance_on_the_stack_is_not_entered_again
    no_destructor_runs_in_an_instance_on_the_stack
    the_guard_is_asked
    asynchronous_functions_suspend_both_instances
    destructors_suspend_in_asynchronous_stores
    linked_instances_work_where_components_may_be_async
    what_is_missing_is_named
}

/// A memory with an allocator that never frees.
const LIBC: &str = r#"
    (core module $libc
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (local i32)
            (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
            (global.set $next (i32.add (local.get 4) (local.get 3)))
            (memory.copy (local.get 4) (local.get 0) (local.get 1))
            (local.get 4)))
    (core instance $libc (instantiate $libc))
"#;

/// Exports a resource `r` that is a number, in the instance `name`.
fn maker(name: &str) -> String {
    format!(
        r#"(component
        (core module $state
            (global $ended (mut i32) (i32.const 0))
            (func (export "dtor") (param i32)
                (global.set $ended
                    (i32.add (i32.mul (global.get $ended) (i32.const 10)) (local.get 0))))
            (func (export "ended") (result i32) global.get $ended))
        (core instance $state (instantiate $state))
        (type $r (resource (rep i32) (dtor (func $state "dtor"))))
        (core func $new (canon resource.new $r))
        (core func $rep (canon resource.rep $r))
        (core func $drop (canon resource.drop $r))
        (core module $m
            (import "" "new" (func $new (param i32) (result i32)))
            (import "" "rep" (func $rep (param i32) (result i32)))
            (import "" "drop" (func $drop (param i32)))
            (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
            (func (export "peek") (param i32) (result i32) (local.get 0))
            (func (export "take") (param i32) (result i32)
                (local i32)
                (local.set 1 (call $rep (local.get 0)))
                (call $drop (local.get 0))
                (local.get 1)))
        (core instance $m (instantiate $m (with "" (instance
            (export "new" (func $new)) (export "rep" (func $rep)) (export "drop" (func $drop))))))
        (func $make (param "n" u32) (result (own $r)) (canon lift (core func $m "make")))
        (func $peek (param "r" (borrow $r)) (result u32) (canon lift (core func $m "peek")))
        (func $take (param "r" (own $r)) (result u32) (canon lift (core func $m "take")))
        (func $ended (result u32) (canon lift (core func $state "ended")))
        (component $shape
            (import "r" (type $r (sub resource)))
            (import "make" (func $make (param "n" u32) (result (own $r))))
            (import "peek" (func $peek (param "r" (borrow $r)) (result u32)))
            (import "take" (func $take (param "r" (own $r)) (result u32)))
            (import "ended" (func $ended (result u32)))
            (export $r2 "r" (type $r))
            (export "make" (func $make) (func (param "n" u32) (result (own $r2))))
            (export "peek" (func $peek) (func (param "r" (borrow $r2)) (result u32)))
            (export "take" (func $take) (func (param "r" (own $r2)) (result u32)))
            (export "ended" (func $ended)))
        (instance $api (instantiate $shape
            (with "r" (type $r)) (with "make" (func $make)) (with "peek" (func $peek))
            (with "take" (func $take)) (with "ended" (func $ended))))
        (export "{name}" (instance $api)))"#
    )
}

/// Imports the instance that [`maker`] exports, makes resources and drops them.
const USER: &str = r#"(component
    (import "t:m/api" (instance $api
        (export "r" (type $r (sub resource)))
        (export "make" (func (param "n" u32) (result (own $r))))
        (export "peek" (func (param "r" (borrow $r)) (result u32)))
        (export "take" (func (param "r" (own $r)) (result u32)))))
    (alias export $api "r" (type $r))
    (core func $make (canon lower (func $api "make")))
    (core func $peek (canon lower (func $api "peek")))
    (core func $take (canon lower (func $api "take")))
    (core func $drop (canon resource.drop $r))
    (core module $m
        (import "" "make" (func $make (param i32) (result i32)))
        (import "" "peek" (func $peek (param i32) (result i32)))
        (import "" "take" (func $take (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "make-drop") (param i32) (call $drop (call $make (local.get 0))))
        (func (export "make-take") (param i32) (result i32)
            (call $take (call $make (local.get 0))))
        (func (export "make-peek-drop") (param i32) (result i32)
            (local i32)
            (local.set 1 (call $make (local.get 0)))
            (local.set 0 (i32.mul (call $peek (local.get 1)) (call $peek (local.get 1))))
            (call $drop (local.get 1))
            (local.get 0))
        (func (export "make") (param i32) (result i32) (call $make (local.get 0)))
        (func (export "drop") (param i32) (call $drop (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance
        (export "make" (func $make)) (export "peek" (func $peek))
        (export "take" (func $take)) (export "drop" (func $drop))))))
    (export $q "q" (type $r))
    (func (export "make-drop") (param "n" u32) (canon lift (core func $i "make-drop")))
    (func (export "make-take") (param "n" u32) (result u32) (canon lift (core func $i "make-take")))
    (func (export "make-peek-drop") (param "n" u32) (result u32)
        (canon lift (core func $i "make-peek-drop")))
    (func (export "make") (param "n" u32) (result (own $q)) (canon lift (core func $i "make")))
    (func (export "drop") (param "r" (own $q)) (canon lift (core func $i "drop"))))"#;

/// A store, and a linker to which its instances are added one by one.
struct World<B: Backend> {
    engine: Engine<B>,
    store: Store<B, ()>,
    linker: Linker<B, ()>,
}

impl<B: Backend> World<B> {
    fn new() -> Self {
        let engine = engine::<B>(Interruption::None);
        World {
            store: Store::new(&engine, ()).unwrap(),
            linker: Linker::new(&engine),
            engine,
        }
    }

    fn instantiate(&mut self, text: &str) -> Result<Instance<B>, Error> {
        let component = Component::new(&self.engine, text).unwrap();
        self.linker.instantiate(&mut self.store, &component)
    }

    /// An instance whose exports the next ones can import.
    fn link(&mut self, text: &str) -> Instance<B> {
        let instance = self.instantiate(text).unwrap();
        let mut root = self.linker.root();
        root.define_exports(&mut self.store, &instance).unwrap();
        instance
    }

    fn call(&mut self, instance: &Instance<B>, name: &str, params: &[Val]) -> Vec<Val> {
        self.try_call(instance, name, params).unwrap()
    }

    fn try_call(
        &mut self,
        instance: &Instance<B>,
        name: &str,
        params: &[Val],
    ) -> Result<Vec<Val>, Error> {
        let func = instance.get_func(&mut self.store, name)?;
        func.call(&mut self.store, params)
    }
}

const API: &str = "t:m/api";

fn functions_with_strings_cross<B: Backend>() {
    let mut world = World::<B>::new();
    let first = format!(
        r#"(component {LIBC}
        (core module $m
            (import "libc" "memory" (memory 1))
            (func (export "both") (param i32 i32) (result i32)
                (i32.store (i32.const 8) (local.get 0))
                (i32.store (i32.const 12) (local.get 1))
                (i32.store (i32.const 16) (local.get 1))
                (i32.const 8)))
        (core instance $m (instantiate $m (with "libc" (instance $libc))))
        (func (export "both") (param "text" string) (result (tuple string u32))
            (canon lift (core func $m "both")
                (memory $libc "memory") (realloc (func $libc "realloc")))))"#
    );
    world.link(&first);
    let second = format!(
        r#"(component
        (import "both" (func $both (param "text" string) (result (tuple string u32))))
        {LIBC}
        (core func $both (canon lower (func $both) string-encoding=utf16
            (memory $libc "memory") (realloc (func $libc "realloc"))))
        (core module $m
            (import "host" "both" (func $both (param i32 i32 i32)))
            (func (export "run") (param i32 i32) (result i32)
                (call $both (local.get 0) (local.get 1) (i32.const 32))
                (i32.const 32)))
        (core instance $m (instantiate $m
            (with "host" (instance (export "both" (func $both))))))
        (func (export "run") (param "text" string) (result (tuple string u32))
            (canon lift (core func $m "run") string-encoding=utf16
                (memory $libc "memory") (realloc (func $libc "realloc")))))"#
    );
    let second = world.instantiate(&second).unwrap();
    let text = "zwölf ☃";
    let result = world.call(&second, "run", &[Val::String(text.into())]);
    let expected = Val::Tuple(vec![Val::String(text.into()), Val::U32(text.len() as u32)]);
    assert_eq!(result, [expected]);
    assert_eq!(world.store.usage().host_calls, 1);
}

fn one_export_is_defined_under_another_name<B: Backend>() {
    let mut world = World::<B>::new();
    let made = world.instantiate(&maker(API)).unwrap();
    world
        .linker
        .root()
        .define_export("count", &mut world.store, &made, "t:m/api#ended")
        .unwrap();
    let text = r#"(component (import "count" (func $f (result u32)))
        (core func $f (canon lower (func $f)))
        (core module $m (import "" "f" (func $f (result i32)))
            (func (export "run") (result i32) call $f))
        (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
        (func (export "count") (result u32) (canon lift (core func $i "run"))))"#;
    let user = world.instantiate(text).unwrap();
    assert_eq!(world.call(&user, "count", &[]), [Val::U32(0)]);
}

fn nested_instances_are_found_by_compatible_version<B: Backend>() {
    let mut world = World::<B>::new();
    world.link(&maker("t:m/api@1.2.0"));
    let user = |version: &str| USER.replace("\"t:m/api\"", &format!("\"t:m/api@{version}\""));
    let error = world.instantiate(&user("2.0.0")).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Link);
    let user = world.instantiate(&user("1.0.0")).unwrap();
    assert_eq!(
        world.call(&user, "make-take", &[Val::U32(7)]),
        [Val::U32(7)]
    );
}

fn dropping_a_handle_runs_the_makers_destructor<B: Backend>() {
    let mut world = World::<B>::new();
    let made = world.link(&maker(API));
    let user = world.instantiate(USER).unwrap();
    for n in [3, 4] {
        world.call(&user, "make-drop", &[Val::U32(n)]);
    }
    assert_eq!(world.call(&made, "t:m/api#ended", &[]), [Val::U32(34)]);
}

fn a_resource_goes_back_to_its_maker<B: Backend>() {
    let mut world = World::<B>::new();
    let made = world.link(&maker(API));
    let user = world.instantiate(USER).unwrap();
    assert_eq!(
        world.call(&user, "make-take", &[Val::U32(5)]),
        [Val::U32(5)]
    );
    assert_eq!(world.call(&made, "t:m/api#ended", &[]), [Val::U32(5)]);
}

fn a_lent_resource_is_given_back<B: Backend>() {
    let mut world = World::<B>::new();
    let made = world.link(&maker(API));
    let user = world.instantiate(USER).unwrap();
    let result = world.call(&user, "make-peek-drop", &[Val::U32(6)]);
    assert_eq!(result, [Val::U32(36)]);
    assert_eq!(world.call(&made, "t:m/api#ended", &[]), [Val::U32(6)]);
}

fn a_resource_is_passed_on_to_a_third_instance<B: Backend>() {
    let mut world = World::<B>::new();
    let made = world.link(&maker(API));
    let user = world.link(USER);
    let third = r#"(component
        (import "q" (type $q (sub resource)))
        (import "make" (func $make (param "n" u32) (result (own $q))))
        (core func $make (canon lower (func $make)))
        (core func $drop (canon resource.drop $q))
        (core module $m
            (import "" "make" (func $make (param i32) (result i32)))
            (import "" "drop" (func $drop (param i32)))
            (func (export "run") (call $drop (call $make (i32.const 9)))))
        (core instance $i (instantiate $m (with "" (instance
            (export "make" (func $make)) (export "drop" (func $drop))))))
        (func (export "run") (canon lift (core func $i "run"))))"#;
    let third = world.instantiate(third).unwrap();
    world.call(&third, "run", &[]);
    assert_eq!(world.call(&made, "t:m/api#ended", &[]), [Val::U32(9)]);
    let q = user.get_resource(&mut world.store, "q").unwrap();
    let r = made.get_resource(&mut world.store, "t:m/api#r").unwrap();
    assert_eq!(q, r);
}

fn handles_pass_through_the_host_as_well<B: Backend>() {
    let mut world = World::<B>::new();
    let made = world.link(&maker(API));
    let user = world.instantiate(USER).unwrap();
    // From the maker to the host to the user, which drops it.
    let handle = world.call(&made, "t:m/api#make", &[Val::U32(1)]);
    world.call(&user, "drop", &handle);
    assert_eq!(world.call(&made, "t:m/api#ended", &[]), [Val::U32(1)]);
    // From the user to the host, which drops it.
    let handle = world.call(&user, "make", &[Val::U32(2)]);
    let [Val::Resource(resource)] = handle[..] else {
        panic!("{handle:?}")
    };
    resource.resource_drop(&mut world.store).unwrap();
    assert_eq!(world.call(&made, "t:m/api#ended", &[]), [Val::U32(12)]);
    // From the user to the host to the maker.
    let handle = world.call(&user, "make", &[Val::U32(3)]);
    assert_eq!(world.call(&made, "t:m/api#take", &handle), [Val::U32(3)]);
    assert_eq!(world.call(&made, "t:m/api#ended", &[]), [Val::U32(123)]);
}

fn core_modules_are_linked<B: Backend>() {
    let mut world = World::<B>::new();
    world.link(
        r#"(component
        (core module $m (func (export "f") (result i32) (i32.const 42)))
        (export "code" (core module $m)))"#,
    );
    let user = |ty: &str| {
        format!(
            r#"(component
            (import "code" (core module $m (export "f" (func (result {ty})))))
            (core instance $i (instantiate $m))
            (func (export "f") (result u{bits}) (canon lift (core func $i "f"))))"#,
            bits = &ty[1..]
        )
    };
    let instance = world.instantiate(&user("i32")).unwrap();
    assert_eq!(world.call(&instance, "f", &[]), [Val::U32(42)]);
    let error = world.instantiate(&user("i64")).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Link);
}

fn a_function_of_another_type_is_named_with_both<B: Backend>() {
    let mut world = World::<B>::new();
    world.link(&maker(API));
    let error = world
        .instantiate(
            r#"(component (import "t:m/api" (instance
                (export "ended" (func (result string))))))"#,
        )
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Link);
    let text = error.to_string();
    for part in ["t:m/api", "ended", "func() -> string", "func() -> u32"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(world.store.poisoned().is_none());
}

fn a_resource_of_another_instance_is_another_type<B: Backend>() {
    let mut world = World::<B>::new();
    let [first, second] = [(), ()].map(|()| world.instantiate(&maker(API)).unwrap());
    let mut api = world.linker.instance(API).unwrap();
    for (name, instance) in [
        ("r", &first),
        ("make", &second),
        ("peek", &first),
        ("take", &first),
    ] {
        let export = format!("{API}#{name}");
        api.define_export(name, &mut world.store, instance, &export)
            .unwrap();
    }
    let error = world.instantiate(USER).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Link);
    let text = error.to_string();
    assert!(text.contains("make") && text.contains("resource"), "{text}");
}

fn instances_of_two_stores_are_not_mixed<B: Backend>() {
    let mut world = World::<B>::new();
    let made = world.link(&maker(API));
    let mut other = Store::new(&world.engine, ()).unwrap();
    let mut linker = Linker::new(&world.engine);
    let wrong = linker.root().define_exports(&mut other, &made);
    assert_eq!(*wrong.unwrap_err().kind(), ErrorKind::WrongStore);
    let component = Component::new(&world.engine, "(component)").unwrap();
    let foreign = linker.instantiate(&mut other, &component).unwrap();
    let wrong = world.linker.root().define_exports(&mut other, &foreign);
    assert_eq!(*wrong.unwrap_err().kind(), ErrorKind::WrongStore);
}

fn the_linker_is_good_for_one_store<B: Backend>() {
    let mut world = World::<B>::new();
    world.link(&maker(API));
    let component = Component::new(&world.engine, USER).unwrap();
    let mut other = Store::new(&world.engine, ()).unwrap();
    let wrong = world.linker.instantiate(&mut other, &component);
    assert_eq!(*wrong.unwrap_err().kind(), ErrorKind::WrongStore);
    assert!(other.poisoned().is_none());
}

/// Exports `f`, which does what the body says; `imports` are components' and
/// `uses` the core module's.
fn plain(imports: &str, body: &str) -> String {
    let (lower, import, with) = if imports.is_empty() {
        ("", "", "")
    } else {
        (
            "(core func $g (canon lower (func $g)))",
            r#"(import "" "g" (func $g))"#,
            r#"(with "" (instance (export "g" (func $g))))"#,
        )
    };
    format!(
        r#"(component {imports} {lower}
        (core module $m {import} (func (export "f") {body}))
        (core instance $i (instantiate $m {with}))
        (func (export "f") (canon lift (core func $i "f"))))"#
    )
}

const G: &str = r#"(import "g" (func $g))"#;

fn a_trap_in_the_callee_is_the_callers<B: Backend>() {
    let mut world = World::<B>::new();
    let callee = world.instantiate(&plain("", "unreachable")).unwrap();
    let mut root = world.linker.root();
    root.define_export("g", &mut world.store, &callee, "f")
        .unwrap();
    let caller = world.instantiate(&plain(G, "call $g")).unwrap();
    let error = world.try_call(&caller, "f", &[]).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::Unreachable), "{error}");
    let error = world.try_call(&callee, "f", &[]).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Poisoned { .. }),
        "{error}"
    );
}

fn an_instance_on_the_stack_is_not_entered_again<B: Backend>() {
    let engine = engine::<B>(Interruption::None);
    let mut store = Store::<B, Option<Instance<B>>>::new(&engine, None).unwrap();
    let mut linker = Linker::<B, Option<Instance<B>>>::new(&engine);
    // The first instance's import calls the last one, which calls the first.
    linker
        .root()
        .func_wrap("g", |mut caller, (): ()| {
            let last = caller.data().clone().unwrap();
            last.get_typed_func::<(), ()>(&mut caller, "f")?
                .call(&mut caller, ())
        })
        .unwrap();
    let component = Component::new(&engine, plain(G, "call $g")).unwrap();
    let first = linker.instantiate(&mut store, &component).unwrap();
    let mut linker = Linker::new(&engine);
    let mut root = linker.root();
    root.define_export("g", &mut store, &first, "f").unwrap();
    let last = linker.instantiate(&mut store, &component).unwrap();
    *store.data_mut() = Some(last);
    let run = first.get_typed_func::<(), ()>(&mut store, "f").unwrap();
    let error = run.call(&mut store, ()).unwrap_err();
    assert_eq!(
        error.trap_code(),
        Some(TrapCode::CannotEnterComponent),
        "{error}"
    );
}

fn no_destructor_runs_in_an_instance_on_the_stack<B: Backend>() {
    let engine = engine::<B>(Interruption::None);
    let mut store = Store::<B, Option<(Instance<B>, Val)>>::new(&engine, None).unwrap();
    let mut linker = Linker::<B, Option<(Instance<B>, Val)>>::new(&engine);
    linker
        .root()
        .func_wrap("g", |mut caller, (): ()| {
            let (user, handle) = caller.data_mut().take().unwrap();
            let drop = user.get_func(&mut caller, "drop")?;
            drop.call(&mut caller, &[handle]).map(|_| ())
        })
        .unwrap();
    // A maker that calls out.
    let text = maker(API);
    let (head, tail) = text.split_at(text.len() - 1);
    let text = format!(
        r#"{head}
        (core func $g (canon lower (func $g)))
        (core module $out (import "" "g" (func $g)) (func (export "f") call $g))
        (core instance $out (instantiate $out (with "" (instance (export "g" (func $g))))))
        (func (export "f") (canon lift (core func $out "f"))){tail}"#
    );
    let text = text.replacen("(component", &format!("(component {G}"), 1);
    let component = Component::new(&engine, text).unwrap();
    let made = linker.instantiate(&mut store, &component).unwrap();
    linker.root().define_exports(&mut store, &made).unwrap();
    let component = Component::new(&engine, USER).unwrap();
    let user = linker.instantiate(&mut store, &component).unwrap();
    let make = user.get_func(&mut store, "make").unwrap();
    let handle = make.call(&mut store, &[Val::U32(1)]).unwrap().remove(0);
    *store.data_mut() = Some((user, handle));
    let run = made.get_typed_func::<(), ()>(&mut store, "f").unwrap();
    let error = run.call(&mut store, ()).unwrap_err();
    assert_eq!(
        error.trap_code(),
        Some(TrapCode::CannotEnterComponent),
        "{error}"
    );
}

fn the_guard_is_asked<B: Backend>() {
    let engine = engine::<B>(Interruption::None);
    let guard = |call: &HostCall<'_>| match (call.interface, call.function) {
        ("t:m/api", "[resource-drop]r") => Err(Error::new(ErrorKind::Denied, "no drop")),
        _ => Ok(()),
    };
    let mut store = Store::builder(&engine).guard(guard).build(()).unwrap();
    let mut linker = Linker::<B, ()>::new(&engine);
    let component = Component::new(&engine, maker(API)).unwrap();
    let made = linker.instantiate(&mut store, &component).unwrap();
    linker.root().define_exports(&mut store, &made).unwrap();
    let component = Component::new(&engine, USER).unwrap();
    let user = linker.instantiate(&mut store, &component).unwrap();
    let run = user.get_func(&mut store, "make-drop").unwrap();
    let error = run.call(&mut store, &[Val::U32(1)]).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Denied, "{error}");
}

/// A future that is pending once.
async fn pause() {
    let mut first = true;
    std::future::poll_fn(|cx| {
        if std::mem::take(&mut first) {
            cx.waker().wake_by_ref();
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(())
    })
    .await;
}

/// An asynchronous store, and a linker whose `g` suspends and then counts.
fn suspending<B: Backend>() -> (Engine<B>, Store<B, u32>, Linker<B, u32>) {
    let engine = engine::<B>(Interruption::None);
    let store = Store::new_async(&engine, 0).unwrap();
    let mut linker = Linker::new(&engine);
    linker
        .root()
        .func_wrap_async("g", |mut caller, (): ()| {
            HostFuture::new(async move {
                pause().await;
                *caller.data_mut() += 1;
                Ok(())
            })
        })
        .unwrap();
    (engine, store, linker)
}

fn asynchronous_functions_suspend_both_instances<B: Backend>() {
    let (engine, mut store, linker) = suspending::<B>();
    block_on(async {
        let component = Component::new(&engine, plain(G, "call $g call $g")).unwrap();
        let callee = linker
            .instantiate_async(&mut store, &component)
            .await
            .unwrap();
        let mut linker = Linker::new(&engine);
        let mut root = linker.root();
        root.define_export("g", &mut store, &callee, "f").unwrap();
        let caller = linker
            .instantiate_async(&mut store, &component)
            .await
            .unwrap();
        let run = caller.get_typed_func::<(), ()>(&mut store, "f").unwrap();
        run.call_async(&mut store, ()).await.unwrap();
    });
    assert_eq!(*store.data(), 4);
}

fn destructors_suspend_in_asynchronous_stores<B: Backend>() {
    let (engine, mut store, linker) = suspending::<B>();
    // The destructor calls out.
    let text = maker(API)
        .replacen(
            "(core module $state",
            r#"(import "g" (func $g)) (core func $g (canon lower (func $g)))
            (core module $state (import "" "g" (func $g))"#,
            1,
        )
        .replacen(
            "(instantiate $state)",
            r#"(instantiate $state (with "" (instance (export "g" (func $g)))))"#,
            1,
        )
        .replacen(
            r#"(func (export "dtor") (param i32)"#,
            r#"(func (export "dtor") (param i32) (call $g)"#,
            1,
        );
    block_on(async {
        let component = Component::new(&engine, text).unwrap();
        let made = linker
            .instantiate_async(&mut store, &component)
            .await
            .unwrap();
        let mut linker = Linker::new(&engine);
        linker.root().define_exports(&mut store, &made).unwrap();
        let component = Component::new(&engine, USER).unwrap();
        let user = linker
            .instantiate_async(&mut store, &component)
            .await
            .unwrap();
        for name in ["make-drop", "make-peek-drop"] {
            let run = user.get_func(&mut store, name).unwrap();
            run.call_async(&mut store, &[Val::U32(2)]).await.unwrap();
        }
        let make = user.get_func(&mut store, "make").unwrap();
        let handle = make.call_async(&mut store, &[Val::U32(3)]).await.unwrap();
        let [Val::Resource(resource)] = handle[..] else {
            panic!("{handle:?}")
        };
        resource.resource_drop_async(&mut store).await.unwrap();
        let ended = made.get_func(&mut store, "t:m/api#ended").unwrap();
        let ended = ended.call_async(&mut store, &[]).await.unwrap();
        assert_eq!(ended, [Val::U32(223)]);
    });
    assert_eq!(*store.data(), 3);
}

fn linked_instances_work_where_components_may_be_async<B: Backend>() {
    if !B::support().features.contains(Feature::ComponentAsync) {
        return;
    }
    let mut config = Config::new();
    config.feature(Feature::ComponentAsync, true);
    let engine = Engine::<B>::new(&config).unwrap();
    let mut store = Store::new_async(&engine, ()).unwrap();
    block_on(async {
        let mut linker = Linker::new(&engine);
        let component = Component::new(&engine, maker(API)).unwrap();
        let made = linker
            .instantiate_async(&mut store, &component)
            .await
            .unwrap();
        linker.root().define_exports(&mut store, &made).unwrap();
        let component = Component::new(&engine, USER).unwrap();
        let user = linker
            .instantiate_async(&mut store, &component)
            .await
            .unwrap();
        for (name, n) in [("make-drop", 1), ("make-peek-drop", 2), ("make-take", 3)] {
            let run = user.get_func(&mut store, name).unwrap();
            run.call_async(&mut store, &[Val::U32(n)]).await.unwrap();
        }
        let make = user.get_func(&mut store, "make").unwrap();
        let handle = make.call_async(&mut store, &[Val::U32(4)]).await.unwrap();
        let [Val::Resource(resource)] = handle[..] else {
            panic!("{handle:?}")
        };
        resource.resource_drop_async(&mut store).await.unwrap();
        let ended = made.get_func(&mut store, "t:m/api#ended").unwrap();
        let ended = ended.call_async(&mut store, &[]).await.unwrap();
        assert_eq!(ended, [Val::U32(1234)]);
    });
}

fn what_is_missing_is_named<B: Backend>() {
    let mut world = World::<B>::new();
    let made = world.instantiate(&maker(API)).unwrap();
    for missing in ["nothing", "t:m/api#nothing", "t:m/api#ended#deeper"] {
        let mut root = world.linker.root();
        let error = root
            .define_export("f", &mut world.store, &made, missing)
            .unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::NotFound);
        assert!(error.message().contains(missing), "{error}");
    }
}
