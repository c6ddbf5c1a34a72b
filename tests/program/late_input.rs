//! Input that comes behind the name, at any moment up to close(2), costs no client its welcome. And a welcome that is cut
//! short does not end as a whole one does.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use rustix::net::{SendFlags, send};
use rustix::process::Signal;
use socket2::{Domain, Socket, Type};
use welcomed::net::Kind;

use super::socket_client::{SocketClient, serve};
use super::tracer::Tracer;
use crate::process::{BOUND, Server, answer};

/// How long each of the last calls of a conversation takes here.
const SLOW: &str = "150000";

#[test]
fn a_second_piece_before_the_last_calls_costs_no_welcome() {
    let kinds = [Kind::Tcp, Kind::Unix, Kind::UnixPacket];
    for (kind, welcome) in kinds.into_iter().flat_map(|kind| [(kind, "welcome "), (kind, "")]) {
        for call in ["shutdown", "close"] {
            let options = ["--name-gap", "60s", "--welcome", welcome];
            let Some((server, address)) = serve(kind, &options) else { return };
            let inject = format!("inject={call}:delay_enter={SLOW}");
            let Some(tracer) = Tracer::attach(&server, &["-e", &inject]) else { return };
            let client = SocketClient::connect(&address).unwrap();
            client.send(if kind.semantics().boundaries { b"Ada" } else { b"Ada\n" }).unwrap();
            server.wait_for_log(" Ada\n");
            // Over Unix sockets it can be too late.
            let _ = client.send(b"more");
            assert_eq!(client.answer(), welcome, "{kind}, before {call}");
            drop(tracer);
            server.stop();
        }
    }
}

#[test]
fn an_urgent_byte_behind_the_line_end_costs_no_welcome() {
    let server = Server::start(&["--name-gap", "60s"]);
    for _ in 0..20 {
        server.signal(Signal::STOP);
        let client = server.send(b"Ada\n");
        send(&client, b"!", SendFlags::OOB).unwrap();
        server.signal(Signal::CONT);
        assert_eq!(answer(client), "welcome ");
    }
    server.stop();
}

#[test]
fn input_behind_a_long_welcome_costs_none_of_it() {
    let welcome = "x".repeat(60_000);
    let server = Server::start(&["--welcome", &welcome, "-vv"]);
    for _ in 0..5 {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&server.address.into()).unwrap();
        let mut client = TcpStream::from(socket);
        client.set_read_timeout(Some(BOUND)).unwrap();
        client.write_all(b"Ada\n").unwrap();
        let peer = client.local_addr().unwrap();
        // All of it is with the kernel, and most of it waits for the client's window.
        server.wait_for_log(&format!("{peer}: open -> lingering (over with much output)"));
        client.write_all(b"more\n").unwrap();
        assert_eq!(answer(client).len(), welcome.len());
    }
    server.stop();
}

/// A client that takes no more of a long welcome than its small buffers hold.
fn stalled(server: &Server) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_tcp_mss(536).unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    socket.connect(&server.address.into()).unwrap();
    let mut stalled = TcpStream::from(socket);
    stalled.set_read_timeout(Some(BOUND)).unwrap();
    stalled.write_all(b"Rafatul\n").unwrap();
    server.wait_for_log("reading name -> writing welcome (line end)");
    stalled
}

fn ends_in_a_reset(mut client: TcpStream) {
    let mut got = Vec::new();
    let error = client.read_to_end(&mut got).expect_err("a clean end");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(got.len() < 60_000 && got.iter().all(|byte| *byte == b'x'), "{} bytes", got.len());
}

#[test]
fn a_welcome_that_is_cut_short_ends_in_a_reset() {
    let welcome = "x".repeat(60_000);
    let options = |more: &[&'static str]| [&["--welcome", &welcome, "-vv"], more].concat();

    let server = Server::start(&options(&["--write-timeout", "300ms"]));
    let client = stalled(&server);
    server.wait_for_log("writing welcome -> closed (deadline)");
    ends_in_a_reset(client);
    server.stop();

    let server = Server::start(&options(&["--drain-timeout", "300ms"]));
    let client = stalled(&server);
    server.signal(Signal::TERM);
    server.wait();
    ends_in_a_reset(client);

    let server = Server::start(&options(&[]));
    let client = stalled(&server);
    server.signal(Signal::TERM);
    server.wait_for_log("stopping: 1 open");
    server.signal(Signal::TERM);
    server.wait();
    ends_in_a_reset(client);

    let server = Server::start(&options(&[]));
    let client = stalled(&server);
    let Some(tracer) = Tracer::attach(&server, &["-e", "inject=?epoll_wait,epoll_pwait:error=EBADF"]) else {
        return;
    };
    server.signal(Signal::USR1); // it waits once more
    assert_eq!(server.wait().status.code(), Some(1));
    drop(tracer);
    ends_in_a_reset(client);
}
