//! Whether a server has become dearer since another run.
//!
//! A baseline keeps, for each round, the processor time of a visit over that of the floor in the same round. What the
//! machine did in that round cancels, so runs of different days can be compared.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::figures::statistics::mean_log;
use crate::system::files::{at, write};

/// What is kept of a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Baseline {
    version: u32,
    /// The costs against the floor, one for each round.
    costs: Vec<f64>,
}

/// A change of cost in per cent, and by how much it can be off (95 %).
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Change {
    pub(crate) per_cent: f64,
    pub(crate) off: f64,
}

impl Baseline {
    pub(crate) fn new(costs: Vec<f64>) -> Baseline {
        Baseline { version: 1, costs }
    }

    /// Whether there is a cost of every round.
    pub(crate) fn is_sound(&self) -> bool {
        !self.costs.is_empty() && self.costs.iter().all(|cost| cost.is_finite() && *cost > 0.0)
    }

    /// Keeps it under `name`.
    pub(crate) fn save(&self, folder: &Path, name: &str) -> io::Result<()> {
        fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
        write(&file(folder, name), &serde_json::to_string(self)?)
    }

    /// What is kept under `name`.
    pub(crate) fn read(folder: &Path, name: &str) -> io::Result<Baseline> {
        let file = file(folder, name);
        let text = fs::read_to_string(&file).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("there is no baseline {name:?} ({}): {error}", file.display()),
            )
        })?;
        serde_json::from_str(&text).map_err(|error| at(&file, &error.into()))
    }

    /// The change from `self` to `now`: of the mean logarithm, with the interval of Welch's test.
    pub(crate) fn change_to(&self, now: &Baseline) -> Change {
        let change = mean_log(&now.costs).minus(mean_log(&self.costs));
        Change { per_cent: (change.mean.exp() - 1.0) * 100.0, off: (change.off().exp() - 1.0) * 100.0 }
    }
}

impl Change {
    /// Whether the server has become dearer by more than the interval.
    pub(crate) fn is_regression(self) -> bool {
        self.per_cent > self.off
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Change { per_cent, off } = *self;
        if per_cent.abs() > off {
            let more = if per_cent < 0.0 { "less" } else { "more" };
            return write!(f, "{:.1}% ± {off:.1}% {more} CPU", per_cent.abs());
        }
        f.write_str("cannot tell")?;
        if off.is_finite() { write!(f, " ({per_cent:+.1}% ± {off:.1}% CPU)") } else { Ok(()) }
    }
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_known_change_is_told_with_its_interval() {
        use super::Baseline;
        let before = Baseline::new(vec![0.99, 1.0, 1.01, 1.0, 1.0]);
        let cheaper = Baseline::new(before.costs.iter().map(|cost| cost * 0.9).collect());
        let change = before.change_to(&cheaper);
        assert!((change.per_cent + 10.0).abs() < 0.01, "{change}");
        // Of each the variance of the five is 0.00005, and they tell as much as 3.3 rounds would. So the standard error of the
        // difference is 0.00548, and t of 4 degrees is 2.776.
        assert!((change.off - 1.53).abs() < 0.02, "{change}");
        assert!(!change.is_regression() && change.to_string().ends_with("less CPU"), "{change}");
        let back = cheaper.change_to(&before);
        assert!(back.is_regression() && back.to_string().ends_with("more CPU"), "{back}");
    }

    #[test]
    fn a_change_within_the_noise_is_not_claimed() {
        use super::Baseline;
        let (before, after) = (Baseline::new(vec![0.8, 1.0, 1.3]), Baseline::new(vec![0.9, 1.1, 1.2]));
        let change = before.change_to(&after);
        assert!(!change.is_regression() && change.to_string().starts_with("cannot tell"), "{change}");
        let one = Baseline::new(vec![1.0]).change_to(&Baseline::new(vec![2.0]));
        assert!(
            !one.is_regression() && one.to_string().starts_with("cannot tell"),
            "one round tells nothing"
        );
    }

    #[test]
    fn a_kept_baseline_is_read_again_and_a_missing_one_is_named() {
        use super::Baseline;
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("baselines");
        let baseline = Baseline::new(vec![0.81, 0.9]);
        baseline.save(&folder, "kept").unwrap();
        assert_eq!(Baseline::read(&folder, "kept").unwrap(), baseline);
        assert!(baseline.is_sound());
        for costs in [vec![], vec![0.8, f64::NAN], vec![0.8, 0.0], vec![f64::INFINITY]] {
            assert!(!Baseline::new(costs).is_sound());
        }
        let error = Baseline::read(&folder, "never").unwrap_err();
        assert!(error.to_string().starts_with("there is no baseline \"never\""), "{error}");
    }
}
