//! The client program over TCP: with our server, and with servers that fail it. `tests/python_examples.rs` runs it with
//! the calls of the lab report.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use super::client_program::{error_line, welcome};
use super::sandbox::with_two_homes;
use crate::process::{Server, is_here, not_tested, run};

fn visit(address: SocketAddr, options: &[&str], input: &[u8]) -> (i32, String, String) {
    run(welcome().args(["--connect", &address.to_string()]).args(options), input)
}

/// A server that accepts one client and gives it to `then`.
fn serve(then: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || then(listener.accept().unwrap().0));
    address
}

#[test]
fn a_name_on_the_command_line_prints_the_welcome_and_no_more() {
    let server = Server::start(&["--welcome", "Hello, {name}!", "--name-gap", "60s"]);
    assert_eq!(visit(server.address, &["Rafatul"], b""), (0, "Hello, Rafatul!".into(), String::new()));
    server.wait_for_log(" Rafatul");
}

#[test]
fn without_a_name_and_a_terminal_the_client_reads_a_line() {
    let server = Server::start(&["--welcome", "Hello, {name}!"]);
    for input in [&b"Rafatul\n"[..], b"Rafatul\r\n", b"Rafatul", b"Rafatul\nAda\n"] {
        assert_eq!(visit(server.address, &[], input), (0, "Hello, Rafatul!".into(), String::new()));
    }
}

#[test]
fn an_empty_name_is_welcomed_and_a_missing_one_is_an_error() {
    let server = Server::start(&[]);
    assert_eq!(visit(server.address, &[""], b"").1, "welcome ");
    assert_eq!(visit(server.address, &[], b"\n").1, "welcome ");
    let (code, out, err) = visit(server.address, &[], b"");
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(err, "welcome: no name was given\n");
}

#[test]
fn a_welcome_is_written_to_a_pipe_byte_for_byte() {
    let server = Server::start(&["--welcome", "{name}"]);
    let (_, out, _) = visit(server.address, &["\u{1b}[1mAda"], b"");
    assert_eq!(out, "\u{1b}[1mAda");
}

#[test]
fn a_welcome_is_escaped_on_a_terminal() {
    if !is_here("script") {
        return;
    }
    let server = Server::start(&["--welcome", "{name}"]);
    let visit = format!("{} -c {} \"$NAME\"", env!("CARGO_BIN_EXE_welcome"), server.address);
    let mut command = Command::new("script");
    command.args(["-qefc", &visit, "/dev/null"]).env("NAME", "\u{1b}[1mAda").env("SHELL", "/bin/sh");
    let (code, out, _) = run(&mut command, b"");
    assert_eq!((code, out.trim_end()), (0, r"\u{1b}[1mAda"));
}

#[test]
fn every_name_that_fits_arrives_whole() {
    let server = Server::start(&["--welcome", "{name}"]);
    let name = "ü".repeat(512);
    assert_eq!(visit(server.address, &[&name], b""), (0, name, String::new()));
}

#[test]
fn a_name_too_long_is_refused_before_anything_is_sent() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (name, words) = ("x".repeat(1025), "the name is too long: at most 1024 bytes are accepted");
    assert_eq!(error_line(visit(address, &[&name], b""), 2), words);
    assert_eq!(error_line(visit(address, &[], name.as_bytes()), 2), words);
    assert!(error_line(visit(address, &["a\nb"], b""), 2).contains("a name is one line"));
}

#[test]
fn a_refused_connection_is_one_line() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let line = error_line(visit(address, &["Ada"], b""), 1);
    assert_eq!(
        line,
        format!("tcp://{address}: connection refused: nobody listens there; is the server running?")
    );
}

