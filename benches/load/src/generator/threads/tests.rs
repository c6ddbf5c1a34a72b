//! Threads against servers that count.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use super::*;
use crate::figures::parts::Part;
use crate::generator::run;
use crate::plan::arrivals::{Spacing, Stage};
use crate::plan::welcome::{Terminator, Welcome};
use crate::plan::{Load, Plan};
use crate::system::clock::SECOND;

/// How often each name came from each address.
type Seen = Arc<Mutex<BTreeMap<(IpAddr, String), u64>>>;

/// A server that welcomes every client, and notes who came.
fn server() -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Seen::default());
    let noted = Arc::clone(&seen);
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut name = [0; 64];
            let bytes = client.read(&mut name).unwrap();
            let name = String::from_utf8(name[..bytes].to_vec()).unwrap();
            *noted.lock().unwrap().entry((client.peer_addr().unwrap().ip(), name)).or_default() += 1;
            let _ = client.write_all(b"welcome ");
        }
    });
    (address, seen)
}

fn plan(address: SocketAddr, load: Load, seconds: u64) -> Plan {
    let mut plan = Plan::plain(address, load, Duration::from_secs(seconds)).unwrap();
    let names = ["Ada", "Bob", "Cleo"].map(|name| name.as_bytes().to_vec());
    plan.visit_as(&names, Terminator::Lf, &Welcome::default()).unwrap();
    plan.sources = [1, 2].map(|last| IpAddr::from([127, 0, 0, last])).to_vec();
    plan
}

#[test]
fn threads_together_make_the_visits_of_one() {
    for load in [Load::Closed(5), Load::Open(500.0, Spacing::Uniform), Load::Open(500.0, Spacing::Poisson)] {
        let seen = [1, 2, 3].map(|threads| {
            let (address, seen) = server();
            let plan = Plan { count: 101, threads, ..plan(address, load, 60) };
            let measured = run(&plan, &AtomicBool::new(false), &mut |_| {}).unwrap();
            let tally = &measured.tally;
            assert_eq!((measured.due(), measured.begun(), measured.not_begun()), (101, 101, 0));
            assert_eq!((tally.welcomed, tally.failures(), tally.latency.times.len()), (101, 0, 101));
            assert_eq!((tally.part(Part::Waiting).len(), measured.generators), (101, threads));
            assert!(measured.load == load && measured.in_flight <= 101.0, "{measured}");
            let parts = &measured.contributions;
            assert_eq!(parts.len(), if threads == 1 { 0 } else { threads });
            assert!(threads == 1 || parts.iter().map(|part| part.begun).sum::<u64>() == 101);
            seen.lock().unwrap().clone()
        });
        assert_eq!(seen[0].values().sum::<u64>(), 101);
        assert_eq!(seen[1], seen[0], "{load:?}");
        assert_eq!(seen[2], seen[0], "{load:?}");
    }
}

#[test]
fn stages_and_their_time_are_of_the_whole_run() {
    let (address, seen) = server();
    let stage = |rate| Stage { rate, duration: Duration::from_millis(500) };
    let stages = vec![stage(100.0), stage(300.0)];
    let load = Load::Open(100.0, Spacing::Uniform);
    let plan = Plan { stages, threads: 2, ..plan(address, load, 1) };
    let measured = run(&plan, &AtomicBool::new(false), &mut |_| {}).unwrap();
    assert_eq!((measured.due(), measured.begun() + measured.not_begun()), (200, 200), "{measured}");
    assert!((measured.rate_due() - 200.0).abs() < 0.001, "{measured}");
    assert_eq!(seen.lock().unwrap().values().sum::<u64>(), measured.begun());
}

#[test]
fn all_threads_end_with_a_stop_and_tell_until_then() {
    let (address, seen) = server();
    let plan = Plan { threads: 3, ..plan(address, Load::Closed(7), 3600) };
    let (stop, mut told) = (AtomicBool::new(false), 0);
    let measured = run(&plan, &stop, &mut |glimpse| {
        told += 1;
        assert!(glimpse.in_flight() <= 7 && glimpse.tally.latency.times.len() >= glimpse.welcomed());
        stop.store(told == 3, Ordering::Relaxed);
    });
    let measured = measured.unwrap();
    assert!(measured.welcomed() > 0 && measured.seconds() < 60.0, "{measured}");
    assert_eq!(seen.lock().unwrap().values().sum::<u64>(), measured.begun());
    assert_eq!(measured.begun(), measured.welcomed() + measured.failures());
}

#[test]
fn a_thread_that_was_late_by_itself_is_named() {
    let (address, _) = server();
    let share = plan(address, Load::Open(100.0, Spacing::Uniform), 1);
    let mut paused = false;
    let late = run(&share, &AtomicBool::new(false), &mut |_| {
        let until = now() + if std::mem::replace(&mut paused, true) { 0 } else { SECOND * 7 / 10 };
        while now() < until {
            std::thread::park_timeout(Duration::from_millis(1));
        }
    });
    let prompt = run(&share, &AtomicBool::new(false), &mut |_| {});
    let whole = Measured::of_threads(vec![prompt.unwrap(), late.unwrap()]);
    assert_eq!((whole.begun(), whole.tally.latency.times.len()), (200, 200));
    let said = whole.to_string();
    assert!(said.contains("2 threads made the visits.") && said.contains("| thread 1 "), "{said}");
    assert!(said.contains("* thread 2, from due, with own lag, p99: INVALID by itself, because"), "{said}");
}

#[test]
fn more_threads_than_visits_at_a_time_are_refused() {
    let plan = Plan { threads: 3, ..plan(server().0, Load::Closed(2), 1) };
    let refused = run(&plan, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
}
