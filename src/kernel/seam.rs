//! The seam: what the loop asks of the operating system, and what it is told.

use std::io;
use std::time::{Duration, Instant};

use crate::net::{Address, Destination, Peer};

/// Something that the kernel reports. It is a hint: only the result of the call that follows decides.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ready {
    /// The server's socket that was given this index may have a client to accept, or a datagram.
    Listener(usize),
    /// The stream that was watched under this key may be readable or writable, or have failed.
    Stream(usize),
    /// The operator asks for something, by a signal or a handle.
    Signal(Signal),
}

/// What an operator can ask for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Signal {
    /// SIGINT, SIGTERM, SIGHUP or [`Handle::stop`](super::Handle::stop): stop.
    Stop,
    /// SIGUSR1 or [`Handle::report`](super::Handle::report): write the counts to the log.
    Report,
}

/// What a stream is watched for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Interest {
    /// Bytes, the end of input, or a failure.
    Readable,
    /// Room in the send buffer, or a failure.
    Writable,
}

/// How a stream is closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Closing {
    /// At once: nothing is on its way to the client, or it has ended its input.
    AtOnce,
    /// Output is on its way, and the client may send more. What it sends may not destroy the output.
    Delivering,
    /// Output was cut short: the client is to see an error, and not the end of an answer.
    Cut,
}

/// A record or a datagram, as far as the buffer had room for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Record {
    /// How many bytes of it are in the buffer.
    pub bytes: usize,
    /// Whether it had more, which are lost (recv(2), `MSG_TRUNC`).
    pub truncated: bool,
}

/// A datagram, its sender, and what it was sent to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Datagram {
    /// Its bytes.
    pub record: Record,
    /// The sender, as the datagram says it.
    pub peer: Peer,
    /// What it was sent to.
    pub to: Destination,
}

/// The system calls of the loop.
///
/// Nothing here blocks but [`wait`](Kernel::wait). Readiness is edge-triggered (epoll(7), `EPOLLET`):
/// it is reported when it begins, and again only after a call has answered [`io::ErrorKind::WouldBlock`].
/// Reports may be spurious, merged, or late: for a stream that is closed by now, or whose key serves
/// another one.
pub trait Kernel {
    /// A socket of the server, listening or receiving datagrams, or one on its way there. Dropping it
    /// closes it, and takes away its file, if it has one.
    type Listener;
    /// An accepted connection, non-blocking. It need not be a stream in the sense of socket(2): that of a
    /// sequenced packet socket gives records. Dropping it closes it: as [`Closing::Cut`], if more was to follow what was
    /// written last.
    type Stream;

    /// The present moment of a clock that never goes back.
    fn now(&self) -> Instant;

    /// socket(2): a socket of the kind that `address` needs.
    fn socket(&mut self, address: &Address) -> io::Result<Self::Listener>;

    /// bind(2). A TCP socket has `SO_REUSEADDR`: a restart does not wait for old connections to time out. It has
    /// `TCP_NODELAY`: an answer does not wait for the one before to be acknowledged. An IPv6 socket serves IPv6 alone
    /// (ipv6(7), `IPV6_V6ONLY`). Port 0 takes a free one. A path in
    /// the Unix domain gets the permissions `unix_mode`; that of a socket with connections is prepared beside its place.
    /// Gives the address that the socket has.
    fn bind(
        &mut self,
        listener: &mut Self::Listener,
        address: &Address,
        unix_mode: u32,
    ) -> io::Result<Address>;

    /// listen(2), if the socket has connections, with room for `backlog` clients that wait to be accepted
    /// (the system may cap it: on Linux at `net.core.somaxconn`). Watches the socket as
    /// [`Ready::Listener`] `(index)`. Now that it is ready for clients its path gets its name.
    ///
    /// An output may take `output_timeout` to be taken by the kernel. TCP gives up what its client has not acknowledged 5 s
    /// later, and not before 30 s (tcp(7), `TCP_USER_TIMEOUT`), also after close(2). Beyond 5 minutes the system's own limits
    /// hold. Accepted connections inherit that.
    fn listen(
        &mut self,
        listener: &mut Self::Listener,
        index: usize,
        backlog: u32,
        output_timeout: Duration,
    ) -> io::Result<()>;

