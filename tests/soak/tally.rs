//! The outcomes of the visits, the server's counts, and whether they agree.

use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;

use welcomed::net::Kind;

use super::manners::MANNERS;
use super::visit::{Fate, Outcome, Visit};

/// The most broken promises of a manner that are kept in words. All are counted.
const DETAILS_MAX: usize = 5;

/// Of so many visits of a manner over TCP one may be overtaken, beside one of all. It takes a kernel that is late with its own
/// packets: a loop that caused it would do so more often.
const OVERTAKEN_ONE_OF: u64 = 1000;

/// The visits of one manner.
#[derive(Clone, Default, Debug)]
pub(crate) struct Tally {
    /// By the kind of socket.
    visits: HashMap<Kind, u64>,
    excused: u64,
    lost: u64,
    overtaken: u64,
    broken: u64,
    /// The first broken promises in words.
    details: Vec<String>,
    /// How many connections and datagrams had each fate.
    fates: HashMap<Fate, u64>,
}

impl Tally {
    pub(crate) fn add(&mut self, kind: Kind, visit: Visit) {
        *self.visits.entry(kind).or_default() += 1;
        for fate in visit.fates {
            *self.fates.entry(fate).or_default() += 1;
        }
        match visit.outcome {
            Outcome::AsPromised => {}
            Outcome::Excused => self.excused += 1,
            Outcome::Lost => self.lost += 1,
            Outcome::Overtaken => self.overtaken += 1,
            Outcome::Broken(how) => {
                self.broken += 1;
                self.details.push(format!("over {kind}: {how}"));
                self.details.truncate(DETAILS_MAX);
            }
        }
    }

    fn join(&mut self, other: Tally) {
        for (kind, visits) in other.visits {
            *self.visits.entry(kind).or_default() += visits;
        }
        for (fate, count) in other.fates {
            *self.fates.entry(fate).or_default() += count;
        }
        self.excused += other.excused;
        self.lost += other.lost;
        self.overtaken += other.overtaken;
        self.broken += other.broken;
        self.details.extend(other.details);
        self.details.truncate(DETAILS_MAX);
    }

    /// Whether more visits were overtaken than can be.
    fn is_overtaken_often(&self) -> bool {
        let visits = self.visits.get(&Kind::Tcp).copied().unwrap_or_default();
        self.overtaken > 1 + visits / OVERTAKEN_ONE_OF
    }
}

/// The tallies of all manners, in the order of [`MANNERS`].
#[derive(Default, Debug)]
pub(crate) struct Tallies([Tally; MANNERS.len()]);

impl Tallies {
    /// Adds a visit of the manner that stands at `place` in [`MANNERS`].
    pub(crate) fn add(&mut self, place: usize, kind: Kind, visit: Visit) {
        self.0[place].add(kind, visit);
    }

    /// Joins a tally of the manner that stands at `place` in [`MANNERS`].
    pub(crate) fn join(&mut self, place: usize, tally: Tally) {
        self.0[place].join(tally);
    }

    /// The broken promises that are kept in words.
    pub(crate) fn broken(&self) -> Vec<String> {
        let all = MANNERS.iter().zip(&self.0);
        let often = all.clone().filter(|(_, tally)| tally.is_overtaken_often());
        let often =
            often.map(|(manner, tally)| format!("{}: {} are overtaken", manner.name, tally.overtaken));
        all.flat_map(|(manner, tally)| tally.details.iter().map(|how| format!("{} {how}", manner.name)))
            .chain(often)
            .collect()
    }

    /// How many connections and datagrams may be under `count`, from what the clients did: at least those that have no
    /// other fate.
    fn fits(&self, count: &str) -> RangeInclusive<u64> {
        let fates = self.0.iter().flat_map(|tally| &tally.fates);
        let (mut least, mut most) = (0, 0);
        for (fate, times) in fates.filter(|(fate, _)| fate.contains(&count)) {
            most += times;
            least += if fate.len() == 1 { *times } else { 0 };
        }
        least..=most
    }

