//! Fails in every way that a component can, when it is told to: by an operation, or by a
//! message that says the same.

use std::hint::black_box;
use std::time::Duration;

use enginebay_guest::storage::{Namespace, StorageError};
use enginebay_guest::{
    Component, ComponentConfig, ComponentError, Denied, ExecutionContext, ExecutionError, Message,
    clock, messages, text, unknown_operation,
};

struct Faulty {
    calls: u64,
    config: Vec<u8>,
}

impl Component for Faulty {
    const OPERATIONS: &'static [&'static str] = &[
        "trap", "panic", "spin", "grow", "never", "sleep", "flood", "fill", "fail", "count",
        "config",
    ];

    /// Fails if the environment says `FAIL_INIT=1`.
    fn init(config: ComponentConfig) -> Result<Self, ComponentError> {
        let mut environment = config.environment.iter();
        if environment.any(|(name, value)| name == "FAIL_INIT" && value == "1") {
            let why = "FAIL_INIT is set".to_owned();
            return Err(ComponentError::InitializationFailed(why));
        }
        Ok(Faulty {
            calls: 0,
            config: config.data.unwrap_or_default(),
        })
    }

    fn execute(
        &mut self,
        operation: &str,
        input: &[u8],
        _: &ExecutionContext,
    ) -> Result<Vec<u8>, ExecutionError> {
        self.calls += 1;
        let input = text(input)?;
        match operation {
            "flood" => Ok(flood(input).into_bytes()),
            "fill" => fill(input).map(String::into_bytes),
            "fail" => Err(ExecutionError::ProcessingFailed(input.to_owned())),
            // What it was started with.
            "config" => Ok(self.config.clone()),
            "count" => Ok(self.calls.to_string().into_bytes()),
            "sleep" => {
                sleep(input)?;
                Ok(Vec::new())
            }
            other => {
                misbehave(other);
                unknown_operation(other)
            }
        }
    }

    /// Does what the message says if that is `trap`, `panic`, `spin`, `grow`, `never`,
    /// `sleep MS` or `fail`. Whatever it returns from, it answers with the message.
    fn handle_message(&mut self, message: Message) -> Result<Option<Vec<u8>>, ComponentError> {
        self.calls += 1;
        let said = String::from_utf8_lossy(&message.payload);
        misbehave(&said);
        if said == "fail" {
            return Err(ComponentError::InternalError("it was told to".to_owned()));
        }
        if let Some(time) = said.strip_prefix("sleep ") {
            sleep(time).map_err(|error| ComponentError::Unsupported(error.to_string()))?;
        }
        Ok(Some(message.payload))
    }
}

/// Does not return, if it is told one of these.
fn misbehave(how: &str) {
    match how {
        "trap" => trap(),
        "panic" => panic!("it was told to"),
        "spin" => loop {
            black_box(());
        },
        "grow" => grow(),
        "never" => loop {
            clock::sleep(Duration::MAX);
        },
        _ => {}
    }
}

fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

/// Takes memory until there is none, and traps.
fn grow() -> ! {
    loop {
        let mut page = Vec::<u8>::new();
        if page.try_reserve_exact(64 << 10).is_err() {
            trap();
        }
        black_box(page.leak());
    }
}

/// Waits for that many milliseconds.
fn sleep(milliseconds: &str) -> Result<(), ExecutionError> {
    let milliseconds = milliseconds.parse().map_err(|_| {
        ExecutionError::InvalidInput("say how many milliseconds, as a number".to_owned())
    })?;
    clock::sleep(Duration::from_millis(milliseconds));
    Ok(())
}

/// Sends messages to a component until one is refused. How many were sent is on the first
/// line, why no more on the second.
fn flood(target: &str) -> String {
    let mut sent = 0_u64;
    loop {
        match messages::send(target, b"flood") {
            Ok(()) => sent += 1,
            Err(error) => return told(sent, &error),
        }
    }
}

/// Stores values of 16 KiB in a namespace until one is refused. How many were stored is on
/// the first line, why no more on the second.
fn fill(namespace: &str) -> Result<String, ExecutionError> {
    let namespace = Namespace::new(namespace);
    let value = vec![0x5A; 16 << 10];
    let mut stored = 0_u64;
    loop {
        match namespace.set(&format!("key-{stored}"), &value) {
            Ok(()) => stored += 1,
            Err(error @ StorageError::Unavailable(_)) => return Err(error.into()),
            Err(error) => return Ok(told(stored, &error)),
        }
    }
}

fn told<E: Denied + std::error::Error>(done: u64, error: &E) -> String {
    match error.denial() {
        Some(denial) => format!("{done}\n{}", denial.message),
        None => format!("{done}\n{error}"),
    }
}

enginebay_guest::export!(Faulty);
