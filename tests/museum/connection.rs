//! One connection of the plain loop.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use welcomed::facade::Settings;
use welcomed::kernel::{Interest, Kernel as _};
use welcomed::net::Kind;
use welcomed::services::welcome::NAME_MAX_BYTES;

use super::exhibits::Bug;
use super::session::{Session, State, Want};
use crate::kernel::{Sim, Stream};

const LINGER: Duration = Duration::from_secs(2);

/// A stream and its conversation.
pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) kind: Kind,
    pub(super) session: Session,
    pub(super) watched: Option<Interest>,
    /// When it has to be gone, and for which state that was said.
    pub(super) due: Option<(State, Instant)>,
    /// When its name ends by silence.
    pub(super) gap: Option<Instant>,
}

impl Connection {
    pub(super) fn new(stream: Stream, kind: Kind) -> Connection {
        Connection { stream, kind, session: Session::new(), watched: None, due: None, gap: None }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|(_, at)| at <= now) || self.gap.is_some_and(|gap| gap <= now)
    }

    /// Reads and writes. What it has to wait for, if it is not over.
    pub(super) fn drive(
        &mut self,
        kernel: &mut Sim,
        settings: &Settings,
        bug: Option<Bug>,
        mut left: Option<&mut Vec<u8>>,
    ) -> Option<Interest> {
        let mut buffer = [0; 4096];
        let mut reads = 0;
        loop {
            let result = match self.session.want() {
                Want::Close => return None,
                Want::Read if bug == Some(Bug::StopsAfterOneRead) && reads > 0 => {
                    return Some(Interest::Readable);
                }
                Want::Read => {
                    reads += 1;
                    self.read(kernel, settings, bug, &mut buffer)
                }
                Want::Write => self.write(kernel, settings, bug, left.as_deref_mut()),
            };
            match result {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => match self.session.want() {
                    Want::Read => return Some(Interest::Readable),
                    Want::Write if bug == Some(Bug::WouldBlockOnWriteIsFatal) => return None,
                    Want::Write => return Some(Interest::Writable),
                    Want::Close => return None,
                },
                Err(_) => return None,
            }
        }
    }

    fn read(
        &mut self,
        kernel: &mut Sim,
        settings: &Settings,
        bug: Option<Bug>,
        buffer: &mut [u8],
    ) -> io::Result<()> {
        if self.kind.semantics().boundaries {
            return self.read_record(kernel, settings, bug, &mut buffer[..NAME_MAX_BYTES]);
        }
        match kernel.read(&mut self.stream, buffer) {
            Ok(0) if bug == Some(Bug::EndOfInputIsData) => {
                self.session.receive(&[], &settings.welcome);
            }
            Ok(0) if bug == Some(Bug::HalfCloseIsADisconnect) => {
                self.session.fail();
            }
            Ok(0) => {
                self.session.receive_eof(&settings.welcome);
            }
            Ok(bytes) => {
                self.session.receive(&buffer[..bytes], &settings.welcome);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn read_record(
        &mut self,
        kernel: &mut Sim,
        settings: &Settings,
        bug: Option<Bug>,
        buffer: &mut [u8],
    ) -> io::Result<()> {
        match kernel.read_record(&mut self.stream, buffer)? {
            Some(record) if record.bytes == 0 && bug == Some(Bug::EmptyRecordIsTheEnd) => {
                self.session.receive_eof(&settings.welcome)
            }
            Some(record) if bug == Some(Bug::ForgetsTheBoundaries) => {
                self.session.receive(&buffer[..record.bytes], &settings.welcome)
            }
            Some(record) => self.session.receive_record(&buffer[..record.bytes], &settings.welcome),
            None => self.session.receive_eof(&settings.welcome),
        };
        Ok(())
    }

    fn write(
        &mut self,
        kernel: &mut Sim,
        settings: &Settings,
        bug: Option<Bug>,
        left: Option<&mut Vec<u8>>,
    ) -> io::Result<()> {
        if let Some(left) = left {
            // What is to be sent is kept under the key, and outlives the client that it was for.
            if left.is_empty() {
                *left = self.session.outgoing().to_vec();
            }
            let sent = kernel.write(&mut self.stream, left, true)?;
            left.drain(..sent);
            if left.is_empty() {
                self.session.sent(usize::MAX / 2);
            }
        } else if self.session.outgoing().is_empty() {
            self.session.sent(0);
        } else {
            let sent = kernel.write(&mut self.stream, self.session.outgoing(), true)?;
            let all = self.session.outgoing().len();
            if self.kind.semantics().boundaries {
                // A record comes alone: what is behind it is known only by a look.
                while self
                    .read_more(kernel, settings)
                    .is_err_and(|error| error.kind() == ErrorKind::Interrupted)
                {}
            }
            self.session.sent(if bug == Some(Bug::ShortWriteIsAll) { all } else { sent });
        }
        self.linger(kernel, bug)
    }

    fn read_more(&mut self, kernel: &mut Sim, settings: &Settings) -> io::Result<()> {
        self.read_record(kernel, settings, None, &mut [0; NAME_MAX_BYTES])
    }

    /// Who sends more than a name is read to the end before it is closed.
    fn linger(&mut self, kernel: &mut Sim, bug: Option<Bug>) -> io::Result<()> {
        if self.session.state() == State::Lingering {
            if bug == Some(Bug::ClosesOnUnreadInput) {
                self.session.deadline();
            } else {
                kernel.shutdown_write(&mut self.stream)?;
            }
        }
        Ok(())
    }

    /// Sets the deadlines of the state that it waits in.
    pub(super) fn arm(&mut self, known: usize, now: Instant, settings: &Settings, bug: Option<Bug>) {
        let state = self.session.state();
        let after = match state {
            State::ReadingName => settings.name_timeout,
            State::WritingWelcome => settings.write_timeout,
            State::Lingering | State::Closed => LINGER,
        };
        let grew = self.session.name().len() > known;
        let anew = bug == Some(Bug::ExtendsTheDeadlineByEveryByte) && grew;
        if anew || self.due.is_none_or(|(armed, _)| armed != state) {
            self.due = Some((state, now + after));
        }
        if state != State::ReadingName {
            self.gap = None;
        } else if grew {
            self.gap = Some(now + settings.name_gap);
        }
    }
}
