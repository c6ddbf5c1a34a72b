//! Looks for sessions that give way.

use std::num::NonZeroU8;

/// The number of a look. After the 255th comes the first again: only the last two matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Look(NonZeroU8);

/// After so many looks even one that reads slowly had its time.
const LONG: u8 = 20;

/// The last two looks, the older one first.
#[derive(Debug)]
pub(crate) struct Looks([Look; 2]);

impl Default for Looks {
    /// None has been yet.
    fn default() -> Self {
        Looks([Look(NonZeroU8::MAX), Look(NonZeroU8::MIN)])
    }
}

impl Looks {
    /// One more.
    pub(crate) fn next(&mut self) {
        let Looks([_, Look(last)]) = *self;
        self.0 = [Look(last), Look(last.checked_add(1).unwrap_or(NonZeroU8::MIN))];
    }

    /// The last one.
    pub(crate) fn last(&self) -> Look {
        let Looks([_, last]) = *self;
        last
    }

    /// Whether who came after the look `came` has had all the time between two looks.
    pub(crate) fn had_time(&self, came: Look) -> bool {
        !self.0.contains(&came)
    }

    /// Whether there have been 20 looks or more since `came`. After 255 of them it is as if it had just come.
    pub(crate) fn had_long(&self, Look(came): Look) -> bool {
        let Look(last) = self.last();
        let since = match last.get().checked_sub(came.get()) {
            Some(since) => since,
            None => u8::MAX - came.get() + last.get(),
        };
        since >= LONG
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_has_long_after_twenty_looks() {
        let mut looks = Looks::default();
        for _ in 0..300 {
            let (came, mut then) = (looks.last(), Looks(looks.0));
            for look in 0..30 {
                assert_eq!(then.had_long(came), look >= 20, "{look} looks after {came:?}");
                then.next();
            }
            looks.next();
        }
    }

    #[test]
    fn who_came_has_time_until_the_second_look() {
        let mut looks = Looks::default();
        for _ in 0..600 {
            let came = looks.last();
            assert!(!looks.had_time(came));
            looks.next();
            assert!(!looks.had_time(came));
            looks.next();
            assert!(looks.had_time(came));
        }
    }
}
