//! A sign of life on terminals while something takes long.

/// WebAssembly has no second thread for it.
#[cfg(target_family = "wasm")]
pub(crate) fn spinner<R>(_: String, work: impl FnOnce() -> R) -> R {
    work()
}

#[cfg(not(target_family = "wasm"))]
pub(crate) use terminal::spinner;

#[cfg(not(target_family = "wasm"))]
mod terminal {
    use std::io::{IsTerminal, stderr};
    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::thread;
    use std::time::Duration;

    use indicatif::{ProgressBar, ProgressStyle};

    /// What takes less than this is not worth a sign.
    const DELAY: Duration = Duration::from_millis(500);

    /// Does some work; if it takes long, and standard error is a terminal, there is
    /// a spinner with the time that has passed.
    pub(crate) fn spinner<R>(message: String, work: impl FnOnce() -> R) -> R {
        if !stderr().is_terminal() {
            return work();
        }
        let (done, wait) = channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                if wait.recv_timeout(DELAY) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                let bar = ProgressBar::new_spinner().with_elapsed(DELAY);
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                    bar.set_style(style);
                }
                bar.set_message(message);
                bar.enable_steady_tick(Duration::from_millis(100));
                // The channel closes when the work is done, or has panicked.
                let _ = wait.recv();
                bar.finish_and_clear();
            });
            let done = done;
            let result = work();
            drop(done);
            result
        })
    }
}
