//! The program: its command line, and what follows from it.

#![expect(clippy::print_stderr, reason = "its progress is for people")]

mod compare;
mod find_welcomed;
mod generate;
mod live;
mod name;
mod options;
mod outcome;
mod preflight;
mod progress;
mod run;
mod say;

use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use welcomed::command_line;
use welcomed::net::Endpoint;

use crate::comparison::setup::Setup;
use crate::faults::{self, proof::Proof};
use crate::peers::Peer;
use crate::program::find_welcomed::find_welcomed;
use crate::program::generate::generate;
use crate::program::name::name;
use crate::program::options::Options;
use crate::program::options::merge::Command;
use crate::program::outcome::{Outcome, ended};
use crate::program::run::merge::merge;
use crate::program::say::say;
use crate::report;
use crate::system::files::writable;
use crate::system::processes::raise_descriptor_limit;
use crate::system::signals::Signals;
use crate::system::tied;

/// The load test as a program: reads the command line, follows it, and gives the exit code.
///
/// `welcomed` is the program of this name that takes part in the comparison, if the caller has built it. Without it,
/// and without the option `--welcomed`, it is looked for beside this program and on `PATH`. The comparison's reports
/// and baselines go to `folder`, which is made if need be. Some runs start this very program again, as one of the
/// peers or to become another program, so call it before anything is printed or read.
///
/// Exit codes: 0 done, 1 failure, or no visit succeeded, 2 usage. A run that goes to its end has 3 if a latency missed its
/// target, and 4 if the server is dearer than the baseline. It has 5 if the measurement is invalid. It has 6 for too many failures, 7
/// for a rate that was not reached, and 8 where there were too few visits to judge by. A signal has its number and 128.
#[must_use]
pub fn main(welcomed: Option<&Path>, folder: &Path) -> ExitCode {
    if let Some(served) = Peer::serve_if_asked() {
        return ended(served.map(|()| Outcome::Done), None);
    }
    if let Some(error) = tied::become_if_asked() {
        return ended(Err(error), None);
    }
    let options: Options = match command_line::parse(name()) {
        Ok(options) => options,
        Err(code) => return code,
    };
    if let Some(Command::Merge(options)) = &options.command {
        return merge(options);
    }
    if let Some(why) = options.unfit() {
        return command_line::fail(name(), &why, ExitCode::from(2));
    }
    let mut signals = Signals::default();
    let done = follow(&options, welcomed, folder, &mut signals);
    ended(done, signals.code())
}

/// Does what the options say.
fn follow(
    options: &Options,
    welcomed: Option<&Path>,
    folder: &Path,
    signals: &mut Signals,
) -> io::Result<Outcome> {
    if let Some(what) = options.generate {
        return generate(what).map(|()| Outcome::Done);
    }
    // A file that cannot be written is reported before the run and not after it.
    options.files(folder).iter().try_for_each(|file| writable(file))?;
    raise_descriptor_limit()?;
    match &options.connect {
        None if options.prove => {
            *signals = Signals::awaited()?;
            prove(&signals.stop)
        }
        None => {
            let welcomed = find_welcomed(options.welcomed.as_deref(), welcomed)?;
            *signals = Signals::awaited()?;
            let beside = options.beside.as_deref();
            compare::compare(options, &Setup { welcomed: &welcomed, beside, folder, stop: &signals.stop })
        }
        Some(to) => {
            let endpoint = to.endpoint();
            let addresses = endpoint.resolve().map_err(|error| unresolved(endpoint, &error))?;
            // Until here a signal ends the program at once: a name server can be slow.
            *signals = Signals::awaited()?;
            run::run(options, to, &addresses, &signals.stop)
        }
    }
}

fn unresolved(endpoint: &Endpoint, error: &io::Error) -> io::Error {
    io::Error::other(format!("{endpoint}: the host cannot be resolved: {error}"))
}

/// The receipt: what a server did wrong on purpose, and what was reported of it.
fn prove(stop: &AtomicBool) -> io::Result<Outcome> {
    let proofs = faults::prove(stop)?;
    if stop.load(Ordering::Relaxed) {
        return Err(io::Error::new(ErrorKind::Interrupted, "ended by a signal, so nothing is proved"));
    }
    say(&report::receipt(&proofs))?;
    if proofs.iter().all(Proof::holds) {
        return Ok(Outcome::Done);
    }
    Err(io::Error::other("what was reported is not what was done: do not believe this load test here"))
}
