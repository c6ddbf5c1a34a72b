//! An accepted connection on the real kernel: its calls, and how it is closed.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use mio::event::Source as _;
use mio::unix::SourceFd;
use mio::{Registry, Token};
use nix::sys::socket::GetSockOpt as _;
use nix::{getsockopt_impl, sockopt_impl};
use rustix::net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendFlags, Shutdown, sockopt};

use super::seam::{Closing, Record};

/// More of the same follows at once, so hold back a segment that is not full (send(2)). Of sockets with connections only TCP
/// heeds it.
const MORE_FOLLOWS: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::MORE);

sockopt_impl!(
    /// The first words of `struct tcp_info` (linux/tcp.h). The last of these is `tcpi_rtt`, in microseconds.
    TcpInfo,
    GetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_INFO,
    [u32; 18]
);

/// What a client has not acknowledged for so long is given up, at the soonest. A shorter time would cut readers that stall, and
/// outages that pass.
const USER_TIMEOUT_MIN: Duration = Duration::from_secs(30);

/// How much longer than an output may take to be taken by the kernel it is kept there: a deadline of the loop comes first.
const BEYOND_OUTPUT: Duration = Duration::from_secs(5);

/// A longer time would keep what TCP gives up by itself: it retransmits to a host that is gone for 15 minutes, and for about
/// two after close(2).
const USER_TIMEOUT_MAX: Duration = Duration::from_secs(300);

/// What TCP is told as its user timeout (tcp(7), `TCP_USER_TIMEOUT`), in milliseconds, where an output may take so long. 0
/// leaves it to the system.
pub(super) fn user_timeout_ms(output_timeout: Duration) -> u32 {
    let timeout = output_timeout.saturating_add(BEYOND_OUTPUT).max(USER_TIMEOUT_MIN);
    if timeout > USER_TIMEOUT_MAX { 0 } else { u32::try_from(timeout.as_millis()).unwrap_or(0) }
}

/// An accepted connection.
#[derive(Debug)]
pub struct Stream {
    pub(super) socket: OwnedFd,
    /// Whether the selector knows it: mio asks for `register` the first time, `reregister` after it.
    registered: bool,
    /// Whether it is of the Unix domain.
    is_local: bool,
    /// Whether more was to follow what was written last.
    is_unfinished: bool,
}

impl Drop for Stream {
    /// A part of an output must not pass for the whole, whatever ends the stream.
    fn drop(&mut self) {
        if self.is_unfinished {
            let _ = sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
        }
    }
}

impl Stream {
    pub(super) fn new(socket: OwnedFd, is_local: bool) -> Stream {
        Stream { socket, registered: false, is_local, is_unfinished: false }
    }

    pub(super) fn watch(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: mio::Interest,
    ) -> io::Result<()> {
        let descriptor = self.socket.as_raw_fd();
        let mut source = SourceFd(&descriptor);
        if self.registered {
            return source.reregister(registry, token, interest);
        }
        source.register(registry, token, interest)?;
        self.registered = true;
        Ok(())
    }

    pub(super) fn round_trip(&self) -> io::Result<Duration> {
        if self.is_local {
            return Ok(Duration::ZERO);
        }
        let [.., micros] = TcpInfo.get(&self.socket)?;
        Ok(Duration::from_micros(micros.into()))
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(&self.socket, buffer, RecvFlags::empty())?.0)
    }

    pub(super) fn read_record(&self, buffer: &mut [u8]) -> io::Result<Option<Record>> {
        // recv(2) looks for a record, and then whether the other side has shut down. It misses a client that sends and
        // shuts down in between. The second look finds what was sent before the end.
        match receive_record(&self.socket, buffer)? {
            None => receive_record(&self.socket, buffer),
            record => Ok(record),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8], more: bool) -> io::Result<usize> {
        let flags = if more { MORE_FOLLOWS } else { SendFlags::NOSIGNAL };
        self.is_unfinished = true;
        let written = rustix::net::send(&self.socket, bytes, flags)?;
        self.is_unfinished = more || written < bytes.len();
        Ok(written)
    }

    pub(super) fn shutdown_write(&mut self) -> io::Result<()> {
        self.is_unfinished = false;
        Ok(rustix::net::shutdown(&self.socket, Shutdown::Write)?)
    }

    /// close(2), in this way. No deregistering first: the socket has this one descriptor, and closing the last one takes it
    /// out of every epoll set (epoll(7), "Questions and answers").
    pub(super) fn close(mut self, closing: Closing) {
        self.is_unfinished = closing == Closing::Cut;
        // A call that fails has nothing left to do: the client is gone.
        let _ = match closing {
            Closing::AtOnce | Closing::Cut => Ok(()),
            Closing::Delivering if self.is_local => {
                rustix::net::shutdown(&self.socket, Shutdown::Both).map(|()| throw_away(&self.socket))
            }
            Closing::Delivering => rustix::net::shutdown(&self.socket, Shutdown::Write),
        };
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

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    use super::*;

    /// An accepted connection, and its client.
    fn accepted() -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (Stream::new(listener.accept().unwrap().0.into(), false), client)
    }

    /// What a client gets of a stream that is dropped after this.
    fn got(before: impl FnOnce(&mut Stream)) -> Result<String, ErrorKind> {
        let (mut stream, mut client) = accepted();
        before(&mut stream);
        drop(stream);
        let mut got = String::new();
        client.read_to_string(&mut got).map(|_| got).map_err(|error| error.kind())
    }

    #[test]
    fn only_a_part_of_an_output_ends_in_a_reset() {
        assert_eq!(got(|_| ()), Ok(String::new()));
        assert_eq!(got(|stream| drop(stream.write(b"all", false))), Ok("all".to_owned()));
        assert_eq!(got(|stream| drop(stream.write(b"a part", true))), Err(ErrorKind::ConnectionReset));
        let ended = got(|stream| {
            stream.write(b"all", true).unwrap();
            stream.shutdown_write().unwrap();
        });
        assert_eq!(ended, Ok("all".to_owned()));
    }

    #[test]
    fn a_local_client_that_has_sent_more_gets_all_and_a_clean_end() {
        let (local, mut client) = UnixStream::pair().unwrap();
        let mut stream = Stream::new(local.into(), true);
        client.write_all(&vec![b'x'; 40_000]).unwrap();
        stream.write(b"all", false).unwrap();
        stream.close(Closing::Delivering);
        let mut got = String::new();
        client.read_to_string(&mut got).unwrap();
        assert_eq!(got, "all");
    }

    #[test]
    fn only_a_way_over_tcp_takes_time() {
        assert!(accepted().0.round_trip().unwrap() > Duration::ZERO);
        let (local, _client) = UnixStream::pair().unwrap();
        assert_eq!(Stream::new(local.into(), true).round_trip().unwrap(), Duration::ZERO);
    }
}
