//! Datagrams that are made by hand: nothing is sent to an address that only a forger writes, or in answer to what many servers
//! have got.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etherparse::{IpNumber, PacketBuilder};
use socket2::{Domain, Protocol, Socket, Type};

use super::crowd::WELCOME;
use super::network::{IPV4, Network};
use super::rule::{Fate, Packet, Side};
use crate::process::{BOUND, Server, not_tested, run};

/// The port of the server, and one that a stranger chooses.
const PORT: u16 = 7777;
const CHOSEN: u16 = 5555;

/// A number for experiments (RFC 3692).
const PROTOCOL: i32 = 253;

/// The server's host has a second address of each kind, and one of the link.
const SETUP: &str = "link set lo up\naddress add 10.77.0.9/24 dev way\naddress add fd77::9/64 dev way nodad\n\
                     address add fe80::2/64 dev way nodad\n";

/// A network, a server at all its addresses, and how many datagrams the server's host has sent over the way.
struct Site {
    network: Network,
    server: Server,
    sent: Arc<AtomicUsize>,
}

impl Site {
    fn new() -> Option<Site> {
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        let network = Network::new(Duration::ZERO, move |packet: &Packet| {
            count.fetch_add(usize::from(packet.from == Side::Server), Ordering::Relaxed);
            Fate::Passes
        })?;
        network.at_server(|| {
            let (code, _, why) = run(Command::new("ip").args(["-batch", "-"]), SETUP.as_bytes());
            assert_eq!(code, 0, "{why}");
        });
        let [v4, v6] = ["0.0.0.0", "[::]"].map(|host| format!("udp://{host}:{PORT}"));
        let raw = format!("raw://0.0.0.0?protocol={PROTOCOL}");
        let options = ["-v", "--drain-quiet", "0", "-l", &v4, "-l", &v6, "-l", &raw];
        let server = network.serve(IPV4, &options);
        server.wait_for_log("datagrams on raw://");
        Some(Site { network, server, sent })
    }

    /// The forged senders that the kernel lets in. From now on it lets in an address of the loopback.
    fn forged(&self) -> Vec<(&'static str, &'static str)> {
        let set = |(name, value)| fs::write(format!("/proc/sys/net/ipv4/conf/way/{name}"), value);
        let all = [("route_localnet", "1"), ("accept_local", "1"), ("rp_filter", "0")];
        let is_let_in = self.network.at_server(|| all.into_iter().try_for_each(set));
        if let Err(why) = &is_let_in {
            not_tested(&format!("no loopback address comes in: /proc/sys: {why}"));
        }
        FORGED.iter().copied().filter(|(from, _)| is_let_in.is_ok() || *from != "127.0.0.1").collect()
    }

    /// A client that is answered. So what came before it has been served.
    fn asks(&self, own: &str, asked: &str) {
        let client = self.network.at_client(|| UdpSocket::bind(address(own, 0)).unwrap());
        // Then it receives from there alone.
        client.connect(address(asked, PORT)).unwrap();
        client.send(b"Ada").unwrap();
        client.set_read_timeout(Some(BOUND)).unwrap();
        let mut answer = [0; 100];
        let bytes = uninterrupted(|| client.recv(&mut answer));
        let bytes = bytes.unwrap_or_else(|error| panic!("{own} asks {asked}: {error}"));
        assert_eq!(answer[..bytes], *WELCOME.as_bytes());
    }

    /// Stops the server, and fails unless it has counted so many.
    fn counted(self, welcomed: usize, unanswerable: usize) {
        let log = self.server.stop().log;
        let counts = [format!(" {welcomed} welcomed ("), format!(" {unanswerable} unanswerable,")];
        assert!(counts.iter().all(|count| log.contains(count)), "not {counts:?}: {log}");
        assert!(log.contains(" 0 failed"), "{log}");
    }
}

/// Receives anew where that was interrupted. A call with a timeout is, without any handler, when its process was stopped and goes
/// on (signal(7)): no datagram is lost by that.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

