//! Pages of HTTP servers: of the real ones, and of one that fails on purpose.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;

use serde_json::Value;

use crate::any_server::{load, server};
use crate::comparison_cut_short::welcomed;
use crate::machine::{PROGRAM, run, text, until};

/// A server's process, which ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

/// Starts a server, and waits until something listens at this socket. Where it is not installed, that is said.
fn started(mut command: Command, socket: &Path) -> Option<Server> {
    let name = command.get_program().display().to_string();
    let Ok(child) = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
        assert!(std::env::var_os("CI").is_none(), "CI needs {name}");
        let _ = writeln!(std::io::stderr(), "NOT TESTED: there is no {name}");
        return None;
    };
    let server = Server(child);
    until(|| std::os::unix::net::UnixStream::connect(socket).is_ok());
    Some(server)
}

/// A port that is free, as far as one can tell.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// nginx with one process, at a port and at a socket of this folder. It logs a line for each request, with the number of its
/// connection.
fn nginx(folder: &Path) -> Option<(Server, String)> {
    let (at, port) = (folder.display(), free_port());
    let config = format!(
        "daemon off; master_process off; error_log stderr; pid {at}/pid;
        events {{ worker_connections 500; }}
        http {{
            log_format row '$connection $connection_requests $status'; access_log {at}/access row;
            client_body_temp_path {at}/1; proxy_temp_path {at}/2; fastcgi_temp_path {at}/3; uwsgi_temp_path {at}/4; scgi_temp_path {at}/5;
            keepalive_requests 7;
            server {{
                listen 127.0.0.1:{port}; listen unix:{at}/nginx;
                location = /page {{ return 200 'a page\\n'; }}
                location = /busy {{ return 503 'busy\\n'; }}
                location = /gone {{ return 204; }}
                location / {{ root {at}/root; }}
            }}
        }}"
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, config).unwrap();
    std::fs::create_dir(folder.join("root")).unwrap();
    std::fs::write(folder.join("root/big"), vec![b'x'; 1_000_000]).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).arg("-c").arg(&file);
    Some((started(command, &folder.join("nginx"))?, format!("http://127.0.0.1:{port}")))
}

/// The requests that nginx has logged, each with its connection and its status, once there are so many.
fn logged(folder: &Path, count: usize) -> Vec<(String, String)> {
    let lines = || std::fs::read_to_string(folder.join("access")).unwrap_or_default();
    until(|| lines().lines().count() >= count);
    let parts = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        (words.next().unwrap(), words.next_back().unwrap())
    };
    lines().lines().map(parts).collect()
}

fn reasons(run: &Value) -> Vec<(String, Value, Value)> {
    let reasons = run["reasons"].as_array().unwrap().iter();
    let told = |reason: &Value| {
        (reason["class"].as_str().unwrap().to_owned(), reason["status"].clone(), reason["count"].clone())
    };
    reasons.map(told).collect()
}

#[test]
fn nginx_is_loaded_and_both_sides_count_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_nginx, at)) = nginx(folder.path()) else { return };
    let socket = format!("http://unix:{}/nginx:", folder.path().display());
    let mut before = 0;
    for (url, more, count, connections) in [
        (format!("{at}/page"), &["--expect", r"a page\n"][..], 200, 200),
        (format!("{at}/page"), &["--requests", "5"], 200, 40),
        (format!("{socket}/page"), &["--requests", "5"], 200, 40),
        // nginx closes behind 7.
        (format!("{at}/page"), &["--requests", "100"], 210, 30),
        (format!("{at}/gone"), &["--requests", "2"], 20, 10),
        (format!("{at}/big"), &["--requests", "3"], 30, 10),
    ] {
        let all = count.to_string();
        let to = [&["-c", &url, "--connections", "1", "--count", &all], more].concat();
        let (code, report, last) = load(&to);
        let run = &report["run"];
        assert_eq!((code, run["welcomed"].as_u64()), (Some(0), Some(count)), "{url}: {last}");
        let logged = logged(folder.path(), before + usize::try_from(count).unwrap());
        let mut seen: Vec<&String> = logged[before..].iter().map(|(connection, _)| connection).collect();
        seen.dedup();
        assert_eq!(
            (logged.len() - before, seen.len()),
            (usize::try_from(count).unwrap(), connections),
            "{url}"
        );
        before = logged.len();
        // The generator's own limit is that of other visits.
        assert!(run["generator_ceiling"].is_null(), "{url}");
        if more.contains(&"--requests") {
            assert_eq!(run["connections"]["opened"], connections, "{url}");
            let early = if more.contains(&"100") { 30 } else { 0 };
            assert_eq!(run["connections"]["closed_early"], early, "{url}");
        } else {
            assert!(run["connections"].is_null());
        }
    }
}

