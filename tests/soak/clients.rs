//! The kinds of visitors, and what each of them is promised.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::AtomicU64;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};
use socket2::SockRef;

use crate::{BOUND, now};

/// The server's name gap: long beside what a busy machine takes between two bytes of a dripper.
pub(crate) const NAME_GAP: Duration = Duration::from_millis(400);

/// What the visitors share.
pub(crate) struct Ground {
    pub(crate) address: SocketAddr,
    /// The server's own.
    pub(crate) name_timeout: Duration,
    /// Visits that are over.
    pub(crate) visits: AtomicU64,
    over: Mutex<bool>,
    ends: Condvar,
}

impl Ground {
    pub(crate) fn new(address: SocketAddr, name_timeout: Duration) -> Ground {
        let visits = AtomicU64::new(0);
        Ground { address, name_timeout, visits, over: Mutex::new(false), ends: Condvar::new() }
    }

    /// Lets every visitor finish the visit it is on.
    pub(crate) fn end(&self) {
        *self.over.lock().unwrap() = true;
        self.ends.notify_all();
    }

    /// Waits for `length`, or until it is over. Gives whether it is.
    pub(crate) fn pause(&self, length: Duration) -> bool {
        let over = self.over.lock().unwrap();
        *self.ends.wait_timeout_while(over, length, |over| !*over).unwrap().0
    }
}

/// How a visitor behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Name, line feed, welcome: as fast as it goes.
    Churner,
    /// The lab report's client: no line end, its side kept open.
    Reporter,
    /// Shuts its side behind the name.
    HalfCloser,
    /// Sends a line and more, or a name that is too long.
    OverSender,
    /// Sends a byte every 20 to 40 ms.
    Dripper,
    /// Says nothing for a long time, and then its name.
    Holder,
    /// Never says anything.
    Sleeper,
    /// Connects and closes.
    Scanner,
    /// Resets its connection at a random moment.
    Resetter,
}

/// Every kind, and how many of it visit at a time.
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

/// What came of one visit.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    AsPromised,
    /// The visitor itself was held up for so long that it is promised nothing.
    Excused,
    /// A promise that was broken.
    Broken(String),
}

/// One visitor, who comes again and again.
pub(crate) struct Visitor<'a> {
    ground: &'a Ground,
    random: Xoshiro256PlusPlus,
}

impl Visitor<'_> {
    pub(crate) fn new(ground: &Ground, seed: u64) -> Visitor<'_> {
        Visitor { ground, random: Xoshiro256PlusPlus::seed_from_u64(seed) }
    }

    /// Visits once.
    pub(crate) fn visit(&mut self, kind: Kind) -> Outcome {
        let start = now();
        let client = match connect(self.ground.address) {
            Ok(client) => client,
            Err(error) => return Outcome::Broken(format!("{kind:?} could not connect: {error}")),
        };
        let name = self.name(kind);
        let mut longest_gap = Duration::ZERO;
        let said = self.say(kind, &client, &name, &mut longest_gap);
        let spoke_for = now() - start;
        // Scanners and resetters do not listen; what became of them is in the server's counts.
        let promised = match kind {
            Kind::Scanner | Kind::Resetter => return Outcome::AsPromised,
            Kind::Sleeper => Vec::new(),
            Kind::Churner
            | Kind::Reporter
            | Kind::HalfCloser
            | Kind::OverSender
            | Kind::Dripper
            | Kind::Holder => welcome(&name),
        };
        let heard = said.and_then(|()| hear(client));
        // Three quarters, because both sides look at the clock at moments of their own.
        let late = |took: Duration, limit: Duration| took * 4 > limit * 3;
        match heard {
            Ok(heard) if heard == promised => Outcome::AsPromised,
            _ if late(longest_gap, NAME_GAP) || late(spoke_for, self.ground.name_timeout) => Outcome::Excused,
            Ok(heard) => Outcome::Broken(format!("{kind:?} heard {:?}", String::from_utf8_lossy(&heard))),
            Err(error) => Outcome::Broken(format!("{kind:?}: {error}")),
        }
    }

    /// Says what such a visitor says, and gives the longest gap between the bytes of its name.
    fn say(
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
                // Some of it more than the server reads at once.
                let more = 1 + if self.below(8) == 0 { self.below(300_000) } else { self.below(4000) };
                client.write_all(&[&line[..], &vec![b'x'; more]].concat())
            }
            Kind::Dripper => self.drip(client, &line, longest_gap),
            Kind::Holder => {
                let longest = self.ground.name_timeout.as_millis() / 2;
                self.pause(0, usize::try_from(longest).unwrap());
                client.write_all(&line)
            }
            Kind::Sleeper => Ok(()),
            Kind::Scanner => {
                self.pause(0, 40);
                if self.below(2) == 0 { Ok(()) } else { client.shutdown(Shutdown::Both) }
            }
            Kind::Resetter => {
                let said = [&b""[..], &line[..line.len() / 2], &line][self.below(3)];
                client.write_all(said)?;
                self.pause(0, 6);
                // SO_LINGER with no time: closing sends a reset (socket(7)).
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

    /// A name for a visitor of this kind. It has no line end in it, or it would be two.
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

    /// A number from 0 to below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.next_u64() % u64::try_from(bound).unwrap()).unwrap()
    }

    /// Waits for some milliseconds, at least `from` and fewer than `to`.
    fn pause(&mut self, from: usize, to: usize) {
        let milliseconds = from + self.below(to - from);
        self.ground.pause(Duration::from_millis(milliseconds.try_into().unwrap()));
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

/// What a visitor of this name is promised.
fn welcome(name: &[u8]) -> Vec<u8> {
    [b"Hello, ", &name[..name.len().min(1024)], b"!"].concat()
}

/// Everything that the server sends, up to a clean end of input: a reset would be an error.
fn hear(mut client: TcpStream) -> io::Result<Vec<u8>> {
    let mut heard = Vec::new();
    client.read_to_end(&mut heard)?;
    Ok(heard)
}
