//! The service on the real kernel, with curl, Python's `http.client` and raw sockets.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;
use welcomed::kernel::{Handle, Mio};
use welcomed::reactor::{Server, Settings, Streams};

use crate::shown::{LONG_BYTES, answers, event, get, service};

/// How long anything may take.
const BOUND: Duration = Duration::from_secs(20);

/// The service, in a thread of its own.
struct Served {
    address: SocketAddr,
    folder: TempDir,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// It listens over TCP, and at `s` in a folder.
    fn start() -> Served {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s").display().to_string();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let kernel = Mio::new().unwrap();
            let handle = kernel.handle();
            let mut settings = Settings::default();
            settings.drain_timeout = BOUND;
            let mut server = Server::new(kernel, Streams::new(service(), 64), settings);
            let address =
                server.listen(&"127.0.0.1:0".parse().unwrap()).unwrap().addresses[0].inet().unwrap();
            server.listen(&format!("unix://{path}").parse().unwrap()).unwrap();
            tell.send((address, handle)).unwrap();
            server.run().unwrap();
        });
        let (address, handle) = told.recv_timeout(BOUND).unwrap();
        Served { address, folder, handle, thread: Some(thread) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        stream
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.handle.stop().unwrap();
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking());
    }
}

/// Whether a program is installed. Says so if not, which is a failure where `CI` is set.
fn is_here(program: &str) -> bool {
    let is_here = Command::new(program).arg("--version").output().is_ok_and(|ended| ended.status.success());
    if !is_here {
        assert!(std::env::var_os("CI").is_none(), "CI needs {program}");
        // The test harness would hide the output of `eprintln!`.
        let _ = writeln!(std::io::stderr(), "NOT TESTED: {program} is not here");
    }
    is_here
}

/// Runs a program that ends in time by itself: exit code, standard output, standard error.
fn run(command: &mut Command) -> (i32, String, String) {
    let ended = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (ended.status.code().unwrap(), text(ended.stdout), text(ended.stderr))
}

/// What curl prints.
fn curl(arguments: &[&str]) -> String {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*"]).args(arguments);
    let (code, out, log) = run(&mut command);
    assert_eq!((code, &*log), (0, ""), "{arguments:?}: {out}");
    out
}

#[test]
fn curl_gets_what_it_asks_for_over_one_connection() {
    if !is_here("curl") {
        return;
    }
    let served = Served::start();
    assert_eq!(curl(&[&served.url("/a?b")]), "/a b\n");
    assert_eq!(curl(&["--http1.0", &served.url("/a")]), "/a \n");
    let written = "%{http_code} %{num_connects}\n";
    let urls = [served.url("/none"), served.url("/"), served.url("/long")];
    let all = curl(&[
        "-w",
        written,
        "-o",
        "/dev/null",
        &urls[0],
        "-o",
        "/dev/null",
        &urls[1],
        "-o",
        "/dev/null",
        &urls[2],
    ]);
    assert_eq!(all, "404 1\n200 0\n200 0\n", "the connection is kept");
    assert_eq!(curl(&[&urls[2]]).len(), LONG_BYTES);
    let head = curl(&["--head", &urls[2]]);
    assert!(
        head.contains(&format!("Content-Length: {LONG_BYTES}\r\n")) && head.ends_with("\r\n\r\n"),
        "{head}"
    );
}

#[test]
fn curl_is_told_why_it_gets_nothing() {
    if !is_here("curl") {
        return;
    }
    let served = Served::start();
    let url = served.url("/");
    let long = served.url(&format!("/{}", "x".repeat(9000)));
    let field = format!("X: {}", "x".repeat(9000));
    for (arguments, expected) in [
        (&["--data", "x=y", &url][..], "405 Method Not Allowed: only GET and HEAD are\n"),
        (
            &["--request", "GET", "--data", "x=y", &url],
            "413 Content Too Large: a request may have no content\n",
        ),
        (&["--header", "Host: rebound.example", &url], "421 Misdirected Request: "),
        (&["--header", "Expect: tea", &url], "417 Expectation Failed: "),
        (&[&long], "414 URI Too Long: "),
        (&["--header", &field, &url], "431 Request Header Fields Too Large: "),
    ] {
        let out = curl(arguments);
        assert!(out.starts_with(expected), "{arguments:?}: {out}");
    }
}

