//! Servers that speak another protocol than the welcome's: what they are sent, where an answer ends, which one is right.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::machine::{PROGRAM, run, text};

/// The program's exit code, the report on standard output, and the last line on standard error.
pub(crate) fn load(arguments: &[&str]) -> (Option<i32>, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = run(Path::new(PROGRAM), folder.path(), &[arguments, &["--json", "-"]].concat());
    let last = text(&output.stderr).lines().last().unwrap_or_default().to_owned();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    if !report.is_null() {
        assert_eq!(crate::described::breach(&report), None);
    }
    (output.status.code(), report, last)
}

/// Where a server listens that treats each client so, in a thread of its own; it is told how many came before.
pub(crate) fn server(
    treat: impl Fn(TcpStream, usize) + Copy + Send + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let number = count.fetch_add(1, Ordering::Relaxed);
            std::thread::spawn(move || treat(client, number));
        }
    });
    (address, accepted)
}

/// Answers each line with a PONG, and never closes.
fn pong(client: TcpStream, _: usize) {
    let mut lines = BufReader::new(client.try_clone().unwrap());
    let mut client = client;
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        let answer: &[u8] = if line == "PING\r\n" { b"+PONG\r\n" } else { b"-ERR\r\n" };
        if client.write_all(answer).is_err() {
            return;
        }
        line.clear();
    }
}

#[test]
fn an_answer_ends_where_it_is_said_to() {
    let (address, accepted) = server(pong);
    let to = address.to_string();
    let load = |more: &[&str]| load(&[&["-c", &to, "--connections", "3", "--count", "50"], more].concat());
    let begun = accepted.load(Ordering::Relaxed);
    for (options, welcomed) in [
        (&["--send", r"PING\r\n", "--until", "bytes:7"][..], true),
        (&["--send", r"PING\r\n", "--until", "bytes:7", "--expect", r"+PONG\r\n"], true),
        (&["--send", r"PING\r\n", "--until", r"text:\r\n", "--expect", "+PONG"], true),
        (&["--send", r"\x50ING\x0d\n", "--until", r"text:\n"], true),
        (&["--send", r"PANG\r\n", "--until", r"text:\n", "--expect", r"+PONG\r"], false),
        // The name is sent as ever, and an answer ends elsewhere.
        (&["--name", "x", "--until", r"text:\r\n", "--expect=-ERR"], true),
        (&["--name", "x", "--until", "bytes:6", "--expect=-OK"], false),
    ] {
        let (code, report, last) = load(options);
        let run = &report["run"];
        let expected = if welcomed { (Some(0), 50) } else { (Some(1), 0) };
        let counted = if welcomed { run["welcomed"].as_u64().unwrap() } else { 0 };
        assert_eq!((code, counted), expected, "{options:?}: {last}");
    }
    assert_eq!(accepted.load(Ordering::Relaxed) - begun, 7 * 50);
}

#[test]
fn braces_that_are_expected_of_any_server_are_braces() {
    let (address, _) = server(|mut client, _| {
        let _ = client.read(&mut [0; 64]);
        let _ = client.write_all(b"hi {user}{{");
    });
    let to = address.to_string();
    for expected in ["hi {user}{{", "hi {user}", "{"] {
        let (code, report, last) = load(&[
            "-c",
            &to,
            "--count",
            "5",
            "--send",
            "x",
            "--expect",
            expected,
            "--fail-if",
            "failures>0",
        ]);
        let welcomed = if expected.ends_with("{{") { 5 } else { 0 };
        assert_eq!(report["run"]["welcomed"].as_u64().unwrap_or(0), welcomed, "{expected}: {last}");
        assert_eq!(code, Some(i32::from(welcomed == 0)), "{expected}: {last}");
    }
}

