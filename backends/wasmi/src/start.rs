//! Start functions, as exports: wasmi cannot go on with one that it has run out of
//! fuel in, but with any other call; and some modules have to be provided with what
//! wasmi itself does badly before anything of them runs (`growth`).

use wasm_encoder::{Encode, ExportKind, Module, RawSection};
use wasmparser::{Parser, Payload};

/// The name of the export: no guest has it by accident.
pub(crate) const NAME: &str = "\0enginebay:start";

const EXPORT: u8 = 7;
const START: u8 = 8;

/// Sections that come after exports.
fn is_after_exports(id: u8) -> bool {
    // Tags (13) come before, the count of data segments (12) after.
    matches!(id, START..=12)
}

/// A valid module with its start function as an export and no start section;
/// nothing if it has no start function.
pub(crate) fn export(wasm: &[u8]) -> Option<Vec<u8>> {
    let mut sections = Vec::new();
    let mut start = None;
    let (mut count, mut exports) = (0, &[][..]);
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.ok()?;
        let Some((id, range)) = payload.as_section() else {
            continue;
        };
        match &payload {
            Payload::StartSection { func, .. } => start = Some(*func),
            Payload::ExportSection(it) => {
                // A section's reader stands after the number of its items.
                (count, exports) = (it.count(), &wasm[it.original_position()..range.end]);
            }
            _ => {}
        }
        sections.push((id, &wasm[range]));
    }
    let mut contents = Vec::with_capacity(exports.len() + NAME.len() + 16);
    (count + 1).encode(&mut contents);
    contents.extend_from_slice(exports);
    NAME.encode(&mut contents);
    ExportKind::Func.encode(&mut contents);
    start?.encode(&mut contents);

    let mut module = Module::new();
    let mut left = Some(contents);
    for (id, data) in sections {
        if (id == EXPORT || is_after_exports(id))
            && let Some(data) = left.take()
        {
            module.section(&RawSection {
                id: EXPORT,
                data: &data,
            });
        }
        if id != EXPORT && id != START {
            module.section(&RawSection { id, data });
        }
    }
    Some(module.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exported(text: &str) -> Option<Vec<u8>> {
        export(&wat::parse_str(text).unwrap())
    }

    #[test]
    fn a_start_function_becomes_an_export() {
        for (text, exports) in [
            (r#"(module (func $f) (start $f))"#, 1),
            (
                r#"(module (memory 1) (func) (func $f) (start $f) (data (i32.const 0) "x"))"#,
                1,
            ),
            (
                r#"(module (import "" "f" (func $f)) (tag) (table 1 funcref)
                    (export "f" (func $f)) (export "t" (table 0)) (start $f) (elem func $f)
                    (memory 1) (data $d "x") (func (data.drop $d)))"#,
                3,
            ),
        ] {
            let wasm = exported(text).unwrap();
            let engine = wasmi::Engine::default();
            // wasmi has no tags.
            if !text.contains("tag") {
                let module = wasmi::Module::new(&engine, &wasm).unwrap();
                assert_eq!(module.exports().count(), exports, "{text}");
                assert!(module.get_export(NAME).is_some(), "{text}");
            }
            assert_eq!(export(&wasm), None, "{text}");
        }
    }

    #[test]
    fn other_modules_stay_as_they_are() {
        assert_eq!(exported("(module)"), None);
        assert_eq!(exported(r#"(module (func (export "f")))"#), None);
        assert_eq!(export(b"\0asm"), None);
    }
}
