//! Not by chance: every placement of one and of two faults among all calls, for one and for two clients.

use std::time::Duration;

use welcomed::net::{Kind, Peer};
use welcomed::schedules::{Welcoming, bytewise, half_closing, long, open, prompt, surplus};
use welcomed::simulation::{Reading, Schedule, Script, Step, Weather, every_fault};

/// The kinds of clients whose conversations differ.
fn alone() -> Vec<Script> {
    vec![
        prompt(b"N0"),
        open(b"N0"),
        half_closing(b"N0"),
        bytewise(b"N0", Duration::from_millis(10)),
        surplus(b"N0", b"more").then([Step::Shut]),
        surplus(b"N0", b"more"),
        long(b"N0", 2000),
        Script::silent(),
        Script::scanning(),
        prompt(b"N0").reading(Reading::Never),
    ]
}

/// Those that are tried two at a time.
fn in_pairs() -> Vec<[Script; 2]> {
    let kinds = |name: &[u8]| [prompt(name), open(name), half_closing(name), surplus(name, b"more")];
    let pairs = kinds(b"N0").into_iter().flat_map(|first| kinds(b"N1").map(|second| [first.clone(), second]));
    pairs.collect()
}

/// Those that differ where boundaries are kept.
fn in_records() -> Vec<Script> {
    let more = Step::Send(b"more".to_vec());
    vec![
        Script::sends(b"N0\nand more"),
        Script::sends(b""),
        half_closing(b"N0"),
        Script::sends(b"N0").then([more.clone(), Step::Shut]),
        Script::sends(b"N0").then([more.clone(), more]),
        long(b"", 1100),
        Script::silent(),
        Script::scanning(),
    ]
}

/// One of each, one that cannot be answered, and one that must not be.
fn datagrams() -> Vec<Script> {
    let unnamed = Script::sends(b"N2").sent_by(Peer::Unnamed);
    vec![Script::sends(b"N0"), Script::sends(b""), unnamed, Script::sends(b"hello N3!")]
}

fn schedule(kinds: &[Kind], scripts: &[Script]) -> Schedule<Welcoming> {
    let sockets: Vec<_> = kinds.iter().map(|kind| Welcoming::socket(*kind)).collect();
    Schedule::calm(&Welcoming::default(), &sockets, scripts.to_vec())
}

#[test]
fn one_client_of_a_stream() {
    let mut played = 0;
    for script in alone() {
        let scene = schedule(&[Kind::Tcp], std::slice::from_ref(&script));
        played += every_fault(&scene);
        // A welcome in pieces; that of the longest name would have hundreds.
        if script.label != "long" {
            played += every_fault(&scene.in_weather(Weather::calm().with_send_buffer(4)));
        }
    }
    println!("{played} schedules");
    assert!(played > 5_000, "{played}");
}

#[test]
fn two_clients_of_a_stream() {
    let played: usize = in_pairs().iter().map(|scripts| every_fault(&schedule(&[Kind::Tcp], scripts))).sum();
    println!("{played} schedules");
    assert!(played > 10_000, "{played}");
}

#[test]
fn one_and_two_clients_with_records() {
    let mut played = 0;
    for script in in_records() {
        played += every_fault(&schedule(&[Kind::UnixPacket], std::slice::from_ref(&script)));
        played += every_fault(&schedule(&[Kind::UnixPacket], &[script, Script::sends(b"N1")]));
    }
    println!("{played} schedules");
    assert!(played > 2_000, "{played}");
}

#[test]
fn datagrams_of_all_sorts() {
    let mut played = 0;
    for unsent in [1, usize::MAX] {
        let scene = schedule(&[Kind::Udp], &datagrams());
        played += every_fault(&scene.in_weather(Weather::calm().with_unsent(unsent)));
    }
    println!("{played} schedules");
    assert!(played > 1_000, "{played}");
}

#[test]
fn streams_records_and_datagrams_in_one_loop() {
    let kinds = [Kind::Tcp, Kind::UnixPacket, Kind::UnixGram];
    let scripts = [open(b"N0"), Script::sends(b"N1").at(1), Script::sends(b"N2").at(2)];
    let played = every_fault(&schedule(&kinds, &scripts));
    println!("{played} schedules");
    assert!(played > 1_000, "{played}");
}
