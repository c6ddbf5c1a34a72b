//! Two builds of `welcomed` in one run, figure by figure.

use std::path::Path;

use serde::Serialize;

use crate::comparison::contender::welcomed_name;
use crate::comparison::row::Row;
use crate::figures::statistics::{Spread, mean_log, paired_ratios, spread};

/// A figure of two builds.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Difference {
    /// The figure in words.
    pub(crate) what: &'static str,
    /// The median of the other build's figures.
    pub(crate) other: f64,
    /// The median of this build's.
    pub(crate) this: f64,
    /// This build's figure over the other's of the same round: median and quartiles.
    pub(crate) ratio: Spread,
    /// The mean of these ratios (of their logarithms) and its interval of 95 %; null of a single one.
    pub(crate) mean: Option<Spread>,
}

/// The figures of this build beside those of the one at `path`, as far as both have been measured.
pub(crate) fn differences(rows: &[Row], path: &Path) -> Vec<Difference> {
    let row = |quiet, beside| {
        let name = welcomed_name(quiet, beside);
        rows.iter().find(|row| row.name == name)
    };
    let difference = |what, quiet, figures: &dyn Fn(&Row) -> Vec<f64>| {
        let (other, this) = (figures(row(quiet, Some(path))?), figures(row(quiet, None)?));
        let ratios = paired_ratios(&this, &other);
        let estimate = mean_log(&ratios);
        let at = |off: f64| (estimate.mean + off).exp();
        let mean = Spread { median: at(0.0), lower: at(-estimate.off()), upper: at(estimate.off()) };
        let (other, this) = (spread(&other).median, spread(&this).median);
        let mean = Some(mean).filter(|mean| mean.upper.is_finite());
        Some(Difference { what, other, this, ratio: spread(&ratios), mean })
            .filter(|difference| difference.ratio.median.is_finite())
    };
    let all = [
        difference("CPU us of a visit, --quiet", true, &|row| row.cpu_micros.clone()),
        difference("CPU us of a visit that is logged", false, &|row| row.cpu_micros.clone()),
        difference("system calls of a visit", true, &|row| row.calls.into_iter().collect()),
        difference("bytes of an idle connection", true, &|row| {
            row.held.iter().map(|held| held.bytes).collect()
        }),
        difference("CPU us of a visit beside idle ones", true, &|row| {
            row.held.iter().map(|held| held.micros).collect()
        }),
        difference("the same over that without them", true, &|row| {
            row.held.iter().map(|held| held.cost).collect()
        }),
    ];
    all.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_builds_are_compared_by_rounds_and_not_by_medians() {
        use super::{Row, differences};
        use std::path::Path;
        let row = |name: &str, cpu_micros: &[f64], calls| Row {
            name: name.to_owned(),
            cpu_micros: cpu_micros.to_vec(),
            calls: Some(calls),
            ..Row::default()
        };
        let rows = [
            row("welcomed (old) --quiet", &[10.0, 100.0, 1000.0], 4.0),
            row("welcomed --quiet", &[10.2, 102.0, 1020.0], 4.1),
            row("welcomed", &[20.0], 5.0),
        ];
        let differences = differences(&rows, Path::new("/somewhere/old"));
        let [cpu, calls] = &differences[..] else { panic!("{differences:?}") };
        assert_eq!((cpu.other, cpu.this), (100.0, 102.0));
        assert!((cpu.ratio.median - 1.02).abs() < 1e-9, "what the machine did to both cancels");
        assert!(cpu.mean.is_some_and(|mean| (mean.upper - 1.02).abs() < 1e-9), "{cpu:?}");
        assert!(
            (calls.ratio.median - 1.025).abs() < 1e-9 && calls.mean.is_none(),
            "one figure has no interval"
        );
    }
}
