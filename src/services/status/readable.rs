//! Numbers as people read them. The script of the page writes them in the same way, so that nothing changes when it begins.
//!
//! A length of time is rounded, as [`duration`] does it. Where the parts of a story have to add up it is exact: [`Micros`].

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::machine::svg::Grouped;

/// What stands for a number that is not known.
pub(super) const UNKNOWN: &str = "–";

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A number without a fraction: `1,235`.
pub(super) fn grouped(number: f64) -> String {
    Grouped(whole_number(number)).to_string()
}

/// One digit behind the point if the number is small: `9.4`, `10`.
pub(super) fn short(number: f64) -> String {
    if number < 9.95 { format!("{number:.1}") } else { grouped(number) }
}

/// A share of one: `12.3 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A length of time in two units at most: `12 µs`, `3.4 ms`, `3 min 20 s`.
pub(super) fn duration(seconds: f64) -> String {
    let whole = whole_number(seconds.floor());
    let two = |big, one, small| format!("{} {big} {} {small}", whole / one, whole % one * 60 / one);
    match whole {
        0 if seconds < 0.001 => format!("{} µs", grouped(seconds * 1e6)),
        0 => format!("{} ms", short(seconds * 1e3)),
        1..MINUTE => format!("{} s", short(seconds)),
        MINUTE..HOUR => two("min", MINUTE, "s"),
        HOUR..DAY => two("h", HOUR, "min"),
        _ => format!("{} d {} h", whole / DAY, whole % DAY / HOUR),
    }
}

/// A length of time in whole seconds, at least one.
pub(super) fn whole(seconds: f64) -> String {
    match whole_number(seconds.floor()) {
        whole @ ..MINUTE => format!("{} s", whole.max(1)),
        _ => duration(seconds),
    }
}

/// A length of time in one unit: `12 s`, `3 min`.
pub(super) fn rough(seconds: f64) -> String {
    let whole = whole(seconds);
    let mut words = whole.split(' ');
    [words.next(), words.next()].map(Option::unwrap_or_default).join(" ")
}

/// An amount of memory: `12.3 MiB`.
pub(super) fn bytes(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let (mut amount, mut unit) = (decimal(bytes), "B");
    for larger in units {
        if amount < 1024.0 {
            break;
        }
        (amount, unit) = (amount / 1024.0, larger);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{amount:.1} {unit}") }
}

/// A count as a number with a fraction, which is exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "a page shows fewer digits")]
pub(super) fn decimal(count: u64) -> f64 {
    count as f64
}

/// The nearest number without a fraction. One that is none, or below zero, is zero.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it ends at the bounds of the type"
)]
fn whole_number(number: f64) -> u64 {
    number.round() as u64
}

/// Microseconds, in a unit in which there are few digits: `61 µs`, `50.120 ms`, `1.500 s`. The alternate form has no zeros
/// at its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Micros(pub(super) u64);

impl From<Duration> for Micros {
    fn from(duration: Duration) -> Micros {
        Micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }
}

impl Display for Micros {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Micros(micros) = *self;
        let (whole, part, unit) = match micros {
            0..1_000 => return f.pad(&format!("{micros} µs")),
            1_000..1_000_000 => (micros / 1_000, micros % 1_000, "ms"),
            1_000_000.. => (micros / 1_000_000, micros / 1_000 % 1_000, "s"),
        };
        let digits = format!("{whole}.{part:03}");
        let digits = if f.alternate() { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
        f.pad(&format!("{digits} {unit}"))
    }
}

/// Rows as lines in which each column has its place, two spaces from the next. The first so many are numbers and stand to the right,
/// the others are words and stand to the left.
pub(super) fn aligned(rows: &[Vec<String>], numbers: usize) -> String {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(row.len().max(widths.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column < numbers { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_duration_has_few_digits() {
        for (micros, full, short) in [
            (0, "0 µs", "0 µs"),
            (100, "100 µs", "100 µs"),
            (50_000, "50.000 ms", "50 ms"),
            (1_020, "1.020 ms", "1.02 ms"),
            (10_000_999, "10.000 s", "10 s"),
            (61_500_000, "61.500 s", "61.5 s"),
        ] {
            assert_eq!(
                (Micros(micros).to_string(), format!("{:#}", Micros(micros))),
                (full.into(), short.into())
            );
        }
        assert_eq!(format!("{:>8}|", Micros(5)), "    5 µs|");
    }

    #[test]
    fn a_duration_has_two_units_at_most() {
        let durations = [
            (0.0, "0 µs"),
            (0.000_012_3, "12 µs"),
            (0.003_44, "3.4 ms"),
            (0.25, "250 ms"),
            (1.26, "1.3 s"),
            (59.9, "60 s"),
            (200.0, "3 min 20 s"),
            (3600.0 * 5.5, "5 h 30 min"),
            (86_400.0 * 3.25, "3 d 6 h"),
        ];
        for (seconds, text) in durations {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!([0.2, 1.9, 61.0].map(whole), ["1 s", "1 s", "1 min 1 s"]);
        assert_eq!([0.2, 61.0, 7300.0].map(rough), ["1 s", "1 min", "2 h"]);
    }

    #[test]
    fn numbers_that_are_none_are_shown_as_nothing() {
        assert_eq!([grouped(f64::NAN), grouped(-3.0)], ["0", "0"]);
        assert_eq!([duration(-1.0), whole(f64::NAN)], ["0 µs", "1 s"]);
    }

    #[test]
    fn memory_has_a_unit_that_fits() {
        let amounts = [0, 1023, 1024, 12_900_000, u64::MAX].map(bytes);
        assert_eq!(amounts, ["0 B", "1023 B", "1.0 KiB", "12.3 MiB", "16777216.0 TiB"]);
    }
}
