//! The generator against servers of this process.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use super::run;
use crate::figures::culprit::Culprit;
use crate::figures::distribution::Verdict;
use crate::figures::failure::Failure;
use crate::figures::measured::Measured;
use crate::figures::parts::Part;
use crate::figures::percentile::Percentile;
use crate::plan::arrivals::Spacing;
use crate::plan::exchange::until::Until;
use crate::plan::exchange::{Ends, Exchange};
use crate::plan::welcome::{Terminator, Welcome};
use crate::plan::{Load, Plan};
use crate::system::clock::nanos;
use crate::system::rows::RowFile;

const SECOND: Duration = Duration::from_secs(1);

/// Where a server listens that answers each client after as long as `delay` says of its number, and never if it says nothing.
fn server(delay: fn(u64) -> Option<Duration>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (mut client, number) in listener.incoming().flatten().zip(0..) {
            thread::spawn(move || {
                let _ = client.read(&mut [0; 64]);
                // A park can end early, and nothing is sent to one that waits for ever.
                let until = crate::system::clock::now() + delay(number).map_or(u64::MAX / 2, nanos);
                while let left = until.saturating_sub(crate::system::clock::now())
                    && left > 0
                {
                    thread::park_timeout(Duration::from_nanos(left));
                }
                let _ = client.write_all(b"welcome ");
            });
        }
    });
    address
}

/// A delay of nothing, for every client.
const AT_ONCE: fn(u64) -> Option<Duration> = |_| Some(Duration::ZERO);

/// The run of a plan. `tell` is called by the generator itself, and takes its time.
fn run_and(plan: &Plan, tell: &mut dyn FnMut()) -> Measured {
    run(plan, &AtomicBool::new(false), &mut |_| tell()).unwrap()
}

