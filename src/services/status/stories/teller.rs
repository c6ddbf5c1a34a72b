//! Tells a conversation step by step.

use super::event::{Event, Told};
use super::steps::{ArrowTold, Kind, Spent, Step, WokenBy};
use super::words::Words;
use crate::kernel::Interest;
use crate::reactor::tables::stream;
use crate::services::status::readable::Micros;
use crate::text::Escaped;

/// What has been told so far.
pub(super) struct Teller<'a> {
    words: Option<&'a Words>,
    /// Each at its moment, as the record has it.
    steps: Vec<Step>,
    spent: Spent,
    /// When it was first told of, and last.
    first: u64,
    last: u64,
    /// What it waits for.
    waits: Option<Interest>,
    /// How many bytes lie untaken.
    untaken: u64,
    /// How much of the present output has left.
    sent: u64,
    is_lingering: bool,
}

impl<'a> Teller<'a> {
    /// Begins at this moment with a conversation of the service that has these words.
    pub(super) fn new(words: Option<&'a Words>, micros: u64) -> Teller<'a> {
        Teller {
            words,
            steps: Vec::new(),
            spent: Spent::default(),
            first: micros,
            last: micros,
            waits: None,
            untaken: 0,
            sent: 0,
            is_lingering: false,
        }
    }

    /// Tells what happened next.
    pub(super) fn see(&mut self, micros: u64, event: &Event<'_>) {
        self.pass(micros);
        self.explain_wake(event);
        self.waits = None;
        let (kind, words) = self.tell(event);
        let bytes = self.came_or_left(event);
        if let Event::Bytes { offered, taken, .. } = *event {
            self.untaken = offered - taken;
        } else if let Event::Waits { interest, sent, .. } = *event {
            (self.waits, self.sent) = (Some(interest), sent);
        } else if let Event::Sent { .. } = event {
            self.sent = 0;
        } else if let Event::Lingers { .. } = event {
            self.is_lingering = true;
        }
        let arrow = self.arrow(event);
        let words = match &arrow {
            Some(ArrowTold { from, event, to, outcome }) => {
                let outcome = outcome.as_ref().map(|outcome| format!(": {outcome}")).unwrap_or_default();
                format!("{words}; {from} -> {to} ({event}){outcome}")
            }
            None => words,
        };
        self.steps.push(Step {
            at_micros: micros,
            after_micros: 0,
            kind,
            words,
            arrow,
            bytes,
            woken_by: None,
        });
    }

    /// The time since the last step went where it says.
    fn pass(&mut self, micros: u64) {
        let Spent { waiting_for_input_micros, waiting_for_room_micros, in_the_loop_micros, .. } =
            &mut self.spent;
        let part = match self.waits {
            Some(Interest::Readable) => waiting_for_input_micros,
            Some(Interest::Writable) => waiting_for_room_micros,
            None => in_the_loop_micros,
        };
        *part += micros.saturating_sub(self.last);
        self.last = self.last.max(micros);
    }

    /// What comes next says what it was woken by. A look before a timer runs out is not told.
    fn explain_wake(&mut self, event: &Event<'_>) {
        let is_timer =
            matches!(event, Event::Elapsed { .. } | Event::Closed { stream: stream::Event::Deadline, .. });
        if let [.., Step { kind: Kind::Woken, woken_by, .. }, Step { kind: waits, .. }] = &self.steps[..]
            && is_timer
            && matches!(woken_by, None | Some(WokenBy::Nothing))
            && matches!(waits, Kind::WaitsForInput | Kind::WaitsForRoom)
        {
            self.steps.truncate(self.steps.len() - 2);
        }
        let Some(by) = self.woken_by(event) else { return };
        if let Some(Step { kind: Kind::Woken, woken_by, words, .. }) = self.steps.last_mut() {
            *woken_by = Some(by);
            let by = match by {
                WokenBy::Input => "by input",
                WokenBy::Room => "by room for output",
                WokenBy::Stop => "by the stop",
                WokenBy::Error => "by an error",
                WokenBy::Nothing => "for nothing",
            };
            *words = format!("woken {by}");
        }
    }

    /// What it was woken by, if this is what came next.
    fn woken_by(&self, event: &Event<'_>) -> Option<WokenBy> {
        Some(match *event {
            Event::Bytes { .. }
            | Event::Record { .. }
            | Event::End { .. }
            | Event::Closed { stream: stream::Event::EndOfInput, .. } => WokenBy::Input,
            Event::Sent { .. } => WokenBy::Room,
            // What comes while it lingers is thrown away, and nothing tells of that.
            Event::Waits { .. } if self.is_lingering => return None,
            Event::Waits { sent, .. } if sent > self.sent => WokenBy::Room,
            Event::Waits { .. } => WokenBy::Nothing,
            Event::Told { what: Told::Stopping | Told::Stopped, .. } => WokenBy::Stop,
            Event::Told { .. } | Event::Closed { stream: stream::Event::Failed, .. } => WokenBy::Error,
            Event::Began { .. }
            | Event::Elapsed { .. }
            | Event::Woken
            | Event::Lingers { .. }
            | Event::Closed { .. } => return None,
        })
    }

    /// How many bytes came or left.
    fn came_or_left(&self, event: &Event<'_>) -> Option<u64> {
        match *event {
            Event::Bytes { offered, .. } => Some(offered.saturating_sub(self.untaken)),
            Event::Record { bytes, .. } | Event::Sent { bytes, .. } => Some(bytes),
            Event::Began { .. }
            | Event::End { .. }
            | Event::Elapsed { .. }
            | Event::Told { .. }
            | Event::Woken
            | Event::Waits { .. }
            | Event::Lingers { .. }
            | Event::Closed { .. } => None,
        }
    }

    /// What happened, in words, without its arrow.
    fn tell(&self, event: &Event<'_>) -> (Kind, String) {
        let has_streams = self.words.is_none_or(|words| words.has_streams);
        match *event {
            Event::Began { .. } if has_streams => (Kind::Accepted, "accepted".to_owned()),
            Event::Began { .. } => (Kind::Accepted, "received".to_owned()),
            Event::Bytes { offered, taken, text, .. } => (Kind::Input, self.tell_bytes(offered, taken, text)),
            Event::Record { bytes: length, truncated, text, .. } => {
                let (what, all) = (if has_streams { "a record" } else { "a datagram" }, bytes(length));
                let came = if truncated { format!("came, cut to {all}") } else { format!("of {all} came") };
                (Kind::Input, format!("{what} {came}{}", said(text, length)))
            }
            Event::End { untaken: 0, .. } => (Kind::Input, "end of input".to_owned()),
            Event::End { untaken, .. } => {
                (Kind::Input, format!("end of input, with {} untaken", bytes(untaken)))
            }
            Event::Sent { bytes: length, .. } => (Kind::Output, format!("{} sent", bytes(length))),
            Event::Elapsed { wait, .. } => (Kind::Timer, self.tell_timer(wait)),
            Event::Told { what, .. } => tell_told(what),
            Event::Woken => (Kind::Woken, "woken".to_owned()),
            Event::Waits { interest: Interest::Readable, .. } if self.is_lingering => {
                (Kind::WaitsForInput, "waits for the end of input".to_owned())
            }
            Event::Waits { interest: Interest::Readable, .. } => {
                (Kind::WaitsForInput, "waits for input".to_owned())
            }
            Event::Waits { interest: Interest::Writable, sent, bytes: all } => {
                (Kind::WaitsForRoom, format!("waits for room: {sent} of {} have left", bytes(all)))
            }
            Event::Lingers { .. } => (Kind::Lingers, "lingers".to_owned()),
            Event::Closed { .. } => (Kind::Closed, "closed".to_owned()),
        }
    }

    fn tell_bytes(&self, offered: u64, taken: u64, text: &[u8]) -> String {
        let fresh = offered.saturating_sub(self.untaken);
        let words = match (fresh, self.untaken) {
            (0, _) => format!("{} offered again", bytes(offered)),
            (_, 0) => format!("{} came", bytes(fresh)),
            (_, untaken) => format!("{} came, behind {untaken} untaken", bytes(fresh)),
        };
        let part = if taken < offered { format!(", {taken} taken") } else { String::new() };
        format!("{words}{part}{}", said(text, taken))
    }

    fn tell_timer(&self, wait: u8) -> String {
        match self.words.and_then(|words| words.waits.get(usize::from(wait))) {
            Some(length) => format!("the timer of {:#} ran out", Micros::from(*length)),
            None => "a timer ran out".to_owned(),
        }
    }

    /// The arrow that it led along: of the table of the conversation, or of its stream.
    fn arrow(&self, event: &Event<'_>) -> Option<ArrowTold> {
        if let Event::Lingers { stream } = *event {
            return stream_arrow(stream, stream::State::Lingering);
        }
        if let Event::Closed { stream, .. } = *event {
            return stream_arrow(stream, stream::State::Closed);
        }
        let words = self.words?;
        let arrow = words.arrow(event.led()?)?;
        let outcome = arrow.outcome.and_then(|outcome| words.outcome(outcome));
        Some(ArrowTold {
            from: words.state(arrow.from),
            event: arrow.event,
            to: words.state(arrow.to),
            outcome: outcome.map(|outcome| outcome.name.clone()),
        })
    }

    /// All steps, and where the time went, `now` if it goes on. Their moments are those since it began, or since the first of
    /// them.
    pub(super) fn end(mut self, began: Option<u64>, now: Option<u64>) -> (Vec<Step>, Spent) {
        if let Some(now) = now {
            self.pass(now);
        }
        let began = began.unwrap_or(self.first).min(self.first);
        self.spent.not_recorded_micros = self.first - began;
        let mut before = self.first;
        for step in &mut self.steps {
            step.after_micros = step.at_micros.saturating_sub(before);
            before = step.at_micros;
            step.at_micros = before.saturating_sub(began);
        }
        (self.steps, self.spent)
    }
}

fn stream_arrow(event: stream::Event, to: stream::State) -> Option<ArrowTold> {
    let arrow = stream::TABLE.iter().find(|arrow| arrow.event == event && arrow.to == to)?;
    let (from, event, to) = (arrow.from.name(), event.name(), to.name());
    Some(ArrowTold { from, event, to, outcome: None })
}

fn tell_told(what: Told) -> (Kind, String) {
    let (kind, words) = match what {
        Told::Stopping => (Kind::Stop, "the server stops"),
        Told::Stopped => (Kind::Stop, "the server waits no longer"),
        Told::Failed => (Kind::Failed, "the stream failed"),
        Told::Reset => (Kind::Failed, "the client reset the stream"),
        Told::GaveUp => (Kind::Failed, "the kernel gave the client up"),
        Told::NoRoom => (Kind::Failed, "the kernel had no room for the answer"),
        Told::NoReturnAddress => (Kind::Unanswered, "not answered: it has no return address"),
        Told::ForMany => (Kind::Unanswered, "not answered: it was sent to many"),
        Told::SendingFailed => (Kind::Failed, "sending failed"),
    };
    (kind, words.to_owned())
}

fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}

/// The beginning of what a client said, of so many bytes, if it was kept.
fn said(text: &[u8], all: u64) -> String {
    let is_whole = text.len() as u64 == all;
    match (text.is_empty(), is_whole) {
        (true, _) => String::new(),
        (false, true) => format!(": \"{}\"", Escaped(text)),
        (false, false) => format!(": \"{}\"...", Escaped(text)),
    }
}
