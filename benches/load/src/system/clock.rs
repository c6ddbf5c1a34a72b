//! Time in nanoseconds of the monotonic clock, and a timer that is finer than mio's millisecond.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, UNIX_EPOCH};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

/// A moment or a length of time, in nanoseconds.
pub(crate) type Nanos = u64;

/// One second.
pub(crate) const SECOND: Nanos = 1_000_000_000;

/// A length of time in nanoseconds.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The present moment.
pub(crate) fn now() -> Nanos {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    u64::try_from(tv_sec).unwrap_or_default() * SECOND + u64::try_from(tv_nsec).unwrap_or_default()
}

/// A timer for absolute moments: a late wake-up makes no later one late (`timerfd_create(2)`).
pub(crate) struct Timer(OwnedFd);

impl Timer {
    /// A timer that `registry` reports as readable under `token` once its moment has come.
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Timer> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Timer(timer))
    }

    /// Sets the moment, instead of the one before.
    pub(crate) fn set(&self, at: Nanos) -> io::Result<()> {
        let seconds = i64::try_from(at / SECOND).unwrap_or(i64::MAX);
        // A moment of zero would disarm the timer.
        let nanos = i64::try_from((at % SECOND).max(1)).unwrap_or(1);
        let it_value = Timespec { tv_sec: seconds, tv_nsec: nanos };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(&self.0, TimerfdTimerFlags::ABSTIME, &Itimerspec { it_interval, it_value })?;
        Ok(())
    }
}

/// The present moment of the calendar in UTC, to the second (RFC 3339).
pub(crate) fn date() -> String {
    let Timespec { tv_sec, .. } = clock_gettime(ClockId::Realtime);
    let since = Duration::from_secs(u64::try_from(tv_sec).unwrap_or_default());
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
}
