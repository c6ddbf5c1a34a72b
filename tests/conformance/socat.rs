//! Conversations with socat, which speaks all six kinds.

use std::io::Write as _;
use std::process::{Command, Stdio};

use welcomed::net::Kind;

use super::all_kinds::AllKindsServer;
use super::counts::wait_for_count;
use super::raw::{PROTOCOL, host, raw_is_allowed};
use crate::process::{Log, is_here, until, wait};

/// Runs socat with a name, checks its output, and prints the traffic and the line of the server's log.
fn converses(server: &AllKindsServer, address: &str, name: &str, expected: &str) {
    let mut command = Command::new("socat");
    command.args(["-v", "-", address]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (out, traffic) = (Log::read(child.stdout.take().unwrap()), Log::read(child.stderr.take().unwrap()));
    // Its input stays open until the answer has come: datagrams have no end of input.
    let mut input = child.stdin.take().unwrap();
    input.write_all(name.as_bytes()).unwrap();
    until("the answer", || out.text().len() >= expected.len());
    drop(input);
    assert!(wait(&mut child).success(), "{}", traffic.text());
    assert_eq!(out.text(), expected, "over {address}");
    let escaped = name.trim_end().replace('\n', r"\n");
    let log = server.wait_for_log(&format!(" {escaped}"));
    let line = log.lines().find(|line| line.ends_with(&format!(" {escaped}"))).unwrap();
    let typed = name.replace('\n', r"\n");
    println!("$ printf '{typed}' | socat -v - '{address}'\n{}\nstandard output: {expected}", traffic.text());
    println!("the server's log: {line}\n");
}

fn start() -> Option<AllKindsServer> {
    is_here("socat").then(|| AllKindsServer::start(&["--welcome", "Hello, {name}!", "--name-gap", "60s"]))
}

#[test]
fn socat_is_welcomed_over_tcp_and_a_unix_stream() {
    let Some(server) = start() else { return };
    let tcp = format!("TCP:{}", server.address);
    converses(&server, &tcp, "Rafatul\n", "Hello, Rafatul!");
    let unix = format!("UNIX-CONNECT:{}", server.path(Kind::Unix).display());
    converses(&server, &unix, "Ada\n", "Hello, Ada!");
    server.end();
}

#[test]
fn socat_is_welcomed_over_sequenced_packets() {
    let Some(server) = start() else { return };
    // Type 5 is SOCK_SEQPACKET. One record is one name, and needs no line end.
    let address = format!("UNIX-CONNECT:{},type=5", server.path(Kind::UnixPacket).display());
    converses(&server, &address, "Rafatul", "Hello, Rafatul!");
    converses(&server, &address, "two\nlines", "Hello, two\nlines!");
    server.end();
}

#[test]
fn socat_is_welcomed_over_udp() {
    let Some(server) = start() else { return };
    let address = format!("UDP:{}", server.address(Kind::Udp).as_socket().unwrap());
    converses(&server, &address, "Rafatul", "Hello, Rafatul!");
    server.end();
}

#[test]
fn socat_is_welcomed_over_unix_datagrams() {
    let Some(server) = start() else { return };
    let path = server.path(Kind::UnixGram);
    for form in ["UNIX-SENDTO:", "UNIX-CLIENT:"] {
        // A path to be answered at.
        let own = server.folder.new_path();
        let kind = if form == "UNIX-CLIENT:" { ",type=2" } else { "" };
        let address = format!("{form}{},bind={}{kind}", path.display(), own.display());
        let name = format!("Rafatul by {}", form.trim_end_matches(':'));
        converses(&server, &address, &name, &format!("Hello, {name}!"));
    }
    server.end();
}

#[test]
fn socat_is_welcomed_over_raw_packets() {
    if !raw_is_allowed() {
        return;
    }
    let Some(server) = start() else { return };
    let raw = server.address(Kind::Raw).as_socket_ipv4().unwrap();
    let (here, elsewhere) = (*raw.ip(), host());
    let address = |own| format!("IP-SENDTO:{here}:{PROTOCOL},bind={own}");
    converses(&server, &address(elsewhere), "Rafatul", "Hello, Rafatul!");
    // At the server's own address both receive their own packets: socat its name, the server its welcome, an echo.
    converses(&server, &address(here), "Ada", "AdaHello, Ada!");
    wait_for_count(&server, "echoes", 1).add_up_to(3);
    server.end();
}
