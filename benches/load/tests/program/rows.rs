//! The file with a row for each visit.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::any_server::server;
use crate::machine::{PROGRAM, run, slow_server, text};

/// The header and the rows of a file.
fn rows(file: &Path) -> (String, Vec<Vec<String>>) {
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines = text.lines();
    let header = lines.next().unwrap().to_owned();
    (header, lines.map(|line| line.split(',').map(str::to_owned).collect()).collect())
}

fn report(folder: &Path) -> Value {
    let report = serde_json::from_slice(&std::fs::read(folder.join("run.json")).unwrap()).unwrap();
    assert_eq!(crate::described::breach(&report), None);
    report
}

/// Whatever ends the run, and whichever thread made a visit.
#[test]
fn no_two_visits_have_one_number() {
    let folder = tempfile::tempdir().unwrap();
    let server = crate::machine::server().to_string();
    for how in [&["--duration", "300ms"][..], &["--count", "301"], &["--duration", "300ms", "--rate", "1k"]] {
        let load = ["-c", &server, "--threads", "3", "--json", "run.json", "--visits", "visits.csv"];
        let output = run(Path::new(PROGRAM), folder.path(), &[&load[..], how].concat());
        assert!(output.status.code().is_some_and(|code| code == 0 || code == 5), "{output:?}");
        let (_, rows) = rows(&folder.path().join("visits.csv"));
        let numbers: std::collections::BTreeSet<&str> = rows.iter().map(|row| &*row[0]).collect();
        assert!(numbers.len() == rows.len() && rows.len() > 3, "{how:?}: {} rows", rows.len());
        assert_eq!(report(folder.path())["run"]["begun"], rows.len());
    }
}

#[test]
fn each_visit_has_a_row_and_they_say_what_the_report_says() {
    let folder = tempfile::tempdir().unwrap();
    // Each tenth is late, and each twentieth of another kind.
    let (address, _) = server(|mut client, number| {
        use std::io::{Read as _, Write as _};
        let _ = client.read(&mut [0; 64]);
        if number % 10 == 9 {
            std::thread::park_timeout(std::time::Duration::from_millis(40));
        }
        let _ = client.write_all(if number % 20 == 5 { b"go away!" } else { b"welcome " });
    });
    let to = address.to_string();
    let arguments =
        ["-c", &to, "--connections", "2", "--count", "1k", "--json", "run.json", "--visits", "visits.csv"];
    let output = run(Path::new(PROGRAM), folder.path(), &arguments);
    assert!(output.status.success(), "{output:?}");
    let said = "1000 visits have a row in the file of --visits.";
    assert!(text(&output.stdout).contains(said), "{output:?}");
    let (header, rows) = rows(&folder.path().join("visits.csv"));
    assert_eq!(header, "visit,due_us,begun_us,connected_us,first_byte_us,ended_us,outcome,culprit");
    let report = report(folder.path());
    let run = &report["run"];
    assert_eq!((&run["rows"]["written"], &run["rows"]["missing"]), (&1000.into(), &0.into()));
    let mut serials: Vec<usize> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    serials.sort_unstable();
    assert!(serials.into_iter().eq(0..1000));
    let count = |column: usize, word: &str| rows.iter().filter(|row| row[column] == word).count();
    assert_eq!((count(6, "welcomed"), count(6, "wrong reply")), (950, 50));
    let mut longest: f64 = 0.0;
    for row in &rows {
        let moments: Vec<f64> = row[1..6].iter().map(|moment| moment.parse().unwrap()).collect();
        assert!(moments.is_sorted(), "{row:?}");
        longest = longest.max(moments[4] - moments[0]);
    }
    let max = run["corrected"]["max_nanos"].as_f64().unwrap() / 1e3;
    assert!((longest / max - 1.0).abs() < 0.002, "{longest} and {max}");
    // The visits at and above the p99 are among them, with the culprits that the report counts.
    let slow: u64 =
        run["culprits_corrected"].as_array().unwrap().iter().map(|one| one["visits"].as_u64().unwrap()).sum();
    assert!(slow >= 10, "{run:#}");
    let mut culprits: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        *culprits.entry(&row[7]).or_default() += 1;
    }
    assert!(culprits["waiting"] >= 90, "{culprits:?}");
}

