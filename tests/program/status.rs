//! The status of a real server: it answers when that is needed most, and costs the others nothing.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::Signal;

use super::command_lines::refused;
use super::descriptors::allow;
use super::errors::words;
use super::folder::Folder;
use crate::process::{BOUND, Server, answer, is_here, now, run, until, welcomed};

/// A server that shows its status, and where.
pub(crate) struct Shown {
    pub(crate) server: Server,
    pub(crate) status: SocketAddr,
}

impl Shown {
    /// Starts a server with its status on a free port.
    pub(crate) fn start(options: &[&str]) -> Shown {
        Shown::start_at("127.0.0.1:0", options)
    }

    /// Starts a server with its status at this address.
    pub(crate) fn start_at(endpoint: &str, options: &[&str]) -> Shown {
        let server = Server::start(&[&["--status", endpoint], options].concat());
        let log = server.wait_for_log("the status is at http://");
        let status = log.split("the status is at http://").nth(1).unwrap().split('/').next().unwrap();
        Shown { status: status.parse().unwrap(), server }
    }

    /// What the server answers to a request for `path`: the status, and the body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut client = TcpStream::connect_timeout(&self.status, BOUND).unwrap();
        client.set_read_timeout(Some(BOUND)).unwrap();
        write!(client, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        parted(&mut client)
    }

    /// The memory of the server that is resident.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        1024 * line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    }
}

/// An answer up to the end: its status, and its body.
fn parted(client: &mut impl std::io::Read) -> (u16, String) {
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn the_status_says_that_the_server_is_alive_and_ready() {
    let shown = Shown::start(&[]);
    assert_eq!(shown.get("/health"), (200, "alive\n".to_owned()));
    assert_eq!(shown.get("/ready"), (200, "ready\n".to_owned()));
    assert_eq!(shown.get("/nothing").0, 404);
    let ended = shown.server.stop();
    assert!(ended.status.success() && ended.log.contains("counts: 0 accepted"), "{}", ended.log);
}

#[test]
fn a_server_that_drains_says_that_it_is_not_ready() {
    let shown = Shown::start(&["--drain-timeout", "20s", "--name-gap", "20s"]);
    let mut slow = shown.server.send(b"A");
    until("the client is accepted", || {
        shown.server.signal(Signal::USR1);
        shown.server.log().contains("1 accepted")
    });
    shown.server.signal(Signal::TERM);
    shown.server.wait_for_log("stopping: 1 open");
    assert_eq!(shown.get("/ready"), (503, "stopping\n".to_owned()));
    assert_eq!(shown.get("/health").0, 200);
    slow.write_all(b"da\n").unwrap();
    assert_eq!(answer(slow), "welcome ");
    let before = now();
    let ended = shown.server.wait();
    assert!(ended.status.success() && ended.log.contains("1 accepted: 1 welcomed"), "{}", ended.log);
    assert!(now() - before < Duration::from_secs(5), "no client is left, and the status holds up no stop");
}

#[test]
fn a_full_server_shows_its_status() {
    let shown = Shown::start(&["--max-connections", "1"]);
    let _silent = shown.server.connect();
    let _waits = shown.server.connect();
    shown.server.wait_for_log("full: 1 open");
    for _ in 0..50 {
        assert_eq!(shown.get("/health").0, 200);
    }
}

#[test]
fn a_client_that_the_record_has_forgotten_is_listed_as_open() {
    let shown = Shown::start(&["--record", "0", "--name-gap", "20s"]);
    let silent = shown.server.connect();
    let mut slow = shown.server.send(b"A");
    until("both are open", || shown.get("/connections?open").1.contains("2 open, of which these 2"));
    let (_, listed) = shown.get("/connections?open");
    for client in [&silent, &slow] {
        let address = client.local_addr().unwrap().to_string();
        let line = listed.lines().find(|line| line.ends_with(&address)).unwrap();
        assert!(line.contains("reading name"), "{listed}");
    }
    assert_eq!(shown.get("/connections?opened").0, 404);
    slow.write_all(b"da\n").unwrap();
    assert_eq!(answer(slow), "welcome ");
    drop(silent);
    until("none is left", || shown.get("/connections?open").1 == "\n0 open, and none waits\n");
}

#[test]
fn a_server_out_of_descriptors_shows_its_status() {
    let shown = Shown::start(&["--name-gap", "20s"]);
    assert_eq!(shown.get("/health").0, 200);
    until("the client of the status is gone", || {
        shown.server.signal(Signal::USR1);
        shown.server.log().contains("counts:")
    });
    allow(&shown.server, 2);
    let clients: Vec<TcpStream> = (0..5).map(|_| shown.server.send(b"Rafa")).collect();
    shown.server.wait_for_log("accepting pauses with 2 open");
    for _ in 0..50 {
        assert_eq!(shown.get("/health").0, 200);
    }
    // Four at a time have a descriptor, and give it back.
    let many: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(shown.status).unwrap()).collect();
    for mut client in many {
        client.set_read_timeout(Some(BOUND)).unwrap();
        client.write_all(b"GET /ready HTTP/1.0\r\n\r\n").unwrap();
        assert_eq!(parted(&mut client).0, 200);
    }
    for mut client in clients {
        client.write_all(b"tul\n").unwrap();
        assert_eq!(answer(client), "welcome ");
    }
    let ended = shown.server.stop();
    assert!(ended.log.contains("5 accepted: 5 welcomed"), "{}", ended.log);
}

