//! The contract in `wit/` against the version of it that was accepted last, which is in
//! `tests/released/`: what changed must be in the versions of the packages.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use enginebay_host::compat::{Level, Report, Wit, compare_all};
use semver::Version;
use tempfile::TempDir;

/// The folder of the contract as it is.
fn contract() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A link to the folder of the repository, where links are checked out as such.
    let folder = package.join("wit");
    match folder.join("deps").is_dir() {
        true => folder,
        false => package.join("../wit"),
    }
}

/// The accepted versions of the contract, by their folders' names.
fn accepted() -> Vec<(Version, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/released");
    let mut versions: Vec<_> = fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| {
            let entry = entry.expect("the folder can be listed");
            let name = entry.file_name().into_string().expect("a version");
            (Version::parse(&name).expect("a version"), entry.path())
        })
        .collect();
    versions.sort();
    versions
}

/// The version that was accepted last.
fn last_accepted() -> PathBuf {
    accepted().pop().expect("a version was accepted").1
}

/// Whether a package may stand as it is until the next version is cut: nothing but docs
/// changed, or its version says what did.
fn suffices(report: &Report) -> bool {
    let is_same = report.old.is_some() && report.old == report.new;
    let is_docs_only = is_same && report.level <= Some(Level::Patch);
    report.is_ok() || (is_docs_only && report.gates.is_empty())
}

/// Holds a contract against the one that was accepted, and says all that is wrong.
fn hold(old: &Path, new: &Path) -> Result<(), String> {
    let read = |path| Wit::read(path).map_err(|error| error.to_string());
    let (old, new) = (read(old)?, read(new)?);
    let reports = compare_all(&old, &new).map_err(|error| error.to_string())?;
    let mut problems = String::new();
    let packages = old.resolve().packages.iter();
    for name in packages.map(|(_, package)| package.name.to_string()) {
        let id = name.split('@').next().unwrap_or_default();
        if !reports.iter().any(|report| report.package == id) {
            let _ = writeln!(
                problems,
                "{name} is gone: keep it in `wit/deps`, deprecated"
            );
        }
    }
    for report in reports.iter().filter(|report| !suffices(report)) {
        let _ = write!(problems, "{report}");
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "{problems}raise the version of each package that is named, and give what is new \
             `@since` of it: see \"Versions of the contract\" in CONTRIBUTING.md"
        )),
    }
}

#[test]
fn the_contract_has_versions_that_say_what_changed() {
    if let Err(problems) = hold(&last_accepted(), &contract()) {
        panic!("{problems}");
    }
}

#[test]
fn accepted_versions_are_in_folders_of_their_names() {
    for (version, folder) in accepted() {
        let wit = Wit::read(&folder).expect("what was accepted is valid");
        let name = wit.name();
        assert_eq!(name.to_string(), format!("enginebay:contract@{version}"));
    }
}

#[test]
fn each_accepted_version_says_what_changed_since_the_one_before() {
    for pair in accepted().windows(2) {
        if let Err(problems) = hold(&pair[0].1, &pair[1].1) {
            panic!("{} to {}: {problems}", pair[0].0, pair[1].0);
        }
    }
}

/// A copy of the accepted contract that is changed.
struct Copy {
    folder: TempDir,
}

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        copy(&last_accepted(), folder.path());
        Copy { folder }
    }

    /// Replaces a text that is in a file once.
    fn edit(self, file: &str, from: &str, to: &str) -> Self {
        let path = self.folder.path().join(file);
        let text = fs::read_to_string(&path).expect("the file is there");
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {file}");
        fs::write(&path, text.replace(from, to)).expect("the file can be written");
        self
    }

    /// Replaces a version of a package, wherever it is named.
    fn version(self, package: &str, version: &str) -> Self {
        let mut folders = vec![self.folder.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("the folder is there") {
                let path = entry.expect("the folder can be listed").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = fs::read_to_string(&path).expect("the file is there");
                let lines =
                    text.lines().map(
                        |line| match line.contains(&format!("enginebay:{package}")) {
                            true => line.replace("@1.0.0", &format!("@{version}")),
                            false => line.to_owned(),
                        },
                    );
                let text: Vec<_> = lines.collect();
                fs::write(&path, text.join("\n")).expect("the file can be written");
            }
        }
        self
    }

    fn held(&self) -> Result<(), String> {
        hold(&last_accepted(), self.folder.path())
    }

    /// What is said of one package.
    fn report(&self, package: &str) -> Report {
        let read = |path| Wit::read(path).expect("the copy is valid");
        let (old, new) = (
            read(last_accepted()),
            read(self.folder.path().to_path_buf()),
        );
        let reports = compare_all(&old, &new).expect("these are versions of one package");
        let mut reports = reports.into_iter();
        let report = reports.find(|report| report.package == package);
        report.expect("the package is in both")
    }

    fn problems(&self) -> String {
        self.held().expect_err("the change needs another version")
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the folder is there") {
        let entry = entry.expect("the folder can be listed");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            fs::create_dir(&to).expect("the folder can be made");
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("the file can be copied");
        }
    }
}

const STORE: &str = "deps/storage/store.wit";
const STORE_DOCS: &str = "/// Values that outlive a component.";

/// A copy with one more function of the storage.
fn with_size(since: &str) -> Copy {
    let size = format!(
        "interface store {{\n/// Bytes.\n///\n/// @requires none\n@since(version = {since})\n\
         size: func() -> u64;\n"
    );
    Copy::new().edit(STORE, "interface store {", &size)
}

