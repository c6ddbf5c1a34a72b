//! Durations as people read them.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// Microseconds, in a unit in which there are few digits: `61 µs`, `50.120 ms`, `1.500 s`. The alternate form has no zeros
/// at its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Micros(pub(crate) u64);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_few_digits() {
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
}
