//! The outcomes of the visits, the server's counts, and whether they agree.

use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;

use crate::clients::{KINDS, Kind, Outcome};

/// The most broken promises that are kept in words. All are counted.
const DETAILS_MAX: usize = 5;

/// The outcomes of the visits of one kind.
#[derive(Clone, Default, Debug)]
pub(crate) struct Tally {
    pub(crate) visits: u64,
    pub(crate) excused: u64,
    pub(crate) broken: u64,
    /// The first broken promises in words.
    pub(crate) details: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.visits += 1;
        match outcome {
            Outcome::AsPromised => {}
            Outcome::Excused => self.excused += 1,
            Outcome::Broken(how) => {
                self.broken += 1;
                self.details.push(how);
                self.details.truncate(DETAILS_MAX);
            }
        }
    }

    fn join(&mut self, other: Tally) {
        self.visits += other.visits;
        self.excused += other.excused;
        self.broken += other.broken;
        self.details.extend(other.details);
        self.details.truncate(DETAILS_MAX);
    }
}

/// Where a kind stands in [`KINDS`].
fn place(kind: Kind) -> usize {
    KINDS.iter().position(|(other, _)| *other == kind).unwrap()
}

/// The tallies of all kinds, in the order of [`KINDS`].
#[derive(Default, Debug)]
pub(crate) struct Tallies([Tally; KINDS.len()]);

impl Tallies {
    pub(crate) fn join(&mut self, kind: Kind, tally: Tally) {
        self.0[place(kind)].join(tally);
    }

    pub(crate) fn visits(&self) -> u64 {
        self.0.iter().map(|tally| tally.visits).sum()
    }

    /// The broken promises that are kept in words.
    pub(crate) fn broken(&self) -> Vec<String> {
        self.0.iter().flat_map(|tally| tally.details.clone()).collect()
    }

    /// The server's counts that do not agree with the visits.
    pub(crate) fn misfits(&self, counts: &Counts) -> Vec<String> {
        let of = |kind: Kind| self.0[place(kind)].visits;
        let excused: u64 = self.0.iter().map(|tally| tally.excused).sum();
        let (scanners, sleepers, resetters) = (of(Kind::Scanner), of(Kind::Sleeper), of(Kind::Resetter));
        let named = self.visits() - scanners - sleepers;
        let (lingered, accept_errors) = (of(Kind::OverSender), counts.of("accept errors"));
        // The outcome of a reset depends on its moment. An excused client can have any outcome.
        let failed = counts.of("failed") + accept_errors;
        let lines: [(&str, u64, RangeInclusive<u64>); 9] = [
            (
                "accepted, or lost before",
                counts.of("accepted") + accept_errors,
                self.visits()..=self.visits(),
            ),
            ("welcomed or failed", counts.of("welcomed") + failed, named - excused..=named),
            ("lingered", counts.of("lingered"), lingered - excused.min(lingered)..=lingered + excused),
            ("without a name", counts.of("without a name"), scanners..=scanners),
            ("timed out", counts.of("timed out"), sleepers..=sleepers + excused),
            ("failed", failed, 0..=resetters + excused),
            ("stopped", counts.of("stopped"), 0..=0),
            ("open", counts.of("open"), 0..=0),
            ("accept pauses", counts.of("accept pauses"), 0..=0),
        ];
        let misfits = lines.iter().filter(|(_, counted, fits)| !fits.contains(counted));
        misfits.map(|(what, counted, fits)| format!("{what}: {counted}, not {fits:?}")).collect()
    }
}

impl fmt::Display for Tallies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<12}{:>9}{:>12}{:>10}{:>10}", "kind", "at once", "visits", "excused", "broken")?;
        for ((kind, places), tally) in KINDS.iter().zip(&self.0) {
            let Tally { visits, excused, broken, .. } = tally;
            writeln!(f, "{:<12}{places:>9}{visits:>12}{excused:>10}{broken:>10}", format!("{kind:?}"))?;
        }
        Ok(())
    }
}

/// The server's counts.
#[derive(Debug)]
pub(crate) struct Counts(HashMap<String, u64>);

impl Counts {
    /// Parses the log line with the counts.
    pub(crate) fn read(line: &str) -> Counts {
        let (_, counts) = line.split_once("counts: ").unwrap();
        let parts = counts.split([':', ',', ';', '(', ')']).map(str::trim).filter(|part| !part.is_empty());
        Counts(
            parts
                .map(|part| part.split_once(' ').unwrap())
                .map(|(count, what)| (what.to_owned(), count.parse().unwrap()))
                .collect(),
        )
    }

    /// The count of `what`, in the server's words.
    pub(crate) fn of(&self, what: &str) -> u64 {
        self.0[what]
    }
}
