//! What is loaded, and what is refused before anything runs.

use enginebay::Backend;
use enginebay::host::manifest::Manifest;
use enginebay::host::permission::{DenyAll, Permissions};
use enginebay::host::runner::{ExecutionOutcome, LoadError, NotRunning};
use enginebay::host::services::{Services, Status};

use super::{FAULTY, LONG, faulty, faulty_manifest, host, load, output, run, services};
use crate::common::GREET;

pub(crate) fn what_does_not_fit_is_refused<B: Backend>() {
    let services = services();
    let host = host::<B>(services.clone());
    let manifest = faulty_manifest("greet", "");
    for bytes in [GREET, b"no component", b"\0asm\x01\0\0\0"] {
        let error = host.load(&manifest, bytes).unwrap_err();
        assert!(matches!(error, LoadError::Unfit(_)), "{error}");
    }
    let error = host.load(&manifest, GREET).unwrap_err().to_string();
    assert!(
        error.contains("enginebay:core/component-lifecycle"),
        "{error}"
    );
    assert!(services.registry().names().is_empty());
    assert!(services.permissions().components().is_empty());
    assert!(services.broker().components().is_empty());
    // The name is free still.
    faulty(&host, "greet", "");
}

pub(crate) fn dependencies_are_looked_at<B: Backend>() {
    let host = host::<B>(services());
    for (wanted, says) in [
        ("\"enginebay:storage\" = \"^2.0\"", "this host has 1.0.0"),
        ("\"enginebay:ext-network\" = \"^1.0\"", "does not have"),
        ("\"other:package\" = \"^1.0\"", "does not have"),
        ("\"enginebay:storage/tables\" = \"^1.0\"", "does not have"),
        (
            "\"wasi:clocks\" = \"^0.3\"",
            "needs `wasi:clocks` ^0.3, and this host has 0.2.12",
        ),
        (
            "\"wasi:io/streams\" = \"=0.2.99\"",
            "needs `wasi:io/streams` =0.2.99, and this host has 0.2.12",
        ),
        ("\"wasi:http\" = \"^0.2\"", "does not have"),
        ("\"wasi:nothing\" = \"^0.2\"", "does not have"),
    ] {
        let manifest = faulty_manifest("faulty", &format!("[dependencies]\n{wanted}"));
        let error = host.load(&manifest, FAULTY).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let fits = "\"wasi:clocks\" = \"^0.2.6\"\n\"wasi:io/streams\" = \"~0.2.0\"\n\
                \"enginebay:storage/store\" = \"^1.0\"";
    faulty(&host, "faulty", &format!("[dependencies]\n{fits}"));
}

pub(crate) fn what_is_required_has_to_be_granted<B: Backend>() {
    let permissions = Permissions::builder().policy(DenyAll).build();
    let services = Services::builder().permissions(permissions).build();
    let host = host::<B>(services.clone());
    let required = "[permissions.storage]\nread = [\"faulty:data\"]\nwrite = [\"faulty:data\"]";
    let manifest = faulty_manifest("faulty", required);
    let error = host.load(&manifest, FAULTY).unwrap_err();
    assert!(matches!(error, LoadError::Permissions(_)), "{error}");
    let error = error.to_string();
    for grant in ["storage.read", "storage.write"] {
        assert!(error.contains(grant), "{error}");
    }
    assert!(services.broker().components().is_empty());
    // What is optional is denied when it is used.
    let optional = "[permissions.storage]\nwrite = { optional = [\"faulty:data\"] }";
    let faulty = faulty(&host, "faulty", optional);
    let told = output(&faulty, "fill", "faulty:data");
    assert!(
        told.contains("denied: storage.write(faulty:data)"),
        "{told}"
    );
}

pub(crate) fn a_name_is_taken_once<B: Backend>() {
    let host = host::<B>(services());
    let counter = load(&host, "counter/counter");
    let folder = super::example("counter/counter");
    let manifest = Manifest::from_file(folder.join("Component.toml")).unwrap();
    let bytes = std::fs::read(folder.join("component.wasm")).unwrap();
    let error = host.load(&manifest, &bytes).unwrap_err();
    assert!(matches!(error, LoadError::Permissions(_)), "{error}");
    assert_eq!(output(&counter, "increment", ""), "1");
    host.remove("counter");
    let again = host.load(&manifest, &bytes).unwrap();
    assert_eq!(again.wait_until_ready(LONG), Status::Ready);
    assert_eq!(output(&again, "get", ""), "1");
}

pub(crate) fn components_stop<B: Backend>() {
    let host = host::<B>(services());
    let counter = load(&host, "counter/counter");
    let faulty = faulty(&host, "faulty", "deadline = \"200ms\"");
    assert_eq!(faulty.wait_until_ready(LONG), Status::Ready);
    // Nobody waits for what it does.
    drop(faulty.execute_async("spin", b"", Default::default()));
    host.stop();
    assert_eq!(counter.status(), Status::Terminated);
    assert_eq!(faulty.status(), Status::Terminated);
    let outcome = run(&counter, "get", "").outcome;
    assert!(
        matches!(outcome, ExecutionOutcome::NotRunning(NotRunning::Stopped)),
        "{outcome}"
    );
    assert!(counter.metadata().is_none());
    assert!(host.components().is_empty());
}
