//! Which visits of a run one of several generators makes.

/// Which visits of a run a generator makes: the one of the number `first`, and every `every`-th behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Share {
    pub(crate) first: u64,
    pub(crate) every: u64,
}

impl Share {
    /// All of them.
    pub(crate) const WHOLE: Share = Share { first: 0, every: 1 };

    /// The number that its own visit of this number, from 0, has in the whole run.
    pub(crate) fn number(self, own: u64) -> u64 {
        self.first.saturating_add(own.saturating_mul(self.every))
    }

    /// How many of the first `count` visits of the run it makes.
    pub(super) fn of(self, count: u64) -> u64 {
        count.saturating_sub(self.first).div_ceil(self.every)
    }
}
