//! The system calls that a client costs, counted by strace.

use std::collections::BTreeMap;

use rustix::process::Signal;
use welcomed::net::{Address, Kind};

use super::socket_client::{SocketClient, serve};
use super::tracer::{Tracer, respelt};
use crate::process::Server;

/// Clients that connect together: as many as one turn of the loop accepts.
const CROWD: u32 = 64;
const CROWDS: u32 = 25;

/// As many as the queue of a Unix datagram socket holds (`net.unix.max_dgram_qlen`, ip-sysctl in the kernel's documentation).
const SMALL_CROWD: u32 = 8;

/// A client's share of the waits of its crowd, at most. So a prompt TCP client costs 5.1 calls at most.
const SHARE_MAX: f64 = 0.1;

/// The calls that a client costs. The first one is also made once in vain for each crowd.
fn visit(kind: Kind) -> &'static [(&'static str, f64)] {
    match kind {
        Kind::Tcp => {
            &[("accept4", 1.0), ("recvfrom", 1.0), ("sendto", 1.0), ("shutdown", 1.0), ("close", 1.0)]
        }
        // The last recvmsg reads the end of input: see `Kernel::close`.
        Kind::Unix => &[
            ("accept4", 1.0),
            ("getsockopt", 1.0),
            ("recvfrom", 1.0),
            ("sendto", 1.0),
            ("shutdown", 1.0),
            ("recvmsg", 1.0),
            ("close", 1.0),
        ],
        // In between is a look for another record: a client that sends more is lingered for.
        Kind::UnixPacket => &[
            ("accept4", 1.0),
            ("getsockopt", 1.0),
            ("recvmsg", 3.0),
            ("sendto", 1.0),
            ("shutdown", 1.0),
            ("close", 1.0),
        ],
        // What a datagram was sent to is told only here, and an answer comes from there.
        Kind::Udp | Kind::Raw => &[("recvmsg", 1.0), ("sendmsg", 1.0)],
        // The first is a look at the address; the second takes the datagram, and says which user has sent it. The third says
        // how many answers are unread. Where they are many there are others: this is the ordinary case.
        Kind::UnixGram => &[("recvfrom", 1.0), ("recvmsg", 1.0), ("getsockopt", 1.0), ("sendto", 1.0)],
    }
}

/// The calls that a client of a `crowd` costs. Each crowd shares one call that finds no more clients, and three
/// waits: for the signal that stops the server, for the crowd, and without blocking for more events. The signal
/// also interrupts the wait of the log's thread.
fn expected(kind: Kind, crowd: u32, call: &str) -> f64 {
    let once = 1.0 / f64::from(crowd);
    let shared = match call {
        "epoll_wait" => 3.0 * once,
        "futex" => once,
        call if call == visit(kind)[0].0 => once,
        _ => 0.0,
    };
    let own = visit(kind).iter().find(|(own, _)| *own == call);
    own.map_or(0.0, |(_, count)| *count) + shared
}

#[test]
fn a_tcp_client_costs_accept_receive_send_shutdown_and_close() {
    costs_what_is_expected(Kind::Tcp, CROWD);
}

#[test]
fn a_unix_client_also_costs_a_query_of_its_process() {
    costs_what_is_expected(Kind::Unix, CROWD);
}

#[test]
fn a_unixpacket_client_also_costs_a_second_receive() {
    costs_what_is_expected(Kind::UnixPacket, CROWD);
}

#[test]
fn a_datagram_costs_receive_and_send() {
    for (kind, crowd) in [(Kind::Udp, CROWD), (Kind::UnixGram, SMALL_CROWD), (Kind::Raw, CROWD)] {
        costs_what_is_expected(kind, crowd);
    }
}

