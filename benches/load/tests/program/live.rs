//! What is seen of a run while it goes on, and of a search for the knee.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::described::breach;
use crate::machine::{PROGRAM, run, server, text, until};

/// What a run of two seconds shows on a terminal of so many columns, with this environment. Standard output is elsewhere.
fn shown(server: &str, columns: usize, environment: &str) -> String {
    let load = format!("{PROGRAM} -c {server} --connections 2 --duration 2s >/dev/null");
    let script = format!("stty cols {columns} rows 24; {environment} {load}");
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &script, "/dev/null"]).env_remove("NO_COLOR").env("LC_ALL", "C.UTF-8");
    let output = terminal.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout).to_owned()
}

#[test]
fn a_terminal_shows_a_picture_that_fits() {
    let server = server().to_string();
    for columns in [40, 100] {
        let shown = shown(&server, columns, "TERM=xterm");
        let pictures: Vec<&str> = shown.split("\u{1b}[J").collect();
        assert!(pictures.len() > 3, "it is drawn anew: {shown:?}");
        let picture = pictures[2];
        for said in ["s left", " visits/s, 2 in flight", "p50 ", "0 errors", "ms \u{2588}"] {
            assert!(picture.contains(said), "{said} in {picture}");
        }
        let plain = picture.split("\r\u{1b}[").next().unwrap();
        let widest = plain.lines().map(|line| line.trim_end().chars().count()).max();
        assert!(widest.is_some_and(|widest| widest <= columns), "{columns}: {plain}");
        assert!(!shown.contains("\u{1b}[3"), "no error, no colour: {shown:?}");
    }
}

#[test]
fn a_dumb_terminal_gets_lines() {
    let shown = shown(&server().to_string(), 80, "TERM=dumb");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

/// The first at once, and then one each ten seconds.
#[test]
fn without_a_terminal_a_run_is_seldom_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(Path::new(PROGRAM), folder.path(), &["-c", &server().to_string(), "--duration", "1s"]);
    assert!(output.status.success(), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.matches(" left\n").count() == 1 && !said.contains('\u{1b}'), "{said:?}");
    assert!(!said.contains("\n\n"), "{said:?}");
}

/// What it says is not read, as on a terminal that was stopped (Ctrl-S).
#[test]
fn a_reader_that_has_stopped_keeps_no_visit_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::NONBLOCK).unwrap();
    while writer.write(b"a line\n").is_ok() {}
    rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::empty()).unwrap();
    let mut load = Command::new(PROGRAM);
    let server = server().to_string();
    load.args(["-c", &server, "--rate", "100", "--duration", "1s", "--json", "run.json"]);
    let running = load.current_dir(folder.path()).stdout(Stdio::piped()).stderr(writer).spawn().unwrap();
    // It holds the other end as well.
    drop(load);
    let file = folder.path().join("run.json");
    until(|| file.exists());
    let report: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let run = &report["run"];
    assert_eq!((&run["not_begun"], run["begun"] == run["due"]), (&0.into(), true), "{run:#}");
    assert!(run["corrected"]["max_nanos"].as_u64().unwrap() < 500_000_000, "{run:#}");
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(text(&output.stdout).contains("visits welcomed") && output.status.success(), "{output:?} {said}");
}

#[test]
fn a_knee_has_an_interval_and_its_steps_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap().to_string();
    // Each visit takes 20 ms.
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            #[expect(clippy::disallowed_methods, reason = "the delay is the server's")]
            thread::spawn(move || {
                let _ = client.read(&mut [0; 64]);
                thread::sleep(Duration::from_millis(20));
                client.write_all(b"welcome ")
            });
        }
    });
    let knee = ["-c", &server, "--find-knee", "--rate", "300", "--duration", "500ms", "--json", "knee.json"];
    let output = run(Path::new(PROGRAM), folder.path(), &[&knee[..], &["--target-p99", "2ms"]].concat());
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let report: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("knee.json")).unwrap()).unwrap();
    assert_eq!(breach(&report), None);
    let knee = &report["knee"];
    assert!(knee["rate"].is_null() && knee["upper"].is_null() && report["run"].is_null(), "{report:#}");
    assert_eq!(knee["target_p99"], 2_000_000);
    let steps = knee["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 2, "one bad step does not decide: {report:#}");
    for step in steps {
        assert!(step["verdict"] == "too much" && step["p99"].as_u64() > Some(2_000_000), "{step:#}");
    }
}
