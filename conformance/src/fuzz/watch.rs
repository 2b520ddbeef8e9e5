//! Inputs in a process of their own. If it ends or gives no answer, the input that it
//! was given last is what it died of; another process takes its place.
//!
//! A request is one line: the seed, the numbers of the calls or `*`, and the bytes in
//! hexadecimal. Before the first one the process says `ready`. An answer is several: `count`, `end`, `lacking`, `overflows` and `late`
//! with their numbers, and at last `same` or `fault` with its kind and text.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use enginebay::{Error, ErrorKind};

use super::report::{Figures, FuzzCounts};
use super::run::{Fault, Here, Ran, Runs};

/// How long an answer may take. A guest is stopped by its deadline before, several
/// times over.
const PATIENCE: Duration = Duration::from_secs(900);

/// How long a process may take until it is ready, and until it has ended after it
/// closed its standard output.
const START: Duration = Duration::from_secs(300);
const ENDING: Duration = Duration::from_secs(2);

/// What a process says that can take requests.
const READY: &str = "ready";

/// Makes the command whose process runs [`fuzz_worker`].
pub type Worker = Box<dyn Fn() -> Command>;

/// This program, to run itself once more. On Linux the file that runs, whatever has
/// become of its name: a run of hours goes on where the program is built anew.
///
/// # Errors
///
/// If the system does not say.
pub fn this_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        return Ok("/proc/self/exe".into());
    }
    std::env::current_exe()
}

/// Runs inputs in another process.
pub(crate) struct Watched {
    worker: Worker,
    process: Option<Process>,
    patience: Duration,
}

struct Process {
    child: Child,
    requests: ChildStdin,
    answers: Receiver<String>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    fn start(command: &mut Command) -> Result<Self, Error> {
        let told = |text: &'static str| Error::new(ErrorKind::Io, text);
        // Wasmtime makes an error of each growth that is refused. With a backtrace of
        // the process's own stack, that takes as long as a guest's recursion is deep.
        let mut child = command
            .env("RUST_LIB_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Error::from(error).with_context("doing", "starting a process"))?;
        let requests = child.stdin.take();
        let requests = requests.ok_or_else(|| told("the process has no standard input"))?;
        let output = child.stdout.take();
        let output = output.ok_or_else(|| told("the process has no standard output"))?;
        let (send, answers) = channel();
        thread::Builder::new()
            .name("enginebay-fuzz-answers".to_owned())
            .spawn(move || read(output, &send))?;
        let mut process = Process {
            child,
            requests,
            answers,
        };
        process.await_ready()?;
        Ok(process)
    }

    /// Waits until it can take requests. One that ends before cannot be started: no
    /// input is the reason.
    fn await_ready(&mut self) -> Result<(), Error> {
        let end = Instant::now() + START;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let why = match self.answers.recv_timeout(left) {
                Ok(line) if line == READY => return Ok(()),
                // Something else that wrote to standard output.
                Ok(_) => continue,
                Err(RecvTimeoutError::Timeout) => "it is not ready".to_owned(),
                Err(RecvTimeoutError::Disconnected) => self.ending(),
            };
            let text = format!("the process that runs inputs cannot be started: {why}");
            return Err(Error::new(ErrorKind::Io, text));
        }
    }

    /// How the process ended, which it did or is about to: it has closed its standard
    /// output. If that was all, it is ended here.
    fn ending(&mut self) -> String {
        let end = Instant::now() + ENDING;
        while let Ok(None) = self.child.try_wait() {
            if Instant::now() >= end {
                // It may have ended just now.
                let _ = self.child.kill();
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => format!("nobody knows how: {error}"),
        }
    }
}

/// Hands on the lines that a process writes. What is no text, as an engine may print
/// in an abort, is made some.
fn read(output: impl Read, lines: &Sender<String>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while let Ok(1..) = output.read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\r', '\n']).to_owned();
        if lines.send(text).is_err() {
            break;
        }
        line.clear();
    }
}

impl Watched {
    pub(crate) fn new(worker: Worker) -> Result<Self, Error> {
        let process = Process::start(&mut worker())?;
        Ok(Watched {
            worker,
            process: Some(process),
            patience: PATIENCE,
        })
    }

    /// With less patience, for tests.
    #[cfg(test)]
    pub(crate) fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    fn process(&mut self) -> Result<&mut Process, Error> {
        match &mut self.process {
            Some(process) => Ok(process),
            none => Ok(none.insert(Process::start(&mut (self.worker)())?)),
        }
    }

