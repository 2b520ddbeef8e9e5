//! Short loops whose code is there twice.
//!
//! wasmi stops a guest by its own fuel, which it looks at in the head of each loop:
//! a step of its own, beside the three or four that a short loop consists of. With
//! the code twice that is done in every other round. A loop
//!
//! ```text
//! loop
//!   code
//! end
//! ```
//!
//! becomes
//!
//! ```text
//! block
//!   loop
//!     block
//!       code, in which branches to the loop go to this block's end
//!       br 2
//!     end
//!     code
//!   end
//! end
//! ```
//!
//! It is done to loops that have no loops and no calls in them, take no parameters and
//! give no more than one value, where the rounds are short. What it adds is less than
//! the module.

use wasm_encoder::{Encode, Instruction};
use wasmparser::{BlockType, FunctionBody, Operator};

use crate::sections;

/// The longest loop whose code is doubled, in bytes: some fifty operators. What a look
/// takes is less than a twentieth of a longer one.
const LONGEST: usize = 160;

/// A valid module whose short loops have their code twice; nothing if there are none.
pub(crate) fn rewrite(wasm: &[u8]) -> Option<Vec<u8>> {
    sections::rewrite_bodies(wasm, body).ok().flatten()
}

/// A loop that nothing excludes so far, which is the innermost.
struct Candidate {
    /// Where it begins, and its code.
    start: usize,
    code: usize,
    /// How many blocks are open in it.
    depth: u32,
    /// Branches in it: where they begin and end, how many blocks are open there, and
    /// what they are.
    branches: Vec<(usize, usize, u32, Branch)>,
}

enum Branch {
    /// To one label, or not at all.
    One(u32, fn(u32) -> Instruction<'static>),
    /// By a table, to the last if nothing else.
    Table(Vec<u32>, u32),
}

/// Doubles loops; nothing if none is to be.
fn body(wasm: &[u8], body: &FunctionBody<'_>) -> Result<Option<Vec<u8>>, wasmparser::Error> {
    const LOOP: u8 = 0x03;
    // It may be part of something else; but most functions have none.
    if !body.as_bytes().contains(&LOOP) {
        return Ok(None);
    }
    let range = body.range();
    let mut new = Vec::new();
    let mut copied = range.start;
    let mut candidate: Option<Candidate> = None;
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let at = operators.original_position();
        let operator = operators.read()?;
        let end = operators.original_position();
        if let Operator::Loop { blockty } = operator {
            candidate = (!matches!(blockty, BlockType::FuncType(_))).then(|| Candidate {
                start: at,
                code: end,
                depth: 0,
                branches: Vec::new(),
            });
            continue;
        }
        let Some(it) = &mut candidate else {
            continue;
        };
        let branch = match &operator {
            Operator::Block { .. } | Operator::If { .. } => {
                it.depth += 1;
                continue;
            }
            Operator::End if it.depth > 0 => {
                it.depth -= 1;
                continue;
            }
            Operator::End => {
                if at - it.code <= LONGEST {
                    new.extend_from_slice(&wasm[copied..it.start]);
                    it.write(wasm, at, &mut new);
                    copied = end;
                }
                candidate = None;
                continue;
            }
            Operator::Br { relative_depth } => Branch::One(*relative_depth, Instruction::Br),
            Operator::BrIf { relative_depth } => Branch::One(*relative_depth, Instruction::BrIf),
            Operator::BrTable { targets } => {
                let all = targets.targets().collect::<Result<_, _>>()?;
                Branch::Table(all, targets.default())
            }
            // What is called looks as well, beside which a look is little.
            Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            // Of other proposals, with labels.
            | Operator::TryTable { .. }
            | Operator::BrOnNull { .. }
            | Operator::BrOnNonNull { .. }
            | Operator::BrOnCast { .. }
            | Operator::BrOnCastFail { .. } => {
                candidate = None;
                continue;
            }
            _ => continue,
        };
        it.branches.push((at, end, it.depth, branch));
    }
    if copied == range.start {
        return Ok(None);
    }
    new.extend_from_slice(&wasm[copied..range.end]);
    Ok(Some(new))
}

impl Candidate {
    /// Writes the loop, whose `end` is at that place.
    fn write(&self, wasm: &[u8], end: usize, out: &mut Vec<u8>) {
        // Its type is what is between the first byte and the code.
        let ty = &wasm[self.start + 1..self.code];
        const BLOCK: u8 = 0x02;
        out.push(BLOCK);
        out.extend_from_slice(ty);
        out.push(wasm[self.start]);
        out.extend_from_slice(ty);
        Instruction::Block(wasm_encoder::BlockType::Empty).encode(out);
        self.code(wasm, end, 2, out);
        Instruction::Br(2).encode(out);
        Instruction::End.encode(out);
        self.code(wasm, end, 1, out);
        Instruction::End.encode(out);
        Instruction::End.encode(out);
    }

