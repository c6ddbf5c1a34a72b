//! What is a name, and what becomes of it.

use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::Signal;
use welcomed::net::Kind;
use welcomed::services::welcome::NAME_MAX_BYTES;

use super::all_kinds::Ground;
use super::client::{Speaker, socket};
use super::counts::Counts;
use super::raw::host;
use crate::process::now;

/// What a name looks like in the log, with the words that stand before it.
fn logged(speaker: &Speaker, name: &str) -> String {
    let did = if speaker.kind.semantics().connections { "connected with" } else { "received from" };
    format!("{did} {} {name}\n", speaker.shown)
}

pub(crate) fn is_welcomed(ground: &Ground, kind: Kind) {
    assert_eq!(Speaker::new(ground, kind).ask("Rafatul"), "welcome ");
    let counts = Counts::of(&ground.server);
    counts.add_up_to(1);
    assert_eq!(counts.get("welcomed"), 1);
}

pub(crate) fn is_in_the_log(ground: &Ground, kind: Kind) {
    let speaker = Speaker::new(ground, kind);
    assert_eq!(speaker.ask("Rafatul"), "Hello, Rafatul!");
    let log = ground.server.wait_for_log("Rafatul");
    assert!(log.contains(&logged(&speaker, "Rafatul")), "{log}");
}

pub(crate) fn empty(ground: &Ground, kind: Kind) {
    let speaker = Speaker::new(ground, kind);
    assert_eq!(speaker.ask(""), "Hello, !");
    let counts = Counts::of(&ground.server);
    counts.add_up_to(1);
    assert_eq!(counts.get("welcomed"), 1);
    assert!(ground.server.log().contains(&logged(&speaker, "")), "{}", ground.server.log());
}

pub(crate) fn longest(ground: &Ground, kind: Kind) {
    let name = "ü".repeat(NAME_MAX_BYTES / 2);
    assert_eq!(Speaker::new(ground, kind).ask(&name), format!("Hello, {name}!"));
    assert!(!ground.server.log().contains("is cut at"), "nothing of it is");
}

pub(crate) fn too_long(ground: &Ground, kind: Kind) {
    let kept = "x".repeat(NAME_MAX_BYTES);
    for beyond in ["y".to_owned(), "y".repeat(5000)] {
        let name = format!("{kept}{beyond}");
        assert_eq!(Speaker::new(ground, kind).ask(&name), format!("Hello, {kept}!"));
    }
}

pub(crate) fn cut_is_said(ground: &Ground, kind: Kind) {
    let speaker = Speaker::new(ground, kind);
    speaker.ask(&"x".repeat(NAME_MAX_BYTES + 1));
    ground.server.wait_for_log(&format!("{}: the name is cut at 1024 bytes", speaker.shown));
}

/// A stream has no end that could be cut off: the name ends at its 1,024th byte.
pub(crate) fn cut_is_not_said(ground: &Ground, kind: Kind) {
    Speaker::new(ground, kind).ask(&"x".repeat(NAME_MAX_BYTES + 1));
    let log = ground.server.wait_for_log("reading name -> writing welcome (1,024th byte)");
    assert!(!log.contains("is cut at"), "{log}");
}

pub(crate) fn forges_nothing(ground: &Ground, kind: Kind) {
    let name = "\u{1b}]0;owned\u{7}\u{1b}[2J\r2026 ERROR forged\u{202e}";
    assert_eq!(Speaker::new(ground, kind).ask(name), format!("Hello, {name}!"));
    let shown = r"\u{1b}]0;owned\u{7}\u{1b}[2J\r2026 ERROR forged\u{202e}";
    Speaker::new(ground, kind).ask("a\n2026 ERROR forged\nb");
    ground.server.wait_for_log(shown);
    Speaker::new(ground, kind).ask("Ada");
    let log = ground.server.wait_for_log(" Ada");
    assert!(log.chars().all(|c| c == '\n' || (!c.is_control() && c != '\u{202e}')), "{log:?}");
    assert!(log.lines().all(|line| !line.starts_with("2026 ERROR")), "{log:?}");
}

pub(crate) fn line_feed_is_kept(ground: &Ground, kind: Kind) {
    let speaker = Speaker::new(ground, kind);
    assert_eq!(speaker.ask("Ada\r\nBob\n"), "Hello, Ada\r\nBob\n!");
    let log = ground.server.wait_for_log("Bob");
    assert!(log.contains(&logged(&speaker, r"Ada\r\nBob\n")), "{log}");
}

pub(crate) fn line_feed_ends(ground: &Ground, kind: Kind) {
    assert_eq!(Speaker::new(ground, kind).ask("Ada\r\nBob"), "Hello, Ada!");
}

pub(crate) fn pieces_are_gathered(ground: &Ground, kind: Kind) {
    let speaker = Speaker::new(ground, kind);
    for piece in ["Rafa", "t", "ul\r", "\n"] {
        speaker.say(piece.as_bytes());
    }
    assert_eq!(speaker.hear(), "Hello, Rafatul!");
    Counts::of(&ground.server).add_up_to(1);
}

pub(crate) fn first_piece_is_the_name(ground: &Ground, kind: Kind) {
    let speaker = Speaker::new(ground, kind);
    // Otherwise the server could have answered and closed between the two.
    ground.server.signal(Signal::STOP);
    speaker.say(b"Rafa");
    speaker.say(b"tul");
    ground.server.signal(Signal::CONT);
    assert_eq!(speaker.hear(), "Hello, Rafa!");
}

pub(crate) fn silence_ends(ground: &Ground, kind: Kind) {
    let (speaker, start) = (Speaker::new(ground, kind), now());
    speaker.say(b"Rafatul");
    assert_eq!(speaker.hear(), "Hello, Rafatul!");
    assert!(now() - start >= Duration::from_millis(300), "the gap was not waited for");
    ground.server.wait_for_log("reading name -> writing welcome (silence)");
}

pub(crate) fn silence_is_not_waited_for(ground: &Ground, kind: Kind) {
    let speaker = Speaker::new(ground, kind);
    speaker.say(b"Rafatul");
    assert_eq!(speaker.hear(), "Hello, Rafatul!");
    ground.server.wait_for_log("reading name -> writing welcome (record)");
}

pub(crate) fn answer_grows_by_its_text(ground: &Ground, kind: Kind) {
    for length in [0, 1, 100, NAME_MAX_BYTES, NAME_MAX_BYTES + 1, 5000] {
        let answer = Speaker::new(ground, kind).ask(&"x".repeat(length));
        assert!(answer.len() <= length + "Hello, !".len(), "{} bytes for {length}", answer.len());
    }
}

/// A client that has bound nothing is welcomed: its connection leads back, or the kernel gives it an address.
pub(crate) fn address_is_not_needed(ground: &Ground, kind: Kind) {
    let (socket, mut shown) = (socket(kind), String::new());
    if kind == Kind::Raw {
        // The kernel would give it 127.0.0.1, where others can have a raw socket.
        shown = host().to_string();
        socket.bind(&SocketAddr::new(shown.parse().unwrap(), 0).into()).unwrap();
    }
    socket.connect(&ground.address(kind)).unwrap();
    assert_eq!(Speaker { kind, socket, shown }.ask("Rafatul"), "Hello, Rafatul!");
}
