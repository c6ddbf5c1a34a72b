//! Random schedules, by seed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::faults::Call;
use crate::play::{Played, play, server};
use crate::promises::Broken;
use crate::schedule::from_seed;

/// How many schedules are played unless `SIM_SEEDS` says otherwise.
const SEEDS: u64 = 20_000;

/// After how many schedules somebody who waits is told.
const TELL_EVERY: u64 = 500_000;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} has to be a number, and not {text:?}")))
}

/// Plays a seed's schedule, and gives the calls that were made and the trace.
fn step_by_step(seed: u64) -> (Result<Vec<Call>, Broken>, Vec<String>) {
    let mut world = from_seed(seed);
    world.trace = Some(vec![format!("seed {seed}: {} clients, {:?}", world.clients.len(), world.settings)]);
    match play(world, server) {
        Ok(played) => (Ok(played.calls), played.trace),
        Err((broken, trace)) => (Err(broken), trace),
    }
}

#[test]
fn every_promise_is_kept_on_random_schedules() {
    let seeds = number("SIM_SEEDS").unwrap_or(SEEDS);
    let first = number("SIM_FIRST").unwrap_or(0);
    let next = AtomicU64::new(first);
    let sums: [AtomicU64; 7] = Default::default();
    let worker = || {
        while let seed = next.fetch_add(1, Ordering::Relaxed)
            && seed < first + seeds
        {
            let played = seed - first;
            if played > 0 && played.is_multiple_of(TELL_EVERY) {
                eprintln!("{played} of {seeds} schedules");
            }
            let world = from_seed(seed);
            let alone = world.doors.iter().all(|door| !door.kind.semantics().boundaries);
            match play(world, server) {
                Ok(Played { calls, faults, clients, welcomed, .. }) => {
                    let [streams, records, datagrams] = welcomed;
                    let calls = calls.len() as u64;
                    let counts = [calls, faults, clients, u64::from(alone), streams, records, datagrams];
                    for (sum, count) in sums.iter().zip(counts) {
                        sum.fetch_add(count, Ordering::Relaxed);
                    }
                }
                Err((broken, _)) => {
                    next.store(u64::MAX / 2, Ordering::Relaxed); // one is enough
                    panic!(
                        "{broken}\nto see every step: \
                     SIM_SEED={seed} cargo test --test simulation one_schedule -- --nocapture"
                    )
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(worker);
        }
    });
    let [calls, faults, clients, alone, streams, records, datagrams] = sums.map(AtomicU64::into_inner);
    println!(
        "{seeds} schedules, {alone} of streams alone: {clients} clients, {calls} calls, {faults} faults; {streams} had a \
         right to a welcome over streams, {records} in records, {datagrams} by datagrams"
    );
    // A search that finds no clients, no faults and no welcomes proves nothing.
    let welcomed = streams + records + datagrams;
    let tame = clients < seeds || faults < seeds || welcomed * 5 < clients;
    let tame = tame || alone * 2 < seeds || records * 10 < seeds || datagrams * 10 < seeds;
    assert!(seeds < SEEDS || !tame, "the schedules are too tame");
}

#[test]
fn one_schedule_is_the_same_every_time() {
    let wanted = number("SIM_SEED");
    let [(once, trace), (again, _)] = [(); 2].map(|()| step_by_step(wanted.unwrap_or(7)));
    if wanted.is_some() {
        println!("{}", trace.join("\n"));
    }
    match (once, again) {
        (Ok(once), Ok(again)) => assert_eq!(once, again),
        (Err(broken), _) | (_, Err(broken)) => panic!("{broken}"),
    }
}
