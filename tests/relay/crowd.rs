//! Many clients at once, all of one thread.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};

use crate::process::{BOUND, now};

/// The welcome of a server that was told nothing else.
pub(crate) const WELCOME: &str = "welcome ";

/// How long it waits at most before it looks again.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };

/// A stream of clients.
pub(crate) struct Crowd<'a> {
    /// How many come at most.
    pub(crate) most: u32,
    /// One comes in each.
    pub(crate) pace: Duration,
    /// What each sends as soon as it has connected, piece by piece.
    pub(crate) says: &'a [&'a [u8]],
}

impl Crowd<'_> {
    /// As many clients as are to say something, all at the same time.
    pub(crate) fn at_once<'a>(count: u32, says: &'a [&'a [u8]]) -> Crowd<'a> {
        Crowd { most: count, pace: Duration::ZERO, says }
    }

    /// Lets them come until connect(2) has returned to `enough` or more, and gives these in that order. The others are
    /// closed.
    pub(crate) fn comes_to(&self, server: SocketAddr, enough: usize) -> Vec<TcpStream> {
        let (mut connecting, mut connected, mut begun) = (Vec::new(), Vec::new(), 0);
        let start = now();
        while connected.len() < enough {
            assert!(now() - start < BOUND, "only {} of {enough} have connected", connected.len());
            while begun < self.most && now() - start >= self.pace * begun {
                connecting.push(begin(server));
                begun += 1;
            }
            for client in returned(&mut connecting) {
                connected.push(self.say(client));
            }
        }
        connected
    }

    fn say(&self, client: Socket) -> TcpStream {
        assert!(client.take_error().unwrap().is_none());
        client.set_nonblocking(false).unwrap();
        client.set_tcp_nodelay(true).unwrap();
        let mut client = TcpStream::from(client);
        client.set_read_timeout(Some(BOUND)).unwrap();
        for piece in self.says {
            client.write_all(piece).unwrap();
        }
        client
    }
}

/// Begins a handshake.
fn begin(server: SocketAddr) -> Socket {
    let client = Socket::new(Domain::for_address(server), Type::STREAM, None).unwrap();
    client.set_nonblocking(true).unwrap();
    let begun = client.connect(&server.into()).unwrap_err();
    assert_eq!(Errno::from_io_error(&begun), Some(Errno::INPROGRESS));
    client
}

/// Takes those from `connecting` whose handshake is over, and waits a little if there are none.
fn returned(connecting: &mut Vec<Socket>) -> Vec<Socket> {
    let mut watched: Vec<_> = connecting.iter().map(|client| PollFd::new(client, PollFlags::OUT)).collect();
    poll(&mut watched, Some(&LOOK)).unwrap();
    let mut over = watched.iter().map(|fd| !fd.revents().is_empty()).collect::<Vec<_>>().into_iter();
    connecting.extract_if(.., |_| over.next().unwrap()).collect()
}

/// What a client gets up to its end of input, or why that does not come.
pub(crate) fn outcome(mut client: TcpStream) -> io::Result<String> {
    let mut answer = String::new();
    client.read_to_string(&mut answer).map(|_| answer)
}

/// Fails unless each gets a whole welcome and a clean end of input.
pub(crate) fn all_are_welcomed(clients: Vec<TcpStream>) {
    let all = clients.len();
    let outcomes = clients.into_iter().map(outcome);
    let lost: Vec<_> = outcomes.filter(|outcome| !matches!(outcome, Ok(text) if text == WELCOME)).collect();
    assert!(lost.is_empty(), "{} of {all} are lost: {lost:?}", lost.len());
}
