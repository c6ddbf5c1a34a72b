//! A run as it is stored.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use welcomed::net::Kind;

use crate::figures::measured::{Measured, Window};
use crate::figures::tally::Tally;
use crate::figures::timeline::Timeline;
use crate::generator::idle::Left;
use crate::plan::Load;
use crate::plan::arrivals::Spacing;
use crate::report::about::About;
use crate::report::run::findings::Findings;
use crate::system::clock::{Nanos, nanos};
use crate::system::processes::{NetCounters, Usage};

/// The most visits of a run. So sums of a million files have room.
const VISITS_MAX: u64 = 1 << 43;

/// The most nanoseconds of one run: a hundred days.
const NANOS_MAX: u64 = 1 << 53;

/// What a run was asked for, beside what its figures have of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// What makes a visit what it is, by the names of the options. Runs of different visits are not added.
    pub(crate) visits: BTreeMap<String, String>,
    /// Visits a second of an open loop, over all its stages.
    pub(crate) rate: Option<f64>,
    /// How many visits.
    pub(crate) count: Option<u64>,
}

/// A run as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRun {
    /// What it is called where several were merged before.
    pub(crate) name: Option<String>,
    pub(crate) about: About,
    pub(crate) asked: Asked,
    /// The network namespace in which the kernel counted.
    pub(crate) namespace: Option<String>,
    pub(crate) kind: String,
    /// Visits at a time of a closed loop; null in an open one.
    places: Option<usize>,
    timeout_nanos: Nanos,
    seconds: f64,
    window: Window,
    welcomed_in_window: u64,
    kernel_stamps: bool,
    clock_set: u64,
    cpu_nanos: Nanos,
    pub(crate) net: NetCounters,
    in_flight: f64,
    held_back: u64,
    threads: usize,
    watched_nanos: Nanos,
    pub(crate) interrupted: bool,
    pub(crate) thinned_to: Option<usize>,
    pub(crate) held: Option<(usize, Left)>,
    timeline: Timeline,
    tally: Tally,
}

impl RawRun {
    /// A run with what is known beside its figures; `None` if it is not known what it is about.
    pub(crate) fn of(findings: &Findings<'_>, asked: Asked) -> Option<RawRun> {
        let measured = findings.measured;
        Some(RawRun {
            name: None,
            about: findings.about?.clone(),
            asked,
            namespace: NetCounters::namespace(),
            kind: measured.kind.to_string(),
            places: match measured.load {
                Load::Closed(places) => Some(places),
                Load::Open(..) => None,
            },
            timeout_nanos: nanos(measured.timeout),
            seconds: measured.seconds,
            window: measured.window,
            welcomed_in_window: measured.welcomed_in_window,
            kernel_stamps: measured.is_stamped,
            clock_set: measured.clock_set,
            cpu_nanos: measured.generator.cpu,
            net: measured.net,
            in_flight: measured.in_flight,
            held_back: measured.held_back,
            threads: measured.generators,
            watched_nanos: measured.watched,
            interrupted: findings.interrupted,
            thinned_to: findings.thinned_to,
            held: findings.held,
            timeline: measured.timeline.clone(),
            tally: measured.tally.clone(),
        })
    }

    /// The run. Fails with the reason if its figures contradict each other.
    pub(crate) fn measured(&self) -> Result<Measured, String> {
        let Window { length, tail, due, begun } = self.window;
        let kind = Kind::ALL.iter().find(|kind| kind.to_string() == self.kind);
        let kind = *kind.ok_or_else(|| format!("there is no kind of socket {:?}", self.kind))?;
        let ended = self.tally.latency.times.len();
        let whole = begun == ended && due.checked_sub(begun) == Some(self.tally.not_begun);
        let is_possible = self.seconds > 0.0
            && length > 0
            && self.watched_nanos >= length
            && length.checked_add(tail).is_some()
            && (1..=1000).contains(&self.threads)
            && self.welcomed_in_window <= begun
            && due <= VISITS_MAX
            && length.saturating_add(tail).max(self.watched_nanos).max(self.cpu_nanos) <= NANOS_MAX
            && self.held_back.max(self.clock_set).max(self.tally.most()) <= VISITS_MAX
            && self.places.is_none_or(|places| places as u64 <= VISITS_MAX)
            && self.asked.count.is_none_or(|count| count <= VISITS_MAX || count == u64::MAX);
        if !whole || !is_possible || !self.tally.is_whole() || !self.timeline.is_whole() {
            return Err("its figures contradict each other".to_owned());
        }
        // Of an open loop the rate that was asked for is in the options, and the spacing too.
        let load = match self.places {
            Some(places) => Load::Closed(places),
            None => Load::Open(self.asked.rate.unwrap_or(0.0), Spacing::Poisson),
        };
        Ok(Measured {
            tally: self.tally.clone(),
            timeline: self.timeline.clone(),
            kind,
            load,
            timeout: Duration::from_nanos(self.timeout_nanos),
            seconds: self.seconds,
            window: self.window,
            welcomed_in_window: self.welcomed_in_window,
            is_stamped: self.kernel_stamps,
            clock_set: self.clock_set,
            server: Usage::default(),
            generator: Usage { cpu: self.cpu_nanos, switches: None },
            net: self.net,
            in_flight: self.in_flight,
            held_back: self.held_back,
            generators: self.threads,
            watched: self.watched_nanos,
            rates: None,
            contributions: Vec::new(),
        })
    }

    /// Whether it has taken the same time as another one, to the nanosecond.
    pub(super) fn is_as_long_as(&self, other: &RawRun) -> bool {
        (self.watched_nanos, self.cpu_nanos, self.window)
            == (other.watched_nanos, other.cpu_nanos, other.window)
    }

    /// The same run with a name for when it is merged again.
    pub(crate) fn called(self, name: &str) -> RawRun {
        RawRun { name: Some(name.to_owned()), ..self }
    }

    /// Visits at a time of a closed loop.
    pub(crate) fn places(&self) -> Option<usize> {
        self.places
    }

    /// Whether it is the run of a closed loop.
    pub(crate) fn is_closed(&self) -> bool {
        self.places.is_some()
    }
}
