//! Datagrams in the log and in the counts.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::process::Signal;
use welcomed::net::{Address, Kind, Name, UnixName};

use super::socket_client::{SocketClient, serve};
use crate::process::Server;

const DATAGRAMS: [Kind; 3] = [Kind::Udp, Kind::UnixGram, Kind::Raw];

fn welcome(address: &Address, name: &[u8]) {
    let client = SocketClient::connect(address).unwrap();
    client.send(name).unwrap();
    assert_eq!(client.answer(), "welcome ");
}

/// Sends a name and a welcome from sockets without names: neither can be answered.
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
fn a_datagram_is_logged_unless_quiet_and_always_counted() {
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
fn an_unanswerable_datagram_is_counted_and_logged_with_verbose() {
    let (server, address) = serve(Kind::UnixGram, &["-v"]).unwrap();
    send_without_a_name(&address);
    server.wait_for_log("a sender without a name, or with a path of no use here, cannot be answered");
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
fn a_dropped_welcome_is_counted_and_logged_with_verbose() {
    let (server, address) = serve(Kind::UnixGram, &["-v"]).unwrap();
    let client = SocketClient::connect(&address).unwrap();
    // The client does not receive its welcomes. The names differ, so that the loop guard lets them pass.
    let mut sent = 0;
    while !server.log().contains("while writing welcome") {
        sent += 1;
        assert!(sent < 10_000, "there is always room");
        client.send(format!("number {sent}").as_bytes()).unwrap();
    }
    // It is the peer of a connected socket, whose queue has no limit (unix(7)). Others have room all the same.
    server.wait_for_log("too many answers are unread while writing welcome");
    welcome(&address, b"Ada");
    drop(client);
    let log = server.stop().log;
    let dropped = log.matches("too many answers are unread while writing welcome").count();
    assert!(log.contains(&format!(" {dropped} dropped, 0 unanswerable, 0 echoes;")), "{log}");
}