#[test]
fn a_status_that_is_not_right_is_a_failure_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_nginx, at)) = nginx(folder.path()) else { return };
    let busy = format!("{at}/busy");
    let arguments = ["-c", &busy, "--count", "12", "--requests", "3"];
    let (code, _, last) = load(&arguments);
    let begins = "welcomed-load: no visit succeeded: 12 HTTP status; the first had ";
    assert!(code == Some(1) && last.starts_with(begins) && last.contains(r" bytes: HTTP/1.1 503 "), "{last}");
    for right in [&["--expect-status", "503"][..], &["--expect-status", "200,5xx", "--expect", r"busy\n"]] {
        let (code, report, last) = load(&[&arguments[..], right].concat());
        assert_eq!((code, report["run"]["welcomed"].as_u64()), (Some(0), Some(12)), "{last}");
    }
    assert_eq!(load(&["-c", &busy, "--count", "2", "--expect-status", "2xx"]).0, Some(1));
}

#[test]
fn haproxy_is_loaded_before_nginx() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_nginx, _)) = nginx(folder.path()) else { return };
    let (at, port) = (folder.path().display(), free_port());
    let config = format!(
        "defaults\n mode http\n timeout client 10s\n timeout server 10s\n timeout connect 10s\n\
         frontend f\n bind 127.0.0.1:{port}\n bind unix@{at}/haproxy\n http-request deny deny_status 429 if {{ path /no }}\n \
         default_backend b\nbackend b\n server nginx unix@{at}/nginx\n"
    );
    let file = folder.path().join("haproxy.cfg");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new("haproxy");
    command.args(["-db", "-f"]).arg(&file);
    let Some(_haproxy) = started(command, &folder.path().join("haproxy")) else { return };
    for url in [format!("http://127.0.0.1:{port}"), format!("http://unix:{at}/haproxy:")] {
        for requests in ["1", "10"] {
            let page = format!("{url}/page");
            let (code, report, last) =
                load(&["-c", &page, "--count", "100", "--requests", requests, "--expect", r"a page\n"]);
            assert_eq!((code, report["run"]["welcomed"].as_u64()), (Some(0), Some(100)), "{url}: {last}");
            let (code, _, last) =
                load(&["-c", &format!("{url}/no"), "--count", "10", "--requests", requests]);
            assert!(code == Some(1) && last.contains("no visit succeeded: 10 HTTP status; "), "{last}");
        }
    }
    let logged = logged(folder.path(), 400);
    assert_eq!(logged.iter().filter(|(_, status)| status == "200").count(), 400);
}

/// Reads the requests of one connection, and answers each as `answer` says of its number; `None` closes.
fn converse(client: TcpStream, answer: impl Fn(usize) -> Option<Vec<u8>>) {
    let mut lines = BufReader::new(client.try_clone().unwrap());
    let mut client = client;
    for number in 0.. {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if lines.read_line(&mut head).is_ok_and(|bytes| bytes > 0) {
                continue;
            }
            return;
        }
        assert!(head.starts_with("GET /x HTTP/1.1\r\nHost: 127.0.0.1:"), "{head}");
        let Some(bytes) = answer(number) else { return };
        if client.write_all(&bytes).is_err() || head.contains("Connection: close") {
            return;
        }
    }
}

/// A response of HTTP/1.1 with these fields and this content.
fn response(status: &str, fields: &str, content: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{fields}\r\n{content}").into_bytes()
}

const PAGE: &str = "Content-Length: 4\r\n";

