//! What a linker was given, by name, and the check of a component's imports
//! against it: structural, with the identity of resource types, and in the same
//! words on every backend.

use std::collections::BTreeMap;
use std::fmt;

use crate::abi::ComponentNamedList;
use crate::error::{Error, ErrorKind, Result};
use crate::resource::ResourceType;
use crate::types::{Extern, ExternType, FuncType, Type};

/// Definitions by name.
#[derive(Default)]
pub(crate) struct Names(BTreeMap<String, Given>);

/// What a name stands for.
pub(crate) enum Given {
    /// A host function whose values are known at run time, or a core module:
    /// nothing for this check to compare.
    Unchecked,
    /// A host function with Rust types.
    Typed(fn() -> Vec<Type>, fn() -> Vec<Type>),
    /// A function that an instance exports.
    Exported(FuncType),
    /// A resource type, of the host's or of an instance's.
    Resource(ResourceType),
    /// An instance.
    Instance(Names),
}

impl Names {
    /// The instance at a path. `None` if a name on it is something else.
    pub(crate) fn instance(&mut self, path: &[String]) -> Option<&mut Names> {
        let mut names = self;
        for name in path {
            let given = names
                .0
                .entry(name.clone())
                .or_insert_with(|| Given::Instance(Names::default()));
            match given {
                Given::Instance(inner) => names = inner,
                _ => return None,
            }
        }
        Some(names)
    }

    /// Notes what the backend has just accepted.
    pub(crate) fn define(&mut self, path: &[String], name: &str, given: Given) {
        if let Some(names) = self.instance(path) {
            names.0.insert(name.to_owned(), given);
        }
    }

    /// What an import of this name gets: the definition of the same name, else
    /// the newest of a compatible version.
    fn get(&self, name: &str) -> Option<&Given> {
        if let Some(given) = self.0.get(name) {
            return Some(given);
        }
        let wanted = Versioned::parse(name)?;
        let compatible = self.0.iter().filter_map(|(name, given)| {
            let version = Versioned::parse(name)?;
            (version.base == wanted.base && version.track == wanted.track)
                .then_some((version.order, given))
        });
        compatible
            .max_by(|(a, _), (b, _)| a.cmp(b))
            .map(|(_, given)| given)
    }
}

/// A name with a version, taken apart.
struct Versioned<'a> {
    base: &'a str,
    /// What compatible versions have in common: `1`, `0.2`, or `0.0.3`.
    track: (u64, u64, u64),
    order: (u64, u64, u64),
}

impl<'a> Versioned<'a> {
    /// `None` for a name without a version, and for versions that are compatible
    /// with themselves only: pre-releases.
    fn parse(name: &'a str) -> Option<Self> {
        let (base, version) = name.split_once('@')?;
        let version = version.split_once('+').map_or(version, |(core, _)| core);
        let mut numbers = version.split('.').map(str::parse::<u64>);
        let mut next = || numbers.next()?.ok();
        let order = (next()?, next()?, next()?);
        if numbers.next().is_some() {
            return None;
        }
        let track = match order {
            (0, 0, patch) => (0, 0, patch),
            (0, minor, _) => (0, minor, 0),
            (major, _, _) => (major, 0, 0),
        };
        Some(Versioned { base, track, order })
    }
}

/// Checks a component's imports and gives the resource types that it gets.
///
/// What is missing, or is of another kind, the backend says: it may have been
/// given definitions behind this crate's back.
///
/// # Errors
///
/// `Link` with the interface, the function and both types; `Unsupported` for an
/// instance's function that cannot be called by the host.
pub(crate) fn check(names: &Names, imports: &[Extern]) -> Result<Vec<ResourceType>> {
    let mut check = Check::default();
    check.instance(names, imports, "")?;
    let mut resources = Vec::new();
    for (_, actual) in check.resources {
        if !resources.contains(&actual) {
            resources.push(actual);
        }
    }
    Ok(resources)
}

#[derive(Default)]
struct Check {
    /// Resource types as the component's imports have them, and what they are.
    resources: Vec<(ResourceType, ResourceType)>,
}

