//! One socket of the server's, with its accept queue.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use super::promises::{Promise, broken};
use super::weather::Weather;
use crate::net::{Kind, Names};

/// A loop need not go on asking where accept(2) fails so often, and does nothing else.
const ERRORS_MAX: usize = 64;

/// How often a socket may be asked in vain without an event: once for the event before, and again when draining begins.
const DENIALS: usize = 3;

/// One socket of the server's, and the clients that wait there.
pub(super) struct Socket {
    pub(super) kind: Kind,
    pub(super) service: u8,
    pub(super) is_open: bool,
    /// Whether it has failed for good.
    pub(super) is_broken: bool,
    /// Whether a client can connect, or a datagram come.
    pub(super) lets_in: bool,
    /// The clients that have connected and wait to be accepted, or whose datagram has come.
    pub(super) queue: VecDeque<usize>,
    /// Whether a call has answered that it would block, so that a client in the queue is news.
    pub(super) blocked: bool,
    pub(super) edge: bool,
    /// When the queue ceased to be empty.
    pub(super) since: Duration,
    /// How often a call has answered that it would block since an event came.
    pub(super) denials: usize,
    /// How many clients the loop had been given, of all sockets, when it was last given one of this socket.
    pub(super) served: usize,
    /// How many clients of this socket it was given since it was told to stop.
    pub(super) served_at_stop: usize,
    /// As `served`, when it was told that a client waits here, or asked for one in vain.
    pub(super) waits_since: Option<usize>,
    /// Whether a call denied a client that waits here, since the last event.
    pub(super) denied: bool,
    /// How many answers to datagrams fill the send buffer. They leave while the loop waits.
    pub(super) unsent: usize,
    /// How often accept(2) or recvfrom(2) has failed in a row.
    pub(super) errors: usize,
}

impl Socket {
    pub(super) fn new(kind: Kind, service: u8) -> Socket {
        let (queue, since) = (VecDeque::new(), Duration::ZERO);
        Socket {
            kind,
            service,
            is_open: false,
            is_broken: false,
            lets_in: false,
            queue,
            blocked: true,
            edge: false,
            since,
            denials: 0,
            served: 0,
            served_at_stop: 0,
            waits_since: None,
            denied: false,
            unsent: 0,
            errors: 0,
        }
    }

    /// Whether clients connect here, or only send datagrams.
    pub(super) fn has_connections(&self) -> bool {
        self.kind.semantics().connections
    }

    /// The queue has grown, or a call denied what is in it.
    fn changed(&mut self, weather: &Weather) {
        if self.blocked || !weather.stingy {
            self.blocked = false;
            self.edge = true;
        }
    }

    /// It is watched anew: what is in the queue is news.
    pub(super) fn watched_again(&mut self) {
        self.edge |= !self.queue.is_empty();
        self.blocked = !self.edge;
    }

    /// No client can connect any more, where the kernel has a call for that. It says then that the socket is readable.
    pub(super) fn lets_no_more_in(&mut self) -> bool {
        let is_known = self.has_connections() && self.kind.semantics().names == Names::Path;
        if is_known {
            self.lets_in = false;
            self.edge = true;
            self.denials = 0;
        }
        is_known
    }

    pub(super) fn enter(&mut self, index: usize, now: Duration, weather: &Weather) {
        if self.queue.is_empty() {
            self.since = now;
        }
        self.queue.push_back(index);
        self.changed(weather);
    }

    /// A call answers that it would block. If that was not so, then what is there is news at once.
    pub(super) fn would_block<T>(&mut self, weather: &Weather) -> io::Result<T> {
        self.blocked = true;
        self.errors = 0;
        self.waits_since = None;
        self.denials += 1;
        if self.denials > DENIALS {
            let how = format!(
                "a socket of {} is asked again and again, and no event says that a client waits",
                self.kind
            );
            broken(Promise::NoSpin, how);
        }
        if !self.queue.is_empty() {
            self.denied = true;
            self.changed(weather);
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Accepting fails once more. Whether that is so often in a row that a loop need not go on asking.
    pub(super) fn fails_in_vain(&mut self) -> bool {
        self.errors = (self.errors + 1) % ERRORS_MAX;
        self.errors == 0
    }
}