    /// Writes the code, with so many more blocks around it.
    fn code(&self, wasm: &[u8], end: usize, more: u32, out: &mut Vec<u8>) {
        let mut copied = self.code;
        for (at, after, depth, branch) in &self.branches {
            // Labels up to the loop's own stay.
            let label = |to: u32| if to > *depth { to + more } else { to };
            out.extend_from_slice(&wasm[copied..*at]);
            match branch {
                Branch::One(to, instruction) => instruction(label(*to)).encode(out),
                Branch::Table(all, default) => {
                    let all: Vec<_> = all.iter().copied().map(label).collect();
                    Instruction::BrTable(all.into(), label(*default)).encode(out);
                }
            }
            copied = *after;
        }
        out.extend_from_slice(&wasm[copied..end]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a function gives for some numbers, by wasmi.
    fn run(wasm: &[u8]) -> Vec<Result<i64, String>> {
        let engine = wasmi::Engine::default();
        let module = wasmi::Module::new(&engine, wasm).unwrap();
        (0..12)
            .map(|n| {
                let mut store = wasmi::Store::new(&engine, ());
                let instance = wasmi::Linker::new(&engine)
                    .instantiate_and_start(&mut store, &module)
                    .unwrap();
                let run = instance.get_typed_func::<i32, i64>(&store, "run").unwrap();
                run.call(&mut store, n).map_err(|error| error.to_string())
            })
            .collect()
    }

    fn module(code: &str) -> Vec<u8> {
        let text = format!(
            r#"(module (memory 1)
                (type $pair (func (result i32 i64)))
                (func $run (export "run") (param $n i32) (result i64) (local $i i32) (local $sum i64)
                {code}))"#
        );
        wat::parse_str(text).unwrap()
    }

    /// Adds the number to the sum, counts, and leaves whether there is more to do.
    const ROUND: &str = "(local.set $sum (i64.add
            (i64.mul (local.get $sum) (i64.const 3)) (i64.extend_i32_u (local.get $i))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (i32.lt_s (local.get $i) (local.get $n))";

    #[test]
    fn loops_do_what_they_did() {
        let codes = [
            "(loop $l ROUND br_if $l) (local.get $sum)",
            "(block $b (loop $l (br_if $b (i32.ge_s (local.get $i) (local.get $n)))
                ROUND drop (br $l))) (local.get $sum)",
            "(loop $l (result i64) ROUND br_if $l (local.get $sum))",
            "(block $b (result i64) (loop $l (result i64)
                ROUND (if (then (br $l)))
                (br_if $b (local.get $sum) (i32.and (local.get $n) (i32.const 1)))
                drop (i64.const 7)))",
            "(block $a (block $b (loop $l ROUND drop
                (block $c (block $d (br_table $l $b $c $d $a $l (local.get $i)))
                    (br_if $l (i32.lt_s (local.get $i) (local.get $n))) (br $a))
                (br_if $l (i32.lt_s (local.get $i) (i32.const 9))))
                (return (i64.const -1)))
                (return (i64.add (local.get $sum) (i64.const 100))))
             (local.get $sum)",
            "(loop $o (loop $l ROUND br_if $l)
                (br_if $o (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 2)))
                    (i32.const 9)))) (local.get $sum)",
            "(loop $l ROUND (br_if $l (i32.eqz (i32.eqz))) (unreachable)) (local.get $sum)",
            "(loop $l (result i64) ROUND br_if $l
                (i64.div_u (local.get $sum) (i64.extend_i32_u (i32.and (local.get $n) (i32.const 3)))))",
            "(loop $l (return (i64.const 3))) (unreachable)",
        ];
        for code in codes {
            let code = code.replace("ROUND", ROUND);
            let wasm = module(&code);
            let twice = rewrite(&wasm).unwrap_or_else(|| panic!("{code}"));
            wasmparser::validate(&twice).unwrap();
            assert_eq!(run(&twice), run(&wasm), "{code}");
        }
    }

    #[test]
    fn other_loops_stay() {
        let long = "(drop (i32.const 77777777))".repeat(40);
        for code in [
            "(i64.const 3)".to_owned(),
            format!("(loop $l ROUND br_if $l {long}) (local.get $sum)"),
            "(i64.const 9) (loop $l (param i64) (result i64) ROUND drop)".to_owned(),
            "(loop $l ROUND (drop (call $run (i32.const 0))) br_if $l) (local.get $sum)".to_owned(),
            "(loop $l (result i32 i64) ROUND br_if $l (local.get $i) (local.get $sum))
             (local.set $sum) (i64.add (local.get $sum) (i64.extend_i32_u))"
                .to_owned(),
        ] {
            let wasm = module(&code.replace("ROUND", ROUND));
            assert_eq!(rewrite(&wasm), None, "{code}");
        }
    }
}
