//! What is said of the clients of both services together.

use std::fmt;

use super::tables::{connection, datagram};
use crate::reactor::Counts;

/// The counts of both services, as the log says them.
///
/// Every accepted client, and every datagram, is counted once. An open client is one whose welcome is still to come.
#[derive(Clone, Copy)]
pub struct Both<'a> {
    streams: &'a Counts<connection::Machine>,
    datagrams: &'a Counts<datagram::Machine>,
}

impl<'a> Both<'a> {
    /// The counts of these two.
    #[must_use]
    pub fn of(streams: &'a Counts<connection::Machine>, datagrams: &'a Counts<datagram::Machine>) -> Self {
        Both { streams, datagrams }
    }

    /// Writes the counts to the log. They are asked for, so `logging` lets this module's lines pass even
    /// when it is told to be quiet.
    pub fn report(&self) {
        log::info!("counts: {self}");
    }
}

impl fmt::Display for Both<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use connection::Outcome as Of;
        use datagram::Outcome as OfDatagram;
        let Both { streams, datagrams } = self;
        write!(
            f,
            "{} accepted: {} welcomed ({} lingered), {} without a name, {} timed out, {} failed, {} stopped, {} open; \
             {} dropped, {} unanswerable, {} echoes; {} accept errors, {} accept pauses",
            streams.accepted() + datagrams.accepted(),
            streams.outcome(Of::Welcomed) + datagrams.outcome(OfDatagram::Welcomed),
            streams.lingered(),
            streams.outcome(Of::WithoutName),
            streams.outcome(Of::TimedOut),
            streams.outcome(Of::Failed) + datagrams.outcome(OfDatagram::Failed),
            streams.outcome(Of::Stopped),
            streams.open(),
            datagrams.outcome(OfDatagram::Dropped),
            datagrams.outcome(OfDatagram::Unanswerable),
            datagrams.outcome(OfDatagram::Echo),
            streams.accept_errors() + datagrams.accept_errors(),
            streams.pauses() + datagrams.pauses(),
        )?;
        let broken = streams.broken() + datagrams.broken();
        if broken > 0 { write!(f, "; {broken} broken") } else { Ok(()) }
    }
}
