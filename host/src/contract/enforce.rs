//! The checks that stand before the functions of the contract.
//!
//! The bindings call the function of this module that is named after the capability
//! (`filesystem_read`) with the arguments that the WIT names, before they call the host's.
//! If it is not granted, the guest gets the `denied` of the function's error, and the
//! host's function is not called.

use enginebay_core::Resource;

use super::bindings::enginebay::core::capabilities as wit;
use super::bindings::enginebay::ext_filesystem::filesystem::File;
use super::bindings::enginebay::ext_network::connection::{Pool, TlsStream};
use super::bindings::enginebay::ext_network::socket::{TcpListener, TcpStream, UdpSocket};
use super::bindings::enginebay::ext_process::lifecycle::Process;
use crate::capability::{
    Capability, FilesystemAction, MessagingAction, NetworkAction, Operation, ProcessAction,
    StorageAction,
};
use crate::permission::{Denial, Reason, Request};

/// Who decides what the component of a store may do.
pub trait Enforce {
    /// Whether the component may do this now. `function` is the WIT name of the function
    /// that is called: `enginebay:storage/store@1.0.0#get`.
    ///
    /// # Errors
    ///
    /// It may not.
    fn allow(&mut self, function: &str, request: Request<'_>) -> Result<(), Denial>;

    /// The host's open resources.
    fn subjects(&self) -> &dyn Subjects;
}

/// What a resource was opened for, and is checked again each time that it is used: a path,
/// a host, or a command; with a port where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What it was opened for.
    pub target: String,
    /// The port, or 0.
    pub port: u16,
}

/// What the host's open resources were opened for; nothing for one that is not there.
/// A host that does not implement an interface has none of its resources.
pub trait Subjects {
    /// The path of an open file.
    fn file(&self, _: &Resource<File>) -> Option<Subject> {
        None
    }

    /// The other side of a connection.
    fn tcp_stream(&self, _: &Resource<TcpStream>) -> Option<Subject> {
        None
    }

    /// The address that is listened at.
    fn tcp_listener(&self, _: &Resource<TcpListener>) -> Option<Subject> {
        None
    }

    /// The address that packets are received at.
    fn udp_socket(&self, _: &Resource<UdpSocket>) -> Option<Subject> {
        None
    }

    /// The other side of a secured connection.
    fn tls_stream(&self, _: &Resource<TlsStream>) -> Option<Subject> {
        None
    }

    /// The other side of a pool's connections.
    fn pool(&self, _: &Resource<Pool>) -> Option<Subject> {
        None
    }

    /// The command of a process.
    fn process(&self, _: &Resource<Process>) -> Option<Subject> {
        None
    }
}

