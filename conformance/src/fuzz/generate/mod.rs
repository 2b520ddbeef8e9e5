//! Components made at random: core modules that import each other, functions of the
//! host, lifted functions of scalar types, strings and lists, resources, and
//! components that call each other. All of it is text, so that a finding can be read
//! and made smaller.

mod code;
mod module;

use std::fmt::Write;

use code::Ty;
use module::{Import, Module, Signature};

use crate::random::Random;

/// A function of a component: its type's text, and how it is as a core function.
#[derive(Clone)]
struct Lifted {
    name: String,
    /// `(param "a" u32) (result string)`.
    ty: String,
    signature: Signature,
    /// It has strings or lists, which need a memory and somebody who allocates.
    memory: bool,
}

/// A component, as text.
pub(crate) fn component(random: &mut Random) -> String {
    if random.one_in(3) {
        return composed(random);
    }
    let hosts = hosts(random, "host");
    let mut text = "(component\n".to_owned();
    imports(&mut text, &hosts);
    body(random, &mut text, &hosts);
    text.push(')');
    text
}

/// Components inside a component, each of which may call those before it.
fn composed(random: &mut Random) -> String {
    let hosts = hosts(random, "host");
    let mut text = "(component\n".to_owned();
    imports(&mut text, &hosts);
    // With what stands for each function outside.
    let mut offered: Vec<(Lifted, String)> = hosts
        .iter()
        .map(|host| (host.clone(), format!("(func ${})", host.name)))
        .collect();
    for index in 0..2 + random.below(2) {
        let mut taken = Vec::new();
        let mut with = String::new();
        for (lifted, from) in &offered {
            if taken.len() < 4 && random.one_in(2) {
                let name = format!("in{}", taken.len());
                let _ = write!(with, "(with \"{name}\" {from}) ");
                taken.push(Lifted {
                    name,
                    ..lifted.clone()
                });
            }
        }
        let _ = writeln!(text, "(component $c{index}");
        imports(&mut text, &taken);
        let exports = body(random, &mut text, &taken);
        let _ = writeln!(
            text,
            ")\n(instance $i{index} (instantiate $c{index} {with}))"
        );
        for export in exports {
            let name = &export.name;
            let from = format!("(func $i{index} \"{name}\")");
            let _ = writeln!(text, "(export \"c{index}-{name}\" {from})");
            offered.push((export, from));
        }
    }
    text.push(')');
    text
}

/// Imports of functions, by their names.
fn imports(text: &mut String, imports: &[Lifted]) {
    for Lifted { name, ty, .. } in imports {
        let _ = writeln!(text, "(import \"{name}\" (func ${name} {ty}))");
    }
}

/// Functions that the host is to have.
fn hosts(random: &mut Random, prefix: &str) -> Vec<Lifted> {
    let count = random.pick(&[0, 0, 1, 2]);
    let host = |index: usize| {
        let kind = random.below(6);
        let (ty, params, results, memory): (_, &[Ty], &[Ty], _) = match kind {
            0 => ("", &[], &[], false),
            1 => (
                "(param \"a\" u32) (result u32)",
                &[Ty::I32],
                &[Ty::I32],
                false,
            ),
            2 => (
                "(param \"a\" f32) (param \"b\" s64) (result f64)",
                &[Ty::F32, Ty::I64],
                &[Ty::F64],
                false,
            ),
            3 => ("(param \"a\" string)", &[Ty::I32, Ty::I32], &[], true),
            4 => ("(result string)", &[Ty::I32], &[], true),
            _ => (
                "(param \"a\" (list u8)) (result (option u64))",
                &[Ty::I32, Ty::I32, Ty::I32],
                &[],
                true,
            ),
        };
        Lifted {
            name: format!("{prefix}{index}"),
            ty: ty.to_owned(),
            signature: Signature::new(params, results),
            memory,
        }
    };
    (0..count).map(host).collect()
}

fn encoding(random: &mut Random) -> &'static str {
    random.pick(&["utf8", "utf8", "utf16", "latin1+utf16"])
}