#[test]
fn what_a_visit_did_not_come_to_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let visits = |to: &str, more: &[&str]| {
        let arguments = [&["-c", to, "--visits", "visits.csv", "--timeout", "100ms"], more].concat();
        run(Path::new(PROGRAM), folder.path(), &arguments)
    };
    let (silent, _listener) = slow_server();
    let (once, _) = server(|mut client, number| {
        use std::io::{Read as _, Write as _};
        let _ = client.read(&mut [0; 64]);
        if number == 0 {
            let _ = client.write_all(b"welcome ");
        } else {
            std::thread::park_timeout(std::time::Duration::from_secs(1));
        }
    });
    assert!(visits(&once.to_string(), &["--connections", "1", "--count", "2"]).status.success());
    let (_, rows) = rows(&folder.path().join("visits.csv"));
    assert_eq!(
        (rows[0][6].as_str(), rows[1][6].as_str(), rows[1][7].as_str()),
        ("welcomed", "reply timeout", "timeout")
    );
    assert!(!rows[1][3].is_empty() && rows[1][4].is_empty(), "{rows:?}");
    // A run in which no visit succeeds leaves the earlier file.
    assert_eq!(visits(&silent, &["--count", "2"]).status.code(), Some(1));
    assert_eq!(crate::rows::rows(&folder.path().join("visits.csv")).1, rows);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn rows_that_cannot_be_written_cost_no_results() {
    let folder = tempfile::tempdir().unwrap();
    let to = crate::machine::server().to_string();
    let arguments = ["-c", &to, "--count", "300", "--json", "run.json", "--visits"];
    let output = run(Path::new(PROGRAM), folder.path(), &[&arguments[..], &["/dev/full"]].concat());
    let last = text(&output.stderr).lines().last().unwrap().to_owned();
    assert_eq!(
        (output.status.code(), last.as_str()),
        (Some(1), "welcomed-load: /dev/full: No space left on device (os error 28)")
    );
    assert!(text(&output.stdout).contains("300 visits welcomed"), "{output:?}");
    assert!(
        text(&output.stdout).contains("0 visits have a row in the file of --visits. 300 are missing"),
        "{output:?}"
    );
    assert_eq!(report(folder.path())["run"]["rows"]["missing"], 300);
    // A pipe whose reader goes away.
    let script = "\"$0\" \"$@\" >(head -c 100 >/dev/null); echo $? >code";
    let mut command = std::process::Command::new("bash");
    command.args(["-c", script, PROGRAM]).args(arguments).current_dir(folder.path());
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    assert!(text(&output.stdout).contains("300 visits welcomed"), "{output:?}");
    let run = &report(folder.path())["run"];
    let [written, missing] = ["written", "missing"].map(|name| run["rows"][name].as_u64().unwrap());
    assert_eq!(written + missing, 300);
    // The reader may have gone before or behind the last row.
    let code = std::fs::read_to_string(folder.path().join("code")).unwrap();
    assert_eq!(code.trim(), if missing > 0 { "1" } else { "0" }, "{output:?}");
}

#[test]
fn a_kept_connection_is_in_no_row_connected_again() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _) = server(|mut client, _| {
        use std::io::{Read as _, Write as _};
        while client.read(&mut [0; 1]).is_ok_and(|bytes| bytes > 0) {
            let _ = client.write_all(b"!");
        }
    });
    let to = address.to_string();
    let sent =
        ["--send", "x", "--until", "bytes:1", "--requests", "10", "--count", "100", "--connections", "2"];
    let arguments = [&["-c", &to, "--json", "run.json", "--visits", "visits.csv"][..], &sent].concat();
    assert!(run(Path::new(PROGRAM), folder.path(), &arguments).status.success());
    let (_, rows) = rows(&folder.path().join("visits.csv"));
    let connected = rows.iter().filter(|row| row[2] != row[3]).count();
    let opened = report(folder.path())["run"]["connections"]["opened"].as_u64().unwrap();
    assert_eq!((rows.len(), u64::try_from(connected).unwrap()), (100, opened));
}
