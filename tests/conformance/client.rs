//! A client of any kind: says a name, and hears the answer.

use std::io::{self, ErrorKind, Read as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use welcomed::net::Kind;
use welcomed::net::ipv4;

use super::all_kinds::Ground;
use super::raw::{PROTOCOL, host};
use crate::process::{BOUND, until};

/// More than any answer has.
const ANSWER_MAX_BYTES: usize = 70_000;

/// A socket that is connected to a server: that of a datagram kind hears nobody else.
pub(crate) struct Speaker {
    pub(crate) kind: Kind,
    pub(crate) socket: Socket,
    /// How the log names it.
    pub(crate) shown: String,
}

/// A socket of a kind, which gives up when nothing happens for too long.
pub(crate) fn socket(kind: Kind) -> Socket {
    let (domain, socket_type, protocol) = match kind {
        Kind::Tcp => (Domain::IPV4, Type::STREAM, None),
        Kind::Unix => (Domain::UNIX, Type::STREAM, None),
        Kind::UnixPacket => (Domain::UNIX, Type::SEQPACKET, None),
        Kind::Udp => (Domain::IPV4, Type::DGRAM, None),
        Kind::UnixGram => (Domain::UNIX, Type::DGRAM, None),
        Kind::Raw => (Domain::IPV4, Type::RAW, Some(Protocol::from(PROTOCOL))),
    };
    let socket = Socket::new(domain, socket_type, protocol).unwrap();
    socket.set_read_timeout(Some(BOUND)).unwrap();
    socket.set_write_timeout(Some(BOUND)).unwrap();
    socket
}

impl Speaker {
    /// A client that can be answered, connected to the server.
    pub(crate) fn new(ground: &Ground, kind: Kind) -> Speaker {
        Speaker::to(&ground.address(kind), ground, kind)
    }

    /// The same, connected to another address of the server.
    pub(crate) fn to(server: &SockAddr, ground: &Ground, kind: Kind) -> Speaker {
        let socket = socket(kind);
        let path: PathBuf = ground.folder.new_path();
        let host = if kind == Kind::Raw { host() } else { Ipv4Addr::LOCALHOST };
        match kind {
            Kind::UnixGram => socket.bind(&SockAddr::unix(&path).unwrap()).unwrap(),
            Kind::Udp | Kind::Raw => socket.bind(&SocketAddrV4::new(host, 0).into()).unwrap(),
            Kind::Tcp | Kind::Unix | Kind::UnixPacket => {}
        }
        socket.connect(server).unwrap();
        let shown = match kind {
            Kind::Tcp | Kind::Udp => socket.local_addr().unwrap().as_socket().unwrap().to_string(),
            Kind::Unix | Kind::UnixPacket => format!("pid {}", std::process::id()),
            Kind::UnixGram => path.display().to_string(),
            Kind::Raw => host.to_string(),
        };
        Speaker { kind, socket, shown }
    }

    /// Sends `bytes` in one piece.
    pub(crate) fn say(&self, bytes: &[u8]) {
        assert_eq!(self.socket.send(bytes).unwrap(), bytes.len());
    }

    /// Says a name, with the line end that a stream needs.
    pub(crate) fn name(&self, name: &str) {
        let end = if self.kind.semantics().boundaries { "" } else { "\n" };
        self.say(format!("{name}{end}").as_bytes());
    }

    /// Says a name and hears the answer.
    pub(crate) fn ask(&self, name: &str) -> String {
        self.name(name);
        self.hear()
    }

    /// The answer: all that comes up to a clean end of input, or one datagram.
    pub(crate) fn hear(&self) -> String {
        let mut answer = self.read().unwrap();
        while self.kind.semantics().connections {
            let more = self.read().unwrap();
            if more.is_empty() {
                break;
            }
            answer.extend_from_slice(&more);
        }
        String::from_utf8(answer).unwrap()
    }

    /// Fails if something is here to be read: what the server did before is here by now.
    pub(crate) fn hears_nothing(&self) {
        self.socket.set_nonblocking(true).unwrap();
        let heard = self.read();
        self.socket.set_nonblocking(false).unwrap();
        assert!(heard.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{heard:?}");
    }

    /// Takes the datagrams that are here, and tells how many they were.
    pub(crate) fn take_all(&self) -> usize {
        self.socket.set_nonblocking(true).unwrap();
        let mut taken = 0;
        loop {
            match self.read() {
                Ok(_) => taken += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // The kernel tells a raw socket that nobody had room for a packet of its (ENOPROTOOPT).
                Err(_) => {}
            }
        }
        self.socket.set_nonblocking(false).unwrap();
        taken
    }

    /// Says a name again and again until somebody answers: the way to be heard where delivery is not sure.
    pub(crate) fn insist(&self, name: &str) {
        self.socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        until("an answer", || self.socket.send(name.as_bytes()).is_ok() && self.read().is_ok());
        self.socket.set_read_timeout(Some(BOUND)).unwrap();
    }

    /// Shuts its side.
    pub(crate) fn shut(&self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }

    /// Closes, on TCP with a reset.
    pub(crate) fn vanish(self) {
        if self.kind == Kind::Tcp {
            // SO_LINGER with no time: closing sends a reset (socket(7)).
            self.socket.set_linger(Some(Duration::ZERO)).unwrap();
        }
    }

    /// The bytes of one read, of a raw packet without its header.
    fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; ANSWER_MAX_BYTES];
        let length = (&self.socket).read(&mut bytes)?;
        bytes.truncate(length);
        if self.kind != Kind::Raw {
            return Ok(bytes);
        }
        // Until it was bound the socket heard what was sent to anybody.
        let destination = Ipv4Addr::from(<[u8; 4]>::try_from(&bytes[16..20]).unwrap());
        let is_mine = destination.to_string() == self.shown;
        if is_mine { Ok(ipv4::payload(&bytes).unwrap().to_vec()) } else { self.read() }
    }
}
