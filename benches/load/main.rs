//! The load test: `cargo bench --bench load -- --help`.
//!
//! Without arguments it compares `welcomed` with other ways to write the same server. With `--connect` it
//! is a load generator for any server that speaks the same.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "figures go to standard output")]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::float_cmp,
        clippy::cast_precision_loss,
        reason = "a test that cannot go on has to fail, and its figures are small"
    )
)]

mod arrivals;
mod baseline;
mod clock;
mod compare;
mod contender;
mod faulty;
mod flight;
mod generator;
mod html;
mod knee;
mod names;
mod options;
mod peers;
mod preflight;
mod report;
mod statistics;
mod system;
mod tally;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use welcomed::command_line;

use crate::baseline::Baseline;
use crate::clock::{Nanos, SECOND};
use crate::compare::Scale;
use crate::flight::Manners;
use crate::generator::{Glimpse, Load, Measured, Plan};
use crate::knee::Knee;
use crate::names::Names;
use crate::options::Options;
use crate::peers::Peer;
use crate::preflight::{Limits, Needs};
use crate::tally::Tally;

const PROGRAM: &str = "load";

/// The comparison as it is meant: about 80 seconds.
const FULL: Scale =
    Scale { rounds: 10, turn: SECOND * 3 / 10, latency: SECOND * 2, held: 15_000, batches: 30 };

/// A comparison in which everything happens and nothing takes long.
const SMOKE: Scale = Scale { rounds: 1, turn: SECOND / 50, latency: SECOND / 50, held: 50, batches: 1 };

fn main() -> ExitCode {
    if let Some(served) = Peer::serve_if_asked() {
        return ended(served.map(|()| Outcome::Done), false);
    }
    let options: Options = match command_line::parse(PROGRAM) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let stop = Arc::new(AtomicBool::new(false));
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&stop)) {
        return ended(Err(error), false);
    }
    if let Some(path) = &options.json
        && let Err(error) = fs::write(path, "")
    {
        return ended(Err(at(path, &error)), false);
    }
    let raised = welcomed::kernel::mio::raise_descriptor_limit();
    let done = raised.and_then(|_| match &options.connect {
        None if options.prove => prove(&stop),
        None => compare(&options, &stop),
        Some(endpoint) => endpoint.resolve().and_then(|addresses| match addresses.first() {
            Some(target) => load(&options, *target, &stop),
            None => Err(ErrorKind::NotFound.into()),
        }),
    });
    ended(done, stop.load(Ordering::Relaxed))
}

/// How a run went that came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    Done,
    /// A target was missed.
    Missed,
    /// The server has become dearer.
    Regression,
    /// What was measured says nothing about the server.
    Invalid,
}

/// The exit code of a program that ends in this way, once it has said why.
fn ended(result: io::Result<Outcome>, interrupted: bool) -> ExitCode {
    match result {
        Err(error) => command_line::fail(PROGRAM, &error, ExitCode::FAILURE),
        Ok(_) if interrupted => ExitCode::from(130),
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Missed) => ExitCode::from(3),
        Ok(Outcome::Regression) => ExitCode::from(4),
        Ok(Outcome::Invalid) => {
            let why = "INVALID: this machine was too busy to begin visits in time, so the times say more about it than \
                       about the server; measure when it is quieter, or at another --rate";
            command_line::fail(PROGRAM, &why, ExitCode::from(5))
        }
    }
}

/// Says what of this machine is too small for what is to come.
fn preflight(needs: &Needs) {
    for complaint in Limits::read().complaints(needs) {
        report::progress(&format!("too small: {complaint}"));
        eprintln!();
    }
}

/// Where reports go.
fn folder() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    target.parent().unwrap_or(target).join("load")
}

