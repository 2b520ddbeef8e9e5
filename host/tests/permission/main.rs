//! Permissions, as an embedder uses them: what is decided, when changes hold, what is
//! written down, and what a hostile component gets.

mod audit;
mod changes;
mod docs;
mod hostile;
mod loading;
mod modes;
mod properties;
mod reviews;

use enginebay_host::capability::{
    FilesystemAction, MessagingAction, NetworkAction, Operation, ProcessAction, StorageAction,
};
use enginebay_host::permission::{Checker, Denial, Grant, Permissions, Request, Subject};

const READ: Operation = Operation::Filesystem(FilesystemAction::Read);
const WRITE: Operation = Operation::Filesystem(FilesystemAction::Write);
const CONNECT: Operation = Operation::Network(NetworkAction::Connect);
const RESOLVE: Operation = Operation::Network(NetworkAction::Resolve);
const SPAWN: Operation = Operation::Process(ProcessAction::Spawn);
const STORE: Operation = Operation::Storage(StorageAction::Write);
const PUBLISH: Operation = Operation::Messaging(MessagingAction::Publish);

/// The name that all tests' components have.
const NAME: &str = "counter";
/// A function that all tests call.
const FUNCTION: &str = "enginebay:test/calls#call";

fn required(operation: Operation, pattern: &str) -> Grant {
    Grant::required(operation, pattern).unwrap()
}

fn optional(operation: Operation, pattern: &str) -> Grant {
    Grant::optional(operation, pattern).unwrap()
}

fn read(path: &str) -> Request<'_> {
    Request::filesystem(FilesystemAction::Read, path)
}

fn connect(host: &str, port: u16) -> Request<'_> {
    Request::network(NetworkAction::Connect, host, port)
}

fn request(operation: Operation, target: &str, port: u16) -> Request<'_> {
    Request {
        operation,
        target,
        port,
    }
}

/// With the component registered, and a checker of it.
fn registered(permissions: &Permissions, grants: impl IntoIterator<Item = Grant>) -> Checker {
    permissions.register(Subject::new(NAME), grants).unwrap();
    permissions.checker(NAME).unwrap()
}

/// Checks twice: what is decided and what is remembered must be the same.
fn check(checker: &Checker, request: Request<'_>) -> Result<(), Denial> {
    let first = checker.check(FUNCTION, request);
    assert_eq!(checker.check(FUNCTION, request), first, "{request}");
    first
}
