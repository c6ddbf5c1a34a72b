//! What is pending from turn to turn: names that drip, and visits that wait for room.

use super::Generator;
use crate::generator::flight::Progress;

impl Generator<'_> {
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
}
