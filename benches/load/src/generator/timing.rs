//! The moments of one visit, as the kernel has them where it tells, and as the generator saw them where it does not.

use crate::figures::culprit::Evidence;
use crate::figures::parts::Moments;
use crate::generator::evidence::{Known, TICK};
use crate::generator::kernel_clock::KernelClock;
use crate::system::clock::{Nanos, SECOND, now};

/// The moments of a visit while it is on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    pub(super) moments: Moments,
    /// When the kernel last had nothing for it; 0 if it went on since. What came next came later than that.
    blocked: Nanos,
    /// How often its SYN was sent again.
    syn_again: u32,
    /// Whether it was connected, and whether some of a reply had come, when it was over.
    pub(super) was_connected: bool,
    pub(super) was_answered: bool,
    /// How often anything was sent again over its connection before it began.
    again_before: u32,
    /// Whether a reply came without a stamp that could be believed.
    pub(super) is_unstamped: bool,
    /// That of what came last; 0 if it had none.
    stamped: Nanos,
    /// When the end of input came, if the kernel has stamped it.
    end: Option<Nanos>,
}

/// A handshake over loopback takes less than this.
const AT_ONCE: Nanos = SECOND / 5000;

/// Where the generator's own estimate and the kernel's coarse one differ by less, the former is the better.
fn settle(estimate: Nanos, coarse: Nanos) -> Nanos {
    if estimate.abs_diff(coarse) > TICK { coarse } else { estimate }
}

impl Timing {
    /// A visit that begins now. It should have begun when it was `scheduled`, and could since it was `possible`.
    pub(super) fn begin(scheduled: Nanos, possible: Nanos) -> Timing {
        let moments = Moments { scheduled, possible, started: now(), ..Moments::default() };
        Timing {
            moments,
            blocked: 0,
            syn_again: 0,
            was_connected: false,
            was_answered: false,
            again_before: 0,
            is_unstamped: false,
            stamped: 0,
            end: None,
        }
    }

    /// The same over a connection that stands, and over which so many segments were sent again before.
    pub(super) fn over_kept(mut self, again_before: u32) -> Timing {
        let Moments { started, connected, sending, .. } = &mut self.moments;
        (*connected, *sending) = (*started, *started);
        Timing { again_before, ..self }
    }

    /// The kernel has nothing for it.
    pub(super) fn block(&mut self) {
        self.blocked = now();
    }

    /// Whether it had to wait for what comes now.
    pub(super) fn was_blocked(&self) -> bool {
        self.blocked > 0
    }

    /// Whether it was connected as soon as it began. Over loopback one call makes the whole handshake, and the generator can be
    /// interrupted in it: then the kernel knows how long the handshake took.
    pub(super) fn stood_at_once(&self, at: Nanos) -> bool {
        !self.was_blocked() && at.saturating_sub(self.moments.started) < AT_ONCE
    }

    /// When what is there `now` came, as far as the generator saw.
    fn seen(&self, clock: &KernelClock, now: Nanos) -> Nanos {
        if self.was_blocked() { clock.woken.max(self.blocked).min(now) } else { now }
    }

    /// It is connected, of which this is `known`, and its request began to be sent `at` this moment.
    pub(super) fn connect(&mut self, at: Nanos, known: Option<Known>, clock: &KernelClock) {
        let seen = self.seen(clock, at);
        self.moments.sending = at;
        self.moments.connected = match known {
            None => seen,
            // The answer to its only SYN came after one round trip, however late that was noticed, and however late the SYN left.
            Some(Known { sent_again: 0, round_trip, .. }) if round_trip > 0 => {
                (self.moments.started + round_trip).min(at)
            }
            Some(Known { sent_again, last_segment_ago, .. }) => {
                self.syn_again = sent_again;
                settle(seen, at.saturating_sub(last_segment_ago)).clamp(self.blocked, at)
            }
        };
        self.blocked = 0;
    }

    /// Its request is sent. That took a while only if it was sent slowly on purpose.
    pub(super) fn sent(&mut self, slowly: bool) {
        self.moments.sent = if slowly { now() } else { self.moments.sending };
    }

    /// Some of the reply was received, with the kernel's stamp if it has one where `is_stamped`.
    pub(super) fn receive(&mut self, stamp: Option<Nanos>, is_stamped: bool, clock: &KernelClock) {
        let now = now();
        let stamped = stamp.and_then(|stamp| clock.moment(stamp, self.moments.sending, now));
        self.is_unstamped |= is_stamped && stamped.is_none();
        self.stamped = stamped.unwrap_or(0);
        self.moments.last_data = stamped.unwrap_or_else(|| self.seen(clock, now));
        if self.moments.first_byte == 0 {
            self.moments.first_byte = self.moments.last_data;
        }
        self.blocked = 0;
    }

