//! Several services in one loop: each has its own places, and a client gets the service of the socket it came to.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use rustix::net::{getsockname, sockopt};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use welcomed::client::{Options, visit};
use welcomed::kernel::Mio;
use welcomed::reactor::{Datagrams, Server, Settings, Streams};
use welcomed::services::welcome::{self, Welcome, WelcomeDatagrams, WelcomeStreams};

use crate::echo::{DatagramMistake, Echo, EchoDatagrams, Mistake};
use crate::stage::Stage;

const BOUND: Duration = Duration::from_secs(10);

type Beside = (
    (Streams<Echo, Mio>, Datagrams<EchoDatagrams>),
    (Streams<WelcomeStreams, Mio>, Datagrams<WelcomeDatagrams>),
);
const ECHO: u8 = 0;
const ECHO_DATAGRAMS: u8 = 1;
const WELCOME: u8 = 2;
const WELCOME_DATAGRAMS: u8 = 3;

/// Runs a server of both, with so many places for each stream service, at these endpoints, while `converse` is given
/// the addresses that it got. Gives the services when it has stopped.
fn serve<T: Send>(
    places: usize,
    endpoints: &[(u8, &str)],
    converse: impl FnOnce(&[welcomed::net::Address]) -> T + Send,
) -> (T, String) {
    let kernel = Mio::new().unwrap();
    let handle = kernel.handle();
    let echo = (
        Streams::new(Echo(Mistake::None), places),
        Datagrams::new(EchoDatagrams::new(DatagramMistake::None)),
    );
    let welcomes = (
        Streams::new(WelcomeStreams::new(welcome::Settings::default()), places),
        Datagrams::new(WelcomeDatagrams::new(Welcome::default()).unwrap()),
    );
    let services: Beside = (echo, welcomes);
    let mut server = Server::new(kernel, services, Settings::default());
    let mut addresses = Vec::new();
    for (service, endpoint) in endpoints {
        addresses.extend(server.listen_for(*service, &endpoint.parse().unwrap()).unwrap().addresses);
    }
    thread::scope(|scope| {
        let conversation = scope.spawn(|| {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| converse(&addresses)));
            handle.stop().unwrap();
            result
        });
        server.run().unwrap();
        let result = conversation.join().unwrap().unwrap();
        let ((echo, _), (welcome, datagrams)) = server.services();
        (result, format!("{} | {} | {}", echo.counts(), welcome.counts(), datagrams.counts()))
    })
}

fn tcp(address: &welcomed::net::Address) -> TcpStream {
    let stream = TcpStream::connect(address.inet().unwrap()).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    stream
}

/// What comes back for `line` from an echo.
fn echo(stream: &mut (impl Read + Write), line: &[u8]) -> Vec<u8> {
    stream.write_all(line).unwrap();
    let mut answer = vec![0; line.len()];
    stream.read_exact(&mut answer).unwrap();
    answer
}

#[test]
fn welcome_over_every_kind_and_echo_beside_it_in_one_loop() {
    let pid = std::process::id();
    let names = ["unix", "unixpacket", "unixgram"].map(|kind| format!("{kind}://@welcomed-several-{pid}"));
    let [unix, packet, gram] = &names;
    let mut endpoints = vec![
        (ECHO, "127.0.0.1:0"),
        (ECHO_DATAGRAMS, "udp://127.0.0.1:0"),
        (WELCOME, "127.0.0.1:0"),
        (WELCOME, unix),
        (WELCOME, packet),
        (WELCOME_DATAGRAMS, "udp://127.0.0.1:0"),
        (WELCOME_DATAGRAMS, gram),
    ];
    if may_open_raw_sockets() {
        endpoints.push((WELCOME_DATAGRAMS, "raw://127.91.0.1?protocol=253"));
    }
    let ((), counts) = serve(8, &endpoints, |addresses| {
        let mut stays = tcp(&addresses[0]);
        for line in [&b"one"[..], b"two", b"and three, which is longer than the room"] {
            assert_eq!(echo(&mut stays, line), line);
            for address in &addresses[2..] {
                let endpoint = address.to_string().parse().unwrap();
                let answer = visit(&endpoint, b"Ada", &Options::default()).unwrap();
                assert_eq!(answer.welcome, b"welcome ", "{address}");
            }
        }
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        datagrams.set_read_timeout(Some(BOUND)).unwrap();
        datagrams.connect(addresses[1].inet().unwrap()).unwrap();
        datagrams.send(b"datagram").unwrap();
        let mut buffer = [0; 32];
        let bytes = datagrams.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..bytes], b"datagram");
    });
    assert!(counts.starts_with("1 accepted: 1 done, 0 failed, 0 open;"), "{counts}");
    assert!(counts.contains("| 9 accepted: 9 welcomed, "), "{counts}");
}

