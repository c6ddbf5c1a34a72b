//! Several threads make the visits that one would.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::described::breach;
use crate::machine::{PROGRAM, run, text};

/// A server that welcomes every client and counts the names.
fn counting() -> (String, Arc<Mutex<BTreeMap<String, u64>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let names = Arc::new(Mutex::new(BTreeMap::new()));
    let counted = Arc::clone(&names);
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let counted = Arc::clone(&counted);
            std::thread::spawn(move || {
                let (mut name, mut bytes) = ([0; 64], 0);
                while !name[..bytes].ends_with(b"\n") {
                    match client.read(&mut name[bytes..]) {
                        // An idle one.
                        Ok(0) | Err(_) => return,
                        Ok(more) => bytes += more,
                    }
                }
                let name = String::from_utf8(name[..bytes - 1].to_vec()).unwrap();
                *counted.lock().unwrap().entry(name).or_default() += 1;
                let _ = client.write_all(b"welcome ");
            });
        }
    });
    (address, names)
}

#[test]
fn every_option_is_of_the_whole_run() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("names"), "Ada\nBob\nCleo\n").unwrap();
    for (options, begun, names) in [
        ("--count 100 --connections 7", 100, 1),
        ("--count 99 --connections 3 --names names", 99, 3),
        ("--count 1 --connections 8", 1, 1),
        ("--count 60 --connections 8 --slow 200", 60, 1),
        ("--count 60 --hold 10 --sources 2 --names names", 60, 3),
        ("--rate 200 --arrivals uniform --duration 500ms --names names", 100, 3),
        ("--stages 100:300ms,400:200ms --arrivals uniform --names names", 110, 3),
        ("--rate 2k --count 300 --seed 7", 300, 1),
        ("--count 90 --warmup 100ms --names names", 90, 3),
    ] {
        let (address, counted) = counting();
        let line = ["-c", &address, "--threads", "3", "--json", "run.json"];
        let options: Vec<&str> = line.into_iter().chain(options.split(' ')).collect();
        let output = run(Path::new(PROGRAM), folder.path(), &options);
        let said = text(&output.stdout);
        assert!(matches!(output.status.code(), Some(0 | 5)), "{output:?}");
        let report: Value =
            serde_json::from_str(&fs::read_to_string(folder.path().join("run.json")).unwrap()).unwrap();
        assert_eq!(breach(&report), None);
        let run = &report["run"];
        let whole = |member: &str| run[member].as_u64().unwrap();
        let parts = run["contributions"].as_array().unwrap();
        assert!(parts.len() == 3 && whole("threads") == 3, "{options:?}: {run:#}");
        for member in ["begun", "welcomed", "not_begun"] {
            let sum: u64 = parts.iter().map(|part| part[member].as_u64().unwrap()).sum();
            assert_eq!(sum, whole(member), "{options:?}: {member} of {run:#}");
        }
        // On a machine that is too busy a visit may not begin, and that is said.
        assert_eq!(whole("begun") + whole("not_begun"), begun, "{options:?}: {said}");
        assert_eq!(whole("due"), begun, "{options:?}: {said}");
        let seen = counted.lock().unwrap();
        let sum: u64 = seen.values().sum();
        assert_eq!(seen.len(), names, "{options:?}: {seen:?}");
        if options.contains(&"--warmup") {
            assert!(sum > begun, "{options:?}: {sum} visits");
        } else {
            assert_eq!(sum, whole("begun"), "{options:?}: {said}");
            assert!(
                whole("not_begun") > 0 || seen.values().all(|count| count.abs_diff(sum / names as u64) <= 1),
                "{options:?}: {seen:?}"
            );
        }
        assert!(said.contains("3 threads made the visits."), "{said}");
    }
}

#[test]
fn more_threads_than_can_do_something_are_refused_or_said() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _) = counting();
    for (options, why) in [
        ("--threads 3 --connections 2", "2 visits at a time (--connections) are too few for 3 threads"),
        ("--threads 65", "64 visits at a time (--connections) are too few for 65 threads"),
        ("--threads 0", "--threads"),
        ("--threads 1001", "--threads"),
    ] {
        let options: Vec<&str> = ["-c", &address].into_iter().chain(options.split(' ')).collect();
        let output = run(Path::new(PROGRAM), folder.path(), &options);
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{options:?}: {said}");
        assert!(said.contains(why), "{said}");
    }
    let many = ["-c", &address, "--threads", "20", "--connections", "20", "--count", "400"];
    let output = run(Path::new(PROGRAM), folder.path(), &many);
    assert!(text(&output.stdout).contains("400 visits welcomed"), "{output:?}");
    assert!(text(&output.stderr).contains("too small: 20 threads have "), "{output:?}");
}
