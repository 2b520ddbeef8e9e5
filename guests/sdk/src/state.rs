//! The one value that a component is, from `init` to `shutdown`, for
//! [`export!`](crate::export).

use std::cell::RefCell;

use crate::{
    Component, ComponentConfig, ComponentError, ComponentId, ComponentMetadata, ExecutionContext,
    ExecutionError, HealthStatus, Message, MessageError, RequestId,
};

pub use crate::bindings::exports::enginebay::core::component_lifecycle::Guest;

const NOT_STARTED: &str = "it has not been started, or it has been stopped";

/// The component, while it runs. While one of its functions runs a host cannot call
/// another, so nothing borrows it twice.
pub struct State<T>(RefCell<Option<T>>);

impl<T: Component> State<T> {
    /// Not started.
    pub const fn empty() -> Self {
        State(RefCell::new(None))
    }

    /// Starts it.
    pub fn init(&self, config: ComponentConfig) -> Result<(), ComponentError> {
        if self.0.borrow().is_some() {
            let text = "it has been started already".to_owned();
            return Err(ComponentError::InitializationFailed(text));
        }
        let component = T::init(config)?;
        self.0.replace(Some(component));
        Ok(())
    }

    /// Carries out an operation.
    pub fn execute(
        &self,
        operation: &str,
        input: &[u8],
        context: &ExecutionContext,
    ) -> Result<Vec<u8>, ExecutionError> {
        match &mut *self.0.borrow_mut() {
            Some(component) => component.execute(operation, input, context),
            None => Err(ExecutionError::ProcessingFailed(NOT_STARTED.to_owned())),
        }
    }

    /// Takes a message.
    pub fn handle_message(&self, message: Message) -> Result<Option<Vec<u8>>, ComponentError> {
        self.running(|component| component.handle_message(message))
    }

    /// Takes an answer.
    pub fn handle_callback(
        &self,
        request: RequestId,
        answer: Result<Vec<u8>, MessageError>,
    ) -> Result<(), ComponentError> {
        self.running(|component| component.handle_callback(request, answer))
    }

    /// How it is.
    pub fn health(&self) -> HealthStatus {
        match &*self.0.borrow() {
            Some(component) => component.health(),
            None => HealthStatus::Unknown,
        }
    }

    /// Stops it.
    pub fn shutdown(&self) -> Result<(), ComponentError> {
        let stopped = self.running(Component::shutdown);
        self.0.take();
        stopped
    }

    fn running<R>(
        &self,
        call: impl FnOnce(&mut T) -> Result<R, ComponentError>,
    ) -> Result<R, ComponentError> {
        match &mut *self.0.borrow_mut() {
            Some(component) => call(component),
            None => Err(ComponentError::InternalError(NOT_STARTED.to_owned())),
        }
    }
}

/// What the component's `Cargo.toml` says of it.
pub struct Package {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Who wrote it, with `:` between them.
    pub authors: &'static str,
}

/// What a component says of itself.
pub fn metadata<T: Component>(package: Package) -> ComponentMetadata {
    let authors = package.authors.split(':').filter(|name| !name.is_empty());
    ComponentMetadata {
        id: ComponentId {
            name: package.name.to_owned(),
            version: package.version.to_owned(),
        },
        description: package.description.to_owned(),
        authors: authors.map(str::to_owned).collect(),
        operations: T::OPERATIONS.iter().map(|&it| it.to_owned()).collect(),
        memory: T::MEMORY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Caller, MessageKind, ResourceLimits, Timestamp};

    struct Fails;

    impl Component for Fails {
        fn init(_: ComponentConfig) -> Result<Self, ComponentError> {
            Err(ComponentError::ConfigurationInvalid("never".to_owned()))
        }
    }

    struct Defaults;

    impl Component for Defaults {
        const OPERATIONS: &'static [&'static str] = &["a", "b"];

        fn init(_: ComponentConfig) -> Result<Self, ComponentError> {
            Ok(Defaults)
        }
    }

    fn config() -> ComponentConfig {
        ComponentConfig {
            environment: Vec::new(),
            data: None,
            limits: ResourceLimits {
                memory_bytes: 2 << 20,
                fuel: None,
                deadline: None,
            },
        }
    }

    fn execute<T: Component>(state: &State<T>, operation: &str) -> Result<Vec<u8>, ExecutionError> {
        let context = ExecutionContext {
            request: 1,
            caller: Caller::Host,
            deadline: None,
        };
        state.execute(operation, b"", &context)
    }

    #[test]
    fn defaults_take_nothing_and_are_well() {
        let state = State::<Defaults>::empty();
        state.init(config()).unwrap();
        assert!(matches!(
            execute(&state, "x"),
            Err(ExecutionError::UnknownOperation(name)) if name == "x"
        ));
        let sender = ComponentId {
            name: "other".to_owned(),
            version: "1.0.0".to_owned(),
        };
        let message = Message {
            sender,
            kind: MessageKind::Plain,
            sent: Timestamp {
                seconds: 0,
                nanoseconds: 0,
            },
            payload: Vec::new(),
        };
        let unsupported = |error: ComponentError, part: &str| {
            assert!(matches!(error, ComponentError::Unsupported(text) if text.contains(part)));
        };
        unsupported(state.handle_message(message).unwrap_err(), "`other`");
        unsupported(
            state.handle_callback(7, Ok(Vec::new())).unwrap_err(),
            "request 7",
        );
        assert_eq!(state.health(), HealthStatus::Healthy);
        state.shutdown().unwrap();
    }

    #[test]
    fn there_is_a_component_between_init_and_shutdown_only() {
        let state = State::<Defaults>::empty();
        let not_started = |state: &State<Defaults>| {
            assert_eq!(state.health(), HealthStatus::Unknown);
            assert!(matches!(
                execute(state, "a"),
                Err(ExecutionError::ProcessingFailed(text)) if text == NOT_STARTED
            ));
            assert!(state.shutdown().is_err());
        };
        not_started(&state);
        state.init(config()).unwrap();
        assert!(matches!(
            state.init(config()),
            Err(ComponentError::InitializationFailed(_))
        ));
        state.shutdown().unwrap();
        not_started(&state);
    }

    #[test]
    fn one_that_cannot_start_says_why_and_is_not_there() {
        let state = State::<Fails>::empty();
        assert!(matches!(
            state.init(config()),
            Err(ComponentError::ConfigurationInvalid(text)) if text == "never"
        ));
        assert_eq!(state.health(), HealthStatus::Unknown);
    }

    #[test]
    fn metadata_is_what_the_package_says() {
        let metadata = metadata::<Defaults>(Package {
            name: "defaults",
            version: "1.2.3",
            description: "Does nothing",
            authors: "Ann:Ben",
        });
        assert_eq!(metadata.id.name, "defaults");
        assert_eq!(metadata.id.version, "1.2.3");
        assert_eq!(metadata.authors, ["Ann", "Ben"]);
        assert_eq!(metadata.operations, ["a", "b"]);
    }
}