/// What stands inside a component besides its imports; gives its exports.
fn body(random: &mut Random, text: &mut String, imports: &[Lifted]) -> Vec<Lifted> {
    let mut modules: Vec<Module> = Vec::new();
    // What a lower needs of the first instance.
    let mut memory = String::new();
    let resource = random.one_in(4);
    for index in 0..random.pick(&[1, 1, 2, 3]) {
        let mut taken = Vec::new();
        let mut with = String::new();
        for (from, module) in modules.iter().enumerate() {
            for func in module.imported()..module.funcs.len() {
                if random.one_in(4) {
                    taken.push(Import {
                        from: format!("m{from}"),
                        name: format!("f{func}"),
                        signature: module.funcs[func].clone(),
                    });
                }
            }
            let _ = write!(with, "(with \"m{from}\" (instance $m{from})) ");
        }
        let mut outside = String::new();
        for import in imports {
            if import.memory && memory.is_empty() || random.one_in(3) {
                continue;
            }
            let name = format!("{}-{index}", import.name);
            let options = match import.memory {
                true => format!("{memory} string-encoding={}", encoding(random)),
                false => String::new(),
            };
            let _ = writeln!(
                text,
                "(core func ${name} (canon lower (func ${}) {options}))",
                import.name
            );
            let _ = write!(outside, "(export \"{name}\" (func ${name})) ");
            taken.push(Import {
                from: "outside".to_owned(),
                name,
                signature: import.signature.clone(),
            });
        }
        if resource && index > 0 {
            for (name, results) in [("new", &[Ty::I32][..]), ("rep", &[Ty::I32]), ("drop", &[])] {
                let _ = writeln!(
                    text,
                    "(core func $r-{name}-{index} (canon resource.{name} $r))"
                );
                let _ = write!(outside, "(export \"r-{name}\" (func $r-{name}-{index})) ");
                taken.push(Import {
                    from: "outside".to_owned(),
                    name: format!("r-{name}"),
                    signature: Signature::new(&[Ty::I32], results),
                });
            }
        }
        if !outside.is_empty() {
            let _ = write!(with, "(with \"outside\" (instance {outside}))");
        }
        let shared = modules.iter().position(|module| module.memories > 0);
        let shares = shared
            .filter(|_| random.one_in(4))
            .map(|at| format!("m{at}"));
        let module = Module::random(random, taken, shares);
        text.push_str(&module.text(random, &format!("m{index}")));
        let _ = writeln!(
            text,
            "(core instance $m{index} (instantiate $m{index} {with}))"
        );
        if index == 0 {
            if let Some(realloc) = module.realloc {
                memory = format!("(memory $m0 \"memory\") (realloc (func $m0 \"f{realloc}\"))");
            }
            if resource {
                let drops = (module.imported()..module.funcs.len())
                    .find(|at| module.funcs[*at] == Signature::new(&[Ty::I32], &[]));
                let dtor = drops.map(|at| format!("(dtor (func $m0 \"f{at}\"))"));
                let _ = writeln!(
                    text,
                    "(type $r (resource (rep i32) {}))",
                    dtor.unwrap_or_default()
                );
            }
        }
        modules.push(module);
    }
    exports(random, text, &modules)
}

/// Lifts what can be lifted.
fn exports(random: &mut Random, text: &mut String, modules: &[Module]) -> Vec<Lifted> {
    let mut exports = Vec::new();
    for (index, module) in modules.iter().enumerate() {
        let options = module.realloc.map(|realloc| {
            format!("(memory $m{index} \"memory\") (realloc (func $m{index} \"f{realloc}\"))")
        });
        for (func, signature) in module.funcs.iter().enumerate().skip(module.imported()) {
            if signature.results.len() > 1 {
                continue;
            }
            let (ty, memory, lowered) = lifted_type(random, signature, options.is_some());
            let mut canon = String::new();
            if memory {
                let _ = write!(
                    canon,
                    "{} string-encoding={} ",
                    options.as_deref().unwrap_or_default(),
                    encoding(random)
                );
            }
            // Its parameters are the results.
            let after = (module.imported()..module.funcs.len()).find(|at| {
                let after = &module.funcs[*at];
                after.results.is_empty() && after.params == signature.results
            });
            if let Some(after) = after.filter(|_| random.one_in(3)) {
                let _ = write!(canon, "(post-return (func $m{index} \"f{after}\"))");
            }
            let name = format!("m{index}-f{func}");
            let _ = writeln!(
                text,
                "(func ${name} {ty} (canon lift (core func $m{index} \"f{func}\") {canon}))\n\
                 (export \"{name}\" (func ${name}))"
            );
            exports.push(Lifted {
                name,
                ty,
                signature: lowered,
                memory,
            });
        }
        let _ = writeln!(
            text,
            "(func $m{index}-state (result u64) (canon lift (core func $m{index} \"state\")))\n\
             (export \"m{index}-state\" (func $m{index}-state))"
        );
    }
    exports
}

/// A type of a component's function that is this one as a core function when it is
/// lifted; whether it needs a memory; and what it is as a core function when it is
/// lowered: a result that is not a scalar goes where the last parameter points.
fn lifted_type(
    random: &mut Random,
    signature: &Signature,
    memory: bool,
) -> (String, bool, Signature) {
    let mut text = String::new();
    let mut lowered = signature.clone();
    let mut needs = false;
    let mut at = 0;
    let mut letter = b'a';
    while at < signature.params.len() {
        let pair = memory && signature.params[at..].starts_with(&[Ty::I32, Ty::I32]);
        let ty = if pair && random.one_in(2) {
            needs = true;
            at += 2;
            random.pick(&["string", "(list u8)", "(list u64)", "(list (tuple u8 f32))"])
        } else {
            at += 1;
            scalar(random, signature.params[at - 1])
        };
        let _ = write!(text, "(param \"{}\" {ty}) ", letter as char);
        letter += 1;
    }
    if let [ty] = signature.results[..] {
        let in_memory = memory && ty == Ty::I32 && random.one_in(3);
        let ty = match in_memory {
            true => random.pick(&[
                "string",
                "(list u8)",
                "(list u32)",
                "(tuple u8 u64)",
                "(option f64)",
                "(result u8 (error string))",
                "(tuple f32 f64 bool char)",
            ]),
            false => scalar(random, ty),
        };
        if in_memory {
            needs = true;
            lowered.params.push(Ty::I32);
            lowered.results.clear();
        }
        let _ = write!(text, "(result {ty})");
    }
    (text, needs, lowered)
}

fn scalar(random: &mut Random, ty: Ty) -> &'static str {
    match ty {
        Ty::I32 => random.pick(&["u32", "s32", "u32", "s32", "u16", "s8", "bool", "char"]),
        Ty::I64 => random.pick(&["u64", "s64"]),
        Ty::F32 => "f32",
        Ty::F64 | Ty::V128 => "f64",
    }
}
