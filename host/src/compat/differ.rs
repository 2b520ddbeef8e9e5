//! Where two types differ.

use std::collections::{HashMap, HashSet};

use super::text;
use super::types::{Function, Kind, TypeId, Types};

/// Names of the two sides, as messages have them.
#[derive(Clone, Copy)]
pub(super) struct Sides {
    pub(super) left: &'static str,
    pub(super) right: &'static str,
}

/// The first difference of two types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// The way to the part that differs, innermost first.
    path: Vec<String>,
    /// What differs.
    note: String,
}

impl Mismatch {
    fn new(note: String) -> Self {
        let path = Vec::new();
        Mismatch { path, note }
    }

    fn within(mut self, part: impl FnOnce() -> String) -> Self {
        self.path.push(part());
        self
    }

    /// As ``result, `err`: only the host has the case `b` ``.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for part in self.path.iter().rev() {
            text.push_str(part);
            text.push_str(", ");
        }
        if text.ends_with(", ") {
            text.truncate(text.len() - 2);
            text.push_str(": ");
        }
        text::clip(&(text + &self.note))
    }
}

/// How the two lists of members of a type differ.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Member {
    /// Only the left one has it.
    Left(String),
    /// Only the right one has it.
    Right(String),
    /// Both have it, with other types.
    Type(String, Mismatch),
    /// All are there, in another order.
    Order,
}

/// Compares types of one store with those of another.
pub(super) struct Differ<'a> {
    left: &'a Types,
    right: &'a Types,
    sides: Sides,
    /// Types of this package, `ns:pkg/`, that have the same name are taken as the same:
    /// that they differ is told of them, not of what uses them.
    own: Option<String>,
    /// Those that were found to be the same.
    same: HashSet<(TypeId, TypeId)>,
}

impl<'a> Differ<'a> {
    pub(super) fn new(left: &'a Types, right: &'a Types, sides: Sides) -> Self {
        Differ {
            left,
            right,
            sides,
            own: None,
            same: HashSet::new(),
        }
    }

    /// Compares names, not definitions, of a package's own types.
    pub(super) fn by_name(mut self, package: String) -> Self {
        self.own = Some(package);
        self
    }

    /// The difference of two functions.
    pub(super) fn functions(&mut self, left: &Function, right: &Function) -> Result<(), Mismatch> {
        if left.is_async != right.is_async {
            let side = if left.is_async {
                self.sides.left
            } else {
                self.sides.right
            };
            return Err(Mismatch::new(format!("only that of {side} is async")));
        }
        for (i, (left, right)) in left.params.iter().zip(&right.params).enumerate() {
            let number = i + 1;
            if left.0 != right.0 {
                let (left, right) = (text::clip(&left.0), text::clip(&right.0));
                let Sides { left: a, right: b } = self.sides;
                return Err(Mismatch::new(format!(
                    "parameter {number} is named `{left}` by {a} and `{right}` by {b}, and names \
                     are part of the type"
                )));
            }
            self.types(left.1, right.1)
                .map_err(|it| it.within(|| format!("parameter `{}`", text::clip(&left.0))))?;
        }
        let (a, b) = (left.params.len(), right.params.len());
        if a != b {
            let (side, params) = if a > b {
                (self.sides.left, &left.params[b..])
            } else {
                (self.sides.right, &right.params[a..])
            };
            let name = params.first().map_or("", |(name, _)| name.as_str());
            return Err(Mismatch::new(format!(
                "only that of {side} has the parameter `{}`",
                text::clip(name)
            )));
        }
        self.options(left.result, right.result)
            .map_err(|it| it.within(|| "the result".to_owned()))
    }

    /// The difference of two types.
    pub(super) fn types(&mut self, left: TypeId, right: TypeId) -> Result<(), Mismatch> {
        let (left, right) = (self.left.resolve(left), self.right.resolve(right));
        if self.same.contains(&(left, right)) || self.same_by_name(left, right) {
            return Ok(());
        }
        self.definitions(left, right)?;
        self.same.insert((left, right));
        Ok(())
    }

    fn same_by_name(&self, left: TypeId, right: TypeId) -> bool {
        let (Some(own), Some(left), Some(right)) = (
            &self.own,
            &self.left.get(left).name,
            &self.right.get(right).name,
        ) else {
            return false;
        };
        left == right && (left.scope.is_empty() || left.scope.starts_with(own))
    }

