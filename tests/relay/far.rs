//! A name that comes in pieces over a long way is not cut by the name gap.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use super::network::{IPV4, Network};
use super::rule::{Fate, Packet, Side, all_pass, chance};
use crate::process::{BOUND, now};

/// How long a packet takes: the round trips are 0, 20, 60 and 150 ms.
const DELAYS_MS: [u64; 4] = [0, 10, 30, 75];

/// A name in two pieces, and one in single bytes. The client's system holds each back until the one before is acknowledged.
const NAMES: [&[&str]; 2] = [&["Rafa", "tul"], &["R", "a", "f", "a", "t", "u", "l"]];

const NAME: &str = "Rafatul";

/// Sends a name in pieces without an end, and gives the answer, and how long it waited for it.
fn visit(server: SocketAddr, pieces: &[&str]) -> (String, Duration) {
    let mut client = TcpStream::connect(server).unwrap();
    client.set_read_timeout(Some(BOUND)).unwrap();
    for piece in pieces {
        client.write_all(piece.as_bytes()).unwrap();
    }
    let (start, mut answer) = (now(), String::new());
    client.read_to_string(&mut answer).unwrap();
    (answer, now() - start)
}

/// The answers to so many clients, and how long the one in the middle waited.
fn visits(network: &Network, clients: usize, pieces: &[&str]) -> (Vec<String>, Duration) {
    let server = network.serve(IPV4, &["--quiet", "--welcome", "{name}"]);
    let all = || {
        thread::scope(|scope| {
            let visits: Vec<_> =
                (0..clients).map(|_| scope.spawn(|| visit(server.address, pieces))).collect();
            visits.into_iter().map(|visit| visit.join().unwrap()).collect::<Vec<_>>()
        })
    };
    let (answers, mut waits): (Vec<_>, Vec<_>) = network.at_client(all).into_iter().unzip();
    waits.sort_unstable();
    (answers, waits[clients / 2])
}

#[test]
fn a_name_in_pieces_is_whole_however_long_the_way_is() {
    for delay in DELAYS_MS {
        let Some(network) = Network::new(Duration::from_millis(delay), all_pass) else { return };
        for pieces in NAMES {
            let (answers, waited) = visits(&network, 5, pieces);
            assert!(answers.iter().all(|answer| answer == NAME), "{delay} ms each way: {answers:?}");
            assert!(waited >= Duration::from_millis(2 * delay), "{delay} ms each way: {waited:?}");
        }
    }
}

#[test]
#[ignore = "it only prints figures: how many names are cut, and how long a client waits"]
fn names_that_are_cut_by_loss_are_counted() {
    for (delay, percent) in DELAYS_MS.into_iter().flat_map(|delay| [(delay, 0), (delay, 2)]) {
        let rule = move |packet: &Packet| {
            let is_lost = packet.from == Side::Client && packet.nth > 0 && chance(1, percent, packet);
            if is_lost { Fate::Lost } else { Fate::Passes }
        };
        let Some(network) = Network::new(Duration::from_millis(delay), rule) else { return };
        let (answers, waited) = visits(&network, 300, NAMES[0]);
        let cut = answers.iter().filter(|answer| *answer != NAME).count();
        println!(
            "round trip {} ms, {percent} % lost: {cut} of 300 cut, waited {} ms",
            2 * delay,
            waited.as_millis()
        );
    }
}
