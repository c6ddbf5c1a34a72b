//! The command lines of the two programs: options, durations, and errors of one line.

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, IsTerminal as _};
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, ValueEnum};

use crate::kernel::{survive_file_size_limit, write_to_standard_error, write_to_standard_output};
use crate::text::Escaped;

/// The longest duration an option takes: a day.
const DURATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest word of a command line that an error shows.
const WORD_MAX_BYTES: usize = 200;

/// The most of what clap says, which can repeat a word in other ways.
const LINE_MAX_CHARS: usize = 500;

/// Parses the command line of `program`. From now on a limit of file size is an error of write(2), and does not end it.
///
/// Help and version go to standard output, with exit code 0. A mistake is one line on standard error, with
/// exit code 2.
pub fn parse<Options: Parser>(program: &str) -> Result<Options, ExitCode> {
    // If a signal cannot be handled, its limit ends the program without a line, as it does others.
    let _ = survive_file_size_limit();
    Options::try_parse().map_err(|error| {
        if !matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
            return fail(program, &one_line(&text(&error), program), ExitCode::from(2));
        }
        let colored = asked_color(env::args_os()).is_wanted(io::stdout().is_terminal());
        let text = error.render();
        let text = if colored { text.ansi().to_string() } else { text.to_string() };
        match write_to_standard_output(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(program, &format!("cannot print: {error}"), ExitCode::FAILURE),
        }
    })
}

/// The version of the programs, and the commit that they are built from where the packager gives it in the variable
/// `WELCOMED_COMMIT`.
#[must_use]
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> =
        LazyLock::new(|| with_commit(env!("CARGO_PKG_VERSION"), option_env!("WELCOMED_COMMIT")));
    &VERSION
}

fn with_commit(version: &str, commit: Option<&str>) -> String {
    match commit.map(str::trim) {
        None | Some("") => version.to_owned(),
        Some(commit) => format!("{version} ({commit})"),
    }
}

/// The option of a program that colours what it prints.
#[derive(Args, Clone, Copy, Debug)]
pub struct Coloring {
    /// When the help and the log have colours; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    #[expect(clippy::doc_markdown, reason = "it is shown as it stands")]
    pub color: Color,
}

/// When there are colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Color {
    /// On a terminal that has them, unless the variable `NO_COLOR` is set (<https://no-color.org>).
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether colours are wanted in a stream that is a terminal or is not.
    #[must_use]
    pub fn is_wanted(self, is_terminal: bool) -> bool {
        let asked_not_to = || {
            env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
                || env::var_os("TERM").is_some_and(|terminal| terminal == "dumb")
        };
        match self {
            Color::Auto => is_terminal && !asked_not_to(),
            Color::Always => true,
            Color::Never => false,
        }
    }
}

/// What the option `--color` says on a command line that asks for help: clap does not give it then.
fn asked_color(words: impl Iterator<Item = OsString>) -> Color {
    let words: Vec<String> = words.skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let options = words.split(|word| word == "--").next().unwrap_or_default();
    let apart = options.windows(2).filter_map(|pair| match pair {
        [option, value] if option == "--color" => Some(value.as_str()),
        _ => None,
    });
    let together = options.iter().filter_map(|word| word.strip_prefix("--color="));
    apart.chain(together).find_map(|value| Color::from_str(value, false).ok()).unwrap_or(Color::Auto)
}

/// Prints one line on standard error that says why `program` ends. Gives back `code`.
pub fn fail(program: &str, why: &impl Display, code: ExitCode) -> ExitCode {
    // One write, so that no other program on the same pipe can be between its parts. If standard error is closed as well, the
    // exit code alone has to do.
    let _ = write_to_standard_error(format!("{program}: {why}\n").as_bytes());
    code
}

