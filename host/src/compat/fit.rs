//! What came of a check: how a component fits a host, or all that does not.

use std::fmt;

use semver::Version;
use serde::Serialize;

use super::version;

/// A component fits: what each of its imports gets, and what to know besides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fit {
    /// In the component's order.
    pub imports: Vec<Served>,
    /// What still works, but will not for ever.
    pub warnings: Vec<Warning>,
}

/// An import and what serves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Served {
    /// The import's name, without the version: `ns:pkg/interface`.
    pub name: String,
    /// The version that the component was built against.
    pub required: Option<Version>,
    /// The version that it gets.
    pub offered: Option<Version>,
    /// Whether only the version was checked: the types are when it is linked.
    pub foreign: bool,
}

/// A component does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unfit {
    /// All that does not fit, at least one, imports before exports.
    pub problems: Vec<Problem>,
    /// How many more problems there are: only the first are kept.
    pub omitted: usize,
    /// What else there is to say.
    pub warnings: Vec<Warning>,
}

/// Something deprecated that a component uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Warning {
    /// The interface, with the offered version; empty for a world's own function.
    pub interface: String,
    /// The function; `None` if all of the interface is deprecated.
    pub function: Option<String>,
    /// Since when.
    pub deprecated: Version,
    /// What to use, if the docs say so in a line ``Use `name` instead.``.
    pub replacement: Option<String>,
}

/// Imports or exports of the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// What the host offers.
    Import,
    /// What the component offers.
    Export,
}

/// Why a component does not fit. Names and types are shortened if they are very long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "problem", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Problem {
    /// The bytes are no component, or not one that is loaded.
    NotAComponent {
        /// What is wrong with them.
        message: String,
    },
    /// An import that this host has never heard of.
    Unknown {
        /// Its name.
        name: String,
        /// What the host offers of the same package.
        offered: Vec<String>,
    },
    /// An import that is known, but that this host does not offer.
    NotOffered {
        /// Its name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// An import or export that is neither interface, function nor type.
    Unsupported {
        /// Its name.
        name: String,
        /// What it is.
        what: String,
    },
    /// An import or export that is something else on the other side.
    Kind {
        /// Of which side.
        side: Side,
        /// Its name.
        name: String,
        /// What the component has.
        component: String,
        /// What the host has.
        host: String,
    },
    /// The other side has the name, but in no version that fits.
    Version {
        /// Of which side.
        side: Side,
        /// The name without the version.
        name: String,
        /// The version that the component was built against.
        component: Option<Version>,
        /// The versions that the host has.
        host: Vec<Version>,
    },
    /// A function that the other side does not have.
    MissingFunction {
        /// Imports: the host lacks it. Exports: the component does.
        side: Side,
        /// The interface, as the component names it.
        interface: String,
        /// The function.
        function: String,
        /// Its type.
        #[serde(rename = "type")]
        ty: String,
        /// The feature that it would be offered with.
        unstable: Option<String>,
    },
    /// A resource that the host does not have.
    MissingResource {
        /// The interface, as the component names it.
        interface: String,
        /// The resource.
        resource: String,
    },
    /// A function of another type.
    FunctionType {
        /// Of which side.
        side: Side,
        /// The interface, as the component names it; empty for a world's own function.
        interface: String,
        /// The function.
        function: String,
        /// The type that the component has.
        component: String,
        /// The type that the host has.
        host: String,
        /// Which part differs, and how.
        difference: String,
    },
    /// What the host needs is not exported.
    MissingExport {
        /// Its name.
        name: String,
        /// A function's type; `None` for an interface.
        #[serde(rename = "type")]
        ty: Option<String>,
    },
}

impl Unfit {
    /// As serde's JSON would be, whole.
    pub(super) fn of(problem: Problem) -> Self {
        Unfit {
            problems: vec![problem],
            omitted: 0,
            warnings: Vec::new(),
        }
    }
}

impl Side {
    const fn word(self) -> &'static str {
        match self {
            Side::Import => "import",
            Side::Export => "export",
        }
    }
}

/// A function with its interface, as `` `a:b/c@1.0.0`, function `f` ``.
struct Place<'a>(&'a str, &'a str);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place(interface, function) = *self;
        if interface.is_empty() {
            write!(f, "`{function}`")
        } else {
            write!(f, "`{interface}`, function `{function}`")
        }
    }
}

