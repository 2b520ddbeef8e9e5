//! What runs before a module's functions do: Wasmtime compiles it as a function of
//! its own, which initializes what is not known before and calls the start
//! function, and which is metered. A metered module gets the same as its start
//! function, where Wasmtime has one.
//!
//! What cannot fail and is charged here (globals, initial values of tables,
//! elements of segments) is left to the engine. Segments that can fail are made
//! passive and copied by this function, each at its turn.

use wasm_encoder::{Encode, Instruction};
use wasmtime_environ::wasmparser::{ConstExpr, DataKind, ElementKind};
use wasmtime_environ::{
    ConstExpr as Translated, MemoryInit, MemoryInitialization, MemorySegmentOffset, ModuleStartup,
    ModuleTranslation, TableInitialValue, TableSegmentElements,
};

use super::Outcome;
use super::body;
use super::cost;
use super::emit::Emit;
use super::sections::Sections;
use super::shape::Shape;

/// Whether Wasmtime runs something to initialize the module.
pub(super) fn is_needed(module: &ModuleTranslation<'_>) -> bool {
    match module.module.startup {
        ModuleStartup::None => false,
        ModuleStartup::Always(_) => true,
        // Data that is known is mapped, on the systems that the count is defined by.
        // But if there is one memory that has none, Wasmtime runs the function, which
        // then finds that the others need nothing.
        ModuleStartup::IfMemoriesNeedInit(_) => {
            !maps_images(module)
                || match &module.module.memory_initialization {
                    MemoryInitialization::Static { map } => map.values().any(Option::is_none),
                    MemoryInitialization::Segmented => true,
                }
        }
    }
}

/// Whether memories are initialized by mapping them, where their data is known.
/// Wasmtime maps none of a module that imports one.
fn maps_images(module: &ModuleTranslation<'_>) -> bool {
    module.module.num_imported_memories == 0
}

/// The lengths of the data of each memory that is known.
fn images(module: &ModuleTranslation<'_>) -> impl Iterator<Item = usize> {
    let all = match &module.memory_init {
        MemoryInit::Processed(all) => &all[..],
        MemoryInit::Unprocessed(_) => &[],
    };
    all.iter().filter_map(|(_, offset, data)| match offset {
        MemorySegmentOffset::Static(_) => Some(module.runtime_data[*data].len()),
        MemorySegmentOffset::Expr(_) => None,
    })
}

/// The segments that the start-up function copies: how many of the module's
/// active ones come before them.
pub(super) struct Deferred {
    pub(super) elements: usize,
    pub(super) data: usize,
}

impl Deferred {
    pub(super) fn new(
        shape: &Shape<'_>,
        module: &ModuleTranslation<'_>,
        sections: &Sections<'_>,
    ) -> Outcome<Self> {
        if !shape.has_startup {
            return Ok(Deferred {
                elements: usize::MAX,
                data: usize::MAX,
            });
        }
        // Wasmtime knows what a table begins with up to some segment.
        let mut active = 0;
        for element in sections.elements.iter().flat_map(|it| it.clone()) {
            active += usize::from(matches!(element?.kind, ElementKind::Active { .. }));
        }
        let left = module.table_initialization.segments.len();
        Ok(Deferred {
            elements: active - left,
            // Either all of a module's memories are known at once or none.
            data: if expressions(module).next().is_some() {
                0
            } else {
                usize::MAX
            },
        })
    }
}

/// The offsets of the data segments that are copied by the start-up function.
fn expressions<'a>(
    module: &'a ModuleTranslation<'_>,
) -> impl Iterator<Item = (&'a Translated, usize)> {
    let all = match &module.memory_init {
        MemoryInit::Processed(all) => &all[..],
        MemoryInit::Unprocessed(_) => &[],
    };
    all.iter().filter_map(|(_, offset, data)| match offset {
        MemorySegmentOffset::Expr(offset) => Some((offset, module.runtime_data[*data].len())),
        MemorySegmentOffset::Static(_) => None,
    })
}

/// One for each operator of a constant expression.
fn price(expression: &Translated) -> i64 {
    expression.ops().len() as i64
}

fn elements(elements: &TableSegmentElements) -> i64 {
    match elements {
        TableSegmentElements::Functions(_) => 0,
        TableSegmentElements::Expressions { exprs, .. } => exprs.iter().map(price).sum(),
    }
}

