//! The welcome protocol: what a client sends, and what the answer has to be. No other file imports the protocol.

use std::io::{self, ErrorKind};

use welcomed::client::request;
use welcomed::net::Kind;

pub use welcomed::client::Terminator;
pub(crate) use welcomed::client::Visit;
pub(crate) use welcomed::client::table::{Event, State};
pub use welcomed::services::welcome::Welcome;

/// Fails with the reason if no client can send this name to a server of this kind, however it ends.
pub(crate) fn check(name: &[u8], kind: Kind) -> io::Result<()> {
    let bytes = request(name, kind, Terminator::usual(kind));
    bytes.map(drop).map_err(|why| io::Error::new(ErrorKind::InvalidInput, why))
}

/// The requests of a run, taken in turn, each with the reply it should get.
#[derive(Clone, Debug)]
pub(crate) struct Names(Vec<(Vec<u8>, Vec<u8>)>);

impl Names {
    /// The clients of a server of this kind: they are called `names` and should be answered with `welcome`.
    pub(crate) fn new(
        names: &[Vec<u8>],
        kind: Kind,
        terminator: Terminator,
        welcome: &Welcome,
    ) -> io::Result<Names> {
        if names.is_empty() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "there is no name"));
        }
        let visits = names.iter().map(|name| {
            let bytes = request(name, kind, terminator)
                .map_err(|why| io::Error::new(ErrorKind::InvalidInput, why))?;
            Ok((bytes, welcome.to(name)))
        });
        visits.collect::<io::Result<_>>().map(Names)
    }

    /// The one request of all visits, whatever it is, and the reply it should get.
    pub(crate) fn fixed(request: Vec<u8>, expected: Vec<u8>) -> Names {
        Names(vec![(request, expected)])
    }

    /// The request and the expected reply of visit number `serial`.
    pub(crate) fn visit(&self, serial: u64) -> (Vec<u8>, Vec<u8>) {
        let index = usize::try_from(serial).unwrap_or_default() % self.0.len().max(1);
        self.0.get(index).cloned().unwrap_or_default()
    }
}
