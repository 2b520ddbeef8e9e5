//! A grant: an operation, and the pattern of what it may be done to.

use std::fmt;

use super::request::Request;
use crate::capability::{Capability, MessagingAction, NetworkAction, Operation};
use crate::pattern::{
    CommandPattern, ComponentPattern, Endpoint, HostPattern, NamespacePattern, PathPattern,
    PatternError, TopicPattern,
};

/// What a manifest asks for, or an embedder gives: an operation on all that a pattern
/// matches.
///
/// ```
/// use enginebay_host::capability::{FilesystemAction, Operation};
/// use enginebay_host::permission::{Grant, Request};
///
/// let grant = Grant::required(Operation::Filesystem(FilesystemAction::Read), "/data/**")?;
/// assert!(grant.covers(&Request::filesystem(FilesystemAction::Read, "/data/a")));
/// assert!(!grant.covers(&Request::filesystem(FilesystemAction::Write, "/data/a")));
/// # Ok::<(), enginebay_host::pattern::PatternError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// What may be done.
    pub operation: Operation,
    /// To what. Of another family than the operation it covers nothing.
    pub pattern: GrantPattern,
    /// Whether the component cannot do without. If it is not accepted, the component is
    /// not loaded; what is optional is denied at the call.
    pub required: bool,
}

/// What a grant is on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GrantPattern {
    /// Paths, for the file system.
    Path(PathPattern),
    /// Hosts with ports, for `network.connect` and `network.listen`.
    Endpoint(Endpoint),
    /// Hosts, for `network.resolve`.
    Host(HostPattern),
    /// Commands, for processes.
    Command(CommandPattern),
    /// Namespaces, for the storage.
    Namespace(NamespacePattern),
    /// Components' names, for `messaging.send` and `messaging.request`.
    Component(ComponentPattern),
    /// Topics, for `messaging.publish` and `messaging.subscribe`.
    Topic(TopicPattern),
    /// Exactly this, whatever its characters mean in patterns. Written with `=` in front.
    Exact {
        /// The path, host, command, namespace, name or topic.
        target: String,
        /// The port, for the network; 0 where the operation has none.
        port: u16,
    },
    /// Everything that the operation can be done to. Written `**`; no manifest can ask
    /// for it.
    Any,
}

impl Grant {
    /// A grant by the pattern's text, of the syntax that the operation has: [`Endpoint`]
    /// for `network.connect` and `network.listen`, [`HostPattern`] for `network.resolve`,
    /// [`ComponentPattern`] for `messaging.send` and `messaging.request`, [`TopicPattern`]
    /// for `messaging.publish` and `messaging.subscribe`, and what the family's name says
    /// for the others.
    ///
    /// # Errors
    /// The text is no such pattern.
    pub fn new(operation: Operation, pattern: &str, required: bool) -> Result<Self, PatternError> {
        let pattern = match operation {
            Operation::Filesystem(_) => GrantPattern::Path(PathPattern::new(pattern)?),
            Operation::Network(NetworkAction::Resolve) => {
                GrantPattern::Host(HostPattern::new(pattern)?)
            }
            Operation::Network(_) => GrantPattern::Endpoint(Endpoint::new(pattern)?),
            Operation::Process(_) => GrantPattern::Command(CommandPattern::new(pattern)?),
            Operation::Storage(_) => GrantPattern::Namespace(NamespacePattern::new(pattern)?),
            Operation::Messaging(MessagingAction::Send | MessagingAction::Request) => {
                GrantPattern::Component(ComponentPattern::new(pattern)?)
            }
            Operation::Messaging(MessagingAction::Publish | MessagingAction::Subscribe) => {
                GrantPattern::Topic(TopicPattern::new(pattern)?)
            }
        };
        Ok(Grant {
            operation,
            pattern,
            required,
        })
    }