/// Writes the start-up function's body.
pub(super) fn write(
    shape: &Shape<'_>,
    wasm: &[u8],
    module: &ModuleTranslation<'_>,
    sections: &Sections<'_>,
    deferred: &Deferred,
    out: &mut Vec<u8>,
) -> Outcome<()> {
    let mut emit = Emit::new(shape, 0);
    emit.enter();
    for (_, value) in module.global_initializers.iter() {
        emit.charge(price(value));
    }
    for (_, segment) in module.passive_elements.iter() {
        emit.charge(elements(segment));
    }
    for (table, value) in module.table_initialization.initial_values.iter() {
        if let TableInitialValue::Expr(value) = value {
            emit.charge(price(value));
            let table = module.module.table_index(table);
            let size = module.module.tables[table].limits.min;
            emit.bulk_known(i64::from(cost::prices().table_fill_per_element), size);
        }
    }
    element_segments(shape, wasm, module, sections, deferred, &mut emit)?;
    data_segments(shape, wasm, module, sections, &mut emit)?;
    if let Some(start) = module.start_func {
        // As a call would cost.
        emit.charge(1);
        emit.write_back();
        emit.put(&Instruction::Call(shape.func_index(start.as_u32())));
        emit.load();
    }
    // Wasmtime does not add up what is left over.
    emit.forget();
    emit.write_back();
    emit.put(&Instruction::End);
    emit.finish(0, &[], out);
    out.extend_from_slice(&emit.code);
    Ok(())
}

fn element_segments(
    shape: &Shape<'_>,
    wasm: &[u8],
    module: &ModuleTranslation<'_>,
    sections: &Sections<'_>,
    deferred: &Deferred,
    emit: &mut Emit,
) -> Outcome<()> {
    let all = sections.elements.iter().flat_map(|it| it.clone());
    let active = all
        .enumerate()
        .filter_map(|(index, element)| match element {
            Ok(element) => match element.kind {
                ElementKind::Active {
                    table_index,
                    offset_expr,
                } => Some(Ok((index, table_index.unwrap_or(0), offset_expr))),
                _ => None,
            },
            Err(error) => Some(Err(error)),
        });
    let mut left = module.table_initialization.segments.iter();
    for segment in active.skip(deferred.elements) {
        let (index, table, offset) = segment?;
        let Some(known) = left.next() else { break };
        emit.charge(price(&known.offset));
        let length = known.elements.len();
        expression(shape, wasm, &offset, &mut emit.code)?;
        emit.put(&Instruction::I32Const(0));
        emit.put(&Instruction::I32Const(length as i32));
        // Wasmtime looks at the bounds before it charges for the copy.
        emit.put(&Instruction::TableInit {
            elem_index: index as u32,
            table,
        });
        emit.put(&Instruction::ElemDrop(index as u32));
        emit.bulk_known(i64::from(cost::prices().table_init_per_element), length);
        emit.charge(elements(&known.elements));
    }
    Ok(())
}

fn data_segments(
    shape: &Shape<'_>,
    wasm: &[u8],
    module: &ModuleTranslation<'_>,
    sections: &Sections<'_>,
    emit: &mut Emit,
) -> Outcome<()> {
    if maps_images(module) && images(module).next().is_some() {
        // Wasmtime adds up what is pending on the other way only, and so it is lost.
        emit.forget();
    } else {
        // The engine copies them. The length is that of whole pages of the host.
        for length in images(module) {
            charge_bytes(length, emit);
        }
    }
    let mut left = expressions(module);
    for (index, segment) in sections.data.iter().flat_map(|it| it.clone()).enumerate() {
        let segment = segment?;
        let DataKind::Active {
            memory_index,
            offset_expr,
        } = segment.kind
        else {
            continue;
        };
        let Some((known, length)) = left.next() else {
            break;
        };
        emit.charge(price(known));
        charge_bytes(length, emit);
        expression(shape, wasm, &offset_expr, &mut emit.code)?;
        emit.put(&Instruction::I32Const(0));
        emit.put(&Instruction::I32Const(length as i32));
        emit.put(&Instruction::MemoryInit {
            mem: memory_index,
            data_index: index as u32,
        });
        emit.put(&Instruction::DataDrop(index as u32));
    }
    Ok(())
}

/// Charges for a copy of data.
fn charge_bytes(length: usize, emit: &mut Emit) {
    emit.charge(length as i64 * i64::from(cost::prices().memory_init_per_byte));
    // Wasmtime does not take this length for a constant.
    emit.check();
}

/// Writes a constant expression, without its `end`.
pub(super) fn expression(
    shape: &Shape<'_>,
    wasm: &[u8],
    expression: &ConstExpr<'_>,
    out: &mut Vec<u8>,
) -> Outcome<()> {
    let mut reader = expression.get_operators_reader();
    let mut begins = reader.original_position();
    while !reader.is_end_then_eof() {
        let operator = reader.read()?;
        let ends = reader.original_position();
        body::copy(shape, &operator, &wasm[begins..ends], out);
        begins = ends;
    }
    Ok(())
}

/// Writes a constant expression with its `end`.
pub(super) fn whole_expression(
    shape: &Shape<'_>,
    wasm: &[u8],
    it: &ConstExpr<'_>,
    out: &mut Vec<u8>,
) -> Outcome<()> {
    expression(shape, wasm, it, out)?;
    Instruction::End.encode(out);
    Ok(())
}