impl Check {
    fn instance(&mut self, names: &Names, imports: &[Extern], interface: &str) -> Result<()> {
        for import in imports {
            match (&import.ty, names.get(&import.name)) {
                (ExternType::Resource(wanted), Some(Given::Resource(actual)))
                    if self.actual(wanted).is_none() =>
                {
                    self.resources.push((*wanted, *actual));
                }
                (ExternType::Func(wanted), Some(Given::Typed(params, results))) => {
                    let actual = Rust {
                        params: params(),
                        results: results(),
                    };
                    if !self.fits(wanted, &actual) {
                        return Err(mismatch(interface, &import.name, wanted, &actual));
                    }
                }
                (ExternType::Func(wanted), Some(Given::Exported(actual))) => {
                    self.exported(wanted, actual, interface, &import.name)?;
                }
                (ExternType::Instance(imports), Some(Given::Instance(names))) => {
                    let path = if interface.is_empty() {
                        import.name.clone()
                    } else {
                        format!("{interface}/{}", import.name)
                    };
                    self.instance(names, imports, &path)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn actual(&self, wanted: &ResourceType) -> Option<ResourceType> {
        let known = self.resources.iter().find(|(ty, _)| ty == wanted);
        known.map(|(_, actual)| *actual)
    }

    fn exported(
        &self,
        wanted: &FuncType,
        actual: &FuncType,
        interface: &str,
        name: &str,
    ) -> Result<()> {
        let named = |(a, x): &(String, Type), (b, y): &(String, Type)| a == b && self.same(x, y);
        let same = wanted.is_async == actual.is_async
            && wanted.params.len() == actual.params.len()
            && wanted
                .params
                .iter()
                .zip(&actual.params)
                .all(|(a, b)| named(a, b))
            && self.same_option(wanted.result.as_ref(), actual.result.as_ref());
        if !same {
            return Err(mismatch(interface, name, wanted, actual));
        }
        let mut types = actual.params.iter().map(|(_, ty)| ty).chain(&actual.result);
        let unsupported = if actual.is_async {
            Some("async functions")
        } else {
            types.find_map(without_values)
        };
        match unsupported {
            None => Ok(()),
            Some(what) => Err(place(
                Error::unsupported(format!(
                    "an instance's function cannot be linked to another: {what} cannot cross"
                )),
                interface,
                name,
            )),
        }
    }

    /// Whether two types are the same, one as imported and one as it is.
    fn same(&self, wanted: &Type, actual: &Type) -> bool {
        compare(wanted, actual, &|wanted, actual| {
            match (wanted, actual) {
                (Type::Own(a), Type::Own(b)) | (Type::Borrow(a), Type::Borrow(b)) => {
                    // What is not known was defined behind our back; the backend
                    // checks each handle.
                    self.actual(a).is_none_or(|a| a == *b)
                }
                _ => wanted == actual,
            }
        })
    }

    fn same_option(&self, wanted: Option<&Type>, actual: Option<&Type>) -> bool {
        match (wanted, actual) {
            (None, None) => true,
            (Some(a), Some(b)) => self.same(a, b),
            _ => false,
        }
    }

    /// Whether a host function's Rust types stand for the imported ones.
    fn fits(&self, wanted: &FuncType, actual: &Rust) -> bool {
        actual.fits(wanted, &|wanted, actual| match (wanted, actual) {
            (Type::Own(a) | Type::Borrow(a), Type::Own(b) | Type::Borrow(b)) => {
                b.is_any() || self.actual(a).is_none_or(|a| a == *b)
            }
            // Types that are not known here are the backend's to judge.
            (Type::Other(_), _) => true,
            _ => wanted == actual,
        })
    }
}

/// Compares structure; `leaf` decides on types without parts.
fn compare(a: &Type, b: &Type, leaf: &dyn Fn(&Type, &Type) -> bool) -> bool {
    let both = |a: &Option<Type>, b: &Option<Type>| match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => compare(a, b, leaf),
        _ => false,
    };
    match (a, b) {
        (Type::List(a), Type::List(b)) | (Type::Option(a), Type::Option(b)) => compare(a, b, leaf),
        (Type::FixedLengthList(a, n), Type::FixedLengthList(b, m)) => n == m && compare(a, b, leaf),
        (Type::Map(a), Type::Map(b)) => {
            compare(&a.key, &b.key, leaf) && compare(&a.value, &b.value, leaf)
        }
        (Type::Record(a), Type::Record(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b.iter())
                    .all(|(a, b)| a.name == b.name && compare(&a.ty, &b.ty, leaf))
        }
        (Type::Tuple(a), Type::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| compare(a, b, leaf))
        }
        (Type::Variant(a), Type::Variant(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b.iter())
                    .all(|(a, b)| a.name == b.name && both(&a.ty, &b.ty))
        }
        (Type::Result(a), Type::Result(b)) => both(&a.ok, &b.ok) && both(&a.err, &b.err),
        _ => leaf(a, b),
    }
}

/// Whether a function takes and gives values of these Rust types.
#[doc(hidden)]
pub fn func_fits<P: ComponentNamedList, R: ComponentNamedList>(ty: &FuncType) -> bool {
    Rust::of::<P, R>().fits(ty, &|wanted, actual| match (wanted, actual) {
        (Type::Own(a) | Type::Borrow(a), Type::Own(b) | Type::Borrow(b)) => b.is_any() || a == b,
        _ => wanted == actual,
    })
}

/// The error of a function with these Rust types where an import is of another
/// type.
#[doc(hidden)]
pub fn func_mismatch<P, R>(interface: &str, name: &str, wanted: &FuncType) -> Error
where
    P: ComponentNamedList,
    R: ComponentNamedList,
{
    mismatch(interface, name, wanted, &Rust::of::<P, R>())
}

/// The first part of a type that has no values in this API.
fn without_values(ty: &Type) -> Option<&'static str> {
    match ty {
        Type::Other(what) => Some(what),
        Type::List(ty) | Type::FixedLengthList(ty, _) | Type::Option(ty) => without_values(ty),
        Type::Map(ty) => without_values(&ty.key).or_else(|| without_values(&ty.value)),
        Type::Record(fields) => fields.iter().find_map(|field| without_values(&field.ty)),
        Type::Tuple(types) => types.iter().find_map(without_values),
        Type::Variant(cases) => cases
            .iter()
            .filter_map(|case| case.ty.as_ref())
            .find_map(without_values),
        Type::Result(ty) => [&ty.ok, &ty.err]
            .into_iter()
            .flatten()
            .find_map(without_values),
        _ => None,
    }
}

/// A host function's types: Rust's parameters have no names.
struct Rust {
    params: Vec<Type>,
    results: Vec<Type>,
}

impl Rust {
    fn of<P: ComponentNamedList, R: ComponentNamedList>() -> Self {
        Rust {
            params: P::component_types(),
            results: R::component_types(),
        }
    }

