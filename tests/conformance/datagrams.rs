//! What kinds without connections promise, and what a promise about connections comes to without them.

use std::net::SocketAddrV4;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use welcomed::net::Kind;

use super::all_kinds::Ground;
use super::client::{Speaker, socket};
use super::counts::{Counts, wait_for_count};
use super::raw::{PROTOCOL, host, raw_is_allowed};
use crate::process::{Server, is_here, welcomed};

pub(crate) fn every_piece_is_a_name(ground: &Ground, kind: Kind) {
    let speaker = Speaker::new(ground, kind);
    speaker.say(b"Rafa");
    speaker.say(b"tul");
    assert_eq!(speaker.hear(), "Hello, Rafa!");
    assert_eq!(speaker.hear(), "Hello, tul!");
    let counts = Counts::of(&ground.server);
    counts.add_up_to(2);
    assert_eq!(counts.get("welcomed"), 2);
}

/// There is nothing to be half-closed, and no end of input: the server notices nothing.
pub(crate) fn shut_side_is_not_seen(ground: &Ground, kind: Kind) {
    let speaker = Speaker::new(ground, kind);
    speaker.shut();
    drop(speaker);
    assert_eq!(Speaker::new(ground, kind).ask("Ada"), "Hello, Ada!");
    Counts::of(&ground.server).add_up_to(1);
}

/// Who says nothing is nobody: not accepted, not open, not timed out.
pub(crate) fn silence_is_nobody(ground: &Ground, kind: Kind) {
    let silent: Vec<Speaker> = (0..50).map(|_| Speaker::new(ground, kind)).collect();
    assert_eq!(Speaker::new(ground, kind).ask("Ada"), "Hello, Ada!");
    let counts = Counts::of(&ground.server);
    counts.add_up_to(1);
    assert_eq!((counts.get("open"), counts.get("welcomed")), (0, 1));
    assert_eq!(silent[0].ask("Rafatul"), "Hello, Rafatul!");
}

/// A datagram takes no place, and so never waits for one.
pub(crate) fn full_house_is_none(ground: &Ground, kind: Kind) {
    let inside: Vec<_> = (0..11).map(|_| ground.server.connect()).collect();
    ground.server.wait_for_log("full: 10 open, the most there may be; others wait");
    assert_eq!(Speaker::new(ground, kind).ask("Rafatul"), "Hello, Rafatul!");
    drop(inside);
}

/// Somebody who does not read what comes has room for little of it; the rest is lost, and the server goes on.
pub(crate) fn some_are_lost(ground: &Ground, kind: Kind) {
    const MANY: usize = 1000;
    let (deaf, other) = (Speaker::new(ground, kind), Speaker::new(ground, kind));
    deaf.socket.set_recv_buffer_size(1).unwrap();
    for visitor in 0..MANY {
        let _ = deaf.socket.send(format!("visitor {visitor}").as_bytes());
    }
    // The server takes one after the other: when it has answered this one it has done with the others.
    match kind {
        Kind::UnixGram => drop(wait_for_count(&ground.server, "accepted", MANY as u64)),
        Kind::Tcp | Kind::Unix | Kind::UnixPacket | Kind::Udp | Kind::Raw => other.insist("Ada"),
    }
    let (heard, counts) = (deaf.take_all(), Counts::of(&ground.server));
    assert!(0 < heard && heard < MANY, "{heard} of {MANY} welcomes arrived: {counts:?}");
    if kind == Kind::UnixGram {
        // Here the kernel tells the sender: there is no room, and the welcome is dropped and counted.
        assert_eq!(counts.get("dropped"), (MANY - heard) as u64, "{counts:?}");
    }
    other.insist("Bob");
}

pub(crate) fn sender_of_the_welcome(ground: &Ground, kind: Kind) {
    let speaker = Speaker::new(ground, kind);
    speaker.name("Rafatul");
    let (sender, server) = (speaker.socket.peek_sender().unwrap(), ground.address(kind));
    assert_eq!((sender.as_socket(), sender.as_pathname()), (server.as_socket(), server.as_pathname()));
    assert_eq!(speaker.hear(), "Hello, Rafatul!");
}

pub(crate) fn welcome_is_not_answered(ground: &Ground, kind: Kind) {
    let speaker = Speaker::new(ground, kind);
    for welcome in ["Hello, Rafatul!", "Hello, !", "Hello, Hello, Rafatul!!"] {
        speaker.name(welcome);
    }
    speaker.name(&format!("Hello, {}!", "x".repeat(1024)));
    assert_eq!(speaker.ask("Hello"), "Hello, Hello!", "that is somebody's name");
    speaker.hears_nothing();
    let counts = wait_for_count(&ground.server, "echoes", 4);
    counts.add_up_to(5);
}

pub(crate) fn nameless_sender(ground: &Ground, kind: Kind) {
    let nameless = socket(kind);
    nameless.connect(&ground.address(kind)).unwrap();
    nameless.send(b"Rafatul").unwrap();
    assert_eq!(Speaker::new(ground, kind).ask("Ada"), "Hello, Ada!");
    let counts = wait_for_count(&ground.server, "unanswerable", 1);
    counts.add_up_to(2);
    let log = ground.server.log();
    assert!(log.contains("received from (no name) Rafatul\n"), "{log}");
    let said =
        log.lines().find(|line| line.contains("a sender without a name of its own cannot be answered"));
    assert!(said.is_some_and(|line| line.contains("DEBUG")), "{log}");
}

#[test]
fn a_raw_server_ignores_packets_for_other_addresses() {
    if !raw_is_allowed() || !is_here("strace") {
        return;
    }
    let (here, elsewhere) = (host(), host());
    let client = socket(Kind::Raw);
    client.bind(&SocketAddrV4::new(elsewhere, 0).into()).unwrap();
    // The tracer is the server's grandchild (-D), and holds each bind(2) up.
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-e", "trace=bind", "-e", "inject=bind:delay_enter=300000"]);
    command.arg(welcomed().get_program()).args(["--listen", "127.0.0.1:0", "--listen"]);
    command.arg(format!("raw://{here}?protocol={PROTOCOL}")).env_remove("RUST_LOG");
    let is_up = AtomicBool::new(false);
    let server = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_up.load(Ordering::Relaxed) {
                client.send_to(b"Rafatul", &SocketAddrV4::new(elsewhere, 0).into()).unwrap();
                thread::park_timeout(Duration::from_millis(10));
            }
        });
        let server = Server::spawn(command);
        is_up.store(true, Ordering::Relaxed);
        server
    });
    client.send_to(b"Ada", &SocketAddrV4::new(here, 0).into()).unwrap();
    server.wait_for_log(" Ada");
    Counts::of(&server).add_up_to(1);
    assert_eq!(server.stop().status.code(), Some(0));
}
