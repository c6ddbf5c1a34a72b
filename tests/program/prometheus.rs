//! The tools of Prometheus find nothing to say of the metrics, nor of the alert rules of docs/alerts.yml. And a real Prometheus, to
//! be asked by other tests.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use serde_json::Value;
use welcomed::kernel::SystemReader;
use welcomed::reactor::view::{MachineView, Places, ServiceView, View};
use welcomed::services::status::metrics::{Durations, EndpointNumbers, Transition, metrics};
use welcomed::services::status::numbers::{Log, Numbers, Told};
use welcomed::services::welcome::tables::connection;

use super::folder::Folder;
use crate::process::{BOUND, Process, is_here, now, run};
use crate::tied::tied;

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/alerts.yml");
const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/alerts.yml");

/// The metrics of a server that has welcomed so many clients.
fn served(system: &SystemReader, clients: u64) -> String {
    let arrows = connection::DIAGRAM.arrows.iter();
    let is_of_all = |event: &str| event == "line end" || event == "welcome sent";
    let taken = arrows.map(|(_, event, _)| if is_of_all(event) { clients } else { 0 }).collect();
    let machine = MachineView { diagram: connection::DIAGRAM, taken, standing: vec![3, 0, clients] };
    let service = ServiceView {
        machines: vec![machine],
        streams: None,
        outcomes: vec![("welcomed".to_owned(), clients), ("without a name".to_owned(), 0)],
        accepted: clients + 3,
        open: 3,
        refused: 0,
        broken: 0,
        accept_errors: 0,
        pauses: 0,
        places: Some(Places { taken: 3, all: 992 }),
        waiting: Vec::new(),
    };
    let view = View { services: vec![service], ..View::default() };
    let log = Log { lines_dropped: 0, queued_bytes: 110 };
    let numbers = Numbers::of(
        &view,
        &system.read([], now()),
        Told { name: "welcomed", version: "0.2.0", log: Some(log), ..Told::default() },
    );
    let (machine, from) = ("connection", "reading name");
    let endpoint = EndpointNumbers {
        address: "unix:///run/\"odd\"\\name".to_owned(),
        transitions: vec![Transition {
            machine,
            from,
            event: "line end",
            to: "writing welcome",
            count: clients,
        }],
        durations: vec![Durations {
            machine,
            state: from,
            buckets: vec![(0.001, clients / 2), (0.01, clients)],
            sum_seconds: 0.125,
            count: clients,
        }],
    };
    metrics(&numbers, &[endpoint]).unwrap()
}

/// The samples of metrics, each with its value.
pub(super) fn samples(metrics: &str) -> Vec<(&str, f64)> {
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name, value.parse().unwrap()))
        .collect()
}

#[test]
fn promtool_finds_nothing_to_say_of_the_metrics() {
    if is_here("promtool") {
        let checked =
            run(tied("promtool").args(["check", "metrics"]), served(&SystemReader::open(), 7).as_bytes());
        assert_eq!(checked, (0, String::new(), String::new()));
    }
}

#[test]
fn the_alert_rules_hold_in_each_of_their_cases() {
    if !is_here("promtool") {
        return;
    }
    for arguments in [["check", "rules", RULES], ["test", "rules", CASES]] {
        let (code, out, err) = run(tied("promtool").args(arguments), b"");
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
    }
}

#[test]
fn each_alert_is_about_a_metric_that_is_served() {
    let rules = std::fs::read_to_string(RULES).unwrap();
    let shown = std::fs::read_to_string("src/services/status/metrics/sample.txt").unwrap();
    let shown: BTreeSet<&str> =
        samples(&shown).into_iter().map(|(name, _)| name.split('{').next().unwrap()).collect();
    let words = rules.split(|is: char| !is.is_ascii_alphanumeric() && is != '_');
    let asked: BTreeSet<&str> =
        words.filter(|word| word.starts_with("welcomed_") || word.starts_with("process_")).collect();
    assert!(asked.len() > 8, "{asked:?}");
    assert_eq!(asked.difference(&shown).copied().collect::<Vec<_>>(), [""; 0]);
}

/// What Prometheus has for this expression: the value of each series that is found.
pub(super) fn query(prometheus: SocketAddr, expression: &str) -> Vec<f64> {
    let found = ask(prometheus, expression).into_iter();
    found.map(|series| series["value"][1].as_str().unwrap().parse().unwrap()).collect()
}

/// The series that it finds, each with its labels.
pub(super) fn ask(prometheus: SocketAddr, expression: &str) -> Vec<Value> {
    let encoded = expression.bytes().fold(String::new(), |mut encoded, byte| {
        write!(encoded, "%{byte:02X}").unwrap();
        encoded
    });
    let mut connection = TcpStream::connect(prometheus).unwrap();
    connection.set_read_timeout(Some(BOUND)).unwrap();
    write!(connection, "GET /api/v1/query?query={encoded} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{expression}: {answer}");
    let body: Value = serde_json::from_str(body).unwrap();
    body["data"]["result"].as_array().unwrap().clone()
}

/// Starts a Prometheus that scrapes `target` so often, and knows the alert rules.
pub(super) fn start(folder: &Folder, target: SocketAddr, every: &str) -> (Process, SocketAddr) {
    let config = folder.path("prometheus.yml");
    let text = format!(
        "global: {{ scrape_interval: {every}, scrape_timeout: {every}, evaluation_interval: {every} }}\nrule_files: [{RULES}]\nscrape_configs:\n  \
         - {{ job_name: welcomed, static_configs: [{{ targets: [\"{target}\"] }}] }}\n"
    );
    std::fs::write(&config, text).unwrap();
    let place = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let option = |name: &str, value: &Path| format!("--{name}={}", value.display());
    let mut command = tied("prometheus");
    command.arg(option("config.file", &config)).arg(option("storage.tsdb.path", &folder.path("data")));
    command.arg(format!("--web.listen-address={place}"));
    let process = Process::start(&mut command);
    process.wait_for_log("Server is ready to receive web requests");
    (process, place)
}
