//! Every error that the manual pages give for the system calls of the loop, one at a time, in a real process.
//! strace injects it while clients come and go.
//!
//! strace leaves out the call that it fails, and with it every effect in the kernel. The client stays in the
//! accept queue, the bytes stay in the socket, the descriptor stays open.

use std::time::Duration;

use welcomed::net::Kind;

use super::fault_run::{Cost, FaultRun};
use super::socket_client::{SocketClient, serve};
use super::tracer::{Tracer, spelt, traced};
use crate::process::{answer, in_parallel, now, until};

/// Errors of a system call, and the promise that holds if it fails with one of them.
#[derive(Debug)]
struct Fault {
    /// The kinds of sockets at which it fails.
    kinds: &'static [Kind],
    call: &'static str,
    /// Which call fails, counted from before the client connects.
    when: u32,
    errors: &'static [&'static str],
    promise: Promise,
}

/// What becomes of the server.
#[derive(Clone, Copy, Debug)]
enum Promise {
    /// It goes on: open and later clients are welcomed, and the error costs no more than this.
    GoesOn(Cost),
    /// It accepts no more, finishes its open connections, logs the counts, and ends with exit code 1.
    Drains,
    /// It cannot wait for events any more, and ends at once with exit code 1.
    EndsAtOnce,
}

const TCP: &[Kind] = &[Kind::Tcp];
const STREAMS: &[Kind] = &[Kind::Tcp, Kind::Unix];
const PACKETS: &[Kind] = &[Kind::UnixPacket];
const PROCESSES: &[Kind] = &[Kind::Unix, Kind::UnixPacket];
const CONNECTED: &[Kind] = &[Kind::Tcp, Kind::Unix, Kind::UnixPacket];
const UNIX_DATAGRAMS: &[Kind] = &[Kind::UnixGram];
const INET_DATAGRAMS: &[Kind] = &[Kind::Udp, Kind::Raw];

const NOTHING: Cost =
    Cost { failed: 0, without_name: 0, dropped: 0, accept_errors: 0, accept_pauses: 0, left_open: 0 };

const fn row(
    kinds: &'static [Kind],
    call: &'static str,
    when: u32,
    errors: &'static [&'static str],
    promise: Promise,
) -> Fault {
    Fault { kinds, call, when, errors, promise }
}

const UNNOTICED: Promise = Promise::GoesOn(NOTHING);
const COUNTED: Promise = Promise::GoesOn(Cost { accept_errors: 1, ..NOTHING });
const WAITS: Promise = Promise::GoesOn(Cost { accept_pauses: 1, ..NOTHING });
const FAILS: Promise = Promise::GoesOn(Cost { failed: 1, ..NOTHING });
/// A client that resets before its first byte is a health check.
const WITHOUT_NAME: Promise = Promise::GoesOn(Cost { without_name: 1, ..NOTHING });
const DROPPED: Promise = Promise::GoesOn(Cost { dropped: 1, ..NOTHING });
const FAILS_AND_OTHERS_WAIT: Promise = Promise::GoesOn(Cost { failed: 1, accept_pauses: 1, ..NOTHING });
/// Linux frees the descriptor even if close(2) fails, so the server must not close it again. That the one which
/// strace did not close stays open is the proof.
const NOT_CLOSED_AGAIN: Promise = Promise::GoesOn(Cost { left_open: 1, ..NOTHING });

