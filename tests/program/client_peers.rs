//! The client program and the peers that people put before a server, or have as one: nginx's stream proxy, `HAProxy`, nmap's
//! netcat, and a server that reads once. By default each works, and no visit waits for a name gap.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use welcomed::net::Kind;

use super::client_program::{error_line, visit};
use super::folder::Folder;
use super::socket_client::{SocketClient, serve};
use crate::process::{Process, Server, is_here, not_tested, run, until};
use crate::tied::tied;

/// How long a visit may take: much less than the name gap of [`server`], and enough for a busy machine.
const TIMEOUT: [&str; 2] = ["--timeout", "15s"];

/// A server whose clients do not live to see a name gap.
fn server() -> Server {
    Server::start(&["--welcome", "Hello, {name}!", "--name-gap", "60s"])
}

/// A port that is free, at an address that nothing else uses: not even a client's port can be in the way.
pub(super) fn free_place() -> SocketAddr {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let of_this_process = (std::process::id() % 255) << 16;
    let host = Ipv4Addr::from(127 << 24 | of_this_process | 0xa100 | NUMBER.fetch_add(1, Ordering::Relaxed));
    TcpListener::bind((host, 0)).unwrap().local_addr().unwrap()
}

/// Starts a program that will accept clients at `place`, and waits until it does.
pub(super) fn start(command: &mut Command, place: SocketAddr) -> Process {
    let mut process = Process::start(command);
    until(&format!("a client can connect to {place}"), || {
        assert!(process.child.try_wait().unwrap().is_none(), "it has ended: {}", process.log());
        TcpStream::connect(place).is_ok()
    });
    process
}

/// Every name arrives whole by way of `place`, which leads to [`server`].
fn every_name_arrives(place: SocketAddr) {
    for name in ["Rafatul", "", "Ada\r", &"x".repeat(1023), &"x".repeat(1024)] {
        let answer = visit(&place.to_string(), &[&TIMEOUT[..], &[name]].concat());
        assert_eq!(answer, (0, format!("Hello, {name}!"), String::new()));
    }
}

#[test]
fn the_client_is_welcomed_by_way_of_nginx() {
    if !is_here("nginx") {
        return;
    }
    let (server, place, folder) = (server(), free_place(), Folder::new());
    let module = "/usr/lib/nginx/modules/ngx_stream_module.so";
    let module = if Path::new(module).exists() { format!("load_module {module};\n") } else { String::new() };
    let (file, pid) = (folder.path("nginx.conf"), folder.path("nginx.pid"));
    let text = format!(
        "{module}daemon off; master_process off; pid {}; error_log stderr; events {{}}\n\
         stream {{ server {{ listen {place}; proxy_pass {}; }} }}\n",
        pid.display(),
        server.address
    );
    std::fs::write(&file, text).unwrap();
    let nginx = || {
        let mut command = tied("nginx");
        command.args(["-e", "stderr", "-c"]).arg(&file);
        command
    };
    let (code, _, why) = run(nginx().arg("-t"), b"");
    if code != 0 {
        return not_tested(&format!("nginx has no stream proxy: {}", why.lines().next().unwrap_or_default()));
    }
    let _nginx = start(&mut nginx(), place);
    every_name_arrives(place);
    // It hangs up when the client has shut its side. Without a half-close there is nothing to say of it.
    let line = error_line(visit(&place.to_string(), &["--terminator", "eof", "Ada"]), 1);
    assert!(line.ends_with(HANGS_UP), "{line}");
}

/// The end of an error whose cause may be a half-close.
const HANGS_UP: &str = "a server that hangs up when the client's side is shut needs the terminator lf";

#[test]
fn the_client_is_welcomed_by_way_of_haproxy() {
    if !is_here("haproxy") {
        return;
    }
    let (server, place, folder) = (server(), free_place(), Folder::new());
    let file = folder.path("haproxy.cfg");
    let text = format!(
        "defaults\n mode tcp\n timeout connect 20s\n timeout client 20s\n timeout server 20s\n\
         listen welcome\n bind {place}\n server welcomed {}\n",
        server.address
    );
    std::fs::write(&file, text).unwrap();
    let _haproxy = start(tied("haproxy").arg("-db").arg("-f").arg(&file), place);
    every_name_arrives(place);
}

#[test]
fn the_client_is_welcomed_by_a_netcat_that_runs_a_command() {
    if !is_here("ncat") {
        return;
    }
    let place = free_place();
    let (host, port) = (place.ip().to_string(), place.port().to_string());
    let command = "read -r name && printf 'Hello, %s!' \"$name\"";
    let mut ncat = tied("ncat");
    let _ncat = start(ncat.args(["-l", "-k", "-c", command, &host, &port]), place);
    let answer = visit(&place.to_string(), &[&TIMEOUT[..], &["Rafatul"]].concat());
    assert_eq!(answer, (0, "Hello, Rafatul!".into(), String::new()));
}

#[test]
fn the_client_is_welcomed_by_a_server_that_reads_once() {
    // The server of the lab report: `recv(1024)`, an answer, and close(2). Over unread input that would be a reset.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let names = ["Rafatul".to_owned(), "x".repeat(1023), "x".repeat(1024), format!("{}\r", "x".repeat(1022))];
    let count = names.len();
    let server = thread::spawn(move || {
        for _ in 0..count {
            let mut stream = listener.accept().unwrap().0;
            let bytes = stream.read(&mut [0; 1024]).unwrap();
            assert!(bytes > 0);
            stream.write_all(b"welcome ").unwrap();
        }
    });
    for name in names {
        let answer = visit(&address.to_string(), &[&TIMEOUT[..], &[&name]].concat());
        assert_eq!(answer, (0, "welcome ".into(), String::new()));
    }
    server.join().unwrap();
}

#[test]
fn a_server_that_needs_another_terminator_is_welcomed_with_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut name = Vec::new();
        stream.read_to_end(&mut name).unwrap();
        stream.write_all(&name).unwrap();
    });
    let answer = visit(&address.to_string(), &["--terminator", "eof", "Ada", "--timeout", "40s"]);
    assert_eq!(answer, (0, "Ada".into(), String::new()));
    server.join().unwrap();
    let server = Server::start(&["--welcome", "{name}"]);
    for terminator in ["none", "lf", "eof"] {
        let options = ["--terminator", terminator, "Ada", "--timeout", "40s"];
        assert_eq!(visit(&server.address.to_string(), &options), (0, "Ada".into(), String::new()));
    }
    let log = server.stop().log;
    assert!(!log.contains("1 lingered"), "{log}");
}

#[test]
fn a_reset_has_no_terminator_as_its_cause() {
    for kind in [Kind::Tcp, Kind::Unix] {
        let Some((server, address)) = serve(kind, &["--max-per-source", "1"]) else { return };
        let first = SocketClient::connect(&address).unwrap();
        for terminator in ["none", "lf", "eof"] {
            let options = ["--terminator", terminator, "Ada", "--timeout", "40s"];
            let line = error_line(visit(&address.to_string(), &options), 1);
            assert_eq!(line, format!("{address}: connection reset before the welcome had ended"));
        }
        drop(first);
        server.stop();
    }
}

#[test]
fn a_terminator_is_refused_where_a_record_ends_by_itself() {
    for endpoint in ["unixpacket://@absent", "udp://127.0.0.1:1", "unixgram://@absent"] {
        let line = error_line(visit(endpoint, &["--terminator", "lf", "Ada"]), 2);
        assert!(line.starts_with("--terminator is for tcp, unix: over "), "{line}");
        assert!(line.ends_with("(see welcome --help)"), "{line}");
    }
}