#[test]
fn what_is_sent_can_be_a_file_and_answers_can_be_long() {
    // It answers with as many bytes again, once the client has shut its side.
    let (address, _) = server(|mut client, _| {
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).unwrap();
        client.write_all(&bytes.repeat(2)).unwrap();
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("request");
    std::fs::write(&file, vec![b'x'; 300_000]).unwrap();
    let (to, file) = (address.to_string(), file.to_str().unwrap().to_owned());
    let sent = ["-c", &to, "--count", "5", "--send-file", &file, "--terminator", "eof"];
    for (until, welcomed) in [("end", 5), ("bytes:600000", 5), ("bytes:599999", 0)] {
        let (_, report, last) = load(&[&sent[..], &["--until", until]].concat());
        if welcomed > 0 {
            assert_eq!(report["run"]["welcomed"], welcomed, "{until}: {last}");
        } else {
            assert!(last.contains("no visit succeeded: 5 extra bytes; the first had "), "{until}: {last}");
        }
    }
}

#[test]
fn the_first_wrong_answer_is_shown_as_text_and_as_bytes() {
    let (address, _) = server(|mut client, number| {
        let _ = client.read(&mut [0; 64]);
        // The third answer is another one.
        let answer: &[u8] = if number == 2 { b"go \x1b[31maway\xff\n" } else { b"welcome " };
        let _ = client.write_all(answer);
    });
    let folder = tempfile::tempdir().unwrap();
    let to = address.to_string();
    let arguments =
        ["-c", &to, "--connections", "1", "--count", "5", "--json", "run.json", "--html", "run.html"];
    let output = run(Path::new(PROGRAM), folder.path(), &arguments);
    let said = text(&output.stdout);
    let shown = "errors: 1 wrong reply\nThe first wrong answer (wrong reply) had 14 bytes: go \\u{1b}[31maway\u{fffd}\\n\n\
                 in hexadecimal: 67 6f 20 1b 5b 33 31 6d 61 77 61 79 ff 0a\n";
    assert!(said.contains(shown), "{said}");
    let report = std::fs::read_to_string(folder.path().join("run.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    let wrong = &report["run"]["first_wrong"];
    assert_eq!((wrong["class"].as_str(), wrong["bytes"].as_u64()), (Some("wrong reply"), Some(14)));
    assert_eq!(wrong["hex"], "67 6f 20 1b 5b 33 31 6d 61 77 61 79 ff 0a");
    let page = std::fs::read_to_string(folder.path().join("run.html")).unwrap();
    assert!(page.contains("The first wrong answer") && !page.contains('\u{1b}'), "{page}");
}

#[test]
fn what_cannot_be_asked_for_is_one_line() {
    let long = "x".repeat(1 << 20) + "x";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), long).unwrap();
    let file = file.path().to_str().unwrap();
    for (line, code, what) in [
        (&["-c", "127.0.0.1:1", "--until", "bytes:0"][..], 2, "bytes: accepted are whole numbers from 1"),
        (&["-c", "127.0.0.1:1", "--until", "text:"], 2, "a delimiter has at least one byte"),
        (&["-c", "127.0.0.1:1", "--until", "8"], 2, "accepted are end, bytes:8 and text:"),
        (&["-c", "127.0.0.1:1", "--send", r"\q"], 2, "a backslash begins "),
        (&["-c", "127.0.0.1:1", "--send", "x", "--expect", r"\xg0"], 2, "--expect: a backslash begins "),
        (&["-c", "127.0.0.1:1", "--expect", "hi {user}"], 2, "--expect: "),
        (&["-c", "127.0.0.1:1", "--send", "x", "--name", "y"], 2, "--name"),
        (&["-c", "127.0.0.1:1", "--send", "x", "--send-file", "y"], 2, "--send-file"),
        (&["-c", "127.0.0.1:1", "--send", "x", "--terminator", "lf"], 2, "--terminator"),
        (&["-c", "udp://127.0.0.1:1", "--send", "x", "--until", "bytes:1"], 2, "--until"),
        (&["--send", "x"], 2, "--connect"),
        (&["-c", "127.0.0.1:1", "--send-file", "none/such"], 1, "none/such: No such file"),
        (&["-c", "127.0.0.1:1", "--send-file", file], 1, "more than 1048576 bytes"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = run(Path::new(PROGRAM), folder.path(), line);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line:?}: {said}");
        assert!(said.contains(what) && said.lines().count() == 1, "{line:?}: {said}");
    }
}
