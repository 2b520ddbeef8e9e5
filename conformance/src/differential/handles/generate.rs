//! Programs at random. What the components' tables should hold is kept beside
//! them, so that most handles are there and the right ones; a few are not.

use std::convert::Infallible;

use enginebay::{ResourceType, Type, Val};

use super::super::generate::{scalar, ty_of, value_within};
use super::super::guest::Echo;
use super::super::image::{Encoding, flat, size};
use super::{Batch, Call, Function, G, H, NEW, Op, Ops, Program, Step, WRONG, Way, is_host, visit};
use crate::random::Random;

/// Functions of one component.
const FUNCTIONS: usize = 6;
/// Programs that use them.
const PROGRAMS: usize = 60;

/// A handle in a component's table.
#[derive(Clone, Copy, PartialEq)]
struct Entry {
    host: bool,
    owned: bool,
}

/// A component's table, as the Canonical ABI has it ("Table State"): the index
/// that was freed last is used first.
struct Table {
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,
}

impl Table {
    fn new() -> Self {
        Table {
            entries: vec![None],
            free: Vec::new(),
        }
    }

    fn add(&mut self, entry: Entry) -> u32 {
        let index = self.free.pop().unwrap_or(self.entries.len());
        if index == self.entries.len() {
            self.entries.push(None);
        }
        self.entries[index] = Some(entry);
        index as u32
    }

    fn remove(&mut self, index: u32) -> Option<Entry> {
        let entry = self.entries.get_mut(index as usize)?.take();
        if entry.is_some() {
            self.free.push(index as usize);
        }
        entry
    }

    /// Any handle like this, if there is one; now and then another number.
    fn any(&self, random: &mut Random, fits: impl Fn(Entry) -> bool) -> Option<u32> {
        self.another(random, &[], fits)
    }

    /// As [`Table::any`], and none of these.
    fn another(
        &self,
        random: &mut Random,
        not: &[u32],
        fits: impl Fn(Entry) -> bool,
    ) -> Option<u32> {
        if random.one_in(60) {
            return Some(random.below(8) as u32);
        }
        let all = self.entries.iter().enumerate();
        let fit = all.filter(|(_, entry)| entry.is_some_and(&fits));
        let fit = fit.map(|(index, _)| index as u32);
        let fit: Vec<_> = fit.filter(|index| !not.contains(index)).collect();
        (!fit.is_empty()).then(|| random.pick(&fit))
    }
}

/// A type with handles in it.
fn ty(random: &mut Random) -> Type {
    fn handle(random: &mut Random, borrow: bool) -> Type {
        let resource = match random.one_in(2) {
            true => ResourceType::host::<H>(),
            false => ResourceType::host::<G>(),
        };
        match borrow && random.one_in(2) {
            true => Type::Borrow(resource),
            false => Type::Own(resource),
        }
    }
    let owned = |random: &mut Random| match random.one_in(3) {
        true => scalar(random),
        false => handle(random, false),
    };
    let both = |random: &mut Random| match random.one_in(3) {
        true => scalar(random),
        false => handle(random, true),
    };
    loop {
        let ty = match random.one_in(2) {
            true => ty_of(random, owned),
            false => ty_of(random, both),
        };
        let text = ty.to_string();
        if (text.contains("own<") || text.contains("borrow<"))
            && size(&ty) < 1024
            && flat(&ty).len() < 100
        {
            return ty;
        }
    }
}

/// What makes a resource of the host's, or of the guest's.
fn new(host: bool) -> u32 {
    if host { 4 } else { 2 }
}

/// One with which a destructor may trap.
fn representation(random: &mut Random) -> u32 {
    10 + random.below(40) as u32
}

/// A program in the making.
struct Maker<'a> {
    random: &'a mut Random,
    /// The inner component's table, and the outer one's.
    tables: [Table; 2],
    program: Program,
}

