use std::fs;
use std::path::Path;

use super::*;

/// A contract in which nothing is wrong.
const GOOD: &[(&str, &str)] = &[
    (
        "root.wit",
        "/// All.
package a:all@1.0.0;

/// All.
@since(version = 1.0.0)
world all {
    import a:files/files@1.0.0;
    export a:core/life@1.0.0;
}
",
    ),
    (
        "deps/core/core.wit",
        "/// The core.
package a:core@1.0.0;

/// What may be done.
@since(version = 1.0.0)
interface capabilities {
    /// To paths.
    @since(version = 1.0.0)
    enum filesystem-action {
        /// Read.
        read,
        /// Write.
        write,
    }
    /// To hosts.
    @since(version = 1.0.0)
    enum network-action {
        /// Connect.
        connect,
    }
    /// It is not allowed.
    @since(version = 1.0.0)
    record denial {
        /// Why.
        reason: string,
    }
}

/// What a component does.
@since(version = 1.0.0)
interface life {
    /// Begins.
    ///
    /// @requires none
    @since(version = 1.0.0)
    init: func();
}
",
    ),
    (
        "deps/files/files.wit",
        "/// Files.
package a:files@1.0.0;

/// Files.
@since(version = 1.0.0)
interface files {
    use a:core/capabilities@1.0.0.{denial};

    /// Why not.
    @since(version = 1.0.0)
    variant error {
        /// It is not allowed.
        denied(denial),
    }
    /// Where to.
    @since(version = 1.0.0)
    record target {
        /// Which host.
        host: string,
        /// Which port.
        port: u16,
    }
    /// A file.
    @since(version = 1.0.0)
    resource file {
        /// Reads.
        ///
        /// @requires filesystem.read(self)
        @since(version = 1.0.0)
        read: func() -> result<list<u8>, error>;
    }
    /// Copies.
    ///
    /// @requires filesystem.read(sources), filesystem.write(to)
    @since(version = 1.0.0)
    copy: func(sources: list<string>, to: string) -> result<_, error>;
    /// Sends.
    ///
    /// @requires network.connect(to.host, to.port)
    @since(version = 1.0.0)
    send: func(to: target) -> result<_, error>;
}
",
    ),
];

fn write(folder: &Path, change: impl Fn(&str, &str) -> String) {
    for (name, text) in GOOD {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, change(name, text)).unwrap();
    }
}

/// What is said of the contract with a text in one of its files replaced.
fn refused(file: &str, from: &str, to: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), |name, text| match name == file {
        true => {
            assert_eq!(text.matches(from).count(), 1, "{from}");
            text.replace(from, to)
        }
        false => text.to_string(),
    });
    let error = Contract::read(folder.path()).unwrap_err().to_string();
    error.replace(&folder.path().display().to_string(), "DIR")
}

const CORE: &str = "deps/core/core.wit";
const FILES: &str = "deps/files/files.wit";

#[test]
fn a_contract_is_read() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), |_, text| text.to_string());
    let contract = Contract::read(folder.path()).unwrap();
    assert_eq!(contract.files().len(), 3);
    let lines: Vec<String> = contract
        .interfaces()
        .iter()
        .flat_map(|interface| {
            interface.functions().iter().map(move |func| {
                let requires: Vec<_> = func
                    .requirements()
                    .iter()
                    .map(|it| it.to_string())
                    .collect();
                format!(
                    "{}#{} [{}] {}",
                    interface.name(),
                    func.name(),
                    requires.join("; "),
                    func.is_exported()
                )
            })
        })
        .collect();
    assert_eq!(
        lines,
        [
            "a:core/life@1.0.0#init [] true",
            "a:files/files@1.0.0#[method]file.read [filesystem.read(self)] false",
            "a:files/files@1.0.0#copy [filesystem.read(sources); filesystem.write(to)] false",
            "a:files/files@1.0.0#send [network.connect(to.host, to.port)] false",
        ]
    );
}

#[test]
fn a_function_that_does_not_say_what_it_requires_is_refused() {
    let error = refused(FILES, "    /// @requires filesystem.read(self)\n", "");
    assert_eq!(
        error,
        "DIR/deps/files/files.wit:29:9: the function `[method]file.read` of \
         `a:files/files@1.0.0` needs one line `@requires family.action(parameter)` or \
         `@requires none` in its documentation"
    );
    let twice = "    /// @requires none\n    /// @requires none\n";
    let error = refused(CORE, "    /// @requires none\n", twice);
    assert!(error.contains("core.wit:37:5"), "{error}");
    assert!(error.contains("needs one line"), "{error}");
}

