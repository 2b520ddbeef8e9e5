//! `bindgen!`: one set of bindings on every backend, with components that were built
//! elsewhere.

use crate::common::{GREET_HOST, block_on, on_each_backend};
use enginebay::generic::{Component, Engine, Linker, Store};
use enginebay::{Access, Backend, Config, Error, ErrorKind, Resource, Result, WasmList};

/// A Rust guest, with what it exports and imports.
mod greet {
    enginebay::bindgen!({ path: "guests/greet/wit", world: "greeter-with-host" });
}

/// The same, failing and derived.
mod refusing {
    enginebay::bindgen!({
        path: "guests/greet/wit",
        world: "example:greet/greeter-with-host@0.1.0",
        trappable_imports: true,
        additional_derives: [PartialOrd],
    });
}

mod counting {
    pub(crate) struct Counter(pub(crate) u32);

    enginebay::bindgen!({
        inline: r#"
            package test:counting@1.2.0;

            interface counters {
                /// Counts.
                resource counter {
                    constructor(start: u32);
                    add: func(by: u32) -> u32;
                    sum: static func(a: borrow<counter>, b: borrow<counter>) -> u32;
                }
            }

            world counts {
                import counters;
                import now: func() -> u64;
                export run: func() -> u32;
            }
        "#,
        with: { "test:counting/counters/counter": Counter },
        async: ["now"],
    });
}

/// A resource of the world itself, which is dropped asynchronously.
mod ticketing {
    pub(crate) struct Pass;

    enginebay::bindgen!({
        inline: "
            package test:ticketing;
            world tickets {
                resource ticket {
                    constructor(price: u32);
                    price: func() -> u32;
                }
                import best: func(of: list<ticket>) -> option<ticket>;
                export buy: func(price: u32) -> ticket;
                export cost: func(of: borrow<ticket>) -> u32;
            }
        ",
        with: { "ticket": Pass },
        async: ["[drop]ticket"],
    });
}

/// Lists that stay in the guest's memory.
mod sinking {
    pub(crate) struct Sink;

    enginebay::bindgen!({
        inline: "
            package test:sinks@0.1.0;
            interface sinks {
                type bytes = list<u8>;
                record row { id: u32, name: string }
                resource sink {
                    constructor();
                    write: func(bytes: bytes) -> u32;
                }
                rows: func(access: list<row>, factor: u32) -> u64;
                copied: func(bytes: bytes);
            }
            world sinking {
                import sinks;
                import words: func(all: list<u32>, names: list<string>);
                export run: func();
            }
        ",
        with: { "test:sinks/sinks/sink": Sink },
        views: ["test:sinks/sinks#[method]sink.write", "test:sinks/sinks@0.1.0#rows", "words"],
        async: ["words"],
        trappable_imports: true,
    });
}

/// One function of `greet`.
mod greeting {
    enginebay::bindgen!({
        inline: "package a:b; world greets { export greet: func(name: string) -> string; }",
    });
}

