//! A run of the generator against a server that is there, or the search for its knee.

mod answering;
mod knee;
pub(super) mod merge;
mod names;
mod reports;
mod search;
mod status;
mod thresholds;

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use welcomed::net::{Address, Kind};

use crate::comparison::ceiling;
use crate::comparison::success::succeeded;
use crate::figures::measured::Measured;
use crate::generator::{self, REST, idle};
use crate::plan::target::Target;
use crate::plan::welcome::Terminator;
use crate::plan::{Load, Plan};
use crate::program::live::Live;
use crate::program::options::Options;
use crate::program::options::destination::Destination;
use crate::program::outcome::{Outcome, nothing_measured};
use crate::program::preflight::{self, Needs, OTHER_DESCRIPTORS};
use crate::program::progress::progress;
use crate::program::run::answering::answering;
use crate::program::run::names::names_in;
use crate::program::run::reports::Reports;
use crate::program::run::search::find_knee;
use crate::program::run::status::Status;
use crate::report::about::About;
use crate::report::raw::{Asked, RawFile, RawRun};
use crate::report::{self, Findings};
use crate::system::processes::descriptor_limit;
use crate::system::rows::{RowFile, RowSender};

/// A run, or the search for the knee.
pub(super) fn run(
    options: &Options,
    to: &Destination,
    addresses: &[Address],
    stop: &AtomicBool,
) -> io::Result<Outcome> {
    enough_descriptors(options)?;
    let status = options.status.as_ref().map(Status::begin).transpose()?;
    let rows = options.visits.as_deref().map(RowFile::begin).transpose()?;
    let about = About::now(Some(to.to_string()));
    let rows_to = || rows.as_ref().and_then(RowFile::sender);
    let sent = options.asked.sent()?;
    let (mut plan, first) = planned(options, (to, addresses), sent.as_deref(), &rows_to, stop)?;
    let target = plan.manners.target.clone();
    let has_sources = target.is_beside_sources();
    preflight::complain(&needs(options, has_sources));
    let asked = usize::try_from(options.hold).unwrap_or(usize::MAX);
    let held = match idle::idle_connections(&target, asked, plan.timeout, stop) {
        Err(error) if error.kind() == ErrorKind::Interrupted => return Err(nothing_measured()),
        held => held?,
    };
    plan.in_flight_max = plan.in_flight_max.saturating_sub(held.len()).max(plan.threads);
    warm_up(options, &plan, stop)?;
    if options.find_knee {
        return find_knee(options, plan, &about, stop);
    }
    // A visit that came before the warm-up is a part of that.
    let first = first.filter(|_| options.warmup.is_zero());
    plan.rows = rows_to().map(|rows| rows.after(first.as_ref().map_or(0, Measured::begun)));
    let measured = measure(&plan, first, status.as_ref(), stop)?;
    plan.rows = None;
    let failed = succeeded(&measured.tally).err();
    // Without a success an earlier file of rows stays, too.
    let rows = rows.filter(|_| failed.is_none()).map(RowFile::finish);
    let thinned_to = thinned_to(&plan, &measured);
    let left = (asked > 0).then(|| (asked, idle::left(&held)));
    drop(held);
    let thresholds = thresholds::judge(options, &measured);
    let findings = Findings {
        about: Some(&about),
        percentiles: &options.percentiles,
        at_a_time: options.at_a_time(),
        thinned_to,
        count: options.count,
        held: left,
        interrupted: stop.load(Ordering::Relaxed),
        thresholds: &thresholds,
        rows: rows.as_ref(),
        ..Findings::of(&measured)
    };
    if let Some(failed) = failed {
        return raw_alone(options, &findings, sent.as_deref()).and(Err(failed));
    }
    show(options, &findings, sent.as_deref(), stop)?;
    if let Some(failed) = rows.and_then(|rows| rows.failed) {
        return Err(failed);
    }
    let is_invalid = thresholds::is_invalid(&measured) || thinned_to.is_some();
    Ok(thresholds::outcome(&thresholds::all(options), options.target_p99.is_some(), &thresholds, is_invalid))
}

