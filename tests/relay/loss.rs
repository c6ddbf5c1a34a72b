//! A welcome that is lost on its way comes again, if no input comes behind the server's last look.

use std::time::Duration;

use super::crowd::{Crowd, WELCOME, all_are_welcomed, outcome};
use super::network::{IPV4, IPV6, Network};
use super::rule::{Fate, Packet, Side};

const DELAY: Duration = Duration::from_millis(10);
const CLIENTS: u32 = 50;

/// The welcome does not arrive at its first try.
fn lost_once(packet: &Packet) -> Fate {
    if packet.is(Side::Server, 1) { Fate::Lost } else { Fate::Passes }
}

#[test]
fn a_welcome_that_is_lost_on_its_way_comes_again() {
    // The second: the server knows by its last look that more has come, and lingers. The third: the name is cut, and the
    // rest is in the same segment.
    let long = [b'x'; 1100];
    for (host, says) in [(IPV4, &b"Ada\n"[..]), (IPV6, b"Ada\nmore"), (IPV4, &long)] {
        let Some(network) = Network::new(DELAY, lost_once) else { return };
        let server = network.serve(host, &["--quiet"]);
        let says = [says];
        let crowd = Crowd::at_once(CLIENTS, &says);
        all_are_welcomed(network.at_client(|| crowd.comes_to(server.address, CLIENTS as usize)));
        assert_eq!(network.lost(), CLIENTS as usize);
    }
}

#[test]
fn loss_and_later_input_together_cost_only_their_own_client() {
    // What is not covered: the welcome of each other client is lost, and more input comes behind the last look.
    let rule = |packet: &Packet| match (packet.from, packet.nth) {
        (Side::Client, 2) => Fate::Late(Duration::from_millis(30)),
        (Side::Server, 1) if packet.flow % 2 == 1 => Fate::Lost,
        _ => Fate::Passes,
    };
    let Some(network) = Network::new(DELAY, rule) else { return };
    let server = network.serve(IPV4, &["--quiet"]);
    let crowd = Crowd::at_once(CLIENTS, &[b"Ada\n", b"more"]);
    let clients = network.at_client(|| crowd.comes_to(server.address, CLIENTS as usize));
    let outcomes: Vec<_> = clients.into_iter().map(outcome).collect();
    let welcomed = outcomes.iter().filter(|outcome| matches!(outcome, Ok(text) if text == WELCOME)).count();
    assert_eq!(network.lost(), CLIENTS as usize / 2);
    assert!(welcomed >= CLIENTS as usize / 2, "{outcomes:?}");
    assert!(outcomes.iter().flatten().all(|answer| answer == WELCOME || answer.is_empty()), "{outcomes:?}");
}
