//! What one source can have of the places, on the real kernel.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};
use welcomed::net::Kind;

use super::socket_client::{SocketClient, address, own_endpoint};
use crate::process::{BOUND, Server, answer, not_tested, now, run, until};

/// A client whose own address ends in `host`.
fn from(host: u8, server: SocketAddr) -> std::io::Result<TcpStream> {
    let client = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    client.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0)).into())?;
    client.connect(&server.into())?;
    let client = TcpStream::from(client);
    client.set_read_timeout(Some(BOUND))?;
    Ok(client)
}

/// Says that it is over, however a test ends.
struct AtLast<'a>(&'a AtomicBool);

impl Drop for AtLast<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn one_address_that_takes_what_it_can_starves_no_other() {
    let server = Server::start(&["--max-connections", "50", "--name-timeout", "20s"]);
    let over = AtomicBool::new(false);
    // Silent ones that come again whenever they are reset.
    let come_again = || {
        let come = || {
            let client = from(2, server.address).ok()?;
            client.set_nonblocking(true).ok().map(|()| client)
        };
        let mut silent: Vec<TcpStream> = (0..50).filter_map(|_| come()).collect();
        while !over.load(Ordering::Relaxed) {
            for client in &mut silent {
                let is_open = client.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
                if !is_open && let Some(next) = come() {
                    *client = next;
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let _end = AtLast(&over);
        (0..4).for_each(|_| drop(scope.spawn(come_again)));
        until("the first has its share", || {
            server.log().contains("127.0.0.2 has 25 connections, the most of one")
        });
        for visit in 0..20 {
            let began = now();
            let mut client = from(3, server.address).unwrap();
            client.write_all(b"Ada\n").unwrap();
            let mut welcome = String::new();
            client.read_to_string(&mut welcome).unwrap();
            assert_eq!(welcome, "welcome ", "visit {visit}");
            assert!(now() - began < Duration::from_secs(5), "visit {visit} took {:?}", now() - began);
        }
        // When the crowd leaves the episode can end.
        assert_eq!(server.log().matches("the most of one source").count(), 1, "{}", server.log());
    });
    let log = server.stop().log;
    assert!(log.contains(" accepted: 20 welcomed ") && log.contains(" refused, "), "{log}");
}

#[test]
fn a_client_above_the_share_is_reset_and_counted_as_refused() {
    let server = Server::start(&["--max-per-source", "2"]);
    let silent = [server.connect(), server.connect()];
    // It can be reset before it sends, and before it knows that it is connected.
    let visit = |mut client: TcpStream| {
        client.set_read_timeout(Some(BOUND))?;
        client.write_all(b"Ada\n").unwrap_or_default();
        client.read(&mut [0])
    };
    let error = TcpStream::connect_timeout(&server.address, BOUND).and_then(visit).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    drop(silent);
    until("both have left", || {
        server.signal(Signal::USR1);
        server.log().contains("2 without a name, 0 timed out, 0 failed, 0 stopped, 1 refused, 0 open")
    });
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ", "there is room again");
}

#[test]
fn a_users_connections_are_one_source_over_every_unix_socket() {
    for kind in [Kind::Unix, Kind::UnixPacket] {
        let endpoint = own_endpoint(kind);
        let server = Server::start(&["-l", &endpoint, "--max-per-source", "1"]);
        let silent = SocketClient::connect(&address(&endpoint)).unwrap();
        until("it is accepted", || {
            server.signal(Signal::USR1);
            server.log().contains("counts: 1 accepted")
        });
        let visit = |mut command: Command| run(command.args(["-c", &endpoint, "Ada"]), b"");
        let (code, _, why) = visit(Command::new(env!("CARGO_BIN_EXE_welcome")));
        assert_eq!(code, 1, "{kind}: {why}");
        let mut other = Command::new("setpriv");
        other.args(["--reuid", "65534", "--clear-groups", env!("CARGO_BIN_EXE_welcome")]);
        if run(Command::new("setpriv").args(["--reuid", "65534", "--clear-groups", "true"]), b"").0 != 0 {
            return not_tested("the program cannot be run as another user");
        }
        assert_eq!(visit(other).1, "welcome ", "{kind}: another user has a share of its own");
        drop(silent);
        assert!(server.stop().log.contains(" 1 refused, 0 open"), "{kind}");
    }
}
