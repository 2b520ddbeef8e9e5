//! Modules without comparisons with zero right in front of a `select`: wasmi 2.0.0
//! translates the two to one instruction, and that goes wrong.
//!
//! It drops the comparison and has the `select` look at what was compared, with its
//! operands exchanged. What was compared is in a local, or in another place of the
//! frame; but the `select` goes on to look at the register that the comparison
//! would have written (`try_fuse_select` in wasmi's translator), where something
//! else is by then. So its choice is as it happens to come.
//!
//! A comparison gives 0 or 1, and so it is the same with `& 1` behind it. Of that
//! and a `select` wasmi makes no instruction that is wrong.

use wasm_encoder::{Encode, Instruction};
use wasmparser::{FunctionBody, Operator};

use crate::sections;

/// A valid module where wasmi translates each `select` as it is meant; nothing if
/// it does anyhow.
pub(crate) fn rewrite(wasm: &[u8]) -> Option<Vec<u8>> {
    sections::rewrite_bodies(wasm, body).ok().flatten()
}

const NOP: u8 = 0x01;
const ELSE: u8 = 0x05;
const END: u8 = 0x0b;
const SELECT: u8 = 0x1b;
const TYPED_SELECT: u8 = 0x1c;
const I32_EQZ: u8 = 0x45;
const I32_EQ: u8 = 0x46;
const I32_NE: u8 = 0x47;

/// Puts `& 1` behind comparisons; nothing if there are none that need it.
fn body(wasm: &[u8], body: &FunctionBody<'_>) -> Result<Option<Vec<u8>>, wasmparser::Error> {
    // Few functions have these bytes side by side, and this is a fraction of what it
    // takes to read operators. They may be part of others.
    let may_change = |pair: &[u8]| {
        matches!(pair[0], I32_EQZ | I32_EQ | I32_NE)
            && matches!(pair[1], SELECT | TYPED_SELECT | NOP | END | ELSE)
    };
    if !body.as_bytes().windows(2).any(may_change) {
        return Ok(None);
    }
    let range = body.range();
    let mut new = Vec::new();
    let mut copied = range.start;
    let mut after_comparison = false;
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let at = operators.original_position();
        let operator = operators.read()?;
        // Besides `select` itself, what is between the two and is no instruction.
        let leads_on = matches!(
            operator,
            Operator::Select
                | Operator::TypedSelect { .. }
                | Operator::TypedSelectMulti { .. }
                | Operator::Nop
                | Operator::End
                | Operator::Else
        );
        if after_comparison && leads_on {
            new.extend_from_slice(&wasm[copied..at]);
            Instruction::I32Const(1).encode(&mut new);
            Instruction::I32And.encode(&mut new);
            copied = at;
        }
        after_comparison = matches!(
            operator,
            Operator::I32Eqz | Operator::I32Eq | Operator::I32Ne
        );
    }
    if copied == range.start {
        return Ok(None);
    }
    new.extend_from_slice(&wasm[copied..range.end]);
    Ok(Some(new))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a function of two parameters gives for 65,537 and 0, by wasmi.
    fn run(wasm: &[u8]) -> i32 {
        let engine = wasmi::Engine::default();
        let module = wasmi::Module::new(&engine, wasm).unwrap();
        let mut store = wasmi::Store::new(&engine, ());
        let instance = wasmi::Linker::new(&engine)
            .instantiate_and_start(&mut store, &module)
            .unwrap();
        let run = instance
            .get_typed_func::<(i32, i32), i32>(&store, "run")
            .unwrap();
        run.call(&mut store, (65_537, 0)).unwrap()
    }

    fn module(code: &str) -> Vec<u8> {
        let text = format!(
            r#"(module (func (export "run") (param i32 i32) (result i32) (local i64)
                (local.set 2 (i64.add (local.get 2) (i64.const 9)))
                {code}))"#
        );
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn wasmi_chooses_what_it_should() {
        for (code, expected) in [
            (
                "(select (local.get 0) (i32.const 1) (i32.eqz (local.get 1)))",
                65_537,
            ),
            (
                "(select (local.get 0) (i32.const 1) (i32.ne (local.get 1) (i32.const 0)))",
                1,
            ),
            (
                "(select (local.get 0) (i32.const 1) (i32.eq (local.get 1) (i32.const 0)))",
                65_537,
            ),
            (
                "(select (result i32) (local.get 0) (i32.const 1) (i32.eqz (local.get 1)))",
                65_537,
            ),
            (
                "(select (local.get 0) (i32.const 1) (i32.eqz (i32.eqz (local.get 1))))",
                1,
            ),
            (
                "local.get 0 i32.const 1 local.get 1 i32.eqz nop select",
                65_537,
            ),
            (
                "local.get 0 i32.const 1 (block (result i32) local.get 1 i32.eqz) select",
                65_537,
            ),
        ] {
            let wasm = rewrite(&module(code)).unwrap();
            wasmparser::validate(&wasm).unwrap();
            assert_eq!(run(&wasm), expected, "{code}");
        }
    }

    /// If this fails, wasmi is better than it was, and the module can go.
    #[test]
    fn wasmi_does_not_by_itself() {
        let code = "(select (local.get 0) (i32.const 1) (i32.eqz (local.get 1)))";
        assert_eq!(run(&module(code)), 1);
    }

    #[test]
    fn what_goes_right_stays() {
        for code in [
            "(select (local.get 0) (i32.const 1) (local.get 1))",
            "(select (local.get 0) (i32.const 1) (i32.lt_s (local.get 1) (i32.const 5)))",
            "(if (result i32) (i32.eqz (local.get 1)) (then (local.get 0)) (else (local.get 1)))",
        ] {
            assert_eq!(rewrite(&module(code)), None, "{code}");
        }
    }
}