fn address(host: &str, port: u16) -> SocketAddr {
    // The number of the device is the same on both hosts.
    let host = if host.starts_with("fe80:") { format!("[{host}%2]") } else { host.to_owned() };
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
    format!("{host}:{port}").parse().unwrap()
}

/// A datagram between two hosts: UDP, or else of [`PROTOCOL`].
fn datagram((from, to): (&str, &str), ports: Option<(u16, u16)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let packet = match (from.parse().unwrap(), to.parse().unwrap()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), 64),
        (IpAddr::V6(from), IpAddr::V6(to)) => PacketBuilder::ipv6(from.octets(), to.octets(), 64),
        hosts => panic!("{hosts:?}"),
    };
    match ports {
        Some((from, to)) => packet.udp(from, to).write(&mut bytes, b"Eve"),
        None => packet.write(&mut bytes, IpNumber(PROTOCOL.try_into().unwrap()), b"Eve"),
    }
    .unwrap();
    bytes
}

/// Sockets on the server's host which a forged sender could be.
fn bystanders(network: &Network) -> Vec<UdpSocket> {
    let open = || ["0.0.0.0", "::1"].map(|host| UdpSocket::bind(address(host, CHOSEN)).unwrap());
    network.at_server(open).into()
}

fn got_nothing(bystanders: &[UdpSocket]) {
    for bystander in bystanders {
        bystander.set_nonblocking(true).unwrap();
        let got = bystander.recv_from(&mut [0; 100]);
        assert!(got.is_err(), "{got:?}");
    }
}

/// Senders that the kernel lets in, that of the loopback where it is told to.
const FORGED: &[(&str, &str)] = &[
    ("127.0.0.1", "127.0.0.1"),
    ("0.0.0.0", "255.255.255.255"),
    ("0.0.0.0", "224.0.0.1"),
    ("::", "fd77::2"),
    ("::ffff:127.0.0.1", "fd77::2"),
    ("::ffff:0.0.0.0", "fd77::2"),
    ("::ffff:10.77.0.1", "fd77::2"),
    ("::ffff:224.0.0.1", "fd77::2"),
];

/// Those that it does not let in.
const KEPT_OUT: &[(&str, &str)] = &[
    ("0.0.0.0", "10.77.0.2"),
    ("127.0.0.1", "10.77.0.2"),
    ("255.255.255.255", "10.77.0.2"),
    ("224.0.0.1", "10.77.0.2"),
    ("::1", "fd77::2"),
    ("ff02::1", "fd77::2"),
];

/// Datagrams that came to every host of the link.
const FOR_MANY: &[(&str, &str)] = &[
    ("10.77.0.1", "255.255.255.255"),
    ("10.77.0.1", "10.77.0.255"),
    ("10.77.0.1", "224.0.0.1"),
    ("fd77::1", "ff02::1"),
    ("fe80::1", "ff02::1"),
];

#[test]
fn a_sender_that_is_no_return_address_is_sent_nothing() {
    let Some(site) = Site::new() else { return };
    let bystanders = bystanders(&site.network);
    for hosts in KEPT_OUT {
        site.network.inject(Side::Server, &datagram(*hosts, Some((CHOSEN, PORT))));
    }
    site.asks("10.77.0.1", "10.77.0.2");
    let forged = site.forged();
    for hosts in &forged {
        site.network.inject(Side::Server, &datagram(*hosts, Some((CHOSEN, PORT))));
    }
    for to in ["10.77.0.2", "fd77::2"] {
        let from = if to.contains(':') { "fd77::1" } else { "10.77.0.1" };
        site.network.inject(Side::Server, &datagram((from, to), Some((0, PORT))));
    }
    site.asks("10.77.0.1", "10.77.0.2");
    site.asks("fd77::1", "fd77::2");
    assert_eq!(site.sent.load(Ordering::Relaxed), 3);
    got_nothing(&bystanders);
    site.counted(3, forged.len() + 2);
}

