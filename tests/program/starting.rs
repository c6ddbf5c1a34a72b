//! What a start says and does before the server promises anything.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use welcomed::net::Endpoint;

use super::client_program::error_line;
use super::command_lines;
use super::folder::Folder;
use super::sandbox::{has_own_network, in_own_network};
use crate::process::{Process, Server, answer, is_here, now, run, until, wait, welcomed};
use crate::tied::tied;

/// What a server says of itself.
fn said(log: &str) -> &str {
    let lines = log.lines().filter_map(|line| line.split_once("[welcomed] ").map(|(_, said)| said));
    let mut lines = lines.filter(|said| said.starts_with("welcomed "));
    lines.next_back().unwrap_or_default()
}

#[test]
fn the_start_says_what_holds() {
    let version = env!("CARGO_PKG_VERSION");
    let log = |options: &[&str]| Server::start(options).stop().log;
    let with_limits = log(&["--max-connections", "10", "--backlog", "7"]);
    let begin = format!("welcomed {version}: 10 places, 5 for one source, a backlog of 7, ");
    assert!(said(&with_limits).starts_with(&begin), "{with_limits}");
    assert!(said(&with_limits).ends_with(" descriptors"), "{with_limits}");
    assert!(with_limits.contains("[welcomed] the log goes to a pipe\n"), "{with_limits}");
    let without_share = log(&["--max-connections", "10", "--max-per-source", "0", "--backlog", "7"]);
    assert!(said(&without_share).contains(": 10 places, a backlog of 7, "), "{without_share}");
    assert_eq!(said(&log(&["-q"])), "");
    let datagrams = Process::start(welcomed().args(["-l", "udp://127.0.0.1:0"]));
    let log = datagrams.wait_for_log("the log goes to a pipe");
    assert!(!log.contains("places") && !log.contains("backlog"), "{log}");
}

#[test]
fn an_endpoint_given_twice_is_refused_before_any_is_bound() {
    let folder = Folder::new();
    std::os::unix::fs::symlink(folder.path(""), folder.path("link")).unwrap();
    let path = |kind: &str, end: &str| format!("{kind}://{}", folder.path(end).display());
    // Nothing is bound, so that the ports need not be free.
    for (first, second, refused) in [
        ("127.0.0.1:9999", "127.0.0.1:9999", "tcp://127.0.0.1:9999"),
        ("0.0.0.0:9999", "127.0.0.1:9999", "tcp://127.0.0.1:9999"),
        ("[::1]:9999", "[::]:9999", "tcp://[::]:9999"),
        ("*:9999", "[::1]:9999", "tcp://[::1]:9999"),
        ("udp://127.0.0.1:9999", "udp://0.0.0.0:9999", "udp://0.0.0.0:9999"),
        ("raw://127.0.0.1?protocol=253", "raw://0.0.0.0?protocol=253", "raw://0.0.0.0?protocol=253"),
        ("unix://@welcomed", "unix://@welcomed", "unix://@welcomed"),
        (&path("unix", "s"), &path("unix", "./s"), &path("unix", "./s")),
        (&path("unix", "s"), &path("unixgram", "link/s"), &path("unixgram", "link/s")),
    ] {
        let first_shown: Endpoint = first.parse().unwrap();
        let second_shown: Endpoint = second.parse().unwrap();
        let twice = if first_shown == second_shown {
            "it is given twice".to_owned()
        } else {
            format!("{first_shown} is given as well, and has it already")
        };
        let why = format!("welcomed: cannot listen on {refused}: {twice}");
        assert_eq!(command_lines::refused(&["-l", first, "-l", second]), (1, why));
        assert_eq!(fs::read_dir(folder.path("")).unwrap().count(), 1, "the link alone");
    }
}

#[test]
fn an_address_that_two_endpoints_have_is_served_once_and_said() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoints = [format!("127.0.0.1:{port}"), format!("*:{port}")];
    let server = Process::start(welcomed().args(["-l", &endpoints[0], "-l", &endpoints[1]]));
    let said = format!(
        "cannot listen on tcp://0.0.0.0:{port}: tcp://127.0.0.1:{port} is given as well, and has it already\n"
    );
    server.wait_for_log(&said);
    for host in ["127.0.0.1", "[::]"] {
        server.wait_for_log(&format!("waiting for connections on tcp://{host}:{port}"));
    }
}

#[test]
fn a_backlog_that_the_system_lowers_is_said() {
    if !has_own_network() {
        return;
    }
    // Each network has a limit of its own.
    let mut program = Command::new("sh");
    program
        .args(["-c", "echo 100 >/proc/sys/net/core/somaxconn && exec \"$0\" -l 127.0.0.1:0 --backlog 200"]);
    program.arg(env!("CARGO_BIN_EXE_welcomed"));
    let log = Server::spawn(in_own_network(&program)).stop().log;
    assert!(said(&log).contains(", a backlog of 100 instead of 200 (net.core.somaxconn)"), "{log}");
}

