//! Components that take up another manifest while they run.

use std::sync::Arc;

use enginebay::Backend;
use enginebay::host::capability::{Operation, StorageAction};
use enginebay::host::manifest::Manifest;
use enginebay::host::permission::{ManualClock, Permissions, SecurityMode, TrustLevel};
use enginebay::host::runner::{LoadError, Reload};
use enginebay::host::services::{Services, Status};
use enginebay::host::storage::Storage;

use super::{FAULTY, LONG, faulty, faulty_manifest, host, output, run, services};

const WRITES: &str = "[permissions.storage]\nwrite = [\"faulty:data\"]\nmax-bytes = \"64KiB\"\n";
const LIFECYCLE: &str = "[lifecycle]\nbackoff = \"1h\"\n";

pub(crate) fn permissions_are_reloaded_at_once<B: Backend>() {
    // All of it is in one minute.
    let permissions = Permissions::builder().clock(Arc::new(ManualClock::new()));
    let services = Services::builder().storage(Storage::in_memory().unwrap());
    let services = services.permissions(permissions.build()).build();
    let host = host::<B>(services);
    let faulty = faulty(&host, "faulty", "");
    let fill = || output(&faulty, "fill", "faulty:data");
    assert!(fill().contains("denied: storage.write(faulty:data)"));
    let messages = "[permissions.messaging]\nsend = [\"faulty\"]\nmax-per-minute = ";
    let reload = |more: &str| host.reload(&faulty_manifest("faulty", more));
    assert_eq!(reload("").unwrap(), Reload::Unchanged);
    let sends = |most: &str| reload(&format!("{messages}{most}")).unwrap();
    assert_eq!(sends("2"), Reload::Applied);
    assert!(output(&faulty, "flood", "faulty").starts_with("2\n"));
    // What was used stays used, and more may be asked for than before.
    assert_eq!(sends("5"), Reload::Applied);
    assert!(output(&faulty, "flood", "faulty").starts_with("3\n"));
    assert_eq!(reload("").unwrap(), Reload::Applied);
    let told = output(&faulty, "flood", "faulty");
    assert!(told.contains("denied: messaging.send(faulty)"), "{told}");
    // It was not started again: it has counted on, its own messages too.
    let count: u64 = output(&faulty, "count", "").parse().unwrap();
    assert!(count >= 5, "{count}");
}

pub(crate) fn limits_and_configuration_are_taken_up_by_a_restart<B: Backend>() {
    let services = services();
    let host = host::<B>(services.clone());
    let faulty = faulty(&host, "faulty", "");
    assert_eq!(output(&faulty, "count", ""), "1");
    let more = format!("deadline = \"9s\"\n[config]\na = 1\n{WRITES}");
    let mut manifest = faulty_manifest("faulty", &more);
    manifest.component.version = "1.3.0".parse().unwrap();
    let why = [
        "component",
        "resources",
        "config",
        "permissions.storage.max-bytes",
    ];
    let reloaded = host.reload(&manifest).unwrap();
    assert_eq!(reloaded, Reload::Restarts(why.to_vec()));
    // What is asked of it afterwards finds it so.
    assert_eq!(output(&faulty, "count", ""), "1");
    assert_eq!(output(&faulty, "config", ""), "{\"a\":1}");
    assert!(output(&faulty, "fill", "faulty:data").starts_with("3\n"));
    assert_eq!(
        services.registry().version("faulty").as_deref(),
        Some("1.3.0")
    );
    // That is no failure.
    assert_eq!((faulty.restarts(), faulty.last_failure()), (0, None));
}

pub(crate) fn one_that_waits_to_be_started_again_takes_a_reload_up_at_once<B: Backend>() {
    let host = host::<B>(services());
    let faulty = faulty(&host, "faulty", LIFECYCLE);
    run(&faulty, "trap", "");
    let again = faulty_manifest("faulty", "[lifecycle]\nrestart = \"never\"");
    assert_eq!(host.reload(&again).unwrap(), Reload::Applied);
    assert_eq!(output(&faulty, "count", ""), "1");
    run(&faulty, "trap", "");
    assert_eq!(faulty.wait_until_ended(LONG), Status::Failed);
    let error = host.reload(&faulty_manifest("faulty", "")).unwrap_err();
    assert!(matches!(error, LoadError::NotLoaded { .. }), "{error}");
}

pub(crate) fn a_reload_that_is_refused_changes_nothing<B: Backend>() {
    let host = host::<B>(services());
    let faulty = faulty(&host, "faulty", "");
    assert_eq!(output(&faulty, "count", ""), "1");
    let told = |manifest: &Manifest| host.reload(manifest).unwrap_err().to_string();
    let with = |more: &str| faulty_manifest("faulty", &format!("{more}{WRITES}[config]\na = 1\n"));
    let missing = with("[dependencies]\n\"other:package\" = \"^1.0\"\n");
    assert!(told(&missing).contains("does not have"));
    let forbidden = with("[permissions.filesystem]\nread = [\"/etc/shadow\"]\n");
    assert!(told(&forbidden).contains("filesystem.read(/etc/shadow)"));
    let mut file = with("");
    file.component.file = "other.wasm".parse().unwrap();
    assert!(told(&file).contains("names the file other.wasm, and component.wasm was loaded"));
    // This host's engine does not count it.
    let fuel = with("fuel = 1000\n");
    assert!(told(&fuel).contains("fuel"), "{}", told(&fuel));
    assert!(told(&faulty_manifest("other", "")).contains("`other` does not run"));

    assert_eq!(output(&faulty, "count", ""), "2");
    assert_eq!(output(&faulty, "config", ""), "");
    let filled = output(&faulty, "fill", "faulty:data");
    assert!(filled.contains("denied: storage.write"), "{filled}");
    assert_eq!(faulty.restarts(), 0);
}

pub(crate) fn what_was_done_by_hand_outlives_a_reload<B: Backend>() {
    let permissions = Permissions::builder()
        .mode(SecurityMode::Permissive)
        .build();
    let storage = Storage::in_memory().unwrap();
    let services = Services::builder()
        .storage(storage)
        .permissions(permissions);
    let services = services.build();
    let host = host::<B>(services.clone());
    let faulty = host
        .load(&faulty_manifest("faulty", WRITES), FAULTY)
        .unwrap();
    let permissions = services.permissions();
    permissions
        .set_trust("faulty", TrustLevel::Trusted)
        .unwrap();
    // Nothing of it was asked for.
    assert!(output(&faulty, "fill", "faulty:other").starts_with("3\n"));
    let write = Operation::Storage(StorageAction::Write);
    assert!(permissions.revoke("faulty", write, "faulty:data").unwrap());
    let again = format!("{WRITES}{LIFECYCLE}");
    let error = host.reload(&faulty_manifest("faulty", &again)).unwrap_err();
    assert!(matches!(error, LoadError::Permissions(_)), "{error}");
    let optional = again.replace("[\"faulty:data\"]", "{ optional = [\"faulty:data\"] }");
    let reloaded = host.reload(&faulty_manifest("faulty", &optional)).unwrap();
    assert_eq!(reloaded, Reload::Applied);
    let told = output(&faulty, "fill", "faulty:data");
    assert!(
        told.contains("denied: storage.write(faulty:data)"),
        "{told}"
    );
    let told = output(&faulty, "fill", "faulty:other");
    assert!(!told.contains("denied"), "{told}");
    assert_eq!(permissions.trust("faulty"), Ok(TrustLevel::Trusted));
}
