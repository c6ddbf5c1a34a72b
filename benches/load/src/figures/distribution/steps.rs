//! Times in steps: each doubling of a time is so many of them, so that all are equally narrow beside their times.

use crate::system::clock::Nanos;

/// The step of a time, where each doubling has `2^bits` of them. Times below that have one each.
pub(super) fn step(time: Nanos, bits: u32) -> usize {
    let shift = (time | (1 << bits)).ilog2() - bits;
    let within = usize::try_from(time >> shift).unwrap_or(usize::MAX);
    within + ((shift as usize) << bits)
}

/// The shortest and the longest time of a step.
pub(super) fn times(step: usize, bits: u32) -> (Nanos, Nanos) {
    let shift = (step >> bits).saturating_sub(1);
    let within = (step - (shift << bits)) as u64;
    let shortest = within << shift;
    (shortest, shortest + ((1 << shift) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_narrow_and_in_order() {
        for bits in [5, 7] {
            let mut last = 0;
            for time in (0..100_000).chain((20..64).map(|bits| 1 << bits)).chain([u64::MAX]) {
                let own = step(time, bits);
                assert!(own >= last, "{time}");
                last = own;
                let (shortest, longest) = times(own, bits);
                assert!((shortest..=longest).contains(&time), "{time}: {shortest} to {longest}");
                assert!(longest - shortest <= time >> bits, "{time}: {shortest} to {longest}");
            }
            assert!(last < 60 << bits);
        }
    }
}