    /// A reply that was received before is taken, whose stamp is now this one. It is later if the end has come behind it.
    pub(super) fn taken(&mut self, stamp: Option<Nanos>, clock: &KernelClock) {
        let stamped = stamp.and_then(|stamp| clock.moment(stamp, self.moments.sending, now()));
        self.end = stamped.filter(|stamped| self.stamped > 0 && *stamped > self.stamped);
    }

    /// Whether the kernel has stamped what was received last, and with a moment before this one.
    pub(super) fn has_stamp_before(&self, moment: Nanos) -> bool {
        self.stamped > 0 && self.stamped < moment
    }

    /// Its end of input was read. Without a stamp and without a wait before, it came with the last data. `known` is asked where
    /// that is too long ago to be taken for granted.
    pub(super) fn end(&mut self, known: impl Fn() -> Option<Known>, clock: &KernelClock) {
        let now = now();
        if let Some(end) = self.end {
            self.finish(end);
            return;
        }
        let before = self.moments.last_data.max(self.moments.sending).max(self.blocked);
        let seen = self.seen(clock, now);
        let estimate = if self.was_blocked() || self.moments.last_data == 0 { seen } else { before };
        let closed = match (now.saturating_sub(before) > TICK).then(known).flatten() {
            Some(Known { last_segment_ago, .. }) => settle(estimate, now.saturating_sub(last_segment_ago)),
            None => estimate,
        };
        self.finish(closed.clamp(before.min(now), now));
    }

    /// The reply was whole with its last datagram or record.
    pub(super) fn end_with_data(&mut self) {
        self.finish(self.moments.last_data);
    }

    /// An error ended it.
    pub(super) fn fail(&mut self, clock: &KernelClock) {
        self.finish(self.seen(clock, now()));
    }

    /// It is over. What it had not come to it came to `at` that moment, if at all.
    pub(super) fn finish(&mut self, at: Nanos) {
        let Moments { connected, sending, sent, first_byte, last_data, closed, ended, .. } =
            &mut self.moments;
        (self.was_connected, self.was_answered) = (*connected > 0, *first_byte > 0);
        for moment in [connected, sending, sent, first_byte, last_data, closed] {
            if *moment == 0 {
                *moment = at;
            }
        }
        *ended = now();
    }

    /// From its beginning to its end, without what the generator was late to send and to read.
    pub(super) fn kernel_time(&self) -> Nanos {
        let Moments { started, connected, sending, closed, .. } = self.moments;
        closed.saturating_sub(started).saturating_sub(sending.saturating_sub(connected))
    }

    /// How long the generator has let the server wait for the request.
    pub(super) fn late_sending(&self) -> Nanos {
        self.moments.sending.saturating_sub(self.moments.connected)
    }

    /// What shows why it was slow, if it was at all. `connected`: it came so far.
    pub(super) fn evidence(
        &self,
        known: impl FnOnce() -> Option<Known>,
        connected: bool,
        timed_out: bool,
    ) -> Evidence {
        // TCP sends nothing again before that.
        let known = (self.kernel_time() > TICK).then(known).flatten();
        let again = known.map_or(0, |known| known.sent_again.saturating_sub(self.again_before));
        if !connected {
            return Evidence { syn_again: again, sent_again: 0, timed_out };
        }
        let known = known.filter(|_| again > self.syn_again);
        let sent_again = known.map_or(0, |known| self.sent_again_for(known, now()));
        Evidence { syn_again: self.syn_again, sent_again, timed_out }
    }

    /// How long its request was being sent again, where that is `known` at `now`.
    fn sent_again_for(&self, known: Known, now: Nanos) -> Nanos {
        let last = if known.is_unacknowledged { now } else { now.saturating_sub(known.last_sent_ago) };
        last.saturating_sub(self.moments.sent).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::parts::Part;

    #[test]
    fn a_connection_that_was_asked_for_late_took_one_round_trip() {
        let clock = KernelClock::new();
        let mut timing = Timing::begin(now(), now());
        let started = timing.moments.started;
        // The generator is interrupted before its SYN leaves.
        while now() < started + SECOND / 200 {
            std::thread::yield_now();
        }
        timing.block();
        let known = Known {
            last_segment_ago: 0,
            round_trip: SECOND / 5000,
            sent_again: 0,
            last_sent_ago: 0,
            is_unacknowledged: false,
        };
        timing.connect(now(), Some(known), &clock);
        timing.finish(now());
        let parts = timing.moments.parts();
        assert_eq!(parts.of(Part::Connecting), SECOND / 5000);
        assert!(parts.of(Part::ReadingLag) >= SECOND / 250, "{parts:?}");
    }
}
