//! The server that is visited, and the sockets that go there.
//!
//! All kinds of sockets have a descriptor, so that is what a visit has. Its system calls are the same as with a type for
//! each kind. What differs is asked of the table of their semantics.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, RecvMsg, SockaddrIn, SockaddrIn6, SockaddrLike, recvmsg, setsockopt,
    sockopt,
};
use nix::sys::time::TimeSpec;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::socket_error;
use rustix::net::{AddressFamily, SendFlags, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType};
use welcomed::net::kind::Semantics;
use welcomed::net::{Address, Endpoint, Kind, Name, Names, UnixName};

use crate::system::clock::{Nanos, SECOND, nanos, now};

/// How often an idle connection that is not accepted looks whether all is over, and how often one tries again for which there
/// was no room.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const TRY_AGAIN: Duration = Duration::from_millis(1);

/// Where the kernel writes what it says of what is received.
pub(crate) struct Along(Vec<u8>);

impl Along {
    /// Room for one time stamp. On systems of 32 bits musl adds the same stamp with words of 64, and without room for it says that
    /// the message was cut.
    pub(crate) fn new() -> Along {
        Along(cmsg_space!(TimeSpec, [u64; 2]))
    }
}

/// What was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Received {
    pub(crate) bytes: usize,
    /// Whether it is from the server.
    pub(crate) is_of_server: bool,
    /// When the kernel received the last of these bytes, in nanoseconds of the system's clock. An end of input has none.
    pub(crate) stamp: Option<Nanos>,
}

/// The server that is visited.
#[derive(Clone, Debug)]
pub struct Target {
    kind: Kind,
    inet: Option<SocketAddr>,
    address: SocketAddrAny,
}

impl Target {
    /// The server at an endpoint as people write it: `127.0.0.1:9999`, `unix:///run/welcomed`, `udp://[::1]:9999`.
    /// Of several addresses it is the first.
    ///
    /// Fails with [`ErrorKind::InvalidInput`] if it is no endpoint, and as getaddrinfo(3) does. It may block while a
    /// name server is asked.
    pub fn at(endpoint: &str) -> io::Result<Target> {
        let endpoint =
            Endpoint::of_server(endpoint).map_err(|why| io::Error::new(ErrorKind::InvalidInput, why))?;
        Target::new(endpoint.resolve()?.first().ok_or(ErrorKind::NotFound)?)
    }

    /// The server at `address`. Fails if that is too long for the kernel, or lacks its zone.
    pub(crate) fn new(address: &Address) -> io::Result<Target> {
        address.check_zone()?;
        let kind = address.kind;
        Ok(match &address.name {
            Name::Inet(inet) => Target { kind, inet: Some(*inet), address: (*inet).into() },
            Name::Unix(UnixName::Path(path)) => {
                Target { kind, inet: None, address: SocketAddrUnix::new(path.as_os_str())?.into() }
            }
            Name::Unix(UnixName::Abstract(name)) => {
                Target { kind, inet: None, address: SocketAddrUnix::new_abstract_name(name)?.into() }
            }
        })
    }

