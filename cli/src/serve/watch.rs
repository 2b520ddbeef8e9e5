//! What becomes of the components: a line for each change. Why one failed is told when it
//! does: see the log.

use enginebay::host::runner::ComponentHandle;
use enginebay::host::services::Status;

use crate::output::{count, note};

/// The components, with what was said of each the last time.
#[derive(Debug, Default)]
pub(super) struct Watch(Vec<(ComponentHandle, Option<State>)>);

#[derive(Debug, PartialEq)]
struct State {
    status: &'static str,
    restarts: u32,
}

impl State {
    fn of(handle: &ComponentHandle) -> Self {
        State {
            status: match handle.status() {
                Status::Initializing => "starts",
                // To be at work is no change.
                Status::Ready | Status::Processing => "ready",
                Status::Suspended => "waits to be started again",
                Status::Terminating => "stops",
                Status::Terminated => "stopped",
                Status::Failed => "failed for good",
            },
            restarts: handle.restarts(),
        }
    }

    fn line(&self, name: &str) -> String {
        let mut line = format!("status: {name} {}", self.status);
        if self.restarts > 0 {
            let restarts = count(self.restarts.into(), "restart");
            line.push_str(&format!(", {restarts}"));
        }
        line
    }
}

impl Watch {
    pub(super) fn add(&mut self, handle: ComponentHandle) {
        self.0.push((handle, None));
        self.tell();
    }

    /// As [`Watch::add`], in the place of one of the same name, if there is one.
    pub(super) fn replace(&mut self, handle: ComponentHandle) {
        self.0.retain(|(it, _)| it.name() != handle.name());
        self.add(handle);
    }

    pub(super) fn handles(&self) -> Vec<ComponentHandle> {
        self.0.iter().map(|(handle, _)| handle.clone()).collect()
    }

    /// Writes a line for each component that is not what it was.
    pub(super) fn tell(&mut self) {
        for (handle, told) in &mut self.0 {
            let state = State::of(handle);
            if told.as_ref() != Some(&state) {
                note(&state.line(handle.name()));
                *told = Some(state);
            }
        }
    }

    /// Whether none runs any more, or will.
    pub(super) fn all_have_ended(&self) -> bool {
        self.0.iter().all(|(handle, _)| handle.has_ended())
    }

    /// Whether each runs, or has failed once.
    pub(super) fn all_have_begun(&self) -> bool {
        let begun = |handle: &ComponentHandle| {
            let ready = matches!(handle.status(), Status::Ready | Status::Processing);
            ready || has_failed(handle)
        };
        self.0.iter().all(|(handle, _)| begun(handle))
    }

    /// How many have failed, be it that they run again.
    pub(super) fn failed(&self) -> usize {
        let failed = self.0.iter().filter(|(handle, _)| has_failed(handle));
        failed.count()
    }
}

fn has_failed(handle: &ComponentHandle) -> bool {
    handle.last_failure().is_some() || handle.status() == Status::Failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_one_line() {
        let mut state = State {
            status: "ready",
            restarts: 0,
        };
        assert_eq!(state.line("a"), "status: a ready");
        state.restarts = 2;
        assert_eq!(state.line("a"), "status: a ready, 2 restarts");
    }
}