/// Keeps the generator from going on.
fn pause(millis: u64) {
    let until = crate::system::clock::now() + millis * 1_000_000;
    while crate::system::clock::now() < until {
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// How often so many places can have been taken, every 10 ms at most.
fn at_most(places: u64, measured: &Measured) -> u64 {
    places * (nanos(Duration::from_secs_f64(measured.seconds)) / 10_000_000 + 1)
}

#[test]
fn a_server_that_is_down_makes_a_run_neither_short_nor_endless() {
    for load in [Load::Closed(8), Load::Open(1000.0, Spacing::Uniform)] {
        let target = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let plan =
            Plan { timeout: SECOND, in_flight_max: 64, ..Plan::plain(target, load, SECOND / 5).unwrap() };
        let measured = run_and(&plan, &mut || {});
        assert!((0.1..5.0).contains(&measured.seconds), "{load:?} took {} s", measured.seconds);
        let refused = measured.tally.count(Failure::Refused);
        assert_eq!((measured.tally.failures(), measured.begun()), (refused, refused));
        assert!((8..=at_most(8, &measured)).contains(&refused) || load != Load::Closed(8), "{refused}");
        assert!(refused > 50 || load == Load::Closed(8), "{refused}");
    }
}

#[test]
fn each_failure_carries_its_error() {
    // No connection goes there (RFC 919): the kernel refuses it at once, and the loop does not spin.
    let target = SocketAddr::from(([255, 255, 255, 255], 9));
    let plan = Plan::plain(target, Load::Closed(4), SECOND / 10).unwrap();
    let measured = run_and(&plan, &mut || {});
    let reasons = measured.tally.failures.reasons();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(reasons[0].class == "other" && reasons[0].errno.is_some(), "{reasons:?}");
    assert!((4..=at_most(4, &measured)).contains(&reasons[0].count), "{reasons:?}");
    assert!(measured.to_string().contains(reasons[0].errno.as_deref().unwrap()), "{measured}");
}

#[test]
fn the_parts_of_visits_add_up_to_their_times() {
    let plan = Plan { count: 60, ..Plan::plain(server(AT_ONCE), Load::Closed(4), 5 * SECOND).unwrap() };
    let tally = run_and(&plan, &mut || {}).tally;
    assert_eq!((tally.welcomed, tally.unstamped), (60, 0));
    let parts: f64 = Part::ALL.into_iter().map(|part| tally.part(part).mean()).sum();
    let whole = tally.corrected.times.mean();
    assert!((parts / whole - 1.0).abs() < 0.002, "{parts} of {whole}");
}

#[test]
fn a_pause_of_the_generator_is_not_the_server_s_time() {
    for load in [Load::Closed(8), Load::Open(100.0, Spacing::Uniform)] {
        let plan = Plan { timeout: SECOND / 2, ..Plan::plain(server(AT_ONCE), load, SECOND).unwrap() };
        let mut paused = false;
        let measured = run_and(&plan, &mut || {
            if !std::mem::replace(&mut paused, true) {
                pause(700);
            }
        });
        let tally = &measured.tally;
        // Longer than the timeout, and yet each answer was there when it was looked for.
        assert_eq!((tally.failures(), tally.unstamped), (0, 0), "{measured}");
        let [server, corrected] = [&tally.latency, &tally.corrected].map(|times| times.times.max());
        assert!(corrected >= 500_000_000 && server < corrected / 2, "{load:?}: {measured}");
        // Eight visits of a closed loop are rare among thousands, and so are no percentile of them.
        if let Load::Open(..) = load {
            assert_eq!(
                tally.corrected.percentile(Percentile::USUAL[1], 0).verdict,
                Verdict::OwnLag,
                "{measured}"
            );
            let slow = tally.corrected.visits_from(0.9).culprits();
            assert_eq!(slow[0].0, Culprit::StartedLate, "{slow:?}");
        } else {
            let slow = tally.corrected.visits_from(1.0).culprits();
            assert_eq!(slow[0].0, Culprit::ReadLate, "{slow:?}");
        }
    }
}

#[test]
fn visits_that_are_never_answered_are_in_the_distribution() {
    let address = server(|number| (number % 10 != 3).then_some(Duration::ZERO));
    let plan = Plan {
        timeout: SECOND * 3 / 10,
        ..Plan::plain(address, Load::Open(200.0, Spacing::Uniform), SECOND / 2).unwrap()
    };
    let measured = run_and(&plan, &mut || {});
    let tally = &measured.tally;
    assert_eq!(measured.due(), measured.begun() + measured.not_begun());
    assert_eq!(measured.begun(), tally.welcomed + tally.failures());
    assert_eq!(measured.begun(), tally.latency.times.len());
    assert!(tally.count(Failure::ReplyTimeout) >= 9, "{measured}");
    let p95 = tally.percentile("95".parse().unwrap());
    // Without what the generator was late in such a visit, which is not the server's.
    let with_lag = tally.corrected.percentile("95".parse().unwrap(), tally.not_begun);
    assert!(p95.at_least && with_lag.nanos >= Some(nanos(plan.timeout)), "{p95:?}, {with_lag:?}");
    assert!(!tally.percentile(Percentile::USUAL[0]).at_least);
    // The rate is of the half second in which visits were due, and not of the tail.
    assert!((measured.rate_due() - 200.0).abs() < 5.0, "{measured}");
    assert!(measured.seconds() > measured.window.length as f64 / 1e9);
    assert_eq!(tally.latency.visits_from(0.95).culprits()[0].0, Culprit::Timeout);
}

#[test]
fn a_closed_loop_says_how_long_a_stall_was() {
    let stalled = |number| Some(if (40..44).contains(&number) { SECOND / 2 } else { Duration::ZERO });
    let plan = Plan { count: 600, ..Plan::plain(server(stalled), Load::Closed(4), 5 * SECOND).unwrap() };
    let measured = run_and(&plan, &mut || {});
    let (longest, wait) = measured.stalls().unwrap();
    assert!(longest > 400_000_000 && wait > 300_000_000 && wait <= longest, "{longest} {wait}");
    let said = measured.to_string();
    assert!(said.contains("A closed loop hides stalls") && said.contains("--rate shows that"), "{said}");
}

#[test]
fn a_server_that_closes_late_is_not_read_late() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 64]);
            let _ = client.write_all(b"welcome ");
            pause(120);
        }
    });
    let plan = Plan { count: 5, ..Plan::plain(target, Load::Closed(1), 5 * SECOND).unwrap() };
    let tally = run_and(&plan, &mut || {}).tally;
    let [closing, reading] = [Part::Closing, Part::ReadingLag].map(|part| tally.part(part).min());
    assert!(closing > 100_000_000 && reading < 60_000_000, "{closing} {reading}");
}