const COUNTS: &str = r#"(component
    (import "test:counting/counters@1.2.0" (instance $c
        (export "counter" (type $counter (sub resource)))
        (export "[constructor]counter" (func (param "start" u32) (result (own $counter))))
        (export "[method]counter.add"
            (func (param "self" (borrow $counter)) (param "by" u32) (result u32)))
        (export "[static]counter.sum"
            (func (param "a" (borrow $counter)) (param "b" (borrow $counter)) (result u32)))))
    (import "now" (func $now (result u64)))
    (alias export $c "counter" (type $counter))
    (core func $new (canon lower (func $c "[constructor]counter")))
    (core func $add (canon lower (func $c "[method]counter.add")))
    (core func $sum (canon lower (func $c "[static]counter.sum")))
    (core func $now (canon lower (func $now)))
    (core func $drop (canon resource.drop $counter))
    (core module $m
        (import "" "new" (func $new (param i32) (result i32)))
        (import "" "add" (func $add (param i32 i32) (result i32)))
        (import "" "sum" (func $sum (param i32 i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (import "" "now" (func $now (result i64)))
        (func (export "run") (result i32) (local $counter i32) (local $sum i32)
            (local.set $counter (call $new (i32.const 5)))
            (local.set $sum (call $add (local.get $counter) (i32.const 3)))
            (local.set $sum (i32.add (local.get $sum)
                (call $sum (local.get $counter) (local.get $counter))))
            (call $drop (local.get $counter))
            (i32.add (local.get $sum) (i32.wrap_i64 (call $now)))))
    (core instance $i (instantiate $m (with "" (instance
        (export "new" (func $new)) (export "add" (func $add)) (export "sum" (func $sum))
        (export "drop" (func $drop)) (export "now" (func $now))))))
    (func (export "run") (result u32) (canon lift (core func $i "run"))))"#;

on_each_backend! {
    exports_are_called
    imports_are_implemented
    an_error_of_the_host_stops_the_guest
    resources_of_the_host_live_in_its_data
    a_world_has_resources_of_its_own
    lists_stay_in_the_guests_memory
    a_component_of_another_world_is_refused
}

#[derive(Default)]
struct Log(Vec<String>);

impl greet::example::greet::host::Host for Log {
    fn log(&mut self, level: greet::example::greet::host::Level, message: String) {
        self.0.push(format!("{level:?}: {message}"));
    }
}

fn greeter<B: Backend>() -> Result<(greet::GreeterWithHost<B>, Store<B, Log>)> {
    let engine = Engine::<B>::new(&Config::new())?;
    let component = Component::new(&engine, GREET_HOST)?;
    let mut linker = Linker::<B, Log>::new(&engine);
    greet::GreeterWithHost::add_to_linker(&mut linker, |log: &mut Log| log)?;
    let mut store = Store::builder(&engine).build(Log::default())?;
    let greeter = greet::GreeterWithHost::instantiate(&mut store, &component, &linker)?;
    Ok((greeter, store))
}

fn exports_are_called<B: Backend>() {
    use greet::exports::example::greet::api::{Color, Permissions, Person, Shape};

    let (greeter, mut store) = greeter::<B>().unwrap();
    assert_eq!(
        greeter.call_greet(&mut store, "Ada").unwrap(),
        "Hello, Ada!"
    );
    assert_eq!(greeter.call_add(&mut store, 1, u32::MAX).unwrap(), 0);

    let api = greeter.example_greet_api();
    let ada = Person {
        name: "Ada".to_string(),
        age: 36,
        tags: vec!["maths".to_string()],
    };
    assert_eq!(
        api.call_describe(&mut store, &ada).unwrap(),
        "Ada is 36 [maths]"
    );
    let older = api.call_birthday(&mut store, &ada).unwrap().unwrap();
    assert_eq!(older.age, 37);
    let old = Person { age: 150, ..ada };
    let refusal = api.call_birthday(&mut store, &old).unwrap().unwrap_err();
    assert!(refusal.contains("too old"), "{refusal}");

    let area = api
        .call_area(&mut store, Shape::Rectangle((2.0, 3.0)))
        .unwrap();
    assert_eq!(area, Some(6.0));
    assert_eq!(api.call_area(&mut store, Shape::None).unwrap(), None);
    assert_eq!(
        api.call_sum(&mut store, &[1, 2, u32::MAX]).unwrap(),
        3 + u64::from(u32::MAX)
    );
    let words = ["a".to_string(), "b".to_string()];
    assert_eq!(api.call_reverse(&mut store, &words).unwrap(), ["b", "a"]);
    assert_eq!(
        api.call_next_color(&mut store, Color::Blue).unwrap(),
        Color::Red
    );
    let both = Permissions::READ | Permissions::EXECUTE;
    let union = api.call_union(&mut store, Permissions::READ, Permissions::EXECUTE);
    assert_eq!(union.unwrap(), both);
    assert_eq!(api.call_echo(&mut store, b"\0\xff").unwrap(), b"\0\xff");

    let counter = api.counter();
    let one = counter.call_constructor(&mut store, 41).unwrap();
    assert_eq!(counter.call_increment(&mut store, one, 1).unwrap(), 42);
    assert_eq!(counter.call_sum(&mut store, one, one).unwrap(), 84);
    assert_eq!(counter.call_into_value(&mut store, one).unwrap(), 42);
    let error = counter.call_value(&mut store, one).unwrap_err();
    assert!(error.to_string().contains("value"), "{error}");
}

fn imports_are_implemented<B: Backend>() {
    let (greeter, mut store) = greeter::<B>().unwrap();
    assert_eq!(
        greeter.call_greet_logged(&mut store, "Ada").unwrap(),
        "Hello, Ada!"
    );
    assert_eq!(store.data().0.len(), 1);
    assert!(
        store.data().0[0].starts_with("Info: "),
        "{:?}",
        store.data().0
    );
}

struct Refusing;

impl refusing::example::greet::host::Host for Refusing {
    fn log(
        &mut self,
        level: refusing::example::greet::host::Level,
        _message: String,
    ) -> Result<()> {
        assert!(level > refusing::example::greet::host::Level::Debug);
        Err(Error::new(ErrorKind::Host, "no room for a log"))
    }
}

fn an_error_of_the_host_stops_the_guest<B: Backend>() {
    let engine = Engine::<B>::new(&Config::new()).unwrap();
    let component = Component::new(&engine, GREET_HOST).unwrap();
    let mut linker = Linker::new(&engine);
    refusing::example::greet::host::add_to_linker(&mut linker, |it: &mut Refusing| it).unwrap();
    let mut store = Store::builder(&engine).build(Refusing).unwrap();
    let greeter = refusing::GreeterWithHost::instantiate(&mut store, &component, &linker).unwrap();
    let error = greeter.call_greet_logged(&mut store, "Ada").unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Host);
    assert!(error.to_string().contains("no room for a log"), "{error}");
}

/// Counters by their handles' representations.
#[derive(Default)]
struct Counters {
    all: Vec<Option<counting::Counter>>,
}

impl Counters {
    fn get(&mut self, handle: &Resource<counting::Counter>) -> &mut u32 {
        let counter = self.all[handle.rep() as usize].as_mut();
        &mut counter.expect("the counter is there").0
    }
}

impl counting::test::counting::counters::HostCounter for Counters {
    fn new(&mut self, start: u32) -> Resource<counting::Counter> {
        self.all.push(Some(counting::Counter(start)));
        Resource::new_own(self.all.len() as u32 - 1)
    }

    fn add(&mut self, counter: Resource<counting::Counter>, by: u32) -> u32 {
        *self.get(&counter) += by;
        *self.get(&counter)
    }

    fn sum(&mut self, a: Resource<counting::Counter>, b: Resource<counting::Counter>) -> u32 {
        *self.get(&a) + *self.get(&b)
    }

    fn drop(&mut self, counter: Resource<counting::Counter>) -> Result<()> {
        self.all[counter.rep() as usize] = None;
        Ok(())
    }
}

impl counting::test::counting::counters::Host for Counters {}

impl counting::CountsImports for Counters {
    async fn now(&mut self) -> u64 {
        let dropped = self.all.iter().filter(|it| it.is_none()).count();
        100 * dropped as u64
    }
}

fn resources_of_the_host_live_in_its_data<B: Backend>() {
    let engine = Engine::<B>::new(&Config::new()).unwrap();
    let component = Component::new(&engine, COUNTS).unwrap();
    let mut linker = Linker::<B, Counters>::new(&engine);
    counting::Counts::add_to_linker(&mut linker, |it: &mut Counters| it).unwrap();
    let store = Store::builder(&engine).build_async(Counters::default());
    let mut store = store.unwrap();
    block_on(async {
        let counts = counting::Counts::instantiate_async(&mut store, &component, &linker);
        let counts = counts.await.unwrap();
        let result = counts.call_run_async(&mut store).await.unwrap();
        assert_eq!(result, 8 + 16 + 100);
    });
    assert_eq!(store.data().all.len(), 1);
    assert!(store.data().all[0].is_none());
}

/// Buys tickets of a price and of one more, and gives the better one.
const TICKETS: &str = r#"(component
    (import "ticket" (type $ticket (sub resource)))
    (import "[constructor]ticket" (func $new (param "price" u32) (result (own $ticket))))
    (import "[method]ticket.price"
        (func $price (param "self" (borrow $ticket)) (result u32)))
    (import "best" (func $best
        (param "of" (list (own $ticket))) (result (option (own $ticket)))))
    (core module $memory
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
    (core instance $mem (instantiate $memory))
    (core func $new (canon lower (func $new)))
    (core func $price (canon lower (func $price)))
    (core func $best (canon lower (func $best)
        (memory $mem "memory") (realloc (func $mem "realloc"))))
    (core func $drop (canon resource.drop $ticket))
    (core module $m
        (import "" "memory" (memory 1))
        (import "" "new" (func $new (param i32) (result i32)))
        (import "" "price" (func $price (param i32) (result i32)))
        (import "" "best" (func $best (param i32 i32 i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "buy") (param i32) (result i32)
            (i32.store (i32.const 16) (call $new (local.get 0)))
            (i32.store (i32.const 20) (call $new (i32.add (local.get 0) (i32.const 1))))
            (call $best (i32.const 16) (i32.const 2) (i32.const 32))
            (if (i32.ne (i32.load8_u (i32.const 32)) (i32.const 1)) (then unreachable))
            (i32.load (i32.const 36)))
        (func (export "cost") (param i32) (result i32)
            (call $price (local.get 0))
            (call $drop (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance
        (export "memory" (memory $mem "memory"))
        (export "new" (func $new)) (export "price" (func $price))
        (export "best" (func $best)) (export "drop" (func $drop))))))
    (func (export "buy") (param "price" u32) (result (own $ticket))
        (canon lift (core func $i "buy")))
    (func (export "cost") (param "of" (borrow $ticket)) (result u32)
        (canon lift (core func $i "cost"))))"#;

/// The prices of the tickets that are there.
#[derive(Default)]
struct Office(Vec<Option<u32>>);

impl ticketing::HostTicket for Office {
    fn new(&mut self, price: u32) -> Resource<ticketing::Ticket> {
        self.0.push(Some(price));
        Resource::new_own(self.0.len() as u32 - 1)
    }

    fn price(&mut self, ticket: Resource<ticketing::Ticket>) -> u32 {
        self.0[ticket.rep() as usize].unwrap()
    }

    async fn drop(&mut self, ticket: Resource<ticketing::Ticket>) -> Result<()> {
        self.0[ticket.rep() as usize] = None;
        Ok(())
    }
}

impl ticketing::TicketsImports for Office {
    fn best(
        &mut self,
        of: Vec<Resource<ticketing::Ticket>>,
    ) -> Option<Resource<ticketing::Ticket>> {
        let best = of
            .iter()
            .map(Resource::rep)
            .max_by_key(|rep| self.0[*rep as usize])?;
        // The others are the host's to drop.
        for ticket in of.iter().filter(|ticket| ticket.rep() != best) {
            self.0[ticket.rep() as usize] = None;
        }
        Some(Resource::new_own(best))
    }
}

fn a_world_has_resources_of_its_own<B: Backend>() {
    let engine = Engine::<B>::new(&Config::new()).unwrap();
    let component = Component::new(&engine, TICKETS).unwrap();
    let mut linker = Linker::<B, Office>::new(&engine);
    ticketing::Tickets::add_to_linker(&mut linker, |it: &mut Office| it).unwrap();
    let mut store = Store::new_async(&engine, Office::default()).unwrap();
    block_on(async {
        let tickets = ticketing::Tickets::instantiate_async(&mut store, &component, &linker);
        let tickets = tickets.await.unwrap();
        let ticket = tickets.call_buy_async(&mut store, 7).await.unwrap();
        assert_eq!(ticket.rep(), 1);
        let lent = Resource::new_borrow(ticket.rep());
        let cost = tickets.call_cost_async(&mut store, lent).await;
        assert_eq!(cost.unwrap(), 8);
    });
    assert_eq!(store.data().0, [None, Some(8)]);
}

const SINKING: &str = r#"(component
    (import "test:sinks/sinks@0.1.0" (instance $s
        (type $row' (record (field "id" u32) (field "name" string)))
        (export "row" (type $row (eq $row')))
        (type $bytes' (list u8))
        (export "bytes" (type $bytes (eq $bytes')))
        (export "sink" (type $sink (sub resource)))
        (export "[constructor]sink" (func (result (own $sink))))
        (export "[method]sink.write"
            (func (param "self" (borrow $sink)) (param "bytes" $bytes) (result u32)))
        (export "rows"
            (func (param "access" (list $row)) (param "factor" u32) (result u64)))
        (export "copied" (func (param "bytes" $bytes)))))
    (import "words" (func $words (param "all" (list u32)) (param "names" (list string))))
    (alias export $s "sink" (type $sink))
    (core module $memory (memory (export "memory") 1)
        (data (i32.const 64) "\01\02\03\04\05\06\07\08")
        (data (i32.const 96) "Ada" "Grace")
        ;; 3, "Ada" and 4, "Grace"
        (data (i32.const 128)
            "\03\00\00\00" "\60\00\00\00\03\00\00\00"
            "\04\00\00\00" "\63\00\00\00\05\00\00\00"))
    (core instance $mem (instantiate $memory))
    (core func $new (canon lower (func $s "[constructor]sink")))
    (core func $write (canon lower (func $s "[method]sink.write") (memory $mem "memory")))
    (core func $rows (canon lower (func $s "rows") (memory $mem "memory")))
    (core func $copied (canon lower (func $s "copied") (memory $mem "memory")))
    (core func $words (canon lower (func $words) (memory $mem "memory")))
    (core module $m
        (import "" "new" (func $new (result i32)))
        (import "" "write" (func $write (param i32 i32 i32) (result i32)))
        (import "" "rows" (func $rows (param i32 i32 i32) (result i64)))
        (import "" "copied" (func $copied (param i32 i32)))
        (import "" "words" (func $words (param i32 i32 i32 i32)))
        (func (export "run")
            (if (i32.ne (call $write (call $new) (i32.const 64) (i32.const 5)) (i32.const 5))
                (then unreachable))
            (if (i64.ne (call $rows (i32.const 128) (i32.const 2) (i32.const 10)) (i64.const 70))
                (then unreachable))
            (call $copied (i32.const 64) (i32.const 2))
            (call $words (i32.const 64) (i32.const 2) (i32.const 132) (i32.const 1))))
    (core instance $i (instantiate $m (with "" (instance
        (export "new" (func $new)) (export "write" (func $write)) (export "rows" (func $rows))
        (export "copied" (func $copied)) (export "words" (func $words))))))
    (func (export "run") (canon lift (core func $i "run"))))"#;

/// What the guest passed, as text; it is a part of the store's data.
#[derive(Default)]
struct Sinks(Vec<String>);

impl sinking::test::sinks::sinks::HostSink for Sinks {
    fn new(&mut self) -> Result<Resource<sinking::Sink>> {
        Ok(Resource::new_own(7))
    }

    fn write<B: Backend, T: Send + 'static>(
        mut access: Access<'_, B, T, Self>,
        sink: Resource<sinking::Sink>,
        bytes: WasmList<u8>,
    ) -> Result<u32> {
        let (bytes, this) = access.read(&bytes)?;
        this.0.push(format!("{} {bytes:?}", sink.rep()));
        Ok(bytes.len() as u32)
    }

    fn drop(&mut self, _: Resource<sinking::Sink>) -> Result<()> {
        Ok(())
    }
}

impl sinking::test::sinks::sinks::Host for Sinks {
    fn rows<B: Backend, T: Send + 'static>(
        mut access: Access<'_, B, T, Self>,
        rows: WasmList<sinking::test::sinks::sinks::Row>,
        factor: u32,
    ) -> Result<u64> {
        let mut sum = 0;
        for row in rows.iter(access.caller())? {
            sum += row?.id * factor;
        }
        let last = rows.get(&mut access, rows.len() - 1).unwrap()?.name;
        access.host().0.push(last);
        Ok(sum.into())
    }

    fn copied(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.0.push(format!("copied {bytes:?}"));
        Ok(())
    }
}

impl sinking::SinkingImports for Sinks {
    async fn words<B: Backend, T: Send + 'static>(
        mut access: Access<'_, B, T, Self>,
        all: WasmList<u32>,
        names: WasmList<String>,
    ) -> Result<()> {
        crate::common::yield_once().await;
        let all = all.to_vec(&mut access)?;
        crate::common::yield_once().await;
        let names = names.to_vec(&mut access)?;
        access.host().0.push(format!("{all:x?} {names:?}"));
        Ok(())
    }
}

fn lists_stay_in_the_guests_memory<B: Backend>() {
    let engine = Engine::<B>::new(&Config::new()).unwrap();
    let component = Component::new(&engine, SINKING).unwrap();
    let mut linker = Linker::<B, (u8, Sinks)>::new(&engine);
    sinking::Sinking::add_to_linker(&mut linker, |it: &mut (u8, Sinks)| &mut it.1).unwrap();
    let mut store = Store::new_async(&engine, (0, Sinks::default())).unwrap();
    block_on(async {
        let sinking = sinking::Sinking::instantiate_async(&mut store, &component, &linker);
        let sinking = sinking.await.unwrap();
        sinking.call_run_async(&mut store).await.unwrap();
    });
    assert_eq!(
        store.data().1.0,
        [
            "7 [1, 2, 3, 4, 5]",
            "Grace",
            "copied [1, 2]",
            "[4030201, 8070605] [\"Ada\"]"
        ]
    );
}

fn a_component_of_another_world_is_refused<B: Backend>() {
    let engine = Engine::<B>::new(&Config::new()).unwrap();
    let mut store = Store::builder(&engine).build(Log::default()).unwrap();
    let linker = Linker::<B, Log>::new(&engine);

    let component = Component::new(&engine, GREET_HOST).unwrap();
    let missing = greet::GreeterWithHost::instantiate(&mut store, &component, &linker);
    let error = missing.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Link);
    assert!(error.to_string().contains("example:greet/host"), "{error}");

    let component = Component::new(
        &engine,
        r#"(component
            (core module $m (func (export "f") (param i32) (result i32) (local.get 0)))
            (core instance $i (instantiate $m))
            (func (export "greet") (param "name" u32) (result u32) (canon lift (core func $i "f"))))"#,
    )
    .unwrap();
    let missing = greet::GreeterWithHost::instantiate(&mut store, &component, &linker);
    let error = missing.unwrap_err().to_string();
    assert!(error.contains("`greet-logged`"), "{error}");
    let other = greeting::Greets::instantiate(&mut store, &component, &linker);
    let error = other.unwrap_err().to_string();
    for part in ["greet", "string", "u32"] {
        assert!(error.contains(part), "{error}");
    }
}
