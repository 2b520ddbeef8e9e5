//! What an operator costs and what it means to the count. The prices are
//! Wasmtime's own, by its translator.

use enginebay_core::mutant::{self, Mutant};
use wasmtime_environ::wasmparser::{MemArg, Operator, for_each_operator};
use wasmtime_environ::{OperatorCostStrategy, VariableOperatorCost};

use super::shape::Shape;
use super::{Mode, Outcome, Refused};

/// A bulk operation that is known to cost no more than this is not checked.
pub(super) const SMALL_BULK: i64 = 128;

/// What an operator costs, whatever its operands.
pub(super) fn price(operator: &Operator<'_>) -> i64 {
    let more = mutant::active(Mutant::FuelPriceChanged) && matches!(operator, Operator::I32Add);
    OperatorCostStrategy::Default.cost(operator) + i64::from(more)
}

/// What work costs whose size is an operand.
pub(super) fn prices() -> &'static VariableOperatorCost {
    static PRICES: OperatorCostStrategy = OperatorCostStrategy::Default;
    PRICES.variable()
}

/// A bulk operation: it is charged for its length, which is on top of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bulk {
    /// Whether the length has 64 bits.
    pub(super) wide: bool,
    /// The price of one.
    pub(super) unit: i64,
}

/// What an operator means to the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Part of a straight run.
    Plain,
    /// A memory access.
    Access(MemArg),
    /// Leaves the function for a while.
    Call,
    /// Leaves the function for good.
    Leave,
    /// To a label, perhaps.
    BranchIf(u32),
    Branch(u32),
    BranchTable,
    Block,
    Loop,
    If,
    Else,
    End,
    Bulk(Bulk),
}

/// What an operator means to the count.
pub(super) fn kind(shape: &Shape<'_>, operator: &Operator<'_>) -> Outcome<Kind> {
    use Operator as O;
    let prices = prices();
    let bulk = |wide, unit: u8| {
        let unit = i64::from(unit);
        Kind::Bulk(Bulk { wide, unit })
    };
    Ok(match *operator {
        O::Call { .. } | O::CallIndirect { .. } | O::CallRef { .. } => Kind::Call,
        O::Return
        | O::Unreachable
        | O::ReturnCall { .. }
        | O::ReturnCallIndirect { .. }
        | O::ReturnCallRef { .. } => Kind::Leave,
        O::Br { relative_depth } => Kind::Branch(relative_depth),
        O::BrIf { relative_depth }
        | O::BrOnNull { relative_depth }
        | O::BrOnNonNull { relative_depth } => Kind::BranchIf(relative_depth),
        O::BrTable { .. } => Kind::BranchTable,
        O::Block { .. } => Kind::Block,
        O::Loop { .. } => Kind::Loop,
        O::If { .. } => Kind::If,
        O::Else => Kind::Else,
        O::End => Kind::End,
        O::MemoryCopy { dst_mem, src_mem } => bulk(
            shape.is_memory64(dst_mem) && shape.is_memory64(src_mem),
            prices.memory_copy_per_byte,
        ),
        O::MemoryFill { mem } => bulk(shape.is_memory64(mem), prices.memory_fill_per_byte),
        O::MemoryInit { .. } => bulk(false, prices.memory_init_per_byte),
        O::MemoryGrow { mem } => bulk(shape.is_memory64(mem), prices.memory_grow_per_page),
        O::TableCopy {
            dst_table,
            src_table,
        } => bulk(
            shape.is_table64(dst_table) && shape.is_table64(src_table),
            prices.table_copy_per_element,
        ),
        O::TableFill { table } => bulk(shape.is_table64(table), prices.table_fill_per_element),
        O::TableInit { .. } => bulk(false, prices.table_init_per_element),
        O::TableGrow { table } => bulk(shape.is_table64(table), prices.table_grow_per_element),
        _ => match other(operator) {
            Other::Plain => Kind::Plain,
            Other::Access(access) => Kind::Access(access),
            // Where nothing is counted, nothing depends on what these do.
            Other::Feature("exceptions" | "gc") if shape.mode == Mode::Flag => match *operator {
                O::TryTable { .. } => Kind::Block,
                O::Throw { .. } | O::ThrowRef => Kind::Leave,
                _ => Kind::Plain,
            },
            Other::Feature(feature) => return Err(Refused::Feature(feature)),
        },
    })
}

/// What an operator is that nothing more is known of.
enum Other {
    Plain,
    /// A load or a store, of any proposal.
    Access(MemArg),
    /// It belongs to a feature that cannot be metered.
    Feature(&'static str),
}

macro_rules! of_feature {
    (exceptions $found:expr) => {
        Other::Feature("exceptions")
    };
    (gc $found:expr) => {
        Other::Feature("gc")
    };
    (legacy_exceptions $found:expr) => {
        Other::Feature("legacy exceptions")
    };
    (stack_switching $found:expr) => {
        Other::Feature("stack switching")
    };
    (shared_everything_threads $found:expr) => {
        Other::Feature("shared-everything threads")
    };
    (custom_descriptors $found:expr) => {
        Other::Feature("custom descriptors")
    };
    ($other:ident $found:expr) => {
        $found
    };
}

macro_rules! of_argument {
    ($found:ident memarg $value:expr) => {
        $found = Other::Access(*$value)
    };
    ($found:ident $other:ident $value:expr) => {
        let _ = $value;
    };
}

macro_rules! define {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        #[allow(
            unused_assignments,
            unused_mut,
            unused_variables,
            reason = "most operators are plain"
        )]
        fn other(operator: &Operator<'_>) -> Other {
            match operator {
                $(Operator::$op $({ $($arg),* })? => {
                    let mut found = Other::Plain;
                    $($(of_argument!(found $arg $arg);)*)?
                    of_feature!($proposal found)
                })*
                _ => Other::Feature("an operator that is not known"),
            }
        }
    };
}

for_each_operator!(define);
