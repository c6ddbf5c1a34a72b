//! The statuses of HTTP that are right.

use std::ops::RangeInclusive;
use std::str::FromStr;

/// A status, or a class of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Statuses(RangeInclusive<u16>);

impl Statuses {
    /// Those of success, 2xx.
    pub(crate) const SUCCESS: Statuses = Statuses(200..=299);

    /// Whether this one is among them.
    pub(crate) fn contain(&self, status: u16) -> bool {
        self.0.contains(&status)
    }
}

impl FromStr for Statuses {
    type Err = &'static str;

    /// As people write it: `404`, or `3xx` for a class.
    fn from_str(text: &str) -> Result<Statuses, Self::Err> {
        let digits = text.strip_suffix("xx").map_or_else(|| text.to_owned(), |class| format!("{class}00"));
        let are_digits = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let first = digits.parse().ok().filter(|status| are_digits && (200..=599).contains(status));
        let first: u16 =
            first.ok_or("accepted are statuses such as 404, or a class such as 3xx, from 200 to 599")?;
        Ok(Statuses(if text.ends_with("xx") { first..=first + 99 } else { first..=first }))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_status_is_three_digits_or_a_class() {
        use super::Statuses;
        for (text, yes, no) in [("404", 404, 405), ("3xx", 399, 400), ("200", 200, 299), ("5xx", 500, 499)] {
            let statuses: Statuses = text.parse().unwrap();
            assert!(statuses.contain(yes) && !statuses.contain(no), "{text}");
        }
        assert_eq!("2xx".parse(), Ok(Statuses::SUCCESS));
        for text in ["", "xx", "1xx", "100", "6xx", "600", "20", "2000", "+20", "2x", "20x", "2XX", " 200"] {
            assert!(text.parse::<Statuses>().is_err(), "{text}");
        }
    }
}
