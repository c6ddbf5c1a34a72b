//! What clients do with datagrams, and what they expect.
//!
//! Nothing is lost on the way inside a machine, as long as the buffers have room. So each visit waits for a welcome, and few
//! datagrams are under way at a time.

use std::io;

use welcomed::net::Kind;

use super::client::{Client, welcome};
use super::sockets::{ClientSocket, nameless};
use super::visit::{ECHO, Fate, LEFT, Outcome, UNANSWERABLE, Visit, WELCOMED};

/// Sends a name and receives the welcome.
pub(crate) fn asks_once(client: &mut Client<'_>, kind: Kind) -> Visit {
    let outcome = client.connect(kind).and_then(|socket| ask(client, &socket, 1, 1));
    visit(outcome, vec![WELCOMED])
}

/// Sends two names before it receives the two welcomes.
pub(crate) fn asks_twice(client: &mut Client<'_>, kind: Kind) -> Visit {
    let outcome = client.connect(kind).and_then(|socket| ask(client, &socket, 2, 2));
    visit(outcome, vec![WELCOMED; 2])
}

/// Leaves two of three welcomes unread until it is gone.
pub(crate) fn leaves_unread(client: &mut Client<'_>, kind: Kind) -> Visit {
    let outcome = client.connect(kind).and_then(|socket| {
        let outcome = ask(client, &socket, 3, 1);
        client.pause(20_000, 200_000);
        outcome
    });
    visit(outcome, vec![WELCOMED, left(kind), left(kind)])
}

/// Goes away before its answer. Its next socket is answered.
pub(crate) fn is_gone(client: &mut Client<'_>, kind: Kind) -> Visit {
    let name = client.name();
    let gone = client.connect(kind).and_then(|socket| socket.send(&name));
    let outcome = gone.and_then(|()| ask(client, &client.connect(kind)?, 1, 1));
    visit(outcome, vec![left(kind), WELCOMED])
}

/// Sends from a socket without a name. Its next socket is answered.
pub(crate) fn unnamed(client: &mut Client<'_>, kind: Kind) -> Visit {
    let name = client.name();
    let sent = nameless(client.server(kind)).and_then(|socket| socket.send(&name));
    let outcome = sent.and_then(|_| ask(client, &client.connect(kind)?, 1, 1));
    visit(outcome, vec![UNANSWERABLE, WELCOMED])
}

/// Sends a welcome, and then a name.
pub(crate) fn echo(client: &mut Client<'_>, kind: Kind) -> Visit {
    let echo = welcome(&client.name());
    let outcome = client.connect(kind).and_then(|socket| {
        socket.send(&echo)?;
        ask(client, &socket, 1, 1)
    });
    visit(outcome, vec![ECHO, WELCOMED])
}

/// The fate of a datagram whose client may have gone before the answer. Over the Internet the server does not notice.
fn left(kind: Kind) -> Fate {
    if kind == Kind::UnixGram { LEFT } else { WELCOMED }
}

/// Sends `asked` names, each another, and receives the first `read` answers.
fn ask(client: &mut Client<'_>, socket: &ClientSocket, asked: usize, read: usize) -> io::Result<Outcome> {
    let names: Vec<Vec<u8>> = (0..asked).map(|_| client.name()).collect();
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

fn visit(outcome: io::Result<Outcome>, fates: Vec<Fate>) -> Visit {
    let outcome = outcome.unwrap_or_else(|error| Outcome::Broken(format!("failed: {error}")));
    Visit { outcome, fates }
}
