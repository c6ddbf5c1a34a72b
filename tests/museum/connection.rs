//! One connection of the plain loop.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use welcomed::kernel::{Closing, Interest, Kernel as _};
use welcomed::net::Kind;
use welcomed::services::welcome::{NAME_MAX_BYTES, Settings, WelcomeStreams};
use welcomed::simulation::{Sim, SimStream};

use super::conversation::{Conversation, Next, Phase};
use super::exhibits::Bug;

const LINGER: Duration = Duration::from_secs(2);

/// A stream and its conversation.
pub(crate) struct Connection {
    pub(crate) stream: SimStream,
    pub(crate) kind: Kind,
    pub(crate) conversation: Conversation,
    pub(crate) watched: Option<Interest>,
    /// Whether its welcome had to wait: more may have come meanwhile.
    has_waited: bool,
    /// When it has to be gone, and for which phase that was said.
    pub(crate) due: Option<(Phase, Instant)>,
    /// When its name ends by silence.
    pub(crate) gap: Option<Instant>,
}

/// What the connections share while they are driven.
pub(crate) struct Shared<'a> {
    pub(crate) kernel: &'a mut Sim,
    pub(crate) welcome: &'a mut WelcomeStreams,
    pub(crate) bug: Option<Bug>,
    pub(crate) now: Instant,
}

impl Shared<'_> {
    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }
}

