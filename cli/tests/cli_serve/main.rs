//! `enginebay serve`: components of a folder, from the start to the stop.

#[cfg(unix)]
mod signals;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::{Ended, Folder, enginebay};

fn examples(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/components");
    folder.join(name).to_str().unwrap().to_owned()
}

fn serve(folder: &str, args: &[&str]) -> Ended {
    enginebay([&["serve", folder][..], args].concat())
}

fn backends() -> Vec<String> {
    let listed = enginebay(["backends", "--format", "json"]).json();
    let rows = listed.as_array().unwrap().iter();
    rows.map(|row| row["name"].as_str().unwrap().to_owned())
        .collect()
}

/// A folder for a component that fails when it is told to; what its manifest says besides.
fn faulty(folder: &Folder, name: &str, more: &str) -> PathBuf {
    let path = folder.path(name);
    fs::create_dir_all(&path).unwrap();
    let prebuilt = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/prebuilt/faulty.wasm");
    fs::copy(prebuilt, path.join("component.wasm")).unwrap();
    let manifest = format!(
        "[component]\nname = \"{name}\"\nversion = \"1.0.0\"\n[resources]\nmemory = \"2MiB\"\n\
         {more}"
    );
    fs::write(path.join("Component.toml"), manifest).unwrap();
    path
}

/// It did what was asked: these are the outputs.
#[track_caller]
fn gives(ended: &Ended, stdout: &str) {
    assert_eq!((ended.code, &*ended.stdout), (Some(0), stdout), "{ended:?}");
}

/// It ended with this code, and said all of this.
#[track_caller]
fn says(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    for part in parts {
        assert!(ended.stderr.contains(part), "{part} is not in {ended:?}");
    }
}

#[test]
fn components_talk_on_each_backend() {
    for backend in backends() {
        let calls = [
            "--call", "asker", "ask", "hello", "--call", "answerer", "seen",
        ];
        let ended = serve(
            &examples("talk"),
            &[&calls[..], &["--once", "--backend", &backend]].concat(),
        );
        gives(&ended, "HELLO\nrequests 1, published 0, sent 0\n");
        for part in [
            "status: asker ready\n",
            "status: answerer ready\n",
            "status: asker stopped\n",
            "status: answerer stopped\n",
        ] {
            assert!(ended.stderr.contains(part), "{part}: {ended:?}");
        }
    }
}

#[test]
fn a_count_in_a_file_goes_on_in_the_next_run_on_another_backend() {
    let folder = Folder::new();
    let file = folder.name("counts.redb");
    let once = ["--call", "counter", "increment", "--once"];
    for (number, backend) in backends().iter().enumerate() {
        let more = ["--storage", &file, "--backend", backend];
        let ended = serve(&examples("counter"), &[&once[..], &more].concat());
        gives(&ended, &format!("{}\n", number + 1));
        assert!(!ended.stderr.contains("in memory"), "{ended:?}");
    }
    let ended = serve(&examples("counter"), &once);
    gives(&ended, "1\n");
    assert_eq!(ended.stderr.matches("in memory").count(), 1, "{ended:?}");
    let broken = folder.write("broken.redb", "this is no database");
    let ended = serve(&examples("counter"), &["--storage", &broken]);
    says(&ended, 6, &["broken.redb"]);
}

#[test]
fn files_are_there_if_they_are_mounted_and_changed_only_if_that_may_be() {
    let folder = Folder::new();
    folder.write("a.txt", "one two\nthree\n");
    let calls = [
        "--call",
        "file-processor",
        "process",
        "/data/a.txt",
        "--once",
    ];
    let files = examples("files");
    let none = serve(&files, &calls);
    says(&none, 1, &["--mount", "error: "]);
    let mount = format!("/data={}", folder.name(""));
    let read_only = serve(
        &files,
        &[&calls[..], &["--mount", &format!("{mount}:ro")]].concat(),
    );
    says(&read_only, 1, &["error: "]);
    assert!(!folder.path("out").exists());
    let ended = serve(&files, &[&calls[..], &["--mount", &mount]].concat());
    gives(&ended, "/data/out/a.txt.count\n");
    let counts = fs::read_to_string(folder.path("out/a.txt.count")).unwrap();
    assert_eq!(counts.trim_end(), "lines 2, words 3, bytes 14");
    let ended = serve(&files, &["--mount", "data=x"]);
    says(&ended, 2, &["GUEST=HOST"]);
    let ended = serve(
        &files,
        &["--mount", &format!("/data={}", folder.name("none"))],
    );
    says(&ended, 6, &["none"]);
}

