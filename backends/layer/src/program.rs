//! A component as a flat program: Wasmtime's translator finds out what goes
//! where, and what is left for an instantiation is a list of steps without
//! names to look up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use enginebay_core::{Error, ErrorKind, Feature, Features, ResourceType, Result, wasm_features};
use wasmtime_environ::component::{
    CanonicalOptions, CanonicalOptionsDataModel, Component, ComponentTypes, ComponentTypesBuilder,
    CoreDef, DefinedResourceIndex, Export, ExportIndex, ExportItem, GlobalInitializer,
    InstantiateModule, LoweredIndex, OptionsIndex, ResourceIndex, RuntimeComponentInstanceIndex,
    RuntimeImportIndex, RuntimeInstanceIndex, RuntimeMemoryIndex, RuntimePostReturnIndex,
    RuntimeReallocIndex, StaticModuleIndex, Trampoline, TrampolineIndex, Translator,
    UnsafeIntrinsic,
};
use wasmtime_environ::wasmparser::{
    CanonicalFunction, CanonicalOption, Parser, Payload, Validator,
};
use wasmtime_environ::{
    EntityIndex, EntityRef, EntityType, ModuleInternedTypeIndex, ModuleTranslation, PrimaryMap,
    ScopeVec, Tunables, WasmValType,
};

use crate::engine::{CoreEngine, CoreType, MAX_SLOTS, Signature};
use crate::meter::{self, Mode};
use crate::module::{self, ModuleType};
use crate::rewrite::{Places, Rewrite};
use crate::types::Types;

/// A component, compiled for an engine.
pub(crate) struct Program<E: CoreEngine> {
    /// What it was made from; artifacts are translated anew.
    pub(crate) wasm: Arc<[u8]>,
    pub(crate) component: Component,
    pub(crate) types: ComponentTypes,
    pub(crate) trampolines: PrimaryMap<TrampolineIndex, Trampoline>,
    /// The core types of [`Program::trampolines`].
    pub(crate) signatures: PrimaryMap<TrampolineIndex, Signature>,
    /// Which of them are used in more than one place.
    pub(crate) reused: PrimaryMap<TrampolineIndex, bool>,
    pub(crate) unit: E::Unit,
    pub(crate) modules: PrimaryMap<StaticModuleIndex, Arc<Module<E>>>,
    pub(crate) steps: Vec<Step>,
    pub(crate) extracts: Extracts,
    /// Which import each lowered function is.
    pub(crate) lowered: PrimaryMap<LoweredIndex, RuntimeImportIndex>,
    /// Where destructors run.
    pub(crate) resources: PrimaryMap<DefinedResourceIndex, RuntimeComponentInstanceIndex>,
    /// The core functions behind the exported ones.
    exports: HashMap<ExportIndex, Def>,
    /// Whether core code sees the `may_leave` flag of an instance; else it need
    /// not be a global.
    pub(crate) shared_flags: PrimaryMap<RuntimeComponentInstanceIndex, bool>,
    /// Whether core code uses the slots of `context.get` and `context.set`.
    pub(crate) has_context: bool,
    /// The identities of resource types before there is an instance.
    first_type: u64,
    /// Modules of other components that were imported, for this unit.
    adopted: Mutex<Vec<Adopted<E>>>,
}

/// A module of another component, and its code for the use in this one.
type Adopted<E> = (Arc<Module<E>>, <E as CoreEngine>::Module);

/// A core module: one of the component's own, or an adapter between two of its
/// components.
pub(crate) struct Module<E: CoreEngine> {
    pub(crate) code: E::Module,
    pub(crate) wasm: Arc<[u8]>,
    /// What it imports, in order, and exports.
    pub(crate) ty: ModuleType,
    /// Memories and tables that it defines.
    pub(crate) memories: u64,
    pub(crate) tables: u64,
    /// If the code is not the module's own: how frames are led back to it.
    pub(crate) places: Option<Places>,
}

