//! What became of each function of the system that the contract was made after:
//! `wit/originals.toml`, which is complete, and the page that is written from it.
//!
//! With `ENGINEBAY_BLESS=1` the page is written anew; without, it is compared.

mod contract;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use enginebay_host::contract::FUNCTIONS;
use serde::Deserialize;

/// How many functions each of the interfaces had.
const COUNTS: &[(&str, usize)] = &[
    ("core/component-lifecycle", 7),
    ("core/host-services", 8),
    ("core/permissions", 6),
    ("ext-filesystem/filesystem", 17),
    ("ext-filesystem/metadata", 13),
    ("ext-network/connection", 16),
    ("ext-network/socket", 16),
    ("ext-process/lifecycle", 20),
    ("ext-process/signals", 21),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Origins {
    function: Vec<Original>,
    new: Vec<New>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Original {
    interface: String,
    name: String,
    became: Became,
    now: Vec<String>,
    why: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
enum Became {
    Kept,
    Renamed,
    Merged,
    Dropped,
}

impl fmt::Display for Became {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Became::Kept => "kept",
            Became::Renamed => "renamed",
            Became::Merged => "merged",
            Became::Dropped => "dropped",
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    why: String,
}

fn origins() -> Origins {
    toml::from_str(include_str!("../../wit/originals.toml")).unwrap()
}

/// A name of the contract without the package's version.
fn unversioned(interface: &str) -> &str {
    interface
        .split_once('@')
        .map_or(interface, |(name, _)| name)
}

/// The functions of the contract, and what a drop of its resources is.
fn functions() -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut functions, mut drops) = (BTreeSet::new(), BTreeSet::new());
    for function in FUNCTIONS {
        let interface = unversioned(function.interface);
        functions.insert(format!("{interface}#{}", function.name));
        if let Some(method) = function.name.strip_prefix("[method]") {
            let resource = method.split_once('.').unwrap().0;
            drops.insert(format!("{interface}#[resource-drop]{resource}"));
        }
    }
    (functions, drops)
}

#[test]
fn each_function_of_the_originals_is_listed_once() {
    let mut counts = BTreeMap::<_, usize>::new();
    let mut seen = BTreeSet::new();
    let origins = origins();
    for original in &origins.function {
        *counts.entry(&*original.interface).or_default() += 1;
        assert!(
            seen.insert((&original.interface, &original.name)),
            "{}#{} is listed twice",
            original.interface,
            original.name
        );
    }
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), COUNTS);
    assert_eq!(seen.len(), 124);
}

#[test]
fn what_became_of_a_function_is_there_and_said() {
    let (functions, drops) = functions();
    for original in origins().function {
        let Original {
            interface,
            name,
            became,
            now,
            why,
        } = original;
        let what = format!("{interface}#{name}");
        for now in &now {
            assert!(
                functions.contains(now) || drops.contains(now),
                "{what}: there is no {now}"
            );
        }
        match became {
            Became::Kept => assert_eq!(now, [format!("enginebay:{what}")], "{what}"),
            Became::Dropped => assert!(now.is_empty(), "{what} is dropped, and there"),
            Became::Renamed | Became::Merged => assert!(!now.is_empty(), "{what} is nowhere"),
        }
        if became != Became::Kept {
            let why = why.unwrap_or_default();
            assert!(why.ends_with('.'), "{what} does not say why: {why:?}");
        }
    }
}

#[test]
fn each_function_of_the_contract_has_an_origin_or_is_new() {
    let (functions, _) = functions();
    let origins = origins();
    let old = origins.function.iter().flat_map(|it| &it.now);
    let old: BTreeSet<_> = old.cloned().collect();
    let mut new = BTreeSet::new();
    for it in &origins.new {
        assert!(new.insert(it.name.clone()), "{} is listed twice", it.name);
        assert!(it.why.ends_with('.'), "{} does not say why", it.name);
    }
    let both: Vec<_> = old.intersection(&new).collect();
    assert!(both.is_empty(), "new, and with an origin: {both:?}");
    let listed: BTreeSet<_> = old.union(&new).cloned().collect();
    let left_out: Vec<_> = functions.difference(&listed).collect();
    assert!(left_out.is_empty(), "not listed: {left_out:?}");
    let unknown: Vec<_> = new.difference(&functions).collect();
    assert!(unknown.is_empty(), "new, and not there: {unknown:?}");
}

const HEAD: &str = "\
# Where the contract comes from

The contract was made after the WIT of another system, which had 124 functions in four packages. This is
what became of each: *kept* with its name and its meaning; *renamed*, or moved to another interface, or
made a method of a resource; *merged* with others, or into a field or a case; or *dropped*. It is written
from `wit/originals.toml` by the test `contract_origins`, with `ENGINEBAY_BLESS=1`, and compared by it
without. What the functions are now is in [the contract](contract.md).

";

/// A function as the page has it, with a link.
fn link(name: &str) -> String {
    let (interface, function) = name.split_once('#').unwrap();
    let short = interface.strip_prefix("enginebay:").unwrap();
    let anchor = contract::anchor(short);
    format!(
        "[`{short}`](contract.md#{anchor}) `{}`",
        contract::shown(function)
    )
}

fn page(origins: &Origins) -> String {
    let mut page = String::from(HEAD);
    let count = |became| {
        origins
            .function
            .iter()
            .filter(|it| it.became == became)
            .count()
    };
    let states = [
        Became::Kept,
        Became::Renamed,
        Became::Merged,
        Became::Dropped,
    ];
    page += "| interface | functions | kept | renamed | merged | dropped |\n";
    page += "| --- | ---: | ---: | ---: | ---: | ---: |\n";
    for (interface, all) in COUNTS {
        write!(page, "| `{interface}` | {all} |").unwrap();
        for state in states {
            let here = origins.function.iter();
            let here = here.filter(|it| it.interface == *interface && it.became == state);
            write!(page, " {} |", here.count()).unwrap();
        }
        page.push('\n');
    }
    write!(page, "| all | {} |", origins.function.len()).unwrap();
    for state in states {
        write!(page, " {} |", count(state)).unwrap();
    }
    page.push('\n');
    for (interface, _) in COUNTS {
        write!(page, "\n## `{interface}`\n\n").unwrap();
        page += "| function | became | now | why |\n| --- | --- | --- | --- |\n";
        let functions = origins.function.iter();
        for it in functions.filter(|it| it.interface == *interface) {
            let now = it.now.iter().map(|name| link(name));
            let now = now.collect::<Vec<_>>().join(", ");
            let why = it.why.as_deref().unwrap_or_default();
            writeln!(page, "| `{}` | {} | {now} | {why} |", it.name, it.became).unwrap();
        }
    }
    write!(page, "\n## New\n\n| function | why |\n| --- | --- |\n").unwrap();
    for it in &origins.new {
        writeln!(page, "| {} | {} |", link(&it.name), it.why).unwrap();
    }
    page
}

#[test]
fn the_page_is_up_to_date() {
    contract::compare("reference/contract-origins.md", &page(&origins()));
}
