//! Each exit code, and what the error says.

mod support;

use support::{BAD, COMMAND, Folder, GREET, GREET_HOST, enginebay};

fn bad() -> (Folder, String) {
    let folder = Folder::new();
    let file = folder.write("bad.wat", BAD);
    (folder, file)
}

#[test]
fn traps() {
    let (_folder, file) = bad();
    for backend in enginebay::BACKENDS {
        let run = |call| enginebay(["run", &file, "--backend", backend, "--invoke", call]);
        run("trap()").fails(4, &["trap: `unreachable` was executed", "export: trap"]);
        run("deep()").fails(4, &["trap: call stack exhausted"]);
    }
}

#[test]
fn verbose_has_what_is_behind_an_error() {
    let (_folder, file) = bad();
    let ended = enginebay(["-v", "run", &file, "--invoke", "trap()"]);
    assert_eq!(ended.code, Some(4));
    assert!(ended.stderr.contains("  kind: trap\n"), "{ended:?}");
    assert!(!ended.stderr.contains("give -v"), "{ended:?}");
}

#[test]
fn fuel_runs_out() {
    let (_folder, file) = bad();
    enginebay(["run", &file, "--invoke", "spin()", "--fuel", "100000"])
        .fails(5, &["out of fuel", "raise it with --fuel"]);
}

#[test]
fn time_runs_out() {
    let (_folder, file) = bad();
    enginebay(["run", &file, "--invoke", "spin()", "--timeout", "100ms"])
        .fails(5, &["deadline exceeded", "raise it with --timeout"]);
}

#[test]
fn memory_runs_out() {
    let (_folder, file) = bad();
    let run = |memory, call| enginebay(["run", &file, "--memory", memory, "--invoke", call]);
    run("64KiB", "grow()").gives("-1\n");
    run("64MiB", "grow()").gives("1\n");
    run("64KiB", "need()").fails(5, &["memory limit reached", "raise it with --memory"]);
    run("1000", "grow()").fails(5, &["65536 bytes asked for, 1000 allowed"]);
}

#[test]
fn what_was_used_is_said_after_failures_too() {
    let (_folder, file) = bad();
    let ended = enginebay(["run", &file, "--invoke", "trap()", "--usage"]);
    assert_eq!(ended.code, Some(4));
    assert!(
        ended.stderr.contains("64.0 KiB of memory at most"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("error: trap"), "{ended:?}");
}

#[test]
fn errors_in_json() {
    let (_folder, file) = bad();
    let ended = enginebay(["run", &file, "--invoke", "trap()", "--format", "json"]);
    assert_eq!(ended.code, Some(4));
    let json = ended.json();
    assert_eq!(json["exit_code"], 4);
    assert_eq!(json["error"]["kind"], "trap");
    assert_eq!(json["error"]["context"]["export"], "trap");
    assert!(ended.stderr.starts_with("error: trap"), "{ended:?}");

    let ended = enginebay([
        "run", &file, "--invoke", "spin()", "--fuel", "1000", "--format", "json",
    ]);
    assert_eq!(ended.code, Some(5));
    assert_eq!(ended.json()["error"]["kind"], "out-of-fuel");

    let ended = enginebay([
        "run",
        &file,
        "--invoke",
        "trap()",
        "--format",
        "json",
        "--backend",
        "all",
    ]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    let json = ended.json();
    assert_eq!(json["same"], true);
    assert_eq!(json["runs"][0]["error"]["kind"], "trap");
}

#[test]
fn components_that_are_none() {
    let folder = Folder::new();
    let greet = std::fs::read(GREET).unwrap();
    let cases: [(&str, &[u8], &str); 6] = [
        ("empty.wasm", b"", "the input is empty"),
        ("text.txt", b"hello", "this is not WebAssembly"),
        ("module.wat", b"(module)", "this is a core module"),
        ("syntax.wat", b"(component (", "text format"),
        ("cut.wasm", &greet[..greet.len() / 2], "offset"),
        (
            "deep.wat",
            &b"(component ".repeat(5_000),
            "nesting too deep",
        ),
    ];
    for (name, contents, part) in cases {
        let file = folder.write(name, contents);
        for command in ["run", "inspect", "validate"] {
            enginebay([command, &file]).fails(3, &[part, name]);
        }
        let output = folder.name("out");
        enginebay(["compile", &file, "-o", &output]).fails(3, &[part, name]);
        assert!(!folder.path("out").exists());
    }
}

#[test]
fn each_cut_and_many_changes_of_a_component_are_survived() {
    let folder = Folder::new();
    let greet = std::fs::read(GREET).unwrap();
    for i in 0..24 {
        let mut bytes = greet.clone();
        bytes[i * (greet.len() / 24)] ^= 0x55;
        let file = folder.write("changed.wasm", &bytes);
        let ended = enginebay(["inspect", &file]);
        assert!(matches!(ended.code, Some(0 | 3)), "{i}: {ended:?}");
        let file = folder.write("cut.wasm", &greet[..i * (greet.len() / 24)]);
        enginebay(["inspect", &file]).fails(3, &["cut.wasm"]);
    }
}

#[test]
fn imports_that_are_missing() {
    enginebay(["run", GREET_HOST, "--invoke", "add(1, 2)"])
        .fails(3, &["example:greet/host@0.1.0", "only WASI 0.2 is offered"]);
}

#[test]
fn a_library_is_not_a_command() {
    enginebay(["run", GREET]).fails(
        3,
        &[
            "it does not export `wasi:cli/run`",
            "--invoke",
            "`greet`, `add`",
        ],
    );
}

#[test]
fn command_lines_that_make_no_sense() {
    let cases: [&[&str]; 16] = [
        &[],
        &["nonsense"],
        &["run"],
        &["run", GREET, "--nonsense"],
        &["run", GREET, "--memory", "64M"],
        &["run", GREET, "--timeout", "5"],
        &["run", GREET, "--dir", "/tmp::ro"],
        &["run", GREET, "--env", "ENGINEBAY_TEST_NO_SUCH_VARIABLE"],
        &["run", GREET, "--allow-tcp-connect", "localhost"],
        &["run", GREET, "--allow-http", "http://example.com"],
        &["run", GREET, "--fuel", "1", "--interruption", "deadline"],
        &["run", GREET, "--timeout", "1s", "--interruption", "none"],
        &[
            "run",
            GREET,
            "--timeout",
            "1s",
            "--interruption",
            "fuel-only",
        ],
        &["run", GREET, "--stack", "1KiB"],
        &["compile", GREET],
        &["compile", GREET, "-o", GREET],
    ];
    for args in cases {
        let ended = enginebay(args);
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{args:?}");
        assert!(!ended.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn files_that_cannot_be_read_or_written() {
    let folder = Folder::new();
    let missing = folder.name("missing.wasm");
    for command in ["run", "inspect", "validate"] {
        enginebay([command, &missing]).fails(6, &["cannot read", "missing.wasm"]);
    }
    let output = folder.name("no/such/folder");
    let ended = enginebay(["compile", GREET, "-o", &output]);
    ended.fails(6, &["cannot write", "no/such/folder"]);
    let grant = format!("{}::/data", folder.name("missing"));
    enginebay(["run", COMMAND, "--dir", &grant]).fails(6, &["cannot open the directory"]);
}
