//! A kernel that gives false answers: it denies a client or a name that is there, or leaves a closed descriptor
//! open. Linux does not, but a lost edge of epoll looks the same. The tests hold what follows then.

use std::io::Write as _;

use rustix::process::Signal;
use welcomed::net::Kind;

use super::socket_client::{SocketClient, address, own_endpoint, serve};
use super::tracer::{spelt, traced};
use crate::process::{Process, answer, in_parallel};
use crate::tied::tied;

#[test]
fn a_client_that_accept_missed_is_accepted_later() {
    // Its edge is used up: the promise is that the client is accepted in the end, not when.
    let denial = "inject=accept4:error=EAGAIN:when=1";
    let Some((server, tracer)) = traced(&[], &["-e", denial]) else { return };
    let denied = server.send(b"Ada\n");
    tracer.wait_for("(INJECTED)");
    assert_eq!(answer(server.send(b"Bob\n")), "welcome ");
    assert_eq!(answer(denied), "welcome ");

    let Some((server, tracer)) = traced(&[], &["-e", denial]) else { return };
    let denied = server.send(b"Ada\n");
    tracer.wait_for("(INJECTED)");
    server.signal(Signal::TERM);
    assert_eq!(answer(denied), "welcome ");
    assert_eq!(server.wait().status.code(), Some(0));
}

#[test]
fn a_name_that_receive_missed_is_read_later() {
    let denial = |when: u32| format!("inject={}:error=EAGAIN:when={when}", spelt("recvfrom"));
    // Before the stream is watched: to watch it reports the bytes that are there.
    let Some((server, tracer)) = traced(&[], &["-e", &denial(1)]) else { return };
    tracer.stop(&server);
    let client = server.send(b"Ada\n");
    server.signal(Signal::CONT);
    tracer.wait_for("(INJECTED)");
    assert_eq!(answer(client), "welcome ");

    // After that the edge is used up: the name is read with the next byte or at the deadline.
    in_parallel([&b"tul\n"[..], b""], |more| {
        let options = ["--name-timeout", "3s", "--name-gap", "3s"];
        let Some((server, tracer)) = traced(&options, &["-e", &denial(2)]) else { return };
        let mut client = server.connect();
        tracer.wait_for("EPOLL_CTL_ADD");
        client.write_all(if more.is_empty() { b"Rafatul\n" } else { b"Rafa" }).unwrap();
        tracer.wait_for("(INJECTED)");
        client.write_all(more).unwrap();
        assert_eq!(answer(client), "welcome ");
        assert!(server.stop().log.contains(" Rafatul\n"));
    });
}

#[test]
fn a_descriptor_that_close_left_open_disturbs_no_other_client() {
    let inject = "inject=close:error=EIO:when=1";
    let Some((server, tracer)) = traced(&["--name-gap", "60s"], &["-e", inject]) else { return };
    let mut left_open = server.connect();
    tracer.wait_for("EPOLL_CTL_ADD");
    left_open.write_all(b"Ada\n").unwrap();
    tracer.wait_for("(INJECTED)");
    let mut next = server.send(b"Ra");
    assert_eq!(answer(server.send(b"Bob\n")), "welcome ", "so the client before is open");
    for _ in 0..3 {
        left_open.write_all(b"more\n").unwrap();
        next.write_all(b"fa").unwrap();
    }
    tracer.wait_for_rest();
    next.write_all(b"\n").unwrap();
    assert_eq!(answer(next), "welcome ");
    let ended = server.stop();
    assert!(ended.log.contains(" Rafafafa\n"), "{}", ended.log);
    assert!(ended.log.contains("3 accepted: 3 welcomed"), "{}", ended.log);
}

#[test]
fn a_raw_server_ignores_packets_from_before_it_was_bound() {
    // strace delays its bind(2). With -D the server is the child of this test, and strace its grandchild.
    if traced(&[], &[]).is_none() || serve(Kind::Raw, &[]).is_none() {
        return;
    }
    let (here, elsewhere) = (own_endpoint(Kind::Raw), own_endpoint(Kind::Raw));
    let mut command = tied("strace");
    command.args(["-D", "-f", "-e", "trace=socket,bind", "-e", "inject=bind:delay_enter=1000000"]);
    command.args([env!("CARGO_BIN_EXE_welcomed"), "-l", &here]).env_remove("RUST_LOG");
    let server = Process::start(&mut command);
    server.wait_for_log("SOCK_RAW");
    SocketClient::connect(&address(&elsewhere)).unwrap().send(b"Stray").unwrap();
    assert!(!server.log().contains(&here), "bind was not delayed");
    server.wait_for_log(&format!("waiting for datagrams on {here}"));
    let client = SocketClient::connect(&address(&here)).unwrap();
    client.send(b"Ada").unwrap();
    assert_eq!(client.answer(), "welcome ");
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert!(ended.log.contains("counts: 1 accepted: 1 welcomed"), "{}", ended.log);
}