    /// A grant that the component cannot do without.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn required(operation: Operation, pattern: &str) -> Result<Self, PatternError> {
        Grant::new(operation, pattern, true)
    }

    /// A grant that the component can do without.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn optional(operation: Operation, pattern: &str) -> Result<Self, PatternError> {
        Grant::new(operation, pattern, false)
    }

    /// An optional grant of exactly that capability.
    pub fn exact(capability: &Capability) -> Self {
        let Request {
            operation,
            target,
            port,
        } = Request::from(capability);
        let pattern = GrantPattern::Exact {
            target: target.to_owned(),
            port,
        };
        Grant {
            operation,
            pattern,
            required: false,
        }
    }

    /// An optional grant of an operation on everything.
    pub fn any(operation: Operation) -> Self {
        Grant {
            operation,
            pattern: GrantPattern::Any,
            required: false,
        }
    }

    /// Whether the grant is of that operation and its pattern matches.
    pub fn covers(&self, request: &Request<'_>) -> bool {
        self.operation == request.operation && self.pattern.matches(request)
    }
}

impl GrantPattern {
    /// Whether the target and the port match, and the operation is of the pattern's
    /// family.
    pub fn matches(&self, request: &Request<'_>) -> bool {
        let Request {
            operation,
            target,
            port,
        } = *request;
        match (self, operation) {
            (GrantPattern::Any, _) => true,
            (
                GrantPattern::Exact {
                    target: own,
                    port: own_port,
                },
                _,
            ) => own == target && *own_port == port,
            (GrantPattern::Path(it), Operation::Filesystem(_)) => it.matches(target),
            (GrantPattern::Host(it), Operation::Network(NetworkAction::Resolve)) => {
                it.matches(target)
            }
            (
                GrantPattern::Endpoint(it),
                Operation::Network(NetworkAction::Connect | NetworkAction::Listen),
            ) => it.matches(target, port),
            (GrantPattern::Command(it), Operation::Process(_)) => it.matches(target),
            (GrantPattern::Namespace(it), Operation::Storage(_)) => it.matches(target),
            // What is subscribed to is a pattern itself.
            (GrantPattern::Topic(it), Operation::Messaging(MessagingAction::Subscribe)) => {
                TopicPattern::new(target).is_ok_and(|wanted| it.covers(&wanted))
            }
            (GrantPattern::Topic(it), Operation::Messaging(MessagingAction::Publish)) => {
                it.matches(target)
            }
            (
                GrantPattern::Component(it),
                Operation::Messaging(MessagingAction::Send | MessagingAction::Request),
            ) => it.matches(target),
            _ => false,
        }
    }

    /// What everything that matches begins with, up to a whole segment: for an index.
    /// Empty where nothing is known.
    pub(super) fn literal_prefix(&self) -> &str {
        match self {
            GrantPattern::Path(it) => cut(it.as_str(), &['*', '?', '[', '{'], '/'),
            GrantPattern::Command(it) => cut(it.as_str(), &['*'], '/'),
            GrantPattern::Namespace(it) => cut(it.as_str(), &['*'], ':'),
            GrantPattern::Component(it) => cut(it.as_str(), &['*'], '.'),
            GrantPattern::Topic(it) => cut(it.as_str(), &['*'], '.'),
            GrantPattern::Exact { target, .. } => target,
            GrantPattern::Endpoint(_) | GrantPattern::Host(_) | GrantPattern::Any => "",
        }
    }
}

/// The text, if it has no wildcard; what is before the last separator in front of the
/// first one otherwise.
fn cut<'a>(text: &'a str, wild: &[char], separator: char) -> &'a str {
    match text.find(wild) {
        None => text,
        Some(at) => text[..at].rfind(separator).map_or("", |end| &text[..end]),
    }
}

/// The pattern's text.
impl fmt::Display for GrantPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GrantPattern::Path(it) => it.fmt(f),
            GrantPattern::Endpoint(it) => it.fmt(f),
            GrantPattern::Host(it) => it.fmt(f),
            GrantPattern::Command(it) => it.fmt(f),
            GrantPattern::Namespace(it) => it.fmt(f),
            GrantPattern::Component(it) => it.fmt(f),
            GrantPattern::Topic(it) => it.fmt(f),
            GrantPattern::Exact { target, port: 0 } => write!(f, "={target}"),
            GrantPattern::Exact { target, port } => write!(f, "={target}:{port}"),
            GrantPattern::Any => f.write_str("**"),
        }
    }
}

/// As `filesystem.read(/data/**)`.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.operation, self.pattern)
    }
}