/// The comparison: tables on standard output, and `report.json`.
fn compare(options: &Options, stop: &AtomicBool) -> io::Result<Outcome> {
    let scale = if options.smoke { SMOKE } else { FULL };
    let baselines = folder().join("baselines");
    // Read first: a name that is not there is better said before than after.
    let before = options.baseline.as_ref().map(|name| Baseline::read(&baselines, name)).transpose()?;
    preflight(&Needs { sockets: scale.held as u64, in_flight: 64, rate: 0.0, sources: 1 });
    let comparison = compare::compare(scale, &folder(), stop, &mut |text| report::progress(&text))?;
    report::progress(&"");
    println!("{}", report::comparison(&comparison));
    let path = options.json.clone().unwrap_or_else(|| folder().join("report.json"));
    let json = serde_json::json!({ "version": 1, "comparison": comparison });
    fs::write(&path, format!("{json:#}\n")).map_err(|error| at(&path, &error))?;
    let page = path.with_extension("html");
    fs::write(&page, html::page(&comparison))?;
    println!("The same as pictures: {}\nThe figures of every round: {}", page.display(), path.display());
    let costs = comparison.rows.last().map(|row| row.costs.clone()).unwrap_or_default();
    let now = Baseline::new(costs);
    if let Some(name) = &options.save_baseline {
        now.save(&baselines, name)?;
    }
    if let Some(before) = before {
        let change = before.change_to(&now);
        println!("welcomed --quiet against the baseline: {change}.");
        if change.is_regression() {
            return Ok(Outcome::Regression);
        }
    }
    Ok(Outcome::Done)
}

/// The receipt: what a server did wrong on purpose, and what was reported of it.
fn prove(stop: &AtomicBool) -> io::Result<Outcome> {
    let proofs = faulty::prove(stop)?;
    println!("{}", report::receipt(&proofs));
    if proofs.iter().all(faulty::Proof::holds) {
        return Ok(Outcome::Done);
    }
    Err(io::Error::other("what was reported is not what was done: do not believe this load test here"))
}

/// The load generator: one run.
fn load(options: &Options, target: std::net::SocketAddr, stop: &AtomicBool) -> io::Result<Outcome> {
    let names = match &options.names {
        None => vec![options.name.clone().into_bytes()],
        Some(file) => names_in(file)?,
    };
    if options.sources.is_some() && !(target.is_ipv4() && target.ip().is_loopback()) {
        return Err(io::Error::other(
            "--sources are addresses behind 127.0.0.1, and the server has none of those",
        ));
    }
    let names = Names::new(&names, options.terminator, &options.expect).map_err(io::Error::other)?;
    let closed = usize::try_from(options.connections.unwrap_or(64)).unwrap_or(usize::MAX);
    let mut plan = Plan {
        manners: Manners { target, terminator: options.terminator, reset: options.rst },
        names,
        load: options.rate.map_or(Load::Closed(closed), |rate| Load::Open(rate, options.arrivals)),
        duration: nanos(options.warmup),
        count: u64::MAX,
        timeout: nanos(options.timeout),
        in_flight_max: welcomed::kernel::mio::descriptor_limit().saturating_sub(64),
        sources: options.source_addresses(),
        pause: options.slow.map_or(0, |bytes| nanos(Duration::from_secs_f64(1.0 / bytes))),
        seed: options.seed,
        server: None,
    };
    let in_flight = if options.rate.is_some() { 64 } else { closed as u64 };
    let sources = u64::from(options.sources.unwrap_or(1));
    preflight(&Needs {
        sockets: options.hold + in_flight,
        in_flight,
        rate: options.rate.unwrap_or(0.0),
        sources,
    });
    let held = compare::idle_connections(target, usize::try_from(options.hold).unwrap_or(usize::MAX))?;
    plan.in_flight_max = plan.in_flight_max.saturating_sub(held.len()).max(1);
    if plan.duration > 0 {
        generator::run(&plan, stop, &mut |_| report::progress(&"warming up"))?;
    }
    plan.duration =
        nanos(options.duration.unwrap_or(Duration::from_secs(if options.find_knee { 2 } else { 10 })));
    plan.count = options.count.unwrap_or(u64::MAX);
    if options.find_knee {
        return find_knee(options, plan, stop);
    }
    let measured = generator::run(&plan, stop, &mut |glimpse| report::progress(&live(glimpse, &plan)))?;
    drop(held);
    report::progress(&"");
    println!("{}", report::run(&measured));
    if let Some(path) = &options.json {
        fs::write(path, format!("{:#}\n", report::run_as_json(&measured)))
            .map_err(|error| at(path, &error))?;
    }
    let tally = &measured.tally;
    if options.rate.is_some() && tally.welcomed > 0 && tally.is_spoiled() {
        return Ok(Outcome::Invalid);
    }
    let missed = options.target_p99.is_some_and(|target| !is_good(tally, target));
    if missed {
        println!("The target is missed: errors, or a p99 over {:?}.", options.target_p99.unwrap_or_default());
    }
    Ok(if missed { Outcome::Missed } else { Outcome::Done })
}