    /// Whether these types stand for a function's, as [`compare`] has it.
    fn fits(&self, wanted: &FuncType, leaf: &dyn Fn(&Type, &Type) -> bool) -> bool {
        wanted.params.len() == self.params.len()
            && usize::from(wanted.result.is_some()) == self.results.len()
            && wanted
                .params
                .iter()
                .map(|(_, ty)| ty)
                .chain(&wanted.result)
                .zip(self.params.iter().chain(&self.results))
                .all(|(wanted, actual)| compare(wanted, actual, leaf))
    }
}

impl fmt::Display for Rust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("func(")?;
        for (i, ty) in self.params.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{ty}")?;
        }
        f.write_str(")")?;
        match &self.results[..] {
            [] => Ok(()),
            [ty] => write!(f, " -> {ty}"),
            // No component function has several results.
            types => write!(f, " -> {}", Type::tuple(types.iter().cloned())),
        }
    }
}

#[cold]
fn mismatch(interface: &str, name: &str, wanted: &FuncType, actual: &dyn fmt::Display) -> Error {
    let (wanted, actual) = (wanted.to_string(), actual.to_string());
    let text = if wanted == actual {
        format!(
            "an import has another type in the linker: both are `{wanted}`, of different resource \
             types"
        )
    } else {
        format!(
            "an import has another type in the linker: the component imports `{wanted}`, the \
             linker has `{actual}`"
        )
    };
    place(Error::new(ErrorKind::Link, text), interface, name)
}

