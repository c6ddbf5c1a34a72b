//! What is pending from turn to turn: names that drip, visits that wait for room, and the ends of their time.

use super::Generator;
use crate::generator::flight::Progress;

/// A visit whose name the generator sent late by more than such a part of the timeout has its time anew.
const LATE_PART: u64 = 10;

/// How often a visit whose time is over is driven in one turn, for as long as there is something to read. A receive buffer of a
/// Unix socket has no more (`net.core.rmem_default`); one of TCP can, but there the kernel says when it came.
const LAST_LOOKS: usize = 4;

impl Generator<'_> {
    /// Drives the flight that the kernel has reported, `closed` by the server or not.
    pub(super) fn reported(&mut self, key: usize, closed: bool) {
        let goes_on = self.flights.get_mut(key).is_some_and(|(_, flight)| flight.reported(closed));
        if goes_on {
            self.drive(key);
        }
    }

    /// Sends the next byte of every name that is due.
    pub(super) fn drip(&mut self) {
        while let Some((at, key, serial)) = self.drips.front().copied()
            && at <= self.at
        {
            self.drips.pop_front();
            let Some((flying, flight)) = self.flights.get_mut(key) else { continue };
            if *flying == serial {
                if flight.allow() {
                    self.drips.push_back((at.saturating_add(self.pause), key, serial));
                }
                self.drive(key);
            }
        }
    }

    /// Lets the flights that wait for room try again, until one finds none.
    pub(super) fn try_again(&mut self) {
        while let Some((key, serial)) = self.waiting.front().copied() {
            let flies = self.flights.get(key).is_some_and(|(flying, _)| *flying == serial);
            if flies && self.drive(key) == Progress::NoRoom {
                return;
            }
            self.waiting.pop_front();
        }
    }

    /// Ends the flights that have lasted too long.
    pub(super) fn expire(&mut self) {
        let mut read_on = Vec::new();
        while let Some((at, key, serial)) = self.deadlines.front().copied()
            && (at <= self.at || self.flights.get(key).is_none_or(|(flying, _)| *flying != serial))
        {
            self.deadlines.pop_front();
            if self.flights.get(key).is_none_or(|(flying, _)| *flying != serial) {
                continue;
            }
            let progress = self.look_again(key);
            if !matches!(progress, Progress::Waits | Progress::GoesOn | Progress::NoRoom) {
                continue;
            }
            let Some((_, flight)) = self.flights.get_mut(key) else { continue };
            if progress == Progress::GoesOn && flight.timing.has_stamp_before(at) {
                // What it has read had come in time, and so can the rest.
                read_on.push((at, key, serial));
                continue;
            }
            let late = flight.timing.late_sending();
            let had_less = at < flight.timing.moments.started.saturating_add(self.timeout + late);
            if late > self.timeout / LATE_PART && had_less {
                // The server had much less time than the visit has lasted.
                self.deadlines.push_back((self.at.saturating_add(self.timeout), key, serial));
            } else {
                let progress = flight.timed_out(&self.plan.manners, at);
                self.came_to(key, progress);
            }
        }
        // They are due still: the next turn comes at once, and in it the others have had theirs.
        for deadline in read_on.into_iter().rev() {
            self.deadlines.push_front(deadline);
        }
    }

    /// Looks once more at a flight whose time is over: the generator may just not have read what is there.
    fn look_again(&mut self, key: usize) -> Progress {
        for _ in 1..LAST_LOOKS {
            let progress = self.drive(key);
            if progress != Progress::GoesOn {
                return progress;
            }
        }
        self.drive(key)
    }
}
