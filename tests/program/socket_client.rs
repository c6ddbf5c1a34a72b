//! Visitors over every kind of socket, as plain sockets.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, bind, connect,
    recv, send, socket_with,
};
use welcomed::net::ipv4;
use welcomed::net::{Address, Endpoint, Kind, Name, UnixName};

use crate::process::{BOUND, Server, not_tested};

/// A visitor: whoever sends from a socket of its own, whether it has connections or not.
pub(crate) struct Visitor {
    socket: OwnedFd,
    kind: Kind,
}

/// A server that is reached over TCP as ever and, if that is another, by a socket of `kind`. Gives the
/// address of the latter.
///
/// `None`, and it is said aloud, where it takes a privilege that is not here.
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

/// An endpoint that no other test has, nor any other process.
pub(crate) fn own_endpoint(kind: Kind) -> String {
    match kind {
        Kind::Tcp | Kind::Udp => format!("{kind}://127.0.0.1:0"),
        // A name of no file, which is gone with its socket.
        Kind::Unix | Kind::UnixPacket | Kind::UnixGram => {
            format!("{kind}://@welcomed-{}-{}", std::process::id(), next())
        }
        Kind::Raw => format!("{kind}://{}?protocol=253", loopback_host()),
    }
}

/// An address of this machine that no other test uses: raw sockets have no ports to tell them apart.
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

impl Visitor {
    /// Connects or, without connections, decides where to send to and whom to hear. It waits for an answer as
    /// long as a test may take.
    pub(crate) fn connect(to: &Address) -> Result<Visitor, Errno> {
        let socket = open(to.kind)?;
        sockopt::set_socket_timeout(&socket, Timeout::Recv, Some(BOUND))?;
        match to.kind {
            // Linux gives it a name of its own (unix(7), autobind).
            Kind::UnixGram => bind(&socket, &SocketAddrUnix::new_unnamed())?,
            // From another address, so that it does not hear itself.
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
        // Until it had its names it heard whatever came to this machine.
        while to.kind == Kind::Raw && recv(&socket, &mut [0; 0][..], RecvFlags::DONTWAIT).is_ok() {}
        Ok(Visitor { socket, kind: to.kind })
    }

    /// Sends `bytes`, in one piece. It may fail where the connection is closed by now.
    pub(crate) fn say(&self, bytes: &[u8]) -> Result<(), Errno> {
        send(&self.socket, bytes, SendFlags::NOSIGNAL).map(|_| ())
    }

    /// The answer: of a connection everything up to a clean end, or else one datagram.
    pub(crate) fn answer(self) -> String {
        String::from_utf8(self.hear().unwrap()).unwrap()
    }

    /// Sees a connection end without an answer, cleanly or by a reset; without connections, sees that
    /// nothing is there.
    pub(crate) fn gets_nothing(self) {
        if !self.kind.semantics().connections {
            sockopt::set_socket_timeout(&self.socket, Timeout::Recv, Some(Duration::from_millis(1))).unwrap();
        }
        match self.hear() {
            Ok(answer) => assert_eq!(String::from_utf8(answer).unwrap(), ""),
            Err(Errno::AGAIN) => assert!(!self.kind.semantics().connections, "it has not ended"),
            Err(_) => {}
        }
    }

    fn hear(&self) -> Result<Vec<u8>, Errno> {
        let (mut heard, mut buffer) = (Vec::new(), vec![0; 70_000]);
        loop {
            let received = recv(&self.socket, &mut buffer[..], RecvFlags::empty());
            let (bytes, _) = match received {
                Err(Errno::INTR) => continue,
                received => received?,
            };
            let bytes = &buffer[..bytes];
            heard.extend_from_slice(if self.kind == Kind::Raw {
                ipv4::payload(bytes).unwrap()
            } else {
                bytes
            });
            if bytes.is_empty() || !self.kind.semantics().connections {
                return Ok(heard);
            }
        }
    }
}