#[test]
fn docs_change_within_a_version() {
    let copy = Copy::new().edit(STORE, STORE_DOCS, "/// Values.");
    assert_eq!(copy.held(), Ok(()));
    let report = copy.report("enginebay:storage");
    assert_eq!(report.level, Some(Level::Patch), "{report}");
    assert_eq!(report.changes.len(), 1, "{report}");
    // A version that says so is as good; who uses the package names it.
    let copy = copy
        .version("storage", "1.0.1")
        .version("contract", "1.1.0");
    assert_eq!(copy.held(), Ok(()));
}

#[test]
fn what_is_new_needs_a_minor_version() {
    let problems = with_size("1.0.0").problems();
    let expected = "enginebay:storage 1.0.0 -> 1.0.0: minor changes; the version must be at \
                    least 1.1.0\n  minor  store.size: added\n         after:  func() -> u64\n";
    assert!(problems.starts_with(expected), "{problems}");

    let copy = with_size("1.0.1")
        .version("storage", "1.0.1")
        .version("contract", "1.0.1");
    let problems = copy.problems();
    assert!(
        problems.contains(
            "enginebay:storage 1.0.0 -> 1.0.1: minor changes; the version must be at least 1.1.0"
        ),
        "{problems}"
    );
}

#[test]
fn a_minor_version_is_enough_for_what_is_new() {
    let copy = with_size("1.1.0")
        .version("storage", "1.1.0")
        .version("contract", "1.1.0");
    assert_eq!(copy.held(), Ok(()));
}

#[test]
fn what_is_new_says_since_when() {
    let copy = with_size("1.0.0")
        .version("storage", "1.1.0")
        .version("contract", "1.1.0");
    let problems = copy.problems();
    assert!(problems.contains("  gate   store.size: "), "{problems}");
}

#[test]
fn who_uses_a_new_version_has_one_too() {
    let problems = with_size("1.1.0").version("storage", "1.1.0").problems();
    assert!(
        problems.contains(
            "enginebay:contract 1.0.0 -> 1.0.0: minor changes; the version must be at least 1.1.0"
        ),
        "{problems}"
    );
}

#[test]
fn another_type_needs_a_major_version() {
    let edited = || {
        Copy::new().edit(
            "deps/core/component-lifecycle.wit",
            "shutdown: func() ->",
            "shutdown: func(reason: string) ->",
        )
    };
    let major = "major  component-lifecycle.shutdown: is of another type: only that of the new \
                 version has the parameter `reason`\n         before: func() -> result<_, \
                 component-error>\n         after:  func(reason: string) -> result<_, \
                 component-error>\n";
    let problems = edited().problems();
    let expected = "enginebay:core 1.0.0 -> 1.0.0: major changes; the version must be at least \
                    2.0.0\n";
    assert!(problems.contains(expected), "{problems}");
    assert!(problems.contains(major), "{problems}");

    // Who uses it has another version too, and so on up to the contract.
    let packages = [
        "core",
        "storage",
        "messaging",
        "ext-filesystem",
        "ext-network",
        "ext-process",
        "contract",
    ];
    let all = |version: &str| {
        let packages = packages.iter();
        packages.fold(edited(), |copy, package| copy.version(package, version))
    };
    let problems = all("1.1.0").problems();
    assert!(
        problems.contains(
            "enginebay:core 1.0.0 -> 1.1.0: major changes; the version must be at least 2.0.0"
        ),
        "{problems}"
    );
    assert_eq!(all("2.0.0").held(), Ok(()));
}

#[test]
fn what_components_export_gets_nothing_new_without_a_major_version() {
    let copy = Copy::new().edit(
        "deps/core/component-lifecycle.wit",
        "interface component-lifecycle {",
        "interface component-lifecycle {\n/// Waits.\n///\n/// @requires none\n@since(version = \
         1.0.0)\npause: func();\n",
    );
    let problems = copy.problems();
    assert!(
        problems.contains("major  component-lifecycle.pause: "),
        "{problems}"
    );
    assert!(problems.contains("at least 2.0.0"), "{problems}");
}

#[test]
fn what_was_there_is_not_removed_without_a_major_version() {
    let copy = Copy::new().edit(
        "contract.wit",
        "    @since(version = 1.0.0)\n    import enginebay:ext-process/signals@1.0.0;\n",
        "",
    );
    let problems = copy.problems();
    assert!(
        problems.starts_with(
            "enginebay:contract 1.0.0 -> 1.0.0: major changes; the version must be at least \
             2.0.0\n"
        ),
        "{problems}"
    );
    assert!(
        problems.contains("import enginebay:ext-process/signals: removed"),
        "{problems}"
    );
}

#[test]
fn a_package_that_is_gone_is_named() {
    let copy = Copy::new()
        .edit(
            "contract.wit",
            "    @since(version = 1.0.0)\n    import enginebay:ext-process/signals@1.0.0;\n",
            "",
        )
        .edit(
            "contract.wit",
            "    @since(version = 1.0.0)\n    import enginebay:ext-process/lifecycle@1.0.0;\n",
            "",
        );
    fs::remove_dir_all(copy.folder.path().join("deps/ext-process")).expect("it is there");
    let problems = copy.problems();
    assert!(
        problems.contains("enginebay:ext-process@1.0.0 is gone"),
        "{problems}"
    );
}
