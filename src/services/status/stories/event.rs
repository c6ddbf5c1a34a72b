//! What is written down of a conversation: events, as a few bytes each.

#![allow(
    clippy::inline_always,
    reason = "each event is known where it is written: a visit costs 300 instructions less"
)]

use super::ring::CONTENT_MAX_BYTES;
use super::varint::{put, take};
use super::writer::Writer;
use crate::kernel::Interest;
use crate::net::PACKED_MAX_BYTES;
use crate::reactor::service::Wait;
use crate::reactor::tables::stream;

/// The most bytes that are kept of what a client says at a time.
pub(super) const TEXT_MAX_BYTES: usize = 64;

const _: () =
    assert!(1 + 5 * 10 + TEXT_MAX_BYTES <= CONTENT_MAX_BYTES && PACKED_MAX_BYTES < CONTENT_MAX_BYTES);

/// What came of an event: nothing, an arrow by its number in the table, or an event without an arrow.
pub(super) type Led = Option<u8>;

/// Something that happened to a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event<'a> {
    /// Its client was accepted, or its datagram came, at this socket; the peer is packed.
    Began { socket: u8, peer: &'a [u8] },
    /// Of the bytes that lay untaken so many were taken, which begin like this.
    Bytes { offered: u64, taken: u64, text: &'a [u8], led: Led },
    /// A record, or a datagram, of so many bytes came, which begins like this.
    Record { bytes: u64, truncated: bool, text: &'a [u8], led: Led },
    /// The end of input, with so many bytes untaken.
    End { untaken: u64, led: Led },
    /// An output of so many bytes left.
    Sent { bytes: u64, led: Led },
    /// The timer over this wait has run out.
    Elapsed { wait: Wait, led: Led },
    /// It was told this.
    Told { what: Told, led: Led },
    /// The loop turned to it when it had waited.
    Woken,
    /// It has to wait; of an output of so many bytes so many have left.
    Waits { interest: Interest, sent: u64, bytes: u64 },
    /// Its stream goes on without it.
    Lingers { stream: stream::Event },
    /// Its stream is closed, on this event. It has lasted so long, and had an outcome.
    Closed { stream: stream::Event, outcome: Option<u8>, socket: u8, lasted: u64 },
}

/// What a conversation is told without more words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    Stopping,
    Stopped,
    Failed,
    Reset,
    GaveUp,
    NoRoom,
    NoReturnAddress,
    ForMany,
    SendingFailed,
}

impl Told {
    const ALL: [Told; 9] = [
        Told::Stopping,
        Told::Stopped,
        Told::Failed,
        Told::Reset,
        Told::GaveUp,
        Told::NoRoom,
        Told::NoReturnAddress,
        Told::ForMany,
        Told::SendingFailed,
    ];
}

const BEGAN: u8 = 0;
const BYTES: u8 = 1;
const RECORD: u8 = 2;
const END: u8 = 3;
const SENT: u8 = 4;
const ELAPSED: u8 = 5;
const TOLD: u8 = 6;
const WOKEN: u8 = 7;
const WAITS: u8 = 8;
const LINGERS: u8 = 9;
const CLOSED: u8 = 10;

/// The services that an event can tell apart.
pub(super) const SERVICES: u8 = 16;

/// The number of no arrow, and of no outcome.
const NONE: u8 = u8::MAX;

impl Event<'_> {
    /// The tag of this event of a service.
    #[inline(always)]
    pub(super) fn tag(&self, service: u8) -> u8 {
        let kind = match self {
            Event::Began { .. } => BEGAN,
            Event::Bytes { .. } => BYTES,
            Event::Record { .. } => RECORD,
            Event::End { .. } => END,
            Event::Sent { .. } => SENT,
            Event::Elapsed { .. } => ELAPSED,
            Event::Told { .. } => TOLD,
            Event::Woken => WOKEN,
            Event::Waits { .. } => WAITS,
            Event::Lingers { .. } => LINGERS,
            Event::Closed { .. } => CLOSED,
        };
        (kind << 4) | (service % SERVICES)
    }

    /// Writes what the tag does not say.
    #[inline(always)]
    pub(super) fn put(&self, to: &mut Writer<'_>) {
        match *self {
            Event::Began { socket, peer } => {
                to.push(socket);
                to.extend(peer.get(..PACKED_MAX_BYTES).unwrap_or(peer));
            }
            Event::Bytes { offered, taken, text, led } => {
                to.push(led.unwrap_or(NONE));
                put(to, offered);
                put(to, offered.saturating_sub(taken));
                to.extend(beginning(text));
            }
            Event::Record { bytes, truncated, text, led } => {
                to.extend(&[led.unwrap_or(NONE), truncated.into()]);
                put(to, bytes);
                to.extend(beginning(text));
            }
            Event::End { untaken: number, led } | Event::Sent { bytes: number, led } => {
                to.push(led.unwrap_or(NONE));
                put(to, number);
            }
            Event::Elapsed { wait, led } => to.extend(&[led.unwrap_or(NONE), wait]),
            Event::Told { what, led } => to.extend(&[led.unwrap_or(NONE), what as u8]),
            Event::Woken => {}
            Event::Waits { interest, sent, bytes } => {
                to.push((interest == Interest::Writable).into());
                if interest == Interest::Writable {
                    put(to, sent);
                    put(to, bytes);
                }
            }
            Event::Lingers { stream } => to.push(stream as u8),
            Event::Closed { stream, outcome, socket, lasted } => {
                to.extend(&[stream as u8, outcome.unwrap_or(NONE), socket]);
                put(to, lasted);
            }
        }
    }
}

