//! The page that describes the contract, which is written from its WIT: every interface,
//! type, function and world, what a function requires, and since when it is there.
//!
//! With `ENGINEBAY_BLESS=1` the page is written anew; without, it is compared.

mod contract;

use std::fmt::Write as _;
use std::path::Path;

use contract::{anchor, shown};
use enginebay_host::capability::Operation;
use enginebay_host::contract::{FUNCTIONS, Requirement};
use wit_parser::{
    Docs, Function, FunctionKind, Handle, Interface, InterfaceId, Resolve, Stability, Type,
    TypeDef, TypeDefKind, TypeId, TypeOwner,
};

const HEAD: &str = "\
# The contract

What a host offers to components, and what a component offers to its host: the WIT in the folder `wit`.
This page is written from it by the test `contract_page`, with `ENGINEBAY_BLESS=1`, and compared by it
without. [Where the contract comes from](contract-origins.md) says what became of the functions that it
was made after; [Keep versions of WIT compatible](../how-to/versions-of-wit.md) says how it may change.

A function that requires a capability fails with `denied` when that is not granted, before the host's
code runs. `self` and other handles stand for what they were opened for.

";

fn read() -> Resolve {
    let mut resolve = Resolve {
        all_features: true,
        ..Resolve::default()
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    resolve.push_dir(folder).unwrap();
    resolve
}

/// An interface's name with its package's, without what all have in common.
fn short(name: &str) -> &str {
    let name = name.strip_prefix("enginebay:").unwrap_or(name);
    name.split_once('@').map_or(name, |(name, _)| name)
}

fn requirement(it: &Requirement) -> String {
    format!("`{}({})`", it.operation, it.arguments.join(", "))
}

fn requires(interface: &str, function: &str) -> String {
    let mut functions = FUNCTIONS.iter();
    let function = functions
        .find(|it| it.interface == interface && it.name == function)
        .expect("the table has each function of the WIT");
    match function.requires {
        [] => "Requires nothing".to_string(),
        all => {
            let all = all.iter().map(requirement);
            format!("Requires {}", all.collect::<Vec<_>>().join(", "))
        }
    }
}

fn since(stability: &Stability) -> String {
    let deprecated = |it: &Option<_>| match it {
        None => String::new(),
        Some(version) => format!("; **deprecated since {version}**"),
    };
    match stability {
        Stability::Unknown => "Unversioned".to_string(),
        Stability::Stable {
            since,
            deprecated: it,
        } => format!("Since {since}{}", deprecated(it)),
        Stability::Unstable {
            feature,
            deprecated: it,
        } => format!("Unstable: `{feature}`{}", deprecated(it)),
    }
}

/// The documentation without what it says for machines, on one line where that is asked
/// for.
fn text(docs: &Docs, separator: &str) -> String {
    let contents = docs.contents.as_deref().unwrap_or_default();
    let lines = contents.lines().map(str::trim);
    let lines = lines.filter(|line| !line.starts_with("@requires"));
    lines.collect::<Vec<_>>().join(separator).trim().to_string()
}

/// Writes types as WIT has them.
struct Wit<'a>(&'a Resolve);

