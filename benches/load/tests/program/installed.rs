//! The program as it is installed.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::described::breach;
use crate::machine::{PROGRAM, begin, run, server, signal, text, until_it_says};
use serde_json::Value;

#[test]
fn a_server_is_loaded_and_the_report_has_its_figures() {
    let folder = tempfile::tempdir().unwrap();
    let server = server().to_string();
    let load = ["--connect", &server, "--count", "200", "--json", "run.json", "--html", "run.html"];
    let output = run(Path::new(PROGRAM), folder.path(), &load);
    assert!(output.status.success(), "{output:?}");
    assert!(text(&output.stdout).contains("200 visits welcomed"), "{output:?}");
    let json = fs::read_to_string(folder.path().join("run.json")).unwrap();
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(breach(&report), None);
    let run = &report["run"];
    assert_eq!(run["welcomed"], 200, "{json}");
    // Its peer was started for this: the generator's ceiling is measured against one.
    assert!(run["generator_ceiling"].as_f64().is_some_and(|ceiling| ceiling > 10.0), "{json}");
    assert!(fs::read_to_string(folder.path().join("run.html")).unwrap().ends_with("</html>\n"));
}

#[test]
fn a_report_that_is_not_as_described_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let load = ["--connect", &server().to_string(), "--count", "1", "--json", "run.json"];
    assert!(run(Path::new(PROGRAM), folder.path(), &load).status.success());
    let json = fs::read_to_string(folder.path().join("run.json")).unwrap();
    let report: Value = serde_json::from_str(&json).unwrap();
    for (place, value) in [
        ("/version", Value::from(3)),
        ("/run/seconds", Value::Null),
        ("/run/kind", Value::from(1)),
        ("/run/welcomed", Value::from(0.5)),
        ("/run/held_back", Value::from(-1)),
        ("/run/failures/refused", Value::from("none")),
        ("/run/generator_ceiling", Value::from("high")),
        ("/run/datagrams", Value::Object(serde_json::Map::new())),
        ("/run/latency/at/0/nanos", Value::from("short")),
        ("/run/thresholds", Value::Null),
        ("/about", Value::from("none")),
        ("/run/timeline/slices", Value::Null),
        ("/run/latency/at/0/verdict", Value::from("doubtful")),
        ("/run/parts/0/part", Value::from("sleeping")),
        ("/run/timeline/slices/0", Value::from("busy")),
    ] {
        let mut wrong = report.clone();
        *wrong.pointer_mut(place).unwrap() = value;
        assert!(breach(&wrong).is_some_and(|breach| breach.contains(place)), "{place}");
    }
    let mut more = report.clone();
    more["run"]["surprise"] = Value::from(1);
    assert_eq!(breach(&more).unwrap(), "report/run/surprise is not described");
}

#[test]
fn a_comparison_without_welcomed_ends_with_one_line() {
    let folder = tempfile::tempdir().unwrap();
    // Beside the original, welcomed may be found.
    let lonely = folder.path().join("welcomed-load");
    // By a process of its own. A child that another test has just forked could have a copy of ours open for writing, and the
    // kernel starts no such file (ETXTBSY, execve(2)).
    assert!(Command::new("cp").arg(PROGRAM).arg(&lonely).status().unwrap().success());
    let output = run(&lonely, folder.path(), &["--smoke"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("welcomed-load: ") && said.contains("--welcomed PROGRAM"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_program_that_is_not_there_is_a_mistake_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(Path::new(PROGRAM), folder.path(), &["--welcomed", "nowhere/welcomed"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("there is no such file") && said.lines().count() == 1, "{said}");
}

#[test]
fn the_help_names_the_program_as_users_call_it() {
    let folder = tempfile::tempdir().unwrap();
    let help = |more: &[&str]| {
        let output = run(Path::new(PROGRAM), folder.path(), &[&["--help"], more].concat());
        text(&output.stdout).to_owned()
    };
    assert!(help(&[]).contains("Usage: welcomed-load "), "{}", help(&[]));
    // Cargo gives this argument to every benchmark.
    assert!(help(&["--bench"]).contains("Usage: cargo bench --bench load -- "), "{}", help(&["--bench"]));
}

#[test]
fn the_proof_holds() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(Path::new(PROGRAM), folder.path(), &["--prove"]);
    let receipt = text(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(receipt.matches("correct").count() == 45 && !receipt.contains("WRONG"), "{receipt}");
}

#[test]
fn a_proof_that_is_interrupted_proves_nothing_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let running = begin(Path::new(PROGRAM), folder.path(), &["--prove"]);
    until_it_says(&running, "");
    signal(&running, "INT");
    let output = running.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(130), ""), "{said}");
    assert!(said.ends_with("ended by a signal, so nothing is proved\n"), "{said}");
}

#[test]
fn a_host_that_stands_for_all_is_no_server_to_load() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(Path::new(PROGRAM), folder.path(), &["--connect", "*:9999", "--count", "1"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{output:?}");
    assert!(text(&output.stderr).contains("the host * is for listening"), "{output:?}");
}

#[test]
fn a_name_that_cannot_be_sent_is_told_from_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("names"), format!("Ada\n{}\n", "x".repeat(1025))).unwrap();
    let server = server().to_string();
    for (option, value, code, why) in [
        ("--name", "Ada\nBob", 2, "--name: the name has a line feed in it"),
        ("--name", &"x".repeat(1025), 2, "--name: the name is too long"),
        ("--names", "names", 1, "names: line 2: the name is too long"),
    ] {
        let output = run(Path::new(PROGRAM), folder.path(), &["--connect", &server, option, value]);
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), said.lines().count()), (Some(code), 1), "{said}");
        assert!(said.starts_with(&format!("welcomed-load: {why}")), "{said}");
    }
}

