//! The server's command line: a mistake gives one clear line and starts no server; valid options work.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream, UdpSocket};

use rustix::io::Errno;
use welcomed::net::Kind;

use super::client_program::welcome;
use super::errors::words;
use super::sandbox::{with_two_homes, without};
use super::socket_client::{SocketClient, address};
use crate::process::{BOUND, Server, answer, not_tested, run, welcomed};

/// Runs the server with options that it must refuse. Gives the exit code and its one line.
pub(crate) fn refused(options: &[&str]) -> (i32, String) {
    let (code, out, err) = run(welcomed().args(options), b"");
    assert_eq!(out, "", "{options:?}");
    let lines: Vec<&str> = err.lines().filter(|line| !line.contains("INFO")).collect();
    assert_eq!(lines.len(), 1, "{options:?} said {err:?}");
    assert!(lines[0].starts_with("welcomed: "), "{err}");
    (code, lines[0].to_owned())
}

#[test]
fn an_error_names_the_accepted_values_and_exits_with_2() {
    let counts = "accepted are whole numbers from 1 to ";
    let durations = "accepted are durations such as 50ms, 2s or 1m";
    for (options, words) in [
        (&["--name-gap", "50"][..], ["'50' for '--name-gap <DURATION>'", durations]),
        (&["--name-gap", "-1s"], ["'-1s' for '--name-gap", durations]),
        (&["--name-timeout", "0"], ["'0' for '--name-timeout", "from 1ms to 24h"]),
        (&["--write-timeout", "soon"], ["'soon' for '--write-timeout", durations]),
        (&["--drain-timeout", "2d"], ["'2d' for '--drain-timeout", "from 0 to 24h"]),
        (&["--listen", "localhost"], ["'localhost' for '--listen", "tcp://HOST:PORT or HOST:PORT"]),
        (&["--listen", "localhost:99999"], ["'localhost:99999'", "from 0 to 65535"]),
        (&["-l", "ftp://localhost:1"], ["'ftp://localhost:1'", "tcp://HOST:PORT"]),
        (&["-l", "udp://localhost"], ["the port is missing", "accepted is udp://HOST:PORT"]),
        (&["-l", "unix://tmp/a"], ["does not begin with a slash", "unix:///PATH or unix://@NAME"]),
        (&["-l", "unixpacket:///tmp/"], ["that of a directory", "unixpacket:///PATH or unixpacket://@NAME"]),
        (&["-l", "unixgram://@"], ["the name is missing", "unixgram:///PATH or unixgram://@NAME"]),
        (&["-l", "raw://localhost?protocol=6"], ["not 253 or 254", "accepted is raw://HOST?protocol=253"]),
        (&["--max-connections", "0"], ["'0' for '--max-connections", counts]),
        (&["--max-connections", "1e3"], ["'1e3' for '--max-connections", counts]),
        (&["--max-per-source", "half"], ["'half' for '--max-per-source", "whole numbers from 0 to "]),
        (&["--backlog", "-1"], ["'-1' for '--backlog", "from 1 to 65535"]),
        (&["--backlog", "+5"], ["'+5' for '--backlog", counts]),
        (&["--backlog", " 5"], ["' 5' for '--backlog", counts]),
        (&["--name-gap", " 50ms"], ["' 50ms' for '--name-gap", durations]),
        (&["--backlog", "many"], ["'many' for '--backlog", counts]),
        (&["--diagram=png"], ["'png' for '--diagram", "possible values: mermaid, dot, svg"]),
        (&["--welcom", "x"], ["unexpected argument '--welcom'", "--welcome"]),
        (&["--welcome", "Hi {name"], ["{name has no closing brace", "{{} for a brace"]),
        (
            &["--status", "1", "--status-host", "http://a/"],
            ["'http://a/' for '--status-host", "status.example"],
        ),
        (&["--status", "1", "--status-host", "a:80"], ["it has a port", "such as status.example"]),
        (&["--status", "1", "--status-host", ""], ["it is empty", "such as status.example"]),
        (&["--status", "here"], ["the port is missing", "accepted is 9998, HOST:PORT, unix:///PATH"]),
        (&["--quiet", "-v"], ["--quiet", "cannot be used with"]),
        (&["somewhere"], ["unexpected argument 'somewhere'", "see welcomed --help"]),
        (&["--listen", "a\n\u{1b}[2J:x"], ["for '--listen", "the port is not a number"]),
    ] {
        let (code, line) = refused(options);
        assert_eq!(code, 2, "{options:?}: {line}");
        for word in words {
            assert!(line.contains(word), "{options:?}: {line:?} lacks {word:?}");
        }
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

#[test]
fn a_long_mistake_is_said_by_its_length() {
    let long = "x".repeat(70_000);
    for (options, said) in [
        (
            ["--welcome", &long],
            "invalid value (70000 bytes) for '--welcome <TEXT>': it could grow to 70000 bytes",
        ),
        (["--listen", &long], "invalid value (70000 bytes) for '--listen <ENDPOINT>': the port is missing"),
        (["--listen", &format!("{long}:9999")], "the host is longer than 253 bytes"),
        (["--quiet", &long], "unexpected argument (70000 bytes) found"),
        (["--quiet", &format!("--{long}")], "unexpected argument (70002 bytes) found"),
        (["--quiet", &"x".repeat(201)], "unexpected argument (201 bytes) found"),
        (["--quiet", &"x".repeat(200)], "unexpected argument 'xxx"),
        // clap repeats it in a way of its own.
        (["--unix-mode", &format!("\"'\n\u{1b}{long}")], "invalid value"),
    ] {
        let (code, line) = refused(&options);
        assert!(code == 2 && line.contains(said) && line.len() < 600, "{} bytes: {line:.600}", line.len());
    }
}

#[test]
fn a_busy_port_is_one_line_with_the_cure() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", taken.local_addr().unwrap());
    let (code, line) = refused(&["--listen", &endpoint]);
    assert_eq!(code, 1);
    assert!(line.contains(&format!("cannot listen on {endpoint}: {}", words(Errno::ADDRINUSE))), "{line}");
    assert!(line.contains("choose another port with --listen"), "{line}");
}

#[test]
fn a_busy_udp_port_is_one_line_even_if_another_welcomed_has_it() {
    // At an address where no other test has a TCP port of that number.
    let udp = Server::start(&["-l", "udp://127.0.0.11:0"]);
    let log = udp.wait_for_log("waiting for datagrams on udp://127.0.0.11:");
    let endpoint = log.split("datagrams on ").nth(1).unwrap().lines().next().unwrap();
    let (code, line) = refused(&["-l", endpoint]);
    assert_eq!(code, 1);
    assert!(line.contains(&format!("cannot listen on {endpoint}: {}", words(Errno::ADDRINUSE))), "{line}");
    assert!(line.contains("choose another port with --listen udp://HOST:PORT"), "{line}");
    // The TCP port of the same number is free.
    let mut command = welcomed();
    command.args(["-l", &endpoint.replace("udp", "tcp")]);
    let server = Server::spawn(command);
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
}

#[test]
fn a_raw_socket_without_privilege_is_one_line_with_the_cure() {
    let without = |program: &str| without("net_raw", program);
    let (code, _, why) = run(&mut without("true"), b"");
    if code != 0 {
        return not_tested(&format!("no privilege can be given up: {why}"));
    }
    let endpoint = "raw://127.0.0.1?protocol=253";
    let (code, _, err) = run(without(env!("CARGO_BIN_EXE_welcomed")).args(["-l", endpoint]), b"");
    assert_eq!((code, err.lines().count()), (1, 1), "{err}");
    let words = "Operation not permitted (os error 1); it takes CAP_NET_RAW\n";
    assert_eq!(err, format!("welcomed: cannot listen on {endpoint}: {words}"));
}

#[test]
fn a_foreign_address_and_an_unknown_host_are_one_line_each() {
    let (code, line) = refused(&["--listen", "192.0.2.1:9999"]);
    assert_eq!(code, 1);
    assert!(line.contains("this machine does not have that address"), "{line}");
    let (code, line) = refused(&["--listen", "no-such-host.invalid:9999"]);
    assert_eq!(code, 1);
    assert!(line.contains("cannot resolve tcp://no-such-host.invalid:9999"), "{line}");
}

#[test]
fn a_port_that_needs_privilege_is_one_line_with_the_cure() {
    let without = |program: &str| without("net_bind_service", program);
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    let (code, _, why) = run(&mut without("true"), b"");
    if code != 0 || first.trim().parse::<u16>().is_ok_and(|first| first <= 80) {
        return not_tested(&format!("port 80 needs no privilege here, or none can be given up: {why}"));
    }
    let (code, _, err) = run(without(env!("CARGO_BIN_EXE_welcomed")).args(["-l", "127.0.0.1:80"]), b"");
    assert_eq!(code, 1, "{err}");
    let line = err.lines().last().unwrap();
    assert!(line.starts_with("welcomed: cannot listen on tcp://127.0.0.1:80: Permission denied"), "{err}");
    assert!(line.ends_with("it takes CAP_NET_BIND_SERVICE for a port below 1024"), "{err}");
}

#[test]
fn if_one_of_two_endpoints_is_taken_none_is_served() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, line) = refused(&["-l", "127.0.0.1:0", "-l", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(code, 1);
    assert!(line.contains(&words(Errno::ADDRINUSE)), "{line}");
}

#[test]
fn several_endpoints_are_served_at_once() {
    let server = Server::start(&["--listen", "127.0.0.2:0"]);
    let log = server.wait_for_log("waiting for connections on tcp://127.0.0.2:");
    let second = log.split("tcp://127.0.0.2:").nth(1).unwrap().lines().next().unwrap();
    let other = TcpStream::connect(("127.0.0.2", second.parse().unwrap())).unwrap();
    (&other).write_all(b"Ada\n").unwrap();
    assert_eq!(answer(other), "welcome ");
    assert_eq!(answer(server.send(b"Bob\n")), "welcome ");
}

#[test]
fn a_host_with_two_addresses_is_served_at_each_free_one() {
    let (code, _, why) = run(&mut with_two_homes("true"), b"");
    if code != 0 {
        return not_tested(&format!("no other /etc/hosts can be mounted: {}", why.trim()));
    }
    let server = Server::spawn(with_two_homes("exec \"$WELCOMED\" --listen twohomes:0"));
    let port = server.address.port();
    server.wait_for_log(&format!("waiting for connections on tcp://127.0.0.8:{port}"));
    for home in ["127.0.0.7", "127.0.0.8"] {
        let mut client = TcpStream::connect((home, port)).unwrap();
        client.write_all(b"Ada\n").unwrap();
        assert_eq!(answer(client), "welcome ");
    }
    assert_eq!(server.stop().status.code(), Some(0));

    // The first address is taken: the log says so, the second is served, and the client finds it.
    let taken = TcpListener::bind("127.0.0.7:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let server = Server::spawn(with_two_homes(&format!("exec \"$WELCOMED\" --listen twohomes:{port}")));
    server.wait_for_log(&format!(
        "WARN  [welcomed] cannot listen on tcp://127.0.0.7:{port}: {}",
        words(Errno::ADDRINUSE)
    ));
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
    drop(taken);
    let visit = run(&mut with_two_homes(&format!("exec \"$WELCOME\" -c twohomes:{port} Ada")), b"");
    assert_eq!(visit, (0, "welcome ".to_owned(), String::new()));
}

