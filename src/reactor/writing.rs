//! How a connection writes: an output leaves in pieces, and what was said to follow it is held to.

use std::io::ErrorKind;

use super::breach::{Breach, follows};
use super::connection::{CALL_BYTES_MIN, Connection, Shared, Wrote};
use super::service::{Input, StreamService, Then};
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
        if let Some(breach) = self.output_breach(all) {
            self.found_out(breach, shared);
        } else if sent < all && written > 0 {
            self.sent = u32::try_from(sent).unwrap_or(u32::MAX);
            self.output_bytes = u32::try_from(all).unwrap_or(u32::MAX);
        } else if sent < all {
            self.fail(&ErrorKind::WriteZero.into(), shared);
        } else {
            (self.sent, self.wrote) = (0, Wrote::Output);
            self.untaken.output_left();
            self.output_left(then, shared);
        }
        written.max(CALL_BYTES_MIN)
    }

    /// Whether an output of `all` bytes may be written.
    #[inline]
    pub(super) fn can_write(&self, all: usize) -> bool {
        self.output_breach(all).is_none()
    }

    /// How an output of `all` bytes breaks the law, if it does.
    #[inline]
    fn output_breach(&self, all: usize) -> Option<Breach> {
        if self.wrote == Wrote::End {
            Some(Breach::WritesAfterShut)
        } else if self.sent > 0 && self.output_bytes as usize != all {
            Some(Breach::OutputChanged)
        } else if u32::try_from(all).is_err() {
            Some(Breach::OutputTooLong)
        } else {
            None
        }
    }

    /// A whole output has left.
    fn output_left(&mut self, then: Then, shared: &mut Shared<'_, S, K>) {
        let (_, moved) = self.tell(Input::Sent, shared);
        if !moved {
            self.found_out(Breach::SentMovesNothing, shared);
        } else if !follows(then, &shared.service.want(&self.session)) {
            self.found_out(Breach::ThenNotKept, shared);
        } else if then == Then::Shut {
            self.shutdown_write(shared);
        }
    }
}