/// A client's first receive finds nothing, its second the name. Where boundaries are kept, a third looks for
/// another record. An `EAGAIN` that is not true is a test of `false_answers`.
#[rustfmt::skip]
const FAULTS: &[Fault] = &[
    row(CONNECTED, "accept4", 1, &["EINTR"], UNNOTICED),
    row(CONNECTED, "accept4", 1, &["ECONNABORTED", "EPROTO", "ETIMEDOUT"], COUNTED),
    row(CONNECTED, "accept4", 1, &["ENETDOWN", "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH", "EOPNOTSUPP", "ENETUNREACH"], COUNTED),
    row(CONNECTED, "accept4", 1, &["EACCES", "EFAULT", "ENOSR", "EPERM", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT"], WAITS),
    row(CONNECTED, "accept4", 1, &["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"], WAITS),
    row(CONNECTED, "accept4", 1, &["EBADF", "EINVAL", "ENOTSOCK"], Promise::Drains),
    row(PROCESSES, "getsockopt", 1, &["EBADF", "EFAULT", "EINVAL", "ENOPROTOOPT", "ENOTSOCK"], UNNOTICED),
    row(STREAMS, "recvfrom", 1, &["EINTR"], UNNOTICED),
    row(STREAMS, "recvfrom", 2, &["EINTR"], UNNOTICED),
    row(STREAMS, "recvfrom", 1, RECEIVE, FAILS),
    row(STREAMS, "recvfrom", 2, RECEIVE, FAILS),
    row(STREAMS, "recvfrom", 1, RESET, WITHOUT_NAME),
    row(STREAMS, "recvfrom", 2, RESET, WITHOUT_NAME),
    row(PACKETS, "recvmsg", 1, &["EINTR"], UNNOTICED),
    row(PACKETS, "recvmsg", 2, &["EINTR"], UNNOTICED),
    row(PACKETS, "recvmsg", 1, RECEIVE, FAILS),
    row(PACKETS, "recvmsg", 2, RECEIVE, FAILS),
    row(PACKETS, "recvmsg", 1, RESET, WITHOUT_NAME),
    row(PACKETS, "recvmsg", 2, RESET, WITHOUT_NAME),
    row(PACKETS, "recvmsg", 3, &["EINTR"], UNNOTICED),
    row(PACKETS, "recvmsg", 3, RECEIVE, UNNOTICED),
    row(PACKETS, "recvmsg", 3, RESET, UNNOTICED),
    row(CONNECTED, "sendto", 1, &["EAGAIN", "EINTR"], UNNOTICED),
    row(CONNECTED, "sendto", 1, &["EACCES", "EALREADY", "EBADF", "ECONNRESET", "EDESTADDRREQ", "EFAULT", "EINVAL", "EISCONN"], FAILS),
    row(CONNECTED, "sendto", 1, &["EMSGSIZE", "ENOBUFS", "ENOMEM", "ENOTCONN", "ENOTSOCK", "EOPNOTSUPP", "EPIPE", "ETIMEDOUT"], FAILS),
    row(UNIX_DATAGRAMS, "recvfrom", 1, &["EINTR"], UNNOTICED),
    row(UNIX_DATAGRAMS, "recvfrom", 1, LOST, COUNTED),
    row(UNIX_DATAGRAMS, "recvfrom", 1, LOST_TOO, COUNTED),
    row(UNIX_DATAGRAMS, "recvfrom", 1, OUT_OF, WAITS),
    row(UNIX_DATAGRAMS, "recvfrom", 1, NO_SOCKET, Promise::Drains),
    row(UNIX_DATAGRAMS, "sendto", 1, &["EINTR"], UNNOTICED),
    row(UNIX_DATAGRAMS, "sendto", 1, &["EAGAIN", "ENOBUFS"], DROPPED),
    row(UNIX_DATAGRAMS, "sendto", 1, UNSENT_A_TO_E, FAILS),
    row(UNIX_DATAGRAMS, "sendto", 1, UNSENT_E_TO_N, FAILS),
    row(UNIX_DATAGRAMS, "sendto", 1, UNSENT_N_TO_Z, FAILS),
    row(INET_DATAGRAMS, "recvmsg", 1, &["EINTR"], UNNOTICED),
    row(INET_DATAGRAMS, "recvmsg", 1, LOST, COUNTED),
    row(INET_DATAGRAMS, "recvmsg", 1, LOST_TOO, COUNTED),
    row(INET_DATAGRAMS, "recvmsg", 1, OUT_OF, WAITS),
    row(INET_DATAGRAMS, "recvmsg", 1, NO_SOCKET, Promise::Drains),
    row(INET_DATAGRAMS, "sendmsg", 1, &["EINTR"], UNNOTICED),
    row(INET_DATAGRAMS, "sendmsg", 1, &["EAGAIN", "ENOBUFS"], DROPPED),
    row(INET_DATAGRAMS, "sendmsg", 1, UNSENT_A_TO_E, FAILS),
    row(INET_DATAGRAMS, "sendmsg", 1, UNSENT_E_TO_N, FAILS),
    row(INET_DATAGRAMS, "sendmsg", 1, UNSENT_N_TO_Z, FAILS),
    row(CONNECTED, "epoll_ctl", 1, &["EBADF", "EEXIST", "EINVAL", "ELOOP", "ENOENT", "ENOMEM", "ENOSPC", "EPERM"], FAILS_AND_OTHERS_WAIT),
    row(TCP, "epoll_wait", 2, &["EINTR"], UNNOTICED),
    row(TCP, "epoll_wait", 2, &["EBADF", "EFAULT", "EINVAL"], Promise::EndsAtOnce),
    row(STREAMS, "shutdown", 1, &["EBADF", "EINVAL", "ENOTCONN", "ENOTSOCK"], UNNOTICED),
    row(STREAMS, "close", 1, &["EBADF", "EINTR", "EIO", "ENOSPC", "EDQUOT"], NOT_CLOSED_AGAIN),
];

/// What receiving and sending a datagram can fail with, by what becomes of it: the same for both pairs of calls.
const LOST: &[&str] = &["ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "EMSGSIZE", "ENETDOWN", "ENETUNREACH"];
const LOST_TOO: &[&str] = &["ENOPROTOOPT", "EOPNOTSUPP", "EPROTO", "ETIMEDOUT"];
const OUT_OF: &[&str] = &["EACCES", "EFAULT", "ENOBUFS", "ENOMEM", "ENOTCONN", "EPERM"];
const NO_SOCKET: &[&str] = &["EBADF", "EINVAL", "ENOTSOCK"];
const UNSENT_A_TO_E: &[&str] =
    &["EACCES", "EBADF", "ECONNREFUSED", "ECONNRESET", "EDESTADDRREQ", "EFAULT", "EHOSTDOWN", "EHOSTUNREACH"];
const UNSENT_E_TO_N: &[&str] =
    &["EINVAL", "EISCONN", "EMSGSIZE", "ENETDOWN", "ENETUNREACH", "ENOENT", "ENOMEM", "ENOPROTOOPT"];
const UNSENT_N_TO_Z: &[&str] =
    &["ENOTCONN", "ENOTSOCK", "EOPNOTSUPP", "EPERM", "EPIPE", "EPROTOTYPE", "ETIMEDOUT"];

#[rustfmt::skip]
const RECEIVE: &[&str] = &[
    "EBADF", "ECONNREFUSED", "EFAULT", "EHOSTUNREACH", "EINVAL", "ENETUNREACH", "ENOMEM", "ENOTCONN", "ENOTSOCK",
    "ETIMEDOUT",
];
const RESET: &[&str] = &["ECONNRESET"];

#[test]
fn an_accept_error_costs_at_most_its_own_client() {
    keeps_its_promise("accept4", CONNECTED);
}

#[test]
fn a_receive_error_ends_its_own_client_only() {
    keeps_its_promise("recvfrom", STREAMS);
}

#[test]
fn a_record_receive_error_ends_its_own_client_only() {
    keeps_its_promise("recvmsg", PACKETS);
}

#[test]
fn a_datagram_receive_error_loses_no_datagram() {
    keeps_its_promise("recvfrom", UNIX_DATAGRAMS);
    keeps_its_promise("recvmsg", INET_DATAGRAMS);
}

#[test]
fn a_datagram_send_error_costs_its_own_welcome_only() {
    keeps_its_promise("sendto", UNIX_DATAGRAMS);
    keeps_its_promise("sendmsg", INET_DATAGRAMS);
}

#[test]
fn a_client_of_an_unknown_process_is_welcomed() {
    keeps_its_promise("getsockopt", PROCESSES);
}

#[test]
fn a_send_error_ends_its_own_client_only() {
    keeps_its_promise("sendto", CONNECTED);
}

#[test]
fn a_watch_error_ends_its_own_client_and_pauses_accepting() {
    keeps_its_promise("epoll_ctl", CONNECTED);
}

#[test]
fn a_wait_survives_an_interrupt_and_ends_on_other_errors() {
    keeps_its_promise("epoll_wait", TCP);
}

#[test]
fn a_shutdown_error_costs_no_welcome() {
    keeps_its_promise("shutdown", STREAMS);
}

#[test]
fn a_close_error_is_not_followed_by_a_second_close() {
    keeps_its_promise("close", STREAMS);
}

#[test]
fn a_lasting_accept_error_does_not_make_the_loop_spin() {
    // A turn meets up to 64 errors that are a client's own, and one of the other kind, before it pauses.
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
fn an_outage_is_said_once_and_counted_whatever_its_error() {
    // A security module forbids it; or there are only errors that are clients' own, of which a turn meets up to 64.
    for (kind, call, error, errors_per_turn) in [
        (Kind::Tcp, "accept4", "EPERM", 1),
        (Kind::UnixPacket, "accept4", "EACCES", 1),
        (Kind::Tcp, "accept4", "EPROTO", 64),
        (Kind::Udp, "recvmsg", "EPERM", 1),
        (Kind::UnixGram, "recvfrom", "EPERM", 1),
    ] {
        let Some((server, address)) = serve(kind, &[]) else { return };
        let inject = format!("inject={call}:error={error}");
        let Some(tracer) = Tracer::attach(&server, &["-e", &inject]) else { return };
        let client = SocketClient::connect(&address).unwrap();
        client.send(b"Ada").unwrap();
        until("three turns have met nothing but errors", || {
            tracer.trace().matches("INJECTED").count() >= 3 * errors_per_turn
        });
        tracer.detach();
        assert_eq!(client.answer(), "welcome ", "{error}");
        let log = server.stop().log;
        assert_eq!(log.matches("ing pauses").count(), 1, "{error}: {log}");
        assert!(!log.contains(" 0 accept pauses"), "{error}: {log}");
    }
}

#[test]
fn a_watch_error_before_a_write_ends_its_own_client_only() {
    let no_room = format!("inject={}:error=EAGAIN:when=1", spelt("sendto"));
    let no_watch = "inject=epoll_ctl:error=ENOMEM:when=2";
    let Some((server, tracer)) = traced(&[], &["-e", &no_room, "-e", no_watch]) else { return };
    let client = SocketClient::connect(&server.address.into()).unwrap();
    tracer.wait_for("EPOLL_CTL_ADD");
    client.send(b"Ada\n").unwrap();
    client.gets_nothing();
    assert_eq!(answer(server.send(b"Bob\n")), "welcome ");
    tracer.detach();
    let ended = server.stop();
    assert!(ended.log.contains("2 accepted: 1 welcomed"), "{}", ended.log);
    assert!(ended.log.contains("1 failed") && ended.log.contains("1 accept pauses"), "{}", ended.log);
}

/// Lets a system call fail with each of its errors, at each of `kinds`.
fn keeps_its_promise(call: &str, kinds: &[Kind]) {
    if traced(&[], &[]).is_none() {
        return; // `traced` has printed the reason
    }
    for kind in kinds.iter().filter(|kind| serve(**kind, &[]).is_some()) {
        let faults = FAULTS.iter().filter(|fault| fault.call == call && fault.kinds.contains(kind));
        assert!(faults.clone().next().is_some(), "no errors of {call} at {kind}");
        let cases = faults.flat_map(|fault| fault.errors.iter().map(move |error| (fault, kind, error)));
        in_parallel(cases, |(fault, kind, error)| fault.happens(*kind, error));
    }
}

impl Fault {
    fn happens(&self, kind: Kind, error: &str) {
        let Some(run) = FaultRun::begin(kind, &self.strace_option(error)) else { return };
        match self.promise {
            Promise::GoesOn(cost) => run.goes_on(&cost),
            Promise::Drains => run.drains(error),
            Promise::EndsAtOnce => run.ends_at_once(error),
        }
    }

    fn strace_option(&self, error: &str) -> String {
        // With recv for a spelling of recvfrom, the open clients over TCP would meet an error of their own.
        let is_one_call = self.kinds.iter().all(|kind| !kind.semantics().connections);
        let call = if is_one_call { self.call.to_owned() } else { spelt(self.call) };
        format!("inject={call}:error={error}:when={}", self.when)
    }
}
