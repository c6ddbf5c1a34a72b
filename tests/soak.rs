//! Clients of all manners over all kinds of sockets, together for a long time: no welcome is lost, and no memory or descriptor
//! leaks.
//!
//! `SOAK_SECONDS` is the length (default: 120), `SOAK_SEED` repeats the clients' random choices.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on has to fail, and this one has figures to show"
)]

mod kinds;
mod tied;

mod soak {
    pub(crate) mod client;
    pub(crate) mod connections;
    pub(crate) mod datagrams;
    pub(crate) mod manners;
    pub(crate) mod server;
    mod sockets;
    pub(crate) mod status;
    pub(crate) mod tally;
    pub(crate) mod visit;
    pub(crate) mod waiting;
}

use std::collections::HashMap;
use std::env;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use welcomed::net::Kind;
use welcomed::reactor::KEPT_BACK;

use self::soak::client::{Client, Shared, WELCOME};
use self::soak::connections::NAME_GAP;
use self::soak::datagrams;
use self::soak::manners::{MANNERS, Manner};
use self::soak::server::{Folder, Log, Sample, Server};
use self::soak::status::{self, ROLES, Seen};
use self::soak::tally::{Counts, Tallies, Tally};
use self::soak::visit::Outcome;
use self::soak::waiting::{comes_true, now};

/// The most that resident memory may grow once the server is warm, in KiB.
const GROWTH_MAX_KIB: u64 = 128;

/// The same with the status on, from the beginning on: its record is 1 MiB, its lists go over all of that, and its curve grows for
/// five minutes.
const GROWTH_SHOWN_MAX_KIB: u64 = 8192;

/// Descriptors of clients that have closed, and whose end the server has not seen yet. There are at most as many
/// as it accepts in one turn.
const LEAVING_MAX: usize = 64;

/// How often the server is sampled.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);

/// How often progress is printed in a long soak.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// The stack of a client's thread: small, because there are many.
const STACK_BYTES: usize = 128 * 1024;

/// Raw sockets have no ports: one server of this process has them at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// The settings of a soak.
struct Plan {
    length: Duration,
    seed: u64,
    name_timeout: Duration,
}

impl Plan {
    fn of(length: Duration) -> Plan {
        let seed = env::var("SOAK_SEED").map(|seed| seed.parse().unwrap());
        let seed = seed.unwrap_or_else(|_| RandomState::new().hash_one("soak") >> 32);
        let name_timeout = (length / 10).clamp(Duration::from_secs(1), Duration::from_secs(10));
        Plan { length, seed, name_timeout }
    }

    /// The time after which the server counts as warm.
    fn warm_up(&self) -> Duration {
        self.length / 5
    }
}

/// Samples of the server during a soak: before the first client, once warm, the highest, and after the last client.
struct Samples {
    idle: Sample,
    warm: Sample,
    most: Sample,
    left: Sample,
}

/// Visits again and again until the soak ends, over the kinds of sockets in turn. `first` says which is the first.
fn visit_repeatedly(manner: &Manner, first: usize, shared: &Shared, seed: u64) -> Tally {
    let (mut client, mut tally) = (Client::new(shared, seed), Tally::default());
    let served: Vec<Kind> =
        manner.over.iter().copied().filter(|kind| shared.addresses.contains_key(kind)).collect();
    for kind in served.iter().cycle().skip(first) {
        if shared.pause(Duration::ZERO) {
            break;
        }
        tally.add(*kind, (manner.visit)(&mut client, *kind));
        shared.visits.fetch_add(1, Ordering::Relaxed);
    }
    tally
}

/// Samples the server until the time is over, and prints progress.
fn watch(plan: &Plan, shared: &Shared, server: &Server, idle: Sample) -> Samples {
    let start = now();
    let (mut warm, mut most, mut last_print, mut last_visits) = (None, idle, start, 0);
    let interval = (plan.length / 4).min(PROGRESS_INTERVAL);
    loop {
        shared.pause(SAMPLE_INTERVAL);
        let (now, sample) = (now(), server.sample());
        let Sample { resident, descriptors, threads } = sample;
        most.descriptors = most.descriptors.max(descriptors);
        most.threads = most.threads.max(threads);
        if now - start >= plan.warm_up() {
            warm.get_or_insert(sample);
            most.resident = most.resident.max(resident);
        }
        if now - last_print >= interval {
            let visits = shared.visits.load(Ordering::Relaxed);
            let rate = u128::from(visits - last_visits) * 1000 / (now - last_print).as_millis();
            let time = (now - start).as_secs();
            println!("{time:>5} s {rate:>7} visits/s {resident:>7} KiB {descriptors:>5} descriptors");
            (last_print, last_visits) = (now, visits);
        }
        if now - start >= plan.length {
            return Samples { idle, warm: warm.unwrap(), most, left: sample };
        }
    }
}

