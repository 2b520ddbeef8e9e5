//! `enginebay inspect`, `validate`, `backends`, `completions` and the help.

mod support;

use support::{COMMAND, Folder, GREET, GREET_HOST, enginebay};

#[test]
fn inspect_shows_functions_modules_sections_and_wit() {
    let ended = enginebay(["inspect", GREET]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    for part in [
        "component, ",
        "imports: none",
        "  add: func(a: u32, b: u32) -> u32\n",
        "  example:greet/api@0.1.0 (interface)\n",
        "    birthday: func(p: person) -> result<person, string>\n",
        "core modules: 3",
        "core module ",
        "world root {",
        "resource counter {",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    let ended = enginebay(["inspect", GREET_HOST]);
    assert!(
        ended
            .stdout
            .contains("imports:\n  example:greet/host@0.1.0 (interface)\n")
    );
    let ended = enginebay(["inspect", COMMAND]);
    assert!(ended.stdout.contains("wasi:cli/run@0.2.0"), "{ended:?}");
}

#[test]
fn inspect_in_json() {
    let ended = enginebay(["inspect", GREET_HOST, "--format", "json"]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    let json = ended.json();
    assert_eq!(json["kind"], "component");
    assert_eq!(json["imports"][0]["name"], "example:greet/host@0.1.0");
    assert_eq!(json["imports"][0]["kind"], "interface");
    assert_eq!(json["imports"][0]["functions"][0]["name"], "log");
    assert_eq!(
        json["imports"][0]["functions"][0]["type"],
        "func(level: level, message: string)"
    );
    assert_eq!(json["imports"][0]["types"][0], "level");
    let exports = json["exports"].as_array().unwrap();
    let add = exports
        .iter()
        .find(|export| export["name"] == "add")
        .unwrap();
    assert_eq!(add["kind"], "function");
    assert_eq!(add["type"], "func(a: u32, b: u32) -> u32");
    assert!(json["modules"][0]["functions"].as_u64().unwrap() > 10);
    assert!(json["sections"][0]["size"].as_u64().unwrap() > 1000);
    assert!(json["wit"].as_str().unwrap().contains("world root"));
    assert!(json.get("refused").is_none());
}

#[test]
fn inspect_gives_only_the_wit() {
    let ended = enginebay(["inspect", GREET, "--wit"]);
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.stdout.starts_with("package root:component;"),
        "{ended:?}"
    );
}

#[test]
fn inspect_reads_text_and_names_what_is_in_a_module() {
    let folder = Folder::new();
    let file = folder.write(
        "named.wat",
        "(component (core module (func) (func)) (core module $second (func) (memory 1)))",
    );
    let json = enginebay(["inspect", &file, "--format", "json"]).json();
    assert_eq!(json["modules"][0]["functions"], 2);
    assert_eq!(json["modules"][1]["name"], "second");
    assert_eq!(json["modules"][1]["functions"], 1);
}

#[test]
fn inspect_shows_what_has_no_wit() {
    let folder = Folder::new();
    let file = folder.write(
        "modules.wat",
        r#"(component (import "m" (core module)) (component $c) (export "c" (component $c)))"#,
    );
    let ended = enginebay(["inspect", &file]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    for part in ["  m (core module)", "  c (component)", "no WIT: "] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    let ended = enginebay(["inspect", &file, "--wit"]);
    assert_eq!((ended.code, &*ended.stdout), (Some(3), ""));
}

#[test]
fn inspect_says_what_would_not_run() {
    let folder = Folder::new();
    let file = folder.write("memory64.wat", "(component (core module (memory i64 1)))");
    let ended = enginebay(["inspect", &file]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("switched off: memory64"), "{ended:?}");
}

#[test]
fn names_do_not_steer_the_terminal() {
    let folder = Folder::new();
    let file = folder.write(
        "escape.wat",
        r#"(component (core module (@name "\1b[31mred\u{202e}") (func)))"#,
    );
    let ended = enginebay(["inspect", &file]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains(r"\u{1b}[31mred\u{202e}"), "{ended:?}");
    assert!(!ended.stdout.contains(['\x1b', '\u{202e}']), "{ended:?}");
}

#[test]
fn validate_says_valid_or_why_not() {
    enginebay(["validate", GREET]).gives("valid\n");
    let folder = Folder::new();
    let file = folder.write("ok.wat", "(component)");
    enginebay(["validate", &file]).gives("valid\n");
    let json = enginebay(["validate", &file, "--format", "json"]).json();
    assert_eq!(json["valid"], true);
    let file = folder.write("bad.wat", "(component (core module (func i32.add)))");
    enginebay(["validate", &file]).fails(3, &["type mismatch", "bad.wat"]);
    let ended = enginebay(["validate", &file, "--format", "json"]);
    assert_eq!(ended.code, Some(3));
    let json = ended.json();
    assert_eq!(json["valid"], false);
    assert_eq!(json["error"]["kind"], "invalid-component");
    let file = folder.write("memory64.wat", "(component (core module (memory i64 1)))");
    enginebay(["validate", &file]).fails(3, &["switched off: memory64"]);
}

#[test]
fn backends_are_listed() {
    let ended = enginebay(["backends"]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    assert!(ended.stdout.starts_with("BACKEND"), "{ended:?}");
    assert_eq!(ended.stdout.lines().count(), 1 + enginebay::BACKENDS.len());
    let json = enginebay(["backends", "--format", "json"]).json();
    let rows = json.as_array().unwrap();
    assert_eq!(rows.len(), enginebay::BACKENDS.len());
    for (row, name) in rows.iter().zip(enginebay::BACKENDS) {
        assert_eq!(row["name"], *name);
        assert!(row["version"].is_string() && row["jit"].is_boolean());
        assert_eq!(
            row["interruption"],
            serde_json::json!(["none", "deadline", "fuel", "fuel-only"])
        );
    }
    assert_eq!(rows[0]["default"], true);
}

#[test]
fn completions_are_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = enginebay(["completions", shell]);
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{shell}");
        assert!(ended.stdout.contains("allow-precompiled"), "{shell}");
    }
    assert_eq!(enginebay(["completions", "nonsense"]).code, Some(2));
}

#[test]
fn the_help_has_examples_and_exit_codes() {
    let ended = enginebay(["--help"]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    for part in ["Examples:", "Exit codes:", "  4  the component trapped"] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    assert!(!ended.stdout.contains('\x1b'));
    for command in [
        "run",
        "inspect",
        "validate",
        "backends",
        "compile",
        "completions",
    ] {
        let ended = enginebay([command, "--help"]);
        assert_eq!(ended.code, Some(0), "{command}");
        assert!(ended.stdout.contains("Usage: enginebay"), "{command}");
    }
    let ended = enginebay(["--version"]);
    assert_eq!(
        ended.stdout,
        format!("enginebay {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn bindgen_prints_or_writes_rust() {
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../guests/greet/wit");
    let ended = enginebay(["bindgen", wit, "--world", "greeter"]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    assert!(
        ended
            .stdout
            .contains("pub struct Greeter<B: ::enginebay::Backend> {")
    );

    let folder = Folder::new();
    let file = folder.name("bindings.rs");
    let ended = enginebay([
        "bindgen",
        wit,
        "--world",
        "greeter-with-host",
        "--async",
        "example:greet/host#log",
        "--trappable-imports",
        "--crate",
        "crate::api",
        "--output",
        &file,
    ]);
    assert_eq!((ended.code, &*ended.stdout), (Some(0), ""));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("crate::api::HostFuture::new(") && !text.contains("::enginebay"));

    for (args, expected) in [
        (&["bindgen", wit][..], "multiple worlds"),
        (&["bindgen", "nothing.wit"], "nothing.wit"),
        (
            &["bindgen", wit, "--world", "greeter", "--with", "a=b"],
            "`a`",
        ),
        (
            &["bindgen", wit, "--world", "greeter", "--with", "a"],
            "two names",
        ),
        (
            &[
                "bindgen",
                wit,
                "--world",
                "greeter-with-host",
                "--view",
                "example:greet/host#log",
            ],
            "is to read lists in place",
        ),
    ] {
        let ended = enginebay(args.iter().copied());
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{ended:?}");
        assert!(ended.stderr.contains(expected), "{ended:?}");
    }
}

/// A host that has what the guest `greet-host` imports.
const GREET_WIT: &str = "package example:greet@0.1.3;
interface host {
    enum level { debug, info, warn }
    log: func(level: level, message: string);
}
world plugin { import host; }
";

#[test]
fn inspect_against_a_host_says_whether_the_component_fits() {
    let folder = Folder::new();
    let host = folder.write("host.wit", GREET_WIT);
    enginebay(["inspect", GREET_HOST, "--against", &host]).gives(
        "the component fits this host\n  import `example:greet/host`: built against 0.1.0, gets \
         0.1.3\n",
    );

    let other = folder.write("other.wit", GREET_WIT.replace("info, warn", "warn, info"));
    let ended = enginebay(["inspect", GREET_HOST, "--against", &other]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let last = "    difference: parameter `level`: the cases of `level` are in another order\n";
    assert!(ended.stdout.ends_with(last), "{ended:?}");

    let next = folder.write("next.wit", GREET_WIT.replace("0.1.3", "0.2.0"));
    let ended = enginebay([
        "inspect",
        GREET_HOST,
        "--against",
        &next,
        "--format",
        "json",
    ]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert_eq!(ended.json()["problems"][0]["problem"], "version");
    assert_eq!(ended.json()["problems"][0]["host"][0], "0.2.0");
}

#[test]
fn inspect_against_the_hosts_of_the_program() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/components");
    let counter = format!("{examples}/counter/counter/component.wasm");
    let ended = enginebay(["inspect", &counter, "--against", "enginebay"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout.starts_with("the component fits this host\n"),
        "{}",
        ended.stdout
    );
    assert!(
        ended
            .stdout
            .contains("`enginebay:storage/store`: gets 1.0.0")
    );
    let ended = enginebay(["inspect", COMMAND, "--against", "enginebay"]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(
        ended.stdout.contains("enginebay:core/component-lifecycle"),
        "{}",
        ended.stdout
    );
}

#[test]
fn inspect_against_a_host_with_interfaces_besides() {
    let folder = Folder::new();
    let host = folder.write("host.wit", GREET_WIT);
    let ended = enginebay(["inspect", COMMAND, "--against", &host]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let wasi = ["--offer", "wasi:*/*@0.2.99"];
    let ended = enginebay(["inspect", COMMAND, "--against", &host, wasi[0], wasi[1]]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn inspect_against_what_is_no_host() {
    let folder = Folder::new();
    let host = folder.write("host.wit", GREET_WIT);
    let broken = folder.write("broken.wit", "package a:b@1.0.0; interface {");
    let none = folder.name("none");
    for (args, code) in [
        (&["--against", &none][..], 6),
        (&["--against", &broken], 3),
        (&["--against", &host, "--world", "x"], 2),
        (&["--against", &host, "--offer", "wasi"], 2),
        (&["--world", "plugin"], 2),
    ] {
        let ended = enginebay([&["inspect", GREET_HOST], args].concat());
        assert_eq!((ended.code, &*ended.stdout), (Some(code), ""), "{ended:?}");
    }
}

#[test]
fn wit_diff_says_whether_the_version_suffices() {
    let folder = Folder::new();
    let old = folder.write("old.wit", GREET_WIT);
    let more = GREET_WIT.replace("log:", "flush: func(); log:");
    let same_version = folder.write("same.wit", &more);
    let ended = enginebay(["wit-diff", &old, &same_version]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert_eq!(
        ended.stdout,
        "example:greet 0.1.3 -> 0.1.3: minor changes; the version must be at least 0.1.4
  minor  host.flush: added
         after:  func()
"
    );
    let new = folder.write("new.wit", more.replace("0.1.3", "0.1.4"));
    let ended = enginebay(["wit-diff", &old, &new, "--format", "json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.json()[0]["level"], "minor");
    let other = folder.write("other.wit", "package a:b@1.0.0;");
    assert_eq!(enginebay(["wit-diff", &old, &other]).code, Some(3));
}