/// An argument that says what is done something to.
pub(crate) trait Named<H: ?Sized> {
    /// Checks each of the things that it names.
    fn each(&self, host: &mut H, check: Check<'_, H>) -> Result<(), Denial>;
}

type Check<'a, H> = &'a mut dyn FnMut(&mut H, &str, u16) -> Result<(), Denial>;

impl<H: ?Sized> Named<H> for String {
    fn each(&self, host: &mut H, check: Check<'_, H>) -> Result<(), Denial> {
        check(host, self, 0)
    }
}

/// One that names nothing is checked as what has no name, and so denied.
impl<H: ?Sized, T: Named<H>> Named<H> for Vec<T> {
    fn each(&self, host: &mut H, check: Check<'_, H>) -> Result<(), Denial> {
        if self.is_empty() {
            return check(host, "", 0);
        }
        self.iter().try_for_each(|it| it.each(host, check))
    }
}

/// One that is not there is checked as what has no name, and so denied.
macro_rules! resources {
    ($($resource:ty => $method:ident),* $(,)?) => {$(
        impl<H: Enforce + ?Sized> Named<H> for Resource<$resource> {
            fn each(&self, host: &mut H, check: Check<'_, H>) -> Result<(), Denial> {
                match host.subjects().$method(self) {
                    Some(Subject { target, port }) => check(host, &target, port),
                    None => check(host, "", 0),
                }
            }
        }
    )*};
}

resources! {
    File => file,
    Pool => pool,
    Process => process,
    TcpListener => tcp_listener,
    TcpStream => tcp_stream,
    TlsStream => tls_stream,
    UdpSocket => udp_socket,
}

fn check<H: Enforce + ?Sized>(
    host: &mut H,
    function: &str,
    operation: Operation,
    named: &impl Named<H>,
) -> Result<(), wit::Denial> {
    let result = named.each(host, &mut |host, target, port| {
        let request = Request {
            operation,
            target,
            port,
        };
        host.allow(function, request)
    });
    result.map_err(|denial| (&denial).into())
}

macro_rules! checks {
    ($($name:ident = $family:ident($action:expr);)*) => {$(
        pub(crate) fn $name<H: Enforce + ?Sized>(
            host: &mut H,
            function: &str,
            named: &impl Named<H>,
        ) -> Result<(), wit::Denial> {
            check(host, function, Operation::$family($action), named)
        }
    )*};
}

checks! {
    filesystem_read = Filesystem(FilesystemAction::Read);
    filesystem_write = Filesystem(FilesystemAction::Write);
    filesystem_delete = Filesystem(FilesystemAction::Delete);
    filesystem_list = Filesystem(FilesystemAction::List);
    network_connect = Network(NetworkAction::Connect);
    network_listen = Network(NetworkAction::Listen);
    network_resolve = Network(NetworkAction::Resolve);
    process_spawn = Process(ProcessAction::Spawn);
    process_signal = Process(ProcessAction::Signal);
    process_kill = Process(ProcessAction::Kill);
    process_inspect = Process(ProcessAction::Inspect);
    storage_read = Storage(StorageAction::Read);
    storage_write = Storage(StorageAction::Write);
    storage_delete = Storage(StorageAction::Delete);
    storage_list = Storage(StorageAction::List);
    messaging_send = Messaging(MessagingAction::Send);
    messaging_request = Messaging(MessagingAction::Request);
    messaging_publish = Messaging(MessagingAction::Publish);
    messaging_subscribe = Messaging(MessagingAction::Subscribe);
}

/// A host and its port, as the guest names them.
macro_rules! checks_with_port {
    ($($name:ident = $action:expr;)*) => {$(
        pub(crate) fn $name<H: Enforce + ?Sized>(
            host: &mut H,
            function: &str,
            target: &str,
            port: &u16,
        ) -> Result<(), wit::Denial> {
            let request = Request::network($action, target, *port);
            host.allow(function, request).map_err(|denial| (&denial).into())
        }
    )*};
}

checks_with_port! {
    network_connect_port = NetworkAction::Connect;
    network_listen_port = NetworkAction::Listen;
}

impl From<&Denial> for wit::Denial {
    fn from(denial: &Denial) -> Self {
        wit::Denial {
            capability: denial.capability().into(),
            reason: denial.reason().into(),
            message: denial.to_string(),
        }
    }
}

impl From<&Reason> for wit::DenialReason {
    fn from(reason: &Reason) -> Self {
        match reason {
            Reason::Forbidden(_) => wit::DenialReason::Forbidden,
            Reason::NeedsReview(_) => wit::DenialReason::NeedsReview,
            Reason::Malformed(_) => wit::DenialReason::Malformed,
            Reason::Refused(_) => wit::DenialReason::Policy,
            _ => wit::DenialReason::NotGranted,
        }
    }
}

/// The same enum on both sides: names and order are those of the WIT.
macro_rules! actions {
    ($($name:ident { $($case:ident),* })*) => {$(
        impl From<$name> for wit::$name {
            fn from(action: $name) -> Self {
                match action {
                    $($name::$case => wit::$name::$case,)*
                }
            }
        }

        impl From<wit::$name> for $name {
            fn from(action: wit::$name) -> Self {
                match action {
                    $(wit::$name::$case => $name::$case,)*
                }
            }
        }
    )*};
}

actions! {
    FilesystemAction { Read, Write, Delete, List }
    NetworkAction { Connect, Listen, Resolve }
    ProcessAction { Spawn, Signal, Kill, Inspect }
    StorageAction { Read, Write, Delete, List }
    MessagingAction { Send, Request, Publish, Subscribe }
}

impl From<&Capability> for wit::Capability {
    fn from(capability: &Capability) -> Self {
        match capability {
            Capability::Filesystem { action, path } => {
                wit::Capability::Filesystem(wit::FilesystemCapability {
                    action: (*action).into(),
                    path: path.clone(),
                })
            }
            Capability::Network { action, host, port } => {
                wit::Capability::Network(wit::NetworkCapability {
                    action: (*action).into(),
                    host: host.clone(),
                    port: (*port != 0).then_some(*port),
                })
            }
            Capability::Process { action, command } => {
                wit::Capability::Process(wit::ProcessCapability {
                    action: (*action).into(),
                    command: command.clone(),
                })
            }
            Capability::Storage { action, namespace } => {
                wit::Capability::Storage(wit::StorageCapability {
                    action: (*action).into(),
                    namespace: namespace.clone(),
                })
            }
            Capability::Messaging { action, target } => {
                wit::Capability::Messaging(wit::MessagingCapability {
                    action: (*action).into(),
                    target: target.clone(),
                })
            }
        }
    }
}

impl From<wit::Capability> for Capability {
    fn from(capability: wit::Capability) -> Self {
        match capability {
            wit::Capability::Filesystem(it) => Capability::Filesystem {
                action: it.action.into(),
                path: it.path,
            },
            wit::Capability::Network(it) => Capability::Network {
                action: it.action.into(),
                host: it.host,
                port: it.port.unwrap_or(0),
            },
            wit::Capability::Process(it) => Capability::Process {
                action: it.action.into(),
                command: it.command,
            },
            wit::Capability::Storage(it) => Capability::Storage {
                action: it.action.into(),
                namespace: it.namespace,
            },
            wit::Capability::Messaging(it) => Capability::Messaging {
                action: it.action.into(),
                target: it.target,
            },
        }
    }
}
