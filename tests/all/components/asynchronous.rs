//! The same services in asynchronous stores, which an embedder drives itself.

use std::fs;

use enginebay::generic::{Component, Engine, Linker, Store};
use enginebay::host::contract::bindings::exports::enginebay::core::component_lifecycle as lifecycle;
use enginebay::host::manifest::Manifest;
use enginebay::host::permission::Subject;
use enginebay::host::services::{self as host, ComponentContext, ContextOptions, HostView};
use enginebay::wasi::{self, WasiCtx, WasiView};
use enginebay::{Backend, Config};

use super::{example, services};
use crate::common::block_on;

struct Data {
    component: ComponentContext,
    wasi: WasiCtx,
}

impl HostView for Data {
    fn component(&mut self) -> &mut ComponentContext {
        &mut self.component
    }
}

impl WasiView for Data {
    fn wasi(&mut self) -> &mut WasiCtx {
        &mut self.wasi
    }
}

pub(crate) fn services_work_in_asynchronous_stores<B: Backend>() {
    let services = services();
    let folder = example("counter/counter");
    let manifest = Manifest::from_file(folder.join("Component.toml")).unwrap();
    let permissions = services.permissions();
    permissions
        .register(Subject::new("counter"), manifest.grants())
        .unwrap();
    let _mailbox = services
        .broker()
        .register("counter", Default::default())
        .unwrap();

    let engine = Engine::<B>::new(&Config::new()).unwrap();
    let bytes = fs::read(folder.join("component.wasm")).unwrap();
    let component = Component::new(&engine, bytes).unwrap();
    let mut linker = Linker::new(&engine);
    host::add_to_linker(&mut linker).unwrap();
    wasi::add_to_linker_async(&mut linker).unwrap();
    let data = Data {
        component: ComponentContext::new(&services, "counter", ContextOptions::default()).unwrap(),
        wasi: WasiCtx::builder().build().unwrap(),
    };
    let mut store = Store::new_async(&engine, data).unwrap();
    block_on(async {
        let instance = linker
            .instantiate_async(&mut store, &component)
            .await
            .unwrap();
        let guest = lifecycle::Guest::new(&mut store, &instance).unwrap();
        let config = lifecycle::ComponentConfig {
            environment: Vec::new(),
            data: None,
            limits: lifecycle::ResourceLimits {
                memory_bytes: 0,
                fuel: None,
                deadline: None,
            },
        };
        guest
            .call_init_async(&mut store, &config)
            .await
            .unwrap()
            .unwrap();
        for count in ["1", "2"] {
            let context = lifecycle::ExecutionContext {
                request: 1,
                caller: lifecycle::Caller::Host,
                deadline: None,
            };
            let output = guest
                .call_execute_async(&mut store, "increment", b"", &context)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(output, count.as_bytes());
        }
        permissions.revoke_all("counter").unwrap();
        let context = lifecycle::ExecutionContext {
            request: 2,
            caller: lifecycle::Caller::Host,
            deadline: None,
        };
        let answer = guest
            .call_execute_async(&mut store, "increment", b"", &context)
            .await
            .unwrap();
        assert!(answer.is_err());
    });
}
