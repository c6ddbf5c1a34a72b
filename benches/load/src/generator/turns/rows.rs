//! A row for each visit that is over, if that is asked for.
//!
//! The culprit of a visit is named some visits later, by the median up to then, and a row waits for it. So a row names what the report
//! has counted.

use std::collections::VecDeque;

use crate::figures::failure::Detail;
use crate::figures::tally::Tally;
use crate::generator::flight::Progress;
use crate::generator::timing::Timing;
use crate::system::clock::Nanos;
use crate::system::rows::{Row, RowSender};

/// The rows that wait for their culprits.
pub(crate) struct Rows {
    to: RowSender,
    waiting: VecDeque<Row>,
}

impl Rows {
    /// Rows of a run that `began` at this moment, and whose tally keeps its culprits from now on.
    pub(super) fn begin(to: RowSender, began: Nanos, tally: &mut Tally) -> Rows {
        to.begin(began);
        tally.named = Some(Vec::new());
        Rows { to, waiting: VecDeque::new() }
    }

    /// Notes visit number `serial`, which is over and in the tally.
    pub(super) fn note(&mut self, serial: u64, timing: &Timing, outcome: (Progress, Option<Detail>)) {
        let moments = &timing.moments;
        let status = match outcome {
            (Progress::Failed(_), Some(Detail::Status(status))) => Some(status),
            _ => None,
        };
        self.waiting.push_back(Row {
            serial,
            due: moments.scheduled,
            begun: moments.started,
            connected: timing.was_connected.then_some(moments.connected),
            first_byte: timing.was_answered.then_some(moments.first_byte),
            ended: moments.ended,
            outcome: word(outcome.0),
            status,
            culprit: "",
        });
    }

    /// Hands over the rows whose culprits the tally has named.
    pub(super) fn hand_over(&mut self, tally: &mut Tally) {
        for culprit in tally.named.iter_mut().flat_map(|named| named.drain(..)) {
            let Some(row) = self.waiting.pop_front() else { return };
            self.to.send(Row { culprit: culprit.key(), ..row });
        }
    }

    /// Hands over the last rows of a run whose tally is settled.
    pub(crate) fn end(&mut self, tally: &mut Tally) {
        self.hand_over(tally);
        self.to.flush();
    }
}

/// What came of a visit.
fn word(progress: Progress) -> &'static str {
    match progress {
        Progress::Welcomed => "welcomed",
        Progress::Reset => "reset on purpose",
        Progress::Lost => "lost",
        Progress::Failed(failure) => failure.name(),
        Progress::Waits | Progress::GoesOn | Progress::NoRoom => "not over",
    }
}
