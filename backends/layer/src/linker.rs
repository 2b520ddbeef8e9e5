//! Host definitions by name, and how a component's imports are matched with
//! them.

use std::sync::Arc;

use enginebay_core::{Error, ErrorKind, ResourceType, Result};
use wasmtime_environ::PrimaryMap;
use wasmtime_environ::collections::TryString;
use wasmtime_environ::component::{
    LoweredIndex, NameMap, NameMapNoIntern, ResourceIndex, RuntimeImportIndex, Trampoline,
    TrampolineIndex, TypeDef,
};

use crate::context::Boundary;
use crate::engine::{CoreEngine, SharedFunc};
use crate::host::HostFunc;
use crate::meter::Label;
use crate::program::{Module, Program, import_name};
use crate::rewrite::Places;
use crate::types::Types;

/// A host's resource type.
pub(crate) struct HostResource<E: CoreEngine> {
    pub(crate) ty: ResourceType,
    pub(crate) destructor: Destructor<E>,
    pub(crate) is_async: bool,
}

pub(crate) type Destructor<E> =
    Box<dyn for<'a> Fn(<E as CoreEngine>::Context<'a>, u32) -> Result<()> + Send + Sync>;

/// What the host defines under a name.
pub(crate) enum Definition<E: CoreEngine> {
    Func(Arc<dyn HostFunc<E>>),
    Resource(Arc<HostResource<E>>),
    Module(Arc<Module<E>>),
    Instance(Names<E>),
}

impl<E: CoreEngine> Definition<E> {
    fn kind(&self) -> &'static str {
        match self {
            Definition::Func(_) => "function",
            Definition::Resource(_) => "resource",
            Definition::Module(_) => "core module",
            Definition::Instance(_) => "instance",
        }
    }
}

type Names<E> = NameMap<TryString, Definition<E>>;

/// Host definitions by name.
pub struct Linker<E: CoreEngine> {
    root: Names<E>,
    allow_shadowing: bool,
}

fn link(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Link, message.into())
}

fn key(name: &str) -> Result<TryString> {
    TryString::try_from(name).map_err(|error| link(error.to_string()))
}

impl<E: CoreEngine> Linker<E> {
    pub(crate) fn new() -> Self {
        Linker {
            root: Names::default(),
            allow_shadowing: false,
        }
    }

    pub(crate) fn allow_shadowing(&mut self, allow: bool) {
        self.allow_shadowing = allow;
    }

    fn at(&mut self, path: &[String]) -> Result<&mut Names<E>> {
        let shadow = self.allow_shadowing;
        let mut names = &mut self.root;
        for name in path {
            let key = key(name)?;
            let known = match names.raw_get_mut(&key) {
                Some(Definition::Instance(_)) => true,
                Some(other) if !shadow => {
                    return Err(link(format!(
                        "`{name}` is defined as a {} already",
                        other.kind()
                    )));
                }
                Some(_) | None => false,
            };
            if !known {
                insert(names, name, shadow, Definition::Instance(Names::default()))?;
            }
            match names.raw_get_mut(&key) {
                Some(Definition::Instance(inner)) => names = inner,
                _ => unreachable!("an instance was defined under this name"),
            }
        }
        Ok(names)
    }

    pub(crate) fn define_instance(&mut self, path: &[String]) -> Result<()> {
        self.at(path).map(drop)
    }

    pub(crate) fn define(
        &mut self,
        path: &[String],
        name: &str,
        definition: Definition<E>,
    ) -> Result<()> {
        let shadow = self.allow_shadowing;
        insert(self.at(path)?, name, shadow, definition)
    }

    /// Finds what a component imports and checks it.
    pub(crate) fn resolve(&self, program: &Arc<Program<E>>) -> Result<Pre<E>> {
        let component = &program.component;
        let mut check = Check {
            program,
            resources: PrimaryMap::new(),
        };
        for (_, (name, item)) in component.import_types.iter() {
            let found = self.root.get(name, &NameMapNoIntern);
            check.item(name, &item.ty, found)?;
        }
        let resources = check.resources;

        let mut imports = PrimaryMap::with_capacity(component.imports.len());
        let mut is_async = false;
        for (index, (root, path)) in component.imports.iter() {
            let missing = || link(format!("`{}` is missing", import_name(component, index)));
            let (name, _) = &component.import_types[*root];
            let mut found = self.root.get(name, &NameMapNoIntern).ok_or_else(missing)?;
            for name in path {
                found = match found {
                    Definition::Instance(names) => {
                        names.get(name, &NameMapNoIntern).ok_or_else(missing)?
                    }
                    _ => return Err(missing()),
                };
            }
            imports.push(match found {
                Definition::Func(func) => {
                    is_async |= func.is_async();
                    Import::Func(func.clone())
                }
                Definition::Resource(resource) => {
                    is_async |= resource.is_async;
                    Import::Resource(resource.clone())
                }
                Definition::Module(module) => {
                    Import::Module(module.clone(), program.adopt(module)?)
                }
                Definition::Instance(_) => return Err(missing()),
            });
        }

        let types = Types::new(&program.types, |index| known(&resources, index));
        let mut lowered = PrimaryMap::<LoweredIndex, _>::new();
        for _ in 0..program.lowered.len() {
            lowered.push(None);
        }
        for (_, trampoline) in &program.trampolines {
            if let Trampoline::LowerImport {
                index,
                lower_ty,
                options,
            } = trampoline
            {
                let boundary = Boundary::new(program, &types, *lower_ty, *options);
                lowered[*index] = Some(Arc::new(boundary));
            }
        }
        drop(types);
        Ok(Pre {
            program: program.clone(),
            imports,
            resources,
            lowered,
            shared: program
                .trampolines
                .values()
                .map(|_| SharedFunc::new())
                .collect(),
            is_async,
        })
    }
}