/// A core definition that an instantiation passes on.
pub(crate) enum Def {
    /// What an earlier instance exports.
    Export(ExportRef),
    Flags(RuntimeComponentInstanceIndex),
    Trampoline(TrampolineIndex),
    Intrinsic(UnsafeIntrinsic),
    MayBlock,
}

pub(crate) struct ExportRef {
    pub(crate) instance: RuntimeInstanceIndex,
    pub(crate) name: Box<str>,
}

/// One thing to do for an instantiation.
pub(crate) enum Step {
    Instantiate {
        module: StaticModuleIndex,
        args: Box<[Def]>,
    },
    InstantiateImport {
        import: RuntimeImportIndex,
        args: HashMap<String, HashMap<String, Def>>,
    },
}

/// What the host needs of an instance's core code: looked up when it is needed.
pub(crate) struct Extracts {
    pub(crate) memories: PrimaryMap<RuntimeMemoryIndex, ExportRef>,
    pub(crate) reallocs: PrimaryMap<RuntimeReallocIndex, Def>,
    /// With the core function's results, which a `post-return` takes.
    pub(crate) post_returns: PrimaryMap<RuntimePostReturnIndex, (Def, Signature)>,
    pub(crate) destructors: PrimaryMap<DefinedResourceIndex, Option<Def>>,
}

/// Numbers for resource types, which no two types of a process share.
pub(crate) fn new_types(count: usize) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(count as u64, Ordering::Relaxed)
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::unsupported(format!("the component cannot be translated: {error}"))
}

/// What the translator says of one module, before it is compiled.
struct Translated {
    wasm: Arc<[u8]>,
    exports: HashMap<EntityIndex, Box<str>>,
    ty: ModuleType,
    memories: u64,
    tables: u64,
    places: Option<Places>,
}

impl Translated {
    fn new(
        types: &ComponentTypes,
        module: &ModuleTranslation<'_>,
        rewrite: Rewrite,
    ) -> Result<Self> {
        let it = &module.module;
        let item = |ty: &EntityType| {
            module::item(types, ty).ok_or_else(|| refused("a core type is not the module's own"))
        };
        let mut ty = ModuleType::default();
        for (from, name, import) in it.imports() {
            ty.imports
                .push((from.to_owned(), name.to_owned(), item(&import)?));
        }
        for (name, index) in it.exports.iter() {
            let name = it.strings[*name].to_owned();
            ty.exports.insert(name, item(&it.type_of(*index))?);
        }
        let (wasm, places) = rewrite.module(module)?;
        Ok(Translated {
            wasm,
            places,
            exports: it
                .exports
                .iter()
                .map(|(name, index)| (*index, Box::from(&it.strings[*name])))
                .collect(),
            ty,
            memories: it.num_defined_memories() as u64,
            tables: it.num_defined_tables() as u64,
        })
    }
}

/// Which module each core instance is of, as far as that is known.
struct Instances<'a> {
    modules: &'a PrimaryMap<StaticModuleIndex, Translated>,
    of: Vec<Option<StaticModuleIndex>>,
}

impl Instances<'_> {
    fn export<T: Copy + Into<EntityIndex>>(
        &self,
        instance: RuntimeInstanceIndex,
        item: &ExportItem<T>,
    ) -> Result<ExportRef> {
        let name = match item {
            ExportItem::Name(name) => Some(name.as_str()),
            ExportItem::Index(index) => self.of[instance.index()]
                .and_then(|module| self.modules[module].exports.get(&(*index).into()))
                .map(|name| &**name),
        };
        let name = name.ok_or_else(|| refused("a core export has no name"))?;
        Ok(ExportRef {
            instance,
            name: name.into(),
        })
    }

    fn def(&self, def: &CoreDef) -> Result<Def> {
        Ok(match def {
            CoreDef::Export(export) => Def::Export(self.export(export.instance, &export.item)?),
            CoreDef::InstanceFlags(instance) => Def::Flags(*instance),
            CoreDef::Trampoline(trampoline) => Def::Trampoline(*trampoline),
            CoreDef::UnsafeIntrinsic(intrinsic) => Def::Intrinsic(*intrinsic),
            CoreDef::TaskMayBlock => Def::MayBlock,
        })
    }
}

