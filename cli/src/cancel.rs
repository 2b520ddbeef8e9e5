//! Ctrl-C: the first one stops the guest as a limit does, so that what it used
//! can still be said; the second one ends the program.

#[cfg(not(target_family = "wasm"))]
pub(crate) use signals::{done, on_interrupt};
#[cfg(target_family = "wasm")]
pub(crate) use silence::{done, on_interrupt};

#[cfg(not(target_family = "wasm"))]
mod signals {
    use std::process;
    use std::sync::{Mutex, Once, PoisonError};

    use enginebay::CancelHandle;

    /// What shells give for a program that Ctrl-C ended.
    const INTERRUPTED: i32 = 130;

    static RUNNING: Mutex<Option<CancelHandle>> = Mutex::new(None);

    /// Has Ctrl-C stop the store of this handle from now on.
    pub(crate) fn on_interrupt(handle: CancelHandle) {
        static HANDLER: Once = Once::new();
        HANDLER.call_once(|| {
            // Without the handler Ctrl-C ends the program at once, as it usually
            // does.
            let _ = ctrlc::set_handler(|| {
                match RUNNING
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take()
                {
                    Some(handle) => handle.cancel(),
                    None => process::exit(INTERRUPTED),
                }
            });
        });
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
    }

    /// Nothing runs any more: Ctrl-C ends the program from now on.
    pub(crate) fn done() {
        RUNNING
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

/// WebAssembly gets no signals: its host stops it.
#[cfg(target_family = "wasm")]
mod silence {
    use enginebay::CancelHandle;

    pub(crate) fn on_interrupt(_: CancelHandle) {}

    pub(crate) fn done() {}
}
