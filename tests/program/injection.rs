//! Every error that the manual pages give for the system calls of the loop, one at a time, in a real
//! process: strace lets a call fail while clients come and go.
//!
//! strace fails a call by leaving it out. What the kernel would have done beside the error is not done:
//! the client stays in the queue of accept(2), the bytes stay in the socket, the descriptor stays open.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::process::{BOUND, Server, answer, now, until};
use crate::tracer::{Tracer, traced};

/// Some errors of a system call, and what is promised if it fails with one of them.
struct Fault {
    call: &'static str,
    /// Which of the calls fails, counted from the moment at which a visitor is about to come.
    when: u32,
    errors: &'static [&'static str],
    promise: Promise,
}

/// What becomes of the server.
#[derive(Clone, Copy)]
enum Promise {
    /// It goes on. Later clients and those inside are welcomed, and no more is lost than this.
    Lives(Toll),
    /// It accepts nobody any more, finishes who is inside, says the counts, and ends with exit code 1.
    Finishes,
    /// It cannot learn of anything any more, and ends at once with exit code 1.
    Ends,
}

/// What one error costs.
#[derive(Clone, Copy)]
struct Toll {
    /// How many clients fail: the visitor, or nobody.
    failed: usize,
    accept_errors: usize,
    accept_pauses: usize,
    /// Descriptors that stay open.
    left_open: usize,
}

const NOTHING: Toll = Toll { failed: 0, accept_errors: 0, accept_pauses: 0, left_open: 0 };

