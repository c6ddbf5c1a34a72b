//! The client program over datagrams while the way to the server is down, in a network of the test's own.

use std::process::Command;

use super::client_program::error_line;
use super::sandbox::{has_own_network, in_own_network};
use crate::process::{in_parallel, is_here, run};

/// Runs a script with the client as `$0`, where 10.9.9.9 is reached as `route` has it.
fn with_route(route: &str, script: &str) -> Command {
    let route = if route.is_empty() { String::new() } else { format!("ip route add {route} 10.9.9.9 && ") };
    let mut program = Command::new("sh");
    program.args(["-c", &format!("{route}{script}"), env!("CARGO_BIN_EXE_welcome")]);
    in_own_network(&program)
}

/// Routes that fail, and a part of how that is said: by the number where C libraries have other words.
const ROUTES: [(&str, &str); 5] = [
    ("", "(os error 101)"),
    ("throw", "(os error 101)"),
    ("unreachable", "(os error 113)"),
    ("prohibit", "it takes a firewall and routes that let it through"),
    ("blackhole", "Invalid argument"),
];

#[test]
fn a_way_that_is_down_uses_every_attempt() {
    if !has_own_network() {
        return;
    }
    in_parallel(ROUTES, |(route, words)| {
        let visit = "exec \"$0\" -c udp://10.9.9.9:7000 --timeout 3s --retries 2 Ada";
        let line = error_line(run(&mut with_route(route, visit), b""), 1);
        let begin = "udp://10.9.9.9:7000: none of 3 attempts was answered: ";
        assert!(line.starts_with(begin) && line.contains(words), "{route}: {line}");
    });
}

/// A way that is up after half a second, with a server at its end.
const LATER: &str = "
\"$0\" -c udp://10.9.9.9:7000 --timeout 20s --retries 100 Ada &
sleep 0.5
ip route del 10.9.9.9 2>/dev/null
ip address add 10.9.9.9/32 dev lo
timeout 20 python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((\"10.9.9.9\", 7000))
name, client = s.recvfrom(1024)
s.sendto(b\"Hello, \" + name, client)'
wait $!";

#[test]
fn a_way_that_comes_up_again_is_used_by_a_later_attempt() {
    if !has_own_network() || !is_here("python3") {
        return;
    }
    in_parallel(ROUTES, |(route, _)| {
        let (code, out, said) = run(&mut with_route(route, LATER), b"");
        assert_eq!((code, out.as_str()), (0, "Hello, Ada"), "{route}: {said}");
        assert!(said.starts_with("answered at attempt ") && said.lines().count() == 1, "{route}: {said}");
    });
}

#[test]
fn a_connection_over_a_way_that_is_down_fails_at_once() {
    if !has_own_network() {
        return;
    }
    in_parallel(ROUTES, |(route, words)| {
        let line =
            error_line(run(&mut with_route(route, "exec \"$0\" -c 10.9.9.9:7000 --timeout 1h Ada"), b""), 1);
        assert!(line.starts_with("tcp://10.9.9.9:7000: ") && line.contains(words), "{route}: {line}");
    });
}