fn core_type(ty: &WasmValType) -> Result<CoreType> {
    Ok(match ty {
        WasmValType::I32 => CoreType::I32,
        WasmValType::I64 => CoreType::I64,
        WasmValType::F32 => CoreType::F32,
        WasmValType::F64 => CoreType::F64,
        other => {
            return Err(Error::unsupported(format!(
                "core values of type `{other}` at the boundary of a component are not supported"
            )));
        }
    })
}

/// The core type of a function at the boundary.
pub(crate) fn signature(types: &ComponentTypes, ty: ModuleInternedTypeIndex) -> Result<Signature> {
    let ty = types[ty].unwrap_func();
    let all = |types: &[WasmValType]| types.iter().map(core_type).collect::<Result<Vec<_>>>();
    let signature = Signature::new(all(ty.params())?, all(ty.results())?);
    if signature.slots() > MAX_SLOTS {
        return Err(Error::unsupported(
            "a core function at the boundary of a component has too many parameters",
        ));
    }
    Ok(signature)
}

/// Whether a component has functions that would suspend. The translator must know
/// it.
fn has_async_functions(wasm: &[u8]) -> bool {
    let is_async = |function: &CanonicalFunction| match function {
        CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. } => {
            options.contains(&CanonicalOption::Async)
        }
        _ => false,
    };
    Parser::new(0).parse_all(wasm).any(|payload| {
        let Ok(Payload::ComponentCanonicalSection(functions)) = payload else {
            return false;
        };
        functions.into_iter().flatten().any(|it| is_async(&it))
    })
}

/// Refuses what would suspend: the layer has no tasks that wait.
fn refuse_async(
    component: &Component,
    trampolines: &PrimaryMap<TrampolineIndex, Trampoline>,
) -> Result<()> {
    let refuse = |what: &str, of: &str| {
        Err(Error::unsupported(format!(
            "component-async: {what} is not supported by layered backends"
        ))
        .with_context("function", of))
    };
    let is_async = |options: OptionsIndex| component.options[options].async_;
    for (name, (export, _)) in component.exports.raw_iter() {
        match &component.export_items[*export] {
            Export::LiftedFunction { options, .. } if is_async(*options) => {
                return refuse("an asynchronous lift", name);
            }
            Export::Instance { exports, .. } => {
                for (function, (export, _)) in exports.raw_iter() {
                    if let Export::LiftedFunction { options, .. } = &component.export_items[*export]
                        && is_async(*options)
                    {
                        let name: &str = name;
                        let function: &str = function;
                        return refuse("an asynchronous lift", &format!("{name}#{function}"));
                    }
                }
            }
            _ => {}
        }
    }
    for (_, trampoline) in trampolines {
        match trampoline {
            Trampoline::LowerImport { index, options, .. } if is_async(*options) => {
                let import = component.initializers.iter().find_map(|it| match it {
                    GlobalInitializer::LowerImport { index: i, import } if i == index => {
                        Some(*import)
                    }
                    _ => None,
                });
                let name = import.map_or_else(String::new, |import| import_name(component, import));
                return refuse("an asynchronous lower", &name);
            }
            Trampoline::PrepareCall { .. }
            | Trampoline::SyncStartCall { .. }
            | Trampoline::AsyncStartCall { .. } => {
                return refuse("an asynchronous call between components", "adapter");
            }
            _ => {}
        }
    }
    Ok(())
}

/// `interface#function`, or just the function's name.
pub(crate) fn import_name(component: &Component, import: RuntimeImportIndex) -> String {
    let (root, path) = &component.imports[import];
    let mut name = component.import_types[*root].0.clone();
    for part in path {
        name.push('#');
        name.push_str(part);
    }
    name
}

