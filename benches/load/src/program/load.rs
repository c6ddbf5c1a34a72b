//! A run of the generator against a server that is there, or the search for its knee.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use welcomed::net::Kind;

use crate::comparison::ceiling;
use crate::figures::failure::Failure;
use crate::figures::measured::{Glimpse, Measured};
use crate::figures::tally::Tally;
use crate::generator::{self, idle::idle_connections};
use crate::plan::target::Target;
use crate::plan::welcome::{Terminator, check};
use crate::plan::{Load, Plan};
use crate::program::knee::{self, Knee};
use crate::program::options::Options;
use crate::program::outcome::Outcome;
use crate::program::preflight::{self, Needs};
use crate::program::progress::progress;
use crate::program::say::say;
use crate::report::{self, Report};
use crate::system::clock::nanos;
use crate::system::files::at;
use crate::system::processes::descriptor_limit;

/// A run, or the search for the knee.
pub(super) fn load(options: &Options, target: &Target, stop: &AtomicBool) -> io::Result<Outcome> {
    let mut plan = plan(options, target)?;
    let in_flight = match plan.load {
        Load::Closed(at_a_time) => at_a_time as u64,
        Load::Open(..) => 64,
    };
    preflight::complain(&Needs {
        sockets: options.hold + in_flight,
        in_flight,
        rate: options.rate.unwrap_or(0.0),
        sources: u64::from(options.sources.unwrap_or(1)),
    });
    let held = idle_connections(target, usize::try_from(options.hold).unwrap_or(usize::MAX))?;
    plan.in_flight_max = plan.in_flight_max.saturating_sub(held.len()).max(1);
    if !options.warmup.is_zero() {
        let warmup = Plan { duration: options.warmup, count: u64::MAX, ..plan.clone() };
        generator::run(&warmup, stop, &mut |_| progress(&"warming up"))?;
    }
    if options.find_knee {
        return find_knee(options, plan, stop);
    }
    let measured = generator::run(&plan, stop, &mut |glimpse| progress(&live(glimpse, &plan)))?;
    drop(held);
    progress(&"");
    succeeded(&measured.tally)?;
    let ceiling = ceiling_over(target.kind(), stop)?;
    write_reports(options, &measured, ceiling)?;
    let tally = &measured.tally;
    if options.rate.is_some() && tally.welcomed > 0 && tally.is_spoiled() {
        return Ok(Outcome::Invalid);
    }
    let missed = options.target_p99.is_some_and(|target| !is_good(tally, target));
    if missed {
        say(&format_args!(
            "The target is missed: errors, or a p99 over {:?}.",
            options.target_p99.unwrap_or_default()
        ))?;
    }
    Ok(if missed { Outcome::Missed } else { Outcome::Done })
}

/// The plan that the options give.
fn plan(options: &Options, target: &Target) -> io::Result<Plan> {
    let names = match &options.names {
        None => vec![options.name.clone().into_bytes()],
        Some(file) => names_in(file, target.kind())?,
    };
    if options.sources.is_some() && !target.is_beside_sources() {
        return Err(io::Error::other(
            "--sources are addresses behind 127.0.0.1, and the server has none of those",
        ));
    }
    let terminator = options.terminator.unwrap_or_else(|| Terminator::usual(target.kind()));
    let at_a_time = usize::try_from(options.connections.unwrap_or(64)).unwrap_or(usize::MAX);
    let load = options.rate.map_or(Load::Closed(at_a_time), |rate| Load::Open(rate, options.arrivals));
    let usual = Duration::from_secs(if options.find_knee { 2 } else { 10 });
    let mut plan = Plan {
        count: options.count.unwrap_or(u64::MAX),
        timeout: options.timeout_of_a_visit(),
        in_flight_max: descriptor_limit().saturating_sub(64),
        sources: options.source_addresses(),
        pause: options.slow.map_or(Duration::ZERO, |bytes| Duration::from_secs_f64(1.0 / bytes)),
        seed: options.seed,
        ..Plan::plain(target.clone(), load, options.duration.unwrap_or(usual))?
    };
    plan.visit_as(&names, terminator, &options.expect)?;
    plan.manners.reset = options.rst;
    Ok(plan)
}

/// The generator's own ceiling, where there is a server that does next to nothing.
fn ceiling_over(kind: Kind, stop: &AtomicBool) -> io::Result<Option<f64>> {
    if kind != Kind::Tcp {
        return Ok(None);
    }
    progress(&"measuring the generator's own ceiling");
    let ceiling = ceiling::measure(64, Duration::from_millis(500), None, stop)?;
    progress(&"");
    Ok(ceiling)
}

