//! One client and the two directions of its connection, with the edges that the kernel tells of.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::time::Duration;

use super::lateness::Lateness;
use super::script::{Script, Step};
use super::weather::Weather;
use crate::kernel::{Closing, Interest};
use crate::net::kind::Names;
use crate::net::{Cause, ErrorCode, Kind};

/// How long a client waits before it tries for the second time to connect, when the accept queue was full.
const CONNECT_AGAIN: Duration = Duration::from_secs(1);

/// How a connection ended for its client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// By the end of input, or by the answer to a datagram.
    Clean,
    /// By a reset.
    Reset,
    /// It never came in: the server did not listen, or the client gave up.
    Refused,
    /// The client itself is gone.
    Left,
}

/// Where a client is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Outside,
    Queued,
    /// The server has its stream.
    Inside,
    /// The server had it, and has closed it; or the client never came in.
    Over,
}

/// What the loop does with a stream, as its calls tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// It reads: since it was accepted, or since an output had left.
    Input,
    /// It writes one output.
    Output,
    /// It has shut the write side.
    Shut,
}

/// What the kernel answered when a datagram's answer was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answered {
    /// It was never asked to send one.
    Never,
    /// It took the answer.
    Sent,
    /// It had no room.
    NoRoom,
    /// It failed otherwise.
    Failed,
}

/// A part of what a step sends.
pub(super) struct Part {
    /// How many bytes went before.
    before: usize,
    bytes: usize,
    /// Whether it is the rest.
    done: bool,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part { done: true, .. } => f.write_str("the rest"),
            Part { bytes: 0, .. } => f.write_str("no room yet"),
            Part { before: 0, bytes, .. } => write!(f, "the first {bytes} bytes"),
            Part { bytes, .. } => write!(f, "{bytes} bytes more"),
        }
    }
}

/// A client and the two directions of its connection.
pub(super) struct Client {
    pub(super) script: Script,
    pub(super) kind: Kind,
    /// The number of the service that it comes to.
    pub(super) service: u8,
    pub(super) place: Place,
    pub(super) step: usize,
    /// How much of the present step's bytes have been sent.
    pub(super) step_sent: usize,
    pub(super) next_at: Option<Duration>,
    pub(super) connect_again: Duration,
    /// When its connect(2) returned, or its datagram was sent.
    pub(super) connected_at: Option<Duration>,
    /// Whether it waits for room in the server's receive buffer.
    pub(super) stuck: bool,
    /// What it has sent so far, and how much of that the server has read.
    pub(super) sent: Vec<u8>,
    pub(super) bytes_read: usize,
    /// When bytes came, and how many had come then.
    pub(super) arrivals: Vec<(Duration, usize)>,
    /// Where boundaries are kept: how long each record is that it has sent, and how many of them were read.
    pub(super) records: Vec<usize>,
    pub(super) records_read: usize,
    /// When the client has shut its side, whether it has because the server had, and whether the server was told.
    pub(super) shut_at: Option<Duration>,
    pub(super) is_done: bool,
    pub(super) end_read: bool,
    /// Whether it has reset the connection, and whether the server was told.
    pub(super) reset: bool,
    pub(super) reset_told: bool,
    /// What the server has written and the client has not taken, and the lengths of its records.
    pub(super) outbox: VecDeque<u8>,
    pub(super) out_records: VecDeque<usize>,
    pub(super) bytes_written: usize,
    pub(super) records_written: usize,
    /// Whether the last output had left whole.
    pub(super) output_done: bool,
    /// Whether the loop said that more follows what it wrote last, and how much that was.
    pub(super) held_back: bool,
    pub(super) last_write: usize,
    /// Whether an end of input follows it.
    pub(super) out_fin: bool,
    pub(super) next_read_at: Duration,
    pub(super) watched: Option<(usize, Interest)>,
    /// Whether a call has answered that it would block, so that readiness is news.
    pub(super) blocked: bool,
    /// Whether there is news for the next wait.
    pub(super) edge: bool,
    pub(super) received: Vec<u8>,
    pub(super) end: Option<End>,
    pub(super) answered: Answered,
    /// Why the client can expect nothing more, whatever it asked for.
    pub(super) excused: Option<&'static str>,
    pub(super) accepted_at: Option<Duration>,
    /// Whether its source had all the places that it may have when it was accepted: it is to be reset.
    pub(super) above_share: bool,
    pub(super) closed_at: Option<Duration>,
    pub(super) lateness: Lateness,
    /// Whether clients waited to be accepted by the same service when the loop closed its stream.
    pub(super) gave_way: bool,
    /// How many bytes and records it had sent when the loop closed its stream.
    pub(super) sent_at_close: Option<(usize, usize)>,
    pub(super) stage: Stage,
    /// The first call of this stage.
    pub(super) entered: Duration,
    /// The last moment at which the loop can have begun to count the time of this stage.
    pub(super) since: Duration,
    /// Why reading, writing or watching has failed for good before the conversation had ended; whether shutting the
    /// write side has; and why a call has after the end.
    pub(super) failed: Option<Cause>,
    pub(super) shut_failed: bool,
    pub(super) failed_since_end: Option<Cause>,
    /// The stage that the conversation ended in, as far as calls tell: its begin and its end. And how many bytes and
    /// records had been read by then.
    pub(super) ended: Option<(Stage, Duration, Duration)>,
    pub(super) read_at_end: Option<(usize, usize)>,
    /// Whether a read found nothing although there was something, and whether the last one did.
    pub(super) denied: bool,
    pub(super) denied_last: bool,
    /// How much it had sent when the kernel last let the loop know: a read gave all there was room for, or an output left
    /// that had to wait. And whether one waits.
    pub(super) told: usize,
    pub(super) output_waits: bool,
}

