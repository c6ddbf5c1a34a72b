//! What the receivers of a socket's datagrams hold of its send buffer, in the Unix domain, and which of them gets another one.
//!
//! A datagram there stays in its sender's send buffer until its receiver has read it (unix(7), `SO_SNDBUF`). So receivers
//! that read nothing could fill the server's, and no other one would be answered. The kernel tells how much is held in all.
//! It tells of each socket whether something is unread (see `unix_diag`), but not how much, nor from which sender. So the
//! server keeps accounts.

#[cfg(test)]
mod crowd;
#[cfg(test)]
mod promises;

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Instant;

use super::unix_diag::{Shown, SocketId};
use crate::net::UnixName;

/// Nothing is noted while less than this part of the buffer is held.
const NOTED_PART: usize = 8;

/// A user may hold this many times as many bytes as are free.
const USER_TIMES_FREE: usize = 4;

/// The user who holds the most has to leave this part of the buffer free.
const RESERVED_PART: usize = 6;

/// How many users share that part. The last of them may take all that is left of it.
const SHARING_USERS: usize = 8;

/// An address may hold this part of the bytes that are free.
const ADDRESS_PART_OF_FREE: usize = 64;

/// Of this part of the buffer it need not be known where it is. If it is more, some that seemed to have read have not.
const HIDDEN_PART: usize = 4;

/// The most addresses that are remembered: nearly twice as many as small datagrams fill the buffer.
const ADDRESSES_MAX: usize = 512;

/// What the kernel says of a send buffer (`sock_diag(7)`, `SK_MEMINFO_WMEM_ALLOC` and `SK_MEMINFO_SNDBUF`), in bytes, with its
/// own overhead for each datagram.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct SendBuffer {
    /// What waits to be read.
    pub(super) held: usize,
    /// How much there may be.
    pub(super) size: usize,
}

/// Whether a datagram may be sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Opinion {
    No,
    /// As far as can be told without a look.
    Likely,
    Yes,
}

/// A datagram that has been sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) bytes: usize,
    pub(super) at: Instant,
    /// How things stand since.
    pub(super) after: SendBuffer,
    /// Whether the receiver was then shown to have something unread, if the kernel was asked.
    pub(super) has_unread: Option<bool>,
}

/// An address that something was sent to.
#[derive(Debug)]
struct Account {
    user: Option<u32>,
    last: Instant,
    /// All that was sent since the last time that the receiver had read everything: it cannot hold more.
    sent: usize,
    /// What it is taken to hold.
    charged: usize,
    /// Whether it has been shown in the look that goes on, or needs not.
    seen: bool,
    /// Whether no look has been over since the first datagram, and none has shown it.
    is_new: bool,
    reads: Reads,
    /// The socket, if a look has shown one with this name.
    id: Option<SocketId>,
    /// What it was let off when it seemed to have nothing unread. It is put to the test with the next datagram.
    cleared: Option<Cleared>,
}

/// What the kernel has shown of a receiver since it had read everything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Reads {
    /// Nothing else.
    Promptly,
    /// Something was unread.
    Late,
    /// Something was unread when it asked for more. The kernel is not asked for it alone again.
    Nothing,
}

#[derive(Clone, Copy, Debug)]
struct Cleared {
    id: SocketId,
    sent: usize,
}

/// The accounts of those that may hold something.
///
/// Where more is free than is held, nothing is refused. Else the share of a user, and that of an address, depends on what is
/// free, as in switches with shared memory ("Dynamic Queue Length Thresholds for Shared-Memory Packet Switches", Choudhury
/// and Hahne, 1998). There a queue that is beyond its share gets shorter. A user who reads nothing keeps what it has, and the
/// next one would get most of the rest. So users have places as well, the one who holds the most the first place. Each has to
/// leave something to the places behind its own. So beside fewer users than [`SHARING_USERS`] there is something free, however
/// they come. Beside n users that take the same it is a part in 4 n + 1 of what is noted.
///
/// What an address was sent counts until the kernel shows that nothing is unread there. It does so in a look at all sockets, or
/// when it is asked for the one of a client that wants more. Where there is no such list, or the socket is in another network
/// namespace, it is guessed: what is read is taken to be the newest.
///
/// The kernel shows the next datagram of a socket alone. So an empty one in front, that the client has sent to itself, hides
/// the others. This is found out with the datagram after that. If the socket seems empty just when it was sent one, and
/// nothing was read, what it was let off counts again. It can be an accident: on its way from the queue to the receiver a
/// datagram is neither unread nor free. So it is let off again when it asks for more.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// By the name as the kernel shows it.
    accounts: HashMap<Vec<u8>, Account>,
    buffer: SendBuffer,
    /// What they are charged together.
    charged: usize,
    /// The size of the last datagram, and the most that one of this size has taken.
    cost: (usize, usize),
}

