//! The signals: SIGTERM, SIGINT and SIGHUP stop the server, SIGUSR1 logs the counts, others do nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use super::folder::Folder;
use crate::process::{Process, Server, answer, is_here, now, until, welcomed};
use crate::tied::tied;

#[test]
fn a_stopping_server_finishes_open_connections_and_exits_with_0() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let server = Server::start(&["--name-gap", "10s"]);
        let mut clients: Vec<TcpStream> = (0..20).map(|_| server.send(b"Rafa")).collect();
        // Clients are accepted in order: once this one is served, the others are open.
        assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
        server.signal(signal);
        server.wait_for_log("stopping: 20 open");
        for client in &mut clients {
            client.write_all(b"tul\n").unwrap();
        }
        for client in clients {
            assert_eq!(answer(client), "welcome ");
        }
        let ended = server.wait();
        assert_eq!(ended.status.code(), Some(0));
        assert!(ended.log.contains("21 accepted: 21 welcomed"), "{}", ended.log);
    }
}

#[test]
fn a_client_that_connected_before_the_signal_is_welcomed() {
    let server = Server::start(&[]);
    server.signal(Signal::STOP);
    let clients: Vec<TcpStream> = (0..200).map(|_| server.send(b"Rafatul\n")).collect();
    server.signal(Signal::TERM);
    server.signal(Signal::CONT);
    for client in clients {
        assert_eq!(answer(client), "welcome ");
    }
    let ended = server.wait();
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.log.contains("200 accepted: 200 welcomed"), "{}", ended.log);
}

#[test]
fn a_full_server_that_stops_still_welcomes_its_accept_queue() {
    let server = Server::start(&["--max-connections", "10", "--max-per-source", "0"]);
    let clients: Vec<TcpStream> = (0..100).map(|_| server.send(b"Rafatul")).collect();
    server.wait_for_log("full: 10 open");
    server.signal(Signal::TERM);
    for client in clients {
        assert_eq!(answer(client), "welcome ");
    }
    assert_eq!(server.wait().status.code(), Some(0));
}

#[test]
fn a_server_restarts_at_once_at_the_same_address() {
    let server = Server::start(&[]);
    let address = server.address;
    // The server closes first, so the connection stays in TIME_WAIT.
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
    server.stop();
    let mut command = welcomed();
    command.args(["--listen", &address.to_string()]);
    assert_eq!(answer(Server::spawn(command).send(b"Ada\n")), "welcome ");
}

#[test]
fn a_stopping_server_refuses_new_clients() {
    let server = Server::start(&[]);
    let open = server.connect();
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
    server.signal(Signal::TERM);
    server.wait_for_log("stopping: 1 open");
    let refused = TcpStream::connect(server.address).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    drop(open);
    assert_eq!(server.wait().status.code(), Some(0));
}

