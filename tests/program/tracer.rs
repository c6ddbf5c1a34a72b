//! strace, attached to a running server: it prints every system call, and can make calls fail.

use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::process::{Log, Server, is_here, not_tested, until, wait};
use crate::tied::tied;

/// A server that makes no system call for this long is at rest. It is longer than a pause in accepting, 100 ms:
/// a server that accepts in vain after every pause is not at rest.
const REST: Duration = Duration::from_millis(130);

/// Calls that C libraries and processors spell in two ways, with the spelling that the tests use first.
const SPELLINGS: [[&str; 2]; 5] = [
    ["epoll_wait", "epoll_pwait"],
    ["recvfrom", "recv"],
    ["sendto", "send"],
    ["fcntl", "fcntl64"],
    ["futex", "futex_time64"],
];

/// A call in each of its spellings, for an option of strace. A `?` is before each: one may be unknown here.
pub(crate) fn spelt(call: &str) -> String {
    let both = SPELLINGS.iter().find(|both| both[0] == call);
    both.map_or_else(|| call.to_owned(), |[one, other]| format!("?{one},?{other}"))
}

/// The spelling that the tests use.
pub(crate) fn respelt(call: &str) -> &str {
    SPELLINGS.iter().find(|both| both[1] == call).map_or(call, |both| both[0])
}

/// A running strace and its output. After a drop the server runs on, untraced.
pub(crate) struct Tracer {
    child: Child,
    trace: Log,
}

impl Tracer {
    /// Attaches to all threads of a server, and waits until strace sees the loop.
    ///
    /// `None`, with a line that says so, if strace is not installed or may not attach: Yama's `ptrace_scope` can
    /// restrict it to root, and containers can forbid it.
    pub(crate) fn attach(server: &Server, options: &[&str]) -> Option<Tracer> {
        if !is_here("strace") {
            return None;
        }
        let mut command = tied("strace");
        command.args(["-f", "-p", &server.child.id().to_string()]).args(options);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let trace = Log::read(child.stderr.take().unwrap());
        let tracer = Tracer { child, trace };
        // Attaching interrupts the loop's wait. Its next wait is the first call that strace sees.
        let sees = || tracer.trace().contains("epoll_");
        until("strace sees the loop wait", || sees() || tracer.trace.is_at_its_end());
        if !sees() {
            assert!(!tracer.trace().contains(" attached"), "an interrupted wait: {}", tracer.trace());
            not_tested(&format!("strace cannot attach: {}", tracer.trace()));
            return None;
        }
        Some(tracer)
    }

    /// The trace so far. Its last line may be incomplete.
    pub(crate) fn trace(&self) -> String {
        self.trace.text()
    }

    /// Waits until the trace has a line with `text` in it, and gives the trace so far.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.trace.wait_for(text)
    }

    /// Stops the server, and waits until it stands still. A traced process stops late, and a SIGCONT before that
    /// would cancel the SIGSTOP.
    pub(crate) fn stop(&self, server: &Server) {
        let stops = || self.trace().matches("--- stopped by SIGSTOP ---").count();
        let before = stops();
        server.signal(Signal::STOP);
        until("the loop and the thread of the log have stopped", || stops() >= before + 2);
    }

    /// Waits until the server is at rest. Fails if it spins, or tries the same in vain again and again.
    pub(crate) fn wait_for_rest(&self) {
        until("the server is at rest", || {
            let before = self.trace();
            thread::park_timeout(REST);
            self.trace() == before
        });
    }

    /// Detaches, and gives the whole trace.
    pub(crate) fn detach(mut self) -> String {
        // This fails if strace has ended together with the server.
        let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
        wait(&mut self.child);
        until("the trace is at its end", || self.trace.is_at_its_end());
        self.trace()
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // It has ended already, or the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server without clients, and a strace that is attached to it with `strace_options`.
pub(crate) fn traced(options: &[&str], strace_options: &[&str]) -> Option<(Server, Tracer)> {
    let server = Server::start(options);
    let tracer = Tracer::attach(&server, strace_options)?;
    Some((server, tracer))
}
