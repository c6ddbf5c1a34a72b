//! What is counted and measured. Nothing here grows with the length of a run.

pub(crate) mod connections;
pub(crate) mod stage;
#[cfg(test)]
mod tests;

use hdrhistogram::Histogram;
use rustix::io::Errno;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::figures::culprit::{Culprit, Evidence};
use crate::figures::distribution::times::{add, histogram, record};
use crate::figures::distribution::{Distribution, PercentileTime, Verdict, stored};
use crate::figures::failure::wrong::{self, Wrong};
use crate::figures::failure::{Detail, Failure, Failures};
use crate::figures::parts::{Moments, Part, Parts};
use crate::figures::percentile::Percentile;
use crate::figures::stalls::Stalls;
use crate::figures::tally::connections::Connections;
use crate::figures::tally::stage::StageTally;
use crate::plan::arrivals::STAGES_MAX;
use crate::system::clock::Nanos;

/// How many visits are noted at a time. Times are spread over much memory, which a visit alone would have to fetch anew.
const BATCH: usize = 64;

/// What is usual is looked up anew whenever there are twice as many visits, and after so many at the latest.
const USUAL_FOR: u64 = 4096;

/// A visit that is over.
#[derive(Clone, Copy, Debug)]
struct Over {
    /// When it was due.
    due: Nanos,
    parts: Parts,
    uncorrected: Nanos,
    evidence: Evidence,
    /// How long nothing had come to an end before it, in a closed loop.
    stall: Option<Nanos>,
}

/// The counts and times of the visits of one window.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tally {
    /// Visits that went as they should.
    pub(crate) welcomed: u64,
    /// Visits that were reset on purpose.
    pub(crate) resets: u64,
    pub(crate) failures: Failures,
    /// The first error without a class of its own.
    #[serde(skip)]
    pub(crate) first_other: Option<Errno>,
    /// The first answer that was not the right one.
    #[serde(with = "wrong")]
    pub(crate) first_wrong: Option<Box<Wrong>>,
    /// What became of the connections, if they could be kept.
    pub(crate) connections: Option<Connections>,
    /// Visits that were due and did not begin.
    pub(crate) not_begun: u64,
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
    /// Replies without a time stamp of the kernel that could be believed, where it gives them.
    pub(crate) unstamped: u64,
    /// The server's time: from the scheduled moment to the end, without what the generator has spent.
    pub(crate) latency: Distribution,
    /// From the scheduled moment to the end.
    pub(crate) corrected: Distribution,
    /// From the beginning to the end.
    pub(crate) uncorrected: Distribution,
    #[serde(serialize_with = "store_parts", deserialize_with = "stored_parts")]
    parts: [Histogram<u64>; Part::ALL.len()],
    pub(crate) stalls: Stalls,
    /// What came of the visits of each stage; empty without stages.
    pub(crate) stages: Vec<StageTally>,
    /// When the run began.
    #[serde(skip)]
    pub(crate) began: Nanos,
    #[serde(skip)]
    usual: Parts,
    /// How many visits had been over when that was looked up.
    #[serde(skip)]
    usual_of: u64,
    /// The culprit of each visit, in the order in which they ended, if they are wanted. They are to be taken out now and then.
    #[serde(skip)]
    pub(crate) named: Option<Vec<Culprit>>,
    /// Visits that are not in the distributions yet.
    #[serde(skip)]
    batch: Vec<Over>,
}

fn store_parts<S: Serializer>(parts: &[Histogram<u64>], to: S) -> Result<S::Ok, S::Error> {
    stored::serialize_all(&Part::ALL, parts, to)
}

fn stored_parts<'de, D: Deserializer<'de>>(from: D) -> Result<[Histogram<u64>; Part::ALL.len()], D::Error> {
    stored::deserialize_all(Part::ALL, from)
}

impl Tally {
    pub(crate) fn new() -> Tally {
        let histogram = histogram();
        Tally {
            welcomed: 0,
            resets: 0,
            failures: Failures::default(),
            first_other: None,
            first_wrong: None,
            connections: None,
            not_begun: 0,
            waited: 0,
            lost: 0,
            late: 0,
            duplicates: 0,
            foreign: 0,
            unstamped: 0,
            latency: Distribution::new(false),
            corrected: Distribution::new(true),
            uncorrected: Distribution::new(true),
            parts: Part::ALL.map(|_| histogram.clone()),
            stalls: Stalls::new(),
            stages: Vec::new(),
            began: 0,
            usual: Parts::default(),
            usual_of: 0,
            named: None,
            batch: Vec::with_capacity(BATCH),
        }
    }

    /// Nothing, without room for the times of many visits.
    pub(crate) fn none() -> Tally {
        Tally::new().glimpse()
    }

