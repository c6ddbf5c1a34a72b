//! How a connection writes: an output leaves in pieces, and what was said to follow it is held to.

use std::io::ErrorKind;

use super::breach::{Breach, follows};
use super::connection::{CALL_BYTES_MIN, Connection, Shared, Wrote};
use super::service::{Input, StreamService, Then, Want};
use crate::kernel::Kernel;

impl<S: StreamService, K: Kernel> Connection<S, K> {
    /// Of an output of `all` bytes, `written` more have left. Gives what that counts for.
    pub(super) fn written(
        &mut self,
        written: usize,
        all: usize,
        then: Then,
        shared: &mut Shared<'_, S, K>,
    ) -> usize {
        let sent = self.sent as usize + written;
        self.output = self.output.saturating_add(u16::try_from(written).unwrap_or(u16::MAX));
        if sent == all {
            (self.sent, self.wrote) = (0, Wrote::Output);
            self.untaken.output_left();
            self.output_left(then, shared);
        } else if sent > all {
            self.found_out(Breach::OutputChanged, shared);
        } else if written == 0 {
            self.fail(&ErrorKind::WriteZero.into(), shared);
        } else if let Ok(sent) = u32::try_from(sent) {
            self.sent = sent;
        } else {
            self.found_out(Breach::OutputTooLong, shared);
        }
        written.max(CALL_BYTES_MIN)
    }

    /// The length of the output of which a part has left, if that is so.
    pub(super) fn output_cut(&self, service: &S) -> Option<usize> {
        match service.want(&self.session) {
            Want::Write { bytes, .. } => (self.sent > 0).then_some(bytes.len()),
            Want::Read { .. } | Want::Close => None,
        }
    }

    /// A whole output has left.
    fn output_left(&mut self, then: Then, shared: &mut Shared<'_, S, K>) {
        let (_, moved) = self.tell(Input::Sent, shared);
        if !moved {
            self.found_out(Breach::SentMovesNothing, shared);
        } else if !follows(then, &shared.service.want(&self.session)) {
            if then == Then::More {
                self.cut();
            }
            self.found_out(Breach::ThenNotKept, shared);
        } else if then == Then::Shut {
            self.shutdown_write(shared);
        }
    }
}
