//! The generator against servers of this process.

use std::io::Read as _;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::run;
use crate::figures::tally::Failure;
use crate::plan::arrivals::Spacing;
use crate::plan::welcome::{Terminator, Welcome};
use crate::plan::{Load, Plan};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_server_that_is_down_makes_a_run_neither_short_nor_endless() {
    for load in [Load::Closed(8), Load::Open(1000.0, Spacing::Uniform)] {
        let target = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let plan =
            Plan { timeout: SECOND, in_flight_max: 64, ..Plan::plain(target, load, SECOND / 5).unwrap() };
        let stop = AtomicBool::new(false);
        let measured = run(&plan, &stop, &mut |_| {}).unwrap();
        assert!((0.1..5.0).contains(&measured.seconds), "{load:?} took {} s", measured.seconds);
        assert!(measured.tally.count(Failure::Refused) > 50, "{load:?}");
        assert_eq!(measured.tally.failures(), measured.tally.count(Failure::Refused));
    }
}

#[test]
fn manners_are_kept() {
    for (terminator, reset, sent) in [
        (Terminator::Lf, false, &b"Ada\n"[..]),
        (Terminator::None, false, b"Ada"),
        (Terminator::Eof, false, b"Ada"),
        (Terminator::None, true, b"Ada"),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
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
