//! A host of every interface that does nothing: for the test that shows that nothing of a
//! host is reached before it was checked.

use enginebay_core::Error;

use super::bindings::enginebay::ext_filesystem::filesystem::File;
use super::bindings::enginebay::ext_network::connection::{Pool, TlsStream};
use super::bindings::enginebay::ext_network::socket::{TcpListener, TcpStream, UdpSocket};
use super::bindings::enginebay::ext_process::lifecycle::Process;
use super::enforce::{Enforce, Subject, Subjects};
use crate::permission::{Checker, Denial, Request};
use enginebay_core::Resource;

/// The host. Each of its functions stops the guest with an error that says `reached`.
#[derive(Debug)]
pub struct Probe {
    checker: Checker,
}

impl Probe {
    /// A host for the component of the checker.
    pub fn new(checker: Checker) -> Self {
        Probe { checker }
    }
}

/// The function of the host was reached.
pub(crate) fn reached(_: &mut Probe, function: &str) -> Error {
    Error::host(format!("reached {function}"))
}

impl Enforce for Probe {
    fn allow(&mut self, function: &str, request: Request<'_>) -> Result<(), Denial> {
        self.checker.check(function, request)
    }

    fn subjects(&self) -> &dyn Subjects {
        self
    }
}

fn subject(target: &str, port: u16) -> Option<Subject> {
    Some(Subject {
        target: target.to_string(),
        port,
    })
}

/// All resources are there.
impl Subjects for Probe {
    fn file(&self, _: &Resource<File>) -> Option<Subject> {
        subject("/data/file", 0)
    }

    fn tcp_stream(&self, _: &Resource<TcpStream>) -> Option<Subject> {
        subject("example.com", 443)
    }

    fn tcp_listener(&self, _: &Resource<TcpListener>) -> Option<Subject> {
        subject("127.0.0.1", 8080)
    }

    fn udp_socket(&self, _: &Resource<UdpSocket>) -> Option<Subject> {
        subject("127.0.0.1", 8080)
    }

    fn tls_stream(&self, _: &Resource<TlsStream>) -> Option<Subject> {
        subject("example.com", 443)
    }

    fn pool(&self, _: &Resource<Pool>) -> Option<Subject> {
        subject("example.com", 443)
    }

    fn process(&self, _: &Resource<Process>) -> Option<Subject> {
        subject("date", 0)
    }
}
