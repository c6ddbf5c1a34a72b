//! The list of the conversations that the record tells of.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::event::Event;
use super::ledger::Ledger;
use super::moment;
use super::ring::{Head, Place};
use super::words::Words;
use crate::services::status::readable::{Micros, aligned};

/// Which conversations are listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// Those that began last, the newest first.
    Recent,
    /// Those that lasted longest, or have lasted longest so far, the slowest first.
    Slowest,
    /// Those whose outcome is a failure, or that were closed without one, the newest first.
    Failed,
}

/// Conversations, and the moment at which they were listed.
///
/// Shown as an aligned text.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Conversations {
    /// The present, in microseconds since the first conversation began.
    pub now_micros: u64,
    /// The conversations.
    pub conversations: Vec<Conversation>,
}

/// One conversation. Moments are microseconds since the first conversation began.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Conversation {
    /// Its number: they count from 1.
    pub number: u64,
    /// The service, by the title of its table.
    pub service: &'static str,
    /// The socket that its client came to. Null if the record does not reach back to its beginning, and it is open.
    pub socket: Option<Socket>,
    /// Its client. Null if addresses are not kept, or the record does not reach back to its beginning.
    pub peer: Option<String>,
    /// The first bytes that came, as the log shows them; what comes at once, and 64 bytes of that at most. Null if none came, or such
    /// bytes are not kept, or the record does not reach back to them.
    pub said: Option<String>,
    /// When it began. Null if the record does not reach back to its beginning, and it is open.
    pub began_micros: Option<u64>,
    /// The same as a calendar has it, in UTC (RFC 3339), by the clock of the machine as it stood when this was asked for. Null if the
    /// clock was not told, or that is not known.
    pub began_utc: Option<String>,
    /// How long it lasted, or has lasted so far. Null if the record does not reach back to its beginning, and it is open.
    pub lasted_micros: Option<u64>,
    /// Whether it still has a connection.
    pub is_open: bool,
    /// Whether its stream lingers: the conversation is over, and what still comes is thrown away.
    pub is_lingering: bool,
    /// The state in which it stands. Null if the record does not tell.
    pub state: Option<&'static str>,
    /// What became of its client. Null if that is not decided, or the record does not tell.
    pub outcome: Option<String>,
    /// Whether that is a failure.
    pub has_failed: bool,
}

/// A socket of the server that clients come to.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Socket {
    /// Its number, in the order in which the server began to listen.
    pub number: u8,
    /// Its address, such as `tcp://127.0.0.1:9999`, if it is known.
    pub address: Option<String>,
}

/// What the record tells of one conversation, in numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Summary {
    number: u64,
    service: u8,
    socket: Option<u8>,
    /// Where it begins in the record.
    place: Option<Place>,
    /// Where its first bytes came.
    said: Option<Place>,
    began: Option<u64>,
    lasted: Option<u64>,
    led: Option<u8>,
    outcome: Option<u8>,
    is_closed: bool,
    is_lingering: bool,
}

impl Summary {
    pub(super) fn new(number: u64, service: u8) -> Summary {
        Summary {
            number,
            service,
            socket: None,
            place: None,
            said: None,
            began: None,
            lasted: None,
            led: None,
            outcome: None,
            is_closed: false,
            is_lingering: false,
        }
    }

    /// Something happened to it.
    pub(super) fn see(&mut self, micros: u64, event: &Event<'_>, place: Place, words: Option<&Words>) {
        match *event {
            Event::Began { socket, .. } => {
                (self.socket, self.place, self.began) = (Some(socket), Some(place), Some(micros));
            }
            Event::Lingers { .. } => self.is_lingering = true,
            Event::Closed { outcome, socket, lasted, .. } => {
                (self.is_closed, self.is_lingering) = (true, false);
                self.began = Some(micros.saturating_sub(lasted));
                (self.socket, self.lasted) = (Some(socket), Some(lasted));
                self.outcome = outcome.or(self.outcome);
            }
            Event::Bytes { .. } | Event::Record { .. } => {
                self.said.get_or_insert(place);
            }
            Event::End { .. }
            | Event::Sent { .. }
            | Event::Elapsed { .. }
            | Event::Told { .. }
            | Event::Woken
            | Event::Waits { .. } => {}
        }
        let Some(words) = words else { return };
        if let Some(arrow) = event.led().and_then(|led| words.arrow(led)) {
            (self.led, self.outcome) = (event.led(), arrow.outcome.or(self.outcome));
        }
        if !words.has_streams && self.outcome.is_some() {
            (self.is_closed, self.lasted) = (true, self.began.map(|began| micros.saturating_sub(began)));
        }
    }