    /// The counts and the server's times with their culprits, which is what is shown of a run while it goes on. It is settled.
    pub(crate) fn glimpse(&self) -> Tally {
        let none = || Distribution::none(true);
        Tally {
            failures: self.failures.clone(),
            latency: self.latency.glimpse(),
            corrected: none(),
            uncorrected: none(),
            parts: Part::ALL.map(|_| none().times),
            stalls: Stalls::none(),
            stages: Vec::new(),
            first_wrong: self.first_wrong.clone(),
            named: None,
            batch: Vec::new(),
            ..*self
        }
    }

    /// Notes the times of a visit that is over, however it ended, and in a closed loop how long none had ended before. Gives
    /// the server's time of it.
    pub(crate) fn over(&mut self, moments: &Moments, evidence: Evidence, stall: Option<Nanos>) -> Nanos {
        let parts = moments.parts();
        let (due, uncorrected) = (moments.scheduled, moments.uncorrected());
        self.batch.push(Over { due, parts, uncorrected, evidence, stall });
        if self.batch.len() >= BATCH {
            self.settle();
        }
        parts.server()
    }

    /// Puts the last visits into the distributions. Without this, up to a batch of them are missing there.
    pub(crate) fn settle(&mut self) {
        let mut batch = std::mem::take(&mut self.batch);
        for over in &batch {
            self.note(over);
        }
        let count = self.latency.times.len();
        if count >= self.usual_of * 2 || count >= self.usual_of + USUAL_FOR {
            self.look_up_usual();
        }
        for over in &batch {
            self.name_culprit(over);
        }
        batch.clear();
        self.batch = batch;
    }

    fn note(&mut self, over: &Over) {
        let Over { due, parts, uncorrected, evidence, stall } = over;
        self.latency.note(parts.server(), evidence.timed_out);
        self.corrected.note(parts.whole(), evidence.timed_out);
        self.uncorrected.note(*uncorrected, evidence.timed_out);
        let due_after = due.saturating_sub(self.began);
        self.latency.note_block(due_after, parts.server());
        self.corrected.note_block(due_after, parts.whole());
        self.uncorrected.note_block(due_after, *uncorrected);
        for (times, time) in self.parts.iter_mut().zip(parts.0) {
            record(times, time);
        }
        if let Some(stall) = stall {
            self.stalls.note(*stall);
        }
        if let Some(stage) = self.stage(*due) {
            stage.latency.note(parts.server(), evidence.timed_out);
        }
    }

    /// The stage of a visit that was due at this moment, if there are stages.
    pub(crate) fn stage(&mut self, due: Nanos) -> Option<&mut StageTally> {
        stage::at(&mut self.stages, due.saturating_sub(self.began))
    }

    fn look_up_usual(&mut self) {
        for (usual, times) in self.usual.0.iter_mut().zip(&self.parts) {
            *usual = times.value_at_quantile(0.5);
        }
        self.usual_of = self.latency.times.len();
    }

    fn name_culprit(&mut self, over: &Over) {
        let Over { due, parts, uncorrected, evidence, .. } = over;
        let culprit = Culprit::of(parts, &self.usual, *evidence);
        let of_server = match culprit {
            Culprit::StartedLate | Culprit::ReadLate => {
                Culprit::of(&parts.without_lag(), &self.usual, *evidence)
            }
            Culprit::None
            | Culprit::HeldBack
            | Culprit::SynAgain
            | Culprit::Connecting
            | Culprit::SentAgain
            | Culprit::Waiting
            | Culprit::Transfer
            | Culprit::Closing
            | Culprit::OwnGap
            | Culprit::Timeout => culprit,
        };
        self.latency.note_culprit(parts.server(), parts, of_server);
        self.corrected.note_culprit(parts.whole(), parts, culprit);
        self.uncorrected.note_culprit(*uncorrected, parts, culprit);
        if let Some(stage) = self.stage(*due) {
            stage.latency.note_culprit(parts.server(), parts, of_server);
        }
        if let Some(named) = &mut self.named {
            named.push(culprit);
        }
    }

    /// Keeps the first wrong answer, if a visit had one.
    pub(crate) fn note_wrong(&mut self, wrong: impl FnOnce() -> Option<Wrong>) {
        if self.first_wrong.is_none() {
            self.first_wrong = wrong().map(Box::new);
        }
    }

    pub(crate) fn failed(&mut self, failure: Failure, detail: Option<Detail>) {
        self.failures.note(failure, detail);
        if let (Failure::Other, Some(Detail::Errno(errno))) = (failure, detail) {
            self.first_other.get_or_insert(errno);
        }
    }

