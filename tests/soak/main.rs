//! All kinds of visitors together, for as long as one likes, and nothing lost and nothing left behind.
//!
//! `SOAK_SECONDS` is the length (120), `SOAK_SEED` makes the visitors do the same again.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on has to fail, and this one has figures to show"
)]

mod server;
mod tally;
mod visitors;

use std::env;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use self::server::{Log, Sample, Server};
use self::tally::{Counts, Tallies, Tally};
use self::visitors::{Ground, KINDS, Kind, NAME_GAP, Visitor, WELCOME};

/// How long anything may take before a test gives up: long, because the machine may be busy.
const BOUND: Duration = Duration::from_secs(20);

/// The most that resident memory may grow once the server is warm, in KiB.
const GROWTH_MAX_KIB: u64 = 128;

/// Descriptors that the server may have beside those of the clients who are there: clients who have left
/// already and of whom it has not been told yet. It accepts at most so many in one turn.
const LEAVING_MAX: usize = 64;

/// How often the server is looked at.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);

/// How often is said how it goes, if the soak is long enough.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// The stack of a visitor; there are many.
const STACK_BYTES: usize = 128 * 1024;

/// How a soak goes.
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

    /// How long the server has to become warm.
    fn warm_up(&self) -> Duration {
        self.length / 5
    }
}

/// What was seen of the server in the course of a soak.
struct Watched {
    idle: Sample,
    warm: Sample,
    most: Sample,
    left: Sample,
}

/// A moment from which time is counted.
#[expect(clippy::disallowed_methods, reason = "a test waits for real processes in real time")]
fn now() -> Instant {
    Instant::now()
}

/// Waits until `is_so`, as long as anything may take. Gives whether it is.
fn comes_true(mut is_so: impl FnMut() -> bool) -> bool {
    let start = now();
    while !is_so() {
        if now() - start > BOUND {
            return false;
        }
        thread::park_timeout(Duration::from_millis(1));
    }
    true
}

/// Visits again and again, until it is over.
fn come_again(kind: Kind, ground: &Ground, seed: u64) -> Tally {
    let (mut visitor, mut tally) = (Visitor::new(ground, seed), Tally::default());
    while !ground.pause(Duration::ZERO) {
        tally.add(visitor.visit(kind));
        ground.visits.fetch_add(1, Ordering::Relaxed);
    }
    tally
}

/// Looks at the server until the time is over, and says now and then how it goes.
fn watch(plan: &Plan, ground: &Ground, server: &Server, idle: Sample) -> Watched {
    let start = now();
    let (mut warm, mut most, mut told, mut visits_told) = (None, idle, start, 0);
    let interval = (plan.length / 4).min(PROGRESS_INTERVAL);
    loop {
        ground.pause(SAMPLE_INTERVAL);
        let (now, sample) = (now(), server.sample());
        let Sample { resident, descriptors, threads } = sample;
        most.descriptors = most.descriptors.max(descriptors);
        most.threads = most.threads.max(threads);
        if now - start >= plan.warm_up() {
            warm.get_or_insert(sample);
            most.resident = most.resident.max(resident);
        }
        if now - told >= interval {
            let visits = ground.visits.load(Ordering::Relaxed);
            let rate = u128::from(visits - visits_told) * 1000 / (now - told).as_millis();
            let time = (now - start).as_secs();
            println!("{time:>5} s {rate:>7} visits/s {resident:>7} KiB {descriptors:>5} descriptors");
            (told, visits_told) = (now, visits);
        }
        if now - start >= plan.length {
            return Watched { idle, warm: warm.unwrap(), most, left: sample };
        }
    }
}

