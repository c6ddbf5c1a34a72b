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

mod comparison;
mod faults;
mod figures;
mod generator;
mod peers;
mod plan;
mod program;
mod report;
mod system;

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use welcomed::command_line;
use welcomed::net::Address;

use crate::comparison::baseline::Baseline;
use crate::comparison::{Scale, goals};
use crate::faults::{datagrams, tcp, unix};
use crate::peers::Peer;
use crate::plan::target::Target;
use crate::program::load;
use crate::program::options::Options;
use crate::program::preflight::{Limits, Needs};
use crate::report::page;
use crate::system::clock::SECOND;

const PROGRAM: &str = "load";

/// How long each of several addresses may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// The comparison as it is meant: about 90 seconds.
const FULL: Scale = Scale {
    rounds: 10,
    turn: SECOND * 3 / 10,
    latency: SECOND * 2,
    held: 15_000,
    hold_turns: 1,
    batches: 30,
};

/// With another build beside, which differs by little: twice as many rounds.
const BESIDE: Scale = Scale { rounds: 20, hold_turns: 6, ..FULL };

/// A comparison in which everything happens and nothing takes long.
const SMOKE: Scale =
    Scale { rounds: 1, turn: SECOND / 50, latency: SECOND / 50, held: 50, hold_turns: 1, batches: 1 };

fn main() -> ExitCode {
    if let Some(served) = Peer::serve_if_asked() {
        return ended(served.map(|()| Outcome::Done), false);
    }
    let options: Options = match command_line::parse(PROGRAM) {
        Ok(options) => options,
        Err(code) => return code,
    };
    if let Some(why) = options.unfit() {
        return command_line::fail(PROGRAM, &why, ExitCode::from(2));
    }
    let stop = Arc::new(AtomicBool::new(false));
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&stop)) {
        return ended(Err(error), false);
    }
    // A file that cannot be written is better said before than after.
    for path in options.json.iter().chain(&options.html) {
        if let Err(error) = writable(path) {
            return ended(Err(error), false);
        }
    }
    let raised = welcomed::kernel::mio::raise_descriptor_limit();
    let done = raised.and_then(|_| match &options.connect {
        None if options.prove => prove(&stop),
        None => compare(&options, &stop),
        Some(endpoint) => endpoint.resolve().and_then(|addresses| {
            let target = Target::new(answering(&addresses)?)?;
            load::load(&options, &target, &stop)
        }),
    });
    ended(done, stop.load(Ordering::Relaxed))
}

/// The first address where somebody answers. If nobody does anywhere, that is to be measured, too.
fn answering(addresses: &[Address]) -> io::Result<&Address> {
    let first = addresses.first().ok_or(ErrorKind::NotFound)?;
    if addresses.len() == 1 {
        return Ok(first); // without a visit of its own, which the server would count
    }
    let answers = |address: &&Address| {
        let inet = address.inet();
        if address.kind.semantics().connections {
            return inet.is_some_and(|inet| TcpStream::connect_timeout(&inet, PATIENCE).is_ok());
        }
        inet.is_some_and(|inet| answers_a_datagram(inet).is_ok())
    };
    Ok(addresses.iter().find(answers).unwrap_or(first))
}

