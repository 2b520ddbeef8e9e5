//! Types as WIT text, of a bounded length whatever their size.

use super::types::{Function, Kind, TypeId, Types};

/// The longest text of a type or a name, in bytes.
const MAX: usize = 600;

/// A function's type, as `func(path: string) -> result<u32, error>`.
pub(super) fn function(types: &Types, function: &Function) -> String {
    let mut text = Text::new(types);
    if function.is_async {
        text.push("async ");
    }
    text.push("func(");
    text.list(&function.params, |text, (name, ty)| {
        text.push(name);
        text.push(": ");
        text.reference(*ty);
    });
    text.push(")");
    if let Some(result) = function.result {
        text.push(" -> ");
        text.reference(result);
    }
    text.finish()
}

/// A type where it is used: its name if it has one.
pub(super) fn reference(types: &Types, id: TypeId) -> String {
    let mut text = Text::new(types);
    text.reference(id);
    text.finish()
}

/// A type with what it consists of, as `record point { x: u32, y: u32 }`.
pub(super) fn definition(types: &Types, id: TypeId) -> String {
    let mut text = Text::new(types);
    let def = types.get(id);
    let name = def.name.as_ref().map(|name| name.name.as_str());
    if let (Some(name), Kind::Alias(_)) = (name, &def.kind) {
        text.push(&format!("type {name} = "));
    }
    text.kind(id, name);
    text.finish()
}

/// A text that is not too long for a message.
pub(super) fn clip(text: &str) -> String {
    let end = text.floor_char_boundary(MAX);
    let more = if end < text.len() { "..." } else { "" };
    text[..end].to_owned() + more
}

struct Text<'a> {
    types: &'a Types,
    out: String,
}

impl<'a> Text<'a> {
    fn new(types: &'a Types) -> Self {
        let out = String::new();
        Text { types, out }
    }

    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Nothing that is written now would be seen.
    fn is_full(&self) -> bool {
        self.out.len() > MAX
    }

    fn finish(self) -> String {
        clip(&self.out)
    }

    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        for (i, item) in items.iter().enumerate() {
            if self.is_full() {
                return;
            }
            if i > 0 {
                self.push(", ");
            }
            each(self, item);
        }
    }

    fn reference(&mut self, id: TypeId) {
        match &self.types.get(id).name {
            Some(name) => self.push(&name.name),
            None => self.kind(id, None),
        }
    }

    /// `keyword<a, b>`
    fn generic(&mut self, keyword: &str, arguments: &[TypeId]) {
        self.push(keyword);
        if !arguments.is_empty() {
            self.push("<");
            self.list(arguments, |text, ty| text.reference(*ty));
            self.push(">");
        }
    }

    /// `keyword name { a, b }`
    fn block<T>(
        &mut self,
        keyword: &str,
        name: Option<&str>,
        items: &[T],
        each: impl FnMut(&mut Self, &T),
    ) {
        self.push(keyword);
        if let Some(name) = name {
            self.push(" ");
            self.push(name);
        }
        self.push(" { ");
        self.list(items, each);
        self.push(" }");
    }

    fn kind(&mut self, id: TypeId, name: Option<&str>) {
        if self.is_full() {
            return;
        }
        match &self.types.get(id).kind {
            Kind::Primitive(primitive) => self.push(primitive),
            Kind::Record(fields) => self.block("record", name, fields, |text, (name, ty)| {
                text.push(name);
                text.push(": ");
                text.reference(*ty);
            }),
            Kind::Variant(cases) => self.block("variant", name, cases, |text, (name, ty)| {
                text.push(name);
                if let Some(ty) = ty {
                    text.push("(");
                    text.reference(*ty);
                    text.push(")");
                }
            }),
            Kind::Enum(cases) => self.block("enum", name, cases, |text, name| text.push(name)),
            Kind::Flags(flags) => self.block("flags", name, flags, |text, name| text.push(name)),
            Kind::Tuple(types) => self.generic("tuple", types),
            Kind::List(ty) => self.generic("list", &[*ty]),
            Kind::FixedLengthList(ty, length) => {
                self.push("list<");
                self.reference(*ty);
                self.push(&format!(", {length}>"));
            }
            Kind::Map(key, value) => self.generic("map", &[*key, *value]),
            Kind::Option(ty) => self.generic("option", &[*ty]),
            Kind::Result(Some(ok), Some(err)) => self.generic("result", &[*ok, *err]),
            Kind::Result(Some(ok), None) => self.generic("result", &[*ok]),
            Kind::Result(None, Some(err)) => {
                self.push("result<_, ");
                self.reference(*err);
                self.push(">");
            }
            Kind::Result(None, None) => self.push("result"),
            Kind::Future(ty) => self.generic("future", ty.as_slice()),
            Kind::Stream(ty) => self.generic("stream", ty.as_slice()),
            Kind::Resource => {
                self.push("resource ");
                self.push(name.unwrap_or("_"));
            }
            Kind::Own(ty) => self.reference(*ty),
            Kind::Borrow(ty) => self.generic("borrow", &[*ty]),
            Kind::Alias(ty) => self.reference(*ty),
        }
    }
}
