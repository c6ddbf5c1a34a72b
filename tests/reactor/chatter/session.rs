//! One conversation of a chatter: what its lines ask for, and what it still has to send.

use std::collections::VecDeque;

use welcomed::reactor::service::Then;

use super::table::{Event, Machine};

/// How a session breaks the law.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Misdeed {
    /// Its client's failure, end of input, or its timer is no arrow: it is gone.
    Vanishes,
    /// It wants to close, and no arrow has led there.
    Gone,
    /// It is gone once it has shut its output.
    GoneOnceShut,
    /// Its output has left, and it has no arrow for that.
    SentNowhere,
    /// It moves, and takes nothing.
    Spins,
    /// Its timer takes back an output that has left in part.
    GivesUp,
}

#[derive(Default)]
pub(crate) struct Session {
    pub(crate) machine: Machine,
    /// What is to be sent, in this order.
    pub(crate) outputs: VecDeque<(Vec<u8>, Then)>,
    /// Whether the end follows the last output.
    pub(crate) closes: bool,
    /// How the law is going to be broken, if it is.
    pub(crate) misdeed: Option<Misdeed>,
    /// Which timer over silence it is.
    pub(crate) generation: u32,
}

impl Session {
    fn answer(&mut self, outputs: impl IntoIterator<Item = (Vec<u8>, Then)>, closes: bool) -> Event {
        (self.outputs, self.closes) = (outputs.into_iter().collect(), closes);
        Event::Asked
    }

    /// What a line does, if it is a command of the list above.
    pub(crate) fn command(&mut self, line: &str) -> Option<Event> {
        let text = |text: &str| format!("{text}\n").into_bytes();
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        Some(match command {
            "echo" => self.answer([(text(rest), Then::Read)], false),
            "more" => {
                let parts = (0..rest.parse().unwrap()).map(|_| (text("more"), Then::More));
                self.answer(parts.chain([(text("last"), Then::Read)]), false)
            }
            "big" => {
                let (kib, end) = rest.split_once(' ').unwrap();
                let bytes = vec![b'x'; kib.parse::<usize>().unwrap() * 1024];
                match end {
                    "read" => self.answer([(bytes, Then::Read)], false),
                    "close" => self.answer([(bytes, Then::Close)], true),
                    "shut" => self.answer([(bytes, Then::Shut)], true),
                    "read-close" => self.answer([(bytes, Then::Read)], true),
                    "more-close" => self.answer([(bytes, Then::More), (Vec::new(), Then::Close)], true),
                    other => panic!("no end {other}"),
                }
            }
            "shut" => self.answer([(text("bye"), Then::Shut)], false),
            "close" => self.answer([(text("bye"), Then::Close)], true),
            "leave" => Event::Left,
            "hold" => Event::Held,
            _ => return None,
        })
    }

    /// What comes after an output.
    pub(crate) fn sent(&mut self) -> Event {
        match self.outputs.pop_front() {
            _ if !self.outputs.is_empty() => Event::PartSent,
            _ if self.closes => Event::SentLast,
            Some((_, Then::Shut)) => Event::SentShut,
            Some(_) | None => Event::Sent,
        }
    }
}
