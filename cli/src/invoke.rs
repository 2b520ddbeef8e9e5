//! Which function of a component to call, and with what: `name(args)`, and
//! `ns:pkg/iface#name(args)` for those in interfaces.

use enginebay::{Error, ErrorKind, Extern, ExternType, FuncType};

use crate::failure::Failure;

/// A call as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call<'a> {
    /// The function.
    pub(crate) name: &'a str,
    /// Its arguments, with their parentheses.
    pub(crate) args: &'a str,
}

impl<'a> Call<'a> {
    /// Splits `name(args)`.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Failure> {
        let text = text.trim();
        match text.find('(') {
            Some(at) if at > 0 => Ok(Call {
                name: text[..at].trim_end(),
                args: &text[at..],
            }),
            Some(_) => Err(Failure::Usage(format!(
                "--invoke `{text}` names no function: write NAME(ARGS)"
            ))),
            None => Err(Failure::Usage(format!(
                "--invoke `{text}` has no arguments: write `{text}()`"
            ))),
        }
    }
}

/// The exported function that a name means: its full name, and its type.
pub(crate) fn find<'a>(
    exports: &'a [Extern],
    name: &str,
) -> Result<(String, &'a FuncType), Failure> {
    let mut path = name.split('#').collect::<Vec<_>>();
    let function = path.pop().unwrap_or_default();
    let mut items = exports;
    let mut full = String::new();
    for part in path {
        let (name, inner) = instance(items, part)
            .map_err(|candidates| not_found(exports, name, part, &candidates))?;
        full.push_str(name);
        full.push('#');
        items = inner;
    }
    let found = items.iter().find_map(|item| match &item.ty {
        ExternType::Func(ty) if item.name == function => Some(ty),
        _ => None,
    });
    match found {
        Some(ty) => Ok((full + function, ty)),
        None => Err(not_found(exports, name, function, &[])),
    }
}

/// The instance of this name, or the one whose name is this but for its
/// version. Several of those are given back as they are.
fn instance<'a>(items: &'a [Extern], name: &str) -> Result<(&'a str, &'a [Extern]), Vec<&'a str>> {
    let instances = || {
        items.iter().filter_map(|item| match &item.ty {
            ExternType::Instance(inner) => Some((item.name.as_str(), inner.as_slice())),
            _ => None,
        })
    };
    if let Some(exact) = instances().find(|(full, _)| *full == name) {
        return Ok(exact);
    }
    let versions: Vec<_> = instances()
        .filter(|(full, _)| full.split_once('@').is_some_and(|(base, _)| base == name))
        .collect();
    match versions[..] {
        [one] => Ok(one),
        _ => Err(versions.into_iter().map(|(full, _)| full).collect()),
    }
}

/// The error, with what might have been meant.
fn not_found(exports: &[Extern], name: &str, part: &str, versions: &[&str]) -> Failure {
    if !versions.is_empty() {
        let message = format!("`{part}` is exported in more than one version");
        return Failure::advised(
            Error::new(ErrorKind::NotFound, message),
            format!("name one of {}", list(versions)),
        );
    }
    let error = Error::new(
        ErrorKind::NotFound,
        format!("the component exports no function `{name}`"),
    );
    let all = functions(exports);
    let last = name.rsplit('#').next().unwrap_or(name);
    let similar: Vec<&str> = all
        .iter()
        .map(String::as_str)
        .filter(|full| full.rsplit('#').next() == Some(last))
        .collect();
    let advice = if similar.is_empty() {
        exported(exports)
    } else {
        format!("did you mean {}?", list(&similar))
    };
    Failure::advised(error, advice)
}

/// The functions that are exported, for a message.
pub(crate) fn exported(exports: &[Extern]) -> String {
    let all = functions(exports);
    if all.is_empty() {
        return "it exports no functions at all".to_owned();
    }
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    format!("it exports {}", list(&all))
}

/// The full names of all functions that are exported.
fn functions(exports: &[Extern]) -> Vec<String> {
    fn collect(items: &[Extern], prefix: &str, names: &mut Vec<String>) {
        for item in items {
            match &item.ty {
                ExternType::Func(_) => names.push(format!("{prefix}{}", item.name)),
                ExternType::Instance(inner) => {
                    collect(inner, &format!("{prefix}{}#", item.name), names);
                }
                _ => {}
            }
        }
    }
    let mut names = Vec::new();
    collect(exports, "", &mut names);
    names
}

/// Some names for a message, and how many more there are.
fn list(names: &[&str]) -> String {
    const SHOWN: usize = 8;
    let mut text = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn func(name: &str) -> Extern {
        Extern {
            name: name.into(),
            ty: ExternType::Func(FuncType::new(Vec::new(), None)),
        }
    }

    fn interface(name: &str) -> Extern {
        Extern {
            name: name.into(),
            ty: ExternType::Instance(vec![func("go")]),
        }
    }

    fn message(failure: Failure) -> String {
        match failure {
            Failure::Error { error, advice, .. } => format!("{error}: {advice}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn calls_are_split_at_their_first_parenthesis() {
        let call = Call::parse(" [method]r.f ((1), 2) ").unwrap();
        assert_eq!((call.name, call.args), ("[method]r.f", "((1), 2)"));
        assert!(Call::parse("f").is_err());
        assert!(Call::parse("(1)").is_err());
        assert!(Call::parse("").is_err());
    }

    #[test]
    fn versions_may_be_left_out_if_there_is_one() {
        let exports = [func("go"), interface("a:b/c@1.2.0"), interface("x")];
        let full = |name| find(&exports, name).map(|(full, _)| full);
        assert_eq!(full("go").unwrap(), "go");
        assert_eq!(full("a:b/c#go").unwrap(), "a:b/c@1.2.0#go");
        assert_eq!(full("a:b/c@1.2.0#go").unwrap(), "a:b/c@1.2.0#go");
        assert_eq!(full("x#go").unwrap(), "x#go");
        assert_eq!(
            message(full("a:b/c@2.0.0#go").unwrap_err()),
            "the component exports no function `a:b/c@2.0.0#go`: did you mean `go`, \
             `a:b/c@1.2.0#go`, `x#go`?"
        );
        assert_eq!(
            message(full("stop").unwrap_err()),
            "the component exports no function `stop`: it exports `go`, `a:b/c@1.2.0#go`, `x#go`"
        );
    }

    #[test]
    fn several_versions_are_listed() {
        let exports = [interface("a:b/c@1.0.0"), interface("a:b/c@2.0.0")];
        let error = find(&exports, "a:b/c#go").unwrap_err();
        assert_eq!(
            message(error),
            "`a:b/c` is exported in more than one version: name one of `a:b/c@1.0.0`, \
             `a:b/c@2.0.0`"
        );
        assert!(find(&[], "a:b/c#go").is_err());
    }
}