impl<'a> Event<'a> {
    /// The same without its text, and so much of the text as is kept.
    #[inline(always)]
    pub(super) fn parted(self) -> (Event<'static>, &'a [u8]) {
        match self {
            Event::Began { socket, peer } => (Event::Began { socket, peer: &[] }, peer),
            Event::Bytes { offered, taken, text, led } => {
                (Event::Bytes { offered, taken, text: &[], led }, beginning(text))
            }
            Event::Record { bytes, truncated, text, led } => {
                (Event::Record { bytes, truncated, text: &[], led }, beginning(text))
            }
            Event::End { untaken, led } => (Event::End { untaken, led }, &[]),
            Event::Sent { bytes, led } => (Event::Sent { bytes, led }, &[]),
            Event::Elapsed { wait, led } => (Event::Elapsed { wait, led }, &[]),
            Event::Told { what, led } => (Event::Told { what, led }, &[]),
            Event::Woken => (Event::Woken, &[]),
            Event::Waits { interest, sent, bytes } => (Event::Waits { interest, sent, bytes }, &[]),
            Event::Lingers { stream } => (Event::Lingers { stream }, &[]),
            Event::Closed { stream, outcome, socket, lasted } => {
                (Event::Closed { stream, outcome, socket, lasted }, &[])
            }
        }
    }

