//! What the clients of the welcome do.

use std::time::Duration;

use crate::net::kind::Semantics;
use crate::net::{Destination, Kind, Names, Peer};
use crate::simulation::{Dice, Reading, Script, Step};

/// Any client of a socket of this kind, called by its number. Names are answered by `text`.
pub(super) fn any(kind: Kind, dice: &mut Dice, number: usize, text: &str) -> Script {
    let Semantics { connections, boundaries, .. } = *kind.semantics();
    match (connections, boundaries) {
        (_, false) => any_of_stream(dice, number),
        (true, true) => any_of_records(dice, number),
        (false, true) => any_datagram(kind, dice, number, text),
    }
}

/// A name and a line feed at once.
#[must_use]
pub fn prompt(name: &[u8]) -> Script {
    Script::sends(&[name, b"\n"].concat())
}

/// A name without an end; the side stays open, as the lab report's client does it.
#[must_use]
pub fn open(name: &[u8]) -> Script {
    Script::sends(name).called("open")
}

/// A name, and then the end of input.
#[must_use]
pub fn half_closing(name: &[u8]) -> Script {
    Script::sends(name).called("half-closing").then([Step::Shut])
}

/// A name, a line feed, and more.
#[must_use]
pub fn surplus(name: &[u8], more: &[u8]) -> Script {
    Script::sends(&[name, b"\n", more].concat()).called("surplus")
}

/// A name of so many bytes.
#[must_use]
pub fn long(start: &[u8], bytes: usize) -> Script {
    let mut name = start.to_vec();
    name.resize(bytes, b'x');
    Script::sends(&name).called("long")
}

/// A name and a line feed, byte by byte.
#[must_use]
pub fn bytewise(name: &[u8], pause: Duration) -> Script {
    Script::bytewise(&[name, b"\n"].concat(), pause)
}

/// A name and a line feed in two pieces, with a pause between them.
#[must_use]
pub fn in_two_pieces(name: &[u8], pause: Duration) -> Script {
    let (first, second) = name.split_at(name.len() / 2);
    let second = [second, b"\n"].concat();
    Script::sends(first).called("in two pieces").then([Step::Pause(pause), Step::Send(second)])
}

/// Any client that sends its name in time, stays, and reads.
fn well_behaved(dice: &mut Dice, name: &[u8]) -> Script {
    let script = match dice.below(10) {
        0 => prompt(name),
        8 => in_two_pieces(name, dice.millis_below(420)),
        1 => prompt(&[name, b"\r"].concat()).called("CR LF"),
        2 => bytewise(name, dice.millis_below(41)),
        3 => open(name),
        4 => half_closing(name),
        5 => prompt(b""),
        6 => Script::bytewise(name, Duration::ZERO).called("pieces, half-closing").then([Step::Shut]),
        7 => surplus(name, &vec![b'y'; 1 + dice.below(3000)]),
        _ => long(name, 1024 + dice.below(2000)),
    };
    let script = if dice.one_in(4) { script.reading(Reading::Slow) } else { script };
    // Before the first byte there is time.
    if dice.one_in(3) {
        return script.after_a_pause(dice.millis_below(100));
    }
    let sends_more = matches!(script.label, "surplus" | "long");
    if sends_more && dice.one_in(2) { script.then([Step::Shut]) } else { script }
}

/// Any client of a stream, called by its number so that no two have the same name.
fn any_of_stream(dice: &mut Dice, number: usize) -> Script {
    let mut name = format!("N{number}-").into_bytes();
    name.extend_from_slice(&b"abcdefgh"[..dice.below(8)]);
    let script = match dice.below(16) {
        0 => Script::silent(),
        1 => Script::silent().after_a_pause(dice.millis_below(3000)).then([Step::Shut]),
        2 => Script::slow_loris(dice.millis_below(45), 100),
        3 => Script::scanning(),
        4 => prompt(&name).called("never reading").reading(Reading::Never),
        5 => {
            let mut script = well_behaved(dice, &name).called("resetting");
            let at = dice.below(script.steps.len() + 1);
            script.steps.insert(at, Step::Reset);
            script
        }
        _ => well_behaved(dice, &name),
    };
    script.arriving_any(dice)
}

/// Any client of a socket with connections that keeps boundaries.
fn any_of_records(dice: &mut Dice, number: usize) -> Script {
    let any = any_of_stream(dice, number);
    match dice.below(8) {
        0 if dice.one_in(2) => Script::sends(b"").arriving(any.arrives),
        0 => Script::sends(b"").then([Step::Send(b"more".to_vec())]).arriving(any.arrives),
        1 => Script::sends(format!("N{number}\nand more").as_bytes()).arriving(any.arrives),
        _ => any,
    }
}

/// A datagram whose sender is a name that only a forger gives.
fn forged(dice: &mut Dice, name: &str, kind: Kind) -> Script {
    let host = dice.pick(&[[0, 0, 0, 0], [224, 0, 0, 1], [255, 255, 255, 255], [10, 0, 0, 1]]);
    let sender = match (kind.semantics().names, host) {
        (Names::Path, _) => Peer::Unnamed,
        (Names::Port, [10, ..]) => Peer::Inet((host, 0).into()),
        (Names::Port, _) => Peer::Inet((host, 50_000).into()),
        // A raw socket has no port that could be 0.
        (Names::Protocol, [10, ..]) => Peer::Host([0, 0, 0, 0].into()),
        (Names::Protocol, _) => Peer::Host(host.into()),
    };
    Script::sends(name.as_bytes()).called("forged").forged_as(sender)
}

/// Any sender of a datagram, where it is answered by `text`.
fn any_datagram(kind: Kind, dice: &mut Dice, number: usize, text: &str) -> Script {
    let name = format!("N{number}");
    let script = match dice.below(13) {
        0 => Script::sends(text.replace("{name}", &name).as_bytes()).called("echo"),
        1 => Script::sends(name.as_bytes()).called("unnamed").sent_by(Peer::Unnamed),
        2 => Script::sends(b""),
        10 => Script::sends(name.as_bytes()).called("for many").sent_to(Destination::Many),
        11 => forged(dice, &name, kind),
        3 => long(name.as_bytes(), 1000 + dice.below(100)),
        _ => Script::sends(name.as_bytes()),
    };
    script.arriving_any(dice)
}
