//! Puts a metered module together: sections as they are, but for the numbers of
//! functions and globals in them and what the pass adds.

use wasm_encoder::{Encode, IndirectNameMap, NameMap, NameSection};
use wasmtime_environ::ModuleTranslation;
use wasmtime_environ::wasmparser::{
    self, BinaryReader, CustomSectionReader, Data, DataKind, Element, ElementItems, ElementKind,
    ExportSectionReader, ExternalKind, FromReader, FunctionBody, GlobalSectionReader, KnownCustom,
    Name, Parser, Payload, SectionLimited, TableInit, TableSectionReader,
};

use super::offsets::OffsetMap;
use super::shape::Shape;
use super::start::{self, Deferred};
use super::{COUNTER, Label, MODULE, Metered, Mode, Outcome, Refused, SLOW, body, constant};
use crate::engine::FLAG;

/// What a module consists of.
#[derive(Default)]
pub(super) struct Sections<'a> {
    pub(super) types: Option<wasmparser::TypeSectionReader<'a>>,
    pub(super) imports: Option<wasmparser::ImportSectionReader<'a>>,
    pub(super) funcs: Option<wasmparser::FunctionSectionReader<'a>>,
    tables: Option<TableSectionReader<'a>>,
    memories: Option<wasmparser::MemorySectionReader<'a>>,
    pub(super) tags: Option<wasmparser::TagSectionReader<'a>>,
    globals: Option<GlobalSectionReader<'a>>,
    exports: Option<ExportSectionReader<'a>>,
    start: Option<u32>,
    pub(super) elements: Option<wasmparser::ElementSectionReader<'a>>,
    bodies: Vec<FunctionBody<'a>>,
    pub(super) data: Option<wasmparser::DataSectionReader<'a>>,
    names: Option<CustomSectionReader<'a>>,
}

impl<'a> Sections<'a> {
    fn read(wasm: &'a [u8]) -> Outcome<Self> {
        let mut sections = Sections::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(it) => sections.types = Some(it),
                Payload::ImportSection(it) => sections.imports = Some(it),
                Payload::FunctionSection(it) => sections.funcs = Some(it),
                Payload::TableSection(it) => sections.tables = Some(it),
                Payload::MemorySection(it) => sections.memories = Some(it),
                Payload::TagSection(it) => sections.tags = Some(it),
                Payload::GlobalSection(it) => sections.globals = Some(it),
                Payload::ExportSection(it) => sections.exports = Some(it),
                Payload::StartSection { func, .. } => sections.start = Some(func),
                Payload::ElementSection(it) => sections.elements = Some(it),
                Payload::CodeSectionEntry(it) => sections.bodies.push(it),
                Payload::DataSection(it) => sections.data = Some(it),
                Payload::CustomSection(it) if it.name() == "name" => sections.names = Some(it),
                // The rest is nothing that engines run, or speaks of offsets.
                _ => {}
            }
        }
        Ok(sections)
    }
}

/// The lengths of the bulk operations in each body, if Wasmtime knows them.
pub(super) fn lengths(module: &ModuleTranslation<'_>) -> Outcome<Vec<Vec<Option<u64>>>> {
    let sections = Sections::read(module.wasm)?;
    let shape = Shape::new(Mode::Fuel { slices: false }, module, &sections)?;
    let bodies = sections.bodies.iter().enumerate();
    bodies
        .map(|(index, body)| {
            // What fills and copies begin with.
            if body.as_bytes().contains(&0xfc) {
                constant::solve(&shape, index, body)
            } else {
                Ok(Vec::new())
            }
        })
        .collect()
}

