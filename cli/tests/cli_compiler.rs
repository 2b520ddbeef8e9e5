//! Components are compiled in a process that is bounded: what becomes of those on
//! which a compiler takes too long, or too much memory, or crashes, and that
//! nothing is left behind.

mod support;

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};

use support::{Ended, Folder, GREET, end, enginebay, program};

/// Backends that compile ahead.
fn compilers() -> impl Iterator<Item = &'static str> {
    let compiles = |name: &&str| *name != "wasmi";
    enginebay::BACKENDS.iter().copied().filter(compiles)
}

/// A component that is small, valid and within the counts, and of which a compiler
/// makes a great deal: where choices inside of each other end, each local that is set
/// inside is a value of its own, at each end.
fn bomb() -> String {
    const FUNCTIONS: usize = 8;
    const LOCALS: usize = 350;
    const CHOICES: usize = 340;
    let mut body = String::from(" (func (param i32) (local");
    body.push_str(&" i32".repeat(LOCALS));
    body.push(')');
    body.push_str(&" local.get 0 if".repeat(CHOICES));
    for i in 1..=LOCALS {
        write!(body, " local.get 0 i32.load offset={i} local.set {i}").unwrap();
    }
    body.push_str(&" end".repeat(CHOICES));
    for i in 1..=LOCALS {
        write!(body, " local.get 0 local.get {i} i32.store offset={i}").unwrap();
    }
    body.push(')');
    format!(
        "(component
            (core module $m (memory 1) (func (export \"f\")) {})
            (core instance $i (instantiate $m))
            (func (export \"f\") (canon lift (core func $i \"f\"))))",
        body.repeat(FUNCTIONS)
    )
}

#[test]
fn what_is_compiled_in_a_process_of_its_own_is_the_same() {
    let run = ["run", GREET, "--invoke", "greet(\"Ada\")", "--backend"];
    for backend in enginebay::BACKENDS {
        let with = |options: &[&str]| enginebay(run.iter().chain(&[*backend]).chain(options));
        with(&[]).gives("\"Hello, Ada!\"\n");
        with(&["--trusted"]).gives("\"Hello, Ada!\"\n");
        with(&["--compile-timeout", "none", "--compile-memory", "none"]).gives("\"Hello, Ada!\"\n");
        let options = ["--fuel=1000000", "--stack=1MiB", "--deterministic"];
        with(&options).gives("\"Hello, Ada!\"\n");
    }
}

#[test]
fn errors_are_the_same_as_without() {
    let folder = Folder::new();
    let tails = "(component (core module (func $f (return_call $f))))";
    let invalid = "(component (core module (func (result i32))))";
    for (name, text) in [
        ("tails.wat", tails),
        ("invalid.wat", invalid),
        ("text.wat", "(comp"),
    ] {
        let file = folder.write(name, text);
        for backend in compilers() {
            let run = ["run", &file, "--invoke", "f()", "-v", "--backend", backend];
            let confined = enginebay(run);
            let here = enginebay(run.iter().chain(&["--trusted"]));
            assert_eq!(confined.code, Some(3), "{confined:?}");
            assert_eq!(
                (confined.code, confined.stdout, confined.stderr),
                (here.code, here.stdout, here.stderr),
                "{name} on {backend}"
            );
        }
    }
}

#[test]
fn compilation_that_takes_too_long_is_stopped() {
    let folder = Folder::new();
    let file = folder.write("bomb.wat", bomb());
    for backend in compilers() {
        let limits = ["--compile-timeout", "300ms", "--backend", backend];
        let parts = ["took longer than 300ms", "bomb.wat", "--compile-timeout"];
        let run = ["run", &file, "--invoke", "f()"];
        enginebay(run.iter().chain(&limits)).fails(8, &parts);
        let artifact = folder.name("bomb.aot");
        let compile = ["compile", &file, "-o", &artifact];
        enginebay(compile.iter().chain(&limits)).fails(8, &parts);
        assert!(!folder.path("bomb.aot").exists());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn compilation_that_takes_too_much_memory_is_stopped() {
    let folder = Folder::new();
    let file = folder.write("bomb.wat", bomb());
    for backend in compilers() {
        enginebay([
            "run",
            &file,
            "--invoke",
            "f()",
            "--backend",
            backend,
            "--compile-memory",
            "256MiB",
            "--compile-timeout",
            "none",
        ])
        .fails(
            8,
            &["needs more than 256.0 MiB", "bomb.wat", "--compile-memory"],
        );
    }
}

#[test]
fn what_does_not_compile_is_not_bounded() {
    let folder = Folder::new();
    let file = folder.write("bomb.wat", bomb());
    enginebay(["validate", &file]).gives("valid\n");
    assert_eq!(enginebay(["inspect", &file]).code, Some(0));
}

#[test]
fn interpreters_have_no_process_that_compiles() {
    // No process could do anything in that time.
    let run = ["run", GREET, "--invoke", "greet(\"Ada\")"];
    let with = |backend| {
        enginebay(
            run.iter()
                .chain(&["--compile-timeout=1ns", "--backend", backend]),
        )
    };
    for backend in enginebay::BACKENDS {
        match *backend {
            "wasmi" => with(backend).gives("\"Hello, Ada!\"\n"),
            _ => with(backend).fails(8, &["took longer than 1ns"]),
        }
    }
}

#[test]
fn bounds_without_sense_are_refused() {
    let run = |options: &[&str]| enginebay(["run", GREET].iter().chain(options));
    for options in [
        &["--compile-memory", "1MiB"][..],
        &["--compile-timeout", "0s"],
        &["--trusted", "--compile-timeout", "1s"],
    ] {
        assert_eq!(run(options).code, Some(2), "{options:?}");
    }
}

/// A program that compiles for long, with what its child is found by.
#[cfg(target_os = "linux")]
struct Compiling {
    program: Child,
    mark: String,
    folder: Folder,
    temporary: Folder,
}

#[cfg(target_os = "linux")]
impl Compiling {
    /// Waits until the child runs.
    fn start(mark: u32) -> Self {
        Self::start_by(program(), mark, "none")
    }

    /// As [`Compiling::start`], by a command that runs the program.
    fn start_by(mut program: Command, mark: u32, timeout: &str) -> Self {
        let (folder, temporary) = (Folder::new(), Folder::new());
        let file = folder.write("bomb.wat", bomb());
        let mark = format!("--stack={mark}");
        let program = program
            .args([
                "run",
                &file,
                "--invoke",
                "f()",
                "--compile-timeout",
                timeout,
                &mark,
            ])
            .env("TMPDIR", temporary.name(""))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let compiling = Compiling {
            program,
            mark,
            folder,
            temporary,
        };
        compiling.wait_for(true);
        compiling
    }

    /// The children there are.
    fn children(&self) -> Vec<String> {
        let is_child = |id: &str| {
            let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            let words: Vec<_> = line.split(|byte| *byte == 0).collect();
            words.contains(&&b"compile-in-child"[..]) && words.contains(&self.mark.as_bytes())
        };
        let ids = std::fs::read_dir("/proc").unwrap();
        ids.filter_map(|entry| entry.unwrap().file_name().into_string().ok())
            .filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()) && is_child(id))
            .collect()
    }

    fn wait_for(&self, is_there: bool) {
        for _ in 0..3_000 {
            if self.children().is_empty() != is_there {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!(
            "children: {:?}, not as expected: {is_there}",
            self.children()
        );
    }

    /// Sends a signal to the program or its child.
    fn signal(&self, signal: &str, id: &str) {
        let status = Command::new("kill").args([signal, id]).status().unwrap();
        assert!(status.success());
    }

    /// The soft and the hard limit on what the child may use, as the system tells
    /// them.
    fn limits(&self, what: &str) -> [String; 2] {
        let children = self.children();
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", children[0])).unwrap();
        let line = limits.lines().find_map(|line| line.strip_prefix(what));
        let mut words = line.unwrap().split_whitespace().map(str::to_owned);
        [words.next().unwrap(), words.next().unwrap()]
    }

    /// Waits until the child has a limit.
    fn wait_for_limits(&self, what: &str, limits: [&str; 2]) {
        for _ in 0..3_000 {
            if self.limits(what) == limits {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("{what}: {:?}, not {limits:?}", self.limits(what));
    }

    fn id(&self) -> String {
        self.program.id().to_string()
    }

    /// How the program ended. Nothing is left of it.
    fn end(self) -> Ended {
        let Compiling {
            program,
            mark,
            folder,
            temporary,
        } = self;
        let ended = end(program.wait_with_output().unwrap());
        let left: Vec<_> = std::fs::read_dir(temporary.name("")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        drop((mark, folder));
        ended
    }
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_ends_the_compilation() {
    let compiling = Compiling::start(600_001);
    compiling.signal("-INT", &compiling.id());
    compiling.wait_for(false);
    let ended = compiling.end();
    assert_eq!((ended.code, &*ended.stderr), (Some(130), ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_that_is_killed_takes_its_compiler_with_it() {
    let compiling = Compiling::start(600_002);
    compiling.signal("-KILL", &compiling.id());
    compiling.wait_for(false);
    assert_eq!(compiling.end().code, None);
}

#[cfg(target_os = "linux")]
#[test]
fn a_compiler_that_the_system_kills_is_no_defect() {
    let compiling = Compiling::start(600_006);
    for child in compiling.children() {
        compiling.signal("-KILL", &child);
    }
    compiling
        .end()
        .fails(8, &["killed by the system", "bomb.wat", "`ulimit -a`"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_compiler_that_crashes_is_told_in_one_line() {
    let compiling = Compiling::start(600_003);
    for child in compiling.children() {
        compiling.signal("-ABRT", &child);
    }
    compiling.end().fails(
        8,
        &[
            "the compiler crashed (signal 6)",
            "bomb.wat",
            "please report",
        ],
    );
}

/// The program, with limits of the system that a shell sets.
#[cfg(target_os = "linux")]
fn limited(limits: &str) -> Command {
    let mut command = Command::new("sh");
    let script = format!("{limits} && exec \"$0\" \"$@\"");
    command
        .args(["-c", &script, env!("CARGO_BIN_EXE_enginebay")])
        .stdin(Stdio::null());
    command
}

#[cfg(target_os = "linux")]
#[test]
fn lower_limits_of_the_system_stay_and_others_are_ours() {
    // In KiB and seconds; the options' own numbers are 4 GiB and an hour for each
    // processor.
    let low = limited("ulimit -d 1048576 && ulimit -t 70");
    let low = Compiling::start_by(low, 600_004, "1h");
    low.wait_for_limits("Max cpu time", ["69", "70"]);
    low.wait_for_limits("Max data size", ["1073741824"; 2]);
    low.wait_for_limits("Max core file size", ["0"; 2]);
    low.signal("-KILL", &low.id());
    assert_eq!(low.end().code, None);

    let high = Compiling::start_by(limited("ulimit -d 8388608"), 600_005, "none");
    high.wait_for_limits("Max data size", ["4294967296"; 2]);
    high.signal("-KILL", &high.id());
    assert_eq!(high.end().code, None);
}

#[cfg(target_os = "linux")]
#[test]
fn a_limit_of_the_system_that_is_reached_is_told_as_such() {
    let folder = Folder::new();
    let file = folder.write("bomb.wat", bomb());
    for backend in compilers() {
        let run = ["run", &file, "--invoke", "f()", "--backend", backend];
        let mut command = limited("ulimit -d 400000");
        let ended = end(command.args(run).output().unwrap());
        ended.fails(8, &["needs more than 390.6 MiB", "bomb.wat", "`ulimit`"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn processor_time_is_bounded_even_if_nobody_looks_at_the_clock() {
    let folder = Folder::new();
    let file = folder.write("bomb.wat", bomb());
    let run = ["run", &file, "--invoke", "f()", "--compile-timeout", "1h"];
    let mut command = limited("ulimit -t 2");
    let ended = end(command.args(run).output().unwrap());
    ended.fails(8, &["more than 1s of processor time", "`ulimit -t`"]);
}

#[test]
fn a_process_that_cannot_begin_to_compile_says_why() {
    let ended = enginebay(["compile-in-child", "--backend", enginebay::BACKENDS[0]]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    assert!(ended.stdout.starts_with("E{"), "{ended:?}");
    assert!(ended.stdout.contains("gets no component"), "{ended:?}");
}
