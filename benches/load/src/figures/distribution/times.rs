//! Histograms of times.

use hdrhistogram::Histogram;

use crate::system::clock::{Nanos, SECOND};

/// Times in three digits. It has room for 100 s, and gets more when a longer one comes.
pub(crate) fn histogram() -> Histogram<u64> {
    with_room(100 * SECOND)
}

/// The same, with hardly any room at first.
pub(crate) fn small() -> Histogram<u64> {
    with_room(2)
}

fn with_room(longest: Nanos) -> Histogram<u64> {
    let mut times = Histogram::new_with_bounds(1, longest, 3)
        .unwrap_or_else(|error| unreachable!("fixed bounds: {error}"));
    times.auto(true);
    times
}

/// Records a time of any length.
pub(crate) fn record(times: &mut Histogram<u64>, time: Nanos) {
    times.record(time).unwrap_or_else(|error| unreachable!("it gets room: {error}"));
}

/// Adds the times of another histogram.
pub(crate) fn add(sum: &mut Histogram<u64>, times: &Histogram<u64>) {
    sum.add(times).unwrap_or_else(|error| unreachable!("it gets room: {error}"));
}
