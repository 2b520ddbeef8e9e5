//! A component without a main function, which is called many times and uses
//! WASI in its exports: `guests/reactor`.

use enginebay::{
    AsContextMut, ComponentNamedList, ComponentType, Lift, Lower, ResourceAny, TrapCode,
};

use super::*;

const REACTOR: &[u8] = include_bytes!("../../../guests/prebuilt/reactor.wasm");

on_each_backend! {
    exports_read_the_environment
    exports_write_to_the_output_and_keep_count
    a_resource_keeps_its_file_open_between_calls
    a_destructor_writes_to_its_file
    a_resource_that_is_passed_on_is_consumed
    errors_of_files_are_values
    a_panic_of_an_export_is_told_and_traps
}

#[derive(Clone, Debug, PartialEq, ComponentType, Lift)]
#[component(record)]
struct Summary {
    lines: u32,
    bytes: u64,
    longest: Option<String>,
}

struct Reactor<B: Backend> {
    instance: Instance<B>,
    store: Store<B, WasiCtx>,
    stdout: OutputPipe,
    stderr: OutputPipe,
}

impl<B: Backend> Reactor<B> {
    fn new(grant: impl FnOnce(&mut WasiCtxBuilder)) -> Self {
        let program = program::<B>(REACTOR);
        let (stdout, stderr) = (OutputPipe::new(1 << 16), OutputPipe::new(1 << 16));
        let mut wasi = WasiCtx::builder();
        wasi.stdout_pipe(&stdout).stderr_pipe(&stderr);
        grant(&mut wasi);
        let limits = program.engine.default_limits();
        let (store, instance) = program.instantiate(limits, wasi.build().unwrap());
        Reactor {
            instance,
            store,
            stdout,
            stderr,
        }
    }

    fn in_dir(dir: &TempDir) -> Self {
        Self::new(|wasi| _ = wasi.dir(&dir.0, "/d", DirAccess::ReadWrite))
    }

    fn try_call<P, R>(&mut self, name: &str, params: P) -> Result<R, Error>
    where
        P: ComponentNamedList + Lower,
        (R,): ComponentNamedList + Lift,
    {
        let func = self
            .instance
            .get_typed_func::<P, (R,)>(&mut self.store, name)?;
        Ok(func.call(&mut self.store, params)?.0)
    }

    #[track_caller]
    fn call<P, R>(&mut self, name: &str, params: P) -> R
    where
        P: ComponentNamedList + Lower,
        (R,): ComponentNamedList + Lift,
    {
        self.try_call(name, params).unwrap()
    }

    /// Calls a function of the interface `notes`.
    #[track_caller]
    fn notes<P, R>(&mut self, name: &str, params: P) -> Result<R, String>
    where
        P: ComponentNamedList + Lower,
        (Result<R, String>,): ComponentNamedList + Lift,
    {
        self.call(&format!("example:reactor/notes@0.1.0#{name}"), params)
    }

    #[track_caller]
    fn open(&mut self, path: &str) -> ResourceAny {
        self.notes("[static]notebook.open", (path,)).unwrap()
    }

    #[track_caller]
    fn add(&mut self, notebook: ResourceAny, line: &str) -> u32 {
        self.notes("[method]notebook.add", (notebook, line))
            .unwrap()
    }
}

fn exports_read_the_environment<B: Backend>() {
    let mut reactor = Reactor::<B>::new(|wasi| _ = wasi.env("PLACE", "here"));
    let variable = |reactor: &mut Reactor<B>, name: &str| -> Option<String> {
        reactor.call("variable", (name,))
    };
    assert_eq!(variable(&mut reactor, "PLACE").as_deref(), Some("here"));
    assert_eq!(variable(&mut reactor, "HOME"), None);
}

fn exports_write_to_the_output_and_keep_count<B: Backend>() {
    let mut reactor = Reactor::<B>::new(nothing);
    for (line, count) in [("one", 1_u32), ("two", 2), ("", 3)] {
        assert_eq!(reactor.call::<_, u32>("say", (line,)), count);
    }
    assert_eq!(reactor.stdout.contents(), b"one\ntwo\n\n");
    // Another instance has a memory and an output of its own.
    let mut other = Reactor::<B>::new(nothing);
    assert_eq!(other.call::<_, u32>("say", ("one",)), 1);
    assert_eq!(other.stdout.contents(), b"one\n");
    assert_eq!(reactor.stdout.contents(), b"one\ntwo\n\n");
}

