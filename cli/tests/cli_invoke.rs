//! `enginebay run --invoke`: functions by their names, and values both ways.

mod support;

use support::{Folder, GREET, enginebay};

#[track_caller]
fn call(call: &str, result: &str) {
    let result = format!("{result}\n");
    for backend in enginebay::BACKENDS {
        enginebay(["run", GREET, "--invoke", call, "--backend", backend]).gives(&result);
    }
}

#[track_caller]
fn refuse(call: &str, parts: &[&str]) {
    enginebay(["run", GREET, "--invoke", call]).fails(3, parts);
}

#[test]
fn functions_at_the_root() {
    call("add(1, 2)", "3");
    call("  add ( 4294967295 , 1 ) ", "0");
    call(r#"greet("World")"#, r#""Hello, World!""#);
}

#[test]
fn functions_in_interfaces_with_and_without_version() {
    call(
        "example:greet/api@0.1.0#sum([1, 2, 4294967295])",
        "4294967298",
    );
    call("example:greet/api#sum([])", "0");
}

#[test]
fn strings_with_escapes() {
    call(
        r#"greet("a \"b\" \\ \t\n \u{1b}[31m \u{e4} it's")"#,
        r#""Hello, a \"b\" \\ \t\n \u{1b}[31m ä it's!""#,
    );
    call(
        r#"example:greet/api#reverse(["a,b", "", "(c)"])"#,
        r#"["(c)", "", "a,b"]"#,
    );
    call(r#"greet("ns:pkg/i#f(1)")"#, r#""Hello, ns:pkg/i#f(1)!""#);
}

#[test]
fn records_and_results() {
    call(
        r#"example:greet/api#describe({tags: ["x", "y"], name: "Ann", age: 30})"#,
        r#""Ann is 30 [x, y]""#,
    );
    call(
        r#"example:greet/api#birthday({name: "Ann", age: 149, tags: []})"#,
        r#"ok({name: "Ann", age: 150, tags: []})"#,
    );
    // An error that a function returns is a result like any other.
    call(
        r#"example:greet/api#birthday({name: "Ann", age: 150, tags: []})"#,
        r#"err("Ann is too old for a birthday: 150")"#,
    );
}

#[test]
fn variants_options_enums_flags_and_bytes() {
    call("example:greet/api#area(rectangle((2, 1.5)))", "some(3)");
    call("example:greet/api#area(%none)", "none");
    call("example:greet/api#area(circle(inf))", "some(inf)");
    call("example:greet/api#next-color(blue)", "red");
    call(
        "example:greet/api#union({write}, {execute, read})",
        "{read, write, execute}",
    );
    call("example:greet/api#union({}, {})", "{}");
    call("example:greet/api#echo([0, 255])", "[0, 255]");
}

#[test]
fn resources_are_shown_and_cannot_be_given() {
    call(
        "example:greet/api#[constructor]counter(7)",
        "<own resource>",
    );
    refuse(
        "example:greet/api#[method]counter.value(1)",
        &["a resource handle has no text form", "at self"],
    );
}

#[test]
fn arguments_that_do_not_fit_say_where() {
    refuse(
        r#"example:greet/api#describe({name: "Ann", age: 300, tags: []})"#,
        &["`300` is out of range for `u8` (at p.age)", "column: 21"],
    );
    refuse(
        "add(1)",
        &[
            "the argument `b` of type `u32` is missing",
            "its type is `func(a: u32, b: u32) -> u32`",
        ],
    );
    refuse("add(1, 2, 3)", &["3 arguments"]);
    refuse("add(1, 2", &["not a WAVE value: unexpected end of input"]);
    refuse("add(one, 2)", &["expected `u32`, found `one` (at a)"]);
    refuse(
        "example:greet/api#area(none)",
        &["write the case as `%none`"],
    );
    refuse(
        &format!("add({}", "[".repeat(50_000)),
        &["nesting too deep"],
    );
}

#[test]
fn functions_that_are_not_there_come_with_what_is() {
    refuse(
        "describe(1)",
        &[
            "exports no function `describe`",
            "did you mean `example:greet/api@0.1.0#describe`?",
        ],
    );
    refuse("nothing()", &["it exports `greet`, `add`"]);
    refuse("example:greet/api@0.2.0#sum([])", &["did you mean"]);
    refuse("example:greet/api()", &["exports no function"]);
}

#[test]
fn a_call_needs_a_name_and_parentheses() {
    enginebay(["run", GREET, "--invoke", "add"]).fails(2, &["write `add()`"]);
    enginebay(["run", GREET, "--invoke", "(1, 2)"]).fails(2, &["write NAME(ARGS)"]);
}

#[test]
fn functions_without_a_result_print_nothing() {
    let folder = Folder::new();
    let file = folder.write(
        "quiet.wat",
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func (export "f") (canon lift (core func $i "f"))))"#,
    );
    enginebay(["run", &file, "--invoke", "f()"]).gives("");
    let json = enginebay(["run", &file, "--invoke", "f()", "--format", "json"]).json();
    assert_eq!(json["exit_code"], 0);
    assert!(json.get("result").is_none());
}

