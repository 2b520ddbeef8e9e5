//! What waits for a person, and what persons have said.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use super::denial::Reason;
use super::grant::{Grant, GrantPattern};
use super::rules::Refusals;
use super::subject::Subject;
use crate::capability::Operation;

/// How many reviews of one component can wait: 256. What more needs review is denied
/// and not listed.
pub const MAX_PENDING: usize = 256;

/// The number of a review. No two of a host have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReviewId(u64);

impl fmt::Display for ReviewId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Something that is denied until somebody has looked at it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingReview {
    /// Its number, to approve or refuse it.
    pub id: ReviewId,
    /// The component that asks.
    pub component: Arc<str>,
    /// The component's version, if it was given. What is decided holds for that version.
    pub version: Option<Arc<str>>,
    /// What it asks for: a grant of its manifest, or [exactly](GrantPattern::Exact) what a
    /// call asked for.
    pub grant: Grant,
    /// Why it needs review.
    pub reason: Arc<str>,
}

/// What somebody said.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    Approved,
    Refused(Arc<str>),
}

/// A component of one version.
type Release = (Arc<str>, Option<Arc<str>>);

/// What was said of its grants, by their operation and their pattern's text.
type Verdicts = HashMap<(Operation, String), (Grant, Verdict)>;

#[derive(Default)]
pub(super) struct Reviews {
    last: u64,
    pending: BTreeMap<ReviewId, PendingReview>,
    verdicts: HashMap<Release, Verdicts>,
}

impl Reviews {
    /// Lists a grant, once. `false` if too many of the component are waiting.
    fn ask(&mut self, subject: &Subject, grant: &Grant, reason: &Arc<str>) -> bool {
        let own = |it: &&PendingReview| *it.component == *subject.name();
        let same = |it: &PendingReview| {
            it.version.as_deref() == subject.version()
                && it.grant.operation == grant.operation
                && it.grant.pattern == grant.pattern
        };
        if self.pending.values().filter(own).any(same) {
            return true;
        }
        if self.pending.values().filter(own).count() >= MAX_PENDING {
            return false;
        }
        self.last += 1;
        let id = ReviewId(self.last);
        let pending = PendingReview {
            id,
            component: subject.shared_name(),
            version: subject.shared_version(),
            grant: grant.clone(),
            reason: reason.clone(),
        };
        self.pending.insert(id, pending);
        true
    }

    pub(super) fn pending(&self) -> Vec<PendingReview> {
        self.pending.values().cloned().collect()
    }

    /// Remembers what somebody said, and gives the name of the component.
    pub(super) fn decide(&mut self, id: ReviewId, verdict: Verdict) -> Option<Arc<str>> {
        let PendingReview {
            component,
            version,
            grant,
            ..
        } = self.pending.remove(&id)?;
        let key = (grant.operation, grant.pattern.to_string());
        let release = (component.clone(), version);
        self.verdicts
            .entry(release)
            .or_default()
            .insert(key, (grant, verdict));
        Some(component)
    }

    /// What somebody said of a grant.
    pub(super) fn verdict(&self, subject: &Subject, grant: &Grant) -> Option<&Verdict> {
        let key = (grant.operation, grant.pattern.to_string());
        self.verdicts
            .get(&release(subject))?
            .get(&key)
            .map(|(_, verdict)| verdict)
    }

    /// What somebody said of single calls.
    pub(super) fn calls(&self, subject: &Subject) -> impl Iterator<Item = &(Grant, Verdict)> {
        let own = self.verdicts.get(&release(subject));
        let exact = |it: &&(Grant, Verdict)| matches!(it.0.pattern, GrantPattern::Exact { .. });
        own.into_iter().flat_map(|it| it.values()).filter(exact)
    }

    /// Lists a grant that waits; the reason for which it is denied until then.
    pub(super) fn wait(&mut self, subject: &Subject, grant: &Grant, reason: Arc<str>) -> Reason {
        match self.ask(subject, grant, &reason) {
            true => Reason::NeedsReview(reason),
            false => Reason::Refused(format!("{reason}, and too much of it waits already").into()),
        }
    }

    /// Drops what does not wait any more of a manifest: what is refused says what does.
    pub(super) fn keep(&mut self, subject: &Subject, refused: &Refusals) {
        self.pending.retain(|_, it| {
            let other =
                *it.component != *subject.name() || it.version.as_deref() != subject.version();
            let call = matches!(it.grant.pattern, GrantPattern::Exact { .. });
            other || call || matches!(refused.reason(&it.grant), Some(Reason::NeedsReview(_)))
        });
    }

    /// Drops what waits of the component's other versions.
    pub(super) fn drop_other_versions(&mut self, subject: &Subject) {
        self.pending.retain(|_, it| {
            *it.component != *subject.name() || it.version.as_deref() == subject.version()
        });
    }

    /// Drops what waits of a component.
    pub(super) fn drop_pending(&mut self, component: &str) {
        self.pending.retain(|_, it| *it.component != *component);
    }
}

fn release(subject: &Subject) -> Release {
    (subject.shared_name(), subject.shared_version())
}
