//! What the two programs' command lines have in common.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;

use crate::text::Escaped;

/// The longest duration an option takes: a day.
const DURATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads the command line of `program`.
///
/// Help and version are printed, to standard output, and give exit code 0. A mistake is printed as one
/// line, to standard error, and gives exit code 2.
pub fn parse<Options: Parser>(program: &str) -> Result<Options, ExitCode> {
    Options::try_parse().map_err(|error| {
        if !matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
            return fail(program, &one_line(&error.render().to_string(), program), ExitCode::from(2));
        }
        match error.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(program, &error, ExitCode::FAILURE),
        }
    })
}

/// Says on standard error why `program` ends, in one line, and gives back the exit code.
pub fn fail(program: &str, why: &impl Display, code: ExitCode) -> ExitCode {
    // If standard error is gone as well, the exit code is all that is left to tell.
    let _ = writeln!(io::stderr(), "{program}: {why}");
    code
}

/// Reads a duration of at least `from` and at most a day: `50ms`, `2s`, `1m`, `1m 30s`; `0` without a
/// unit if `from` is zero.
///
/// ```
/// use std::time::Duration;
/// use welcomed::command_line::duration;
///
/// assert_eq!(duration("50ms", Duration::ZERO), Ok(Duration::from_millis(50)));
/// assert_eq!(duration("0", Duration::ZERO), Ok(Duration::ZERO));
/// assert!(duration("0", Duration::from_millis(1)).is_err());
/// assert!(duration("5", Duration::ZERO).is_err(), "five what?");
/// ```
pub fn duration(text: &str, from: Duration) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if (from..=DURATION_MAX).contains(&duration) => Ok(duration),
        _ => {
            let from =
                if from.is_zero() { "0".to_owned() } else { humantime::format_duration(from).to_string() };
            Err(format!("accepted are durations such as 50ms, 2s or 1m, from {from} to 24h"))
        }
    }
}

/// What clap says in a paragraph, as one line without anything that could drive a terminal.
fn one_line(text: &str, program: &str) -> String {
    let said = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let said: Vec<&str> =
        said.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more")).collect();
    let said = said.join("; ").replace(":; ", ": ");
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    format!("{} (see {program} --help)", Escaped(said.as_bytes()))
}
