//! What the tests of the program stand on: servers, processes, signals, namespaces.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_welcomed-load");

/// Where a server listens that welcomes every client, for as long as this test runs.
pub(crate) fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().flatten().for_each(welcome));
    address
}

/// Welcomes a client.
pub(crate) fn welcome(mut client: TcpStream) {
    thread::spawn(move || {
        let _ = client.read(&mut [0; 1024]);
        let _ = client.write_all(b"welcome ");
    });
}

/// A server that answers no client, for as long as the listener is kept.
pub(crate) fn slow_server() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (listener.local_addr().unwrap().to_string(), listener)
}

/// What the program answers.
pub(crate) fn run(program: &Path, folder: &Path, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).current_dir(folder).output().unwrap()
}

/// Starts the program.
pub(crate) fn begin(program: &Path, folder: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Waits for a condition; fails if that takes too long.
pub(crate) fn until(condition: impl Fn() -> bool) {
    for _ in 0..20_000 {
        if condition() {
            return;
        }
        thread::park_timeout(Duration::from_millis(1));
    }
    unreachable!("not within 20 s");
}

/// Waits until a program waits for signals, and what it has said on standard error has this in it. It reads nothing of a
/// program that says nothing.
pub(crate) fn until_it_says(running: &Child, text: &str) {
    let status = format!("/proc/{}/status", running.id());
    until(|| {
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
        // SIGTERM is number 15.
        u64::from_str_radix(caught.trim(), 16).is_ok_and(|mask| mask & (1 << 14) != 0)
    });
    if text.is_empty() {
        return;
    }
    let stderr = running.stderr.as_ref().unwrap();
    let mut said = Vec::new();
    while !String::from_utf8_lossy(&said).contains(text) {
        let mut buffer = [0; 512];
        let bytes = rustix::io::read(stderr, &mut buffer).unwrap();
        assert!(bytes > 0, "it ended: {}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&buffer[..bytes]);
    }
}

/// Sends a signal of this name.
pub(crate) fn signal(running: &Child, name: &str) {
    let pid = rustix::process::Pid::from_child(running);
    let signal = match name {
        "INT" => rustix::process::Signal::INT,
        "HUP" => rustix::process::Signal::HUP,
        "KILL" => rustix::process::Signal::KILL,
        _ => rustix::process::Signal::TERM,
    };
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Runs a script in namespaces of its own, with the program as `$0`, if that is allowed here. If it is not, that is said.
pub(crate) fn in_namespaces(which: &[&str], script: &str, folder: &Path) -> Option<Output> {
    let unshared = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(which).args(["bash", "-c", script, PROGRAM]).current_dir(folder);
        command.output()
    };
    if unshared("true").is_ok_and(|output| output.status.success()) {
        return Some(unshared(script).unwrap());
    }
    assert!(std::env::var_os("CI").is_none(), "CI needs namespaces of its own: {which:?}");
    let _ = writeln!(std::io::stderr(), "NOT TESTED: there are no namespaces of one's own: {which:?}");
    None
}
