//! What came of a run.

pub(crate) mod contribution;
pub(crate) mod sight;
mod together;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use welcomed::net::Kind;

use crate::figures::failure::Failure;
use crate::figures::measured::contribution::Contribution;
use crate::figures::tally::Tally;
use crate::figures::timeline::Timeline;
use crate::plan::Load;
use crate::system::clock::Nanos;
use crate::system::processes::{NetCounters, Usage};

/// The time in which visits were due.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    /// How long it was. What is counted in it makes the rates.
    pub(crate) length: Nanos,
    /// How long the last visits took behind it.
    pub(crate) tail: Nanos,
    /// Visits that were due. In a closed loop these are those that began.
    pub(crate) due: u64,
    /// Visits that began.
    pub(crate) begun: u64,
}

/// What came of a run. Shown, it is a table; [`Measured::json`] has more.
#[derive(Clone, Debug)]
pub struct Measured {
    pub(crate) tally: Tally,
    pub(crate) timeline: Timeline,
    /// The kind of the server's socket.
    pub(crate) kind: Kind,
    /// How visits began.
    pub(crate) load: Load,
    /// How long each visit could last.
    pub(crate) timeout: Duration,
    /// Seconds from the first visit's beginning to the last one's end.
    pub(crate) seconds: f64,
    /// The time in which visits were due.
    pub(crate) window: Window,
    /// Visits that were welcomed in it.
    pub(crate) welcomed_in_window: u64,
    /// Whether the kernel notes over this kind of socket when it receives what comes.
    pub(crate) is_stamped: bool,
    /// How often the system's clock was set meanwhile.
    pub(crate) clock_set: u64,
    /// What the server used meanwhile.
    pub(crate) server: Usage,
    /// What this process used.
    pub(crate) generator: Usage,
    pub(crate) net: NetCounters,
    /// Visits in flight, averaged over time.
    pub(crate) in_flight: f64,
    /// Visits that began late because as many as there may be were in flight.
    pub(crate) held_back: u64,
    /// How many generators have made it: threads, each with a processor to use.
    pub(crate) generators: usize,
    /// The times of all generators, one behind the other, from the first visit's beginning to the last one's end.
    pub(crate) watched: Nanos,
    /// Of runs that were merged, the sums of their rates, each in its own time: visits due a second, and welcomed.
    pub(crate) rates: Option<(f64, f64)>,
    /// What each of several generators has contributed.
    pub(crate) contributions: Vec<Contribution>,
}

impl Measured {
    /// Adds the visits of a run that was made before this one. The times of the run, and what it used, stay its own.
    pub(crate) fn add_visits(&mut self, before: &Measured) {
        let stages = std::mem::take(&mut self.tally.stages);
        self.tally.add(&before.tally);
        self.tally.stages = stages;
        self.window.due += before.window.due;
        self.window.begun += before.window.begun;
    }

    /// The run as it is seen when it is over.
    pub(crate) fn glimpse(&self) -> Glimpse<'_> {
        let passed = self.window.length + self.window.tail;
        Glimpse { tally: &self.tally, passed, in_flight: 0 }
    }

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

    /// Visits that were due.
    #[must_use]
    pub fn due(&self) -> u64 {
        self.window.due
    }

    /// Visits that began.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.window.begun
    }

    /// Visits that were due and did not begin, because there was no place or no time for them.
    #[must_use]
    pub fn not_begun(&self) -> u64 {
        self.tally.not_begun
    }

    /// Visits welcomed a second, of the time in which visits were due.
    ///
    /// In an open loop these are those that were due then, also if they ended later. In a closed loop they are those that
    /// ended then. A run can be too short for that, so it is at least the rate of the whole time.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub fn rate(&self) -> f64 {
        if let Some((_, welcomed)) = self.rates {
            return welcomed;
        }
        let of = |visits: u64, time: Nanos| visits as f64 * 1e9 / time as f64;
        let Window { length, tail, .. } = self.window;
        match self.load {
            Load::Open(..) => of(self.tally.welcomed, length),
            Load::Closed(_) => {
                of(self.welcomed_in_window, length).max(of(self.tally.welcomed, length + tail))
            }
        }
    }

    /// Of a closed loop, the longest time in which no visit of a generator ended. And how long clients of their own would have waited for the
    /// end of such a time, the 99th percentile.
    pub(crate) fn stalls(&self) -> Option<(Nanos, Nanos)> {
        let Load::Closed(_) = self.load else { return None };
        let stalls = &self.tally.stalls;
        Some((stalls.longest(), stalls.wait(0.99, self.watched)))
    }

    /// Visits due a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub fn rate_due(&self) -> f64 {
        self.rates.map_or(self.window.due as f64 * 1e9 / self.window.length as f64, |(due, _)| due)
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

    /// The server's time that a part `quantile` of the visits did not exceed, 0.5 for the median.
    ///
    /// It counts from the moment at which the visit should have begun to its end, so that a server that stalls does
    /// not hide the visits which wait meanwhile. What the generator was late to begin and to read is not in it, as far
    /// as the kernel's time stamps show that. Failures count as long as they took. A visit that was given up
    /// counts as its timeout, so that a percentile from there on is the least that it can be. Precise to three digits.
    #[must_use]
    pub fn latency(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.tally.latency.at(quantile))
    }

    /// The same with the generator's own lag: from the moment at which a visit should have begun until its end was read.
    #[must_use]
    pub fn corrected(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.tally.corrected.at(quantile))
    }

    /// From the moment at which a visit began until its end was read.
    #[must_use]
    pub fn uncorrected(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.tally.uncorrected.at(quantile))
    }

    /// Whether the 99th percentile of the server's time says more about this machine than about the server, because it
    /// was too busy to begin visits in time.
    #[must_use]
    pub fn is_spoiled(&self) -> bool {
        self.tally.is_spoiled()
    }

    /// How much of a processor the generator used, from 0 to 1, and each of several threads on average. Near 1, the rate is
    /// its own and not the server's.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub fn busy(&self) -> f64 {
        self.generator.cpu as f64 / 1e9 / self.seconds / self.generators as f64
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
