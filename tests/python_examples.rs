//! The lab report's calls and ours are the same conversation: `examples/python` against the programs, both ways.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

mod tied;

use std::io::{BufRead as _, BufReader, Lines, Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use welcomed::DIAGRAMS;

use self::tied::tied;

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/python/server.py");
const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/python/client.py");
const WELCOMED: &str = env!("CARGO_BIN_EXE_welcomed");
const WELCOME: &str = env!("CARGO_BIN_EXE_welcome");

/// How long a program may run, in seconds: long, because the machine may be busy. timeout(1) ends it then, so that
/// no wait of a test is without a bound.
const BOUND: &str = "20";

/// A program that is ended after [`BOUND`].
fn bounded(program: &[&str]) -> Command {
    let (mut command, tied) = (tied("timeout"), tied(program[0]));
    command.arg(BOUND).arg(tied.get_program()).args(tied.get_args()).args(&program[1..]);
    command.env_remove("RUST_LOG").env("PYTHONUNBUFFERED", "1");
    command
}

/// Runs a program to its end with `input`: whether it succeeded, standard output, standard error.
fn run(program: &[&str], input: &str) -> (bool, String, String) {
    let mut command = bounded(program);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that does not read its input has ended already: that is no failure of the test.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// A server program, and what it prints.
struct Server {
    child: Child,
    lines: Lines<BufReader<Box<dyn Read>>>,
}

impl Server {
    /// `examples/python/server.py` at a place that no other program uses.
    fn python() -> (Server, SocketAddr) {
        let place = free_place();
        let (port, host) = (place.port().to_string(), place.ip().to_string());
        let mut child = bounded(&["python3", SERVER, &port, &host]).stdout(Stdio::piped()).spawn().unwrap();
        let stdout: Box<dyn Read> = Box::new(child.stdout.take().unwrap());
        (Server { child, lines: BufReader::new(stdout).lines() }, place)
    }

    /// `welcomed` at a free port of 127.0.0.1.
    fn ours(options: &[&str]) -> (Server, SocketAddr) {
        let program = [&[WELCOMED, "--listen", "127.0.0.1:0"], options].concat();
        let mut child = bounded(&program).stderr(Stdio::piped()).spawn().unwrap();
        let stderr: Box<dyn Read> = Box::new(child.stderr.take().unwrap());
        let mut server = Server { child, lines: BufReader::new(stderr).lines() };
        let said = server.line_with("waiting for connections on tcp://");
        (server, said.rsplit_once("//").unwrap().1.parse().unwrap())
    }

    /// The next line that is printed.
    fn line(&mut self) -> String {
        self.lines.next().expect("the server has ended").unwrap()
    }

    /// The next line with `text` in it.
    fn line_with(&mut self, text: &str) -> String {
        loop {
            let line = self.line();
            if line.contains(text) {
                return line;
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // timeout(1) passes the signal on. One that is there no more has ended by itself.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// A port that is free, at an address that nothing else uses: not even a client's port can be in the way.
fn free_place() -> SocketAddr {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let of_this_process = (std::process::id() % 255) << 16;
    let host = Ipv4Addr::from(127 << 24 | of_this_process | 0x9900 | NUMBER.fetch_add(1, Ordering::Relaxed));
    TcpListener::bind((host, 0)).unwrap().local_addr().unwrap()
}

/// Whether Python is here; if not, that is said aloud, and is a failure where `CI` is set.
fn python_is_here() -> bool {
    let is_here = Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !is_here {
        assert!(std::env::var_os("CI").is_none(), "CI needs python3");
        // Not by `eprintln!`, which the test harness keeps to itself when a test passes.
        let _ = writeln!(std::io::stderr(), "NOT TESTED: python3 is not here");
    }
    is_here
}

/// Visits with `client.py` as Rafatul.
fn visit_with_python(place: SocketAddr) {
    let (port, host) = (place.port().to_string(), place.ip().to_string());
    let visit = run(&["python3", CLIENT, &port, &host], "Rafatul\n");
    assert_eq!(visit, (true, "Enter your name: welcome \n".to_owned(), String::new()));
}

/// Visits with the client program.
fn visit_with_ours(place: SocketAddr, name: &str) {
    let visit = run(&[WELCOME, "--connect", &place.to_string(), name], "");
    assert_eq!(visit, (true, "welcome ".to_owned(), String::new()));
}

#[test]
fn our_client_is_welcomed_by_the_python_server() {
    if !python_is_here() {
        return;
    }
    let (mut server, place) = Server::python();
    assert_eq!(server.line(), "socket created");
    assert_eq!(server.line(), "waiting for connections");
    visit_with_ours(place, "Rafatul");
    let line = server.line();
    assert!(line.starts_with("connected with ('127.0.0.1', ") && line.ends_with(") Rafatul"), "{line}");
    assert_eq!(server.line(), "", "it takes the line feed for a part of the name");
    visit_with_ours(place, "");
    let line = server.line();
    assert!(line.ends_with(") "), "{line}");
    assert_eq!(server.line(), "", "an empty name is an empty line");
}

#[test]
fn the_python_client_is_welcomed_by_our_server() {
    if !python_is_here() {
        return;
    }
    for options in [&[][..], &["--name-gap", "0"]] {
        let (mut server, place) = Server::ours(options);
        visit_with_python(place);
        assert!(server.line_with("connected with 127.0.0.1:").ends_with(" Rafatul"));
    }
}

#[test]
fn the_python_client_is_welcomed_by_the_python_server() {
    if !python_is_here() {
        return;
    }
    let (mut server, place) = Server::python();
    server.line_with("waiting for connections");
    visit_with_python(place);
    assert!(server.line_with("connected with ").ends_with(") Rafatul"));
}

#[test]
fn the_arrows_in_the_comments_are_in_the_tables() {
    for (path, least) in [(SERVER, 4), (CLIENT, 4)] {
        let source = std::fs::read_to_string(path).unwrap();
        let named: Vec<&str> = source.split('`').filter(|quoted| quoted.contains(" -> ")).collect();
        assert!(named.len() >= least, "{path} names {named:?}");
        for arrow in named {
            assert!(is_in_a_table(arrow), "{path}: {arrow} is in no table");
        }
    }
}

/// Whether some table has an arrow that is shown as `from -> to (event)`.
fn is_in_a_table(shown: &str) -> bool {
    DIAGRAMS.iter().any(|machine| {
        let name = |id: &str| machine.states.iter().find(|(state, _)| *state == id).unwrap().1;
        machine
            .arrows
            .iter()
            .any(|(from, event, to)| shown == format!("{} -> {} ({event})", name(from), name(to)))
    })
}
