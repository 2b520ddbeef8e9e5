//! A component that calls every function which the contract has for components.
//!
//! It is made of the WIT: a core module in text that passes flat values or memory as the
//! component model has it, and `wit-component` around it. For the function of number N it
//! exports `hold-N`, which takes the handles that the function is called with, and
//! `call-N`, which calls it. If that gives `err(denied(..))`, `call-N` returns the
//! denial's message; anything else that it gives is a trap.
//!
//! Of the arguments, those that a requirement names are samples, handles come from the
//! test, and all else is zero: of each type a value, as the empty list, the first case,
//! or `none`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use enginebay_host::contract::{FUNCTIONS, Function};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmSignature, WasmType};
use wit_parser::{PackageId, Resolve, Type, TypeDefKind, TypeOwner, WorldItem};

use super::layout::{Layout, Place};
use super::sample::{self, Target};

/// The interface that the test gives handles by.
pub(crate) const GIVE: &str = "probe:probe/give";

/// Where the memory's fixed part ends, and what the host allocates begins.
const HEAP: usize = 0x10000;

/// A function of the contract that components import.
pub(crate) struct Import {
    pub(crate) function: &'static Function,
    /// What its call by the guest requires.
    pub(crate) targets: Vec<Target>,
    /// Whether a requirement is on what a handle was opened for.
    pub(crate) by_handle: bool,
}

impl Import {
    /// The function's name, as errors and the audit have it.
    pub(crate) fn name(&self) -> String {
        format!("{}#{}", self.function.interface, self.function.name)
    }
}

pub(crate) struct Guest {
    pub(crate) component: Vec<u8>,
    pub(crate) imports: Vec<Import>,
}

/// The contract's text, anew.
fn read() -> (Resolve, PackageId) {
    let mut resolve = Resolve::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("wit");
    let (package, _) = resolve.push_dir(folder).unwrap();
    (resolve, package)
}

/// The names of the functions that components import, as the WIT has them.
pub(crate) fn in_wit() -> BTreeSet<(String, String)> {
    let (resolve, package) = read();
    let world = resolve.select_world(&[package], Some("full")).unwrap();
    let mut names = BTreeSet::new();
    for item in resolve.worlds[world].imports.values() {
        let WorldItem::Interface { id, .. } = item else {
            panic!("the world imports {item:?}");
        };
        let interface = resolve.id_of(*id).unwrap();
        for name in resolve.interfaces[*id].functions.keys() {
            names.insert((interface.clone(), name.clone()));
        }
    }
    names
}

/// The functions of the table that components import.
pub(crate) fn imported() -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().filter(|function| !function.exported)
}

impl Guest {
    pub(crate) fn new() -> Guest {
        let (mut resolve, _) = read();
        let wit = probe(&resolve);
        let package = match resolve.push_str("probe.wit", &wit) {
            Ok(package) => package,
            Err(error) => panic!("{}", resolve.render_error(&error)),
        };
        let world = resolve.select_world(&[package], Some("probe")).unwrap();
        let mut module = Module::new(&resolve);
        let imports = imported().enumerate();
        let imports = imports.map(|(number, function)| module.add(number, function));
        let imports = imports.collect();
        let mut module = wat::parse_str(module.text()).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        let component = ComponentEncoder::default()
            .validate(true)
            .module(&module)
            .and_then(|mut encoder| encoder.encode())
            .unwrap_or_else(|error| panic!("{error:#}"));
        Guest { component, imports }
    }
}

/// The guest's own package: imports of every interface, and its exports.
fn probe(resolve: &Resolve) -> String {
    let mut wit = String::from("package probe:probe;\ninterface give {\n");
    for (_, ty) in &resolve.types {
        let (TypeDefKind::Resource, TypeOwner::Interface(owner)) = (&ty.kind, ty.owner) else {
            continue;
        };
        let (name, owner) = (ty.name.as_ref().unwrap(), resolve.id_of(owner).unwrap());
        writeln!(
            wit,
            "use {owner}.{{{name}}};\ngive-{name}: func() -> {name};"
        )
        .unwrap();
    }
    wit += "}\nworld probe {\nimport give;\n";
    let interfaces: BTreeSet<_> = imported().map(|function| function.interface).collect();
    for interface in interfaces {
        writeln!(wit, "import {interface};").unwrap();
    }
    for number in 0..imported().count() {
        writeln!(wit, "export hold-{number}: func();").unwrap();
        writeln!(wit, "export call-{number}: func() -> string;").unwrap();
    }
    wit + "}\n"
}