#[test]
fn a_negative_number_is_a_value_that_is_not_accepted() {
    let folder = tempfile::tempdir().unwrap();
    for option in ["--rate", "--count", "--connections", "--hold", "--seed", "--sources"] {
        let output = run(Path::new(PROGRAM), folder.path(), &["--connect", "127.0.0.1:1", option, "-1"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("'-1' for '{option} <")), "{said}");
    }
}

#[test]
fn a_run_in_which_nothing_succeeds_is_a_failure_of_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let wrong = server().to_string();
    let stream = folder.path().join("stream");
    let _listener = std::os::unix::net::UnixListener::bind(&stream).unwrap();
    let records = format!("unixpacket://{}", stream.display());
    for (options, why) in [
        (["--connect", &nobody, "--count", "50"].as_slice(), "no visit succeeded: 50 refused"),
        (&["--connect", &nobody, "--find-knee", "--duration", "100ms"], "no visit succeeded: "),
        (&["--connect", &wrong, "--count", "50", "--expect", "hello"], "no visit succeeded: 50 wrong reply"),
        (&["--connect", &records, "--count", "50"], "no visit succeeded: 50 other: Protocol wrong type"),
        (
            &["--connect", "no-such-host.invalid:1"],
            "tcp://no-such-host.invalid:1: the host cannot be resolved",
        ),
    ] {
        let output = run(Path::new(PROGRAM), folder.path(), options);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""), "{output:?}");
        let said = text(&output.stderr);
        assert!(said.lines().last().unwrap().contains(why), "{said}");
    }
}

#[test]
fn an_output_that_is_closed_or_full_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let server = server().to_string();
    let load = |output: Stdio| {
        let mut command = Command::new(PROGRAM);
        command.args(["--connect", &server, "--count", "50"]).current_dir(folder.path());
        command.stdout(output).stderr(Stdio::piped()).output().unwrap()
    };
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let closed = load(writer.into());
    assert!(closed.status.code() == Some(1) && !text(&closed.stderr).contains("panicked"), "{closed:?}");
    let full = load(fs::File::create("/dev/full").unwrap().into());
    assert_eq!(full.status.code(), Some(1));
    let said = text(&full.stderr).lines().last();
    assert_eq!(said, Some("welcomed-load: No space left on device (os error 28)"));
}

/// In a network of its own with one port to choose, a client gets the port that it visits.
#[test]
fn a_visit_that_is_its_own_server_is_refused() {
    let in_own_network = |script: &str| {
        let one_port = "ip link set lo up && echo '40000 40000' > /proc/sys/net/ipv4/ip_local_port_range && ";
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", &format!("{one_port}{script}"), PROGRAM]);
        command.output()
    };
    if !in_own_network("true").is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "CI needs a network of its own");
        let _ = writeln!(std::io::stderr(), "NOT TESTED: there is no network of one's own");
        return;
    }
    for place in ["127.0.0.1:40000", "udp://127.0.0.1:40000"] {
        let visits = format!("exec \"$0\" -c {place} --connections 1 --count 1 --timeout 20s");
        let output = in_own_network(&visits).unwrap();
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(said.contains("refused") && !said.contains("wrong"), "{place}: {said}");
    }
}
