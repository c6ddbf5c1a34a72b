//! Not by chance: every placement of one and of two faults among all calls, for one and for two clients.

use std::time::Duration;

use welcomed::net::Kind;

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

/// Those that differ where boundaries are kept.
fn in_records() -> Vec<Script> {
    let more = Step::Send(b"more".to_vec());
    vec![
        Script::record(b"N0\nand more"),
        Script::record(b""),
        Script::half_closing(b"N0").in_records(),
        Script::record(b"N0").then([more.clone(), Step::Shut]).in_records(),
        Script::record(b"N0").then([more.clone(), more]).in_records(),
        Script::record(&[b'x'; 1100]),
        Script::silent(),
        Script::scanning(),
    ]
}

/// One of each, and one that cannot be answered.
fn datagrams() -> Vec<Script> {
    let answered = [Script::record(b"N0"), Script::record(b"")];
    answered.into_iter().chain([Script::unnamed(b"N2"), Script::echo(b"hello N3!")]).collect()
}

/// Who comes where, and how much room there is for what they are sent.
struct Scene<'a> {
    kinds: &'a [Kind],
    scripts: &'a [Script],
    send_buffer: usize,
    unsent: usize,
}

impl<'a> Scene<'a> {
    fn new(kinds: &'a [Kind], scripts: &'a [Script]) -> Scene<'a> {
        Scene { kinds, scripts, send_buffer: 64 * 1024, unsent: usize::MAX }
    }

    fn world(&self, plan: &[(usize, Fault)]) -> World {
        let weather = Weather::planned(plan).with_send_buffer(self.send_buffer).with_unsent(self.unsent);
        World::new(self.scripts.to_vec(), Vec::new(), &hurried(), "hello {name}!", weather).at(self.kinds)
    }

    /// Plays with some faults, and gives the calls that were made.
    fn calls(&self, plan: &[(usize, Fault)]) -> Vec<Call> {
        match play(self.world(plan), server) {
            Ok(played) => played.calls,
            Err((broken, _)) => {
                let mut again = self.world(plan);
                again.trace = Some(Vec::new());
                let trace = play(again, server).map_or_else(|(_, trace)| trace, |_| Vec::new());
                let clients: Vec<_> = self.scripts.iter().map(|script| script.kind).collect();
                panic!(
                    "{broken}\nat {:?}, clients: {clients:?}, faults: {plan:?}\n{}",
                    self.kinds,
                    trace.join("\n")
                );
            }
        }
    }

    /// Tries every placement, and gives how many schedules that were.
    fn explore(&self) -> usize {
        let mut played = 1;
        for (at, call) in self.calls(&[]).into_iter().enumerate() {
            let deadly = call.deadly().iter().map(|errno| Fault::Error(*errno));
            for fault in call.faults().iter().copied().chain(deadly) {
                self.calls(&[(at, fault)]);
                played += 1;
            }
            for first in call.kinds_of_faults() {
                let plan = [(at, *first)];
                for (later, call) in self.calls(&plan).into_iter().enumerate().skip(at + 1) {
                    for second in call.kinds_of_faults() {
                        self.calls(&[(at, *first), (later, *second)]);
                        played += 1;
                    }
                }
            }
        }
        played
    }
}

#[test]
fn every_placement_of_one_and_of_two_faults_for_one_client() {
    let mut played = 0;
    for script in alone() {
        let scripts = std::slice::from_ref(&script);
        played += Scene::new(&[Kind::Tcp], scripts).explore();
        // A welcome in pieces; that of the longest name would have hundreds.
        if script.kind != "overlong" {
            played += Scene { send_buffer: 4, ..Scene::new(&[Kind::Tcp], scripts) }.explore();
        }
    }
    println!("{played} schedules");
    assert!(played > 5_000, "{played}");
}

#[test]
fn every_placement_of_one_and_of_two_faults_for_two_clients() {
    let mut played = 0;
    for scripts in in_pairs() {
        played += Scene::new(&[Kind::Tcp], &scripts).explore();
    }
    println!("{played} schedules");
    assert!(played > 10_000, "{played}");
}

#[test]
fn every_placement_of_one_and_of_two_faults_for_records() {
    let mut played = 0;
    for script in in_records() {
        played += Scene::new(&[Kind::UnixPacket], std::slice::from_ref(&script)).explore();
        played += Scene::new(&[Kind::UnixPacket], &[script, Script::record(b"N1")]).explore();
    }
    println!("{played} schedules");
    assert!(played > 2_000, "{played}");
}

#[test]
fn every_placement_of_one_and_of_two_faults_for_datagrams() {
    let mut played = 0;
    let all = datagrams();
    for unsent in [1, usize::MAX] {
        played += Scene { unsent, ..Scene::new(&[Kind::Udp], &all) }.explore();
    }
    println!("{played} schedules");
    assert!(played > 1_000, "{played}");
}

#[test]
fn every_placement_of_one_and_of_two_faults_where_all_kinds_are_served() {
    let kinds = [Kind::Tcp, Kind::UnixPacket, Kind::UnixGram];
    let scripts = [Script::open(b"N0"), Script::record(b"N1").at(1), Script::record(b"N2").at(2)];
    let played = Scene::new(&kinds, &scripts).explore();
    println!("{played} schedules");
    assert!(played > 1_000, "{played}");
}
