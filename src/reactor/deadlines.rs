//! Which keys expire when, in constant time.
//!
//! Every key of one list waits equally long, so the list is sorted by being appended to: no heap, no
//! wheel. It is doubly linked through an array indexed by key, which makes taking a key out O(1) as well.
//! Moments are nanoseconds from one start, so that a node has 16 bytes. Few keys are postponed, each to a moment of its
//! own: those are in a tree.

use std::collections::BTreeSet;
use std::time::Duration;

/// The longest wait, 100 years: what is longer is cut, so that no moment overflows.
pub(crate) const DURATION_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A moment that never comes, in 584 years.
pub(crate) const NEVER: u64 = u64::MAX;

/// The end of a list. No slab of connections has this key.
const NONE: u32 = u32::MAX;

/// What stands for the previous key where a key was postponed, and is in no list. No slab has this key either.
const POSTPONED: u32 = u32::MAX - 1;

/// A list of keys that all expire the same time after they were armed.
#[derive(Debug)]
pub(crate) struct Deadlines {
    after: u64,
    head: u32,
    tail: u32,
    /// When the head expires; `NEVER` if there is none. The loop asks for it at every turn.
    first: u64,
    nodes: Vec<Node>,
    /// The keys that were postponed, by when they expire; and the first moment of these.
    postponed: BTreeSet<(u64, u32)>,
    first_postponed: u64,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    previous: u32,
    next: u32,
    /// `NEVER` while the key is not in the list.
    expires: u64,
}

const UNARMED: Node = Node { previous: NONE, next: NONE, expires: NEVER };

impl Deadlines {
    /// An empty list whose keys expire `after` they are armed.
    pub(crate) fn new(after: Duration) -> Deadlines {
        let after = u64::try_from(after.min(DURATION_MAX).as_nanos()).unwrap_or(NEVER);
        Deadlines {
            after,
            head: NONE,
            tail: NONE,
            first: NEVER,
            nodes: Vec::new(),
            postponed: BTreeSet::new(),
            first_postponed: NEVER,
        }
    }

    /// How long after it is armed a key expires.
    pub(crate) fn after(&self) -> Duration {
        Duration::from_nanos(self.after)
    }

    /// The first moment at which a key expires; `NEVER` if there is none.
    #[inline]
    pub(crate) fn first(&self) -> u64 {
        self.first.min(self.first_postponed)
    }

    /// Lets `key`, which has expired, expire again at this moment: [`expire_postponed`](Deadlines::expire_postponed) gives
    /// it then.
    pub(crate) fn postpone(&mut self, key: usize, expires: u64) {
        self.disarm(key);
        let (key, expires) = (index(key), expires.min(NEVER - 1));
        self.update(key, |node| *node = Node { previous: POSTPONED, next: NONE, expires });
        self.postponed.insert((expires, key));
        self.first_postponed = self.first_postponed.min(expires);
    }

    /// Takes out the key that was postponed and expires first, if its moment is not after `now`.
    pub(crate) fn expire_postponed(&mut self, now: u64) -> Option<usize> {
        if self.first_postponed > now {
            return None;
        }
        let key = self.postponed.first().map(|(_, key)| *key as usize)?;
        self.disarm(key);
        Some(key)
    }

    /// Lets `key` expire its time from `now`, which is not before the `now` of any call before. A key
    /// that is armed already begins anew.
    pub(crate) fn arm(&mut self, key: usize, now: u64) {
        self.disarm(key);
        if key >= self.nodes.len() {
            self.nodes.resize(key + 1, UNARMED);
        }
        let (key, tail) = (index(key), self.tail);
        let expires = now.saturating_add(self.after).min(NEVER - 1);
        self.update(key, |node| *node = Node { previous: tail, next: NONE, expires });
        self.update(tail, |node| node.next = key);
        if tail == NONE {
            (self.head, self.first) = (key, expires);
        }
        self.tail = key;
    }

    /// Takes `key` out of the list, if it is there.
    pub(crate) fn disarm(&mut self, key: usize) {
        let key = index(key);
        let Node { previous, next, expires } = self.node(key);
        if expires == NEVER {
            return;
        }
        self.update(key, |node| *node = UNARMED);
        if previous == POSTPONED {
            self.postponed.remove(&(expires, key));
            self.first_postponed = self.postponed.first().map_or(NEVER, |(expires, _)| *expires);
            return;
        }
        self.update(previous, |node| node.next = next);
        self.update(next, |node| node.previous = previous);
        if self.head == key {
            (self.head, self.first) = (next, self.node(next).expires);
        }
        if self.tail == key {
            self.tail = previous;
        }
    }

