//! Nothing of a host is reached before it was checked: for every function that the
//! contract has for components, on every backend, in synchronous and asynchronous stores.
//!
//! The functions are those of the contract's table, which is compared with what the WIT
//! has. The host is the probe, each of whose functions fails by saying that it was
//! reached; so a call either ends in a denial, or there.

mod guest;
mod layout;
mod sample;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use crate::common::{block_on, on_each_backend};
use enginebay::generic::{Component, Engine, InstancePre, Linker, Store};
use enginebay::{Backend, Config, Error, ErrorKind, Resource, Result};
use enginebay_host::contract::bindings::Full;
use enginebay_host::contract::bindings::enginebay::ext_filesystem::filesystem::File;
use enginebay_host::contract::bindings::enginebay::ext_network::connection::{Pool, TlsStream};
use enginebay_host::contract::bindings::enginebay::ext_network::socket::{
    TcpListener, TcpStream, UdpSocket,
};
use enginebay_host::contract::bindings::enginebay::ext_process::lifecycle::Process;
use enginebay_host::contract::bindings::enginebay::messaging::messages::Subscription;
use enginebay_host::contract::probe::Probe;
use enginebay_host::permission::{MemoryAudit, Outcome, Permissions, Subject};

use guest::{Guest, Import};
use sample::Target;

on_each_backend! {
    everything_is_denied_by_default
    what_is_granted_is_reached
    every_requirement_is_needed
    a_handle_is_of_no_use_when_the_grant_is_revoked
}

/// The name of the guest.
const NAME: &str = "guest";

static GUEST: LazyLock<Guest> = LazyLock::new(Guest::new);

#[test]
fn no_function_is_left_out() {
    let table: Vec<_> = guest::imported()
        .map(|it| (it.interface.to_string(), it.name.to_string()))
        .collect();
    let wit = guest::in_wit();
    assert_eq!(table.len(), wit.len());
    assert_eq!(table.into_iter().collect::<BTreeSet<_>>(), wit);
    assert_eq!(GUEST.imports.len(), wit.len());
    for import in &GUEST.imports {
        assert_eq!(import.targets.len(), import.function.requires.len());
    }
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    Sync,
    Async,
}

/// The guest on a backend, ready to be instantiated.
struct Ready<B: Backend> {
    engine: Engine<B>,
    guest: InstancePre<B, Probe>,
    mode: Mode,
}

fn give<B: Backend>(linker: &mut Linker<B, Probe>) -> Result<()> {
    let mut give = linker.instance(guest::GIVE)?;
    macro_rules! give {
        ($($name:literal: $resource:ty,)*) => {$(
            give.func_wrap($name, |_, ()| Ok((Resource::<$resource>::new_own(1),)))?;
        )*};
    }
    give! {
        "give-file": File,
        "give-pool": Pool,
        "give-process": Process,
        "give-subscription": Subscription,
        "give-tcp-listener": TcpListener,
        "give-tcp-stream": TcpStream,
        "give-tls-stream": TlsStream,
        "give-udp-socket": UdpSocket,
    }
    Ok(())
}

/// Runs a test in both kinds of stores.
fn in_each_mode<B: Backend>(test: impl Fn(&Ready<B>)) {
    let engine = Engine::<B>::new(&Config::new()).unwrap();
    let component = Component::new(&engine, &GUEST.component).unwrap();
    for mode in [Mode::Sync, Mode::Async] {
        let mut linker = Linker::<B, Probe>::new(&engine);
        match mode {
            Mode::Sync => Full::add_to_linker_blocking(&mut linker, |probe: &mut Probe| probe),
            Mode::Async => Full::add_to_linker(&mut linker, |probe: &mut Probe| probe),
        }
        .unwrap();
        give(&mut linker).unwrap();
        test(&Ready {
            engine: engine.clone(),
            guest: linker.instantiate_pre(&component).unwrap(),
            mode,
        });
    }
}

/// What a call of the guest came to: the message of a denial, or an error.
type Called = std::result::Result<String, Error>;

/// A host with one component, which is granted what the targets are.
struct Case {
    permissions: Permissions,
    audit: Arc<MemoryAudit>,
}