#[test]
fn a_server_that_never_answers_is_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let words = "timed out: no whole welcome came in time";
    for (how, hint) in [
        ("none", "; a server that waits for a line needs the terminator lf"),
        ("lf", "; a server that reads to the end of input needs the terminator eof"),
        ("eof", ""),
    ] {
        let options = ["Ada", "--timeout", "200ms", "--terminator", how];
        let line = error_line(visit(listener.local_addr().unwrap(), &options, b""), 1);
        assert!(line.ends_with(&format!("{words}{hint}")), "{line}");
    }
}

/// A server at a free port of `ip` with a full accept queue, and the clients in that queue.
fn full(ip: [u8; 4]) -> (Socket, Vec<TcpStream>, SocketAddr) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from((ip, 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        waiting.push(stream);
    }
    (listener, waiting, address)
}

#[test]
fn a_server_whose_backlog_is_full_is_a_timeout() {
    let (_listener, _waiting, address) = full([127, 0, 0, 1]);
    let line = error_line(visit(address, &["Ada", "--timeout", "200ms"], b""), 1);
    assert!(line.ends_with("timed out: no whole welcome came in time"), "{line}");
}

#[test]
fn an_address_that_never_accepts_leaves_time_for_the_next() {
    let (code, _, why) = run(&mut with_two_homes("true"), b"");
    if code != 0 {
        return not_tested(&format!("no other /etc/hosts can be mounted: {}", why.trim()));
    }
    let (_listener, _waiting, first) = full([127, 0, 0, 7]);
    let second = TcpListener::bind(("127.0.0.8", first.port())).unwrap();
    thread::spawn(move || {
        let mut client = second.accept().unwrap().0;
        client.read_exact(&mut [0; 4]).unwrap();
        client.write_all(b"welcome ").unwrap();
    });
    let visit = format!("exec \"$WELCOME\" -c twohomes:{} --timeout 4s Ada", first.port());
    assert_eq!(run(&mut with_two_homes(&visit), b""), (0, "welcome ".into(), String::new()));
}

#[test]
fn a_server_that_drips_for_ever_is_a_timeout() {
    let address = serve(|mut stream| {
        while stream.write_all(b"w").is_ok() {
            thread::park_timeout(Duration::from_millis(20));
        }
    });
    let line = error_line(visit(address, &["Ada", "--timeout", "300ms"], b""), 1);
    let (words, came) = line.rsplit_once("; what came is ").unwrap();
    assert!(words.ends_with("timed out: no whole welcome came in time"), "{line}");
    assert!(came.starts_with("\"w") && came.ends_with("w\""), "{line}");
}

