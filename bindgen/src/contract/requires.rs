//! The line `@requires` of a function.

use std::collections::BTreeMap;
use std::fmt;

use wit_parser::{Function, Handle, Resolve, Type, TypeDefKind};

/// A capability that a function requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    family: String,
    action: String,
    arguments: Vec<String>,
}

impl Requirement {
    /// `filesystem` of `filesystem.read(path)`.
    pub fn family(&self) -> &str {
        &self.family
    }

    /// `read` of `filesystem.read(path)`.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// `path` of `filesystem.read(path)`: what it is done to, and for the network maybe the
    /// port.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments = self.arguments.join(", ");
        write!(f, "{}.{}({arguments})", self.family, self.action)
    }
}

/// The actions of each family.
pub(super) struct Families(BTreeMap<String, Vec<String>>);

impl Families {
    /// Those of the interfaces that are called `capabilities`.
    pub(super) fn of(resolve: &Resolve) -> Self {
        let mut families = BTreeMap::new();
        for (_, interface) in resolve.interfaces.iter() {
            if interface.name.as_deref() != Some("capabilities") {
                continue;
            }
            for (name, id) in &interface.types {
                let (Some(family), TypeDefKind::Enum(actions)) =
                    (name.strip_suffix("-action"), &resolve.types[*id].kind)
                else {
                    continue;
                };
                let actions = actions.cases.iter().map(|case| case.name.clone());
                families.insert(family.to_string(), actions.collect());
            }
        }
        Families(families)
    }
}

const TAG: &str = "@requires";

/// Whether a line of documentation is such a line.
pub(super) fn is_requires(line: &str) -> bool {
    line.trim_start().starts_with(TAG)
}

/// What a function requires, or what is wrong with what it says.
pub(super) fn read(
    resolve: &Resolve,
    families: &Families,
    func: &Function,
) -> Result<Vec<Requirement>, String> {
    let docs = func.docs.contents.as_deref().unwrap_or_default();
    let mut lines = docs.lines().map(str::trim).filter(|line| is_requires(line));
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Err(format!(
            "needs one line `{TAG} family.action(parameter)` or `{TAG} none` in its documentation"
        ));
    };
    let text = line[TAG.len()..].trim();
    if text == "none" {
        return Ok(Vec::new());
    }
    let mut requirements = Vec::new();
    for text in split(text) {
        let requirement = parse(text).ok_or_else(|| {
            format!("requires `{text}`, which is not of the form `family.action(parameter)`")
        })?;
        check(resolve, families, func, &requirement)?;
        requirements.push(requirement);
    }
    match requirements.is_empty() || can_be_denied(resolve, func) {
        true => Ok(requirements),
        false => Err(
            "requires a capability, so its error needs a case `denied(denial)`, with the type \
             `denial` of `capabilities`"
                .to_string(),
        ),
    }
}

/// Splits at commas outside of parentheses.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    text.split(move |it| {
        match it {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        it == ',' && depth == 0
    })
    .map(str::trim)
}

fn parse(text: &str) -> Option<Requirement> {
    let (name, arguments) = text.strip_suffix(')')?.split_once('(')?;
    let (family, action) = name.split_once('.')?;
    let is_name = |text: &str| {
        let mut chars = text.chars();
        chars.next().is_some_and(|it| it.is_ascii_lowercase())
            && chars.all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-')
    };
    let arguments: Vec<String> = arguments.split(',').map(|it| it.trim().into()).collect();
    let are_names = arguments
        .iter()
        .all(|argument| argument.split('.').all(is_name));
    (is_name(family) && is_name(action) && are_names).then(|| Requirement {
        family: family.to_string(),
        action: action.to_string(),
        arguments,
    })
}

