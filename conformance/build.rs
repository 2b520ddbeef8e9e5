//! Lists the scripts in `cases` for the library, which holds them: so that the
//! suite runs where there is no checkout, and no list of cases is kept by hand.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=cases");
    let variable = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .ok_or(io::ErrorKind::NotFound)
    };
    let folder = variable("CARGO_MANIFEST_DIR")?.join("cases");
    let mut scripts = Vec::new();
    find(&folder, "", &mut scripts)?;
    scripts.sort();
    let mut list = "[\n".to_owned();
    for (name, path) in scripts {
        let _ = writeln!(list, "    ({name:?}, include_str!({path:?})),");
    }
    list.push(']');
    fs::write(variable("OUT_DIR")?.join("cases.rs"), list)
}

/// Adds all scripts of a folder, by their names with `/`, and those below it.
fn find(folder: &Path, prefix: &str, scripts: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("{prefix}{stem}");
        if path.is_dir() {
            find(&path, &format!("{name}/"), scripts)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "wast")
        {
            scripts.push((name, path));
        }
    }
    Ok(())
}
