//! Start functions, as exports: wasmi cannot go on with one that it has run out of
//! fuel in, but with any other call; and some modules have to be provided with what
//! wasmi itself does badly before anything of them runs (`growth`).

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
    let (header, mut rest) = wasm.split_at_checked(8)?;
    let mut sections = Vec::new();
    while let Some((id, after)) = rest.split_first() {
        let (size, after) = number(after)?;
        let (contents, after) = after.split_at_checked(size as usize)?;
        sections.push((*id, contents));
        rest = after;
    }
    let start = sections.iter().find(|(id, _)| *id == START)?.1;
    let exports = sections.iter().find(|(id, _)| *id == EXPORT);
    let (count, entries) = match exports {
        Some((_, contents)) => number(contents)?,
        None => (0, &[][..]),
    };
    let mut contents = Vec::with_capacity(entries.len() + NAME.len() + 16);
    put_number(count + 1, &mut contents);
    contents.extend_from_slice(entries);
    put_number(NAME.len() as u32, &mut contents);
    contents.extend_from_slice(NAME.as_bytes());
    // A function, by its index, which is all that a start section has.
    contents.push(0);
    contents.extend_from_slice(start);

    let mut out = Vec::with_capacity(wasm.len() + NAME.len() + 32);
    out.extend_from_slice(header);
    let mut left = Some(contents);
    for (id, section) in sections {
        if (id == EXPORT || is_after_exports(id))
            && let Some(contents) = left.take()
        {
            put_section(EXPORT, &contents, &mut out);
        }
        if id != EXPORT && id != START {
            put_section(id, section, &mut out);
        }
    }
    Some(out)
}

fn put_section(id: u8, contents: &[u8], out: &mut Vec<u8>) {
    out.push(id);
    put_number(contents.len() as u32, out);
    out.extend_from_slice(contents);
}

/// Reads a number in groups of seven bits.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0;
    for (place, byte) in bytes.iter().take(5).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * place);
        if byte < &0x80 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

fn put_number(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
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
