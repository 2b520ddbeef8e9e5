//! How a host tells that something of its components has changed.

use tokio::sync::watch;

use crate::block::wait;

/// Tells of changes. It keeps none of them: who looks, looks at the components.
#[derive(Clone, Debug)]
pub(super) struct Notifier(watch::Sender<()>);

impl Notifier {
    pub(super) fn new() -> Self {
        Notifier(watch::Sender::new(()))
    }

    /// Wakes all who wait, and those who will look next.
    pub(super) fn notify(&self) {
        self.0.send_replace(());
    }

    pub(super) fn changes(&self) -> Changes {
        Changes(self.0.subscribe())
    }
}

/// Changes of a host's components, from [`Host::changes`](super::Host::changes): one was
/// loaded or removed, or has another status, number of restarts or last failure. That one
/// works on something and is ready again is no change: who serves a busy host is not woken
/// by each message.
///
/// Changes are not kept one by one: several since the last look are one, however many they
/// were. So first begin to wait for changes, then look at the components, and look again
/// after each change: nothing that lasts is missed.
#[derive(Clone, Debug)]
pub struct Changes(watch::Receiver<()>);

impl Changes {
    /// Waits for a change since this was made or has waited the last time. The future works
    /// on every executor, and may be dropped.
    ///
    /// It gives `false` if there will be none any more: the host is gone, and all handles.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }

    /// As [`changed`](Self::changed), on this thread.
    pub fn wait(&mut self) -> bool {
        wait(self.changed())
    }
}
