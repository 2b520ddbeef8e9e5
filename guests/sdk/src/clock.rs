//! Clocks, and waiting.

use std::time::Duration;

use crate::Timestamp;
use crate::bindings::enginebay::core::host_services;

/// What time it is.
pub fn now() -> Timestamp {
    host_services::now()
}

/// The time since a point in the past that stays the same; it never goes back.
pub fn monotonic() -> Duration {
    Duration::from_nanos(host_services::monotonic_now())
}

/// Waits. The component's deadline goes on meanwhile.
pub fn sleep(time: Duration) {
    host_services::sleep(nanoseconds(time));
}

/// As the contract counts time: what is longer than 584 years is 584 years.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
