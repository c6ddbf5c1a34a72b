//! One client, and what all of them share.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};
use socket2::SockAddr;
use welcomed::net::Kind;

use super::server::Addresses;
use super::sockets::ClientSocket;

/// The state that all clients share.
pub(crate) struct Shared {
    pub(crate) addresses: Addresses,
    /// Where clients with a path have their sockets.
    folder: PathBuf,
    /// The server's deadline for a name.
    pub(crate) name_timeout: Duration,
    /// The count of finished visits.
    pub(crate) visits: AtomicU64,
    over: Mutex<bool>,
    ends: Condvar,
}

impl Shared {
    pub(crate) fn new(addresses: Addresses, folder: PathBuf, name_timeout: Duration) -> Shared {
        let visits = AtomicU64::new(0);
        Shared { addresses, folder, name_timeout, visits, over: Mutex::new(false), ends: Condvar::new() }
    }

    /// Ends the soak: each client finishes its visit and starts no other.
    pub(crate) fn end(&self) {
        *self.over.lock().unwrap() = true;
        self.ends.notify_all();
    }

    /// Waits for `length`, or until the soak ends. Gives whether it has ended.
    pub(crate) fn pause(&self, length: Duration) -> bool {
        let over = self.over.lock().unwrap();
        *self.ends.wait_timeout_while(over, length, |over| !*over).unwrap().0
    }
}

/// One client, which visits again and again.
pub(crate) struct Client<'a> {
    pub(crate) shared: &'a Shared,
    random: Xoshiro256PlusPlus,
}

impl Client<'_> {
    pub(crate) fn new(shared: &Shared, seed: u64) -> Client<'_> {
        Client { shared, random: Xoshiro256PlusPlus::seed_from_u64(seed) }
    }

    /// The server's address of this kind.
    pub(crate) fn server(&self, kind: Kind) -> &SockAddr {
        &self.shared.addresses[&kind]
    }

    pub(crate) fn connect(&self, kind: Kind) -> io::Result<ClientSocket> {
        ClientSocket::connect(kind, self.server(kind), &self.shared.folder)
    }

    /// A random name of 1 to 40 bytes without a line end.
    pub(crate) fn name(&mut self) -> Vec<u8> {
        let length = 1 + self.below(40);
        self.name_of(length)
    }

    /// A random name of so many bytes without a line end.
    pub(crate) fn name_of(&mut self, length: usize) -> Vec<u8> {
        let any_bytes = self.below(8) == 0;
        let letter = |byte: u8| if any_bytes && !b"\r\n".contains(&byte) { byte } else { b'a' + byte % 26 };
        (0..length).map(|_| letter(self.random.next_u64().to_le_bytes()[0])).collect()
    }

    /// A random number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.next_u64() % u64::try_from(bound).unwrap()).unwrap()
    }

    /// Waits for a random time, at least `from` and less than `to` microseconds.
    pub(crate) fn pause(&mut self, from: usize, to: usize) {
        let microseconds = from + self.below(to - from);
        self.shared.pause(Duration::from_micros(microseconds.try_into().unwrap()));
    }
}

/// The text for the server's `--welcome`.
pub(crate) const WELCOME: &str = "Hello, {name}!";

/// The welcome for `name`.
pub(crate) fn welcome(name: &[u8]) -> Vec<u8> {
    [b"Hello, ", &name[..name.len().min(1024)], b"!"].concat()
}
