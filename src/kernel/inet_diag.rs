//! What the kernel tells of a TCP or UDP socket of ours by its address (`sock_diag(7)`): its queue and what it dropped.
//!
//! It finds a socket as it finds the one that a packet is for, so it walks through no list. Of several sockets with one
//! address (`SO_REUSEPORT`) it tells of one.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use super::netlink::{self, attributes, malformed, number};
use crate::net::Kind;

/// `struct inet_diag_msg`. Within it: the state, the port, and the two numbers of its queue.
const SOCKET_BYTES: usize = 72;
const STATE: usize = 1;
const PORT: usize = 4;
const RECEIVED: usize = 56;
const BACKLOG: usize = 60;

/// `INET_DIAG_SKMEMINFO`, and the place of `SK_MEMINFO_DROPS` in it.
const MEMORY: u16 = 7;
const DROPS: usize = 8 * 4;

/// `TCP_LISTEN` of the kernel.
const LISTENING: u8 = 10;

/// A socket as the kernel shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shown {
    /// Clients in the accept queue and its limit, of a listening socket.
    pub(super) queue: Option<(u32, u32)>,
    /// What it dropped: of a listening socket the handshakes, of another one the datagrams. It starts again at 2^32.
    pub(super) drops: Option<u32>,
}

/// A socket that the kernel is asked through.
pub(super) struct Diag(OwnedFd);

impl Diag {
    /// Fails where the system has no such sockets, or does not let this process open one.
    pub(super) fn open() -> io::Result<Diag> {
        netlink::open().map(Diag)
    }

    /// The socket that is bound to this address: a listening one of TCP, or one of UDP. Fails if there is none, and for
    /// other kinds.
    pub(super) fn at(&self, kind: Kind, address: SocketAddr) -> io::Result<Shown> {
        netlink::send(&self.0, &request(kind, address).ok_or(io::ErrorKind::Unsupported)?)?;
        let bytes = netlink::receive(&self.0)?;
        let mut found = None;
        netlink::decode(&bytes, &mut |message| {
            let (port, shown) = socket(message)?;
            // What was left of an earlier question is no answer.
            found = (port == address.port()).then_some(shown);
            Some(())
        })?;
        found.ok_or_else(malformed)
    }
}

/// `struct inet_diag_req_v2`.
fn request(kind: Kind, address: SocketAddr) -> Option<Vec<u8>> {
    let protocol = match kind {
        Kind::Tcp => libc::IPPROTO_TCP,
        Kind::Udp => libc::IPPROTO_UDP,
        Kind::Unix | Kind::UnixPacket | Kind::UnixGram | Kind::Raw => return None,
    };
    let (family, host, link) = match address {
        SocketAddr::V4(_) => (libc::AF_INET, address.ip(), 0),
        SocketAddr::V6(address) => (libc::AF_INET6, IpAddr::from(*address.ip()), address.scope_id()),
    };
    let mut name = match host {
        IpAddr::V4(host) => host.octets().to_vec(),
        IpAddr::V6(host) => host.octets().to_vec(),
    };
    name.resize(16, 0);
    let port = address.port().to_be_bytes();
    // For UDP the kernel's source is the other end, and its destination is ours ("swapped for historical reasons").
    let (ours, other) = ((name, port), (vec![0; 16], [0; 2]));
    let ((from, from_port), (to, to_port)) = if kind == Kind::Udp { (other, ours) } else { (ours, other) };
    let mut bytes = vec![u8::try_from(family).ok()?, u8::try_from(protocol).ok()?, 1 << (MEMORY - 1), 0];
    // In every state.
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend([from_port, to_port].concat());
    bytes.extend([from, to].concat());
    bytes.extend(link.to_ne_bytes());
    // Whatever the kernel's cookie for it.
    bytes.extend([u8::MAX; 8]);
    Some(netlink::request(0, &bytes))
}

/// The socket in a message, and its port; nothing at all if the message is cut.
fn socket(message: &[u8]) -> Option<(u16, Shown)> {
    let head = message.get(..SOCKET_BYTES)?;
    let port = u16::from_be_bytes(*head.get(PORT..)?.first_chunk()?);
    let is_listening = *head.get(STATE)? == LISTENING;
    let queue = (number(head, RECEIVED)?, number(head, BACKLOG)?);
    let mut shown = Shown { queue: is_listening.then_some(queue), drops: None };
    attributes(message.get(SOCKET_BYTES..)?, &mut |kind, value| {
        if kind == MEMORY {
            // A kernel before 4.7 has fewer numbers.
            shown.drops = number(value, DROPS);
        }
        Some(())
    })?;
    Some((port, shown))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use proptest::prelude::*;
    use socket2::{Domain, Protocol, Socket, Type};

    use super::*;

    fn shown(kind: Kind, address: SocketAddr) -> Shown {
        Diag::open().unwrap().at(kind, address).unwrap()
    }

    #[test]
    fn a_listening_socket_has_its_accept_queue_and_its_limit() {
        for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"] {
            let address: SocketAddr = address.parse().unwrap();
            let socket =
                Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).unwrap();
            socket.bind(&address.into()).unwrap();
            socket.listen(7).unwrap();
            let listener = TcpListener::from(socket);
            let address = listener.local_addr().unwrap();
            let clients = [(); 5].map(|()| TcpStream::connect(address).unwrap());
            assert_eq!(shown(Kind::Tcp, address), Shown { queue: Some((5, 7)), drops: Some(0) }, "{address}");
            drop(listener.accept().unwrap());
            assert_eq!(shown(Kind::Tcp, address).queue, Some((4, 7)), "{address}");
            drop(clients);
        }
    }

    #[test]
    fn a_full_accept_queue_counts_what_it_drops() {
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        socket.bind(&address.into()).unwrap();
        socket.listen(1).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let clients: Vec<Socket> = (0..6)
            .map(|_| {
                let client = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
                client.set_nonblocking(true).unwrap();
                let _ = client.connect(&address.into());
                client
            })
            .collect();
        let shown = shown(Kind::Tcp, address);
        // There is room for one more than the limit (`sk_acceptq_is_full` in its sources).
        assert_eq!(shown.queue, Some((2, 1)));
        assert!(shown.drops.unwrap() >= 3, "{shown:?}");
        drop(clients);
    }

    #[test]
    fn a_datagram_socket_counts_what_found_no_room() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let socket = UdpSocket::bind(address).unwrap();
            let address = socket.local_addr().unwrap();
            assert_eq!(shown(Kind::Udp, address), Shown { queue: None, drops: Some(0) });
            socket2::SockRef::from(&socket).set_recv_buffer_size(2000).unwrap();
            let client = UdpSocket::bind((address.ip(), 0)).unwrap();
            (0..100).for_each(|_| assert_eq!(client.send_to(&[0; 500], address).unwrap(), 500));
            let kept = {
                socket.set_nonblocking(true).unwrap();
                std::iter::from_fn(|| socket.recv(&mut [0; 500]).ok()).count()
            };
            assert_eq!(shown(Kind::Udp, address).drops, Some(100 - u32::try_from(kept).unwrap()));
        }
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let diag = Diag::open().unwrap();
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(diag.at(Kind::Tcp, gone).is_err());
        assert!(diag.at(Kind::Raw, gone).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = socket(&bytes);
        }
    }
}
