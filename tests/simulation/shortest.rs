//! How far a schedule that breaks a promise is shortened.

use std::time::Duration;

use welcomed::net::{ErrorCode, Kind};
use welcomed::schedules::Welcoming;
use welcomed::simulation::{
    Audit, Broken, Fault, Found, Promise, Right, Schedule, Script, Subject, Transcript, Weather,
};

/// What the test forbids.
const FORBIDDEN: Promise = Promise::Own("Forbidden");

/// The welcome, where no client may first be denied what is there, and then fail.
#[derive(Clone)]
struct Forbidding;

impl Subject for Forbidding {
    serves_as_the_welcome!();

    fn judge(&self, client: &Transcript<'_>) -> Result<Right, Broken> {
        if client.was_denied() && client.has_failed() {
            return Err(Broken::new(FORBIDDEN, "it was denied, and failed"));
        }
        Welcoming::default().judge(client)
    }

    fn audit(&self, services: &Self::Services, audit: &mut Audit<'_>) {
        Welcoming::default().audit(services, audit);
    }
}

/// The shortest schedule that breaks what `schedule` does.
fn shortest(schedule: Schedule<Forbidding>) -> Schedule<Forbidding> {
    let failure = schedule.play().unwrap_err();
    assert_eq!(failure.broken.promise, FORBIDDEN, "{}", failure.broken);
    Found { schedule, failure, seed: None }.shortest().schedule
}

/// The faults are shown as `call 2: EAGAIN`.
fn faults(schedule: &Schedule<Forbidding>) -> Vec<String> {
    let shown = schedule.to_string();
    shown.lines().filter(|line| line.starts_with("call ")).map(str::to_owned).collect()
}

#[test]
fn a_long_run_of_faults_that_do_not_matter_is_left_out() {
    let denied = (2, Fault::Error(ErrorCode::Again));
    let interrupted = (5..42).map(|call| (call, Fault::Error(ErrorCode::Intr)));
    let failed = (43, Fault::Error(ErrorCode::ConnReset));
    let plan: Vec<_> = [denied].into_iter().chain(interrupted).chain([failed]).collect();
    let sockets = [Welcoming::socket(Kind::Tcp)];
    let schedule = Schedule::calm(&Forbidding, &sockets, vec![Script::sends(b"Ada\n")]).with_faults(&plan);
    assert_eq!(faults(&shortest(schedule)), ["call 2: EAGAIN", "call 7: ECONNRESET"]);
}

#[test]
fn sockets_that_no_client_uses_and_handshakes_are_left_out() {
    let sockets = [Kind::UnixPacket, Kind::Tcp, Kind::Udp].map(Welcoming::socket);
    let plan = [(2, Fault::Error(ErrorCode::Again)), (6, Fault::Error(ErrorCode::ConnReset))];
    let mut schedule = Schedule::calm(&Forbidding, &sockets, vec![Script::sends(b"Ada\n").at(1)])
        .in_weather(Weather::planned(&plan).with_way(Duration::from_millis(181)));
    schedule.settings.drain_quiet = Some(Duration::from_millis(186));
    assert!(schedule.to_string().contains("handshakes take 181ms"), "{schedule}");
    let shortest = shortest(schedule);
    assert_eq!((shortest.sockets.len(), shortest.scripts[0].socket), (1, 0), "{shortest}");
    assert!(!shortest.to_string().contains("handshakes"), "{shortest}");
}