    /// The kind of its socket.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The semantics of that kind.
    pub(crate) fn semantics(&self) -> &'static Semantics {
        self.kind.semantics()
    }

    /// Whether it is the server at this address.
    #[cfg(test)]
    pub(crate) fn is(&self, address: &Address) -> bool {
        self.kind == address.kind && self.inet == address.inet()
    }

    /// Whether it is in 127.0.0.0/8, so that visits can come from many such addresses.
    pub(crate) fn is_beside_sources(&self) -> bool {
        self.inet.is_some_and(|inet| inet.is_ipv4() && inet.ip().is_loopback())
    }

    /// A socket for a visit, from `source` if one is given.
    pub(crate) fn open(&self, source: Option<IpAddr>) -> Result<OwnedFd, Errno> {
        let socket = self.socket(source)?;
        self.stamp(&socket);
        Ok(socket)
    }

    fn socket(&self, source: Option<IpAddr>) -> Result<OwnedFd, Errno> {
        let family = match self.inet {
            None => AddressFamily::UNIX,
            Some(SocketAddr::V4(_)) => AddressFamily::INET,
            Some(SocketAddr::V6(_)) => AddressFamily::INET6,
        };
        let Semantics { connections, boundaries, names, .. } = *self.semantics();
        let of_type = match (connections, boundaries) {
            (true, false) => SocketType::STREAM,
            (true, true) => SocketType::SEQPACKET,
            (false, _) => SocketType::DGRAM,
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, of_type, flags, None)?;
        if let Some(source) = source {
            if connections {
                // The port is chosen while connecting. Before that it would have to be free for every server. Then the
                // ports of a source would run out sooner than those of a client that binds no address (ip(7)).
                setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)
                    .map_err(|errno| Errno::from_raw_os_error(errno as i32))?;
            }
            rustix::net::bind(&socket, &SocketAddr::new(source, 0))?;
        }
        if names == Names::Path && !connections {
            // A sender without a name cannot be answered; the kernel chooses one (unix(7), autobind).
            rustix::net::bind(&socket, &SocketAddrUnix::new_unnamed())?;
        }
        Ok(socket)
    }

    /// Connects `socket`, or begins to. `EAGAIN`: the server's accept queue is full, which a Unix socket reports at once
    /// (connect(2)).
    ///
    /// A Unix datagram socket is connected, too, so that only the server can answer. A UDP socket is not, so that an
    /// answer from another address is seen.
    pub(crate) fn connect(&self, socket: &OwnedFd) -> Result<(), Errno> {
        if self.answers_are_addressed() {
            return Ok(());
        }
        match rustix::net::connect(socket, &self.address) {
            Err(Errno::INPROGRESS) => Ok(()),
            result => result,
        }
    }

    /// Sends bytes, a record or a datagram. `EAGAIN`: there is no room.
    pub(crate) fn send(&self, socket: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
        let sent = if self.answers_are_addressed() {
            rustix::net::sendto(socket, bytes, SendFlags::NOSIGNAL, &self.address)
        } else {
            rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)
        };
        match sent {
            Err(Errno::NOBUFS) => Err(Errno::AGAIN),
            sent => sent,
        }
    }

    /// Receives bytes, a record or a datagram into `buffer`, and what the kernel says of them into `along`.
    pub(crate) fn receive(
        &self,
        socket: &OwnedFd,
        buffer: &mut [u8],
        along: &mut Along,
    ) -> Result<Received, Errno> {
        let received = match self.inet {
            Some(SocketAddr::V4(_)) if self.answers_are_addressed() => {
                self.receive_from::<SockaddrIn>(socket, buffer, along)
            }
            Some(SocketAddr::V6(_)) if self.answers_are_addressed() => {
                self.receive_from::<SockaddrIn6>(socket, buffer, along)
            }
            _ => {
                let Semantics { connections, boundaries, .. } = self.semantics();
                match receive(socket, buffer, along, MsgFlags::empty()) {
                    // The kernel can overlook a record that comes together with the end of input.
                    Ok(Received { bytes: 0, .. }) if *connections && *boundaries => {
                        receive(socket, buffer, along, MsgFlags::empty())
                    }
                    received => received,
                }
            }
        };
        received.map_err(|errno| Errno::from_raw_os_error(errno as i32))
    }

    /// Receives a datagram that has a sender.
    fn receive_from<A: SockaddrLike + Into<SocketAddr>>(
        &self,
        socket: &OwnedFd,
        buffer: &mut [u8],
        along: &mut Along,
    ) -> nix::Result<Received> {
        let mut parts = [IoSliceMut::new(buffer)];
        let message = recvmsg::<A>(socket.as_raw_fd(), &mut parts, Some(&mut along.0), MsgFlags::empty())?;
        let place = |address: SocketAddr| (address.ip(), address.port());
        let stamp = stamp_of(&message);
        let is_of_server = message.address.map(|sender| place(sender.into())) == self.inet.map(place);
        Ok(Received { bytes: message.bytes, is_of_server, stamp })
    }

    /// Lets the kernel note when it receives what comes to `socket` (socket(7), `SO_TIMESTAMPNS`).
    ///
    /// It does so for TCP, UDP and Unix sockets that keep boundaries. Over a Unix stream it accepts the option, and notes
    /// nothing.
    fn stamp(&self, socket: &OwnedFd) {
        if self.is_stamped() {
            // Without stamps the generator's own clock is left.
            let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &true);
        }
    }

    /// Whether the kernel notes when it receives what comes.
    pub(crate) fn is_stamped(&self) -> bool {
        match self.kind {
            Kind::Tcp | Kind::Udp | Kind::UnixPacket | Kind::UnixGram => true,
            Kind::Unix | Kind::Raw => false,
        }
    }

    /// Whether `socket` has the server's own name. A UDP socket that is not bound to an address has just the port.
    pub(crate) fn is_name_of(&self, socket: &OwnedFd) -> bool {
        let own = rustix::net::getsockname(socket).ok();
        let own = own.and_then(|own| SocketAddr::try_from(own).ok());
        self.inet.zip(own).is_some_and(|(server, own)| {
            let every = own.ip().is_unspecified() && server.ip().is_loopback();
            server.port() == own.port() && (server.ip() == own.ip() || server.ip().is_unspecified() || every)
        })
    }

    /// An idle connection, from `source` if one is given. It waits for the server, and for room in its accept queue, for
    /// `patience` at most, and fails with [`ErrorKind::Interrupted`] when `stop` is set.
    pub(crate) fn idle(
        &self,
        source: Option<IpAddr>,
        patience: Duration,
        stop: &AtomicBool,
    ) -> io::Result<OwnedFd> {
        let socket = self.socket(source)?;
        let begun = now();
        loop {
            match rustix::net::connect(&socket, &self.address) {
                Ok(()) | Err(Errno::ISCONN) => break,
                // One of the Internet is waited for, and one that finds no room has to try again.
                Err(Errno::INPROGRESS | Errno::ALREADY) => {
                    let look = Timespec::try_from(LOOK_EVERY).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 0 });
                    poll(&mut [PollFd::new(&socket, PollFlags::OUT)], Some(&look)).or_else(interrupted)?;
                    socket_error(&socket)??;
                }
                Err(Errno::AGAIN) => thread::park_timeout(TRY_AGAIN),
                Err(errno) => return Err(errno.into()),
            }
            if stop.load(Ordering::Relaxed) {
                return Err(ErrorKind::Interrupted.into());
            }
            if now() - begun > nanos(patience) {
                return Err(io::Error::new(ErrorKind::TimedOut, format!("not accepted within {patience:?}")));
            }
        }
        rustix::io::ioctl_fionbio(&socket, false)?;
        Ok(socket)
    }

    /// Whether sockets are not connected, so that each answer comes with its sender's address.
    fn answers_are_addressed(&self) -> bool {
        let Semantics { connections, names, .. } = self.semantics();
        !connections && *names == Names::Port
    }
}