fn place(error: Error, interface: &str, name: &str) -> Error {
    let error = if interface.is_empty() {
        error
    } else {
        error.with_context("interface", interface)
    };
    error.with_context("function", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn func(params: &[Type], result: Option<Type>) -> FuncType {
        let names = ["a", "b", "c"];
        let named = names.iter().map(|name| (*name).to_owned());
        FuncType::new(named.zip(params.iter().cloned()).collect(), result)
    }

    fn import(name: &str, ty: ExternType) -> Extern {
        let name = name.to_owned();
        Extern { name, ty }
    }

    fn given(path: &[&str], name: &str, given: Given) -> Names {
        let mut names = Names::default();
        let path: Vec<_> = path.iter().map(|name| (*name).to_owned()).collect();
        names.define(&path, name, given);
        names
    }

    #[test]
    fn an_exported_function_of_another_type_is_named_with_both() {
        let names = given(
            &["a:b/c@1.2.0"],
            "f",
            Given::Exported(func(&[Type::U32], Some(Type::String))),
        );
        let imports = |ty| {
            vec![import(
                "a:b/c@1.0.0",
                ExternType::Instance(vec![import("f", ExternType::Func(ty))]),
            )]
        };
        check(&names, &imports(func(&[Type::U32], Some(Type::String)))).unwrap();
        let error = check(&names, &imports(func(&[Type::U64], None))).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Link);
        assert_eq!(error.context_value("function"), Some("f"));
        assert_eq!(error.context_value("interface"), Some("a:b/c@1.0.0"));
        assert!(error.message().contains("func(a: u64)"), "{error}");
        assert!(
            error.message().contains("func(a: u32) -> string"),
            "{error}"
        );
    }

    #[test]
    fn a_resource_of_the_same_shape_is_another_type() {
        let [imported, mine, other] = [1, 2, 3].map(ResourceType::component);
        let imports = [
            import("r", ExternType::Resource(imported)),
            import("f", ExternType::Func(func(&[Type::Own(imported)], None))),
        ];
        let mut names = given(&[], "r", Given::Resource(mine));
        let list = |ty| Given::Exported(func(&[Type::Own(ty)], None));
        names.define(&[], "f", list(mine));
        assert_eq!(check(&names, &imports).unwrap(), [mine]);
        names.define(&[], "f", list(other));
        let error = check(&names, &imports).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Link);
        names.define(&[], "f", Given::Exported(func(&[Type::Borrow(mine)], None)));
        assert!(check(&names, &imports).is_err());
    }

    #[test]
    fn a_typed_host_function_is_checked_by_structure() {
        let wanted = func(
            &[
                Type::list(Type::option(Type::U8)),
                Type::Borrow(ResourceType::component(1)),
            ],
            Some(Type::result(None, Some(Type::enumeration(["x"])))),
        );
        let imports = [import("f", ExternType::Func(wanted))];
        let typed = |params, results| given(&[], "f", Given::Typed(params, results));
        let result = || vec![Type::result(None, Some(Type::enumeration(["x"])))];
        let params = || {
            vec![
                Type::list(Type::option(Type::U8)),
                Type::Own(ResourceType::any()),
            ]
        };
        let wrong = || vec![Type::list(Type::U8), Type::Own(ResourceType::any())];
        let short = || vec![Type::list(Type::option(Type::U8))];
        let fits = |names: Names| check(&names, &imports).is_ok();
        assert!(fits(typed(params, result)));
        assert!(!fits(typed(wrong, result)));
        assert!(!fits(typed(short, result)));
        assert!(!fits(typed(params, Vec::new)));
    }

    #[test]
    fn resources_are_found_within_other_types() {
        let [imported, mine, other] = [1, 2, 3].map(ResourceType::component);
        type Wrap = fn(Type) -> Type;
        let wraps: [Wrap; 8] = [
            Type::list,
            Type::option,
            |ty| Type::fixed_length_list(ty, 2),
            |ty| Type::map(Type::String, ty),
            |ty| Type::tuple([Type::U8, ty]),
            |ty| Type::record([("a", ty)]),
            |ty| Type::variant([("a", None), ("b", Some(ty))]),
            |ty| Type::result(None, Some(ty)),
        ];
        for wrap in wraps {
            let wanted = func(&[], Some(wrap(Type::Own(imported))));
            let imports = [
                import("r", ExternType::Resource(imported)),
                import("f", ExternType::Func(wanted.clone())),
            ];
            let check = |ty| {
                let mut names = given(&[], "r", Given::Resource(mine));
                let exported = func(&[], Some(wrap(Type::Own(ty))));
                names.define(&[], "f", Given::Exported(exported));
                check(&names, &imports).is_ok()
            };
            assert!(check(mine), "{wanted}");
            assert!(!check(other), "{wanted}");
        }
    }

    #[test]
    fn what_has_no_values_cannot_be_linked_late() {
        let ty = func(&[Type::list(Type::Other("stream"))], None);
        let names = given(&[], "f", Given::Exported(ty.clone()));
        let error = check(&names, &[import("f", ExternType::Func(ty))]).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("stream"), "{error}");
    }

    #[test]
    fn versions_match_as_the_ecosystem_has_it() {
        let found = |defined: &str, wanted: &str| {
            given(&[], defined, Given::Unchecked).get(wanted).is_some()
        };
        assert!(found("a:b/c@1.0.0", "a:b/c@1.4.2"));
        assert!(found("a:b/c@0.2.3", "a:b/c@0.2.0"));
        assert!(!found("a:b/c@0.2.3", "a:b/c@0.3.0"));
        assert!(!found("a:b/c@0.0.1", "a:b/c@0.0.2"));
        assert!(!found("a:b/c@1.0.0", "a:b/d@1.0.0"));
        assert!(!found("a:b/c@1.0.0", "a:b/c"));
        assert!(!found("a:b/c@1.0.0-rc.1", "a:b/c@1.0.0"));
        assert!(found("a:b/c@1.0.0-rc.1", "a:b/c@1.0.0-rc.1"));
    }
}
