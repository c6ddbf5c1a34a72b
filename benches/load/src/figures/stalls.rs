//! How long nothing came to an end: what a closed loop hides.
//!
//! While a server stalls, a closed loop begins no visits. So a stall shows in as many visits as are in flight, however long it
//! is, and percentiles hide it. A client that comes on its own waits in it.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::figures::distribution::stored;
use crate::figures::distribution::times::{add, histogram, record, small};
use crate::system::clock::Nanos;

/// The pauses between one visit's end and the next, while some were in flight.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stalls {
    #[serde(with = "stored")]
    pauses: Histogram<u64>,
}

impl Stalls {
    pub(crate) fn new() -> Stalls {
        Stalls { pauses: histogram() }
    }

    /// None, without room for any.
    pub(crate) fn none() -> Stalls {
        Stalls { pauses: small() }
    }

    /// Notes that from the moment at which the last end was read nothing came for so long.
    pub(crate) fn note(&mut self, pause: Nanos) {
        record(&mut self.pauses, pause);
    }

    /// Adds those of another run.
    pub(crate) fn add(&mut self, other: &Stalls) {
        add(&mut self.pauses, &other.pauses);
    }

    /// The longest.
    pub(crate) fn longest(&self) -> Nanos {
        self.pauses.max()
    }

    /// How long a part `quantile` of the clients would have waited at most for the end of a pause, had they come
    /// at moments of their own choosing within `passed`.
    ///
    /// How likely is it to come in a pause that goes on for longer than some time? Each pause has that much less of all time
    /// than it is long.
    #[expect(clippy::cast_precision_loss, reason = "shares of a time")]
    pub(crate) fn wait(&self, quantile: f64, passed: Nanos) -> Nanos {
        let most = (1.0 - quantile) * passed as f64;
        let beyond = |time: Nanos| -> f64 {
            let pauses = self.pauses.iter_recorded();
            let left = pauses.map(|pause| {
                pause.value_iterated_to().saturating_sub(time) as f64 * pause.count_at_value() as f64
            });
            left.sum()
        };
        let (mut low, mut high) = (0, self.longest());
        if beyond(low) <= most {
            return 0;
        }
        while high - low > high / 1000 + 1 {
            let middle = low.midpoint(high);
            if beyond(middle) > most { low = middle } else { high = middle }
        }
        high
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::clock::SECOND;

    const MS: Nanos = SECOND / 1000;

    #[test]
    fn a_client_of_its_own_waits_in_the_stalls() {
        let mut stalls = Stalls::new();
        // In 20 s, ten stalls of 500 ms, and a visit's end each millisecond between them.
        for _ in 0..10 {
            stalls.note(500 * MS);
        }
        for _ in 0..15_000 {
            stalls.note(MS);
        }
        assert!(stalls.longest().abs_diff(500 * MS) < MS);
        // A quarter of all clients come in a stall. One of a hundred has 480 ms or more before it.
        let p99 = stalls.wait(0.99, 20 * SECOND);
        assert!(p99.abs_diff(480 * MS) < 2 * MS, "{p99}");
        assert!(stalls.wait(0.5, 20 * SECOND) < 2 * MS);
    }

    #[test]
    fn without_a_stall_no_client_waits_longer_than_between_two_ends() {
        let mut stalls = Stalls::new();
        assert_eq!(stalls.wait(0.99, SECOND), 0);
        for _ in 0..1000 {
            stalls.note(MS);
        }
        assert!(stalls.wait(0.99, SECOND) <= MS + MS / 100);
    }
}
