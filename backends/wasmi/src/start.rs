//! Start functions, as exports: wasmi cannot go on with one that it has run out of
//! fuel in, but with any other call; and some modules have to be provided with what
//! wasmi itself does badly before anything of them runs (`growth`).

use wasm_encoder::{ExportKind, ExportSection};
use wasmparser::BinaryReader;

use crate::sections::{START, Sections};

/// The name of the export: no guest has it by accident.
pub(crate) const NAME: &str = "\0enginebay:start";

/// A valid module with its start function as an export and no start section;
/// nothing if it has no start function.
pub(crate) fn export(wasm: &[u8]) -> Option<Vec<u8>> {
    let mut sections = Sections::of(wasm).ok()?;
    let start = sections.remove(START)?;
    let func = BinaryReader::new(&start, 0).read_var_u32().ok()?;
    let mut exports = ExportSection::new();
    exports.export(NAME, ExportKind::Func, func);
    sections.append(&exports).ok()?;
    Some(sections.finish())
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
