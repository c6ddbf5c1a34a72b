//! The status of a real server, with clients that people have: curl, Python's `http.client` and wrk.

use std::process::Command;

use super::folder::Folder;
use super::status::Shown;
use crate::process::{Server, answer, is_here, run, until};
use crate::tied::tied;

/// All that there is once a client has been welcomed, but for the events, which have no end.
pub(crate) const PATHS: [&str; 10] = [
    "/",
    "/connections",
    "/connections?slowest",
    "/connections?failed",
    "/connections.json",
    "/connections/1",
    "/connections/1.json",
    "/connections/1.svg",
    "/metrics",
    "/counts.json",
];

/// What curl prints.
pub(crate) fn curl(arguments: &[&str]) -> String {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*"]).args(arguments);
    let (code, out, log) = run(&mut command, b"");
    assert_eq!((code, &*log), (0, ""), "{arguments:?}: {out}");
    out
}

/// A server that has welcomed one client, and shows its status.
fn shown() -> Shown {
    let shown = Shown::start(&["-vv"]);
    assert_eq!(answer(shown.server.send(b"Ada\n")), "welcome ");
    shown
}

/// How many connections the status had.
pub(crate) fn connections(server: &Server) -> usize {
    let log = server.log();
    let peers = log.lines().filter(|line| line.contains(": waiting -> "));
    let mut peers: Vec<&str> = peers
        .filter_map(|line| line.rsplit_once(": waiting -> "))
        .map(|(begin, _)| begin.rsplit(' ').next().unwrap())
        .collect();
    peers.sort_unstable();
    peers.dedup();
    peers.len()
}

#[test]
fn curl_gets_all_of_it_as_text_over_one_connection() {
    if !is_here("curl") {
        return;
    }
    let shown = shown();
    let url = |path: &str| format!("http://{}{path}", shown.status);
    let text = curl(&[&url("/")]);
    assert!(text.starts_with("welcomed ") && text.contains("recent conversations\n"), "{text}");
    assert!(text.lines().all(|line| !line.contains('<')), "{text}");
    let story = curl(&[&url("/connections/1")]);
    assert!(story.contains("connection 1 from 127.0.0.1:") && story.contains("in the loop"), "{story}");
    // A browser asks for HTML, and so can curl.
    assert!(curl(&["--header", "Accept: text/html", &url("/")]).starts_with("<!DOCTYPE html>"));
    for head in [&[][..], &["--head"]] {
        let mut arguments = [&["--write-out", "%{stderr}%{http_code} %{num_connects}\n"], head].concat();
        let urls = PATHS.map(url);
        arguments.extend(urls.iter().flat_map(|url| ["--output", "/dev/null", url]));
        let mut command = Command::new("curl");
        command.args(["--silent", "--max-time", "20", "--noproxy", "*"]).args(arguments);
        let (code, _, said) = run(&mut command, b"");
        let expected = format!("200 1\n{}", "200 0\n".repeat(PATHS.len() - 1));
        assert_eq!((code, said), (0, expected), "the connection is kept");
    }
    let head = curl(&["--head", &url("/ready")]);
    assert!(head.contains("Content-Length: 6\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    until("all are in the log", || connections(&shown.server) == 6);
}

#[test]
fn curl_gets_all_of_it_at_a_path() {
    if !is_here("curl") {
        return;
    }
    let folder = Folder::new();
    let path = folder.path("status").display().to_string();
    let server = Server::start(&["--status", &format!("unix://{path}")]);
    server.wait_for_log("the status is at unix://");
    assert_eq!(answer(server.send(b"Ada\n")), "welcome ");
    for of in PATHS {
        let answer = curl(&["--fail", "--unix-socket", &path, &format!("http://localhost{of}")]);
        assert!(!answer.is_empty(), "{of}");
    }
    server.stop();
}

/// Asks for all paths over one connection, and reads what is JSON.
const CLIENT: &str = r#"
import http.client, json, sys
connection = http.client.HTTPConnection(sys.argv[1], timeout=20)
connection.connect()
socket = connection.sock
for path in sys.argv[2:]:
    for method in ("GET", "HEAD"):
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200 and connection.sock is socket, path
        assert (len(body) == 0) == (method == "HEAD"), path
        if method == "GET" and answer.getheader("Content-Type") == "application/json":
            print(path, type(json.loads(body)).__name__)
"#;

#[test]
fn http_client_gets_all_of_it_over_one_connection() {
    if !is_here("python3") {
        return;
    }
    let shown = shown();
    let mut command = Command::new("python3");
    let (code, out, log) = run(command.args(["-c", CLIENT, &shown.status.to_string()]).args(PATHS), b"");
    let expected = "/connections.json dict\n/connections/1.json dict\n/counts.json dict\n";
    assert_eq!((code, &*out, &*log), (0, expected, ""));
}

/// Sixteen requests at once, for what is short and for what is long.
const PIPELINE: &str = r#"
init = function(args)
  local requests = {}
  for number = 1, 16 do
    requests[number] = wrk.format("GET", number % 4 == 0 and "/metrics" or "/health")
  end
  all = table.concat(requests)
end
request = function() return all end
"#;

#[test]
fn wrk_gets_each_answer_of_kept_connections_and_of_pipelines() {
    if !is_here("wrk") {
        return;
    }
    let (shown, folder) = (shown(), Folder::new());
    let script = folder.path("pipeline.lua");
    std::fs::write(&script, PIPELINE).unwrap();
    let (url, script) = (format!("http://{}/ready", shown.status), script.display().to_string());
    for options in [&[][..], &["-s", &script]] {
        let mut wrk = tied("wrk");
        let (code, said, log) = run(wrk.args(["-t", "1", "-c", "8", "-d", "1"]).args(options).arg(&url), b"");
        assert_eq!((code, &*log), (0, ""), "{said}");
        assert!(!said.contains("Socket errors") && !said.contains("Non-2xx"), "{said}");
        let requests = said.lines().find_map(|line| line.trim().split_once(" requests in ")).unwrap().0;
        assert!(requests.parse::<u32>().unwrap() > 100, "{said}");
    }
    // Beside all that it serves as before.
    assert_eq!(answer(shown.server.send(b"Ada\n")), "welcome ");
}
