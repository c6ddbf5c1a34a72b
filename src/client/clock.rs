//! The time that a visit may take.

use std::time::{Duration, Instant};

use super::error::Error;

/// The longest that a visit may take: a day.
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How much of a visit's time is left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    end: Instant,
}

#[expect(clippy::disallowed_methods, reason = "a blocking client has no loop that could pass it the time")]
impl Clock {
    /// `timeout` from now.
    pub(super) fn start(timeout: Duration) -> Clock {
        Clock { end: Instant::now() + timeout.min(TIMEOUT_MAX) }
    }

    /// The time that is left; fails with [`Error::TimedOut`] if there is none.
    pub(super) fn left(self) -> Result<Duration, Error> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Error::TimedOut) } else { Ok(left) }
    }

    /// The first of `parts` equal parts of the time that is left.
    pub(super) fn part(self, parts: u32) -> Clock {
        Clock::start(self.end.saturating_duration_since(Instant::now()) / parts.max(1))
    }
}
