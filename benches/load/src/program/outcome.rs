//! How the program ends.

use std::io;
use std::process::ExitCode;

use welcomed::command_line;

use crate::program::name::name;

/// How a run went that was not cut short by an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Done,
    /// A target was missed.
    Missed,
    /// The server has become dearer.
    Regression,
    /// The figures mean nothing: the machine was too busy.
    Invalid,
}

/// The exit code of a program that ends in this way. Why it ends goes to standard error.
pub(super) fn ended(result: io::Result<Outcome>, interrupted: bool) -> ExitCode {
    match result {
        // The reader of the figures has what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => command_line::fail(name(), &error, ExitCode::FAILURE),
        Ok(_) if interrupted => ExitCode::from(130),
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Missed) => ExitCode::from(3),
        Ok(Outcome::Regression) => ExitCode::from(4),
        Ok(Outcome::Invalid) => {
            let why = "INVALID: this machine was too busy to begin visits in time, so the times say more about it than \
                       about the server; measure when it is quieter, or at another --rate";
            command_line::fail(name(), &why, ExitCode::from(5))
        }
    }
}
