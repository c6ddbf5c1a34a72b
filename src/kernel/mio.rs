//! The real kernel: mio for readiness, rustix for the calls.
//!
//! mio has types for TCP, UDP and Unix sockets, but none for sequenced packets and raw sockets. What all six
//! have is a descriptor, which mio watches as a `SourceFd`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::num::NonZeroU32;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use mio::event::Source as _;
use mio::unix::SourceFd;
use mio::{Events, Poll, Token};
use nix::sys::socket::sockopt::PeerCredentials;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendFlags, Shutdown, SocketAddrAny, SocketFlags, sockopt,
};
use rustix::process::{Resource, Rlimit};

use super::requests::{Handle, ProcessSignals};
use super::seam::{Closing, Interest, Kernel, Ready, Record};
use super::unix::SocketFile;
use super::unix_datagrams;
use crate::net::{Address, Kind, Name, Names, Peer, Process, UnixName};
use crate::net::{ipv4, socket, zone};

/// How many events one wait takes from the kernel; what is left is taken by the next.
const EVENTS_PER_WAIT: usize = 1024;

/// The tokens of signals and handles; those of the listening sockets count down from the one below them. Those of
/// streams are given by the loop, and are below the middle.
const SIGNALS: Token = Token(usize::MAX);
const HANDLES: Token = Token(usize::MAX - 1);
const LAST_LISTENER: usize = usize::MAX - 2;
const FIRST_LISTENER: usize = usize::MAX / 2;

/// More of the same follows at once, so hold back a segment that is not full (send(2)). Of sockets with connections only TCP
/// heeds it.
const MORE_FOLLOWS: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::MORE);

/// Every socket of ours.
const SOCKET_FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// A [`Kernel`] on [`mio::Poll`]: epoll(7).
pub struct Mio {
    poll: Poll,
    events: Events,
    signals: Option<ProcessSignals>,
    handle: Handle,
}

impl Mio {
    /// Opens the selector. The signals of the process stay as they are: a [`Handle`] stops the server.
    ///
    /// Fails as `epoll_create1(2)` and eventfd(2) do.
    pub fn new() -> io::Result<Mio> {
        let poll = Poll::new()?;
        let handle = Handle::new(poll.registry(), HANDLES)?;
        Ok(Mio { poll, events: Events::with_capacity(EVENTS_PER_WAIT), signals: None, handle })
    }

    /// Opens the selector and takes over SIGINT, SIGTERM and SIGHUP (stop), SIGUSR1 (report) and SIGUSR2 (nothing) of this
    /// process; not SIGHUP if the process was started with that ignored. This thread receives them even if it had blocked them.
    ///
    /// Dropped, it gives them back: they do what they do by default, and not what a handler did before. A handler that
    /// another part of the program installs meanwhile is not noticed.
    ///
    /// Fails as [`Mio::new`] does, and with [`io::ErrorKind::ResourceBusy`] if another kernel of this process has the
    /// signals.
    pub fn with_signals() -> io::Result<Mio> {
        let mut mio = Mio::new()?;
        mio.signals = Some(ProcessSignals::take(mio.poll.registry(), SIGNALS)?);
        Ok(mio)
    }

    /// Keeps the signals when it is dropped: from then on they mean nothing to this process. For a program that ends with its
    /// server. A second signal could end it by default, before the last lines of its log.
    #[must_use]
    pub fn keeping_signals(mut self) -> Mio {
        if let Some(signals) = &mut self.signals {
            signals.keep();
        }
        self
    }

    /// A handle that another thread can stop the server with.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

/// A socket of the server.
#[derive(Debug)]
pub struct Listener {
    /// Taken away before the socket is closed.
    file: Option<SocketFile>,
    socket: OwnedFd,
    kind: Kind,
    /// What is known of the senders of datagrams in the Unix domain.
    senders: unix_datagrams::Senders,
    /// The one host that a raw socket receives packets for, if it is bound to one.
    only_for: Option<Ipv4Addr>,
}

/// An accepted connection.
#[derive(Debug)]
pub struct Stream {
    socket: OwnedFd,
    /// Whether the selector knows it: mio asks for `register` the first time, `reregister` after it.
    registered: bool,
    /// Whether it is of the Unix domain.
    is_local: bool,
}

impl Kernel for Mio {
    type Listener = Listener;
    type Stream = Stream;

    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is passed")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn socket(&mut self, address: &Address) -> io::Result<Listener> {
        let socket = socket::open(address, SOCKET_FLAGS)?;
        Ok(Listener {
            file: None,
            socket,
            kind: address.kind,
            senders: unix_datagrams::Senders::default(),
            only_for: None,
        })
    }

