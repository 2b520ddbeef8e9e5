//! A command that exercises one part of WASI 0.2 per subcommand, so that a host can test
//! what it grants and what it refuses.

use std::collections::hash_map::RandomState;
use std::env;
use std::fs;
use std::hash::BuildHasher;
use std::io::{self, BufRead, Write};
use std::net::TcpStream;
use std::process::{self, ExitCode};
use std::time::Instant;

const USAGE: &str = "\
usage: wasi-command COMMAND

  args [ARG]...      print each ARG on its own line
  env                print the environment as sorted KEY=VALUE lines
  cat PATH           print a file
  write PATH TEXT    write TEXT to a file
  ls PATH            print the sorted names in a folder
  stdin              copy stdin to stdout in upper case
  exit CODE          exit with CODE
  random             print 8 random bytes in hexadecimal
  clock              print \"ok\" if two monotonic readings are in order
  connect HOST:PORT  print \"connected\", or the kind of error
  panic              panic
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["args", rest @ ..] => print_lines(rest),
        ["env"] => print_env(),
        ["cat", path] => cat(path),
        ["write", path, text] => fs::write(path, text),
        ["ls", path] => ls(path),
        ["stdin"] => upper_case_stdin(),
        ["exit", code] => exit(code),
        ["random"] => random(),
        ["clock"] => clock(),
        ["connect", address] => connect(address),
        ["panic"] => panic!("panic on request"),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print_lines<S: AsRef<str>>(lines: &[S]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{}", line.as_ref())?;
    }
    out.flush()
}

fn print_env() -> io::Result<()> {
    let mut lines: Vec<String> = env::vars()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    lines.sort();
    print_lines(&lines)
}

fn cat(path: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(&fs::read(path)?)?;
    out.flush()
}

fn ls(path: &str) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    print_lines(&names)
}

fn upper_case_stdin() -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut out = io::stdout().lock();
    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        out.write_all(line.to_uppercase().as_bytes())?;
        out.flush()?;
        line.clear();
    }
    Ok(())
}

fn exit(code: &str) -> io::Result<()> {
    let code = code
        .parse()
        .map_err(|_| io::Error::other("CODE is not a whole number"))?;
    process::exit(code)
}

fn random() -> io::Result<()> {
    let bits = RandomState::new().hash_one(0_u8);
    print_lines(&[format!("{bits:016x}")])
}

fn clock() -> io::Result<()> {
    let first = Instant::now();
    let second = Instant::now();
    if second < first {
        return Err(io::Error::other("the monotonic clock went backwards"));
    }
    print_lines(&["ok"])
}

/// A refused connection is an answer here and not a failure of the command.
fn connect(address: &str) -> io::Result<()> {
    match TcpStream::connect(address) {
        Ok(_) => print_lines(&["connected"]),
        Err(error) => print_lines(&[format!("{:?}", error.kind())]),
    }
}
