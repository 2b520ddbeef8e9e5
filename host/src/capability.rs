//! What a component may be allowed to do: one [`Capability`] for every operation that
//! the contract's WIT can ask for.

use std::fmt;

/// Declares the actions of a family, with their names in WIT and in manifests.
macro_rules! actions {
    ($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$case_doc])* $case,)*
        }

        impl $name {
            /// All of them, in the order of the WIT.
            pub const ALL: &[$name] = &[$($name::$case,)*];

            /// The name, as WIT and manifests have it.
            pub const fn name(self) -> &'static str {
                match self {
                    $($name::$case => $text,)*
                }
            }

            /// The action of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                $name::ALL.iter().copied().find(|it| it.name() == name)
            }
        }
    };
}

actions! {
    /// What is done to a path.
    FilesystemAction {
        /// Read a file's contents, or what is known about it.
        Read = "read",
        /// Create a file or directory, or change one.
        Write = "write",
        /// Remove a file or directory.
        Delete = "delete",
        /// List what is in a directory.
        List = "list",
    }
}

actions! {
    /// What is done on the network.
    NetworkAction {
        /// Connect to a host's port, or send to it.
        Connect = "connect",
        /// Accept connections or packets at a port.
        Listen = "listen",
        /// Look a host's name up.
        Resolve = "resolve",
    }
}

actions! {
    /// What is done to processes.
    ProcessAction {
        /// Start a command.
        Spawn = "spawn",
        /// Send a signal to a process that this component started.
        Signal = "signal",
        /// End such a process.
        Kill = "kill",
        /// Read what is known about such a process.
        Inspect = "inspect",
    }
}

actions! {
    /// What is done to a namespace of the storage.
    StorageAction {
        /// Read values.
        Read = "read",
        /// Write values.
        Write = "write",
        /// Remove values.
        Delete = "delete",
        /// List keys.
        List = "list",
    }
}

actions! {
    /// What is done with messages. The target of `send` and `request` is a component's
    /// name, that of the others a topic.
    MessagingAction {
        /// Send a message to a component.
        Send = "send",
        /// Ask a component, and get its answer.
        Request = "request",
        /// Publish to a topic.
        Publish = "publish",
        /// Get what is published to a topic.
        Subscribe = "subscribe",
    }
}

/// One operation on one thing: what a function of the contract needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Capability {
    /// An operation on a path, which is absolute and normalised.
    Filesystem {
        /// What is done.
        action: FilesystemAction,
        /// To what.
        path: String,
    },
    /// An operation on the network.
    Network {
        /// What is done.
        action: NetworkAction,
        /// A name in lower case, or an address; for `listen` the address to listen at.
        host: String,
        /// The port; 0 where the operation has none.
        port: u16,
    },
    /// An operation on processes.
    Process {
        /// What is done.
        action: ProcessAction,
        /// The command.
        command: String,
    },
    /// An operation on stored values.
    Storage {
        /// What is done.
        action: StorageAction,
        /// The namespace, `owner:name`.
        namespace: String,
    },
    /// An operation with messages.
    Messaging {
        /// What is done.
        action: MessagingAction,
        /// A component's name or a topic.
        target: String,
    },
}

impl Capability {
    /// The operation's name, as in `filesystem.read`.
    pub fn operation(&self) -> Operation {
        match self {
            Capability::Filesystem { action, .. } => Operation::Filesystem(*action),
            Capability::Network { action, .. } => Operation::Network(*action),
            Capability::Process { action, .. } => Operation::Process(*action),
            Capability::Storage { action, .. } => Operation::Storage(*action),
            Capability::Messaging { action, .. } => Operation::Messaging(*action),
        }
    }
}

/// As `filesystem.read(/data/a)` or `network.connect(example.com:443)`.
impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = self.operation();
        match self {
            Capability::Filesystem { path, .. } => write!(f, "{operation}({path})"),
            Capability::Network { host, port: 0, .. } => write!(f, "{operation}({host})"),
            Capability::Network { host, port, .. } => write!(f, "{operation}({host}:{port})"),
            Capability::Process { command, .. } => write!(f, "{operation}({command})"),
            Capability::Storage { namespace, .. } => write!(f, "{operation}({namespace})"),
            Capability::Messaging { target, .. } => write!(f, "{operation}({target})"),
        }
    }
}

/// An operation, whatever it is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Operation {
    /// On a path.
    Filesystem(FilesystemAction),
    /// On the network.
    Network(NetworkAction),
    /// On processes.
    Process(ProcessAction),
    /// On stored values.
    Storage(StorageAction),
    /// With messages.
    Messaging(MessagingAction),
}

impl Operation {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Operation> {
        let filesystem = FilesystemAction::ALL.iter().copied();
        let network = NetworkAction::ALL.iter().copied();
        let process = ProcessAction::ALL.iter().copied();
        let storage = StorageAction::ALL.iter().copied();
        let messaging = MessagingAction::ALL.iter().copied();
        filesystem
            .map(Operation::Filesystem)
            .chain(network.map(Operation::Network))
            .chain(process.map(Operation::Process))
            .chain(storage.map(Operation::Storage))
            .chain(messaging.map(Operation::Messaging))
    }

    /// The family, as a manifest's section has it: `filesystem`.
    pub const fn family(self) -> &'static str {
        match self {
            Operation::Filesystem(_) => "filesystem",
            Operation::Network(_) => "network",
            Operation::Process(_) => "process",
            Operation::Storage(_) => "storage",
            Operation::Messaging(_) => "messaging",
        }
    }

    /// The action in its family: `read`.
    pub const fn action(self) -> &'static str {
        match self {
            Operation::Filesystem(action) => action.name(),
            Operation::Network(action) => action.name(),
            Operation::Process(action) => action.name(),
            Operation::Storage(action) => action.name(),
            Operation::Messaging(action) => action.name(),
        }
    }
}

/// As `filesystem.read`.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.family(), self.action())
    }
}
