//! A server whose system call fails once while clients come and go, and the checks of what that may cost.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;

use rustix::io::Errno;
use rustix::process::Signal;
use welcomed::net::{Address, Kind};

use super::errors::words;
use super::socket_client::{SocketClient, serve};
use super::tracer::Tracer;
use crate::process::{Server, answer, until};

/// What one error costs. Each number is 0 or 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Clients that fail: the one that meets the error, or none.
    pub(crate) failed: usize,
    /// Clients that are counted as without a name: that one, or none.
    pub(crate) without_name: usize,
    /// Welcomes that are dropped: that client's, or none.
    pub(crate) dropped: usize,
    pub(crate) accept_errors: usize,
    pub(crate) accept_pauses: usize,
    /// Sockets that stay open.
    pub(crate) left_open: usize,
}

/// A server in which a system call will fail at a socket of some kind. Two TCP clients are open, in the middle
/// of their names.
pub(crate) struct FaultRun {
    server: Server,
    /// The socket at which the call will fail.
    address: Address,
    tracer: Tracer,
    open: Vec<TcpStream>,
    /// How many sockets the server has without clients.
    own_sockets: usize,
}

impl FaultRun {
    /// Connects the two open clients, and lets strace inject the error from then on.
    pub(crate) fn begin(kind: Kind, inject: &str) -> Option<FaultRun> {
        let (server, address) = serve(kind, &["--name-gap", "60s"])?;
        let own_sockets = sockets(&server);
        let open = vec![server.send(b"Rafa"), server.send(b"Rafa")];
        // Clients are accepted in order: once this one is served, the others are open.
        assert_eq!(answer(server.send(b"Max\n")), "welcome ");
        let tracer = Tracer::attach(&server, &["-e", inject])?;
        Some(FaultRun { server, address, tracer, open, own_sockets })
    }

    /// A client that sends nothing until the server watches it or has met the fault. Then it sends more than a
    /// name, where there are no boundaries. So it needs every system call of the loop.
    fn visit(&self) -> SocketClient {
        let client = SocketClient::connect(&self.address).unwrap();
        if self.address.kind.semantics().connections {
            until("the client is watched, or has met the fault", || {
                let trace = self.tracer.trace();
                trace.contains("EPOLL_CTL_ADD") || trace.contains("INJECTED")
            });
        }
        // This fails if the connection is closed by now.
        let _ = client.send(if self.keeps_boundaries() { b"Ada" } else { b"Ada\nand more" });
        client
    }

    /// A client, unless the server closes its socket at this moment.
    fn connect_if_open(&self) -> Option<SocketClient> {
        let client = SocketClient::connect(&self.address).ok()?;
        if !self.address.kind.semantics().connections {
            client.send(b"Ada").ok()?;
        }
        Some(client)
    }

    fn keeps_boundaries(&self) -> bool {
        self.address.kind.semantics().boundaries
    }

    /// Fails unless the server goes on, and no more is lost than `cost` says.
    pub(crate) fn goes_on(self, cost: &Cost) {
        let client = self.visit();
        let fault = self.wait_for_fault();
        let failed = if cost.failed + cost.without_name + cost.dropped == 0 {
            assert_eq!(client.answer(), "welcome ", "{fault}");
            None
        } else {
            Some(client)
        };
        let later = SocketClient::connect(&self.address).unwrap();
        later.send(if self.keeps_boundaries() { b"Bob" } else { b"Bob\n" }).unwrap();
        assert_eq!(later.answer(), "welcome ", "a later client: {fault}");
        self.tracer.wait_for_rest();
        failed.into_iter().for_each(SocketClient::gets_nothing);
        let counts = cost.counts(self.keeps_boundaries());
        let FaultRun { server, tracer, open, own_sockets, .. } = self;
        all_finish(open);
        until(&format!("just {} left open: {fault}", cost.left_open), || {
            sockets(&server) == own_sockets + cost.left_open
        });
        let trace = tracer.detach();
        assert_eq!(trace.matches("INJECTED").count(), 1, "{trace}");
        // After the trace: a signal makes a send and a receive of its own, which could meet the fault.
        server.signal(Signal::USR1);
        server.wait_for_log(&counts);
        let ended = server.stop();
        assert_eq!(ended.status.code(), Some(0), "{fault}: {}", ended.log);
        assert!(ended.log.contains(&counts), "{fault}: {}", ended.log);
    }

