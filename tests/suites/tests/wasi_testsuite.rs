//! The programs of `wasi-testsuite` as components, on every backend: each ends with the
//! code, and writes what, its description says. What does not pass stands in
//! `wasi-testsuite.toml` with a reason, and fails the test once it passes.
//!
//! The programs are in a package of the registry. Where that cannot be had the test says
//! that it was skipped, and fails if `ENGINEBAY_SUITES` is `required`.

mod package;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use enginebay::generic::{Component, Engine, Linker, Store};
use enginebay::wasi::{self, DirAccess, OutputPipe, WasiCtx};
use enginebay::{Backend, Config};
use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;
use wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER;

#[derive(Debug, Deserialize)]
struct Suite {
    #[serde(flatten)]
    package: package::Package,
    /// Where the programs are in the package.
    folder: PathBuf,
    /// How many there are.
    programs: usize,
    exception: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    program: String,
    reason: String,
}

/// How a program is run, and what it does then.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Description {
    args: Vec<String>,
    /// Folders beside the program.
    dirs: Vec<String>,
    env: BTreeMap<String, String>,
    exit_code: u8,
    stdout: Option<String>,
}

#[derive(Debug)]
struct Program {
    /// `language/name`.
    name: String,
    path: PathBuf,
}

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/wasi-testsuite.toml"));
    let suite: Suite = toml::from_str(&text.expect("the file is there")).expect("it is well");
    let root = match suite.package.unpacked() {
        Ok(root) => root.join(&suite.folder),
        Err(error) if env::var("ENGINEBAY_SUITES").is_ok_and(|it| it == "required") => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
        Err(error) => {
            println!("skipped: {error}");
            return ExitCode::SUCCESS;
        }
    };
    let programs = programs(&root);
    assert_eq!(programs.len(), suite.programs, "programs in {root:?}");
    for exception in &suite.exception {
        assert!(!exception.reason.is_empty(), "{exception:?}");
        let is_it = |program: &Arc<Program>| program.name == exception.program;
        assert!(programs.iter().any(is_it), "{exception:?}");
    }
    let mut trials = Vec::new();
    macro_rules! trials {
        ($module:ident, $backend:ty) => {
            for program in &programs {
                let exception = suite.exception.iter().any(|it| it.program == program.name);
                let name = format!("{}::{}", stringify!($module), program.name);
                let program = Arc::clone(program);
                trials.push(Trial::test(name, move || {
                    match (run::<$backend>(&program), exception) {
                        (Ok(()), true) => Err(Failed::from("it passes: it is no exception")),
                        (Err(_), true) => Ok(()),
                        (result, false) => result.map_err(Failed::from),
                    }
                }));
            }
        };
    }
    enginebay::for_each_backend!(trials);
    libtest_mimic::run(&args, trials).exit_code()
}

fn programs(root: &Path) -> Vec<Arc<Program>> {
    let mut programs = Vec::new();
    for language in ["assemblyscript", "c", "rust"] {
        let folder = root.join(language).join("testsuite/wasm32-wasip1");
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
        for entry in entries {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|it| it == "wasm") {
                let name = path.file_stem().unwrap().to_string_lossy();
                programs.push(Arc::new(Program {
                    name: format!("{language}/{name}"),
                    path,
                }));
            }
        }
    }
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    programs
}

fn run<B: Backend>(program: &Program) -> Result<(), String> {
    let description = match fs::read_to_string(program.path.with_extension("json")) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| error.to_string())?,
        Err(_) => Description::default(),
    };
    let component = package::adapted(&program.path, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)?;
    let engine = Engine::<B>::new(&Config::new()).map_err(|error| error.to_string())?;
    let component = Component::new(&engine, component).map_err(|error| format!("{error:?}"))?;
    let mut linker = Linker::new(&engine);
    wasi::add_to_linker(&mut linker).map_err(|error| error.to_string())?;

    let (stdout, stderr) = (OutputPipe::new(1 << 20), OutputPipe::new(1 << 20));
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut wasi = WasiCtx::builder();
    let name = program.path.file_name().unwrap().to_string_lossy();
    wasi.arg(name)
        .args(&description.args)
        .envs(description.env.clone())
        .stdout_pipe(&stdout)
        .stderr_pipe(&stderr);
    for dir in &description.dirs {
        // They change what is in there.
        let copy = scratch.path().join(dir);
        package::copy(&program.path.with_file_name(dir), &copy).map_err(|it| it.to_string())?;
        wasi.dir(&copy, dir, DirAccess::ReadWrite);
    }
    let wasi = wasi.build().map_err(|error| error.to_string())?;
    let mut store = Store::<B, WasiCtx>::new(&engine, wasi).map_err(|error| error.to_string())?;
    let result = linker
        .instantiate(&mut store, &component)
        .and_then(|instance| wasi::run(&mut store, &instance));
    let said = String::from_utf8_lossy(&stderr.contents()).into_owned();
    let code = match result {
        Ok(status) => status.code(),
        Err(error) => return Err(format!("{error:?}\n{said}")),
    };
    if code != description.exit_code {
        return Err(format!(
            "code {code}, not {}\n{said}",
            description.exit_code
        ));
    }
    let wrote = stdout.contents();
    match description.stdout {
        Some(expected) if expected.as_bytes() != wrote => Err(format!(
            "wrote {:?}, not {expected:?}",
            String::from_utf8_lossy(&wrote)
        )),
        _ => Ok(()),
    }
}
