//! Worlds as WIT.

use crate::model::{Func, Kind, Ty, World};

pub(crate) fn text(world: &World) -> String {
    let version = world.version.map_or(String::new(), |it| format!("@{it}"));
    let defs: String = (0..world.defs.len()).map(|at| def(world, at)).collect();
    let used = world.defs.iter().map(|def| format!("%{}", def.name));
    let shared = match world.shares {
        true => {
            let names: Vec<String> = used.collect();
            format!("use %{}.{{{}}};\n", world.host, names.join(", "))
        }
        false => defs.clone(),
    };
    let funcs: String = world.funcs.iter().map(|it| func(world, "", it)).collect();
    let free = |way: &str| -> String {
        let free = world.free.iter();
        free.map(|it| func(world, way, it)).collect()
    };
    format!(
        "package {}{version};\n\
         interface %{} {{\n{defs}{funcs}}}\n\
         interface %{} {{\n{shared}{funcs}}}\n\
         world %{} {{\nimport %{};\nexport %{};\n{}{}}}\n",
        world.package,
        world.host,
        world.guest,
        world.name,
        world.host,
        world.guest,
        free("import "),
        free("export "),
    )
}

fn func(world: &World, way: &str, func: &Func) -> String {
    let params = func.params.iter();
    let params: Vec<String> = params
        .map(|(name, of)| format!("%{name}: {}", ty(world, of)))
        .collect();
    let result = match &*func.params {
        [] => String::new(),
        [(_, of)] => format!(" -> {}", ty(world, of)),
        several => {
            let types: Vec<String> = several.iter().map(|(_, of)| ty(world, of)).collect();
            format!(" -> tuple<{}>", types.join(", "))
        }
    };
    format!(
        "    {way}%{}: func({}){result};\n",
        func.name,
        params.join(", ")
    )
}

fn def(world: &World, index: usize) -> String {
    let def = &world.defs[index];
    let name = &def.name;
    let list = |names: &[String]| -> String {
        let names: Vec<String> = names.iter().map(|name| format!("%{name}")).collect();
        names.join(", ")
    };
    match &def.kind {
        Kind::Record(fields) => {
            let fields = fields.iter();
            let fields: Vec<String> = fields
                .map(|(name, of)| format!("%{name}: {}", ty(world, of)))
                .collect();
            format!("    record %{name} {{ {} }}\n", fields.join(", "))
        }
        Kind::Variant(cases) => {
            let cases: Vec<String> = cases
                .iter()
                .map(|(name, of)| match of {
                    Some(of) => format!("%{name}({})", ty(world, of)),
                    None => format!("%{name}"),
                })
                .collect();
            format!("    variant %{name} {{ {} }}\n", cases.join(", "))
        }
        Kind::Enum(names) => format!("    enum %{name} {{ {} }}\n", list(names)),
        Kind::Flags(names) => format!("    flags %{name} {{ {} }}\n", list(names)),
        Kind::Alias(of) => format!("    type %{name} = {};\n", ty(world, of)),
    }
}

fn ty(world: &World, of: &Ty) -> String {
    let ty = |of: &Ty| ty(world, of);
    match of {
        Ty::Number(wit, _) => (*wit).to_string(),
        Ty::Bool => "bool".to_string(),
        Ty::Char => "char".to_string(),
        Ty::String => "string".to_string(),
        Ty::List(of) => format!("list<{}>", ty(of)),
        Ty::Fixed(of, len) => format!("list<{}, {len}>", ty(of)),
        Ty::Map(key, value) => format!("map<{}, {}>", ty(key), ty(value)),
        Ty::Option(of) => format!("option<{}>", ty(of)),
        Ty::Result(None, None) => "result".to_string(),
        Ty::Result(Some(ok), None) => format!("result<{}>", ty(ok)),
        Ty::Result(None, Some(err)) => format!("result<_, {}>", ty(err)),
        Ty::Result(Some(ok), Some(err)) => format!("result<{}, {}>", ty(ok), ty(err)),
        Ty::Tuple(types) => {
            let types: Vec<String> = types.iter().map(ty).collect();
            format!("tuple<{}>", types.join(", "))
        }
        Ty::Named(index) => format!("%{}", world.defs[*index].name),
    }
}
