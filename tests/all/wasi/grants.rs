//! What a guest has, and what it is given: nothing by default.

use super::*;

on_each_backend! {
    a_guest_has_no_environment_by_default
    a_guest_has_no_files_by_default
    a_guest_has_no_network_by_default
    a_guest_has_an_empty_input_and_no_output_by_default
    arguments_and_variables_reach_the_guest
    the_standard_streams_reach_the_host
    a_full_pipe_is_a_closed_one
    one_builder_makes_many_contexts
    files_can_be_read_and_not_written
    files_can_be_written
    a_directory_is_not_left_by_its_parent
    a_directory_is_not_left_by_a_link
    an_address_is_reached_when_it_is_allowed
    a_name_is_looked_up_when_that_is_allowed
    a_seed_decides_random_numbers
    clocks_go_on
    fixed_clocks_decide_time
    timers_of_fixed_clocks_take_no_time
    which_timers_are_over_does_not_depend_on_the_machine
    the_preset_decides_time_and_random_numbers
}

fn a_guest_has_no_environment_by_default<B: Backend>() {
    run::<B>(&["env"], nothing).wrote("");
    run::<B>(&["args"], nothing).wrote("");
}

fn a_guest_has_no_files_by_default<B: Backend>() {
    for path in [".", "/", "/etc"] {
        run::<B>(&["ls", path], nothing).failed("error:");
    }
    run::<B>(&["cat", "/etc/passwd"], nothing).failed("error:");
    run::<B>(&["write", "file", "text"], nothing).failed("error:");
}

fn a_guest_has_no_network_by_default<B: Backend>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    run::<B>(&["connect", &address], nothing).wrote("PermissionDenied\n");
    run::<B>(&["connect", "localhost:1"], nothing).wrote("Uncategorized\n");
}

fn a_guest_has_an_empty_input_and_no_output_by_default<B: Backend>() {
    run::<B>(&["stdin"], nothing).wrote("");
    let program = program::<B>();
    let wasi = WasiCtx::builder()
        .args(["wasi-command", "args", "a"])
        .build();
    let (mut store, instance) = program.store(wasi.unwrap());
    assert!(wasi::run(&mut store, &instance).unwrap().success());
}

fn arguments_and_variables_reach_the_guest<B: Backend>() {
    run::<B>(&["args", "one", "zwei drei", "ä"], nothing).wrote("one\nzwei drei\nä\n");
    run::<B>(&["env"], |wasi| {
        wasi.envs([("B", "2"), ("A", "old")]).env("A", "1=1");
    })
    .wrote("A=1=1\nB=2\n");
}

fn the_standard_streams_reach_the_host<B: Backend>() {
    let lines = "a line and another\n".repeat(20_000);
    run::<B>(&["stdin"], |wasi| {
        wasi.stdin_bytes(lines.as_bytes());
    })
    .wrote(&lines.to_uppercase());
    run::<B>(&["cat", "nowhere"], nothing).failed("error:");
}

fn a_full_pipe_is_a_closed_one<B: Backend>() {
    let program = program::<B>();
    let pipe = OutputPipe::new(3);
    let wasi = WasiCtx::builder()
        .args(["wasi-command", "args", "hello"])
        .stdout_pipe(&pipe)
        .build();
    let (mut store, instance) = program.store(wasi.unwrap());
    assert!(!wasi::run(&mut store, &instance).unwrap().success());
    assert_eq!((pipe.contents(), pipe.capacity()), (b"hel".to_vec(), 3));
}

fn one_builder_makes_many_contexts<B: Backend>() {
    let program = program::<B>();
    let pipe = OutputPipe::new(100);
    let mut wasi = WasiCtx::builder();
    wasi.args(["wasi-command", "stdin"])
        .stdin_bytes("a")
        .stdout_pipe(&pipe);
    for _ in 0..3 {
        let (mut store, instance) = program.store(wasi.build().unwrap());
        assert!(wasi::run(&mut store, &instance).unwrap().success());
    }
    assert_eq!(text(&pipe), "AAA");
}

fn files_can_be_read_and_not_written<B: Backend>() {
    let dir = TempDir::new("read");
    fs::write(dir.0.join("file"), "contents").unwrap();
    let grant = |wasi: &mut WasiCtxBuilder| {
        wasi.dir(&dir.0, "/data", DirAccess::ReadOnly);
    };
    run::<B>(&["cat", "/data/file"], grant).wrote("contents");
    run::<B>(&["ls", "/data"], grant).wrote("file\n");
    run::<B>(&["write", "/data/file", "changed"], grant).failed("not permitted");
    run::<B>(&["write", "/data/new", "text"], grant).failed("not permitted");
    assert_eq!(fs::read(dir.0.join("file")).unwrap(), b"contents");
    assert!(!dir.0.join("new").exists());
}