    fn options(&mut self, left: Option<TypeId>, right: Option<TypeId>) -> Result<(), Mismatch> {
        match (left, right) {
            (None, None) => Ok(()),
            (Some(left), Some(right)) => self.types(left, right),
            (Some(ty), None) => Err(self.only(self.sides.left, text::reference(self.left, ty))),
            (None, Some(ty)) => Err(self.only(self.sides.right, text::reference(self.right, ty))),
        }
    }

    fn only(&self, side: &str, ty: String) -> Mismatch {
        Mismatch::new(format!("only {side} has a type here, `{ty}`"))
    }

    fn each(
        &mut self,
        part: &str,
        left: Option<TypeId>,
        right: Option<TypeId>,
    ) -> Result<(), Mismatch> {
        self.options(left, right)
            .map_err(|it| it.within(|| part.to_owned()))
    }

    /// The difference of what two types are, whatever their names.
    pub(super) fn definitions(&mut self, left: TypeId, right: TypeId) -> Result<(), Mismatch> {
        let (left, right) = (self.left.resolve(left), self.right.resolve(right));
        let (a, b) = (&self.left.get(left).kind, &self.right.get(right).kind);
        match (a, b) {
            (Kind::Primitive(a), Kind::Primitive(b)) if a == b => Ok(()),
            (Kind::Record(_), Kind::Record(_))
            | (Kind::Variant(_), Kind::Variant(_))
            | (Kind::Enum(_), Kind::Enum(_))
            | (Kind::Flags(_), Kind::Flags(_)) => {
                let word = member_word(a);
                // No more than the first: what differs is not remembered, and walking all
                // of it at each level would take for ever.
                match self.some_members(left, right, 1).pop() {
                    None => Ok(()),
                    Some(member) => Err(self.member(word, left, member)),
                }
            }
            (Kind::Tuple(a), Kind::Tuple(b)) => {
                if a.len() != b.len() {
                    return Err(self.unlike(left, right));
                }
                for (i, (left, right)) in a.iter().zip(b).enumerate() {
                    self.types(*left, *right)
                        .map_err(|it| it.within(|| format!("item {} of the tuple", i + 1)))?;
                }
                Ok(())
            }
            (Kind::List(a), Kind::List(b)) => self.each("the list's items", Some(*a), Some(*b)),
            (Kind::FixedLengthList(a, n), Kind::FixedLengthList(b, m)) if n == m => {
                self.each("the list's items", Some(*a), Some(*b))
            }
            (Kind::Map(ak, av), Kind::Map(bk, bv)) => {
                self.each("the map's keys", Some(*ak), Some(*bk))?;
                self.each("the map's values", Some(*av), Some(*bv))
            }
            (Kind::Option(a), Kind::Option(b)) => self.each("the option", Some(*a), Some(*b)),
            (Kind::Result(ao, ae), Kind::Result(bo, be)) => {
                self.each("`ok` of the result", *ao, *bo)?;
                self.each("`err` of the result", *ae, *be)
            }
            (Kind::Future(a), Kind::Future(b)) => self.each("the future", *a, *b),
            (Kind::Stream(a), Kind::Stream(b)) => self.each("the stream", *a, *b),
            (Kind::Own(a), Kind::Own(b)) | (Kind::Borrow(a), Kind::Borrow(b)) => self.types(*a, *b),
            (Kind::Resource, Kind::Resource) => {
                if self.left.get(left).name == self.right.get(right).name {
                    Ok(())
                } else {
                    Err(self.unlike(left, right))
                }
            }
            _ => Err(self.unlike(left, right)),
        }
    }

    fn unlike(&self, left: TypeId, right: TypeId) -> Mismatch {
        let mut a = text::reference(self.left, left);
        let mut b = text::reference(self.right, right);
        if a == b {
            a = text::definition(self.left, left);
            b = text::definition(self.right, right);
        }
        if a == b {
            // Resources of different interfaces.
            a = scoped(self.left, left);
            b = scoped(self.right, right);
        }
        let Sides {
            left: left_side,
            right: right_side,
        } = self.sides;
        Mismatch::new(format!("{left_side} has `{a}`, {right_side} has `{b}`"))
    }