impl Case {
    fn new<'a>(granted: impl IntoIterator<Item = &'a Target>) -> Self {
        let audit = Arc::new(MemoryAudit::new(64));
        let permissions = Permissions::builder().audit(audit.clone()).build();
        let grants = granted.into_iter().map(Target::grant);
        permissions.register(Subject::new(NAME), grants).unwrap();
        Case { permissions, audit }
    }

    /// Has the guest take its handles, does something, and has it call the function.
    fn call<B: Backend>(&self, ready: &Ready<B>, number: usize, then: impl FnOnce()) -> Called {
        let probe = Probe::new(self.permissions.checker(NAME).unwrap());
        let builder = Store::builder(&ready.engine);
        let (hold, call) = (format!("hold-{number}"), format!("call-{number}"));
        match ready.mode {
            Mode::Sync => {
                let mut store = builder.build(probe).unwrap();
                let guest = ready.guest.instantiate(&mut store).unwrap();
                let hold = guest.get_typed_func::<(), ()>(&mut store, &hold).unwrap();
                let call = guest
                    .get_typed_func::<(), (String,)>(&mut store, &call)
                    .unwrap();
                hold.call(&mut store, ()).unwrap();
                then();
                Ok(call.call(&mut store, ())?.0)
            }
            Mode::Async => block_on(async {
                let mut store = builder.build_async(probe).unwrap();
                let guest = ready.guest.instantiate_async(&mut store).await.unwrap();
                let hold = guest.get_typed_func::<(), ()>(&mut store, &hold).unwrap();
                let call = guest
                    .get_typed_func::<(), (String,)>(&mut store, &call)
                    .unwrap();
                hold.call_async(&mut store, ()).await.unwrap();
                then();
                Ok(call.call_async(&mut store, ()).await?.0)
            }),
        }
    }

    /// The audit has these events, and no others.
    #[track_caller]
    fn assert_audit(&self, import: &Import, expected: &[(&Target, Outcome, &str)]) {
        let events = self.audit.take();
        assert_eq!(events.len(), expected.len(), "{events:?}");
        for (event, (target, outcome, reason)) in events.iter().zip(expected) {
            assert_eq!(&*event.component, NAME);
            assert_eq!(event.function, import.name());
            assert_eq!(event.capability, target.capability());
            assert_eq!(event.outcome, *outcome);
            assert_eq!(event.reason.kind(), *reason);
        }
    }
}

/// The call went through to this function of the host, and to no other.
#[track_caller]
fn assert_reached(result: Called, import: &Import, mode: Mode) {
    let name = import.name();
    let error = match result {
        Ok(message) => panic!("{name}, {mode:?}: {message}"),
        Err(error) => error,
    };
    assert_eq!(*error.kind(), ErrorKind::Host, "{name}, {mode:?}: {error}");
    // Where the call was made follows in brackets.
    let (error, reached) = (error.to_string(), format!("reached {name}"));
    assert_eq!(error.split(" (").next(), Some(&*reached), "{mode:?}");
}

/// The guest was told so, in these words.
#[track_caller]
fn assert_denied(result: Called, import: &Import, mode: Mode, message: &str) {
    match result {
        Ok(told) => assert_eq!(told, message, "{}, {mode:?}", import.name()),
        Err(error) => panic!("{}, {mode:?}: {error}", import.name()),
    }
}

fn everything_is_denied_by_default<B: Backend>() {
    in_each_mode::<B>(|ready| {
        for (number, import) in GUEST.imports.iter().enumerate() {
            let case = Case::new([]);
            let result = case.call(ready, number, || {});
            match import.targets.first() {
                Some(first) => {
                    assert_denied(result, import, ready.mode, &first.denial(NAME));
                    case.assert_audit(import, &[(first, Outcome::Denied, "not-granted")]);
                }
                None => {
                    assert_reached(result, import, ready.mode);
                    case.assert_audit(import, &[]);
                }
            }
        }
    });
}

fn what_is_granted_is_reached<B: Backend>() {
    in_each_mode::<B>(|ready| {
        for (number, import) in GUEST.imports.iter().enumerate() {
            let case = Case::new(&import.targets);
            assert_reached(case.call(ready, number, || {}), import, ready.mode);
            let granted = import.targets.iter();
            let granted = granted.map(|target| (target, Outcome::Granted, "grant"));
            case.assert_audit(import, &granted.collect::<Vec<_>>());
        }
    });
}

fn every_requirement_is_needed<B: Backend>() {
    in_each_mode::<B>(|ready| {
        for (number, import) in GUEST.imports.iter().enumerate() {
            for (at, left_out) in import.targets.iter().enumerate() {
                let (before, after) = (&import.targets[..at], &import.targets[at + 1..]);
                let case = Case::new(before.iter().chain(after));
                let result = case.call(ready, number, || {});
                assert_denied(result, import, ready.mode, &left_out.denial(NAME));
                let granted = before.iter();
                let granted = granted.map(|target| (target, Outcome::Granted, "grant"));
                let denied = [(left_out, Outcome::Denied, "not-granted")];
                case.assert_audit(import, &granted.chain(denied).collect::<Vec<_>>());
            }
        }
    });
}

fn a_handle_is_of_no_use_when_the_grant_is_revoked<B: Backend>() {
    in_each_mode::<B>(|ready| {
        let imports = GUEST.imports.iter().enumerate();
        for (number, import) in imports.filter(|(_, import)| import.by_handle) {
            let case = Case::new(&import.targets);
            let target = &import.targets[0];
            let result = case.call(ready, number, || {
                let (permissions, pattern) = (&case.permissions, target.pattern());
                let revoked = permissions.revoke(NAME, target.operation, &pattern);
                assert!(revoked.unwrap());
            });
            let message = target.denial(NAME) + " (the grant was taken back)";
            assert_denied(result, import, ready.mode, &message);
            case.assert_audit(import, &[(target, Outcome::Denied, "revoked")]);
        }
    });
}