/// The names in a file, one a line; empty lines are none.
fn names_in(file: &Path) -> io::Result<Vec<Vec<u8>>> {
    let text = fs::read(file).map_err(|error| at(file, &error))?;
    let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let names: Vec<Vec<u8>> = lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
    if names.is_empty() {
        return Err(io::Error::other(format!("{}: no names in it", file.display())));
    }
    Ok(names)
}

/// An error with the file that it is about.
fn at(file: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", file.display()))
}

/// Whether every visit went as it should and the 99th percentile is on target.
fn is_good(tally: &Tally, target: Duration) -> bool {
    tally.failures() == 0 && tally.welcomed > 0 && tally.latency.value_at_quantile(0.99) <= nanos(target)
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
        let p99 = tally.latency.value_at_quantile(0.99) / 1000;
        let good = is_good(&tally, target) && held_back == 0;
        if !good && tally.is_spoiled() {
            spoiled = Some(rate);
        }
        println!(
            "{rate:>9.0} visits/s: p99 {p99} us, {} errors: {}",
            tally.failures(),
            if good { "good" } else { "too much" }
        );
        Ok(good)
    });
    let found = match found {
        Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(Outcome::Done),
        found => found?,
    };
    match found {
        Knee::At(rate) => {
            println!("The knee: {rate:.0} visits a second, with no errors and a p99 under {target:?}.");
        }
        Knee::Above(rate) => {
            println!("No knee up to {rate:.0} visits a second.");
        }
        Knee::Below(rate) => {
            println!("Already {rate:.0} visits a second are too much.");
        }
    }
    match (spoiled, found) {
        // What ended the search was the generator, so the server may bear more.
        (Some(_), _) => Ok(Outcome::Invalid),
        (None, Knee::Below(_)) => Ok(Outcome::Missed),
        (None, Knee::At(_) | Knee::Above(_)) => Ok(Outcome::Done),
    }
}

/// What a run shows while it goes on.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn live(glimpse: &Glimpse<'_>, plan: &Plan) -> String {
    let Glimpse { tally, passed, in_flight } = glimpse;
    let micros = |quantile| tally.latency.value_at_quantile(quantile) / 1000;
    format!(
        "{:.0} visits/s, p50 {} us, p99 {} us, {} errors, {in_flight} in flight, {:.0} s left",
        tally.welcomed as f64 * 1e9 / (*passed).max(1) as f64,
        micros(0.5),
        micros(0.99),
        tally.failures(),
        plan.duration.saturating_sub(*passed) as f64 / 1e9,
    )
}

fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_program_is_a_peer_if_asked() {
        if let Some(served) = super::Peer::serve_if_asked() {
            served.unwrap();
        }
    }

    #[test]
    fn a_server_that_is_down_ends_no_run_early_and_keeps_none_from_ending() {
        use super::{Load, Manners, Names, Plan, SECOND, generator};
        use crate::flight::Terminator;
        use crate::tally::Failure;
        for load in [Load::Closed(8), Load::Open(1000.0, crate::arrivals::Spread::Uniform)] {
            let target = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let names =
                Names::new(&[b"Ada".to_vec()], Terminator::Lf, &welcomed::protocol::Welcome::default());
            let plan = Plan {
                manners: Manners { target, terminator: Terminator::Lf, reset: false },
                names: names.unwrap(),
                load,
                duration: SECOND / 5,
                count: u64::MAX,
                timeout: SECOND,
                in_flight_max: 64,
                sources: Vec::new(),
                pause: 0,
                seed: 1,
                server: None,
            };
            let stop = std::sync::atomic::AtomicBool::new(false);
            let measured = generator::run(&plan, &stop, &mut |_| {}).unwrap();
            assert!((0.1..5.0).contains(&measured.seconds), "{load:?} took {} s", measured.seconds);
            assert!(measured.tally.count(Failure::Refused) > 50, "{load:?}");
            assert_eq!(measured.tally.failures(), measured.tally.count(Failure::Refused));
        }
    }

    #[test]
    fn manners_are_kept() {
        use super::{Manners, Names, Plan, SECOND, generator};
        use crate::flight::Terminator;
        use std::io::Read as _;
        for (terminator, reset, heard) in [
            (Terminator::Lf, false, &b"Ada\n"[..]),
            (Terminator::None, false, b"Ada"),
            (Terminator::Eof, false, b"Ada"),
            (Terminator::None, true, b"Ada"),
        ] {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let target = listener.local_addr().unwrap();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                stream.set_read_timeout(Some(std::time::Duration::from_millis(200))).unwrap();
                let mut bytes = Vec::new();
                let end = stream.read_to_end(&mut bytes).map_err(|error| error.kind());
                let _ = std::io::Write::write_all(&mut stream, b"welcome ");
                (bytes, end)
            });
            let names = Names::new(&[b"Ada".to_vec()], terminator, &welcomed::protocol::Welcome::default());
            let plan = Plan {
                manners: Manners { target, terminator, reset },
                names: names.unwrap(),
                load: super::Load::Closed(1),
                duration: 5 * SECOND,
                count: 1,
                timeout: 5 * SECOND,
                in_flight_max: 64,
                sources: Vec::new(),
                pause: 0,
                seed: 1,
                server: None,
            };
            let stop = std::sync::atomic::AtomicBool::new(false);
            let tally = generator::run(&plan, &stop, &mut |_| {}).unwrap().tally;
            let (bytes, end) = server.join().unwrap();
            assert_eq!(end.is_ok(), terminator == Terminator::Eof, "{terminator:?}: {end:?}");
            assert_eq!(end == Err(std::io::ErrorKind::ConnectionReset), reset, "{terminator:?}: {end:?}");
            assert_eq!(
                (tally.welcomed, tally.resets, tally.failures()),
                (u64::from(!reset), u64::from(reset), 0)
            );
            assert!(reset || bytes == heard, "{terminator:?}: {bytes:?}");
        }
    }

    #[test]
    fn the_whole_comparison_in_a_second_or_two() {
        use super::{SMOKE, compare, contender, folder, report};
        use std::collections::BTreeSet;
        let members =
            |json: &serde_json::Value| json.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let comparison = compare::compare(SMOKE, &folder().join("smoke"), &stop, &mut |_| {}).unwrap();
        assert_eq!(comparison.rows.len(), contender::ALL.len());
        for row in &comparison.rows {
            assert!(row.rates[0] > 0.0 && row.cpu_micros[0] > 0.0, "{row:?}");
            assert_eq!(row.failures, 0, "{row:?}");
            assert!(
                row.latency.is_some_and(|latency| latency.p50 > 0.0 && latency.max >= latency.p99),
                "{row:?}"
            );
        }
        let floor = &comparison.rows[0];
        assert!(floor.held_bytes.is_some() && floor.held_cost.is_some());
        let schema: serde_json::Value = serde_json::from_str(include_str!("report.schema.json")).unwrap();
        let (described, json) =
            (&schema["properties"]["comparison"], serde_json::to_value(&comparison).unwrap());
        assert_eq!(members(&json), members(&described["properties"]), "the schema describes what is written");
        let described = &described["properties"]["rows"]["items"]["properties"];
        assert_eq!(members(&json["rows"][0]), members(described));
        assert_eq!(members(&json["rows"][0]["latency"]), members(&described["latency"]["properties"]));
        let tables = report::comparison(&comparison);
        assert!(contender::ALL.iter().all(|contender| tables.contains(contender.name())), "{tables}");
    }
}