#[test]
fn what_came_is_said_where_the_welcome_has_no_end() {
    let (end, ended) = mpsc::channel::<()>();
    let stays_open = serve(move |mut stream| {
        stream.write_all(b"welcome ").unwrap();
        let _ = ended.recv();
    });
    let resets = serve(|mut stream| {
        stream.read_exact(&mut [0; 4]).unwrap();
        stream.write_all(b"SSH-2.0\r\n").unwrap();
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    });
    for (address, words) in [
        (stays_open, r#"timed out: no whole welcome came in time; what came is "welcome ""#),
        (resets, r#"connection reset before the welcome had ended; what came is "SSH-2.0\r\n""#),
    ] {
        let line = error_line(visit(address, &["Ada", "--timeout", "500ms"], b""), 1);
        assert!(line.ends_with(words), "{line}");
    }
    drop(end);
}

#[test]
fn a_reset_is_one_line() {
    let address = serve(|mut stream| {
        stream.read_exact(&mut [0; 4]).unwrap();
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    });
    let line = error_line(visit(address, &["Ada"], b""), 1);
    assert!(line.ends_with("connection reset before the welcome had ended"), "{line}");
}

#[test]
fn a_server_that_closes_without_a_welcome_is_one_line() {
    let address = serve(|mut stream| {
        stream.read_exact(&mut [0; 4]).unwrap();
    });
    let line = error_line(visit(address, &["Ada"], b""), 1);
    assert!(line.ends_with("closed without a welcome"), "{line}");
}

#[test]
fn an_endless_answer_is_no_welcome() {
    let address = serve(|mut stream| while stream.write_all(&[b'w'; 4096]).is_ok() {});
    let line = error_line(visit(address, &["Ada"], b""), 1);
    assert!(line.ends_with("more than 65536 bytes came: that is no welcome server"), "{line}");
}

#[test]
fn a_host_that_does_not_resolve_is_one_line() {
    let line = error_line(run(welcome().args(["-c", "no-such-host.invalid:9999", "Ada"]), b""), 1);
    assert!(line.starts_with("tcp://no-such-host.invalid:9999: the host cannot be resolved: "), "{line}");
}

#[test]
fn a_mistake_on_the_command_line_is_one_line_and_exit_code_2() {
    let mistakes = [
        &["--timeout", "0"][..],
        &["--connect", "nowhere"],
        &["--nonsense"],
        &["Ada", "Bob"],
        &["--connect", "udp://localhost:1", "--retries", "101"],
        &["--connect", "udp://localhost:1", "--retries", "-1"],
        &["--connect", "udp://localhost:1", "--retries", "many"],
    ];
    for options in mistakes {
        let line = error_line(run(welcome().args(options), b""), 2);
        assert!(line.ends_with("(see welcome --help)"), "{line}");
        let counts = "accepted are whole numbers from 0 to 100";
        assert!(!options.contains(&"--retries") || line.contains(counts), "{line}");
    }
}

#[test]
fn a_host_that_stands_for_all_is_refused_in_one_line() {
    let why = "the host * is for listening, at every address; a client names one server";
    for endpoint in ["*:9999", "tcp://*:9999", "udp://*:9999", "raw://*?protocol=253"] {
        let line = error_line(run(welcome().args(["-c", endpoint, "Ada"]), b""), 2);
        let begin = format!("invalid value '{endpoint}' for '--connect <ENDPOINT>': {why}; accepted is ");
        assert!(line.starts_with(&begin), "{line}");
    }
}

#[test]
fn port_0_is_refused_in_one_line() {
    let why = "port 0 is for listening, at a free port; a client names the port of the server";
    for endpoint in ["127.0.0.1:0", "udp://localhost:0"] {
        let line = error_line(run(welcome().args(["-c", endpoint, "Ada"]), b""), 2);
        let begin = format!("invalid value '{endpoint}' for '--connect <ENDPOINT>': {why}; accepted is ");
        assert!(line.starts_with(&begin), "{line}");
    }
}

#[test]
fn help_says_what_the_program_is_and_ends_with_examples() {
    let (code, out, _) = run(welcome().arg("--help"), b"");
    assert_eq!(code, 0);
    assert!(out.starts_with("Sends a name") && out.contains("\n\nExamples:\n  welcome "), "{out}");
    for option in ["-c, --connect", "--timeout", "--retries", "--terminator", "[NAME]"] {
        assert!(out.contains(option), "{option} is not in\n{out}");
    }
}

#[test]
fn the_client_asks_at_a_terminal_and_ends_its_line() {
    if !is_here("script") {
        return;
    }
    let server = Server::start(&["--welcome", "Hello, {name}!"]);
    let visit = format!("{} -c {}", env!("CARGO_BIN_EXE_welcome"), server.address);
    let at_a_terminal = |input: &[u8]| {
        let mut command = Command::new("script");
        command.args(["-qefc", &visit, "/dev/null"]).env("SHELL", "/bin/sh");
        run(&mut command, input)
    };
    let (code, out, _) = at_a_terminal(b"Ada\n");
    assert!(code == 0 && out.contains("Enter your name: ") && out.contains("Hello, Ada!"), "{out:?}");
    // Ctrl-D.
    let (code, out, _) = at_a_terminal(b"\x04");
    assert!(code == 1 && out.contains("Enter your name: \r\nwelcome: no name was given"), "{out:?}");
}
