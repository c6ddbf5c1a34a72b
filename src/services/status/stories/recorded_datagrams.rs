//! A service of datagrams whose conversations are recorded.

use super::event::{Event, Told};
use super::ledger::SharedLedger;
use super::mark::Mark;
use super::recorded::{kept, length};
use super::words::Words;
use crate::machine::{ArrowOf, Moved, Table};
use crate::net::Peer;
use crate::reactor::service::{DatagramService, News};

/// Serves as `S` does, and keeps a [`Ledger`](super::Ledger) of its datagrams.
///
/// Each is answered in the turn in which it was received, and that costs no look at the clock: its steps have the moment
/// at which the turn began.
#[derive(Debug)]
pub struct RecordedDatagrams<S: DatagramService> {
    service: S,
    ledger: SharedLedger,
    words: Words,
    number: u8,
    keeps_names: bool,
}

/// A datagram's session, and what is remembered for its record.
#[derive(Default, Debug)]
pub struct RecordedDatagram<S> {
    mark: Mark,
    session: S,
}

impl<S: DatagramService> RecordedDatagrams<S> {
    /// The same service, recorded. These outcomes of its table are failures.
    pub fn new(service: S, ledger: &SharedLedger, failures: &[<S::Table as Table>::Outcome]) -> Self {
        let words = Words::of::<S::Table>(failures, Vec::new(), false);
        let number = ledger.write().add(words.clone());
        let keeps_names = ledger.read().record.keeps_names;
        RecordedDatagrams { service, ledger: ledger.clone(), words, number, keeps_names }
    }

    /// The service itself.
    pub fn service(&self) -> &S {
        &self.service
    }

    /// The ledger.
    pub fn ledger(&self) -> &SharedLedger {
        &self.ledger
    }
}

impl<S: DatagramService> DatagramService for RecordedDatagrams<S> {
    type Session = RecordedDatagram<S::Session>;
    type Table = S::Table;

    fn room(&self) -> usize {
        self.service.room()
    }

    fn answer<'a>(&'a self, session: &'a Self::Session) -> Option<&'a [u8]> {
        self.service.answer(&session.session)
    }

    fn on(&mut self, session: &mut Self::Session, news: News<'_>) -> Moved<S::Table> {
        let RecordedDatagram { mark, session } = session;
        let sent = if news == News::Sent { self.service.answer(session).map_or(0, length) } else { 0 };
        let moved = self.service.on(session, news);
        let led = self.words.led::<S::Table>(&moved);
        let mut ledger = self.ledger.write();
        let mut now = None;
        let event = match news {
            News::Received { bytes, truncated, peer, socket, now: received } => {
                now = Some(received);
                *mark = ledger.begin(self.number, socket, peer, received);
                Event::Record { bytes: length(bytes), truncated, text: kept(bytes, self.keeps_names), led }
            }
            News::Sent => Event::Sent { bytes: sent, led },
            News::NoRoom => Event::Told { what: Told::NoRoom, led },
            News::NoReturnAddress => Event::Told { what: Told::NoReturnAddress, led },
            News::ForMany => Event::Told { what: Told::ForMany, led },
            News::Failed => Event::Told { what: Told::SendingFailed, led },
        };
        ledger.step(self.number, mark, event, now);
        moved
    }

    fn on_transition(&mut self, session: &Self::Session, arrow: ArrowOf<S::Table>, peer: &Peer) {
        self.service.on_transition(&session.session, arrow, peer);
    }
}
