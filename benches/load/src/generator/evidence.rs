//! What the kernel knows of a TCP connection (tcp(7), `TCP_INFO`). A look takes less than a microsecond.

use std::os::fd::OwnedFd;

use nix::sys::socket::GetSockOpt as _;
use nix::{getsockopt_impl, sockopt_impl};
use welcomed::net::Kind;

use crate::system::clock::Nanos;

/// How many words of it are read: all that Linux has had since `TCP_INFO` came.
const WORDS: usize = 26;

/// Where `tcpi_unacked`, `tcpi_last_data_sent`, `tcpi_last_ack_recv`, `tcpi_rtt` and `tcpi_total_retrans` are (linux/tcp.h).
const NOT_ACKNOWLEDGED: usize = 6;
const LAST_DATA_SENT: usize = 11;
const LAST_ACK_RECEIVED: usize = 14;
const ROUND_TRIP: usize = 17;
const TOTAL_RETRANS: usize = 25;

sockopt_impl!(
    /// The first words of `struct tcp_info` (linux/tcp.h), the last of which is `tcpi_total_retrans`.
    TcpInfo,
    GetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_INFO,
    [u32; WORDS]
);

/// How exact the kernel's milliseconds are: it counts in ticks of its timer, which are 10 ms at most.
pub(super) const TICK: Nanos = 10_000_000;

/// What the kernel knows of a connection at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Known {
    /// How long ago the last segment came, to the exactness of a [`TICK`]. While a connection is young that is the
    /// answer to its SYN, and at its end it is the server's FIN.
    pub(super) last_segment_ago: Nanos,
    /// The round trip. Until something was sent and acknowledged it is that of the SYN; 0 if there is none.
    pub(super) round_trip: Nanos,
    /// How many segments were sent again.
    pub(super) sent_again: u32,
    /// How long ago data was sent last, for the first time or again, to the exactness of a [`TICK`].
    pub(super) last_sent_ago: Nanos,
    /// Whether some of it is not acknowledged.
    pub(super) is_unacknowledged: bool,
}

/// What is known of `socket`, which is of this kind: nothing, unless that is TCP.
pub(super) fn known(kind: Kind, socket: &OwnedFd) -> Option<Known> {
    if kind != Kind::Tcp {
        return None;
    }
    let words = TcpInfo.get(socket).ok()?;
    let word = |index: usize| words.get(index).copied().unwrap_or(0);
    Some(Known {
        last_segment_ago: Nanos::from(word(LAST_ACK_RECEIVED)) * 1_000_000,
        round_trip: Nanos::from(word(ROUND_TRIP)) * 1000,
        sent_again: word(TOTAL_RETRANS),
        last_sent_ago: Nanos::from(word(LAST_DATA_SENT)) * 1_000_000,
        is_unacknowledged: word(NOT_ACKNOWLEDGED) > 0,
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_kernel_knows_when_the_last_segment_came() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let fresh = known(Kind::Tcp, &client.try_clone().unwrap().into()).unwrap();
        assert!(fresh.round_trip > 0 && fresh.round_trip < 100_000_000, "{fresh:?}");
        assert_eq!(fresh.sent_again, 0);
        server.write_all(b"welcome ").unwrap();
        std::thread::park_timeout(Duration::from_millis(60));
        drop(server);
        std::thread::park_timeout(Duration::from_millis(30));
        client.read_to_end(&mut Vec::new()).unwrap();
        let ended = known(Kind::Tcp, &client.into()).unwrap();
        // The FIN came, and not the data, 30 ms ago or, on a busy machine, longer.
        assert!(ended.last_segment_ago + TICK >= 30_000_000, "{ended:?}");
        assert!(ended.last_segment_ago < 90_000_000, "{ended:?}");
    }
}
