//! What is left to chance, drawn from a seed: the same seed draws the same again.

use std::time::Duration;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

/// Draws numbers from a seed.
#[derive(Clone, Debug)]
pub struct Dice(Xoshiro256PlusPlus);

impl Dice {
    /// Dice that draw the same for the same seed.
    #[must_use]
    pub fn new(seed: u64) -> Dice {
        Dice(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Other dice, which draw independently of these.
    #[must_use]
    pub fn split(&mut self) -> Dice {
        Dice::new(self.0.next_u64())
    }

    /// A number from 0 to `end`, which is not drawn. 0 if `end` is.
    pub fn below(&mut self, end: usize) -> usize {
        // The bias of a remainder is far below anything that matters here.
        usize::try_from(self.0.next_u64() % end.max(1) as u64).unwrap_or_default()
    }

    /// True once in `times`; never if that is 0.
    pub fn one_in(&mut self, times: usize) -> bool {
        times > 0 && self.below(times) == 0
    }

    /// One of these. Panics if there are none.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A whole number of microseconds below `end`.
    pub fn micros_below(&mut self, end: usize) -> Duration {
        Duration::from_micros(self.below(end) as u64)
    }

    /// A whole number of milliseconds below `end`.
    pub fn millis_below(&mut self, end: usize) -> Duration {
        Duration::from_millis(self.below(end) as u64)
    }
}
