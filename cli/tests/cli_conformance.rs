//! `enginebay conformance`: scripts, and the report in its three forms.

mod support;

use support::{Folder, enginebay};

/// One directive that holds, one that does not, one that nobody supports.
const MIXED: &str = r#"
(component
  (core module $m (func (export "f") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "f") (result u32) (canon lift (core func $i "f"))))
(assert_return (invoke "f") (u32.const 1))
(assert_return (invoke "f") (u32.const 2))
(component (import "nobody-has-this" (func)))
"#;

const GOOD: &str = "(component)\n(assert_invalid (component (export \"a\" (func 0))) \"\")\n";

#[test]
fn a_script_that_passes_is_counted() {
    let folder = Folder::new();
    let file = folder.write("good.wast", GOOD);
    let ended = enginebay(["conformance", &file]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{ended:?}");
    let sum: Vec<_> = lines[2].split_whitespace().collect();
    assert_eq!(sum[0], "all");
    assert_eq!(sum[2..], ["2", "0", "0"]);
}

#[test]
fn failures_and_what_is_unsupported_are_told_with_their_lines() {
    let folder = Folder::new();
    folder.write("one.wast", GOOD);
    let file = folder.write("two.wast", MIXED);
    let ended = enginebay(["conformance", &folder.name(""), "--backend", "all"]);
    assert_eq!((ended.code, &*ended.stderr), (Some(7), ""), "{ended:?}");
    let fail = format!("{file}:7: ");
    let fail = ended.stdout.lines().find(|line| line.starts_with(&fail));
    assert!(fail.unwrap().contains("assert_return: fail: expected"));
    let lacking = format!("{file}:8: ");
    let lacking = ended.stdout.lines().find(|line| line.starts_with(&lacking));
    let lacking = lacking.unwrap();
    assert!(lacking.contains("unsupported: import `nobody-has-this`"));
}

#[test]
fn the_report_in_json() {
    let folder = Folder::new();
    let file = folder.write("two.wast", MIXED);
    let ended = enginebay(["conformance", &file, "--format", "json"]);
    assert_eq!((ended.code, &*ended.stderr), (Some(7), ""));
    let json = ended.json();
    let script = &json["scripts"][0];
    assert_eq!(script["script"], *file);
    assert_eq!(script["pass"], 2);
    let directives = script["directives"].as_array().unwrap();
    assert_eq!(directives.len(), 4);
    assert_eq!(directives[2]["line"], 7);
    assert_eq!(directives[2]["outcome"], "fail");
    assert_eq!(directives[3]["feature"], "import `nobody-has-this`");
    let backend = script["backend"].as_str().unwrap();
    assert_eq!(json["backends"][backend]["unsupported"], 1);
}

#[test]
fn headers_of_other_suites_are_no_reason_not_to_run_a_script() {
    let folder = Folder::new();
    let header = ";;! multi_memory = true\n;;! gc = true\n;;! of-tomorrow = \"x\"\n";
    let file = folder.write("other.wast", format!("{header}{GOOD}"));
    let ended = enginebay(["conformance", &file, "--format", "json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(told.len(), 2, "{ended:?}");
    assert!(
        told[0].starts_with(&format!("warning: {file}: line 2: ")),
        "{ended:?}"
    );
    assert!(told[0].contains("`gc`") && told[1].contains("`of-tomorrow`"));
    let json = ended.json();
    assert_eq!(json["scripts"][0]["pass"], 2);
    let notes = json["notes"].as_array().unwrap();
    assert_eq!(notes.len(), 2);
    assert_eq!(notes[1]["file"], *file);
    // What is no TOML is as wrong as it was.
    folder.write("other.wast", format!(";;! no TOML\n{GOOD}"));
    assert_eq!(enginebay(["conformance", &file]).code, Some(7));
}

#[test]
fn the_report_for_continuous_integration() {
    let folder = Folder::new();
    let file = folder.write("two.wast", MIXED);
    let ended = enginebay(["conformance", &file, "--format", "junit"]);
    assert_eq!((ended.code, &*ended.stderr), (Some(7), ""));
    assert!(ended.stdout.starts_with("<?xml"), "{ended:?}");
    for part in [
        "tests=\"4\"",
        "failures=\"1\"",
        "<testcase name=\"line 6: assert_return\"",
        "<failure message=\"expected U32(2)",
        "<skipped message=\"import `nobody-has-this`",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
}

#[test]
fn a_script_that_cannot_be_parsed_does_not_stop_the_others() {
    let folder = Folder::new();
    folder.write("a.wast", "(component");
    folder.write("b.wast", ";;! limits.memory = true\n(component)");
    folder.write("c.wast", GOOD);
    let ended = enginebay(["conformance", &folder.name("")]);
    assert_eq!((ended.code, &*ended.stderr), (Some(7), ""));
    let told = |parts: &[&str]| {
        let mut lines = ended.stdout.lines();
        lines.any(|line| parts.iter().all(|part| line.contains(part)))
    };
    assert!(told(&["a.wast", "line 1", "fail"]), "{ended:?}");
    assert!(told(&["b.wast", "line 1", "header"]), "{ended:?}");
    assert!(told(&["c.wast", " 2 "]), "{ended:?}");
}

#[test]
fn a_path_without_scripts_is_an_error() {
    let folder = Folder::new();
    enginebay(["conformance", &folder.name("")]).fails(6, &["no scripts"]);
    enginebay(["conformance", &folder.name("none.wast")]).fails(6, &["none.wast"]);
}

#[test]
fn without_paths_the_programs_own_cases_run() {
    let ended = enginebay(["conformance", "--only", "strings/", "--format", "json"]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    let json = ended.json();
    let names = json["scripts"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|script| &script["script"]).collect();
    assert!(names.len() > 2, "{names:?}");
    assert!(
        names
            .iter()
            .all(|name| name.as_str().unwrap().starts_with("strings/"))
    );
    let ended = enginebay(["conformance", "--only", "no such case"]);
    assert!(
        ended.code != Some(0) && ended.stderr.contains("no such case"),
        "{ended:?}"
    );
}

#[test]
fn generated_cases_can_be_repeated() {
    let arguments = [
        "conformance",
        "--random",
        "--seed",
        "7",
        "--duration",
        "1ms",
    ];
    let (once, again) = (enginebay(arguments), enginebay(arguments));
    assert_eq!(once.code, Some(0), "{once:?}");
    assert_eq!(once.stderr, "the first seed is 7\n");
    let values = once.stdout.lines().find(|line| line.ends_with("  value"));
    assert!(values.is_some(), "{once:?}");
    assert_eq!(once.stdout, again.stdout);
}

#[test]
fn generated_cases_and_scripts_do_not_go_together() {
    let ended = enginebay(["conformance", "--random", "some.wast"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let ended = enginebay(["conformance", "--seed", "7", "some.wast"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
}
