//! One datagram is one conversation.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::connection::Shared;
use crate::kernel::{Kernel, Record};
use crate::net::Peer;
use crate::protocol::state::connection::{Arrow, State};
use crate::protocol::{NAME_MAX_BYTES, Session, Want, Welcome};
use crate::text::Escaped;

/// A datagram that was received, and the conversation that it is.
#[derive(Debug)]
pub(crate) struct Datagram {
    session: Session,
    record: Record,
    peer: Peer,
}

impl Datagram {
    /// The next datagram of `socket`; its bytes are in the shared buffer.
    pub(crate) fn receive<K: Kernel>(
        socket: &K::Listener,
        shared: &mut Shared<'_, K>,
    ) -> io::Result<Datagram> {
        let buffer = shared.buffer.get_mut(..NAME_MAX_BYTES).unwrap_or_default();
        let (record, peer) = shared.kernel.receive(socket, buffer)?;
        Ok(Datagram { session: Session::new(), record, peer })
    }

    /// Answers it, once. If the welcome cannot be sent now it never is: nobody has promised delivery, and
    /// whoever misses it asks again.
    pub(crate) fn answer<K: Kernel>(
        mut self,
        socket: &K::Listener,
        shared: &mut Shared<'_, K>,
        repeats: &mut Repeats,
        now: Instant,
    ) {
        let bytes = shared.buffer.get(..self.record.bytes).unwrap_or_default();
        let arrow = if let Some(why) = self.is_echo(bytes, shared.welcome, repeats, now) {
            log::debug!("{}: not answered, {why}", self.peer);
            self.session.echo()
        } else {
            if self.record.truncated {
                log::info!("{}: the name is cut at {NAME_MAX_BYTES} bytes", self.peer);
            }
            self.session.receive_record(bytes, shared.welcome)
        };
        self.moved(arrow, shared);
        while self.session.want() == Want::Write {
            let arrow = self.send(socket, shared.kernel);
            self.moved(arrow, shared);
        }
    }

    /// Why answering could go on for ever, if it could.
    fn is_echo(
        &self,
        bytes: &[u8],
        welcome: &Welcome,
        repeats: &mut Repeats,
        now: Instant,
    ) -> Option<&'static str> {
        if matches!(self.peer, Peer::Inet(address) if address.port() < FIRST_CLIENT_PORT) {
            Some("it comes from the port of a service")
        } else if welcome.could_be(bytes) {
            Some("it says what a welcome server says")
        } else if repeats.are_too_many(&self.peer, bytes, now) {
            Some("it says the same over and over")
        } else {
            None
        }
    }

    fn send<K: Kernel>(&mut self, socket: &K::Listener, kernel: &mut K) -> Option<Arrow> {
        if self.peer == Peer::Unnamed {
            log::debug!("a sender without a name of its own cannot be answered");
            return self.session.no_return_address();
        }
        match kernel.send(socket, self.session.outgoing(), &self.peer) {
            Ok(()) => self.session.sent(self.session.outgoing().len()),
            Err(error) if error.kind() == ErrorKind::Interrupted => None,
            Err(error) => {
                log::debug!("{}: {error} while {}", self.peer, self.session.state());
                let no_room = error.kind() == ErrorKind::WouldBlock
                    || Errno::from_io_error(&error) == Some(Errno::NOBUFS);
                if no_room { self.session.no_room() } else { self.session.fail() }
            }
        }
    }

    fn moved<K>(&self, arrow: Option<Arrow>, shared: &mut Shared<'_, K>) {
        let Some(arrow) = arrow else { return };
        shared.stats.arrow_taken(arrow);
        log::trace!("{}: {arrow}", self.peer);
        if arrow.to == State::WritingWelcome {
            log::info!("received from {} {}", self.peer, Escaped(self.session.name()));
        }
    }
}

/// Below it are the ports of services (RFC 6335), and no client's. Some of those answer whatever comes and say something
/// else each time: chargen, daytime. With a forged sender they would converse for ever (CVE-2024-2169).
const FIRST_CLIENT_PORT: u16 = 1024;

