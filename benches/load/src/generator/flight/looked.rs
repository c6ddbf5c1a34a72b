//! When the server closed, by a stamp of the kernel.
//!
//! An end of input carries no stamp. But Linux joins a FIN to the data before it that is still in the socket, and these have the
//! stamp of the FIN from then on (`tcp_try_coalesce`). So a welcome or a page that has come without its end is looked at first, for its own
//! stamp, and taken when the end is there. That needs one call more than to take it and to find that there is no end yet.

use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use welcomed::net::Kind;

use super::{Flight, Looked, System};
use crate::plan::manners::Manners;
use crate::plan::target::look;

impl Flight {
    /// The kernel has reported it, and whether the server has closed. Gives whether it can go on: what was looked at may have been
    /// reported behind that.
    pub(crate) fn reported(&mut self, closed: bool) -> bool {
        if self.looked == Looked::Has {
            let there = rustix::io::ioctl_fionread(&self.socket).unwrap_or(u64::MAX);
            let looked_at = self.answer.as_ref().map_or(self.expected.len() as u64, |answer| answer.came());
            return closed || there != looked_at;
        }
        self.looked = if closed { Looked::Not } else { Looked::May };
        true
    }

    /// Looks at a welcome that may be there, without its end. `EAGAIN`: it is whole, and its end is waited for.
    pub(super) fn look(&mut self, manners: &Manners, system: &mut System) -> Result<(), Errno> {
        if self.looked != Looked::May || manners.target.kind() != Kind::Tcp {
            return Ok(());
        }
        self.looked = Looked::Not;
        let System { clock, along, buffer } = system;
        let there = match look(&self.socket, buffer, along) {
            Err(Errno::INTR) => return Ok(()),
            there => there?,
        };
        if there.bytes == 0 || there.bytes != self.expected.len() {
            return Ok(());
        }
        self.looked = Looked::Has;
        self.timing.receive(there.stamp, manners.target.is_stamped(), clock);
        // What has come before that look would not be reported again, nor is its stamp another one.
        if has_end(&self.socket) { Ok(()) } else { Err(Errno::AGAIN) }
    }

    /// The same for the first bytes of an answer that ends as HTTP has it, where the server is to close behind it. Gives how many
    /// were taken, if that was its turn.
    pub(super) fn look_at_answer(
        &mut self,
        manners: &Manners,
        system: &mut System,
    ) -> Result<Option<usize>, Errno> {
        let System { clock, along, buffer } = system;
        let Some(answer) = &mut self.answer else { return Ok(None) };
        let looks = self.looked == Looked::May && answer.came() == 0 && answer.is_to_close();
        if looks && manners.target.kind() == Kind::Tcp {
            self.looked = Looked::Not;
            let there = match look(&self.socket, buffer, along) {
                Err(Errno::INTR) => return Ok(None),
                there => there?,
            };
            if there.bytes == 0 {
                return Ok(None);
            }
            self.looked = Looked::Has;
            self.timing.receive(there.stamp, manners.target.is_stamped(), clock);
            answer.receive(buffer.get(..there.bytes).unwrap_or_default());
            if answer.is_whole() && !answer.is_over() && !has_end(&self.socket) {
                return Err(Errno::AGAIN);
            }
        }
        if self.looked != Looked::Has {
            return Ok(None);
        }
        let came = usize::try_from(answer.came()).unwrap_or(usize::MAX);
        let taken =
            match manners.target.receive(&self.socket, buffer.get_mut(..came).unwrap_or_default(), along) {
                Err(Errno::INTR) => return Ok(Some(0)),
                taken => taken?,
            };
        self.looked = Looked::Not;
        self.timing.taken(taken.stamp, clock);
        Ok(Some(taken.bytes))
    }
}

/// Whether the server has closed.
fn has_end(socket: &OwnedFd) -> bool {
    let mut asked = [PollFd::new(socket, PollFlags::RDHUP)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut asked, Some(&now)).is_ok_and(|ready| ready > 0)
}