#[test]
fn over_the_unix_domain_any_host_is_served() {
    if !is_here("curl") {
        return;
    }
    let served = Served::start();
    let path = served.folder.path().join("s").display().to_string();
    assert_eq!(curl(&["--unix-socket", &path, "http://rebound.example/a"]), "/a \n");
}

#[test]
fn curl_watches_until_it_leaves() {
    if !is_here("curl") {
        return;
    }
    let served = Served::start();
    let mut command = Command::new("curl");
    command.args(["--silent", "--no-buffer", "--max-time", "3", "--noproxy", "*", &served.url("/events")]);
    let (code, out, _) = run(&mut command);
    assert!(
        code == 28 && out.starts_with(&(event(1) + &event(2))),
        "it gives up, and has got what there was: {out}"
    );
}

/// Prints the statuses and the bodies of requests over one connection.
const CLIENT: &str = r#"
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], timeout=20)
connection.connect()
socket = connection.sock
for method, path in (("GET", "/a?b"), ("HEAD", "/long"), ("GET", "/none"), ("GET", "/long")):
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    assert connection.sock is socket, "the connection is kept"
    print(answer.status, answer.getheader("Content-Length"), len(body), body[:5])
connection.request("GET", "/", headers={"Connection": "close"})
answer = connection.getresponse()
print(answer.status, answer.read(), connection.sock)
connection.request("POST", "/", body=b"x" * 100000)
answer = connection.getresponse()
print(answer.status, answer.getheader("Allow"), answer.will_close)
"#;

#[test]
fn http_client_gets_its_answers_over_one_connection() {
    if !is_here("python3") {
        return;
    }
    let served = Served::start();
    let (code, out, log) = run(Command::new("python3").args(["-c", CLIENT, &served.address.to_string()]));
    let expected = "200 5 5 b'/a b\\n'\n200 5000 0 b''\n404 5 5 b'none\\n'\n200 5000 5000 b'xxxxx'\n\
                    200 b'/ \\n' None\n405 GET, HEAD True\n";
    assert_eq!((code, &*out, &*log), (0, expected, ""));
}

#[test]
fn a_hundred_requests_at_once_get_a_hundred_answers_and_the_end() {
    let served = Served::start();
    let paths: Vec<String> = (0..100).map(|number| format!("/{number}")).collect();
    let bytes: Vec<u8> = paths.iter().flat_map(|path| get(path)).collect();
    for chunk in [bytes.len(), 1000, 7] {
        let mut client = served.connect();
        client.set_nodelay(true).unwrap();
        for piece in bytes.chunks(chunk) {
            client.write_all(piece).unwrap();
        }
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let mut output = Vec::new();
        client.read_to_end(&mut output).unwrap();
        let got = answers(&output, |_| false);
        let bodies: Vec<String> = got.into_iter().map(|got| String::from_utf8(got.body).unwrap()).collect();
        assert_eq!(bodies, paths.iter().map(|path| format!("{path} \n")).collect::<Vec<_>>(), "{chunk}");
    }
}

#[test]
fn a_watcher_that_is_gone_frees_its_place() {
    let served = Served::start();
    let begin = |client: &mut TcpStream| {
        let mut line = [0; 12];
        client.write_all(&get("/events")).unwrap();
        client.read_exact(&mut line).unwrap();
        String::from_utf8(line.to_vec()).unwrap()
    };
    let mut watchers = [served.connect(), served.connect()];
    for watcher in &mut watchers {
        assert_eq!(begin(watcher), "HTTP/1.1 200");
    }
    assert_eq!(begin(&mut served.connect()), "HTTP/1.1 503");
    drop(watchers);
    // The loop looks at a client that is gone when it has time to.
    let is_free = (0..1000).any(|_| begin(&mut served.connect()) == "HTTP/1.1 200");
    assert!(is_free);
}
