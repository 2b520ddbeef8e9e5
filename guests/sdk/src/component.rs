//! What a component does.

use crate::{
    ComponentConfig, ComponentError, ExecutionContext, ExecutionError, HealthStatus,
    MemoryRequirements, Message, MessageError, RequestId, unknown_operation,
};

/// What a component does. The host keeps one value of this for each running component,
/// and calls it once at a time.
pub trait Component: Sized + 'static {
    /// The operations that [`execute`](Component::execute) knows.
    const OPERATIONS: &'static [&'static str] = &[];

    /// What it needs of memory, in bytes. By default what a small component in Rust begins
    /// with, which is a stack of 1 MiB and its data.
    const MEMORY: MemoryRequirements = MemoryRequirements {
        minimum: 2 << 20,
        preferred: 2 << 20,
        maximum: None,
    };

    /// Starts the component. It is called once, before anything else.
    ///
    /// # Errors
    ///
    /// It cannot start: the host does not call it.
    fn init(config: ComponentConfig) -> Result<Self, ComponentError>;

    /// Carries out an operation, one of [`OPERATIONS`](Component::OPERATIONS).
    ///
    /// # Errors
    ///
    /// `UnknownOperation` of a name that is none of them, which is the default of all
    /// names, and whatever the operation fails with.
    fn execute(
        &mut self,
        operation: &str,
        input: &[u8],
        context: &ExecutionContext,
    ) -> Result<Vec<u8>, ExecutionError> {
        let _ = (input, context);
        unknown_operation(operation)
    }

    /// Takes a message. What is returned answers a request; to other messages there is no
    /// answer.
    ///
    /// # Errors
    ///
    /// It was not handled; who asked learns why. By default `Unsupported`.
    fn handle_message(&mut self, message: Message) -> Result<Option<Vec<u8>>, ComponentError> {
        let sender = message.sender.name;
        Err(ComponentError::Unsupported(format!(
            "it takes no messages, as the one from `{sender}`"
        )))
    }

    /// Takes the answer to a request that was sent by
    /// [`messages::send_request`](crate::messages::send_request).
    ///
    /// # Errors
    ///
    /// It was not handled. By default `Unsupported`.
    fn handle_callback(
        &mut self,
        request: RequestId,
        answer: Result<Vec<u8>, MessageError>,
    ) -> Result<(), ComponentError> {
        let _ = answer;
        Err(ComponentError::Unsupported(format!(
            "it takes no answers, as the one to request {request}"
        )))
    }

    /// How the component is. By default `Healthy`.
    fn health(&self) -> HealthStatus {
        HealthStatus::Healthy
    }

    /// Stops the component. It is called once, after everything else; then the value is
    /// dropped. By default there is nothing to do.
    ///
    /// # Errors
    ///
    /// It did not stop well.
    fn shutdown(&mut self) -> Result<(), ComponentError> {
        Ok(())
    }
}
