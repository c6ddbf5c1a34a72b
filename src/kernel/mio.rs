//! The real kernel: mio for readiness, rustix and nix for the calls.
//!
//! mio has types for TCP, UDP and Unix sockets, but none for sequenced packets and raw sockets. What all six
//! have is a descriptor, which mio watches as a `SourceFd`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use mio::event::Source as _;
use mio::unix::SourceFd;
use mio::{Events, Poll, Token};
use nix::sys::socket::sockopt::PeerCredentials;
use rustix::io::Errno;
use rustix::net::{Shutdown, SocketAddrAny, SocketFlags, sockopt};

pub use super::descriptors::{
    descriptor_limit, is_out_of_descriptors, keep_a_descriptor, raise_descriptor_limit,
};
use super::inet_datagrams;
use super::requests::{Handle, ProcessSignals};
use super::seam::{Closing, Datagram, Interest, Kernel, Ready, Record};
use super::stream;
use super::unix::SocketFile;
use super::unix_datagrams;
use crate::net::{Address, Destination, Kind, Name, Names, Peer, Process, UnixName, socket, zone};

pub use super::stream::Stream;

/// How many events one wait takes from the kernel; what is left is taken by the next.
const EVENTS_PER_WAIT: usize = 1024;

/// The tokens of signals and handles; those of the listening sockets count down from the one below them. Those of
/// streams are given by the loop, and are below the middle.
const SIGNALS: Token = Token(usize::MAX);
const HANDLES: Token = Token(usize::MAX - 1);
const LAST_LISTENER: usize = usize::MAX - 2;
const FIRST_LISTENER: usize = usize::MAX / 2;

/// Every socket of ours.
const SOCKET_FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// A [`Kernel`] on [`mio::Poll`]: epoll(7).
pub struct Mio {
    poll: Poll,
    events: Events,
    signals: Option<ProcessSignals>,
    handle: Handle,
    kept_back: Vec<OwnedFd>,
}

