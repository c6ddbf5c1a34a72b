//! The log: its reader may be slow, gone or full, and the server serves.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::process::{BOUND, Server, answer, until, wait, welcomed};

/// Enough visitors with long names to fill a pipe and the queue behind it several times.
const MANY: usize = 1500;

/// A server whose standard error the test has its own plans for. Its port was free a moment ago.
fn start(stderr: Stdio, options: &[&str]) -> (Child, SocketAddr) {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = welcomed();
    let child =
        command.args(["--listen", &address.to_string()]).args(options).stderr(stderr).spawn().unwrap();
    until("the server listens", || TcpStream::connect(address).is_ok());
    (child, address)
}

fn visit(address: SocketAddr, name: &[u8]) {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(BOUND)).unwrap();
    client.write_all(name).unwrap();
    assert_eq!(answer(client), "welcome ");
}

fn stop(child: &mut Child) -> Option<i32> {
    kill_process(Pid::from_child(child), Signal::TERM).unwrap();
    wait(child).code()
}

/// A name that takes 6,144 bytes to show.
fn long_name() -> Vec<u8> {
    vec![0x1b; 1024]
}

#[test]
fn a_log_that_nobody_reads_delays_nobody_and_the_dropped_lines_are_counted() {
    let (mut child, address) = start(Stdio::piped(), &[]);
    for _ in 0..MANY {
        visit(address, &long_name());
    }
    // Now somebody reads: what was kept, then how much was not.
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let (mut seen, mut dropped) = (0, 0);
    while seen + dropped < MANY {
        let line = lines.next().unwrap();
        seen += usize::from(line.contains("connected with"));
        if let Some((count, _)) = line.split_once(" log lines were dropped") {
            dropped += count.rsplit_once(' ').unwrap().1.parse::<usize>().unwrap();
        }
    }
    assert_eq!(seen + dropped, MANY);
    assert!(dropped > 0 && seen > 100, "{seen} seen and {dropped} dropped");
    visit(address, b"Rafatul\n");
    assert!(lines.any(|line| line.ends_with(" Rafatul")), "the log goes on");
    assert_eq!(stop(&mut child), Some(0));
}

#[test]
fn a_log_whose_reader_is_gone_ends_nothing() {
    let (mut child, address) = start(Stdio::piped(), &["-vv"]);
    drop(child.stderr.take());
    for _ in 0..100 {
        visit(address, b"Rafatul\n");
    }
    assert_eq!(stop(&mut child), Some(0));
}

#[test]
fn a_log_on_a_full_disk_ends_nothing() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (mut child, address) = start(full.into(), &[]);
    for _ in 0..100 {
        visit(address, b"Rafatul\n");
    }
    assert_eq!(stop(&mut child), Some(0));
}

#[test]
fn a_server_whose_log_nobody_reads_still_ends_within_a_bound() {
    let (mut child, address) = start(Stdio::piped(), &[]);
    for _ in 0..100 {
        visit(address, &long_name());
    }
    assert_eq!(stop(&mut child), Some(0));
}

#[test]
fn every_line_that_is_queued_is_written_at_the_end() {
    let server = Server::start(&[]);
    let clients: Vec<TcpStream> =
        (0..500).map(|index| server.send(format!("number {index}.\n").as_bytes())).collect();
    for client in clients {
        assert_eq!(answer(client), "welcome ");
    }
    let ended = server.stop();
    for index in 0..500 {
        assert!(ended.log.contains(&format!(" number {index}.")), "visitor {index} is not in the log");
    }
    assert!(ended.log.trim_end().ends_with("0 accept pauses"), "the counts come last");
}

#[test]
fn quiet_says_no_visitor_and_verbose_every_transition() {
    let (mut child, address) = start(Stdio::piped(), &["--quiet"]);
    visit(address, b"Rafatul\n");
    assert_eq!(stop(&mut child), Some(0));
    let log = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert_eq!((log.lines().count(), log.contains("counts: ")), (1, true), "{log}");

    let server = Server::start(&["-vv"]);
    let client = server.send(b"Rafatul\n");
    let peer = client.local_addr().unwrap();
    assert_eq!(answer(client), "welcome ");
    let log = server.wait_for_log(&format!("{peer}: writing welcome -> closed (welcome sent)"));
    assert!(log.contains(&format!("{peer}: reading name -> writing welcome (line end)")), "{log}");
    assert!(log.contains("created -> bound (bind)") && log.contains("bound -> listening (listen)"), "{log}");
}

#[test]
fn rust_log_sets_the_level_where_no_option_does() {
    let mut command = welcomed();
    command.args(["--listen", "127.0.0.1:0"]).env("RUST_LOG", "trace");
    Server::spawn(command).wait_for_log("bound -> listening");

    let mut command = welcomed();
    command.args(["--listen", "127.0.0.1:0", "-v"]).env("RUST_LOG", "off");
    Server::spawn(command).wait_for_log("waiting for connections");
}

#[test]
fn there_is_no_colour_where_there_is_no_terminal() {
    let server = Server::start(&["-vv"]);
    assert_eq!(answer(server.send(b"Rafatul\n")), "welcome ");
    assert!(!server.stop().log.contains('\u{1b}'));
}
