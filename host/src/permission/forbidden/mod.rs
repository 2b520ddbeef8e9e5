//! What no component may do, in any mode and with any grant.

mod fold;
mod hosts;
mod paths;
mod standard;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use hosts::{HostIndex, Network};
use paths::PathIndex;

use super::grant::{Grant, GrantPattern};
use super::request::Request;
use crate::capability::{NetworkAction, Operation, ProcessAction};
use crate::pattern::PatternError;

/// Rules that stand above all grants and modes.
///
/// The [default](ForbiddenList::standard) has the rules that the page "Permissions" of
/// the book lists with their reasons. An embedder adds to it; to have fewer rules, begin
/// with [`none`](ForbiddenList::none).
///
/// Paths and commands are compared as the most lenient file system does: without case,
/// without characters that have no width, without dots and spaces at the end of a name.
/// A link is not followed: keeping a grant's folder from leading out of itself is for
/// who opens files. A name is not looked up: who connects asks
/// [`find_address`](ForbiddenList::find_address) again for the address that was found.
///
/// ```
/// use enginebay_host::capability::FilesystemAction;
/// use enginebay_host::permission::{ForbiddenList, Request};
///
/// let mut list = ForbiddenList::standard();
/// list.forbid_path("/srv/ledger/**", "the books are closed")?;
/// let read = |path| list.find(&Request::filesystem(FilesystemAction::Read, path)).is_some();
/// assert!(read("/srv/ledger/2024") && read("/home/me/.ssh/config") && !read("/srv/data"));
/// # Ok::<(), enginebay_host::pattern::PatternError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ForbiddenList {
    rules: Vec<ForbiddenRule>,
    paths: PathIndex,
    hosts: HostIndex,
    commands: HashMap<Box<str>, usize>,
    grants: Vec<(Grant, usize)>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForbiddenRule {
    /// What must not be done: `filesystem.*`, `process.spawn`.
    pub operations: String,
    /// To what.
    pub pattern: String,
    /// Why.
    pub reason: Arc<str>,
}

/// As `filesystem.*(/boot): what the machine boots from`.
impl fmt::Display for ForbiddenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}): {}", self.operations, self.pattern, self.reason)
    }
}

impl Default for ForbiddenList {
    /// The [standard](Self::standard) rules.
    fn default() -> Self {
        ForbiddenList::standard()
    }
}

impl ForbiddenList {
    /// The rules that every host begins with.
    pub fn standard() -> Self {
        let mut list = ForbiddenList::none();
        for (reason, patterns) in standard::PATHS {
            for pattern in *patterns {
                list.forbid_path(pattern, reason)
                    .expect("a standard rule is a pattern");
            }
        }
        for (name, reason) in standard::HOSTS {
            list.forbid_host(name, reason)
                .expect("a standard rule is a pattern");
        }
        for (address, length, reason) in standard::NETWORKS {
            let address = address.parse().expect("a standard rule is an address");
            list.forbid_network(address, *length, reason);
        }
        for (port, reason) in standard::PORTS {
            list.forbid_port(*port, reason);
        }
        for (reason, names) in standard::COMMANDS {
            for name in *names {
                list.forbid_command(name, reason);
            }
        }
        list
    }

    /// No rules at all: what is granted is allowed, be it `/dev` or a shell.
    pub fn none() -> Self {
        ForbiddenList {
            rules: Vec::new(),
            paths: PathIndex::default(),
            hosts: HostIndex::default(),
            commands: HashMap::new(),
            grants: Vec::new(),
        }
    }

    /// Forbids every operation on paths. A pattern without wildcards, or with `/**` at
    /// its end, is that path and all below it; with `/**/` in front it is that name at
    /// any depth, and all below. Other wildcards are those of
    /// [`PathPattern`](crate::pattern::PathPattern).
    ///
    /// # Errors
    /// The text is no such pattern.
    pub fn forbid_path(&mut self, pattern: &str, reason: &str) -> Result<&mut Self, PatternError> {
        self.paths.add(pattern, self.rules.len())?;
        Ok(self.rule("filesystem.*", pattern, reason))
    }

    /// Forbids every operation with hosts: a name, `*.name`, or an address.
    ///
    /// # Errors
    /// The text is no [`HostPattern`](crate::pattern::HostPattern).
    pub fn forbid_host(&mut self, pattern: &str, reason: &str) -> Result<&mut Self, PatternError> {
        self.hosts.add_host(pattern, self.rules.len())?;
        Ok(self.rule("network.*", pattern, reason))
    }

    /// Forbids every operation with addresses that have the same first `length` bits. An
    /// IPv6 address that stands for one of IPv4 is that one.
    pub fn forbid_network(&mut self, address: IpAddr, length: u8, reason: &str) -> &mut Self {
        self.hosts
            .add_network(Network::new(address, length), self.rules.len());
        self.rule("network.*", &format!("{address}/{length}"), reason)
    }

