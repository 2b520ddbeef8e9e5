//! What a store of one component holds.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use enginebay_core::{Error, Resource, Result};

use super::Services;
use crate::contract::bindings::enginebay::ext_filesystem::filesystem::File;
use crate::contract::enforce::{Enforce, Subject, Subjects};
use crate::messaging::{Canceller, Endpoint, PendingRequest};
use crate::permission::{Checker, Denial, Request};
use crate::storage::StorageLimits;

use super::files::OpenFile;
use super::table::Table;

/// Handles for subscriptions that a component has at once; those for the same pattern
/// count each.
const MOST_SUBSCRIPTIONS: usize = 1_024;

/// The store's data has a [`ComponentContext`].
pub trait HostView: Send {
    /// The context.
    fn component(&mut self) -> &mut ComponentContext;
}

impl HostView for ComponentContext {
    fn component(&mut self) -> &mut ComponentContext {
        self
    }
}

/// The bounds of what one component makes its host do and keep.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ContextOptions {
    /// What it may store. Default: those of [`StorageLimits`].
    pub storage: StorageLimits,
    /// How long a message waits for room in a mailbox. Default: 5 s.
    pub send_timeout: Duration,
    /// The longest time that a request waits for its answer, whatever it asks for.
    /// Default: 60 s.
    pub longest_request: Duration,
    /// How many files it may have open. Default: 64.
    pub open_files: usize,
    /// Bytes of a line of the log, names and values included; what is longer is cut off.
    /// Default: 4 KiB.
    pub log_line: usize,
    /// Lines of the log in a second; what is more is left out, and counted. Default: 100.
    pub log_lines_per_second: u32,
}

impl Default for ContextOptions {
    fn default() -> Self {
        ContextOptions {
            storage: StorageLimits::new(),
            send_timeout: Duration::from_secs(5),
            longest_request: Duration::from_secs(60),
            open_files: 64,
            log_line: 4 << 10,
            log_lines_per_second: 100,
        }
    }
}

/// One component's side of the services.
#[derive(Debug)]
pub struct ComponentContext {
    pub(super) services: Services,
    pub(super) options: ContextOptions,
    pub(super) checker: Checker,
    pub(super) endpoint: Endpoint,
    pub(super) started: Instant,
    /// Requests whose answer comes by a callback, until they are taken.
    pub(super) requests: Vec<PendingRequest>,
    /// What gives them up.
    pub(super) cancellers: BTreeMap<u64, Canceller>,
    pub(super) subscriptions: Table<String>,
    pub(super) files: Table<OpenFile>,
    pub(super) lines: Lines,
    calls: u64,
}

/// The lines of the log in this second.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) since: Instant,
    pub(super) written: u32,
    pub(super) left_out: u64,
}

impl ComponentContext {
    /// The context of a component that is registered with the services' permissions and
    /// broker under its name.
    ///
    /// # Errors
    ///
    /// It is not.
    pub fn new(services: &Services, name: &str, options: ContextOptions) -> Result<Self> {
        let checker = services.permissions().checker(name).map_err(Error::host)?;
        let endpoint = services.broker().endpoint(name).map_err(Error::host)?;
        Ok(ComponentContext {
            services: services.clone(),
            checker,
            endpoint,
            started: Instant::now(),
            requests: Vec::new(),
            cancellers: BTreeMap::new(),
            subscriptions: Table::new(MOST_SUBSCRIPTIONS),
            files: Table::new(options.open_files),
            options,
            lines: Lines {
                since: Instant::now(),
                written: 0,
                left_out: 0,
            },
            calls: 0,
        })
    }

    /// The component's name.
    pub fn name(&self) -> &str {
        self.checker.component()
    }

    /// Takes the requests that the component has made since the last time and whose answer
    /// it wants by a callback. Whoever drives the component waits for them, and calls
    /// [`forget_request`](Self::forget_request) when there is an answer.
    pub fn take_requests(&mut self) -> Vec<PendingRequest> {
        std::mem::take(&mut self.requests)
    }

    /// A number for a call of the component, which no other of this context has.
    pub(crate) fn next_request(&mut self) -> u64 {
        self.calls += 1;
        self.calls
    }

    /// A request has its answer: it cannot be cancelled any more.
    pub fn forget_request(&mut self, id: u64) {
        self.cancellers.remove(&id);
    }
}

/// When a component has ended, so have its subscriptions.
impl Drop for ComponentContext {
    fn drop(&mut self) {
        for pattern in self.subscriptions.all() {
            self.endpoint.unsubscribe(&pattern);
        }
    }
}

impl Enforce for ComponentContext {
    fn allow(&mut self, function: &str, request: Request<'_>) -> Result<(), Denial> {
        self.checker.check(function, request)
    }

    fn subjects(&self) -> &dyn Subjects {
        self
    }
}

impl Subjects for ComponentContext {
    fn file(&self, file: &Resource<File>) -> Option<Subject> {
        let file = self.files.get(file.rep()).ok()?;
        Some(Subject {
            target: file.path().to_string(),
            port: 0,
        })
    }
}