/// The table on standard output, and the files that were asked for.
fn write_reports(options: &Options, measured: &Measured, ceiling: Option<f64>) -> io::Result<()> {
    say(&report::run(measured, ceiling))?;
    if let Some(path) = &options.json {
        fs::write(path, Report::of_run(measured, ceiling).json()).map_err(|error| at(path, &error))?;
    }
    if let Some(path) = &options.html {
        fs::write(path, report::run_page(measured, ceiling)).map_err(|error| at(path, &error))?;
    }
    Ok(())
}

/// The names in a file, one a line, for a server of this kind; empty lines are none.
fn names_in(file: &Path, kind: Kind) -> io::Result<Vec<Vec<u8>>> {
    let text = fs::read(file).map_err(|error| at(file, &error))?;
    let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut names = Vec::new();
    for (name, number) in lines.zip(1..).filter(|(name, _)| !name.is_empty()) {
        let at_line = |why| io::Error::other(format!("{}: line {number}: {why}", file.display()));
        check(name, kind).map_err(at_line)?;
        names.push(name.to_vec());
    }
    if names.is_empty() {
        return Err(io::Error::other(format!("{}: no names in it", file.display())));
    }
    Ok(names)
}

/// Whether every visit went as it should, nothing was lost and the 99th percentile is on target.
fn is_good(tally: &Tally, target: Duration) -> bool {
    tally.failures() + tally.lost == 0 && tally.welcomed > 0 && tally.latency.at(0.99) <= nanos(target)
}

/// Fails if no visit succeeded: then no figure says anything about a server.
fn succeeded(tally: &Tally) -> io::Result<()> {
    if tally.welcomed + tally.resets > 0 {
        return Ok(());
    }
    let lost = (tally.lost, "lost");
    let failures = tally.failures_by_name().chain([lost]);
    match failures.max_by_key(|(count, _)| *count).filter(|(count, _)| *count > 0) {
        Some((count, name)) => {
            let first = tally.first_other.filter(|_| name == Failure::Other.name());
            let first = first.map_or_else(String::new, |errno| format!(": {}", io::Error::from(errno)));
            Err(io::Error::other(format!("no visit succeeded: {count} {name}{first}")))
        }
        None => Ok(()), // none was made
    }
}

/// The highest rate that the server bears.
fn find_knee(options: &Options, mut plan: Plan, stop: &AtomicBool) -> io::Result<Outcome> {
    let target = options.target_p99.unwrap_or(Duration::from_millis(10));
    let mut spoiled = None;
    let found = knee::search(options.rate.unwrap_or(500.0), &mut |rate| {
        plan.load = Load::Open(rate, options.arrivals);
        let Measured { tally, held_back, .. } = generator::run(&plan, stop, &mut |_| {})?;
        if stop.load(Ordering::Relaxed) {
            return Err(ErrorKind::Interrupted.into());
        }
        succeeded(&tally)?;
        let p99 = tally.latency.at(0.99) / 1000;
        let good = is_good(&tally, target) && held_back == 0;
        if !good && tally.is_spoiled() {
            spoiled = Some(rate);
        }
        say(&format_args!(
            "{:>9} visits/s: p99 {p99} us, {} errors{}: {}",
            report::rate(rate),
            tally.failures(),
            lost(&tally),
            if good { "good" } else { "too much" }
        ))?;
        Ok(good)
    });
    let found = match found {
        Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(Outcome::Done),
        found => found?,
    };
    match found {
        Knee::At(rate) => {
            say(&format_args!(
                "The knee: {} visits a second, with no errors and a p99 under {target:?}.",
                report::rate(rate)
            ))?;
        }
        Knee::Above(rate) => {
            say(&format_args!("No knee up to {} visits a second.", report::rate(rate)))?;
        }
        Knee::Below(rate) => {
            say(&format_args!("Already {} visits a second are too much.", report::rate(rate)))?;
        }
    }
    match (spoiled, found) {
        // What ended the search was the generator, so the server may bear more.
        (Some(_), _) => Ok(Outcome::Invalid),
        (None, Knee::Below(_)) => Ok(Outcome::Missed),
        (None, Knee::At(_) | Knee::Above(_)) => Ok(Outcome::Done),
    }
}

/// What was lost, if something was.
fn lost(tally: &Tally) -> String {
    if tally.lost > 0 { format!(", {} lost", tally.lost) } else { String::new() }
}

/// What a run shows while it goes on.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn live(glimpse: &Glimpse<'_>, plan: &Plan) -> String {
    let Glimpse { tally, passed, in_flight } = glimpse;
    let micros = |quantile| tally.latency.at(quantile) / 1000;
    format!(
        "{} visits/s, p50 {} us, p99 {} us, {} errors{}, {in_flight} in flight, {:.0} s left",
        report::rate(tally.welcomed as f64 * 1e9 / (*passed).max(1) as f64),
        micros(0.5),
        micros(0.99),
        tally.failures(),
        lost(tally),
        nanos(plan.duration).saturating_sub(*passed) as f64 / 1e9,
    )
}
