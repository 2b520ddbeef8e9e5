//! The one error type of the API: a kind that programs match on, a line that
//! people read, context pairs, the engine's own error as source, and a wasm
//! backtrace where the engine gives one.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::trap::TrapCode;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whatever went wrong, on any backend. One word wide.
///
/// - `Display` is one line: the message and its context.
/// - `Debug` is everything: kind, context, backtrace and the chain of sources.
/// - [`Error::kind`] is what programs match on; it is the same on each backend.
/// - A host function's own error comes back by [`Error::downcast_ref`].
pub struct Error(Box<Repr>);

struct Repr {
    kind: ErrorKind,
    message: Cow<'static, str>,
    context: Vec<(&'static str, String)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    frames: Vec<Frame>,
    /// It left an asynchronous host function, whose name is still to be added.
    unnamed: bool,
    /// The guest was not entered, even if the kind is one that stops guests.
    not_entered: bool,
}

/// What kind of failure an [`Error`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are not a valid component (or are a core module, or not wasm).
    InvalidComponent,
    /// The component exceeds what [`Config`](crate::Config) lets it be, found
    /// before anything was compiled.
    TooLarge,
    /// The engine, or its configuration, cannot do what was asked. The message
    /// names the option or the feature.
    Unsupported,
    /// An option has a value that makes no sense.
    InvalidConfig,
    /// A precompiled artifact is damaged, or was made by another engine,
    /// version or configuration.
    Artifact,
    /// An import is missing from the linker or has another type there.
    Link,
    /// There is no export of that name.
    NotFound,
    /// Arguments, results or a typed signature do not fit the function's type.
    /// The guest was not entered and the store stays usable.
    TypeMismatch,
    /// A function, an instance or a resource belongs to another store.
    WrongStore,
    /// A synchronous operation on an asynchronous store, or the reverse.
    WrongMode,
    /// The guest trapped.
    Trap(TrapCode),
    /// The store's memory limit stopped an instantiation, or the guest ended
    /// with `unreachable` after its last growth was refused in the same call.
    MemoryLimit {
        /// What [`Limits::memory`](crate::Limits) allows, in bytes.
        limit: u64,
        /// The store's total that was asked for, in bytes.
        requested: u64,
    },
    /// Another counted resource ran out.
    ResourceLimit {
        /// Which one.
        what: Resource,
        /// What [`Limits`](crate::Limits) allows.
        limit: u64,
    },
    /// The store's fuel is spent.
    OutOfFuel {
        /// Fuel consumed by the store since it was last set.
        consumed: u64,
    },
    /// The call took longer than its deadline.
    DeadlineExceeded {
        /// Wall time from the start of the call.
        elapsed: Duration,
    },
    /// [`CancelHandle::cancel`](crate::CancelHandle::cancel) was called, or the
    /// future of a call was dropped before it finished.
    Cancelled,
    /// The guest made the host allocate more than
    /// [`Limits::host_bytes`](crate::Limits).
    HostAllocationLimit {
        /// What was allowed for one crossing of the boundary, in bytes.
        limit: u64,
    },
    /// The store trapped or hit a limit earlier and can no longer be entered.
    Poisoned {
        /// What poisoned it.
        by: Box<ErrorKind>,
    },
    /// A host function returned an error of its own.
    Host,
    /// A host function panicked. The panic itself resumes in the caller; this
    /// kind is seen as the reason of a later [`ErrorKind::Poisoned`].
    HostPanic,
    /// The store's [`Guard`](crate::Guard) refused a host function.
    Denied,
    /// A file could not be read or written.
    Io,
    /// The engine failed in a way that it should not have.
    Engine,
}

/// A counted resource of a store, see [`ErrorKind::ResourceLimit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// Elements of all tables.
    TableElements,
    /// Core instances.
    Instances,
    /// Linear memories.
    Memories,
    /// Tables.
    Tables,
    /// Live handles to component-model resources.
    Handles,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Resource::TableElements => "table elements",
            Resource::Instances => "instances",
            Resource::Memories => "memories",
            Resource::Tables => "tables",
            Resource::Handles => "resource handles",
        })
    }
}

