//! Moments as a calendar has them.

use std::time::{Duration, UNIX_EPOCH};

/// The first second of the year 10000, which RFC 3339 cannot write, since 1970.
const YEAR_10000_SECONDS: u64 = 253_402_300_800;

/// The moment this long before the present, which is so long after 1970: in UTC and to a millisecond (RFC 3339), such as `2026-11-22T11:07:30.636Z`. `None` before 1970 and
/// after the year 9999.
pub(crate) fn utc(present: Duration, ago: Duration) -> Option<String> {
    let at = present.checked_sub(ago).filter(|at| at.as_secs() < YEAR_10000_SECONDS)?;
    Some(humantime::format_rfc3339_millis(UNIX_EPOCH.checked_add(at)?).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc() {
        let present = Duration::from_millis(1_795_345_650_636);
        let ago = |millis| utc(present, Duration::from_millis(millis));
        assert_eq!(ago(0).as_deref(), Some("2026-11-22T11:07:30.636Z"));
        assert_eq!(ago(637).as_deref(), Some("2026-11-22T11:07:29.999Z"));
        assert_eq!(ago(1_795_345_650_636).as_deref(), Some("1970-01-01T00:00:00.000Z"));
    }

    #[test]
    fn a_moment_that_has_no_such_form_is_not_written() {
        let last = Duration::from_secs(YEAR_10000_SECONDS);
        assert_eq!(utc(last, Duration::ZERO), None);
        assert_eq!(utc(last, Duration::from_millis(1)).as_deref(), Some("9999-12-31T23:59:59.999Z"));
        assert_eq!(utc(Duration::ZERO, Duration::from_millis(1)), None);
        assert_eq!(utc(Duration::ZERO, Duration::MAX), None);
    }
}
