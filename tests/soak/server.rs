//! The server program: started at every kind of endpoint, sampled from outside, and stopped.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddrV4;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};
use socket2::SockAddr;
use tempfile::TempDir;
use welcomed::net::Kind;

use super::sockets::{host, raw_is_allowed};
use super::waiting::{BOUND, comes_true};
use crate::kinds::PROTOCOL;
use crate::tied::tied;

/// Where the server listens, by the kind of socket.
pub(crate) type Addresses = HashMap<Kind, SockAddr>;

/// The words before an address, in the log line of a server that listens there.
const LISTENS: [&str; 2] = ["waiting for connections on ", "waiting for datagrams on "];

/// The number of the host of the raw endpoint. Clients have others.
const SERVER_HOST: u32 = 0xffff;

/// A directory for sockets, removed with all that is left in it.
pub(crate) struct Folder(TempDir);

/// The running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) addresses: Addresses,
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

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The names in it.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    }
}

/// The endpoint of a kind, with its socket in `folder` if it has a path. `None` if this process may not listen there.
fn endpoint(kind: Kind, folder: &Folder) -> Option<String> {
    match kind {
        Kind::Tcp | Kind::Udp => Some(format!("{kind}://127.0.0.1:0")),
        Kind::Unix | Kind::UnixPacket | Kind::UnixGram => {
            Some(format!("{kind}://{}/{kind}", folder.path().display()))
        }
        Kind::Raw => raw_is_allowed().then(|| format!("{kind}://{}?protocol={PROTOCOL}", host(SERVER_HOST))),
    }
}

/// The address of an endpoint in the log.
fn address(endpoint: &str) -> (Kind, SockAddr) {
    let (scheme, place) = endpoint.split_once("://").unwrap();
    let kind = Kind::of(scheme).unwrap();
    let address = match kind {
        Kind::Tcp | Kind::Udp => place.parse::<SocketAddrV4>().unwrap().into(),
        Kind::Unix | Kind::UnixPacket | Kind::UnixGram => SockAddr::unix(place).unwrap(),
        Kind::Raw => SocketAddrV4::new(host(SERVER_HOST), 0).into(),
    };
    (kind, address)
}

impl Server {
    /// Starts a server at an endpoint of every kind, and waits until it listens at each.
    pub(crate) fn start(folder: &Folder, options: &[&str]) -> Server {
        let mut command = tied(env!("CARGO_BIN_EXE_welcomed"));
        let endpoints: Vec<String> = Kind::ALL.iter().filter_map(|kind| endpoint(*kind, folder)).collect();
        for endpoint in &endpoints {
            command.args(["--listen", endpoint]);
        }
        command.args(options).env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (listens, listening) = channel();
        let stderr = child.stderr.take().unwrap();
        let log = thread::spawn(move || read(stderr, &listens));
        let mut server = Server { child, addresses: Addresses::new(), log: Some(log) };
        for _ in endpoints {
            server.addresses.extend([address(&listening.recv_timeout(BOUND).unwrap())]);
        }
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

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Asks the server to stop, and waits until it has ended and its log is read.
    pub(crate) fn stop(mut self) -> (ExitStatus, Log) {
        self.signal(Signal::TERM);
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

/// Reads the log to its end. Sends each endpoint that is in it.
fn read(from: impl Read, listens: &Sender<String>) -> Log {
    let mut log = Log::default();
    for line in BufReader::new(from).lines() {
        let line = line.unwrap();
        if let Some((_, endpoint)) = LISTENS.iter().find_map(|words| line.split_once(words)) {
            // This fails if the test has given up waiting.
            let _ = listens.send(endpoint.to_owned());
        } else if [" WARN ", " ERROR "].iter().any(|level| line.contains(level)) {
            log.warnings.push(line.clone());
        }
        log.last = line;
    }
    log
}
