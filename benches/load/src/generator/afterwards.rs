//! What comes to the socket of a datagram's visit after the visit is over.
//!
//! Such a socket stays open for a while, and is then emptied and closed. That is how answers that come twice or too
//! late are seen.

use std::collections::VecDeque;

use crate::figures::tally::Tally;
use crate::generator::flight::Flight;
use crate::generator::flight::leftover::Leftover;
use crate::plan::target::{Along, Target};
use crate::system::clock::{Nanos, SECOND};

/// How long the socket of an answered visit stays open: a second answer is sent just behind the first.
pub(crate) const REST: Nanos = SECOND / 20;

/// The sockets that stay open.
pub(crate) struct Afterwards {
    /// Those of answered visits, and when they are closed, in order.
    answered: VecDeque<(Nanos, Flight)>,
    /// Those of visits that were given up.
    lost: VecDeque<(Nanos, Flight)>,
    /// How long the latter stay open.
    patience: Nanos,
}

impl Afterwards {
    /// The socket of a lost visit stays open for `patience`.
    pub(crate) fn new(patience: Nanos) -> Afterwards {
        Afterwards { answered: VecDeque::new(), lost: VecDeque::new(), patience }
    }

    /// Keeps the socket of a visit that is over.
    pub(crate) fn keep(&mut self, flight: Flight, was_lost: bool, now: Nanos) {
        if was_lost {
            self.lost.push_back((now.saturating_add(self.patience), flight));
        } else {
            self.answered.push_back((now + REST, flight));
        }
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.answered.len() + self.lost.len()
    }

    /// When the next one is to be closed.
    pub(crate) fn next(&self) -> Option<Nanos> {
        let front = |sockets: &VecDeque<(Nanos, Flight)>| sockets.front().map(|(at, _)| *at);
        front(&self.answered).into_iter().chain(front(&self.lost)).min()
    }

    /// Empties and closes the sockets that have been open for long enough, and counts what was in them.
    pub(crate) fn close(&mut self, target: &Target, along: &mut Along, now: Nanos, tally: &mut Tally) {
        for sockets in [&mut self.answered, &mut self.lost] {
            while sockets.front().is_some_and(|(at, _)| *at <= now)
                && let Some((_, flight)) = sockets.pop_front()
            {
                let Leftover { late, duplicates, foreign } = flight.leftover(target, along);
                tally.late += late;
                tally.duplicates += duplicates;
                tally.foreign += foreign;
            }
        }
    }
}