#[test]
fn a_datagram_to_many_hosts_is_answered_by_none() {
    let Some(site) = Site::new() else { return };
    for hosts in FOR_MANY {
        site.network.inject(Side::Server, &datagram(*hosts, Some((CHOSEN, PORT))));
    }
    site.asks("10.77.0.1", "10.77.0.2");
    site.asks("fd77::1", "fd77::2");
    assert_eq!(site.sent.load(Ordering::Relaxed), 2);
    site.counted(2, FOR_MANY.len());
}

#[test]
fn a_raw_packet_that_is_forged_or_for_many_is_not_answered() {
    let Some(site) = Site::new() else { return };
    let is_ipv4 = |hosts: &&(&str, &str)| !hosts.0.contains(':');
    let all = site.forged();
    let all: Vec<_> = all.iter().chain(FOR_MANY).filter(is_ipv4).collect();
    for hosts in &all {
        site.network.inject(Side::Server, &datagram(**hosts, None));
    }
    site.raw_asks("10.77.0.9");
    let count = all.len();
    site.counted(1, count);
}

#[test]
fn an_answer_comes_from_the_address_that_was_asked() {
    let Some(site) = Site::new() else { return };
    let link = "address add fe80::1/64 dev way nodad\n";
    let (code, _, why) =
        site.network.at_client(|| run(Command::new("ip").args(["-batch", "-"]), link.as_bytes()));
    assert_eq!(code, 0, "{why}");
    for (own, asked) in [
        ("10.77.0.1", "10.77.0.2"),
        ("10.77.0.1", "10.77.0.9"),
        ("fd77::1", "fd77::2"),
        ("fd77::1", "fd77::9"),
        ("fe80::1", "fe80::2"),
        ("fd77::1", "fe80::2"),
        ("fe80::1", "fd77::9"),
    ] {
        site.asks(own, asked);
    }
    for asked in ["10.77.0.2", "10.77.0.9"] {
        site.raw_asks(asked);
    }
    site.counted(9, 0);
}

impl Site {
    /// As [`Site::asks`], over a raw socket.
    fn raw_asks(&self, asked: &str) {
        let open = || Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(PROTOCOL))).unwrap();
        let client = self.network.at_client(open);
        client.set_read_timeout(Some(BOUND)).unwrap();
        client.connect(&address(asked, 0).into()).unwrap();
        client.send(b"Ada").unwrap();
        let mut answer = [std::mem::MaybeUninit::uninit(); 100];
        let bytes = uninterrupted(|| client.recv(&mut answer));
        let bytes = bytes.unwrap_or_else(|error| panic!("{asked}: {error}"));
        assert_eq!(bytes, 20 + WELCOME.len());
    }
}

#[test]
fn a_client_on_the_servers_host_is_answered() {
    let Some(site) = Site::new() else { return };
    let here = |own: &str, asked: &str| {
        let client = site.network.at_server(|| UdpSocket::bind(address(own, 0)).unwrap());
        client.connect(address(asked, PORT)).unwrap();
        client.send(b"Ada").unwrap();
        client.set_read_timeout(Some(BOUND)).unwrap();
        let bytes = uninterrupted(|| client.recv(&mut [0; 100]));
        assert!(bytes.is_ok_and(|bytes| bytes == WELCOME.len()), "{own} asks {asked}");
    };
    for own in ["0.0.0.0", "127.0.0.1", "127.0.0.2", "10.77.0.2", "10.77.0.9"] {
        for asked in ["127.0.0.1", "127.3.2.1", "10.77.0.2", "10.77.0.9"] {
            here(own, asked);
        }
    }
    for own in ["::", "::1", "fd77::2", "fe80::2"] {
        for asked in ["::1", "fd77::2", "fd77::9", "fe80::2"] {
            // From `fe80::2` there is no way to `::1`.
            if [own, asked] != ["::1", "fe80::2"] && [asked, own] != ["::1", "fe80::2"] {
                here(own, asked);
            }
        }
    }
    site.counted(34, 0);
}
