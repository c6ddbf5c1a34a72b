//! Looks for sessions that give way, while the server stops.

use std::num::NonZeroU8;

/// The number of a look. After the 255th comes the first again: only the last two matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Look(NonZeroU8);

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
}

#[cfg(test)]
mod tests {
    use super::*;

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
