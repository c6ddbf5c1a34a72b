//! A real Prometheus takes the numbers as they are served to it, and its tools find nothing to say of them nor of the alert rules
//! of docs/alerts.yml.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use welcomed::kernel::SystemReader;
use welcomed::reactor::view::{MachineView, Places, ServiceView, View};
use welcomed::services::status::metrics::{Durations, EndpointNumbers, TEXT_FORMAT, Transition, metrics};
use welcomed::services::status::numbers::{Log, Numbers};
use welcomed::services::welcome::tables::connection;

use super::folder::Folder;
use crate::process::{BOUND, Process, is_here, run, until};
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
    };
    let view = View { services: vec![service], ..View::default() };
    let log = Log { lines_dropped: 0, queued_bytes: 110 };
    let numbers = Numbers::of(&view, &system.read([]), "0.2.0", Some(log));
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
fn samples(metrics: &str) -> Vec<(&str, f64)> {
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

/// Answers each request with what `content` makes of its number.
fn serve(content: impl Fn(u64) -> String + Send + 'static) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answered = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&answered);
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut request) = (client.unwrap(), Vec::new());
            client.set_read_timeout(Some(BOUND)).unwrap();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            let content = content(count.load(Ordering::SeqCst) + 1);
            // It may have gone: the test is over.
            let _ = write!(client, "HTTP/1.0 200 OK\r\nContent-Type: {TEXT_FORMAT}\r\n\r\n{content}");
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, answered)
}

/// What Prometheus has for this expression: the value of each series that is found.
fn query(prometheus: SocketAddr, expression: &str) -> Vec<f64> {
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
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let found = body["data"]["result"].as_array().unwrap();
    found.iter().map(|series| series["value"][1].as_str().unwrap().parse().unwrap()).collect()
}

/// Starts a Prometheus that scrapes `target` four times a second.
fn start(folder: &Folder, target: SocketAddr) -> (Process, SocketAddr) {
    let config = folder.path("prometheus.yml");
    let text = format!(
        "global: {{ scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms }}\nrule_files: [{RULES}]\nscrape_configs:\n  \
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

#[test]
fn prometheus_has_the_numbers_that_were_served() {
    if !is_here("prometheus") {
        return;
    }
    // Ten scrapes with rising counts, and then always the last one.
    let system = SystemReader::open();
    let last = served(&system, 100);
    let again = last.clone();
    let (target, answered) =
        serve(move |number| if number < 10 { served(&system, 10 * number) } else { again.clone() });
    let folder = Folder::new();
    let (_prometheus, place) = start(&folder, target);
    until("it has scraped three seconds long", || answered.load(Ordering::SeqCst) >= 13);
    let outcome = "welcomed_conversations_total{outcome=\"welcomed\"}";
    until("it has the last numbers", || query(place, outcome) == [100.0]);
    let samples = samples(&last);
    assert_eq!(query(place, "up{job=\"welcomed\"}"), [1.0]);
    assert_eq!(query(place, "scrape_samples_scraped"), [f64::from(u32::try_from(samples.len()).unwrap())]);
    for (series, value) in samples {
        assert_eq!(query(place, series), [value], "{series}");
    }
    let risen = query(place, &format!("resets({outcome}[1m]) == 0 and changes({outcome}[1m]) > 5"));
    assert_eq!(risen, [0.0], "it has seen the count rise");
    assert_eq!(query(place, "ALERTS{alertstate=\"firing\"}"), [0.0; 0]);
}
