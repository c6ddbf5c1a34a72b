//! The story of one conversation: what happened to it step by step, and where the time went.
//!
//! What a step is stands in [`steps`](super::steps).

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::conversations::{Conversation, Summary};
use super::ledger::Ledger;
use super::steps::{Spent, Step};
use super::teller::Teller;
use crate::services::status::readable::Micros;

/// What happened to one conversation.
///
/// Its clock is read when its client is accepted, when it has to wait, when it is woken, and when it is closed. What happens
/// between two of these has the time of the one before.
///
/// Shown as an aligned text.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Story {
    /// The present, in microseconds since the first conversation began.
    pub now_micros: u64,
    /// The conversation.
    pub conversation: Conversation,
    /// Whether its beginning has left the record.
    pub is_beginning_missing: bool,
    /// What happened, in turn.
    pub steps: Vec<Step>,
    /// Where the time went. Null if it has no connection: it is over in the turn in which it began.
    pub spent: Option<Spent>,
}

impl Story {
    /// The story of the conversation of this number, if the record has anything of it. `sockets` are the addresses of the
    /// server's sockets, by their numbers.
    #[must_use]
    pub fn of(ledger: &Ledger, number: u64, now: Instant, sockets: &[String]) -> Option<Story> {
        let now = ledger.record.micros(now);
        let mut seen: Option<(Summary, Teller<'_>)> = None;
        ledger.record.for_each_of(number, |micros, service, event, place| {
            let words = ledger.accounts().get(usize::from(service)).map(|account| &account.words);
            let (summary, teller) =
                seen.get_or_insert_with(|| (Summary::new(number, service), Teller::new(words, micros)));
            summary.see(micros, &event, place, words);
            teller.see(micros, &event);
        });
        let (summary, teller) = seen?;
        let conversation = summary.told(ledger, now, sockets);
        let is_over = !conversation.is_open;
        let (steps, spent) = teller.end(conversation.began_micros, (!is_over).then_some(now));
        let spent = Some(spent).filter(|_| summary.has_connection(ledger));
        Some(Story {
            now_micros: now,
            is_beginning_missing: !summary.begins_in_record(),
            conversation,
            steps,
            spent,
        })
    }

    /// The same with the moment at which it began as a calendar has it, of which this is the `present`, since 1970.
    #[must_use]
    pub fn dated(mut self, present: Duration) -> Story {
        self.conversation.date(self.now_micros, present);
        self
    }

    /// The same as JSON.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Display for Story {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Story { conversation, steps, spent, .. } = self;
        writeln!(f, "{}", self.title())?;
        let lasted = conversation.lasted_micros.filter(|_| spent.is_some()).map(Micros);
        let utc = conversation.began_utc.as_ref().map(|utc| format!(" ({utc})")).unwrap_or_default();
        match (conversation.ago(self.now_micros), lasted) {
            (Some(ago), Some(lasted)) if !conversation.is_open => {
                writeln!(f, "It began {ago:#} ago{utc}, and lasted {lasted:#}.")?;
            }
            (Some(ago), _) => writeln!(f, "It began {ago:#} ago{utc}.")?,
            (None, _) => {}
        }
        if self.is_beginning_missing {
            writeln!(f, "Its beginning has left the record.")?;
        }
        writeln!(f, "\n{:>11}{:>12}", "at", "after")?;
        for (place, step) in steps.iter().enumerate() {
            let after = if place == 0 { String::new() } else { Micros(step.after_micros).to_string() };
            writeln!(f, "{:>11}{after:>12}  {}", Micros(step.at_micros), step.words)?;
        }
        let Some(spent) = spent else { return Ok(()) };
        writeln!(f)?;
        for (what, micros) in self.parts(spent) {
            writeln!(f, "{:>11}  {what}", Micros(micros))?;
        }
        Ok(())
    }
}

impl Story {
    /// The conversation in one line.
    pub(super) fn title(&self) -> String {
        let Conversation { number, service, socket, peer, .. } = &self.conversation;
        let from = peer.as_ref().map(|peer| format!(" from {peer}")).unwrap_or_default();
        let at = socket.as_ref().map(|socket| format!(" at {socket}")).unwrap_or_default();
        format!("{service} {number}{from}{at}: {}", self.conversation.standing())
    }

    /// Where the time went, in words: the parts, and the whole.
    pub(super) fn parts(&self, spent: &Spent) -> Vec<(&'static str, u64)> {
        let mut parts = vec![
            ("waiting for input", spent.waiting_for_input_micros),
            ("waiting for room", spent.waiting_for_room_micros),
            ("in the loop", spent.in_the_loop_micros),
        ];
        if self.is_beginning_missing && self.conversation.began_micros.is_some() {
            parts.push(("before the record", spent.not_recorded_micros));
        }
        let whole = if self.conversation.is_open { "as a whole, so far" } else { "as a whole" };
        parts.push((whole, spent.whole_micros()));
        parts
    }
}
