//! Wasmtime's core API.

use enginebay::wasmtime::wasmtime::{
    Engine, Func, Instance, InstancePre, Linker, Memory, Module, Store, TypedFunc, Val,
};
use enginebay::{Config, Interruption};

use super::{Calls, Echo, Raw};

pub(crate) struct Wasmtime;

fn engine() -> Engine {
    let mut config = Config::new();
    config.interruption(Interruption::None);
    Engine::new(&enginebay::wasmtime::config(&config)).expect("the configuration is valid")
}

fn prepare(wasm: &[u8]) -> InstancePre<()> {
    let engine = engine();
    let module = Module::from_binary(&engine, wasm).expect("the module is valid");
    let mut linker = Linker::new(&engine);
    linker
        .func_wrap("", "f", |a: u32| a)
        .expect("the name is free");
    linker
        .instantiate_pre(&module)
        .expect("the imports are there")
}

fn instantiate(wasm: &[u8]) -> (Store<()>, Instance) {
    let pre = prepare(wasm);
    let mut store = Store::new(pre.module().engine(), ());
    let instance = pre
        .instantiate(&mut store)
        .expect("the guest does not fail");
    (store, instance)
}

impl Raw for Wasmtime {
    const NAME: &'static str = "Wasmtime's core API";

    type Module = Module;
    type Calls = CallsGuest;
    type Echo = EchoGuest;

    fn compiler() -> Box<dyn FnMut(&[u8]) -> Module> {
        let engine = engine();
        Box::new(move |wasm| Module::from_binary(&engine, wasm).expect("the module is valid"))
    }

    fn instantiate(wasm: &[u8]) -> Box<dyn FnMut()> {
        let pre = prepare(wasm);
        Box::new(move || {
            let mut store = Store::new(pre.module().engine(), ());
            pre.instantiate(&mut store)
                .expect("the guest does not fail");
        })
    }

    fn calls(wasm: &[u8]) -> CallsGuest {
        let (mut store, instance) = instantiate(wasm);
        CallsGuest {
            add: instance
                .get_typed_func(&mut store, "add")
                .expect("it has this type"),
            dynamic: instance.get_func(&mut store, "add").expect("it is there"),
            repeat: instance
                .get_typed_func(&mut store, "repeat")
                .expect("it has this type"),
            store,
        }
    }

    fn echo(wasm: &[u8]) -> EchoGuest {
        let (mut store, instance) = instantiate(wasm);
        EchoGuest {
            memory: instance
                .get_memory(&mut store, "memory")
                .expect("it is there"),
            realloc: instance
                .get_typed_func(&mut store, "cabi_realloc")
                .expect("it has this type"),
            echo: instance
                .get_typed_func(&mut store, "echo")
                .expect("it has this type"),
            echo_record: instance
                .get_typed_func(&mut store, "echo-record")
                .expect("it has this type"),
            post: instance
                .get_typed_func(&mut store, "post")
                .expect("it has this type"),
            store,
        }
    }
}

pub(crate) struct CallsGuest {
    store: Store<()>,
    add: TypedFunc<(u32, u32), u32>,
    dynamic: Func,
    repeat: TypedFunc<u32, u32>,
}

impl Calls for CallsGuest {
    fn add(&mut self, a: u32, b: u32) -> u32 {
        self.add
            .call(&mut self.store, (a, b))
            .expect("the guest does not fail")
    }

    fn add_dynamic(&mut self, a: u32, b: u32) -> u32 {
        let params = [Val::I32(a as i32), Val::I32(b as i32)];
        let mut results = [Val::I32(0)];
        self.dynamic
            .call(&mut self.store, &params, &mut results)
            .expect("the guest does not fail");
        results[0].unwrap_i32() as u32
    }

    fn repeat(&mut self, times: u32) -> u32 {
        self.repeat
            .call(&mut self.store, times)
            .expect("the guest does not fail")
    }
}

pub(crate) struct EchoGuest {
    store: Store<()>,
    memory: Memory,
    realloc: TypedFunc<(u32, u32, u32, u32), u32>,
    echo: TypedFunc<(u32, u32), u32>,
    echo_record: TypedFunc<(u32, u32, u32, u32, u32), u32>,
    post: TypedFunc<u32, ()>,
}

impl Echo for EchoGuest {
    fn realloc(&mut self, align: u32, size: u32) -> u32 {
        self.realloc
            .call(&mut self.store, (0, 0, align, size))
            .expect("the guest does not fail")
    }

    fn echo(&mut self, at: u32, len: u32) -> u32 {
        self.echo
            .call(&mut self.store, (at, len))
            .expect("the guest does not fail")
    }

    fn echo_record(&mut self, params: (u32, u32, u32, u32, u32)) -> u32 {
        self.echo_record
            .call(&mut self.store, params)
            .expect("the guest does not fail")
    }

    fn post(&mut self, result: u32) {
        self.post
            .call(&mut self.store, result)
            .expect("the guest does not fail");
    }

    fn write(&mut self, at: u32, bytes: &[u8]) {
        self.memory.data_mut(&mut self.store)[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    fn write_words(&mut self, at: u32, words: &[u64]) {
        let memory = &mut self.memory.data_mut(&mut self.store)[at as usize..][..8 * words.len()];
        for (to, word) in memory.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
    }

    fn read<const N: usize>(&mut self, at: u32) -> [u8; N] {
        let bytes = &self.memory.data(&self.store)[at as usize..][..N];
        bytes.try_into().expect("it is as long as this")
    }

    fn bytes(&mut self, at: u32, len: u32) -> Vec<u8> {
        self.memory.data(&self.store)[at as usize..][..len as usize].to_vec()
    }

    fn words(&mut self, at: u32, len: u32) -> Vec<u64> {
        super::words_of(&self.memory.data(&self.store)[at as usize..][..8 * len as usize])
    }
}
