//! What is counted and measured. Nothing here grows with the length of a run.

use hdrhistogram::Histogram;
use rustix::io::Errno;
use serde::Serialize;

use crate::system::clock::{Nanos, SECOND};

/// Why a visit failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Failure {
    /// Nothing listens there.
    Refused,
    /// Connecting took too long.
    ConnectTimeout,
    /// The connection was reset before the first byte of the reply.
    ResetBefore,
    /// It was reset within the reply.
    ResetDuring,
    /// It was reset after the whole reply, instead of being closed.
    ResetAfter,
    /// The reply took too long.
    ReplyTimeout,
    /// The server closed before the reply was whole.
    ShortReply,
    /// The reply was not the expected one.
    WrongReply,
    /// More came than the reply.
    ExtraBytes,
    /// The reply was whole, and the server did not close.
    NoClose,
    /// A datagram could not be sent before the visit's timeout: a queue, as a rule the server's, had no room.
    NoRoom,
    /// This machine had no local port left.
    OutOfPorts,
    /// This process had no descriptor left.
    OutOfDescriptors,
    /// An error without a class of its own.
    Other,
}

impl Failure {
    /// Every class, in the order of a visit.
    pub(crate) const ALL: [Failure; 14] = [
        Failure::OutOfDescriptors,
        Failure::OutOfPorts,
        Failure::Refused,
        Failure::ConnectTimeout,
        Failure::NoRoom,
        Failure::ResetBefore,
        Failure::ResetDuring,
        Failure::ResetAfter,
        Failure::ReplyTimeout,
        Failure::ShortReply,
        Failure::WrongReply,
        Failure::ExtraBytes,
        Failure::NoClose,
        Failure::Other,
    ];

    /// The class in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Failure::Refused => "refused",
            Failure::ConnectTimeout => "connect timeout",
            Failure::ResetBefore => "reset before the reply",
            Failure::ResetDuring => "reset during the reply",
            Failure::ResetAfter => "reset after the reply",
            Failure::ReplyTimeout => "reply timeout",
            Failure::ShortReply => "short reply",
            Failure::WrongReply => "wrong reply",
            Failure::ExtraBytes => "extra bytes",
            Failure::NoClose => "no close",
            Failure::NoRoom => "no room",
            Failure::OutOfPorts => "out of local ports",
            Failure::OutOfDescriptors => "out of descriptors",
            Failure::Other => "other",
        }
    }
}

/// The moments of one visit that succeeded, each in nanoseconds of the clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments {
    /// When it should have begun.
    pub(crate) scheduled: Nanos,
    /// When it did.
    pub(crate) started: Nanos,
    /// When it was connected.
    pub(crate) connected: Nanos,
    /// When the first byte of the reply came.
    pub(crate) first_byte: Nanos,
    /// When the server had closed.
    pub(crate) ended: Nanos,
}

/// The longest start lag that never spoils: 1 ms.
const SPOILING_LAG: Nanos = SECOND / 1000;

