//! What clients do with datagrams, and what they expect.
//!
//! Nothing is lost on the way inside a machine, as long as the buffers have room. So each visit waits for a welcome, and few
//! datagrams are under way at a time.

use std::io;

use rustix::io::Errno;
use welcomed::net::Kind;

use super::client::{Client, welcome};
use super::sockets::{ClientSocket, nameless};
use super::visit::{
    ANY_OR_LOST, ECHO, Fate, LEFT, LOST, Outcome, UNANSWERABLE, Visit, WELCOMED, WELCOMED_OR_LOST,
};

/// More packets than a receive buffer of the usual size has room for.
const FILLING: usize = 20_000;

/// Sends a name and receives the welcome.
pub(crate) fn asks_once(client: &mut Client<'_>, kind: Kind) -> Visit {
    let outcome = client.connect(kind).and_then(|socket| ask(client, &socket, 1, 1));
    visit(kind, outcome, vec![WELCOMED])
}

/// Sends two names before it receives the two welcomes.
pub(crate) fn asks_twice(client: &mut Client<'_>, kind: Kind) -> Visit {
    let outcome = client.connect(kind).and_then(|socket| ask(client, &socket, 2, 2));
    visit(kind, outcome, vec![WELCOMED; 2])
}

/// Leaves two of three welcomes unread until it is gone.
pub(crate) fn leaves_unread(client: &mut Client<'_>, kind: Kind) -> Visit {
    let outcome = client.connect(kind).and_then(|socket| {
        let outcome = ask(client, &socket, 3, 1);
        client.pause(20_000, 200_000);
        outcome
    });
    visit(kind, outcome, vec![WELCOMED, left(kind), left(kind)])
}

/// Goes away before its answer. Its next socket is answered.
pub(crate) fn is_gone(client: &mut Client<'_>, kind: Kind) -> Visit {
    let name = name(client, kind);
    let gone = client.connect(kind).and_then(|socket| socket.send(&name));
    let outcome = gone.and_then(|()| ask(client, &client.connect(kind)?, 1, 1));
    visit(kind, outcome, vec![left(kind), WELCOMED])
}

/// Sends from a socket without a name. Its next socket is answered.
pub(crate) fn unnamed(client: &mut Client<'_>, kind: Kind) -> Visit {
    let name = client.name();
    let sent = nameless(client.server(kind)).and_then(|socket| socket.send(&name));
    let outcome = sent.and_then(|_| ask(client, &client.connect(kind)?, 1, 1));
    visit(kind, outcome, vec![UNANSWERABLE, WELCOMED])
}

/// Sends names until one finds no room. `None` if the kernel never says so, as an older Linux does not.
pub(crate) fn fills_up(client: &mut Client<'_>) -> Option<Visit> {
    let socket = client.connect(Kind::Raw).unwrap();
    let (mut fates, name) = (Vec::new(), name(client, Kind::Raw));
    while fates.len() < FILLING {
        socket.send(&name).unwrap();
        fates.push(WELCOMED);
        // send(2) does not tell a raw socket of an error that waits for it.
        if let Some(error) = socket.socket.take_error().unwrap() {
            return Some(visit(Kind::Raw, Err(error), fates));
        }
    }
    None
}

/// Sends a welcome, and then a name.
pub(crate) fn echo(client: &mut Client<'_>, kind: Kind) -> Visit {
    let echo = welcome(&client.name());
    let outcome = client.connect(kind).and_then(|socket| {
        socket.send(&echo)?;
        ask(client, &socket, 1, 1)
    });
    visit(kind, outcome, vec![ECHO, WELCOMED])
}

/// The fate of a datagram whose client may have gone before the answer. Over the Internet the server does not notice.
fn left(kind: Kind) -> Fate {
    match kind {
        Kind::UnixGram => LEFT,
        Kind::Raw => WELCOMED_OR_LOST,
        Kind::Tcp | Kind::Unix | Kind::UnixPacket | Kind::Udp => WELCOMED,
    }
}

/// Whether the kernel says that there was no room for a raw packet. Linux 6.18 answers with ICMP's "protocol
/// unreachable" then, as if no socket were there.
pub(crate) fn had_no_room(kind: Kind, error: &io::Error) -> bool {
    kind == Kind::Raw && Errno::from_io_error(error) == Some(Errno::NOPROTOOPT)
}

/// Sends `asked` names, each another, and receives the first `read` answers.
fn ask(client: &mut Client<'_>, socket: &ClientSocket, asked: usize, read: usize) -> io::Result<Outcome> {
    let names: Vec<Vec<u8>> = (0..asked).map(|_| name(client, socket.kind)).collect();
    for name in &names {
        socket.send(name)?;
    }
    for name in names.iter().take(read) {
        let answer = socket.receive()?;
        if answer != welcome(name) {
            return Ok(Outcome::Broken(format!("received {:?}", String::from_utf8_lossy(&answer))));
        }
    }
    Ok(Outcome::AsPromised)
}

/// A name that no client had before. What ICMP gives back of a raw packet has to have eight bytes of it, or the kernel does
/// not find the socket that it is for.
fn name(client: &mut Client<'_>, kind: Kind) -> Vec<u8> {
    let least = if kind == Kind::Raw { 8 } else { 1 };
    let length = least + client.below(33);
    client.name_of(length)
}

fn visit(kind: Kind, outcome: io::Result<Outcome>, mut fates: Vec<Fate>) -> Visit {
    if outcome.as_ref().is_err_and(|error| had_no_room(kind, error)) {
        // The error does not say which packet it was, nor whether it was the only one.
        fates.fill(ANY_OR_LOST);
        fates[0] = LOST;
        return Visit { outcome: Outcome::Lost, fates };
    }
    let outcome = outcome.unwrap_or_else(|error| Outcome::Broken(format!("failed: {error}")));
    Visit { outcome, fates }
}