fn files_can_be_written<B: Backend>() {
    let dir = TempDir::new("write");
    fs::write(dir.0.join("file"), "contents").unwrap();
    let grant = |wasi: &mut WasiCtxBuilder| {
        wasi.dir(&dir.0, "/data", DirAccess::ReadWrite);
    };
    run::<B>(&["write", "/data/file", "changed"], grant).wrote("");
    run::<B>(&["write", "/data/new", "text"], grant).wrote("");
    run::<B>(&["ls", "/data"], grant).wrote("file\nnew\n");
    assert_eq!(fs::read(dir.0.join("file")).unwrap(), b"changed");
    assert_eq!(fs::read(dir.0.join("new")).unwrap(), b"text");
}

fn a_directory_is_not_left_by_its_parent<B: Backend>() {
    let dir = TempDir::new("parent");
    fs::create_dir(dir.0.join("inner")).unwrap();
    fs::write(dir.0.join("secret"), "secret").unwrap();
    for access in [DirAccess::ReadOnly, DirAccess::ReadWrite] {
        let grant = |wasi: &mut WasiCtxBuilder| {
            wasi.dir(dir.0.join("inner"), "/", access);
        };
        let real = dir.0.join("secret").display().to_string();
        for path in ["../secret", "/../secret", "/inner/../../secret", &real] {
            run::<B>(&["cat", path], grant).failed("error:");
        }
        run::<B>(&["write", "../secret", "text"], grant).failed("error:");
        run::<B>(&["ls", ".."], grant).failed("error:");
    }
    assert_eq!(fs::read(dir.0.join("secret")).unwrap(), b"secret");
}

fn a_directory_is_not_left_by_a_link<B: Backend>() {
    #[cfg(unix)]
    {
        let dir = TempDir::new("link");
        fs::create_dir(dir.0.join("inner")).unwrap();
        fs::write(dir.0.join("secret"), "secret").unwrap();
        let link = |to: &Path, name| std::os::unix::fs::symlink(to, dir.0.join(name)).unwrap();
        link(Path::new("../secret"), "inner/relative");
        link(&dir.0.join("secret"), "inner/absolute");
        link(&dir.0, "inner/dir");
        let grant = |wasi: &mut WasiCtxBuilder| {
            wasi.dir(dir.0.join("inner"), "/", DirAccess::ReadWrite);
        };
        for path in ["/relative", "/absolute", "/dir/secret"] {
            run::<B>(&["cat", path], grant).failed("error:");
            run::<B>(&["write", path, "text"], grant).failed("error:");
        }
        assert_eq!(fs::read(dir.0.join("secret")).unwrap(), b"secret");
    }
}