fn a_resource_keeps_its_file_open_between_calls<B: Backend>() {
    let dir = TempDir::on::<B>("open");
    let mut reactor = Reactor::<B>::in_dir(&dir);
    let notebook = reactor.open("/d/notes");
    assert_eq!(dir.text("notes"), "");
    assert_eq!(reactor.add(notebook, "first"), 1);
    assert_eq!(dir.text("notes"), "first\n");
    // What others write is seen, and the end of the file is where it goes on.
    fs::write(dir.0.join("notes"), "changed\n").unwrap();
    assert_eq!(reactor.add(notebook, "se\u{f6}nd"), 2);
    let lines: Vec<String> = reactor
        .notes("[method]notebook.lines", (notebook,))
        .unwrap();
    assert_eq!(lines, ["changed", "se\u{f6}nd"]);
    let summary: Summary = reactor
        .notes("[method]notebook.summarize", (notebook,))
        .unwrap();
    assert_eq!(
        summary,
        Summary {
            lines: 2,
            bytes: 15,
            longest: Some("changed".to_owned())
        }
    );
}

fn a_destructor_writes_to_its_file<B: Backend>() {
    let dir = TempDir::on::<B>("drop");
    let mut reactor = Reactor::<B>::in_dir(&dir);
    let (a, b) = (reactor.open("/d/a"), reactor.open("/d/b"));
    reactor.add(a, "x");
    reactor.add(a, "y");
    a.resource_drop(reactor.store.as_context_mut()).unwrap();
    assert_eq!(dir.text("a"), "x\ny\n-- 2 added\n");
    // The other one is as open as before.
    assert_eq!(dir.text("b"), "");
    assert_eq!(reactor.add(b, "z"), 1);
    assert_eq!(dir.text("b"), "z\n");
}

fn a_resource_that_is_passed_on_is_consumed<B: Backend>() {
    let dir = TempDir::on::<B>("consumed");
    fs::write(dir.0.join("from"), "1\n2\n").unwrap();
    let mut reactor = Reactor::<B>::in_dir(&dir);
    let (to, from) = (reactor.open("/d/to"), reactor.open("/d/from"));
    assert_eq!(reactor.notes("append", (to, from)), Ok(2_u32));
    assert_eq!(dir.text("to"), "1\n2\n");
    // It was dropped by the guest.
    assert_eq!(dir.text("from"), "1\n2\n-- 0 added\n");
    assert_eq!(reactor.add(to, "3"), 3);
    let name = "example:reactor/notes@0.1.0#[method]notebook.lines";
    let again = reactor.try_call::<_, Result<Vec<String>, String>>(name, (from,));
    let trap = again.unwrap_err().trap_code();
    assert_eq!(trap, Some(TrapCode::UnknownHandle));
}

fn errors_of_files_are_values<B: Backend>() {
    let dir = TempDir::on::<B>("refused");
    fs::write(dir.0.join("notes"), "kept\n").unwrap();
    let mut reactor = Reactor::<B>::new(|wasi| _ = wasi.dir(&dir.0, "/d", DirAccess::ReadOnly));
    let mut open = |path: &str| {
        reactor
            .notes::<_, ResourceAny>("[static]notebook.open", (path,))
            .unwrap_err()
    };
    assert_eq!(open("/d/notes"), "PermissionDenied");
    assert_eq!(open("/d/new"), "PermissionDenied");
    assert_eq!(
        (dir.text("notes"), dir.names().len()),
        ("kept\n".to_owned(), 1)
    );
}

fn a_panic_of_an_export_is_told_and_traps<B: Backend>() {
    let mut reactor = Reactor::<B>::new(nothing);
    let func = reactor
        .instance
        .get_typed_func::<(&str,), ()>(&mut reactor.store, "fail")
        .unwrap();
    let error = func.call(&mut reactor.store, ("on request",)).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::Unreachable));
    let told = String::from_utf8(reactor.stderr.contents()).unwrap();
    assert!(told.contains("on request"), "{told}");
    // An instance that trapped is not entered again.
    let again = reactor.try_call::<_, u32>("say", ("more",)).unwrap_err();
    assert!(
        matches!(again.kind(), enginebay::ErrorKind::Poisoned { .. }),
        "{again}"
    );
}
