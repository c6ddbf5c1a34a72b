//! What has happened and is not entered yet.
//!
//! A visit goes through the kernel five times, and each time the processor forgets what the code before it looked like. To enter
//! what happened in the record and in the account costs six times as much there as it costs in a loop of its own. So it is noted
//! where it happens, and entered later, many notes at a time.

#![allow(
    clippy::inline_always,
    reason = "each event is known where it is noted, so that little is left of it"
)]

use super::event::Event;
use super::ring::Head;

/// So many notes are entered at a time: those of some sixteen visits.
const NOTES_MAX: usize = 64;

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note {
    pub(super) service: u8,
    /// The socket that its client came to.
    pub(super) socket: u8,
    pub(super) head: Head,
    /// How long the conversation had stood in its state, in microseconds.
    pub(super) stood: u64,
    /// The event, without its text.
    event: Event<'static>,
    /// Where its text ends among the texts of all.
    text_ends: usize,
}

/// Notes, in the order in which they were made.
#[derive(Debug)]
pub(super) struct Notes {
    notes: Vec<Note>,
    texts: Vec<u8>,
}

impl Notes {
    pub(super) fn new() -> Notes {
        Notes { notes: Vec::with_capacity(NOTES_MAX), texts: Vec::new() }
    }

    /// A text, or a part of it, of the event that is noted next.
    #[inline(always)]
    pub(super) fn text(&mut self, text: &[u8]) {
        self.texts.extend_from_slice(text);
    }

    /// Notes an event of a conversation that came to this socket and has stood in its state for so many microseconds. Gives whether
    /// that is all there is room for.
    #[inline(always)]
    pub(super) fn add(&mut self, service: u8, socket: u8, head: Head, stood: u64, event: Event<'_>) -> bool {
        let (event, text) = event.parted();
        self.text(text);
        self.notes.push(Note { service, socket, head, stood, event, text_ends: self.texts.len() });
        self.notes.len() >= NOTES_MAX
    }

    /// Shows every note with its event, and forgets them.
    pub(super) fn take(&mut self, mut see: impl FnMut(&Note, Event<'_>)) {
        let mut begin = 0;
        for note in &self.notes {
            let text = self.texts.get(begin..note.text_ends).unwrap_or_default();
            see(note, note.event.with(text));
            begin = note.text_ends;
        }
        self.notes.clear();
        self.texts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_note_is_shown_once_with_its_own_text() {
        fn event(text: &[u8]) -> Event<'_> {
            Event::Bytes { offered: 9, taken: 8, text, led: Some(1) }
        }
        let mut notes = Notes::new();
        for _ in 0..2 {
            let texts: Vec<Vec<u8>> = (0..NOTES_MAX).map(|number| vec![7; number % 5]).collect();
            for (number, text) in (1..).zip(&texts) {
                let head = Head { number, micros: number };
                assert_eq!(notes.add(1, 2, head, number, event(text)), number == NOTES_MAX as u64);
            }
            let mut seen = 0;
            notes.take(|note, shown| {
                assert_eq!(shown, event(&texts[seen]));
                seen += 1;
                let number = seen as u64;
                assert_eq!((note.service, note.socket, note.stood), (1, 2, number));
                assert_eq!(note.head, Head { number, micros: number });
            });
            assert_eq!(seen, NOTES_MAX);
            notes.take(|_, _| unreachable!("they are forgotten"));
        }
    }
}