#[test]
fn port_0_of_localhost_is_the_same_free_port_at_each_address() {
    let server = Server::start(&["-l", "udp://localhost:0"]);
    let log = server.wait_for_log("waiting for datagrams on udp://");
    let ports = log.lines().filter(|line| line.contains("udp://"));
    let ports: Vec<&str> = ports.map(|line| line.rsplit_once(':').unwrap().1).collect();
    assert!(ports.iter().all(|port| *port != "0" && *port == ports[0]), "{log}");
    let client = SocketClient::connect(&address(&format!("udp://localhost:{}", ports[0]))).unwrap();
    client.send(b"Ada").unwrap();
    assert_eq!(client.answer(), "welcome ");
}

#[test]
fn localhost_is_served() {
    let mut command = welcomed();
    command.args(["--listen", "localhost:0"]);
    assert_eq!(answer(Server::spawn(command).send(b"Ada\n")), "welcome ");
}

#[test]
fn an_ipv6_address_is_served_like_any_other() {
    if let Err(error) = TcpListener::bind("[::1]:0") {
        return not_tested(&format!("IPv6 is not here: {error}"));
    }
    let mut command = welcomed();
    command.args(["--listen", "tcp://[::1]:0"]);
    let server = Server::spawn(command);
    assert!(server.address.is_ipv6());
    let client = server.send(b"Ada\n");
    let peer = client.local_addr().unwrap();
    assert_eq!(answer(client), "welcome ");
    server.wait_for_log(&format!("connected with {peer} Ada"));
}

