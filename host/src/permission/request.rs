//! What a call asks for, borrowed from the call's arguments: the form that the hot path
//! takes, so that a check copies no string.

use std::fmt::{self, Write as _};
use std::sync::LazyLock;

use crate::capability::{
    Capability, FilesystemAction, MessagingAction, NetworkAction, Operation, ProcessAction,
    StorageAction,
};
use crate::pattern::{HostPattern, MAX_PATH, is_normal};

/// The longest target of a request, in bytes: 4096. What is longer is denied unread, and
/// shown shortened.
pub const MAX_TARGET_BYTES: usize = MAX_PATH;

/// How many bytes of a target that is too long a [`Denial`](super::Denial) and an
/// [`AuditEvent`](super::AuditEvent) keep.
const SHOWN_BYTES: usize = 256;

/// One operation on one thing, borrowed. A [`Capability`] that owns nothing.
///
/// ```
/// use enginebay_host::capability::FilesystemAction;
/// use enginebay_host::permission::Request;
///
/// let request = Request::filesystem(FilesystemAction::Read, "/data/a");
/// assert_eq!(request.to_string(), "filesystem.read(/data/a)");
/// assert_eq!(Request::from(&request.to_capability()), request);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Request<'a> {
    /// What is done.
    pub operation: Operation,
    /// To what: a path that is absolute and normalised, a host's name in lower case or an
    /// address, a command, a namespace, a component's name or a topic.
    pub target: &'a str,
    /// The port, for the network; 0 where the operation has none.
    pub port: u16,
}

impl<'a> Request<'a> {
    /// An operation on a path, which is absolute and normalised.
    pub const fn filesystem(action: FilesystemAction, path: &'a str) -> Self {
        Request {
            operation: Operation::Filesystem(action),
            target: path,
            port: 0,
        }
    }

    /// An operation on the network: a host's name in lower case, or an address, and the
    /// port, 0 where there is none.
    pub const fn network(action: NetworkAction, host: &'a str, port: u16) -> Self {
        Request {
            operation: Operation::Network(action),
            target: host,
            port,
        }
    }

    /// An operation on processes of that command.
    pub const fn process(action: ProcessAction, command: &'a str) -> Self {
        Request {
            operation: Operation::Process(action),
            target: command,
            port: 0,
        }
    }

    /// An operation on a namespace of the storage, `owner:name`.
    pub const fn storage(action: StorageAction, namespace: &'a str) -> Self {
        Request {
            operation: Operation::Storage(action),
            target: namespace,
            port: 0,
        }
    }

    /// An operation with messages: to a component's name, or of a topic.
    pub const fn messaging(action: MessagingAction, target: &'a str) -> Self {
        Request {
            operation: Operation::Messaging(action),
            target,
            port: 0,
        }
    }

    /// The same, owned. A target that is longer than [`MAX_TARGET_BYTES`] is shortened,
    /// and ends with `...`: it was denied, and is kept to be shown.
    pub fn to_capability(&self) -> Capability {
        let target = if self.target.len() <= MAX_TARGET_BYTES {
            self.target.to_owned()
        } else {
            let end = self.target.floor_char_boundary(SHOWN_BYTES);
            format!("{}...", &self.target[..end])
        };
        match self.operation {
            Operation::Filesystem(action) => Capability::Filesystem {
                action,
                path: target,
            },
            Operation::Network(action) => Capability::Network {
                action,
                host: target,
                port: self.port,
            },
            Operation::Process(action) => Capability::Process {
                action,
                command: target,
            },
            Operation::Storage(action) => Capability::Storage {
                action,
                namespace: target,
            },
            Operation::Messaging(action) => Capability::Messaging { action, target },
        }
    }

    /// What is wrong with the request, whatever is granted. Nothing here is ever allowed:
    /// the glue hands over what it has normalised, and what is not normal could mean one
    /// thing to a pattern and another to the system.
    pub(super) fn malformed(&self) -> Option<&'static str> {
        if self.target.is_empty() {
            return Some("it names nothing");
        }
        if self.target.len() > MAX_TARGET_BYTES {
            return Some("what it names is longer than 4096 bytes");
        }
        if self.target.chars().any(char::is_control) {
            return Some("what it names has a NUL or another control character");
        }
        match self.operation {
            Operation::Filesystem(_) if !is_normal(self.target) => Some(
                "the path is not absolute and normalised: it has `.`, `..`, an empty segment or \
                 a backslash",
            ),
            Operation::Network(_) if !ANY_HOST.matches(self.target) => {
                Some("the host is neither a name of ASCII nor an address in its usual form")
            }
            Operation::Process(_) if !is_command(self.target) => {
                Some("the command is neither a bare name nor an absolute, normalised path")
            }
            _ => None,
        }
    }
}

/// All names and addresses, and nothing that only some programs take for one, as `127.1`.
static ANY_HOST: LazyLock<HostPattern> =
    LazyLock::new(|| HostPattern::new("*").expect("the pattern of all hosts is one"));

fn is_command(command: &str) -> bool {
    match command.starts_with('/') {
        true => command.len() > 1 && is_normal(command),
        false => !command.contains(['/', '\\']) && command != "." && command != "..",
    }
}

impl<'a> From<&'a Capability> for Request<'a> {
    fn from(capability: &'a Capability) -> Self {
        let (target, port) = match capability {
            Capability::Filesystem { path, .. } => (path, 0),
            Capability::Network { host, port, .. } => (host, *port),
            Capability::Process { command, .. } => (command, 0),
            Capability::Storage { namespace, .. } => (namespace, 0),
            Capability::Messaging { target, .. } => (target, 0),
        };
        Request {
            operation: capability.operation(),
            target,
            port,
        }
    }
}

/// As `filesystem.read(/data/a)` or `network.connect(example.com:443)`, with control and
/// direction characters escaped: a guest chose the target, and it may end in a log. A
/// long target is shortened.
impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.operation)?;
        let whole = self.target.len() <= MAX_TARGET_BYTES;
        let end = if whole {
            self.target.len()
        } else {
            self.target.floor_char_boundary(SHOWN_BYTES)
        };
        for c in self.target[..end].chars() {
            if c.is_control() || is_direction(c) {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                f.write_char(c)?;
            }
        }
        if !whole {
            f.write_str("...")?;
        }
        match self.port {
            0 => f.write_char(')'),
            port => write!(f, ":{port})"),
        }
    }
}

/// Characters that change the direction or the lines of the text around them.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
