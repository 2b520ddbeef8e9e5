//! A request and its answer between two components that a host runs, each on a thread of
//! its own: the embedder calls an operation of the one, which asks the other and waits.
//! Beside it is a call of an operation that asks nobody, on the same components.

use std::time::Duration;

use enginebay::host::manifest::Manifest;
use enginebay::host::permission::{Permissions, Quotas};
use enginebay::host::runner::{ComponentHandle, ExecutionContext, Host, HostOptions};
use enginebay::host::services::{Services, Status};
use enginebay::{Backend, Interruption};

use crate::work::engine;
use crate::{Bench, Pair, Work};

/// Manifests and components of `examples/components/talk`.
const ASKER: Example = (
    include_str!("../../../examples/components/talk/asker/Component.toml"),
    include_bytes!("../../../examples/components/talk/asker/component.wasm"),
);
const ANSWERER: Example = (
    include_str!("../../../examples/components/talk/answerer/Component.toml"),
    include_bytes!("../../../examples/components/talk/answerer/component.wasm"),
);

type Example = (&'static str, &'static [u8]);

pub(super) fn list(to: &mut Vec<Bench>) {
    macro_rules! one {
        ($name:ident, $backend:ty) => {
            to.push(Bench {
                backend: <$backend>::NAME,
                name: "message, round trip between two components".into(),
                against: "an operation that asks nobody",
                bar: None,
                make: Box::new(round_trip::<$backend>),
            });
        };
    }
    enginebay::for_each_backend!(one);
}

fn load<B: Backend>(host: &Host<B>, (manifest, component): Example) -> ComponentHandle {
    let manifest = Manifest::parse(manifest).expect("the example's manifest is valid");
    let handle = host
        .load(&manifest, component)
        .expect("the host offers what the example needs");
    let status = handle.wait_until_ready(Duration::from_secs(60));
    assert_eq!(status, Status::Ready, "{:?}", handle.last_failure());
    handle
}

/// Calls an operation again and again. The host is kept, as it stops its components.
fn call<B: Backend>(host: Host<B>, handle: ComponentHandle, operation: &'static str) -> Work {
    Box::new(move |n| {
        let _kept = &host;
        for _ in 0..n {
            let execution = handle.execute(operation, b"hello", ExecutionContext::new());
            assert!(
                execution.outcome.output().is_some(),
                "{:?}",
                execution.outcome
            );
        }
    })
}

fn round_trip<B: Backend>() -> Pair {
    // As many messages as fit into the time.
    let quotas = Quotas {
        messages_per_minute: u64::MAX,
        ..Quotas::default()
    };
    let permissions = Permissions::builder().quotas(quotas).build();
    let services = Services::builder().permissions(permissions).build();
    let engine = engine::<B>(Interruption::Deadline);
    let host =
        Host::new(&engine, services, HostOptions::default()).expect("the services can be linked");
    load(&host, ANSWERER);
    let asker = load(&host, ASKER);
    Pair::new((
        call(host.clone(), asker.clone(), "ask"),
        call(host, asker, "answers"),
    ))
}
