//! Echoes end. A server does not answer its own welcome. If two servers take each other's welcomes for names, the
//! loop guard stops them soon. The servers are real processes.

use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use rustix::process::Signal;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use welcomed::net::Kind;

use super::all_kinds::udp_address;
use super::client::socket;
use super::counts::{Counts, wait_for_count};
use super::folder::Folder;
use super::raw::{PROTOCOL, host, raw_is_allowed};
use crate::process::{Server, answer, in_parallel, not_tested, now, until};

/// Servers whose counts do not change for this long have stopped. A round of an echo takes much less.
const STILL: Duration = Duration::from_millis(400);

/// The most datagrams that one of two servers may receive before they have stopped.
const ROUNDS_MAX: u64 = 300;

/// The kinds without connections that this process may open.
fn kinds() -> impl Iterator<Item = Kind> {
    let kinds = Kind::ALL.iter().copied().filter(|kind| !kind.semantics().connections);
    kinds.filter(|kind| *kind != Kind::Raw || raw_is_allowed())
}

/// An address that is free; for UDP any port.
fn free_address(kind: Kind, folder: &Folder) -> SockAddr {
    match kind {
        Kind::UnixGram => SockAddr::unix(folder.new_path()).unwrap(),
        Kind::Raw => SocketAddrV4::new(host(), 0).into(),
        Kind::Tcp | Kind::Unix | Kind::UnixPacket | Kind::Udp => {
            SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into()
        }
    }
}

/// A server of datagrams and its address.
struct Side {
    server: Server,
    address: SockAddr,
}

impl Side {
    fn start(kind: Kind, address: &SockAddr, welcome: &str) -> Side {
        let place = match (kind, address.as_socket()) {
            (Kind::Raw, Some(address)) => format!("{}?protocol={PROTOCOL}", address.ip()),
            (_, Some(address)) => address.to_string(),
            (_, None) => address.as_pathname().unwrap().display().to_string(),
        };
        let server = Server::start(&["--listen", &format!("{kind}://{place}"), "--welcome", welcome]);
        server.wait_for_log(&format!("waiting for datagrams on {kind}://"));
        let address = if kind == Kind::Udp { udp_address(&server).into() } else { address.clone() };
        Side { server, address }
    }

    /// The counts of the datagrams that it has received, and of the echoes among them.
    fn received(&self) -> (u64, u64) {
        let counts = Counts::of(&self.server);
        (counts.get("accepted"), counts.get("echoes"))
    }

    /// Stops the server. Fails if it does not serve any more, or if its counts do not add up.
    fn end(self) {
        assert!(!answer(self.server.send(b"Ada\n")).is_empty());
        let ended = self.server.stop();
        assert_eq!(ended.status.code(), Some(0));
        let counts = Counts::last(&ended.log);
        counts.add_up_to(counts.get("accepted"));
    }
}

/// Two servers, the first of which has received `name` from the address of the second.
///
/// No address is forged: the first server stands still until its client has closed and the second server has the
/// client's address.
fn two_servers(kind: Kind, folder: &Folder, welcomes: [&str; 2], name: &str) -> [Side; 2] {
    let first = Side::start(kind, &free_address(kind, folder), welcomes[0]);
    first.server.signal(Signal::STOP);
    let sender = socket(kind);
    sender.bind(&free_address(kind, folder)).unwrap();
    sender.send_to(name.as_bytes(), &first.address).unwrap();
    let address = sender.local_addr().unwrap();
    drop(sender);
    let second = Side::start(kind, &address, welcomes[1]);
    first.server.signal(Signal::CONT);
    [first, second]
}

/// The counts of each server once they no longer change.
fn received_at_rest(sides: &[Side]) -> Vec<(u64, u64)> {
    let received = || sides.iter().map(Side::received).collect::<Vec<_>>();
    let (mut last, mut since) = (received(), now());
    until("no server receives anything any more", || {
        let new = received();
        if new != last || new.iter().all(|(accepted, _)| *accepted == 0) {
            (last, since) = (new, now());
        }
        now() - since > STILL
    });
    last
}

#[test]
fn two_servers_with_the_same_welcome_stop_at_the_first_echo() {
    in_parallel(kinds(), |kind| {
        for welcome in ["welcome ", "Hello, {name}!", "{name}, welcome"] {
            let folder = Folder::new();
            let sides = two_servers(kind, &folder, [welcome, welcome], "Rafatul");
            wait_for_count(&sides[1].server, "echoes", 1).add_up_to(1);
            assert_eq!(received_at_rest(&sides), [(1, 0), (1, 1)], "{kind}, {welcome}");
            sides.into_iter().for_each(Side::end);
        }
    });
}

