//! A real Prometheus scrapes the real server under load, and has its counts at the end. `SCRAPE_SECONDS` is how long (default:
//! 10).

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use socket2::SockRef;
use welcomed_load::{Load, Plan, Spacing, Target};

use super::folder::Folder;
use super::prometheus::{ask, query, samples, start};
use super::status::Shown;
use crate::process::{BOUND, answer, is_here, run, until};
use crate::tied::tied;

/// Clients of all manners: each kind of count rises.
fn all_manners(shown: &Shown, path: &Path) {
    let server = &shown.server;
    let mut at_path = UnixStream::connect(path).unwrap();
    at_path.write_all(b"Ada\n").unwrap();
    let mut welcome = String::new();
    at_path.read_to_string(&mut welcome).unwrap();
    for name in [&b"Ada\n"[..], b"Ada\nand more\n", &[b'x'; 2000], b"Ada"] {
        assert_eq!(answer(server.send(name)), "welcome ");
    }
    server.connect().shutdown(Shutdown::Both).unwrap();
    let reset = server.send(b"half a na");
    SockRef::from(&reset).set_linger(Some(Duration::ZERO)).unwrap();
    drop(reset);
    assert_eq!(answer(server.connect()), "", "a silent client is closed at its deadline");
    let log = server.wait_for_log(" on udp://");
    let place = log.split(" on udp://").nth(1).unwrap().lines().next().unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(BOUND)).unwrap();
    for number in 0..30 {
        client.send_to(format!("Ada {number}").as_bytes(), place).unwrap();
        assert_eq!(client.recv(&mut [0; 64]).unwrap(), "welcome ".len());
    }
    // An echo of the welcome gets no answer.
    client.send_to(b"welcome ", place).unwrap();
    until("it is counted", || {
        server.signal(Signal::USR1);
        server.log().contains(" 1 echoes")
    });
}

/// The counts of the last line of counts in a log, by their words.
fn counts(log: &str) -> BTreeMap<String, f64> {
    let line = log.lines().filter_map(|line| line.split_once("counts: ")).next_back().unwrap().1;
    let parts = line.split([',', ';', ':', '(', ')']).map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once(' ').unwrap())
        .map(|(count, words)| (words.to_owned(), count.parse().unwrap()))
        .collect()
}

/// What Prometheus has for each of these counts.
const QUERIES: [(&str, &str); 13] = [
    ("accepted", "sum(welcomed_accepted_total)"),
    ("welcomed", "sum(welcomed_conversations_total{outcome=\"welcomed\"})"),
    ("lingered", "sum(welcomed_transitions_total{machine=\"stream\",to=\"lingering\"})"),
    ("without a name", "sum(welcomed_conversations_total{outcome=\"without a name\"})"),
    ("timed out", "sum(welcomed_conversations_total{outcome=\"timed out\"})"),
    ("failed", "sum(welcomed_conversations_total{outcome=\"failed\"})"),
    ("stopped", "sum(welcomed_conversations_total{outcome=\"stopped\"})"),
    ("open", "sum(welcomed_conversations_open)"),
    ("dropped", "sum(welcomed_conversations_total{outcome=\"dropped\"})"),
    ("unanswerable", "sum(welcomed_conversations_total{outcome=\"unanswerable\"})"),
    ("echoes", "sum(welcomed_conversations_total{outcome=\"echo\"})"),
    ("accept errors", "sum(welcomed_accept_errors_total)"),
    ("accept pauses", "sum(welcomed_accept_pauses_total)"),
];

#[test]
fn prometheus_has_the_counts_that_the_log_has_at_the_end() {
    if !is_here("prometheus") || !is_here("promtool") {
        return;
    }
    let seconds = std::env::var("SCRAPE_SECONDS").map_or(10, |seconds| seconds.parse().unwrap());
    let folder = Folder::new();
    // What is escaped in a label.
    let path = folder.path("\"odd\"\\name");
    let listen = ["--listen", "udp://127.0.0.1:0", "--listen", &format!("unix://{}", path.display())];
    let shown = Shown::start(&[&listen[..], &["--name-timeout", "1s"]].concat());
    let (_prometheus, place) = start(&folder, shown.status, "1s");
    until("it scrapes", || query(place, "up") == [1.0]);
    let target = Target::at(&shown.server.address.to_string()).unwrap();
    let load = Load::Open(200.0, Spacing::Poisson);
    let plan = Plan::plain(target, load, Duration::from_secs(seconds)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| all_manners(&shown, &path));
        let measured = welcomed_load::run(&plan, &AtomicBool::new(false), &mut |_| {}).unwrap();
        assert!(measured.failures() == 0 && measured.welcomed() > 100 * seconds, "{measured}");
    });
    let mut metrics = String::new();
    until("all are over", || {
        metrics = shown.get("/metrics").1;
        metrics.contains("welcomed_connections_open{service=\"connection\"} 0\n")
    });
    let checked = run(tied("promtool").args(["check", "metrics"]), metrics.as_bytes());
    assert_eq!(checked, (0, String::new(), String::new()));
    // From here on no count changes any more. Each arrow is among them, in all ways in which it is counted.
    let own = samples(&metrics);
    let counts_of_clients = ["transitions_total", "conversations_total", "accepted_total", "refused_total"];
    let is_count = |series: &&str| {
        counts_of_clients.iter().any(|name| series.contains(name)) && !series.contains("server socket")
    };
    let own: Vec<(&str, f64)> = own.into_iter().filter(|(series, _)| is_count(series)).collect();
    assert!(own.len() > 60, "{own:?}");
    let scrapes = || query(place, "count_over_time(up[10m])")[0];
    let before = scrapes();
    until("a scrape has begun and ended since", || scrapes() >= before + 2.0);
    for (series, count) in &own {
        assert_eq!(query(place, series), [*count], "{series}");
    }
    let has: BTreeMap<&str, Vec<f64>> =
        QUERIES.iter().map(|(words, expression)| (*words, query(place, expression))).collect();
    #[expect(clippy::cast_precision_loss, reason = "they are few")]
    let least = seconds as f64 - 1.0;
    assert!(scrapes() >= least && query(place, "min_over_time(up[10m])") == [1.0], "{} scrapes", scrapes());
    assert_eq!(ask(place, "ALERTS"), [Value::Null; 0], "no alert fires or is pending");
    let ended = shown.server.stop();
    let log = counts(&ended.log);
    assert_eq!(log.len(), QUERIES.len(), "each count of the log is asked for: {log:?}");
    for (words, expected) in &log {
        assert_eq!(has[words.as_str()], [*expected], "{words}: {log:?}");
    }
    assert!(
        ["without a name", "timed out", "failed", "lingered", "echoes"].iter().all(|words| log[*words] > 0.0),
        "{log:?}"
    );
}
