//! Conversations with Python's socket module, over all six kinds.

use std::process::Command;

use welcomed::net::Kind;

use super::all_kinds::AllKindsServer;
use super::raw::{host, raw_is_allowed};
use crate::process::{is_here, run};

/// Sends each name from a socket of its own, and prints the answers. Its arguments are the kind, the server's
/// address, its own address and the names.
const CLIENT: &str = r#"
import socket, sys
kind, server, own, *names = sys.argv[1:]
family, type, protocol = {
    "tcp": (socket.AF_INET, socket.SOCK_STREAM, 0),
    "unix": (socket.AF_UNIX, socket.SOCK_STREAM, 0),
    "unixpacket": (socket.AF_UNIX, socket.SOCK_SEQPACKET, 0),
    "udp": (socket.AF_INET, socket.SOCK_DGRAM, 0),
    "unixgram": (socket.AF_UNIX, socket.SOCK_DGRAM, 0),
    "raw": (socket.AF_INET, socket.SOCK_RAW, 253),
}[kind]
def place(text):
    if family == socket.AF_UNIX: return text
    host, _, port = text.partition(":")
    return host, int(port or 0)
for number, name in enumerate(names):
    s = socket.socket(family, type, protocol)
    s.settimeout(20)
    if kind == "unixgram": s.bind(own + str(number))
    if kind == "raw": s.bind(place(own))
    s.connect(place(server))
    if kind == "raw": # Until it was bound it received whatever came to this host, for others too (raw(7)).
        s.setblocking(False)
        try:
            while True: s.recv(2000)
        except BlockingIOError: s.settimeout(20)
    s.send(name.encode() + (b"\n" if type == socket.SOCK_STREAM else b""))
    answer = s.recv(2000)
    if kind == "raw": answer = answer[(answer[0] & 15) * 4:]
    if kind in ("tcp", "unix", "unixpacket"): assert s.recv(2000) == b"", "the end of input"
    print(repr(answer.decode()))
"#;

#[test]
fn python_is_welcomed_over_every_kind() {
    if !is_here("python3") {
        return;
    }
    let server = AllKindsServer::start(&["--welcome", "Hello, {name}!", "--name-gap", "60s"]);
    for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Raw || raw_is_allowed()) {
        let place = match server.address(*kind).as_socket() {
            Some(address) => address.to_string(),
            None => server.path(*kind).display().to_string(),
        };
        let own = match kind {
            Kind::Raw => host().to_string(),
            Kind::Tcp | Kind::Unix | Kind::UnixPacket | Kind::Udp | Kind::UnixGram => {
                server.folder.new_path().display().to_string()
            }
        };
        let name = format!("Rafatul over {kind}");
        let mut command = Command::new("python3");
        command.args(["-c", CLIENT, &kind.to_string(), &place, &own, &name, ""]);
        let (code, out, err) = run(&mut command, b"");
        assert_eq!((code, err.as_str()), (0, ""), "{kind}");
        assert_eq!(out, format!("'Hello, {name}!'\n'Hello, !'\n"), "{kind}");
        server.wait_for_log(&format!(" {name}"));
    }
    server.end();
}
