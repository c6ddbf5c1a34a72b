//! Conversations with socat, which speaks all six kinds.

use std::io::Write as _;
use std::process::{Command, Stdio};

use welcomed::net::Kind;

use super::all_kinds::Ground;
use super::counts::wait_for_count;
use super::raw::{PROTOCOL, host, raw_is_allowed};
use crate::process::{Log, is_here, until, wait};

/// One conversation: what socat is given and prints, how it shows what went over the socket, and the log.
fn converses(ground: &Ground, address: &str, name: &str, expected: &str) {
    let mut command = Command::new("socat");
    command.args(["-v", "-", address]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (out, traffic) = (Log::read(child.stdout.take().unwrap()), Log::read(child.stderr.take().unwrap()));
    // Its input stays open until the answer has come: datagrams have no end that it could wait for.
    let mut input = child.stdin.take().unwrap();
    input.write_all(name.as_bytes()).unwrap();
    until("the answer", || out.text().len() >= expected.len());
    drop(input);
    assert!(wait(&mut child).success(), "{}", traffic.text());
    assert_eq!(out.text(), expected, "over {address}");
    let shown = name.trim_end().replace('\n', r"\n");
    let log = ground.server.wait_for_log(&format!(" {shown}"));
    let line = log.lines().find(|line| line.ends_with(&format!(" {shown}"))).unwrap();
    let typed = name.replace('\n', r"\n");
    println!("$ printf '{typed}' | socat -v - '{address}'\n{}\nstandard output: {expected}", traffic.text());
    println!("the server's log: {line}\n");
}

fn ground() -> Option<Ground> {
    is_here("socat").then(|| Ground::start(&["--welcome", "Hello, {name}!", "--name-gap", "24h"]))
}

#[test]
fn socat_is_welcomed_over_tcp_and_a_unix_stream() {
    let Some(ground) = ground() else { return };
    let tcp = format!("TCP:{}", ground.server.address);
    converses(&ground, &tcp, "Rafatul\n", "Hello, Rafatul!");
    let unix = format!("UNIX-CONNECT:{}", ground.path(Kind::Unix).display());
    converses(&ground, &unix, "Ada\n", "Hello, Ada!");
    ground.end();
}

#[test]
fn socat_is_welcomed_over_sequenced_packets() {
    let Some(ground) = ground() else { return };
    // Type 5 is SOCK_SEQPACKET. One record is one name, and needs no line end.
    let address = format!("UNIX-CONNECT:{},type=5", ground.path(Kind::UnixPacket).display());
    converses(&ground, &address, "Rafatul", "Hello, Rafatul!");
    converses(&ground, &address, "two\nlines", "Hello, two\nlines!");
    ground.end();
}

#[test]
fn socat_is_welcomed_over_udp() {
    let Some(ground) = ground() else { return };
    let address = format!("UDP:{}", ground.address(Kind::Udp).as_socket().unwrap());
    converses(&ground, &address, "Rafatul", "Hello, Rafatul!");
    ground.end();
}

#[test]
fn socat_is_welcomed_over_unix_datagrams() {
    let Some(ground) = ground() else { return };
    let server = ground.path(Kind::UnixGram);
    for form in ["UNIX-SENDTO:", "UNIX-CLIENT:"] {
        // Its own name, without which it could not be answered.
        let own = ground.folder.new_path();
        let kind = if form == "UNIX-CLIENT:" { ",type=2" } else { "" };
        let address = format!("{form}{},bind={}{kind}", server.display(), own.display());
        let name = format!("Rafatul by {}", form.trim_end_matches(':'));
        converses(&ground, &address, &name, &format!("Hello, {name}!"));
    }
    ground.end();
}

#[test]
fn socat_is_welcomed_over_raw_packets() {
    if !raw_is_allowed() {
        return;
    }
    let Some(ground) = ground() else { return };
    let server = ground.address(Kind::Raw).as_socket_ipv4().unwrap();
    let (here, elsewhere) = (*server.ip(), host());
    let address = |own| format!("IP-SENDTO:{here}:{PROTOCOL},bind={own}");
    converses(&ground, &address(elsewhere), "Rafatul", "Hello, Rafatul!");
    // At the server's own address it hears what it has sent itself, too, as the server hears its answer: an echo.
    converses(&ground, &address(here), "Ada", "AdaHello, Ada!");
    wait_for_count(&ground.server, "echoes", 1).add_up_to(3);
    ground.end();
}
