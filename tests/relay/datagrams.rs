//! The client program asks again over UDP where packets are lost.

use std::process::Command;
use std::thread;
use std::time::Duration;

use super::crowd::WELCOME;
use super::network::{IPV4, IPV6, Network};
use super::rule::{Fate, Packet, Side, chance};
use crate::process::{Server, run};

const DELAY: Duration = Duration::from_millis(10);
const CLIENTS: usize = 20;

/// Of the packets of each side so many in a hundred are lost.
const LOST_PERCENT: u64 = 30;

/// The attempts of the client, unless it is told otherwise.
const ATTEMPTS: usize = 4;

/// With this seed each client has its answer within them.
const SEED: u64 = 1;

fn is_lost(packet: &Packet) -> bool {
    chance(SEED, LOST_PERCENT, packet)
}

/// The attempt that is answered of a client that comes as the `flow`th.
fn answered(flow: usize) -> usize {
    let mut answers = 0;
    let is_answered = |nth| {
        let comes = !is_lost(&Packet { from: Side::Client, flow, nth });
        answers += usize::from(comes);
        comes && !is_lost(&Packet { from: Side::Server, flow, nth: answers })
    };
    let mut outcomes = (1..=ATTEMPTS).map(is_answered);
    outcomes.position(|is_answered| is_answered).expect("another seed") + 1
}

/// An endpoint of the server where it serves UDP.
fn udp(server: &Server) -> String {
    let log = server.wait_for_log(" on udp://");
    format!("udp://{}", log.split_once(" on udp://").unwrap().1.lines().next().unwrap())
}

/// Visits `endpoint` as a client without options would: the number of the attempt that is answered.
fn visit(endpoint: &str) -> usize {
    let mut welcome = Command::new(env!("CARGO_BIN_EXE_welcome"));
    let (code, out, err) = run(welcome.env_remove("RUST_LOG").args(["-c", endpoint, "Ada"]), b"");
    assert_eq!((code, out.as_str()), (0, WELCOME), "{err}");
    let attempt = err.strip_prefix("answered at attempt ").and_then(|rest| rest.split_once(" of 4"));
    attempt.map_or(1, |(attempt, _)| attempt.parse().unwrap())
}

#[test]
fn the_client_asks_again_where_packets_are_lost() {
    let rule = |packet: &Packet| if is_lost(packet) { Fate::Lost } else { Fate::Passes };
    let Some(network) = Network::new(DELAY, rule) else { return };
    let server = network.serve(IPV4, &["--listen", &format!("udp://[{IPV6}]:0")]);
    let endpoint = udp(&server);
    let visits = || {
        thread::scope(|scope| {
            let visits: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| visit(&endpoint))).collect();
            visits.into_iter().map(|visit| visit.join().unwrap()).sum::<usize>()
        })
    };
    let attempts = network.at_client(visits);
    // Which of them comes first is open. Where the machine keeps one waiting, it asks once more than it has to.
    let needed = (0..CLIENTS).map(answered).sum::<usize>();
    assert!(needed > CLIENTS, "another seed");
    assert!(attempts >= needed, "{attempts} attempts instead of {needed}");
    assert!(network.lost() >= needed - CLIENTS);
}