    fn ask(&mut self, request: &str) -> Result<Ran, Error> {
        let patience = self.patience;
        let process = self.process()?;
        // If it is gone, no answer says so.
        let _ = process.requests.write_all(request.as_bytes());
        let _ = process.requests.flush();
        let end = Instant::now() + patience;
        let mut figures = Figures::default();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = process.answers.recv_timeout(left);
            let fault = match line {
                Ok(line) => match answer(&line, &mut figures) {
                    Some(fault) => return Ok(Ran { figures, fault }),
                    None => continue,
                },
                Err(RecvTimeoutError::Timeout) => {
                    (Fault::Hang, format!("for {} s", patience.as_secs()))
                }
                Err(RecvTimeoutError::Disconnected) => (Fault::Crash, process.ending()),
            };
            self.process = None;
            figures.counts.inputs = 1;
            return Ok(Ran {
                figures,
                fault: Some(fault),
            });
        }
    }
}

impl Runs for Watched {
    fn run(&mut self, wasm: &[u8], seed: u64, calls: Option<&[usize]>) -> Result<Ran, Error> {
        let request = request(wasm, seed, calls);
        self.ask(&request)
    }
}

fn request(wasm: &[u8], seed: u64, calls: Option<&[usize]>) -> String {
    let calls = match calls {
        None => "*".to_owned(),
        Some(calls) => {
            let calls: Vec<_> = calls.iter().map(usize::to_string).collect();
            format!("[{}", calls.join(","))
        }
    };
    let mut line = format!("{seed} {calls} ");
    for byte in wasm {
        for digit in [byte >> 4, byte & 15] {
            line.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    }
    line.push('\n');
    line
}

/// What a request asks for.
fn parse(line: &str) -> Option<(u64, Option<Vec<usize>>, Vec<u8>)> {
    let mut words = line.trim_end_matches(['\r', '\n']).splitn(3, ' ');
    let seed = words.next()?.parse().ok()?;
    let calls = match words.next()? {
        "*" => None,
        calls => {
            let calls = calls.strip_prefix('[')?.split(',');
            let calls = calls.filter(|call| !call.is_empty()).map(str::parse);
            Some(calls.collect::<Result<_, _>>().ok()?)
        }
    };
    let digits: Option<Vec<u8>> = words
        .next()?
        .chars()
        .map(|digit| Some(digit.to_digit(16)? as u8))
        .collect();
    let digits = digits?;
    let bytes = digits.chunks(2).map(|pair| match *pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    });
    let wasm: Option<_> = bytes.collect();
    Some((seed, calls, wasm?))
}

/// Takes a line of an answer. At its end, what is wrong, if something is.
fn answer(line: &str, figures: &mut Figures) -> Option<Option<(Fault, String)>> {
    let mut words = line.splitn(3, '\t');
    let what = words.next()?;
    let name = words.next().unwrap_or_default();
    let rest = words.next().unwrap_or_default();
    let number = || rest.parse::<u64>().unwrap_or(0);
    match what {
        "count" => {
            let mut places = figures.counts.places().into_iter();
            if let Some((_, place)) = places.find(|(of, _)| *of == name) {
                *place = number();
            }
        }
        "end" => drop(figures.ends.insert(name.to_owned(), number())),
        "lacking" => drop(figures.lacking.insert(name.to_owned(), number())),
        "overflows" => figures.overflows = number(),
        "late" => figures.late = number(),
        "same" => return Some(None),
        "fault" => {
            let fault = Fault::ALL.into_iter().find(|fault| fault.name() == name);
            let text = plain(rest);
            return Some(Some((fault.unwrap_or(Fault::Failed), text)));
        }
        // Something else that wrote to standard output.
        _ => {}
    }
    None
}

/// A text that was written in one line.
fn plain(line: &str) -> String {
    let mut text = String::new();
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        text.push(match char {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                other => other.unwrap_or('\\'),
            },
            char => char,
        });
    }
    text
}

fn write(ran: &Ran, output: &mut impl Write) -> std::io::Result<()> {
    let Figures {
        counts,
        ends,
        lacking,
        overflows,
        late,
    } = &ran.figures;
    for (name, count) in FuzzCounts::all(counts) {
        writeln!(output, "count\t{name}\t{count}")?;
    }
    for (name, count) in ends {
        writeln!(output, "end\t{name}\t{count}")?;
    }
    for (name, count) in lacking {
        writeln!(output, "lacking\t{name}\t{count}")?;
    }
    writeln!(output, "overflows\t\t{overflows}\nlate\t\t{late}")?;
    match &ran.fault {
        None => writeln!(output, "same")?,
        Some((fault, text)) => {
            let text = text
                .replace('\\', "\\\\")
                .replace('\n', "\\n")
                .replace('\t', "\\t");
            writeln!(output, "fault\t{}\t{text}", fault.name())?;
        }
    }
    output.flush()
}

