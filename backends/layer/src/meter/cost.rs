//! What an operator costs and what it means to the count. The prices are
//! Wasmtime's own, by its translator.

use wasmtime_environ::wasmparser::{MemArg, Operator, for_each_operator};
use wasmtime_environ::{OperatorCostStrategy, VariableOperatorCost};

use super::shape::Shape;
use super::{Mode, Outcome, Refused};

/// A bulk operation that is known to cost no more than this is not checked.
pub(super) const SMALL_BULK: i64 = 128;

/// What an operator costs, whatever its operands.
pub(super) fn price(operator: &Operator<'_>) -> i64 {
    OperatorCostStrategy::Default.cost(operator)
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
    if let Some(feature) = refused(shape.mode, operator) {
        return Err(Refused::Feature(feature));
    }
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
        O::Block { .. } | O::TryTable { .. } => Kind::Block,
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
        _ => match access(operator) {
            Some(access) => Kind::Access(access),
            None => Kind::Plain,
        },
    })
}

macro_rules! feature {
    (exceptions) => {
        Some("exceptions")
    };
    (gc) => {
        Some("gc")
    };
    (legacy_exceptions) => {
        Some("legacy exceptions")
    };
    (stack_switching) => {
        Some("stack switching")
    };
    (shared_everything_threads) => {
        Some("shared-everything threads")
    };
    (custom_descriptors) => {
        Some("custom descriptors")
    };
    ($other:ident) => {
        None
    };
}

macro_rules! memarg {
    ($found:ident memarg $value:expr) => {
        $found = Some(*$value)
    };
    ($found:ident $other:ident $value:expr) => {
        let _ = $value;
    };
}

macro_rules! define {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        /// The feature that an operator belongs to, if it cannot be metered.
        fn feature(operator: &Operator<'_>) -> Option<&'static str> {
            match operator {
                $(Operator::$op { .. } => feature!($proposal),)*
                _ => Some("an operator that is not known"),
            }
        }

        /// The argument of a load or a store of any proposal.
        #[allow(unused_assignments, unused_mut, reason = "most operators have none")]
        fn access(operator: &Operator<'_>) -> Option<MemArg> {
            let mut found = None;
            match operator {
                $(Operator::$op $({ $($arg),* })? => {
                    $($(memarg!(found $arg $arg);)*)?
                })*
                _ => {}
            }
            found
        }
    };
}

for_each_operator!(define);

fn refused(mode: Mode, operator: &Operator<'_>) -> Option<&'static str> {
    let feature = feature(operator)?;
    // Where nothing is counted, nothing depends on what these do.
    let harmless = mode == Mode::Flag && matches!(feature, "exceptions" | "gc");
    (!harmless).then_some(feature)
}
