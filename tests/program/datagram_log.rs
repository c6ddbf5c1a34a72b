//! What is said of datagrams.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::process::Signal;
use welcomed::net::{Address, Kind, Name, UnixName};

use super::socket_client::{Visitor, serve};
use crate::process::Server;

const DATAGRAMS: [Kind; 3] = [Kind::Udp, Kind::UnixGram, Kind::Raw];

fn welcome(address: &Address, name: &[u8]) {
    let visitor = Visitor::connect(address).unwrap();
    visitor.say(name).unwrap();
    assert_eq!(visitor.answer(), "welcome ");
}

/// Sends a name, and a welcome, to which there is no answer, from sockets that have no names.
fn send_without_a_name(address: &Address) {
    let Name::Unix(UnixName::Abstract(name)) = &address.name else { panic!("{address}") };
    let to = SocketAddr::from_abstract_name(name).unwrap();
    for bytes in [&b"Eve"[..], b"welcome "] {
        UnixDatagram::unbound().unwrap().send_to_addr(bytes, &to).unwrap();
    }
}

fn counts(server: &Server, words: &str) {
    server.signal(Signal::USR1);
    server.wait_for_log(words);
}

#[test]
fn a_datagram_is_a_line_of_the_log_and_counted_and_quiet_says_nobody() {
    for kind in DATAGRAMS {
        let Some((server, address)) = serve(kind, &[]) else { continue };
        welcome(&address, b"Rafatul");
        welcome(&address, &[b'x'; 1025]);
        let log = server.wait_for_log("xxx");
        assert!(log.contains("received from ") && log.contains(" Rafatul\n"), "{log}");
        assert_eq!(log.matches("the name is cut at 1024 bytes").count(), 1, "{log}");
        counts(&server, "counts: 2 accepted: 2 welcomed (0 lingered)");

        let Some((server, address)) = serve(kind, &["--quiet"]) else { continue };
        welcome(&address, b"Rafatul");
        welcome(&address, &[b'x'; 1025]);
        let log = server.stop().log;
        assert!(log.contains("waiting for datagrams on ") && log.contains("counts: 2 accepted"), "{log}");
        assert!(!log.contains("received from") && !log.contains("is cut"), "{log}");
    }
}

#[test]
fn whoever_cannot_be_answered_is_counted_and_said_where_it_is_asked_for() {
    let (server, address) = serve(Kind::UnixGram, &["-v"]).unwrap();
    send_without_a_name(&address);
    server.wait_for_log("a sender without a name of its own cannot be answered");
    server.wait_for_log("(no name): not answered, it says what a welcome server says");
    counts(&server, "counts: 2 accepted: 0 welcomed (0 lingered)");
    counts(&server, "0 dropped, 1 unanswerable, 1 echoes;");

    let (server, address) = serve(Kind::UnixGram, &[]).unwrap();
    send_without_a_name(&address);
    welcome(&address, b"Ada");
    let log = server.stop().log;
    assert!(log.contains("0 dropped, 1 unanswerable, 1 echoes;"), "{log}");
    assert!(!log.contains("cannot be answered") && !log.contains("not answered"), "{log}");
}

#[test]
fn whose_welcome_finds_no_room_is_counted_and_said_where_it_is_asked_for() {
    let (server, address) = serve(Kind::UnixGram, &["-v"]).unwrap();
    let visitor = Visitor::connect(&address).unwrap();
    // Nobody takes the welcomes; the names differ, so that they are not thought to be echoes.
    let mut sent = 0;
    while !server.log().contains("while writing welcome") {
        sent += 1;
        assert!(sent < 10_000, "there is always room");
        visitor.say(format!("number {sent}").as_bytes()).unwrap();
    }
    server.wait_for_log("Resource temporarily unavailable (os error 11) while writing welcome");
    // What nobody has taken is in the way of others as well (unix(7): it counts against the sender's buffer).
    drop(visitor);
    welcome(&address, b"Ada");
    let log = server.stop().log;
    let dropped = log.matches("(os error 11) while writing welcome").count();
    assert!(log.contains(&format!(" {dropped} dropped, 0 unanswerable, 0 echoes;")), "{log}");
}