const fn row(call: &'static str, when: u32, errors: &'static [&'static str], promise: Promise) -> Fault {
    Fault { call, when, errors, promise }
}

const UNNOTICED: Promise = Promise::Lives(NOTHING);
const COUNTED: Promise = Promise::Lives(Toll { accept_errors: 1, ..NOTHING });
const WAITS: Promise = Promise::Lives(Toll { accept_pauses: 1, ..NOTHING });
const FAILS: Promise = Promise::Lives(Toll { failed: 1, ..NOTHING });
const FAILS_AND_OTHERS_WAIT: Promise = Promise::Lives(Toll { failed: 1, accept_pauses: 1, ..NOTHING });
/// Linux frees the descriptor whatever close(2) answers, so it is closed once and not again; the one that
/// strace did not close is the proof. (A debug build of the standard library ends the process over a
/// descriptor that is not open, but it asks fcntl(2) for that, before it closes.)
const NOT_CLOSED_AGAIN: Promise = Promise::Lives(Toll { left_open: 1, ..NOTHING });

/// A visitor's first receive finds nothing yet, its second the name. `EAGAIN` where something is there is
/// for `lies` to tell.
#[rustfmt::skip]
const FAULTS: &[Fault] = &[
    row("accept4", 1, &["EINTR"], UNNOTICED),
    row("accept4", 1, &["ECONNABORTED", "EPERM", "EPROTO", "EFAULT"], COUNTED),
    row("accept4", 1, &["ENETDOWN", "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH", "EOPNOTSUPP", "ENETUNREACH"], COUNTED),
    row("accept4", 1, &["ENOSR", "ESOCKTNOSUPPORT", "EPROTONOSUPPORT", "ETIMEDOUT"], COUNTED),
    row("accept4", 1, &["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"], WAITS),
    row("accept4", 1, &["EBADF", "EINVAL", "ENOTSOCK"], Promise::Finishes),
    row("recvfrom", 1, &["EINTR"], UNNOTICED),
    row("recvfrom", 2, &["EINTR"], UNNOTICED),
    row("recvfrom", 1, RECEIVE, FAILS),
    row("recvfrom", 2, RECEIVE, FAILS),
    row("sendto", 1, &["EAGAIN", "EINTR"], UNNOTICED),
    row("sendto", 1, &["EACCES", "EALREADY", "EBADF", "ECONNRESET", "EDESTADDRREQ", "EFAULT", "EINVAL", "EISCONN"], FAILS),
    row("sendto", 1, &["EMSGSIZE", "ENOBUFS", "ENOMEM", "ENOTCONN", "ENOTSOCK", "EOPNOTSUPP", "EPIPE", "ETIMEDOUT"], FAILS),
    row("epoll_ctl", 1, &["EBADF", "EEXIST", "EINVAL", "ELOOP", "ENOENT", "ENOMEM", "ENOSPC", "EPERM"], FAILS_AND_OTHERS_WAIT),
    row("epoll_wait", 2, &["EINTR"], UNNOTICED),
    row("epoll_wait", 2, &["EBADF", "EFAULT", "EINVAL"], Promise::Ends),
    row("shutdown", 1, &["EBADF", "EINVAL", "ENOTCONN", "ENOTSOCK"], UNNOTICED),
    row("close", 1, &["EBADF", "EINTR", "EIO", "ENOSPC", "EDQUOT"], NOT_CLOSED_AGAIN),
];

#[rustfmt::skip]
const RECEIVE: &[&str] = &[
    "EBADF", "ECONNREFUSED", "ECONNRESET", "EFAULT", "EHOSTUNREACH", "EINVAL", "ENETUNREACH", "ENOMEM", "ENOTCONN",
    "ENOTSOCK", "ETIMEDOUT",
];

#[test]
fn an_error_of_accept_loses_no_client_that_is_still_there_and_a_broken_socket_lets_those_inside_finish() {
    keeps_its_promise("accept4");
}

#[test]
fn an_error_of_receive_ends_its_own_client_only() {
    keeps_its_promise("recvfrom");
}

#[test]
fn an_error_of_send_ends_its_own_client_only() {
    keeps_its_promise("sendto");
}

#[test]
fn who_cannot_be_watched_ends_alone_and_the_next_is_accepted_after_a_pause() {
    keeps_its_promise("epoll_ctl");
}

#[test]
fn an_interrupted_wait_is_survived_and_one_that_cannot_work_ends_the_server_with_one_line() {
    keeps_its_promise("epoll_wait");
}

#[test]
fn an_error_of_shutdown_takes_the_welcome_from_nobody() {
    keeps_its_promise("shutdown");
}

#[test]
fn an_error_of_close_is_not_answered_by_a_second_close() {
    keeps_its_promise("close");
}

#[test]
fn an_error_of_accept_that_never_ends_does_not_spin() {
    // Of those that are a client's there can be as many as a turn may accept before it pauses.
    for (error, errors_per_turn) in [("EPROTO", 64), ("EMFILE", 1)] {
        let inject = format!("inject=accept4:error={error}");
        let Some((server, tracer)) = traced(&[], &["-e", &inject]) else { return };
        let start = now();
        let client = server.send(b"Ada\n");
        until("three turns have met nothing but errors", || {
            tracer.trace().matches("INJECTED").count() >= 3 * errors_per_turn
        });
        assert!(now() - start >= Duration::from_millis(200), "two pauses of 100 ms are between them");
        tracer.detach();
        assert_eq!(answer(client), "welcome ");
    }
}

#[test]
fn who_cannot_be_watched_for_room_to_write_ends_alone() {
    let no_room = "inject=sendto:error=EAGAIN:when=1";
    let no_watch = "inject=epoll_ctl:error=ENOMEM:when=2";
    let Some((server, tracer)) = traced(&[], &["-e", no_room, "-e", no_watch]) else { return };
    let mut client = server.connect();
    tracer.wait_for("EPOLL_CTL_ADD");
    client.write_all(b"Ada\n").unwrap();
    gets_nothing(client);
    assert_eq!(answer(server.send(b"Bob\n")), "welcome ");
    tracer.detach();
    let ended = server.stop();
    assert!(ended.log.contains("2 accepted: 1 welcomed"), "{}", ended.log);
    assert!(ended.log.contains("1 failed") && ended.log.contains("1 accept pauses"), "{}", ended.log);
}

/// Lets a system call fail in every way.
fn keeps_its_promise(call: &str) {
    if traced(&[], &[]).is_none() {
        return; // it has been said, once and not for every case
    }
    for fault in FAULTS.iter().filter(|fault| fault.call == call) {
        // Most of the time of a case is waiting, to see that the server is at rest.
        thread::scope(|cases| {
            for error in fault.errors {
                let case = thread::Builder::new().name(format!("{call} {error}"));
                case.spawn_scoped(cases, || fault.happens(error)).unwrap();
            }
        });
    }
}

impl Fault {
    fn happens(&self, error: &str) {
        let Some(scene) = Scene::begin(&self.strace_option(error)) else { return };
        match self.promise {
            Promise::Lives(toll) => scene.lives(&toll),
            Promise::Finishes => scene.finishes(error),
            Promise::Ends => scene.ends(error),
        }
    }

    fn strace_option(&self, error: &str) -> String {
        // Some machines have only the one with a set of signals, which is the same otherwise.
        let call = if self.call == "epoll_wait" { "?epoll_wait,epoll_pwait" } else { self.call };
        format!("inject={call}:error={error}:when={}", self.when)
    }
}

/// A server with clients in the middle of their names, in which the next call of some kind will fail.
struct Scene {
    server: Server,
    tracer: Tracer,
    inside: Vec<TcpStream>,
    /// How many descriptors the server has without clients.
    own_descriptors: usize,
}

impl Scene {
    /// Lets two clients in, and from then on calls fail as `inject` says.
    fn begin(inject: &str) -> Option<Scene> {
        let server = Server::start(&["--name-gap", "24h"]);
        let own_descriptors = descriptors(&server);
        let inside = vec![server.send(b"Rafa"), server.send(b"Rafa")];
        // The last to connect is accepted last: once it is served, the others are inside.
        assert_eq!(answer(server.send(b"Eve\n")), "welcome ");
        let tracer = Tracer::attach(&server, &["-e", inject])?;
        Some(Scene { server, tracer, inside, own_descriptors })
    }

    /// A visitor that first says nothing, until it is watched or has met the fault, and then more than a
    /// name. So it needs every system call that there is.
    fn visit(&self) -> TcpStream {
        let mut visitor = self.server.connect();
        until("the visitor is watched, or has met the fault", || {
            let trace = self.tracer.trace();
            trace.contains("EPOLL_CTL_ADD") || trace.contains("INJECTED")
        });
        // It fails if the connection is closed by now.
        let _ = visitor.write_all(b"Ada\nand more");
        visitor
    }

    /// A visitor who connects, if the server does not close its listening socket at that very moment.
    fn knock(&self) -> Option<TcpStream> {
        let visitor = TcpStream::connect(self.server.address).ok()?;
        visitor.set_read_timeout(Some(BOUND)).unwrap();
        Some(visitor)
    }

    fn lives(self, toll: &Toll) {
        let visitor = self.visit();
        if toll.failed == 0 {
            assert_eq!(answer(visitor), "welcome ");
        } else {
            gets_nothing(visitor);
        }
        let fault = self.wait_for_fault();
        assert_eq!(answer(self.server.send(b"Bob\n")), "welcome ", "a later client: {fault}");
        self.tracer.wait_for_rest();
        let Scene { server, tracer, inside, own_descriptors } = self;
        all_finish(inside);
        until(&format!("just {} left open: {fault}", toll.left_open), || {
            descriptors(&server) == own_descriptors + toll.left_open
        });
        let trace = tracer.detach();
        assert_eq!(trace.matches("INJECTED").count(), 1, "{trace}");
        // Not earlier: a signal costs a send and a receive, and its thread may not have met the fault yet.
        let counts = toll.counts();
        server.signal(Signal::USR1);
        server.wait_for_log(&counts);
        let ended = server.stop();
        assert_eq!(ended.status.code(), Some(0), "{fault}: {}", ended.log);
        assert!(ended.log.contains(&counts), "{fault}: {}", ended.log);
    }

    fn finishes(self, error: &str) {
        let visitor = self.knock();
        let why = why(&self.wait_for_fault(), error);
        visitor.into_iter().for_each(gets_nothing);
        self.server.wait_for_log("stopping: 2 open");
        self.tracer.wait_for_rest();
        all_finish(self.inside);
        let ended = self.server.wait();
        assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
        assert_eq!(ended.log.matches(&format!("cannot accept any more: {why}")).count(), 1, "{}", ended.log);
        assert!(ended.log.contains("counts: 3 accepted: 3 welcomed"), "{}", ended.log);
        let last = ended.log.lines().last().unwrap();
        assert!(last.starts_with(&format!("welcomed: cannot go on serving: {why}")), "{last}");
    }

    fn ends(self, error: &str) {
        let visitor = self.knock();
        let why = why(&self.wait_for_fault(), error);
        let ended = self.server.wait();
        assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
        let said = ended.log.split_once(" Eve\n").unwrap().1;
        assert!(said.starts_with(&format!("welcomed: cannot go on serving: {why}")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        visitor.into_iter().for_each(gets_nothing);
    }

    /// Waits until the fault has happened, and gives its line in the trace.
    fn wait_for_fault(&self) -> String {
        let trace = self.tracer.wait_for("(INJECTED)");
        trace.lines().find(|line| line.contains("(INJECTED)")).unwrap().to_owned()
    }
}

impl Toll {
    /// The counts at the end: two inside, Eve, the visitor and Bob.
    fn counts(&self) -> String {
        let welcomed = 5 - self.failed;
        let lingered = 1 - self.failed;
        format!(
            "counts: 5 accepted: {welcomed} welcomed ({lingered} lingered), 0 without a name, 0 timed out, {} failed, \
             0 stopped, 0 open; 0 dropped, 0 unanswerable, 0 echoes; {} accept errors, {} accept pauses\n",
            self.failed, self.accept_errors, self.accept_pauses
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

/// Sees a connection end without a welcome, cleanly or by a reset.
fn gets_nothing(mut client: TcpStream) {
    let mut answer = Vec::new();
    let end = client.read_to_end(&mut answer);
    assert!(!end.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "it has not ended");
    assert_eq!(String::from_utf8(answer).unwrap(), "");
}

fn descriptors(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap().count()
}
