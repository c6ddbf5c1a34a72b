//! The kinds of clients, and the answer that each expects.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::AtomicU64;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};
use socket2::SockRef;

use crate::{BOUND, now};

/// The server's name gap. It is much longer than the gap between two bytes of a dripper on a busy machine.
pub(crate) const NAME_GAP: Duration = Duration::from_millis(400);

/// The state that all clients share.
pub(crate) struct Shared {
    pub(crate) address: SocketAddr,
    /// The server's deadline for a name.
    pub(crate) name_timeout: Duration,
    /// The count of finished visits.
    pub(crate) visits: AtomicU64,
    over: Mutex<bool>,
    ends: Condvar,
}

impl Shared {
    pub(crate) fn new(address: SocketAddr, name_timeout: Duration) -> Shared {
        let visits = AtomicU64::new(0);
        Shared { address, name_timeout, visits, over: Mutex::new(false), ends: Condvar::new() }
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

/// The behaviour of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Sends a name and a line feed and reads the welcome, without pauses.
    Churner,
    /// Sends a name without a line end and keeps its write side open, as the lab report's client does.
    Reporter,
    /// Shuts down its write side after the name.
    HalfCloser,
    /// Sends a line and more, or a name that is too long.
    OverSender,
    /// Sends a byte every 20 to 40 ms.
    Dripper,
    /// Sends its name after a long silence.
    Holder,
    /// Never sends a byte.
    Sleeper,
    /// Connects and closes.
    Scanner,
    /// Resets its connection at a random moment.
    Resetter,
}

/// Every kind, and how many clients of it there are at a time.
pub(crate) const KINDS: [(Kind, usize); 9] = [
    (Kind::Churner, 4),
    (Kind::Reporter, 8),
    (Kind::HalfCloser, 2),
    (Kind::OverSender, 2),
    (Kind::Dripper, 24),
    (Kind::Holder, 100),
    (Kind::Sleeper, 10),
    (Kind::Scanner, 2),
    (Kind::Resetter, 4),
];

/// The outcome of one visit.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    AsPromised,
    /// The client itself was late, so that no answer can be expected.
    Excused,
    /// The answer was wrong.
    Broken(String),
}

/// One client, which visits again and again.
pub(crate) struct Client<'a> {
    shared: &'a Shared,
    random: Xoshiro256PlusPlus,
}

