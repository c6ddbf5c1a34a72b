//! What kinds with connections promise, and what a promise about datagrams comes to with them.

use std::io::{ErrorKind, Read as _};
use std::time::Duration;

use rustix::process::Signal;
use welcomed::net::Kind;

use super::all_kinds::Ground;
use super::client::Speaker;
use super::counts::{Counts, wait_for_count};
use crate::process::{now, until};

/// The most that a connection may be: one name, however many pieces were sent.
pub(crate) fn there_is_one_name(ground: &Ground, kind: Kind) {
    let speaker = Speaker::new(ground, kind);
    ground.server.signal(Signal::STOP);
    speaker.say(b"Rafa");
    speaker.name("tul");
    ground.server.signal(Signal::CONT);
    // On a stream even two sends come as one name: there are no boundaries.
    let name = if kind.semantics().boundaries { "Rafa" } else { "Rafatul" };
    assert_eq!(speaker.hear(), format!("Hello, {name}!"));
    let counts = Counts::of(&ground.server);
    counts.add_up_to(1);
    assert_eq!(counts.get("welcomed"), 1);
}

pub(crate) fn half_closed(ground: &Ground, kind: Kind) {
    let speaker = Speaker::new(ground, kind);
    speaker.say(b"Rafatul");
    speaker.shut();
    assert_eq!(speaker.hear(), "Hello, Rafatul!");
}

pub(crate) fn health_check(ground: &Ground, kind: Kind) {
    let speaker = Speaker::new(ground, kind);
    speaker.shut();
    assert_eq!(speaker.hear(), "", "closed without a welcome");
    drop(Speaker::new(ground, kind));
    wait_for_count(&ground.server, "without a name", 2).add_up_to(2);
    assert!(!ground.server.log().contains("connected with"));
}

pub(crate) fn more_than_a_name(ground: &Ground, kind: Kind) {
    for more in [1, 1000, 50_000] {
        ground.server.signal(Signal::STOP);
        let speaker = Speaker::new(ground, kind);
        speaker.name("Rafatul");
        for _ in 0..3 {
            speaker.say(&vec![b'x'; more]);
        }
        ground.server.signal(Signal::CONT);
        assert_eq!(speaker.hear(), "Hello, Rafatul!", "{more} bytes more, three times");
    }
    wait_for_count(&ground.server, "lingered", 3).add_up_to(3);
}

pub(crate) fn silent(ground: &Ground, kind: Kind) {
    let (speaker, start) = (Speaker::new(ground, kind), now());
    assert_eq!(Speaker::new(ground, kind).ask("Ada"), "Hello, Ada!");
    assert_eq!(speaker.hear(), "", "closed without a welcome");
    assert!(now() - start >= Duration::from_millis(390));
    assert_eq!(wait_for_count(&ground.server, "timed out", 1).get("welcomed"), 1);
}

pub(crate) fn slow_loris(ground: &Ground, kind: Kind) {
    let (loris, start) = (Speaker::new(ground, kind), now());
    loris.socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    until("the server has closed", || {
        let _ = loris.socket.send(b"x");
        let heard = (&loris.socket).read(&mut [0; 8]);
        !matches!(heard, Err(error) if error.kind() == ErrorKind::WouldBlock)
    });
    assert!(now() - start >= Duration::from_millis(390));
    assert_eq!(wait_for_count(&ground.server, "timed out", 1).get("welcomed"), 0);
}

pub(crate) fn idle(ground: &Ground, kind: Kind) {
    let idle: Vec<Speaker> = (0..50).map(|_| Speaker::new(ground, kind)).collect();
    for visitor in 0..50 {
        assert_eq!(Speaker::new(ground, kind).ask(&visitor.to_string()), format!("Hello, {visitor}!"));
    }
    assert_eq!(Counts::of(&ground.server).get("open"), 50);
    for speaker in idle {
        assert_eq!(speaker.ask("Rafatul"), "Hello, Rafatul!");
    }
}

pub(crate) fn full_house(ground: &Ground, kind: Kind) {
    let mut inside: Vec<Speaker> = (0..10).map(|_| Speaker::new(ground, kind)).collect();
    wait_for_count(&ground.server, "open", 10);
    let newcomer = Speaker::new(ground, kind);
    newcomer.name("Rafatul");
    ground.server.wait_for_log("full: 10 open, the most there may be; others wait");
    assert_eq!(Counts::of(&ground.server).get("accepted"), 10);
    newcomer.hears_nothing();
    drop(inside.pop());
    assert_eq!(newcomer.hear(), "Hello, Rafatul!");
}

pub(crate) fn standstill(ground: &Ground, kind: Kind) {
    ground.server.signal(Signal::STOP);
    let speakers: Vec<Speaker> = (0..200).map(|_| Speaker::new(ground, kind)).collect();
    for (index, speaker) in speakers.iter().enumerate() {
        speaker.name(&format!("visitor {index}"));
    }
    ground.server.signal(Signal::CONT);
    for (index, speaker) in speakers.iter().enumerate() {
        assert_eq!(speaker.hear(), format!("Hello, visitor {index}!"));
    }
}

/// A welcome comes over a connection of its own, which ends: it may be answered.
pub(crate) fn welcome_is_a_name(ground: &Ground, kind: Kind) {
    assert_eq!(Speaker::new(ground, kind).ask("Hello, Rafatul!"), "Hello, Hello, Rafatul!!");
    assert_eq!(Counts::of(&ground.server).get("echoes"), 0);
}