/// A signal ends a wait, and is no error.
fn interrupted(errno: Errno) -> Result<usize, Errno> {
    if errno == Errno::INTR { Ok(0) } else { Err(errno) }
}

/// What a connection has, which is left there.
pub(crate) fn look(socket: &OwnedFd, buffer: &mut [u8], along: &mut Along) -> Result<Received, Errno> {
    receive(socket, buffer, along, MsgFlags::MSG_PEEK).map_err(|errno| Errno::from_raw_os_error(errno as i32))
}

/// Receives from a socket that is connected.
fn receive(socket: &OwnedFd, buffer: &mut [u8], along: &mut Along, flags: MsgFlags) -> nix::Result<Received> {
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut along.0), flags)?;
    Ok(Received { bytes: message.bytes, is_of_server: true, stamp: stamp_of(&message) })
}

/// The kernel's time stamp of a message.
fn stamp_of<A>(message: &RecvMsg<'_, '_, A>) -> Option<Nanos> {
    message.cmsgs().into_iter().flatten().find_map(|part| {
        let ControlMessageOwned::ScmTimestampns(stamp) = part else { return None };
        let (seconds, nanos) = (u64::try_from(stamp.tv_sec()).ok()?, u64::try_from(stamp.tv_nsec()).ok()?);
        Some(seconds * SECOND + nanos)
    })
}

/// A TCP server.
impl From<SocketAddr> for Target {
    fn from(inet: SocketAddr) -> Target {
        Target { kind: Kind::Tcp, inet: Some(inet), address: inet.into() }
    }
}