#[test]
fn a_log_file_that_is_cut_has_no_hole() {
    let folder = Folder::new();
    let path = folder.path("log");
    let file = File::create(&path).unwrap();
    let mut command = welcomed();
    command.args(["-l", "127.0.0.1:0"]).stderr(file.try_clone().unwrap());
    let mut server = command.spawn().unwrap();
    let log = || fs::read_to_string(&path).unwrap();
    until("the server listens", || log().contains("tcp://127.0.0.1:"));
    let address: SocketAddr = log().split_once("tcp://").unwrap().1.lines().next().unwrap().parse().unwrap();
    let visit = |name: &str| {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(name.as_bytes()).unwrap();
        assert_eq!(answer(client), "welcome ");
        until("the visit is logged", || log().ends_with(&format!(" {name}")));
    };
    visit("Ada\n");
    assert!(log().contains("] the log goes to a file, by appending\n"), "{}", log());
    file.set_len(0).unwrap();
    visit("Bob\n");
    assert!(!log().contains('\0') && log().lines().count() == 1, "{:?}", log());
    kill_process(Pid::from_child(&server), Signal::TERM).unwrap();
    wait(&mut server);
}

/// A name server that is silent, and becomes the server, which inherits its socket. Its `resolv.conf` is `$RESOLV`.
const SILENT: &str = "
mount --bind \"$RESOLV\" /etc/resolv.conf && ip link set lo up && exec python3 -c '
import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((\"127.0.0.1\", 53))
s.set_inheritable(True)
os.execv(sys.argv[1], sys.argv[1:])' \"$@\"";

/// A program whose name server is silent.
fn with_a_silent_name_server(folder: &Folder, program: &[&str]) -> Command {
    let resolv = folder.path("resolv.conf");
    fs::write(&resolv, "nameserver 127.0.0.1\n").unwrap();
    let mut command = tied("unshare");
    command.args(["--net", "--mount", "sh", "-c", SILENT, "sh"]).args(program);
    command.env("RESOLV", resolv).env_remove("RUST_LOG");
    command
}

/// Waits until the name server has been asked.
fn wait_for_a_question(process: &Process) {
    until("the name server is asked", || {
        let sockets = fs::read_to_string(format!("/proc/{}/net/udp", process.child.id())).unwrap_or_default();
        let asked = |line: &str| line.contains("0100007F:0035") && !line.contains(":00000000 00:");
        sockets.lines().any(asked)
    });
}

#[test]
fn a_signal_ends_a_start_that_waits_for_a_name_server() {
    if !has_own_network() || !is_here("python3") {
        return;
    }
    let folder = Folder::new();
    let server = env!("CARGO_BIN_EXE_welcomed");
    let options = [server, "-l", "127.0.0.1:7000", "-l", "slow.example:7001"];
    let server = Process::start(&mut with_a_silent_name_server(&folder, &options));
    wait_for_a_question(&server);
    assert!(!server.log().contains("waiting for"), "a client could connect: {}", server.log());
    let begin = now();
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    assert!(now() - begin < Duration::from_secs(3), "it took {:?}", now() - begin);
}

#[test]
fn a_visit_waits_for_a_name_server_no_longer_than_it_may() {
    if !has_own_network() || !is_here("python3") {
        return;
    }
    for kind in ["tcp", "udp"] {
        let (folder, begin) = (Folder::new(), now());
        let endpoint = format!("{kind}://slow.example:7000");
        let client = [env!("CARGO_BIN_EXE_welcome"), "-c", &endpoint, "--timeout", "500ms", "Ada"];
        let line = error_line(run(&mut with_a_silent_name_server(&folder, &client), b""), 1);
        assert_eq!(line, format!("{endpoint}: the host cannot be resolved: timed out"));
        assert!(now() - begin < Duration::from_secs(4), "it took {:?}", now() - begin);
    }
}

#[test]
fn what_cannot_be_bound_is_found_before_a_client_connects() {
    let used = TcpListener::bind("127.0.0.1:0").unwrap();
    let in_use = used.local_addr().unwrap().to_string();
    for bad in [in_use.as_str(), "absent.invalid:7000", "192.0.2.1:7000", "unix:///nowhere/socket"] {
        let server = Process::start(welcomed().args(["-l", "127.0.0.1:0", "-l", bad]));
        let ended = server.wait();
        assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
        assert!(!ended.log.contains("waiting for"), "{}", ended.log);
    }
}