/// How often a sender may say the same and be answered, without a second of silence: far more often than a
/// client that tries again, and a loop of two servers is over after so many rounds.
const REPEATS_MAX: u32 = 100;

/// How long repetitions are counted together. Of those before, one is forgiven: who says the same once in this
/// time may do so for ever, and a loop that takes longer for a round harms nobody.
const WINDOW: Duration = Duration::from_secs(1);

/// How many different datagrams are remembered in one window.
const REMEMBERED_MAX: usize = 4096;

/// Knows who says the same over and over.
///
/// The welcome of a server with another text cannot be told from a name. But two servers that answer each
/// other say the same at every round, or something in which this server finds its own welcome. However long a
/// round takes, they never pause: so only silence lets what was counted be forgotten.
#[derive(Default, Debug)]
pub(crate) struct Repeats {
    since: Option<Instant>,
    counts: HashMap<u64, u32>,
    /// The counts of the window before.
    before: HashMap<u64, u32>,
    keys: RandomState,
}

impl Repeats {
    /// Counts a datagram, and whether its sender has said the same too often.
    pub(crate) fn are_too_many(&mut self, peer: &Peer, bytes: &[u8], now: Instant) -> bool {
        let windows_over = |windows| self.since.is_none_or(|since| now >= since + WINDOW * windows);
        let (one, two) = (windows_over(1), windows_over(2));
        if one || self.counts.len() >= REMEMBERED_MAX {
            std::mem::swap(&mut self.counts, &mut self.before);
            self.counts.clear();
            self.since = Some(now);
        }
        if two {
            self.before.clear();
        }
        let key = self.keys.hash_one((peer, bytes));
        let carried = self.before.get(&key).map_or(0, |count| count.saturating_sub(1));
        let count = self.counts.entry(key).or_insert(carried);
        *count = count.saturating_add(1);
        *count > REPEATS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn whoever_says_the_same_too_often_is_heard_again_after_a_silence() {
        let (mut repeats, now) = (Repeats::default(), start());
        let (one, other) = (Peer::Process(1), Peer::Process(2));
        for _ in 0..REPEATS_MAX {
            assert!(!repeats.are_too_many(&one, b"Ada", now));
        }
        assert!(repeats.are_too_many(&one, b"Ada", now));
        assert!(!repeats.are_too_many(&one, b"Bob", now), "another name");
        assert!(!repeats.are_too_many(&other, b"Ada", now), "another sender");
        assert!(repeats.are_too_many(&one, b"Ada", now + WINDOW), "it has not been silent");
        assert!(!repeats.are_too_many(&one, b"Ada", now + WINDOW * 3));
    }

    #[test]
    fn a_loop_stops_after_so_many_rounds_however_long_a_round_takes() {
        for round in [1, 7, 50, 333, 900].map(Duration::from_millis) {
            let (mut repeats, now, peer) = (Repeats::default(), start(), Peer::Process(1));
            let answered =
                (0..u32::MAX).take_while(|n| !repeats.are_too_many(&peer, b"Ada", now + round * *n));
            let rounds = answered.count();
            assert!((100..=1000).contains(&rounds), "{rounds} rounds of {round:?}");
        }
    }

    #[test]
    fn whoever_says_the_same_once_in_a_window_is_always_heard() {
        let (mut repeats, now) = (Repeats::default(), start());
        for second in 0..10_000 {
            assert!(!repeats.are_too_many(&Peer::Process(1), b"Ada", now + WINDOW * second));
        }
    }

    #[test]
    fn many_senders_are_not_remembered_without_end() {
        let (mut repeats, now) = (Repeats::default(), start());
        for sender in 0..100_000 {
            assert!(!repeats.are_too_many(&Peer::Process(sender), b"Ada", now));
            assert!(repeats.counts.len() <= REMEMBERED_MAX);
        }
    }
}