/// Sends a datagram and waits for its answer.
fn answers_a_datagram(server: SocketAddr) -> io::Result<usize> {
    let unspecified = if server.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0u16; 8]) };
    let socket = UdpSocket::bind((unspecified, 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send(b"Rafatul")?;
    socket.recv(&mut [0; 1])
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
    let scale = match &options.beside {
        _ if options.smoke => SMOKE,
        Some(_) => BESIDE,
        None => FULL,
    };
    let baselines = folder().join("baselines");
    // Read first: a name that is not there is better said before than after.
    let before = options.baseline.as_ref().map(|name| Baseline::read(&baselines, name)).transpose()?;
    preflight(&Needs { sockets: scale.held as u64, in_flight: 64, rate: 0.0, sources: 1 });
    let comparison = comparison::compare(scale, options.beside.as_deref(), &folder(), stop, &mut |text| {
        report::progress(&text);
    })?;
    report::progress(&"");
    println!("{}", report::comparison(&comparison));
    let path = options.json.clone().unwrap_or_else(|| folder().join("report.json"));
    let json = serde_json::json!({
        "version": 1, "comparison": comparison, "goals": goals::goals(&comparison.rows),
    });
    fs::write(&path, format!("{json:#}\n")).map_err(|error| at(&path, &error))?;
    let page = path.with_extension("html");
    fs::write(&page, page::page(&comparison))?;
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
    // What takes no time measures nothing well, and nobody expects it to.
    let spoiled = comparison.rows.iter().any(comparison::Row::is_spoiled);
    Ok(if spoiled && !options.smoke { Outcome::Invalid } else { Outcome::Done })
}

/// The receipt: what a server did wrong on purpose, and what was reported of it.
fn prove(stop: &AtomicBool) -> io::Result<Outcome> {
    let proofs = [tcp::prove(stop)?, unix::prove(stop)?, datagrams::prove(stop)?].concat();
    println!("{}", report::receipt(&proofs));
    if proofs.iter().all(tcp::Proof::holds) {
        return Ok(Outcome::Done);
    }
    Err(io::Error::other("what was reported is not what was done: do not believe this load test here"))
}

/// Makes sure that a file can be written, and leaves what is in it until there is something better.
fn writable(file: &Path) -> io::Result<()> {
    fs::File::options().append(true).create(true).open(file).map_err(|error| at(file, &error))?;
    Ok(())
}

/// An error with the file that it is about.
fn at(file: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", file.display()))
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
    fn of_several_addresses_the_first_that_answers_is_loaded() {
        use super::answering;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (there, nowhere) = (super::Address::from(there), super::Address::from(nowhere));
        assert_eq!(answering(&[nowhere.clone(), there.clone()]).unwrap(), &there);
        assert_eq!(
            answering(&[nowhere.clone(), nowhere.clone()]).unwrap(),
            &nowhere,
            "refusals are measured, too"
        );
        assert!(answering(&[]).is_err());
    }

    #[test]
    fn an_earlier_report_is_kept_until_there_is_a_new_one() {
        let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("earlier.json");
        std::fs::write(&file, "earlier").unwrap();
        super::writable(&file).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "earlier");
        let nowhere = super::writable(&file.join("x")).unwrap_err().to_string();
        assert!(nowhere.contains("earlier.json/x: "), "{nowhere}");
    }

    #[test]
    fn the_whole_comparison_in_a_second_or_two() {
        use super::{SMOKE, comparison, folder, report};
        use crate::comparison::contender;
        use std::collections::BTreeSet;
        let members =
            |json: &serde_json::Value| json.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let beside = std::path::Path::new(env!("CARGO_BIN_EXE_welcomed"));
        let comparison =
            comparison::compare(SMOKE, Some(beside), &folder().join("smoke"), &stop, &mut |_| {}).unwrap();
        let contenders = contender::all(Some(beside));
        assert_eq!(comparison.rows.len(), contenders.len());
        assert_eq!(comparison.beside[0].what, "CPU us of a visit, --quiet", "{comparison:?}");
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
        let schema: serde_json::Value = serde_json::from_str(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/benches/load/report.schema.json"
        )))
        .unwrap();
        let (described, json) =
            (&schema["properties"]["comparison"], serde_json::to_value(&comparison).unwrap());
        assert_eq!(members(&json), members(&described["properties"]), "the schema describes what is written");
        let described_kinds = &described["properties"]["kinds"];
        let described = &described["properties"]["rows"]["items"]["properties"];
        assert_eq!(members(&json["rows"][0]), members(described));
        assert_eq!(members(&json["rows"][0]["held"][0]), members(&described["held"]["items"]["properties"]));
        assert_eq!(members(&json["rows"][0]["latency"]), members(&described["latency"]["properties"]));
        assert_eq!(members(&json["kinds"][0]), members(&described_kinds["items"]["properties"]));
        assert!(comparison.kinds.len() == 5 && comparison.kinds.iter().all(|row| row.welcomed > 0), "{json}");
        let page = super::page::page(&comparison);
        assert!(page.ends_with("</html>\n") && page.matches("<svg").count() == 6, "{page}");
        let tables = report::comparison(&comparison);
        assert!(contenders.iter().all(|contender| tables.contains(&contender.name())), "{tables}");
    }
}
