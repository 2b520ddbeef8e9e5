//! What components say of their errors, for people. It is theirs, so it is bounded.

use crate::contract::bindings::enginebay::core::types::{ComponentError, ExecutionError};

/// Bytes of what a component says that are kept.
const MOST: usize = 4_096;

/// Why one of its functions failed, in one sentence.
pub(super) fn component_error(error: &ComponentError) -> String {
    let (before, why) = match error {
        ComponentError::InitializationFailed(why) => ("", why),
        ComponentError::ConfigurationInvalid(why) => ("the configuration cannot be used: ", why),
        ComponentError::ResourceExhausted(why) => ("there is no room or budget left: ", why),
        ComponentError::Unsupported(why) => ("it is not supported: ", why),
        ComponentError::InternalError(why) => ("", why),
    };
    clipped(before, why)
}

/// Why an operation failed, in one sentence.
pub(super) fn execution_error(error: &ExecutionError) -> String {
    match error {
        ExecutionError::UnknownOperation(name) => clipped("there is no such operation: ", name),
        ExecutionError::InvalidInput(why) => clipped("the input cannot be used: ", why),
        ExecutionError::ProcessingFailed(why) => clipped("", why),
        ExecutionError::Timeout => "it did not end in time".to_owned(),
        ExecutionError::ResourceLimitExceeded(why) => {
            clipped("there is no room or budget left: ", why)
        }
    }
}

fn clipped(before: &str, why: &str) -> String {
    let end = why.floor_char_boundary(MOST);
    let more = if end < why.len() { "..." } else { "" };
    format!("{before}{}{more}", &why[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_sentences_of_bounded_length() {
        let error = ComponentError::ConfigurationInvalid("no `port`".into());
        let said = component_error(&error);
        assert_eq!(said, "the configuration cannot be used: no `port`");
        let error = ExecutionError::ProcessingFailed("\"a\"\n".into());
        assert_eq!(execution_error(&error), "\"a\"\n");
        let long = execution_error(&ExecutionError::ProcessingFailed("\u{e4}".repeat(9_000)));
        assert_eq!((long.len(), long.ends_with("...")), (MOST + 3, true));
    }
}