/// Runs all clients for the length of the plan, and waits until they have left. If the status `is_shown`, its clients are there
/// as well.
fn run_clients(
    plan: &Plan,
    server: &Server,
    folder: &Folder,
    is_shown: bool,
) -> (Tallies, Samples, Vec<Seen>) {
    let shared = Shared::new(server.addresses.clone(), folder.path().to_owned(), plan.name_timeout);
    let mut idle = server.sample();
    if is_shown {
        // It keeps them back from its first turn on, which may not have been yet.
        idle.descriptors += KEPT_BACK;
    }
    thread::scope(|scope| {
        let rows = MANNERS.iter().enumerate();
        let all = rows.flat_map(|(row, manner)| (0..manner.places).map(move |first| (row, manner, first)));
        let (shared, mut clients) = (&shared, Vec::new());
        for ((row, manner, first), number) in all.zip(0..) {
            let builder = thread::Builder::new().stack_size(STACK_BYTES);
            let seed = plan.seed.wrapping_add(number);
            let visits = move || visit_repeatedly(manner, first, shared, seed);
            clients.push((row, builder.spawn_scoped(scope, visits).unwrap()));
        }
        let place = folder.path().join(status::SOCKET);
        let role = |role: status::Role| {
            let place = place.clone();
            scope.spawn(move || {
                let mut seen = Seen::default();
                if let Err(error) = role(&place, shared, &mut seen) {
                    seen.wrong.push(error.to_string());
                }
                seen
            })
        };
        let roles: Vec<_> = ROLES.into_iter().filter(|_| is_shown).map(role).collect();
        let mut samples = watch(plan, shared, server, idle);
        shared.end();
        let mut tallies = Tallies::default();
        for (row, thread) in clients {
            tallies.join(row, thread.join().unwrap());
        }
        let seen = roles.into_iter().map(|role| role.join().unwrap()).collect();
        // If this fails, the count of descriptors that are left shows it.
        comes_true(|| server.sample().descriptors <= idle.descriptors);
        samples.left = server.sample();
        samples.most.resident = samples.most.resident.max(samples.left.resident);
        (tallies, samples, seen)
    })
}

/// The broken promises about the server as a whole.
fn broken(samples: &Samples, log: &Log, is_shown: bool) -> Vec<String> {
    let Samples { idle, warm, most, left } = samples;
    let clients = MANNERS.iter().map(|manner| manner.places).sum::<usize>() + status::CLIENTS;
    let growth = if is_shown { GROWTH_SHOWN_MAX_KIB } else { GROWTH_MAX_KIB };
    let promises = [
        (most.resident <= warm.resident + growth, "resident memory is flat"),
        (most.descriptors <= idle.descriptors + clients + LEAVING_MAX, "a client is one descriptor at most"),
        (left.descriptors <= idle.descriptors, "no descriptor is left"),
        (most.threads == idle.threads && left.threads == idle.threads, "no thread is ever started"),
        (log.warnings.is_empty(), "the log has no warning and no error"),
    ];
    promises.iter().filter(|(kept, _)| !kept).map(|(_, promise)| (*promise).to_owned()).collect()
}

/// What is wrong with what the clients of the status saw, and with the metrics at the end: they are the log's counts.
fn told_wrong(seen: &[Seen], last: &HashMap<String, u64>, counts: &Counts) -> Vec<String> {
    let mut wrong: Vec<String> = seen.iter().flat_map(|seen| seen.wrong.clone()).collect();
    let (events, scrapes): (usize, usize) =
        (seen.iter().map(|seen| seen.events).sum(), seen.iter().map(|seen| seen.scrapes).sum());
    if events == 0 || scrapes == 0 {
        wrong.push(format!("{events} events and {scrapes} scrapes"));
    }
    wrong.extend(counts.differ(last));
    wrong
}