    /// The server's counts that do not agree with the visits.
    pub(crate) fn misfits(&self, counts: &Counts) -> Vec<String> {
        let all = self.0.iter().flat_map(|tally| tally.fates.values()).sum::<u64>();
        let mut lines: Vec<(&str, u64, RangeInclusive<u64>)> =
            COUNTS.iter().map(|count| (*count, counts.of(count), self.fits(count))).collect();
        let decided: u64 = lines.iter().map(|(_, counted, _)| counted).sum();
        let met = counts.of("accepted") + counts.of("accept errors");
        // What the server has not met is what the kernel had no room for, as its clients were told.
        let (least, most) = self.fits("lost").into_inner();
        lines.push(("accepted and accept errors", met, all - most..=all - least));
        lines.push(("all outcomes", decided, met..=met));
        lines.push(("accept pauses", counts.of("accept pauses"), 0..=0));
        let misfits = lines.iter().filter(|(_, counted, fits)| !fits.contains(counted));
        misfits.map(|(what, counted, fits)| format!("{what}: {counted}, not {fits:?}")).collect()
    }

    /// The manners that did not come over a kind of socket that the server has.
    pub(crate) fn missing(&self, is_served: impl Fn(Kind) -> bool) -> Vec<String> {
        let all = MANNERS.iter().zip(&self.0).flat_map(|(manner, tally)| {
            manner.over.iter().map(move |kind| (manner.name, *kind, tally.visits.contains_key(kind)))
        });
        let missing = all.filter(|(_, kind, came)| is_served(*kind) && !came);
        missing.map(|(manner, kind, _)| format!("{manner} did not come over {kind}")).collect()
    }
}

impl fmt::Display for Tallies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<16}{:>8}", "manner", "at once")?;
        for kind in Kind::ALL {
            write!(f, "{kind:>11}")?;
        }
        writeln!(f, "{:>9}{:>6}{:>11}{:>8}", "excused", "lost", "overtaken", "broken")?;
        for (manner, tally) in MANNERS.iter().zip(&self.0) {
            write!(f, "{:<16}{:>8}", manner.name, manner.places)?;
            for kind in Kind::ALL {
                let visits = tally.visits.get(kind).map_or(String::new(), u64::to_string);
                write!(f, "{visits:>11}")?;
            }
            let Tally { excused, lost, overtaken, broken, .. } = tally;
            writeln!(f, "{excused:>9}{lost:>6}{overtaken:>11}{broken:>8}")?;
        }
        Ok(())
    }
}

/// Each client and each datagram is under one of these counts. See [`Counts::of`].
const COUNTS: [&str; 11] = [
    "welcomed",
    "lingered",
    "without a name",
    "timed out",
    "failed",
    "stopped",
    "open",
    "dropped",
    "unanswerable",
    "echoes",
    "accept errors",
];

/// The server's counts.
#[derive(Debug)]
pub(crate) struct Counts(HashMap<String, u64>);

impl Counts {
    /// Parses the log line with the counts.
    pub(crate) fn read(line: &str) -> Counts {
        let (_, counts) = line.split_once("counts: ").unwrap();
        let parts = counts.split([':', ',', ';', '(', ')']).map(str::trim).filter(|part| !part.is_empty());
        let counts = parts.map(|part| part.split_once(' ').unwrap());
        let mut counts: HashMap<String, u64> =
            counts.map(|(count, what)| (what.to_owned(), count.parse().unwrap())).collect();
        // Those that lingered are among the welcomed. Here they are not, so that each is under one count.
        let lingered = counts["lingered"];
        *counts.get_mut("welcomed").unwrap() -= lingered;
        Counts(counts)
    }

    /// Where these outcomes, as the metrics have them, are not those of the log.
    pub(crate) fn differ(&self, outcomes: &HashMap<String, u64>) -> Vec<String> {
        let names =
            ["welcomed", "without a name", "timed out", "failed", "stopped", "dropped", "unanswerable"];
        let differs = |name: &&str| {
            let of_log = self.of(name) + if *name == "welcomed" { self.of("lingered") } else { 0 };
            let of_metrics = outcomes.get(*name).copied().unwrap_or_default();
            (of_log != of_metrics)
                .then(|| format!("{name}: {of_log} by the log, {of_metrics} by the metrics"))
        };
        names.iter().filter_map(differs).collect()
    }

    /// The count of `what`, in the server's words.
    fn of(&self, what: &str) -> u64 {
        self.0[what]
    }
}