impl ErrorKind {
    /// Whether a limit of the store stopped the guest.
    pub fn is_limit(&self) -> bool {
        matches!(
            self,
            ErrorKind::MemoryLimit { .. }
                | ErrorKind::ResourceLimit { .. }
                | ErrorKind::OutOfFuel { .. }
                | ErrorKind::DeadlineExceeded { .. }
                | ErrorKind::Cancelled
                | ErrorKind::HostAllocationLimit { .. }
        )
    }

    /// Whether the guest trapped.
    pub fn is_trap(&self) -> bool {
        matches!(self, ErrorKind::Trap(_))
    }

    /// Whether a call that ends with this kind leaves its store unusable.
    ///
    /// Errors that are found before the guest is entered do not; whatever
    /// leaves wasm does. `Unsupported` can be either: a call that is refused
    /// because there are no [`Val`](crate::Val)s of its types leaves the store as
    /// it was.
    pub fn poisons(&self) -> bool {
        match self {
            ErrorKind::InvalidComponent
            | ErrorKind::TooLarge
            | ErrorKind::InvalidConfig
            | ErrorKind::Artifact
            | ErrorKind::Link
            | ErrorKind::NotFound
            | ErrorKind::TypeMismatch
            | ErrorKind::WrongStore
            | ErrorKind::WrongMode
            | ErrorKind::Io => false,
            ErrorKind::Trap(_)
            | ErrorKind::Unsupported
            | ErrorKind::MemoryLimit { .. }
            | ErrorKind::ResourceLimit { .. }
            | ErrorKind::OutOfFuel { .. }
            | ErrorKind::DeadlineExceeded { .. }
            | ErrorKind::Cancelled
            | ErrorKind::HostAllocationLimit { .. }
            | ErrorKind::Poisoned { .. }
            | ErrorKind::Host
            | ErrorKind::HostPanic
            | ErrorKind::Denied
            | ErrorKind::Engine => true,
        }
    }

    /// A stable kebab-case name, for machine-readable output.
    pub fn name(&self) -> &'static str {
        match self {
            ErrorKind::InvalidComponent => "invalid-component",
            ErrorKind::TooLarge => "too-large",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::InvalidConfig => "invalid-config",
            ErrorKind::Artifact => "artifact",
            ErrorKind::Link => "link",
            ErrorKind::NotFound => "not-found",
            ErrorKind::TypeMismatch => "type-mismatch",
            ErrorKind::WrongStore => "wrong-store",
            ErrorKind::WrongMode => "wrong-mode",
            ErrorKind::Trap(_) => "trap",
            ErrorKind::MemoryLimit { .. } => "memory-limit",
            ErrorKind::ResourceLimit { .. } => "resource-limit",
            ErrorKind::OutOfFuel { .. } => "out-of-fuel",
            ErrorKind::DeadlineExceeded { .. } => "deadline-exceeded",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::HostAllocationLimit { .. } => "host-allocation-limit",
            ErrorKind::Poisoned { .. } => "poisoned",
            ErrorKind::Host => "host",
            ErrorKind::HostPanic => "host-panic",
            ErrorKind::Denied => "denied",
            ErrorKind::Io => "io",
            ErrorKind::Engine => "engine",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::Trap(code) => write!(f, "trap: {code}"),
            ErrorKind::MemoryLimit { limit, requested } => write!(
                f,
                "memory limit reached: {requested} bytes asked for, {limit} allowed"
            ),
            ErrorKind::ResourceLimit { what, limit } => {
                write!(f, "limit on {what} reached: {limit} allowed")
            }
            ErrorKind::OutOfFuel { consumed } => write!(f, "out of fuel: {consumed} consumed"),
            ErrorKind::DeadlineExceeded { elapsed } => {
                write!(f, "deadline exceeded after {elapsed:.1?}")
            }
            ErrorKind::Cancelled => f.write_str("cancelled"),
            ErrorKind::HostAllocationLimit { limit } => write!(
                f,
                "the guest made the host allocate more than {limit} bytes in one crossing"
            ),
            ErrorKind::Poisoned { by } => write!(f, "store poisoned by an earlier failure: {by}"),
            ErrorKind::HostPanic => f.write_str("a host function panicked"),
            other => f.write_str(other.name()),
        }
    }
}

