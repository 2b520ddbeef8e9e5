//! How a synchronous store waits for what is asynchronous on the host's side.

use std::future::Future;

use enginebay_core::{Backend, Caller, Result};

use crate::block::block_on;

/// Waits on this thread, until the store's guest has to stop.
///
/// # Errors
///
/// `DeadlineExceeded` or `Cancelled`; or what the future fails with.
pub(crate) fn wait<B: Backend, T: 'static, R>(
    caller: &mut Caller<'_, B, T>,
    future: impl Future<Output = Result<R>>,
) -> Result<Result<R>> {
    block_on(future, || B::data(caller.inner_mut()).interrupted())
}