    fn bind(&mut self, listener: &mut Listener, address: &Address, unix_mode: u32) -> io::Result<Address> {
        let Listener { file, socket, kind, only_for, .. } = listener;
        let semantics = kind.semantics();
        if semantics.names == Names::Path && semantics.boundaries {
            // So that a record can be told from the end of input: see `read_record`. Inherited by accept. Of a datagram
            // it is known then which user has sent it: of the first one too, since none can come before bind(2).
            sockopt::set_socket_passcred(&*socket, true)?;
        }
        match &address.name {
            Name::Inet(inet) => {
                if *kind == Kind::Tcp {
                    sockopt::set_socket_reuseaddr(&*socket, true)?;
                    // Inherited by accept. What is held back is held back by MSG_MORE alone.
                    sockopt::set_tcp_nodelay(&*socket, true)?;
                }
                if inet.is_ipv6() {
                    // Each address has a socket of its own: `0.0.0.0` and `[::]` go together.
                    sockopt::set_ipv6_v6only(&*socket, true)?;
                }
                zone::is_said(inet)?;
                rustix::net::bind(&*socket, inet)?;
                if *kind == Kind::Raw {
                    socket::forget_strays(socket);
                }
                let real = SocketAddr::try_from(rustix::net::getsockname(&*socket)?)?;
                if let (Kind::Raw, SocketAddr::V4(bound)) = (*kind, real) {
                    *only_for = Some(*bound.ip()).filter(|host| !host.is_unspecified());
                }
                return Ok(Address { kind: *kind, name: Name::Inet(real) });
            }
            Name::Unix(UnixName::Path(path)) => {
                *file =
                    Some(SocketFile::prepare(socket.as_fd(), path, kind.semantics().connections, unix_mode)?);
            }
            Name::Unix(name) => rustix::net::bind(&*socket, &socket::unix_address(name)?)?,
        }
        Ok(address.clone())
    }

    fn listen(&mut self, listener: &mut Listener, index: usize, backlog: u32) -> io::Result<()> {
        if listener.kind.semantics().connections {
            rustix::net::listen(&listener.socket, i32::try_from(backlog).unwrap_or(i32::MAX))?;
        }
        let token = Token(LAST_LISTENER - index);
        let source = listener.socket.as_raw_fd();
        SourceFd(&source).register(self.poll.registry(), token, mio::Interest::READABLE)?;
        listener.file.as_mut().map_or(Ok(()), SocketFile::publish)
    }

    fn watch_again(&mut self, listener: &mut Listener, index: usize) -> io::Result<()> {
        let source = listener.socket.as_raw_fd();
        SourceFd(&source).reregister(
            self.poll.registry(),
            Token(LAST_LISTENER - index),
            mio::Interest::READABLE,
        )
    }

    fn accept(&mut self, listener: &Listener) -> io::Result<(Stream, Peer)> {
        let (socket, address) = rustix::net::acceptfrom_with(&listener.socket, SOCKET_FLAGS)?;
        let is_local = listener.kind.semantics().names == Names::Path;
        let peer = if is_local { process(&socket) } else { inet_peer(listener.kind, address) };
        Ok((Stream { socket, registered: false, is_local }, peer))
    }

