//! The program: its command line, and what follows from it.

#![expect(clippy::print_stderr, reason = "its progress is for people")]

mod answering;
mod compare;
mod find_welcomed;
mod knee;
mod load;
mod name;
mod options;
mod outcome;
mod preflight;
mod progress;
mod say;

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use welcomed::command_line;

use crate::comparison::setup::Setup;
use crate::faults::{self, proof::Proof};
use crate::peers::Peer;
use crate::plan::target::Target;
use crate::program::answering::answering;
use crate::program::find_welcomed::find_welcomed;
use crate::program::name::name;
use crate::program::options::Options;
use crate::program::outcome::{Outcome, ended};
use crate::program::say::say;
use crate::report;
use crate::system::files::writable;
use crate::system::processes::raise_descriptor_limit;

/// The load test as a program: reads the command line, follows it, and gives the exit code.
///
/// `welcomed` is the program of this name that takes part in the comparison, if the caller has built it. Without it,
/// and without the option `--welcomed`, it is looked for beside this program and on `PATH`. The comparison's reports
/// and baselines go to `folder`, which is made if need be. Some runs start this very program again, as one of the
/// peers, so call it before anything is printed or read.
///
/// Exit codes: 0 done, 1 failure, or no visit succeeded, 2 usage, 3 a target was missed, 4 dearer than the baseline, 5 the measurement is
/// invalid, 130 interrupted.
#[must_use]
pub fn main(welcomed: Option<&Path>, folder: &Path) -> ExitCode {
    if let Some(served) = Peer::serve_if_asked() {
        return ended(served.map(|()| Outcome::Done), false);
    }
    let options: Options = match command_line::parse(name()) {
        Ok(options) => options,
        Err(code) => return code,
    };
    if let Some(why) = options.unfit() {
        return command_line::fail(name(), &why, ExitCode::from(2));
    }
    let stop = Arc::new(AtomicBool::new(false));
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&stop)) {
        return ended(Err(error), false);
    }
    // A file that cannot be written is reported before the run and not after it.
    for path in options.files() {
        if let Err(error) = writable(&path) {
            return ended(Err(error), false);
        }
    }
    let raised = raise_descriptor_limit();
    let done = raised.and_then(|_| match &options.connect {
        None if options.prove => prove(&stop),
        None => find_welcomed(options.welcomed.as_deref(), welcomed).and_then(|welcomed| {
            let beside = options.beside.as_deref();
            compare::compare(&options, &Setup { welcomed: &welcomed, beside, folder, stop: &stop })
        }),
        Some(endpoint) => {
            let unresolved =
                |error| io::Error::other(format!("{endpoint}: the host cannot be resolved: {error}"));
            endpoint.resolve().map_err(unresolved).and_then(|addresses| {
                let target = Target::new(answering(&addresses)?)?;
                load::load(&options, &target, &stop)
            })
        }
    });
    ended(done, stop.load(Ordering::Relaxed))
}

/// The receipt: what a server did wrong on purpose, and what was reported of it.
fn prove(stop: &AtomicBool) -> io::Result<Outcome> {
    let proofs = faults::prove(stop)?;
    say(&report::receipt(&proofs))?;
    if proofs.iter().all(Proof::holds) {
        return Ok(Outcome::Done);
    }
    Err(io::Error::other("what was reported is not what was done: do not believe this load test here"))
}