#[test]
fn a_crowd_at_the_status_takes_no_place_of_a_client() {
    let shown = Shown::start(&["--max-connections", "2"]);
    let crowd: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(shown.status).unwrap()).collect();
    for _ in 0..50 {
        assert_eq!(answer(shown.server.send(b"Ada\n")), "welcome ");
    }
    drop(crowd);
    until("the status answers again", || shown.get("/health").0 == 200);
}

#[test]
fn the_status_can_be_at_a_path() {
    let folder = Folder::new();
    let path = folder.path("status");
    let endpoint = format!("unix://{}", path.display());
    let server = Server::start(&["--status", &endpoint]);
    server.wait_for_log(&format!("curl --unix-socket {}", path.display()));
    let mut client = UnixStream::connect(&path).unwrap();
    client.set_read_timeout(Some(BOUND)).unwrap();
    client.write_all(b"GET /ready HTTP/1.1\r\nHost: whatever\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(parted(&mut client), (200, "ready\n".to_owned()));
    if is_here("curl") {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--unix-socket"]).arg(&path).arg("http://localhost/ready");
        assert_eq!(run(&mut curl, b""), (0, "ready\n".to_owned(), String::new()));
    }
    server.stop();
    assert!(!path.exists(), "the socket's file is taken away");
}

#[test]
fn a_status_that_others_can_read_is_said_to_be_so() {
    let server = Server::start(&["--status", "0.0.0.0:0"]);
    server.wait_for_log("WARN");
    let log = server.stop().log;
    assert!(log.contains("can be read from elsewhere, with the names and addresses of clients"), "{log}");
    let server = Server::start(&["--status", "[::1]:0"]);
    let log = server.stop().log;
    assert!(!log.contains("can be read from elsewhere"), "{log}");
}

#[test]
fn a_status_that_cannot_be_served_is_one_line() {
    for (endpoint, why) in [
        ("udp://127.0.0.1:0", "HTTP is served over tcp:// and unix://, not over udp://"),
        ("unixpacket:///tmp/s", "not over unixpacket://"),
        ("http://127.0.0.1:9998", "it is an endpoint and no address of a page"),
        ("99999", "the port is not a number from 0 to 65535"),
        ("", "accepted is"),
    ] {
        let (code, _, log) = run(welcomed().args(["--status", endpoint]), b"");
        assert_eq!((code, log.lines().count()), (2, 1), "{log}");
        assert!(log.contains(why), "{log}");
    }
    // The same address twice.
    let (code, _, log) =
        run(welcomed().args(["-l", "127.0.0.1:65401", "--status", "65401", "--drain-timeout", "0s"]), b"");
    assert_eq!(code, 1, "{log}");
    assert!(log.contains("on tcp://127.0.0.1:65401 (--status): it is given twice"), "{log}");
}

#[test]
fn an_error_of_the_status_address_names_its_option() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("tcp://{}", taken.local_addr().unwrap());
    let in_use = format!("cannot listen on {taken} (--status): {}", words(Errno::ADDRINUSE));
    let folder = Folder::new();
    let path = format!("unix://{}/absent/s", folder.path(".").display());
    for (endpoint, why, cure) in [
        (&*taken, &*in_use, "choose another port with --status tcp://HOST:PORT"),
        ("192.0.2.1:9998", "tcp://192.0.2.1:9998 (--status): ", "this machine does not have that address"),
        ("no-such-host.invalid:1", "cannot resolve tcp://no-such-host.invalid:1 (--status): ", ""),
        (&path, "/absent/s (--status): ", "choose another path with --status unix:///PATH"),
        ("[fe80::1%25lo]:0", "(--status): there is no link of this zone", "without the %25 of URLs"),
    ] {
        let (code, line) = refused(&["-l", "127.0.0.1:0", "--status", endpoint]);
        assert!(code == 1 && line.contains(why) && line.contains(cure), "{endpoint}: {line}");
        assert!(!line.contains("--listen"), "{line}");
    }
    // Beside it an address of the server names the option of its own.
    let (_, line) = refused(&["-l", &taken, "--status", "127.0.0.1:0"]);
    assert!(line.contains("another port with --listen") && !line.contains("--status"), "{line}");
}

#[test]
fn a_quiet_server_says_where_its_status_is() {
    let shown = Shown::start(&["-q"]);
    assert_eq!(answer(shown.server.send(b"Ada\n")), "welcome ");
    let log = shown.server.stop().log;
    assert!(log.contains("the status is at http://") && !log.contains("Ada"), "{log}");
}

#[test]
fn a_host_that_is_not_the_servers_is_refused() {
    let shown = Shown::start(&["--status-host", "status.example"]);
    for (host, status) in [
        ("localhost", 200),
        ("127.0.0.1:1", 200),
        ("status.example", 200),
        ("[fe80::1%25lo]:1", 200),
        ("[fe80::1%lo]", 200),
        ("evil.example", 421),
    ] {
        let mut client = TcpStream::connect(shown.status).unwrap();
        client.set_read_timeout(Some(BOUND)).unwrap();
        write!(client, "GET /ready HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!(parted(&mut client).0, status, "{host}");
    }
}
