//! What a server that stops tells its sessions, when, how often, and how soon it ends.

use std::time::Duration;

use socket2::Socket;
use welcomed::kernel::{Mio, mio::raise_descriptor_limit};
use welcomed::net::Address;
use welcomed::reactor::{ListenAt, ListenError, Server, Streams};

use crate::chatter::Chatter;
use crate::chatter::table::{Event, Outcome, State};
use crate::stage::{BOUND, Stage, rest, unix};

/// Far less than the 60 s that the server would wait for its clients.
const AT_ONCE: Duration = Duration::from_secs(2);

type Chat = Stage<Streams<Chatter, Mio>>;

/// A server with so many clients, which have been accepted and say nothing.
fn with_idle_clients(name: &str, clients: usize, heeds: bool) -> (Chat, Vec<Socket>) {
    raise_descriptor_limit().unwrap();
    let service = Chatter { heeds, ..Chatter::default() };
    let mut stage = Stage::new(Streams::new(service, clients), &[&unix("unix", name)]);
    let clients: Vec<Socket> = (0..clients).map(|_| stage.connect()).collect();
    stage.until(|server| server.services().connections() == clients.len());
    (stage, clients)
}

/// How often a session was told.
fn stoppings(stage: &Chat) -> usize {
    stage.services().service().stoppings
}

#[test]
fn idle_clients_of_a_service_that_heeds_stopping_leave_at_once() {
    // More than are told in one turn, too.
    for count in [1, 1500] {
        let (mut stage, _clients) = with_idle_clients("heeds", count, true);
        stage.ask_to_stop();
        stage.until_within(AT_ONCE, Server::is_closed);
        assert_eq!(stoppings(&stage), count);
        let counts = stage.services().counts();
        assert_eq!(counts.outcome(Outcome::Told), count as u64, "{counts}");
    }
}

#[test]
fn a_service_that_ignores_stopping_is_told_once() {
    for count in [1, 1500] {
        let (mut stage, clients) = with_idle_clients("ignores", count, false);
        stage.ask_to_stop();
        stage.turns(30);
        assert_eq!(stoppings(&stage), count);
        for client in &clients {
            client.send(b"one-way\n").unwrap();
        }
        stage.until(|server| server.services().service().lines == clients.len());
        stage.turns(2);
        assert_eq!(stoppings(&stage), count, "a client that goes on changes nothing");
        drop(clients);
        stage.until_within(AT_ONCE, Server::is_closed);
        let counts = stage.services().counts();
        assert_eq!((counts.outcome(Outcome::Done), counts.open()), (count as u64, 0), "{counts}");
    }
}

#[test]
fn a_second_request_to_stop_ends_every_connection_once() {
    for count in [1, 1500] {
        let (mut stage, _clients) = with_idle_clients("twice", count, false);
        stage.ask_to_stop();
        stage.turns(1);
        stage.ask_to_stop();
        stage.until_within(AT_ONCE, Server::is_closed);
        let counts = stage.services().counts();
        assert_eq!((counts.outcome(Outcome::Stopped), counts.open()), (count as u64, 0), "{counts}");
    }
}

#[test]
fn two_requests_to_stop_before_a_turn_are_two() {
    let (mut stage, _clients) = with_idle_clients("quick", 1, false);
    stage.ask_to_stop();
    stage.ask_to_stop();
    stage.until_within(AT_ONCE, Server::is_closed);
    let counts = stage.services().counts();
    assert_eq!((counts.outcome(Outcome::Stopped), counts.open()), (1, 0), "{counts}");
}

#[test]
fn stopping_is_told_after_what_has_come_was_read() {
    let (mut stage, clients) = with_idle_clients("dry", 1, true);
    clients[0].send(&b"one-way\n".repeat(100)).unwrap();
    stage.ask_to_stop();
    stage.until_within(AT_ONCE, Server::is_closed);
    assert_eq!((stage.services().service().lines, stoppings(&stage)), (100, 1));
    assert_eq!(stage.services().counts().outcome(Outcome::Told), 1);
}

#[test]
fn a_session_that_waits_for_room_is_told_once_it_reads_again() {
    let (mut stage, clients) = with_idle_clients("room", 1, true);
    clients[0].send(b"big 8192 read\n").unwrap();
    stage.until(|server| server.services().service().lines == 1);
    clients[0].send(&b"one-way\n".repeat(50)).unwrap();
    stage.turns(20);
    stage.ask_to_stop();
    stage.turns(20);
    assert_eq!((stage.services().service().lines, stoppings(&stage)), (1, 0), "its answer waits");
    let (got, end) = stage.during(|| rest(&clients[0]));
    assert_eq!((got.len(), end), (8 << 20, None));
    stage.until_within(AT_ONCE, Server::is_closed);
    let Chatter { lines, stoppings, .. } = stage.services().service();
    assert_eq!((*lines, *stoppings), (51, 1));
    assert_eq!(stage.services().counts().count(State::Reading, Event::Stopping), 1);
}

#[test]
fn a_server_that_stops_listens_nowhere_again() {
    let (mut stage, _clients) = with_idle_clients("again", 1, false);
    stage.ask_to_stop();
    stage.turns(1);
    let refused = stage.server.listen(&"127.0.0.1:0".parse().unwrap()).unwrap_err();
    let ListenError::Failed(_, failures) = &refused else { panic!("{refused:?}") };
    assert_eq!(failures.len(), 1);
    assert_eq!(refused.to_string(), "cannot listen on tcp://127.0.0.1:0: the server stops");
    stage.ask_to_stop();
    stage.until_within(BOUND, Server::is_closed);
}

#[test]
fn a_service_that_is_not_there_cannot_listen() {
    let services = (Streams::new(Chatter::default(), 8), Streams::new(Chatter::default(), 8));
    let mut stage: Stage<(Streams<Chatter, Mio>, Streams<Chatter, Mio>)> = Stage::new(services, &[]);
    for service in [2, 3, 63, 64, 255] {
        let refused = stage.server.listen_for(service, &"127.0.0.1:0".parse().unwrap());
        assert!(matches!(refused, Err(ListenError::NotServedBy(..))), "{service}: {refused:?}");
        let address: Address = "127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into();
        assert!(stage.server.listen_at(service, &address).is_err(), "{service}");
        let endpoint = "127.0.0.1:0".parse().unwrap();
        let all = vec![ListenAt { service: Some(service), endpoint, addresses: vec![address] }];
        let refused = stage.server.listen_at_all(all);
        assert!(matches!(refused, Err(ListenError::NotServedBy(..))), "{service}: {refused:?}");
    }
}
