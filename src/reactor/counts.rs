//! The counts of a service, folded over the arrows that its conversations take.

use std::fmt;
use std::marker::PhantomData;

use super::tables::stream;
use crate::machine::{ArrowOf, Diagram, Table};

/// What became of the clients so far. Every client that was accepted, and every datagram, is counted once: under an
/// outcome of the table, as [`refused`](Counts::refused), as [`broken`](Counts::broken), or as [`open`](Counts::open).
///
/// Shown as one line: `3 accepted: 2 done, 0 failed, 1 open; 0 lingered; 0 accept errors, 0 accept pauses`.
#[derive(PartialEq, Eq, Debug)]
pub struct Counts<T> {
    accepted: u64,
    arrows: Box<[u64]>,
    /// The arrows that streams took, beside the conversations on them.
    streams: [u64; stream::Machine::CELLS],
    refused: u64,
    broken: u64,
    /// The conversations that were ended by a breach, by the state that they stood in: each at the cell of the first arrow
    /// that leaves it.
    broken_at: Box<[u64]>,
    accept_errors: u64,
    pauses: u64,
    table: PhantomData<T>,
}

impl<T> Clone for Counts<T> {
    fn clone(&self) -> Self {
        Counts { arrows: self.arrows.clone(), broken_at: self.broken_at.clone(), ..*self }
    }
}

impl<T: Table> Default for Counts<T> {
    fn default() -> Self {
        Counts {
            accepted: 0,
            arrows: vec![0; T::CELLS].into(),
            streams: [0; stream::Machine::CELLS],
            refused: 0,
            broken: 0,
            broken_at: vec![0; T::CELLS].into(),
            accept_errors: 0,
            pauses: 0,
            table: PhantomData,
        }
    }
}

impl<T: Table> Counts<T> {
    /// Clients accepted, or datagrams received.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// How often conversations went along the arrow that leaves `state` on `event`.
    #[must_use]
    pub fn count(&self, state: T::State, event: T::Event) -> u64 {
        self.arrows.get(T::cell(state, event)).copied().unwrap_or_default()
    }

    /// How many clients this became of.
    #[must_use]
    pub fn outcome(&self, outcome: T::Outcome) -> u64 {
        T::cells_of(outcome).filter_map(|cell| self.arrows.get(cell)).sum()
    }

    /// Clients that have no outcome yet.
    #[must_use]
    pub fn open(&self) -> u64 {
        let decided: u64 = T::outcomes().map(|outcome| self.outcome(outcome)).sum();
        let decided = decided + self.refused + self.broken;
        debug_assert!(decided <= self.accepted, "a client is counted twice");
        self.accepted.saturating_sub(decided)
    }

    /// How often streams went along the arrow of [their own table](stream) that leaves `state` on `event`.
    #[must_use]
    pub fn stream(&self, state: stream::State, event: stream::Event) -> u64 {
        self.streams.get(stream::Machine::cell(state, event)).copied().unwrap_or_default()
    }

    /// Connections that lingered after their conversation.
    #[must_use]
    pub fn lingered(&self) -> u64 {
        self.stream(stream::State::Open, stream::Event::OverInputLeft)
            + self.stream(stream::State::Open, stream::Event::OverMuchSent)
    }

    /// Clients that were reset when they had been accepted, because their source had its share of the places
    /// ([`with_most_per_source`](super::Streams::with_most_per_source)).
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Connections that were ended before they had an outcome, because the service broke [the law](super::service).
    #[must_use]
    pub fn broken(&self) -> u64 {
        self.broken
    }

    /// Clients that were lost before they could be accepted, by an error of accept(2) that was theirs, and
    /// datagrams that could not be received.
    #[must_use]
    pub fn accept_errors(&self) -> u64 {
        self.accept_errors
    }

    /// How often accepting or receiving paused: the system was out of descriptors or memory, or forbade it, or could not watch
    /// a client. Or it gave nothing but errors.
    #[must_use]
    pub fn pauses(&self) -> u64 {
        self.pauses
    }

    /// Writes the counts to the log, under the name of the table.
    pub(crate) fn report(&self) {
        let title = T::diagrams().last().map_or("service", |Diagram { title, .. }| title);
        log::info!("counts of {title}: {self}");
    }

    pub(crate) fn client_accepted(&mut self) {
        self.accepted += 1;
    }

    pub(crate) fn client_refused(&mut self) {
        self.refused += 1;
    }

    pub(crate) fn arrow_taken(&mut self, arrow: ArrowOf<T>) {
        if let Some(count) = self.arrows.get_mut(T::cell(arrow.from, arrow.event)) {
            *count += 1;
        }
    }

    pub(crate) fn stream_moved(&mut self, arrow: stream::Arrow) {
        if let Some(count) = self.streams.get_mut(stream::Machine::cell(arrow.from, arrow.event)) {
            *count += 1;
        }
    }