fn insert<E: CoreEngine>(
    names: &mut Names<E>,
    name: &str,
    shadow: bool,
    definition: Definition<E>,
) -> Result<()> {
    names
        .insert(name, &mut NameMapNoIntern, shadow, definition)
        .map(drop)
        .map_err(|_| link(format!("`{name}` is defined already")))
}

fn known(
    resources: &PrimaryMap<ResourceIndex, ResourceType>,
    index: ResourceIndex,
) -> ResourceType {
    resources
        .get(index)
        .copied()
        .unwrap_or_else(ResourceType::any)
}

/// A component with its imports resolved.
pub(crate) struct Pre<E: CoreEngine> {
    pub(crate) program: Arc<Program<E>>,
    pub(crate) imports: PrimaryMap<RuntimeImportIndex, Import<E>>,
    /// The imported resource types.
    pub(crate) resources: PrimaryMap<ResourceIndex, ResourceType>,
    /// How host functions are called, by where they are lowered.
    pub(crate) lowered: PrimaryMap<LoweredIndex, Option<Arc<Boundary>>>,
    /// What the engine made of the host functions of a store's first instance, by
    /// where they are used. Those of other instances are made anew: they know
    /// whose they are.
    pub(crate) shared: PrimaryMap<TrampolineIndex, SharedFunc>,
    /// Whether a host function may suspend the guest.
    pub(crate) is_async: bool,
}

impl<E: CoreEngine> Pre<E> {
    /// How frames are led back to a module that was changed, one of the component's or
    /// one that it imports.
    pub(crate) fn places(&self, label: Label) -> Option<&Places> {
        let own = self.program.modules.values();
        let imported = self.imports.values().filter_map(|import| match import {
            Import::Module(module, _) => Some(module),
            Import::Func(_) | Import::Resource(_) => None,
        });
        let mut all = own.chain(imported).filter_map(|it| it.places.as_ref());
        all.find(|places| places.label == label)
    }
}

/// What an import is.
pub(crate) enum Import<E: CoreEngine> {
    Func(Arc<dyn HostFunc<E>>),
    Resource(Arc<HostResource<E>>),
    /// With its code for the component that imports it.
    Module(Arc<Module<E>>, E::Module),
}

/// Matches what a component wants with what the host has.
struct Check<'a, E: CoreEngine> {
    program: &'a Program<E>,
    /// Imported resource types, in the order in which they are introduced.
    resources: PrimaryMap<ResourceIndex, ResourceType>,
}

impl<E: CoreEngine> Check<'_, E> {
    fn item(&mut self, name: &str, wanted: &TypeDef, found: Option<&Definition<E>>) -> Result<()> {
        let other = |found: &Definition<E>| {
            Err(link(format!(
                "the component imports the {} `{name}`, and the host defines a {} there",
                wanted.desc(),
                found.kind()
            )))
        };
        let missing = || {
            Err(link(format!(
                "the component imports the {} `{name}`, which the host does not define",
                wanted.desc()
            )))
        };
        match (*wanted, found) {
            (TypeDef::ComponentInstance(index), Some(Definition::Instance(names))) => {
                self.instance(name, index, Some(names))
            }
            // An instance of which nothing but types is wanted need not be there.
            (TypeDef::ComponentInstance(index), None) => self.instance(name, index, None),
            (TypeDef::ComponentFunc(index), Some(Definition::Func(func))) => {
                let resources = &self.resources;
                let types = Types::new(&self.program.types, |index| known(resources, index));
                let wanted = types.func(index);
                let (interface, name) = name.rsplit_once('#').unwrap_or(("", name));
                func.check(interface, name, &wanted)
            }
            (TypeDef::Resource(index), found) => {
                let index = self.program.types[index].unwrap_concrete_ty();
                let known = self.resources.get(index).copied();
                match (found, known) {
                    (Some(Definition::Resource(resource)), None) => {
                        let pushed = self.resources.push(resource.ty);
                        debug_assert_eq!(pushed, index);
                        Ok(())
                    }
                    (Some(Definition::Resource(resource)), Some(known)) => {
                        if resource.ty == known {
                            return Ok(());
                        }
                        Err(link(format!(
                            "the component imports the resource `{name}` as the same type as \
                             another one, and the host defines two types"
                        )))
                    }
                    // The same type as one that was imported before.
                    (None, Some(_)) => Ok(()),
                    (Some(found), _) => other(found),
                    (None, None) => missing(),
                }
            }
            (TypeDef::Module(index), Some(Definition::Module(module))) => {
                crate::module::check(&self.program.types, index, module).map_err(|why| {
                    link(format!("the core module `{name}` has another type: {why}"))
                })
            }
            (_, Some(found)) => other(found),
            (_, None) => missing(),
        }
    }

    fn instance(
        &mut self,
        name: &str,
        index: wasmtime_environ::component::TypeComponentInstanceIndex,
        names: Option<&Names<E>>,
    ) -> Result<()> {
        let program = self.program;
        for (inner, wanted) in program.types[index].exports.iter() {
            // Names for types have no definition.
            if let TypeDef::Interface(_) = wanted.ty {
                continue;
            }
            let found = names.and_then(|names| names.get(inner, &NameMapNoIntern));
            self.item(&format!("{name}#{inner}"), &wanted.ty, found)?;
        }
        Ok(())
    }
}