fn an_address_is_reached_when_it_is_allowed<B: Backend>() {
    let program = program::<B>();
    let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for allowed in [
        |address: SocketAddr| AddressPattern::from(address),
        |address: SocketAddr| AddressPattern::from(address.ip()),
        |address: SocketAddr| AddressPattern::new(None, address.port()),
        |_| AddressPattern::ANY,
    ] {
        let (address, server) = server();
        program
            .run(&["connect", &address.to_string()], |wasi| {
                wasi.allow_tcp_connect(allowed(address));
            })
            .wrote("connected\n");
        server.join().unwrap();
    }

    let listener = TcpListener::bind((localhost, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    for not_allowed in [
        AddressPattern::new(localhost, address.port() ^ 1),
        AddressPattern::new(IpAddr::from([127, 0, 0, 2]), address.port()),
    ] {
        program
            .run(&["connect", &address.to_string()], |wasi| {
                wasi.allow_tcp_connect(not_allowed)
                    .allow_tcp_listen(address)
                    .allow_udp(address);
            })
            .wrote("PermissionDenied\n");
    }
    assert!(listener.accept().is_err());

    // The answer of an address that is allowed and where nobody listens.
    drop(listener);
    program
        .run(&["connect", &address.to_string()], |wasi| {
            wasi.allow_tcp_connect(address);
        })
        .wrote("ConnectionRefused\n");
}

fn a_name_is_looked_up_when_that_is_allowed<B: Backend>() {
    let program = program::<B>();
    let (address, server) = server();
    let name = format!("localhost:{}", address.port());
    program
        .run(&["connect", &name], |wasi| {
            wasi.allow_name_lookup(true).allow_tcp_connect(address);
        })
        .wrote("connected\n");
    server.join().unwrap();
    program
        .run(&["connect", &name], |wasi| {
            wasi.allow_name_lookup(true);
        })
        .wrote("PermissionDenied\n");
    program
        .run(&["connect", &name], |wasi| {
            wasi.allow_tcp_connect(AddressPattern::ANY);
        })
        .wrote("Uncategorized\n");
}

fn a_seed_decides_random_numbers<B: Backend>() {
    let program = program::<B>();
    let random = |seed: Option<u64>| {
        let ended = program.run(&["random"], |wasi| {
            if let Some(seed) = seed {
                wasi.seed(seed);
            }
        });
        assert_eq!(ended.stdout.len(), 17, "{}", ended.stdout);
        ended.stdout
    };
    assert_eq!(random(Some(1)), random(Some(1)));
    assert_ne!(random(Some(1)), random(Some(2)));
    assert_ne!(random(None), random(None));
}

fn clocks_go_on<B: Backend>() {
    run::<B>(&["clock"], nothing).wrote("ok\n");
}

fn fixed_clocks_decide_time<B: Backend>() {
    let step = Duration::from_nanos(5);
    let wasi = WasiCtx::builder()
        .fixed_clocks(SystemTime::UNIX_EPOCH, step)
        .build();
    let (mut store, instance) = waits::<B>(wasi.unwrap(), crate::common::limits::<B>());
    let now = instance
        .get_typed_func::<(), (u64,)>(&mut store, "now")
        .unwrap();
    for time in [0, 5, 10] {
        assert_eq!(now.call(&mut store, ()).unwrap(), (time,));
    }
    run::<B>(&["clock"], |wasi| {
        wasi.fixed_clocks(SystemTime::now(), Duration::ZERO);
    })
    .wrote("ok\n");
}

fn timers_of_fixed_clocks_take_no_time<B: Backend>() {
    const HOUR: u64 = 3_600_000_000_000;
    let wasi = WasiCtx::builder()
        .fixed_clocks(SystemTime::UNIX_EPOCH, Duration::from_nanos(1))
        .build();
    // The deadline is half a minute.
    let (mut store, instance) = waits::<B>(wasi.unwrap(), crate::common::limits::<B>());
    let sleep = instance
        .get_typed_func::<(u64,), ()>(&mut store, "sleep")
        .unwrap();
    let now = instance
        .get_typed_func::<(), (u64,)>(&mut store, "now")
        .unwrap();
    sleep.call(&mut store, (HOUR,)).unwrap();
    assert_eq!(now.call(&mut store, ()).unwrap(), (HOUR,));
    sleep.call(&mut store, (HOUR,)).unwrap();
    assert_eq!(now.call(&mut store, ()).unwrap(), (2 * HOUR + 1,));
}

/// Waits for one of two timers, and says which are over.
const TWO_TIMERS: &str = r#"(component
    (import "wasi:io/poll@0.2.0" (instance $poll
        (export "pollable" (type $pollable (sub resource)))
        (export "poll" (func (param "in" (list (borrow $pollable))) (result (list u32))))))
    (alias export $poll "pollable" (type $pollable))
    (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
        (alias outer 1 $pollable (type $outer))
        (export "pollable" (type $pollable (eq $outer)))
        (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
    (core module $memory (memory (export "m") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 128)))
    (core instance $memory (instantiate $memory))
    (core func $poll (canon lower (func $poll "poll")
        (memory $memory "m") (realloc (func $memory "realloc"))))
    (core func $subscribe (canon lower (func $clock "subscribe-duration")))
    (core module $m
        (import "" "m" (memory 1))
        (import "" "poll" (func $poll (param i32 i32 i32)))
        (import "" "subscribe" (func $subscribe (param i64) (result i32)))
        (func (export "wait") (param i64 i64) (result i32)
            (i32.store (i32.const 0) (call $subscribe (local.get 0)))
            (i32.store (i32.const 4) (call $subscribe (local.get 1)))
            (call $poll (i32.const 0) (i32.const 2) (i32.const 64))
            (i32.const 64)))
    (core instance $i (instantiate $m (with "" (instance
        (export "m" (memory $memory "m"))
        (export "poll" (func $poll))
        (export "subscribe" (func $subscribe))))))
    (func (export "wait") (param "a" u64) (param "b" u64) (result (list u32))
        (canon lift (core func $i "wait") (memory $memory "m"))))"#;

fn which_timers_are_over_does_not_depend_on_the_machine<B: Backend>() {
    let engine = Engine::<B>::new(&Config::new()).unwrap();
    let component = Component::new(&engine, TWO_TIMERS).unwrap();
    let mut linker = Linker::new(&engine);
    wasi::add_to_linker(&mut linker).unwrap();
    let context = WasiCtx::builder().deterministic().build().unwrap();
    let mut store = Store::new(&engine, context).unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let wait = instance
        .get_typed_func::<(u64, u64), (Vec<u32>,)>(&mut store, "wait")
        .unwrap();
    for (a, b, over) in [
        (2_000, 1_000, &[1][..]),
        (1_000, 1_001, &[0]),
        (1_000, 1_000, &[0, 1]),
        (0, 1, &[0]),
    ] {
        assert_eq!(wait.call(&mut store, (a, b)).unwrap().0, over, "{a} {b}");
    }
}

fn the_preset_decides_time_and_random_numbers<B: Backend>() {
    let random = || run::<B>(&["random"], |wasi| _ = wasi.deterministic()).stdout;
    assert_eq!(random(), random());
    assert_eq!(
        random(),
        run::<B>(&["random"], |wasi| _ = wasi.seed(0)).stdout
    );
    let preset = WasiCtx::builder().deterministic().build();
    let (mut store, instance) = waits::<B>(preset.unwrap(), crate::common::limits::<B>());
    let now = instance
        .get_typed_func::<(), (u64,)>(&mut store, "now")
        .unwrap();
    for time in [0, 1_000, 2_000] {
        assert_eq!(now.call(&mut store, ()).unwrap(), (time,));
    }
}
