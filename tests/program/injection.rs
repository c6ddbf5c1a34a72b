//! Every error that the manual pages give for the system calls of the loop, one at a time, in a real
//! process: strace lets a call fail while clients come and go.
//!
//! strace fails a call by leaving it out. What the kernel would have done beside the error is not done:
//! the client stays in the queue of accept(2), the bytes stay in the socket, the descriptor stays open.

use std::thread;
use std::time::Duration;

use welcomed::net::Kind;

use super::fault_run::{Scene, Toll};
use super::socket_client::{Visitor, serve};
use super::tracer::traced;
use crate::process::{answer, now, until};

/// Some errors of a system call, and what is promised if it fails with one of them.
struct Fault {
    /// At which sockets.
    kinds: &'static [Kind],
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

const TCP: &[Kind] = &[Kind::Tcp];
const STREAMS: &[Kind] = &[Kind::Tcp, Kind::Unix];
const PACKETS: &[Kind] = &[Kind::UnixPacket];
const PROCESSES: &[Kind] = &[Kind::Unix, Kind::UnixPacket];
const CONNECTED: &[Kind] = &[Kind::Tcp, Kind::Unix, Kind::UnixPacket];
const DATAGRAMS: &[Kind] = &[Kind::Udp, Kind::UnixGram, Kind::Raw];

const NOTHING: Toll = Toll { failed: 0, dropped: 0, accept_errors: 0, accept_pauses: 0, left_open: 0 };

const fn row(
    kinds: &'static [Kind],
    call: &'static str,
    when: u32,
    errors: &'static [&'static str],
    promise: Promise,
) -> Fault {
    Fault { kinds, call, when, errors, promise }
}

const UNNOTICED: Promise = Promise::Lives(NOTHING);
const COUNTED: Promise = Promise::Lives(Toll { accept_errors: 1, ..NOTHING });
const WAITS: Promise = Promise::Lives(Toll { accept_pauses: 1, ..NOTHING });
const FAILS: Promise = Promise::Lives(Toll { failed: 1, ..NOTHING });
const DROPPED: Promise = Promise::Lives(Toll { dropped: 1, ..NOTHING });
const FAILS_AND_OTHERS_WAIT: Promise = Promise::Lives(Toll { failed: 1, accept_pauses: 1, ..NOTHING });
/// Linux frees the descriptor whatever close(2) answers, so it is closed once and not again; the one that
/// strace did not close is the proof. (A debug build of the standard library ends the process over a
/// descriptor that is not open, but it asks fcntl(2) for that, before it closes.)
const NOT_CLOSED_AGAIN: Promise = Promise::Lives(Toll { left_open: 1, ..NOTHING });