    fn member(&self, word: &str, ty: TypeId, member: Member) -> Mismatch {
        let of = || match &self.left.get(ty).name {
            Some(name) => format!(" of `{}`", text::clip(&name.name)),
            None => String::new(),
        };
        let only = |side: &str, name: &str| {
            let name = text::clip(name);
            Mismatch::new(format!("only {side} has the {word} `{name}`{}", of()))
        };
        match member {
            Member::Left(name) => only(self.sides.left, &name),
            Member::Right(name) => only(self.sides.right, &name),
            Member::Type(name, mismatch) => {
                mismatch.within(|| format!("{word} `{}`{}", text::clip(&name), of()))
            }
            Member::Order => Mismatch::new(format!("the {word}s{} are in another order", of())),
        }
    }

    /// All differences of the members of two types: fields, cases or flags. None for
    /// types of different kinds, and for those without members.
    pub(super) fn members(&mut self, left: TypeId, right: TypeId) -> Vec<Member> {
        self.some_members(left, right, usize::MAX)
    }

    /// The first differences, as many as `most`.
    fn some_members(&mut self, left: TypeId, right: TypeId, most: usize) -> Vec<Member> {
        let (left, right) = (self.left.resolve(left), self.right.resolve(right));
        match (&self.left.get(left).kind, &self.right.get(right).kind) {
            (Kind::Record(a), Kind::Record(b)) => {
                let field = |(name, ty): &'a (String, TypeId)| (name, Some(*ty));
                let a: Vec<_> = a.iter().map(field).collect();
                let b: Vec<_> = b.iter().map(field).collect();
                self.lists(&a, &b, most)
            }
            (Kind::Variant(a), Kind::Variant(b)) => {
                let case = |(name, ty): &'a (String, Option<TypeId>)| (name, *ty);
                let a: Vec<_> = a.iter().map(case).collect();
                let b: Vec<_> = b.iter().map(case).collect();
                self.lists(&a, &b, most)
            }
            (Kind::Enum(a), Kind::Enum(b)) | (Kind::Flags(a), Kind::Flags(b)) => {
                let a: Vec<_> = a.iter().map(|name| (name, None)).collect();
                let b: Vec<_> = b.iter().map(|name| (name, None)).collect();
                self.lists(&a, &b, most)
            }
            _ => Vec::new(),
        }
    }

    fn lists(
        &mut self,
        left: &[(&String, Option<TypeId>)],
        right: &[(&String, Option<TypeId>)],
        most: usize,
    ) -> Vec<Member> {
        let names = |list: &[(&'_ String, _)]| -> HashSet<String> {
            list.iter().map(|(name, _)| (*name).clone()).collect()
        };
        let (in_left, in_right) = (names(left), names(right));
        let only = |list: &[(&String, _)], other: &HashSet<String>| -> Vec<String> {
            list.iter()
                .filter(|(name, _)| !other.contains(*name))
                .map(|(name, _)| (*name).clone())
                .collect()
        };
        let only_left = only(left, &in_right).into_iter().map(Member::Left);
        let only_right = only(right, &in_left).into_iter().map(Member::Right);
        let mut members: Vec<_> = only_left.chain(only_right).take(most).collect();
        let left: Vec<_> = left
            .iter()
            .filter(|(it, _)| in_right.contains(*it))
            .collect();
        let mut right: Vec<_> = right
            .iter()
            .filter(|(it, _)| in_left.contains(*it))
            .collect();
        if left.iter().zip(&right).any(|(a, b)| a.0 != b.0) {
            members.push(Member::Order);
            let names = left.iter().enumerate();
            let places: HashMap<&String, usize> = names.map(|(i, (it, _))| (*it, i)).collect();
            right.sort_by_key(|(name, _)| places.get(*name));
        }
        members.truncate(most);
        for ((name, left), (_, right)) in left.into_iter().zip(right) {
            if members.len() >= most {
                break;
            }
            if let Err(mismatch) = self.options(*left, *right) {
                members.push(Member::Type((*name).clone(), mismatch));
            }
        }
        members
    }
}

/// A type's name with where it is from.
fn scoped(types: &Types, id: TypeId) -> String {
    match &types.get(id).name {
        Some(name) => text::clip(&format!("{}.{}", name.scope, name.name)),
        None => "a type without a name".to_owned(),
    }
}

/// What a type's members are called.
pub(super) fn member_word(kind: &Kind) -> &'static str {
    match kind {
        Kind::Record(_) => "field",
        Kind::Flags(_) => "flag",
        _ => "case",
    }
}