/// One line; those of a function's type are followed by the two types and the
/// difference, on a line each.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NotAComponent { message } => {
                write!(f, "this is no component that can be loaded: {message}")
            }
            Problem::Unknown { name, offered } => {
                write!(f, "import `{name}`: this host does not know it")?;
                if !offered.is_empty() {
                    write!(f, "; of that package it offers {}", quoted(offered))?;
                }
                Ok(())
            }
            Problem::NotOffered { name, reason } => {
                write!(f, "import `{name}`: this host does not offer it: {reason}")
            }
            Problem::Unsupported { name, what } => {
                write!(f, "import `{name}`: it is {what}, which no host offers")
            }
            Problem::Kind {
                side,
                name,
                component,
                host,
            } => {
                let side = side.word();
                write!(
                    f,
                    "{side} `{name}`: the component has {component}, this host has {host}"
                )
            }
            Problem::Version {
                side,
                name,
                component,
                host,
            } => version_problem(f, *side, name, component.as_ref(), host),
            Problem::MissingFunction {
                side,
                interface,
                function,
                ty,
                unstable,
            } => {
                let place = Place(interface, function);
                match (side, unstable) {
                    (Side::Import, None) => {
                        write!(f, "import {place}: this host does not have it: `{ty}`")
                    }
                    (Side::Import, Some(feature)) => write!(
                        f,
                        "import {place}: it is unstable, and this host does not turn the feature \
                         `{feature}` on: `{ty}`"
                    ),
                    (Side::Export, _) => write!(
                        f,
                        "export {place}: the component does not have it, and this host needs it: \
                         `{ty}`"
                    ),
                }
            }
            Problem::MissingResource {
                interface,
                resource,
            } => write!(
                f,
                "import `{interface}`, resource `{resource}`: this host does not have it"
            ),
            Problem::FunctionType {
                side,
                interface,
                function,
                component,
                host,
                difference,
            } => {
                let (side, place) = (side.word(), Place(interface, function));
                write!(
                    f,
                    "{side} {place}: it is of another type\n    \
                     component:  {component}\n    \
                     host:       {host}\n    \
                     difference: {difference}"
                )
            }
            Problem::MissingExport { name, ty } => {
                write!(f, "export `{name}`: it is missing, and this host needs it")?;
                match ty {
                    Some(ty) => write!(f, ": `{ty}`"),
                    None => Ok(()),
                }
            }
        }
    }
}

fn version_problem(
    f: &mut fmt::Formatter<'_>,
    side: Side,
    name: &str,
    component: Option<&Version>,
    host: &[Version],
) -> fmt::Result {
    write!(f, "{} `{name}`: the component ", side.word())?;
    match component {
        Some(version) => write!(f, "was built against {version}, ")?,
        None => f.write_str("names no version, ")?,
    }
    let (versions, served) = (list(host, Version::to_string), list(host, version::served));
    match (host, side) {
        ([], _) => f.write_str("this host has it without a version")?,
        (_, Side::Import) => write!(f, "this host offers {versions}")?,
        (_, Side::Export) => write!(f, "this host needs {versions}")?,
    }
    f.write_str("; what fits: ")?;
    match (component, host) {
        (Some(version), []) => write!(f, "a host with {}", version::serving(version)),
        (Some(version), _) => write!(
            f,
            "a host with {}, or the component built against {served}",
            version::serving(version)
        ),
        (None, _) => write!(f, "the component built against {served}"),
    }
}

fn list(versions: &[Version], text: impl Fn(&Version) -> String) -> String {
    let versions: Vec<_> = versions.iter().map(text).collect();
    versions.join(" and ")
}

fn quoted(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// One line.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some(function) => write!(f, "import {}", Place(&self.interface, function))?,
            None => write!(f, "import `{}`", self.interface)?,
        }
        write!(f, ": deprecated since {}", self.deprecated)?;
        match &self.replacement {
            Some(name) => write!(f, ", use `{name}` instead"),
            None => Ok(()),
        }
    }
}

/// Several lines, each with its end.
impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the component fits this host")?;
        let version = |version: &Option<Version>| match version {
            Some(version) => version.to_string(),
            None => "no version".to_owned(),
        };
        for served in &self.imports {
            write!(f, "  import `{}`: ", served.name)?;
            if served.required != served.offered {
                write!(f, "built against {}, ", version(&served.required))?;
            }
            write!(f, "gets {}", version(&served.offered))?;
            let foreign = if served.foreign {
                ", types are checked when it is linked"
            } else {
                ""
            };
            writeln!(f, "{foreign}")?;
        }
        warnings(f, &self.warnings)
    }
}

/// Several lines, each with its end.
impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the component does not fit this host:")?;
        for problem in &self.problems {
            writeln!(f, "  {problem}")?;
        }
        if self.omitted > 0 {
            writeln!(f, "  and {} more", self.omitted)?;
        }
        warnings(f, &self.warnings)
    }
}

impl std::error::Error for Unfit {}

fn warnings(f: &mut fmt::Formatter<'_>, warnings: &[Warning]) -> fmt::Result {
    for warning in warnings {
        writeln!(f, "  warning: {warning}")?;
    }
    Ok(())
}
