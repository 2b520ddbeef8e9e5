//! Two languages in one component: a program in Rust that calls a library in C,
//! each with a memory of its own: `guests/pair`.

use super::*;

const PAIR: &[u8] = include_bytes!("../../../guests/prebuilt/pair.wasm");

on_each_backend! {
    values_and_errors_of_the_library_reach_the_program
    what_the_library_knows_stays_in_its_instance
    strings_do_not_pile_up_in_the_librarys_memory
    a_string_that_the_library_has_no_room_for_is_a_trap
}

fn run<B: Backend>(input: &str) -> Ended {
    program::<B>(PAIR).run(&[], |wasi| _ = wasi.stdin_bytes(input))
}

fn values_and_errors_of_the_library_reach_the_program<B: Backend>() {
    run::<B>("1 + 2*3\n-(4 - 6) * 21\n-9223372036854775807 - 1\n")
        .exited(0)
        .wrote(
            "1 + 2*3 = 7\n-(4 - 6) * 21 = 42\n\
             -9223372036854775807 - 1 = -9223372036854775808\n3 right, 0 wrong\n",
        );
    run::<B>("7/0\n((1\n9223372036854775807 + 1\n6/3\n\n1 \u{fc}\n")
        .exited(1)
        .wrote(
            "7/0: division by zero\n((1: a parenthesis is missing\n\
             9223372036854775807 + 1: too large\n6/3 = 2\n: a number is missing\n\
             1 \u{fc}: more than an expression\n1 right, 5 wrong\n",
        );
}

fn what_the_library_knows_stays_in_its_instance<B: Backend>() {
    for _ in 0..2 {
        run::<B>("1\n2\n")
            .exited(0)
            .wrote("1 = 1\n2 = 2\n2 right, 0 wrong\n");
    }
}

fn strings_do_not_pile_up_in_the_librarys_memory<B: Backend>() {
    // Each call takes 50 KB of the 64 KB that the library has.
    let line = format!("{}1\n", "0".repeat(50_000));
    let ended = run::<B>(&line.repeat(20));
    ended.exited(0);
    assert!(ended.stdout.ends_with(b"01 = 1\n20 right, 0 wrong\n"));
}

fn a_string_that_the_library_has_no_room_for_is_a_trap<B: Backend>() {
    let ended = run::<B>(&"1".repeat(70_000));
    let trap = ended.stopped().trap_code();
    assert_eq!(trap, Some(enginebay::TrapCode::Unreachable));
    ended.wrote("");
}