/// The core module's text.
struct Module<'a> {
    layout: Layout<'a>,
    imports: String,
    functions: String,
    data: String,
    /// The imports that give handles, by resource.
    gives: BTreeMap<&'a str, String>,
    /// The end of the memory that is in use.
    end: usize,
}

/// What a flat argument is.
enum Flat {
    Zero(WasmType),
    I32(usize),
    /// What is in memory at that address.
    Load(usize),
}

/// A call that is being written.
struct Call {
    /// The flat values, if they are not too many.
    flat: Vec<Flat>,
    /// The memory that holds the arguments otherwise.
    area: usize,
    /// Instructions of `hold`.
    hold: String,
}

impl<'a> Module<'a> {
    fn new(resolve: &'a Resolve) -> Self {
        Module {
            layout: Layout::new(resolve),
            imports: String::new(),
            functions: String::new(),
            data: String::new(),
            gives: BTreeMap::new(),
            end: 16,
        }
    }

    /// An address of memory for so many bytes, all of them 0.
    fn reserve(&mut self, size: usize) -> usize {
        let address = self.end;
        self.end = (address + size).next_multiple_of(8);
        assert!(self.end <= HEAP);
        address
    }

    fn bytes(&mut self, address: usize, bytes: &[u8]) {
        let bytes = bytes.iter().map(|byte| format!("\\{byte:02x}"));
        let bytes: String = bytes.collect();
        writeln!(self.data, "(data (i32.const {address}) \"{bytes}\")").unwrap();
    }

    /// A text, and where it is: its address and its length.
    fn string(&mut self, text: &str) -> [usize; 2] {
        let address = self.reserve(text.len());
        self.bytes(address, text.as_bytes());
        [address, text.len()]
    }

    /// Instructions that put a new handle to memory.
    fn take(&mut self, resource: &'a str, address: usize) -> String {
        let (imports, count) = (&mut self.imports, self.gives.len());
        let give = self.gives.entry(resource).or_insert_with(|| {
            let id = format!("$give{count}");
            let import =
                format!("(import \"{GIVE}\" \"give-{resource}\" (func {id} (result i32)))\n");
            imports.push_str(&import);
            id
        });
        format!("(i32.store (i32.const {address}) (call {give}))\n")
    }

    fn add(&mut self, number: usize, function: &'static Function) -> Import {
        let resolve = self.layout.resolve;
        let mut interfaces = resolve.interfaces.iter();
        let interface = interfaces
            .find(|(id, _)| resolve.id_of(*id).as_deref() == Some(function.interface))
            .unwrap()
            .1;
        let func = &interface.functions[function.name];
        let signature = resolve.wasm_signature(AbiVariant::GuestImport, func);
        writeln!(
            self.imports,
            "(import {:?} {:?} (func $host{number} {}))",
            function.interface,
            function.name,
            types(&signature)
        )
        .unwrap();

        let params: Vec<Type> = func.params.iter().map(|param| param.ty).collect();
        let area = self.layout.size_of_all(&params);
        let flat = signature.params.iter().map(|ty| Flat::Zero(*ty));
        let mut call = Call {
            flat: flat.collect(),
            area: self.reserve(area),
            hold: String::new(),
        };
        let is_indirect = signature.indirect_params;
        if is_indirect {
            call.flat[0] = Flat::I32(call.area);
        }

        for (index, param) in params.iter().enumerate() {
            if let Some(resource) = self.layout.resource(param) {
                assert!(!is_indirect, "a handle among many: {}", function.name);
                let place = self.param(&params, index);
                let cell = self.reserve(4);
                call.hold += &self.take(resource, cell);
                call.flat[place.flat] = Flat::Load(cell);
            }
        }
        let mut by_handle = false;
        let mut targets = Vec::new();
        for requirement in function.requires {
            let mut resource = None;
            for (nth, argument) in requirement.arguments.iter().enumerate() {
                let mut path = argument.split('.');
                let first = path.next().unwrap();
                let index = func.params.iter().position(|param| param.name == first);
                let place = self.param(&params, index.unwrap());
                let place = self.layout.part(place, path);
                let text = sample::text(requirement.operation, argument);
                match nth {
                    0 => resource = self.target(&mut call, is_indirect, &place, &text),
                    _ => self.port(&mut call, is_indirect, &place),
                }
            }
            by_handle |= resource.is_some();
            targets.push(Target::new(requirement, resource));
        }

        let results = signature.retptr.then(|| {
            let size = self.layout.size(func.result.as_ref().unwrap());
            self.reserve(size)
        });
        if let Some(results) = results {
            *call.flat.last_mut().unwrap() = Flat::I32(results);
        }
        let refusal = func.result.as_ref().zip(results);
        let refusal = refusal.filter(|_| !function.requires.is_empty());
        let after = match refusal {
            // Only a function that requires something can be denied.
            None => String::from("unreachable"),
            Some((ty, results)) => {
                let refusal = self.layout.refusal(ty);
                format!(
                    "(if (i32.ne (i32.load8_u (i32.const {})) (i32.const 1)) (then unreachable))\n\
                     (if (i32.ne (i32.load8_u (i32.const {})) (i32.const {})) (then unreachable))\n\
                     (i32.const {})",
                    results + refusal.err,
                    results + refusal.case,
                    refusal.denied,
                    results + refusal.message,
                )
            }
        };
        let arguments: String = call.flat.iter().map(push).collect();
        let hold = call.hold;
        let drops = "drop ".repeat(signature.results.len());
        writeln!(
            self.functions,
            "(func (export \"hold-{number}\") {hold})\n\
             (func (export \"call-{number}\") (result i32)\n\
             {arguments}(call $host{number}) {drops}\n{after})"
        )
        .unwrap();
        Import {
            function,
            targets,
            by_handle,
        }
    }

