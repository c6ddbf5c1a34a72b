//! Against endless echoes: two servers that answer each other.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use crate::net::Peer;

/// How often a sender may say the same and be answered, without a second of silence. A client that tries again stays
/// far below it, and a loop of two servers is over after so many rounds.
const REPEATS_MAX: u8 = 100;

/// How long repetitions are counted together. Of those before, one is forgiven: a sender may say the same once in this
/// time for ever. A loop that takes longer for a round does no harm.
const WINDOW: Duration = Duration::from_secs(1);

/// How many counters there are. A datagram has one of them, which others can have as well. So a crowd of other senders drives
/// nothing out. A million of them a second do not make a counter reach its limit.
const COUNTERS: usize = 1 << 16;

/// Recognises a sender that repeats itself over and over, in a memory that does not grow.
///
/// The welcome of a server with another text cannot be told from a name. But two servers that answer each
/// other say the same at every round, or something in which this server finds its own welcome. However long a
/// round takes, they never pause: so only silence lets what was counted be forgotten.
#[derive(Debug)]
pub(super) struct LoopGuard {
    since: Option<Instant>,
    counts: Box<[u8]>,
    /// The counts of the window before.
    before: Box<[u8]>,
    keys: RandomState,
}

impl Default for LoopGuard {
    fn default() -> Self {
        let counters = || vec![0; COUNTERS].into_boxed_slice();
        LoopGuard { since: None, counts: counters(), before: counters(), keys: RandomState::new() }
    }
}

impl LoopGuard {
    /// Counts a datagram, and whether its sender has said the same too often.
    pub(super) fn is_repeated_too_often(&mut self, peer: &Peer, bytes: &[u8], now: Instant) -> bool {
        let windows_over = |windows| self.since.is_none_or(|since| now >= since + WINDOW * windows);
        let (one, two) = (windows_over(1), windows_over(2));
        if one {
            std::mem::swap(&mut self.counts, &mut self.before);
            self.counts.fill(0);
            self.since = Some(now);
        }
        if two {
            self.before.fill(0);
        }
        let hash = self.keys.hash_one((peer, bytes));
        let counter = usize::try_from(hash % COUNTERS as u64).unwrap_or_default();
        let carried = self.before.get(counter).map_or(0, |count| count.saturating_sub(1));
        let Some(count) = self.counts.get_mut(counter) else { return false };
        *count = (*count).max(carried).saturating_add(1);
        *count > REPEATS_MAX
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
    fn start() -> Instant {
        Instant::now()
    }

    fn host(number: u32) -> Peer {
        Peer::Host(Ipv4Addr::from_bits(number))
    }

    #[test]
    fn a_sender_that_repeats_itself_is_answered_after_a_silence() {
        let (mut guard, now) = (LoopGuard::default(), start());
        let (one, other) = (host(1), host(2));
        for _ in 0..REPEATS_MAX {
            assert!(!guard.is_repeated_too_often(&one, b"Ada", now));
        }
        assert!(guard.is_repeated_too_often(&one, b"Ada", now));
        assert!(!guard.is_repeated_too_often(&one, b"Bob", now), "another name");
        assert!(!guard.is_repeated_too_often(&other, b"Ada", now), "another sender");
        assert!(guard.is_repeated_too_often(&one, b"Ada", now + WINDOW), "it has not been silent");
        assert!(!guard.is_repeated_too_often(&one, b"Ada", now + WINDOW * 3));
    }

    #[test]
    fn a_loop_stops_after_so_many_rounds_however_long_a_round_takes() {
        for round in [1, 7, 50, 333, 900].map(Duration::from_millis) {
            let (mut guard, now, peer) = (LoopGuard::default(), start(), host(1));
            let answered =
                (0..=1000).take_while(|n| !guard.is_repeated_too_often(&peer, b"Ada", now + round * *n));
            let rounds = answered.count();
            assert!((100..1000).contains(&rounds), "{rounds} rounds of {round:?}");
        }
    }

    #[test]
    fn a_sender_that_repeats_itself_slowly_is_always_answered() {
        let (mut guard, now) = (LoopGuard::default(), start());
        for second in 0..10_000 {
            assert!(!guard.is_repeated_too_often(&host(1), b"Ada", now + WINDOW * second));
        }
    }

    #[test]
    fn a_crowd_of_other_senders_lets_no_loop_go_on() {
        let (mut guard, now, echo) = (LoopGuard::default(), start(), host(1));
        // 8,200 other senders a second, and a loop of 1,000 rounds a second.
        let mut answered = 0;
        for round in 0..10_000_u32 {
            let now = now + Duration::from_millis(1) * round;
            for other in 0..8 {
                guard.is_repeated_too_often(&host(2 + round * 8 + other), b"Ada", now);
            }
            answered += u32::from(!guard.is_repeated_too_often(&echo, b"Ada", now));
        }
        assert!(answered <= 100, "{answered}");
    }

    #[test]
    fn a_crowd_of_other_senders_is_answered() {
        let (mut guard, now) = (LoopGuard::default(), start());
        for sender in 0..1_000_000 {
            assert!(!guard.is_repeated_too_often(&host(sender), b"Ada", now));
        }
    }
}
