//! What was measured is printed and written, whatever comes after it; and an earlier report stays until there is a better one.

use std::fs;
use std::net::{Shutdown, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use crate::machine::{
    PROGRAM, begin, in_namespaces, run, server, signal, slow_server, text, until, until_it_says, welcome,
};
use serde_json::Value;

fn json(file: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// A copy of the program, by a process of its own. A child that another test has just forked could have a copy of ours open
/// for writing, and the kernel starts no such file (ETXTBSY, execve(2)).
fn copy(folder: &Path) -> std::path::PathBuf {
    let own = folder.join("load");
    assert!(std::process::Command::new("cp").arg(PROGRAM).arg(&own).status().unwrap().success());
    own
}

#[test]
fn a_program_that_was_replaced_meanwhile_keeps_its_results() {
    let folder = tempfile::tempdir().unwrap();
    let own = copy(folder.path());
    let server = server().to_string();
    let load = ["--connect", &server, "--duration", "700ms", "--connections", "1", "--json", "run.json"];
    let running = begin(&own, folder.path(), &load);
    until(|| fs::read_link(format!("/proc/{}/exe", running.id())).is_ok_and(|exe| exe == own));
    fs::remove_file(&own).unwrap();
    fs::write(&own, "another build").unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success() && text(&output.stdout).contains("visits welcomed"), "{output:?}");
    // The deleted file can still be started.
    let run = &json(&folder.path().join("run.json"))["run"];
    assert!(run["generator_ceiling"].as_f64().is_some_and(|ceiling| ceiling > 10.0), "{run:#}");
}

#[test]
fn what_cannot_be_learnt_after_a_run_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let own = copy(folder.path());
    let server = server().to_string();
    let load = ["--connect", &server, "--duration", "700ms", "--connections", "1", "--json", "run.json"];
    let running = begin(&own, folder.path(), &load);
    until_it_says(&running, "in flight");
    // Now it cannot be started again, as its own peer.
    fs::set_permissions(&own, fs::Permissions::from_mode(0o600)).unwrap();
    let output = running.wait_with_output().unwrap();
    let said = text(&output.stdout);
    assert!(output.status.success() && said.contains("visits welcomed"), "{output:?}");
    assert!(said.contains("What the generator reaches at best is unknown: Permission denied"), "{output:?}");
    let run = &json(&folder.path().join("run.json"))["run"];
    assert!(run["welcomed"].as_u64().unwrap() > 0 && run["generator_ceiling"].is_null(), "{run:#}");
}

#[test]
fn a_run_needs_no_proc() {
    let folder = tempfile::tempdir().unwrap();
    let script = "umount -l /proc && exec \"$0\" -c $(cat server) --count 5 --json run.json";
    fs::write(folder.path().join("server"), server().to_string()).unwrap();
    let Some(output) = in_namespaces(&["--mount"], script, folder.path()) else { return };
    assert!(output.status.success() && text(&output.stdout).contains("5 visits welcomed"), "{output:?}");
    let run = &json(&folder.path().join("run.json"))["run"];
    assert!(run["generator_cpu_seconds"].as_f64().unwrap() > 0.0, "{run:#}");
}

#[test]
fn a_report_that_fails_hinders_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = server().to_string();
    let load = ["--connect", &server, "--count", "20", "--json", "/dev/full", "--html", "run.html"];
    let output = run(Path::new(PROGRAM), folder.path(), &load);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.ends_with("welcomed-load: /dev/full: No space left on device (os error 28)\n"), "{said}");
    assert!(text(&output.stdout).contains("20 visits welcomed"), "{output:?}");
    assert!(fs::read_to_string(folder.path().join("run.html")).unwrap().ends_with("</html>\n"));
    // Nor does an output whose reader has gone, and that is no word worth.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = std::process::Command::new(PROGRAM);
    command.args(["--connect", &server, "--count", "20", "--json", "run.json"]).current_dir(folder.path());
    let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert!(!text(&output.stderr).contains("welcomed-load: "), "{output:?}");
    assert_eq!(json(&folder.path().join("run.json"))["run"]["welcomed"], 20);
}

