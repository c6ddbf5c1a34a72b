//! What a start says and does before the server promises anything.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use super::folder::Folder;
use super::sandbox::{has_own_network, in_own_network};
use crate::process::{Process, Server, answer, until, wait, welcomed};

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