impl Maker<'_> {
    /// Something that a component does with its handles. What it has no handle
    /// for makes one.
    fn op(&mut self, side: usize) -> Op {
        let op = self.random.below(if side == 0 { 9 } else { 10 }) as u32;
        let table = &mut self.tables[side];
        let (host, owned) = (matches!(op, 1 | 4..=8), matches!(op, 5 | 7 | 9));
        let fits = |entry: Entry| entry.host == host && (entry.owned || !owned);
        let making = matches!(op, 2 | 4);
        let Some(arg) = table.any(self.random, fits).filter(|_| !making) else {
            table.add(Entry { host, owned: true });
            return (new(host), representation(self.random));
        };
        if matches!(op, 0 | 1 | 5 | 7 | 9) {
            table.remove(arg);
            if op == 9 {
                let owned = true;
                self.tables[0].add(Entry { host, owned });
            }
        }
        (op, arg)
    }

    fn ops(&mut self, side: usize) -> Vec<Op> {
        let count = self.random.below(3);
        (0..count).map(|_| self.op(side)).collect()
    }

    /// What drops the borrowed handles that a call gave, or nearly.
    fn returned(&mut self, side: usize, borrowed: &[(bool, u32)]) -> Vec<Op> {
        if self.random.one_in(40) {
            return Vec::new();
        }
        let mut ops = Vec::new();
        for (host, index) in borrowed {
            let there = self.tables[side].entries.get(*index as usize);
            if there.is_some_and(Option::is_some) {
                self.tables[side].remove(*index);
                ops.push((u32::from(*host), *index));
            }
        }
        ops
    }

    /// Handles that arrive in a component: the indexes of owned ones, and those
    /// of borrowed ones with their type.
    fn arrive(&mut self, side: usize, handles: &[Entry]) -> (Vec<u32>, Vec<(bool, u32)>) {
        let (mut owned, mut borrowed) = (Vec::new(), Vec::new());
        for entry in handles {
            // Who defines a resource is lent its representation.
            if side == 0 && !entry.host && !entry.owned {
                continue;
            }
            let index = self.tables[side].add(*entry);
            match entry.owned {
                true => owned.push(index),
                false => borrowed.push((entry.host, index)),
            }
        }
        (owned, borrowed)
    }

    fn call(&mut self, function: &Function) {
        let ty = &function.echo.ty;
        let gives_back = function.gives_back();
        let mut value = value_within(self.random, ty, 20);
        let outer = self.random.one_in(2);
        let way = match self.random.below(3) {
            0 if gives_back => Way::Give,
            1 if outer && function.sends() => Way::Send,
            _ => Way::Pass,
        };
        let mut ops = [Ops::default(), Ops::default()];
        if outer {
            ops[1].before = self.ops(1);
        }
        if way == Way::Give {
            ops[0].before = self.ops(0);
        }
        // In which table the handles' numbers are; the host's own have none.
        let from = match way {
            Way::Give => Some(0),
            Way::Send => Some(1),
            Way::Pass => None,
        };
        let (mut handles, mut given) = (Vec::new(), Vec::new());
        let random = &mut *self.random;
        let tables = &mut self.tables;
        let _ = visit(ty, &mut value, &mut |ty, value| {
            let (resource, owned) = match ty {
                Type::Own(resource) => (resource, true),
                Type::Borrow(resource) => (resource, false),
                _ => return Ok(()),
            };
            let entry = Entry {
                host: is_host(resource),
                owned,
            };
            let number = match from {
                Some(side) => {
                    let fits = |other: Entry| other.host == entry.host && (other.owned || !owned);
                    let index = tables[side].another(random, &given, fits);
                    let index = index.unwrap_or_else(|| {
                        let op = (new(entry.host), representation(random));
                        ops[side].before.push(op);
                        tables[side].add(Entry {
                            owned: true,
                            ..entry
                        })
                    });
                    // Usually no owned one is passed twice.
                    if owned && !random.one_in(40) {
                        given.push(index);
                    }
                    index
                }
                // A handle of the wrong type.
                None if random.one_in(60) => WRONG,
                None if random.one_in(if owned { 20 } else { 3 }) => random.below(8) as u32,
                // A new one.
                None => NEW + representation(random),
            };
            *value = Val::U32(number);
            handles.push(entry);
            Ok::<(), Infallible>(())
        });
        if let Some(side) = from {
            for index in given {
                self.tables[side].remove(index);
            }
        }
        match way {
            Way::Pass | Way::Send => {
                let outside = match (way, outer) {
                    (Way::Pass, true) => self.arrive(1, &handles),
                    _ => Default::default(),
                };
                for index in outside.0 {
                    self.tables[1].remove(index);
                }
                let (owned, borrowed) = self.arrive(0, &handles);
                ops[0].before = self.ops(0);
                ops[0].after = self.returned(0, &borrowed);
                if gives_back {
                    for index in owned {
                        self.tables[0].remove(index);
                    }
                }
                if outer {
                    ops[1].after = self.returned(1, &outside.1);
                }
            }
            Way::Give => {}
        }
        self.program.push(Step::Call(Box::new(Call {
            function: function.clone(),
            value,
            way,
            outer,
            ops,
        })));
    }

    fn step(&mut self, functions: &[Function]) {
        let which = self.random.below(8) as u32;
        let host = self.random.one_in(2);
        let step = match self.random.below(10) {
            0 | 1 => Step::Make(host, representation(self.random)),
            2 => Step::Drop(host, which),
            3 => Step::Rep(which),
            4 => {
                self.tables[0].add(Entry {
                    host: false,
                    owned: true,
                });
                Step::Take(which)
            }
            _ => {
                let function = &functions[self.random.below(functions.len())];
                return self.call(function);
            }
        };
        self.program.push(step);
    }
}

/// All programs of a seed.
pub(crate) fn generate(seed: u64) -> Batch {
    // Not the numbers that the other cases of this seed are made of.
    let mut random = Random::new(seed ^ 0x6861_6e64_6c65_7300);
    let encodings = (random.pick(&Encoding::ALL), random.pick(&Encoding::ALL));
    let functions: Vec<_> = (0..FUNCTIONS)
        .map(|_| Function {
            echo: Echo {
                ty: ty(&mut random),
                pad: random.one_in(2),
            },
        })
        .collect();
    let programs = (0..PROGRAMS).map(|_| {
        let mut maker = Maker {
            random: &mut random,
            tables: [Table::new(), Table::new()],
            program: Vec::new(),
        };
        // Some for later calls.
        maker.program.push(Step::Make(true, 1));
        maker.program.push(Step::Make(true, 2));
        maker.program.push(Step::Make(false, 3));
        maker.program.push(Step::Make(false, 4));
        let steps = 1 + maker.random.below(7);
        (0..steps).for_each(|_| maker.step(&functions));
        maker.program
    });
    Batch {
        encodings,
        programs: programs.collect(),
    }
}
