//! A command that exercises one part of WASI 0.2 per subcommand, so that a host can test
//! what it grants and what it refuses.

use std::collections::hash_map::RandomState;
use std::env;
use std::fs;
use std::hash::BuildHasher;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{self, ExitCode};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const USAGE: &str = "\
usage: wasi-command COMMAND

  args [ARG]...      print each ARG on its own line
  env                print the environment as sorted KEY=VALUE lines
  cat PATH           print a file
  write PATH TEXT    write TEXT to a file
  ls PATH            print the sorted names in a folder
  stdin              copy stdin to stdout in upper case
  copy               copy stdin to stdout as it is, and say on stderr how many bytes
  exit CODE          exit with CODE
  random             print 8 random bytes in hexadecimal
  clock              print \"ok\" if two monotonic readings are in order
  time               print the time as whole seconds since 1970
  sleep MS           sleep, and print \"ok\" if the monotonic clock agrees
  thread             start a thread and print what it says, or the kind of error
  memory MIB         fill MIB mebibytes of memory and print the sum of what is in them
  connect HOST:PORT  print \"connected\", or the kind of error
  echo HOST:PORT TEXT
                     send TEXT, say that this was all, and print the answer; or print
                     the kind of error
  udp HOST:PORT TEXT send TEXT from a port of the same address and print the answer, or
                     the kind of error
  serve HOST:PORT    print where it listens, and send the first line of one client back
                     in upper case; or print the kind of error
  files PATH         make, change, move and remove files in a folder, and print what
                     it finds after each step
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
        ["copy"] => copy(),
        ["exit", code] => exit(code),
        ["random"] => random(),
        ["clock"] => clock(),
        ["time"] => time(),
        ["sleep", milliseconds] => sleep(milliseconds),
        ["thread"] => kind_of_error(thread()),
        ["memory", mebibytes] => memory(mebibytes),
        ["connect", address] => connect(address),
        ["echo", address, text] => kind_of_error(echo(address, text)),
        ["udp", address, text] => kind_of_error(udp(address, text)),
        ["serve", address] => kind_of_error(serve(address)),
        ["files", path] => files(Path::new(path)),
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

fn copy() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let bytes = io::copy(&mut io::stdin().lock(), &mut out)?;
    out.flush()?;
    eprintln!("{bytes} bytes");
    Ok(())
}

fn number<T: FromStr>(text: &str) -> io::Result<T> {
    text.parse()
        .map_err(|_| io::Error::other(format!("{text} is not a whole number")))
}

fn exit(code: &str) -> io::Result<()> {
    process::exit(number(code)?)
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

fn time() -> io::Result<()> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(io::Error::other)?;
    print_lines(&[since.as_secs().to_string()])
}

fn sleep(milliseconds: &str) -> io::Result<()> {
    let duration = Duration::from_millis(number(milliseconds)?);
    let start = Instant::now();
    thread::sleep(duration);
    if start.elapsed() < duration {
        return Err(io::Error::other("the sleep was too short"));
    }
    print_lines(&["ok"])
}

fn thread() -> io::Result<()> {
    let thread = thread::Builder::new().spawn(|| "a thread ran")?;
    let said = thread
        .join()
        .map_err(|_| io::Error::other("the thread panicked"))?;
    print_lines(&[said])
}

fn memory(mebibytes: &str) -> io::Result<()> {
    let mut blocks = Vec::new();
    for block in 0..number::<u32>(mebibytes)? {
        // A host that commits memory late sees it used.
        blocks.push(vec![block; (1 << 20) / size_of::<u32>()]);
    }
    let sum: u64 = blocks.iter().flatten().copied().map(u64::from).sum();
    print_lines(&[sum.to_string()])
}

/// A refused connection is an answer here and not a failure of the command.
fn connect(address: &str) -> io::Result<()> {
    match TcpStream::connect(address) {
        Ok(_) => print_lines(&["connected"]),
        Err(error) => print_lines(&[format!("{:?}", error.kind())]),
    }
}

/// Prints the kind of an error of the network, which is an answer as well.
fn kind_of_error(done: io::Result<()>) -> io::Result<()> {
    match done {
        Ok(()) => Ok(()),
        Err(error) => print_lines(&[format!("{:?}", error.kind())]),
    }
}

fn echo(address: &str, text: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(text.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    print_lines(&[answer])
}

fn udp(address: &str, text: &str) -> io::Result<()> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let socket = UdpSocket::bind(format!("{host}:0"))?;
    socket.send_to(text.as_bytes(), address)?;
    let mut answer = [0; 1024];
    let (len, from) = socket.recv_from(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer[..len]);
    print_lines(&[answer.into_owned(), from.to_string()])
}

fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    print_lines(&[listener.local_addr()?.to_string()])?;
    let (stream, _) = listener.accept()?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    (&stream).write_all(line.to_uppercase().as_bytes())
}

fn files(folder: &Path) -> io::Result<()> {
    let (deep, file) = (folder.join("deep"), folder.join("deep/file"));
    fs::create_dir(&deep)?;
    fs::write(&file, "one\n")?;
    let mut append = fs::OpenOptions::new().append(true).open(&file)?;
    append.write_all(b"two\n")?;
    append.sync_all()?;
    print_lines(&[format!("appended {}", fs::metadata(&file)?.len())])?;

    let mut both = fs::OpenOptions::new().read(true).write(true).open(&file)?;
    both.seek(SeekFrom::Start(4))?;
    both.write_all(b"six")?;
    both.rewind()?;
    let mut text = String::new();
    both.read_to_string(&mut text)?;
    print_lines(&[format!("overwritten {text:?}")])?;
    both.set_len(3)?;
    print_lines(&[format!("cut {}", both.metadata()?.len())])?;
    let past = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    both.set_modified(past)?;
    print_lines(&[format!("dated {}", both.metadata()?.modified()? == past)])?;

    let moved = folder.join("moved");
    fs::rename(&file, &moved)?;
    fs::hard_link(&moved, folder.join("linked"))?;
    print_lines(&[format!(
        "moved {:?}",
        fs::read_to_string(folder.join("linked"))?
    )])?;
    ls(folder.to_str().unwrap_or_default())?;
    let missing = fs::read(&file).map_err(|error| error.kind());
    let taken = fs::create_dir(&deep).map_err(|error| error.kind());
    let full = fs::remove_dir(folder).map_err(|error| error.kind());
    print_lines(&[format!("{missing:?} {taken:?} {}", full.is_err())])?;

    for file in ["moved", "linked"] {
        fs::remove_file(folder.join(file))?;
    }
    fs::remove_dir(deep)?;
    print_lines(&[format!("left {}", fs::read_dir(folder)?.count())])
}