#[test]
fn what_was_not_granted_is_denied_and_audited_in_each_mode_as_it_says() {
    let folder = Folder::new();
    let audit = folder.name("audit.jsonl");
    let calls = ["--call", "denied", "try", "--once", "--audit", &audit];
    let ended = serve(&examples("denied"), &calls);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stdout.starts_with(
            "a file: denied: filesystem.read(/data/secret.txt) is not granted to `denied`"
        ),
        "{ended:?}"
    );
    let lines = |outcome: &str| {
        let text = fs::read_to_string(&audit).unwrap();
        let events = text.lines().map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(event["component"], "denied");
            event["outcome"].as_str() == Some(outcome)
        });
        events.filter(|it| *it).count()
    };
    let denied = lines("denied");
    assert!(denied >= 5, "{denied}");
    assert_eq!(lines("granted"), 0);
    let not_granted = "filesystem.read(/data/secret.txt) is not granted";
    let with = |more: &[&str]| {
        let ended = serve(&examples("denied"), &[&calls[..], more].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended
    };
    // Nobody has said that the component is trusted.
    for more in [
        &["--mode", "permissive"][..],
        &["--mode", "permissive", "--trust-level", "development"],
        &["--trust-level", "trusted"],
    ] {
        let ended = with(more);
        assert!(ended.stdout.contains(not_granted), "{ended:?}");
        assert_eq!(lines("granted"), 0, "{more:?}");
        let is_told = ended.stderr.contains("give `--trust-level trusted`");
        assert_eq!(is_told, more.contains(&"permissive"), "{ended:?}");
    }
    let ended = with(&["--mode", "permissive", "--trust-level", "trusted"]);
    assert!(!ended.stdout.contains(not_granted), "{ended:?}");
    assert!(!ended.stderr.contains("--trust-level"), "{ended:?}");
    let trusted = lines("granted");
    assert!(trusted > 0, "{ended:?}");
    let ended = with(&["--mode", "development"]);
    assert!(!ended.stdout.contains(not_granted), "{ended:?}");
    assert!(lines("granted") > trusted, "{ended:?}");
}

#[test]
fn one_that_fails_is_started_again_and_at_last_given_up() {
    let folder = Folder::new();
    let lifecycle = "[lifecycle]\nmax-restarts = 2\nbackoff = \"200ms\"\n";
    faulty(&folder, "faulty", lifecycle);
    let trap = ["--call", "faulty", "trap", "--once"];
    let ended = serve(&folder.name(""), &trap);
    says(&ended, 4, &["error: `trap` of `faulty`: trapped: "]);
    // Whoever asked is told, and nobody else.
    assert_eq!(ended.stderr.matches("error: ").count(), 1, "{ended:?}");
    assert!(!ended.stderr.contains("log: "), "{ended:?}");
    // It fails each time that it is started.
    let why = "error: `faulty`: its `init` failed: FAIL_INIT is set\n";
    for log in ["off", "info"] {
        let ended = serve(&folder.name(""), &["--env", "FAIL_INIT=1", "--log", log]);
        says(
            &ended,
            4,
            &[
                "status: faulty waits to be started again\n",
                "status: faulty failed for good, 2 restarts\n",
                "error: all have failed for good: 1 component\n",
            ],
        );
        // Each of the three failures is told once.
        assert_eq!(ended.stderr.matches(why).count(), 3, "{ended:?}");
        assert_eq!(ended.stderr.matches("FAIL_INIT").count(), 3, "{ended:?}");
    }
    let ended = serve(&folder.name(""), &["--env", "FAIL_INIT=1", "--check"]);
    says(&ended, 4, &["error: 1 of 1 could not be started"]);
    gives(
        &serve(&folder.name(""), &["--check"]),
        "1 component: all can be started\n",
    );
}

#[test]
fn a_call_ends_as_the_component_did() {
    let folder = Folder::new();
    faulty(&folder, "faulty", "deadline = \"300ms\"\nfuel = 5000000\n");
    let call = |operation: &[&str]| {
        let call = [&["--call", "faulty"], operation, &["--once"]].concat();
        serve(&folder.name(""), &call)
    };
    gives(&call(&["count"]), "1\n");
    let failed = call(&["fail", "no luck"]);
    says(
        &failed,
        1,
        &["error: `fail` of `faulty`: failed: no luck\n"],
    );
    let unknown = call(&["nothing"]);
    says(
        &unknown,
        1,
        &["failed: there is no such operation: nothing\n"],
    );
    says(&call(&["spin"]), 5, &["`spin` of `faulty`: out of fuel"]);
    says(&call(&["never"]), 5, &["`never` of `faulty`: timed out"]);
    let other = ["--call", "other", "x", "--once"];
    says(&serve(&folder.name(""), &other), 2, &["`other`", "faulty"]);
    says(&serve(&folder.name(""), &["--once"]), 2, &["--call"]);
}