    fn receive(&mut self, listener: &Listener, buffer: &mut [u8]) -> io::Result<(Record, Peer)> {
        let Listener { socket, kind, .. } = listener;
        if kind.semantics().names == Names::Protocol {
            return receive_packet(listener, buffer);
        }
        if kind.semantics().names == Names::Path {
            return unix_datagrams::receive(socket, buffer, &listener.senders);
        }
        let (bytes, all, sender) = rustix::net::recvfrom(socket, buffer, RecvFlags::TRUNC)?;
        Ok((Record { bytes, truncated: all > bytes }, inet_peer(*kind, sender)))
    }

    fn send(&mut self, listener: &Listener, datagram: &[u8], peer: &Peer) -> io::Result<()> {
        let (socket, flags) = (&listener.socket, SendFlags::NOSIGNAL);
        match peer {
            Peer::Inet(address) => rustix::net::sendto(socket, datagram, flags, address)?,
            Peer::Host(host) => rustix::net::sendto(socket, datagram, flags, &SocketAddrV4::new(*host, 0))?,
            Peer::Unix(name) => return unix_datagrams::send(socket, datagram, name, &listener.senders),
            Peer::Process(_) | Peer::Unnamed => return Err(Errno::DESTADDRREQ.into()),
        };
        Ok(())
    }

    fn wait(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        self.poll.poll(&mut self.events, timeout)?;
        for event in &self.events {
            match event.token() {
                SIGNALS => {
                    let pending = self.signals.iter_mut().flat_map(ProcessSignals::pending);
                    ready.extend(pending.map(Ready::Signal));
                }
                HANDLES => ready.extend(self.handle.pending().map(Ready::Signal)),
                Token(token) if token >= FIRST_LISTENER => ready.push(Ready::Listener(LAST_LISTENER - token)),
                Token(key) => ready.push(Ready::Stream(key)),
            }
        }
        Ok(())
    }

    fn watch(&mut self, stream: &mut Stream, key: usize, interest: Interest) -> io::Result<()> {
        let interest = match interest {
            Interest::Readable => mio::Interest::READABLE,
            Interest::Writable => mio::Interest::WRITABLE,
        };
        let descriptor = stream.socket.as_raw_fd();
        let mut source = SourceFd(&descriptor);
        if stream.registered {
            return source.reregister(self.poll.registry(), Token(key), interest);
        }
        source.register(self.poll.registry(), Token(key), interest)?;
        stream.registered = true;
        Ok(())
    }

    fn read(&mut self, stream: &mut Stream, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(&stream.socket, buffer, RecvFlags::empty())?.0)
    }

    fn read_record(&mut self, stream: &mut Stream, buffer: &mut [u8]) -> io::Result<Option<Record>> {
        // recv(2) looks for a record, and then whether the other side has shut down. It misses a client that sends and
        // shuts down in between. The second look finds what was sent before the end.
        match receive_record(&stream.socket, buffer)? {
            None => receive_record(&stream.socket, buffer),
            record => Ok(record),
        }
    }

    fn write(&mut self, stream: &mut Stream, bytes: &[u8], more: bool) -> io::Result<usize> {
        let flags = if more { MORE_FOLLOWS } else { SendFlags::NOSIGNAL };
        Ok(rustix::net::send(&stream.socket, bytes, flags)?)
    }

    fn shutdown_write(&mut self, stream: &mut Stream) -> io::Result<()> {
        Ok(rustix::net::shutdown(&stream.socket, Shutdown::Write)?)
    }

    fn close(&mut self, stream: Stream, closing: Closing) {
        // A call that fails has nothing left to do: the client is gone.
        let _ = match closing {
            Closing::AtOnce => Ok(()),
            Closing::Delivering if stream.is_local => {
                rustix::net::shutdown(&stream.socket, Shutdown::Both).map(|()| throw_away(&stream.socket))
            }
            Closing::Delivering => rustix::net::shutdown(&stream.socket, Shutdown::Write),
            Closing::Cut => sockopt::set_socket_linger(&stream.socket, Some(Duration::ZERO)),
        };
        // No deregistering first: the socket has this one descriptor, and closing the last one takes it
        // out of every epoll set (epoll(7), "Questions and answers").
        drop(stream);
    }
}

