//! Single items of two versions, and what interfaces are made of.

use wit_parser::{
    Docs, Function, InterfaceId, Resolve, Stability, TypeDefKind, TypeId, WorldItem, WorldKey,
};

use super::super::differ::{Member, member_word};
use super::super::gate::{self, Gate};
use super::super::text::{self, clip};
use super::super::types::{Kind, plain, resource_of};
use super::{ChangeKind, Comparison, Edition, GateProblem, Level, Role, WitError};

impl Edition<'_> {
    fn definition(&self, id: TypeId) -> Option<String> {
        let id = self.wit.named(id)?;
        Some(text::definition(self.types, id))
    }

    fn function(&self, function: &Function) -> Result<String, WitError> {
        let function = self.wit.function(function)?;
        Ok(text::function(self.types, &function))
    }
}

/// A function's gate, which is its resource's if it has none.
fn stability<'a>(resolve: &'a Resolve, function: &'a Function) -> &'a Stability {
    match (&function.stability, function.kind.resource()) {
        (Stability::Unknown, Some(id)) => &resolve.types[id].stability,
        (stability, _) => stability,
    }
}

fn is_unstable(stability: &Stability) -> bool {
    matches!(stability, Stability::Unstable { .. })
}

impl Comparison<'_> {
    pub(super) fn removed(&mut self, item: &str, stability: &Stability) {
        let (level, text) = match stability {
            Stability::Unstable { .. } => (Level::Patch, "removed; it was unstable"),
            _ => (Level::Major, "removed"),
        };
        self.change(level, ChangeKind::Removed, item, text);
    }

    pub(super) fn added(&mut self, item: &str, stability: &Stability, role: Role) {
        let (level, text) = match (stability, role) {
            (Stability::Unstable { .. }, _) => (Level::Patch, "added, unstable"),
            (_, Role::Offered) => (Level::Minor, "added"),
            (_, Role::Needed) => (
                Level::Major,
                "added to what components export, so that those that were built before lack it",
            ),
        };
        self.change(level, ChangeKind::Added, item, text);
    }

    /// Checks the `@since` of a new item.
    pub(super) fn since(&mut self, item: &str, stability: &Stability) {
        let (true, Some(version)) = (self.is_gated, self.version.clone()) else {
            return;
        };
        match stability {
            Stability::Unstable { .. } => {}
            Stability::Unknown => self.gate_problem(
                item,
                format!("it is new and has no `@since`: write `@since(version = {version})`"),
            ),
            Stability::Stable { since, .. } if *since != version => self.gate_problem(
                item,
                format!(
                    "it is new and says `@since(version = {since})`: write \
                     `@since(version = {version})`"
                ),
            ),
            Stability::Stable { .. } => {}
        }
    }

    fn gate_problem(&mut self, item: &str, text: String) {
        self.gates.push(GateProblem {
            item: item.to_owned(),
            text,
        });
    }

    pub(super) fn docs(&mut self, item: &str, old: &Docs, new: &Docs) {
        if old != new {
            self.change(Level::Patch, ChangeKind::Docs, item, "docs");
        }
    }

    /// Compares the gates of an item, of which the changes after the first `from` are.
    pub(super) fn gate(
        &mut self,
        item: &str,
        role: Role,
        from: usize,
        old: &Stability,
        new: &Stability,
        docs: &Docs,
    ) {
        if is_unstable(old) {
            for change in &mut self.changes[from..] {
                change.level = Level::Patch;
            }
        }
        let (old, new) = (Gate::new(old), Gate::new(new));
        match (&old.unstable, &new.unstable) {
            (Some(before), Some(after)) if before != after => {
                let text = format!("unstable with `{after}`, and before with `{before}`");
                self.change(Level::Patch, ChangeKind::Gate, item, text);
            }
            (Some(_), None) => {
                let level = match role {
                    Role::Offered => Level::Minor,
                    Role::Needed => Level::Major,
                };
                self.change(level, ChangeKind::Added, item, "no longer unstable");
            }
            (None, Some(feature)) => {
                let text = format!("became unstable, with `{feature}`");
                self.change(Level::Major, ChangeKind::Removed, item, text);
            }
            (None, None) => self.since_of_both(item, &old, &new),
            (Some(_), Some(_)) => {}
        }
        self.deprecation(item, &old, &new, docs);
    }

    fn since_of_both(&mut self, item: &str, old: &Gate, new: &Gate) {
        match (&old.since, &new.since) {
            (Some(before), Some(after)) if before != after => self.gate_problem(
                item,
                format!(
                    "its `@since` was {before} and is {after}: it says when the item came, and \
                     stays"
                ),
            ),
            (Some(before), None) => self.gate_problem(
                item,
                format!("it lost its `@since`: write `@since(version = {before})`"),
            ),
            (None, Some(after)) => {
                let text = format!("`@since(version = {after})` was written");
                self.change(Level::Patch, ChangeKind::Gate, item, text);
                if self.old_version.as_ref().is_some_and(|old| after > old) {
                    let text = format!("its `@since` is {after}, and it was there before");
                    self.gate_problem(item, text);
                }
            }
            _ => {}
        }
    }

    fn deprecation(&mut self, item: &str, old: &Gate, new: &Gate, docs: &Docs) {
        match (&old.deprecated, &new.deprecated) {
            (None, Some(version)) => {
                let instead = match gate::replacement(docs) {
                    Some(name) => format!(", use `{name}` instead"),
                    None => String::new(),
                };
                let text = format!("deprecated since {version}{instead}");
                self.change(Level::Minor, ChangeKind::Deprecated, item, text);
                if self.version.as_ref().is_some_and(|it| version > it) {
                    let text = format!("it says that it is deprecated since {version}, to come");
                    self.gate_problem(item, text);
                }
            }
            (Some(_), None) => {
                let text = "no longer deprecated";
                self.change(Level::Minor, ChangeKind::Deprecated, item, text);
            }
            (Some(before), Some(after)) if before != after => {
                let text = format!("deprecated since {after}, and before since {before}");
                self.change(Level::Patch, ChangeKind::Deprecated, item, text);
            }
            _ => {}
        }
    }

    pub(super) fn world_item(
        &mut self,
        path: &str,
        role: Role,
        key: &WorldKey,
        old: &WorldItem,
        new: &WorldItem,
    ) -> Result<(), WitError> {
        match (old, new) {
            (WorldItem::Interface { id: old, .. }, WorldItem::Interface { id: new, .. }) => {
                match key {
                    // It is compared where it is defined.
                    WorldKey::Interface(_) => Ok(()),
                    WorldKey::Name(_) => self.interface(path, role, *old, *new),
                }
            }
            (WorldItem::Function(old), WorldItem::Function(new)) => {
                self.function(path, role, old, new)
            }
            (WorldItem::Type { id: old, .. }, WorldItem::Type { id: new, .. }) => {
                self.ty(path, role, *old, *new);
                Ok(())
            }
            _ => {
                self.change(Level::Major, ChangeKind::Type, path, "is of another kind");
                Ok(())
            }
        }
    }

    pub(super) fn interface(
        &mut self,
        path: &str,
        role: Role,
        old: InterfaceId,
        new: InterfaceId,
    ) -> Result<(), WitError> {
        let (a, b) = (self.old, self.new);
        let (old, new) = (&a.resolve.interfaces[old], &b.resolve.interfaces[new]);
        let from = self.changes.len();
        self.docs(path, &old.docs, &new.docs);
        for (name, id) in &old.types {
            let path = format!("{path}.{name}");
            match new.types.get(name) {
                None => {
                    self.removed(&path, &a.resolve.types[*id].stability);
                    self.with_types(a.definition(*id), None);
                }
                Some(new) => self.ty(&path, role, *id, *new),
            }
        }
        for (name, id) in &new.types {
            if !old.types.contains_key(name) {
                let path = format!("{path}.{name}");
                let stability = &b.resolve.types[*id].stability;
                self.added(&path, stability, role);
                self.with_types(None, b.definition(*id));
                self.since(&path, stability);
            }
        }
        // The functions of a resource come and go with it.
        let stays = |name: &str| {
            resource_of(name).is_none_or(|resource| {
                old.types.contains_key(resource) && new.types.contains_key(resource)
            })
        };
        for (name, function) in old.functions.iter().filter(|(name, _)| stays(name)) {
            let path = format!("{path}.{}", plain(name));
            match new.functions.get(name) {
                None => {
                    self.removed(&path, stability(a.resolve, function));
                    self.with_types(Some(a.function(function)?), None);
                }
                Some(new) => self.function(&path, role, function, new)?,
            }
        }
        for (name, function) in new.functions.iter().filter(|(name, _)| stays(name)) {
            if !old.functions.contains_key(name) {
                let path = format!("{path}.{}", plain(name));
                let stability = stability(b.resolve, function);
                self.added(&path, stability, role);
                self.with_types(None, Some(b.function(function)?));
                self.since(&path, &function.stability);
            }
        }
        self.gate(path, role, from, &old.stability, &new.stability, &new.docs);
        Ok(())
    }

    fn function(
        &mut self,
        path: &str,
        role: Role,
        old: &Function,
        new: &Function,
    ) -> Result<(), WitError> {
        let (a, b) = (self.old, self.new);
        let from = self.changes.len();
        self.docs(path, &old.docs, &new.docs);
        let (before, after) = (a.wit.function(old)?, b.wit.function(new)?);
        if let Err(mismatch) = self.differ.functions(&before, &after) {
            let text = format!("is of another type: {}", mismatch.text());
            self.change(Level::Major, ChangeKind::Type, path, text);
            self.with_types(Some(a.function(old)?), Some(b.function(new)?));
        }
        let before = stability(a.resolve, old);
        let after = stability(b.resolve, new);
        // What is the resource's is told of the resource.
        if old.stability.is_unknown() && new.stability.is_unknown() {
            if is_unstable(before) {
                for change in &mut self.changes[from..] {
                    change.level = Level::Patch;
                }
            }
        } else {
            self.gate(path, role, from, before, after, &new.docs);
        }
        Ok(())
    }

    fn ty(&mut self, path: &str, role: Role, old: TypeId, new: TypeId) {
        let (a, b) = (self.old, self.new);
        let from = self.changes.len();
        let (before, after) = (&a.resolve.types[old], &b.resolve.types[new]);
        if documented(&before.kind) == documented(&after.kind) {
            let of_members = member_docs(&before.kind) != member_docs(&after.kind);
            if before.docs != after.docs || of_members {
                self.change(Level::Patch, ChangeKind::Docs, path, "docs");
            }
        } else {
            self.docs(path, &before.docs, &after.docs);
        }
        if let (Some(x), Some(y)) = (a.wit.named(old), b.wit.named(new)) {
            let both_alias = [a.types.get(x), b.types.get(y)]
                .iter()
                .all(|def| matches!(def.kind, Kind::Alias(_)));
            let result = if both_alias {
                self.differ.types(x, y)
            } else {
                self.differ.definitions(x, y)
            };
            if let Err(mismatch) = result {
                let definitions = (a.definition(old), b.definition(new));
                let word = member_word(&a.types.get(a.types.resolve(x)).kind);
                let members = match both_alias {
                    true => Vec::new(),
                    false => self.differ.members(x, y),
                };
                let first = self.changes.len();
                for member in &members {
                    let text = member_text(word, member);
                    self.change(Level::Major, ChangeKind::Members, path, text);
                }
                if members.is_empty() {
                    let text = format!("is of another type: {}", mismatch.text());
                    self.change(Level::Major, ChangeKind::Type, path, text);
                }
                // Once is enough.
                if let Some(change) = self.changes.get_mut(first) {
                    (change.before, change.after) = definitions;
                }
            }
        }
        self.gate(
            path,
            role,
            from,
            &before.stability,
            &after.stability,
            &after.docs,
        );
    }
}