#[test]
fn two_servers_with_different_welcomes_stop_soon() {
    let pairs = [["welcome ", "Hello!"], ["welcome ", "Hello, {name}!"], ["Hi, {name}.", "Hello, {name}!"]];
    in_parallel(kinds(), |kind| {
        for welcomes in pairs {
            let folder = Folder::new();
            let sides = two_servers(kind, &folder, welcomes, "Rafatul");
            let received = received_at_rest(&sides);
            println!("over {kind}, {welcomes:?} have received, and echoes: {received:?}");
            assert!(
                received.iter().all(|(accepted, _)| *accepted <= ROUNDS_MAX),
                "{kind}, {welcomes:?}: {received:?}"
            );
            assert_eq!(received.iter().map(|(_, echoes)| echoes).sum::<u64>(), 1, "one of them has stopped");
            sides.into_iter().for_each(Side::end);
        }
    });
}

/// The other side is a program that answers every datagram, slowly, as over a long distance.
#[test]
fn a_slow_echo_stops() {
    let folder = Folder::new();
    let side = Side::start(Kind::UnixGram, &free_address(Kind::UnixGram, &folder), "welcome ");
    let other = socket(Kind::UnixGram);
    other.bind(&free_address(Kind::UnixGram, &folder)).unwrap();
    other.set_read_timeout(Some(STILL)).unwrap();
    let mut rounds = 0;
    let mut answered = || {
        other.send_to(b"Hello!", &side.address).unwrap();
        rounds += 1;
        std::thread::park_timeout(Duration::from_millis(15));
        (&other).read(&mut [0; 100]).is_ok()
    };
    while answered() {}
    assert!(rounds <= ROUNDS_MAX, "{rounds} rounds");
    side.end();
}

/// Sends `side` a datagram with its own address as the sender. Gives `false` if this process may not.
fn as_if_from_itself(kind: Kind, side: &Side, folder: &Folder, name: &[u8]) -> bool {
    if kind == Kind::UnixGram {
        // The sender has the server's path while it sends.
        let (path, aside) = (side.address.as_pathname().unwrap(), folder.new_path());
        fs::rename(path, &aside).unwrap();
        let sender = socket(kind);
        sender.bind(&side.address).unwrap();
        side.server.signal(Signal::STOP);
        sender.send_to(name, &SockAddr::unix(&aside).unwrap()).unwrap();
        fs::rename(&aside, path).unwrap();
        side.server.signal(Signal::CONT);
    } else if kind == Kind::Raw {
        let sender = socket(kind);
        sender.bind(&side.address).unwrap();
        sender.send_to(name, &side.address).unwrap();
    } else {
        let Ok(forger) = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255))) else {
            not_tested("forging a sender needs CAP_NET_RAW");
            return false;
        };
        // RFC 791 and RFC 768. The kernel fills in the header fields that are 0 (raw(7)).
        let udp_length = u8::try_from(8 + name.len()).unwrap();
        let port = side.address.as_socket().unwrap().port().to_be_bytes();
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1];
        packet.extend([port[0], port[1], port[0], port[1], 0, udp_length, 0, 0]);
        packet.extend(name);
        forger.send_to(&packet, &side.address).unwrap();
    }
    true
}

#[test]
fn a_server_that_answers_itself_stops_at_the_first_echo() {
    in_parallel(kinds(), |kind| {
        for welcome in ["welcome ", "Hello, {name}!"] {
            let folder = Folder::new();
            let side = Side::start(kind, &free_address(kind, &folder), welcome);
            if !as_if_from_itself(kind, &side, &folder, b"Rafatul") {
                continue;
            }
            wait_for_count(&side.server, "echoes", 1);
            let sides = [side];
            assert_eq!(
                received_at_rest(&sides),
                [(2, 1)],
                "{kind}, {welcome}: the name, and the welcome to itself"
            );
            sides.into_iter().for_each(Side::end);
        }
    });
}

#[test]
fn two_raw_servers_at_one_address_stop_soon() {
    if !raw_is_allowed() {
        return;
    }
    let address = SocketAddrV4::new(host(), 0).into();
    let sides = ["welcome ", "Hello, {name}!"].map(|welcome| Side::start(Kind::Raw, &address, welcome));
    let client = socket(Kind::Raw);
    client.bind(&address).unwrap();
    client.send_to(b"Rafatul", &address).unwrap();
    let received = received_at_rest(&sides);
    println!("two raw servers and their client at one address have received, and echoes: {received:?}");
    assert!(
        received.iter().all(|(accepted, echoes)| *accepted <= 4 * ROUNDS_MAX && *echoes > 0),
        "{received:?}"
    );
    sides.into_iter().for_each(Side::end);
}
