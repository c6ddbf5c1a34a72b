//! The one oracle for a name in pieces. A stream puts the pieces together, a connection with boundaries takes the
//! first record, and every datagram is a name.

use rustix::process::Signal;
use welcomed::net::Kind;

use super::all_kinds::AllKindsServer;
use super::client::Client;
use super::counts::Counts;

/// The same name, cut in different ways.
const CUTS: [&[&str]; 4] =
    [&["Rafatul"], &["Rafa", "tul"], &["R", "a", "f", "a", "t", "u", "l"], &["Rafatu", "l"]];

/// Fails unless the pieces make the names that the semantics of `kind` say, and each name gets its welcome.
pub(crate) fn make_the_names_of_the_kind(server: &AllKindsServer, kind: Kind) {
    let mut names = 0;
    for pieces in CUTS {
        server.signal(Signal::STOP);
        let client = Client::new(server, kind);
        send(&client, pieces);
        server.signal(Signal::CONT);
        names += receive_welcomes(&client, pieces);
        if !kind.semantics().boundaries {
            // Without a standstill a piece can arrive alone.
            let client = Client::new(server, kind);
            send(&client, pieces);
            names += receive_welcomes(&client, pieces);
        }
    }
    let counts = Counts::of(server);
    counts.add_up_to(names);
    assert_eq!(counts.get("welcomed"), names);
}

/// Sends the pieces and, over a stream, the line end, in pieces as well.
fn send(client: &Client, pieces: &[&str]) {
    let end: &[&str] = if client.kind.semantics().boundaries { &[] } else { &["\r", "\n"] };
    for piece in pieces.iter().chain(end) {
        client.send(piece.as_bytes());
    }
}

/// Receives the welcome of each name that the pieces make. Gives the count of names.
fn receive_welcomes(client: &Client, pieces: &[&str]) -> u64 {
    let semantics = client.kind.semantics();
    let names: Vec<String> = match (semantics.connections, semantics.boundaries) {
        (_, false) => vec![pieces.concat()],
        (true, true) => vec![pieces[0].to_owned()],
        (false, true) => pieces.iter().map(ToString::to_string).collect(),
    };
    for name in &names {
        assert_eq!(client.receive(), format!("Hello, {name}!"), "{pieces:?}");
    }
    names.len() as u64
}
