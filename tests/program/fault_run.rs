//! A server in which one call fails while clients come and go, and what is promised then.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;

use rustix::process::Signal;
use welcomed::net::{Address, Kind};

use super::socket_client::{Visitor, serve};
use super::tracer::Tracer;
use crate::process::{Server, answer, until};

/// What one error costs.
#[derive(Clone, Copy)]
pub(crate) struct Toll {
    /// How many clients fail: the visitor, or nobody.
    pub(crate) failed: usize,
    /// How many welcomes are dropped: the visitor's, or nobody's.
    pub(crate) dropped: usize,
    pub(crate) accept_errors: usize,
    pub(crate) accept_pauses: usize,
    /// Descriptors that stay open.
    pub(crate) left_open: usize,
}

/// A server with clients in the middle of their names, which are inside over TCP whatever the kind of the
/// socket at which the next call of some kind will fail.
pub(crate) struct Scene {
    server: Server,
    /// Where the visitors go.
    address: Address,
    tracer: Tracer,
    inside: Vec<TcpStream>,
    /// How many descriptors the server has without clients.
    own_descriptors: usize,
}

impl Scene {
    /// Lets two clients in, and from then on calls fail as `inject` says.
    pub(crate) fn begin(kind: Kind, inject: &str) -> Option<Scene> {
        let (server, address) = serve(kind, &["--name-gap", "24h"])?;
        let own_descriptors = descriptors(&server);
        let inside = vec![server.send(b"Rafa"), server.send(b"Rafa")];
        // The last to connect is accepted last: once it is served, the others are inside.
        assert_eq!(answer(server.send(b"Max\n")), "welcome ");
        let tracer = Tracer::attach(&server, &["-e", inject])?;
        Some(Scene { server, address, tracer, inside, own_descriptors })
    }

    /// A visitor that first says nothing, until it is watched or has met the fault, and then more than a
    /// name, where that can be. So it needs every system call that there is.
    fn visit(&self) -> Visitor {
        let visitor = Visitor::connect(&self.address).unwrap();
        if self.address.kind.semantics().connections {
            until("the visitor is watched, or has met the fault", || {
                let trace = self.tracer.trace();
                trace.contains("EPOLL_CTL_ADD") || trace.contains("INJECTED")
            });
        }
        // It fails if the connection is closed by now.
        let _ = visitor.say(if self.keeps_boundaries() { b"Ada" } else { b"Ada\nand more" });
        visitor
    }

    /// A visitor who comes, if the server does not close its socket at that very moment.
    fn knock(&self) -> Option<Visitor> {
        let visitor = Visitor::connect(&self.address).ok()?;
        if !self.address.kind.semantics().connections {
            visitor.say(b"Ada").ok()?;
        }
        Some(visitor)
    }

    fn keeps_boundaries(&self) -> bool {
        self.address.kind.semantics().boundaries
    }

    pub(crate) fn lives(self, toll: &Toll) {
        let visitor = self.visit();
        let fault = self.wait_for_fault();
        let loser = if toll.failed + toll.dropped == 0 {
            assert_eq!(visitor.answer(), "welcome ", "{fault}");
            None
        } else {
            Some(visitor)
        };
        let later = Visitor::connect(&self.address).unwrap();
        later.say(if self.keeps_boundaries() { b"Bob" } else { b"Bob\n" }).unwrap();
        assert_eq!(later.answer(), "welcome ", "a later client: {fault}");
        self.tracer.wait_for_rest();
        loser.into_iter().for_each(Visitor::gets_nothing);
        let counts = toll.counts(self.keeps_boundaries());
        let Scene { server, tracer, inside, own_descriptors, .. } = self;
        all_finish(inside);
        until(&format!("just {} left open: {fault}", toll.left_open), || {
            descriptors(&server) == own_descriptors + toll.left_open
        });
        let trace = tracer.detach();
        assert_eq!(trace.matches("INJECTED").count(), 1, "{trace}");
        // Not earlier: a signal costs a send and a receive, and its thread may not have met the fault yet.
        server.signal(Signal::USR1);
        server.wait_for_log(&counts);
        let ended = server.stop();
        assert_eq!(ended.status.code(), Some(0), "{fault}: {}", ended.log);
        assert!(ended.log.contains(&counts), "{fault}: {}", ended.log);
    }

    pub(crate) fn finishes(self, error: &str) {
        let visitor = self.knock();
        let why = why(&self.wait_for_fault(), error);
        visitor.into_iter().for_each(Visitor::gets_nothing);
        self.server.wait_for_log("stopping: 2 open");
        self.tracer.wait_for_rest();
        all_finish(self.inside);
        let ended = self.server.wait();
        assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
        let verb = if self.address.kind.semantics().connections { "accept" } else { "receive" };
        assert_eq!(ended.log.matches(&format!("cannot {verb} any more: {why}")).count(), 1, "{}", ended.log);
        assert!(ended.log.contains("counts: 3 accepted: 3 welcomed"), "{}", ended.log);
        let last = ended.log.lines().last().unwrap();
        assert!(last.starts_with(&format!("welcomed: cannot go on serving: {why}")), "{last}");
    }

    pub(crate) fn ends(self, error: &str) {
        let visitor = self.knock();
        let why = why(&self.wait_for_fault(), error);
        let ended = self.server.wait();
        assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
        let said = ended.log.split_once(" Max\n").unwrap().1;
        assert!(said.starts_with(&format!("welcomed: cannot go on serving: {why}")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        visitor.into_iter().for_each(Visitor::gets_nothing);
    }

    /// Waits until the fault has happened, and gives its line in the trace.
    fn wait_for_fault(&self) -> String {
        let trace = self.tracer.wait_for("(INJECTED)");
        trace.lines().find(|line| line.contains("(INJECTED)")).unwrap().to_owned()
    }
}

impl Toll {
    /// The counts at the end: two inside, Max, the visitor and Bob.
    fn counts(&self, keeps_boundaries: bool) -> String {
        let Toll { failed, dropped, accept_errors, accept_pauses, .. } = self;
        let welcomed = 5 - failed - dropped;
        let lingered = if keeps_boundaries { 0 } else { 1 - failed };
        format!(
            "counts: 5 accepted: {welcomed} welcomed ({lingered} lingered), 0 without a name, 0 timed out, {failed} \
             failed, 0 stopped, 0 open; {dropped} dropped, 0 unanswerable, 0 echoes; {accept_errors} accept errors, \
             {accept_pauses} accept pauses\n"
        )
    }
}

/// What an error is called: strace says so behind its number, in the words of strerror(3).
fn why(fault: &str, error: &str) -> String {
    let words = fault.split_once(&format!("-1 {error} (")).unwrap().1;
    words.split_once(") (INJECTED)").unwrap().0.to_owned()
}

/// Lets clients send the rest of their names, and sees them welcomed.
fn all_finish(mut clients: Vec<TcpStream>) {
    for client in &mut clients {
        client.write_all(b"tul\n").unwrap();
    }
    for client in clients {
        assert_eq!(answer(client), "welcome ");
    }
}

fn descriptors(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap().count()
}