/// One frame of a wasm backtrace, innermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// The core module's name, from its name section.
    pub module: Option<String>,
    /// The function's name, from the name section.
    pub function: Option<String>,
    /// The function's index in its module.
    pub function_index: u32,
    /// Byte offset of the instruction in the original core module.
    pub offset: Option<u64>,
}

impl Frame {
    /// A frame of the function with this index.
    pub fn new(function_index: u32) -> Self {
        Frame {
            module: None,
            function: None,
            function_index,
            offset: None,
        }
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}!", self.module.as_deref().unwrap_or("<unknown>"))?;
        match &self.function {
            Some(name) => f.write_str(name)?,
            None => write!(f, "<wasm function {}>", self.function_index)?,
        }
        match self.offset {
            Some(offset) => write!(f, " @ {offset:#x}"),
            None => Ok(()),
        }
    }
}

impl Error {
    /// An error of this kind; the message is a lower-case line without a full
    /// stop. Line breaks, as in messages of others, become spaces.
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        let mut message = message.into();
        if message.contains(['\n', '\r']) {
            message = message
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .into();
        }
        Error(Box::new(Repr {
            kind,
            message,
            context: Vec::new(),
            source: None,
            frames: Vec::new(),
            unnamed: false,
            not_entered: false,
        }))
    }

    /// An error whose kind says all there is to say.
    #[cold]
    pub fn of(kind: ErrorKind) -> Self {
        let message = kind.to_string();
        Error::new(kind, message)
    }

    /// A trap with this code.
    #[cold]
    pub fn trap(code: TrapCode) -> Self {
        Error::of(ErrorKind::Trap(code))
    }

    /// A host function's own error; it comes back from the call by
    /// [`Error::downcast_ref`]. An [`Error`] stays what it is.
    ///
    /// ```
    /// use enginebay_core::{Error, ErrorKind};
    /// let error = Error::host(std::fmt::Error);
    /// assert_eq!(*error.kind(), ErrorKind::Host);
    /// assert!(error.downcast_ref::<std::fmt::Error>().is_some());
    /// ```
    #[cold]
    pub fn host(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let source = error.into();
        match source.downcast::<Error>() {
            Ok(error) => *error,
            Err(source) => Error::new(ErrorKind::Host, source.to_string()).with_source(source),
        }
    }

    /// A panic of the embedder's code that must not unwind through a guest: the
    /// call that entered the guest resumes it.
    #[doc(hidden)]
    #[cold]
    pub fn host_panic(panic: Box<dyn std::any::Any + Send>) -> Self {
        crate::call::Panic::carry(panic)
    }

    /// The error that a call ends with when this one stopped its guest. A kind
    /// that says "the guest was not entered" would be wrong then: it becomes
    /// `Host`, with this error as its source. Backends call it for the errors of
    /// host functions.
    #[must_use]
    pub fn through_guest(mut self) -> Self {
        if self.kind().poisons() {
            self.0.not_entered = false;
            return self;
        }
        Error::new(ErrorKind::Host, self.to_string()).with_source(self)
    }

    /// Says that a call was refused before its guest was entered, and that its
    /// store is as it was, whatever the kind.
    #[doc(hidden)]
    #[must_use]
    pub fn not_entered(mut self) -> Self {
        self.0.not_entered = true;
        self
    }

    /// Whether a call that ends with this leaves its store unusable.
    pub(crate) fn poisons(&self) -> bool {
        self.kind().poisons() && !self.0.not_entered
    }

    /// The option or feature that the engine cannot do.
    #[cold]
    pub fn unsupported(message: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::Unsupported, message)
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The trap code, where the guest trapped.
    pub fn trap_code(&self) -> Option<TrapCode> {
        match self.0.kind {
            ErrorKind::Trap(code) => Some(code),
            _ => None,
        }
    }

    /// The message without context.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Context pairs, in the order in which they were added.
    pub fn context(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0
            .context
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
    }

    /// The value of one context pair.
    pub fn context_value(&self, key: &str) -> Option<&str> {
        self.context()
            .find(|(k, _)| *k == key)
            .map(|(_, value)| value)
    }

    /// The wasm backtrace, innermost frame first; empty where there is none.
    pub fn frames(&self) -> &[Frame] {
        &self.0.frames
    }

    /// Adds a context pair. The first value of a key stays.
    #[must_use]
    pub fn with_context(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        if self.context_value(key).is_none() {
            self.0.context.push((key, value.to_string()));
        }
        self
    }

    /// Sets the source.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Sets the backtrace, unless there is one.
    #[must_use]
    pub fn with_frames(mut self, frames: Vec<Frame>) -> Self {
        if self.0.frames.is_empty() {
            self.0.frames = frames;
        }
        self
    }

    /// The backtrace, to be corrected.
    #[doc(hidden)]
    pub fn frames_mut(&mut self) -> &mut Vec<Frame> {
        &mut self.0.frames
    }

    /// Leaves the name of the host function to whoever ends the call.
    pub(crate) fn unnamed(mut self) -> Self {
        self.0.unnamed = true;
        self
    }

    /// Whether a name is to be added; it is asked once.
    pub(crate) fn take_unnamed(&mut self) -> bool {
        std::mem::take(&mut self.0.unnamed)
    }

    /// Changes the kind, and the message with it.
    #[must_use]
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.message = kind.to_string().into();
        self.0.kind = kind;
        self
    }

    /// The host's own error, or the engine's, if it has this type.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.0
            .source
            .as_deref()
            .and_then(|source| source.downcast_ref())
    }

    /// The host's own error by value, if it has this type.
    ///
    /// # Errors
    ///
    /// Gives the error back unchanged if its source is of another type.
    pub fn downcast<E: StdError + 'static>(mut self) -> Result<E, Error> {
        match self.0.source.take().map(|source| source.downcast::<E>()) {
            Some(Ok(source)) => Ok(*source),
            Some(Err(source)) => {
                self.0.source = Some(source);
                Err(self)
            }
            None => Err(self),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for (i, (key, value)) in self.0.context.iter().enumerate() {
            f.write_str(if i == 0 { " (" } else { ", " })?;
            write!(f, "{key}: {value}")?;
        }
        if !self.0.context.is_empty() {
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}\n  kind: {:?}", self.0.kind)?;
        if !self.0.frames.is_empty() {
            f.write_str("\n  wasm backtrace:")?;
            for (i, frame) in self.0.frames.iter().enumerate() {
                write!(f, "\n    {i:>3}: {frame}")?;
            }
        }
        let mut source = self.source();
        while let Some(error) = source {
            write!(f, "\n  caused by: {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Error::new(ErrorKind::Io, error.to_string()).with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_is_one_word() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn display_is_one_line_and_debug_has_everything() {
        let error = Error::new(ErrorKind::Link, "import is missing")
            .with_context("interface", "a:b/c@1.0.0")
            .with_context("function", "f")
            .with_context("function", "ignored")
            .with_source(std::fmt::Error)
            .with_frames(vec![Frame::new(7)]);
        assert_eq!(
            error.to_string(),
            "import is missing (interface: a:b/c@1.0.0, function: f)"
        );
        let debug = format!("{error:?}");
        assert!(debug.contains("kind: Link"), "{debug}");
        assert!(debug.contains("<unknown>!<wasm function 7>"), "{debug}");
        assert!(debug.contains("caused by: an error occurred"), "{debug}");
    }

    #[test]
    fn messages_of_several_lines_become_one() {
        let error = Error::new(ErrorKind::Host, "one\n  two\r\nthree");
        assert_eq!(error.to_string(), "one two three");
    }

    #[test]
    fn downcast_gives_the_host_error_back_or_the_error_unchanged() {
        let error = Error::host(std::fmt::Error);
        let error = error.downcast::<std::io::Error>().unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Host);
        assert!(error.downcast::<std::fmt::Error>().is_ok());
    }

    #[test]
    fn host_keeps_an_error_of_ours_as_it_is() {
        let error = Error::host(Error::trap(TrapCode::Unreachable));
        assert_eq!(error.trap_code(), Some(TrapCode::Unreachable));
    }
}
