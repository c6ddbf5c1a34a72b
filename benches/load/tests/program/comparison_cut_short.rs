//! A comparison that is cut short, and what it starts.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::machine::{PROGRAM, begin, in_namespaces, run, signal, text, until, until_it_says};

/// The program `welcomed`, if it is built. If it is not, that is said.
pub(crate) fn welcomed() -> Option<PathBuf> {
    let welcomed = Path::new(PROGRAM).with_file_name("welcomed");
    if welcomed.is_file() {
        return Some(welcomed);
    }
    assert!(std::env::var_os("CI").is_none(), "CI needs this: cargo build --bin welcomed");
    // Not by `eprintln!`, which the test harness keeps to itself when a test passes.
    let _ = writeln!(std::io::stderr(), "NOT TESTED: the comparison, without cargo build --bin welcomed");
    None
}

/// Writes a script that can be started. By a process of its own, because a child of another test could inherit a file that
/// this one writes (ETXTBSY).
fn script(folder: &Path, name: &str, lines: &str) -> PathBuf {
    let (source, program) = (folder.join(format!("{name}.sh")), folder.join(name));
    fs::write(&source, lines).unwrap();
    let install =
        std::process::Command::new("install").args(["-m", "755"]).args([&source, &program]).status();
    assert!(install.unwrap().success());
    program
}

/// The processes that have this in their environment.
fn marked(mark: &str) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let processes = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    let has_mark = |process: &u32| {
        let text = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        text.windows(mark.len()).any(|part| part == mark.as_bytes())
    };
    processes.filter(has_mark).collect()
}

#[test]
fn an_interrupted_comparison_becomes_no_baseline_or_page() {
    let Some(_) = welcomed() else { return };
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("welcomed-load");
    fs::create_dir_all(kept.join("baselines")).unwrap();
    let earlier = "{\"version\":1,\"costs\":[0.8,0.81,0.8,0.79]}";
    for file in ["report.html", "report.json", "baselines/kept.json"] {
        fs::write(kept.join(file), earlier).unwrap();
    }
    let options =
        ["--save-baseline", "kept", "--baseline", "kept", "--figures", "cost", "--json", "part.json"];
    let running = begin(Path::new(PROGRAM), folder.path(), &options);
    until_it_says(&running, "round 1 of 10: the generator");
    signal(&running, "INT");
    let output = running.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(130), ""), "{output:?}");
    assert!(!folder.path().join("part.json").exists(), "nothing was measured");
    let running = begin(Path::new(PROGRAM), folder.path(), &options);
    until_it_says(&running, "round 2 of 10: floor");
    signal(&running, "INT");
    let output = running.wait_with_output().unwrap();
    let tables = text(&output.stdout);
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(tables.contains("was cut short") && !tables.contains("NaN"), "{tables}");
    assert!(!tables.contains("against the baseline") && !tables.contains("| goal"), "{tables}");
    for file in ["report.html", "report.json", "baselines/kept.json"] {
        assert_eq!(fs::read_to_string(kept.join(file)).unwrap(), earlier, "{file}");
    }
    assert!(!folder.path().join("cost.json").exists() && !folder.path().join("part.html").exists());
    // What was asked for by name is there, and says that it is a part.
    let part: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("part.json")).unwrap()).unwrap();
    assert_eq!(crate::described::breach(&part), None);
    assert_eq!(
        (&part["comparison"]["whole"], part["goals"].as_array().unwrap().len()),
        (&Value::from(false), 0)
    );
}

#[test]
fn a_baseline_is_of_welcomed_quiet_and_its_verdict_too() {
    let Some(_) = welcomed() else { return };
    let folder = tempfile::tempdir().unwrap();
    let options = ["--smoke", "--save-baseline", "kept", "--json", "report.json"];
    let output = run(Path::new(PROGRAM), folder.path(), &options);
    assert!(output.status.success(), "{output:?}");
    let read = |file: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(folder.path().join(file)).unwrap()).unwrap()
    };
    let report = read("report.json");
    let rows = report["comparison"]["rows"].as_array().unwrap();
    let quiet = rows.iter().find(|row| row["name"] == "welcomed --quiet").unwrap();
    assert_eq!(read("welcomed-load/baselines/kept.json")["costs"], quiet["costs"]);
}

