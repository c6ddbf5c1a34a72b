//! The protocol read off README's page, byte by byte and without any cleverness. It asks no table.

use welcomed::protocol::Want;
use welcomed::protocol::state::connection::{Event, State};

use crate::script::Step;

/// What a session has to be like.
pub(crate) struct Model {
    text: &'static str,
    pub(crate) state: State,
    pub(crate) name: Vec<u8>,
    /// What is still to be sent.
    pub(crate) outgoing: Vec<u8>,
    /// Whether the client sends more than a name.
    more: bool,
}

impl Model {
    /// A session that answers with `text`.
    pub(crate) fn new(text: &'static str) -> Model {
        Model { text, state: State::ReadingName, name: Vec::new(), outgoing: Vec::new(), more: false }
    }

    /// What such a session wants.
    pub(crate) fn want(&self) -> Want {
        match self.state {
            State::ReadingName | State::Lingering => Want::Read,
            State::WritingWelcome => Want::Write,
            State::Closed => Want::Close,
        }
    }

    /// Lets `step` happen, and gives the event that moves the session on, if one does.
    pub(crate) fn step(&mut self, step: &Step) -> Option<Event> {
        match (step, self.state) {
            (Step::Bytes(bytes), State::ReadingName | State::WritingWelcome | State::Lingering) => {
                let events: Vec<Event> = bytes.iter().filter_map(|byte| self.byte(*byte)).collect();
                assert!(events.len() < 2, "a piece of input ends at most one name");
                events.first().copied()
            }
            (Step::Record(bytes), State::ReadingName) => {
                self.name.extend(bytes.iter().take(1024 - self.name.len()));
                Some(self.name_ends(Event::Record))
            }
            (Step::Record(_), State::WritingWelcome) => {
                self.more = true;
                None
            }
            (Step::Echo, State::ReadingName) => Some(self.closes(Event::Echo)),
            (Step::NoRoom, State::WritingWelcome) => Some(self.closes(Event::NoRoom)),
            (Step::NoReturnAddress, State::WritingWelcome) => Some(self.closes(Event::NoReturnAddress)),
            (Step::EndOfInput, State::ReadingName) if self.name.is_empty() => {
                Some(self.closes(Event::NoName))
            }
            (Step::EndOfInput, State::ReadingName) => Some(self.name_ends(Event::EndOfInput)),
            (Step::EndOfInput, State::Lingering) => Some(self.closes(Event::EndOfInput)),
            (Step::Silence, State::ReadingName) if !self.name.is_empty() => {
                Some(self.name_ends(Event::Silence))
            }
            (Step::Sent(bytes), State::WritingWelcome) => self.sent(*bytes),
            (
                Step::EndOfInput
                | Step::Silence
                | Step::Sent(_)
                | Step::Record(_)
                | Step::Echo
                | Step::NoRoom
                | Step::NoReturnAddress,
                _,
            )
            | (_, State::Closed) => None,
            (Step::Deadline, _) => Some(self.closes(Event::Deadline)),
            (Step::Failed, _) => Some(self.closes(Event::Failed)),
            (Step::Stopped, _) => Some(self.closes(Event::Stopped)),
        }
    }

    fn byte(&mut self, byte: u8) -> Option<Event> {
        if self.state != State::ReadingName {
            self.more = true;
            return None;
        }
        if byte == b'\n' {
            if self.name.last() == Some(&b'\r') {
                self.name.pop();
            }
            return Some(self.name_ends(Event::LineEnd));
        }
        self.name.push(byte);
        if self.name.len() < 1024 {
            return None;
        }
        // A name that had to be cut is taken to have more behind it.
        self.more = true;
        Some(self.name_ends(Event::NameFull))
    }

    fn name_ends(&mut self, event: Event) -> Event {
        self.state = State::WritingWelcome;
        let mut text = self.text.as_bytes();
        while let Some((first, rest)) = text.split_first() {
            if let Some(rest) = text.strip_prefix(b"{name}") {
                self.outgoing.extend_from_slice(&self.name);
                text = rest;
            } else {
                self.outgoing.push(*first);
                text = rest;
            }
        }
        event
    }

    fn sent(&mut self, bytes: usize) -> Option<Event> {
        self.outgoing.drain(..bytes.min(self.outgoing.len()));
        if !self.outgoing.is_empty() {
            return None;
        }
        self.name.clear();
        if !self.more {
            return Some(self.closes(Event::WelcomeSent));
        }
        self.state = State::Lingering;
        Some(Event::WelcomeSentInputLeft)
    }

    fn closes(&mut self, event: Event) -> Event {
        self.state = State::Closed;
        self.outgoing.clear();
        event
    }
}