/// Makes the visits that come before those that are measured.
fn warm_up(options: &Options, plan: &Plan, stop: &AtomicBool) -> io::Result<()> {
    if options.warmup.is_zero() {
        return Ok(());
    }
    let warmup = Plan { duration: options.warmup, count: u64::MAX, ..plan.clone() };
    generator::run(&warmup, stop, &mut |_| progress(&"warming up")).map(drop)
}

/// The plan that the options give, and the first visit if that is made by now.
fn planned(
    options: &Options,
    (to, addresses): (&Destination, &[Address]),
    sent: Option<&[u8]>,
    rows_to: &dyn Fn() -> Option<RowSender>,
    stop: &AtomicBool,
) -> io::Result<(Plan, Option<Measured>)> {
    let names = match &options.names {
        None => vec![options.every_name().as_bytes().to_vec()],
        Some(file) => names_in(file, to.kind())?,
    };
    let plan_for = |target: &Target| {
        // A visit before the warm-up has no row either.
        let rows = rows_to().filter(|_| options.warmup.is_zero());
        Ok(Plan { rows, ..plan(options, &names, sent, target)? })
    };
    answering(addresses, &plan_for, stop)
}

/// How many sockets a closed loop over datagrams could have open, if it was thinner than asked for because it needed more. Those
/// of visits that are over stay open for a while, so that their number is known only afterwards.
#[expect(clippy::cast_precision_loss, reason = "numbers of sockets")]
fn thinned_to(plan: &Plan, measured: &Measured) -> Option<usize> {
    let Load::Closed(asked) = plan.load else { return None };
    let a_second = |count: u64| count as f64 / measured.seconds;
    let rest = Duration::from_nanos(REST).as_secs_f64();
    let needed =
        asked as f64 + measured.rate() * rest + a_second(measured.lost()) * plan.timeout.as_secs_f64();
    let is_thin = measured.in_flight < asked as f64 * 0.9;
    let has_connections = plan.manners.target.semantics().connections;
    let needs_more = needed > plan.in_flight_max as f64;
    (is_thin && needs_more && !has_connections).then_some(plan.in_flight_max)
}

/// The visits, with the first one if that has been made.
fn measure(
    plan: &Plan,
    first: Option<Measured>,
    status: Option<&Status>,
    stop: &AtomicBool,
) -> io::Result<Measured> {
    let measured = match first {
        Some(first) if plan.count == 0 => first,
        first => {
            let mut live = Live::new(plan);
            let measured = generator::run(plan, stop, &mut |glimpse| {
                live.show(glimpse);
                status.inspect(|status| status.show(glimpse));
            });
            live.end();
            let mut measured = measured?;
            if let Some(first) = &first {
                measured.add_visits(first);
            }
            measured
        }
    };
    if stop.load(Ordering::Relaxed) && measured.tally.ended() == 0 {
        return Err(nothing_measured());
    }
    status.inspect(|status| status.end(&measured));
    Ok(measured)
}

/// Fails if a closed loop and the idle connections cannot be as many as they are to be. An open loop holds visits back, and
/// says so.
fn enough_descriptors(options: &Options) -> io::Result<()> {
    let at_a_time = options.at_a_time().unwrap_or(1) as u64;
    let (needed, allowed) =
        (options.hold + at_a_time + other_descriptors(options), descriptor_limit() as u64);
    if needed <= allowed {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{at_a_time} visits at a time and {} idle connections need {needed} descriptors, and {allowed} are allowed: \
         ulimit -n {needed}, or fewer of them (--connections, --hold)",
        options.hold
    )))
}

/// The descriptors that are needed for other things than visits and idle connections. Each thread waits for events and for a timer.
fn other_descriptors(options: &Options) -> u64 {
    let status = options.status.as_ref().map_or(0, |_| status::DESCRIPTORS);
    OTHER_DESCRIPTORS + 3 * u64::from(options.threads - 1) + status
}

fn needs(options: &Options, has_sources: bool) -> Needs {
    let in_flight = options.at_a_time().unwrap_or(64) as u64;
    let rates = options.stages.iter().map(|stage| stage.rate);
    Needs {
        threads: u64::from(options.threads),
        sockets: options.hold + in_flight,
        in_flight,
        rate: rates.fold(options.rate.unwrap_or(0.0), f64::max),
        sources: u64::from(options.sources.unwrap_or(1)),
        has_sources,
    }
}

