//! Clients over every kind of socket, as plain sockets, and servers for them.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType, bind,
    connect, recv, send, shutdown, socket_with,
};
use welcomed::net::ipv4;
use welcomed::net::{Address, Endpoint, Kind, Name, UnixName};

use crate::process::{BOUND, Server, not_tested};

/// A client with a socket of any kind, connected to one server address.
pub(crate) struct SocketClient {
    socket: OwnedFd,
    kind: Kind,
}

/// A server that listens on TCP and on a socket of `kind`, and the address of that socket.
///
/// `None`, with a line that says so, where the socket needs a privilege that this process lacks.
pub(crate) fn serve(kind: Kind, options: &[&str]) -> Option<(Server, Address)> {
    if kind == Kind::Tcp {
        let server = Server::start(options);
        let address = server.address.into();
        return Some((server, address));
    }
    if let Err(error) = open(kind) {
        not_tested(&format!("a {kind} socket cannot be opened: {error}"));
        return None;
    }
    let endpoint = own_endpoint(kind);
    let server = Server::start(&[&["--listen", &endpoint], options].concat());
    let begin = format!(" on {kind}://");
    let log = server.wait_for_log(&begin);
    let place = log.split_once(&begin).unwrap().1.lines().next().unwrap();
    let address = address(&format!("{kind}://{place}"));
    Some((server, address))
}

/// The one address of an endpoint.
pub(crate) fn address(endpoint: &str) -> Address {
    endpoint.parse::<Endpoint>().unwrap().resolve().unwrap().remove(0)
}

/// An endpoint that no other test and no other process uses.
pub(crate) fn own_endpoint(kind: Kind) -> String {
    match kind {
        Kind::Tcp | Kind::Udp => format!("{kind}://127.0.0.1:0"),
        // An abstract name: it leaves no file.
        Kind::Unix | Kind::UnixPacket | Kind::UnixGram => {
            format!("{kind}://@welcomed-{}-{}", std::process::id(), next())
        }
        Kind::Raw => format!("{kind}://{}?protocol=253", loopback_host()),
    }
}

/// An address of this machine that no other test uses, because raw sockets have no ports.
fn loopback_host() -> Ipv4Addr {
    let [.., process] = std::process::id().to_be_bytes();
    let [.., high, low] = next().to_be_bytes();
    Ipv4Addr::new(127, process, high, low)
}

fn next() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(1000);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

fn open(kind: Kind) -> Result<OwnedFd, Errno> {
    let (family, socket_type, protocol) = match kind {
        Kind::Tcp => (AddressFamily::INET, SocketType::STREAM, None),
        Kind::Unix => (AddressFamily::UNIX, SocketType::STREAM, None),
        Kind::UnixPacket => (AddressFamily::UNIX, SocketType::SEQPACKET, None),
        Kind::Udp => (AddressFamily::INET, SocketType::DGRAM, None),
        Kind::UnixGram => (AddressFamily::UNIX, SocketType::DGRAM, None),
        Kind::Raw => {
            (AddressFamily::INET, SocketType::RAW, Some(Protocol::from_raw(253.try_into().unwrap())))
        }
    };
    socket_with(family, socket_type, SocketFlags::CLOEXEC, protocol)
}

impl SocketClient {
    /// Connects. Without connections this sets the one address to send to and to receive from.
    pub(crate) fn connect(to: &Address) -> Result<SocketClient, Errno> {
        let socket = open(to.kind)?;
        sockopt::set_socket_timeout(&socket, Timeout::Recv, Some(BOUND))?;
        match to.kind {
            // The kernel chooses a name, so that the server can answer (unix(7), autobind).
            Kind::UnixGram => bind(&socket, &SocketAddrUnix::new_unnamed())?,
            // At an address of its own, so that it does not receive its own packets.
            Kind::Raw => bind(&socket, &SocketAddrV4::new(loopback_host(), 0))?,
            Kind::Tcp | Kind::Unix | Kind::UnixPacket | Kind::Udp => {}
        }
        match &to.name {
            Name::Inet(address) => connect(&socket, address)?,
            Name::Unix(UnixName::Path(path)) => connect(&socket, &SocketAddrUnix::new(path)?)?,
            Name::Unix(UnixName::Abstract(name)) => {
                connect(&socket, &SocketAddrUnix::new_abstract_name(name)?)?;
            }
        }
        // Until it was bound and connected, it received every packet that came to this machine.
        while to.kind == Kind::Raw && recv(&socket, &mut [0; 0][..], RecvFlags::DONTWAIT).is_ok() {}
        Ok(SocketClient { socket, kind: to.kind })
    }

    /// Sends `bytes` in one piece. Fails if the connection is closed by now.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<(), Errno> {
        send(&self.socket, bytes, SendFlags::NOSIGNAL).map(|_| ())
    }

    /// Sends `bytes`, of which the last is urgent.
    pub(crate) fn send_urgent(&self, bytes: &[u8]) -> Result<(), Errno> {
        send(&self.socket, bytes, SendFlags::NOSIGNAL | SendFlags::OOB).map(|_| ())
    }

    /// Ends its input to the server.
    pub(crate) fn shut(&self) -> Result<(), Errno> {
        shutdown(&self.socket, Shutdown::Write)
    }

    /// The answer: everything up to the end of input, or one datagram.
    pub(crate) fn answer(self) -> String {
        String::from_utf8(self.receive().unwrap()).unwrap()
    }

    /// Fails if an answer comes. A connection has to end, cleanly or by a reset.
    pub(crate) fn gets_nothing(self) {
        if !self.kind.semantics().connections {
            sockopt::set_socket_timeout(&self.socket, Timeout::Recv, Some(Duration::from_millis(1))).unwrap();
        }
        match self.receive() {
            Ok(answer) => assert_eq!(String::from_utf8(answer).unwrap(), ""),
            Err(Errno::AGAIN) => assert!(!self.kind.semantics().connections, "it has not ended"),
            Err(_) => {}
        }
    }

    fn receive(&self) -> Result<Vec<u8>, Errno> {
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; 70_000]);
        loop {
            let received = recv(&self.socket, &mut buffer[..], RecvFlags::empty());
            let (length, _) = match received {
                Err(Errno::INTR) => continue,
                received => received?,
            };
            let piece = &buffer[..length];
            bytes.extend_from_slice(if self.kind == Kind::Raw {
                ipv4::payload(piece).unwrap()
            } else {
                piece
            });
            if piece.is_empty() || !self.kind.semantics().connections {
                return Ok(bytes);
            }
        }
    }
}
