//! The kernel's time stamps on the generator's clock.
//!
//! The kernel stamps what it receives by the system's clock, which can be set. The generator's clock is monotonic. The
//! difference between the two is constant until the system's clock is set, and is looked up in every turn.

use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketType};
use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::system::clock::{Nanos, SECOND, now};

/// A difference that changes by more was changed by setting the clock, and not by reading two clocks one after the other.
const STEP: i64 = 100_000;

/// How often two clocks are read for one difference: the pair that was read in the shortest time is the best.
const READINGS: usize = 3;

/// The difference between the clocks, and how the generator's turns stand.
pub(super) struct KernelClock {
    /// What the system's clock is ahead of the monotonic one, in nanoseconds.
    ahead: i64,
    /// When it was last seen that the system's clock had been set. What was sent before has no stamp to believe.
    set: Nanos,
    /// How often that was.
    pub(super) times_set: u64,
    /// When the last wait ended: what it reported had come by then.
    pub(super) woken: Nanos,
    /// The kernel stamps packets while there is a socket that asks for it. Turning that on takes it a moment, so one socket
    /// asks for it all the time.
    _keeps_stamping: Option<OwnedFd>,
}

impl KernelClock {
    pub(super) fn new() -> KernelClock {
        KernelClock {
            ahead: difference(),
            set: 0,
            times_set: 0,
            woken: now(),
            _keeps_stamping: keep_stamping(),
        }
    }

    /// To be called whenever a wait has ended. Gives the present moment.
    pub(super) fn wake(&mut self) -> Nanos {
        self.woken = now();
        self.compare(difference());
        self.woken
    }

    fn compare(&mut self, ahead: i64) {
        if self.ahead.abs_diff(ahead) > STEP.unsigned_abs() {
            (self.ahead, self.set) = (ahead, now());
            self.times_set += 1;
        }
    }

    /// A stamp on the generator's clock, if it can be believed: it is of what came after `sent` and before `now`.
    pub(super) fn moment(&self, stamp: Nanos, sent: Nanos, now: Nanos) -> Option<Nanos> {
        if sent <= self.set {
            return None;
        }
        let moment = stamp.checked_add_signed(self.ahead.checked_neg()?)?;
        let hair = STEP.unsigned_abs();
        let is_between = moment.saturating_add(hair) >= sent && moment <= now.saturating_add(hair);
        is_between.then(|| moment.clamp(sent, now))
    }
}

/// What the system's clock is ahead of the monotonic one.
fn difference() -> i64 {
    let mut best = (Nanos::MAX, 0);
    for _ in 0..READINGS {
        let before = now();
        let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Realtime);
        let after = now();
        let took = after - before;
        if took < best.0 {
            let realtime = i128::from(tv_sec) * i128::from(SECOND) + i128::from(tv_nsec);
            let ahead = realtime - i128::from(before.midpoint(after));
            best = (took, i64::try_from(ahead).unwrap_or(i64::MAX));
        }
        if took < 1000 {
            break;
        }
    }
    best.1
}

/// A socket that lets the kernel stamp packets.
fn keep_stamping() -> Option<OwnedFd> {
    use nix::sys::socket::{setsockopt, sockopt};
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None).ok()?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true).ok()?;
    Some(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_put_on_the_clock_of_the_generator() {
        let clock = KernelClock::new();
        let before = now();
        let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Realtime);
        let stamp = u64::try_from(tv_sec).unwrap() * SECOND + u64::try_from(tv_nsec).unwrap();
        let after = now();
        let moment = clock.moment(stamp, before, after).unwrap();
        assert!((before..=after).contains(&moment));
        assert_eq!(clock.moment(stamp - SECOND, before, after), None, "before anything was sent");
        assert_eq!(clock.moment(stamp + SECOND, before, after), None, "in the future");
    }

    #[test]
    fn after_the_clock_was_set_only_later_visits_are_stamped() {
        let mut clock = KernelClock::new();
        let sent = now();
        let ahead = clock.ahead;
        let stamp = |moment: Nanos, ahead: i64| moment.checked_add_signed(ahead).unwrap();
        assert_eq!(clock.moment(stamp(sent + 5, ahead), sent, sent + 9), Some(sent + 5));
        let later = ahead + i64::try_from(3600 * SECOND).unwrap();
        clock.compare(later);
        assert_eq!(clock.times_set, 1);
        assert_eq!(clock.moment(stamp(sent + 5, ahead), sent, sent + 9), None);
        assert_eq!(clock.moment(stamp(sent + 5, later), sent, sent + 9), None);
        let sent = now() + 1;
        assert_eq!(clock.moment(stamp(sent + 5, later), sent, sent + 9), Some(sent + 5));
        clock.compare(later + 2000);
        assert_eq!(clock.times_set, 1, "two readings are never the same");
    }
}
