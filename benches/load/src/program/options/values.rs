//! The values of options, as they are written.

use std::path::PathBuf;
use std::time::Duration;

use crate::plan::arrivals::Stage;
use crate::report::export::ENDINGS;

/// What can be made of the options.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Generated {
    /// The manual page, `welcomed-load.1`.
    Man,
    /// Completions for bash.
    Bash,
    /// Completions for fish.
    Fish,
    /// Completions for zsh.
    Zsh,
}

pub(super) fn baseline_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.is_empty() && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("accepted are letters, digits, - and _".into())
    }
}

pub(super) fn json_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if text.is_empty() {
        return Err("accepted is a name, or - for standard output".into());
    }
    if path.extension().is_some_and(|extension| extension == "html") {
        return Err("accepted are names that do not end in .html, which is the page's".into());
    }
    Ok(path)
}

pub(super) fn figure_files(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.extension().is_some() || path.file_name().is_none() {
        return Err("accepted are paths of files without .json or .svg, such as docs/cost".into());
    }
    Ok(path)
}

/// A program. Whether it is one shows when it is started, but a file that is not there is reported at once.
pub(super) fn program(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_file() { Ok(path) } else { Err("there is no such file".into()) }
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    welcomed::command_line::duration(text, Duration::from_millis(1))
}

pub(super) fn duration_or_zero(text: &str) -> Result<Duration, String> {
    welcomed::command_line::duration(text, Duration::ZERO)
}

pub(super) fn sources(text: &str) -> Result<u8, String> {
    let count = welcomed::command_line::count(text, 1..=200)?;
    u8::try_from(count).map_err(|error| error.to_string())
}

/// A number of threads. Each takes some megabytes, so there is an end to it.
pub(super) fn threads(text: &str) -> Result<u16, String> {
    let count = welcomed::command_line::count(text, 1..=1000)?;
    u16::try_from(count).map_err(|error| error.to_string())
}

pub(super) fn seed(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|_| !text.starts_with('+'));
    number.ok_or_else(|| format!("accepted are whole numbers from 0 to {}", u64::MAX))
}

/// A number with an optional `k` or `M` behind it.
fn number(text: &str) -> Option<f64> {
    let (digits, unit) = match text.strip_suffix('k') {
        Some(digits) => (digits, 1e3),
        None => text.strip_suffix('M').map_or((text, 1.0), |digits| (digits, 1e6)),
    };
    // The standard library takes signs, exponents and words as well.
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<f64>().ok().filter(|_| are_digits(whole) && are_digits(fraction));
    number.map(|number| number * unit)
}

pub(super) fn rate(text: &str) -> Result<f64, String> {
    number(text)
        .filter(|rate| (0.001..=1e7).contains(rate))
        .ok_or("accepted are rates such as 0.5, 200, 5k".into())
}

pub(super) fn count_or_zero(text: &str) -> Result<u64, String> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a whole number"
    )]
    let whole = |number: f64| number as u64;
    let number = number(text).filter(|number| (0.0..=1e12).contains(number) && number.fract() == 0.0);
    number.map(whole).ok_or("accepted are whole numbers such as 64, 10k, 2M".into())
}

pub(super) fn count(text: &str) -> Result<u64, String> {
    count_or_zero(text)
        .and_then(|count| if count > 0 { Ok(count) } else { Err("at least 1 is accepted".into()) })
}

/// Stages such as `1k:10s,5k:30s`: a rate and for how long, in their order.
pub(super) fn stage(text: &str) -> Result<Stage, String> {
    let (per_second, length) = text.split_once(':').ok_or("accepted are stages such as 1k:10s,5k:30s")?;
    Ok(Stage { rate: rate(per_second)?, duration: duration(length)? })
}

/// A file for histograms, whose ending is that of a format.
pub(super) fn histogram_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let ending = path.extension().and_then(|ending| ending.to_str());
    if ending.is_some_and(|ending| ENDINGS.contains(&ending)) {
        Ok(path)
    } else {
        Err("accepted are names that end in .hgrm, .hlog or .csv".into())
    }
}

/// A file for a page, which standard output is not.
pub(super) fn page_file(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() || text == "-" { Err("accepted are names of files".into()) } else { Ok(text.into()) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn units_are_understood_and_nonsense_is_not() {
        use super::{count, rate, seed, sources};
        assert_eq!(count("10k"), Ok(10_000));
        assert_eq!(count("1.5k"), Ok(1_500));
        assert_eq!(rate("2M"), Ok(2e6));
        assert_eq!((count("007"), rate("00.5"), seed("007"), sources("007")), (Ok(7), Ok(0.5), Ok(7), Ok(7)));
        for text in ["+1", " 1", "1 ", "-1", "1e2", ""] {
            assert!(rate(text).is_err() && seed(text).is_err() && sources(text).is_err(), "{text:?}");
        }
        for text in
            ["", "k", "-1", "+1", " 1", "1 ", "1.", ".5k", "1e3", "1.5", "ten", "1kk", "inf", "NaN", "0"]
        {
            assert!(count(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_stage_is_a_rate_and_for_how_long() {
        use super::{Duration, Stage, stage};
        assert_eq!(stage("1.5k:10s"), Ok(Stage { rate: 1500.0, duration: Duration::from_secs(10) }));
        for text in ["", "1k", "1k:", ":10s", "1k:10", "0:10s", "1k:10s:1"] {
            assert!(stage(text).is_err(), "{text:?}");
        }
    }
}