#[test]
fn an_ipv4_address_in_the_form_of_ipv6_is_served_over_ipv4() {
    let mut command = welcomed();
    command.args(["--listen", "tcp://[::ffff:127.0.0.1]:0"]);
    let server = Server::spawn(command);
    assert!(server.address.is_ipv4());
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
}

#[test]
fn a_star_is_every_address_and_each_has_a_socket() {
    if let Err(error) = TcpListener::bind("[::1]:0") {
        return not_tested(&format!("IPv6 is not here: {error}"));
    }
    // The two of them go together, whether one word names both or each is named.
    let mut command = welcomed();
    command.args(["--listen", "*:0", "-l", "udp://*:0"]);
    let server = Server::spawn(command);
    let port = server.address.port();
    let log = server.wait_for_log("datagrams on udp://[::]:");
    for line in
        [format!("connections on tcp://0.0.0.0:{port}\n"), format!("connections on tcp://[::]:{port}\n")]
    {
        assert!(log.contains(&line), "{log}");
    }
    let udp = log.rsplit_once("datagrams on udp://[::]:").unwrap().1.lines().next().unwrap();
    for host in ["127.0.0.1", "[::1]"] {
        let mut stream = TcpStream::connect(format!("{host}:{port}")).unwrap();
        stream.write_all(b"Ada\n").unwrap();
        assert_eq!(answer(stream), "welcome ", "{host}");
        let datagrams = UdpSocket::bind(format!("{host}:0")).unwrap();
        datagrams.set_read_timeout(Some(BOUND)).unwrap();
        datagrams.send_to(b"Ada", format!("{host}:{udp}")).unwrap();
        assert_eq!(datagrams.recv(&mut [0; 100]).unwrap(), 8, "{host}");
    }
    assert_eq!(server.stop().status.code(), Some(0));
}

