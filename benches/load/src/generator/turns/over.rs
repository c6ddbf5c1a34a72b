//! What is noted of a visit that is over.

use super::Generator;
use crate::figures::culprit::Evidence;
use crate::figures::failure::Detail;
use crate::generator::flight::Progress;
use crate::generator::timing::Timing;
use crate::plan::Load;
use crate::system::clock::Nanos;

impl Generator<'_> {
    /// Notes the times of its own visit number `serial`, which is over, and what came of it. Gives the server's time of it.
    pub(super) fn over(
        &mut self,
        serial: u64,
        timing: &Timing,
        evidence: Evidence,
        outcome: (Progress, Option<Detail>),
    ) -> Nanos {
        let moments = &timing.moments;
        self.tally.unstamped += u64::from(timing.is_unstamped);
        let closed_loop = matches!(self.plan.load, Load::Closed(_));
        let stall = closed_loop.then(|| moments.closed.saturating_sub(self.nothing_since));
        self.nothing_since = moments.ended;
        let worst = self.tally.over(moments, evidence, stall);
        if let Some(stage) = self.tally.stage(moments.scheduled) {
            match outcome.0 {
                Progress::Welcomed => stage.welcomed += 1,
                Progress::Reset => stage.resets += 1,
                Progress::Lost | Progress::Failed(_) => stage.failed += 1,
                Progress::Waits | Progress::GoesOn | Progress::NoRoom => {}
            }
        }
        if let Some(rows) = &mut self.rows {
            rows.note(self.plan.share.number(serial), timing, outcome);
            rows.hand_over(&mut self.tally);
        }
        worst
    }

    /// Puts the last visits into the distributions, and their rows into the file.
    pub(in crate::generator) fn settle(&mut self) {
        self.tally.settle();
        if let Some(rows) = &mut self.rows {
            rows.end(&mut self.tally);
        }
    }
}
