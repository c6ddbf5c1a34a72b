//! What a run of the generator does, and what came of it.

pub(crate) mod arrivals;
pub(crate) mod target;
pub(crate) mod welcome;

use std::io;
use std::net::IpAddr;

use welcomed::net::Kind;
use welcomed::services::welcome::Welcome;

use crate::figures::tally::Tally;
use crate::figures::timeline::Timeline;
use crate::generator::flight::{Manners, Terminator};
use crate::plan::arrivals::Spread;
use crate::plan::target::Target;
use crate::plan::welcome::Names;
use crate::system::clock::{Nanos, SECOND};
use crate::system::processes::{NetCounters, Usage};

/// How visits begin.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Load {
    /// So many at a time: when one ends, the next begins.
    Closed(usize),
    /// So many a second, whether or not those before have ended.
    Open(f64, Spread),
}

/// What a run does.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) manners: Manners,
    pub(crate) names: Names,
    pub(crate) load: Load,
    /// No visit begins after this long.
    pub(crate) duration: Nanos,
    /// No more visits than this begin.
    pub(crate) count: u64,
    /// A visit that lasts longer has failed.
    pub(crate) timeout: Nanos,
    /// The most visits at a time. An open loop holds back what is beyond, and counts it.
    pub(crate) in_flight_max: usize,
    /// The local addresses that visits come from, in turn; none: the system chooses.
    pub(crate) sources: Vec<IpAddr>,
    /// The pause before each byte of a name; 0: none.
    pub(crate) pause: Nanos,
    pub(crate) seed: u64,
    /// The process that serves, if its use of the machine is to be measured.
    pub(crate) server: Option<u32>,
}

impl Plan {
    /// The plainest plan, for others to change: visitors called Rafatul, behind the name what is usual, the
    /// default welcome expected, 5 s for each visit, and no end to their number but `duration`.
    pub(crate) fn plain(target: impl Into<Target>, load: Load, duration: Nanos) -> io::Result<Plan> {
        let target = target.into();
        let (kind, terminator) = (target.kind(), Terminator::usual(target.kind()));
        let names = Names::new(&[b"Rafatul".to_vec()], kind, terminator, &Welcome::default());
        Ok(Plan {
            manners: Manners { target, terminator, reset: false },
            names: names.map_err(io::Error::other)?,
            load,
            duration,
            count: u64::MAX,
            timeout: 5 * SECOND,
            in_flight_max: 4096,
            sources: Vec::new(),
            pause: 0,
            seed: 1,
            server: None,
        })
    }
}

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