/// Parses a duration from `from` to a day, such as `50ms`, `2s`, `1m` or `1m 30s`. `0` needs no unit, and is
/// accepted if `from` is zero. The error says what is accepted.
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
        Ok(duration) if has_plain_numbers(text) && (from..=DURATION_MAX).contains(&duration) => Ok(duration),
        _ => {
            let from =
                if from.is_zero() { "0".to_owned() } else { humantime::format_duration(from).to_string() };
            Err(format!("accepted are durations such as 50ms, 2s or 1m, from {from} to 24h"))
        }
    }
}

/// Whether spaces stand only between a number and its unit, and behind a unit. The library skips all others.
fn has_plain_numbers(text: &str) -> bool {
    let is_of_number = |char: char| char.is_ascii_digit() || char == '.';
    let words: Vec<&str> = text.split(' ').collect();
    words.iter().all(|word| !word.is_empty() && !word.contains(char::is_whitespace))
        && !words.windows(2).any(|pair| {
            matches!(pair, [before, behind] if before.ends_with(is_of_number) && behind.starts_with(is_of_number))
        })
}

/// Parses a whole number in decimal digits that is among `accepted`: without a sign and spaces. Leading zeros mean nothing.
/// The error says what is accepted.
///
/// ```
/// use welcomed::command_line::count;
///
/// assert_eq!(count("64", 1..=65_535), Ok(64));
/// assert_eq!(count("064", 1..=65_535), Ok(64));
/// assert!(count("+64", 1..=65_535).is_err());
/// assert_eq!(count("1e3", 1..=65_535), Err("accepted are whole numbers from 1 to 65535".to_owned()));
/// ```
pub fn count(text: &str, accepted: RangeInclusive<u32>) -> Result<u32, String> {
    // The standard library takes a plus sign as well.
    let number = text.parse().ok().filter(|number| accepted.contains(number) && !text.starts_with('+'));
    number
        .ok_or_else(|| format!("accepted are whole numbers from {} to {}", accepted.start(), accepted.end()))
}

/// What clap says. A word of the command line that is too long to be shown is said by its length.
fn text(error: &clap::Error) -> String {
    let mut text = error.render().to_string();
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg] {
        if let Some(ContextValue::String(word)) = error.get(kind)
            && word.len() > WORD_MAX_BYTES
        {
            text = text.replace(&format!("'{word}'"), &format!("({} bytes)", word.len()));
        }
    }
    text
}

/// A paragraph of clap's as one line, escaped.
fn one_line(text: &str, program: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more")).collect();
    let line = lines.join("; ").replace(":; ", ": ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    let shown: String = line.chars().take(LINE_MAX_CHARS).collect();
    let cut = if shown.len() < line.len() { "..." } else { "" };
    format!("{}{cut} (see {program} --help)", Escaped(shown.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_spaces_between_its_parts_alone() {
        for text in ["50ms", "50 ms", "1m 30s", "1m 30 s", "1m30s", "1.5s", "005ms", "0"] {
            assert!(duration(text, Duration::ZERO).is_ok(), "{text:?}");
        }
        for text in
            [" 50ms", "50ms ", "5 0ms", "1. 5s", "1 .5s", "1m  30s", "50\tms", "50ms\n", "+50ms", "-0", " 0"]
        {
            assert!(duration(text, Duration::ZERO).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_version_has_the_commit_that_the_packager_gives() {
        assert_eq!(with_commit("0.2.0", None), "0.2.0");
        assert_eq!(with_commit("0.2.0", Some("")), "0.2.0");
        assert_eq!(with_commit("0.2.0", Some("8e51b13\n")), "0.2.0 (8e51b13)");
    }

    #[test]
    fn the_help_has_the_color_that_the_command_line_asks_for() {
        let asked = |line: &str| asked_color(line.split(' ').map(Into::into));
        for (line, color) in [
            ("welcome --help", Color::Auto),
            ("welcome --color always --help", Color::Always),
            ("welcome --help --color=never", Color::Never),
            ("welcome --help --color=pink", Color::Auto),
            ("welcome -- --color=always", Color::Auto),
        ] {
            assert_eq!(asked(line), color, "{line}");
        }
        assert!(Color::Always.is_wanted(false) && !Color::Never.is_wanted(true));
    }
}
