//! Other ways to write the same server, to be measured beside it.
//!
//! All do the same work: read a name of up to 1,024 bytes, answer `welcome `, close. None logs, none has deadlines, and an
//! error only ends that client.

mod floor;
mod lab;
mod null;
mod plain_mio;
mod reply;
mod threads;
mod tokio;

use std::io;
use std::net::TcpListener;
use std::process::Command;

use clap::ValueEnum as _;

use crate::system::tied;

/// How many clients may wait to be accepted, as with `welcomed`.
const BACKLOG: i32 = 4096;

/// A peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Peer {
    /// A plain C-style epoll loop.
    Floor,
    /// The same, with the calls that let no client lose its answer.
    SafeFloor,
    /// The lab report's blocking loop.
    Lab,
    /// Next to nothing, to see what the generator can do.
    Null,
    /// A thread for each connection.
    Threads,
    /// The textbook's mio loop.
    PlainMio,
    /// Tokio's current-thread runtime.
    Tokio,
}

/// The variable that makes this program a peer, by its name.
const ASKED: &str = "WELCOMED_LOAD_PEER";

impl Peer {
    /// The command that starts this program again, as the peer. It ends with this process.
    pub(crate) fn command(self) -> Command {
        let name = self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let mut command = tied::this_program();
        command.env(ASKED, &name);
        command
    }

    /// Serves as the peer that the environment names, if it names one. Returns only with an error.
    pub(crate) fn serve_if_asked() -> Option<io::Result<()>> {
        let peer = std::env::var(ASKED).ok()?;
        Some(Peer::from_str(&peer, false).map_err(io::Error::other).and_then(Peer::serve))
    }

    /// Serves for ever. Its address is a line on standard output.
    #[expect(clippy::print_stdout, reason = "its parent reads it")]
    fn serve(self) -> io::Result<()> {
        tied::tie()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        rustix::net::listen(&listener, BACKLOG)?;
        println!("{}", listener.local_addr()?);
        match self {
            Peer::Floor => floor::serve(&listener, floor::End::Close),
            Peer::SafeFloor => floor::serve(&listener, floor::End::ShutdownAndClose),
            Peer::Lab => lab::serve(&listener),
            Peer::Null => null::serve(&listener),
            Peer::Threads => threads::serve(&listener),
            Peer::PlainMio => plain_mio::serve(listener),
            Peer::Tokio => tokio::serve(listener),
        }
    }
}
