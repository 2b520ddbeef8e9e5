//! `enginebay new`: the project that it makes builds and runs by the commands in its
//! README.

mod support;
#[path = "../../tests/common/toolchain.rs"]
mod toolchain;

use std::env;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use support::{Ended, end, enginebay};
use tempfile::tempdir;

/// Runs the commands of a project's README, and gives what the last one wrote.
fn follow_readme(project: &Path) -> Ended {
    let readme = fs::read_to_string(project.join("README.md")).unwrap();
    let (_, rest) = readme.split_once("```sh\n").unwrap();
    let (commands, _) = rest.split_once("```").unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_enginebay"));
    let mut path = vec![program.parent().unwrap().to_path_buf()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap()));
    let output = toolchain::command("bash")
        .args(["-euo", "pipefail", "-c", commands])
        .current_dir(project)
        .env("PATH", env::join_paths(path).unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    end(output)
}

#[test]
fn a_command_builds_and_runs() {
    let folder = tempdir().unwrap();
    let project = folder.path().join("deep/hello-world");
    let ended = enginebay(["new".as_ref(), project.as_os_str()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("cargo build --release"), "{ended:?}");
    let ended = follow_readme(&project);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "Hello, World!\n", "{ended:?}");

    let built = project.join("target/wasm32-wasip2/release/hello-world.wasm");
    let all = [
        "run",
        built.to_str().unwrap(),
        "--backend",
        "all",
        "--",
        "Ada",
    ];
    let ended = enginebay(all);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.starts_with("Hello, Ada!\n"), "{ended:?}");
}

#[test]
fn a_library_builds_and_is_called() {
    let folder = tempdir().unwrap();
    let project = folder.path().join("greeter");
    // An empty folder is filled.
    fs::create_dir(&project).unwrap();
    let ended = enginebay(["new".as_ref(), project.as_os_str(), "--library".as_ref()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let ended = follow_readme(&project);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "\"Hello, World!\"\n", "{ended:?}");

    // The path that the README gives to hosts has bindings.
    let wit = project.join("wit");
    let ended = enginebay(["bindgen".as_ref(), wit.as_os_str()]);
    for part in ["pub struct Greeter<", "pub fn call_greet("] {
        assert!(ended.stdout.contains(part), "{ended:?}");
    }
}

/// The tutorial begins with this project, and changes two of its files.
#[test]
fn the_tutorials_guest_is_what_is_made() {
    let folder = tempdir().unwrap();
    let made = folder.path().join("greeter");
    enginebay(["new".as_ref(), made.as_os_str(), "--library".as_ref()]);
    let tutorial = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/hello-host/greeter");
    for file in [
        "Cargo.toml",
        "README.md",
        ".cargo/config.toml",
        ".gitignore",
    ] {
        let text = |folder: &Path| fs::read_to_string(folder.join(file)).unwrap();
        assert_eq!(text(&made), text(&tutorial), "{file}");
    }
}

#[test]
fn nothing_that_is_there_is_changed() {
    let folder = tempdir().unwrap();
    let project = folder.path().join("mine");
    fs::create_dir(&project).unwrap();
    fs::write(project.join("Cargo.toml"), "mine").unwrap();
    let ended = enginebay(["new".as_ref(), project.as_os_str()]);
    ended.fails(6, &["cannot make", "mine"]);
    let text = fs::read_to_string(project.join("Cargo.toml")).unwrap();
    assert_eq!(text, "mine");
    assert_eq!(fs::read_dir(&project).unwrap().count(), 1);
}

#[test]
fn names_are_checked_before_anything_is_made() {
    let folder = tempdir().unwrap();
    for (name, part) in [
        ("Hello", "no name for a component"),
        ("1a", "no name for a component"),
        ("world", "a word of Rust, Cargo or WIT"),
        ("..", "no name at its end"),
    ] {
        let ended = enginebay(["new".as_ref(), folder.path().join(name).as_os_str()]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(part), "{ended:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