    /// Forbids connecting to a port, whatever the host.
    pub fn forbid_port(&mut self, port: u16, reason: &str) -> &mut Self {
        self.hosts.add_port(port, self.rules.len());
        self.rule("network.connect", &format!("*:{port}"), reason)
    }

    /// Forbids starting a program of that name, whatever folder it is in. `.exe` and the
    /// like at the end are left out in comparing.
    pub fn forbid_command(&mut self, name: &str, reason: &str) -> &mut Self {
        self.commands
            .insert(program(name).into_boxed_str(), self.rules.len());
        self.rule("process.spawn", name, reason)
    }

    /// Forbids what a grant would allow; for namespaces and topics.
    pub fn forbid(&mut self, grant: Grant, reason: &str) -> &mut Self {
        let (operation, pattern) = (grant.operation.to_string(), grant.pattern.to_string());
        self.grants.push((grant, self.rules.len()));
        self.rule(&operation, &pattern, reason)
    }

    /// All rules, as they were added.
    pub fn rules(&self) -> &[ForbiddenRule] {
        &self.rules
    }

    /// The rule that a request breaks.
    pub fn find(&self, request: &Request<'_>) -> Option<&ForbiddenRule> {
        let target = request.target;
        let rule = match request.operation {
            Operation::Filesystem(_) => self.paths.find(target),
            Operation::Network(NetworkAction::Connect) => self
                .hosts
                .find_port(request.port)
                .or_else(|| self.hosts.find_host(target)),
            Operation::Network(_) => self.hosts.find_host(target),
            Operation::Process(ProcessAction::Spawn) => {
                self.commands.get(program(target).as_str()).copied()
            }
            _ => None,
        };
        let rule = rule.or_else(|| {
            self.grants
                .iter()
                .find(|(it, _)| it.covers(request))
                .map(|(_, rule)| *rule)
        })?;
        self.rules.get(rule)
    }

    /// The rule that connecting to an address breaks: to be asked for each address that
    /// a granted name leads to, since anyone may give a name any address.
    pub fn find_address(&self, address: IpAddr, port: u16) -> Option<&ForbiddenRule> {
        let rule = self
            .hosts
            .find_port(port)
            .or_else(|| self.hosts.find_address(address))?;
        self.rules.get(rule)
    }

    /// The rule that leaves nothing of a grant: its pattern is one forbidden thing, or is
    /// wholly below one. `None` does not say that all of a grant is allowed.
    pub fn covers(&self, grant: &Grant) -> Option<&ForbiddenRule> {
        let operation = grant.operation;
        match (&grant.pattern, operation) {
            (GrantPattern::Exact { target, port }, _) => self.find(&Request {
                operation,
                target,
                port: *port,
            }),
            (GrantPattern::Path(it), Operation::Filesystem(_)) => {
                let rule = match it.is_exact() {
                    true => self.paths.find(it.as_str()),
                    false => self.paths.find_tree(grant.pattern.literal_prefix()),
                };
                self.rules.get(rule?)
            }
            (GrantPattern::Endpoint(it), Operation::Network(_)) => {
                let ports = it.ports();
                let port = if ports.first() == ports.last() {
                    ports.first()
                } else {
                    0
                };
                self.find(&Request {
                    operation,
                    target: it.host().as_str(),
                    port,
                })
            }
            (GrantPattern::Host(it), Operation::Network(_)) => self.find(&Request {
                operation,
                target: it.as_str(),
                port: 0,
            }),
            (GrantPattern::Command(it), Operation::Process(_)) => self.find(&Request {
                operation,
                target: it.as_str(),
                port: 0,
            }),
            _ => {
                let same = |own: &Grant| own.operation == operation && own.pattern == grant.pattern;
                let (_, rule) = self.grants.iter().find(|(it, _)| same(it))?;
                self.rules.get(*rule)
            }
        }
    }

    fn rule(&mut self, operations: &str, pattern: &str, reason: &str) -> &mut Self {
        self.rules.push(ForbiddenRule {
            operations: operations.to_owned(),
            pattern: pattern.to_owned(),
            reason: reason.into(),
        });
        self
    }
}

/// The name of a program by which it is forbidden: without its folder, folded, without
/// what Windows adds.
fn program(command: &str) -> String {
    let name = command.rsplit(['/', '\\']).next().unwrap_or(command);
    let name = fold::fold_segment(name);
    let end = [".exe", ".com", ".bat", ".cmd"]
        .into_iter()
        .find_map(|it| name.strip_suffix(it));
    end.unwrap_or(&name).to_owned()
}