/// Where the code of modules comes from.
pub(crate) enum Source<'a> {
    Compile,
    /// Machine code per module; a module without is compiled.
    Artifact(Codes<'a>),
}

impl<E: CoreEngine> Program<E> {
    /// Translates and compiles a valid component.
    ///
    /// # Safety
    ///
    /// Machine code in `source` comes from this engine, unchanged.
    #[allow(unsafe_code, reason = "artifacts are machine code")]
    pub(crate) unsafe fn new(
        engine: &E::Engine,
        features: Features,
        rewrite: Rewrite,
        wasm: Arc<[u8]>,
        source: &Source<'_>,
    ) -> Result<Self> {
        let mut tunables = Tunables::default_host();
        tunables.concurrency_support =
            features.contains(Feature::ComponentAsync) && has_async_functions(&wasm);
        tunables.debug_adapter_modules = false;
        tunables.parse_wasm_debuginfo = false;
        let mut validator = Validator::new_with_features(wasm_features(features));
        let mut builder = ComponentTypesBuilder::new(&validator);
        let scope = ScopeVec::new();
        let (translation, mut modules) =
            Translator::new(&tunables, &mut validator, &mut builder, &scope)
                .translate(&wasm)
                .map_err(|error| refused(format_args!("{error:#}")))?;
        if matches!(rewrite.metered, Some(Mode::Fuel { .. })) {
            for (_, module) in modules.iter_mut() {
                meter::finalize(module, &tunables, builder.module_types_builder_mut());
            }
        }
        let (component, trampolines) = (translation.component, translation.trampolines);
        let (types, _) = builder.finish(&component);
        refuse_async(&component, &trampolines)?;

        let mut translated = PrimaryMap::with_capacity(modules.len());
        for (_, module) in &modules {
            translated.push(Translated::new(&types, module, rewrite)?);
        }
        drop(modules);

        let mut signatures = PrimaryMap::with_capacity(trampolines.len());
        for (_, ty) in &component.trampolines {
            signatures.push(signature(&types, *ty)?);
        }
        let mut program = Flatten {
            component: &component,
            types: &types,
            instances: Instances {
                modules: &translated,
                of: Vec::new(),
            },
            steps: Vec::with_capacity(component.initializers.len()),
            extracts: Extracts {
                memories: PrimaryMap::new(),
                reallocs: PrimaryMap::new(),
                post_returns: PrimaryMap::new(),
                destructors: PrimaryMap::new(),
            },
            lowered: PrimaryMap::new(),
            resources: PrimaryMap::new(),
            shared_flags: (0..component.num_runtime_component_instances)
                .map(|_| false)
                .collect(),
            has_context: false,
            uses: trampolines.iter().map(|_| 0).collect(),
        };
        for initializer in &component.initializers {
            program.initializer(initializer)?;
        }
        let mut exports = HashMap::new();
        for (index, export) in &component.export_items {
            if let Export::LiftedFunction { func, .. } = export {
                exports.insert(index, program.def(func)?);
            }
        }
        let Flatten {
            steps,
            extracts,
            lowered,
            resources,
            shared_flags,
            has_context,
            uses,
            ..
        } = program;

        let unit = E::new_unit(engine)?;
        let mut modules = PrimaryMap::with_capacity(translated.len());
        for (index, module) in translated {
            let code = match source {
                Source::Artifact(codes) => codes.get(index.index()).copied().flatten(),
                Source::Compile => None,
            };
            modules.push(Arc::new(Module {
                code: match code {
                    // SAFETY: the caller promises that it is this engine's.
                    Some(code) => unsafe { E::deserialize(&unit, code) }?,
                    None => E::compile(&unit, &module.wasm)?,
                },
                wasm: module.wasm,
                ty: module.ty,
                memories: module.memories,
                tables: module.tables,
                places: module.places,
            }));
        }
        Ok(Program {
            first_type: new_types(component.num_resources as usize),
            adopted: Mutex::default(),
            wasm,
            component,
            types,
            trampolines,
            signatures,
            reused: uses.values().map(|uses| *uses > 1).collect(),
            unit,
            modules,
            steps,
            extracts,
            lowered,
            resources,
            exports,
            shared_flags,
            has_context,
        })
    }

