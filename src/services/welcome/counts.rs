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
            "{} accepted: {} welcomed ({} lingered), {} without a name, {} timed out, {} failed, {} stopped, ",
            streams.accepted() + datagrams.accepted(),
            streams.outcome(Of::Welcomed) + datagrams.outcome(OfDatagram::Welcomed),
            streams.lingered(),
            streams.outcome(Of::WithoutName),
            streams.outcome(Of::TimedOut),
            streams.outcome(Of::Failed) + datagrams.outcome(OfDatagram::Failed),
            streams.outcome(Of::Stopped),
        )?;
        if streams.refused() > 0 {
            write!(f, "{} refused, ", streams.refused())?;
        }
        write!(
            f,
            "{} open; {} dropped, {} unanswerable, {} echoes; {} accept errors, {} accept pauses",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Table;

    /// So many more clients take the arrows for these events.
    fn visit<T: Table>(counts: &mut Counts<T>, clients: u64, events: &[T::Event]) {
        for _ in 0..clients {
            counts.client_accepted();
            let mut from = T::START;
            for &event in events {
                let to = T::leads_to(from, event).unwrap();
                counts.arrow_taken(crate::machine::Arrow { from, event, to });
                from = to;
            }
        }
    }

    #[test]
    fn each_count_of_both_services_is_said_once() {
        use connection::{Event, State};
        use datagram::Event as Of;
        let mut streams = Counts::<connection::Machine>::default();
        for (clients, events) in [
            (1, &[Event::LineEnd, Event::WelcomeSent][..]),
            (2, &[Event::NoName]),
            (3, &[Event::Deadline]),
            (4, &[Event::Failed]),
            (5, &[Event::Stopped]),
            (13, &[]),
        ] {
            visit(&mut streams, clients, events);
        }
        let mut datagrams = Counts::<datagram::Machine>::default();
        for (clients, event) in
            [(10, Of::WelcomeSent), (20, Of::NoRoom), (30, Of::NoReturnAddress), (50, Of::Failed)]
        {
            visit(&mut datagrams, clients, &[Of::Record, event]);
        }
        visit(&mut datagrams, 40, &[Of::Echo]);
        let both = Both::of(&streams, &datagrams).to_string();
        assert!(both.ends_with(
            ", 13 open; 20 dropped, 30 unanswerable, 40 echoes; 0 accept errors, 0 accept pauses"
        ));

        streams.client_refused();
        streams.conversation_broken(State::ReadingName);
        let both = Both::of(&streams, &datagrams).to_string();
        assert!(both.contains(" 5 stopped, 1 refused, ") && both.ends_with("; 1 broken"), "{both}");

        (0..6).for_each(|_| streams.conversation_broken(State::ReadingName));
        (0..70).for_each(|_| streams.client_accepted());
        (0..69).for_each(|_| streams.client_refused());
        visit(&mut datagrams, 60, &[]);
        (0..60).for_each(|_| datagrams.conversation_broken(datagram::State::ReadingName));
        (0..9).for_each(|_| streams.accept_failed());
        (0..90).for_each(|_| datagrams.accept_failed());
        (0..11).for_each(|_| streams.accept_paused());
        (0..110).for_each(|_| datagrams.accept_paused());
        assert_eq!(
            Both::of(&streams, &datagrams).to_string(),
            "308 accepted: 11 welcomed (0 lingered), 2 without a name, 3 timed out, 54 failed, 5 stopped, 70 refused, 6 open; \
             20 dropped, 30 unanswerable, 40 echoes; 99 accept errors, 121 accept pauses; 67 broken"
        );
    }
}
