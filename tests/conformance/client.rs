//! A client over a socket of any kind.

use std::io::{self, ErrorKind, Read as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use socket2::{SockAddr, Socket};
use welcomed::net::Kind;
use welcomed::net::ipv4;

use super::all_kinds::AllKindsServer;
use super::raw::host;
use crate::kinds;
use crate::process::{BOUND, until};

/// Room for more than any answer.
const ANSWER_MAX_BYTES: usize = 70_000;

/// A socket that is connected to one server address, and receives from that alone.
pub(crate) struct Client {
    pub(crate) kind: Kind,
    pub(crate) socket: Socket,
    /// How the server's log names it.
    pub(crate) log_name: String,
}

/// A socket of a kind, whose calls fail when they take longer than [`BOUND`].
pub(crate) fn socket(kind: Kind) -> Socket {
    kinds::open(kind, BOUND).unwrap()
}

impl Client {
    /// A client that is connected to the server, with an address to be answered at.
    pub(crate) fn new(server: &AllKindsServer, kind: Kind) -> Client {
        Client::to(&server.address(kind), server, kind)
    }

    /// A client that is connected to the server at `address`.
    pub(crate) fn to(address: &SockAddr, server: &AllKindsServer, kind: Kind) -> Client {
        let socket = socket(kind);
        let path: PathBuf = server.folder.new_path();
        let host = if kind == Kind::Raw { host() } else { Ipv4Addr::LOCALHOST };
        match kind {
            Kind::UnixGram => socket.bind(&SockAddr::unix(&path).unwrap()).unwrap(),
            Kind::Udp | Kind::Raw => socket.bind(&SocketAddrV4::new(host, 0).into()).unwrap(),
            Kind::Tcp | Kind::Unix | Kind::UnixPacket => {}
        }
        socket.connect(address).unwrap();
        let log_name = match kind {
            Kind::Tcp | Kind::Udp => socket.local_addr().unwrap().as_socket().unwrap().to_string(),
            Kind::Unix | Kind::UnixPacket => format!("pid {}", std::process::id()),
            Kind::UnixGram => path.display().to_string(),
            Kind::Raw => host.to_string(),
        };
        Client { kind, socket, log_name }
    }

    /// Sends `bytes` in one piece.
    pub(crate) fn send(&self, bytes: &[u8]) {
        assert_eq!(self.socket.send(bytes).unwrap(), bytes.len());
    }

    /// Sends a name, with the line end that a stream needs.
    pub(crate) fn send_name(&self, name: &str) {
        let end = if self.kind.semantics().boundaries { "" } else { "\n" };
        self.send(format!("{name}{end}").as_bytes());
    }

    /// Sends a name and receives the answer.
    pub(crate) fn ask(&self, name: &str) -> String {
        self.send_name(name);
        self.receive()
    }

    /// The answer: everything up to the end of input, or one datagram.
    pub(crate) fn receive(&self) -> String {
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

    /// Fails if there is something to receive now.
    pub(crate) fn receives_nothing(&self) {
        self.socket.set_nonblocking(true).unwrap();
        let received = self.read();
        self.socket.set_nonblocking(false).unwrap();
        assert!(received.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{received:?}");
    }

    /// Receives the datagrams that have come, and gives their count.
    pub(crate) fn take_datagrams(&self) -> usize {
        self.socket.set_nonblocking(true).unwrap();
        let mut taken = 0;
        loop {
            match self.read() {
                Ok(_) => taken += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // ENOPROTOOPT, as the kernel reports that a raw packet found no room.
                Err(_) => {}
            }
        }
        self.socket.set_nonblocking(false).unwrap();
        taken
    }

    /// Sends a name again and again until an answer comes.
    pub(crate) fn send_until_answered(&self, name: &str) {
        self.socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        until("an answer", || self.socket.send(name.as_bytes()).is_ok() && self.read().is_ok());
        self.socket.set_read_timeout(Some(BOUND)).unwrap();
    }

    pub(crate) fn shutdown_write(&self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }

    /// Closes, over TCP with a reset.
    pub(crate) fn abort(self) {
        if self.kind == Kind::Tcp {
            // With SO_LINGER and no time closing sends a reset: so Linux does, and no manual page says it.
            self.socket.set_linger(Some(Duration::ZERO)).unwrap();
        }
    }

    /// The bytes of one read, without the header of a raw packet.
    fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; ANSWER_MAX_BYTES];
        let length = (&self.socket).read(&mut bytes)?;
        bytes.truncate(length);
        if self.kind != Kind::Raw {
            return Ok(bytes);
        }
        // Until it was bound, a raw socket received packets for every address.
        let destination = Ipv4Addr::from(<[u8; 4]>::try_from(&bytes[16..20]).unwrap());
        let is_own = destination.to_string() == self.log_name;
        if is_own { Ok(ipv4::payload(&bytes).unwrap().to_vec()) } else { self.read() }
    }
}
