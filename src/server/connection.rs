//! One stream drives one [`Session`].

use std::io::{self, ErrorKind};

use super::stats::Stats;
use crate::kernel::{Interest, Kernel};
use crate::net::{Kind, Peer};
use crate::protocol::state::connection::{Arrow, State};
use crate::protocol::{NAME_MAX_BYTES, Session, Want, Welcome};
use crate::text::Escaped;

/// The most that is read from one stream in one turn of the loop: one that sends without end gets its
/// turn like all others.
pub(crate) const READ_BYTES_PER_TURN: usize = 64 * 1024;

/// What a read counts for at least, so that one that sends byte by byte is not read 65,536 times a turn.
const READ_BYTES_MIN: usize = 1024;

/// What all connections share while they are driven.
pub(crate) struct Shared<'a, K> {
    pub(crate) kernel: &'a mut K,
    pub(crate) welcome: &'a Welcome,
    /// Where bytes are read to. It serves all connections, so that an idle one holds no buffer.
    pub(crate) buffer: &'a mut [u8],
    pub(crate) stats: &'a mut Stats,
}

/// Why a connection cannot be driven further now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Halt {
    /// It has to wait for the kernel.
    Blocked(Interest),
    /// It is over.
    Closed,
}

/// A stream and the conversation on it.
#[derive(Debug)]
pub(crate) struct Connection<Stream> {
    pub(crate) stream: Stream,
    pub(crate) session: Session,
    peer: Peer,
    kind: Kind,
    /// What the kernel has been asked to watch the stream for, once it would have blocked.
    watched: Option<Interest>,
}

impl<Stream> Connection<Stream> {
    pub(crate) fn new(stream: Stream, peer: Peer, kind: Kind) -> Connection<Stream> {
        Connection { stream, session: Session::new(), peer, kind, watched: None }
    }

    /// Reads and writes until the stream would block or the conversation is over.
    pub(crate) fn drive<K: Kernel<Stream = Stream>>(&mut self, shared: &mut Shared<'_, K>) -> Halt {
        let mut bytes_read = 0;
        loop {
            let result = match self.session.want() {
                Want::Read if bytes_read >= READ_BYTES_PER_TURN => {
                    self.watched = None; // there may be more: watching again raises the edge anew
                    return Halt::Blocked(Interest::Readable);
                }
                Want::Read => self.read(shared).map(|(bytes, arrow)| {
                    bytes_read += bytes.max(READ_BYTES_MIN);
                    arrow
                }),
                Want::Write => self.write(shared),
                Want::Close => return Halt::Closed,
            };
            match result {
                Ok(arrow) => self.moved(arrow, shared),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => match self.session.want() {
                    Want::Read => return Halt::Blocked(Interest::Readable),
                    Want::Write => return Halt::Blocked(Interest::Writable),
                    Want::Close => return Halt::Closed,
                },
                Err(error) => self.fail(&error, shared),
            }
        }
    }

    /// Asks the kernel to say when there is something to do, unless it has been asked just that.
    pub(crate) fn watch<K>(&mut self, key: usize, interest: Interest, kernel: &mut K) -> io::Result<()>
    where
        K: Kernel<Stream = Stream>,
    {
        if self.watched != Some(interest) {
            kernel.watch(&mut self.stream, key, interest)?;
            self.watched = Some(interest);
        }
        Ok(())
    }

    /// Does what has to be done when the session has moved along `arrow`, if it has.
    pub(crate) fn moved<K>(&mut self, arrow: Option<Arrow>, shared: &mut Shared<'_, K>)
    where
        K: Kernel<Stream = Stream>,
    {
        let Some(arrow) = arrow else { return };
        shared.stats.arrow_taken(arrow);
        log::trace!("{}: {arrow}", self.peer);
        match arrow.to {
            State::WritingWelcome => {
                log::info!("connected with {} {}", self.peer, Escaped(self.session.name()));
            }
            State::Lingering => {
                if let Err(error) = shared.kernel.shut(&mut self.stream) {
                    self.fail(&error, shared);
                }
            }
            State::ReadingName | State::Closed => {}
        }
    }

    /// Ends this connection, and no other, because of an error of its stream.
    pub(crate) fn fail<K>(&mut self, error: &io::Error, shared: &mut Shared<'_, K>)
    where
        K: Kernel<Stream = Stream>,
    {
        log::debug!("{}: {error} while {}", self.peer, self.session.state());
        let arrow = self.session.fail();
        self.moved(arrow, shared);
    }

    /// Reads once, and tells the session what came: how many bytes that were, and where it led.
    fn read<K>(&mut self, shared: &mut Shared<'_, K>) -> io::Result<(usize, Option<Arrow>)>
    where
        K: Kernel<Stream = Stream>,
    {
        if self.keeps_boundaries() {
            return self.read_record(shared);
        }
        let bytes = shared.kernel.read(&mut self.stream, shared.buffer)?;
        if bytes == 0 {
            return Ok((0, self.session.receive_eof(shared.welcome)));
        }
        let input = shared.buffer.get(..bytes).unwrap_or_default();
        Ok((bytes, self.session.receive(input, shared.welcome)))
    }

    fn read_record<K>(&mut self, shared: &mut Shared<'_, K>) -> io::Result<(usize, Option<Arrow>)>
    where
        K: Kernel<Stream = Stream>,
    {
        let buffer = shared.buffer.get_mut(..NAME_MAX_BYTES).unwrap_or_default();
        let Some(record) = shared.kernel.read_record(&mut self.stream, buffer)? else {
            return Ok((0, self.session.receive_eof(shared.welcome)));
        };
        if record.truncated && self.session.state() == State::ReadingName {
            log::info!("{}: the name is cut at {NAME_MAX_BYTES} bytes", self.peer);
        }
        let input = buffer.get(..record.bytes).unwrap_or_default();
        Ok((record.bytes, self.session.receive_record(input, shared.welcome)))
    }

    fn keeps_boundaries(&self) -> bool {
        self.kind.semantics().boundaries
    }

    fn write<K>(&mut self, shared: &mut Shared<'_, K>) -> io::Result<Option<Arrow>>
    where
        K: Kernel<Stream = Stream>,
    {
        let outgoing = self.session.outgoing();
        if outgoing.is_empty() {
            return Ok(self.session.sent(0));
        }
        let all = outgoing.len();
        let bytes = shared.kernel.write(&mut self.stream, outgoing)?;
        if bytes == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
        // With a name that ended in a stream came what was behind it, but a record comes alone.
        if bytes == all && (self.watched == Some(Interest::Writable) || self.keeps_boundaries()) {
            self.look_for_more(shared);
        }
        Ok(self.session.sent(bytes))
    }

    /// There may be more input by now, which closing would answer by a reset: tells the session of it, so that
    /// it lingers. A broken stream is for the next call to find.
    fn look_for_more<K>(&mut self, shared: &mut Shared<'_, K>)
    where
        K: Kernel<Stream = Stream>,
    {
        while self.read(shared).is_err_and(|error| error.kind() == ErrorKind::Interrupted) {}
    }
}
