//! The record: what conversations did of late, in a fixed number of bytes.
//!
//! The events of all conversations stand one behind the other in one ring, each with the number of its conversation. So an
//! idle connection costs nothing there, nothing is written twice, and nothing is allocated.

#![allow(
    clippy::inline_always,
    reason = "each event is known where it is written: a visit costs 300 instructions less"
)]

use std::time::Instant;

use super::event::{Event, is_beginning, service_of};
use super::ring::{Entry, Head, Place, Ring};
use crate::net::Peer;
use crate::text::Escaped;

/// The most bytes of a record. To list the slowest or the failed is to look through all of it: 1.3 ms for each MiB
/// (`cargo test --release --test stories cost -- --ignored --nocapture`), and the loop waits for that.
pub const RECORD_MAX_BYTES: usize = 16 * 1024 * 1024;

/// The record.
#[derive(Debug)]
pub(super) struct Record {
    ring: Ring,
    /// Whether names and addresses are kept.
    pub(super) keeps_names: bool,
    /// The first moment there was, and the last, which is so many microseconds later.
    clock: Option<(Instant, Instant)>,
    last_micros: u64,
}

impl Record {
    pub(super) fn new(bytes: usize, keeps_names: bool) -> Record {
        let ring = Ring::new(bytes.min(RECORD_MAX_BYTES));
        Record { ring, keeps_names, clock: None, last_micros: 0 }
    }

    /// A moment as microseconds since the first there was. One that is before the last counts as that.
    #[inline(always)]
    pub(super) fn look(&mut self, at: Instant) -> u64 {
        let (start, last) = self.clock.get_or_insert((at, at));
        if at > *last {
            *last = at;
            self.last_micros = micros_between(*start, at);
        }
        self.last_micros
    }

    /// The last moment.
    #[inline]
    pub(super) fn last_look(&self) -> u64 {
        self.last_micros
    }

    /// The same as [`look`](Record::look), and nothing is changed.
    pub(super) fn micros(&self, at: Instant) -> u64 {
        self.clock.map_or(0, |(start, _)| micros_between(start, at)).max(self.last_micros)
    }

    /// Something happens to a conversation.
    #[inline(always)]
    pub(super) fn write(&mut self, service: u8, head: Head, event: &Event<'_>) {
        self.ring.push(head, event.tag(service), |bytes| event.put(bytes));
    }

    /// How many bytes it may have, and has.
    pub(super) fn bytes(&self) -> (usize, usize) {
        (self.ring.capacity(), self.ring.used())
    }

    /// The last block from which on so many conversations begin, or the first.
    pub(super) fn block_of(&self, beginnings: usize) -> usize {
        let mut begin = 0;
        for block in (0..self.ring.blocks()).rev() {
            self.ring.for_each(block..block + 1, |entry| begin += usize::from(is_beginning(entry.tag)));
            if begin >= beginnings {
                return block;
            }
        }
        0
    }

    /// Shows what happened from a block on, in turn: whose it was and when, by which service it was served, and where it
    /// stands.
    pub(super) fn for_each(&self, block: usize, mut see: impl FnMut(Head, u8, Event<'_>, Place)) {
        self.ring.for_each(block..self.ring.blocks(), |entry| {
            let event = Event::read(entry.tag, entry.content);
            debug_assert!(event.is_some(), "an entry that cannot be read");
            if let Some(event) = event {
                see(entry.head, service_of(entry.tag), event, entry.place);
            }
        });
    }

    /// Shows what happened to one conversation.
    pub(super) fn for_each_of(&self, number: u64, mut see: impl FnMut(u64, u8, Event<'_>, Place)) {
        self.ring.for_each(0..self.ring.blocks(), |entry| {
            if entry.head.number == number
                && let Some(event) = Event::read(entry.tag, entry.content)
            {
                see(entry.head.micros, service_of(entry.tag), event, entry.place);
            }
        });
    }

    /// The peer of the conversation that begins at this place.
    pub(super) fn peer_at(&self, place: Place) -> Option<Peer> {
        let peer = |entry: Entry<'_>| match Event::read(entry.tag, entry.content) {
            Some(Event::Began { peer, .. }) => Peer::unpack(peer),
            Some(_) | None => None,
        };
        self.ring.at(place, peer).flatten()
    }

    /// The bytes that came at this place, if they are kept.
    pub(super) fn said_at(&self, place: Place) -> Option<String> {
        let said = |entry: Entry<'_>| match Event::read(entry.tag, entry.content) {
            Some(Event::Bytes { text, .. } | Event::Record { text, .. }) if !text.is_empty() => {
                Some(Escaped(text.trim_ascii_end()).to_string())
            }
            Some(_) | None => None,
        };
        self.ring.at(place, said).flatten()
    }
}

#[inline]
fn micros_between(start: Instant, at: Instant) -> u64 {
    let since = at.saturating_duration_since(start);
    since.as_secs().saturating_mul(1_000_000).saturating_add(since.subsec_micros().into())
}
