//! Wasmer's own API.

use wasmer::sys::{Cranelift, EngineBuilder};
use wasmer::{
    Engine, Function, Imports, Instance, Memory, Module, Store, TypedFunction, Value, WasmPtr,
    imports,
};

use super::{Calls, Echo, Raw};

pub(crate) struct Wasmer;

fn engine() -> Engine {
    EngineBuilder::new(Cranelift::default()).engine().into()
}

fn compile(engine: &Engine, wasm: &[u8]) -> Module {
    Module::from_binary(engine, wasm).expect("the module is valid")
}

/// Imports are functions of a store, which are made anew with it.
fn imports_in(store: &mut Store, module: &Module) -> Imports {
    if module.imports().next().is_none() {
        return Imports::new();
    }
    imports! { "" => { "f" => Function::new_typed(store, |a: u32| a) } }
}

fn instantiate_in(store: &mut Store, module: &Module) -> Instance {
    let imports = imports_in(store, module);
    Instance::new(store, module, &imports).expect("the guest does not fail")
}

fn instantiate(wasm: &[u8]) -> (Store, Instance) {
    let engine = engine();
    let module = compile(&engine, wasm);
    let mut store = Store::new(engine);
    let instance = instantiate_in(&mut store, &module);
    (store, instance)
}

impl Raw for Wasmer {
    const NAME: &'static str = "Wasmer's own API";

    type Module = Module;
    type Calls = CallsGuest;
    type Echo = EchoGuest;

    /// Code is freed with its engine only, so that each module gets one.
    fn compiler() -> Box<dyn FnMut(&[u8]) -> Module> {
        Box::new(move |wasm| compile(&engine(), wasm))
    }

    fn instantiate(wasm: &[u8]) -> Box<dyn FnMut()> {
        let engine = engine();
        let module = compile(&engine, wasm);
        Box::new(move || {
            let mut store = Store::new(engine.clone());
            instantiate_in(&mut store, &module);
        })
    }

    fn calls(wasm: &[u8]) -> CallsGuest {
        let (store, instance) = instantiate(wasm);
        let exports = &instance.exports;
        CallsGuest {
            add: exports
                .get_typed_function(&store, "add")
                .expect("it has this type"),
            dynamic: exports.get_function("add").expect("it is there").clone(),
            repeat: exports
                .get_typed_function(&store, "repeat")
                .expect("it has this type"),
            store,
        }
    }

    fn echo(wasm: &[u8]) -> EchoGuest {
        let (store, instance) = instantiate(wasm);
        let exports = &instance.exports;
        EchoGuest {
            memory: exports.get_memory("memory").expect("it is there").clone(),
            realloc: exports
                .get_typed_function(&store, "cabi_realloc")
                .expect("it has this type"),
            echo: exports
                .get_typed_function(&store, "echo")
                .expect("it has this type"),
            echo_record: exports
                .get_typed_function(&store, "echo-record")
                .expect("it has this type"),
            post: exports
                .get_typed_function(&store, "post")
                .expect("it has this type"),
            store,
        }
    }
}

pub(crate) struct CallsGuest {
    store: Store,
    add: TypedFunction<(u32, u32), u32>,
    dynamic: Function,
    repeat: TypedFunction<u32, u32>,
}

impl Calls for CallsGuest {
    fn add(&mut self, a: u32, b: u32) -> u32 {
        self.add
            .call(&mut self.store, a, b)
            .expect("the guest does not fail")
    }

    fn add_dynamic(&mut self, a: u32, b: u32) -> u32 {
        let params = [Value::I32(a as i32), Value::I32(b as i32)];
        let results = self
            .dynamic
            .call(&mut self.store, &params)
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
    store: Store,
    memory: Memory,
    realloc: TypedFunction<(u32, u32, u32, u32), u32>,
    echo: TypedFunction<(u32, u32), u32>,
    echo_record: TypedFunction<(u32, u32, u32, u32, u32), u32>,
    post: TypedFunction<u32, ()>,
}

impl Echo for EchoGuest {
    fn realloc(&mut self, align: u32, size: u32) -> u32 {
        self.realloc
            .call(&mut self.store, 0, 0, align, size)
            .expect("the guest does not fail")
    }

    fn echo(&mut self, at: u32, len: u32) -> u32 {
        self.echo
            .call(&mut self.store, at, len)
            .expect("the guest does not fail")
    }

    fn echo_record(&mut self, (a, b, c, d, e): (u32, u32, u32, u32, u32)) -> u32 {
        self.echo_record
            .call(&mut self.store, a, b, c, d, e)
            .expect("the guest does not fail")
    }

    fn post(&mut self, result: u32) {
        self.post
            .call(&mut self.store, result)
            .expect("the guest does not fail");
    }

    fn write(&mut self, at: u32, bytes: &[u8]) {
        let memory = self.memory.view(&self.store);
        memory.write(at.into(), bytes).expect("it is in bounds");
    }

    fn write_words(&mut self, at: u32, words: &[u64]) {
        let memory = self.memory.view(&self.store);
        WasmPtr::<u64>::new(at)
            .slice(&memory, words.len() as u32)
            .and_then(|slice| slice.write_slice(words))
            .expect("it is in bounds");
    }

    fn read<const N: usize>(&mut self, at: u32) -> [u8; N] {
        let mut bytes = [0; N];
        let memory = self.memory.view(&self.store);
        memory.read(at.into(), &mut bytes).expect("it is in bounds");
        bytes
    }

    fn bytes(&mut self, at: u32, len: u32) -> Vec<u8> {
        let memory = self.memory.view(&self.store);
        let mut bytes = vec![0; len as usize];
        memory.read(at.into(), &mut bytes).expect("it is in bounds");
        bytes
    }

    fn words(&mut self, at: u32, len: u32) -> Vec<u64> {
        let memory = self.memory.view(&self.store);
        WasmPtr::<u64>::new(at)
            .slice(&memory, len)
            .and_then(|slice| slice.read_to_vec())
            .expect("it is in bounds")
    }
}
