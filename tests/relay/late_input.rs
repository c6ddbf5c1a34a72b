//! Input behind the name costs no client its welcome, whenever it comes, if no packet is lost.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::crowd::{Crowd, all_are_welcomed};
use super::network::{IPV4, IPV6, Network};
use super::rule::{Fate, Packet, Side};
use crate::process::{BOUND, answer};

const DELAY: Duration = Duration::from_millis(10);

/// One client in each millisecond, so that the server is at rest when it comes.
const CROWD: Crowd<'static> = Crowd { most: 500, pace: Duration::from_millis(1), says: &[b"Ada\n", b"more"] };

/// How far the second segment is behind the first. Most are near: the last calls of a conversation take about 0.2 ms.
/// One in five comes later, up to 20 ms: the connection is closed by then.
fn second_behind(packet: &Packet) -> Fate {
    let step = u32::try_from(packet.flow).unwrap();
    let gap = if step % 5 == 0 { step * 40 } else { step % 200 };
    if packet.is(Side::Client, 2) { Fate::Late(Duration::from_micros(1) * gap) } else { Fate::Passes }
}

#[test]
fn a_segment_behind_the_name_costs_no_welcome() {
    for host in [IPV4, IPV6] {
        let Some(network) = Network::new(DELAY, second_behind) else { return };
        let server = network.serve(host, &["--quiet"]);
        let clients = network.at_client(|| CROWD.comes_to(server.address, CROWD.most as usize));
        all_are_welcomed(clients);
    }
}

#[test]
fn a_name_whose_segments_are_reordered_and_doubled_is_whole() {
    // At the server: the first two bytes, then four more, then the rest.
    let rule = |packet: &Packet| match (packet.from, packet.nth) {
        (Side::Client, 2) => Fate::Late(Duration::from_millis(15)),
        (Side::Client, 4) => Fate::Late(Duration::from_millis(30)),
        _ => Fate::Twice,
    };
    let Some(network) = Network::new(DELAY, rule) else { return };
    let server = network.serve(IPV4, &["--name-gap", "60s", "--drain-quiet", "0"]);
    let crowd = Crowd::at_once(20, &[b"Ra", b"fa", b"tu", b"l", b"\n"]);
    let clients = network.at_client(|| crowd.comes_to(server.address, 20));
    all_are_welcomed(clients);
    let ended = server.stop();
    assert_eq!(ended.log.matches(" Rafatul\n").count(), 20, "{}", ended.log);
}

/// A client with a window that a long welcome fills several times.
fn with_a_small_window(to: SocketAddr) -> TcpStream {
    let client = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
    client.set_recv_buffer_size(4096).unwrap();
    client.set_tcp_nodelay(true).unwrap();
    client.connect(&to.into()).unwrap();
    let client = TcpStream::from(client);
    client.set_read_timeout(Some(BOUND)).unwrap();
    client
}

#[test]
fn a_segment_behind_a_long_welcome_costs_none_of_it() {
    // Behind the name by up to 60 ms: at any moment while the welcome is on its way.
    let rule = |packet: &Packet| {
        let gap = Duration::from_millis(4) * u32::try_from(packet.flow).unwrap();
        if packet.is(Side::Client, 2) { Fate::Late(gap) } else { Fate::Passes }
    };
    let welcome = "x".repeat(20_000);
    let Some(network) = Network::new(DELAY, rule) else { return };
    let server = network.serve(IPV6, &["--welcome", &welcome]);
    let visit = || {
        let mut client = with_a_small_window(server.address);
        client.write_all(b"Ada\n").unwrap();
        client.write_all(b"more").unwrap();
        assert_eq!(answer(client).len(), welcome.len());
    };
    network.at_client(|| {
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(visit);
            }
        });
    });
}
