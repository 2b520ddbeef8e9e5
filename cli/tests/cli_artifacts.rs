//! `enginebay compile`, and running what it wrote.

mod support;

use support::{Folder, GREET, enginebay};

fn compile(folder: &Folder, options: &[&str]) -> String {
    let output = folder.name("greet.aot");
    let args = ["compile", GREET, "-o", &output];
    let ended = enginebay(args.iter().chain(options));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.starts_with("compiled for "), "{ended:?}");
    output
}

#[test]
fn artifacts_run_if_that_is_allowed() {
    let folder = Folder::new();
    let file = compile(&folder, &[]);
    let run = ["run", &file, "--invoke", "add(1, 2)"];
    enginebay(run).fails(3, &["machine code", "--allow-precompiled", "greet.aot"]);
    enginebay(run.iter().chain(&["--allow-precompiled"])).gives("3\n");
}

#[test]
fn artifacts_run_with_the_options_they_were_compiled_with() {
    let folder = Folder::new();
    let file = compile(&folder, &["--interruption", "fuel", "--stack", "256KiB"]);
    let run = ["run", &file, "--allow-precompiled", "--invoke", "add(1, 2)"];
    let with = |options: &[&str]| enginebay(run.iter().chain(options));
    with(&["--fuel", "100000", "--stack", "256KiB"]).gives("3\n");
    let parts = [
        "another engine, version or configuration",
        "the same options",
    ];
    with(&["--stack", "256KiB"]).fails(3, &parts);
    with(&["--fuel", "100000"]).fails(3, &parts);
}

#[test]
fn damaged_artifacts_are_refused() {
    let folder = Folder::new();
    let file = compile(&folder, &[]);
    let artifact = std::fs::read(&file).unwrap();
    let run = |bytes: &[u8]| {
        let file = folder.write("damaged.aot", bytes);
        enginebay(["run", &file, "--allow-precompiled", "--invoke", "add(1, 2)"])
    };
    for at in [20, 60, artifact.len() / 2, artifact.len() - 1] {
        let mut damaged = artifact.clone();
        damaged[at] ^= 1;
        run(&damaged).fails(3, &["is damaged", "damaged.aot"]);
    }
    run(&artifact[..artifact.len() - 1]).fails(3, &["is damaged"]);
    run(&artifact[..16]).fails(3, &["is damaged"]);
}

#[test]
fn artifacts_are_told_from_components() {
    let folder = Folder::new();
    let file = compile(&folder, &[]);
    let ended = enginebay(["inspect", &file]);
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.stdout.starts_with("precompiled component"),
        "{ended:?}"
    );
    let json = enginebay(["inspect", &file, "--format", "json"]).json();
    assert_eq!(json["kind"], "precompiled component");
    enginebay(["inspect", &file, "--wit"]).fails(3, &["has no WIT"]);
    enginebay(["validate", &file]).fails(3, &["this is a precompiled component"]);
    let again = folder.name("again.aot");
    enginebay(["compile", &file, "-o", &again]).fails(3, &["precompiled component already"]);
}
