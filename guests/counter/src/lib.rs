//! A counter that outlives its component: the count is in the host's storage.

use enginebay_guest::{
    Component, ComponentConfig, ComponentError, ExecutionContext, ExecutionError,
    storage::Namespace, unknown_operation,
};

const KEY: &str = "count";

struct Counter {
    data: Namespace,
}

impl Component for Counter {
    const OPERATIONS: &'static [&'static str] = &["increment", "get", "reset"];

    fn init(_: ComponentConfig) -> Result<Self, ComponentError> {
        Ok(Counter {
            data: Namespace::new("counter:data"),
        })
    }

    fn execute(
        &mut self,
        operation: &str,
        _: &[u8],
        _: &ExecutionContext,
    ) -> Result<Vec<u8>, ExecutionError> {
        let count = match operation {
            "increment" => self.increment()?,
            "get" => number(self.data.get(KEY)?.as_deref())?,
            "reset" => {
                self.data.delete(KEY)?;
                0
            }
            other => return unknown_operation(other),
        };
        Ok(count.to_string().into_bytes())
    }
}

impl Counter {
    /// Others may count at the same time: then the value is another one by now, and it
    /// begins anew.
    fn increment(&self) -> Result<u64, ExecutionError> {
        loop {
            let old = self.data.get(KEY)?;
            let count = number(old.as_deref())?.checked_add(1).ok_or_else(|| {
                ExecutionError::ResourceLimitExceeded("it counts no further".to_owned())
            })?;
            let new = count.to_string();
            if self
                .data
                .compare_and_set(KEY, old.as_deref(), Some(new.as_bytes()))?
            {
                return Ok(count);
            }
        }
    }
}

/// The count that a value is; there is none before the first.
fn number(value: Option<&[u8]>) -> Result<u64, ExecutionError> {
    let Some(value) = value else {
        return Ok(0);
    };
    let text = std::str::from_utf8(value).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| ExecutionError::ProcessingFailed("what is stored is no count".to_owned()))
}

enginebay_guest::export!(Counter);
