//! Who is registered, and what their rules are made from. All of it is under one lock,
//! under which no code of an embedder runs.

use std::collections::HashMap;
use std::sync::Arc;

use super::component::Component;
use super::denial::Reason;
use super::error::{PermissionError, RefusedGrant};
use super::grant::Grant;
use super::mode::SecurityMode;
use super::policy::Decision;
use super::quota::Meter;
use super::review::{Reviews, Verdict};
use super::rules::{Refusals, Rules};
use super::set::CapabilitySet;
use super::subject::Subject;
use crate::capability::Operation;

pub(super) struct Registry {
    pub(super) mode: SecurityMode,
    /// Changes when everything has to be judged anew.
    pub(super) round: u64,
    pub(super) reviews: Reviews,
    records: HashMap<Arc<str>, Record>,
    epochs: u64,
}

/// What a component's rules are made from.
pub(super) struct Record {
    pub(super) component: Arc<Component>,
    pub(super) subject: Subject,
    pub(super) judged: Vec<Judged>,
    /// What the embedder granted itself.
    pub(super) given: CapabilitySet,
    /// What the embedder took back.
    pub(super) revoked: CapabilitySet,
    /// Changes when `judged` is out of date. No two records ever have the same.
    pub(super) epoch: u64,
}

/// A grant that a manifest asks for, and what was said of it.
pub(super) struct Judged {
    pub(super) grant: Grant,
    pub(super) judgement: Judgement,
}

pub(super) enum Judgement {
    Forbidden(Arc<str>),
    Policy(Decision),
}

impl Registry {
    pub(super) fn new(mode: SecurityMode) -> Self {
        Registry {
            mode,
            round: 0,
            reviews: Reviews::default(),
            records: HashMap::new(),
            epochs: 0,
        }
    }

    pub(super) fn get(&self, name: &str) -> Result<&Record, PermissionError> {
        self.records
            .get(name)
            .ok_or_else(|| PermissionError::not_registered(name))
    }

    /// The names of all, in no order.
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        self.records.keys().cloned().collect()
    }

    /// Takes a component in, or renews it, unless it requires what it does not get.
    /// `meter` is for one that is new.
    pub(super) fn admit(
        &mut self,
        subject: Subject,
        judged: Vec<Judged>,
        meter: impl FnOnce() -> Meter,
    ) -> Result<(), PermissionError> {
        let name = subject.shared_name();
        let record = match self.records.get(&name) {
            Some(held) => Record {
                component: held.component.clone(),
                given: held.given.clone(),
                revoked: held.revoked.clone(),
                epoch: self.epochs + 1,
                subject,
                judged,
            },
            None => {
                let none = Rules::unregistered(subject.clone());
                Record {
                    component: Arc::new(Component::new(none, Arc::new(meter()))),
                    given: CapabilitySet::new(),
                    revoked: CapabilitySet::new(),
                    epoch: self.epochs + 1,
                    subject,
                    judged,
                }
            }
        };
        let rules = record.rules(self.mode, &mut self.reviews);
        let grants = record.missing(&rules);
        if !grants.is_empty() {
            return Err(PermissionError::Refused {
                component: name,
                grants,
            });
        }
        self.epochs += 1;
        self.reviews.drop_other_versions(&record.subject);
        self.reviews.keep(&record.subject, &rules.refused);
        record.component.replace(rules);
        self.records.insert(name, record);
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> Result<(), PermissionError> {
        let removed = self.records.remove(name);
        let record = removed.ok_or_else(|| PermissionError::not_registered(name))?;
        self.reviews.drop_pending(name);
        record
            .component
            .replace(Rules::unregistered(record.subject));
        Ok(())
    }

    /// Changes a record and makes its rules anew.
    pub(super) fn change<R>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Record) -> R,
    ) -> Result<R, PermissionError> {
        let record = self.records.get_mut(name);
        let record = record.ok_or_else(|| PermissionError::not_registered(name))?;
        let result = change(record);
        self.epochs += 1;
        record.epoch = self.epochs;
        self.rebuild(name);
        Ok(result)
    }

    /// Makes the rules of a component anew, if it is registered.
    pub(super) fn rebuild(&mut self, name: &str) {
        if let Some(record) = self.records.get(name) {
            let rules = record.rules(self.mode, &mut self.reviews);
            self.reviews.keep(&record.subject, &rules.refused);
            record.component.replace(rules);
        }
    }

    /// Begins a round in which all are judged anew; their names.
    pub(super) fn begin_round(&mut self) -> Vec<Arc<str>> {
        self.round += 1;
        let names = self.names();
        for name in &names {
            self.rebuild(name);
        }
        names
    }
}

impl Record {
    /// What holds now. What needs review is listed.
    fn rules(&self, mode: SecurityMode, reviews: &mut Reviews) -> Rules {
        let mut granted = CapabilitySet::new();
        let mut refused = Refusals::default();
        for Judged { grant, judgement } in &self.judged {
            let reason = match judgement {
                Judgement::Forbidden(reason) => Some(Reason::Forbidden(reason.clone())),
                _ if self.is_revoked(grant) => Some(Reason::Revoked),
                Judgement::Policy(Decision::Allow) => None,
                Judgement::Policy(Decision::Deny { reason }) => {
                    Some(Reason::Refused(reason.as_str().into()))
                }
                Judgement::Policy(Decision::NeedsReview { reason }) => {
                    match reviews.verdict(&self.subject, grant) {
                        Some(Verdict::Approved) => None,
                        Some(Verdict::Refused(reason)) => Some(Reason::Refused(reason.clone())),
                        None => Some(reviews.wait(&self.subject, grant, reason.as_str().into())),
                    }
                }
            };
            match reason {
                None => _ = granted.grant(grant.clone()),
                Some(reason) => refused.add(grant.clone(), reason),
            }
        }
        for (grant, verdict) in reviews.calls(&self.subject) {
            match verdict {
                _ if self.is_revoked(grant) => {}
                Verdict::Approved => _ = granted.grant(grant.clone()),
                Verdict::Refused(reason) => {
                    refused.add(grant.clone(), Reason::Refused(reason.clone()));
                }
            }
        }
        for grant in self.revoked.iter() {
            refused.add(grant.clone(), Reason::Revoked);
        }
        granted.extend(self.given.iter().cloned());
        Rules {
            subject: self.subject.clone(),
            mode,
            granted,
            refused,
            registered: true,
        }
    }

    /// What the manifest requires and the rules do not give.
    fn missing(&self, rules: &Rules) -> Vec<RefusedGrant> {
        let required = self
            .judged
            .iter()
            .map(|it| &it.grant)
            .filter(|it| it.required);
        let missing = required.filter(|grant| !rules.granted.contains(grant));
        let missing = missing.map(|grant| RefusedGrant {
            grant: grant.clone(),
            reason: rules
                .refused
                .reason(grant)
                .cloned()
                .unwrap_or(Reason::NotGranted),
        });
        missing.collect()
    }

    fn is_revoked(&self, grant: &Grant) -> bool {
        self.revoked.contains(grant) || self.revoked.contains(&Grant::any(grant.operation))
    }

    pub(super) fn revoke_operation(&mut self, operation: Operation) -> usize {
        let rules = self.component.rules();
        self.given.revoke_operation(operation);
        self.revoked.grant(Grant::any(operation));
        rules
            .granted
            .iter()
            .filter(|it| it.operation == operation)
            .count()
    }
}
