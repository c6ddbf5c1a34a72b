//! What a client did and what the kernel answered: all that an oracle may know.

use std::time::Duration;

use super::client::{Answered, Client, End, Stage};
use super::limits::Limits;
use super::script::{Reading, Script};
use super::world::World;
use crate::net::{Cause, Kind};

/// What a limit may be late by: the loop looks for what is due once in a turn, and what follows takes time.
pub(super) const SLACK: Duration = Duration::from_millis(2);

/// What every client's window has room for.
const WINDOW_BYTES: usize = 1024;

/// What one client did, what the kernel answered, and when. Moments are counted from the start of the schedule.
#[derive(Clone, Copy)]
pub struct Transcript<'a> {
    pub(super) world: &'a World,
    pub(super) number: usize,
    /// How many services come before those that the reader of this knows.
    pub(super) before: u8,
}

impl<'a> Transcript<'a> {
    fn client(&self) -> &'a Client {
        &self.world.clients[self.number]
    }

    /// The same for the second of a pair of subjects, whose services are numbered after `count` others.
    #[must_use]
    pub(super) fn beside(self, count: u8) -> Self {
        Transcript { before: self.before + count, ..self }
    }

    /// Its number, in the order of the schedule's scripts.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// What it was to do. A schedule can end before it has done all of it.
    #[must_use]
    pub fn script(&self) -> &'a Script {
        &self.client().script
    }

    /// The kind of socket that it came to.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.client().kind
    }

    /// The number of the service that it came to.
    #[must_use]
    pub fn service(&self) -> u8 {
        self.client().service - self.before
    }

    /// The limits of that service.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.world.limits[usize::from(self.client().service)]
    }

    /// All bytes that it has sent and that had room in the server's receive buffer, read or not.
    #[must_use]
    pub fn sent(&self) -> &'a [u8] {
        &self.client().sent
    }

    /// The same as records, where boundaries are kept.
    #[must_use]
    pub fn sent_records(&self) -> Vec<&'a [u8]> {
        let Client { sent, records, .. } = self.client();
        let mut rest = &sent[..];
        let take = |length: &usize| {
            let (record, later) = rest.split_at(*length);
            rest = later;
            record
        };
        records.iter().map(take).collect()
    }

    /// When the first `bytes` of that had come, if they have; of 0 bytes, when the first of all came.
    #[must_use]
    pub fn came_at(&self, bytes: usize) -> Option<Duration> {
        let Client { arrivals, .. } = self.client();
        arrivals.iter().find(|(_, so_far)| *so_far >= bytes).map(|(at, _)| *at)
    }

    /// When bytes came, and how many had come then.
    #[must_use]
    pub fn arrivals(&self) -> &'a [(Duration, usize)] {
        &self.client().arrivals
    }

    /// How many bytes had come when the kernel last let the loop know of them. That is when a read gives all that there is room
    /// for, and when an output leaves that had to wait. Of what came by then the server has to know.
    #[must_use]
    pub fn told(&self) -> usize {
        self.client().told
    }

    /// When it shut its side, if it did so before the server had.
    #[must_use]
    pub fn shut_at(&self) -> Option<Duration> {
        self.client().shut_at
    }

    /// The bytes that reads had given to the loop by the end of the conversation. What comes later is thrown away.
    ///
    /// As far as calls tell, a conversation is over when the write side is shut, or when something is read although an
    /// output has not left.
    #[must_use]
    pub fn read(&self) -> &'a [u8] {
        let Client { sent, bytes_read, read_at_end, .. } = self.client();
        &sent[..read_at_end.map_or(*bytes_read, |(bytes, _)| bytes)]
    }

    /// How many bytes reads have given to the loop in all, with those that came after the conversation.
    #[must_use]
    pub fn bytes_read(&self) -> usize {
        self.client().bytes_read
    }

    /// How many records reads had given to the loop until then, where boundaries are kept.
    #[must_use]
    pub fn records_read(&self) -> usize {
        let Client { records_read, read_at_end, .. } = self.client();
        read_at_end.map_or(*records_read, |(_, records)| records)
    }

    /// Whether a read has given the end of input to the loop, also where that was after the conversation, while the
    /// stream lingered.
    #[must_use]
    pub fn end_was_read(&self) -> bool {
        self.client().end_read
    }

    /// Whether a read answered that it would block although there was something.
    #[must_use]
    pub fn was_denied(&self) -> bool {
        self.client().denied
    }

    /// How many bytes the kernel took of what the loop wrote.
    #[must_use]
    pub fn bytes_written(&self) -> usize {
        self.client().bytes_written
    }

    /// How many records the loop wrote, where boundaries are kept.
    #[must_use]
    pub fn records_written(&self) -> usize {
        self.client().records_written
    }

    /// Whether the kernel took the whole of every output that the loop began.
    #[must_use]
    pub fn output_is_whole(&self) -> bool {
        self.client().output_done
    }

    /// Whether a reset by the server can destroy an answer of so many bytes: on a network whose segments come late, and
    /// only there. One that any window may have no room for is waited for, as long as that may last.
    #[must_use]
    pub fn can_lose_output(&self, bytes: usize) -> bool {
        let is_waited_for = bytes > WINDOW_BYTES && !self.has_lingered_to_the_limit() && !self.was_stopped();
        self.world.weather.late && !self.client().is_local() && !is_waited_for
    }

    /// How long the way to it and back takes, as the kernel estimates it; nothing in the Unix domain.
    #[must_use]
    pub fn round_trip(&self) -> Duration {
        if self.client().is_local() { Duration::ZERO } else { self.world.weather.round_trip }
    }

    /// What the kernel answered when a datagram's answer was sent.
    #[must_use]
    pub fn answered(&self) -> Answered {
        self.client().answered
    }

    /// What the client has taken of what was written.
    #[must_use]
    pub fn received(&self) -> &'a [u8] {
        &self.client().received
    }

    /// How it ended for the client, if it has.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.client().end
    }

    /// Whether a network told it that the server's output has ended. What it received is whole then, also when the loop
    /// could not go on. A socket of the Unix domain cannot tell the difference.
    #[must_use]
    pub fn ended_cleanly_by_network(&self) -> bool {
        let client = self.client();
        client.end == Some(End::Clean) && !client.is_local()
    }

    /// When the loop accepted it, or received its datagram.
    #[must_use]
    pub fn accepted_at(&self) -> Option<Duration> {
        self.client().accepted_at
    }

    /// When the loop closed its stream, or received its datagram.
    #[must_use]
    pub fn closed_at(&self) -> Option<Duration> {
        self.client().closed_at
    }

    /// Whether it was not done with sending when the loop closed its stream: something was unread, or came later.
    #[must_use]
    pub fn sends_at_close(&self) -> bool {
        let Client { sent, records, sent_at_close, bytes_read, .. } = self.client();
        sent_at_close.is_some_and(|before| before < (sent.len(), records.len()) || *bytes_read < before.0)
    }

    /// When the server was told to stop, or its socket broke, if that was while the client was there. For a service that shows
    /// others: when these were over.
    #[must_use]
    pub fn stopped_at(&self) -> Option<Duration> {
        let stops_at = self.world.stops_at(self.client().service);
        stops_at.filter(|at| self.closed_at().is_none_or(|closed| closed >= *at))
    }

    /// When the server was told to stop, or its socket broke, also if this client was gone by then.
    #[must_use]
    pub fn told_to_stop_at(&self) -> Option<Duration> {
        self.world.stopped_at
    }

    /// All clients of the schedule, this one among them, with the numbers that services have in the loop. What one client is told
    /// of the others can be held to what became of them.
    pub fn all(&self) -> impl Iterator<Item = Transcript<'a>> {
        let world = self.world;
        (0..world.clients.len()).map(move |number| Transcript { world, number, before: 0 })
    }

    /// Whether reading, writing or watching its stream failed for good, by an error or by its reset, while the
    /// conversation went on.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.client().failed.is_some()
    }

    /// Whether it left before a byte or a record of it was read, and a call told the loop so: by the end of its input, or
    /// by its reset.
    #[must_use]
    pub fn has_left_silent(&self) -> bool {
        let left = self.end_was_read() || self.client().failed == Some(Cause::Reset);
        left && self.read().is_empty() && self.records_read() == 0
    }

    /// Whether shutting the write side of its stream failed.
    #[must_use]
    pub fn shut_has_failed(&self) -> bool {
        self.client().shut_failed
    }

    /// Whether a call on its stream failed for good after the conversation, as far as calls tell of its end: see
    /// [`read`](Transcript::read).
    #[must_use]
    pub fn has_failed_later(&self) -> bool {
        self.client().failed_since_end.is_some()
    }

    /// Whether its conversation ended, or its stream was closed, after it had waited in one stage for as long as that may
    /// last.
    #[must_use]
    pub fn has_timed_out(&self) -> bool {
        let Client { stage, entered, ended, closed_at, .. } = self.client();
        let at_close = closed_at.map(|at| (*stage, *entered, at));
        ended.iter().copied().chain(at_close).any(|(stage, entered, at)| {
            let limit = match stage {
                Stage::Input => self.limits().input,
                Stage::Output => self.limits().output,
                Stage::Shut => self.limits().shut,
            };
            at >= entered.saturating_add(limit)
        })
    }

    /// Whether it was closed because its write side had been shut for as long as that may last.
    #[must_use]
    pub fn has_lingered_to_the_limit(&self) -> bool {
        let Client { stage, entered, closed_at, .. } = self.client();
        *stage == Stage::Shut && closed_at.is_some_and(|at| at >= entered.saturating_add(self.limits().shut))
    }

    /// Whether it was closed when the server did not wait any longer.
    #[must_use]
    pub fn was_stopped(&self) -> bool {
        let closed_from = |at| self.closed_at().is_some_and(|closed| closed >= at);
        self.world.gives_up_at(self.client().service).is_some_and(closed_from)
    }

    /// Whether it was closed for a client that waited to be accepted by the same service, once half of the time to drain was
    /// over. Before that it has to have its place for a tenth of that time, or 100 ms.
    #[must_use]
    pub fn gave_way(&self) -> bool {
        let timeout = self.world.drain_timeout;
        let (Some(stopped), Some(accepted), Some(closed)) =
            (self.world.stopped_at, self.accepted_at(), self.closed_at())
        else {
            return false;
        };
        let had_time = closed >= accepted + (timeout / 10).min(Duration::from_millis(100));
        self.client().gave_way && closed >= stopped + timeout / 2 && had_time
    }

    /// Why it has no right to the whole answer to what it had sent completely at the moment `complete`; `None` if
    /// nothing excuses the server.
    ///
    /// That it was in time, and takes what it is sent, is for the oracle to see: [`keeps_up`](Transcript::keeps_up).
    /// So is a reset that it causes by what it sends when its conversation is over:
    /// [`can_lose_output`](Transcript::can_lose_output).
    #[must_use]
    pub fn excuse(&self, complete: Duration) -> Option<&'static str> {
        let Client { excused, denied, denied_last, accepted_at, script, .. } = self.client();
        let Some(accepted_at) = *accepted_at else { return Some("it was never accepted") };
        if excused.is_some() {
            return *excused;
        }
        if script.reading == Reading::Never {
            return Some("it never takes anything");
        }
        if *denied_last {
            return Some("the last read found nothing, and there was something");
        }
        if *denied && self.world.leaped {
            return Some("bytes were denied, perhaps at its deadline");
        }
        let stopped_at = self.stopped_at()?;
        let again = self.world.stopped_again_at.filter(|_| !self.limits().watches);
        let again = again.filter(|at| self.closed_at().is_none_or(|closed| closed >= *at));
        if complete >= stopped_at {
            Some("the server was stopped before it had sent everything")
        } else if accepted_at > stopped_at && self.was_stopped() {
            Some("it was accepted after the stop, and the time was over before it was served")
        } else if *denied {
            Some("bytes were denied, and the server was stopped")
        } else if again.is_some() || (self.world.has_small_buffers() && self.kind().semantics().connections) {
            Some("the server was stopped, and need not wait for it")
        } else {
            None
        }
    }

    /// Whether it takes an answer of so many bytes within the limit.
    #[must_use]
    pub fn keeps_up(&self, bytes: usize) -> bool {
        // A byte's turn comes when all others have had theirs.
        let crowd = self.world.clients.len() / 10;
        let pace = crowd + if self.script().reading == Reading::Slow { 6 } else { 1 };
        let beyond = bytes.saturating_sub(self.world.weather.send_buffer);
        Duration::from_millis((beyond * pace) as u64) < self.limits().output
    }

    /// Whether something that happened at `at` came in time for a limit of the length `limit` that began at `since` or
    /// when the client was accepted, whichever was later.
    #[must_use]
    pub fn is_in_time(&self, at: Duration, since: Duration, limit: Duration) -> bool {
        let since = self.accepted_at().map_or(since, |accepted| accepted.max(since));
        at + SLACK < since.saturating_add(limit)
    }
}