/// The plan that the options give for one address.
fn plan(options: &Options, names: &[Vec<u8>], sent: Option<&[u8]>, target: &Target) -> io::Result<Plan> {
    if options.sources.is_some() && !target.is_beside_sources() {
        return Err(io::Error::other(
            "--sources are addresses behind 127.0.0.1, and the server has none of those",
        ));
    }
    let terminator = options.terminator.unwrap_or_else(|| Terminator::usual(target.kind()));
    let rate = options.rate.or(options.stages.first().map(|stage| stage.rate));
    let load = match (options.at_a_time(), rate) {
        (None, Some(rate)) => Load::Open(rate, options.arrivals),
        (at_a_time, _) => Load::Closed(at_a_time.unwrap_or(1)),
    };
    let mut plan = Plan {
        count: options.count.unwrap_or(u64::MAX),
        timeout: options.timeout_of_a_visit(),
        in_flight_max: descriptor_limit()
            .saturating_sub(usize::try_from(other_descriptors(options)).unwrap_or(usize::MAX))
            .max(usize::from(options.threads)),
        threads: usize::from(options.threads),
        sources: options.source_addresses(),
        pause: options.slow.map_or(Duration::ZERO, |bytes| Duration::from_secs_f64(1.0 / bytes)),
        seed: options.seed,
        stages: options.stages.clone(),
        ..Plan::plain(target.clone(), load, options.duration_of_the_run())?
    };
    plan.visit_as(names, terminator, &options.asked.welcome())?;
    let page = options.connect.as_ref().and_then(Destination::page);
    options.asked.plan(&mut plan, page, sent, options.terminator);
    plan.manners.reset = options.rst;
    Ok(plan)
}

/// The table on standard output, and the files that were asked for. All this comes before the generator's own ceiling is
/// measured, and again where that adds something. The ceiling is of visits that send a name, over TCP.
fn show(
    options: &Options,
    findings: &Findings<'_>,
    sent: Option<&[u8]>,
    stop: &AtomicBool,
) -> io::Result<()> {
    let mut findings = *findings;
    let reports = Reports {
        json: options.json.as_deref(),
        html: options.html.as_deref(),
        raw: options.raw.as_deref(),
        histogram: &options.histogram,
    };
    let mut output = reports.output();
    output.say(&report::run(&findings));
    reports.write_figures(&findings, &mut output);
    reports.write_values(&findings, || raw_file(options, sent, &findings), &mut output);
    let has_ceiling = findings.measured.kind == Kind::Tcp && options.sends_names() && options.threads == 1;
    if has_ceiling && !stop.load(Ordering::Relaxed) {
        progress(&"measuring the generator's own ceiling");
        let ceiling = ceiling::measure(64, Duration::from_millis(500), None, stop);
        progress(&"");
        match ceiling {
            Ok(Some(ceiling)) => {
                findings.ceiling = Some(ceiling);
                output.say(&report::limit(&findings).trim_end());
                reports.write_figures(&findings, &mut output);
            }
            Ok(None) => {}
            Err(error) => {
                output.say(&format_args!("What the generator reaches at best is unknown: {error}."));
            }
        }
    }
    reports.print_figures(&findings, &mut output);
    output.done()
}

/// Writes what was measured of a run in which nothing succeeded. Its figures say nothing of a server, and yet its failures are
/// some of those of all runs that it is merged with.
fn raw_alone(options: &Options, findings: &Findings<'_>, sent: Option<&[u8]>) -> io::Result<()> {
    let reports = Reports { json: None, html: None, raw: options.raw.as_deref(), histogram: &[] };
    let mut output = reports.output();
    reports.write_values(findings, || raw_file(options, sent, findings), &mut output);
    output.done()
}

/// All that was measured, for it to be merged.
fn raw_file(options: &Options, sent: Option<&[u8]>, findings: &Findings<'_>) -> RawFile {
    let visits = options.of_a_visit(sent).into_iter().map(|(name, value)| (name.to_owned(), value));
    let asked = Asked { visits: visits.collect(), rate: options.rate_on_average(), count: options.count };
    RawFile::of(RawRun::of(findings, asked).into_iter().collect())
}
