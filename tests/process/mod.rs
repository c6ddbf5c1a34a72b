//! Starts the programs as processes, reads their logs, and connects plain TCP clients. The suites `program`,
//! `conformance` and `relay` share this module.

use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::tied::tied;

/// The longest wait before a test fails: long, because the machine may be busy.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// A process whose standard error is read as its log. Dropping it kills the process.
pub(crate) struct Process {
    pub(crate) child: Child,
    log: Log,
}

/// A server that listens, and its first TCP address.
pub(crate) struct Server {
    process: Process,
    pub(crate) address: SocketAddr,
}

/// A log that is read while it is written.
pub(crate) struct Log(Arc<(Mutex<Vec<u8>>, Condvar)>);

impl Log {
    /// Reads `from` in a thread.
    pub(crate) fn read(mut from: impl Read + Send + 'static) -> Log {
        let log = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let copy = Arc::clone(&log);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(bytes @ 1..) = from.read(&mut buffer) {
                copy.0.lock().unwrap().extend_from_slice(&buffer[..bytes]);
                copy.1.notify_all();
            }
        });
        Log(log)
    }

    /// The text so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.0.lock().unwrap().clone()).unwrap()
    }

    /// Waits until a whole line has `text` in it, and gives the text so far.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let (log, changed) = &*self.0;
        let lacks = |log: &mut Vec<u8>| {
            let log = String::from_utf8_lossy(log);
            !log.split_inclusive('\n').any(|line| line.contains(text) && line.ends_with('\n'))
        };
        let (log, waited) = changed.wait_timeout_while(log.lock().unwrap(), BOUND, lacks).unwrap();
        let log = String::from_utf8_lossy(&log).into_owned();
        assert!(!waited.timed_out(), "no line with {text:?} in the log:\n{log}");
        log
    }

    /// Whether the other end is closed and everything read.
    pub(crate) fn is_at_its_end(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// The exit status and the whole log of a process that has ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) log: String,
}

/// The server program, without the test's standard streams and variables for the log.
pub(crate) fn welcomed() -> Command {
    let mut command = tied(env!("CARGO_BIN_EXE_welcomed"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).env_remove("RUST_LOG").env_remove("NO_COLOR");
    command
}

/// The present moment.
#[expect(clippy::disallowed_methods, reason = "a test waits for real processes in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits until `is_so`; fails when that takes too long.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = now();
    while !is_so() {
        assert!(now() - start < BOUND, "not within {BOUND:?}: {what}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// Plays cases in parallel, because they mostly wait. One that fails says which it is, as the name of its thread.
pub(crate) fn in_parallel<T: Send + Debug>(cases: impl IntoIterator<Item = T>, play: impl Fn(T) + Sync) {
    let play = &play;
    thread::scope(|scope| {
        for case in cases {
            let thread = thread::Builder::new().name(format!("{case:?}"));
            thread.spawn_scoped(scope, move || play(case)).unwrap();
        }
    });
}

impl Process {
    /// Starts `command`.
    pub(crate) fn start(command: &mut Command) -> Process {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::read(child.stderr.take().unwrap());
        Process { child, log }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until the log has a line with `text` in it, and gives the log so far.
    pub(crate) fn wait_for_log(&self, text: &str) -> String {
        self.log.wait_for(text)
    }

    /// Waits until the process has ended by itself.
    pub(crate) fn wait(mut self) -> Ended {
        let status = wait(&mut self.child);
        until("the log is at its end", || self.log.is_at_its_end());
        Ended { status, log: self.log() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, or the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The endpoint at which each server shows its status too, unless its test has a place for that.
const WITH_STATUS: &str = "WITH_STATUS";

impl Server {
    /// Starts a server on a free port of 127.0.0.1 and waits until it listens. With `WITH_STATUS=127.0.0.1:0` in the
    /// environment it shows its status there.
    pub(crate) fn start(options: &[&str]) -> Server {
        let mut command = welcomed();
        command.args(["--listen", "127.0.0.1:0"]).args(options);
        if let Some(endpoint) = std::env::var_os(WITH_STATUS).filter(|_| !options.contains(&"--status")) {
            command.arg("--status").arg(endpoint);
        }
        Server::spawn(command)
    }

    /// Starts `command` and waits until it says that it waits for connections.
    pub(crate) fn spawn(mut command: Command) -> Server {
        // All tests of this process share its descriptors, and some hold a thousand.
        welcomed::kernel::mio::raise_descriptor_limit().unwrap();
        let process = Process::start(&mut command);
        let log = process.wait_for_log("waiting for connections on tcp://");
        let address = log.split("waiting for connections on tcp://").nth(1).unwrap();
        let address = address.lines().next().unwrap().parse().unwrap();
        Server { process, address }
    }

    /// Connects a client that waits for an answer as long as a test may take.
    pub(crate) fn connect(&self) -> TcpStream {
        let client = TcpStream::connect_timeout(&self.address, BOUND).unwrap();
        client.set_read_timeout(Some(BOUND)).unwrap();
        client
    }

    /// Connects and sends `bytes`.
    pub(crate) fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut client = self.connect();
        client.write_all(bytes).unwrap();
        client
    }

    /// Asks the server to stop, and waits until it has ended.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits until the server has ended by itself.
    pub(crate) fn wait(self) -> Ended {
        self.process.wait()
    }
}

impl Deref for Server {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

/// Waits until a process has ended.
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let mut status = None;
    until("the process has ended", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap()
}

/// Everything that the server sends, up to the end of input. A reset fails.
pub(crate) fn answer(mut client: TcpStream) -> String {
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

/// Runs a program to its end with `input`: exit code, standard output, standard error.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> (i32, String, String) {
    let mut process = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let out = Log::read(process.child.stdout.take().unwrap());
    // This fails if the program ends without reading its input, which a test may want.
    let _ = process.child.stdin.take().unwrap().write_all(input);
    let Ended { status, log } = process.wait();
    until("its output is at its end", || out.is_at_its_end());
    (status.code().unwrap(), out.text(), log)
}

/// Whether a program that a test needs is installed. If not, [`not_tested`] says so. Or whether a device in `/dev` is here.
/// Many containers are not given it: that is said, and is no failure.
pub(crate) fn is_here(program: &str) -> bool {
    if program.starts_with('/') {
        let here = Path::new(program).exists();
        if !here {
            say_not_tested(&format!("there is no {program}"));
        }
        return here;
    }
    let which = Command::new("which").arg(program).stdout(Stdio::null()).status();
    let here = which.is_ok_and(|found| found.success());
    if !here {
        not_tested(&format!("{program} is not here"));
    }
    here
}

/// Prints that a test cannot run here. Fails where `CI` is set.
pub(crate) fn not_tested(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "CI needs this: {why}");
    say_not_tested(why);
}

fn say_not_tested(why: &str) {
    // The test harness would hide the output of `eprintln!`.
    let _ = writeln!(std::io::stderr(), "NOT TESTED: {why}");
}