fn may_open_raw_sockets() -> bool {
    let may = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::RAW, Some(253.into())).is_ok();
    if !may {
        eprintln!("NOT TESTED over raw: it takes CAP_NET_RAW");
        assert!(std::env::var_os("CI").is_none(), "raw sockets are tested where CI is set");
    }
    may
}

#[test]
fn a_crowd_at_one_service_takes_no_place_of_another() {
    let endpoints = [(ECHO, "127.0.0.1:0"), (WELCOME, "127.0.0.1:0")];
    let ((), counts) = serve(2, &endpoints, |addresses| {
        let crowd: Vec<TcpStream> = (0..6).map(|_| tcp(&addresses[0])).collect();
        for mut client in &crowd[..2] {
            assert_eq!(echo(&mut client, b"in"), b"in");
        }
        for _ in 0..4 {
            let mut client = tcp(&addresses[1]);
            client.write_all(b"Ada\n").unwrap();
            let mut welcome = String::new();
            client.read_to_string(&mut welcome).unwrap();
            assert_eq!(welcome, "welcome ");
        }
        drop(crowd);
    });
    assert!(counts.contains("| 4 accepted: 4 welcomed, "), "{counts}");
}

#[test]
fn an_endpoint_goes_to_the_first_service_that_can_serve_it() {
    let streams = |places| Streams::<Echo, Mio>::new(Echo(Mistake::None), places);
    let datagrams = Datagrams::new(EchoDatagrams::new(DatagramMistake::None));
    // The first has no places.
    let services = (streams(0), ((streams(8), streams(8)), datagrams));
    let mut stage = Stage::new(services, &[]);
    for endpoint in ["127.0.0.1:0", "udp://127.0.0.1:0"] {
        stage.addresses.extend(stage.server.listen(&endpoint.parse().unwrap()).unwrap().addresses);
    }
    let _client = stage.connect();
    let datagram = UdpSocket::bind("127.0.0.1:0").unwrap();
    datagram.send_to(b"datagram", stage.addresses[1].inet().unwrap()).unwrap();
    stage.until(|server| {
        let (first, ((second, third), datagrams)) = server.services();
        let accepted = [first, second, third].map(|streams| streams.counts().accepted());
        accepted == [0, 1, 0] && datagrams.counts().accepted() == 1
    });
}

#[test]
fn an_endpoint_that_no_service_serves_is_refused() {
    let mut server = Server::new(
        Mio::new().unwrap(),
        Streams::new(WelcomeStreams::new(welcome::Settings::default()), 8),
        Settings::default(),
    );
    let refused = server.listen(&"udp://127.0.0.1:0".parse().unwrap()).unwrap_err();
    assert_eq!(refused.to_string(), "no service of this server serves udp://127.0.0.1:0");
    let refused = server.listen_for(1, &"127.0.0.1:0".parse().unwrap()).unwrap_err();
    assert_eq!(refused.to_string(), "service 1 of this server does not serve tcp://127.0.0.1:0");
}

#[test]
fn tcp_is_told_how_long_an_output_of_its_own_service_may_take() {
    let welcome = |write_timeout| {
        let mut settings = welcome::Settings::default();
        settings.write_timeout = Duration::from_secs(write_timeout);
        Streams::<_, Mio>::new(WelcomeStreams::new(settings), 1)
    };
    let services = (welcome(10), (welcome(40), welcome(60)));
    let mut server = Server::new(Mio::new().unwrap(), services, Settings::default());
    for (service, expected) in [(0, 30_000), (1, 45_000), (2, 65_000)] {
        let listening = server.listen_for(service, &"tcp://127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listening.addresses[0].inet().unwrap();
        assert_eq!(user_timeout_ms(address), expected, "service {service}");
    }
}

/// What TCP was told about a socket of this process: its `TCP_USER_TIMEOUT`.
fn user_timeout_ms(address: SocketAddr) -> u32 {
    let process = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    let is_here = |socket: &OwnedFd| {
        getsockname(socket).is_ok_and(|own| SocketAddr::try_from(own).is_ok_and(|own| own == address))
    };
    let open = fs::read_dir("/proc/self/fd").unwrap();
    let numbers = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let sockets = numbers
        .filter_map(|number| pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).ok().filter(is_here));
    sockopt::tcp_user_timeout(sockets.last().unwrap()).unwrap()
}
