//! The client program over every kind of socket: with our server, and its errors with Unix paths and records.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::thread;

use socket2::{Domain, SockAddr, Socket, Type};
use welcomed::net::Kind;

use super::client_program::{error_line, visit};
use super::folder::{Folder, unique_name};
use super::sandbox::without;
use super::socket_client::serve;
use super::tracer::spelt;
use crate::process::{Server, is_here, not_tested, run};
use crate::tied::tied;

#[test]
fn the_client_is_welcomed_over_every_kind_of_socket() {
    let folder = Folder::new();
    let mut endpoints = vec!["udp://127.0.0.1:0".to_owned()];
    for scheme in ["unix", "unixpacket", "unixgram"] {
        endpoints.push(format!("{scheme}://{}", folder.path(scheme).display()));
        endpoints.push(format!("{scheme}://@{}", unique_name(&format!("every-{scheme}"))));
    }
    let mut options = vec!["--welcome", "Hello, {name}!"];
    options.extend(endpoints.iter().flat_map(|endpoint| ["--listen", endpoint]));
    let server = Server::start(&options);
    let log = server.wait_for_log(endpoints.last().unwrap());
    let port = log.split("udp://127.0.0.1:").nth(1).unwrap().lines().next().unwrap();
    endpoints[0] = format!("udp://127.0.0.1:{port}");
    for endpoint in &endpoints {
        for name in ["Rafatul", "", &"ü".repeat(512)] {
            let answer = visit(endpoint, &[name, "--timeout", "40s"]);
            assert_eq!(answer, (0, format!("Hello, {name}!"), String::new()), "{endpoint}");
        }
    }
    server.stop();
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn only_a_record_may_have_line_feeds_in_its_name() {
    let endpoint = |scheme: &str| format!("{scheme}://@{}", unique_name("lines"));
    let (records, datagrams) = (endpoint("unixpacket"), endpoint("unixgram"));
    let server = Server::start(&["-l", &records, "-l", &datagrams, "--welcome", "<<< {name}>"]);
    server.wait_for_log(&datagrams);
    for endpoint in [&records, &datagrams] {
        assert_eq!(visit(endpoint, &["a\nb\n", "--timeout", "40s"]).1, "<<< a\nb\n>");
        assert_eq!(
            error_line(visit(endpoint, &[&"x".repeat(1025)]), 2),
            "the name is too long: at most 1024 bytes are accepted"
        );
    }
    assert_eq!(
        error_line(visit(&endpoint("unix"), &["a\nb"]), 2),
        "the name has a line feed in it; over a stream a name is one line"
    );
}

#[test]
fn retries_are_refused_where_delivery_is_sure() {
    for endpoint in ["127.0.0.1:1", "unix://@absent", "unixpacket://@absent"] {
        let line = error_line(visit(endpoint, &["--retries", "1", "Ada"]), 2);
        assert!(line.starts_with("--retries is for udp, unixgram, raw: over "), "{line}");
        assert!(line.ends_with("(see welcome --help)"), "{line}");
    }
}

/// A server of sequenced packets that accepts one client and gives it, with its first record, to `then`.
fn serve_records(name: &str, then: impl FnOnce(&Socket, &[u8]) + Send + 'static) -> String {
    let listener = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    let name = unique_name(name);
    listener.bind(&SockAddr::unix(format!("\0{name}")).unwrap()).unwrap();
    listener.listen(1).unwrap();
    thread::spawn(move || {
        let client = listener.accept().unwrap().0;
        let mut record = [0; 4096];
        let flags = rustix::net::RecvFlags::empty();
        let received = rustix::io::retry_on_intr(|| rustix::net::recv(&client, &mut record[..], flags));
        let (bytes, _) = received.unwrap();
        then(&client, &record[..bytes]);
    });
    format!("unixpacket://@{name}")
}

#[test]
fn the_client_ends_with_the_first_record() {
    let endpoint = serve_records("first", |client, name| {
        client.send(&[b"Hello, ", name].concat()).unwrap();
        client.send(b"and another record").unwrap();
        // The connection stays open: a client that waits for the end of input waits in vain.
        thread::park_timeout(crate::process::BOUND);
    });
    assert_eq!(visit(&endpoint, &["Ada", "--timeout", "40s"]), (0, "Hello, Ada".into(), String::new()));
}

#[test]
fn an_empty_record_or_end_of_input_is_no_welcome() {
    let closes = serve_records("closes", |_, _| ());
    let empty = serve_records("empty", |client, _| assert_eq!(client.send(b"").unwrap(), 0));
    for endpoint in [closes, empty] {
        let line = error_line(visit(&endpoint, &["Ada"]), 1);
        assert_eq!(line, format!("{endpoint}: closed without a welcome"));
    }
}

#[test]
fn a_record_longer_than_a_welcome_may_be_is_refused() {
    let serve = |bytes: usize| {
        serve_records(&format!("long-{bytes}"), move |client, _| {
            client.send(&vec![b'w'; bytes]).unwrap();
        })
    };
    let longest = serve(65_536);
    assert_eq!(visit(&longest, &["Ada"]).1.len(), 65_536);
    for bytes in [65_537, 65_597, 100_000] {
        let endpoint = serve(bytes);
        let line = error_line(visit(&endpoint, &["Ada"]), 1);
        assert!(line.ends_with("more than 65536 bytes came: that is no welcome server"), "{line}");
    }
}

#[test]
fn a_path_without_a_server_is_one_line() {
    let folder = Folder::new();
    let path = folder.path("absent");
    for scheme in ["unix", "unixpacket"] {
        let line = error_line(visit(&format!("{scheme}://{}", path.display()), &["Ada"]), 1);
        assert!(line.ends_with("no such socket: nobody listens there; is the server running?"), "{line}");
    }
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "the file is stale now");
    for scheme in ["unix", "unixpacket"] {
        let line = error_line(visit(&format!("{scheme}://{}", path.display()), &["Ada"]), 1);
        assert!(line.ends_with("connection refused: nobody listens there; is the server running?"), "{line}");
    }
}