fn member_text(word: &str, member: &Member) -> String {
    match member {
        Member::Left(name) => format!("the {word} `{}` was removed", clip(name)),
        Member::Right(name) => format!("the {word} `{}` was added", clip(name)),
        Member::Type(name, mismatch) => format!(
            "the {word} `{}` is of another type: {}",
            clip(name),
            mismatch.text()
        ),
        Member::Order => format!("the {word}s are in another order"),
    }
}

/// The names of what has docs in a type.
fn documented(kind: &TypeDefKind) -> Vec<&str> {
    members(kind).into_iter().map(|(name, _)| name).collect()
}

fn member_docs(kind: &TypeDefKind) -> Vec<&Docs> {
    members(kind).into_iter().map(|(_, docs)| docs).collect()
}

fn members(kind: &TypeDefKind) -> Vec<(&str, &Docs)> {
    match kind {
        TypeDefKind::Record(ty) => {
            let fields = ty.fields.iter();
            fields.map(|it| (it.name.as_str(), &it.docs)).collect()
        }
        TypeDefKind::Variant(ty) => {
            let cases = ty.cases.iter();
            cases.map(|it| (it.name.as_str(), &it.docs)).collect()
        }
        TypeDefKind::Enum(ty) => {
            let cases = ty.cases.iter();
            cases.map(|it| (it.name.as_str(), &it.docs)).collect()
        }
        TypeDefKind::Flags(ty) => {
            let flags = ty.flags.iter();
            flags.map(|it| (it.name.as_str(), &it.docs)).collect()
        }
        _ => Vec::new(),
    }
}