impl Held {
    /// Whether a datagram may be sent to `to`, an address of `user`. `now` is how things stand.
    pub(super) fn opinion(&mut self, to: &UnixName, user: Option<u32>, now: SendBuffer) -> Opinion {
        self.learn(now, 0);
        let free = now.size.saturating_sub(now.held);
        if free >= now.held {
            return Opinion::Yes;
        }
        let own = self.accounts.values().filter(|account| account.user == user);
        let own = own.map(|account| self.held_at(account)).fold(0, usize::saturating_add).min(now.held);
        if own > free.saturating_mul(USER_TIMES_FREE) {
            return Opinion::No;
        }
        let share = free / ADDRESS_PART_OF_FREE;
        let opinion = match self.accounts.get(&key(to)) {
            Some(account) if account.sent <= share => Opinion::Yes,
            Some(account) if account.charged <= share && account.reads != Reads::Nothing => Opinion::Likely,
            Some(_) => return Opinion::No,
            None => Opinion::Yes,
        };
        // The place takes the longest to find.
        let is_reserved = free < reserved(now.size, 1) && free < reserved(now.size, self.place(user, own));
        if is_reserved { Opinion::No } else { opinion }
    }

    /// The socket at this address, if it is worth asking the kernel whether it has read everything.
    pub(super) fn worth_asking(&self, to: &UnixName) -> Option<SocketId> {
        self.accounts.get(&key(to)).filter(|account| account.sent > 0 && account.reads != Reads::Nothing)?.id
    }

    /// The kernel was asked for that socket, which is gone if there is no answer.
    pub(super) fn answered(&mut self, to: &UnixName, has_unread: Option<bool>) {
        let Some(account) = self.accounts.get_mut(&key(to)) else { return };
        match (has_unread, account.id) {
            (Some(false), Some(id)) => account.clear(id),
            (Some(_), _) => account.reads = Reads::Nothing,
            (None, _) => account.id = None,
        }
    }

    /// Whether a look could show this address for the first time.
    pub(super) fn is_new(&self, to: &UnixName) -> bool {
        self.accounts.get(&key(to)).is_some_and(|account| account.is_new)
    }

    /// Whether it is to be told of what is sent.
    pub(super) fn notes(&self) -> bool {
        self.buffer.held >= self.buffer.size / NOTED_PART
    }

    /// The socket at this address of which the kernel is asked again when it has been sent something.
    pub(super) fn in_doubt(&self, to: &UnixName) -> Option<SocketId> {
        self.accounts.get(&key(to))?.cleared.map(|cleared| cleared.id)
    }

    /// A datagram has been sent to `to`, an address of `user`.
    pub(super) fn sent(&mut self, to: &UnixName, user: Option<u32>, sent: Sent) {
        let before = self.buffer.held;
        let growth = sent.after.held.saturating_sub(before);
        // Others may have read meanwhile.
        let (bytes, most) = self.cost;
        let cost = if bytes == sent.bytes { most.max(growth) } else { growth };
        self.cost = (sent.bytes, cost);
        let key = key(to);
        if self.accounts.len() >= ADDRESSES_MAX && !self.accounts.contains_key(&key) {
            self.forget_the_oldest();
        }
        let account = self.accounts.entry(key).or_insert_with(|| Account::new(sent.at));
        account.user = user;
        account.last = sent.at;
        if let Some(cleared) = account.cleared.take()
            && sent.has_unread == Some(false)
            && growth > 0
        {
            account.restore(cleared);
        }
        account.sent = account.sent.saturating_add(cost);
        account.charged = account.charged.saturating_add(cost);
        self.learn(sent.after, cost);
    }

    /// From now on it is told of all sockets that there are.
    pub(super) fn look_begins(&mut self) {
        for account in self.accounts.values_mut() {
            account.seen = false;
        }
    }

