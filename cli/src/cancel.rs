//! Ctrl-C: the first one stops the guest as a limit does, so that what it used
//! can still be said, or the process that compiles; the second one ends the program.

#[cfg(not(target_family = "wasm"))]
pub(crate) use signals::{INTERRUPTED, done, is_interrupted, on_interrupt, on_interrupt_kill};
#[cfg(all(feature = "host", not(target_family = "wasm")))]
pub(crate) use signals::{interrupt, no_handler};
#[cfg(target_family = "wasm")]
pub(crate) use silence::{done, on_interrupt};

#[cfg(not(target_family = "wasm"))]
mod signals {
    use std::process::{self, Child};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex, Once, PoisonError};

    use enginebay::CancelHandle;

    /// What shells give for a program that Ctrl-C ended.
    pub(crate) const INTERRUPTED: u8 = 130;

    /// What runs, and is stopped.
    enum Running {
        Store(CancelHandle),
        Child(Arc<Mutex<Child>>),
    }

    static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

    /// Has Ctrl-C stop the store of this handle from now on.
    pub(crate) fn on_interrupt(handle: CancelHandle) {
        on(Running::Store(handle));
    }

    /// Has Ctrl-C kill this process from now on, which its parent notices.
    pub(crate) fn on_interrupt_kill(child: Arc<Mutex<Child>>) {
        on(Running::Child(child));
        // It came between the last look and this.
        #[cfg(feature = "host")]
        if is_interrupted() {
            interrupt();
        }
    }

    static KILLED: AtomicBool = AtomicBool::new(false);

    /// Whether Ctrl-C has killed a process: the program ends.
    pub(crate) fn is_interrupted() -> bool {
        KILLED.load(Ordering::SeqCst)
    }

    static HANDLER: Once = Once::new();

    /// Leaves the signals to somebody else, who calls [`interrupt`].
    #[cfg(feature = "host")]
    pub(crate) fn no_handler() {
        HANDLER.call_once(|| {});
    }

    /// Kills the process that compiles, if there is one, and has none begin any more.
    #[cfg(feature = "host")]
    pub(crate) fn interrupt() {
        KILLED.store(true, Ordering::SeqCst);
        let running = RUNNING
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(Running::Child(child)) = running {
            // It fails where the child has ended.
            let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
        }
    }

    fn on(running: Running) {
        HANDLER.call_once(|| {
            // Without the handler Ctrl-C ends the program at once, as it usually
            // does.
            let _ = ctrlc::set_handler(|| {
                match RUNNING
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take()
                {
                    Some(Running::Store(handle)) => handle.cancel(),
                    Some(Running::Child(child)) => {
                        KILLED.store(true, Ordering::SeqCst);
                        // It fails where the child has ended.
                        let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
                    }
                    None => process::exit(INTERRUPTED.into()),
                }
            });
        });
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
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
