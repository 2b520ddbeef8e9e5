//! What the guest does something to, and what a grant of exactly that is.

use enginebay_host::Capability;
use enginebay_host::capability::Operation;
use enginebay_host::contract::Requirement;
use enginebay_host::permission::Grant;

/// The port of every host that the guest names.
pub(crate) const PORT: u16 = 443;

/// The host, command, namespace or whatever it is that the guest passes for an argument.
/// It is another one for each argument, so that a check of the wrong one shows.
pub(crate) fn text(operation: Operation, argument: &str) -> String {
    let name = argument.replace('.', "-");
    match operation {
        Operation::Filesystem(_) => format!("/data/{name}"),
        Operation::Network(_) => format!("{name}.example.com"),
        Operation::Process(_) => name,
        Operation::Storage(_) => format!("app:{name}"),
        Operation::Messaging(_) => name,
        _ => panic!("no sample for {operation}"),
    }
}

/// What a handle of a resource type was opened for, as the probe has it.
fn subject(resource: &str) -> (String, u16) {
    let (target, port) = match resource {
        "file" => ("/data/file", 0),
        "tcp-stream" | "tls-stream" | "pool" => ("example.com", 443),
        "tcp-listener" | "udp-socket" => ("127.0.0.1", 8080),
        "process" => ("date", 0),
        _ => panic!("nothing is known of the resource `{resource}`"),
    };
    (target.to_string(), port)
}

/// What a call of the guest requires.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) operation: Operation,
    target: String,
    port: u16,
}

impl Target {
    /// `resource` is the type of the handles that the requirement's argument consists of,
    /// if that is what it consists of.
    pub(crate) fn new(requirement: &Requirement, resource: Option<&str>) -> Self {
        let Requirement {
            operation,
            arguments,
            ..
        } = *requirement;
        let (target, port) = match (resource, arguments) {
            (Some(resource), [_]) => subject(resource),
            (None, [target]) => (text(operation, target), 0),
            (None, [host, _]) => (text(operation, host), PORT),
            _ => panic!("not known: {requirement:?}"),
        };
        Target {
            operation,
            target,
            port,
        }
    }

    /// The pattern of what is exactly this.
    pub(crate) fn pattern(&self) -> String {
        match self.port {
            0 => self.target.clone(),
            port => format!("{}:{port}", self.target),
        }
    }

    pub(crate) fn grant(&self) -> Grant {
        Grant::required(self.operation, &self.pattern()).unwrap()
    }

    pub(crate) fn capability(&self) -> Capability {
        let Target { target, port, .. } = self.clone();
        match self.operation {
            Operation::Filesystem(action) => Capability::Filesystem {
                action,
                path: target,
            },
            Operation::Network(action) => Capability::Network {
                action,
                host: target,
                port,
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
            operation => panic!("no capability for {operation}"),
        }
    }

    /// What a component of that name is told when this is not granted.
    pub(crate) fn denial(&self, component: &str) -> String {
        let (operation, pattern) = (self.operation, self.pattern());
        format!("denied: {operation}({pattern}) is not granted to `{component}`")
    }
}
