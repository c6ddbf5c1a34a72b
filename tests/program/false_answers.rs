//! A kernel that lies: it denies what is there, or keeps what it was told to close. None does; but what
//! would come of it can be said, and an edge that is lost looks like the first two.

use std::io::Write as _;
use std::process::Command;

use rustix::process::Signal;
use welcomed::net::Kind;

use super::socket_client::{Visitor, address, own_endpoint, serve};
use super::tracer::traced;
use crate::process::Process;
use crate::process::answer;

#[test]
fn a_client_that_accept_denied_is_accepted_with_the_next_one_or_when_the_server_stops() {
    // Its edge is used up, and no kernel denies who is there: nothing is promised but that it is not lost.
    let lie = "inject=accept4:error=EAGAIN:when=1";
    let Some((server, tracer)) = traced(&[], &["-e", lie]) else { return };
    let denied = server.send(b"Ada\n");
    tracer.wait_for("(INJECTED)");
    assert_eq!(answer(server.send(b"Bob\n")), "welcome ");
    assert_eq!(answer(denied), "welcome ");

    let Some((server, tracer)) = traced(&[], &["-e", lie]) else { return };
    let denied = server.send(b"Ada\n");
    tracer.wait_for("(INJECTED)");
    server.signal(Signal::TERM);
    assert_eq!(answer(denied), "welcome ");
    assert_eq!(server.wait().status.code(), Some(0));
}

#[test]
fn a_name_that_receive_denied_is_found_when_it_is_watched_with_the_next_byte_or_at_the_deadline() {
    // Before the stream is watched: watching tells what is there.
    let Some((server, tracer)) = traced(&[], &["-e", "inject=recvfrom:error=EAGAIN:when=1"]) else { return };
    tracer.stop(&server);
    let client = server.send(b"Ada\n");
    server.signal(Signal::CONT);
    tracer.wait_for("(INJECTED)");
    assert_eq!(answer(client), "welcome ");

    // Later the edge is used up. No kernel denies what is there, so that this comes late is no fault.
    for more in [&b"tul\n"[..], b""] {
        let options = ["--name-timeout", "3s", "--name-gap", "24h"];
        let lie = ["-e", "inject=recvfrom:error=EAGAIN:when=2"];
        let Some((server, tracer)) = traced(&options, &lie) else { return };
        let mut client = server.connect();
        tracer.wait_for("EPOLL_CTL_ADD");
        client.write_all(if more.is_empty() { b"Rafatul\n" } else { b"Rafa" }).unwrap();
        tracer.wait_for("(INJECTED)");
        client.write_all(more).unwrap();
        assert_eq!(answer(client), "welcome ");
        assert!(server.stop().log.contains(" Rafatul\n"));
    }
}

#[test]
fn a_descriptor_that_close_left_open_disturbs_nobody_who_gets_its_key() {
    let inject = "inject=close:error=EIO:when=1";
    let Some((server, tracer)) = traced(&["--name-gap", "24h"], &["-e", inject]) else { return };
    let mut left_open = server.connect();
    tracer.wait_for("EPOLL_CTL_ADD");
    left_open.write_all(b"Ada\n").unwrap();
    tracer.wait_for("(INJECTED)");
    let mut next = server.send(b"Ra");
    assert_eq!(answer(server.send(b"Bob\n")), "welcome ", "so the one before is inside");
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
fn a_raw_server_answers_nothing_that_came_while_it_had_no_address_yet() {
    // strace holds up its bind(2); it leaves the server the test's own child (-D).
    if traced(&[], &[]).is_none() || serve(Kind::Raw, &[]).is_none() {
        return;
    }
    let (here, elsewhere) = (own_endpoint(Kind::Raw), own_endpoint(Kind::Raw));
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-e", "trace=socket,bind", "-e", "inject=bind:delay_enter=1000000"]);
    command.args([env!("CARGO_BIN_EXE_welcomed"), "-l", &here]).env_remove("RUST_LOG");
    let server = Process::start(&mut command);
    server.wait_for_log("SOCK_RAW");
    Visitor::connect(&address(&elsewhere)).unwrap().say(b"Stray").unwrap();
    assert!(!server.log().contains(&here), "it was not held up");
    server.wait_for_log(&format!("waiting for datagrams on {here}"));
    let visitor = Visitor::connect(&address(&here)).unwrap();
    visitor.say(b"Ada").unwrap();
    assert_eq!(visitor.answer(), "welcome ");
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert!(ended.log.contains("counts: 1 accepted: 1 welcomed"), "{}", ended.log);
}
