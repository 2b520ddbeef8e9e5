//! From a backend's name on the command line to code that is generic over it.

use enginebay::{BACKENDS, Backend, DefaultBackend};

use crate::failure::Failure;

/// What is done with one backend.
pub(crate) trait Task {
    /// What comes of it.
    type Output;

    /// Does it.
    fn run<B: Backend>(&self) -> Self::Output;
}

/// The name of the backend that is taken when none is named.
pub(crate) const DEFAULT: &str = <DefaultBackend as Backend>::NAME;

/// Stands for every backend.
pub(crate) const ALL: &str = "all";

/// Does a task with the backend of this name.
pub(crate) fn on<T: Task>(name: &str, task: &T) -> Result<T::Output, Failure> {
    macro_rules! attempt {
        ($name:ident, $backend:ty) => {
            if name == <$backend as Backend>::NAME {
                return Ok(task.run::<$backend>());
            }
        };
    }
    enginebay::for_each_backend!(attempt);
    Err(Failure::Usage(format!(
        "there is no backend `{name}`, only: {}",
        BACKENDS.join(", ")
    )))
}

/// Does a task with each backend.
pub(crate) fn on_each<T: Task>(task: &T) -> Vec<T::Output> {
    let mut outputs = Vec::new();
    macro_rules! each {
        ($name:ident, $backend:ty) => {
            outputs.push(task.run::<$backend>());
        };
    }
    enginebay::for_each_backend!(each);
    outputs
}
