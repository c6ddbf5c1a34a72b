//! The promises of kinds without connections, and what these kinds do instead of the promises of connections.

use std::net::SocketAddrV4;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use welcomed::net::Kind;

use super::all_kinds::AllKindsServer;
use super::client::{Client, socket};
use super::counts::{Counts, wait_for_count};
use super::raw::{PROTOCOL, host, raw_is_allowed};
use crate::process::{Server, is_here};
use crate::tied::tied;

/// A datagram socket has no end of input: the server does not notice that a client shuts down its write side.
pub(crate) fn half_close_is_unnoticed(server: &AllKindsServer, kind: Kind) {
    let client = Client::new(server, kind);
    client.shutdown_write();
    drop(client);
    assert_eq!(Client::new(server, kind).ask("Ada"), "Hello, Ada!");
    Counts::of(server).add_up_to(1);
}

/// A client that sends nothing does not exist for the server: it is not accepted, not open, and never times out.
pub(crate) fn silence_is_uncounted(server: &AllKindsServer, kind: Kind) {
    let silent: Vec<Client> = (0..50).map(|_| Client::new(server, kind)).collect();
    assert_eq!(Client::new(server, kind).ask("Ada"), "Hello, Ada!");
    let counts = Counts::of(server);
    counts.add_up_to(1);
    assert_eq!((counts.get("open"), counts.get("welcomed")), (0, 1));
    assert_eq!(silent[0].ask("Rafatul"), "Hello, Rafatul!");
}

/// A datagram takes no place among the connections, so it does not wait for one.
pub(crate) fn no_place_is_needed(server: &AllKindsServer, kind: Kind) {
    let open: Vec<_> = (0..11).map(|_| server.connect()).collect();
    server.wait_for_log("full: 10 open, the most there may be; others wait");
    assert_eq!(Client::new(server, kind).ask("Rafatul"), "Hello, Rafatul!");
    drop(open);
}

/// A client that does not receive its welcomes loses those that have no room. The server goes on.
pub(crate) fn some_welcomes_are_lost(server: &AllKindsServer, kind: Kind) {
    const MANY: usize = 1000;
    let (slow, other) = (Client::new(server, kind), Client::new(server, kind));
    slow.socket.set_recv_buffer_size(1).unwrap();
    for number in 0..MANY {
        let _ = slow.socket.send(format!("client {number}").as_bytes());
    }
    // The server answers in order: once it has answered this client, it has handled all datagrams before.
    match kind {
        Kind::UnixGram => drop(wait_for_count(server, "accepted", MANY as u64)),
        Kind::Tcp | Kind::Unix | Kind::UnixPacket | Kind::Udp | Kind::Raw => other.send_until_answered("Ada"),
    }
    let (received, counts) = (slow.take_datagrams(), Counts::of(server));
    assert!(0 < received && received < MANY, "{received} of {MANY} welcomes arrived: {counts:?}");
    if kind == Kind::UnixGram {
        // Here the kernel reports that there is no room, and the server counts the welcome as dropped.
        assert_eq!(counts.get("dropped"), (MANY - received) as u64, "{counts:?}");
    }
    other.send_until_answered("Bob");
}

pub(crate) fn sender_of_the_welcome(server: &AllKindsServer, kind: Kind) {
    let client = Client::new(server, kind);
    client.send_name("Rafatul");
    let (sender, own) = (client.socket.peek_sender().unwrap(), server.address(kind));
    assert_eq!((sender.as_socket(), sender.as_pathname()), (own.as_socket(), own.as_pathname()));
    assert_eq!(client.receive(), "Hello, Rafatul!");
}

pub(crate) fn welcome_is_not_answered(server: &AllKindsServer, kind: Kind) {
    let client = Client::new(server, kind);
    for welcome in ["Hello, Rafatul!", "Hello, !", "Hello, Hello, Rafatul!!"] {
        client.send_name(welcome);
    }
    client.send_name(&format!("Hello, {}!", "x".repeat(1024)));
    assert_eq!(client.ask("Hello"), "Hello, Hello!", "`Hello` is a name");
    client.receives_nothing();
    let counts = wait_for_count(server, "echoes", 4);
    counts.add_up_to(5);
}

pub(crate) fn nameless_sender(server: &AllKindsServer, kind: Kind) {
    let nameless = socket(kind);
    nameless.connect(&server.address(kind)).unwrap();
    nameless.send(b"Rafatul").unwrap();
    assert_eq!(Client::new(server, kind).ask("Ada"), "Hello, Ada!");
    let counts = wait_for_count(server, "unanswerable", 1);
    counts.add_up_to(2);
    let log = server.log();
    assert!(log.contains("received from (no name) Rafatul\n"), "{log}");
    let line = log.lines().find(|line| {
        line.contains("a sender without a name, or with a path of no use here, cannot be answered")
    });
    assert!(line.is_some_and(|line| line.contains("DEBUG")), "{log}");
}

#[test]
fn a_raw_server_ignores_packets_for_other_addresses() {
    if !raw_is_allowed() || !is_here("strace") {
        return;
    }
    let (here, elsewhere) = (host(), host());
    let client = socket(Kind::Raw);
    client.bind(&SocketAddrV4::new(elsewhere, 0).into()).unwrap();
    // strace delays each bind(2). With -D the server is the child of this test, and strace its grandchild.
    let mut command = tied("strace");
    command.args(["-D", "-f", "-e", "trace=bind", "-e", "inject=bind:delay_enter=300000"]);
    command.args([env!("CARGO_BIN_EXE_welcomed"), "--listen", "127.0.0.1:0", "--listen"]);
    command.arg(format!("raw://{here}?protocol={PROTOCOL}")).env_remove("RUST_LOG");
    // It is closed once the server is up, or when its start has failed.
    let (starting, is_starting) = channel::<()>();
    let server = thread::scope(|scope| {
        let client = &client;
        scope.spawn(move || {
            while is_starting.recv_timeout(Duration::from_millis(10)) == Err(RecvTimeoutError::Timeout) {
                client.send_to(b"Rafatul", &SocketAddrV4::new(elsewhere, 0).into()).unwrap();
            }
        });
        let _starting = starting;
        Server::spawn(command)
    });
    client.send_to(b"Ada", &SocketAddrV4::new(here, 0).into()).unwrap();
    server.wait_for_log(" Ada");
    Counts::of(&server).add_up_to(1);
    assert_eq!(server.stop().status.code(), Some(0));
}