#[test]
fn manners_are_kept() {
    for (terminator, reset, sent) in [
        (Terminator::Lf, false, &b"Ada\n"[..]),
        (Terminator::None, false, b"Ada"),
        (Terminator::Eof, false, b"Ada"),
        (Terminator::None, true, b"Ada"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let mut bytes = Vec::new();
            let end = stream.read_to_end(&mut bytes).map_err(|error| error.kind());
            let _ = std::io::Write::write_all(&mut stream, b"welcome ");
            (bytes, end)
        });
        let mut plan = Plan { count: 1, ..Plan::plain(target, Load::Closed(1), 5 * SECOND).unwrap() };
        plan.visit_as(&[b"Ada".to_vec()], terminator, &Welcome::default()).unwrap();
        plan.manners.reset = reset;
        let stop = AtomicBool::new(false);
        let tally = run(&plan, &stop, &mut |_| {}).unwrap().tally;
        let (bytes, end) = server.join().unwrap();
        assert_eq!(end.is_ok(), terminator == Terminator::Eof, "{terminator:?}: {end:?}");
        assert_eq!(end == Err(std::io::ErrorKind::ConnectionReset), reset, "{terminator:?}: {end:?}");
        assert_eq!(
            (tally.welcomed, tally.resets, tally.failures()),
            (u64::from(!reset), u64::from(reset), 0)
        );
        assert!(reset || bytes == sent, "{terminator:?}: {bytes:?}");
    }
}

#[test]
fn a_visit_without_a_place_is_held_back_and_not_late() {
    let address = server(|_| Some(SECOND / 10));
    let mut plan = Plan::plain(address, Load::Open(100.0, Spacing::Uniform), SECOND).unwrap();
    (plan.count, plan.in_flight_max) = (5, 1);
    let measured = run_and(&plan, &mut || {});
    let [held, late] = [Part::Held, Part::StartLag].map(|part| measured.tally.part(part).max());
    // Each waits for those before it, with 90 ms more than the one before.
    assert!(measured.held_back == 4 && held > 350_000_000 && late < 300_000_000, "{measured}");
}

#[test]
fn a_pause_of_the_generator_loses_no_datagram() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = format!("udp://{}", socket.local_addr().unwrap());
    thread::spawn(move || {
        while let Ok((_, client)) = socket.recv_from(&mut [0; 64]) {
            // So that visits are in flight whenever the generator pauses.
            pause(1);
            let _ = socket.send_to(b"welcome ", client);
        }
    });
    let target = crate::plan::target::Target::at(&address).unwrap();
    let plan = Plan { timeout: SECOND / 2, ..Plan::plain(target, Load::Closed(8), SECOND).unwrap() };
    let mut paused = false;
    let measured = run_and(&plan, &mut || {
        if !std::mem::replace(&mut paused, true) {
            pause(700);
        }
    });
    let tally = &measured.tally;
    assert_eq!((tally.lost, tally.late, tally.duplicates, tally.failures()), (0, 0, 0, 0), "{measured}");
    assert!(tally.welcomed > 8 && tally.corrected.times.max() >= 500_000_000, "{measured}");
    assert!(tally.latency.times.max() < 400_000_000, "{measured}");
}

#[test]
fn a_server_whose_client_sends_late_has_its_whole_time() {
    // The accept queue is full at first, so the connection stands when the SYN is sent again, after a second.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let target = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&target, SECOND / 10) {
        queued.push(stream);
    }
    thread::spawn(move || {
        pause(200);
        drop(queued);
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 64]);
            let _ = client.write_all(b"welcome ");
        }
    });
    let plan = Plan {
        count: 1,
        timeout: SECOND * 13 / 10,
        ..Plan::plain(target, Load::Closed(1), 5 * SECOND).unwrap()
    };
    let mut told = 0;
    let measured = run_and(&plan, &mut || {
        told += 1;
        if told == 3 {
            // From three quarters of the second to beyond the timeout.
            pause(800);
        }
    });
    let tally = &measured.tally;
    assert_eq!((tally.welcomed, tally.failures()), (1, 0), "{measured}");
    // The generator knew late of the connection, and that is no part of connecting.
    let [connecting, reading] = [Part::Connecting, Part::ReadingLag].map(|part| tally.part(part).max());
    assert!(connecting > 900_000_000 && reading > 200_000_000, "{measured}");
    let said = measured.to_string();
    assert!(said.contains("a SYN was sent again"), "{said}");
}