#[test]
fn an_unknown_capability_is_refused() {
    let error = refused(FILES, "network.connect(", "network.listen(");
    assert!(
        error.starts_with("DIR/deps/files/files.wit:41:5: "),
        "{error}"
    );
    assert!(
        error.ends_with(
            "requires the unknown capability `network.listen`; there are: filesystem.read, \
             filesystem.write, network.connect"
        ),
        "{error}"
    );
    let error = refused(FILES, "filesystem.read(self)", "file.read(self)");
    assert!(error.contains("unknown capability `file.read`"), "{error}");
}

#[test]
fn what_a_capability_names_has_to_be_there() {
    for (from, to, says) in [
        ("read(self)", "read(path)", "no parameter or field `path`"),
        ("to.host,", "to.name,", "no parameter or field `to.name`"),
        (
            "connect(to.host,",
            "connect(to,",
            "neither a string nor a resource",
        ),
        ("to.port)", "to.host)", "`to.host` is no u16"),
        ("read(self)", "read(self, self)", "more than 1 parameter(s)"),
        ("read(self)", "read self", "not of the form"),
        ("read(self)", "read()", "not of the form"),
    ] {
        let error = refused(FILES, from, to);
        assert!(error.contains(says), "{to}: {error}");
        assert!(error.starts_with("DIR/deps/files/files.wit:"), "{error}");
    }
}

#[test]
fn what_cannot_say_that_it_was_denied_is_refused() {
    let error = refused(FILES, "        denied(denial),", "        denied(string),");
    assert!(
        error.contains("its error needs a case `denied(denial)`"),
        "{error}"
    );
    let error = refused(
        FILES,
        "func(to: target) -> result<_, error>",
        "func(to: target)",
    );
    assert!(
        error.contains("files.wit:41:5: the function `send`"),
        "{error}"
    );
}

#[test]
fn a_type_that_is_defined_twice_is_refused() {
    let twice = "    record denial {\n/// Why.\nreason: string,\n}\n/// Where to.\n";
    let from = "    use a:core/capabilities@1.0.0.{denial};\n";
    let error = refused(
        FILES,
        from,
        &format!(
            "    /// Another.\n    @since(version = 1.0.0)\n{twice}    @since(version = 1.0.0)\n    type place = string;\n"
        ),
    );
    assert!(error.contains("the type `denial` of `a:"), "{error}");
    assert!(error.contains("is defined at DIR/deps/"), "{error}");
    assert!(error.contains("too; `use` that one"), "{error}");
}

#[test]
fn a_package_without_a_version_is_refused() {
    // The parser says so itself where there is a `@since`.
    let error = refused("root.wit", "package a:all@1.0.0;", "package a:all;");
    assert!(error.contains("it must have a version"), "{error}");
    assert!(error.contains("DIR/root.wit:6:7"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let text = "/// All.\npackage a:all;\n/// All.\nworld all {}\n";
    fs::write(folder.path().join("root.wit"), text).unwrap();
    let error = Contract::read(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("root.wit:4:7: the package `a:all` has no version"),
        "{error}"
    );
}

#[test]
fn packages_that_need_one_another_are_refused() {
    let error = refused(
        CORE,
        "interface life {",
        "interface life {\n    use a:files/files@1.0.0.{target};",
    );
    assert!(error.contains("creates a dependency cycle"), "{error}");
    assert!(error.contains("DIR/deps/"), "{error}");
}

#[test]
fn what_is_not_documented_or_dated_is_refused() {
    for (from, to, says) in [
        (
            "    /// Where to.\n",
            "",
            "the type `target` of `a:files/files@1.0.0` is not documented",
        ),
        (
            "        /// Which host.\n",
            "",
            "the field `host` of the type `target`",
        ),
        (
            "    /// Sends.\n",
            "",
            "the function `send` of `a:files/files@1.0.0` is not documented",
        ),
        (
            "    @since(version = 1.0.0)\n    copy:",
            "    copy:",
            "the function `copy` of `a:files/files@1.0.0` has no `@since(version = ...)`",
        ),
    ] {
        let error = refused(FILES, from, to);
        assert!(error.contains(says), "{error}");
    }
}
