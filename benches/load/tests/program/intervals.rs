//! How far a percentile can be off.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::described::breach;
use crate::machine::{PROGRAM, run, server, text};

#[test]
fn percentiles_have_intervals_and_what_has_none_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path();
    let to = server().to_string();
    let report = |options: &str| {
        let options: Vec<&str> = options.split(' ').collect();
        let output = run(Path::new(PROGRAM), there, &[&options[..], &["--json", "run.json"]].concat());
        assert!(matches!(output.status.code(), Some(0 | 5)), "{output:?}");
        let report: Value =
            serde_json::from_str(&fs::read_to_string(there.join("run.json")).unwrap()).unwrap();
        assert_eq!(breach(&report), None);
        (report["run"].clone(), text(&output.stdout).to_owned())
    };
    let load = format!("-c {to} --rate 500 --duration 1s --percentiles 50,99,100");
    for (options, visits) in [
        (format!("{load} --raw a.json"), 500),
        (format!("{load} --threads 2 --seed 2 --raw b.json"), 500),
        ("merge a.json b.json --percentiles 50,99,100".to_owned(), 1000),
    ] {
        let (run, said) = report(&options);
        let mut has_interval = false;
        for times in ["latency", "corrected", "uncorrected"] {
            let p50 = &run[times]["at"][0];
            let interval = &p50["interval_nanos"];
            let [lower, nanos, upper] =
                [&interval["lower"], &p50["nanos"], &interval["upper"]].map(Value::as_u64);
            // Two halves of a busy second can differ too much for an interval.
            let is_alike = said.contains("resemble each other too much");
            assert!(lower.is_some() && lower <= nanos && nanos <= upper || is_alike, "{p50}");
            has_interval |= lower.is_some();
        }
        let brackets = "In brackets: the interval of 95 %, by a bootstrap over 2";
        assert_eq!(said.contains(brackets), has_interval, "{said}");
        assert!(said.contains("No interval for p100: a longest time has none."), "{said}");
        let is_few = said.contains("No interval for p99: it takes 1000 visits.");
        assert_eq!(is_few, run["begun"].as_u64().unwrap() < 1000, "{visits}: {said}");
    }
    let (run, said) = report(&format!("-c {to} --count 20"));
    assert!(run["latency"]["at"][0]["interval_nanos"].is_null(), "{run:#}");
    assert_eq!(
        said.matches("No intervals: they take 20 blocks of 10.0 ms, and there are ").count(),
        1,
        "{said}"
    );
}
