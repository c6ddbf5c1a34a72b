//! The relay does to packets what a rule says, and nothing else.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::network::{IPV4, IPV6, Network};
use super::rule::{Fate, Packet, Side, all_pass, chance};
use crate::process::{BOUND, answer, now};

#[test]
fn a_datagram_is_lost_doubled_or_overtaken_by_rule() {
    let rule = |packet: &Packet| match (packet.from, packet.nth) {
        (Side::Client, 2) => Fate::Lost,
        (Side::Client, 3) => Fate::Twice,
        (Side::Client, 4) => Fate::Late(Duration::from_millis(500)),
        _ => Fate::Passes,
    };
    let delay = Duration::from_millis(30);
    let Some(network) = Network::new(delay, rule) else { return };
    for host in [IPV4, IPV6] {
        let to = network.at_server(|| UdpSocket::bind(SocketAddr::new(host, 0)).unwrap());
        to.set_read_timeout(Some(BOUND)).unwrap();
        let any = if host.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let from = network.at_client(|| UdpSocket::bind(any).unwrap());
        let start = now();
        for number in 1..=6 {
            from.send_to(&[number], to.local_addr().unwrap()).unwrap();
        }
        let mut came = [0; 6];
        for place in 0..came.len() {
            assert_eq!(to.recv(&mut came[place..]).unwrap(), 1);
            assert!(now() - start >= delay);
        }
        assert_eq!(came, [1, 3, 3, 5, 6, 4], "{host}");
    }
    assert_eq!(network.lost(), 2);
}

#[test]
fn a_handshake_takes_a_round_trip() {
    let Some(network) = Network::new(Duration::from_millis(40), all_pass) else { return };
    for host in [IPV4, IPV6] {
        let server = network.serve(host, &["--drain-quiet", "0"]);
        let start = now();
        let client = network.at_client(|| server.connect());
        assert!(now() - start >= Duration::from_millis(80), "{host}: {:?}", now() - start);
        drop(client);
        assert_eq!(answer(network.at_client(|| server.send(b"Ada\n"))), "welcome ");
        assert!(now() - start >= Duration::from_millis(240), "{host}: {:?}", now() - start);
        server.stop();
    }
}

#[test]
fn a_chance_is_the_same_again_and_as_great_as_said() {
    for percent in [0, 30, 100] {
        let packets = (0..100).flat_map(|flow| (1..=50).map(move |nth| (flow, nth)));
        let lost = packets
            .flat_map(|(flow, nth)| Side::BOTH.map(|from| Packet { from, flow, nth }))
            .filter(|packet| chance(7, percent, packet))
            .count() as u64;
        assert!(lost.abs_diff(percent * 100) <= 250 * u64::from(percent % 100 != 0), "{percent} %: {lost}");
        let one = Packet { from: Side::Client, flow: 3, nth: 2 };
        assert_eq!(chance(7, percent, &one), chance(7, percent, &one));
    }
}
