//! The answers that clients in the Unix domain have not read: the kernel is asked, within limits, before one is refused.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::sys::socket::GetSockOpt as _;
use nix::time::{ClockId, clock_gettime};
use nix::{getsockopt_impl, sockopt_impl};

use super::held::{Held, Opinion, SendBuffer, Sent};
use super::netlink::List;
use super::unix_diag::{Diag, SocketId};
use crate::net::UnixName;

/// A look is over after this time of the processor, and goes on at the next one. It takes 0.4 ms to look at 1,000 sockets,
/// and 60 ms at 100,000.
const LOOK_MAX: Duration = Duration::from_millis(5);

/// Between two looks is this many times as long as the first has taken. So they take a twentieth of the time at most.
const PAUSE_TIMES_LOOK: u32 = 19;

/// The same before a look for an address that none has shown yet: it has a quarter of the time. A client can be new only once,
/// and before its socket is known the server has to guess.
const PAUSE_TIMES_LOOK_FOR_NEW: u32 = 3;

/// The pause after a look that has failed, as where the kernel has no such list.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(10);

sockopt_impl!(
    /// The memory of a socket (sock_diag(7), `SK_MEMINFO_*`).
    Memory,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_MEMINFO,
    [u32; 9]
);

/// What is unread of the datagrams of a socket.
#[derive(Debug, Default)]
pub(super) struct Unread {
    held: Held,
    /// The look that is not finished.
    look: Option<Diag>,
    /// When the next one may begin, or this one go on; and when it may for a new address.
    next_look: Option<Instant>,
    next_look_for_new: Option<Instant>,
}

impl Unread {
    /// Whether `socket` may send another datagram to this address of this user.
    pub(super) fn admits(&mut self, socket: &OwnedFd, to: &UnixName, user: Option<u32>) -> bool {
        // A system that does not tell what is held has no such bound.
        let Some(now) = send_buffer(socket) else { return true };
        let mut opinion = self.held.opinion(to, user, now);
        if opinion != Opinion::Yes
            && let Some(id) = self.held.worth_asking(to)
        {
            self.held.answered(to, has_unread(id));
            opinion = self.held.opinion(to, user, now);
        }
        if opinion != Opinion::Yes && self.look(self.held.is_new(to)) {
            opinion = self.held.opinion(to, user, send_buffer(socket).unwrap_or(now));
        }
        opinion != Opinion::No
    }

    /// `socket` has sent a datagram to this address of this user.
    pub(super) fn sent(&mut self, socket: &OwnedFd, datagram: &[u8], to: &UnixName, user: Option<u32>) {
        if !self.held.notes() {
            return;
        }
        // First whether it seems unread, and then whether something has been read: see `Held`.
        let has_unread = self.held.in_doubt(to).and_then(has_unread);
        if let Some(after) = send_buffer(socket) {
            let sent = Sent { bytes: datagram.len(), at: clock(), after, has_unread };
            self.held.sent(to, user, sent);
        }
    }

    /// Looks who has read, or goes on with it, if it is time. Gives whether something new may be known.
    fn look(&mut self, for_new: bool) -> bool {
        let next = if for_new { self.next_look_for_new } else { self.next_look };
        if next.is_some_and(|next| clock() < next) {
            return false;
        }
        let taken = processor_time().and_then(|start| {
            self.go_on(start)?;
            Ok(processor_time()?.saturating_sub(start))
        });
        let (pause, for_new) = match taken {
            Ok(taken) => {
                (taken.saturating_mul(PAUSE_TIMES_LOOK), taken.saturating_mul(PAUSE_TIMES_LOOK_FOR_NEW))
            }
            Err(_) => (PAUSE_AFTER_FAILURE, PAUSE_AFTER_FAILURE),
        };
        let end = clock();
        (self.next_look, self.next_look_for_new) = (end.checked_add(pause), end.checked_add(for_new));
        taken.is_ok()
    }

    fn go_on(&mut self, start: Duration) -> io::Result<()> {
        let diag = if let Some(diag) = self.look.take() { diag } else { self.begin()? };
        while diag.read(&mut |shown| self.held.see(shown))? == List::Unfinished {
            if processor_time()?.saturating_sub(start) >= LOOK_MAX {
                self.look = Some(diag);
                return Ok(());
            }
        }
        self.held.look_ends();
        Ok(())
    }

    fn begin(&mut self) -> io::Result<Diag> {
        let diag = Diag::open()?;
        diag.list()?;
        self.held.look_begins();
        Ok(diag)
    }
}

/// Whether this socket seems to have something unread, if it is still there.
fn has_unread(id: SocketId) -> Option<bool> {
    Diag::open().and_then(|diag| diag.has_unread(id)).ok()
}

/// How full the send buffer is, where the system tells.
fn send_buffer(socket: &OwnedFd) -> Option<SendBuffer> {
    let [_, _, held, size, ..] = Memory.get(socket).ok()?;
    Some(SendBuffer { held: usize::try_from(held).ok()?, size: usize::try_from(size).ok()? })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the time that the kernel takes for an answer is known here alone"
)]
fn clock() -> Instant {
    Instant::now()
}

/// What this thread has had of a processor. Time that others had meanwhile is no cost of a look.
///
/// Fails where the system does not tell (seccomp(2)): rustix gives what was in its memory then, so nix is asked.
fn processor_time() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_followed_by_a_pause() {
        let mut unread = Unread::default();
        assert!(unread.look(false), "the first look is due");
        let (next, next_for_new) = (unread.next_look.unwrap(), unread.next_look_for_new.unwrap());
        assert!(next_for_new < next, "it is looked sooner for one that is new");
        // Longer than this test takes, however slow the machine is.
        let far = clock() + Duration::from_secs(3600);
        (unread.next_look, unread.next_look_for_new) = (Some(far), Some(far));
        assert!(!unread.look(false) && !unread.look(true));
        unread.next_look_for_new = Some(clock());
        assert!(unread.look(true) && unread.next_look < Some(far));
    }
}