    /// The identity of a resource type of the component's, outside of an
    /// instance.
    pub(crate) fn uninstantiated(&self, index: ResourceIndex) -> ResourceType {
        ResourceType::component(self.first_type + u64::from(index.as_u32()))
    }

    /// The component's types, before there is an instance.
    pub(crate) fn own_types(&self) -> Types<'_> {
        Types::new(&self.types, |index| self.uninstantiated(index))
    }

    pub(crate) fn options(&self, index: OptionsIndex) -> &CanonicalOptions {
        &self.component.options[index]
    }

    /// A module of any component, compiled for this one. Once is enough: an
    /// engine may keep all code that it ever compiled.
    pub(crate) fn adopt(&self, module: &Arc<Module<E>>) -> Result<E::Module> {
        let mut adopted = self.adopted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, code)) = adopted.iter().find(|(it, _)| Arc::ptr_eq(it, module)) {
            return Ok(code.clone());
        }
        let code = E::adopt(&self.unit, &module.code, &module.wasm)?;
        adopted.push((module.clone(), code.clone()));
        Ok(code)
    }

    /// The core function behind an exported one.
    pub(crate) fn exported(&self, index: ExportIndex) -> Option<&Def> {
        self.exports.get(&index)
    }

    /// The memory and the `realloc` of canonical options.
    pub(crate) fn linear_memory(
        &self,
        index: OptionsIndex,
    ) -> (Option<RuntimeMemoryIndex>, Option<RuntimeReallocIndex>) {
        match self.options(index).data_model {
            CanonicalOptionsDataModel::LinearMemory(memory) => (memory.memory, memory.realloc),
            CanonicalOptionsDataModel::Gc {} => (None, None),
        }
    }

    /// The host's part of an artifact: the engine's code is per module.
    pub(crate) fn serialize(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut write = |part: &[u8]| -> Result<()> {
            let len = u64::try_from(part.len())
                .map_err(|_| Error::new(ErrorKind::Engine, "an artifact is too large"))?;
            bytes.extend_from_slice(&len.to_le_bytes());
            bytes.extend_from_slice(part);
            Ok(())
        };
        write(&self.wasm)?;
        for (_, module) in &self.modules {
            write(&E::serialize(&module.code)?.unwrap_or_default())?;
        }
        Ok(bytes)
    }
}

/// Machine code of each module, where there is some.
type Codes<'a> = Vec<Option<&'a [u8]>>;

/// Reads what [`Program::serialize`] wrote: the component, and code per module.
pub(crate) fn parse(mut bytes: &[u8]) -> Result<(&[u8], Codes<'_>)> {
    let damaged = || Error::new(ErrorKind::Artifact, "the precompiled component is damaged");
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let (len, rest) = bytes.split_first_chunk::<8>().ok_or_else(damaged)?;
        let len = usize::try_from(u64::from_le_bytes(*len)).map_err(|_| damaged())?;
        let (part, rest) = rest.split_at_checked(len).ok_or_else(damaged)?;
        parts.push(Some(part).filter(|part| !part.is_empty()));
        bytes = rest;
    }
    if parts.is_empty() {
        return Err(damaged());
    }
    let wasm = parts.remove(0).ok_or_else(damaged)?;
    Ok((wasm, parts))
}

