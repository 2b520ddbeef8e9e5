//! What came of an operation.

use std::fmt;
use std::time::Duration;

use enginebay_core::{Error, ErrorKind, TrapCode};

use super::say;
use crate::contract::bindings::exports::enginebay::core::component_lifecycle as lifecycle;
use crate::services::Status;

pub use crate::contract::bindings::enginebay::core::types::ExecutionError;
pub use lifecycle::Caller;

/// The circumstances of one call of `execute`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExecutionContext {
    /// Who asks. Default: the host.
    pub caller: Caller,
    /// The time for it, if that is less than the manifest's.
    pub deadline: Option<Duration>,
}

impl Default for ExecutionContext {
    fn default() -> Self {
        ExecutionContext {
            caller: Caller::Host,
            deadline: None,
        }
    }
}

impl ExecutionContext {
    /// The host asks, with the manifest's deadline.
    pub fn new() -> Self {
        ExecutionContext::default()
    }

    /// Who asks.
    #[must_use]
    pub fn caller(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    /// The time for it, if that is less than the manifest's.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }
}

/// What came of an operation, and what it used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Execution {
    /// What came of it.
    pub outcome: ExecutionOutcome,
    /// What it used.
    pub usage: ResourceUsage,
}

/// What came of an operation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ExecutionOutcome {
    /// It gave this.
    Completed(Vec<u8>),
    /// The component says that it failed. It goes on.
    Failed(ExecutionError),
    /// It trapped.
    Trapped {
        /// Where the engine knows: which trap.
        code: Option<TrapCode>,
        /// What is known of it.
        message: String,
    },
    /// Its fuel was used up.
    OutOfFuel {
        /// What it used.
        consumed: u64,
    },
    /// It did not end in time.
    TimedOut {
        /// How long it ran.
        elapsed: Duration,
    },
    /// It needed more memory than it has.
    OutOfMemory {
        /// Bytes that it may have.
        limit: u64,
        /// Bytes that it would have had.
        requested: u64,
    },
    /// The host stopped it.
    Cancelled,
    /// It was not carried out: the component does not run.
    NotRunning(NotRunning),
}

/// Why a component does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotRunning {
    /// It has stopped, or is being stopped.
    Stopped,
    /// It has failed too often.
    Failed,
    /// Too much waits for it already.
    Busy,
}

impl fmt::Display for NotRunning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotRunning::Stopped => "the component has stopped",
            NotRunning::Failed => "the component has failed too often and is not started again",
            NotRunning::Busy => "too much waits for the component already",
        })
    }
}

impl ExecutionOutcome {
    /// What it gave, if it was carried out.
    pub fn output(&self) -> Option<&[u8]> {
        match self {
            ExecutionOutcome::Completed(output) => Some(output),
            _ => None,
        }
    }

    /// What an error of the engine is for an operation.
    pub(super) fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::OutOfFuel { consumed, .. } => ExecutionOutcome::OutOfFuel {
                consumed: *consumed,
            },
            ErrorKind::DeadlineExceeded { elapsed, .. } => {
                ExecutionOutcome::TimedOut { elapsed: *elapsed }
            }
            ErrorKind::MemoryLimit { limit, requested } => ExecutionOutcome::OutOfMemory {
                limit: *limit,
                requested: *requested,
            },
            ErrorKind::Cancelled => ExecutionOutcome::Cancelled,
            kind => ExecutionOutcome::Trapped {
                code: match kind {
                    ErrorKind::Trap(code) => Some(*code),
                    _ => None,
                },
                message: error.to_string(),
            },
        }
    }
}

/// One line.
impl fmt::Display for ExecutionOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExecutionOutcome::Completed(output) => write!(f, "completed: {} bytes", output.len()),
            ExecutionOutcome::Failed(error) => {
                write!(f, "failed: {}", say::execution_error(error))
            }
            ExecutionOutcome::Trapped { message, .. } => write!(f, "trapped: {message}"),
            ExecutionOutcome::OutOfFuel { consumed } => write!(f, "out of fuel after {consumed}"),
            ExecutionOutcome::TimedOut { elapsed } => write!(f, "timed out after {elapsed:?}"),
            ExecutionOutcome::OutOfMemory { limit, requested } => {
                write!(f, "out of memory: {requested} bytes of {limit}")
            }
            ExecutionOutcome::Cancelled => f.write_str("cancelled"),
            ExecutionOutcome::NotRunning(why) => why.fmt(f),
        }
    }
}

/// What an operation used, or what a component uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceUsage {
    /// Bytes of all memories, the most that they were.
    pub memory_bytes: u64,
    /// Fuel; 0 where it is not counted.
    pub fuel_consumed: u64,
    /// Time in the component's code and in what it waited for.
    pub execution_time: Duration,
    /// Bytes that it has in the storage under its own name.
    pub storage_bytes: u64,
}

/// What a component is now, as its handle tells it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub(super) struct State {
    pub(super) status: Status,
    /// How often it was started again.
    pub(super) restarts: u32,
    /// How often it failed.
    pub(super) failures: u64,
    /// Why it failed the last time.
    pub(super) last_failure: Option<String>,
}

impl State {
    /// What a change is told of: to be at work is none.
    pub(super) fn seen(&self) -> (Status, u32, u64) {
        let status = match self.status {
            Status::Processing => Status::Ready,
            status => status,
        };
        (status, self.restarts, self.failures)
    }

    pub(super) fn fail(&mut self, failure: String) {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(failure);
    }
}
