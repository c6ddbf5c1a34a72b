//! A stopping server serves every client and every datagram that has come, even with a small backlog.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustix::process::Signal;
use welcomed::net::{Address, Kind};

use super::socket_client::{SocketClient, serve};
use crate::process::until;

/// Clients that have sent a name each. The server need not have accepted them yet.
fn clients(address: &Address, count: usize) -> Vec<SocketClient> {
    let connect = |number: usize| {
        let client = SocketClient::connect(address).unwrap();
        client.send(format!("N{number}\n").as_bytes()).unwrap();
        client
    };
    (0..count).map(connect).collect()
}

fn all_are_welcomed(clients: Vec<SocketClient>) {
    for client in clients {
        assert_eq!(client.answer(), "welcome ");
    }
}

#[test]
fn every_client_in_the_accept_queue_is_welcomed() {
    for kind in [Kind::Tcp, Kind::Unix, Kind::UnixPacket] {
        let (server, address) = serve(kind, &["--backlog", "1", "--max-connections", "1"]).unwrap();
        let open = SocketClient::connect(&address).unwrap();
        until("the first is accepted", || {
            server.signal(Signal::USR1);
            server.log().contains("counts: 1 accepted")
        });
        // Linux lets in one client more than the backlog, which listen(2) does not say.
        let waiting = clients(&address, 2);
        server.signal(Signal::TERM);
        server.wait_for_log("stopping: 1 open");
        open.send(b"Ada\n").unwrap();
        assert_eq!(open.answer(), "welcome ", "{kind}");
        all_are_welcomed(waiting);
        let ended = server.wait();
        assert!(ended.log.contains("counts: 3 accepted: 3 welcomed"), "{kind}: {}", ended.log);
    }
}

/// Clients that come in the Unix domain while the server stops: each of them finds it gone, or is welcomed. The queue has room
/// for two. The others wait in connect(2), and get in as these are served.
#[test]
fn no_client_gets_in_at_a_path_and_is_left_there() {
    for kind in [Kind::Unix, Kind::UnixPacket] {
        for _ in 0..10 {
            let (server, address) = serve(kind, &["--backlog", "1"]).unwrap();
            server.signal(Signal::STOP);
            let connected = AtomicUsize::new(0);
            thread::scope(|scope| {
                let clients: Vec<_> = (0..20)
                    .map(|_| {
                        scope.spawn(|| {
                            let Ok(client) = SocketClient::connect(&address) else { return };
                            connected.fetch_add(1, Ordering::Relaxed);
                            client.send(b"Ada\n").unwrap();
                            assert_eq!(client.answer(), "welcome ", "{kind}");
                        })
                    })
                    .collect();
                until("the queue is full", || connected.load(Ordering::Relaxed) >= 2);
                server.signal(Signal::TERM);
                server.signal(Signal::CONT);
                for client in clients {
                    client.join().unwrap();
                }
            });
            let welcomed = format!("{} welcomed", connected.into_inner());
            let ended = server.wait();
            assert!(ended.log.contains(&welcomed), "{welcomed}: {}", ended.log);
        }
    }
}

#[test]
fn every_datagram_in_the_receive_queue_is_answered() {
    for (kind, count) in [(Kind::Udp, 50), (Kind::UnixGram, 5)] {
        let (server, address) = serve(kind, &["--backlog", "1"]).unwrap();
        server.signal(Signal::STOP);
        let clients = clients(&address, count);
        server.signal(Signal::TERM);
        server.signal(Signal::CONT);
        all_are_welcomed(clients);
        assert_eq!(server.wait().status.code(), Some(0), "{kind}");
    }
}

#[test]
fn clients_that_wait_behind_silent_ones_are_welcomed() {
    let options = ["--max-connections", "10", "--max-per-source", "0", "--drain-timeout", "2s"];
    let (server, address) = serve(Kind::Tcp, &options).unwrap();
    let silent: Vec<SocketClient> = (0..10).map(|_| SocketClient::connect(&address).unwrap()).collect();
    server.wait_for_log("full: 10 open");
    let waiting = clients(&address, 50);
    server.signal(Signal::TERM);
    all_are_welcomed(waiting);
    let ended = server.wait();
    assert!(ended.log.contains("60 accepted: 50 welcomed"), "{}", ended.log);
    drop(silent);
}

#[test]
fn without_time_to_drain_what_can_be_served_at_once_is() {
    for (kind, count) in [(Kind::Tcp, 400), (Kind::Unix, 400), (Kind::Udp, 150)] {
        let (server, address) = serve(kind, &["--drain-timeout", "0"]).unwrap();
        let silent = SocketClient::connect(&address).unwrap();
        server.signal(Signal::STOP);
        let clients = clients(&address, count);
        server.signal(Signal::TERM);
        server.signal(Signal::CONT);
        all_are_welcomed(clients);
        let ended = server.wait();
        let welcomed = format!("{count} welcomed");
        assert!(ended.log.contains(&welcomed), "{kind}: {}", ended.log);
        drop(silent);
    }
}

#[test]
fn a_client_whose_handshake_was_on_its_way_is_accepted() {
    let mut command = crate::process::welcomed();
    command.args(["--listen", "0.0.0.0:0", "--drain-quiet", "2s"]);
    let server = crate::process::Server::spawn(command);
    server.signal(Signal::TERM);
    server.wait_for_log("stopping: 0 open");
    // As if it was on its way for this long.
    let loopback = std::net::SocketAddr::from(([127, 0, 0, 1], server.address.port()));
    let late = SocketClient::connect(&loopback.into()).unwrap();
    late.send(b"Ada\n").unwrap();
    assert_eq!(late.answer(), "welcome ");
    let ended = server.wait();
    assert!(ended.log.contains("1 accepted: 1 welcomed"), "{}", ended.log);
}
