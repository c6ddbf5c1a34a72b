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
use crate::program::progress::progress;
use crate::program::run::knee::{self, Interval, Knee};
use crate::program::say::Output;
use crate::report::about::About;
use crate::report::json::{self, knee::KneeStep};
use crate::report::{Report, lost, micros, rate as shown};
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

impl Step {
    fn verdict(&self) -> &'static str {
        match self {
            Step::Good => "good",
            Step::TooMuch => "too much",
            Step::TooFew(_) => "too few to judge",
        }
    }
}

/// The highest rate that the server bears. What is found goes to standard output, and where `--json` says.
pub(super) fn find_knee(
    options: &Options,
    mut plan: Plan,
    about: &About,
    stop: &AtomicBool,
) -> io::Result<Outcome> {
    let target = options.target_p99.unwrap_or(Duration::from_millis(10));
    let mut output = Output::with_json(options.json.as_deref());
    let (mut steps, mut too_few) = (Vec::new(), None);
    let found = knee::search(options.rate.unwrap_or(500.0), &mut |rate| {
        plan.load = Load::Open(rate, options.arrivals);
        if options.duration.is_none() {
            plan.duration = Duration::from_secs_f64((DUE / rate).max(2.0));
        }
        let tell = format!("{} visits/s, step {}", shown(rate), steps.len() + 1);
        let measured = generator::run(&plan, stop, &mut |_| progress(&tell))?;
        progress(&"");
        if stop.load(Ordering::Relaxed) {
            return Err(ErrorKind::Interrupted.into());
        }
        succeeded(&measured.tally)?;
        let found = judge(&measured, target);
        output.say(&line(rate, &measured.tally, &found));
        steps.push(step(rate, &measured, &found));
        if let Step::TooFew(why) = found {
            too_few = Some(why);
            return Err(ErrorKind::Interrupted.into());
        }
        Ok(matches!(found, Step::Good))
    });
    let (found, failed) = match found {
        Ok(found) => (Some(found), None),
        Err(error) if error.kind() == ErrorKind::Interrupted => (None, None),
        Err(error) => (None, Some(error)),
    };
    let outcome = say_found(found, &steps, too_few, target, &mut output);
    if let Some(json) = &options.json {
        let (rate, interval) = match found {
            Some(Knee::At(rate, interval)) => (Some(rate), Some(interval)),
            Some(Knee::Above(_) | Knee::Below(_) | Knee::Unsteady(_)) | None => (None, None),
        };
        let (lower, upper) =
            (interval.map(|interval| interval.lower), interval.and_then(|interval| interval.upper));
        let found = json::knee::Knee { target_p99: nanos(target), rate, lower, upper, steps };
        output.write(json, &Report::of_knee(&found, about).json());
    }
    failed.map_or(Ok(()), Err)?;
    output.done()?;
    Ok(outcome)
}

/// Says what was found, and gives how the program ends.
fn say_found(
    found: Option<Knee>,
    steps: &[KneeStep],
    too_few: Option<String>,
    target: Duration,
    output: &mut Output,
) -> Outcome {
    if let Some(why) = too_few {
        let cure = "A longer --duration gives each step more";
        output.say(&format_args!("No knee was found: {why}. {cure}."));
        return Outcome::NotJudged;
    }
    let missed = match found {
        None => return Outcome::Done,
        Some(Knee::At(rate, interval)) => {
            output.say(&format_args!(
                "The knee: {} visits a second{}, with no errors and a p99 under {target:?}.",
                shown(rate),
                between(interval)
            ));
            false
        }
        Some(Knee::Above(rate)) => {
            output.say(&format_args!("No knee up to {} visits a second.", shown(rate)));
            false
        }
        Some(Knee::Below(rate)) => {
            output.say(&format_args!("Already {} visits a second are too much.", shown(rate)));
            true
        }
        Some(Knee::Unsteady(rate)) => {
            output.say(&format_args!(
                "No knee from {} visits a second on: steps that were good at first were too much when they were made again.",
                shown(rate)
            ));
            true
        }
    };
    if steps.iter().any(|step| step.spoiled && step.verdict == Step::TooMuch.verdict()) {
        // What ended the search was the generator, so the server may bear more.
        say_invalid();
        return Outcome::Invalid;
    }
    if missed { Outcome::MissedLatency } else { Outcome::Done }
}

/// A step as the report has it.
fn step(rate: f64, measured: &Measured, found: &Step) -> KneeStep {
    let tally = &measured.tally;
    KneeStep {
        rate,
        p99: Percentile::P99.of(&tally.latency.times),
        failures: tally.failures(),
        lost: tally.lost,
        verdict: found.verdict(),
        spoiled: measured.is_spoiled(),
    }
}

/// What encloses the knee: every measurement up to the one rate was good, and none from the other on.
fn between(Interval { lower, upper }: Interval) -> String {
    match upper {
        Some(upper) => format!(" (between {} and {})", shown(lower), shown(upper)),
        None => format!(" (at least {}, and no rate above was too much each time)", shown(lower)),
    }
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
    let (errors, verdict) = (tally.failures(), step.verdict());
    format!("{:>9} visits/s: p99 {p99} us, {errors} errors{lost}: {verdict}", shown(rate))
}