/// Lets the visitors come for the length of the plan, and all of them leave.
fn visit(plan: &Plan, server: &Server) -> (Tallies, Watched) {
    let ground = Ground::new(server.address, plan.name_timeout);
    let idle = server.sample();
    thread::scope(|scope| {
        let kinds = KINDS.iter().flat_map(|(kind, places)| (0..*places).map(|_| *kind));
        let (ground, mut visitors) = (&ground, Vec::new());
        for (kind, number) in kinds.zip(0..) {
            let builder = thread::Builder::new().stack_size(STACK_BYTES);
            let seed = plan.seed.wrapping_add(number);
            let thread = builder.spawn_scoped(scope, move || come_again(kind, ground, seed)).unwrap();
            visitors.push((kind, thread));
        }
        let mut watched = watch(plan, ground, server, idle);
        ground.end();
        let mut tallies = Tallies::default();
        for (kind, thread) in visitors {
            tallies.join(kind, thread.join().unwrap());
        }
        // If it does not, the descriptors that are left will tell.
        comes_true(|| server.sample().descriptors <= idle.descriptors);
        watched.left = server.sample();
        watched.most.resident = watched.most.resident.max(watched.left.resident);
        (tallies, watched)
    })
}

/// Which promises about the server as a whole were broken.
fn broken(watched: &Watched, log: &Log) -> Vec<String> {
    let Watched { idle, warm, most, left } = watched;
    let clients: usize = KINDS.iter().map(|(_, places)| places).sum();
    let promises = [
        (most.resident <= warm.resident + GROWTH_MAX_KIB, "resident memory is flat"),
        (most.descriptors <= idle.descriptors + clients + LEAVING_MAX, "a client is one descriptor at most"),
        (left.descriptors == idle.descriptors, "who has left has left no descriptor behind"),
        (most.threads == idle.threads && left.threads == idle.threads, "no thread is ever started"),
        (log.complaints.is_empty(), "the server has nothing to complain of"),
    ];
    promises.iter().filter(|(kept, _)| !kept).map(|(_, promise)| (*promise).to_owned()).collect()
}

fn soak(length: Duration) {
    let plan = Plan::of(length);
    println!("\nSOAK_SEED={} SOAK_SECONDS={}", plan.seed, length.as_secs());
    let milliseconds = |duration: Duration| format!("{}ms", duration.as_millis());
    let (gap, timeout) = (milliseconds(NAME_GAP), milliseconds(plan.name_timeout));
    let timing = ["--name-gap", &gap, "--name-timeout", &timeout];
    // Quiet, because how much memory waits for the log depends on its reader, who is as busy as all others here.
    let server = Server::start(&[&["--quiet", "--welcome", WELCOME][..], &timing].concat());
    let (tallies, watched) = visit(&plan, &server);
    let (status, log) = server.stop();
    let counts = Counts::read(&log.last);

    println!("\n{tallies}");
    println!("{:<22}{:>10}{:>10}{:>10}{:>10}", "", "idle", "warm", "most", "left");
    let Watched { idle, warm, most, left } = &watched;
    let row = |what: &str, of: &dyn Fn(&Sample) -> String| {
        println!("{what:<22}{:>10}{:>10}{:>10}{:>10}", of(idle), of(warm), of(most), of(left));
    };
    row("resident memory, KiB", &|sample| sample.resident.to_string());
    row("descriptors", &|sample| sample.descriptors.to_string());
    row("threads", &|sample| sample.threads.to_string());
    println!("\n{}", log.last);

    let broken = [tallies.told(), tallies.misfits(&counts), broken(&watched, &log)].concat();
    assert!(broken.is_empty(), "broken, with SOAK_SEED={}: {broken:#?}\n{:#?}", plan.seed, log.complaints);
    assert_eq!(status.code(), Some(0));
}

#[test]
fn clients_of_all_kinds_lose_no_welcome_and_leak_nothing() {
    soak(Duration::from_secs(2));
}

#[test]
#[ignore = "it takes as long as SOAK_SECONDS says"]
fn a_long_soak_loses_no_welcome_and_leaks_nothing() {
    let seconds = env::var("SOAK_SECONDS").map_or(120, |seconds| seconds.parse().unwrap());
    soak(Duration::from_secs(u64::clamp(seconds, 2, 24 * 60 * 60)));
}