    fn lasted(&self, now: u64) -> Option<u64> {
        self.lasted.or_else(|| self.began.map(|began| now.saturating_sub(began)))
    }

    fn has_failed(&self, words: Option<&Words>) -> bool {
        let is_failure = |outcome| words?.outcome(outcome).map(|outcome| outcome.is_failure);
        match self.outcome {
            Some(outcome) => is_failure(outcome).unwrap_or(false),
            None => self.is_closed,
        }
    }

    /// Whether its beginning is in the record.
    pub(super) fn begins_in_record(&self) -> bool {
        self.place.is_some()
    }

    /// Whether its client has connected.
    pub(super) fn has_connection(&self, ledger: &Ledger) -> bool {
        words(ledger, self.service).is_none_or(|words| words.has_streams)
    }

    /// The same in words.
    pub(super) fn told(&self, ledger: &Ledger, now: u64, sockets: &[String]) -> Conversation {
        let words = words(ledger, self.service);
        let arrow = self.led.and_then(|led| words?.arrow(led));
        let state = match arrow {
            Some(arrow) => words.map(|words| words.state(arrow.to)),
            None => words.filter(|_| self.place.is_some()).and_then(|words| words.states.first().copied()),
        };
        let outcome = self.outcome.and_then(|outcome| words?.outcome(outcome));
        Conversation {
            number: self.number,
            service: words.map_or("service", |words| words.title),
            socket: self
                .socket
                .map(|number| Socket { number, address: sockets.get(usize::from(number)).cloned() }),
            peer: self.place.and_then(|place| ledger.record.peer_at(place)).map(|peer| peer.to_string()),
            said: self.said.and_then(|place| ledger.record.said_at(place)),
            began_micros: self.began,
            began_utc: None,
            lasted_micros: self.lasted(now),
            is_open: !self.is_closed,
            is_lingering: self.is_lingering,
            state,
            outcome: outcome.map(|outcome| outcome.name.clone()),
            has_failed: self.has_failed(words),
        }
    }
}

fn words(ledger: &Ledger, service: u8) -> Option<&Words> {
    ledger.accounts().get(usize::from(service)).map(|account| &account.words)
}

/// The conversations of a part of the record, by their numbers.
#[derive(Default)]
struct Summaries {
    /// Those that begin in the record: their numbers count on.
    begun: Vec<Summary>,
    /// Those that began before it.
    older: BTreeMap<u64, Summary>,
}

impl Summaries {
    fn of(ledger: &Ledger, block: usize) -> Summaries {
        let mut all = Summaries::default();
        ledger.record.for_each(block, |Head { number, micros }, service, event, place| {
            let words = words(ledger, service);
            all.summary(number, service, &event).see(micros, &event, place, words);
        });
        all
    }

    fn summary(&mut self, number: u64, service: u8, event: &Event<'_>) -> &mut Summary {
        if matches!(event, Event::Began { .. }) {
            self.begun.push(Summary::new(number, service));
        }
        // Most events are those of the conversation that began last.
        let place = match self.begun.last() {
            Some(last) if last.number == number => Ok(self.begun.len() - 1),
            _ => self.begun.binary_search_by_key(&number, |summary| summary.number),
        };
        place
            .ok()
            .and_then(|place| self.begun.get_mut(place))
            .unwrap_or_else(|| self.older.entry(number).or_insert_with(|| Summary::new(number, service)))
    }
}

