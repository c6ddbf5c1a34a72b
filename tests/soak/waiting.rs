//! Waiting in real time, within a bound.

use std::thread;
use std::time::{Duration, Instant};

/// The longest wait before the test fails: long, because the machine may be busy.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// The present moment.
#[expect(clippy::disallowed_methods, reason = "a test waits for real processes in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits until `is_so`, at most as long as [`BOUND`]. Gives whether it is.
pub(crate) fn comes_true(mut is_so: impl FnMut() -> bool) -> bool {
    let start = now();
    while !is_so() {
        if now() - start > BOUND {
            return false;
        }
        thread::park_timeout(Duration::from_millis(1));
    }
    true
}
