//! Tries what was not granted to it, and says what it is told.

use enginebay_guest::storage::Namespace;
use enginebay_guest::{
    Component, ComponentConfig, ComponentError, Denied, ExecutionContext, ExecutionError, files,
    messages, unknown_operation,
};

struct Tries;

impl Component for Tries {
    const OPERATIONS: &'static [&'static str] = &["try", "notes"];

    fn init(_: ComponentConfig) -> Result<Self, ComponentError> {
        Ok(Tries)
    }

    fn execute(
        &mut self,
        operation: &str,
        _: &[u8],
        _: &ExecutionContext,
    ) -> Result<Vec<u8>, ExecutionError> {
        match operation {
            "try" => Ok(try_all().into_bytes()),
            // Granted, unless the host refuses it: it is optional.
            "notes" => {
                let note = Namespace::new("denied:notes").get("latest")?;
                Ok(note.unwrap_or_else(|| b"there is none".to_vec()))
            }
            other => unknown_operation(other),
        }
    }
}

/// Each of them, with what came of it, on a line of its own.
fn try_all() -> String {
    [
        told("a file", files::read("/data/secret.txt")),
        told("a forbidden file", files::read("/etc/shadow")),
        told("a namespace", Namespace::new("counter:data").get("count")),
        told("a message", messages::send("asker", b"hello")),
        told("a topic", messages::publish("events.greeting", b"hello")),
    ]
    .concat()
}

fn told<T, E: Denied + std::error::Error>(what: &str, result: Result<T, E>) -> String {
    match result {
        Ok(_) => format!("{what}: allowed\n"),
        Err(error) => match error.denial() {
            Some(denial) => format!("{what}: {}\n", denial.message),
            None => format!("{what}: {error}\n"),
        },
    }
}

enginebay_guest::export!(Tries);