    /// There is this socket. It can be another user's with the same path, or one of two.
    pub(super) fn see(&mut self, shown: &Shown<'_>) {
        let Some(account) = self.accounts.get_mut(shown.name) else { return };
        let is_path = !shown.name.starts_with(b"\0");
        if is_path && account.user != shown.user {
            return;
        }
        // One of two with the same name is not all that there is to it.
        account.id = Some(shown.id).filter(|id| !account.seen || account.id == Some(*id));
        if shown.has_unread {
            if let Some(cleared) = account.cleared.take_if(|_| account.seen) {
                account.restore(cleared);
            }
            account.reads = account.reads.max(Reads::Late);
        } else if !(account.seen && account.reads != Reads::Promptly) {
            account.clear(shown.id);
        }
        account.seen = true;
        account.is_new = false;
    }

    /// That were all sockets. The others are gone, or in another network namespace.
    pub(super) fn look_ends(&mut self) {
        self.accounts.retain(|_, account| account.seen || account.charged > 0);
        for account in self.accounts.values_mut() {
            account.is_new &= account.seen;
        }
    }

    /// How much is held there, at most.
    fn held_at(&self, account: &Account) -> usize {
        let hidden = self.buffer.held.saturating_sub(self.charged);
        let is_too_much_hidden = hidden > self.buffer.size / HIDDEN_PART;
        let cleared = account.cleared.filter(|_| is_too_much_hidden).map_or(0, |cleared| cleared.sent);
        let counted = if account.reads == Reads::Promptly { account.charged } else { account.sent };
        counted.saturating_add(cleared)
    }

    /// The place of a user who holds `own`. Of users who hold the same each has the last place.
    fn place(&self, user: Option<u32>, own: usize) -> usize {
        // They are few, so a search is faster than a map.
        let mut others: Vec<(Option<u32>, usize)> = Vec::new();
        for account in self.accounts.values().filter(|account| account.user != user) {
            let held = self.held_at(account);
            match others.iter_mut().find(|(other, _)| *other == account.user) {
                Some((_, sum)) => *sum = sum.saturating_add(held),
                None => others.push((account.user, held)),
            }
        }
        others.iter().filter(|(_, held)| *held >= own).count().saturating_add(1)
    }

    /// So much is held now, after so much more was sent. What it is less than both has been read, the newest first.
    fn learn(&mut self, now: SendBuffer, sent: usize) {
        let mut read = self.buffer.held.saturating_add(sent).saturating_sub(now.held);
        self.buffer = now;
        if !self.notes() {
            self.accounts.clear();
            return;
        }
        while read > 0 {
            let charged = self.accounts.values_mut().filter(|account| account.charged > 0);
            let Some(newest) = charged.max_by_key(|account| account.last) else { break };
            let of_it = newest.charged.min(read);
            newest.charged -= of_it;
            read -= of_it;
        }
        self.charged = self.accounts.values().map(|account| account.charged).sum();
    }

    fn forget_the_oldest(&mut self) {
        let is_needed = |account: &Account| account.charged > 0 || account.reads != Reads::Promptly;
        let oldest = self.accounts.iter().min_by_key(|(_, account)| (is_needed(account), account.last));
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.accounts.remove(&key);
        }
    }
}

impl Account {
    fn new(now: Instant) -> Account {
        Account {
            user: None,
            last: now,
            sent: 0,
            charged: 0,
            // A look that goes on may be past it.
            seen: true,
            is_new: true,
            reads: Reads::Promptly,
            id: None,
            cleared: None,
        }
    }

    /// It has read everything, as it seems.
    fn clear(&mut self, id: SocketId) {
        if self.sent > 0 {
            self.cleared = Some(Cleared { id, sent: self.sent });
        }
        self.sent = 0;
        self.charged = 0;
        self.reads = Reads::Promptly;
    }

    /// It has not.
    fn restore(&mut self, cleared: Cleared) {
        self.sent = self.sent.saturating_add(cleared.sent);
        self.reads = Reads::Late;
    }
}

/// How much a user has to leave free, by its place. The places behind the first have shares in proportion to a half, a
/// third, and so on.
fn reserved(size: usize, place: usize) -> usize {
    // A number that each place divides.
    let behind = |place: usize| (place..SHARING_USERS).map(|place| 840 / (place + 1)).sum::<usize>();
    size / RESERVED_PART / behind(1) * behind(place.max(1))
}

/// A name as the kernel shows it.
fn key(name: &UnixName) -> Vec<u8> {
    match name {
        UnixName::Path(path) => path.as_os_str().as_bytes().to_vec(),
        UnixName::Abstract(name) => [b"\0", name.as_slice()].concat(),
    }
}