    pub(crate) fn count(&self, failure: Failure) -> u64 {
        self.failures.count(failure)
    }

    /// How long one part of the visits was.
    #[expect(clippy::indexing_slicing, reason = "there is a place for every part")]
    pub(crate) fn part(&self, part: Part) -> &Histogram<u64> {
        &self.parts[part as usize]
    }

    /// A percentile of the server's time, and what it is worth.
    pub(crate) fn percentile(&self, percentile: Percentile) -> PercentileTime {
        self.latency.percentile(percentile, self.not_begun)
    }

    /// Whether the 99th percentile of the server's time says more about the generator than about the server.
    pub(crate) fn is_spoiled(&self) -> bool {
        match self.percentile(Percentile::P99).verdict {
            Verdict::OwnLag => true,
            Verdict::OfGenerator => self.latency.is_late_by_itself(Percentile::P99),
            Verdict::Valid | Verdict::NotBegun | Verdict::TooFew => false,
        }
    }

    /// The largest of the counts that nothing else limits.
    pub(crate) fn most(&self) -> u64 {
        let Tally { waited, late, duplicates, foreign, unstamped, connections, .. } = *self;
        let Connections { opened, closed_early } = connections.unwrap_or_default();
        [waited, late, duplicates, foreign, unstamped, opened, closed_early].into_iter().fold(0, u64::max)
    }

    /// Adds the visits of another run, which is settled.
    pub(crate) fn add(&mut self, other: &Tally) {
        self.welcomed += other.welcomed;
        self.resets += other.resets;
        self.not_begun += other.not_begun;
        self.waited += other.waited;
        self.lost += other.lost;
        self.late += other.late;
        self.duplicates += other.duplicates;
        self.foreign += other.foreign;
        self.unstamped += other.unstamped;
        self.first_other = self.first_other.or(other.first_other);
        self.first_wrong = self.first_wrong.take().or_else(|| other.first_wrong.clone());
        let connections = [self.connections, other.connections].into_iter().flatten();
        self.connections = connections.reduce(Connections::add);
        self.failures.add(&other.failures);
        self.latency.add(&other.latency);
        self.corrected.add(&other.corrected);
        self.uncorrected.add(&other.uncorrected);
        self.stalls.add(&other.stalls);
        stage::add(&mut self.stages, &other.stages);
        for (sum, times) in self.parts.iter_mut().zip(&other.parts) {
            add(sum, times);
        }
    }

    /// Whether every visit is in every distribution, and counted as what has come of it.
    pub(crate) fn is_whole(&self) -> bool {
        let all = self.latency.times.len();
        let times = [&self.latency, &self.corrected, &self.uncorrected];
        // Saturating, for counts can come from a file.
        let failed = self.failures.total();
        let counts = [self.welcomed, self.resets, self.lost, failed];
        counts.into_iter().fold(0, u64::saturating_add) == all
            && times.into_iter().all(|times| times.is_whole(all))
            && self.parts.iter().all(|times| times.len() == all)
            && self.are_stages_whole(all)
    }

    /// Whether the stages have no more visits than there are.
    fn are_stages_whole(&self, all: u64) -> bool {
        let sum = |count: fn(&StageTally) -> u64| self.stages.iter().map(count).fold(0, u64::saturating_add);
        self.stages.len() <= STAGES_MAX
            && self.stages.iter().all(StageTally::is_whole)
            && sum(StageTally::begun) <= all
            && sum(|stage| stage.not_begun) <= self.not_begun
    }

    /// Lets this be judged by the times of each of several generators too.
    pub(crate) fn judge_by(&mut self, generator: &str, one: &Tally) {
        self.latency.judge_by(generator, &one.latency, one.not_begun);
        self.corrected.judge_by(generator, &one.corrected, one.not_begun);
        self.uncorrected.judge_by(generator, &one.uncorrected, one.not_begun);
    }

    /// Datagrams that were sent: those with a right answer, with a wrong one, and with none.
    pub(crate) fn sent(&self) -> u64 {
        let wrong = [Failure::ShortReply, Failure::WrongReply, Failure::ExtraBytes];
        self.welcomed + self.lost + wrong.map(|failure| self.count(failure)).iter().sum::<u64>()
    }

    /// All visits that failed.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.total()
    }

    /// Visits that are over.
    pub(crate) fn ended(&self) -> u64 {
        self.welcomed + self.resets + self.lost + self.failures()
    }

    /// How many visits failed in each way, and its name.
    pub(crate) fn failures_by_name(&self) -> impl Iterator<Item = (u64, &'static str)> {
        Failure::ALL.into_iter().map(|failure| (self.count(failure), failure.name()))
    }
}