impl Client {
    pub(super) fn new(script: Script, kind: Kind, service: u8) -> Client {
        Client {
            kind,
            service,
            place: Place::Outside,
            step: 0,
            step_sent: 0,
            next_at: Some(script.arrives),
            connect_again: CONNECT_AGAIN,
            connected_at: None,
            stuck: false,
            sent: Vec::new(),
            bytes_read: 0,
            arrivals: Vec::new(),
            records: Vec::new(),
            records_read: 0,
            shut_at: None,
            is_done: false,
            end_read: false,
            reset: false,
            reset_told: false,
            outbox: VecDeque::new(),
            out_records: VecDeque::new(),
            bytes_written: 0,
            records_written: 0,
            output_done: true,
            held_back: false,
            last_write: 0,
            out_fin: false,
            next_read_at: Duration::ZERO,
            watched: None,
            blocked: false,
            edge: false,
            received: Vec::new(),
            end: None,
            answered: Answered::Never,
            excused: None,
            accepted_at: None,
            above_share: false,
            closed_at: None,
            lateness: Lateness::default(),
            gave_way: false,
            sent_at_close: None,
            stage: Stage::Input,
            entered: Duration::ZERO,
            since: Duration::ZERO,
            failed: None,
            shut_failed: false,
            failed_since_end: None,
            ended: None,
            read_at_end: None,
            denied: false,
            denied_last: false,
            told: 0,
            output_waits: false,
            script,
        }
    }

    pub(super) fn keeps_boundaries(&self) -> bool {
        self.kind.semantics().boundaries
    }

    /// Whether its socket is of the Unix domain.
    pub(super) fn is_local(&self) -> bool {
        self.kind.semantics().names == Names::Path
    }

    /// How its stream closes if it is dropped.
    pub(super) fn closing_when_dropped(&self) -> Closing {
        if self.held_back || !self.output_done { Closing::Cut } else { Closing::AtOnce }
    }

    /// How much of what the server has written is on its way to the client: TCP holds the last segment back if more is to
    /// follow.
    pub(super) fn left(&self) -> usize {
        let held = if self.held_back && self.kind == Kind::Tcp { self.last_write } else { 0 };
        self.outbox.len().saturating_sub(held)
    }

    /// Bytes that have come and were not read.
    pub(super) fn unread(&self) -> usize {
        self.sent.len() - self.bytes_read
    }

    pub(super) fn has_unread(&self) -> bool {
        self.unread() > 0 || self.records_read < self.records.len()
    }

    /// The loop begins something else with the stream.
    pub(super) fn enters(&mut self, stage: Stage, now: Duration) {
        (self.stage, self.entered, self.since) = (stage, now, now);
        self.lateness.begins_anew();
    }

    /// The loop reads. Nothing is read for a conversation that still writes: then it is over, and the loop looks for what
    /// is unread.
    pub(super) fn is_read(&mut self, now: Duration) {
        if self.stage == Stage::Output {
            self.ends(now);
        }
    }

    /// The loop writes: if it has not before, an output begins.
    pub(super) fn is_written(&mut self, now: Duration) {
        if self.stage != Stage::Output {
            self.enters(Stage::Output, now);
            self.output_done = false;
        }
        self.held_back = false;
    }

