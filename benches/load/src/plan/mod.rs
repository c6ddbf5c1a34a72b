//! What a run of the generator does.

pub(crate) mod arrivals;
pub(crate) mod exchange;
pub(crate) mod manners;
pub(crate) mod share;
mod shares;
pub(crate) mod target;
pub(crate) mod welcome;

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::plan::arrivals::{Arrivals, STAGES_MAX, Spacing, Stage};
use crate::plan::exchange::Exchange;
use crate::plan::manners::Manners;
use crate::plan::share::Share;
use crate::plan::target::Target;
use crate::plan::welcome::{Names, Terminator, Welcome};
use crate::system::rows::RowSender;

/// How visits begin.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Load {
    /// A closed loop: so many at a time, at least 1. When one ends, the next begins.
    Closed(usize),
    /// An open loop: so many a second, from 0.001 to 1e9, whether or not those before have ended.
    Open(f64, Spacing),
}

impl Load {
    /// Whether it is an open loop.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Load::Open(..))
    }
}

/// What a run does: begin with [`Plan::plain`], change what is to be different, and [`run`](crate::run) it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    pub(crate) manners: Manners,
    pub(crate) names: Names,
    /// How visits begin.
    pub load: Load,
    /// No visit begins after this long.
    pub duration: Duration,
    /// No more visits than this begin.
    pub count: u64,
    /// A visit that lasts longer has failed. A datagram without an answer by then is lost.
    pub timeout: Duration,
    /// The most visits at a time. An open loop holds back what is beyond, and counts it. Each takes a descriptor.
    pub in_flight_max: usize,
    /// The local addresses that visits come from, in turn; none: the system chooses.
    pub sources: Vec<IpAddr>,
    /// The pause before each byte of a name; zero: none.
    pub pause: Duration,
    /// What the arrivals of an open loop are drawn from: the same seed is the same schedule.
    pub seed: u64,
    /// The stages of an open loop, one after the other, instead of the one rate. None: there is that rate alone.
    pub stages: Vec<Stage>,
    /// Where a row of each visit goes, if there are any.
    pub(crate) rows: Option<RowSender>,
    /// The process that serves, if its processor time is to be measured.
    pub server: Option<u32>,
    /// How many threads make the visits, at least 1, and of a closed loop at most as many as there are at a time. All
    /// else is of the whole run: its visits at a time, its rate, its count.
    pub threads: usize,
    pub(crate) share: Share,
    /// Whether one of the threads that make a part of the visits has panicked.
    pub(crate) panicked: Arc<AtomicBool>,
}

impl Plan {
    /// The plainest plan: each client is called Rafatul, ends its name as is usual over this kind of socket, and
    /// expects the default welcome. A visit has 5 s, and only `duration` limits the number of visits.
    ///
    /// Fails if the target cannot be sent such a name, as over a raw socket.
    pub fn plain(target: impl Into<Target>, load: Load, duration: Duration) -> io::Result<Plan> {
        let target = target.into();
        let terminator = Terminator::usual(target.kind());
        let names = Names::new(&[b"Rafatul".to_vec()], target.kind(), terminator, &Welcome::default())?;
        Ok(Plan {
            manners: Manners { target, terminator, reset: false, exchange: None },
            names,
            load,
            duration,
            count: u64::MAX,
            timeout: Duration::from_secs(5),
            in_flight_max: 4096,
            sources: Vec::new(),
            pause: Duration::ZERO,
            seed: 1,
            stages: Vec::new(),
            rows: None,
            server: None,
            threads: 1,
            share: Share::WHOLE,
            panicked: Arc::default(),
        })
    }

    /// Lets the clients have `names`, in turn, end them by `terminator`, and expect `welcome`.
    ///
    /// Fails with [`ErrorKind::InvalidInput`] without a name, and if one is too long or has a line end where that
    /// would end it.
    pub fn visit_as(
        &mut self,
        names: &[Vec<u8>],
        terminator: Terminator,
        welcome: &Welcome,
    ) -> io::Result<()> {
        self.names = Names::new(names, self.manners.target.kind(), terminator, welcome)?;
        self.manners.terminator = terminator;
        Ok(())
    }

    /// Lets every visit send `request`, whatever that is, and expect the answer `expected`, which `exchange` says more of. The
    /// side to write is shut behind it if `shuts`.
    pub(crate) fn send(&mut self, request: Vec<u8>, expected: Vec<u8>, exchange: Exchange, shuts: bool) {
        self.names = Names::fixed(request, expected);
        self.manners.terminator = if shuts { Terminator::Eof } else { Terminator::None };
        self.manners.exchange = Some(exchange);
    }

    /// The local address that visit number `serial` comes from, if it is not the system's choice.
    pub(crate) fn source(&self, serial: u64) -> Option<IpAddr> {
        let index = usize::try_from(serial).ok()? % self.sources.len().max(1);
        self.sources.get(index).copied()
    }

    /// The arrivals of an open loop; a closed one has none.
    pub(crate) fn arrivals(&self) -> Option<Arrivals> {
        let all = match self.load {
            Load::Closed(_) => return None,
            Load::Open(rate, spacing) if self.stages.is_empty() => Arrivals::new(spacing, rate, self.seed),
            Load::Open(_, spacing) => Arrivals::staged(spacing, &self.stages, self.seed),
        };
        Some(all.every(self.share.first, self.share.every))
    }

    /// Fails with [`ErrorKind::InvalidInput`] if the load is none, or cannot be divided among the threads.
    pub(crate) fn check(&self) -> io::Result<()> {
        let why = match self.load {
            _ if self.threads == 0 => "a run has at least 1 thread",
            Load::Closed(0) => "a closed loop has at least 1 visit at a time",
            Load::Closed(places) if places < self.threads => {
                "a closed loop has at least 1 visit at a time for each thread"
            }
            Load::Open(..) if self.stages.len() > STAGES_MAX => "an open loop has at most 256 stages",
            Load::Open(rate, _) if !rates(rate, &self.stages).all(|rate| (0.001..=1e9).contains(&rate)) => {
                "an open loop has from 0.001 to 1e9 visits a second"
            }
            Load::Closed(_) | Load::Open(..) => return Ok(()),
        };
        Err(io::Error::new(ErrorKind::InvalidInput, why))
    }
}

/// The rate of an open loop and those of its stages.
fn rates(rate: f64, stages: &[Stage]) -> impl Iterator<Item = f64> {
    std::iter::once(rate).chain(stages.iter().map(|stage| stage.rate))
}
