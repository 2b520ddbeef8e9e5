//! The tutorial `your-own-component.md`: its files are those beside this test, and what
//! its commands print is what it says.

#[path = "../../../tests/common/toolchain.rs"]
mod toolchain;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    let page = here().join("../src/tutorial/your-own-component.md");
    fs::read_to_string(page).unwrap()
}

/// The blocks of the page in a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("\n```{language}\n");
    let rest = page.split(&*fence).skip(1);
    rest.map(|rest| rest.split("```").next().unwrap_or_default().to_string())
        .collect()
}

/// A copy of the guest, built by the page's commands that do so.
fn built_guest(folder: &Path) -> PathBuf {
    for (to, from) in [
        ("Cargo.toml", "Cargo.toml"),
        ("src/lib.rs", "src/lib.rs"),
        ("wit/world.wit", "wit/world.wit"),
        (".cargo/config.toml", ".cargo/config.toml"),
    ] {
        let to = folder.join("greeter").join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(here().join("greeter").join(from), to).unwrap();
    }
    let page = page();
    let commands = blocks(&page, "sh");
    let commands = commands.iter().flat_map(|block| block.lines());
    let mut build: Vec<&str> = commands
        .filter(|line| line.starts_with("rustup target") || line.starts_with("cargo build"))
        .collect();
    build.dedup();
    assert_eq!(build.len(), 2, "{build:?}");
    for line in build {
        let words: Vec<&str> = line.split(' ').collect();
        let mut command = toolchain::command(words[0]);
        command.args(&words[1..]);
        let status = command.current_dir(folder.join("greeter")).status();
        assert!(status.unwrap().success(), "{line}");
    }
    folder.to_path_buf()
}

#[test]
fn the_files_are_those_of_the_page() {
    let page = page();
    let mut shown = blocks(&page, "text");
    shown.extend(blocks(&page, "wit"));
    for file in ["src/main.rs", "greeter/src/lib.rs", "greeter/wit/world.wit"] {
        let text = fs::read_to_string(here().join(file)).unwrap();
        assert!(shown.contains(&text), "{file} is not what the page shows");
    }
}

#[test]
fn each_engine_prints_what_the_page_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = built_guest(folder.path());
    let page = page();
    let expected = blocks(&page, "text").pop().unwrap();
    let runs = blocks(&page, "sh").pop().unwrap();
    let mut count = 0;
    for line in runs.lines() {
        let backend = line.strip_prefix("cargo run --release -- ").unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_hello-host"))
            .arg(backend)
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{backend}: {output:?}");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            expected,
            "{backend}"
        );
        count += 1;
    }
    assert_eq!(count, 4);
}