/// Writes the metered module.
pub(super) fn write(module: &ModuleTranslation<'_>, mode: Mode) -> Outcome<Metered> {
    let wasm = module.wasm;
    let sections = Sections::read(wasm)?;
    let mut shape = Shape::new(mode, module, &sections)?;
    let deferred = Deferred::new(&shape, module, &sections)?;

    // Bodies first: they say which types are missing.
    let count = sections.bodies.len();
    let mut offsets = OffsetMap::new(shape.imported_funcs, shape.imported_funcs + count as u32);
    let mut code = Vec::with_capacity(wasm.len() * 2);
    (count as u32 + u32::from(shape.has_startup)).encode(&mut code);
    let mut scratch = Vec::new();
    for (index, it) in sections.bodies.iter().enumerate() {
        scratch.clear();
        let points = body::write(&mut shape, wasm, index, it, &mut scratch)?;
        scratch.len().encode(&mut code);
        let range = code.len()..code.len() + scratch.len();
        offsets.add(range, it.range().start, &points);
        code.extend_from_slice(&scratch);
    }
    if shape.has_startup {
        scratch.clear();
        start::write(&shape, wasm, module, &sections, &deferred, &mut scratch)?;
        scratch.len().encode(&mut code);
        code.extend_from_slice(&scratch);
    }

    let mut out = Writer {
        wasm,
        shape: &shape,
        out: Vec::with_capacity(wasm.len() + code.len()),
    };
    out.out.extend_from_slice(b"\0asm\x01\0\0\0");
    out.types(sections.types.as_ref())?;
    out.imports(sections.imports.as_ref());
    out.funcs(sections.funcs.as_ref());
    out.tables(sections.tables.as_ref())?;
    out.same(5, sections.memories.as_ref());
    out.same(13, sections.tags.as_ref());
    out.globals(sections.globals.as_ref())?;
    out.exports(sections.exports.as_ref())?;
    let start = sections.start.map(|start| shape.func_index(start));
    if let Some(start) = shape.has_startup.then(|| shape.startup()).or(start) {
        let mut contents = Vec::new();
        start.encode(&mut contents);
        out.section(8, &contents);
    }
    out.elements(sections.elements.as_ref(), deferred.elements)?;
    if let Some(data) = &sections.data {
        let mut contents = Vec::new();
        data.count().encode(&mut contents);
        out.section(12, &contents);
    }
    if count != 0 || shape.has_startup {
        out.section(10, &code);
        offsets.finish(out.out.len() - code.len());
    }
    out.data(sections.data.as_ref(), deferred.data)?;
    let label = Label::new(wasm);
    out.names(label, sections.names.as_ref());
    Ok(Metered {
        wasm: out.out,
        slow: shape.slow(),
        label,
        offsets,
    })
}

/// Writes sections.
struct Writer<'a, 'b> {
    wasm: &'a [u8],
    shape: &'a Shape<'b>,
    out: Vec<u8>,
}

impl Writer<'_, '_> {
    fn section(&mut self, id: u8, contents: &[u8]) {
        self.out.push(id);
        contents.encode(&mut self.out);
    }

    /// A section as it is.
    fn same<T>(&mut self, id: u8, section: Option<&SectionLimited<'_, T>>) {
        if let Some(section) = section {
            let wasm = self.wasm;
            self.section(id, &wasm[section.range()]);
        }
    }

    /// A section as it is, with more items after its own.
    fn more<T>(
        &mut self,
        id: u8,
        section: Option<&SectionLimited<'_, T>>,
        count: u32,
        items: &[u8],
    ) {
        let mut contents = Vec::new();
        match section {
            Some(section) => {
                (section.count() + count).encode(&mut contents);
                // A section's reader stands after the number of its items.
                let items = section.original_position()..section.range().end;
                contents.extend_from_slice(&self.wasm[items]);
            }
            None => count.encode(&mut contents),
        }
        contents.extend_from_slice(items);
        self.section(id, &contents);
    }

    fn types(&mut self, types: Option<&wasmparser::TypeSectionReader<'_>>) -> Outcome<()> {
        let mut items = Vec::new();
        match self.shape.mode {
            // `(i64) -> i64`
            Mode::Fuel { .. } => items.extend_from_slice(&[0x60, 1, 0x7e, 1, 0x7e]),
            Mode::Flag => items.extend_from_slice(&[0x60, 0, 0]),
        }
        // `() -> ()`, of the start-up function.
        items.extend_from_slice(&[0x60, 0, 0]);
        let added = self.shape.added();
        for results in &added {
            items.extend_from_slice(&[0x60, 0]);
            (results.len() as u32).encode(&mut items);
            for result in *results {
                super::shape::val_type(*result, &mut items)?;
            }
        }
        self.more(1, types, 2 + added.len() as u32, &items);
        Ok(())
    }

    fn imports(&mut self, imports: Option<&wasmparser::ImportSectionReader<'_>>) {
        let mut items = Vec::new();
        let counts = self.shape.mode.counts();
        if counts {
            MODULE.encode(&mut items);
            COUNTER.encode(&mut items);
            items.extend_from_slice(&[0x03, 0x7e, 0x01]);
        }
        MODULE.encode(&mut items);
        SLOW.encode(&mut items);
        items.push(0x00);
        self.shape.slow_type().encode(&mut items);
        self.more(2, imports, 1 + u32::from(counts), &items);
    }

