//! The load generator: one run against a server that is there, or the search for its knee.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use welcomed::net::Kind;

use crate::comparison::ceiling;
use crate::figures::tally::Tally;
use crate::generator::flight::{Manners, Terminator};
use crate::plan::target::Target;
use crate::plan::welcome::Names;
use crate::plan::{Glimpse, Load, Measured, Plan};
use crate::program::knee;
use crate::program::knee::Knee;
use crate::program::options::Options;
use crate::program::preflight::Needs;
use crate::report::page as html;
use crate::system::clock::{SECOND, nanos};
use crate::{Outcome, at, comparison, generator, preflight, report};

/// The load generator: one run.
pub(crate) fn load(options: &Options, target: &Target, stop: &AtomicBool) -> io::Result<Outcome> {
    let names = match &options.names {
        None => vec![options.name.clone().into_bytes()],
        Some(file) => names_in(file)?,
    };
    if options.sources.is_some() && !target.is_beside_sources() {
        return Err(io::Error::other(
            "--sources are addresses behind 127.0.0.1, and the server has none of those",
        ));
    }
    let terminator = options.terminator.unwrap_or_else(|| Terminator::usual(target.kind()));
    let names = Names::new(&names, target.kind(), terminator, &options.expect).map_err(io::Error::other)?;
    let closed = usize::try_from(options.connections.unwrap_or(64)).unwrap_or(usize::MAX);
    let load = options.rate.map_or(Load::Closed(closed), |rate| Load::Open(rate, options.arrivals));
    let mut plan = Plan {
        manners: Manners { target: target.clone(), terminator, reset: options.rst },
        names,
        timeout: nanos(options.timeout_of_a_visit()),
        in_flight_max: welcomed::kernel::mio::descriptor_limit().saturating_sub(64),
        sources: options.source_addresses(),
        pause: options.slow.map_or(0, |bytes| nanos(Duration::from_secs_f64(1.0 / bytes))),
        seed: options.seed,
        ..Plan::plain(target.clone(), load, nanos(options.warmup))?
    };
    let in_flight = if options.rate.is_some() { 64 } else { closed as u64 };
    let sources = u64::from(options.sources.unwrap_or(1));
    preflight(&Needs {
        sockets: options.hold + in_flight,
        in_flight,
        rate: options.rate.unwrap_or(0.0),
        sources,
    });
    let held = comparison::idle_connections(target, usize::try_from(options.hold).unwrap_or(usize::MAX))?;
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
    let ceiling = if target.kind() == Kind::Tcp {
        report::progress(&"measuring the generator's own ceiling");
        let ceiling = ceiling::measure(64, SECOND / 2, None, &crate::folder(), stop)?;
        report::progress(&"");
        ceiling
    } else {
        None // there is no server that does next to nothing over the other kinds
    };
    println!("{}", report::run(&measured, ceiling));
    if let Some(path) = &options.json {
        fs::write(path, format!("{:#}\n", report::run_as_json(&measured, ceiling)))
            .map_err(|error| at(path, &error))?;
    }
    if let Some(path) = &options.html {
        fs::write(path, html::run_page(&measured, ceiling)).map_err(|error| at(path, &error))?;
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

/// Whether every visit went as it should, nothing was lost and the 99th percentile is on target.
fn is_good(tally: &Tally, target: Duration) -> bool {
    tally.failures() + tally.lost == 0
        && tally.welcomed > 0
        && tally.latency.value_at_quantile(0.99) <= nanos(target)
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
            "{rate:>9.0} visits/s: p99 {p99} us, {} errors{}: {}",
            tally.failures(),
            lost(&tally),
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

/// What was lost, if something was.
fn lost(tally: &Tally) -> String {
    if tally.lost > 0 { format!(", {} lost", tally.lost) } else { String::new() }
}

/// What a run shows while it goes on.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn live(glimpse: &Glimpse<'_>, plan: &Plan) -> String {
    let Glimpse { tally, passed, in_flight } = glimpse;
    let micros = |quantile| tally.latency.value_at_quantile(quantile) / 1000;
    format!(
        "{:.0} visits/s, p50 {} us, p99 {} us, {} errors{}, {in_flight} in flight, {:.0} s left",
        tally.welcomed as f64 * 1e9 / (*passed).max(1) as f64,
        micros(0.5),
        micros(0.99),
        tally.failures(),
        lost(tally),
        plan.duration.saturating_sub(*passed) as f64 / 1e9,
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_server_that_is_down_ends_no_run_early_and_keeps_none_from_ending() {
        use super::{Load, Plan, generator};
        use crate::figures::tally::Failure;
        use crate::system::clock::SECOND;
        for load in [Load::Closed(8), Load::Open(1000.0, crate::plan::arrivals::Spread::Uniform)] {
            let target = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let plan =
                Plan { timeout: SECOND, in_flight_max: 64, ..Plan::plain(target, load, SECOND / 5).unwrap() };
            let stop = std::sync::atomic::AtomicBool::new(false);
            let measured = generator::run(&plan, &stop, &mut |_| {}).unwrap();
            assert!((0.1..5.0).contains(&measured.seconds), "{load:?} took {} s", measured.seconds);
            assert!(measured.tally.count(Failure::Refused) > 50, "{load:?}");
            assert_eq!(measured.tally.failures(), measured.tally.count(Failure::Refused));
        }
    }

    #[test]
    fn the_report_of_a_run_is_what_the_schema_describes() {
        use super::{Load, Plan, generator, html, report};
        use crate::system::clock::SECOND;
        let target = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let plan = Plan { count: 100, ..Plan::plain(target, Load::Closed(1), SECOND).unwrap() };
        let stop = std::sync::atomic::AtomicBool::new(false);
        let measured = generator::run(&plan, &stop, &mut |_| {}).unwrap();
        let json = report::run_as_json(&measured, Some(1e6));
        let schema: serde_json::Value = serde_json::from_str(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/benches/load/report.schema.json"
        )))
        .unwrap();
        let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let (mut described, mut written) =
            (keys(&schema["properties"]["run"]["properties"]), keys(&json["run"]));
        described.sort();
        written.sort();
        assert_eq!(written, described);
        assert_eq!(json["run"]["timeline"]["slices"][0]["failed"], 100, "{json}");
        assert_eq!(json["run"]["generator_limited"], measured.busy() > 0.9);
        let page = html::run_page(&measured, Some(1e6));
        assert!(page.ends_with("</html>\n") && page.matches("<svg").count() == 3, "{page}");
    }

    #[test]
    fn manners_are_kept() {
        use super::{Kind, Manners, Names, Plan, generator};
        use crate::generator::flight::Terminator;
        use crate::system::clock::SECOND;
        use std::io::Read as _;
        use welcomed::services::welcome::Welcome;
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
            let names = Names::new(&[b"Ada".to_vec()], Kind::Tcp, terminator, &Welcome::default());
            let plan = Plan {
                manners: Manners { target: target.into(), terminator, reset },
                names: names.unwrap(),
                count: 1,
                ..Plan::plain(target, super::Load::Closed(1), 5 * SECOND).unwrap()
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
}
