//! How a connection reads: what was not taken is offered again, and what came is offered.

use std::io::{self, ErrorKind};

use super::breach::Breach;
use super::connection::{Ahead, CALL_BYTES_MIN, Connection, Shared};
use super::service::{Input, StreamService, Then, Want};
use super::tables::stream::{Event, State};
use crate::kernel::Kernel;

impl<S: StreamService, K: Kernel> Connection<S, K> {
    /// Offers what was not taken, or reads once. Gives what that counts for.
    pub(super) fn read(
        &mut self,
        room: usize,
        shared: &mut Shared<'_, S, K>,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        if self.untaken.can_be_offered() {
            self.offer_with(&[], shared);
            return Ok(CALL_BYTES_MIN);
        }
        let held = self.untaken.len();
        let breach = match self.ahead {
            Ahead::Ended => Some(Breach::ReadsAfterEnd),
            _ if held >= room => Some(Breach::FullRoom),
            Ahead::Nothing | Ahead::Unknown | Ahead::More => None,
        };
        if let Some(breach) = breach {
            self.found_out(breach, shared);
            return Ok(0);
        }
        let room = (room - held).min(buffer.len());
        let buffer = buffer.get_mut(..room).unwrap_or_default();
        if self.keeps_boundaries {
            return self.read_record(shared, buffer);
        }
        let bytes = shared.kernel.read(&mut self.stream, buffer)?;
        if bytes == 0 {
            self.input_ended(shared);
            return Ok(0);
        }
        self.ahead = if bytes == buffer.len() { Ahead::Unknown } else { Ahead::Nothing };
        let input = buffer.get(..bytes).unwrap_or_default();
        if self.untaken.is_empty() {
            let (taken, moved) = self.tell(Input::Bytes(input), shared);
            if taken != bytes {
                self.keep(input, taken, moved, shared);
            }
        } else {
            self.offer_with(input, shared);
        }
        Ok(bytes.max(CALL_BYTES_MIN))
    }

    /// Offers what was not taken, with what was just read behind it.
    fn offer_with(&mut self, input: &[u8], shared: &mut Shared<'_, S, K>) {
        let bytes = self.untaken.take_with(input);
        let (taken, moved) = self.tell_rarely(Input::Bytes(&bytes), shared);
        if taken > bytes.len() {
            return self.found_out(Breach::TookTooMuch, shared);
        }
        if !self.untaken.keep(bytes, taken, moved) {
            self.found_out(Breach::Spins, shared);
        }
    }

    /// Keeps what was not taken of what was just read, unless the conversation ends.
    #[cold]
    fn keep(&mut self, input: &[u8], taken: usize, moved: bool, shared: &mut Shared<'_, S, K>) {
        let Some(rest) = input.get(taken..) else { return self.found_out(Breach::TookTooMuch, shared) };
        if let Want::Close | Want::Write { then: Then::Close, .. } = shared.service.want(&self.session) {
            self.ahead = Ahead::More;
        } else {
            let _ = self.untaken.keep(rest.to_vec(), 0, moved || taken > 0);
        }
    }

    fn read_record(&mut self, shared: &mut Shared<'_, S, K>, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(record) = shared.kernel.read_record(&mut self.stream, buffer)? else {
            self.input_ended(shared);
            return Ok(0);
        };
        self.ahead = Ahead::Unknown;
        let bytes = buffer.get(..record.bytes).unwrap_or_default();
        self.tell_rarely(Input::Record { bytes, truncated: record.truncated }, shared);
        Ok(bytes.len().max(CALL_BYTES_MIN))
    }

    /// No more input comes. A session that wants to read all the same is found out when it is asked next.
    fn input_ended(&mut self, shared: &mut Shared<'_, S, K>) {
        self.ahead = Ahead::Ended;
        let rest = self.untaken.take_with(&[]);
        self.tell_rarely(Input::End(&rest), shared);
    }

    /// There may be more input by now, which closing would answer by a reset. A broken stream is for the next call to
    /// find.
    pub(super) fn look_for_more(&mut self, shared: &mut Shared<'_, S, K>, buffer: &mut [u8]) {
        while self.throw_away(shared, buffer).is_err_and(|error| error.kind() == ErrorKind::Interrupted) {}
    }

    /// Reads once what is of no use any more. Gives what that counts for.
    pub(super) fn throw_away(
        &mut self,
        shared: &mut Shared<'_, S, K>,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        let bytes = if self.keeps_boundaries {
            shared.kernel.read_record(&mut self.stream, buffer)?.map(|record| record.bytes)
        } else {
            Some(shared.kernel.read(&mut self.stream, buffer)?).filter(|bytes| *bytes > 0)
        };
        self.ahead = if bytes.is_some() { Ahead::More } else { Ahead::Ended };
        if bytes.is_none() && self.machine.state() == State::Lingering {
            self.stream_on(Event::EndOfInput, shared);
        }
        Ok(bytes.map_or(0, |bytes| bytes.max(CALL_BYTES_MIN)))
    }
}