    /// The kernel has taken a part of an output, or the rest of it: then the loop waits for input anew.
    pub(super) fn has_taken(&mut self, is_rest: bool, more: bool, now: Duration) {
        self.output_done = is_rest;
        // What had no room is not held back: it leaves with the rest.
        self.held_back = more && is_rest;
        if is_rest {
            if std::mem::take(&mut self.output_waits) {
                self.told = self.sent.len();
            }
            self.enters(Stage::Input, now);
        }
    }

    pub(super) fn excuse(&mut self, why: &'static str) {
        self.excused.get_or_insert(why);
    }

    /// A call on its stream fails with this.
    pub(super) fn fails(&mut self, code: ErrorCode) -> io::Error {
        if code != ErrorCode::Intr {
            let failed = if self.ended.is_none() { &mut self.failed } else { &mut self.failed_since_end };
            failed.get_or_insert(Cause::of(&code.into()));
            self.excuse("a call on its stream failed");
        }
        code.into()
    }

    fn ends(&mut self, now: Duration) {
        if self.ended.is_none() {
            self.ended = Some((self.stage, self.entered, now));
            self.read_at_end = Some((self.bytes_read, self.records_read));
        }
    }

    /// The loop shuts the write side.
    pub(super) fn is_shut(&mut self, now: Duration) {
        self.ends(now);
        self.enters(Stage::Shut, now);
        self.held_back = false;
    }

    /// Whether reading from it would not block.
    pub(super) fn is_readable(&self) -> bool {
        self.has_unread() || self.shut_at.is_some() || self.is_done || self.reset
    }

    pub(super) fn room(&self, weather: &Weather) -> usize {
        weather.send_buffer.saturating_sub(self.outbox.len())
    }

    fn is_ready(&self, interest: Interest, weather: &Weather) -> bool {
        match interest {
            Interest::Readable => self.is_readable(),
            Interest::Writable => self.room(weather) > 0 || self.reset,
        }
    }

    /// Whether it is ready for what the server waits for, and no event is on its way to say so.
    pub(super) fn is_forgotten(&self, weather: &Weather) -> bool {
        self.watched.is_some_and(|(_, interest)| self.is_ready(interest, weather)) && !self.edge
    }

    /// Something has changed that is of `interest`: news, if that is what is watched for.
    pub(super) fn changed(&mut self, interest: Interest, weather: &Weather) {
        if self.watched.is_some_and(|(_, watched)| watched == interest) && (self.blocked || !weather.stingy) {
            self.blocked = false;
            self.edge = true;
        }
    }

    /// Sends as much of the present step's bytes as there is room for; a record goes whole, wherever there is any room. If
    /// that is not all of them, gives how much it is.
    pub(super) fn sends(&mut self, receive_buffer: usize, at: Duration) -> Option<Part> {
        let boundaries = self.keeps_boundaries();
        let room = receive_buffer.saturating_sub(self.unread());
        let Some(Step::Send(bytes)) = self.script.steps.get(self.step) else { return None };
        let rest = &bytes[self.step_sent..];
        let goes = if boundaries && room > 0 { rest.len() } else { rest.len().min(room) };
        let done = goes == rest.len() && (room > 0 || !boundaries);
        let part = Part { before: self.step_sent, bytes: goes, done };
        self.sent.extend(&rest[..goes]);
        if goes > 0 || done {
            self.arrivals.push((at, self.sent.len()));
        }
        if done && boundaries {
            self.records.push(bytes.len());
        }
        self.step_sent = if done { 0 } else { self.step_sent + goes };
        self.stuck = !done;
        (part.before > 0 || !done).then_some(part)
    }

    /// The server has read: a client that waited for room goes on.
    pub(super) fn was_read(&mut self, now: Duration) {
        if std::mem::take(&mut self.stuck) {
            self.next_at = Some(now);
        }
    }

    /// Begins to watch: what is ready already is news.
    pub(super) fn watch(&mut self, key: usize, interest: Interest, weather: &Weather) {
        self.watched = Some((key, interest));
        self.edge = self.is_ready(interest, weather);
        self.blocked = !self.edge;
    }

    /// A call would block. If that was not so, then what is there is news at once.
    pub(super) fn would_block(&mut self, interest: Interest, weather: &Weather) {
        self.blocked = true;
        if self.is_ready(interest, weather) {
            self.changed(interest, weather);
        }
    }
}
