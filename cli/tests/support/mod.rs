//! Runs the program and keeps what it says.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) const GREET: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../guests/prebuilt/greet.wasm");
pub(crate) const GREET_HOST: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../guests/prebuilt/greet-host.wasm"
);
pub(crate) const COMMAND: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../guests/prebuilt/wasi-command.wasm"
);

/// The program, with no standard input.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_enginebay"));
    command.stdin(Stdio::null());
    command
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn end(output: Output) -> Ended {
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn enginebay<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Ended {
    end(program().args(args).output().unwrap())
}

impl Ended {
    /// It succeeded and said nothing but its result.
    #[track_caller]
    pub(crate) fn gives(self, stdout: &str) {
        assert_eq!(self.code, Some(0), "{self:?}");
        assert_eq!(self.stdout, stdout, "{self:?}");
        assert_eq!(self.stderr, "", "{self:?}");
    }

    /// It failed with this code, no result, and one line of error that has all
    /// of these parts.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        assert!(self.stderr.starts_with("error: "), "{self:?}");
        assert_eq!(self.stderr.trim_end().lines().count(), 1, "{self:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "{part} is not in {self:?}");
        }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A folder for one test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Folder(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, contents).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn name(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }
}

/// Ways to end badly.
pub(crate) const BAD: &str = r#"(component
    (core module $m
        (memory (export "memory") 1)
        (func (export "spin") (loop br 0))
        (func (export "trap") unreachable)
        (func $deep (export "deep") (result i32) call $deep)
        (func (export "grow") (result i32) (memory.grow (i32.const 1000)))
        (func (export "need") (if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1))
            (then unreachable))))
    (core instance $i (instantiate $m))
    (func (export "spin") (canon lift (core func $i "spin")))
    (func (export "trap") (canon lift (core func $i "trap")))
    (func (export "deep") (result s32) (canon lift (core func $i "deep")))
    (func (export "grow") (result s32) (canon lift (core func $i "grow")))
    (func (export "need") (canon lift (core func $i "need"))))"#;