#[test]
fn a_comparison_with_a_server_that_fails_ends_with_its_figures() {
    let folder = tempfile::tempdir().unwrap();
    let listens = "echo \"waiting for connections on tcp://127.0.0.1:$PORT\" >&2";
    let python = "import socket, sys, time
s = socket.create_server(('127.0.0.1', 0), backlog=4096)
print('waiting for connections on tcp://127.0.0.1:%d' % s.getsockname()[1], file=sys.stderr, flush=True)
time.sleep(60)";
    for (name, lines, why) in [
        // One where there is no listener, one that does not answer, and so on.
        ("refusing", format!("#!/bin/sh\nPORT=1\n{listens}\nexec sleep 60\n"), "no visit succeeded: "),
        ("silent", format!("#!/bin/sh\nexec python3 -c \"{python}\"\n"), "no visit succeeded: "),
        ("ending", format!("#!/bin/sh\nPORT=1\n{listens}\n"), "it ended while it was visited"),
        ("mute", "#!/bin/sh\nexit 7\n".to_owned(), "does not begin to listen"),
    ] {
        let program = script(folder.path(), name, &lines);
        let options = ["--smoke", "--welcomed", program.to_str().unwrap(), "--json", "part.json"];
        let output = run(Path::new(PROGRAM), folder.path(), &options);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {output:?}");
        assert!(said.lines().last().unwrap().contains(why), "{name}: {said}");
        // The peers that were measured before are shown.
        let tables = text(&output.stdout);
        assert!(tables.contains("| floor") && !tables.contains("NaN"), "{name}: {tables}");
    }
}

#[test]
fn nothing_that_was_started_outlives_the_program() {
    let Some(_) = welcomed() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, phase) in [
        ("KILL", "round 1 of 10: tokio"),
        ("KILL", "round 1 of 10: welcomed"),
        ("TERM", "round 1 of 10: lab"),
    ] {
        let mark = format!("LOAD_TEST_MARK={name}-{}-{}", phase.len(), std::process::id());
        let (key, value) = mark.split_once('=').unwrap();
        let mut command = std::process::Command::new(PROGRAM);
        command.current_dir(folder.path()).env(key, value).stdout(std::process::Stdio::null());
        let running = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
        until_it_says(&running, phase);
        until(|| marked(&mark).len() > 1);
        signal(&running, name);
        let _ = running.wait_with_output().unwrap();
        until(|| marked(&mark).is_empty());
    }
}

/// In a namespace of processes whose `/proc` is that of another one, numbers there are of other processes.
#[test]
fn no_other_process_is_measured_for_a_server() {
    let Some(welcomed) = welcomed() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = format!("\"$0\" --smoke --welcomed {} --json own.json; exit $?", welcomed.display());
    let Some(output) = in_namespaces(&["--pid", "--fork"], &script, folder.path()) else { return };
    assert!(output.status.success(), "{output:?}");
    let file = fs::read_to_string(folder.path().join("own.json")).unwrap();
    let report: Value = serde_json::from_str(&file).unwrap();
    for row in report["comparison"]["rows"].as_array().unwrap() {
        let cpu = row["cpu_micros"][0].as_f64().unwrap();
        assert!(cpu > 1.0, "the servers' own time is known without /proc: {row:#}");
        let unknown = row["held_bytes"].is_null() && row["calls"].is_null();
        assert!(unknown && row["switches"].as_array().unwrap().is_empty(), "{row:#}");
    }
    assert!(!text(&output.stdout).contains("NaN"), "{output:?}");
    assert_eq!(fs::metadata(folder.path().join("own.json")).unwrap().permissions().mode() & 0o077, 0o044);
}
