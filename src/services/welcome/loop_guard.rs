//! Against endless echoes: two servers that answer each other.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use crate::net::Peer;

/// How often a sender may say the same and be answered, without a second of silence. A client that tries again stays
/// far below it, and a loop of two servers is over after so many rounds.
const REPEATS_MAX: u32 = 100;

/// How long repetitions are counted together. Of those before, one is forgiven: a sender may say the same once in this
/// time for ever. A loop that takes longer for a round does no harm.
const WINDOW: Duration = Duration::from_secs(1);

/// How many different datagrams are remembered in one window.
const REMEMBERED_MAX: usize = 4096;

/// Recognises a sender that repeats itself over and over.
///
/// The welcome of a server with another text cannot be told from a name. But two servers that answer each
/// other say the same at every round, or something in which this server finds its own welcome. However long a
/// round takes, they never pause: so only silence lets what was counted be forgotten.
#[derive(Default, Debug)]
pub(super) struct LoopGuard {
    since: Option<Instant>,
    counts: HashMap<u64, u32>,
    /// The counts of the window before.
    before: HashMap<u64, u32>,
    keys: RandomState,
}

impl LoopGuard {
    /// Counts a datagram, and whether its sender has said the same too often.
    pub(super) fn is_repeated_too_often(&mut self, peer: &Peer, bytes: &[u8], now: Instant) -> bool {
        let windows_over = |windows| self.since.is_none_or(|since| now >= since + WINDOW * windows);
        let (one, two) = (windows_over(1), windows_over(2));
        if one || self.counts.len() >= REMEMBERED_MAX {
            std::mem::swap(&mut self.counts, &mut self.before);
            self.counts.clear();
            self.since = Some(now);
        }
        if two {
            self.before.clear();
        }
        let key = self.keys.hash_one((peer, bytes));
        let carried = self.before.get(&key).map_or(0, |count| count.saturating_sub(1));
        let count = self.counts.entry(key).or_insert(carried);
        *count = count.saturating_add(1);
        *count > REPEATS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_sender_that_repeats_itself_is_answered_after_a_silence() {
        let (mut guard, now) = (LoopGuard::default(), start());
        let (one, other) = (Peer::Process(1), Peer::Process(2));
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
            let (mut guard, now, peer) = (LoopGuard::default(), start(), Peer::Process(1));
            let answered =
                (0..u32::MAX).take_while(|n| !guard.is_repeated_too_often(&peer, b"Ada", now + round * *n));
            let rounds = answered.count();
            assert!((100..=1000).contains(&rounds), "{rounds} rounds of {round:?}");
        }
    }

    #[test]
    fn a_sender_that_repeats_itself_slowly_is_always_answered() {
        let (mut guard, now) = (LoopGuard::default(), start());
        for second in 0..10_000 {
            assert!(!guard.is_repeated_too_often(&Peer::Process(1), b"Ada", now + WINDOW * second));
        }
    }

    #[test]
    fn many_senders_are_not_remembered_without_end() {
        let (mut guard, now) = (LoopGuard::default(), start());
        for sender in 0..100_000 {
            assert!(!guard.is_repeated_too_often(&Peer::Process(sender), b"Ada", now));
            assert!(guard.counts.len() <= REMEMBERED_MAX);
        }
    }
}