/// A visitor's first receive finds nothing yet, its second the name; where records are kept apart, a third looks
/// for another one, and its end cannot be seen before the descriptor is closed. `EAGAIN` where something is there is for `lies` to tell.
#[rustfmt::skip]
const FAULTS: &[Fault] = &[
    row(CONNECTED, "accept4", 1, &["EINTR"], UNNOTICED),
    row(CONNECTED, "accept4", 1, &["ECONNABORTED", "EPERM", "EPROTO", "EFAULT"], COUNTED),
    row(CONNECTED, "accept4", 1, &["ENETDOWN", "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH", "EOPNOTSUPP", "ENETUNREACH"], COUNTED),
    row(CONNECTED, "accept4", 1, &["ENOSR", "ESOCKTNOSUPPORT", "EPROTONOSUPPORT", "ETIMEDOUT"], COUNTED),
    row(CONNECTED, "accept4", 1, &["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"], WAITS),
    row(CONNECTED, "accept4", 1, &["EBADF", "EINVAL", "ENOTSOCK"], Promise::Finishes),
    row(PROCESSES, "getsockopt", 1, &["EBADF", "EFAULT", "EINVAL", "ENOPROTOOPT", "ENOTSOCK"], UNNOTICED),
    row(STREAMS, "recvfrom", 1, &["EINTR"], UNNOTICED),
    row(STREAMS, "recvfrom", 2, &["EINTR"], UNNOTICED),
    row(STREAMS, "recvfrom", 1, RECEIVE, FAILS),
    row(STREAMS, "recvfrom", 2, RECEIVE, FAILS),
    row(PACKETS, "recvmsg", 1, &["EINTR"], UNNOTICED),
    row(PACKETS, "recvmsg", 2, &["EINTR"], UNNOTICED),
    row(PACKETS, "recvmsg", 1, RECEIVE, FAILS),
    row(PACKETS, "recvmsg", 2, RECEIVE, FAILS),
    row(PACKETS, "recvmsg", 3, &["EINTR"], UNNOTICED),
    row(PACKETS, "recvmsg", 3, RECEIVE, UNNOTICED),
    row(CONNECTED, "sendto", 1, &["EAGAIN", "EINTR"], UNNOTICED),
    row(CONNECTED, "sendto", 1, &["EACCES", "EALREADY", "EBADF", "ECONNRESET", "EDESTADDRREQ", "EFAULT", "EINVAL", "EISCONN"], FAILS),
    row(CONNECTED, "sendto", 1, &["EMSGSIZE", "ENOBUFS", "ENOMEM", "ENOTCONN", "ENOTSOCK", "EOPNOTSUPP", "EPIPE", "ETIMEDOUT"], FAILS),
    row(DATAGRAMS, "recvfrom", 1, &["EINTR"], UNNOTICED),
    row(DATAGRAMS, "recvfrom", 1, &["ECONNREFUSED", "ECONNRESET", "EFAULT", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH"], COUNTED),
    row(DATAGRAMS, "recvfrom", 1, &["ENOPROTOOPT", "ENOTCONN", "EOPNOTSUPP", "EPERM", "EPROTO", "ETIMEDOUT"], COUNTED),
    row(DATAGRAMS, "recvfrom", 1, &["ENOBUFS", "ENOMEM"], WAITS),
    row(DATAGRAMS, "recvfrom", 1, &["EBADF", "EINVAL", "ENOTSOCK"], Promise::Finishes),
    row(DATAGRAMS, "sendto", 1, &["EINTR"], UNNOTICED),
    row(DATAGRAMS, "sendto", 1, &["EAGAIN", "ENOBUFS"], DROPPED),
    row(DATAGRAMS, "sendto", 1, &["EACCES", "EBADF", "ECONNREFUSED", "ECONNRESET", "EDESTADDRREQ", "EFAULT", "EHOSTDOWN", "EHOSTUNREACH"], FAILS),
    row(DATAGRAMS, "sendto", 1, &["EINVAL", "EISCONN", "EMSGSIZE", "ENETDOWN", "ENETUNREACH", "ENOENT", "ENOMEM", "ENOPROTOOPT"], FAILS),
    row(DATAGRAMS, "sendto", 1, &["ENOTCONN", "ENOTSOCK", "EOPNOTSUPP", "EPERM", "EPIPE", "EPROTOTYPE", "ETIMEDOUT"], FAILS),
    row(CONNECTED, "epoll_ctl", 1, &["EBADF", "EEXIST", "EINVAL", "ELOOP", "ENOENT", "ENOMEM", "ENOSPC", "EPERM"], FAILS_AND_OTHERS_WAIT),
    row(TCP, "epoll_wait", 2, &["EINTR"], UNNOTICED),
    row(TCP, "epoll_wait", 2, &["EBADF", "EFAULT", "EINVAL"], Promise::Ends),
    row(STREAMS, "shutdown", 1, &["EBADF", "EINVAL", "ENOTCONN", "ENOTSOCK"], UNNOTICED),
    row(STREAMS, "close", 1, &["EBADF", "EINTR", "EIO", "ENOSPC", "EDQUOT"], NOT_CLOSED_AGAIN),
];

#[rustfmt::skip]
const RECEIVE: &[&str] = &[
    "EBADF", "ECONNREFUSED", "ECONNRESET", "EFAULT", "EHOSTUNREACH", "EINVAL", "ENETUNREACH", "ENOMEM", "ENOTCONN",
    "ENOTSOCK", "ETIMEDOUT",
];

#[test]
fn an_error_of_accept_loses_no_client_that_is_still_there_and_a_broken_socket_lets_those_inside_finish() {
    keeps_its_promise("accept4", CONNECTED);
}

#[test]
fn an_error_of_receive_ends_its_own_client_only() {
    keeps_its_promise("recvfrom", STREAMS);
}

#[test]
fn an_error_of_receiving_a_record_ends_its_own_client_only_and_of_looking_for_another_nobody() {
    keeps_its_promise("recvmsg", PACKETS);
}

#[test]
fn an_error_of_receiving_a_datagram_loses_none_and_a_broken_socket_lets_those_inside_finish() {
    keeps_its_promise("recvfrom", DATAGRAMS);
}

#[test]
fn an_error_of_answering_a_datagram_costs_its_own_welcome_only() {
    keeps_its_promise("sendto", DATAGRAMS);
}

#[test]
fn whom_the_kernel_does_not_name_is_welcomed_all_the_same() {
    keeps_its_promise("getsockopt", PROCESSES);
}

#[test]
fn an_error_of_send_ends_its_own_client_only() {
    keeps_its_promise("sendto", CONNECTED);
}

#[test]
fn who_cannot_be_watched_ends_alone_and_the_next_is_accepted_after_a_pause() {
    keeps_its_promise("epoll_ctl", CONNECTED);
}

#[test]
fn an_interrupted_wait_is_survived_and_one_that_cannot_work_ends_the_server_with_one_line() {
    keeps_its_promise("epoll_wait", TCP);
}

#[test]
fn an_error_of_shutdown_takes_the_welcome_from_nobody() {
    keeps_its_promise("shutdown", STREAMS);
}

#[test]
fn an_error_of_close_is_not_answered_by_a_second_close() {
    keeps_its_promise("close", STREAMS);
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
    let client = Visitor::connect(&server.address.into()).unwrap();
    tracer.wait_for("EPOLL_CTL_ADD");
    client.say(b"Ada\n").unwrap();
    client.gets_nothing();
    assert_eq!(answer(server.send(b"Bob\n")), "welcome ");
    tracer.detach();
    let ended = server.stop();
    assert!(ended.log.contains("2 accepted: 1 welcomed"), "{}", ended.log);
    assert!(ended.log.contains("1 failed") && ended.log.contains("1 accept pauses"), "{}", ended.log);
}

/// Lets a system call fail in every way, at every one of `kinds`.
fn keeps_its_promise(call: &str, kinds: &[Kind]) {
    if traced(&[], &[]).is_none() {
        return; // it has been said, once and not for every case
    }
    for kind in kinds.iter().filter(|kind| serve(**kind, &[]).is_some()) {
        let faults = FAULTS.iter().filter(|fault| fault.call == call && fault.kinds.contains(kind));
        assert!(faults.clone().next().is_some(), "no errors of {call} at {kind}");
        for fault in faults {
            // Most of the time of a case is waiting, to see that the server is at rest.
            thread::scope(|cases| {
                for error in fault.errors {
                    let case = thread::Builder::new().name(format!("{kind} {call} {error}"));
                    case.spawn_scoped(cases, || fault.happens(*kind, error)).unwrap();
                }
            });
        }
    }
}

impl Fault {
    fn happens(&self, kind: Kind, error: &str) {
        let Some(scene) = Scene::begin(kind, &self.strace_option(error)) else { return };
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
