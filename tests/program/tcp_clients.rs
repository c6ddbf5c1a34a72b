//! TCP clients of every sort at the running server: prompt, slow, silent, too long, broken, many.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use socket2::{Domain, SockRef, Socket, Type};

use crate::process::{Server, answer, is_here, now, until};
use crate::tied::tied;

#[test]
fn a_thousand_clients_at_once_each_get_their_own_welcome() {
    let server = Server::start(&["--welcome", "Hello, {name}!"]);
    let mut clients: Vec<TcpStream> = (0..1000).map(|_| server.connect()).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        client.write_all(format!("client {index}\n").as_bytes()).unwrap();
    }
    for (index, client) in clients.into_iter().enumerate() {
        assert_eq!(answer(client), format!("Hello, client {index}!"));
    }
    let ended = server.stop();
    assert!(ended.log.contains("1000 accepted: 1000 welcomed"), "{}", ended.log);
    assert_eq!(ended.log.matches("connected with ").count(), 1000);
}

#[test]
fn the_log_has_the_words_of_the_report() {
    let server = Server::start(&[]);
    let client = server.send(b"Rafatul\n");
    let address = client.local_addr().unwrap();
    assert_eq!(answer(client), "welcome ");
    let log = server.wait_for_log(&format!("connected with {address} Rafatul"));
    assert!(log.contains("socket created"), "{log}");
    assert!(log.contains(&format!("waiting for connections on tcp://{}", server.address)), "{log}");
}

#[test]
fn a_name_without_terminator_is_welcomed_after_the_gap() {
    let server = Server::start(&["--name-gap", "120ms", "-vv"]);
    let start = now();
    assert_eq!(answer(server.send(b"Rafatul")), "welcome ");
    assert!(now() - start >= Duration::from_millis(120));
    server.wait_for_log("reading name -> writing welcome (silence)");
}

#[test]
fn without_a_gap_a_name_ends_when_the_socket_runs_dry() {
    let server = Server::start(&["--name-gap", "0", "--name-timeout", "24h"]);
    assert_eq!(answer(server.send(b"Rafatul")), "welcome ");
}

#[test]
fn a_half_closed_client_is_welcomed_at_once() {
    let server = Server::start(&["--name-gap", "60s"]);
    let client = server.send(b"Rafatul");
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(answer(client), "welcome ");
}

#[test]
fn a_name_sent_a_byte_at_a_time_is_one_name() {
    let server = Server::start(&["--welcome", "<{name}>", "--name-gap", "20s", "-vv"]);
    let mut client = server.connect();
    client.set_nodelay(true).unwrap();
    for byte in b"Rafatul\r\n" {
        client.write_all(&[*byte]).unwrap();
    }
    assert_eq!(answer(client), "<Rafatul>");
}

#[test]
fn a_terminal_escape_as_a_name_is_harmless_in_the_log() {
    let server = Server::start(&[]);
    let name = "\u{1b}]0;owned\u{7}\u{1b}[2J\r2026 ERROR forged\u{202e}\n";
    assert_eq!(answer(server.send(name.as_bytes())), "welcome ");
    let log = server.wait_for_log(r"\u{1b}]0;owned\u{7}\u{1b}[2J\r2026 ERROR forged\u{202e}");
    assert!(log.chars().all(|c| c == '\n' || (!c.is_control() && c != '\u{202e}')), "{log:?}");
}

#[test]
fn a_name_of_any_length_is_welcomed_without_a_reset() {
    let server = Server::start(&["--welcome", "{name}", "-vv"]);
    for length in [1023, 1024, 1025, 10_000_000] {
        let client = server.send(&vec![b'x'; length]);
        assert_eq!(answer(client).len(), length.min(1024), "{length} bytes");
    }
    let ended = server.stop();
    assert!(ended.log.contains("4 accepted: 4 welcomed (3 lingered)"), "{}", ended.log);
    // The server shuts down its write side, so that the client sees the end and closes before lingering times out.
    assert_eq!(ended.log.matches("lingering -> closed (end of input)").count(), 3, "{}", ended.log);
}

#[test]
fn a_long_name_sent_byte_by_byte_is_welcomed_without_a_reset() {
    let server = Server::start(&["--welcome", "{name}", "--name-gap", "20s"]);
    for _ in 0..20 {
        let client = server.connect();
        client.set_nodelay(true).unwrap();
        let mut sender = client.try_clone().unwrap();
        let sending = thread::spawn(move || (0..1500).try_for_each(|_| sender.write_all(b"x")));
        assert_eq!(answer(client).len(), 1024);
        sending.join().unwrap().unwrap();
    }
}