fn soak(length: Duration, is_shown: bool) {
    let _alone = ALONE.lock();
    let plan = Plan::of(length);
    println!("\nSOAK_SEED={} SOAK_SECONDS={}", plan.seed, length.as_secs());
    let milliseconds = |duration: Duration| format!("{}ms", duration.as_millis());
    let (gap, timeout) = (milliseconds(NAME_GAP), milliseconds(plan.name_timeout));
    let timing = ["--name-gap", &gap, "--name-timeout", &timeout];
    // Quiet, because the memory of the log's queue depends on how fast this busy process reads.
    let folder = Folder::new();
    let place = folder.path().join(status::SOCKET);
    let status = format!("unix://{}", place.display());
    let shown = if is_shown { &["--status", &*status][..] } else { &[] };
    let server = Server::start(&folder, &[&["--quiet", "--welcome", WELCOME][..], &timing, shown].concat());
    assert!(!is_shown || comes_true(|| place.exists()), "the status is there");
    let is_served = |kind| server.addresses.contains_key(&kind);
    if !is_served(Kind::Raw) {
        assert!(env::var_os("CI").is_none(), "CI needs CAP_NET_RAW for raw sockets");
        println!("NOT TESTED: raw sockets need CAP_NET_RAW");
    }
    let (tallies, samples, seen) = run_clients(&plan, &server, &folder, is_shown);
    let last = is_shown.then(|| status::last_outcomes(&place));
    let missing = tallies.missing(is_served);
    let (status, log) = server.stop();
    let counts = Counts::read(&log.last);

    println!("\n{tallies}");
    println!("{:<22}{:>10}{:>10}{:>10}{:>10}", "", "idle", "warm", "most", "left");
    let Samples { idle, warm, most, left } = &samples;
    let row = |what: &str, of: &dyn Fn(&Sample) -> String| {
        println!("{what:<22}{:>10}{:>10}{:>10}{:>10}", of(idle), of(warm), of(most), of(left));
    };
    row("resident memory, KiB", &|sample| sample.resident.to_string());
    row("descriptors", &|sample| sample.descriptors.to_string());
    row("threads", &|sample| sample.threads.to_string());
    println!("\n{}", log.last);

    let mut broken =
        [tallies.broken(), missing, tallies.misfits(&counts), broken(&samples, &log, is_shown)].concat();
    if let Some(last) = last {
        println!("{seen:?}\n{last:?}");
        broken.extend(told_wrong(&seen, &last, &counts));
    }
    broken.extend(folder.names().iter().map(|name| format!("the file {name} is left")));
    assert!(broken.is_empty(), "broken, with SOAK_SEED={}: {broken:#?}\n{:#?}", plan.seed, log.warnings);
    assert_eq!(status.code(), Some(0));
}

#[test]
fn clients_of_all_kinds_lose_no_welcome_and_leak_nothing() {
    soak(Duration::from_secs(2), false);
}

#[test]
fn clients_of_all_kinds_lose_nothing_where_the_status_is_shown() {
    soak(Duration::from_secs(3), true);
}

#[test]
fn a_raw_packet_without_room_is_lost_and_not_broken() {
    let _alone = ALONE.lock();
    let folder = Folder::new();
    let server = Server::start(&folder, &["--quiet", "--welcome", WELCOME]);
    if !server.addresses.contains_key(&Kind::Raw) {
        return println!("NOT TESTED: raw sockets need CAP_NET_RAW");
    }
    let shared = Shared::new(server.addresses.clone(), folder.path().to_owned(), Duration::from_secs(1));
    let (mut client, mut tallies) = (Client::new(&shared, 1), Tallies::default());
    server.signal(Signal::STOP);
    let Some(filled) = datagrams::fills_up(&mut client) else {
        server.signal(Signal::CONT);
        return println!("NOT TESTED: this system does not say that a raw packet found no room");
    };
    for visit in [filled, datagrams::asks_once(&mut client, Kind::Raw)] {
        assert_eq!(visit.outcome, Outcome::Lost);
        tallies.add(0, Kind::Raw, visit);
    }
    server.signal(Signal::CONT);
    let is_answered = comes_true(|| {
        let visit = datagrams::asks_once(&mut client, Kind::Raw);
        let is_answered = visit.outcome == Outcome::AsPromised;
        tallies.add(0, Kind::Raw, visit);
        is_answered
    });
    assert!(is_answered, "there is room again");
    let counts = Counts::read(&server.stop().1.last);
    assert_eq!(tallies.misfits(&counts), Vec::<String>::new(), "what is lost is under no count");
}

/// As long as `SOAK_SECONDS` says.
fn long() -> Duration {
    let seconds = env::var("SOAK_SECONDS").map_or(120, |seconds| seconds.parse().unwrap());
    Duration::from_secs(u64::clamp(seconds, 2, 24 * 60 * 60))
}

#[test]
#[ignore = "it takes as long as SOAK_SECONDS says"]
fn a_long_soak_loses_no_welcome_and_leaks_nothing() {
    soak(long(), false);
}

#[test]
#[ignore = "it takes as long as SOAK_SECONDS says"]
fn a_long_soak_loses_nothing_where_the_status_is_shown() {
    soak(long(), true);
}
