//! The client program where no server listens, and the kernel gives its socket the very name that it connects to. It is told
//! so by the range of ports: in a network of the test's own that is one port.

use std::process::Command;

use super::client_program::error_line;
use super::sandbox::{has_own_network, in_own_network};
use crate::process::{is_here, not_tested, run};

/// Runs a script in a network whose sockets all get port 40000, if the kernel chooses.
fn with_one_port(script: &str) -> Command {
    let mut program = Command::new("sh");
    let one_port = "echo '40000 40000' > /proc/sys/net/ipv4/ip_local_port_range && ";
    program.args(["-c", &format!("{one_port}{script}"), env!("CARGO_BIN_EXE_welcome")]);
    in_own_network(&program)
}

fn has_one_port() -> bool {
    if !has_own_network() {
        return false;
    }
    let (code, _, why) = run(&mut with_one_port("true"), b"");
    if code != 0 {
        not_tested(&format!("the range of ports cannot be set: {}", why.trim()));
    }
    code == 0
}

const NOBODY: &str = "nobody listens there; is the server running?";

#[test]
fn a_client_that_is_connected_to_itself_is_refused() {
    if !has_one_port() {
        return;
    }
    for (place, has_connections) in [
        ("127.0.0.1:40000", true),
        ("[::1]:40000", true),
        ("0.0.0.0:40000", true),
        ("[::]:40000", true),
        ("localhost:40000", true),
        ("udp://127.0.0.1:40000", false),
        ("udp://[::1]:40000", false),
        ("udp://0.0.0.0:40000", false),
        ("udp://localhost:40000", false),
    ] {
        let visit = |name: &str| {
            let options = if has_connections { "--timeout 40s" } else { "--timeout 300ms --retries 2" };
            let script = format!("exec \"$0\" -c '{place}' {options} '{name}'");
            error_line(run(&mut with_one_port(&script), b""), 1)
        };
        for name in ["Ada", ""] {
            let line = visit(name);
            let words = if has_connections {
                format!("connection refused: {NOBODY}")
            } else {
                format!("none of 3 attempts was answered: {NOBODY}")
            };
            assert!(line.ends_with(&words), "{place}: {line}");
        }
    }
}

#[test]
fn a_client_refused_by_itself_leaves_the_port_to_a_server() {
    if !has_one_port() || !is_here("python3") {
        return;
    }
    for place in ["tcp://127.0.0.1:40000", "tcp://[::1]:40000", "udp://127.0.0.1:40000"] {
        // Python's server has no SO_REUSEADDR: a connection in TIME_WAIT would be in its way.
        let script = format!(
            "\"$0\" -c '{place}' --timeout 100ms Ada; exec python3 -c '
import socket, sys
family = socket.AF_INET6 if \"[\" in sys.argv[1] else socket.AF_INET
kind = socket.SOCK_DGRAM if sys.argv[1].startswith(\"udp\") else socket.SOCK_STREAM
socket.socket(family, kind).bind((\"::1\" if family == socket.AF_INET6 else \"127.0.0.1\", 40000))' {place}"
        );
        let (code, _, said) = run(&mut with_one_port(&script), b"");
        assert_eq!(code, 0, "{place}: {said}");
    }
}
