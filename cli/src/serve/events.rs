//! What happens besides what components do, and the one place that waits for both.

use std::io;
use std::sync::Arc;

use enginebay::host::runner::Changes;
use enginebay::{Error, ErrorKind};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::signals;
use crate::cancel;
use crate::failure::Failure;

/// What happens besides what components do. There are a few of each in a run.
pub(super) enum Event {
    /// Ctrl-C was pressed.
    Interrupted,
    /// The manifests are to be looked at again.
    Reload,
    /// The calls are over.
    Called(Result<(), Failure>),
    /// All components have been stopped.
    Stopped,
}

/// Events, in the order in which they came.
pub(super) struct Events {
    sender: UnboundedSender<Event>,
    events: UnboundedReceiver<Event>,
    /// Somebody wants a reload: once, however often it was said.
    reload: Arc<Notify>,
    /// It only waits.
    runtime: Runtime,
}

impl Events {
    pub(super) fn new() -> io::Result<Self> {
        let (sender, events) = unbounded_channel();
        Ok(Events {
            sender,
            events,
            reload: Arc::default(),
            runtime: Builder::new_current_thread().build()?,
        })
    }

    /// Has Ctrl-C be an event, which ends what compiles, too; and on Unix SIGHUP.
    pub(super) fn listen(&self) -> Result<(), Failure> {
        let sender = self.sender();
        let reload = self.reload.clone();
        cancel::no_handler();
        let end = move || {
            // When nobody takes it any more, the program is about to end.
            let _ = sender.send(Event::Interrupted);
            cancel::interrupt();
        };
        let listening = signals::listen(end, move || reload.notify_one());
        listening.map_err(|error| {
            let message = format!("cannot listen for Ctrl-C: {error}");
            Error::new(ErrorKind::Host, message)
                .with_source(error)
                .into()
        })
    }

    pub(super) fn sender(&self) -> UnboundedSender<Event> {
        self.sender.clone()
    }

    /// The next one, if it is there.
    pub(super) fn try_next(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// Sleeps until there is one, or a component has changed, which is none.
    pub(super) fn next(&mut self, changes: &mut Changes) -> Option<Event> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                event = self.events.recv() => event,
                () = self.reload.notified() => Some(Event::Reload),
                _ = changes.changed() => None,
            }
        })
    }
}