#[test]
fn an_earlier_report_outlives_a_run_that_measures_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.json");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let load = ["--connect", &nobody, "--count", "5", "--json", "run.json"];
    assert_eq!(run(Path::new(PROGRAM), folder.path(), &load).status.code(), Some(1));
    assert!(!file.exists(), "an empty report is none");
    fs::write(&file, "earlier").unwrap();
    assert_eq!(run(Path::new(PROGRAM), folder.path(), &load).status.code(), Some(1));
    // In the warm-up, and while idle connections are not accepted, a signal leaves nothing to report.
    let server = server().to_string();
    let crowded = folder.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&crowded).unwrap();
    rustix::net::listen(&listener, 1).unwrap();
    let crowded = format!("unix://{}", crowded.display());
    for (load, waits) in [
        (["--connect", &server, "--warmup", "60s"], "warming up"),
        (["--connect", &crowded, "--hold", "10"], ""),
    ] {
        let load = [&load[..], &["--timeout", "60s", "--json", "run.json"]].concat();
        let running = begin(Path::new(PROGRAM), folder.path(), &load);
        until_it_says(&running, waits);
        signal(&running, "INT");
        let output = running.wait_with_output().unwrap();
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(130), ""), "{said}");
        assert!(
            said.ends_with("ended by a signal before anything was measured, so nothing is written\n"),
            "{said}"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), "earlier");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside it");
}

#[test]
fn one_file_is_not_asked_for_twice() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "Ada\n").unwrap();
    for options in [
        ["--connect", "127.0.0.1:1", "--json", "a", "--html", "./a"].as_slice(),
        &["--connect", "127.0.0.1:1", "--json", "new", "--html", "new"],
        &["--connect", "127.0.0.1:1", "--names", "a", "--json", "a"],
        &["--smoke", "--json", "cost.json", "--figures", "cost"],
    ] {
        let output = run(Path::new(PROGRAM), folder.path(), options);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{options:?}: {said}");
        assert!(said.ends_with(": the file is asked for twice\n"), "{said}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("a")).unwrap(), "Ada\n");
}

#[test]
fn a_signal_gives_what_there_is_and_a_second_one_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = server().to_string();
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let file = format!("{name}.json");
        let load = ["--connect", &server, "--rate", "200", "--duration", "60s", "--json", &file];
        let running = begin(Path::new(PROGRAM), folder.path(), &load);
        until_it_says(&running, "in flight");
        signal(&running, name);
        let output = running.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(text(&output.stdout).contains("It was ended early by a signal."), "{output:?}");
        let run = &json(&folder.path().join(&file))["run"];
        assert!(run["interrupted"] == true && run["welcomed"].as_u64().unwrap() > 0, "{run:#}");
    }
    // Its visits wait for an answer that never comes.
    let (silent, _listener) = slow_server();
    let load = ["--connect", &silent, "--duration", "60s", "--timeout", "60s"];
    let running = begin(Path::new(PROGRAM), folder.path(), &load);
    until_it_says(&running, "in flight");
    signal(&running, "TERM");
    // Two that come at once are one.
    until(|| {
        let status = fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
        status.contains("SigPnd:\t0000000000000000") && status.contains("ShdPnd:\t0000000000000000")
    });
    signal(&running, "TERM");
    assert_eq!(running.wait_with_output().unwrap().status.code(), Some(143));
}

#[test]
fn a_signal_that_the_parent_ignores_stays_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let server = server().to_string();
    let script = "trap '' HUP; exec \"$0\" -c \"$1\" --connections 1 --duration 1s";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, PROGRAM, &server]).current_dir(folder.path());
    let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until_it_says(&running, "in flight");
    signal(&running, "HUP");
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn standard_output_can_be_the_json_alone() {
    let folder = tempfile::tempdir().unwrap();
    let load = ["--connect", &server().to_string(), "--count", "20", "--json", "-"];
    let output = run(Path::new(PROGRAM), folder.path(), &load);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["run"]["welcomed"], 20);
    assert!(text(&output.stderr).contains("20 visits welcomed"), "{output:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn idle_connections_that_end_meanwhile_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for (number, client) in listener.incoming().flatten().enumerate() {
            match number {
                0..4 => kept.push(client),
                // The idle ones came first: one of them ends while the visits go on.
                4 => {
                    kept[0].shutdown(Shutdown::Both).unwrap();
                    welcome(client);
                }
                _ => welcome(client),
            }
        }
    });
    let load =
        ["--connect", &address, "--hold", "4", "--connections", "1", "--count", "20", "--json", "run.json"];
    let output = run(Path::new(PROGRAM), folder.path(), &load);
    let said = text(&output.stdout);
    assert!(
        said.contains("Of 4 idle connections 1 ended meanwhile: 1 closed by the server, 0 reset."),
        "{output:?}"
    );
    let held = &json(&folder.path().join("run.json"))["run"]["held"];
    assert_eq!(held, &serde_json::json!({ "connections": 4, "closed": 1, "reset": 0 }));
}