#[test]
fn an_address_of_many_hosts_is_refused_for_datagrams() {
    for endpoint in ["udp://224.0.0.1:0", "udp://255.255.255.255:0", "udp://[ff02::1]:0"] {
        let (code, _, said) = run(welcomed().args(["-l", endpoint, "-q"]), b"");
        assert_eq!(code, 1, "{said}");
        let why =
            ": it is a broadcast or multicast address, and datagrams that many hosts get are not answered\n";
        assert!(said.contains("\nwelcomed: cannot listen on udp://") && said.ends_with(why), "{said}");
    }
}

#[test]
fn help_begins_with_examples_and_names_every_option() {
    for option in ["--help", "-h"] {
        let (code, out, err) = run(welcomed().arg(option), b"");
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.starts_with("Reads a name") && out.contains("\n\nExamples:\n  welcomed "), "{out}");
        for option in [
            "-l, --listen",
            "--welcome",
            "--name-gap",
            "--name-timeout",
            "--write-timeout",
            "--drain-timeout",
            "--max-connections",
            "--backlog",
            "--unix-mode",
            "--diagram[=<LANGUAGE>]",
            "-q, --quiet",
            "-v, --verbose",
            "RUST_LOG",
        ] {
            assert!(out.contains(option), "{option} is not in\n{out}");
        }
        for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Tcp) {
            assert!(out.contains(&format!("{kind}://")), "{kind} is not in\n{out}");
        }
        assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
    }
}

#[test]
fn version_is_that_of_the_package_and_its_commit() {
    // The packager's word for the commit is that of the build of this test as well.
    let commit = option_env!("WELCOMED_COMMIT").map(|commit| format!(" ({commit})")).unwrap_or_default();
    for (name, mut program) in [("welcomed", welcomed()), ("welcome", welcome())] {
        let (code, out, _) = run(program.arg("--version"), b"");
        assert_eq!((code, out), (0, format!("{name} {}{commit}\n", env!("CARGO_PKG_VERSION"))));
    }
}

#[test]
fn help_has_colours_where_they_are_asked_for() {
    for program in [welcomed, welcome] {
        let help = |options: &[&str]| run(program().args(options), b"").1;
        assert!(!help(&["--help"]).contains('\u{1b}'));
        assert!(!help(&["--color=never", "--help"]).contains('\u{1b}'));
        assert!(help(&["--color", "always", "-h"]).contains('\u{1b}'));
        let (code, _, line) = run(program().args(["--color", "pink"]), b"");
        assert!(code == 2 && line.contains("possible values: auto, always, never"), "{line}");
    }
}

#[test]
fn diagram_prints_the_tables_in_either_language() {
    let (code, mermaid, _) = run(welcomed().arg("--diagram"), b"");
    assert_eq!(code, 0);
    assert!(mermaid.starts_with("stateDiagram-v2\n"), "{mermaid}");
    assert!(mermaid.contains("connection_ReadingName --> connection_WritingWelcome: line end, 1,024th byte"));
    assert_eq!(run(welcomed().arg("--diagram=mermaid"), b"").1, mermaid);
    let (code, dot, _) = run(welcomed().arg("--diagram=dot"), b"");
    assert_eq!(code, 0);
    assert!(dot.starts_with("digraph welcomed {\n") && dot.ends_with("}\n"), "{dot}");
}
