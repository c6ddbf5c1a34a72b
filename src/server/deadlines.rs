//! Who expires when, in constant time.
//!
//! Every key of one list waits equally long, so the list is sorted by being appended to: no heap, no
//! wheel. It is doubly linked through an array indexed by key, which makes taking a key out O(1) as well.

use std::time::{Duration, Instant};

/// The longest wait, far beyond any that is meant: what is longer is cut, so that no moment overflows.
pub(crate) const DURATION_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The end of a list. No slab of connections has this key.
const NONE: u32 = u32::MAX;

/// A list of keys that all expire the same time after they were armed.
#[derive(Debug)]
pub(crate) struct Deadlines {
    after: Duration,
    head: u32,
    tail: u32,
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    previous: u32,
    next: u32,
    /// `None` while the key is not in the list.
    expires: Option<Instant>,
}

const UNARMED: Node = Node { previous: NONE, next: NONE, expires: None };

impl Deadlines {
    /// An empty list whose keys expire `after` they are armed.
    pub(crate) fn new(after: Duration) -> Deadlines {
        Deadlines { after: after.min(DURATION_MAX), head: NONE, tail: NONE, nodes: Vec::new() }
    }

    /// The first moment at which a key expires.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.node(self.head).expires
    }

    /// Whether `key` is in the list.
    pub(crate) fn is_armed(&self, key: usize) -> bool {
        self.node(index(key)).expires.is_some()
    }

    /// Lets `key` expire its time from `now`, which is not before the `now` of any call before. A key
    /// that is armed already begins anew.
    pub(crate) fn arm(&mut self, key: usize, now: Instant) {
        self.disarm(key);
        if key >= self.nodes.len() {
            self.nodes.resize(key + 1, UNARMED);
        }
        let (key, tail) = (index(key), self.tail);
        let armed = Node { previous: tail, next: NONE, expires: Some(now + self.after) };
        self.update(key, |node| *node = armed);
        self.update(tail, |node| node.next = key);
        if tail == NONE {
            self.head = key;
        }
        self.tail = key;
    }

    /// Takes `key` out of the list, if it is there.
    pub(crate) fn disarm(&mut self, key: usize) {
        let key = index(key);
        let Node { previous, next, expires } = self.node(key);
        if expires.is_none() {
            return;
        }
        self.update(key, |node| *node = UNARMED);
        self.update(previous, |node| node.next = next);
        self.update(next, |node| node.previous = previous);
        if self.head == key {
            self.head = next;
        }
        if self.tail == key {
            self.tail = previous;
        }
    }

    /// Takes out the key that expires first, if its moment is not after `now`.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<usize> {
        if self.next()? > now {
            return None;
        }
        let key = self.head as usize;
        self.disarm(key);
        Some(key)
    }

    fn node(&self, key: u32) -> Node {
        self.nodes.get(key as usize).copied().unwrap_or(UNARMED)
    }

    fn update(&mut self, key: u32, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(key as usize) {
            change(node);
        }
    }
}

/// A key as the array stores it: half the size, and far more than any descriptor limit.
fn index(key: usize) -> u32 {
    u32::try_from(key).unwrap_or(NONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    const AFTER: Duration = Duration::from_millis(10);

    #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn keys_expire_in_the_order_they_were_armed_and_not_before() {
        let (mut list, start) = (Deadlines::new(AFTER), start());
        list.arm(7, start);
        list.arm(0, start + Duration::from_millis(1));
        assert_eq!(list.next(), Some(start + AFTER));
        assert_eq!(list.expire(start + AFTER.saturating_sub(Duration::from_nanos(1))), None);
        assert_eq!(list.expire(start + AFTER), Some(7));
        assert_eq!(list.expire(start + AFTER), None);
        assert_eq!(list.expire(start + AFTER * 2), Some(0));
        assert_eq!(list.next(), None);
    }

    #[test]
    fn a_zero_wait_expires_at_once() {
        let (mut list, start) = (Deadlines::new(Duration::ZERO), start());
        list.arm(1, start);
        assert_eq!(list.expire(start), Some(1));
    }

    #[test]
    fn a_wait_without_end_is_one_of_a_hundred_years() {
        let (mut list, start) = (Deadlines::new(Duration::MAX), start());
        list.arm(1, start);
        assert_eq!(list.next(), Some(start + Duration::from_secs(3_153_600_000)));
    }

    proptest! {
        /// Against the plain queue that it replaces.
        #[test]
        fn it_does_what_a_sorted_queue_does(steps in prop::collection::vec((0..3, 0usize..6, 0u64..8), 0..200)) {
            let (mut list, mut now) = (Deadlines::new(AFTER), start());
            let mut model: VecDeque<(usize, Instant)> = VecDeque::new();
            for (step, key, passed) in steps {
                now += Duration::from_millis(passed);
                if step < 2 {
                    model.retain(|(armed, _)| *armed != key);
                }
                match step {
                    0 => { list.arm(key, now); model.push_back((key, now + AFTER)); }
                    1 => list.disarm(key),
                    _ => {
                        let due = model.front().filter(|(_, expires)| *expires <= now).map(|(key, _)| *key);
                        model.drain(..usize::from(due.is_some()));
                        prop_assert_eq!(list.expire(now), due);
                    }
                }
                prop_assert_eq!(list.next(), model.front().map(|(_, expires)| *expires));
                for key in 0..6 {
                    prop_assert_eq!(list.is_armed(key), model.iter().any(|(armed, _)| *armed == key));
                }
            }
        }
    }
}
