//! What holds for a component at one time: built anew at each change, and never changed.

use std::collections::HashMap;
use std::sync::Arc;

use super::audit::Outcome;
use super::denial::Reason;
use super::forbidden::ForbiddenList;
use super::grant::Grant;
use super::mode::SecurityMode;
use super::request::Request;
use super::set::CapabilitySet;
use super::subject::Subject;
use crate::capability::Operation;

pub(super) struct Rules {
    pub(super) subject: Subject,
    pub(super) mode: SecurityMode,
    pub(super) granted: CapabilitySet,
    pub(super) refused: Refusals,
    pub(super) registered: bool,
}

/// Grants that were asked for and are denied, with the reasons.
#[derive(Default)]
pub(super) struct Refusals {
    set: CapabilitySet,
    reasons: HashMap<(Operation, Arc<str>), Reason>,
}

impl Refusals {
    pub(super) fn add(&mut self, grant: Grant, reason: Reason) {
        let key = (grant.operation, grant.pattern.to_string().into());
        self.set.grant(grant);
        self.reasons.insert(key, reason);
    }

    fn find(&self, request: &Request<'_>) -> Option<&Reason> {
        let (grant, text) = self.set.find(request)?;
        self.reasons.get(&(grant.operation, text.clone()))
    }

    /// Why a grant is refused, if it is.
    pub(super) fn reason(&self, grant: &Grant) -> Option<&Reason> {
        let key = (grant.operation, grant.pattern.to_string().into());
        self.reasons.get(&key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Grant, &Reason)> {
        self.set
            .iter()
            .filter_map(|grant| Some((grant, self.reason(grant)?)))
    }
}

impl Rules {
    /// What denies everything.
    pub(super) fn unregistered(subject: Subject) -> Self {
        Rules {
            subject,
            mode: SecurityMode::Strict,
            granted: CapabilitySet::new(),
            refused: Refusals::default(),
            registered: false,
        }
    }

    /// What is known without asking the policy.
    pub(super) fn judge(
        &self,
        forbidden: &ForbiddenList,
        request: &Request<'_>,
    ) -> Option<(Outcome, Reason)> {
        if !self.registered {
            return Some((Outcome::Denied, Reason::Unregistered));
        }
        if let Some(problem) = request.malformed() {
            return Some((Outcome::Denied, Reason::Malformed(problem)));
        }
        if let Some(rule) = forbidden.find(request) {
            return Some((Outcome::Denied, Reason::Forbidden(rule.reason.clone())));
        }
        if let Some((_, text)) = self.granted.find(request) {
            return Some((Outcome::Granted, Reason::Grant(text.clone())));
        }
        let reason = self.refused.find(request)?;
        Some((Outcome::Denied, reason.clone()))
    }
}