#[test]
fn a_socket_of_another_kind_is_one_line() {
    let folder = Folder::new();
    let (streams, datagrams) = (folder.path("streams"), folder.path("datagrams"));
    let _open = (UnixListener::bind(&streams).unwrap(), UnixDatagram::bind(&datagrams).unwrap());
    for (scheme, path) in
        [("unixpacket", &streams), ("unixgram", &streams), ("unix", &datagrams), ("unixpacket", &datagrams)]
    {
        let line = error_line(visit(&format!("{scheme}://{}", path.display()), &["Ada"]), 1);
        assert!(line.ends_with("the socket there is of another kind"), "{line}");
    }
}

#[test]
fn a_path_without_the_right_to_write_is_one_line_with_the_cure() {
    let without = |program: &str| without("dac_override", program);
    let (code, _, why) = run(&mut without("true"), b"");
    if code != 0 {
        return not_tested(&format!("no privilege can be given up: {}", why.trim()));
    }
    let folder = Folder::new();
    let (streams, datagrams) = (folder.path("stream"), folder.path("datagram"));
    let _open = (UnixListener::bind(&streams).unwrap(), UnixDatagram::bind(&datagrams).unwrap());
    for (scheme, path) in [("unix", streams), ("unixgram", datagrams)] {
        fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
        let endpoint = format!("{scheme}://{}", path.display());
        let mut command = without(env!("CARGO_BIN_EXE_welcome"));
        let line = error_line(run(command.args(["-c", &endpoint, "Ada"]), b""), 1);
        assert!(line.starts_with(&format!("{endpoint}: Permission denied")), "{line}");
        assert!(line.ends_with("; it takes the right to write to the socket"), "{line}");
    }
}

#[test]
fn a_record_that_comes_with_the_end_of_input_is_received() {
    if !is_here("strace") {
        return;
    }
    let Some((server, address)) = serve(Kind::UnixPacket, &[]) else { return };
    // As Linux does at times: it says that the input is at its end, and has a record all the same.
    let receive = spelt("recvfrom");
    let (trace, inject) = (format!("trace={receive}"), format!("inject={receive}:retval=0:when=1"));
    let mut command = tied("strace");
    command.args(["-e", &trace, "-e", &inject, env!("CARGO_BIN_EXE_welcome")]);
    let (code, out, err) = run(command.args(["-c", &address.to_string(), "Ada"]), b"");
    assert_eq!((code, out.as_str()), (0, "welcome "), "{err}");
    assert!(err.contains("(INJECTED)"), "{err}");
    server.stop();
}

/// Only a name server can take long. Where threads are few, as under a limit of processes, an address needs none.
#[test]
fn a_client_of_an_address_starts_no_thread() {
    if !is_here("strace") {
        return;
    }
    let server = Server::start(&[]);
    let mut command = tied("strace");
    command.args(["-f", "-e", "trace=clone,clone3", "-e", "inject=clone,clone3:error=EAGAIN"]);
    command.args([env!("CARGO_BIN_EXE_welcome"), "-c", &server.address.to_string(), "Ada"]);
    let (code, out, err) = run(&mut command, b"");
    assert_eq!((code, out.as_str()), (0, "welcome "), "{err}");
    server.stop();
}

#[test]
fn a_unix_server_that_never_accepts_or_answers_is_a_timeout() {
    for kind in [Type::STREAM, Type::SEQPACKET] {
        let scheme = if kind == Type::STREAM { "unix" } else { "unixpacket" };
        let name = unique_name(&format!("silent-{scheme}"));
        let address = SockAddr::unix(format!("\0{name}")).unwrap();
        let listener = Socket::new(Domain::UNIX, kind, None).unwrap();
        listener.bind(&address).unwrap();
        listener.listen(0).unwrap();
        // The first client finds room in the accept queue, the others do not.
        for _ in 0..2 {
            let line = error_line(visit(&format!("{scheme}://@{name}"), &["Ada", "--timeout", "200ms"]), 1);
            assert!(line.contains("timed out: no whole welcome came in time"), "{line}");
            let waits = Socket::new(Domain::UNIX, kind, None).unwrap();
            waits.set_nonblocking(true).unwrap();
            assert!(waits.connect(&address).is_err(), "the backlog is full");
        }
    }
}
