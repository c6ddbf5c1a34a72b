//! Conversations with the netcats that people have: OpenBSD's, the traditional one, and nmap's.

use std::process::Command;

use crate::process::{Server, is_here, run};

/// Runs a netcat with `input`. Gives its output.
fn netcat(program: &str, server: &Server, input: &[u8]) -> String {
    let port = server.address.port().to_string();
    let (code, out, err) = run(Command::new(program).args(["127.0.0.1", &port]), input);
    assert_eq!((code, err.as_str()), (0, ""), "{program}");
    out
}

fn converses(program: &str) {
    if !is_here(program) {
        return;
    }
    let server = Server::start(&["--welcome", "Hello, {name}!\n"]);
    assert_eq!(netcat(program, &server, b"Rafatul\n"), "Hello, Rafatul!\n", "a line");
    assert_eq!(netcat(program, &server, b"Rafatul"), "Hello, Rafatul!\n", "no terminator");
    assert_eq!(netcat(program, &server, b"Rafatul\r\n"), "Hello, Rafatul!\n", "a line from elsewhere");
    assert_eq!(netcat(program, &server, b"\n"), "Hello, !\n", "an empty line");
    assert_eq!(netcat(program, &server, b"Rafatul\nand more\n"), "Hello, Rafatul!\n", "more than a name");
    let long = netcat(program, &server, &[b'x'; 5000]);
    assert_eq!(long.len(), "Hello, !\n".len() + 1024, "a name that is too long");
    let ended = server.stop();
    assert!(ended.log.contains("6 accepted: 6 welcomed"), "{}", ended.log);
    assert!(ended.log.contains(" Rafatul\n"), "{}", ended.log);
}

#[test]
fn openbsd_netcat_is_welcomed() {
    converses("nc.openbsd");
}

#[test]
fn traditional_netcat_is_welcomed() {
    converses("nc.traditional");
}

#[test]
fn netcat_of_nmap_is_welcomed() {
    converses("ncat");
}
