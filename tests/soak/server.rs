//! The server program: started, sampled from outside, and stopped.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};

use crate::{BOUND, comes_true};

/// The words before the address, in the log line of a server that listens.
const LISTENS: &str = "waiting for connections on tcp://";

/// The running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Option<JoinHandle<Log>>,
}

/// The parts of the log that the test needs.
#[derive(Default, Debug)]
pub(crate) struct Log {
    /// Warnings and errors.
    pub(crate) warnings: Vec<String>,
    /// The last line.
    pub(crate) last: String,
}

/// The server's resources at one moment, as the system counts them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Resident memory in KiB, exact, not the estimate that `/proc/PID/status` has.
    pub(crate) resident: u64,
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
}

impl Server {
    /// Starts a server on a free port of 127.0.0.1 and waits until it listens.
    pub(crate) fn start(options: &[&str]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_welcomed"));
        command.args(["--listen", "127.0.0.1:0"]).args(options).env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (listens, listening) = channel();
        let stderr = child.stderr.take().unwrap();
        let log = thread::spawn(move || read(stderr, &listens));
        let mut server = Server { child, address: "127.0.0.1:1".parse().unwrap(), log: Some(log) };
        server.address = listening.recv_timeout(BOUND).unwrap();
        server
    }

    /// Samples the server (proc(5)).
    pub(crate) fn sample(&self) -> Sample {
        let process = format!("/proc/{}", self.child.id());
        let entries = |folder| fs::read_dir(format!("{process}/{folder}")).unwrap().count();
        let memory = fs::read_to_string(format!("{process}/smaps_rollup")).unwrap();
        let resident = memory.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
        let resident = resident.trim().trim_end_matches(" kB").parse().unwrap();
        Sample { resident, descriptors: entries("fd"), threads: entries("task") }
    }

    /// Asks the server to stop, and waits until it has ended and its log is read.
    pub(crate) fn stop(mut self) -> (ExitStatus, Log) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let mut status = None;
        let ended = comes_true(|| {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(ended, "the server does not end");
        (status.unwrap(), self.log.take().unwrap().join().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, or the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log to its end. Sends the server's address once it is in the log.
fn read(from: impl Read, listens: &Sender<SocketAddr>) -> Log {
    let mut log = Log::default();
    for line in BufReader::new(from).lines() {
        let line = line.unwrap();
        if let Some((_, address)) = line.split_once(LISTENS) {
            // This fails if the test has given up waiting.
            let _ = listens.send(address.parse().unwrap());
        } else if [" WARN ", " ERROR "].iter().any(|level| line.contains(level)) {
            log.warnings.push(line.clone());
        }
        log.last = line;
    }
    log
}