impl Wit<'_> {
    fn ty(&self, ty: &Type) -> String {
        match ty {
            Type::Bool => "bool".into(),
            Type::U8 => "u8".into(),
            Type::U16 => "u16".into(),
            Type::U32 => "u32".into(),
            Type::U64 => "u64".into(),
            Type::S8 => "s8".into(),
            Type::S16 => "s16".into(),
            Type::S32 => "s32".into(),
            Type::S64 => "s64".into(),
            Type::F32 => "f32".into(),
            Type::F64 => "f64".into(),
            Type::Char => "char".into(),
            Type::String => "string".into(),
            Type::ErrorContext => "error-context".into(),
            Type::Id(id) => match &self.0.types[*id].name {
                Some(name) => name.clone(),
                None => self.unnamed(*id),
            },
        }
    }

    fn optional(&self, ty: Option<&Type>) -> String {
        ty.map_or_else(|| "_".to_string(), |ty| self.ty(ty))
    }

    fn unnamed(&self, id: TypeId) -> String {
        let name = |id: &TypeId| self.ty(&Type::Id(*id));
        match &self.0.types[id].kind {
            TypeDefKind::Handle(Handle::Own(id)) => name(id),
            TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", name(id)),
            TypeDefKind::List(ty) => format!("list<{}>", self.ty(ty)),
            TypeDefKind::Option(ty) => format!("option<{}>", self.ty(ty)),
            TypeDefKind::Tuple(tuple) => {
                let types = tuple.types.iter().map(|ty| self.ty(ty));
                format!("tuple<{}>", types.collect::<Vec<_>>().join(", "))
            }
            TypeDefKind::Result(it) => match (&it.ok, &it.err) {
                (None, None) => "result".to_string(),
                (ok, None) => format!("result<{}>", self.optional(ok.as_ref())),
                (ok, err) => format!(
                    "result<{}, {}>",
                    self.optional(ok.as_ref()),
                    self.optional(err.as_ref())
                ),
            },
            kind => panic!("the page cannot show {kind:?}"),
        }
    }

    fn function(&self, func: &Function) -> String {
        let is_method = matches!(func.kind, FunctionKind::Method(_));
        let params = func.params.iter().skip(usize::from(is_method));
        let params = params.map(|param| format!("{}: {}", param.name, self.ty(&param.ty)));
        let params = params.collect::<Vec<_>>().join(", ");
        let name = func.item_name();
        let result = func.result.as_ref();
        let result = result.map(|ty| format!(" -> {}", self.ty(ty)));
        format!("{name}: func({params}){};", result.unwrap_or_default())
    }
}

/// The interface that a type is defined in, if it is another than this.
fn elsewhere(resolve: &Resolve, here: InterfaceId, ty: &TypeDef) -> Option<InterfaceId> {
    let mut ty = ty;
    while let TypeDefKind::Type(Type::Id(id)) = ty.kind {
        ty = &resolve.types[id];
    }
    match ty.owner {
        TypeOwner::Interface(owner) if owner != here => Some(owner),
        _ => None,
    }
}

fn table<'a>(
    page: &mut String,
    heads: [&str; 2],
    rows: impl Iterator<Item = (&'a str, Option<String>, &'a Docs)>,
) {
    let [name, ty] = heads;
    match ty {
        "" => writeln!(page, "\n| {name} | |\n| --- | --- |").unwrap(),
        ty => writeln!(page, "\n| {name} | {ty} | |\n| --- | --- | --- |").unwrap(),
    }
    for (name, ty, docs) in rows {
        let docs = text(docs, " ");
        match ty {
            None => writeln!(page, "| `{name}` | {docs} |").unwrap(),
            Some(ty) if ty.is_empty() => writeln!(page, "| `{name}` | | {docs} |").unwrap(),
            Some(ty) => writeln!(page, "| `{name}` | `{ty}` | {docs} |").unwrap(),
        }
    }
}

fn ty(page: &mut String, wit: &Wit<'_>, name: &str, def: &TypeDef) {
    let keyword = match &def.kind {
        TypeDefKind::Type(_) => "type",
        kind => kind.as_str(),
    };
    let (docs, since) = (text(&def.docs, "\n"), since(&def.stability));
    write!(page, "\n### {keyword} `{name}`\n\n{docs}\n\n{since}.\n").unwrap();
    match &def.kind {
        TypeDefKind::Record(it) => {
            let fields = it.fields.iter();
            let rows = fields.map(|it| (&*it.name, Some(wit.ty(&it.ty)), &it.docs));
            table(page, ["field", "type"], rows);
        }
        TypeDefKind::Variant(it) => {
            let payload = |ty: &Option<Type>| ty.as_ref().map(|ty| wit.ty(ty)).unwrap_or_default();
            let cases = it.cases.iter();
            let rows = cases.map(|it| (&*it.name, Some(payload(&it.ty)), &it.docs));
            table(page, ["case", "with"], rows);
        }
        TypeDefKind::Enum(it) => {
            let rows = it.cases.iter().map(|it| (&*it.name, None, &it.docs));
            table(page, ["case", ""], rows);
        }
        TypeDefKind::Flags(it) => {
            let rows = it.flags.iter().map(|it| (&*it.name, None, &it.docs));
            table(page, ["flag", ""], rows);
        }
        TypeDefKind::Type(it) => {
            let it = wit.ty(it);
            write!(page, "\n```wit\ntype {name} = {it};\n```\n").unwrap();
        }
        TypeDefKind::Resource => {}
        kind => panic!("the page cannot show {kind:?}"),
    }
}

