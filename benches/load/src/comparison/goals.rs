//! The figures that `welcomed` is meant to reach, and whether it did.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::comparison::contender::SAFE_FLOOR;
use crate::comparison::row::Row;
use crate::figures::statistics::{Spread, paired_ratios, spread};

/// The server that most goals are about.
pub(crate) const QUIET: &str = "welcomed --quiet";

/// The same with its status on, and with clients that look at it.
pub(crate) const SHOWN: &str = "welcomed --quiet --status";
pub(crate) const WATCHED: &str = "welcomed --quiet --status, watched";

/// What the cost of [`QUIET`] beside the floor is called.
pub(crate) const AGAINST_THE_FLOOR: &str = "CPU of a visit against the floor";

/// A figure, what it may be at most, and what it was.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Goal {
    /// The figure in words.
    pub(crate) what: Cow<'static, str>,
    /// What it may be at most.
    pub(crate) most: f64,
    /// What it was: for figures of several rounds their median and quartiles; null if it was not measured.
    pub(crate) reached: Option<Spread>,
}

impl Goal {
    /// Whether it was reached, as precisely as it is shown.
    pub(crate) fn is_reached(&self) -> bool {
        self.reached.is_some_and(|reached| (reached.median * 100.0).round() <= (self.most * 100.0).round())
    }
}

/// Every goal. The server is the one with `--quiet`, as its peers log nothing either.
pub(crate) fn goals(rows: &[Row]) -> Vec<Goal> {
    let row = |name: &str| rows.iter().find(|row| row.name == name);
    let quiet = row(QUIET);
    let against = |ours: &str, other: &str| {
        let ratios = paired_ratios(&row(ours)?.cpu_micros, &row(other)?.cpu_micros);
        Some(spread(&ratios)).filter(|ratio| ratio.median.is_finite())
    };
    let once = |figure: Option<f64>| figure.map(|median| Spread { median, lower: median, upper: median });
    let goal = |what, most, reached| Goal { what: Cow::Borrowed(what), most, reached };
    vec![
        goal("CPU of a visit against the floor with its calls", 1.03, against(QUIET, SAFE_FLOOR)),
        goal(AGAINST_THE_FLOOR, 0.90, against(QUIET, "floor")),
        goal("CPU of a visit against tokio", 0.77, against(QUIET, "tokio")),
        goal("system calls of a visit", 5.1, once(quiet.and_then(|row| row.calls))),
        goal("bytes of an idle connection", 150.0, once(quiet.and_then(|row| row.held_bytes))),
        goal("CPU of a visit beside idle connections", 1.03, once(quiet.and_then(|row| row.held_cost))),
        goal("CPU of a visit that is logged", 1.10, against("welcomed", QUIET)),
        goal("CPU of a visit with the status on", 1.01, against(SHOWN, QUIET)),
        goal("CPU of a visit with the status watched", 1.03, against(WATCHED, QUIET)),
        goal(
            "bytes of an idle connection, status on",
            150.0,
            once(row(SHOWN).and_then(|row| row.held_bytes)),
        ),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn goals_compare_rounds_and_not_medians() {
        use super::{Row, goals};
        let row = |name: &str, cpu_micros: &[f64]| Row {
            name: name.to_owned(),
            cpu_micros: cpu_micros.to_vec(),
            ..Row::default()
        };
        let rows = [
            row("floor", &[10.0, 100.0, 1000.0]),
            row("tokio", &[10.0, 100.0, 1000.0]),
            row("welcomed", &[9.2, 92.0, 920.0]),
            row("welcomed --quiet", &[8.0, 80.0, 800.0]),
        ];
        let goals = goals(&rows);
        let reached: Vec<_> = goals.iter().map(|goal| goal.reached.map(|reached| reached.median)).collect();
        assert_eq!(reached, [None, Some(0.8), Some(0.8), None, None, None, Some(1.15), None, None, None]);
        let met: Vec<_> = goals.iter().map(super::Goal::is_reached).collect();
        assert_eq!(
            met,
            [false, true, false, false, false, false, false, false, false, false],
            "what was not measured is not reached"
        );
    }
}
