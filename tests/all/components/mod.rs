//! Components that a host drives, on every backend: what they use of its services, what
//! they are denied, how they fail, and that others do not notice.

mod asynchronous;
mod failing;
mod loading;
mod reloading;
mod working;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::common::on_each_backend;
use enginebay::generic::Engine;
use enginebay::host::manifest::Manifest;
use enginebay::host::runner::{Execution, ExecutionContext, ExecutionOutcome, Host, HostOptions};
use enginebay::host::services::{Services, Status};
use enginebay::host::{ComponentHandle, storage::Storage};
use enginebay::{Backend, Config};

use asynchronous::*;
use failing::*;
use loading::*;
use reloading::*;
use working::*;

on_each_backend! {
    a_count_outlives_its_component
    components_talk
    files_are_processed
    what_is_not_granted_is_denied
    a_revocation_holds_at_the_next_call
    trust_decides_in_the_mode_permissive
    changes_are_told
    a_configuration_is_told_to_its_component
    what_components_know_of_one_another
    usage_is_told
    a_component_that_traps_is_started_again
    limits_stop_a_component
    a_deadline_of_a_call_is_the_shorter_one
    who_fails_too_often_is_not_started_again
    a_component_that_is_never_started_again
    a_failure_in_a_message_is_told_to_who_asked
    a_flood_is_limited
    storage_is_limited
    a_manifest_may_ask_for_less
    what_waits_in_a_mailbox_outlives_a_restart
    an_init_that_fails
    what_does_not_fit_is_refused
    dependencies_are_looked_at
    what_is_required_has_to_be_granted
    a_name_is_taken_once
    components_stop
    permissions_are_reloaded_at_once
    limits_and_configuration_are_taken_up_by_a_restart
    one_that_waits_to_be_started_again_takes_a_reload_up_at_once
    a_reload_that_is_refused_changes_nothing
    what_was_done_by_hand_outlives_a_reload
    services_work_in_asynchronous_stores
}

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) const FAULTY: &[u8] = include_bytes!("../../../guests/prebuilt/faulty.wasm");

/// The folder of an example.
pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/components")
        .join(name)
}

pub(crate) fn host<B: Backend>(services: Services) -> Host<B> {
    host_with(services, HostOptions::default())
}

pub(crate) fn host_with<B: Backend>(services: Services, options: HostOptions) -> Host<B> {
    let engine = Engine::new(&Config::new()).unwrap();
    Host::new(&engine, services, options).unwrap()
}

/// Services with a storage in memory.
pub(crate) fn services() -> Services {
    let storage = Storage::in_memory().unwrap();
    Services::builder().storage(storage).build()
}

/// Loads an example, and waits until it runs.
pub(crate) fn load<B: Backend>(host: &Host<B>, name: &str) -> ComponentHandle {
    let folder = example(name);
    let manifest = Manifest::from_file(folder.join("Component.toml")).unwrap();
    let file = folder.join(manifest.component.file.as_str());
    let handle = host.load(&manifest, &fs::read(file).unwrap()).unwrap();
    assert_eq!(
        handle.wait_until_ready(LONG),
        Status::Ready,
        "{:?}",
        handle.last_failure()
    );
    handle
}

/// The guest that fails in every way, under a name.
pub(crate) fn faulty<B: Backend>(host: &Host<B>, name: &str, more: &str) -> ComponentHandle {
    let manifest = faulty_manifest(name, more);
    host.load(&manifest, FAULTY).unwrap()
}

pub(crate) fn faulty_manifest(name: &str, more: &str) -> Manifest {
    let deadline = match more.contains("deadline") {
        true => "",
        false => "deadline = \"10s\"",
    };
    let text = format!(
        "[component]\nname = \"{name}\"\nversion = \"1.2.3\"\n\
         [resources]\nmemory = \"2MiB\"\n{deadline}\n{more}"
    );
    Manifest::parse(&text).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn run(handle: &ComponentHandle, operation: &str, input: &str) -> Execution {
    handle.execute(operation, input.as_bytes(), ExecutionContext::new())
}

/// What an operation gave.
#[track_caller]
pub(crate) fn output(handle: &ComponentHandle, operation: &str, input: &str) -> String {
    match run(handle, operation, input).outcome {
        ExecutionOutcome::Completed(output) => String::from_utf8(output).unwrap(),
        other => panic!("{operation}: {other}"),
    }
}
