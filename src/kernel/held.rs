//! What the receivers of a socket's datagrams hold of its send buffer, in the Unix domain.
//!
//! A datagram there stays in its sender's send buffer until its receiver has read it (unix(7), `SO_SNDBUF`). So receivers
//! that read nothing could fill the server's, and no other one would be answered. The kernel tells how much is held in all,
//! and not for which receiver. So the server keeps a list.

use std::collections::VecDeque;

use crate::net::UnixName;

/// A user may hold this many times as many bytes as are free.
const USER_TIMES_FREE: usize = 4;

/// An address may hold this part of the bytes that are free.
const ADDRESS_PART_OF_FREE: usize = 16;

/// What the kernel says of a send buffer (`sock_diag(7)`, `SK_MEMINFO_WMEM_ALLOC` and `SK_MEMINFO_SNDBUF`), in bytes, with its
/// own overhead for each datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SendBuffer {
    /// What waits to be read.
    pub(super) held: usize,
    /// How much there may be.
    pub(super) size: usize,
}

/// A datagram that may not have been read yet.
#[derive(Debug)]
struct Datagram {
    to: UnixName,
    user: Option<u32>,
    bytes: usize,
}

/// The datagrams that may not have been read yet, the oldest first. Together they have exactly as many bytes as the kernel
/// says.
///
/// Where more is free than is held, nothing is refused. Else the share of a user, and that of an address, depends on what is
/// free, as in switches with shared memory ("Dynamic Queue Length Thresholds for Shared-Memory Packet Switches", Choudhury
/// and Hahne, 1998). So there is always something free:
/// beside n users that hold all they may, a part in 4 n + 1 of the buffer. A client with one address alone is held to its
/// share, and so is one that takes a new address for each datagram.
///
/// What is read is taken to be the newest, because a client that is silent lets its datagrams grow old. Where a client reads
/// after a silent one was answered, this is wrong: then it is charged for that one. So where half of the buffer is full, and
/// silent clients go on asking, a client that asks often can be refused, and other addresses of its user with it. That lasts
/// until those have read or are gone.
#[derive(Debug, Default)]
pub(super) struct Held {
    datagrams: VecDeque<Datagram>,
    bytes: usize,
    /// Where the last one went, until the kernel has been asked again: then it is known what it takes.
    last: Option<(UnixName, Option<u32>)>,
}

impl Held {
    /// Whether a datagram may be sent to `to`, an address of `user`. `now` is how things stand.
    pub(super) fn admits(&mut self, to: &UnixName, user: Option<u32>, now: SendBuffer) -> bool {
        self.learn(now.held);
        let free = now.size.saturating_sub(now.held);
        if free >= now.held {
            return true;
        }
        let held_by = |of: &dyn Fn(&Datagram) -> bool| {
            self.datagrams
                .iter()
                .filter(|datagram| of(datagram))
                .map(|datagram| datagram.bytes)
                .sum::<usize>()
        };
        held_by(&|datagram| datagram.to == *to) <= free / ADDRESS_PART_OF_FREE
            && held_by(&|datagram| datagram.user == user) <= free.saturating_mul(USER_TIMES_FREE)
    }

    /// A datagram has been sent to `to`, an address of `user`.
    pub(super) fn sent(&mut self, to: &UnixName, user: Option<u32>) {
        self.last = Some((to.clone(), user));
    }

    /// So much is held now: what it is more than before is the last datagram, and what it is less has been read.
    fn learn(&mut self, held: usize) {
        if let Some((to, user)) = self.last.take()
            && held > self.bytes
        {
            self.datagrams.push_back(Datagram { to, user, bytes: held - self.bytes });
            self.bytes = held;
        }
        self.forget_what_was_read(held);
    }

    /// As much is forgotten as is held no more, the newest first.
    fn forget_what_was_read(&mut self, held: usize) {
        while self.bytes > held {
            let Some(newest) = self.datagrams.back_mut() else { return };
            let read = newest.bytes.min(self.bytes - held);
            newest.bytes -= read;
            self.bytes -= read;
            if newest.bytes == 0 {
                self.datagrams.pop_back();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 212_992;
    const DATAGRAM: usize = 768;

    /// A kernel with clients that read nothing, unless a test says so.
    #[derive(Default)]
    struct Buffer {
        held: usize,
        list: Held,
    }

    impl Buffer {
        fn now(&self) -> SendBuffer {
            SendBuffer { held: self.held, size: SIZE }
        }

        /// Sends as a server does: whether it may.
        fn send(&mut self, address: usize, user: u32) -> bool {
            let address = UnixName::Abstract(address.to_string().into_bytes());
            let now = self.now();
            // The kernel itself has room as long as the buffer is not full.
            if !self.list.admits(&address, Some(user), now) || now.held >= SIZE {
                return false;
            }
            self.held += DATAGRAM;
            self.list.sent(&address, Some(user));
            true
        }

        fn read(&mut self) {
            self.held -= DATAGRAM;
        }
    }

    #[test]
    fn silent_addresses_leave_room_for_new_ones_of_their_user() {
        let mut buffer = Buffer::default();
        for round in 0..11 * 26 {
            buffer.send(round % 26, 1);
        }
        for address in 26..36 {
            assert!(buffer.send(address, 1), "address {address}");
        }
    }

    #[test]
    fn silent_users_leave_room_for_others_however_many_addresses() {
        for users in 1..=10 {
            let mut buffer = Buffer::default();
            for address in 0..2_000 {
                buffer.send(address, u32::try_from(address).unwrap() % users);
            }
            let free = SIZE - buffer.held;
            // Each of them can be beyond its share by one datagram.
            let count = usize::try_from(users).unwrap();
            assert!(free >= (SIZE - count * DATAGRAM) / (count * 4 + 1) - DATAGRAM, "{users}: {free}");
            for address in 20_000..20_003 {
                assert!(buffer.send(address, 100), "{users} users, address {address}");
            }
        }
    }

    #[test]
    fn nothing_is_refused_as_long_as_half_is_free() {
        let mut buffer = Buffer::default();
        while buffer.held <= SIZE / 2 {
            assert!(buffer.send(1, 1), "{} bytes", buffer.held);
        }
        assert!(!buffer.send(1, 1));
    }

    #[test]
    fn a_client_that_reads_at_once_is_answered_beside_silent_ones() {
        let mut buffer = Buffer::default();
        for round in 0..3_000 {
            buffer.send(round % 1_000, 1);
            assert!(buffer.send(5_000, 2), "round {round}");
            buffer.read();
        }
        // And as far as the list goes, it holds nothing.
        buffer.list.learn(buffer.held);
        assert!(buffer.list.datagrams.iter().all(|datagram| datagram.user == Some(1)));
    }

    #[test]
    fn what_was_read_is_forgotten() {
        let mut buffer = Buffer::default();
        while buffer.send(1, 1) {}
        assert!(buffer.list.bytes == buffer.held && buffer.held > DATAGRAM);
        buffer.held = 0;
        assert!(buffer.send(1, 1));
        buffer.list.learn(buffer.held);
        assert_eq!((buffer.list.bytes, buffer.list.datagrams.len()), (DATAGRAM, 1));
    }
}