impl Conversations {
    /// At most so many of these conversations, in one pass over the record, or over its newest part. `sockets` are the addresses of the server's
    /// sockets, by their numbers.
    #[must_use]
    pub fn of(ledger: &Ledger, which: Which, most: usize, now: Instant, sockets: &[String]) -> Conversations {
        let block = match which {
            Which::Recent => ledger.record.block_of(most),
            Which::Slowest | Which::Failed => 0,
        };
        let all = Summaries::of(ledger, block);
        let now = ledger.record.micros(now);
        let newest_first = all.begun.iter().rev().chain(all.older.values().rev());
        let chosen: Vec<&Summary> = match which {
            Which::Recent => newest_first.take(most).collect(),
            Which::Failed => newest_first
                .filter(|summary| summary.has_failed(words(ledger, summary.service)))
                .take(most)
                .collect(),
            Which::Slowest => {
                let has_lasted = |summary: &&Summary| summary.lasted(now).is_some();
                let by_length = |summary: &&Summary| Reverse((summary.lasted(now), summary.number));
                let mut slowest: Vec<&Summary> = newest_first.filter(has_lasted).collect();
                if most < slowest.len() {
                    slowest.select_nth_unstable_by_key(most, by_length);
                    slowest.truncate(most);
                }
                slowest.sort_unstable_by_key(by_length);
                slowest
            }
        };
        let conversations = chosen.into_iter().map(|summary| summary.told(ledger, now, sockets));
        Conversations { now_micros: now, conversations: conversations.collect() }
    }

    /// The same with their moments as a calendar has them, of which this is the `present`, since 1970.
    #[must_use]
    pub fn dated(mut self, present: Duration) -> Conversations {
        self.conversations.iter_mut().for_each(|conversation| conversation.date(self.now_micros, present));
        self
    }

    /// The first so many of them.
    #[must_use]
    pub fn first(&self, most: usize) -> Conversations {
        let conversations = self.conversations.iter().take(most).cloned().collect();
        Conversations { now_micros: self.now_micros, conversations }
    }

    /// The same as JSON.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Conversation {
    /// What became of it, or where it stands.
    #[must_use]
    pub fn standing(&self) -> String {
        let outcome = self.outcome.as_deref();
        match (self.is_open, self.is_lingering) {
            (true, true) => format!("{}, lingering", outcome.unwrap_or("over")),
            (true, false) => outcome.or(self.state).unwrap_or("open").to_owned(),
            (false, _) => outcome.unwrap_or("closed without an outcome").to_owned(),
        }
    }

    /// Dates it, if it is known when it began.
    pub(super) fn date(&mut self, now_micros: u64, present: Duration) {
        let ago = self.began_micros.map(|began| Duration::from_micros(now_micros.saturating_sub(began)));
        self.began_utc = ago.and_then(|ago| moment::utc(present, ago));
    }

    /// How long ago it began.
    pub(super) fn ago(&self, now_micros: u64) -> Option<Micros> {
        self.began_micros.map(|began| Micros(now_micros.saturating_sub(began)))
    }
}

impl Display for Socket {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.address {
            Some(address) => f.pad(address),
            None => f.pad(&format!("socket {}", self.number)),
        }
    }
}

/// The column of moments. Where the clock was not told there is none.
const UTC: usize = 2;

impl Display for Conversations {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let head = ["number", "began", "in UTC", "lasted", "state or outcome", "service", "at", "from"];
        let is_dated = self.conversations.iter().any(|conversation| conversation.began_utc.is_some());
        let unknown = |text: Option<String>| text.unwrap_or_else(|| "?".to_owned());
        let rows = self.conversations.iter().map(|conversation| {
            let Conversation { number, service, socket, peer, lasted_micros, .. } = conversation;
            let began = conversation.ago(self.now_micros);
            [
                number.to_string(),
                unknown(began.map(|ago| format!("{ago} ago"))),
                unknown(conversation.began_utc.clone()),
                unknown(lasted_micros.map(|micros| Micros(micros).to_string())),
                conversation.standing(),
                (*service).to_owned(),
                unknown(socket.as_ref().map(Socket::to_string)),
                peer.clone().unwrap_or_default(),
            ]
        });
        let rows = std::iter::once(head.map(str::to_owned)).chain(rows).map(Vec::from);
        let mut rows: Vec<Vec<String>> = rows.collect();
        if !is_dated {
            for row in &mut rows {
                row.remove(UTC);
            }
        }
        f.write_str(&aligned(&rows, if is_dated { 4 } else { 3 }))
    }
}
