//! Conversations with OpenBSD's netcat, which speaks four of the six kinds.

use std::process::Command;

use welcomed::net::Kind;

use super::all_kinds::AllKindsServer;
use crate::process::{is_here, run};

/// Fails unless netcat prints the welcome, and the server logs the name as `escaped`.
fn converses(kind: Kind, options: &[&str], name: &str, escaped: &str) {
    if !is_here("nc.openbsd") {
        return;
    }
    let server = AllKindsServer::start(&["--welcome", "Hello, {name}!", "--name-gap", "60s"]);
    let mut command = Command::new("nc.openbsd");
    command.args(options);
    match server.address(kind).as_socket() {
        Some(address) => command.arg(address.ip().to_string()).arg(address.port().to_string()),
        None => command.arg(server.path(kind)),
    };
    if kind == Kind::UnixGram {
        // A path to be answered at. Without the option netcat would take one in /tmp.
        command.arg("-s").arg(server.folder.new_path());
    }
    let (code, out, err) = run(&mut command, name.as_bytes());
    assert_eq!((code, out.as_str(), err.as_str()), (0, format!("Hello, {name}!").as_str(), ""));
    server.wait_for_log(&format!(" {escaped}"));
    server.end();
}

#[test]
fn netcat_is_welcomed_over_a_unix_stream() {
    // -N shuts down the write side at the end of the input, which ends the name.
    converses(Kind::Unix, &["-U", "-N"], "Rafatul", "Rafatul");
}

#[test]
fn netcat_is_welcomed_over_udp() {
    // -W 1 ends netcat with the first datagram. The line feed is part of the name.
    converses(Kind::Udp, &["-u", "-W", "1"], "Rafatul\n", r"Rafatul\n");
}

#[test]
fn netcat_is_welcomed_over_unix_datagrams() {
    converses(Kind::UnixGram, &["-U", "-u", "-W", "1"], "Rafatul\n", r"Rafatul\n");
}

#[test]
fn netcat_is_welcomed_over_tcp() {
    converses(Kind::Tcp, &["-N"], "Rafatul", "Rafatul");
}
