//! Expressions of many operators, as compilers see them: what each of its parts
//! gives, the whole gives, whatever a compiler makes of the parts together.

use std::fmt::Write as _;

use enginebay::Backend;

use super::model::{self, F32, F64, I32, Op, Ty, inputs};
use super::operators::{OUT, base, constant, results};

/// Variables: two of each type of float.
type Env = [u64; 4];

type Value = Box<dyn Fn(&Env) -> u64>;

struct Tree {
    text: String,
    value: Value,
}

/// xorshift64*
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

struct Grower {
    random: Random,
    ops: Vec<Op>,
}

impl Grower {
    fn tree(&mut self, ty: Ty, depth: usize) -> Tree {
        if depth == 0 {
            return self.leaf(ty);
        }
        match self.random.below(10) {
            0..6 => self.operator(ty, depth - 1),
            _ => self.detour(ty, depth - 1),
        }
    }

    fn leaf(&mut self, ty: Ty) -> Tree {
        if self.random.below(3) == 0 {
            let bits = *self.random.of(&inputs(ty));
            return Tree {
                text: constant(ty, bits),
                value: Box::new(move |_| bits),
            };
        }
        let index = self.random.below(2) + if ty == F64 { 2 } else { 0 };
        Tree {
            text: format!("(local.get $v{index})"),
            value: Box::new(move |env| env[index]),
        }
    }

    fn operator(&mut self, ty: Ty, depth: usize) -> Tree {
        let fits = |op: &&Op| op.result == ty && op.params.iter().all(|ty| matches!(ty, F32 | F64));
        let candidates: Vec<Op> = self.ops.iter().filter(fits).copied().collect();
        let op = *self.random.of(&candidates);
        let operands: Vec<Tree> = op.params.iter().map(|ty| self.tree(*ty, depth)).collect();
        let texts: String = operands.iter().map(|tree| tree.text.as_str()).collect();
        Tree {
            text: format!("({} {texts})", op.name),
            value: Box::new(move |env| {
                let bits: Vec<u64> = operands.iter().map(|tree| (tree.value)(env)).collect();
                (op.model)(&bits).unwrap()
            }),
        }
    }

    /// Something that changes no bits, or chooses.
    fn detour(&mut self, ty: Ty, depth: usize) -> Tree {
        let f = ty.name();
        let (i, shape) = if ty == F32 {
            ("i32", "f32x4")
        } else {
            ("i64", "f64x2")
        };
        let Tree { text, value } = self.tree(ty, depth);
        let text = match self.random.below(8) {
            0 => format!("({f}.reinterpret_{i} ({i}.reinterpret_{f} {text}))"),
            1 => format!("(local.tee $t{f} {text})"),
            2 => format!("(block (result {f}) (br 0 {text}))"),
            3 => format!(
                "({f}.load (block (result i32)
                    ({f}.store (i32.const 32) {text}) (i32.const 32)))"
            ),
            4 => format!("({shape}.extract_lane 1 ({shape}.splat {text}))"),
            5 => {
                // In a vector, lane by lane as alone.
                let other = self.tree(ty, depth);
                let name = *self.random.of(&["add", "mul", "div", "min", "max"]);
                let scalar = format!("{f}.{name}");
                let op = *self.ops.iter().find(|op| op.name == scalar).unwrap();
                let text = format!(
                    "({shape}.extract_lane 0 ({shape}.{name} ({shape}.splat {text})
                        ({shape}.splat {})))",
                    other.text
                );
                let value = Box::new(move |env: &Env| {
                    (op.model)(&[value(env), (other.value)(env)]).unwrap()
                });
                return Tree { text, value };
            }
            choice => {
                let (other, left, right) =
                    (self.tree(ty, depth), self.tree(ty, depth), self.leaf(ty));
                let tests: Vec<Op> = self
                    .ops
                    .iter()
                    .filter(|op| op.result == I32 && op.params == [ty, ty])
                    .copied()
                    .collect();
                let test = *self.random.of(&tests);
                let condition = format!("({} {} {})", test.name, left.text, right.text);
                let text = if choice == 6 {
                    format!("(select {text} {} {condition})", other.text)
                } else {
                    format!(
                        "(if (result {f}) {condition} (then {text}) (else {}))",
                        other.text
                    )
                };
                let value = Box::new(move |env: &Env| {
                    let operands = [(left.value)(env), (right.value)(env)];
                    match (test.model)(&operands) {
                        Ok(0) => (other.value)(env),
                        _ => value(env),
                    }
                });
                return Tree { text, value };
            }
        };
        Tree { text, value }
    }
}

/// The variables of a round.
fn env(round: usize) -> Env {
    let (x, u) = (inputs(F32), inputs(F64));
    [
        x[round % x.len()],
        x[(7 * round + 3) % x.len()],
        u[round % u.len()],
        u[(7 * round + 3) % u.len()],
    ]
}

const ROUNDS: usize = 52;

fn body(ty: Ty, tree: &Tree) -> String {
    let mut text = "(local $k i32) (local $o i32) (local $v0 f32) (local $v1 f32) (local $v2 f64)
        (local $v3 f64) (local $tf32 f32) (local $tf64 f64)"
        .to_owned();
    write!(text, "(local.set $o (i32.const {OUT})) (loop $again").unwrap();
    for (name, ty, factor, more) in [
        ("v0", F32, 1, 0),
        ("v1", F32, 7, 3),
        ("v2", F64, 1, 0),
        ("v3", F64, 7, 3),
    ] {
        write!(
            text,
            "(local.set ${name} ({}.load offset={} (i32.mul (i32.const {}) (i32.rem_u
                (i32.add (i32.mul (local.get $k) (i32.const {factor})) (i32.const {more}))
                (i32.const {})))))",
            ty.name(),
            base(ty),
            ty.size(),
            inputs(ty).len()
        )
        .unwrap();
    }
    write!(
        text,
        "({}.store (local.get $o) {})
        (local.set $o (i32.add (local.get $o) (i32.const {})))
        (local.set $k (i32.add (local.get $k) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $k) (i32.const {ROUNDS})))) (local.get $o)",
        ty.name(),
        tree.text,
        ty.size()
    )
    .unwrap();
    text
}

pub(crate) fn expressions_of_floats_give_what_their_parts_give<B: Backend>() {
    let mut grower = Grower {
        random: Random(0x5eed),
        ops: model::ops(),
    };
    let trees: Vec<(Ty, Tree)> = (0..200)
        .map(|i| {
            let ty = if i % 2 == 0 { F32 } else { F64 };
            (ty, grower.tree(ty, 5))
        })
        .collect();
    let bodies: Vec<String> = trees.iter().map(|(ty, tree)| body(*ty, tree)).collect();
    for ((ty, tree), bytes) in trees.iter().zip(results::<B>(&bodies)) {
        assert_eq!(bytes.len(), ROUNDS * ty.size());
        for (round, bytes) in bytes.chunks(ty.size()).enumerate() {
            let mut bits = [0; 8];
            bits[..bytes.len()].copy_from_slice(bytes);
            let (given, env) = (u64::from_le_bytes(bits), env(round));
            let expected = (tree.value)(&env);
            assert_eq!(
                given, expected,
                "{} with {env:x?} gives {given:x}, not {expected:x}",
                tree.text
            );
        }
    }
}