#[test]
fn what_cannot_be_loaded_refuses_the_start_unless_the_rest_is_to_go_on() {
    let folder = Folder::new();
    faulty(&folder, "good", "");
    let broken = faulty(&folder, "broken", "");
    fs::write(broken.join("Component.toml"), "[component]\nname = 1\n").unwrap();
    let missing = faulty(&folder, "missing", "");
    fs::remove_file(missing.join("component.wasm")).unwrap();
    let root = folder.name("");
    let count = ["--call", "good", "count", "--once"];
    let ended = serve(&root, &count);
    says(
        &ended,
        3,
        &["broken/Component.toml: line", "missing/component.wasm"],
    );
    assert_eq!(ended.stdout, "");
    assert!(!ended.stderr.contains("status:"), "{ended:?}");
    let ended = serve(&root, &[&count[..], &["--keep-going"]].concat());
    assert_eq!((ended.code, &*ended.stdout), (Some(3), "1\n"), "{ended:?}");
}

#[test]
fn what_is_no_component_of_this_host_is_refused_when_it_is_loaded() {
    let folder = Folder::new();
    let wrong = faulty(&folder, "wrong", "");
    fs::write(wrong.join("component.wasm"), "no component").unwrap();
    says(&serve(&folder.name(""), &[]), 3, &["wrong/component.wasm"]);
    fs::copy(support::GREET, wrong.join("component.wasm")).unwrap();
    says(
        &serve(&folder.name(""), &[]),
        3,
        &["component-lifecycle", "wrong/component.wasm"],
    );
}

/// No process could do anything in that time.
#[test]
fn components_are_compiled_in_a_process_that_is_bounded() {
    let folder = Folder::new();
    faulty(&folder, "slow", "");
    faulty(&folder, "slower", "");
    let root = folder.name("");
    for backend in backends() {
        let count = ["--call", "slow", "count", "--once", "--backend", &backend];
        let with = |bounds: &[&str]| serve(&root, &[&count[..], bounds].concat());
        let ended = with(&["--compile-timeout", "1ns"]);
        if backend == "wasmi" {
            // What interprets has nothing to compile.
            gives(&ended, "1\n");
            continue;
        }
        let parts = ["compiling took longer than 1ns", "slow/component.wasm"];
        says(&ended, 8, &parts);
        assert_eq!(ended.stderr.matches("error: ").count(), 1, "{ended:?}");
        // Both are told, and what there is goes on, which is nothing.
        let ended = with(&["--compile-timeout", "1ns", "--keep-going"]);
        says(&ended, 3, &["slow/component.wasm", "slower/component.wasm"]);
        gives(&with(&["--trusted"]), "1\n");
    }
    let both = ["--trusted", "--compile-timeout", "1s"];
    says(&serve(&root, &both), 2, &["--trusted"]);
}

#[test]
fn two_of_one_name_are_refused() {
    let folder = Folder::new();
    let first = faulty(&folder, "one", "");
    let second = faulty(&folder, "two", "");
    fs::copy(first.join("Component.toml"), second.join("Component.toml")).unwrap();
    says(
        &serve(&folder.name(""), &["--check"]),
        3,
        &[
            "one/Component.toml",
            "two/Component.toml",
            "both named `one`",
        ],
    );
}

#[test]
fn a_folder_without_components_is_refused() {
    let folder = Folder::new();
    says(&serve(&folder.name(""), &[]), 3, &["no Component.toml"]);
    says(&serve(&folder.name("none"), &[]), 6, &["none"]);
    faulty(&folder, ".hidden", "");
    says(&serve(&folder.name(""), &[]), 3, &["no Component.toml"]);
}

/// Each of the links leads to all that is there once more.
#[cfg(unix)]
#[test]
fn links_to_folders_are_passed_over() {
    let folder = Folder::new();
    let one = faulty(&folder, "one", "");
    std::os::unix::fs::symlink("..", one.join("up")).unwrap();
    std::os::unix::fs::symlink(&one, folder.path("again")).unwrap();
    gives(
        &serve(&folder.name(""), &["--check"]),
        "1 component: all can be started\n",
    );
    // The folder that is named may be one.
    gives(
        &serve(&folder.name("again"), &["--check"]),
        "1 component: all can be started\n",
    );
}