impl Client<'_> {
    pub(crate) fn new(shared: &Shared, seed: u64) -> Client<'_> {
        Client { shared, random: Xoshiro256PlusPlus::seed_from_u64(seed) }
    }

    /// Visits once.
    pub(crate) fn visit(&mut self, kind: Kind) -> Outcome {
        let start = now();
        let client = match connect(self.shared.address) {
            Ok(client) => client,
            Err(error) => return Outcome::Broken(format!("{kind:?} could not connect: {error}")),
        };
        let name = self.name(kind);
        let mut longest_gap = Duration::ZERO;
        let sent = self.send(kind, &client, &name, &mut longest_gap);
        let sending_time = now() - start;
        // Scanners and resetters read no answer. The server's counts have their outcome.
        let expected = match kind {
            Kind::Scanner | Kind::Resetter => return Outcome::AsPromised,
            Kind::Sleeper => Vec::new(),
            Kind::Churner
            | Kind::Reporter
            | Kind::HalfCloser
            | Kind::OverSender
            | Kind::Dripper
            | Kind::Holder => welcome(&name),
        };
        let answer = sent.and_then(|()| receive(client));
        // Three quarters of a limit are late: the server's clock reads the same moments at other times.
        let late = |took: Duration, limit: Duration| took * 4 > limit * 3;
        match answer {
            Ok(answer) if answer == expected => Outcome::AsPromised,
            _ if late(longest_gap, NAME_GAP) || late(sending_time, self.shared.name_timeout) => {
                Outcome::Excused
            }
            Ok(answer) => {
                Outcome::Broken(format!("{kind:?} received {:?}", String::from_utf8_lossy(&answer)))
            }
            Err(error) => Outcome::Broken(format!("{kind:?}: {error}")),
        }
    }

    /// Sends what a client of this kind sends. Gives the longest gap between the bytes of its name.
    fn send(
        &mut self,
        kind: Kind,
        mut client: &TcpStream,
        name: &[u8],
        longest_gap: &mut Duration,
    ) -> io::Result<()> {
        let line = [name, b"\n"].concat();
        match kind {
            Kind::Churner => client.write_all(&line),
            Kind::Reporter => client.write_all(name),
            Kind::HalfCloser => client.write_all(name).and_then(|()| client.shutdown(Shutdown::Write)),
            Kind::OverSender if name.len() > 1024 => client.write_all(name),
            Kind::OverSender => {
                // Sometimes more than the server reads in one turn.
                let more = 1 + if self.below(8) == 0 { self.below(300_000) } else { self.below(4000) };
                client.write_all(&[&line[..], &vec![b'x'; more]].concat())
            }
            Kind::Dripper => self.drip(client, &line, longest_gap),
            Kind::Holder => {
                let longest = self.shared.name_timeout.as_millis() / 2;
                self.pause(0, usize::try_from(longest).unwrap());
                client.write_all(&line)
            }
            Kind::Sleeper => Ok(()),
            Kind::Scanner => {
                self.pause(0, 40);
                if self.below(2) == 0 { Ok(()) } else { client.shutdown(Shutdown::Both) }
            }
            Kind::Resetter => {
                let bytes = [&b""[..], &line[..line.len() / 2], &line][self.below(3)];
                client.write_all(bytes)?;
                self.pause(0, 6);
                // With SO_LINGER and no time closing sends a reset: so Linux does, and no manual page says it.
                SockRef::from(client).set_linger(Some(Duration::ZERO))
            }
        }
    }

    fn drip(&mut self, mut client: &TcpStream, line: &[u8], longest_gap: &mut Duration) -> io::Result<()> {
        let mut last: Option<Instant> = None;
        for byte in line {
            let start = now();
            client.write_all(&[*byte])?;
            *longest_gap = (*longest_gap).max(now() - last.unwrap_or(start));
            last = Some(start);
            self.pause(20, 41);
        }
        Ok(())
    }

    /// A random name without a line end.
    fn name(&mut self, kind: Kind) -> Vec<u8> {
        let length = if kind == Kind::OverSender && self.below(3) == 0 {
            1025 + self.below(2000)
        } else {
            1 + self.below(if kind == Kind::Dripper { 12 } else { 40 })
        };
        let any_bytes = self.below(8) == 0;
        let letter = |byte: u8| if any_bytes && !b"\r\n".contains(&byte) { byte } else { b'a' + byte % 26 };
        (0..length).map(|_| letter(self.random.next_u64().to_le_bytes()[0])).collect()
    }

    /// A random number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.next_u64() % u64::try_from(bound).unwrap()).unwrap()
    }

    /// Waits for a random time, at least `from` and less than `to` milliseconds.
    fn pause(&mut self, from: usize, to: usize) {
        let milliseconds = from + self.below(to - from);
        self.shared.pause(Duration::from_millis(milliseconds.try_into().unwrap()));
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let client = TcpStream::connect_timeout(&address, BOUND)?;
    client.set_read_timeout(Some(BOUND))?;
    client.set_nodelay(true)?;
    Ok(client)
}

/// The text for the server's `--welcome`.
pub(crate) const WELCOME: &str = "Hello, {name}!";

/// The welcome for `name`.
fn welcome(name: &[u8]) -> Vec<u8> {
    [b"Hello, ", &name[..name.len().min(1024)], b"!"].concat()
}

/// Everything that the server sends, up to the end of input. A reset is an error.
fn receive(mut client: TcpStream) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    client.read_to_end(&mut answer)?;
    Ok(answer)
}