    /// Takes out the key that was not postponed and expires first, if its moment is not after `now`.
    pub(crate) fn expire(&mut self, now: u64) -> Option<usize> {
        if self.first > now {
            return None;
        }
        let key = self.head as usize;
        self.disarm(key);
        Some(key)
    }

    /// The keys, those that were armed first in front, each with the moment since which it waits. Those that were postponed are left
    /// out.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (usize, u64)> {
        let next = |key: &u32| Some(self.node(*key).next);
        let keys = std::iter::successors(Some(self.head), next).take_while(|key| *key != NONE);
        keys.map(|key| (key as usize, self.node(key).expires.saturating_sub(self.after)))
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

    const AFTER: u64 = 10;

    fn list() -> Deadlines {
        Deadlines::new(Duration::from_nanos(AFTER))
    }

    #[test]
    fn the_keys_that_wait_longest_are_in_front() {
        let mut list = list();
        assert_eq!(list.waiting().next(), None);
        for (now, key) in [(1, 7), (2, 3), (4, 5), (6, 3), (7, 9)] {
            list.arm(key, now);
        }
        list.disarm(5);
        assert_eq!(list.waiting().collect::<Vec<_>>(), [(7, 1), (3, 6), (9, 7)]);
        list.postpone(7, 30);
        assert_eq!(list.waiting().collect::<Vec<_>>(), [(3, 6), (9, 7)]);
    }

    #[test]
    fn keys_expire_in_the_order_they_were_armed_and_not_before() {
        let mut list = list();
        list.arm(7, 100);
        list.arm(0, 101);
        assert_eq!(list.first(), 110);
        assert_eq!(list.expire(109), None);
        assert_eq!(list.expire(110), Some(7));
        assert_eq!(list.expire(110), None);
        assert_eq!(list.expire(120), Some(0));
        assert_eq!(list.first(), NEVER);
    }

    #[test]
    fn a_zero_wait_expires_at_once() {
        let mut list = Deadlines::new(Duration::ZERO);
        list.arm(1, 5);
        assert_eq!(list.expire(5), Some(1));
    }

    #[test]
    fn a_wait_without_end_is_one_of_a_hundred_years() {
        let mut list = Deadlines::new(Duration::MAX);
        list.arm(1, 5);
        assert_eq!(list.first(), 5 + 3_153_600_000 * 1_000_000_000);
    }

    #[test]
    fn a_deadline_beyond_all_time_is_one_all_the_same() {
        let mut list = list();
        list.arm(1, NEVER - 2);
        assert_eq!(list.first(), NEVER - 1);
        assert_eq!((list.expire(NEVER - 1), list.first()), (Some(1), NEVER));
    }

    #[test]
    fn a_key_that_is_postponed_expires_once_more() {
        let mut list = list();
        for key in 0..3 {
            list.arm(key, 0);
            assert_eq!(list.expire(10), Some(key));
        }
        list.postpone(0, 50);
        list.postpone(1, 30);
        list.postpone(2, 40);
        list.arm(3, 25);
        assert_eq!((list.first(), list.expire_postponed(29)), (30, None));
        list.disarm(2);
        assert_eq!((list.expire_postponed(60), list.expire(60)), (Some(1), Some(3)));
        assert_eq!((list.expire(60), list.first()), (None, 50));
        list.arm(0, 60);
        assert_eq!((list.first(), list.expire_postponed(NEVER)), (70, None));
        assert_eq!((list.expire(70), list.first()), (Some(0), NEVER));
    }

    #[test]
    fn a_node_has_16_bytes() {
        assert_eq!(size_of::<Node>(), 16);
    }

    proptest! {
        /// Against the plain queue that it replaces.
        #[test]
        fn it_does_what_a_sorted_queue_does(steps in prop::collection::vec((0..3, 0usize..6, 0u64..8), 0..200)) {
            let (mut list, mut now) = (list(), 0);
            let mut model: VecDeque<(usize, u64)> = VecDeque::new();
            for (step, key, passed) in steps {
                now += passed;
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
                prop_assert_eq!(list.first(), model.front().map_or(NEVER, |(_, expires)| *expires));
                for key in 0..6 {
                    let is_armed = list.node(index(key)).expires != NEVER;
                    prop_assert_eq!(is_armed, model.iter().any(|(armed, _)| *armed == key));
                }
            }
        }
    }
}
