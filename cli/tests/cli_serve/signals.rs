//! What serves is told by signals: to stop, and to look at its manifests again.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{end, program};
use crate::*;

/// A program that serves.
struct Serving {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl Serving {
    fn start(args: &[&str]) -> Self {
        let mut child = program()
            .arg("serve")
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Serving {
            stderr: BufReader::new(child.stderr.take().unwrap()),
            child,
            said: String::new(),
        }
    }

    /// Waits until all of these lines were written since the last time.
    #[track_caller]
    fn says(&mut self, lines: &[&str]) -> String {
        while !lines.iter().all(|line| self.said.contains(line)) {
            let read = self.stderr.read_line(&mut self.said).unwrap();
            assert_ne!(read, 0, "{lines:?}: {}", self.said);
        }
        std::mem::take(&mut self.said)
    }

    fn send(&self, signal: Signal) {
        let id = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// How it ended, and all that it wrote since the last time.
    fn end(mut self) -> Ended {
        self.stderr.read_to_string(&mut self.said).unwrap();
        let mut ended = end(self.child.wait_with_output().unwrap());
        ended.stderr = self.said;
        ended
    }
}

/// Serves until all of these lines were written, and sends a signal then.
fn stopped(args: &[&str], lines: &[&str], signal: Signal) -> (Option<i32>, String) {
    let mut serving = Serving::start(args);
    let said = serving.says(lines);
    serving.send(signal);
    let ended = serving.end();
    (ended.code, said + &ended.stderr)
}

/// Calls wait until all components have started, which `z-gate` does not do before its
/// manifest says so: what they give is so after the reload.
fn reloaded(folder: &Folder, calls: &[&str], change: impl FnOnce()) -> (String, Ended) {
    let gate = faulty(folder, "z-gate", "[lifecycle]\nbackoff = \"1h\"\n");
    let root = folder.name("");
    let all = [&[&root[..], "--env", "FAIL_INIT=1", "--once"], calls].concat();
    let mut serving = Serving::start(&all);
    serving.says(&[
        "status: denied ready\n",
        "status: z-gate waits to be started again\n",
    ]);
    change();
    let manifest = gate.join("Component.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(
        &manifest,
        text.replace("backoff = \"1h\"", "restart = \"never\""),
    )
    .unwrap();
    serving.send(Signal::HUP);
    let said = serving.says(&["changed\n"]);
    (said, serving.end())
}

/// The example that tries what it was not granted, with a manifest of its own.
fn denied(folder: &Folder, more: &str) -> PathBuf {
    let path = faulty(folder, "denied", more);
    let example = Path::new(&examples("denied")).join("denied/component.wasm");
    fs::copy(example, path.join("component.wasm")).unwrap();
    path.join("Component.toml")
}

const READS: &str = "[permissions.filesystem]\nread = [\"/data/**\"]\n";
const TRY: [&str; 3] = ["--call", "denied", "try"];

#[test]
fn a_reload_takes_a_permission_back_at_once() {
    let folder = Folder::new();
    let manifest = denied(&folder, READS);
    let text = fs::read_to_string(&manifest).unwrap();
    let (said, ended) = reloaded(&folder, &TRY, || {
        fs::write(&manifest, text.replace(READS, "")).unwrap();
    });
    assert!(
        said.contains("reload: denied goes on with its new manifest\n"),
        "{said}"
    );
    assert!(said.contains("reload: 2 components changed\n"), "{said}");
    let not_granted = "a file: denied: filesystem.read(/data/secret.txt) is not granted";
    assert!(ended.stdout.starts_with(not_granted), "{ended:?}");
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn a_reload_gives_a_permission_and_restarts_for_limits() {
    let folder = Folder::new();
    let manifest = denied(&folder, "");
    let text = fs::read_to_string(&manifest).unwrap();
    let (said, ended) = reloaded(&folder, &TRY, || {
        let text = text.replace("2MiB", "3MiB");
        fs::write(&manifest, format!("{text}deadline = \"9s\"\n{READS}")).unwrap();
    });
    let again = "reload: denied is started again for what changed in resources\n";
    assert!(said.contains(again), "{said}");
    assert!(
        !ended.stdout.contains("/data/secret.txt) is not granted"),
        "{ended:?}"
    );
    assert!(ended.stdout.starts_with("a file: "), "{ended:?}");
    assert!(!ended.stderr.contains("denied failed"), "{ended:?}");
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn what_a_reload_refuses_goes_on_as_before() {
    let folder = Folder::new();
    let manifest = denied(&folder, READS);
    let text = fs::read_to_string(&manifest).unwrap();
    let forbidden = text.replace("/data/**", "/etc/shadow");
    for (wrong, why) in [
        (
            text.replace("2MiB", "2XiB"),
            "denied/Component.toml: line 5, column 10",
        ),
        (forbidden, "filesystem.read(/etc/shadow)"),
        (format!("{text}[dependencies]\n\"a:b\" = \"^1\"\n"), "`a:b`"),
    ] {
        let (said, ended) = reloaded(&folder, &TRY, || {
            fs::write(&manifest, wrong).unwrap();
        });
        assert!(said.contains(why), "{why}: {said}");
        let told = |line: &&str| line.starts_with("error: ") && !line.contains("z-gate");
        assert_eq!(said.lines().filter(told).count(), 1, "{said}");
        assert!(!said.contains("reload: denied"), "{said}");
        assert!(said.contains("reload: 1 component changed\n"), "{said}");
        assert!(
            !ended.stdout.contains("/data/secret.txt) is not granted"),
            "{ended:?}"
        );
        assert!(ended.stdout.starts_with("a file: "), "{ended:?}");
        fs::write(&manifest, &text).unwrap();
    }
}

#[test]
fn a_reload_loads_what_is_new_and_what_has_ended() {
    let folder = Folder::new();
    faulty(&folder, "one", "[lifecycle]\nrestart = \"never\"\n");
    // So that somebody is left.
    denied(&folder, "");
    let root = folder.name("");
    let mut serving = Serving::start(&[&root, "--call", "one", "trap"]);
    serving.says(&["status: one failed for good\n", "error: `trap` of `one`"]);
    faulty(&folder, "two", "");
    serving.send(Signal::HUP);
    serving.says(&[
        "reload: 2 components changed\n",
        "status: one ready\n",
        "status: two ready\n",
    ]);
    fs::remove_dir_all(folder.path("two")).unwrap();
    serving.send(Signal::HUP);
    let said = serving.says(&["reload: 0 components changed\n"]);
    assert!(
        said.contains("reload: two goes on, but its manifest is gone"),
        "{said}"
    );
    serving.send(Signal::TERM);
    let ended = serving.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for name in ["one", "two", "denied"] {
        let line = format!("status: {name} stopped\n");
        assert!(ended.stderr.contains(&line), "{ended:?}");
    }
}

#[test]
fn a_signal_stops_all_cleanly() {
    let ready = ["status: asker ready\n", "status: answerer ready\n"];
    for signal in [Signal::INT, Signal::TERM] {
        let (code, said) = stopped(&[&examples("talk")], &ready, signal);
        assert_eq!(code, Some(0), "{said}");
        for part in ["status: asker stopped\n", "status: answerer stopped\n"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

/// What watches over the components is not woken while nothing happens to them.
#[cfg(target_os = "linux")]
#[test]
fn it_sleeps_when_nothing_happens() {
    let mut serving = Serving::start(&[&examples("talk")]);
    serving.says(&["status: asker ready\n", "status: answerer ready\n"]);
    let id = serving.child.id();
    // How often its first thread, which watches, has gone to sleep.
    let sleeps = || {
        let status = fs::read_to_string(format!("/proc/{id}/task/{id}/status")).unwrap();
        let counted = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        counted.unwrap().trim().parse::<u64>().unwrap()
    };
    let is_asleep = (0..100).any(|_| {
        let before = sleeps();
        std::thread::sleep(std::time::Duration::from_millis(300));
        sleeps() == before
    });
    assert!(is_asleep, "it wakes up all the time");
    serving.send(Signal::INT);
    assert_eq!(serving.end().code, Some(0));
}

/// It waits for an hour before it starts the component again.
#[test]
fn one_that_waits_to_be_started_again_does_not_hold_up_the_end() {
    let folder = Folder::new();
    let restart = "[lifecycle]\nbackoff = \"1h\"\n";
    faulty(&folder, "faulty", restart);
    let waits = ["status: faulty waits to be started again"];
    let (code, said) = stopped(
        &[&folder.name(""), "--env", "FAIL_INIT=1"],
        &waits,
        Signal::INT,
    );
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("status: faulty stopped"), "{said}");
}
