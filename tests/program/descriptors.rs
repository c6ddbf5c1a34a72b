//! The descriptor limit of a real process.

use std::fs;
use std::io::{IoSlice, Write as _};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixDatagram;

use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, sendmsg_addr};
use rustix::process::{Resource, Rlimit, Signal, prlimit};

use super::errors::words;
use super::folder::Folder;
use crate::process::{Process, Server, answer, is_here, until};
use crate::tied::tied;

/// Sets the descriptor limit of a running server so that it can open `more`. The limit is a bound on descriptor
/// numbers (getrlimit(2)): the server can open the free numbers below it.
pub(crate) fn allow(server: &Server, more: u64) {
    let entries = fs::read_dir(format!("/proc/{}/fd", server.pid().as_raw_nonzero())).unwrap();
    let open: Vec<u64> =
        entries.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect();
    let mut free = (0..).filter(|descriptor| !open.contains(descriptor));
    let current = free.nth(usize::try_from(more).unwrap());
    prlimit(Some(server.pid()), Resource::Nofile, Rlimit { current, maximum: own_hard_limit() }).unwrap();
}

/// Waits until the one client that was welcomed is closed. It has its end before its descriptor is free.
fn wait_for_the_close(server: &Server) {
    until("the client is closed", || {
        server.signal(Signal::USR1);
        server.log().contains(": 1 welcomed")
    });
}

/// The processor time that a server has used, in clock ticks of 10 ms.
fn ticks(server: &Server) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.pid().as_raw_nonzero())).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let words: Vec<&str> = after_name.split_whitespace().collect();
    words[11].parse::<u64>().unwrap() + words[12].parse::<u64>().unwrap()
}

#[test]
fn a_server_out_of_descriptors_pauses_and_welcomes_all_later() {
    let server = Server::start(&["--name-gap", "20s"]);
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
    wait_for_the_close(&server);
    allow(&server, 5);
    let before = ticks(&server);
    let mut clients: Vec<TcpStream> = (0..20).map(|_| server.send(b"Rafa")).collect();
    server.wait_for_log(&format!("accepting pauses with 5 open: {}", words(Errno::MFILE)));
    until("the pause has come back a few times", || {
        server.signal(Signal::USR1);
        server.log().lines().any(|line| {
            line.split(", ").any(|part| {
                part.strip_suffix(" accept pauses").is_some_and(|n| n.parse::<u32>().unwrap() >= 4)
            })
        })
    });
    assert!(ticks(&server) - before < 20, "a server that cannot accept must not spin");
    for client in &mut clients {
        client.write_all(b"tul\n").unwrap();
    }
    for client in clients {
        assert_eq!(answer(client), "welcome ");
    }
    let ended = server.stop();
    assert!(ended.log.contains("21 accepted: 21 welcomed"), "{}", ended.log);
    assert_eq!(ended.log.matches("accepting pauses").count(), 1, "{}", ended.log);
}

#[test]
fn a_pause_ends_by_itself_where_no_connection_can_close() {
    let server = Server::start(&[]);
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
    wait_for_the_close(&server);
    allow(&server, 0);
    let clients: Vec<TcpStream> = (0..3).map(|_| server.send(b"Rafatul\n")).collect();
    server.wait_for_log("accepting pauses with 0 open");
    // No event comes from here on: only the end of the pause can help.
    allow(&server, 1);
    for client in clients {
        assert_eq!(answer(client), "welcome ");
    }
}

