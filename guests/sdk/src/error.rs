//! Errors of the host's functions, and how they become the component's own.

use crate::files::FileError;
use crate::storage::StorageError;
use crate::{ComponentError, Denial, ExecutionError, MessageError};

/// An error that says when something was not allowed.
pub trait Denied {
    /// What was not allowed and why, if it was that.
    fn denial(&self) -> Option<&Denial>;
}

macro_rules! denied {
    ($($error:ident),*) => {$(
        impl Denied for $error {
            fn denial(&self) -> Option<&Denial> {
                match self {
                    $error::Denied(denial) => Some(denial),
                    _ => None,
                }
            }
        }

        /// With the denial's message, or the error's.
        impl From<$error> for ExecutionError {
            fn from(error: $error) -> Self {
                ExecutionError::ProcessingFailed(message(&error))
            }
        }

        /// With the denial's message, or the error's.
        impl From<$error> for ComponentError {
            fn from(error: $error) -> Self {
                ComponentError::InternalError(message(&error))
            }
        }
    )*};
}

denied!(FileError, MessageError, StorageError);

fn message<E: Denied + std::error::Error>(error: &E) -> String {
    match error.denial() {
        Some(denial) => denial.message.clone(),
        None => error.to_string(),
    }
}

/// An operation's input as text.
///
/// # Errors
///
/// `InvalidInput`: it is not UTF-8.
pub fn text(input: &[u8]) -> Result<&str, ExecutionError> {
    std::str::from_utf8(input)
        .map_err(|error| ExecutionError::InvalidInput(format!("the input is not text: {error}")))
}

/// The answer to an operation that the component does not know.
///
/// # Errors
///
/// `UnknownOperation` of that name, always.
pub fn unknown_operation<T>(operation: &str) -> Result<T, ExecutionError> {
    Err(ExecutionError::UnknownOperation(operation.to_owned()))
}
