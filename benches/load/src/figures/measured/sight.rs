//! What a run had come to at one moment, to be looked at by another thread than the one that measures.

use crate::figures::measured::Glimpse;
use crate::figures::tally::Tally;
use crate::system::clock::Nanos;

/// A copy of a [`Glimpse`].
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    tally: Tally,
    passed: Nanos,
    in_flight: usize,
}

impl Sight {
    /// The copy of one: what is shown of a run while it goes on.
    pub(crate) fn of(glimpse: &Glimpse<'_>) -> Sight {
        Sight { tally: glimpse.tally.glimpse(), passed: glimpse.passed, in_flight: glimpse.in_flight }
    }

    /// The same to look at.
    pub(crate) fn glimpse(&self) -> Glimpse<'_> {
        Glimpse { tally: &self.tally, passed: self.passed, in_flight: self.in_flight }
    }
}