/// Fails if clients in crowds make fewer calls than a visit has, or more than those and their share of waiting.
fn costs_what_is_expected(kind: Kind, crowd: u32) {
    let Some((server, address)) = serve(kind, &["--quiet"]) else { return };
    let Some(tracer) = Tracer::attach(&server, &[]) else { return };
    for _ in 0..CROWDS {
        welcome_crowd(&server, &address, crowd, &tracer);
    }
    tracer.wait_for_rest(); // the last client has its end before the server's last calls
    let trace = tracer.detach();
    let calls = calls_per_client(&trace, crowd * CROWDS);
    for (call, count) in visit(kind) {
        assert!(
            calls.get(call).is_some_and(|counted| counted >= count),
            "{kind}: too few {call}: {calls:.2?}"
        );
    }
    let all: f64 = calls.values().sum();
    let own: f64 = visit(kind).iter().map(|(_, count)| count).sum();
    let most = own + SHARE_MAX * f64::from(CROWD) / f64::from(crowd);
    let growth = growth(kind, crowd, &calls);
    assert!(all <= most, "{kind}: {all:.2} calls a client, at most {most:.2}; more than expected: {growth}");
}

#[test]
fn an_unexpected_call_is_named() {
    let trace = "strace: Process 7 attached with 2 threads\n\
        [pid     7] epoll_wait(3,  <unfinished ...>\n\
        [pid     8] futex(0x55d940088c50, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL <unfinished ...>\n\
        [pid     7] <... epoll_wait resumed>0x55d940089b70, 1024, -1) = -1 EINTR (Interrupted system call)\n\
        [pid     7] --- SIGSTOP {si_signo=SIGSTOP, si_code=SI_USER, si_pid=6, si_uid=0} ---\n\
        accept4(6, {sa_family=AF_INET}, [128 => 16], SOCK_CLOEXEC|SOCK_NONBLOCK) = 7\n\
        epoll_ctl(3, EPOLL_CTL_ADD, 7, {events=EPOLLIN}) = 0\n\
        epoll_ctl(3, EPOLL_CTL_DEL, 7, NULL) = 0\n\
        recv(7, \"Ada\\n\", 1024, 0) = 4\n\
        recvfrom(7, \"\", 1020, 0, NULL, NULL) = 0\n\
        epoll_pwait(3, [], 1024, 0, NULL, 8) = 0\n\
        +++ exited with 0 +++\n";
    let calls = calls_per_client(trace, 64);
    let counts: Vec<(&str, f64)> = calls.iter().map(|(call, count)| (*call, *count * 64.0)).collect();
    assert_eq!(
        counts,
        [("accept4", 1.0), ("epoll_ctl", 2.0), ("epoll_wait", 2.0), ("futex", 1.0), ("recvfrom", 2.0)]
    );
    assert_eq!(growth(Kind::Tcp, 64, &calls), "epoll_ctl 0.03 instead of 0.00");
}

/// Welcomes a crowd of prompt clients. The server stands still until all have sent their names, so that they are
/// one crowd on any machine.
fn welcome_crowd(server: &Server, address: &Address, crowd: u32, tracer: &Tracer) {
    tracer.stop(server);
    let clients: Vec<SocketClient> = (0..crowd).map(|_| SocketClient::connect(address).unwrap()).collect();
    for client in &clients {
        client.send(b"Rafatul\n").unwrap();
    }
    server.signal(Signal::CONT);
    for client in clients {
        assert_eq!(client.answer(), "welcome ");
    }
}

/// How often each system call was made, divided by `clients`.
fn calls_per_client(trace: &str, clients: u32) -> BTreeMap<&str, f64> {
    let mut calls: BTreeMap<&str, u32> = BTreeMap::new();
    for line in trace.lines() {
        let line =
            line.strip_prefix("[pid ").and_then(|line| line.split_once("] ")).map_or(line, |(_, line)| line);
        let Some((call, _)) = line.split_once('(') else { continue };
        let call = respelt(call);
        // A debug build of the standard library checks with fcntl(2) that a descriptor is open before it closes it.
        let is_check = cfg!(debug_assertions) && call == "fcntl";
        if !is_check && call.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            *calls.entry(call).or_default() += 1;
        }
    }
    calls.into_iter().map(|(call, count)| (call, f64::from(count) / f64::from(clients))).collect()
}

/// Names the calls that cost more than expected.
fn growth(kind: Kind, crowd: u32, calls: &BTreeMap<&str, f64>) -> String {
    let grown = calls.iter().map(|(call, count)| (call, *count, expected(kind, crowd, call)));
    let grown: Vec<String> = grown
        .filter(|(_, count, expected)| *count > expected + 0.5 / f64::from(crowd))
        .map(|(call, count, expected)| format!("{call} {count:.2} instead of {expected:.2}"))
        .collect();
    grown.join(", ")
}
