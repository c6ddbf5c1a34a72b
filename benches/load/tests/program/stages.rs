//! What comes of each stage of an open loop.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::any_server::server;
use crate::described::breach;
use crate::machine::{PROGRAM, run, text};

/// Where a server is that lets clients 40 to 159 wait for 20 ms, and answers the 167th with something else.
fn moody() -> String {
    let (address, _) = server(|mut client, number| {
        use std::io::{Read as _, Write as _};
        let _ = client.read(&mut [0; 64]);
        if (40..160).contains(&number) {
            #[expect(clippy::disallowed_methods, reason = "the delay is the server's")]
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = client.write_all(if number == 166 { b"go away" } else { b"welcome " });
    });
    address.to_string()
}

const STAGES: &str = "100:400ms,300:400ms,50:200ms";

/// The report of a run with these options, whose tables are given too.
fn report(folder: &Path, options: &[&str]) -> (Value, String) {
    let output = run(Path::new(PROGRAM), folder, &[options, &["--json", "run.json"]].concat());
    assert!(matches!(output.status.code(), Some(0 | 5)), "{output:?}");
    let report: Value = serde_json::from_str(&fs::read_to_string(folder.join("run.json")).unwrap()).unwrap();
    assert_eq!(breach(&report), None);
    (report["run"].clone(), text(&output.stdout).to_owned())
}

/// A figure of each stage.
fn each(run: &Value, figure: &str) -> Vec<f64> {
    let stages = run["stages"].as_array().unwrap().iter();
    stages.map(|stage| stage[figure].as_f64().unwrap_or(-1.0)).collect()
}

#[test]
fn each_stage_has_figures_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    for threads in ["1", "3"] {
        let to = moody();
        let options = ["-c", &to, "--stages", STAGES, "--arrivals", "uniform", "--threads", threads];
        let (run, said) = report(
            folder.path(),
            &[&options[..], &["--percentiles", "50,90", "--html", "run.html"]].concat(),
        );
        assert_eq!(each(&run, "rate_asked"), [100.0, 300.0, 50.0], "{run:#}");
        assert_eq!(each(&run, "due"), [40.0, 120.0, 10.0], "{said}");
        assert_eq!(
            (each(&run, "seconds"), each(&run, "asked_seconds")),
            (vec![0.4, 0.4, 0.2], vec![0.4, 0.4, 0.2])
        );
        for figure in ["due", "begun", "not_begun", "failed"] {
            let whole = if figure == "failed" { &run["failures"]["wrong reply"] } else { &run[figure] };
            assert_eq!(Some(each(&run, figure).iter().sum()), whole.as_f64(), "{figure} of {run:#}");
        }
        assert_eq!(each(&run, "failed"), [0.0, 0.0, 1.0], "{said}");
        let rates = each(&run, "rate");
        for (stage, done) in each(&run, "done").iter().enumerate() {
            assert!((rates[stage] - done / [0.4, 0.4, 0.2][stage]).abs() < 1e-6, "{run:#}");
        }
        let p50 = |stage: usize| run["stages"][stage]["percentiles"][0]["nanos"].as_u64().unwrap();
        assert!(p50(1) >= 20_000_000 && p50(0) < p50(1), "{said}");
        assert_eq!(run["stages"][0]["percentiles"].as_array().unwrap().len(), 2);
        assert_eq!(
            (&run["stages"][0]["verdict"], &run["stages"][2]["verdict"]),
            (&"too_few".into(), &"too_few".into())
        );
        for shown in [said, fs::read_to_string(folder.path().join("run.html")).unwrap()] {
            assert!(
                shown.contains("| stage | asked/s | due | begun | done | failed | not begun | reached/s |"),
                "{shown}"
            );
            assert!(shown.contains("| 2     |     300 | 120 "), "{shown}");
        }
    }
}

#[test]
fn a_stage_that_was_cut_short_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let to = moody();
    let options = ["-c", &to, "--stages", STAGES, "--arrivals", "uniform", "--count", "70"];
    let (run, said) = report(folder.path(), &options);
    assert_eq!(each(&run, "due"), [40.0, 30.0, 0.0], "{said}");
    let seconds = each(&run, "seconds");
    let off: f64 = seconds.iter().zip([0.4, 0.1, 0.0]).map(|(one, right)| (one - right).abs()).sum();
    assert!(off < 0.001, "{run:#}");
    assert!(said.contains("* stage 2 lasted 100") && said.contains(" ms of 400 ms."), "{said}");
    assert!(run["stages"][2]["rate"].is_null() && said.contains("* stage 3 did not come."), "{said}");
}

#[test]
fn equal_stages_are_merged_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path();
    let to = moody();
    for (raw, stages) in [("a.json", STAGES), ("b.json", STAGES), ("c.json", "100:400ms,300:500ms")] {
        report(there, &["-c", &to, "--stages", stages, "--arrivals", "uniform", "--raw", raw]);
    }
    let (both, said) = report(there, &["merge", "a.json", "b.json"]);
    assert_eq!(each(&both, "due"), [80.0, 240.0, 20.0], "{said}");
    assert_eq!(each(&both, "rate_asked"), [200.0, 600.0, 100.0], "{said}");
    assert!(said.contains("| 2     |     600 | 240 "), "{said}");
    let rates = each(&both, "rate");
    assert!((rates[2] - each(&both, "done")[2] / 0.2).abs() < 1e-6, "{both:#}");
    let (other, said) = report(there, &["merge", "a.json", "c.json"]);
    assert!(other["stages"].as_array().unwrap().is_empty() && !said.contains("| stage "), "{said}");
    // Stages with more visits than there are belong to no run.
    let a: Value = serde_json::from_str(&fs::read_to_string(there.join("a.json")).unwrap()).unwrap();
    let mut spoilt = a;
    spoilt["runs"][0]["tally"]["stages"][0]["welcomed"] = 41.into();
    fs::write(there.join("spoilt.json"), spoilt.to_string()).unwrap();
    let output = run(Path::new(PROGRAM), there, &["merge", "spoilt.json"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn too_many_stages_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let stages = vec!["1:1s"; 257].join(",");
    let output = run(Path::new(PROGRAM), folder.path(), &["-c", "127.0.0.1:1", "--stages", &stages]);
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.contains("--stages: 257 are too many, and 256 are accepted"), "{said}");
}
