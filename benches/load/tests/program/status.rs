//! The figures of a run while it goes on, as Prometheus gets them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;

use serde_json::Value;

use crate::any_server::server;
use crate::machine::{PROGRAM, begin, run, text, until};

/// What is answered to a request for a path; `None` if it is not served any more.
fn get(mut stream: impl std::io::Read + std::io::Write, path: &str) -> Option<String> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

/// The samples of metrics.
fn samples(metrics: &str) -> BTreeMap<String, f64> {
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    let pair =
        |line: &str| line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.parse().unwrap()));
    lines.filter_map(pair).collect()
}

/// What promtool says of metrics; `None` where it is not there.
#[expect(clippy::print_stderr, reason = "what was not checked is said")]
fn promtool(metrics: &str) -> Option<(bool, String)> {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match command.spawn() {
        Ok(mut checks) => {
            checks.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
            let output = checks.wait_with_output().unwrap();
            Some((output.status.success(), text(&output.stderr).to_owned() + text(&output.stdout)))
        }
        Err(error) => {
            eprintln!("NOT CHECKED: promtool cannot be started: {error}");
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "promtool is missing");
            None
        }
    }
}

/// A port that is free.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// All scrapes of a run, until its status is not there any more.
fn scrapes(running: &mut Child, at: &str) -> Vec<String> {
    let mut all = Vec::new();
    until(|| TcpStream::connect(at).is_ok());
    while let Some(scrape) = TcpStream::connect(at).ok().and_then(|stream| get(stream, "/metrics")) {
        all.push(scrape);
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    assert!(running.wait().unwrap().code().is_some());
    all
}

#[test]
fn what_is_scraped_last_is_what_the_report_says() {
    let folder = tempfile::tempdir().unwrap();
    let (to, _) = server(|mut client, number| {
        let _ = client.read(&mut [0; 64]);
        let answer: &[u8] = if number % 50 == 7 { b"go away" } else { b"welcome " };
        let _ = client.write_all(answer);
    });
    let (to, at) = (to.to_string(), free());
    let load = ["-c", &to, "--rate", "200", "--duration", "1500ms", "--status", &at, "--json", "run.json"];
    let mut running = begin(Path::new(PROGRAM), folder.path(), &load);
    let all = scrapes(&mut running, &at);
    assert!(all.len() > 20, "{} scrapes", all.len());
    let last = all.last().unwrap();
    if let Some((is_right, said)) = promtool(last) {
        assert!(is_right && said.is_empty(), "{said}");
        assert!(!promtool(&last.replace("_total", "_sum_of")).unwrap().0, "it does check");
    }
    let figures: Vec<_> = all.iter().map(|scrape| samples(scrape)).collect();
    for (before, after) in figures.iter().zip(figures.iter().skip(1)) {
        let counters = before.iter().filter(|(name, _)| name.contains("_total") || name.contains("_bucket"));
        for (name, count) in counters {
            assert!(after[name] >= *count, "{name} went from {count} to {}", after[name]);
        }
        let of = |name: &str| before[&format!("welcomed_load_visits_{name}")];
        assert!((of("begun_total") + of("not_begun") - of("due_total")).abs() < 0.5, "{before:?}");
    }
    assert!(figures.iter().any(|figures| {
        let begun = figures["welcomed_load_visits_begun_total"];
        begun > 0.0 && begun < 250.0 && figures["welcomed_load_finished"] == 0.0
    }));
    let report: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("run.json")).unwrap()).unwrap();
    let (run, last) = (&report["run"], figures.last().unwrap());
    let number = |member: &Value| member.as_f64().unwrap();
    for (name, member) in [
        ("finished", 1.0),
        ("visits_due_total", number(&run["due"])),
        ("visits_begun_total", number(&run["begun"])),
        ("visits_done_total", number(&run["welcomed"])),
        ("visits_not_begun", number(&run["not_begun"])),
        ("visits_in_flight", 0.0),
        ("visits_failed_total{class=\"wrong reply\"}", number(&run["failures"]["wrong reply"])),
        ("visits_failed_total{class=\"refused\"}", 0.0),
        ("visits_failed_total{class=\"lost\"}", 0.0),
        ("visit_duration_seconds_count", number(&run["begun"])),
        ("visit_duration_seconds_bucket{le=\"+Inf\"}", number(&run["begun"])),
    ] {
        assert_eq!(last[&format!("welcomed_load_{name}")].to_bits(), member.to_bits(), "{name} of {last:#?}");
    }
    assert!(number(&run["failures"]["wrong reply"]) >= 4.0, "{run:#}");
    let mean = last["welcomed_load_visit_duration_seconds_sum"] * 1e9 / number(&run["begun"]);
    assert!((mean / number(&run["latency"]["mean_nanos"]) - 1.0).abs() < 1e-6, "{mean}");
}

#[test]
fn it_is_served_with_threads_and_at_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let (to, _) = server(|mut client, _| {
        let _ = client.read(&mut [0; 64]);
        let _ = client.write_all(b"welcome ");
    });
    let (to, path) = (to.to_string(), folder.path().join("figures"));
    let at = format!("unix://{}", path.display());
    let load = ["-c", &to, "--threads", "2", "--duration", "60s", "--connections", "4", "--status", &at];
    let running = begin(Path::new(PROGRAM), folder.path(), &load);
    let ask = |what: &str| UnixStream::connect(&path).ok().and_then(|stream| get(stream, what));
    until(|| ask("/health").is_some());
    assert_eq!(ask("/health").as_deref(), Some("ok\n"));
    assert!(ask("/none").unwrap().contains("/metrics"));
    let begun = || samples(&ask("/metrics").unwrap())["welcomed_load_visits_begun_total"];
    until(|| begun() > 100.0);
    crate::machine::signal(&running, "INT");
    let output = running.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(text(&output.stderr).contains("the figures of the run are at unix://"), "{output:?}");
    assert!(!path.exists(), "its socket is taken away");
}

#[test]
fn a_refused_address_is_one_line_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let (to, came) = server(|_, _| {});
    let to = to.to_string();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (status, code, why) in [
        (taken.as_str(), 1, "welcomed-load: --status: "),
        ("unix:///no/such/folder/s", 1, "welcomed-load: --status: "),
        ("udp://127.0.0.1:1", 2, "HTTP is served over tcp:// and unix://"),
        ("http://127.0.0.1:1/", 2, "it is an endpoint and no address of a page"),
        ("70000", 2, "--status"),
    ] {
        let load = ["-c", &to, "--status", status, "--json", "run.json"];
        let output = run(Path::new(PROGRAM), folder.path(), &load);
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), said.lines().count()), (Some(code), 1), "{status}: {said}");
        assert!(said.contains(why), "{status}: {said}");
    }
    assert_eq!(came.load(Ordering::Relaxed), 0, "no visit was made");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
