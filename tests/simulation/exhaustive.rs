//! Not by chance: every placement of one and of two faults among all calls, for one and for two clients.

use std::time::Duration;

use crate::faults::{Call, Fault};
use crate::play::{play, server};
use crate::schedule::hurried;
use crate::script::{Script, Step};
use crate::weather::Weather;
use crate::world::World;

/// The kinds of clients whose conversations differ.
fn alone() -> Vec<Script> {
    let surplus = Script::surplus(b"N0", b"more").then([Step::Shut]);
    vec![
        Script::prompt(b"N0"),
        Script::open(b"N0"),
        Script::half_closing(b"N0"),
        Script::bytewise(b"N0", Duration::from_millis(10)),
        surplus.clone(),
        Script::surplus(b"N0", b"more"),
        Script::overlong(b"N0", 2000),
        Script::silent(),
        Script::scanning(),
        Script::never_reading(b"N0"),
    ]
}

/// Those that are tried two at a time.
fn in_pairs() -> Vec<[Script; 2]> {
    let kinds = |name: &[u8]| {
        [Script::prompt(name), Script::open(name), Script::half_closing(name), Script::surplus(name, b"more")]
    };
    let pairs = kinds(b"N0").into_iter().flat_map(|first| kinds(b"N1").map(|second| [first.clone(), second]));
    pairs.collect()
}

/// The world of some clients, with a send buffer that takes so many bytes.
fn world(scripts: &[Script], send_buffer: usize, plan: &[(usize, Fault)]) -> World {
    let weather = Weather::planned(plan).with_send_buffer(send_buffer);
    World::new(scripts.to_vec(), Vec::new(), &hurried(), "hello {name}!", weather)
}

/// Plays with some faults, and gives the calls that were made.
fn calls(scripts: &[Script], send_buffer: usize, plan: &[(usize, Fault)]) -> Vec<Call> {
    match play(world(scripts, send_buffer, plan), server) {
        Ok(played) => played.calls,
        Err((broken, _)) => {
            let mut again = world(scripts, send_buffer, plan);
            again.trace = Some(Vec::new());
            let trace = play(again, server).map_or_else(|(_, trace)| trace, |_| Vec::new());
            let kinds: Vec<_> = scripts.iter().map(|script| script.kind).collect();
            panic!("{broken}\nclients: {kinds:?}, faults: {plan:?}\n{}", trace.join("\n"));
        }
    }
}

/// Tries every placement, and gives how many schedules that were.
fn explore(scripts: &[Script], send_buffer: usize) -> usize {
    let mut played = 1;
    for (at, call) in calls(scripts, send_buffer, &[]).into_iter().enumerate() {
        let deadly = call.deadly().iter().map(|errno| Fault::Error(*errno));
        for fault in call.faults().iter().copied().chain(deadly) {
            calls(scripts, send_buffer, &[(at, fault)]);
            played += 1;
        }
        for first in call.kinds_of_faults() {
            let plan = [(at, *first)];
            for (later, call) in calls(scripts, send_buffer, &plan).into_iter().enumerate().skip(at + 1) {
                for second in call.kinds_of_faults() {
                    calls(scripts, send_buffer, &[(at, *first), (later, *second)]);
                    played += 1;
                }
            }
        }
    }
    played
}

#[test]
fn every_placement_of_one_and_of_two_faults_for_one_client() {
    let mut played = 0;
    for script in alone() {
        played += explore(std::slice::from_ref(&script), 64 * 1024);
        // A welcome in pieces; that of the longest name would have hundreds.
        if script.kind != "overlong" {
            played += explore(std::slice::from_ref(&script), 4);
        }
    }
    println!("{played} schedules");
    assert!(played > 5_000, "{played}");
}

#[test]
fn every_placement_of_one_and_of_two_faults_for_two_clients() {
    let mut played = 0;
    for scripts in in_pairs() {
        played += explore(&scripts, 64 * 1024);
    }
    println!("{played} schedules");
    assert!(played > 10_000, "{played}");
}