#[test]
fn stopping_takes_no_longer_than_the_drain_timeout() {
    let server = Server::start(&["--drain-timeout", "300ms"]);
    let (mut silent, start) = (server.connect(), now());
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
    let ended = server.stop();
    assert!(now() - start >= Duration::from_millis(300));
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.log.contains("stopping: 1 did not finish in time"), "{}", ended.log);
    assert!(ended.log.contains("1 stopped, 0 open"), "{}", ended.log);
    assert_eq!(silent.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn a_second_signal_ends_at_once() {
    let server = Server::start(&["--drain-timeout", "24h"]);
    let _silent = server.connect();
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
    server.signal(Signal::TERM);
    server.wait_for_log("stopping: 1 open");
    server.signal(Signal::TERM);
    let ended = server.wait();
    assert!(ended.log.contains("stopping at once"), "{}", ended.log);
    assert!(ended.log.contains("1 stopped"), "{}", ended.log);
}

#[test]
fn sigusr1_logs_the_counts_and_disturbs_no_client() {
    let server = Server::start(&[]);
    let mut open = server.send(b"Rafa");
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
    server.signal(Signal::USR1);
    server.wait_for_log("counts: 2 accepted: 1 welcomed");
    open.write_all(b"tul\n").unwrap();
    assert_eq!(answer(open), "welcome ");
}

#[test]
fn signals_that_mean_nothing_do_not_end_the_server() {
    let server = Server::start(&[]);
    server.signal(Signal::USR2);
    server.signal(Signal::XFSZ);
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
    let mut command = tied("nohup");
    command.args([env!("CARGO_BIN_EXE_welcomed"), "--listen", "127.0.0.1:0"]).env_remove("RUST_LOG");
    let detached = Server::spawn(command);
    detached.signal(Signal::HUP);
    assert_eq!(answer(detached.send(b"Ada\n")), "welcome ");
    for server in [server, detached] {
        assert_eq!(server.stop().status.code(), Some(0));
    }
}

#[test]
fn signals_that_were_blocked_at_the_start_are_heeded() {
    if !is_here("python3") {
        return;
    }
    let block = "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()); \
                 os.execv(sys.argv[1], sys.argv[1:])";
    for stop in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut command = tied("python3");
        command.args(["-c", block, env!("CARGO_BIN_EXE_welcomed"), "--listen", "127.0.0.1:0"]);
        command.env_remove("RUST_LOG");
        let server = Server::spawn(command);
        server.signal(Signal::USR1);
        server.wait_for_log("counts: 0 accepted");
        server.signal(stop);
        assert_eq!(server.wait().status.code(), Some(0));
    }
}

#[test]
fn a_signal_that_waits_since_before_the_start_is_heeded() {
    if !is_here("python3") {
        return;
    }
    let wait = "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()); \
                os.kill(os.getpid(), int(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])";
    let started = |signal: Signal| {
        let mut command = tied("python3");
        command.args(["-c", wait, &signal.as_raw().to_string(), env!("CARGO_BIN_EXE_welcomed")]);
        Process::start(command.args(["--listen", "127.0.0.1:0"]).env_remove("RUST_LOG"))
    };
    for stop in [Signal::TERM, Signal::INT, Signal::HUP] {
        let ended = started(stop).wait();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
        assert!(ended.log.contains("counts: 0 accepted"), "{}", ended.log);
    }
    for other in [Signal::USR1, Signal::USR2] {
        let server = started(other);
        server.wait_for_log("waiting for connections");
        server.signal(Signal::TERM);
        assert_eq!(server.wait().status.code(), Some(0));
    }
}

#[test]
fn signals_during_the_last_moments_cost_no_line() {
    for _ in 0..30 {
        let mut server = Process::start(welcomed().args(["--listen", "127.0.0.1:0"]));
        server.wait_for_log("waiting for connections");
        until("it has ended", || {
            server.signal(Signal::TERM);
            server.signal(Signal::INT);
            server.child.try_wait().unwrap().is_some()
        });
        let ended = server.wait();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
        assert!(ended.log.contains("counts: 0 accepted"), "{}", ended.log);
    }
}

#[test]
fn a_limit_of_file_size_costs_lines_and_no_client() {
    let folder = Folder::new();
    let log = folder.path("log");
    let script = "ulimit -f 4; exec \"$0\" --listen 127.0.0.1:0 -vv 2>\"$1\"";
    let mut command = tied("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_welcomed")]).arg(&log).env_remove("RUST_LOG");
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    until("it listens", || {
        said = std::fs::read_to_string(&log).unwrap_or_default();
        said.contains("waiting for connections on tcp://") && said.ends_with('\n')
    });
    let address = said.split("on tcp://").nth(1).unwrap().lines().next().unwrap();
    for _ in 0..200 {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"Rafatul\n").unwrap();
        assert_eq!(answer(client), "welcome ");
    }
    assert!(std::fs::metadata(&log).unwrap().len() <= 4096, "the limit was reached");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(crate::process::wait(&mut child).code(), Some(0));
}