    /// The same with this text, if it is one that has a text.
    #[inline(always)]
    pub(super) fn with(self, text: &'a [u8]) -> Event<'a> {
        match self {
            Event::Began { socket, .. } => Event::Began { socket, peer: text },
            Event::Bytes { offered, taken, led, .. } => Event::Bytes { offered, taken, text, led },
            Event::Record { bytes, truncated, led, .. } => Event::Record { bytes, truncated, text, led },
            Event::End { .. }
            | Event::Sent { .. }
            | Event::Elapsed { .. }
            | Event::Told { .. }
            | Event::Woken
            | Event::Waits { .. }
            | Event::Lingers { .. }
            | Event::Closed { .. } => self,
        }
    }
}

/// The service of an event with this tag.
pub(super) fn service_of(tag: u8) -> u8 {
    tag % SERVICES
}

/// Whether that is the tag of a beginning.
pub(super) fn is_beginning(tag: u8) -> bool {
    tag >> 4 == BEGAN
}

impl<'a> Event<'a> {
    /// What was written, if it was written here.
    pub(super) fn read(tag: u8, mut rest: &'a [u8]) -> Option<Event<'a>> {
        let rest = &mut rest;
        Some(match tag >> 4 {
            BEGAN => Event::Began { socket: byte(rest)?, peer: rest },
            BYTES => {
                let (led, offered, untaken) = (number(rest), take(rest)?, take(rest)?);
                Event::Bytes { offered, taken: offered.checked_sub(untaken)?, text: rest, led }
            }
            RECORD => {
                let (led, truncated, bytes) = (number(rest), byte(rest)? != 0, take(rest)?);
                Event::Record { bytes, truncated, text: rest, led }
            }
            END => Event::End { led: number(rest), untaken: take(rest)? },
            SENT => Event::Sent { led: number(rest), bytes: take(rest)? },
            ELAPSED => Event::Elapsed { led: number(rest), wait: byte(rest)? },
            TOLD => Event::Told { led: number(rest), what: *Told::ALL.get(usize::from(byte(rest)?))? },
            WOKEN => Event::Woken,
            WAITS if byte(rest)? == 0 => Event::Waits { interest: Interest::Readable, sent: 0, bytes: 0 },
            WAITS => Event::Waits { interest: Interest::Writable, sent: take(rest)?, bytes: take(rest)? },
            LINGERS => Event::Lingers { stream: stream_event(rest)? },
            CLOSED => Event::Closed {
                stream: stream_event(rest)?,
                outcome: number(rest),
                socket: byte(rest)?,
                lasted: take(rest)?,
            },
            _ => return None,
        })
    }

    /// The arrow that it led along.
    pub(super) fn led(&self) -> Led {
        match *self {
            Event::Bytes { led, .. }
            | Event::Record { led, .. }
            | Event::End { led, .. }
            | Event::Sent { led, .. }
            | Event::Elapsed { led, .. }
            | Event::Told { led, .. } => led,
            Event::Began { .. }
            | Event::Woken
            | Event::Waits { .. }
            | Event::Lingers { .. }
            | Event::Closed { .. } => None,
        }
    }
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (byte, after) = rest.split_first()?;
    *rest = after;
    Some(*byte)
}

/// The number of an arrow, or of an outcome, if there is one. Where nothing is written there is none.
fn number(rest: &mut &[u8]) -> Led {
    byte(rest).filter(|number| *number != NONE)
}

fn stream_event(rest: &mut &[u8]) -> Option<stream::Event> {
    stream::Event::ALL.get(usize::from(byte(rest)?)).copied()
}

/// As much of a text as is kept.
#[inline(always)]
fn beginning(text: &[u8]) -> &[u8] {
    text.get(..TEXT_MAX_BYTES).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(event: &Event<'_>) -> Vec<u8> {
        let mut bytes = [0; u8::MAX as usize];
        let mut writer = Writer::new(&mut bytes);
        writer.push(0);
        event.put(&mut writer);
        let length = writer.end().unwrap();
        bytes[1..length].to_vec()
    }

    #[test]
    fn every_event_is_read_back_as_it_was_written() {
        let text = b"Rafatul\n";
        let streams = stream::Event::ALL;
        let mut events = vec![
            Event::Began { socket: 255, peer: b"" },
            Event::Began { socket: 1, peer: &[1, 2, 3] },
            Event::Woken,
            Event::Waits { interest: Interest::Readable, sent: 0, bytes: 0 },
            Event::Waits { interest: Interest::Writable, sent: 70_000, bytes: u64::MAX },
        ];
        for led in [None, Some(0), Some(254)] {
            events.extend([
                Event::Bytes { offered: 9, taken: 8, text, led },
                Event::Bytes { offered: u64::MAX, taken: 0, text: b"", led },
                Event::Record { bytes: 8, truncated: true, text, led },
                Event::End { untaken: 300, led },
                Event::Sent { bytes: 1 << 33, led },
                Event::Elapsed { wait: 254, led },
            ]);
            events.extend(Told::ALL.map(|what| Event::Told { what, led }));
            events.extend(streams.iter().map(|&stream| Event::Lingers { stream }));
            let closed = |&stream| Event::Closed { stream, outcome: led, socket: 2, lasted: u64::MAX };
            events.extend(streams.iter().map(closed));
        }
        for event in events {
            let bytes = written(&event);
            let tag = event.tag(15);
            assert!(bytes.len() <= CONTENT_MAX_BYTES);
            assert_eq!((Event::read(tag, &bytes), service_of(tag)), (Some(event), 15));
            assert_eq!(is_beginning(tag), matches!(event, Event::Began { .. }));
        }
    }

    #[test]
    fn of_a_long_text_the_beginning_is_kept() {
        let event = Event::Bytes { offered: 1024, taken: 1000, text: &[b'x'; 1000], led: None };
        let bytes = written(&event);
        let kept = Event::Bytes { offered: 1024, taken: 1000, text: &[b'x'; TEXT_MAX_BYTES], led: None };
        assert_eq!(Event::read(event.tag(0), &bytes), Some(kept));
    }
}