/// Turns the translator's initializers into steps.
struct Flatten<'a> {
    component: &'a Component,
    types: &'a ComponentTypes,
    instances: Instances<'a>,
    steps: Vec<Step>,
    extracts: Extracts,
    lowered: PrimaryMap<LoweredIndex, RuntimeImportIndex>,
    resources: PrimaryMap<DefinedResourceIndex, RuntimeComponentInstanceIndex>,
    shared_flags: PrimaryMap<RuntimeComponentInstanceIndex, bool>,
    has_context: bool,
    /// In how many places each trampoline is used.
    uses: PrimaryMap<TrampolineIndex, usize>,
}

impl Flatten<'_> {
    fn def(&mut self, def: &CoreDef) -> Result<Def> {
        match def {
            CoreDef::InstanceFlags(instance) => self.shared_flags[*instance] = true,
            CoreDef::UnsafeIntrinsic(_) => self.has_context = true,
            CoreDef::Trampoline(index) => self.uses[*index] += 1,
            _ => {}
        }
        self.instances.def(def)
    }

    fn initializer(&mut self, initializer: &GlobalInitializer) -> Result<()> {
        let step = match initializer {
            GlobalInitializer::InstantiateModule(InstantiateModule::Static(module, args), _) => {
                let args = args
                    .iter()
                    .map(|def| self.def(def))
                    .collect::<Result<_>>()?;
                self.instances.of.push(Some(*module));
                Step::Instantiate {
                    module: *module,
                    args,
                }
            }
            GlobalInitializer::InstantiateModule(InstantiateModule::Import(import, args), _) => {
                let mut modules = HashMap::with_capacity(args.len());
                for (module, names) in args {
                    let mut defs = HashMap::with_capacity(names.len());
                    for (name, def) in names {
                        defs.insert(name.clone(), self.def(def)?);
                    }
                    modules.insert(module.clone(), defs);
                }
                self.instances.of.push(None);
                Step::InstantiateImport {
                    import: *import,
                    args: modules,
                }
            }
            GlobalInitializer::LowerImport { index, import } => {
                let pushed = self.lowered.push(*import);
                debug_assert_eq!(pushed, *index);
                return Ok(());
            }
            GlobalInitializer::ExtractMemory(memory) => {
                let export = &memory.export;
                let export = self.instances.export(export.instance, &export.item)?;
                let pushed = self.extracts.memories.push(export);
                debug_assert_eq!(pushed, memory.index);
                return Ok(());
            }
            GlobalInitializer::ExtractRealloc(realloc) => {
                let def = self.def(&realloc.def)?;
                let pushed = self.extracts.reallocs.push(def);
                debug_assert_eq!(pushed, realloc.index);
                return Ok(());
            }
            GlobalInitializer::ExtractPostReturn(post_return) => {
                let def = self.def(&post_return.def)?;
                let ty = self.post_return_type(post_return.index)?;
                let pushed = self.extracts.post_returns.push((def, ty));
                debug_assert_eq!(pushed, post_return.index);
                return Ok(());
            }
            GlobalInitializer::Resource(resource) => {
                let pushed = self.resources.push(resource.instance);
                debug_assert_eq!(pushed, resource.index);
                let destructor = match &resource.dtor {
                    Some(def) => Some(self.def(def)?),
                    None => None,
                };
                let pushed = self.extracts.destructors.push(destructor);
                debug_assert_eq!(pushed, resource.index);
                return Ok(());
            }
            // Of asynchronous lifts and of threads, which are refused or trap.
            GlobalInitializer::ExtractCallback(_) | GlobalInitializer::ExtractTable(_) => {
                return Ok(());
            }
        };
        self.steps.push(step);
        Ok(())
    }

    /// A `post-return` takes what the function returns.
    fn post_return_type(&self, index: RuntimePostReturnIndex) -> Result<Signature> {
        let options = self
            .component
            .options
            .values()
            .find(|options| options.post_return == Some(index))
            .ok_or_else(|| refused("a `post-return` belongs to no function"))?;
        let lifted = signature(self.types, options.core_type)?;
        Ok(Signature::new(lifted.results.into_vec(), []))
    }
}