impl Connection {
    pub(crate) fn new(stream: SimStream, kind: Kind) -> Connection {
        Connection {
            stream,
            kind,
            conversation: Conversation::default(),
            watched: None,
            has_waited: false,
            due: None,
            gap: None,
        }
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|(_, at)| at <= now) || self.gap.is_some_and(|gap| gap <= now)
    }

    /// Reads and writes. What it has to wait for, if it is not over.
    pub(crate) fn drive(
        &mut self,
        shared: &mut Shared<'_>,
        mut left: Option<&mut Vec<u8>>,
    ) -> io::Result<Option<Interest>> {
        let mut buffer = [0; 4096];
        let mut reads = 0;
        loop {
            let next = self.conversation.next(shared.welcome);
            let result = match next {
                Next::Close => return Ok(None),
                Next::Read(_) | Next::Linger if shared.has(Bug::StopsAfterOneRead) && reads > 0 => {
                    return Ok(Some(Interest::Readable));
                }
                Next::Read(room) => self.read(shared, &mut buffer[..room]),
                Next::Linger => self.throw_away(shared, &mut buffer),
                Next::Write => self.write(shared, left.as_deref_mut()),
            };
            reads += 1;
            match result {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => match next {
                    Next::Read(_) | Next::Linger => return Ok(Some(Interest::Readable)),
                    Next::Write if shared.has(Bug::WouldBlockOnWriteIsFatal) => return Ok(None),
                    Next::Write => {
                        self.has_waited = true;
                        return Ok(Some(Interest::Writable));
                    }
                    Next::Close => return Ok(None),
                },
                Err(error) if shared.has(Bug::LetsAResetOut) && next != Next::Write => return Err(error),
                Err(_) => return Ok(None),
            }
        }
    }

    fn read(&mut self, shared: &mut Shared<'_>, buffer: &mut [u8]) -> io::Result<()> {
        let Connection { stream, conversation, .. } = self;
        if self.kind.semantics().boundaries {
            return self.read_record(shared);
        }
        let bytes = shared.kernel.read(stream, buffer)?;
        match bytes {
            0 if shared.has(Bug::EndOfInputIsData) => {}
            0 if shared.has(Bug::HalfCloseIsADisconnect) => conversation.ends(),
            0 => conversation.input_ends(shared.welcome, shared.now),
            _ => conversation.receives(&buffer[..bytes], buffer.len(), shared.welcome, shared.now),
        }
        Ok(())
    }

    fn read_record(&mut self, shared: &mut Shared<'_>) -> io::Result<()> {
        let Connection { stream, conversation, .. } = self;
        let mut buffer = [0; NAME_MAX_BYTES];
        match shared.kernel.read_record(stream, &mut buffer)? {
            Some(record) if record.bytes == 0 && shared.has(Bug::EmptyRecordIsTheEnd) => {
                conversation.input_ends(shared.welcome, shared.now);
            }
            Some(record) if shared.has(Bug::ForgetsTheBoundaries) => {
                conversation.receives(&buffer[..record.bytes], NAME_MAX_BYTES, shared.welcome, shared.now);
            }
            Some(record) => conversation.receives_record(&buffer[..record.bytes], shared.welcome, shared.now),
            None => conversation.input_ends(shared.welcome, shared.now),
        }
        Ok(())
    }

    /// Reads what is of no use any more.
    fn throw_away(&mut self, shared: &mut Shared<'_>, buffer: &mut [u8]) -> io::Result<()> {
        if !self.sends_more(shared, buffer)? {
            self.conversation.ends();
        }
        Ok(())
    }

    /// Whether there is more input, which is thrown away.
    fn sends_more(&mut self, shared: &mut Shared<'_>, buffer: &mut [u8]) -> io::Result<bool> {
        if self.kind.semantics().boundaries {
            return Ok(shared.kernel.read_record(&mut self.stream, buffer)?.is_some());
        }
        Ok(shared.kernel.read(&mut self.stream, buffer)? > 0)
    }

    fn write(&mut self, shared: &mut Shared<'_>, left: Option<&mut Vec<u8>>) -> io::Result<()> {
        let Connection { stream, conversation, .. } = self;
        let sent = if let Some(left) = left {
            // What is to be sent is kept under the key, and outlives the client that it was for.
            if left.is_empty() {
                *left = conversation.outgoing(shared.welcome).to_vec();
            }
            let sent = shared.kernel.write(stream, left, true)?;
            left.drain(..sent);
            if left.is_empty() { conversation.outgoing(shared.welcome).len() } else { 0 }
        } else if conversation.outgoing(shared.welcome).is_empty() {
            0
        } else {
            let all = conversation.outgoing(shared.welcome);
            let sent = shared.kernel.write(stream, all, true)?;
            if shared.has(Bug::ShortWriteIsAll) { all.len() } else { sent }
        };
        let is_rest = sent == self.conversation.outgoing(shared.welcome).len();
        if is_rest && (self.kind.semantics().boundaries || self.has_waited) {
            // A record comes alone: what is behind it is known only by a look.
            let mut look = || self.sends_more(shared, &mut [0; NAME_MAX_BYTES]);
            let mut more = look();
            while more.as_ref().is_err_and(|error| error.kind() == ErrorKind::Interrupted) {
                more = look();
            }
            self.conversation.input_left |= more.unwrap_or(false);
        }
        self.sent(sent, shared)
    }

    /// A client that sends more than a name is read to the end before it is closed.
    fn sent(&mut self, bytes: usize, shared: &mut Shared<'_>) -> io::Result<()> {
        let lingers = self.conversation.sends(bytes, shared.welcome, shared.now);
        if lingers && shared.has(Bug::ClosesOnUnreadInput) {
            self.conversation.ends();
        } else if lingers {
            shared.kernel.shutdown_write(&mut self.stream)?;
        }
        Ok(())
    }

    /// How its stream is to be closed.
    pub(crate) fn closing(&self, welcome: &WelcomeStreams, bug: Option<Bug>) -> Closing {
        let saves_a_call = matches!(bug, Some(Bug::SavesTheLastCall | Bug::ClosesOnUnreadInput));
        match self.conversation.phase() {
            Phase::Reading => Closing::AtOnce,
            Phase::Writing if !self.conversation.outgoing(welcome).is_empty() => Closing::Cut,
            Phase::Writing | Phase::Lingering if saves_a_call => Closing::AtOnce,
            Phase::Writing | Phase::Lingering => Closing::Delivering,
        }
    }

    /// Sets the deadlines of the phase that it waits in.
    pub(crate) fn arm(&mut self, known: usize, now: Instant, settings: &Settings, bug: Option<Bug>) {
        let phase = self.conversation.phase();
        let after = match phase {
            Phase::Reading => settings.name_timeout,
            Phase::Writing => settings.write_timeout,
            Phase::Lingering => LINGER,
        };
        let grew = self.conversation.name_bytes() > known;
        let anew = bug == Some(Bug::ExtendsTheDeadlineByEveryByte) && grew;
        if anew || self.due.is_none_or(|(armed, _)| armed != phase) {
            self.due = Some((phase, now + after));
        }
        if phase != Phase::Reading {
            self.gap = None;
        } else if grew {
            self.gap = Some(now + settings.name_gap);
        }
    }

    /// Its time is over. Gives whether it is to be closed: what has come of a name is waited for until it is silent.
    pub(crate) fn ends_by_its_time(&mut self, welcome: &mut WelcomeStreams, now: Instant) -> bool {
        let Some(gap) = self.gap.filter(|_| self.conversation.waits_for_silence(welcome, now)) else {
            return true;
        };
        self.due = Some((Phase::Reading, gap + Duration::from_nanos(1)));
        false
    }
}
