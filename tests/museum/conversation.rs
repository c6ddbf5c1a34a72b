//! The plain loop's end of a conversation: a session of the welcome, and what the loop has to remember beside it.

use std::time::Instant;

use welcomed::reactor::service::{Input, StreamService as _, Want};
use welcomed::services::welcome::{WelcomeStreams, session::Session, tables::connection::State};

/// What is to be done next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// To read at most so many bytes.
    Read(usize),
    Write,
    /// To read what is thrown away, until the end of input.
    Linger,
    Close,
}

/// Where a conversation stands, for its deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Reading,
    Writing,
    Lingering,
}

/// What every client's window has room for.
const WINDOW_BYTES: usize = 1024;

#[derive(Default)]
pub(crate) struct Conversation {
    session: Session,
    /// How much of the welcome has left.
    sent: usize,
    /// Whether the client sends more than a name, as far as is known.
    pub(crate) input_left: bool,
    lingers: bool,
    is_over: bool,
}

impl Conversation {
    pub(crate) fn next(&self, welcome: &WelcomeStreams) -> Next {
        match welcome.want(&self.session) {
            _ if self.is_over => Next::Close,
            _ if self.lingers => Next::Linger,
            Want::Read { room } => Next::Read(room),
            Want::Write { .. } => Next::Write,
            Want::Close => Next::Close,
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.session.state() {
            _ if self.lingers => Phase::Lingering,
            State::ReadingName => Phase::Reading,
            State::WritingWelcome | State::Closed => Phase::Writing,
        }
    }

    /// How many bytes of the name have come.
    pub(crate) fn name_bytes(&self) -> usize {
        self.session.name().len()
    }

    /// Bytes came, of at most `room`.
    pub(crate) fn receives(&mut self, bytes: &[u8], room: usize, welcome: &mut WelcomeStreams, now: Instant) {
        let taken = welcome.on(&mut self.session, Input::Bytes(bytes), now).taken;
        // With a name that had to be cut comes, as a rule, more behind it.
        self.input_left = taken < bytes.len() || bytes.len() == room;
    }

    pub(crate) fn receives_record(&mut self, bytes: &[u8], welcome: &mut WelcomeStreams, now: Instant) {
        let _ = welcome.on(&mut self.session, Input::Record { bytes, truncated: false }, now);
    }

    pub(crate) fn input_ends(&mut self, welcome: &mut WelcomeStreams, now: Instant) {
        if self.lingers {
            self.is_over = true;
        } else {
            let _ = welcome.on(&mut self.session, Input::End(&[]), now);
        }
    }

    /// Nothing came for the name gap, which is the second of the service's waits.
    pub(crate) fn is_silent(&mut self, welcome: &mut WelcomeStreams, now: Instant) {
        let _ = welcome.on(&mut self.session, Input::Elapsed(1), now);
    }

    /// The time of its name is over, which is the first of the service's waits. Gives whether the name can still end by silence.
    pub(crate) fn waits_for_silence(&mut self, welcome: &mut WelcomeStreams, now: Instant) -> bool {
        let _ = welcome.on(&mut self.session, Input::Elapsed(0), now);
        self.session.state() == State::ReadingName
    }

    pub(crate) fn ends(&mut self) {
        self.is_over = true;
    }

    /// What is still to be sent.
    pub(crate) fn outgoing<'a>(&'a self, welcome: &'a WelcomeStreams) -> &'a [u8] {
        match welcome.want(&self.session) {
            Want::Write { bytes, .. } => &bytes[self.sent..],
            Want::Read { .. } | Want::Close => &[],
        }
    }

    /// So many bytes of the welcome have left. Gives whether that was the rest, and a reset could destroy a part of it: the
    /// client sends more, or its window may not have room for all.
    pub(crate) fn sends(&mut self, bytes: usize, welcome: &mut WelcomeStreams, now: Instant) -> bool {
        self.sent += bytes;
        if self.outgoing(welcome).is_empty() {
            let _ = welcome.on(&mut self.session, Input::Sent, now);
            self.lingers = self.input_left || self.sent > WINDOW_BYTES;
        }
        self.lingers
    }
}
