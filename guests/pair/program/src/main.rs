//! A command that prints the value of each line of its input. It does not calculate: the
//! library in C does, which is another component.

use std::io::{self, BufRead};
use std::process::ExitCode;

use example::pair::calculator;

wit_bindgen::generate!({
    path: "../wit",
    world: "program",
});

fn main() -> ExitCode {
    let mut wrong = 0;
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else {
            eprintln!("error: the input is not text");
            return ExitCode::FAILURE;
        };
        match calculator::evaluate(&line) {
            Ok(value) => println!("{line} = {value}"),
            Err(why) => {
                println!("{line}: {why}");
                wrong += 1;
            }
        }
    }
    println!("{} right, {wrong} wrong", calculator::evaluated());
    if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