fn interface(page: &mut String, resolve: &Resolve, id: InterfaceId, it: &Interface) {
    let name = resolve.id_of(id).unwrap();
    let wit = Wit(resolve);
    let mut functions = FUNCTIONS.iter().filter(|it| it.interface == name);
    let side = match functions.next() {
        None => "has types only",
        Some(first) if first.exported => "components export it",
        Some(_) => "components import it",
    };
    let (docs, since) = (text(&it.docs, "\n"), since(&it.stability));
    write!(
        page,
        "\n## `{}`\n\n{docs}\n\n`{name}`: {side}. {since}.\n",
        short(&name)
    )
    .unwrap();
    let types = it
        .types
        .iter()
        .map(|(name, id)| (name, &resolve.types[*id]));
    let (used, own): (Vec<_>, Vec<_>) =
        types.partition(|(_, def)| elsewhere(resolve, id, def).is_some());
    if !used.is_empty() {
        let used = used.iter().map(|(name, def)| {
            let owner = resolve.id_of(elsewhere(resolve, id, def).unwrap()).unwrap();
            let owner = short(&owner);
            format!("`{name}` of [`{owner}`](#{})", anchor(owner))
        });
        let used = used.collect::<Vec<_>>().join(", ");
        write!(page, "\nUses {used}.\n").unwrap();
    }
    for (name, def) in own {
        ty(page, &wit, name, def);
    }
    for func in it.functions.values() {
        let since = self::since(&func.stability);
        write!(
            page,
            "\n### `{}`\n\n```wit\n{}\n```\n\n{}\n\n{}. {since}.\n",
            shown(&func.name),
            wit.function(func),
            text(&func.docs, "\n"),
            requires(&name, &func.name)
        )
        .unwrap();
    }
}

/// Each world, with what its components import and export.
fn worlds(page: &mut String, resolve: &Resolve) {
    page.push_str("\n## Worlds\n");
    let worlds = resolve.worlds.iter().map(|(_, world)| {
        let package = world.package.expect("worlds are in packages");
        (resolve.id_of_name(package, &world.name), world)
    });
    let mut worlds: Vec<_> = worlds.collect();
    worlds.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, world) in worlds {
        let (docs, since) = (text(&world.docs, "\n"), since(&world.stability));
        write!(page, "\n### `{name}`\n\n{docs}\n\n{since}.\n").unwrap();
        for (direction, items) in [("imports", &world.imports), ("exports", &world.exports)] {
            // Interfaces of types only come with those that use them.
            let interfaces = items.keys().map(|key| resolve.name_world_key(key));
            let interfaces = interfaces.filter(|it| FUNCTIONS.iter().any(|f| f.interface == it));
            let links =
                interfaces.map(|it| format!("[`{0}`](#{1})", short(&it), anchor(short(&it))));
            let links = links.collect::<Vec<_>>().join(", ");
            if !links.is_empty() {
                write!(page, "\nIt {direction} {links}.\n").unwrap();
            }
        }
    }
}

/// What may be granted, and what each of it is needed for.
fn capabilities(page: &mut String) {
    page.push_str("## Capabilities\n\n| capability | needed for |\n| --- | --- |\n");
    for operation in Operation::all() {
        let functions = FUNCTIONS.iter();
        let functions = functions
            .filter(|it| it.requires.iter().any(|it| it.operation == operation))
            .map(|it| {
                let interface = short(it.interface);
                format!("[`{}`](#{})", shown(it.name), anchor(interface))
            });
        let functions = functions.collect::<Vec<_>>().join(", ");
        assert!(!functions.is_empty(), "{operation} is needed for nothing");
        writeln!(page, "| `{operation}` | {functions} |").unwrap();
    }
}

#[test]
fn the_page_is_up_to_date() {
    let resolve = read();
    let mut page = String::from(HEAD);
    capabilities(&mut page);
    let interfaces = resolve.interfaces.iter();
    let mut interfaces: Vec<_> = interfaces
        .map(|(id, it)| (resolve.id_of(id).unwrap(), id, it))
        .collect();
    interfaces.sort_by(|a, b| a.0.cmp(&b.0));
    for (_, id, it) in interfaces {
        interface(&mut page, &resolve, id, it);
    }
    worlds(&mut page, &resolve);
    contract::compare("reference/contract.md", &page);
}