    fn funcs(&mut self, funcs: Option<&wasmparser::FunctionSectionReader<'_>>) {
        if self.shape.has_startup {
            let mut items = Vec::new();
            self.shape.startup_type().encode(&mut items);
            self.more(3, funcs, 1, &items);
        } else {
            self.same(3, funcs);
        }
    }

    fn tables(&mut self, tables: Option<&TableSectionReader<'_>>) -> Outcome<()> {
        let Some(tables) = tables else { return Ok(()) };
        let mut contents = Vec::new();
        tables.count().encode(&mut contents);
        for table in tables.clone().into_iter_with_offsets() {
            let (begins, table) = table?;
            match table.init {
                TableInit::RefNull => {
                    let mut reader = BinaryReader::new(&self.wasm[begins..], begins);
                    wasmparser::Table::from_reader(&mut reader)?;
                    contents.extend_from_slice(&self.wasm[begins..reader.original_position()]);
                }
                TableInit::Expr(init) => {
                    let value = init.get_binary_reader().original_position();
                    contents.extend_from_slice(&self.wasm[begins..value]);
                    start::whole_expression(self.shape, self.wasm, &init, &mut contents)?;
                }
            }
        }
        self.section(4, &contents);
        Ok(())
    }

    fn globals(&mut self, globals: Option<&GlobalSectionReader<'_>>) -> Outcome<()> {
        if !self.shape.mode.counts() {
            // A mutable `i32`, which begins with 0: the flag.
            self.more(6, globals, 1, &[0x7f, 0x01, 0x41, 0x00, 0x0b]);
            return Ok(());
        }
        let Some(globals) = globals else {
            return Ok(());
        };
        let mut contents = Vec::new();
        globals.count().encode(&mut contents);
        for global in globals.clone().into_iter_with_offsets() {
            let (begins, global) = global?;
            let value = global.init_expr.get_binary_reader().original_position();
            contents.extend_from_slice(&self.wasm[begins..value]);
            start::whole_expression(self.shape, self.wasm, &global.init_expr, &mut contents)?;
        }
        self.section(6, &contents);
        Ok(())
    }

    fn exports(&mut self, exports: Option<&ExportSectionReader<'_>>) -> Outcome<()> {
        let flag = !self.shape.mode.counts();
        let count = exports.map_or(0, SectionLimited::count) + u32::from(flag);
        if count == 0 {
            return Ok(());
        }
        let mut contents = Vec::new();
        count.encode(&mut contents);
        if flag {
            FLAG.encode(&mut contents);
            contents.push(3);
            self.shape.counter().encode(&mut contents);
        }
        for export in exports.into_iter().flat_map(SectionLimited::clone) {
            let export = export?;
            export.name.encode(&mut contents);
            let (kind, index) = match export.kind {
                ExternalKind::Func => (0, self.shape.func_index(export.index)),
                ExternalKind::Table => (1, export.index),
                ExternalKind::Memory => (2, export.index),
                ExternalKind::Global => (3, self.shape.global_index(export.index)),
                ExternalKind::Tag => (4, export.index),
                ExternalKind::FuncExact => return Err(Refused::Feature("custom descriptors")),
            };
            contents.push(kind);
            index.encode(&mut contents);
        }
        self.section(7, &contents);
        Ok(())
    }

    fn elements(
        &mut self,
        elements: Option<&wasmparser::ElementSectionReader<'_>>,
        deferred: usize,
    ) -> Outcome<()> {
        let Some(elements) = elements else {
            return Ok(());
        };
        let mut contents = Vec::new();
        elements.count().encode(&mut contents);
        let mut active = 0;
        for element in elements.clone() {
            let element = element?;
            let is_active = matches!(element.kind, ElementKind::Active { .. });
            let passive = is_active && active >= deferred;
            active += usize::from(is_active);
            self.element(&element, passive, &mut contents)?;
        }
        self.section(9, &contents);
        Ok(())
    }