#[test]
fn several_versions_of_an_interface_have_to_be_told_apart() {
    let folder = Folder::new();
    let file = folder.write(
        "versions.wat",
        r#"(component
            (core module $m (func (export "f") (result i32) i32.const 7))
            (core instance $i (instantiate $m))
            (func $f (result u32) (canon lift (core func $i "f")))
            (instance $a (export "f" (func $f)))
            (export "a:b/c@1.0.0" (instance $a))
            (export "a:b/c@2.0.0" (instance $a)))"#,
    );
    enginebay(["run", &file, "--invoke", "a:b/c@2.0.0#f()"]).gives("7\n");
    enginebay(["run", &file, "--invoke", "a:b/c#f()"]).fails(
        3,
        &["more than one version", "`a:b/c@1.0.0`, `a:b/c@2.0.0`"],
    );
}

#[test]
fn json_has_the_result_and_what_was_used() {
    let ended = enginebay([
        "run",
        GREET,
        "--invoke",
        "add(1, 2)",
        "--format",
        "json",
        "--usage",
        "--fuel",
        "100000",
    ]);
    assert_eq!(ended.stderr, "");
    let json = ended.json();
    assert_eq!(json["backend"], enginebay::BACKENDS[0]);
    assert_eq!(json["result"], "3");
    assert_eq!(json["exit_code"], 0);
    assert!(json["usage"]["memory_peak"].as_u64().unwrap() > 0);
    assert!(json["usage"]["fuel"].as_u64().unwrap() > 0);
    assert!(json["usage"]["time_ms"].as_f64().unwrap() > 0.0);
    let json = enginebay(["run", GREET, "--invoke", "add(1, 2)", "--format", "json"]).json();
    assert!(json.get("usage").is_none());
}

#[test]
fn usage_is_on_standard_error() {
    let ended = enginebay(["run", GREET, "--invoke", "add(1, 2)", "--usage"]);
    assert_eq!(ended.stdout, "3\n");
    for part in ["of memory at most", "0 host calls"] {
        assert!(ended.stderr.contains(part), "{ended:?}");
    }
    assert!(!ended.stderr.contains("fuel"), "{ended:?}");
    let ended = enginebay([
        "run",
        GREET,
        "--invoke",
        "add(1, 2)",
        "--usage",
        "--fuel",
        "9999",
    ]);
    assert!(ended.stderr.contains(" fuel"), "{ended:?}");
}

#[test]
fn all_backends_give_the_same() {
    let ended = enginebay(["run", GREET, "--invoke", "add(1, 2)", "--backend", "all"]);
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stderr, "");
    let lines: Vec<_> = ended
        .stdout
        .lines()
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, result)| (name, result.trim()))
        .collect();
    let expected: Vec<_> = enginebay::BACKENDS
        .iter()
        .map(|name| (*name, "3"))
        .collect();
    assert_eq!(lines, expected);

    let args = [
        "run",
        GREET,
        "--invoke",
        "add(1, 2)",
        "--backend",
        "all",
        "--format",
        "json",
    ];
    let json = enginebay(args).json();
    assert_eq!(json["same"], true);
    let runs = json["runs"].as_array().unwrap();
    assert_eq!(runs.len(), enginebay::BACKENDS.len());
    for (run, name) in runs.iter().zip(enginebay::BACKENDS) {
        assert_eq!(run["backend"], *name);
        assert_eq!(run["result"], "3");
    }
}

