//! The promises of kinds with connections, and what these kinds do instead of the promises of datagrams.

use std::io::{ErrorKind, Read as _};
use std::time::Duration;

use rustix::process::Signal;
use welcomed::net::Kind;

use super::all_kinds::AllKindsServer;
use super::client::Client;
use super::counts::{Counts, wait_for_count};
use crate::process::{now, until};

pub(crate) fn half_closed(server: &AllKindsServer, kind: Kind) {
    let client = Client::new(server, kind);
    client.send(b"Rafatul");
    client.shutdown_write();
    assert_eq!(client.receive(), "Hello, Rafatul!");
}

pub(crate) fn health_check(server: &AllKindsServer, kind: Kind) {
    let client = Client::new(server, kind);
    client.shutdown_write();
    assert_eq!(client.receive(), "", "closed without a welcome");
    drop(Client::new(server, kind));
    wait_for_count(server, "without a name", 2).add_up_to(2);
    assert!(!server.log().contains("connected with"));
}

pub(crate) fn more_than_a_name(server: &AllKindsServer, kind: Kind) {
    for more in [1, 1000, 50_000] {
        server.signal(Signal::STOP);
        let client = Client::new(server, kind);
        client.send_name("Rafatul");
        for _ in 0..3 {
            client.send(&vec![b'x'; more]);
        }
        server.signal(Signal::CONT);
        assert_eq!(client.receive(), "Hello, Rafatul!", "{more} bytes more, three times");
    }
    wait_for_count(server, "lingered", 3).add_up_to(3);
}

pub(crate) fn silent(server: &AllKindsServer, kind: Kind) {
    let (client, start) = (Client::new(server, kind), now());
    assert_eq!(Client::new(server, kind).ask("Ada"), "Hello, Ada!");
    assert_eq!(client.receive(), "", "closed without a welcome");
    assert!(now() - start >= Duration::from_millis(390));
    assert_eq!(wait_for_count(server, "timed out", 1).get("welcomed"), 1);
}

pub(crate) fn slow_loris(server: &AllKindsServer, kind: Kind) {
    let (loris, start) = (Client::new(server, kind), now());
    loris.socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    until("the server has closed", || {
        let _ = loris.socket.send(b"x");
        let received = (&loris.socket).read(&mut [0; 8]);
        !matches!(received, Err(error) if error.kind() == ErrorKind::WouldBlock)
    });
    assert!(now() - start >= Duration::from_millis(390));
    assert_eq!(wait_for_count(server, "timed out", 1).get("welcomed"), 0);
}

pub(crate) fn idle(server: &AllKindsServer, kind: Kind) {
    let idle: Vec<Client> = (0..50).map(|_| Client::new(server, kind)).collect();
    for number in 0..50 {
        assert_eq!(Client::new(server, kind).ask(&number.to_string()), format!("Hello, {number}!"));
    }
    assert_eq!(Counts::of(server).get("open"), 50);
    for client in idle {
        assert_eq!(client.ask("Rafatul"), "Hello, Rafatul!");
    }
}

pub(crate) fn full_server(server: &AllKindsServer, kind: Kind) {
    let mut open: Vec<Client> = (0..10).map(|_| Client::new(server, kind)).collect();
    wait_for_count(server, "open", 10);
    let waiting = Client::new(server, kind);
    waiting.send_name("Rafatul");
    server.wait_for_log("full: 10 open, the most there may be; others wait");
    assert_eq!(Counts::of(server).get("accepted"), 10);
    waiting.receives_nothing();
    drop(open.pop());
    assert_eq!(waiting.receive(), "Hello, Rafatul!");
}

pub(crate) fn crowd_after_a_standstill(server: &AllKindsServer, kind: Kind) {
    server.signal(Signal::STOP);
    let clients: Vec<Client> = (0..200).map(|_| Client::new(server, kind)).collect();
    for (index, client) in clients.iter().enumerate() {
        client.send_name(&format!("client {index}"));
    }
    server.signal(Signal::CONT);
    for (index, client) in clients.iter().enumerate() {
        assert_eq!(client.receive(), format!("Hello, client {index}!"));
    }
}

/// A welcome that a connection sends is a name: the connection ends, so no echo follows.
pub(crate) fn welcome_is_a_name(server: &AllKindsServer, kind: Kind) {
    assert_eq!(Client::new(server, kind).ask("Hello, Rafatul!"), "Hello, Hello, Rafatul!!");
    assert_eq!(Counts::of(server).get("echoes"), 0);
}
