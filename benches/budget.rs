//! What a connection costs the server: system calls for a prompt client, memory for an idle one.
//!
//! `cargo bench --bench budget` prints both, each for a server that logs to a file and for a quiet one.
//! Calls are counted by strace(1) over clients that come in batches of 64: the server is stopped while
//! a batch connects and sends its names, so that a batch is a batch on any machine.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that cannot be made has to end")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "figures go to standard output")]

use std::fs;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

const CLIENTS: usize = 10_000;
const BATCH: usize = 64;
const IDLE: usize = 15_000;

fn main() {
    let log = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("budget.log");
    welcomed::kernel::mio::raise_descriptor_limit().expect("the descriptor limit can be raised");
    for quiet in [false, true] {
        let how = if quiet { "--quiet" } else { "log to a file" };
        match calls(quiet, &log) {
            Some(summary) => print_calls(how, &summary),
            None => println!("system calls per connection, {how}: not counted, because strace is not here"),
        }
    }
    for quiet in [false, true] {
        let how = if quiet { "--quiet" } else { "log to a file" };
        let bytes = memory(quiet, &log);
        println!("resident bytes per idle connection ({IDLE} of them, {how}): {bytes:.0}");
    }
}

/// The summary of `strace -f -c` over all clients.
fn calls(quiet: bool, log: &Path) -> Option<String> {
    Command::new("strace").arg("-V").stdout(Stdio::null()).status().ok()?;
    let summary = log.with_extension("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-o"]).arg(&summary).arg(env!("CARGO_BIN_EXE_welcomed"));
    let mut server = Server::start(strace, quiet, log);
    let mut done = 0;
    while done < CLIENTS {
        let batch = BATCH.min(CLIENTS - done);
        kill_process(server.pid, Signal::STOP).unwrap();
        let clients: Vec<TcpStream> = (0..batch).map(|_| prompt(server.address)).collect();
        kill_process(server.pid, Signal::CONT).unwrap();
        for mut client in clients {
            let mut welcome = Vec::new();
            client.read_to_end(&mut welcome).unwrap();
            assert_eq!(welcome, b"welcome ");
        }
        done += batch;
        if std::io::stderr().is_terminal() {
            eprint!("\r{done} of {CLIENTS} clients");
        }
    }
    eprintln!("\r{CLIENTS} of {CLIENTS} clients");
    server.stop();
    Some(fs::read_to_string(summary).unwrap())
}

fn prompt(address: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"Rafatul\n").unwrap();
    client
}

/// Prints calls per connection, of those that are made at least once in ten batches.
fn print_calls(how: &str, summary: &str) {
    println!("system calls per connection ({CLIENTS} prompt clients in batches of {BATCH}, {how}):");
    for line in summary.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (Some(count), Some(name)) = (words.get(3).and_then(|n| n.parse::<f64>().ok()), words.last())
        else {
            continue;
        };
        #[expect(clippy::cast_precision_loss, reason = "a small count")]
        let each = count / CLIENTS as f64;
        if each >= 0.001 || *name == "total" {
            println!("  {each:>7.3} {name}");
        }
    }
}

/// Resident bytes of the server with idle connections, less those with none, for each.
#[expect(clippy::cast_precision_loss, reason = "a small count")]
fn memory(quiet: bool, log: &Path) -> f64 {
    let mut server = Server::start(Command::new(env!("CARGO_BIN_EXE_welcomed")), quiet, log);
    drop(prompt(server.address));
    let before = server.resident_bytes();
    let clients: Vec<TcpStream> = (0..IDLE).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    while server.descriptors() < IDLE {
        std::thread::yield_now();
    }
    let after = server.resident_bytes();
    drop(clients);
    server.stop();
    (after - before) / IDLE as f64
}

/// A server as a process of its own.
struct Server {
    child: Child,
    pid: Pid,
    address: SocketAddr,
}

impl Server {
    fn start(mut command: Command, quiet: bool, log: &Path) -> Server {
        command.args(["--listen", "127.0.0.1:0"]).env_remove("RUST_LOG");
        // A quiet server does not log its address, so its port is looked up in /proc.
        if quiet {
            command.arg("--quiet");
        }
        let file = fs::File::create(log).unwrap();
        let mut child = command.stderr(file).stdin(Stdio::null()).spawn().expect("the server starts");
        let (pid, address) = loop {
            let pid = serving_process(child.id());
            if let Some(address) = pid.and_then(listening_address) {
                break (pid.unwrap(), address);
            }
            assert!(child.try_wait().unwrap().is_none(), "the server ended");
        };
        Server { child, pid: Pid::from_raw(pid).unwrap(), address }
    }

    fn resident_bytes(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid.as_raw_nonzero())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
    }

    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid.as_raw_nonzero())).unwrap().count()
    }

    fn stop(&mut self) {
        kill_process(self.pid, Signal::TERM).unwrap();
        self.child.wait().unwrap();
    }
}

/// The process that serves: `started` itself, or the child of the strace that it is.
fn serving_process(started: u32) -> Option<i32> {
    let children = fs::read_to_string(format!("/proc/{started}/task/{started}/children")).ok()?;
    let name = fs::read_to_string(format!("/proc/{started}/comm")).ok()?;
    if name.trim() == "welcomed" {
        i32::try_from(started).ok()
    } else {
        children.split(' ').next()?.parse().ok()
    }
}

/// The address that a process listens on, by its sockets in /proc.
fn listening_address(pid: i32) -> Option<SocketAddr> {
    let sockets: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .ok()?
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect();
    let table = BufReader::new(fs::File::open("/proc/net/tcp").ok()?);
    table.lines().map_while(Result::ok).find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (words.get(1)?, words.get(3)?, words.get(9)?);
        let listens = *state == "0A" && sockets.iter().any(|socket| socket == inode);
        let port = u16::from_str_radix(local.split_once(':')?.1, 16).ok()?;
        listens.then(|| SocketAddr::from(([127, 0, 0, 1], port)))
    })
}
