//! `enginebay manifest`, and runs with a manifest.

mod support;

use std::fs;

use support::{BAD, COMMAND, Folder, GREET, enginebay};

const LEAST: &str = "[component]\nname = \"a\"\nversion = \"1.0.0\"\nfile = \"c.wat\"\n[resources]\nmemory = \"1MiB\"\n";

#[test]
fn init_writes_a_manifest_that_check_accepts_and_nothing_is_lost() {
    let folder = Folder::new();
    fs::create_dir(folder.path("my-app")).unwrap();
    let app = folder.name("my-app");
    let ended = enginebay(["manifest", "init", &app]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    enginebay(["manifest", "check", &app]).gives("valid\n");
    let file = folder.write("my-app/Component.toml", "mine");
    enginebay(["manifest", "init", &app]).fails(6, &["already", "--force"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    let ended = enginebay(["manifest", "init", &app, "--force", "--name", "other"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        fs::read_to_string(&file)
            .unwrap()
            .contains("name = \"other\"")
    );
    fs::create_dir(folder.path("My App")).unwrap();
    enginebay(["manifest", "init", &folder.name("My App")]).fails(2, &["--name"]);
    enginebay(["manifest", "init", &folder.name("none")]).fails(6, &["none"]);
}

#[test]
fn check_says_all_that_is_wrong() {
    let folder = Folder::new();
    let text = "[component]\nname = \"A\"\nversion = \"1.0.0\"\n[permissions.filesystem]\nread = [\"a\"]\n";
    let file = folder.write("m.toml", text);
    let ended = enginebay(["manifest", "check", &file]);
    assert_eq!((ended.code, &*ended.stdout), (Some(3), ""), "{ended:?}");
    let lines: Vec<&str> = ended.stderr.lines().collect();
    let errors = lines.iter().filter(|line| line.starts_with("error: "));
    assert_eq!(errors.count(), 3, "{ended:?}");
    assert!(
        lines.iter().any(|line| line.trim() == "[resources]"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("line 5, column 9"), "{ended:?}");
    let ended = enginebay(["manifest", "check", &file, "--format", "json"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert_eq!(ended.json()["problems"][0]["key"], "component.name");
    assert_eq!(ended.json()["problems"][0]["position"]["line"], 2);
    enginebay(["manifest", "check", &folder.name("none")]).fails(6, &["none"]);
    let large = folder.write("large.toml", LEAST.replace("1MiB", "64MiB"));
    assert_eq!(enginebay(["manifest", "check", &large]).code, Some(3));
    enginebay(["manifest", "check", &large, "--allow-memory", "64MiB"]).gives("valid\n");
}

#[test]
fn explain_says_what_is_required_and_what_is_not() {
    let folder = Folder::new();
    let text = LEAST.to_owned()
        + "[permissions.filesystem]\nread = { required = [\"/data/**\"], optional = [\"/x\"] }\n";
    folder.write("Component.toml", text);
    let ended = enginebay(["manifest", "explain", &folder.name("")]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for part in [
        "a 1.0.0",
        "1MiB",
        "30s",
        "It is not loaded unless it may\n  read files  /data/** (everything below)\n",
        "can do without\n  read files  /x\n",
        "nothing of: network, process, storage, messaging",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    let ended = enginebay(["manifest", "explain", &folder.name(""), "--format", "json"]);
    let json = ended.json();
    assert_eq!(json["limits"]["memory"], 1 << 20);
    assert_eq!(json["grants"][1]["required"], false);
    let broken = folder.write("broken.toml", "x");
    enginebay(["manifest", "explain", &broken]).fails(3, &["line 1"]);
}

#[test]
fn schema_is_json() {
    let ended = enginebay(["manifest", "schema"]);
    assert_eq!(ended.json()["required"][1], "resources", "{ended:?}");
}

/// A component beside its manifest, and a call of a function of it.
fn run(folder: &Folder, manifest: &str, function: &str, more: &[&str]) -> support::Ended {
    let file = folder.write("c.wat", BAD);
    folder.write("Component.toml", manifest);
    enginebay([&["run", &file, "--invoke", function], more].concat())
}

#[test]
fn a_run_has_the_limits_of_the_manifest_beside_the_component() {
    let folder = Folder::new();
    // A thousand pages more are 62.5 MiB.
    run(&folder, LEAST, "grow()", &[]).gives("-1\n");
    run(&folder, LEAST, "grow()", &["--no-manifest"]).gives("1\n");
    let fuel = LEAST.to_owned() + "fuel = 10000\n";
    run(&folder, &fuel, "spin()", &[]).fails(5, &["fuel"]);
    let deadline = LEAST.to_owned() + "deadline = \"50ms\"\n";
    run(&folder, &deadline, "spin()", &[]).fails(5, &["--timeout"]);
}

#[test]
fn options_only_tighten_what_the_manifest_says() {
    let folder = Folder::new();
    let text = LEAST.to_owned() + "fuel = 10000\ndeadline = \"1s\"\n";
    for (option, value) in [
        ("--memory", "2MiB"),
        ("--fuel", "10001"),
        ("--timeout", "2s"),
        ("--timeout", "none"),
    ] {
        run(&folder, &text, "grow()", &[option, value]).fails(2, &[option, "--no-manifest"]);
    }
    let tighter = ["--memory", "512KiB", "--fuel", "9999", "--timeout", "900ms"];
    run(&folder, &text, "grow()", &tighter).gives("-1\n");
}

#[test]
fn a_manifest_for_another_file_is_used_if_it_is_named() {
    let folder = Folder::new();
    let other = LEAST.replace("c.wat", "other.wasm");
    let ended = run(&folder, &other, "grow()", &[]);
    assert_eq!((ended.code, &*ended.stdout), (Some(0), "1\n"), "{ended:?}");
    assert!(ended.stderr.contains("is for other.wasm"), "{ended:?}");
    let path = folder.name("Component.toml");
    run(&folder, &other, "grow()", &["--manifest", &path]).gives("-1\n");
    run(&folder, "x", "grow()", &[]).fails(3, &["Component.toml", "line 1"]);
    enginebay([
        "run",
        GREET,
        "--invoke",
        "x()",
        "--manifest",
        &folder.name("none"),
    ])
    .fails(6, &["none"]);
}

#[test]
fn permissions_of_a_manifest_that_is_found_are_granted_if_that_is_asked_for() {
    let folder = Folder::new();
    let data = folder.name("data");
    fs::create_dir(&data).unwrap();
    let text = LEAST.to_owned()
        + &format!(
            "[permissions.filesystem]\nread = [\"{data}/**\"]\nlist = [\"{data}\", \"{data}/**\"]\n\
             [permissions.storage]\nread = [\"a:*\"]\n"
        );
    let ended = run(&folder, &text, "grow()", &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("not granted: name it with --manifest"),
        "{ended:?}"
    );
    let ended = run(&folder, &text, "grow()", &["--grant-manifest"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(
        ended.stderr.contains("storage.read(a:*) is not granted"),
        "{ended:?}"
    );
    let some = text.replace("list", "delete");
    let ended = run(&folder, &some, "grow()", &["--grant-manifest"]);
    assert!(
        ended.stderr.contains("WASI grants folders as a whole"),
        "{ended:?}"
    );
    let path = folder.name("Component.toml");
    let named = run(&folder, &some, "grow()", &["--manifest", &path]);
    assert_eq!(named.stderr, ended.stderr);
    let ended = run(
        &folder,
        &some,
        "grow()",
        &["--manifest", &path, "--limits-only"],
    );
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    let none = ["run", GREET, "--invoke", "x()", "--grant-manifest"];
    enginebay(none).fails(2, &["--manifest"]);
}

/// A command that reads a file, if it is granted the folder.
#[cfg(feature = "wasi")]
#[test]
fn a_folder_that_a_named_manifest_asks_for_is_there_to_read() {
    let folder = Folder::new();
    let data = folder.name("data");
    fs::create_dir(&data).unwrap();
    let file = folder.write("data/a.txt", "text");
    let text = LEAST.replace("1MiB", "4MiB")
        + &format!(
            "[permissions.filesystem]\nread = [\"{data}/**\"]\nlist = [\"{data}\", \"{data}/**\"]\n"
        );
    let manifest = folder.write("m.toml", text);
    let run = |grant: &[&str], args: &[&str]| {
        let run = ["run", COMMAND, "--manifest", &manifest];
        enginebay([&run[..], grant, &["--"], args].concat())
    };
    run(&[], &["cat", &file]).gives("text");
    assert_eq!(run(&["--limits-only"], &["cat", &file]).code, Some(1));
    assert_eq!(run(&[], &["write", &file, "x"]).code, Some(1));
    assert_eq!(fs::read_to_string(&file).unwrap(), "text");
}
