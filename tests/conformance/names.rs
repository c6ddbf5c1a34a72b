//! Names: which bytes are one, and where they appear.

use std::net::SocketAddr;
use std::time::Duration;

use welcomed::net::Kind;
use welcomed::services::welcome::NAME_MAX_BYTES;

use super::all_kinds::AllKindsServer;
use super::client::{Client, socket};
use super::counts::Counts;
use super::raw::host;
use crate::process::now;

/// The end of the log line with a client's name.
fn logged(client: &Client, name: &str) -> String {
    let verb = if client.kind.semantics().connections { "connected with" } else { "received from" };
    format!("{verb} {} {name}\n", client.log_name)
}

pub(crate) fn is_welcomed(server: &AllKindsServer, kind: Kind) {
    assert_eq!(Client::new(server, kind).ask("Rafatul"), "welcome ");
    let counts = Counts::of(server);
    counts.add_up_to(1);
    assert_eq!(counts.get("welcomed"), 1);
}

pub(crate) fn is_in_the_log(server: &AllKindsServer, kind: Kind) {
    let client = Client::new(server, kind);
    assert_eq!(client.ask("Rafatul"), "Hello, Rafatul!");
    let log = server.wait_for_log("Rafatul");
    assert!(log.contains(&logged(&client, "Rafatul")), "{log}");
}

pub(crate) fn empty(server: &AllKindsServer, kind: Kind) {
    let client = Client::new(server, kind);
    assert_eq!(client.ask(""), "Hello, !");
    let counts = Counts::of(server);
    counts.add_up_to(1);
    assert_eq!(counts.get("welcomed"), 1);
    assert!(server.log().contains(&logged(&client, "")), "{}", server.log());
}

pub(crate) fn longest(server: &AllKindsServer, kind: Kind) {
    let name = "ü".repeat(NAME_MAX_BYTES / 2);
    assert_eq!(Client::new(server, kind).ask(&name), format!("Hello, {name}!"));
    assert!(!server.log().contains("is cut at"), "it is not cut");
}

pub(crate) fn too_long(server: &AllKindsServer, kind: Kind) {
    let kept = "x".repeat(NAME_MAX_BYTES);
    for beyond in ["y".to_owned(), "y".repeat(5000)] {
        let name = format!("{kept}{beyond}");
        assert_eq!(Client::new(server, kind).ask(&name), format!("Hello, {kept}!"));
    }
}

pub(crate) fn cut_is_said(server: &AllKindsServer, kind: Kind) {
    let client = Client::new(server, kind);
    client.ask(&"x".repeat(NAME_MAX_BYTES + 1));
    server.wait_for_log(&format!("{}: the name is cut at 1024 bytes", client.log_name));
}

/// In a stream the name ends at its 1,024th byte, so nothing of it is cut off.
pub(crate) fn cut_is_not_said(server: &AllKindsServer, kind: Kind) {
    Client::new(server, kind).ask(&"x".repeat(NAME_MAX_BYTES + 1));
    let log = server.wait_for_log("reading name -> writing welcome (1,024th byte)");
    assert!(!log.contains("is cut at"), "{log}");
}

pub(crate) fn forges_nothing(server: &AllKindsServer, kind: Kind) {
    let name = "\u{1b}]0;owned\u{7}\u{1b}[2J\r2026 ERROR forged\u{202e}";
    assert_eq!(Client::new(server, kind).ask(name), format!("Hello, {name}!"));
    let escaped = r"\u{1b}]0;owned\u{7}\u{1b}[2J\r2026 ERROR forged\u{202e}";
    Client::new(server, kind).ask("a\n2026 ERROR forged\nb");
    server.wait_for_log(escaped);
    Client::new(server, kind).ask("Ada");
    let log = server.wait_for_log(" Ada");
    assert!(log.chars().all(|c| c == '\n' || (!c.is_control() && c != '\u{202e}')), "{log:?}");
    assert!(log.lines().all(|line| !line.starts_with("2026 ERROR")), "{log:?}");
}

pub(crate) fn line_feed_is_kept(server: &AllKindsServer, kind: Kind) {
    let client = Client::new(server, kind);
    assert_eq!(client.ask("Ada\r\nBob\n"), "Hello, Ada\r\nBob\n!");
    let log = server.wait_for_log("Bob");
    assert!(log.contains(&logged(&client, r"Ada\r\nBob\n")), "{log}");
}

pub(crate) fn line_feed_ends(server: &AllKindsServer, kind: Kind) {
    assert_eq!(Client::new(server, kind).ask("Ada\r\nBob"), "Hello, Ada!");
}

pub(crate) fn silence_ends(server: &AllKindsServer, kind: Kind) {
    let (client, start) = (Client::new(server, kind), now());
    client.send(b"Rafatul");
    assert_eq!(client.receive(), "Hello, Rafatul!");
    assert!(now() - start >= Duration::from_millis(300), "the gap was not waited for");
    server.wait_for_log("reading name -> writing welcome (silence)");
}

pub(crate) fn silence_is_not_waited_for(server: &AllKindsServer, kind: Kind) {
    let client = Client::new(server, kind);
    client.send(b"Rafatul");
    assert_eq!(client.receive(), "Hello, Rafatul!");
    server.wait_for_log("reading name -> writing welcome (record)");
}

pub(crate) fn answer_grows_by_its_text(server: &AllKindsServer, kind: Kind) {
    for length in [0, 1, 100, NAME_MAX_BYTES, NAME_MAX_BYTES + 1, 5000] {
        let answer = Client::new(server, kind).ask(&"x".repeat(length));
        assert!(answer.len() <= length + "Hello, !".len(), "{} bytes for {length}", answer.len());
    }
}

/// A client that binds no address is welcomed: it has a connection, or the kernel gives it an address.
pub(crate) fn address_is_not_needed(server: &AllKindsServer, kind: Kind) {
    let (socket, mut log_name) = (socket(kind), String::new());
    if kind == Kind::Raw {
        // The kernel would give it 127.0.0.1, where other processes can have raw sockets.
        log_name = host().to_string();
        socket.bind(&SocketAddr::new(log_name.parse().unwrap(), 0).into()).unwrap();
    }
    socket.connect(&server.address(kind)).unwrap();
    assert_eq!(Client { kind, socket, log_name }.ask("Rafatul"), "Hello, Rafatul!");
}