    /// An element segment, perhaps made passive.
    fn element(&self, element: &Element<'_>, passive: bool, out: &mut Vec<u8>) -> Outcome<()> {
        let (items, is_expressions, type_begins) = match &element.items {
            ElementItems::Functions(items) => (items.range().start, false, None),
            ElementItems::Expressions(_, items) => (items.range().start, true, None),
        };
        let kind = match &element.kind {
            ElementKind::Passive => 1,
            ElementKind::Declared => 3,
            ElementKind::Active { .. } if passive => 1,
            ElementKind::Active {
                table_index: None, ..
            } => 0,
            ElementKind::Active { .. } => 2,
        };
        out.push(kind | if is_expressions { 4 } else { 0 });
        // The flags are one byte; the type of the items is what is left between
        // them, or after the offset, and the items.
        let mut type_begins = type_begins.unwrap_or(element.range.start + 1);
        if let ElementKind::Active {
            table_index,
            offset_expr,
        } = &element.kind
        {
            type_begins = offset_expr.get_binary_reader().range().end;
            if !passive {
                table_index.iter().for_each(|table| table.encode(out));
                start::whole_expression(self.shape, self.wasm, offset_expr, out)?;
            }
        }
        if kind != 0 {
            match &self.wasm[type_begins..items] {
                [] if is_expressions => out.push(0x70),
                [] => out.push(0x00),
                ty => out.extend_from_slice(ty),
            }
        }
        match &element.items {
            ElementItems::Functions(items) => {
                items.count().encode(out);
                for index in items.clone() {
                    self.shape.func_index(index?).encode(out);
                }
            }
            ElementItems::Expressions(_, items) => {
                items.count().encode(out);
                for item in items.clone() {
                    start::whole_expression(self.shape, self.wasm, &item?, out)?;
                }
            }
        }
        Ok(())
    }

    fn data(
        &mut self,
        data: Option<&wasmparser::DataSectionReader<'_>>,
        deferred: usize,
    ) -> Outcome<()> {
        let Some(data) = data else { return Ok(()) };
        let mut contents = Vec::with_capacity(data.range().len());
        data.count().encode(&mut contents);
        let mut active = 0;
        for segment in data.clone() {
            let segment: Data<'_> = segment?;
            match &segment.kind {
                DataKind::Active {
                    memory_index,
                    offset_expr,
                } => {
                    if active < deferred {
                        match memory_index {
                            0 => contents.push(0),
                            other => {
                                contents.push(2);
                                other.encode(&mut contents);
                            }
                        }
                        start::whole_expression(self.shape, self.wasm, offset_expr, &mut contents)?;
                    } else {
                        contents.push(1);
                    }
                    active += 1;
                }
                DataKind::Passive => contents.push(1),
            }
            segment.data.encode(&mut contents);
        }
        self.section(11, &contents);
        Ok(())
    }

    /// Names, as far as they can be read: a custom section may hold anything.
    fn names(&mut self, label: Label, names: Option<&CustomSectionReader<'_>>) {
        let subsections: Vec<_> = match names.map(|names| names.as_known()) {
            Some(KnownCustom::Name(names)) => names.into_iter().map_while(Result::ok).collect(),
            _ => Vec::new(),
        };
        let name = subsections.iter().find_map(|it| match it {
            Name::Module { name, .. } => Some(*name),
            _ => None,
        });
        let mut section = NameSection::new();
        section.module(&label.put(name));
        for subsection in subsections {
            self.name(&mut section, subsection);
        }
        wasm_encoder::Section::append_to(&section, &mut self.out);
    }

    fn name(&self, section: &mut NameSection, subsection: Name<'_>) {
        let map = |names: wasmparser::NameMap<'_>, index: &dyn Fn(u32) -> u32| {
            let mut map = NameMap::new();
            for name in names.into_iter().map_while(Result::ok) {
                map.append(index(name.index), name.name);
            }
            map
        };
        let same = |index| index;
        match subsection {
            Name::Function(names) => {
                section.functions(&map(names, &|index| self.shape.func_index(index)));
            }
            Name::Local(all) => {
                let mut locals = IndirectNameMap::new();
                for names in all.into_iter().map_while(Result::ok) {
                    locals.append(self.shape.func_index(names.index), &map(names.names, &same));
                }
                section.locals(&locals);
            }
            Name::Global(names) => {
                section.globals(&map(names, &|index| self.shape.global_index(index)));
            }
            Name::Type(names) => section.types(&map(names, &same)),
            Name::Table(names) => section.tables(&map(names, &same)),
            Name::Memory(names) => section.memories(&map(names, &same)),
            Name::Element(names) => section.elements(&map(names, &same)),
            Name::Data(names) => section.data(&map(names, &same)),
            Name::Tag(names) => section.tags(&map(names, &same)),
            // Labels are counted, and the pass has added some.
            Name::Label(_) | Name::Field(_) | Name::Unknown { .. } => {}
            // It comes first.
            Name::Module { .. } => {}
        }
    }
}