    /// Fails unless the server accepts no more, finishes its open connections, and ends with exit code 1.
    pub(crate) fn drains(self, error: &str) {
        let client = self.connect_if_open();
        let why = self.error_text(error);
        client.into_iter().for_each(SocketClient::gets_nothing);
        self.server.wait_for_log("stopping: 2 open");
        self.tracer.wait_for_rest();
        all_finish(self.open);
        let ended = self.server.wait();
        assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
        let verb = if self.address.kind.semantics().connections { "accept" } else { "receive" };
        assert_eq!(ended.log.matches(&format!("cannot {verb} any more: {why}")).count(), 1, "{}", ended.log);
        assert!(ended.log.contains("counts: 3 accepted: 3 welcomed"), "{}", ended.log);
        let last = ended.log.lines().last().unwrap();
        assert!(last.starts_with(&format!("welcomed: cannot go on serving: {why}")), "{last}");
    }

    /// Fails unless the server ends at once, with one line and exit code 1.
    pub(crate) fn ends_at_once(self, error: &str) {
        let client = self.connect_if_open();
        let why = self.error_text(error);
        let ended = self.server.wait();
        assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
        let rest = ended.log.split_once(" Max\n").unwrap().1;
        assert!(rest.starts_with(&format!("welcomed: cannot go on serving: {why}")), "{rest}");
        assert_eq!(rest.lines().count(), 1, "{rest}");
        client.into_iter().for_each(SocketClient::gets_nothing);
    }

    /// Waits until the fault has happened, and gives the words of the error.
    fn error_text(&self, error: &str) -> String {
        self.wait_for_fault();
        let number = match error {
            "EBADF" => Errno::BADF,
            "EFAULT" => Errno::FAULT,
            "EINVAL" => Errno::INVAL,
            "ENOTSOCK" => Errno::NOTSOCK,
            other => panic!("{other} is new here"),
        };
        words(number)
    }

    /// Waits until the fault has happened, and gives its line in the trace.
    fn wait_for_fault(&self) -> String {
        let trace = self.tracer.wait_for("(INJECTED)");
        trace.lines().find(|line| line.contains("(INJECTED)")).unwrap().to_owned()
    }
}

impl Cost {
    /// The counts at the end: two open clients, Max, the client that meets the error, and Bob.
    fn counts(&self, keeps_boundaries: bool) -> String {
        let Cost { failed, without_name, dropped, accept_errors, accept_pauses, .. } = self;
        let welcomed = 5 - failed - without_name - dropped;
        let lingered = if keeps_boundaries { 0 } else { 1 - failed - without_name };
        format!(
            "counts: 5 accepted: {welcomed} welcomed ({lingered} lingered), {without_name} without a name, 0 timed out, {failed} \
             failed, 0 stopped, 0 open; {dropped} dropped, 0 unanswerable, 0 echoes; {accept_errors} accept errors, \
             {accept_pauses} accept pauses\n"
        )
    }
}

/// Sends the rest of the names, and checks the welcomes.
fn all_finish(mut clients: Vec<TcpStream>) {
    for client in &mut clients {
        client.write_all(b"tul\n").unwrap();
    }
    for client in clients {
        assert_eq!(answer(client), "welcome ");
    }
}

/// How many sockets the server has open. What it keeps back for its status is not one of them.
fn sockets(server: &Server) -> usize {
    let open = fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap();
    let places = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    places.filter(|place| place.to_string_lossy().starts_with("socket:")).count()
}
