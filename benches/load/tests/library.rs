//! The library as another program uses it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to fail")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use welcomed_load::{Failure, Load, Plan, Spacing, Target, Terminator, run};

const SECOND: Duration = Duration::from_secs(1);

/// Where a server listens that welcomes every client by name.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut name = [0; 64];
                let bytes = client.read(&mut name).unwrap_or(0);
                let name = String::from_utf8_lossy(name.get(..bytes).unwrap_or_default()).into_owned();
                let _ = write!(client, "Hello, {}!", name.trim_end());
            });
        }
    });
    address
}

#[test]
fn a_server_is_loaded_by_code_and_its_report_is_read() {
    let mut plan = Plan::plain(server(), Load::Closed(4), 10 * SECOND).unwrap();
    plan.count = 100;
    let names = [b"Ada".to_vec(), b"Bob".to_vec()];
    plan.visit_as(&names, Terminator::Lf, &"Hello, {name}!".parse().unwrap()).unwrap();
    let measured = run(&plan, &AtomicBool::new(false), &mut |_| {}).unwrap();
    assert_eq!((measured.welcomed(), measured.failures()), (100, 0), "{measured}");
    assert!(measured.latency(0.5) > Duration::ZERO && measured.latency(0.5) <= measured.latency(1.0));
    assert!(measured.to_string().contains("100 visits welcomed"), "{measured}");
    assert!(measured.json().contains("\"welcomed\": 100"), "{}", measured.json());
}

#[test]
fn a_wrong_reply_is_counted_as_such() {
    let mut plan = Plan::plain(server(), Load::Closed(4), 10 * SECOND).unwrap();
    plan.count = 20;
    let measured = run(&plan, &AtomicBool::new(false), &mut |_| {}).unwrap();
    assert_eq!(measured.count(Failure::WrongReply), 20, "{measured}");
}

#[test]
fn a_run_ends_when_it_is_told_to() {
    let plan = Plan::plain(server(), Load::Open(100.0, Spacing::Uniform), Duration::MAX).unwrap();
    let stop = AtomicBool::new(false);
    let measured = run(&plan, &stop, &mut |glimpse| {
        assert!(glimpse.passed() >= Duration::from_millis(250));
        stop.store(true, Ordering::Relaxed);
    });
    assert!(measured.unwrap().seconds() < 5.0);
}

#[test]
fn a_load_that_is_none_is_refused() {
    let target = Target::at("127.0.0.1:9").unwrap();
    let rates = [0.0, -1.0, f64::NAN, f64::INFINITY, 1e10].map(|rate| Load::Open(rate, Spacing::Poisson));
    for load in rates.into_iter().chain([Load::Closed(0)]) {
        let plan = Plan::plain(target.clone(), load, SECOND).unwrap();
        let refused = run(&plan, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{load:?}");
    }
}

#[test]
fn what_is_no_endpoint_and_what_is_no_name_are_refused() {
    for text in ["", "localhost", "smtp://localhost:25"] {
        assert_eq!(Target::at(text).unwrap_err().kind(), ErrorKind::InvalidInput, "{text}");
    }
    for text in ["[fe80::1]:9", "udp://[fe80::1]:9"] {
        let refused = Target::at(text).unwrap_err().to_string();
        assert!(refused.starts_with("the zone is missing, which names the link"), "{text}: {refused}");
    }
    // The loopback is link number 1.
    assert!(Target::at("[fe80::1%1]:9").is_ok());
    let mut plan = Plan::plain(Target::at("127.0.0.1:9").unwrap(), Load::Closed(1), SECOND).unwrap();
    for names in [vec![], vec![vec![b'A'; 2000]], vec![b"A\nB".to_vec()]] {
        let refused = plan.visit_as(&names, Terminator::Lf, &"welcome ".parse().unwrap()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{names:?}");
    }
}
