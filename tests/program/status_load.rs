//! A load beside the status, when the server is at its limits: the status answers, and no visit is lost.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Signal, getrlimit};
use welcomed_load::{Load, Plan, Spacing, Target};

use super::descriptors::allow;
use super::status::Shown;
use crate::process::{BOUND, Process, answer, is_here, not_tested, until};
use crate::tied::tied;

/// Whatever is asked for in turn.
const PATHS: [&str; 5] = ["/health", "/metrics", "/", "/connections", "/counts.json"];

/// A server for which no name ends before its line end, however busy the machine is.
fn start(options: &[&str]) -> Shown {
    Shown::start(&[&["--name-gap", "60s"], options].concat())
}

/// A hundred visits at most. Each byte of a name comes by itself, so that several are open at a time. A visit may take long.
fn plan(shown: &Shown, load: Load) -> Plan {
    let target = Target::at(&shown.server.address.to_string()).unwrap();
    let mut plan = Plan::plain(target, load, Duration::from_secs(2)).unwrap();
    (plan.timeout, plan.count, plan.pause) = (BOUND, 100, Duration::from_millis(2));
    plan
}

/// Plays a load to its end, and asks for the status meanwhile. Gives how often that answered.
fn no_visit_is_lost(shown: &Shown, plan: &Plan) -> usize {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut answers = 0;
            for path in PATHS.iter().cycle() {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                assert_eq!(shown.get(path).0, 200, "{path}");
                answers += 1;
            }
            answers
        });
        let measured = welcomed_load::run(plan, &AtomicBool::new(false), &mut |_| {});
        is_over.store(true, Ordering::Relaxed);
        let answers = asking.join().unwrap();
        let measured = measured.unwrap();
        assert!(measured.failures() == 0 && measured.welcomed() > 20, "{measured}");
        answers
    })
}

#[test]
fn beside_a_full_server_no_visit_is_lost() {
    let shown = start(&["--max-connections", "3", "--max-per-source", "0"]);
    let _silent = [shown.server.connect(), shown.server.connect()];
    let answers = no_visit_is_lost(&shown, &plan(&shown, Load::Closed(8)));
    assert!(answers > 5 && shown.server.log().contains("full: 3 open"), "{answers}");
}

#[test]
fn without_descriptors_no_visit_is_lost() {
    let shown = start(&[]);
    assert_eq!(shown.get("/health").0, 200);
    allow(&shown.server, 2);
    let answers = no_visit_is_lost(&shown, &plan(&shown, Load::Closed(8)));
    assert!(answers > 5, "{answers}");
    shown.server.wait_for_log("accepting pauses with");
}

#[test]
fn while_the_server_drains_no_visit_is_lost() {
    let shown = start(&["--drain-quiet", "1500ms", "--drain-timeout", "60s"]);
    let mut silent = shown.server.connect();
    assert_eq!(answer(shown.server.send(b"Ada\n")), "welcome ");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Clients still come while it stops.
            let measured = welcomed_load::run(
                &plan(&shown, Load::Open(100.0, Spacing::Poisson)),
                &AtomicBool::new(false),
                &mut |_| {},
            );
            is_over.store(true, Ordering::Relaxed);
            let measured = measured.unwrap();
            assert!(measured.failures() == 0 && measured.welcomed() > 20, "{measured}");
        });
        shown.server.signal(Signal::TERM);
        shown.server.wait_for_log("stopping: ");
        let mut answers = 0;
        while !is_over.load(Ordering::Relaxed) {
            assert_eq!(shown.get("/ready"), (503, "stopping\n".to_owned()));
            assert_eq!(shown.get("/metrics").0, 200);
            answers += 1;
        }
        assert!(answers > 5, "{answers}");
    });
    silent.write_all(b"Ada\n").unwrap();
    assert_eq!(answer(silent), "welcome ");
    assert!(shown.server.wait().status.success());
}

/// Clients that connect and say nothing. They are in a process of their own, for their descriptors.
const IDLE: &str = "
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
clients = []
for number in range(int(sys.argv[2])):
    clients.append(socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=20))
print('all are connected', flush=True)
sys.stdin.read()
";

/// How many connections say nothing.
const IDLE_CLIENTS: u64 = 15_000;

#[test]
fn beside_15000_idle_connections_no_visit_is_lost() {
    if !is_here("python3") {
        return;
    }
    if getrlimit(Resource::Nofile).maximum.is_some_and(|maximum| maximum < IDLE_CLIENTS + 200) {
        return not_tested("there are no descriptors for 15,000 connections (ulimit -Hn)");
    }
    let shown = start(&["--max-per-source", "0"]);
    let port = shown.server.address.port().to_string();
    let mut command = tied("python3");
    command.args(["-c", IDLE, &port, &IDLE_CLIENTS.to_string()]);
    let mut idle = Process::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let mut said = String::new();
    BufReader::new(idle.child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "all are connected\n", "{}", idle.log());
    let metrics = || shown.get("/metrics").1;
    let open = format!("welcomed_connections_open{{service=\"connection\"}} {IDLE_CLIENTS}\n");
    until("all are accepted", || metrics().contains(&open));
    let answers = no_visit_is_lost(&shown, &plan(&shown, Load::Open(200.0, Spacing::Poisson)));
    assert!(answers > 5, "{answers}");
    drop(idle);
    until("all are gone", || metrics().contains("welcomed_connections_open{service=\"connection\"} 0\n"));
}

/// Watchers that never read hold one event each at most, and take no memory by and by.
#[test]
fn watchers_that_do_not_read_cost_no_visit_and_no_memory() {
    let shown = start(&[]);
    assert!(no_visit_is_lost(&shown, &plan(&shown, Load::Closed(8))) > 5);
    let watchers: Vec<TcpStream> = (0..10)
        .map(|_| {
            let mut client = TcpStream::connect(shown.status).unwrap();
            socket2::SockRef::from(&client).set_recv_buffer_size(2048).unwrap();
            client.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            client
        })
        .collect();
    assert!(no_visit_is_lost(&shown, &plan(&shown, Load::Open(50.0, Spacing::Poisson))) > 5);
    let before = shown.resident_bytes();
    assert!(no_visit_is_lost(&shown, &plan(&shown, Load::Open(50.0, Spacing::Poisson))) > 5);
    let grown = shown.resident_bytes().saturating_sub(before);
    assert!(grown < 512 * 1024, "{grown} bytes");
    drop(watchers);
}
