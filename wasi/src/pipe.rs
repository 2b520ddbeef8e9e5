//! What a guest wrote to a standard stream, kept in memory for the host.

use std::fmt;

use wasmtime_wasi::p2::pipe::MemoryOutputPipe;

/// Keeps what guests write to standard output or standard error, up to a
/// capacity. Clones are the same pipe.
///
/// ```
/// let pipe = enginebay_wasi::OutputPipe::new(1 << 20);
/// assert!(pipe.contents().is_empty());
/// ```
#[derive(Clone)]
pub struct OutputPipe {
    inner: MemoryOutputPipe,
    capacity: usize,
}

impl OutputPipe {
    /// An empty pipe that takes `capacity` bytes. For a guest that writes more,
    /// the stream is closed from then on.
    pub fn new(capacity: usize) -> Self {
        OutputPipe {
            inner: MemoryOutputPipe::new(capacity),
            capacity,
        }
    }

    /// All that has been written.
    pub fn contents(&self) -> Vec<u8> {
        self.inner.contents().into()
    }

    /// Bytes that the pipe takes in all.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn stream(&self) -> MemoryOutputPipe {
        self.inner.clone()
    }
}

impl fmt::Debug for OutputPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputPipe")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