/// Reads all that came, of a socket that nothing more can come to: at most what its buffer holds.
#[cold]
fn throw_away(socket: &OwnedFd) {
    let mut buffer = [0; 16 * 1024];
    loop {
        match receive_record(socket, &mut buffer) {
            Ok(None) => return,
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return,
            Ok(Some(_)) | Err(_) => {}
        }
    }
}

/// The next record, or the end of input.
fn receive_record(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<Option<Record>> {
    let mut no_room = RecvAncillaryBuffer::default();
    let buffer = &mut [io::IoSliceMut::new(buffer)];
    let got = rustix::net::recvmsg(socket, buffer, &mut no_room, RecvFlags::empty())?;
    // Both the end of input and an empty record have no bytes. But a record has the sender's credentials, which the
    // listening socket asked for (unix(7), SO_PASSCRED). There is no room for them here, and the kernel says so
    // (recvmsg(2), MSG_CTRUNC).
    let is_record = got.bytes > 0 || got.flags.contains(ReturnFlags::CTRUNC);
    let truncated = got.flags.contains(ReturnFlags::TRUNC);
    Ok(is_record.then_some(Record { bytes: got.bytes, truncated }))
}

/// The payload of the next packet of a raw socket. The kernel can queue a packet for another host that it had matched
/// before the socket was bound: that is no datagram of this server.
fn receive_packet(listener: &Listener, buffer: &mut [u8]) -> io::Result<(Record, Peer)> {
    let Listener { socket, kind, only_for, .. } = listener;
    loop {
        let mut packet = vec![0; ipv4::HEADER_MAX_BYTES + buffer.len()];
        let (bytes, all, sender) = rustix::net::recvfrom(socket, &mut packet, RecvFlags::TRUNC)?;
        let packet = packet.get(..bytes).unwrap_or_default();
        let destination = ipv4::addresses(packet).map(|(_, destination)| destination);
        if only_for.is_some() && destination != *only_for {
            continue;
        }
        let payload = ipv4::payload(packet).ok_or(io::ErrorKind::InvalidData)?;
        let kept = payload.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..kept), payload.get(..kept)) {
            to.copy_from_slice(from);
        }
        let record = Record { bytes: kept, truncated: all > bytes || payload.len() > kept };
        return Ok((record, inet_peer(*kind, sender)));
    }
}

/// The process that has connected, if the kernel tells (unix(7), `SO_PEERCRED`). One of another PID namespace has the number
/// 0 (`pid_namespaces(7)`), which rustix reads into a type that cannot be 0.
fn process(socket: &OwnedFd) -> Peer {
    let credentials = nix::sys::socket::getsockopt(socket, PeerCredentials);
    credentials.map_or(Peer::Unnamed, |credentials| {
        let pid = u32::try_from(credentials.pid()).ok().and_then(NonZeroU32::new);
        Peer::Process(Process { pid, user: credentials.uid() })
    })
}

/// The peer of a connection or a datagram over the Internet.
fn inet_peer(kind: Kind, address: Option<SocketAddrAny>) -> Peer {
    match address.map(SocketAddr::try_from) {
        Some(Ok(SocketAddr::V4(address))) if kind == Kind::Raw => Peer::Host(*address.ip()),
        Some(Ok(address)) => Peer::Inet(address),
        Some(Err(_)) | None => Peer::Unnamed,
    }
}

/// This process's limit of open descriptors (getrlimit(2), the soft value).
#[must_use]
pub fn descriptor_limit() -> usize {
    let limit = rustix::process::getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Raises this process's limit of open descriptors to its hard value, and gives the limit then in force.
///
/// Fails where the system does not let it be raised, as where the hard value is no limit at all.
pub fn raise_descriptor_limit() -> io::Result<usize> {
    let Rlimit { maximum, .. } = rustix::process::getrlimit(Resource::Nofile);
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(descriptor_limit())
}

/// A descriptor that is kept until the server listens everywhere: then there is room for a client. Fails if the limit leaves
/// no room for it.
pub fn keep_a_descriptor() -> io::Result<OwnedFd> {
    Ok(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 0)?)
}

/// Whether an error says that this process has as many descriptors as it may (`EMFILE`).
#[must_use]
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::MFILE)
}