    /// The conversation that stands in `state` is ended because the service broke the law.
    pub(crate) fn conversation_broken(&mut self, state: T::State) {
        self.broken += u64::from(!T::is_decided(state));
        let leaves = T::arrows().find(|arrow| arrow.from == state);
        let cell = leaves.map(|arrow| T::cell(arrow.from, arrow.event));
        if let Some(count) = cell.and_then(|cell| self.broken_at.get_mut(cell)) {
            *count += 1;
        }
    }

    /// How many conversations were ended by a breach where this arrow is the first that leaves.
    pub(crate) fn broken_before(&self, arrow: ArrowOf<T>) -> u64 {
        self.broken_at.get(T::cell(arrow.from, arrow.event)).copied().unwrap_or_default()
    }

    pub(crate) fn accept_failed(&mut self) {
        self.accept_errors += 1;
    }

    pub(crate) fn accept_paused(&mut self) {
        self.pauses += 1;
    }
}

impl<T: Table> fmt::Display for Counts<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} accepted: ", self.accepted)?;
        for outcome in T::outcomes() {
            write!(f, "{} {outcome}, ", self.outcome(outcome))?;
        }
        for (count, what) in [(self.refused, "refused"), (self.broken, "broken")] {
            if count > 0 {
                write!(f, "{count} {what}, ")?;
            }
        }
        let (open, lingered, Counts { accept_errors, pauses, .. }) = (self.open(), self.lingered(), self);
        write!(f, "{open} open; {lingered} lingered; {accept_errors} accept errors, {pauses} accept pauses")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(unreachable_pub, reason = "the macro declares what other modules use")]
    mod table {
        crate::machine! {
            "visit"
            states { Open = "open", Parting = "parting", Closed = "closed" }
            events { Done = "done", Left = "left", Failed = "failed" }
            outcomes { Done = "done", Failed = "failed" }
            table {
                Open    + Done   => Parting: Done,
                Parting + Left   => Closed,
                Open    + Failed => Closed: Failed,
            }
        }
    }
    use table::{Event, Machine, Outcome, State};

    /// One more client takes the arrows for these events. Gives where it stands.
    fn visit(counts: &mut Counts<Machine>, events: &[Event]) -> State {
        counts.client_accepted();
        let mut machine = Machine::new();
        for event in events {
            counts.arrow_taken(machine.on(*event).unwrap().unwrap());
        }
        machine.state()
    }

    #[test]
    fn a_client_is_counted_under_one_outcome_or_as_open() {
        let mut counts = Counts::default();
        for events in [&[Event::Done, Event::Left][..], &[Event::Done], &[Event::Failed], &[], &[]] {
            visit(&mut counts, events);
        }
        assert_eq!((counts.outcome(Outcome::Done), counts.outcome(Outcome::Failed)), (2, 1));
        assert_eq!((counts.accepted(), counts.open(), counts.broken()), (5, 2, 0));
        assert_eq!((counts.count(State::Open, Event::Done), counts.count(State::Open, Event::Left)), (2, 0));
    }

    #[test]
    fn a_breach_counts_a_client_that_has_no_outcome_yet() {
        let mut counts = Counts::default();
        let (parting, open) = (visit(&mut counts, &[Event::Done]), visit(&mut counts, &[]));
        counts.conversation_broken(parting);
        assert_eq!((counts.open(), counts.broken()), (1, 0), "it has an outcome");
        counts.conversation_broken(open);
        assert_eq!((counts.open(), counts.broken()), (0, 1));
    }

    #[test]
    fn streams_are_counted_beside_the_conversations() {
        let mut counts = Counts::<Machine>::default();
        for events in
            [&[stream::Event::OverInputLeft, stream::Event::EndOfInput][..], &[stream::Event::OverMuchSent]]
        {
            let mut machine = stream::Machine::new();
            for event in events {
                counts.stream_moved(machine.on(*event).unwrap().unwrap());
            }
        }
        assert_eq!(counts.lingered(), 2);
        let ended = (stream::State::Lingering, stream::Event::EndOfInput);
        assert_eq!((counts.stream(ended.0, ended.1), counts.accepted()), (1, 0));
    }

    #[test]
    fn the_counts_are_one_line_and_name_what_was_broken() {
        let mut counts = Counts::default();
        let [_, _, open] = [&[Event::Done][..], &[], &[]].map(|events| visit(&mut counts, events));
        counts.accept_failed();
        let line = "3 accepted: 1 done, 0 failed, 2 open; 0 lingered; 1 accept errors, 0 accept pauses";
        assert_eq!(counts.to_string(), line);
        counts.conversation_broken(open);
        counts.client_accepted();
        counts.client_refused();
        let line = "4 accepted: 1 done, 0 failed, 1 refused, 1 broken, 1 open; 0 lingered; 1 accept errors, 0 accept pauses";
        assert_eq!(counts.to_string(), line);
        assert_eq!(counts.clone(), counts);
    }
}
