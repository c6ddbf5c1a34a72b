//! The search for the knee, step by step.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::comparison::success::succeeded;
use crate::figures::measured::Measured;
use crate::figures::percentile::Percentile;
use crate::figures::tally::Tally;
use crate::generator;
use crate::plan::{Load, Plan};
use crate::program::options::Options;
use crate::program::outcome::{Outcome, say_invalid};
use crate::program::run::knee::{self, Knee};
use crate::program::say::say;
use crate::report::{lost, micros, rate as shown};
use crate::system::clock::nanos;

/// How many visits are due in a step that has no duration of its own: enough for a p99, whatever chance does.
const DUE: f64 = 150.0;

/// What one step has shown.
enum Step {
    Good,
    TooMuch,
    /// There were too few visits to judge by.
    TooFew(String),
}

/// The highest rate that the server bears.
pub(super) fn find_knee(options: &Options, mut plan: Plan, stop: &AtomicBool) -> io::Result<Outcome> {
    let target = options.target_p99.unwrap_or(Duration::from_millis(10));
    let (mut spoiled, mut too_few) = (false, None);
    let found = knee::search(options.rate.unwrap_or(500.0), &mut |rate| {
        plan.load = Load::Open(rate, options.arrivals);
        if options.duration.is_none() {
            plan.duration = Duration::from_secs_f64((DUE / rate).max(2.0));
        }
        let measured = generator::run(&plan, stop, &mut |_| {})?;
        if stop.load(Ordering::Relaxed) {
            return Err(ErrorKind::Interrupted.into());
        }
        succeeded(&measured.tally)?;
        let found = judge(&measured, target);
        spoiled |= matches!(found, Step::TooMuch) && measured.is_spoiled();
        let is_good = matches!(found, Step::Good);
        say(&line(rate, &measured.tally, &found))?;
        if let Step::TooFew(why) = found {
            too_few = Some(why);
            return Err(ErrorKind::Interrupted.into());
        }
        Ok(is_good)
    });
    if let Some(why) = too_few {
        say(&format_args!("No knee was found: {why}. A longer --duration gives each step more."))?;
        return Ok(Outcome::NotJudged);
    }
    let found = match found {
        Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(Outcome::Done),
        found => found?,
    };
    match found {
        Knee::At(rate) => say(&format_args!(
            "The knee: {} visits a second, with no errors and a p99 under {target:?}.",
            shown(rate)
        ))?,
        Knee::Above(rate) => say(&format_args!("No knee up to {} visits a second.", shown(rate)))?,
        Knee::Below(rate) => say(&format_args!("Already {} visits a second are too much.", shown(rate)))?,
    }
    if spoiled {
        // What ended the search was the generator, so the server may bear more.
        say_invalid();
        return Ok(Outcome::Invalid);
    }
    Ok(if matches!(found, Knee::Below(_)) { Outcome::MissedLatency } else { Outcome::Done })
}

/// What a step has shown. An error tells without a sample.
fn judge(measured: &Measured, target: Duration) -> Step {
    let tally = &measured.tally;
    if tally.failures() + tally.lost + tally.not_begun > 0 || measured.held_back > 0 {
        return Step::TooMuch;
    }
    match Percentile::P99.of(&tally.latency.times) {
        None => Step::TooFew(format!(
            "{} visits are too few for a p99, which takes {}",
            tally.latency.times.len(),
            Percentile::P99.needs()
        )),
        Some(p99) if p99 <= nanos(target) => Step::Good,
        Some(_) => Step::TooMuch,
    }
}

/// What is shown of a step.
fn line(rate: f64, tally: &Tally, step: &Step) -> String {
    let (p99, lost) = (micros(Percentile::P99, &tally.latency.times), lost(tally.lost));
    let verdict = match step {
        Step::Good => "good",
        Step::TooMuch => "too much",
        Step::TooFew(_) => "too few to judge",
    };
    format!("{:>9} visits/s: p99 {p99} us, {} errors{lost}: {verdict}", shown(rate), tally.failures())
}