    /// Watches a socket of the server anew: if a client waits there, or a datagram, that is reported again.
    fn watch_again(&mut self, listener: &mut Self::Listener, index: usize) -> io::Result<()>;

    /// From now on no client can connect here, and those that have can still be accepted: shutdown(2) in the Unix domain. Gives
    /// whether that is so. TCP has no such call: there clients connect until the socket is closed.
    fn let_no_more_in(&mut self, listener: &Self::Listener) -> io::Result<bool>;

    /// accept(2): the client that has waited longest, or `WouldBlock`.
    fn accept(&mut self, listener: &Self::Listener) -> io::Result<(Self::Stream, Peer)>;

    /// Keeps `count` descriptors back, or as many of them as there are. They are for clients of a service that is to answer
    /// when the process has none left.
    fn keep_back(&mut self, _count: usize) {}

    /// Lets one of those go, so that one more client can be accepted. Gives whether there was one.
    fn let_go(&mut self) -> bool {
        false
    }

    /// recvmsg(2): the next datagram.
    fn receive(&mut self, listener: &Self::Listener, buffer: &mut [u8]) -> io::Result<Datagram>;

    /// sendmsg(2): an answer to a datagram, whole or not at all. It comes from the address that was `asked`.
    fn send(
        &mut self,
        listener: &Self::Listener,
        datagram: &[u8],
        peer: &Peer,
        asked: &Destination,
    ) -> io::Result<()>;

    /// Waits until something is ready, at most `timeout` (`None`: for ever), and adds it to `ready`.
    /// `Interrupted` means that a signal came and nothing was added.
    fn wait(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()>;

    /// Watches a stream for `interest` under `key`, instead of what it was watched for before. If it is
    /// ready already, that is reported too, so a second call for the same interest raises the edge anew.
    /// Closing the stream ends the watch.
    fn watch(&mut self, stream: &mut Self::Stream, key: usize, interest: Interest) -> io::Result<()>;

    /// How long the way to the client and back takes, by the kernel's estimate (tcp(7), `TCP_INFO`); nothing in the Unix
    /// domain.
    fn round_trip(&self, stream: &Self::Stream) -> io::Result<Duration>;

    /// recv(2): at most `buffer.len()` bytes; 0 is the end of input.
    fn read(&mut self, stream: &mut Self::Stream, buffer: &mut [u8]) -> io::Result<usize>;

    /// recvmsg(2): the next record of a connection that keeps boundaries, which may be empty; `None` is the
    /// end of input, which comes after every record that was sent before it.
    fn read_record(&mut self, stream: &mut Self::Stream, buffer: &mut [u8]) -> io::Result<Option<Record>>;

    /// send(2): at most `bytes.len()` bytes, or a record, which goes whole. If `more` follows at once (bytes,
    /// [`shutdown_write`](Kernel::shutdown_write) or [`close`](Kernel::close)), the kernel may hold back a last
    /// segment that is not full (`MSG_MORE`). So the last output and the FIN can leave in one segment.
    fn write(&mut self, stream: &mut Self::Stream, bytes: &[u8], more: bool) -> io::Result<usize>;

    /// shutdown(2) of the write side: what was written leaves, then a FIN. Reading goes on.
    fn shutdown_write(&mut self, stream: &mut Self::Stream) -> io::Result<()>;

    /// close(2). There is nothing to be done about a failure: Linux frees the descriptor in any case.
    ///
    /// If input is unread, or comes after it, close(2) resets the connection (RFC 1122, 4.2.2.13). A reset destroys what
    /// `MSG_MORE` holds back, and what has not reached the client. So [`Closing::Delivering`] shuts the write side first:
    /// the output and its FIN are on their way before anything can be reset. Unix sockets know of no FIN: both
    /// directions are shut, and what came is read. [`Closing::Cut`] resets (`SO_LINGER` with no time); over Unix sockets it
    /// cannot, and the client sees the end of input.
    fn close(&mut self, stream: Self::Stream, closing: Closing);
}