#[test]
fn descriptors_that_come_with_a_datagram_stay_out() {
    let folder = Folder::new();
    let path = folder.path("socket");
    let server = Server::start(&["-l", &format!("unixgram://{}", path.display())]);
    server.wait_for_log("datagrams on unixgram");
    // Room for a few of them, and for none.
    allow(&server, 5);
    let open = || fs::read_dir(format!("/proc/{}/fd", server.pid().as_raw_nonzero())).unwrap().count();
    let before = open();
    let client = UnixDatagram::bind(folder.path("client")).unwrap();
    client.set_read_timeout(Some(crate::process::BOUND)).unwrap();
    let null = fs::File::open("/dev/null").unwrap();
    let along = vec![null.as_fd(); 253];
    for _ in 0..3 {
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
        let mut message = SendAncillaryBuffer::new(&mut space);
        assert!(message.push(SendAncillaryMessage::ScmRights(&along)));
        let to = SocketAddrUnix::new(&path).unwrap();
        sendmsg_addr(&client, &to, &[IoSlice::new(b"Eve\n")], &mut message, SendFlags::empty()).unwrap();
        // Its user is known all the same.
        let mut answer = [0; 64];
        let bytes = client.recv(&mut answer).unwrap();
        assert_eq!(&answer[..bytes], b"welcome ");
    }
    // The last answer comes before the descriptor of its path is closed. What has leaked never is.
    until("as many are open as before", || open() == before);
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
}

#[test]
fn max_connections_is_lowered_to_the_descriptor_limit() {
    let mut command = tied("sh");
    let script = "ulimit -Sn 50; ulimit -Hn 100; exec \"$@\"";
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_welcomed"), "-l", "127.0.0.1:0"]);
    command.args(["--max-connections", "1000", "--max-per-source", "0"]).env_remove("RUST_LOG");
    let server = Server::spawn(command);
    server.wait_for_log("--max-connections 1000 is lowered to 68: the descriptor limit is 100");
    let clients: Vec<TcpStream> = (0..80).map(|_| server.send(b"Rafatul")).collect();
    for client in clients {
        assert_eq!(answer(client), "welcome ");
    }
    assert!(!server.stop().log.contains("accepting pauses"), "the reserve is enough");
}

#[test]
fn a_system_that_does_not_tell_its_limits_is_served() {
    if !is_here("strace") {
        return;
    }
    // The server is the process that is started, and strace the one beside it.
    let strace =
        ["-D", "-qq", "-o", "/dev/null", "-e", "trace=prlimit64", "-e", "inject=prlimit64:error=EPERM"];
    let mut command = tied("strace");
    command.args(strace).args([env!("CARGO_BIN_EXE_welcomed"), "-l", "127.0.0.1:0"]).env_remove("RUST_LOG");
    let server = Server::spawn(command);
    server.wait_for_log("the descriptor limit stays at 1024: that is a guess, the system does not tell it: ");
    let silent: Vec<TcpStream> = (0..20).map(|_| server.connect()).collect();
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
    drop(silent);
    assert_eq!(server.stop().status.code(), Some(0));
}

#[test]
fn a_limit_without_room_for_a_client_is_one_line() {
    let (mut refusals, mut visits) = (0, 0);
    for limit in 3..=16 {
        let mut command = tied("sh");
        let script = format!("ulimit -n {limit}; exec \"$@\"");
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_welcomed"), "-l", "127.0.0.1:0"]);
        let mut server = Process::start(command.env_remove("RUST_LOG"));
        let mut has_ended = false;
        until("it listens or ends", || {
            has_ended = server.child.try_wait().unwrap().is_some();
            has_ended || server.log().contains("connections on tcp://")
        });
        if !has_ended {
            let log = server.wait_for_log("connections on tcp://");
            let address = log.split("connections on tcp://").nth(1).unwrap().lines().next().unwrap();
            let mut client = TcpStream::connect(address).unwrap();
            client.set_read_timeout(Some(crate::process::BOUND)).unwrap();
            client.write_all(b"Ada\n").unwrap();
            assert_eq!(answer(client), "welcome ", "{limit}");
            visits += 1;
            continue;
        }
        let ended = server.wait();
        let said: Vec<&str> = ended.log.lines().filter(|line| !line.contains(" INFO ")).collect();
        assert_eq!(said.len(), 1, "{limit}: {}", ended.log);
        // With fewer the loader does not find the libraries, and says so.
        let code = ended.status.code();
        assert!(
            code == Some(1) && said[0].starts_with("welcomed: ") || code == Some(127),
            "{limit}: {said:?}"
        );
        refusals += usize::from(
            said[0].ends_with(&format!("one for a client, and the limit is {limit} (ulimit -n)")),
        );
    }
    assert!(refusals > 0 && visits > 0, "{refusals} refusals, {visits} visits");
}

