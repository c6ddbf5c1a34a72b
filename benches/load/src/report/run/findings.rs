//! A run with what is known beside its figures.

use crate::figures::measured::Measured;
use crate::figures::percentile::Percentile;
use crate::generator::idle::Left;
use crate::report::about::About;
use crate::report::thresholds::Judged;
use crate::system::rows::Written;

/// A run with what is known beside its figures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Findings<'a> {
    pub(crate) measured: &'a Measured,
    /// What it is about, if it is a run of the program.
    pub(crate) about: Option<&'a About>,
    /// Visits a second that the generator reaches at best, if that is known.
    pub(crate) ceiling: Option<f64>,
    /// The percentiles that are shown.
    pub(crate) percentiles: &'a [Percentile],
    /// The visits at a time that a closed loop was asked for.
    pub(crate) at_a_time: Option<usize>,
    /// How many sockets could be open, if a closed loop needed more and was thinner for that.
    pub(crate) thinned_to: Option<usize>,
    /// How many visits were asked for.
    pub(crate) count: Option<u64>,
    /// How many idle connections were held, and those that ended meanwhile.
    pub(crate) held: Option<(usize, Left)>,
    /// What became of the rows of the visits, if there is a file of them.
    pub(crate) rows: Option<&'a Written>,
    /// Whether a signal ended it early.
    pub(crate) interrupted: bool,
    /// Of runs that were merged, the name of each generator and what its run is about.
    pub(crate) merged: &'a [(String, About)],
    /// The thresholds, with what came of them.
    pub(crate) thresholds: &'a [Judged],
}

impl<'a> Findings<'a> {
    /// A run of which no more is known.
    pub(crate) fn of(measured: &'a Measured) -> Findings<'a> {
        Findings {
            measured,
            about: None,
            ceiling: None,
            percentiles: &Percentile::USUAL,
            at_a_time: None,
            thinned_to: None,
            count: None,
            held: None,
            rows: None,
            interrupted: false,
            merged: &[],
            thresholds: &[],
        }
    }
}
