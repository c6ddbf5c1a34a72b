//! What a run of the generator does.

pub(crate) mod arrivals;
pub(crate) mod manners;
pub(crate) mod target;
pub(crate) mod welcome;

use std::io;
use std::net::IpAddr;

use welcomed::services::welcome::Welcome;

use crate::plan::arrivals::Spread;
use crate::plan::manners::{Manners, Terminator};
use crate::plan::target::Target;
use crate::plan::welcome::Names;
use crate::system::clock::{Nanos, SECOND};

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