/// The counts and times of the visits of one window.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// Visits that went as they should.
    pub(crate) welcomed: u64,
    /// Visits that were reset on purpose.
    pub(crate) resets: u64,
    failures: [u64; Failure::ALL.len()],
    /// The first error without a class of its own.
    pub(crate) first_other: Option<Errno>,
    /// Visits that found no room in the server's accept queue or in a queue for datagrams, and waited for it.
    pub(crate) waited: u64,
    /// Datagrams that were sent and not answered in time. Delivery is not sure there, so it is no failure.
    pub(crate) lost: u64,
    /// Answers that came after the visit was given up.
    pub(crate) late: u64,
    /// Answers behind the first.
    pub(crate) duplicates: u64,
    /// Datagrams that did not come from the server.
    pub(crate) foreign: u64,
    /// From the scheduled moment to the end.
    pub(crate) latency: Histogram<u64>,
    /// How late visits began: the generator's own doing.
    pub(crate) start_lag: Histogram<u64>,
    /// From the start to being connected.
    pub(crate) connect: Histogram<u64>,
    /// From the start to the first byte.
    pub(crate) first_byte: Histogram<u64>,
    /// From the start to the end.
    pub(crate) end: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Tally {
        let histogram = histogram();
        Tally {
            welcomed: 0,
            resets: 0,
            failures: [0; Failure::ALL.len()],
            first_other: None,
            waited: 0,
            lost: 0,
            late: 0,
            duplicates: 0,
            foreign: 0,
            latency: histogram.clone(),
            start_lag: histogram.clone(),
            connect: histogram.clone(),
            first_byte: histogram.clone(),
            end: histogram,
        }
    }

    pub(crate) fn succeeded(&mut self, moments: &Moments) {
        let Moments { scheduled, started, connected, first_byte, ended } = *moments;
        self.welcomed += 1;
        self.latency.saturating_record(ended.saturating_sub(scheduled));
        self.start_lag.saturating_record(started.saturating_sub(scheduled));
        self.connect.saturating_record(connected.saturating_sub(started));
        self.first_byte.saturating_record(first_byte.saturating_sub(started));
        self.end.saturating_record(ended.saturating_sub(started));
    }

    #[expect(clippy::indexing_slicing, reason = "there is a place for every class")]
    pub(crate) fn failed(&mut self, failure: Failure) {
        self.failures[failure as usize] += 1;
    }

    #[expect(clippy::indexing_slicing, reason = "there is a place for every class")]
    pub(crate) fn count(&self, failure: Failure) -> u64 {
        self.failures[failure as usize]
    }

    /// Whether the times of an open loop say more about the generator than about the server. They do if at the 99th
    /// percentile the start lag is more than half of the latency. A lag of a fraction of a millisecond is excepted: waking
    /// up takes that on any machine.
    pub(crate) fn is_spoiled(&self) -> bool {
        let p99 = |times: &Histogram<u64>| times.value_at_quantile(0.99);
        p99(&self.start_lag) > SPOILING_LAG && p99(&self.start_lag) * 2 > p99(&self.latency)
    }

    /// Adds the visits of another run.
    pub(crate) fn add(&mut self, other: &Tally) {
        self.welcomed += other.welcomed;
        self.resets += other.resets;
        self.waited += other.waited;
        self.lost += other.lost;
        self.late += other.late;
        self.duplicates += other.duplicates;
        self.foreign += other.foreign;
        self.first_other = self.first_other.or(other.first_other);
        for (sum, count) in self.failures.iter_mut().zip(other.failures) {
            *sum += count;
        }
        let pairs = [
            (&mut self.latency, &other.latency),
            (&mut self.start_lag, &other.start_lag),
            (&mut self.connect, &other.connect),
            (&mut self.first_byte, &other.first_byte),
            (&mut self.end, &other.end),
        ];
        for (sum, times) in pairs {
            // All have the same bounds, so nothing can fail to fit.
            let _ = sum.add(times);
        }
    }

    /// Datagrams that were sent: those with a right answer, with a wrong one, and with none.
    pub(crate) fn sent(&self) -> u64 {
        let wrong = [Failure::ShortReply, Failure::WrongReply, Failure::ExtraBytes];
        self.welcomed + self.lost + wrong.map(|failure| self.count(failure)).iter().sum::<u64>()
    }

    /// All visits that failed.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.iter().sum()
    }

    /// How many visits failed in each way, and its name.
    pub(crate) fn failures_by_name(&self) -> impl Iterator<Item = (u64, &'static str)> {
        Failure::ALL.into_iter().map(|failure| (self.count(failure), failure.name()))
    }
}

/// Times from 1 ns to 100 s in three digits: a fixed 200 KiB or so.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 100 * SECOND, 3)
        .unwrap_or_else(|error| unreachable!("fixed bounds: {error}"))
}