#[test]
fn the_faults_of_a_server_are_counted_one_by_one() {
    // Of five requests each, the third is answered in another way.
    for (what, third, class, failed, opened) in [
        ("503 in between", (|| Some(response("503 busy", PAGE, "busy"))) as fn() -> _, "HTTP status", 4, 4),
        ("an early close", || None, "kept connection closed", 6, 7),
        (
            "a length that is too great",
            || Some(response("200 OK", "Content-Length: 9\r\n", "page")),
            "reply timeout",
            6,
            7,
        ),
        ("another content", || Some(response("200 OK", PAGE, "pate")), "wrong reply", 4, 4),
        ("no HTTP", || Some(b"220 ready\r\n".to_vec()), "wrong reply", 6, 7),
        (
            "two answers at once",
            || Some(response("200 OK", PAGE, "pageHTTP/1.1 200 OK\r\n\r\n")),
            "extra bytes",
            6,
            7,
        ),
    ] {
        let answer = move |number| if number == 2 { third() } else { Some(response("200 OK", PAGE, "page")) };
        let (address, accepted) = server(move |client, _| converse(client, answer));
        let url = format!("http://{address}/x");
        let arguments = [
            "-c",
            &url,
            "--connections",
            "1",
            "--count",
            "20",
            "--requests",
            "5",
            "--expect",
            "page",
            "--timeout",
            "300ms",
        ];
        let (code, report, last) = load(&arguments);
        assert_eq!(code, Some(0), "{what}: {last}");
        let run = &report["run"];
        let told = reasons(run);
        assert_eq!(told.len(), 1, "{what}: {told:?}");
        assert_eq!((told[0].0.as_str(), &told[0].2), (class, &failed.into()), "{what}: {told:?}");
        assert_eq!(told[0].1, if class == "HTTP status" { 503.into() } else { Value::Null }, "{what}");
        assert_eq!(run["welcomed"].as_u64().unwrap() + failed, 20, "{what}");
        assert_eq!(run["connections"]["opened"], opened, "{what}");
        assert_eq!(accepted.load(Ordering::Relaxed), opened, "{what}");
    }
}

#[test]
fn a_response_may_come_in_any_form_that_is_one() {
    let (address, accepted) = server(|client, _| {
        let single = client.try_clone().unwrap();
        single.set_nodelay(true).unwrap();
        converse(client, |number| match number % 4 {
            0 => {
                // Chunked, each byte for itself, behind two responses that are none yet.
                let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n\
                            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\np\r\n3;x\r\nage\r\n0\r\nA: b\r\n\r\n";
                text.bytes().all(|byte| single.try_clone().unwrap().write_all(&[byte]).is_ok()).then(Vec::new)
            }
            1 => Some(response("200 OK", PAGE, "page")),
            2 => Some(response("200 OK", "Transfer-Encoding: chunked\r\n", "4\r\npage\r\n0\r\n\r\n")),
            // Until it closes: the connection is not kept.
            _ => {
                let _ = single.try_clone().unwrap().write_all(&response("200 OK", "", "page"));
                None
            }
        });
    });
    let url = format!("http://{address}/x");
    let arguments =
        ["-c", &url, "--connections", "2", "--count", "80", "--requests", "9", "--expect", "page"];
    let (code, report, last) = load(&arguments);
    let run = &report["run"];
    assert_eq!((code, run["welcomed"].as_u64()), (Some(0), Some(80)), "{last}");
    let opened = run["connections"]["opened"].as_u64().unwrap();
    assert_eq!(usize::try_from(opened).unwrap(), accepted.load(Ordering::Relaxed));
    assert!((20..=21).contains(&opened), "{opened}");
}