fn check(
    resolve: &Resolve,
    families: &Families,
    func: &Function,
    requirement: &Requirement,
) -> Result<(), String> {
    let Requirement { family, action, .. } = requirement;
    let known = families.0.get(family).is_some_and(|it| it.contains(action));
    if !known {
        let all = families
            .0
            .iter()
            .flat_map(|(family, actions)| actions.iter().map(move |it| format!("{family}.{it}")));
        let all: Vec<_> = all.collect();
        return Err(format!(
            "requires the unknown capability `{family}.{action}`; there are: {}",
            all.join(", ")
        ));
    }
    let most = match &**family {
        "network" => 2,
        _ => 1,
    };
    if requirement.arguments.len() > most {
        return Err(format!(
            "requires `{requirement}`, which names more than {most} parameter(s)"
        ));
    }
    for (at, argument) in requirement.arguments.iter().enumerate() {
        let ty = find(resolve, func, argument).ok_or_else(|| {
            format!("requires `{requirement}`, and has no parameter or field `{argument}`")
        })?;
        let fits = match at {
            0 => is_subject(resolve, &ty),
            _ => matches!(plain(resolve, ty), Type::U16),
        };
        if !fits {
            return Err(match at {
                0 => format!(
                    "requires `{requirement}`, where `{argument}` is neither a string nor a \
                     resource, nor a list of them"
                ),
                _ => format!("requires `{requirement}`, where `{argument}` is no u16"),
            });
        }
    }
    Ok(())
}

/// The type of a parameter, or of a field of one.
fn find(resolve: &Resolve, func: &Function, path: &str) -> Option<Type> {
    let mut names = path.split('.');
    let first = names.next()?;
    let param = func.params.iter().find(|param| param.name == first)?;
    names.try_fold(param.ty, |ty, name| {
        let Type::Id(id) = plain(resolve, ty) else {
            return None;
        };
        let TypeDefKind::Record(record) = &resolve.types[id].kind else {
            return None;
        };
        let field = record.fields.iter().find(|field| field.name == name)?;
        Some(field.ty)
    })
}

/// The type without its names.
fn plain(resolve: &Resolve, ty: Type) -> Type {
    match ty {
        Type::Id(id) => match resolve.types[id].kind {
            TypeDefKind::Type(ty) => plain(resolve, ty),
            _ => ty,
        },
        _ => ty,
    }
}

fn is_subject(resolve: &Resolve, ty: &Type) -> bool {
    let is_one = |ty| match plain(resolve, ty) {
        Type::String => true,
        Type::Id(id) => matches!(
            resolve.types[id].kind,
            TypeDefKind::Handle(Handle::Own(_) | Handle::Borrow(_))
        ),
        _ => false,
    };
    if let Type::Id(id) = plain(resolve, *ty)
        && let TypeDefKind::List(it) = resolve.types[id].kind
    {
        return is_one(it);
    }
    is_one(*ty)
}

/// Whether a function's error has the case `denied(denial)`.
fn can_be_denied(resolve: &Resolve, func: &Function) -> bool {
    let kind_of = |ty: Type| match plain(resolve, ty) {
        Type::Id(id) => Some(&resolve.types[id].kind),
        _ => None,
    };
    let error = match func.result.and_then(kind_of) {
        Some(TypeDefKind::Result(result)) => result.err.and_then(kind_of),
        _ => None,
    };
    let Some(TypeDefKind::Variant(error)) = error else {
        return false;
    };
    let mut cases = error.cases.iter();
    cases.any(|case| case.name == "denied" && case.ty.is_some_and(|ty| is_denial(resolve, ty)))
}

/// Whether it is the type `denial` of `capabilities`.
fn is_denial(resolve: &Resolve, ty: Type) -> bool {
    let Type::Id(id) = plain(resolve, ty) else {
        return false;
    };
    let def = &resolve.types[id];
    let owner = match def.owner {
        wit_parser::TypeOwner::Interface(owner) => resolve.interfaces[owner].name.as_deref(),
        _ => None,
    };
    def.name.as_deref() == Some("denial") && owner == Some("capabilities")
}
