//! What came of a run.

use std::time::Duration;

use welcomed::net::Kind;

use crate::figures::tally::{Failure, Tally};
use crate::figures::timeline::Timeline;
use crate::system::clock::Nanos;
use crate::system::processes::{NetCounters, Usage};

/// What came of a run. Shown, it is a table; [`Measured::json`] has more.
#[derive(Clone, Debug)]
pub struct Measured {
    pub(crate) tally: Tally,
    pub(crate) timeline: Timeline,
    /// The kind of the server's socket.
    pub(crate) kind: Kind,
    /// How long each visit could last.
    pub(crate) timeout: Duration,
    /// Seconds from the first visit's beginning to the last one's end.
    pub(crate) seconds: f64,
    /// What the server used meanwhile.
    pub(crate) server: Usage,
    /// What this process used.
    pub(crate) generator: Usage,
    pub(crate) net: NetCounters,
    /// Visits in flight, averaged over time.
    pub(crate) in_flight: f64,
    /// Visits that began late because as many as there may be were in flight.
    pub(crate) held_back: u64,
}

impl Measured {
    /// Seconds from the first visit's beginning to the last one's end.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Visits that went as they should.
    #[must_use]
    pub fn welcomed(&self) -> u64 {
        self.tally.welcomed
    }

    /// Visits welcomed a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub fn rate(&self) -> f64 {
        self.tally.welcomed as f64 / self.seconds
    }

    /// Visits that failed in this way.
    #[must_use]
    pub fn count(&self, failure: Failure) -> u64 {
        self.tally.count(failure)
    }

    /// Visits that failed, in whatever way.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.tally.failures()
    }

    /// Datagrams that were not answered in time. Over other sockets there are none.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.tally.lost
    }

    /// The latency that a part `quantile` of the visits that were welcomed did not exceed, 0.5 for the median.
    ///
    /// It counts from the moment at which the visit should have begun to its end, so that a server that stalls does
    /// not hide the visits which wait meanwhile. Precise to three digits, and at most 100 s.
    #[must_use]
    pub fn latency(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.tally.latency.value_at_quantile(quantile))
    }

    /// Whether the latencies of an open loop say more about this machine than about the server, because it was too
    /// busy to begin visits in time.
    #[must_use]
    pub fn is_spoiled(&self) -> bool {
        self.tally.is_spoiled()
    }

    /// How much of a processor the generator used, from 0 to 1. Near 1, the rate is its own and not the server's.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub fn busy(&self) -> f64 {
        self.generator.cpu as f64 / 1e9 / self.seconds
    }

    /// The processor time that the server used, if [`Plan::server`](crate::Plan::server) says which process it is.
    #[must_use]
    pub fn server_cpu(&self) -> Duration {
        Duration::from_nanos(self.server.cpu)
    }
}

/// A run while it goes on.
#[derive(Clone, Copy, Debug)]
pub struct Glimpse<'a> {
    pub(crate) tally: &'a Tally,
    pub(crate) passed: Nanos,
    pub(crate) in_flight: usize,
}

impl Glimpse<'_> {
    /// How long the run has taken so far.
    #[must_use]
    pub fn passed(&self) -> Duration {
        Duration::from_nanos(self.passed)
    }

    /// Visits that went as they should so far.
    #[must_use]
    pub fn welcomed(&self) -> u64 {
        self.tally.welcomed
    }

    /// Visits that failed so far.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.tally.failures()
    }

    /// Visits that have begun and not ended.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }
}
