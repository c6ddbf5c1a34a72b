//! A percentile, as it is asked for and as it is shown.

use std::fmt;
use std::str::FromStr;

use hdrhistogram::Histogram;

/// A percentile, above 0 and at most 100, which is the longest.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Percentile(f64);

impl Percentile {
    /// The 99th.
    pub(crate) const P99: Percentile = Percentile(99.0);

    /// Those that are shown if no others are asked for.
    pub(crate) const USUAL: [Percentile; 4] =
        [Percentile(50.0), Percentile(90.0), Percentile(99.0), Percentile(99.9)];

    /// From 0 to 100.
    pub(crate) fn number(self) -> f64 {
        self.0
    }

    /// From 0 to 1.
    pub(crate) fn quantile(self) -> f64 {
        self.0 / 100.0
    }

    /// How many times it takes, so that one of them is expected at or beyond it: 10 for the 90th percentile, 1,000 for the
    /// 99.9th. Of fewer it is the longest of them under another name.
    pub(crate) fn needs(self) -> u64 {
        let beyond = 100.0 - self.0;
        if beyond <= 0.0 {
            return 1;
        }
        // What is left of the division's rounding is no visit more.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 1")]
        let needs = (100.0 / beyond * (1.0 - 1e-9)).ceil() as u64;
        needs
    }

    /// The time that this part of `times` did not exceed, in nanoseconds; `None` of too few.
    pub(crate) fn of(self, times: &Histogram<u64>) -> Option<u64> {
        (times.len() >= self.needs()).then(|| times.value_at_quantile(self.quantile()))
    }
}

impl FromStr for Percentile {
    type Err = String;

    fn from_str(text: &str) -> Result<Percentile, String> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let number = text.parse().ok().filter(|number| is_plain && (0.001..=100.0).contains(number));
        let number = number.filter(|number| !(f64::EPSILON..0.999e-6).contains(&(100.0 - *number)));
        number.map(Percentile).ok_or("accepted are percentiles such as 50, 99.9, 99.999 and 100".into())
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_of_too_few_is_none() {
        let needs = |text: &str| text.parse::<Percentile>().unwrap().needs();
        let cases =
            [("50", 2), ("75", 4), ("90", 10), ("99", 100), ("99.9", 1000), ("99.999", 100_000), ("100", 1)];
        for (text, visits) in cases {
            assert_eq!(needs(text), visits, "{text}");
        }
        let mut times = Histogram::new(3).unwrap();
        times.record_n(7, 99).unwrap();
        let of = |text: &str, times: &Histogram<u64>| text.parse::<Percentile>().unwrap().of(times);
        assert_eq!((of("99", &times), of("90", &times), of("100", &times)), (None, Some(7), Some(7)));
        times.record(9).unwrap();
        assert_eq!(of("99", &times), Some(7));
    }

    #[test]
    fn a_percentile_is_a_plain_number_up_to_100() {
        for text in ["50", "99.9", "99.99999", "0.5", "100"] {
            assert_eq!(text.parse::<Percentile>().unwrap().to_string(), format!("p{text}"));
        }
        for text in ["", "0", "101", "-1", "+5", "1e1", "p99", "NaN", "99.99999999", "99%", "."] {
            assert!(text.parse::<Percentile>().is_err(), "{text}");
        }
    }
}