/// Wasmer has no tail calls.
#[cfg(all(feature = "wasmer", feature = "wasmi"))]
#[test]
fn backends_that_differ_fail_loudly() {
    let folder = Folder::new();
    let file = folder.write(
        "tail.wat",
        r#"(component
            (core module $m
                (func $seven (result i32) i32.const 7)
                (func (export "f") (result i32) return_call $seven))
            (core instance $i (instantiate $m))
            (func (export "f") (result u32) (canon lift (core func $i "f"))))"#,
    );
    let args = ["run", &file, "--invoke", "f()", "--backend", "all"];
    let ended = enginebay(args);
    assert_eq!(ended.code, Some(6), "{ended:?}");
    let line = |name: &str| {
        let line = ended.stdout.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("{name}: {ended:?}"))
    };
    assert!(line("wasmi:").ends_with(" 7"), "{ended:?}");
    assert!(line("wasmer:").contains("tail-call"), "{ended:?}");
    for part in ["error: the backends differ", " against wasmer;"] {
        assert!(ended.stderr.contains(part), "{part}: {ended:?}");
    }

    let json = enginebay(args.iter().chain(&["--format", "json"])).json();
    assert_eq!(json["same"], false);
    let failed = |run: &&serde_json::Value| run.get("error").is_some();
    let failed: Vec<_> = json["runs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(failed)
        .collect();
    assert_eq!(failed.len(), 1, "{json}");
    assert_eq!(failed[0]["backend"], "wasmer");
}

#[test]
fn an_unknown_backend_comes_with_the_known_ones() {
    let ended = enginebay(["run", GREET, "--backend", "nonsense"]);
    assert_eq!(ended.code, Some(2));
    assert_eq!(ended.stdout, "");
    for name in enginebay::BACKENDS.iter().chain(&["all"]) {
        assert!(ended.stderr.contains(name), "{ended:?}");
    }
}

/// `guests/reactor`: functions that use WASI.
const REACTOR: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../guests/prebuilt/reactor.wasm"
);

#[test]
fn functions_of_a_reactor_use_what_is_granted() {
    let folder = Folder::new();
    let dir = format!("{}::/d", folder.name("."));
    for backend in enginebay::BACKENDS {
        let call = |options: &[&str], call: &str| {
            let all = ["run", REACTOR, "--backend", backend, "--invoke", call];
            enginebay(all.iter().chain(options))
        };
        call(&["--env", "PLACE=here"], r#"variable("PLACE")"#).gives("some(\"here\")\n");
        call(&[], r#"variable("PLACE")"#).gives("none\n");
        // What it writes comes first, then the result. Each run is an instance of its
        // own: nothing is counted on.
        for _ in 0..2 {
            call(&[], r#"say("hello")"#).gives("hello\n1\n");
        }
        let ended = call(&["--format", "json"], r#"say("hello")"#);
        let json = ended.json();
        assert_eq!(
            (&json["stdout"], &json["result"]),
            (&"hello\n".into(), &"1".into())
        );

        let open = r#"example:reactor/notes#[static]notebook.open("/d/file")"#;
        let refused = call(&[], open);
        assert!(refused.stdout.starts_with("err("), "{refused:?}");
        assert!(!folder.path("file").exists());
        // A resource lives as long as the run.
        let opened = call(&["--dir", &dir], open);
        assert_eq!(opened.code, Some(0), "{opened:?}");
        assert!(opened.stdout.starts_with("ok("), "{opened:?}");
        let text = std::fs::read_to_string(folder.path("file")).unwrap();
        assert_eq!(text, "");
        std::fs::remove_file(folder.path("file")).unwrap();
    }
    let ended = enginebay(["run", REACTOR]);
    ended.fails(3, &["not a command"]);
}
