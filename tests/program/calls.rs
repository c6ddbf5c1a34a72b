//! The system calls that a client costs, counted by strace.

use std::collections::BTreeMap;
use std::net::TcpStream;

use rustix::process::Signal;

use crate::process::{Server, answer};
use crate::tracer::{Tracer, traced};

/// Clients that come at once: as many as one turn of the loop accepts.
const CROWD: u32 = 64;
const CROWDS: u32 = 25;

/// The most that a prompt client may cost, its share of waiting included.
const CALLS_MAX: f64 = 4.1;

/// What a client of a crowd costs. Once for each crowd accept finds nobody any more, and the loop waits
/// three times: until the signal that stops it, until the crowd, and not at all, to see who else is there.
/// The signal also interrupts the thread that waits for something to log.
fn expected(call: &str) -> f64 {
    let once = 1.0 / f64::from(CROWD);
    match call {
        "accept4" => 1.0 + once,
        "recvfrom" | "sendto" | "close" => 1.0,
        "epoll_wait" => 3.0 * once,
        "futex" => once,
        _ => 0.0,
    }
}

#[test]
fn a_prompt_client_costs_accept_receive_send_close_and_a_share_of_waiting() {
    let Some((server, tracer)) = traced(&["--quiet"], &[]) else { return };
    for _ in 0..CROWDS {
        welcome_crowd(&server, &tracer);
    }
    let trace = tracer.detach();
    let calls = calls_per_client(&trace, CROWD * CROWDS);
    for call in ["accept4", "recvfrom", "sendto", "close"] {
        assert!(calls.get(call).is_some_and(|count| *count >= 1.0), "{call} was not counted: {calls:.2?}");
    }
    let all: f64 = calls.values().sum();
    assert!(all <= CALLS_MAX, "{all:.2} calls a client, at most {CALLS_MAX}; {}", growth(&calls));
}

#[test]
fn a_call_that_costs_more_than_expected_is_named() {
    let trace = "strace: Process 7 attached with 2 threads\n\
        [pid     7] epoll_wait(3,  <unfinished ...>\n\
        [pid     8] futex(0x55d940088c50, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL <unfinished ...>\n\
        [pid     7] <... epoll_wait resumed>0x55d940089b70, 1024, -1) = -1 EINTR (Interrupted system call)\n\
        [pid     7] --- SIGSTOP {si_signo=SIGSTOP, si_code=SI_USER, si_pid=6, si_uid=0} ---\n\
        accept4(6, {sa_family=AF_INET}, [128 => 16], SOCK_CLOEXEC|SOCK_NONBLOCK) = 7\n\
        epoll_ctl(3, EPOLL_CTL_ADD, 7, {events=EPOLLIN}) = 0\n\
        epoll_ctl(3, EPOLL_CTL_DEL, 7, NULL) = 0\n\
        +++ exited with 0 +++\n";
    let calls = calls_per_client(trace, 64);
    let counts: Vec<(&str, f64)> = calls.iter().map(|(call, count)| (*call, *count * 64.0)).collect();
    assert_eq!(counts, [("accept4", 1.0), ("epoll_ctl", 2.0), ("epoll_wait", 1.0), ("futex", 1.0)]);
    assert_eq!(growth(&calls), "more than expected: epoll_ctl 0.03 instead of 0.00");
}

/// Lets a crowd of prompt clients come. The server is stopped until all of them have sent their names, so
/// that a crowd is a crowd on any machine.
fn welcome_crowd(server: &Server, tracer: &Tracer) {
    tracer.stop(server);
    let clients: Vec<TcpStream> = (0..CROWD).map(|_| server.send(b"Rafatul\n")).collect();
    server.signal(Signal::CONT);
    for client in clients {
        assert_eq!(answer(client), "welcome ");
    }
}

/// How often each system call was made, for each of `clients`.
fn calls_per_client(trace: &str, clients: u32) -> BTreeMap<&str, f64> {
    let mut calls: BTreeMap<&str, u32> = BTreeMap::new();
    for line in trace.lines() {
        let line =
            line.strip_prefix("[pid ").and_then(|line| line.split_once("] ")).map_or(line, |(_, line)| line);
        let Some((call, _)) = line.split_once('(') else { continue };
        // A debug build of the standard library asks before it closes a descriptor whether it is open.
        let is_check = cfg!(debug_assertions) && call == "fcntl";
        if !is_check && call.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            // Some machines have only the one with a set of signals, which is the same otherwise.
            let call = if call == "epoll_pwait" { "epoll_wait" } else { call };
            *calls.entry(call).or_default() += 1;
        }
    }
    calls.into_iter().map(|(call, count)| (call, f64::from(count) / f64::from(clients))).collect()
}

/// Names the calls that cost more than expected.
fn growth(calls: &BTreeMap<&str, f64>) -> String {
    let grown = calls.iter().map(|(call, count)| (call, *count, expected(call)));
    let grown: Vec<String> = grown
        .filter(|(_, count, expected)| *count > expected + 0.5 / f64::from(CROWD))
        .map(|(call, count, expected)| format!("{call} {count:.2} instead of {expected:.2}"))
        .collect();
    format!("more than expected: {}", grown.join(", "))
}