/// Runs the inputs that it is asked for, until there are no more: the other side of
/// [`Fuzz::watched`](crate::Fuzz::watched). It needs 16 MiB of stack for guests besides
/// its own.
///
/// # Errors
///
/// `Io` if the streams fail or a request makes no sense, and what an engine says when
/// it is made.
pub fn fuzz_worker(requests: impl BufRead, mut answers: impl Write) -> Result<(), Error> {
    let mut here = Here::new()?;
    writeln!(answers, "{READY}")?;
    answers.flush()?;
    for line in requests.lines() {
        let line = line?;
        let Some((seed, calls, wasm)) = parse(&line) else {
            return Err(Error::new(ErrorKind::Io, "a request makes no sense"));
        };
        let ran = here.run(&wasm, seed, calls.as_deref())?;
        write(&ran, &mut answers)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_come_through() {
        let line = request(&[0, 0xa5, 255], 7, Some(&[1, 12]));
        assert_eq!(
            parse(&line),
            Some((7, Some(vec![1, 12]), vec![0, 0xa5, 255]))
        );
        let line = request(&[], u64::MAX, Some(&[]));
        assert_eq!(parse(&line), Some((u64::MAX, Some(vec![]), vec![])));
        let line = request(&[9], 0, None);
        assert_eq!(parse(&line), Some((0, None, vec![9])));
        assert_eq!(parse("1 * 0"), None);

        let mut ran = Ran {
            figures: Figures::default(),
            fault: Some((Fault::Differs, "a\n  b\t\\n".to_owned())),
        };
        ran.figures.counts.inputs = 1;
        ran.figures.counts.limits = 3;
        ran.figures.ends.insert("value".to_owned(), 4);
        ran.figures.overflows = 2;
        let mut bytes = Vec::new();
        write(&ran, &mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let mut figures = Figures::default();
        let faults: Vec<_> = text
            .lines()
            .filter_map(|line| answer(line, &mut figures))
            .collect();
        assert_eq!(figures, ran.figures);
        assert_eq!(faults, [ran.fault]);
    }

    #[cfg(unix)]
    fn commands(script: &'static str) -> Worker {
        Box::new(move || {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        })
    }

    /// What a shell does with a request.
    #[cfg(unix)]
    fn shell(script: &'static str) -> Watched {
        let watched = Watched::new(commands(script)).unwrap();
        watched.patience(Duration::from_millis(200))
    }

    #[cfg(unix)]
    #[test]
    fn the_end_of_the_process_is_the_inputs_and_the_next_has_a_new_one() {
        let mut watched =
            shell("echo ready; read line; case $line in 1*) echo same;; *) kill -SEGV $$;; esac");
        for seed in [1, 2, 1, 2] {
            let (fault, text) = match watched.run(&[0], seed, None).unwrap().fault {
                None => {
                    assert_eq!(seed, 1);
                    // This shell answers once.
                    watched.process = None;
                    continue;
                }
                Some(fault) => fault,
            };
            assert_eq!((seed, fault), (2, Fault::Crash));
            assert!(text.contains("signal: 11"), "{text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_process_that_does_not_answer_is_ended() {
        let mut watched = shell("echo ready; read line; exec sleep 60");
        let ran = watched.run(&[0], 1, None).unwrap();
        assert_eq!(ran.fault.map(|(fault, _)| fault), Some(Fault::Hang));
    }

    #[cfg(unix)]
    #[test]
    fn lines_that_are_no_text_end_nothing() {
        let mut watched = shell("echo ready; read line; printf '\\377\\376\\nsame\\n'");
        assert_eq!(watched.run(&[0], 1, None).unwrap().fault, None);
    }

    #[cfg(unix)]
    #[test]
    fn a_process_that_closes_its_output_and_goes_on_is_ended() {
        let mut watched = shell("echo ready; read line; exec >&-; exec sleep 1000");
        let (fault, text) = watched.run(&[0], 1, None).unwrap().fault.unwrap();
        assert_eq!(fault, Fault::Crash);
        assert!(text.contains("signal: 9"), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn a_process_that_cannot_be_started_is_an_error_and_no_finding() {
        let error = Watched::new(commands("exit 3")).err().unwrap();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
        let mut watched = shell("echo ready");
        watched.worker = Box::new(|| Command::new("/there/is/no/such/program"));
        assert!(watched.run(&[0], 1, None).unwrap().fault.is_some());
        assert!(watched.run(&[0], 1, None).is_err());
    }
}
