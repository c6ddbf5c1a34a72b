//! The real kernel: mio, and rustix for what mio has no option for.

use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::event::Source as _;
use mio::{Events, Poll, Token};
use rustix::io::FdFlags;
use rustix::net::{AddressFamily, SendFlags, Shutdown, SocketType};
use rustix::process::{Resource, Rlimit};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook_mio::v1_0::Signals;

use super::{Interest, Kernel, Ready, Signal};

/// How many events one wait takes from the kernel; what is left is taken by the next.
const EVENTS_PER_WAIT: usize = 1024;

/// The token of the signals; those of the listening sockets count down from the one below it. Streams
/// count up from 0, and there can never be so many that they meet.
const SIGNALS: Token = Token(usize::MAX);
const LAST_LISTENER: usize = usize::MAX - 1;
const FIRST_LISTENER: usize = usize::MAX / 2;

/// More of the same follows at once, so hold back a segment that is not full (Linux, send(2)). Where
/// there is no such flag the welcome and the FIN leave in two segments.
#[cfg(target_os = "linux")]
const SEND_FLAGS: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::MORE);
#[cfg(all(not(target_os = "linux"), not(target_vendor = "apple")))]
const SEND_FLAGS: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const SEND_FLAGS: SendFlags = SendFlags::empty();

/// A [`Kernel`] on [`mio::Poll`]: epoll(7) on Linux, kqueue(2) on the BSDs.
pub struct Mio {
    poll: Poll,
    events: Events,
    signals: Signals,
}

impl Mio {
    /// Opens the selector and takes over SIGINT, SIGTERM and SIGUSR1 of this process.
    pub fn new() -> io::Result<Mio> {
        let poll = Poll::new()?;
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGUSR1])?;
        poll.registry().register(&mut signals, SIGNALS, mio::Interest::READABLE)?;
        Ok(Mio { poll, events: Events::with_capacity(EVENTS_PER_WAIT), signals })
    }
}

/// A listening socket, before and after listen(2).
#[derive(Debug)]
pub struct Listener(mio::net::TcpListener);

/// An accepted connection.
#[derive(Debug)]
pub struct Stream {
    socket: mio::net::TcpStream,
    /// Whether the selector knows it: mio asks for `register` the first time, `reregister` after it.
    registered: bool,
}

impl Kernel for Mio {
    type Listener = Listener;
    type Stream = Stream;

    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is passed")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn socket(&mut self, address: SocketAddr) -> io::Result<Listener> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        // mio's own bind does socket, bind and listen in one, with a backlog of 128.
        let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
        rustix::io::fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
        let socket = std::net::TcpListener::from(socket);
        socket.set_nonblocking(true)?;
        Ok(Listener(mio::net::TcpListener::from_std(socket)))
    }

    fn bind(&mut self, listener: &mut Listener, address: SocketAddr) -> io::Result<SocketAddr> {
        rustix::net::sockopt::set_socket_reuseaddr(&listener.0, true)?;
        rustix::net::bind(&listener.0, &address)?;
        listener.0.local_addr()
    }

    fn listen(&mut self, listener: &mut Listener, index: usize, backlog: u32) -> io::Result<()> {
        rustix::net::listen(&listener.0, i32::try_from(backlog).unwrap_or(i32::MAX))?;
        let token = Token(LAST_LISTENER - index);
        listener.0.register(self.poll.registry(), token, mio::Interest::READABLE)
    }

    fn accept(&mut self, listener: &Listener) -> io::Result<(Stream, SocketAddr)> {
        let (socket, peer) = listener.0.accept()?;
        Ok((Stream { socket, registered: false }, peer))
    }

    fn wait(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        self.poll.poll(&mut self.events, timeout)?;
        for event in &self.events {
            match event.token() {
                SIGNALS => ready.extend(self.signals.pending().map(|signal| {
                    Ready::Signal(if signal == SIGUSR1 { Signal::Report } else { Signal::Stop })
                })),
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
        let Stream { socket, registered } = stream;
        if *registered {
            return socket.reregister(self.poll.registry(), Token(key), interest);
        }
        socket.register(self.poll.registry(), Token(key), interest)?;
        *registered = true;
        Ok(())
    }

    fn read(&mut self, stream: &mut Stream, buffer: &mut [u8]) -> io::Result<usize> {
        stream.socket.read(buffer)
    }

    fn write(&mut self, stream: &mut Stream, bytes: &[u8]) -> io::Result<usize> {
        let socket = &stream.socket;
        socket.try_io(|| Ok(rustix::net::send(socket, bytes, SEND_FLAGS)?))
    }

    fn shut(&mut self, stream: &mut Stream) -> io::Result<()> {
        Ok(rustix::net::shutdown(&stream.socket, Shutdown::Write)?)
    }

    fn close(&mut self, stream: Stream) {
        // No deregistering first: the socket has this one descriptor, and closing the last one takes it
        // out of every epoll set (epoll(7), question 6) and every kqueue (kqueue(2)).
        drop(stream);
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