#[test]
fn input_after_the_name_does_not_destroy_the_welcome() {
    let server = Server::start(&[]);
    for more in [&b"Rafatul\n\n"[..], b"Rafatul\r\nGET / HTTP/1.1\r\n\r\n", b"\n\n\n\n"] {
        assert_eq!(answer(server.send(more)), "welcome ");
    }
}

#[test]
fn a_silent_client_is_closed_at_its_deadline() {
    let server = Server::start(&["--name-timeout", "400ms"]);
    let (silent, start) = (server.connect(), now());
    let mut welcomes = 0;
    while now() - start < Duration::from_millis(300) {
        assert_eq!(answer(server.send(b"Rafatul\n")), "welcome ");
        welcomes += 1;
    }
    assert_eq!(answer(silent), "");
    assert!(now() - start >= Duration::from_millis(390), "closed after {:?}", now() - start);
    assert!(welcomes > 0);
    assert!(server.stop().log.contains("1 timed out"));
}

#[test]
fn a_slow_loris_is_closed_without_a_welcome() {
    let server = Server::start(&["--name-timeout", "300ms", "--name-gap", "300ms"]);
    let mut loris = server.connect();
    let start = now();
    until("the server has closed", || {
        loris.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let _ = loris.write_all(b"x");
        !matches!(loris.read(&mut [0; 8]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    });
    assert!(now() - start >= Duration::from_millis(290));
    assert!(server.stop().log.contains("0 welcomed"), "a loris was welcomed");
}

#[test]
fn a_server_with_room_for_10_welcomes_300_clients_in_turn() {
    let server = Server::start(&["--max-connections", "10", "--max-per-source", "0"]);
    let clients: Vec<TcpStream> = (0..300).map(|_| server.send(b"Rafatul")).collect();
    for client in clients {
        assert_eq!(answer(client), "welcome ");
    }
    let ended = server.stop();
    assert!(ended.log.contains("300 accepted: 300 welcomed"), "{}", ended.log);
    assert!(ended.log.contains("full: 10 open, the most there may be"), "{}", ended.log);
}

/// With `SO_LINGER` and no time closing sends a reset: so Linux does, and no manual page says it.
fn resets_at_close(client: &TcpStream) {
    SockRef::from(client).set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn a_health_check_is_counted_and_gets_no_welcome() {
    let server = Server::start(&[]);
    let client = server.connect();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(answer(client), "");
    drop(server.connect());
    server.connect().shutdown(Shutdown::Both).unwrap();
    resets_at_close(&server.connect());
    until("all four are counted", || {
        server.signal(Signal::USR1);
        server.log().contains("4 without a name")
    });
    assert!(!server.stop().log.contains("connected with"));
}

#[test]
fn a_reset_ends_its_own_connection_only() {
    let server = Server::start(&["-v"]);
    let open = server.connect();
    for bytes in [&b""[..], b"half a na"] {
        let client = server.send(bytes);
        resets_at_close(&client);
    }
    server.wait_for_log("while reading name");
    until("both are counted", || {
        server.signal(Signal::USR1);
        server.log().contains("1 without a name, 0 timed out, 1 failed")
    });
    let mut open = open;
    open.write_all(b"Rafatul\n").unwrap();
    assert_eq!(answer(open), "welcome ");
}

#[test]
fn a_client_that_never_reads_is_closed_at_the_write_deadline() {
    let welcome = "x".repeat(60_000);
    let server = Server::start(&["--welcome", &welcome, "--write-timeout", "300ms", "-vv"]);
    // Small segments make the buffers of both ends small. A receive buffer has to be set before connecting.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_tcp_mss(536).unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    socket.connect(&server.address.into()).unwrap();
    let mut stalled = TcpStream::from(socket);
    stalled.write_all(b"Rafatul\n").unwrap();
    server.wait_for_log("writing welcome -> closed (deadline)");
    assert_eq!(answer(server.send(b"Ada\n")).len(), 60_000);
    assert!(server.stop().log.contains("2 accepted: 1 welcomed (1 lingered), 0 without a name, 1 timed out"));
}

#[test]
fn bytes_received_during_a_standstill_outrank_passed_deadlines() {
    let server = Server::start(&["--name-gap", "1s", "--name-timeout", "1s", "--welcome", "{name}"]);
    let mut clients: Vec<(TcpStream, &[u8])> = Vec::new();
    for _ in 0..20 {
        clients.push((server.send(b"Rafa"), b"tul\n"));
        clients.push((server.connect(), b"Rafatul\nand more"));
    }
    assert_eq!(answer(server.send(b"Ada\n")), "Ada", "so all clients are accepted");
    server.signal(Signal::STOP);
    let start = now();
    for (client, rest) in &mut clients {
        client.write_all(rest).unwrap();
    }
    until("every deadline has passed", || now() - start > Duration::from_millis(1100));
    server.signal(Signal::CONT);
    for (client, _) in clients {
        assert_eq!(answer(client), "Rafatul");
    }
}

#[test]
fn late_input_does_not_destroy_a_welcome_that_had_to_wait() {
    let server = Server::start(&["--welcome", &"x".repeat(60_000), "-vv"]);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_tcp_mss(536).unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    socket.connect(&server.address.into()).unwrap();
    let mut slow = TcpStream::from(socket);
    slow.set_read_timeout(Some(crate::process::BOUND)).unwrap();
    slow.write_all(b"Rafatul\n").unwrap();
    server.wait_for_log("reading name -> writing welcome (line end)");
    slow.write_all(b"more\n").unwrap();
    assert_eq!(answer(slow).len(), 60_000);
    server.wait_for_log("open -> lingering (over with input left)");
}

#[test]
fn the_welcome_and_the_end_leave_in_one_segment() {
    if !is_here("strace") {
        return;
    }
    let mut command = tied("strace");
    // With -D the server is the child of this test. Some libraries have send for sendto.
    command.args(["-D", "-f", "-e", "trace=/^send,shutdown,close", env!("CARGO_BIN_EXE_welcomed")]);
    command.args(["--listen", "127.0.0.1:0"]).env_remove("RUST_LOG");
    let server = Server::spawn(command);
    assert_eq!(answer(server.send(b"Rafatul\n")), "welcome ");
    let trace = server.wait_for_log("\"welcome \"");
    let sent = trace.split("\"welcome \"").nth(1).unwrap();
    assert!(sent.contains("MSG_MORE"), "{trace}");
    let trace = server.wait_for_log("Rafatul");
    let last = trace.split("\"welcome \"").nth(1).unwrap();
    let (shutdown, close) = (last.find("SHUT_WR").unwrap(), last.find("close(").unwrap());
    assert!(shutdown < close, "{trace}");
    server.stop();
}

#[test]
fn clients_that_connect_during_a_standstill_are_welcomed() {
    let server = Server::start(&[]);
    server.signal(Signal::STOP);
    let clients: Vec<TcpStream> = (0..50).map(|_| server.send(b"Rafatul\n")).collect();
    server.signal(Signal::CONT);
    for client in clients {
        assert_eq!(answer(client), "welcome ");
    }
}

#[test]
fn a_crowd_at_one_socket_does_not_keep_another_waiting() {
    let name = format!("welcomed-fair-{}", std::process::id());
    let server = Server::start(&[
        "--listen",
        &format!("unix://@{name}"),
        "--max-connections",
        "1",
        "--name-gap",
        "60s",
    ]);
    let other = rustix::net::SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap();
    for round in 0..10 {
        let mut inside = server.send(format!("{round}-inside").as_bytes());
        until("it is inside", || server.log().matches("full: 1 open").count() > round);
        let name = |number: usize| format!("{round}-{number}\n");
        let crowd: Vec<TcpStream> = (0..6).map(|number| server.send(name(number).as_bytes())).collect();
        let waiting = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        rustix::net::connect(&waiting, &other).unwrap();
        waiting.send(format!("{round}-waiting\n").as_bytes()).unwrap();
        inside.write_all(b"\n").unwrap();
        for client in crowd.into_iter().chain([inside]) {
            assert_eq!(answer(client), "welcome ");
        }
        let log = server.wait_for_log(&format!(" {round}-waiting\n"));
        let of_round = |line: &&str| line.contains("connected with") && line.contains(&format!(" {round}-"));
        let order: Vec<&str> = log.lines().filter(of_round).collect();
        assert!(order.iter().take(3).any(|line| line.ends_with("waiting")), "{order:#?}");
    }
}
