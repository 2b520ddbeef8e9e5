//! Versions of packages: which serve which, and how far one must rise for a change.
//!
//! What counts as compatible is the Component Model's rule, which is Cargo's: `1.2.0`
//! and `1.5.0` are, `0.2.0` and `0.2.3` are, `0.2.0` and `0.3.0` are not, `0.0.1` and
//! `0.0.2` are not, and a pre-release is compatible with nothing but itself.

use std::cmp::Ordering;

use semver::{BuildMetadata, Prerelease, Version};
use wit_parser::PackageName;

use super::report::Level;

/// Whether a host that offers one version can serve a component that was built against
/// the other: the same track, and the host at least as new.
pub(super) fn serves(required: &Version, offered: &Version) -> bool {
    match required.cmp_precedence(offered) {
        // Builds of one version do not differ in what they offer.
        Ordering::Equal => true,
        Ordering::Greater => false,
        Ordering::Less => {
            let track = PackageName::version_compat_track;
            required.pre.is_empty() && track(required) == track(offered)
        }
    }
}

/// The versions that serve a required one, in words.
pub(super) fn serving(required: &Version) -> String {
    let Version { major, minor, .. } = required;
    match (major, minor) {
        _ if !required.pre.is_empty() => format!("exactly {required}"),
        (0, 0) => format!("exactly {required}"),
        (0, minor) => format!("{required} or a later 0.{minor}.x"),
        (major, _) => format!("{required} or a later {major}.x"),
    }
}

/// The versions that an offered one serves, in words.
pub(super) fn served(offered: &Version) -> String {
    let Version { major, minor, .. } = offered;
    match (major, minor) {
        _ if !offered.pre.is_empty() => format!("exactly {offered}"),
        (0, 0) => format!("exactly {offered}"),
        (0, minor) => format!("0.{minor}.0 to {offered}"),
        (major, _) => format!("{major}.0.0 to {offered}"),
    }
}

/// The least version for a change of this level to what `old` is.
///
/// Nothing was promised for a pre-release: after one, its release will do.
pub(super) fn least(old: &Version, level: Level) -> Version {
    if !old.pre.is_empty() {
        return release(old);
    }
    let Version {
        major,
        minor,
        patch,
        ..
    } = *old;
    let next = |number: u64| number.saturating_add(1);
    match (level, major, minor) {
        (Level::Major, 0, 0) => Version::new(0, 0, next(patch)),
        (Level::Major, 0, minor) => Version::new(0, next(minor), 0),
        (Level::Major, major, _) => Version::new(next(major), 0, 0),
        (Level::Minor, major, minor) if major > 0 => Version::new(major, next(minor), 0),
        _ => Version::new(major, minor, next(patch)),
    }
}

/// Whether a version is high enough for a change of this level to what `old` is.
pub(super) fn suffices(old: &Version, new: &Version, level: Level) -> bool {
    if new.cmp_precedence(old) != Ordering::Greater {
        return false;
    }
    // A pre-release of a version may have what the version may have.
    !old.pre.is_empty() || release(new) >= least(old, level)
}

/// The version without what makes it a pre-release or a build.
fn release(version: &Version) -> Version {
    Version {
        pre: Prerelease::EMPTY,
        build: BuildMetadata::EMPTY,
        ..version.clone()
    }
}

/// A name of the form `ns:pkg/interface@version` as what is before the version, and the
/// version. A name without a version, or with what is none, is given back whole.
pub(super) fn split(name: &str) -> (&str, Option<Version>) {
    let parts = name.split_once('@');
    match parts.and_then(|(base, version)| Some((base, Version::parse(version).ok()?))) {
        Some((base, version)) => (base, Some(version)),
        None => (name, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).expect("a version")
    }

    #[test]
    fn the_compatibility_matrix() {
        // What the component was built against, what the host offers, and whether the
        // host serves the component.
        let matrix = [
            ("1.0.0", "1.0.0", true),
            ("1.0.0", "1.5.0", true),
            ("1.5.0", "1.0.0", false),
            ("1.5.1", "1.5.0", false),
            ("1.5.0", "1.5.1", true),
            ("1.0.0", "2.0.0", false),
            ("1.9.0", "2.1.0", false),
            ("2.0.0", "1.9.0", false),
            ("0.2.0", "0.2.6", true),
            ("0.2.6", "0.2.0", false),
            ("0.2.0", "0.3.0", false),
            ("0.9.0", "1.0.0", false),
            ("0.0.1", "0.0.1", true),
            ("0.0.1", "0.0.2", false),
            ("1.0.0-rc.1", "1.0.0-rc.1", true),
            ("1.0.0-rc.1", "1.0.0-rc.2", false),
            ("1.0.0-rc.1", "1.0.0", false),
            ("1.0.0", "1.1.0-rc.1", false),
            ("1.0.0+a", "1.0.0+b", true),
            ("1.0.0+a", "1.1.0", true),
        ];
        for (built, host, fits) in matrix {
            let actual = serves(&version(built), &version(host));
            assert_eq!(actual, fits, "built against {built}, host offers {host}");
        }
    }

    #[test]
    fn the_least_version_after_a_change() {
        use Level::{Major, Minor, Patch};
        let table = [
            ("1.2.3", Major, "2.0.0"),
            ("1.2.3", Minor, "1.3.0"),
            ("1.2.3", Patch, "1.2.4"),
            ("0.2.3", Major, "0.3.0"),
            ("0.2.3", Minor, "0.2.4"),
            ("0.2.3", Patch, "0.2.4"),
            ("0.0.3", Major, "0.0.4"),
            ("0.0.3", Minor, "0.0.4"),
            ("0.0.3", Patch, "0.0.4"),
            ("1.3.0-rc.1", Major, "1.3.0"),
        ];
        for (old, level, expected) in table {
            let least = least(&version(old), level);
            assert_eq!(least, version(expected), "{old}, {level}");
            assert!(suffices(&version(old), &least, level), "{old}, {level}");
        }
    }

    #[test]
    fn pre_releases_suffice_as_their_release_would() {
        let suffices = |old, new, level| suffices(&version(old), &version(new), level);
        assert!(suffices("1.2.3", "2.0.0-rc.1", Level::Major));
        assert!(!suffices("1.2.3", "1.3.0-rc.1", Level::Major));
        assert!(suffices("1.2.3", "1.3.0-rc.1", Level::Minor));
        assert!(suffices("2.0.0-rc.1", "2.0.0-rc.2", Level::Major));
        assert!(!suffices("2.0.0-rc.2", "2.0.0-rc.1", Level::Patch));
        assert!(!suffices("1.2.3", "1.2.3+build", Level::Patch));
    }

    #[test]
    fn the_highest_version_has_no_higher_one() {
        let last = Version::new(u64::MAX, u64::MAX, u64::MAX);
        assert!(!suffices(&last, &least(&last, Level::Major), Level::Major));
    }

    #[test]
    fn what_is_said_of_ranges_is_what_holds() {
        assert_eq!(serving(&version("1.5.0")), "1.5.0 or a later 1.x");
        assert_eq!(serving(&version("0.2.3")), "0.2.3 or a later 0.2.x");
        assert_eq!(serving(&version("0.0.3")), "exactly 0.0.3");
        assert_eq!(serving(&version("1.0.0-a")), "exactly 1.0.0-a");
        assert_eq!(served(&version("1.5.0")), "1.0.0 to 1.5.0");
        assert_eq!(served(&version("0.2.3")), "0.2.0 to 0.2.3");
        assert_eq!(served(&version("0.0.3")), "exactly 0.0.3");
    }
}
