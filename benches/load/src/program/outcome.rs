//! How the program ends.

use std::io;
use std::process::ExitCode;

use welcomed::command_line;

use crate::program::name::name;
use crate::program::say::Gone;

/// How a run went that was not cut short by an error. Of several, what was missed goes before what is invalid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Done,
    /// The target of a latency was missed.
    MissedLatency,
    /// The server has become dearer.
    Regression,
    /// The figures mean nothing: the machine was too busy.
    Invalid,
    /// More visits have failed than may.
    MissedFailures,
    /// The rate was not reached.
    MissedRate,
    /// There were too few visits to judge by.
    NotJudged,
}

impl Outcome {
    fn code(self) -> u8 {
        match self {
            Outcome::Done => 0,
            Outcome::MissedLatency => 3,
            Outcome::Regression => 4,
            Outcome::Invalid => 5,
            Outcome::MissedFailures => 6,
            Outcome::MissedRate => 7,
            Outcome::NotJudged => 8,
        }
    }
}

/// The exit code of a program that ends in this way; `interrupted` is the one of the signal that has ended it. Why it ends
/// goes to standard error.
pub(super) fn ended(result: io::Result<Outcome>, interrupted: Option<u8>) -> ExitCode {
    match (result, interrupted) {
        // The reader of the figures has what it wanted.
        (Err(error), _) if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Gone>) => {
            ExitCode::FAILURE
        }
        (Err(error), Some(code)) if error.kind() == io::ErrorKind::Interrupted => {
            command_line::fail(name(), &error, ExitCode::from(code))
        }
        (Err(error), _) => command_line::fail(name(), &error, ExitCode::FAILURE),
        (Ok(_), Some(code)) => ExitCode::from(code),
        (Ok(outcome), None) => ExitCode::from(outcome.code()),
    }
}

/// The error of a run that a signal has ended before anything was measured.
pub(super) fn nothing_measured() -> io::Error {
    io::Error::new(
        io::ErrorKind::Interrupted,
        "ended by a signal before anything was measured, so nothing is written",
    )
}

/// Says on standard error that the figures are invalid. No exit code does that where a target is missed as well.
pub(super) fn say_invalid() {
    let why = "INVALID: this machine was too busy to begin visits in time, so the times say more about it than \
               about the server; measure when it is quieter, or at another --rate";
    let _ = command_line::fail(name(), &why, ExitCode::FAILURE);
}