#[test]
fn a_visit_of_a_run_before_is_due_and_begun_as_well() {
    let address = server(|_| Some(Duration::ZERO));
    let visits = |count| {
        let plan = Plan { count, ..Plan::plain(address, Load::Closed(1), 5 * SECOND).unwrap() };
        run_and(&plan, &mut || {})
    };
    let (mut measured, first) = (visits(20), visits(1));
    measured.add_visits(&first);
    let tally = &measured.tally;
    assert_eq!((measured.due(), measured.begun(), measured.not_begun()), (21, 21, 0), "{measured}");
    assert_eq!((tally.ended(), tally.latency.times.len()), (21, 21));
}

#[test]
fn a_server_that_sends_for_ever_keeps_no_other_visit_waiting() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (mut client, number) in listener.incoming().flatten().zip(0..) {
            thread::spawn(move || {
                let _ = client.read(&mut [0; 64]);
                let _ = client.write_all(b"welcome ");
                // For longer than the run, should its visit never end.
                let until = crate::system::clock::now() + nanos(4 * SECOND);
                while number % 200 == 3
                    && crate::system::clock::now() < until
                    && client.write_all(&vec![b'x'; 1 << 16]).is_ok()
                {}
            });
        }
    });
    for exchange in [None, Some(Ends::Until(Until::End))] {
        let load = Load::Open(200.0, Spacing::Uniform);
        let mut plan = Plan { timeout: SECOND / 2, ..Plan::plain(target, load, SECOND).unwrap() };
        plan.manners.exchange =
            exchange.map(|ends| Exchange { ends, takes_any: false, requests: 1, last_request: None });
        let measured = run_and(&plan, &mut || {});
        let late = measured.tally.part(Part::StartLag);
        assert!(late.value_at_quantile(0.9) < 50_000_000, "{measured}");
        assert!(measured.seconds() < 3.0 && measured.not_begun() == 0, "{measured}");
        assert!(measured.welcomed() >= 190, "{measured}");
    }
}

/// Six of ten answers have no end, and are read on as long as what came in time lasts. The silent ones beside them are given up.
#[test]
fn answers_without_an_end_keep_no_silent_visit_open() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut silent = Vec::new();
        for (mut client, number) in listener.incoming().flatten().zip(0..) {
            if number % 10 > 5 {
                silent.push(client);
                continue;
            }
            thread::spawn(move || {
                let until = crate::system::clock::now() + nanos(30 * SECOND);
                while crate::system::clock::now() < until && client.write_all(&vec![b'x'; 1 << 20]).is_ok() {}
            });
        }
    });
    let load = Load::Open(150.0, Spacing::Uniform);
    let mut plan = Plan { timeout: SECOND / 2, ..Plan::plain(target, load, SECOND).unwrap() };
    let ends = Ends::Until(Until::End);
    plan.manners.exchange = Some(Exchange { ends, takes_any: false, requests: 1, last_request: None });
    let measured = run_and(&plan, &mut || {});
    assert!(measured.seconds() < 3.0, "{measured}");
    assert_eq!((measured.welcomed(), measured.begun()), (0, measured.tally.failures()));
}

/// Where a sum that is too large panics.
#[cfg(debug_assertions)]
#[test]
fn a_panic_of_one_thread_ends_the_run_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let rows = RowFile::begin(&folder.path().join("rows")).unwrap();
    let (count, half) = (1 << 40, 1 << 39);
    // The numbers of the second thread begin at a half, and behind some more there are none left.
    let sender = rows.sender().unwrap().after(u64::MAX - half - 100);
    // Visits that are never answered are given up later than that. Each thread has four places, and one is left at least.
    let silent = server(|number| (!(10..13).contains(&number)).then_some(Duration::ZERO));
    let plan = Plan {
        count,
        threads: 2,
        timeout: 100 * SECOND,
        ..Plan::plain(silent, Load::Closed(8), 100 * SECOND).unwrap()
    };
    let plan = Plan { rows: Some(sender), ..plan };
    let began = crate::system::clock::now();
    let Err(error) = run(&plan, &AtomicBool::new(false), &mut |_| {}) else { panic!("it went on") };
    assert!(crate::system::clock::now() - began < nanos(20 * SECOND), "the others went on");
    let said = error.to_string();
    assert!(said.starts_with("a generator has panicked, and nothing is measured: attempt to add"), "{said}");
}
