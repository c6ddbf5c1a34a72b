//! What came of a run.

use welcomed::net::Kind;

use crate::figures::tally::Tally;
use crate::figures::timeline::Timeline;
use crate::system::clock::Nanos;
use crate::system::processes::{NetCounters, Usage};

/// What came of a run.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) tally: Tally,
    pub(crate) timeline: Timeline,
    /// The kind of the server's socket.
    pub(crate) kind: Kind,
    /// How long each visit could last.
    pub(crate) timeout: Nanos,
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

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
impl Measured {
    /// Visits welcomed a second.
    pub(crate) fn rate(&self) -> f64 {
        self.tally.welcomed as f64 / self.seconds
    }

    /// How much of a processor the generator used, from 0 to 1.
    pub(crate) fn busy(&self) -> f64 {
        self.generator.cpu as f64 / 1e9 / self.seconds
    }
}

/// What a run looks like while it goes on.
pub(crate) struct Glimpse<'a> {
    pub(crate) tally: &'a Tally,
    pub(crate) passed: Nanos,
    pub(crate) in_flight: usize,
}
