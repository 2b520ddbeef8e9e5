//! What changed between two versions of a package, and what its version must be.

use std::fmt;

use semver::Version;
use serde::Serialize;

use super::version;

/// How far a change reaches, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Nothing that a component or host could notice: docs, gates.
    Patch,
    /// What fitted before fits still; there is more than before.
    Minor,
    /// What fitted before may not fit any more.
    Major,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Level::Patch => "patch",
            Level::Minor => "minor",
            Level::Major => "major",
        })
    }
}

/// What was done to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone, or has another name.
    Removed,
    /// It is of another type.
    Type,
    /// Its fields, cases or flags are others, or in another order.
    Members,
    /// It became deprecated, or is no longer.
    Deprecated,
    /// Its `@since` or `@unstable` is another.
    Gate,
    /// A package that it uses is of another version.
    Dependency,
    /// Its docs.
    Docs,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// How far it reaches.
    pub level: Level,
    /// What was done.
    pub kind: ChangeKind,
    /// To what: `types`, `types.file.read`, `world app`.
    pub item: String,
    /// What changed, as a phrase.
    pub text: String,
    /// The old type as WIT, where it is one.
    pub before: Option<String>,
    /// The new type as WIT, where it is one.
    pub after: Option<String>,
}

/// A gate that says what is not so, or is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GateProblem {
    /// Whose gate.
    pub item: String,
    /// What is wrong, and how to mend it.
    pub text: String,
}

/// What changed between two versions of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The package, without a version.
    pub package: String,
    /// The old version.
    pub old: Option<Version>,
    /// The new version.
    pub new: Option<Version>,
    /// The level of the changes together; `None` if there are none.
    pub level: Option<Level>,
    /// All changes, in the order of the package.
    pub changes: Vec<Change>,
    /// What is wrong with gates.
    pub gates: Vec<GateProblem>,
    /// What is wrong with the new version; `None` if it suffices for the changes.
    pub version: Option<VersionProblem>,
}

/// Why the new version of a package will not do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "problem", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum VersionProblem {
    /// A package without a version promises nothing, so nothing can be kept.
    None,
    /// The new version is less than the old one.
    Lower,
    /// The changes need a higher one.
    TooLow {
        /// The least that will do.
        least: Version,
    },
}

impl Report {
    pub(super) fn new(
        package: String,
        old: Option<Version>,
        new: Option<Version>,
        changes: Vec<Change>,
        gates: Vec<GateProblem>,
    ) -> Self {
        let level = changes.iter().map(|change| change.level).max();
        let version = match (&old, &new) {
            (Some(old), Some(new)) if new.cmp_precedence(old).is_lt() => {
                Some(VersionProblem::Lower)
            }
            (Some(old), Some(new)) => level
                .filter(|level| !version::suffices(old, new, *level))
                .map(|level| VersionProblem::TooLow {
                    least: version::least(old, level),
                }),
            _ => Some(VersionProblem::None),
        };
        Report {
            package,
            old,
            new,
            level,
            changes,
            gates,
            version,
        }
    }

    /// Whether the new version suffices for the changes, and the gates are right.
    pub fn is_ok(&self) -> bool {
        self.version.is_none() && self.gates.is_empty()
    }
}

/// Several lines, each with its end: what it comes to, and each change.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = |version: &Option<Version>| match version {
            Some(version) => version.to_string(),
            None => "no version".to_owned(),
        };
        let (old, new) = (version(&self.old), version(&self.new));
        write!(f, "{} {old} -> {new}: ", self.package)?;
        match self.level {
            None => f.write_str("no changes")?,
            Some(level) => write!(f, "{level} changes")?,
        }
        match &self.version {
            None => writeln!(f)?,
            Some(VersionProblem::None) => writeln!(
                f,
                "; the package must have a version, as in `package {}@1.0.0;`",
                self.package
            )?,
            Some(VersionProblem::Lower) => writeln!(f, "; the version is less than before")?,
            Some(VersionProblem::TooLow { least }) => {
                writeln!(f, "; the version must be at least {least}")?;
            }
        }
        for change in &self.changes {
            write!(f, "{change}")?;
        }
        for gate in &self.gates {
            writeln!(f, "  gate   {}: {}", gate.item, gate.text)?;
        }
        Ok(())
    }
}

/// One line with its end, and one each for the types.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:<6} {}: {}", self.level, self.item, self.text)?;
        for (side, ty) in [("before", &self.before), ("after", &self.after)] {
            if let Some(ty) = ty {
                writeln!(f, "         {:<7} {ty}", format!("{side}:"))?;
            }
        }
        Ok(())
    }
}
