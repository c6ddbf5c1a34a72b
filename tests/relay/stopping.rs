//! A stop loses no client whose connect(2) has returned, however far away it is.

use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use super::crowd::{Crowd, WELCOME, all_are_welcomed, outcome};
use super::network::{IPV4, IPV6, Network};
use super::rule::all_pass;
use crate::process::{Ended, Server, in_parallel};

/// How long a packet takes: a client knows that it has connected so much earlier than the server.
const DELAY: Duration = Duration::from_millis(50);

/// How many have connected when the server is told to stop.
const CONNECTED: usize = 150;

/// One client in each millisecond, so that about fifty are on their way when the server stops.
const CROWD: Crowd<'static> = Crowd { most: 2000, pace: Duration::from_millis(1), says: &[b"Ada\n"] };

/// The clients that had connected when the server was told to stop.
fn clients_at_a_stop(server: &Server) -> Vec<TcpStream> {
    let clients = CROWD.comes_to(server.address, CONNECTED);
    server.signal(Signal::TERM);
    clients
}

fn counts_as_welcomed(ended: &Ended, clients: usize) {
    let (before, _) = ended.log.rsplit_once(" welcomed (").unwrap();
    let welcomed = before.rsplit(' ').next().unwrap();
    assert!(welcomed.parse::<usize>().unwrap() >= clients, "{}", ended.log);
    assert_eq!(ended.status.code(), Some(0));
}

#[test]
fn no_connected_client_is_lost_over_a_round_trip_of_100_ms() {
    let Some(network) = Network::new(DELAY, all_pass) else { return };
    in_parallel([IPV4, IPV6], |host| {
        let server = network.serve(host, &[]);
        let clients = network.at_client(|| clients_at_a_stop(&server));
        let count = clients.len();
        all_are_welcomed(clients);
        counts_as_welcomed(&server.wait(), count);
    });
}

#[test]
fn without_quiet_those_on_their_way_are_lost() {
    let Some(network) = Network::new(DELAY, all_pass) else { return };
    let server = network.serve(IPV4, &["--drain-quiet", "0"]);
    let outcomes = network.at_client(|| clients_at_a_stop(&server)).into_iter().map(outcome);
    let (welcomed, lost): (Vec<_>, Vec<_>) = outcomes.partition(Result::is_ok);
    assert!(welcomed.iter().all(|answer| matches!(answer, Ok(text) if text == WELCOME)), "{welcomed:?}");
    assert!(!lost.is_empty(), "the network has no delay, or the one second of quiet is not needed");
    counts_as_welcomed(&server.wait(), welcomed.len());
}

#[test]
fn over_loopback_none_is_lost_without_quiet() {
    let server = Server::start(&[]);
    // None is accepted before the stop.
    server.signal(Signal::STOP);
    let clients = clients_at_a_stop(&server);
    server.signal(Signal::CONT);
    let count = clients.len();
    all_are_welcomed(clients);
    counts_as_welcomed(&server.wait(), count);
}