/// The status has descriptors of its own, however few there are: one that cannot have them is refused.
#[test]
fn beside_a_full_status_each_place_that_was_announced_is_served() {
    let (mut refusals, mut visits) = (0, 0);
    for limit in [12, 16, 22, 30, 41, 42, 43, 50, 70] {
        let mut command = tied("sh");
        let script = format!("ulimit -n {limit}; exec \"$@\"");
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_welcomed"), "-l", "127.0.0.1:0"]);
        command.args(["--status", "127.0.0.1:0", "--max-per-source", "0"]);
        let mut server = Process::start(command.env_remove("RUST_LOG"));
        let mut has_ended = false;
        until("it listens or ends", || {
            has_ended = server.child.try_wait().unwrap().is_some();
            has_ended || server.log().contains("the status is at ")
        });
        if has_ended {
            let ended = server.wait();
            assert_eq!(ended.status.code(), Some(1), "{limit}: {}", ended.log);
            assert!(ended.log.contains("(ulimit -n)"), "{limit}: {}", ended.log);
            refusals += 1;
            continue;
        }
        let log = server.log();
        let behind =
            |words: &str| log.split(words).nth(1).unwrap().split(['\n', '/']).next().unwrap().to_owned();
        let places: usize = log.split(" place").next().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
        let (status, address) = (behind("the status is at http://"), behind("connections on tcp://"));
        let watchers: Vec<TcpStream> = (0..32)
            .map(|number| {
                let mut client = TcpStream::connect(&status).unwrap();
                if number % 2 == 0 {
                    client.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
                }
                client
            })
            .collect();
        // Each but the last is taken by a client that says nothing.
        let silent: Vec<TcpStream> = (1..places).map(|_| TcpStream::connect(&address).unwrap()).collect();
        let mut client = TcpStream::connect(&address).unwrap();
        client.set_read_timeout(Some(crate::process::BOUND)).unwrap();
        client.write_all(b"Ada\n").unwrap();
        assert_eq!(answer(client), "welcome ", "{limit}: {}", server.log());
        assert!(!server.log().contains("accepting pauses"), "{limit}: {}", server.log());
        visits += 1;
        drop((watchers, silent));
    }
    assert!(refusals > 0 && visits > 0, "{refusals} refusals, {visits} visits");
}

#[test]
fn every_descriptor_is_close_on_exec_and_non_blocking() {
    let server = Server::start(&[]);
    let _client = server.connect();
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
    wait_for_the_close(&server);
    let process = format!("/proc/{}", server.pid().as_raw_nonzero());
    let mut sockets = 0;
    for entry in fs::read_dir(format!("{process}/fd")).unwrap() {
        let entry = entry.unwrap();
        let is_socket = fs::read_link(entry.path()).unwrap().to_string_lossy().starts_with("socket:");
        // Standard output is a way to the log.
        if is_socket && entry.file_name() != "1" {
            sockets += 1;
            let info =
                fs::read_to_string(format!("{process}/fdinfo/{}", entry.file_name().display())).unwrap();
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
            let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
            assert_eq!(flags & 0o2_000_000, 0o2_000_000, "close-on-exec: {info}");
            assert_eq!(flags & 0o4000, 0o4000, "non-blocking: {info}");
        }
    }
    assert!(sockets >= 2, "the listening socket and the client's are among them");
}

fn own_hard_limit() -> Option<u64> {
    rustix::process::getrlimit(Resource::Nofile).maximum
}
