//! Ctrl-C, and on Unix SIGTERM and SIGHUP. The handler that `run` has stops one store; this
//! one lets a whole host end, or look at its manifests again.

use std::io;
use std::process;
use std::thread;

use tokio::runtime::Builder;

use crate::cancel::INTERRUPTED;

/// What somebody wants.
enum Wanted {
    End,
    #[cfg_attr(windows, expect(dead_code, reason = "there is no such signal"))]
    Reload,
}

/// Calls a function at the first signal to end; the second one ends the program. Until the
/// first, `reload` is called for each signal to reload.
pub(super) fn listen(
    first: impl FnOnce() + Send + 'static,
    reload: impl Fn() + Send + 'static,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let mut signals = {
        let _inside = runtime.enter();
        Signals::new()?
    };
    let wait = move || {
        runtime.block_on(async {
            while let Wanted::Reload = signals.next().await {
                reload();
            }
            first();
            while let Wanted::Reload = signals.next().await {}
        });
        process::exit(INTERRUPTED.into())
    };
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(wait).map(drop)
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
    /// Standard error was a terminal at the start.
    has_terminal: bool,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            has_terminal: io::IsTerminal::is_terminal(&io::stderr()),
        })
    }

    async fn next(&mut self) -> Wanted {
        tokio::select! {
            _ = self.interrupt.recv() => Wanted::End,
            _ = self.terminate.recv() => Wanted::End,
            _ = self.hang_up.recv() => {
                // That is what the signal is named after: the terminal is gone, and whoever
                // sat before it.
                let is_gone = !io::IsTerminal::is_terminal(&io::stderr());
                match self.has_terminal && is_gone {
                    true => Wanted::End,
                    false => Wanted::Reload,
                }
            }
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Signals)
    }

    async fn next(&mut self) -> Wanted {
        self.0.recv().await;
        Wanted::End
    }
}