impl Mio {
    /// Opens the selector. The signals of the process stay as they are: a [`Handle`] stops the server.
    ///
    /// Fails as `epoll_create1(2)` and eventfd(2) do.
    pub fn new() -> io::Result<Mio> {
        let poll = Poll::new()?;
        let handle = Handle::new(poll.registry(), HANDLES)?;
        let events = Events::with_capacity(EVENTS_PER_WAIT);
        Ok(Mio { poll, events, signals: None, handle, kept_back: Vec::new() })
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
    is_ipv6: bool,
    /// What is known of the senders of datagrams in the Unix domain.
    senders: unix_datagrams::Senders,
    /// The one host that a raw socket receives packets for, if it is bound to one.
    only_for: Option<Ipv4Addr>,
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
            is_ipv6: address.inet().is_some_and(|inet| inet.is_ipv6()),
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
                if !semantics.connections {
                    inet_datagrams::is_of_one_host(inet.ip())?;
                    // Before it is bound, so that it is told of the first one too.
                    inet_datagrams::tell_destinations(socket, inet.is_ipv6())?;
                }
                if inet.is_ipv6() {
                    // Each address has a socket of its own: `0.0.0.0` and `[::]` go together.
                    sockopt::set_ipv6_v6only(&*socket, true)?;
                }
                zone::is_said(inet)?;
                rustix::net::bind(&*socket, inet)?;
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

    fn listen(
        &mut self,
        listener: &mut Listener,
        index: usize,
        backlog: u32,
        output_timeout: Duration,
    ) -> io::Result<()> {
        if listener.kind == Kind::Tcp {
            sockopt::set_tcp_user_timeout(&listener.socket, stream::user_timeout_ms(output_timeout))?;
        }
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

    fn let_no_more_in(&mut self, listener: &Listener) -> io::Result<bool> {
        let semantics = listener.kind.semantics();
        let is_known = semantics.connections && semantics.names == Names::Path;
        if is_known {
            rustix::net::shutdown(&listener.socket, Shutdown::Read)?;
        }
        Ok(is_known)
    }

    fn accept(&mut self, listener: &Listener) -> io::Result<(Stream, Peer)> {
        let (socket, address) = rustix::net::acceptfrom_with(&listener.socket, SOCKET_FLAGS)?;
        let is_local = listener.kind.semantics().names == Names::Path;
        let peer = if is_local { process(&socket) } else { inet_peer(address) };
        Ok((Stream::new(socket, is_local), peer))
    }

    fn keep_back(&mut self, count: usize) {
        let missing = count.saturating_sub(self.kept_back.len());
        self.kept_back.extend((0..missing).map_while(|_| keep_a_descriptor().ok()));
    }

    fn let_go(&mut self) -> bool {
        self.kept_back.pop().is_some()
    }

    fn receive(&mut self, listener: &Listener, buffer: &mut [u8]) -> io::Result<Datagram> {
        let Listener { socket, kind, senders, is_ipv6, only_for, .. } = listener;
        match kind.semantics().names {
            Names::Path => unix_datagrams::receive(socket, buffer, senders),
            Names::Port => inet_datagrams::receive(socket, *is_ipv6, buffer),
            Names::Protocol => inet_datagrams::receive_packet(socket, *only_for, buffer),
        }
    }

    fn send(
        &mut self,
        listener: &Listener,
        datagram: &[u8],
        peer: &Peer,
        asked: &Destination,
    ) -> io::Result<()> {
        let Listener { socket, senders, .. } = listener;
        match peer {
            Peer::Inet(address) => inet_datagrams::send(socket, datagram, *address, asked),
            Peer::Host(host) => inet_datagrams::send(socket, datagram, (*host, 0).into(), asked),
            Peer::Unix(name) => unix_datagrams::send(socket, datagram, name, senders),
            Peer::Process(_) | Peer::Unnamed => Err(Errno::DESTADDRREQ.into()),
        }
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
        stream.watch(self.poll.registry(), Token(key), interest)
    }

    fn round_trip(&self, stream: &Stream) -> io::Result<Duration> {
        stream.round_trip()
    }

    fn read(&mut self, stream: &mut Stream, buffer: &mut [u8]) -> io::Result<usize> {
        stream.read(buffer)
    }

    fn read_record(&mut self, stream: &mut Stream, buffer: &mut [u8]) -> io::Result<Option<Record>> {
        stream.read_record(buffer)
    }

    fn write(&mut self, stream: &mut Stream, bytes: &[u8], more: bool) -> io::Result<usize> {
        stream.write(bytes, more)
    }

    fn shutdown_write(&mut self, stream: &mut Stream) -> io::Result<()> {
        stream.shutdown_write()
    }

    fn close(&mut self, stream: Stream, closing: Closing) {
        stream.close(closing);
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

/// The peer of a connection over the Internet.
fn inet_peer(address: Option<SocketAddrAny>) -> Peer {
    match address.map(SocketAddr::try_from) {
        Some(Ok(address)) => Peer::Inet(address),
        Some(Err(_)) | None => Peer::Unnamed,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::super::seam::Signal;
    use super::*;

    /// What an accepted connection has as its user timeout, where an output may take so long.
    fn user_timeout(output_timeout: Duration) -> u32 {
        let mut kernel = Mio::new().unwrap();
        let any = Address::from(SocketAddr::from(([127, 0, 0, 1], 0)));
        let mut listener = kernel.socket(&any).unwrap();
        let address = kernel.bind(&mut listener, &any, 0).unwrap();
        kernel.listen(&mut listener, 0, 1, output_timeout).unwrap();
        let client = TcpStream::connect(address.inet().unwrap()).unwrap();
        let (stream, peer) = kernel.accept(&listener).unwrap();
        assert_eq!(peer, Peer::Inet(client.local_addr().unwrap()));
        sockopt::tcp_user_timeout(&stream.socket).unwrap()
    }

    #[test]
    fn an_accepted_connection_gives_up_what_is_never_read() {
        for (output_timeout, expected) in [
            (Duration::ZERO, 30_000),
            (Duration::from_secs(10), 30_000),
            (Duration::from_secs(60), 65_000),
            (Duration::from_secs(295), 300_000),
            (Duration::from_secs(296), 0),
            (Duration::MAX, 0),
        ] {
            assert_eq!(user_timeout(output_timeout), expected, "{output_timeout:?}");
        }
    }

    #[test]
    fn a_handle_asks_for_what_it_was_told_each_time() {
        let mut kernel = Mio::new().unwrap();
        let handle = kernel.handle();
        for asked in [Signal::Report, Signal::Stop] {
            for _ in 0..2 {
                if asked == Signal::Stop { handle.stop() } else { handle.report() }.unwrap();
            }
            let mut ready = Vec::new();
            kernel.wait(&mut ready, Some(Duration::ZERO)).unwrap();
            assert_eq!(ready, [Ready::Signal(asked), Ready::Signal(asked)]);
        }
    }
}