#[test]
fn bytes_between_two_requests_are_extra_and_a_close_is_none() {
    // Behind each answer it waits a little. Then it sends more, or closes, which is its right.
    for (more, welcomed) in [("more", false), ("", true)] {
        let (address, _) = server(move |client, _| late(client, more.as_bytes()));
        let url = format!("http://{address}/x");
        // Each visit comes 250 ms after the one before.
        let arguments =
            ["-c", &url, "--rate", "4", "--arrivals", "uniform", "--count", "6", "--requests", "2"];
        let (_, report, last) = load(&arguments);
        let run = &report["run"];
        assert_eq!(run["welcomed"], if welcomed { 6 } else { 3 }, "{more:?}: {last}");
        assert_eq!(run["failures"]["extra bytes"], if welcomed { 0 } else { 3 }, "{more:?}: {last}");
        // The connection of the last visit is still there.
        assert_eq!(run["connections"]["closed_early"], if welcomed { 5 } else { 0 }, "{more:?}");
        assert_eq!(run["connections"]["opened"], if welcomed { 6 } else { 3 }, "{more:?}");
        if !welcomed {
            assert_eq!(run["first_wrong"]["text"], "more");
        }
    }
}

/// Answers one request, and does something unasked 30 ms later.
fn late(mut client: TcpStream, more: &[u8]) {
    let _ = client.read(&mut [0; 1024]);
    let _ = client.write_all(&response("200 OK", PAGE, "page"));
    std::thread::park_timeout(std::time::Duration::from_millis(30));
    let _ = client.write_all(more);
    if !more.is_empty() {
        let _ = client.read(&mut [0; 1024]);
    }
}

#[test]
fn our_own_status_is_loaded() {
    let Some(program) = welcomed() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (at, port) = (folder.path().display().to_string(), free_port());
    let status = format!("127.0.0.1:{port}");
    let mut command = Command::new(program);
    command.args(["--quiet", "--listen", &format!("unix://{at}/s"), "--status", &status]);
    let Some(_server) = started(command, &folder.path().join("s")) else { return };
    until(|| TcpStream::connect(&status).is_ok());
    for path in ["/", "/metrics"] {
        let url = format!("http://{status}{path}");
        for requests in ["1", "8"] {
            let arguments = ["-c", &url, "--connections", "4", "--count", "40", "--requests", requests];
            let (code, report, last) = load(&arguments);
            assert_eq!((code, report["run"]["welcomed"].as_u64()), (Some(0), Some(40)), "{url}: {last}");
        }
    }
    let (code, _, last) = load(&["-c", &format!("http://{status}/none"), "--count", "3"]);
    assert!(code == Some(1) && last.contains("no visit succeeded: 3 HTTP status; "), "{last}");
}

#[test]
fn what_cannot_be_got_is_one_line() {
    let page = "http://127.0.0.1:1/";
    for (line, what) in [
        (&["-c", "https://127.0.0.1/"][..], "https is not loaded: no TLS is spoken here"),
        (&["-c", "http://"], "http://"),
        (&["-c", "http://127.0.0.1:0/"], "port 0"),
        (&["-c", "http://a b/"], "http://a b/"),
        (&["-c", "http://unix:x:/"], "the path does not begin with a slash"),
        (&["-c", page, "--name", "x"], "--name: of a page HTTP says what is sent"),
        (&["-c", page, "--send", "x"], "--send: of a page"),
        (&["-c", page, "--until", "end"], "--until: of a page"),
        (&["-c", page, "--terminator", "eof"], "--terminator: of a page"),
        (&["-c", page, "--expect", r"\q"], "--expect: a backslash"),
        (&["-c", page, "--expect-status", "1xx"], "accepted are statuses such as 404"),
        (&["-c", page, "--requests", "0"], "at least 1 is accepted"),
        (&["-c", page, "--requests", "2", "--rst"], "--rst: a connection that is reset has one request"),
        (&["-c", "127.0.0.1:1", "--expect-status", "200"], "--expect-status: it is no page"),
        (&["-c", "127.0.0.1:1", "--requests", "2"], "--requests: it takes --until"),
        (
            &["-c", "127.0.0.1:1", "--send", "x", "--until", "end", "--requests", "2"],
            "--requests: it takes --until",
        ),
        (&["-c", "udp://127.0.0.1:1", "--send", "x", "--requests", "2"], "--requests: it takes --until"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = run(Path::new(PROGRAM), folder.path(), line);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line:?}: {said}");
        assert!(said.contains(what) && said.lines().count() == 1, "{line:?}: {said}");
    }
}
