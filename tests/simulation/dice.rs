//! What is left to chance, drawn from a seed: the same seed draws the same again.

use std::time::Duration;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

pub(crate) struct Dice(Xoshiro256PlusPlus);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// A number from 0 to `end`, which is not drawn.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        // The bias of a remainder is far below anything that matters here.
        usize::try_from(self.0.next_u64() % end.max(1) as u64).unwrap()
    }

    /// True once in `times`; never if that is 0.
    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        times > 0 && self.below(times) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(crate) fn micros_below(&mut self, end: usize) -> Duration {
        Duration::from_micros(self.below(end) as u64)
    }

    pub(crate) fn millis_below(&mut self, end: usize) -> Duration {
        Duration::from_millis(self.below(end) as u64)
    }
}
