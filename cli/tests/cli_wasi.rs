//! `enginebay run` with commands: what they are granted, and how they end.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use support::{COMMAND, Ended, Folder, end, enginebay, program};

/// Runs the command with options of ours and arguments of its own.
fn command(options: &[&str], args: &[&str]) -> Ended {
    let all = ["run", COMMAND]
        .iter()
        .chain(options)
        .chain(&["--"])
        .chain(args);
    enginebay(all)
}

#[test]
fn arguments() {
    command(&[], &["args", "a b", "--flag", ""]).gives("a b\n--flag\n\n");
}

#[test]
fn the_environment_is_empty_but_for_what_is_given() {
    command(&[], &["env"]).gives("");
    let output = program()
        .args([
            "run",
            COMMAND,
            "--env",
            "A=1",
            "--env",
            "INHERITED",
            "--",
            "env",
        ])
        .env("INHERITED", "yes")
        .env("OTHER", "no")
        .output()
        .unwrap();
    end(output).gives("A=1\nINHERITED=yes\n");
}

#[test]
fn folders_are_granted_for_reading_and_writing() {
    let folder = Folder::new();
    folder.write("in.txt", "contents\n");
    let writable = format!("{}::/data", folder.name(""));
    let read_only = format!("{writable}::ro");
    let ended = command(&[], &["cat", "/data/in.txt"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    command(&["--dir", &read_only], &["cat", "/data/in.txt"]).gives("contents\n");
    let ended = command(&["--dir", &read_only], &["write", "/data/out.txt", "x"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(!folder.path("out.txt").exists());
    command(&["--dir", &writable], &["write", "/data/out.txt", "x"]).gives("");
    assert_eq!(
        std::fs::read_to_string(folder.path("out.txt")).unwrap(),
        "x"
    );
    command(&["--dir", &writable], &["ls", "/data"]).gives("in.txt\nout.txt\n");
}

#[test]
fn standard_streams_are_passed_on() {
    let mut child = program()
        .args(["run", COMMAND, "--", "stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"one\ntwo\n")
        .unwrap();
    end(child.wait_with_output().unwrap()).gives("ONE\nTWO\n");
    let ended = command(&[], &["cat", "/nothing"]);
    assert_eq!(ended.stdout, "");
    assert!(!ended.stderr.is_empty());
}

#[test]
fn exit_codes_are_passed_on() {
    assert_eq!(command(&[], &["exit", "0"]).code, Some(0));
    // `wasi:cli/exit` knows success and failure only.
    let ended = command(&[], &["exit", "7"]);
    assert_eq!((ended.code, &*ended.stderr), (Some(1), ""));
    let ended = command(&[], &["no-such-command"]);
    assert_eq!(ended.code, Some(1));
}

#[test]
fn a_panic_of_the_guest_is_a_trap() {
    let ended = command(&[], &["panic"]);
    assert_eq!(ended.code, Some(4));
    assert!(ended.stderr.contains("error: trap"), "{ended:?}");
}

#[test]
fn there_is_no_network_unless_it_is_allowed() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    command(&[], &["connect", &address]).gives("PermissionDenied\n");
    command(
        &["--allow-tcp-connect", "127.0.0.1:1"],
        &["connect", &address],
    )
    .gives("PermissionDenied\n");
    command(&["--allow-tcp-connect", &address], &["connect", &address]).gives("connected\n");
}

#[test]
fn one_option_grants_all_of_an_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let net = ["--allow-net", &address];
    command(&net, &["connect", &address]).gives("connected\n");
    command(&net, &["connect", "127.0.0.1:1"]).gives("PermissionDenied\n");

    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = socket.local_addr().unwrap().to_string();
    command(&[], &["udp", &server, "hello"]).gives("PermissionDenied\n");
    let answer = std::thread::spawn(move || {
        let mut bytes = [0; 16];
        let (len, from) = socket.recv_from(&mut bytes).unwrap();
        socket.send_to(&bytes[..len], from).unwrap();
    });
    // It sends from any port of the address.
    let ended = command(&["--allow-net", "127.0.0.1:*"], &["udp", &server, "hello"]);
    assert!(ended.stdout.starts_with("hello"), "{ended:?}");
    answer.join().unwrap();

    // Nobody connects, so it is stopped while it listens.
    let ended = command(
        &["--allow-net", "127.0.0.1:*", "--timeout", "500ms"],
        &["serve", "127.0.0.1:0"],
    );
    assert_eq!(ended.code, Some(5), "{ended:?}");
    command(&[], &["serve", "127.0.0.1:0"]).gives("PermissionDenied\n");
}

#[test]
fn the_environment_is_inherited_if_that_is_asked_for() {
    let with = |options: &[&str]| {
        let all = ["run", COMMAND].iter().chain(options);
        let mut program = program();
        program.args(all.chain(&["--", "env"]));
        program.env_clear().env("A", "1").env("B", "2");
        end(program.output().unwrap())
    };
    with(&[]).gives("");
    with(&["--inherit-env"]).gives("A=1\nB=2\n");
    with(&["--inherit-env", "--env", "B=3", "--env", "C=4"]).gives("A=1\nB=3\nC=4\n");
}

#[test]
fn results_begin_on_a_line_of_their_own() {
    let folder = Folder::new();
    let file = folder.write("text", "no newline");
    let dir = format!("{}::/d:ro", folder.name("."));
    let ended = command(&["--backend", "all", "--dir", &dir], &["cat", "/d/text"]);
    assert!(
        ended.stdout.starts_with("no newline\nwasmtime:"),
        "{ended:?} {file}"
    );
}

#[test]
fn requests_go_nowhere_unless_they_are_allowed_to() {
    const CLIENT: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../guests/prebuilt/http-client.wasm"
    );
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let client = |options: &[&str]| {
        let all = ["run", CLIENT].iter().chain(options);
        enginebay(all.chain(&["--", "GET", &url]))
    };
    let denied = "refused: ErrorCode::HttpRequestDenied\n";
    client(&[]).gives(denied);
    client(&["--allow-http", "example.com"]).gives(denied);
    client(&["--allow-http", "127.0.0.1:1"]).gives(denied);

    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut first = String::new();
        BufReader::new(&stream).read_line(&mut first).unwrap();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nanswer";
        stream.write_all(answer).unwrap();
        first
    });
    let ended = client(&["--allow-http", "example.com", "--allow-http", "127.0.0.1"]);
    ended.gives("200\n\nanswer");
    assert_eq!(server.join().unwrap(), "GET / HTTP/1.1\r\n");
}

#[test]
fn resources_are_as_many_as_the_user_says() {
    let folder = Folder::new();
    folder.write("text", "contents");
    let dir = format!("{}::/d:ro", folder.name("."));
    for backend in enginebay::BACKENDS {
        let cat = |resources: &str| {
            let limit = ["--backend", backend, "--max-resources", resources];
            command(
                &[&limit[..], &["--dir", &dir]].concat(),
                &["cat", "/d/text"],
            )
        };
        cat("64").gives("contents");
        // Not even its streams and its folder.
        cat("1").fails(5, &["`max_resources`"]);
    }
    let ended = command(&["--max-resources", "many"], &["args"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    // A command has less than the default, whatever it is.
    command(&["--dir", &dir], &["cat", "/d/text"]).gives("contents");
    let help = enginebay(["run", "--help"]).stdout;
    let limits = help.split("Limits:").nth(1).unwrap();
    let limits = limits.split("Grants:").next().unwrap();
    assert!(limits.contains("--max-resources <N>"), "{help}");
}

#[test]
fn a_seed_decides_random_numbers() {
    let random = |options: &[&str]| command(options, &["random"]).stdout;
    assert_eq!(random(&["--seed", "1"]), random(&["--seed", "1"]));
    assert_ne!(random(&["--seed", "1"]), random(&["--seed", "2"]));
    assert_ne!(random(&[]), random(&[]));
}

#[test]
fn deterministic_runs_are_the_same_each_time() {
    // It compiles nothing.
    let wasmi = ["--backend", "wasmi"];
    let random = |options: &[&str]| command(&[&wasmi, options].concat(), &["random"]).stdout;
    let preset = random(&["--deterministic"]);
    assert_eq!(preset, random(&["--deterministic"]));
    assert_eq!(preset, random(&["--seed", "0"]));
    assert_eq!(
        random(&["--deterministic", "--seed", "1"]),
        random(&["--seed", "1"])
    );
    // The program's text says so, whatever the engine.
    let all = command(&["--backend", "all", "--deterministic"], &["random"]);
    assert_eq!(all.code, Some(0), "{all:?}");
    assert!(all.stdout.starts_with(&preset), "{all:?}");
}

#[test]
fn backends_use_the_same() {
    let options = ["--backend=all", "--deterministic", "--fuel=100000000"];
    let ended = command(
        &[&options[..], &["--usage", "--format=json"]].concat(),
        &["random"],
    );
    let json = ended.json();
    assert_eq!(json["same"], true);
    let mut runs = json["runs"].as_array().unwrap().iter().map(|run| {
        let mut usage = run["usage"].as_object().unwrap().clone();
        // Time is measured, and all else is counted.
        assert!(usage.remove("time_ms").is_some());
        assert!(usage["fuel"].as_u64() > Some(0));
        (run["stdout"].clone(), usage)
    });
    let first = runs.next().unwrap();
    assert!(runs.all(|other| other == first), "{ended:?}");
}

#[test]
fn clocks_are_the_users_choice() {
    let wasmi = ["--backend", "wasmi"];
    let clock = |options: &[&str]| command(&[&wasmi, options].concat(), &["clock"]);
    for options in [
        &["--clock", "2020-02-02T02:02:02Z"][..],
        &["--clock", "2020-02-02T02:02:02Z", "--clock-step", "1s"],
        &["--deterministic", "--clock-step", "0s"],
    ] {
        clock(options).gives("ok\n");
    }
    clock(&["--clock-step", "1s"]).fails(2, &["--clock-step needs --clock"]);
    assert_eq!(clock(&["--clock", "yesterday"]).code, Some(2));
}

#[test]
fn json_keeps_what_was_written() {
    let ended = command(&["--format", "json"], &["args", "hello"]);
    assert_eq!(ended.stderr, "");
    let json = ended.json();
    assert_eq!(json["stdout"], "hello\n");
    assert_eq!(json["exit_code"], 0);
    assert!(json.get("result").is_none());
    assert_eq!(
        command(&["--format", "json"], &["exit", "3"]).json()["exit_code"],
        1
    );
}

#[test]
fn all_backends_write_the_same() {
    let ended = command(&["--backend", "all"], &["args", "hello"]);
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stderr, "");
    // What they wrote is there once, and then how it ended on each.
    let mut lines = ended.stdout.lines();
    assert_eq!(lines.next(), Some("hello"));
    for name in enginebay::BACKENDS {
        let line = lines.next().unwrap();
        assert!(line.starts_with(&format!("{name}:")), "{ended:?}");
        assert!(line.ends_with(" exit code 0"), "{ended:?}");
    }
    assert_eq!(lines.next(), None);
    let ended = command(&["--backend", "all"], &["exit", "1"]);
    assert_eq!(ended.code, Some(1));
}

#[test]
fn host_calls_are_counted_and_limits_hold() {
    let ended = command(&["--usage"], &["args", "hello"]);
    assert_eq!(ended.stdout, "hello\n");
    assert!(!ended.stderr.contains(" 0 host calls"), "{ended:?}");
    let mut child = program()
        .args(["run", COMMAND, "--timeout", "200ms", "--", "stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It waits for input that does not come.
    let _stdin = child.stdin.take().unwrap();
    end(child.wait_with_output().unwrap()).fails(5, &["deadline exceeded"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_the_guest() {
    let mut child = program()
        .args([
            "run",
            COMMAND,
            "--usage",
            "--timeout",
            "none",
            "--",
            "stdin",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    // It runs when it answers.
    stdin.write_all(b"hello\n").unwrap();
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "HELLO\n");
    let id = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-INT", &id])
        .status();
    assert!(killed.unwrap().success());
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5), "{stderr}");
    assert!(stderr.contains("host calls"), "{stderr}");
    assert!(stderr.contains("error: cancelled"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn nobody_who_reads_is_no_error() {
    for args in [
        &["inspect", COMMAND][..],
        &["backends"],
        &["completions", "bash"],
    ] {
        let mut child = program()
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let ended = end(child.wait_with_output().unwrap());
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{args:?}");
    }
}