    /// The parameter at `index`.
    fn param(&self, params: &[Type], index: usize) -> Place {
        let start = Place {
            ty: params[index],
            flat: 0,
            offset: 0,
        };
        self.layout.field(&start, params, index)
    }

    /// Passes what something is done to. Gives the resource's name, if that is handles.
    fn target(
        &mut self,
        call: &mut Call,
        is_indirect: bool,
        place: &Place,
        text: &str,
    ) -> Option<&'a str> {
        if let Some(resource) = self.layout.resource(&place.ty) {
            // It is there already, as all handles.
            return Some(resource);
        }
        let mut resource = None;
        let words = match (place.ty, self.layout.element(&place.ty)) {
            (Type::String, _) => self.string(text),
            (_, Some(Type::String)) => {
                let [address, length] = self.string(text);
                let list = self.reserve(8);
                self.words(list, [address, length]);
                [list, 1]
            }
            (_, Some(element)) => {
                resource = self.layout.resource(element);
                let list = self.reserve(4);
                call.hold += &self.take(resource.expect("a list of handles"), list);
                [list, 1]
            }
            _ => panic!("{:?} says nothing to do something to", place.ty),
        };
        match is_indirect {
            true => self.words(call.area + place.offset, words),
            false => {
                call.flat[place.flat] = Flat::I32(words[0]);
                call.flat[place.flat + 1] = Flat::I32(words[1]);
            }
        }
        resource
    }

    fn port(&mut self, call: &mut Call, is_indirect: bool, place: &Place) {
        assert_eq!(place.ty, Type::U16);
        match is_indirect {
            true => self.bytes(call.area + place.offset, &sample::PORT.to_le_bytes()),
            false => call.flat[place.flat] = Flat::I32(sample::PORT.into()),
        }
    }

    fn words(&mut self, address: usize, words: [usize; 2]) {
        let bytes = words.map(|word| u32::try_from(word).unwrap().to_le_bytes());
        self.bytes(address, &bytes.concat());
    }

    fn text(&self) -> String {
        let Module {
            imports,
            functions,
            data,
            ..
        } = self;
        format!(
            "(module
{imports}
(memory (export \"memory\") 4)
(global $next (mut i32) (i32.const {HEAP}))
(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
        (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get 2))))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
{functions}
{data})"
        )
    }
}

fn push(value: &Flat) -> String {
    match value {
        Flat::Zero(ty) => format!("({}.const 0)\n", name(ty)),
        Flat::I32(value) => format!("(i32.const {value})\n"),
        Flat::Load(address) => format!("(i32.load (i32.const {address}))\n"),
    }
}

fn name(ty: &WasmType) -> &'static str {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    }
}

fn types(signature: &WasmSignature) -> String {
    let list = |types: &[WasmType]| types.iter().map(name).collect::<Vec<_>>().join(" ");
    let (params, results) = (list(&signature.params), list(&signature.results));
    format!("(param {params}) (result {results})")
}
