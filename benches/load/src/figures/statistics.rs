//! Medians, spreads and verdicts: pure arithmetic over figures of rounds.

/// The middle of some figures and how far they spread.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Spread {
    /// The median.
    pub(crate) median: f64,
    /// The lower quartile.
    pub(crate) lower: f64,
    /// The upper quartile.
    pub(crate) upper: f64,
}

/// The quantile `q` of sorted figures, between neighbours in proportion. `NaN` of none.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a handful of rounds")]
    let place = q * (sorted.len().saturating_sub(1)) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the slice")]
    let below = place.floor() as usize;
    match (sorted.get(below), sorted.get(below + 1)) {
        (Some(a), Some(b)) => a + (b - a) * place.fract(),
        (Some(a), None) => *a,
        _ => f64::NAN,
    }
}

/// Median and quartiles.
pub(crate) fn spread(figures: &[f64]) -> Spread {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    Spread { median: quantile(&sorted, 0.5), lower: quantile(&sorted, 0.25), upper: quantile(&sorted, 0.75) }
}

/// Each figure over its partner of the same round: what the machine did to both in that round cancels.
pub(crate) fn paired_ratios(figures: &[f64], partners: &[f64]) -> Vec<f64> {
    figures.iter().zip(partners).map(|(figure, partner)| figure / partner).collect()
}

/// The mean of the logarithms and its standard error.
#[expect(clippy::cast_precision_loss, reason = "a handful of rounds")]
pub(crate) fn mean_log(costs: &[f64]) -> (f64, f64) {
    let logs: Vec<f64> = costs.iter().filter(|cost| **cost > 0.0).map(|cost| cost.ln()).collect();
    let count = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / count;
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_spread_of_a_known_case() {
        use super::{Spread, spread};
        assert_eq!(spread(&[4.0, 1.0, 3.0, 2.0, 5.0]), Spread { median: 3.0, lower: 2.0, upper: 4.0 });
        assert_eq!(spread(&[1.0, 2.0]), Spread { median: 1.5, lower: 1.25, upper: 1.75 });
        assert_eq!(spread(&[7.0]).median, 7.0);
        assert!(spread(&[]).median.is_nan(), "nothing measured is no figure");
    }

    #[test]
    fn what_drifts_for_both_cancels_in_a_paired_ratio() {
        use super::{paired_ratios, spread};
        let (floor, other) = ([10.0, 20.0, 40.0, 80.0], [9.0, 18.0, 36.0, 72.0]);
        let ratio = spread(&paired_ratios(&other, &floor));
        assert_eq!((ratio.median, ratio.upper - ratio.lower), (0.9, 0.0));
    }
}
