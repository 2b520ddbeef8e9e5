//! A program in C that was compiled for preview 1 of WASI: `guests/c-program`.

use enginebay::TrapCode;

use super::*;

const PROGRAM: &[u8] = include_bytes!("../../../guests/prebuilt/c-program.wasm");

on_each_backend! {
    arguments_and_variables_reach_main
    numbers_are_read_and_written_as_the_c_library_does
    a_file_is_made_of_another
    a_folder_is_listed_and_a_file_removed
    a_folder_that_was_not_granted_is_not_there
    errors_of_files_are_the_c_librarys
    time_is_the_one_that_was_given
    exit_writes_what_is_buffered_and_ends_with_its_status
    what_main_returns_is_the_status
    abort_and_division_by_zero_are_traps
}

fn run<B: Backend>(args: &[&str], grant: impl FnOnce(&mut WasiCtxBuilder)) -> Ended {
    program::<B>(PROGRAM).run(args, grant)
}

fn arguments_and_variables_reach_main<B: Backend>() {
    run::<B>(&["args", "one", "", "zwei \u{e4}"], nothing)
        .exited(0)
        .wrote("1 one\n2 \n3 zwei \u{e4}\n");
    let grant = |wasi: &mut WasiCtxBuilder| _ = wasi.env("PLACE", "here").env("EMPTY", "");
    run::<B>(&["env", "PLACE"], grant).exited(0).wrote("here\n");
    run::<B>(&["env", "EMPTY"], grant).exited(0).wrote("\n");
    run::<B>(&["env", "HOME"], grant)
        .exited(0)
        .wrote("not set\n");
}

fn numbers_are_read_and_written_as_the_c_library_does<B: Backend>() {
    let sum = |input: &str| run::<B>(&["sum"], |wasi| _ = wasi.stdin_bytes(input));
    sum("1 2.5\n-4e2\t0x10")
        .exited(0)
        .wrote("4 numbers, sum -380.500, mean -95.125\n");
    sum("")
        .exited(0)
        .wrote("0 numbers, sum 0.000, mean 0.000\n");
    // More than its buffer, which is read in pieces.
    let many: String = (1..=20_000).map(|number| format!("{number}\n")).collect();
    sum(&many)
        .exited(0)
        .wrote("20000 numbers, sum 200010000.000, mean 10000.500\n");
    let wrong = sum("1 two");
    wrong.exited(1).wrote("");
    assert_eq!(wrong.stderr, "error: not a number\n");
}

fn a_file_is_made_of_another<B: Backend>() {
    let dir = TempDir::on::<B>("words");
    fs::write(dir.0.join("in"), "the cat saw The dog\nand the\n\n dog ran").unwrap();
    run::<B>(&["words", "/d/in", "/d/out"], |wasi| {
        wasi.dir(&dir.0, "/d", DirAccess::ReadWrite);
    })
    .exited(0)
    .wrote("9 words, 6 different\n");
    assert_eq!(
        dir.text("out"),
        "and 1\ncat 1\ndog 2\nran 1\nsaw 1\nthe 3\n"
    );
}

fn a_folder_is_listed_and_a_file_removed<B: Backend>() {
    let dir = TempDir::on::<B>("list");
    fs::create_dir(dir.0.join("sub")).unwrap();
    fs::write(dir.0.join("b"), "12345").unwrap();
    fs::write(dir.0.join("a"), "").unwrap();
    let grant = |wasi: &mut WasiCtxBuilder| {
        wasi.dir(&dir.0, "/d", DirAccess::ReadWrite);
    };
    run::<B>(&["list", "/d"], grant)
        .exited(0)
        .wrote("a 0\nb 5\nsub/\n");
    run::<B>(&["remove", "/d/b"], grant).exited(0).wrote("");
    assert_eq!(dir.names(), ["a", "sub"]);
}

fn a_folder_that_was_not_granted_is_not_there<B: Backend>() {
    let dir = TempDir::on::<B>("granted");
    fs::write(dir.0.join("in"), "text").unwrap();
    let real = dir.0.join("in").display().to_string();
    let out = dir.0.join("out").display().to_string();
    let ended = run::<B>(&["words", &real, &out], nothing);
    ended.exited(1).wrote("");
    assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    assert_eq!(dir.names(), ["in"]);
}

fn errors_of_files_are_the_c_librarys<B: Backend>() {
    let dir = TempDir::on::<B>("errors");
    fs::write(dir.0.join("in"), "text").unwrap();
    let run = |args: &[&str], access| {
        let ended = run::<B>(args, |wasi| _ = wasi.dir(&dir.0, "/d", access));
        ended.exited(1).wrote("");
        ended.stderr
    };
    assert_eq!(
        run(&["words", "/d/none", "/d/out"], DirAccess::ReadWrite),
        "error: /d/none: No such file or directory\n"
    );
    assert_eq!(
        run(&["list", "/d/in"], DirAccess::ReadWrite),
        "error: /d/in: Not a directory\n"
    );
    assert_eq!(
        run(&["words", "/d/in", "/d/out"], DirAccess::ReadOnly),
        "error: /d/out: Operation not permitted\n"
    );
    assert_eq!(dir.names(), ["in"]);
}

fn time_is_the_one_that_was_given<B: Backend>() {
    use std::time::{Duration, SystemTime};
    // The last second of 1999.
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_799);
    for (seconds, year) in [(0, "1999\n"), (1, "2000\n")] {
        let start = start + Duration::from_secs(seconds);
        run::<B>(&["year"], |wasi| {
            wasi.fixed_clocks(start, Duration::ZERO);
        })
        .exited(0)
        .wrote(year);
    }
}

fn exit_writes_what_is_buffered_and_ends_with_its_status<B: Backend>() {
    // Preview 1 has codes; the stable part of WASI 0.2 has success and failure.
    for (code, seen) in [("0", 0), ("1", 1), ("42", 1)] {
        run::<B>(&["exit", code], nothing)
            .exited(seen)
            .wrote("leaving");
    }
}

fn what_main_returns_is_the_status<B: Backend>() {
    let usage = run::<B>(&[], nothing);
    usage.exited(1).wrote("");
    assert!(
        usage.stderr.starts_with("usage: c-program"),
        "{}",
        usage.stderr
    );
}

fn abort_and_division_by_zero_are_traps<B: Backend>() {
    let trap = |args: &[&str]| run::<B>(args, nothing).stopped().trap_code();
    assert_eq!(trap(&["abort"]), Some(TrapCode::Unreachable));
    assert_eq!(
        trap(&["divide", "7", "0"]),
        Some(TrapCode::IntegerDivisionByZero)
    );
    assert_eq!(
        trap(&["divide", "-2147483648", "-1"]),
        Some(TrapCode::IntegerOverflow)
    );
    run::<B>(&["divide", "-7", "2"], nothing)
        .exited(0)
        .wrote("-3\n");
}
