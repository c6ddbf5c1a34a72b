//! The timers of sessions, on the real clock.

use std::time::{Duration, Instant};

use welcomed::kernel::Mio;
use welcomed::reactor::Streams;

use crate::chatter::Chatter;
use crate::chatter::table::{Event, Outcome, State};
use crate::stage::{BOUND, Stage, connect, line, unix};

type Streaming = Streams<Chatter, Mio>;

#[test]
fn a_timer_that_changes_its_place_is_not_extended() {
    const TOTAL: Duration = Duration::from_millis(300);
    let service = Chatter { total: TOTAL, ..Chatter::default() };
    let mut stage: Stage<Streaming> = Stage::new(Streams::new(service, 8), &[&unix("unix", "places")]);
    let client = stage.connect();
    let start = Instant::now();
    let lines = stage.during(|| {
        // With every line the timers change places. The client waits for a tick of its own in between.
        client.set_read_timeout(Some(TOTAL / 20)).unwrap();
        let mut lines = 0;
        while start.elapsed() < BOUND && client.send(b"one-way\n").is_ok() {
            lines += 1;
            if std::io::Read::read(&mut &client, &mut [0; 1]).is_ok() {
                break; // the end
            }
        }
        lines
    });
    assert!(lines > 2, "only {lines} lines: the timers hardly changed places");
    assert!(start.elapsed() >= TOTAL && start.elapsed() < BOUND, "{:?}", start.elapsed());
    assert_eq!(stage.services().counts().count(State::Reading, Event::Late), 1);
}

#[test]
fn what_was_not_taken_is_offered_again_after_a_timer() {
    let service = Chatter { idle: Duration::from_millis(20), ..Chatter::default() };
    let mut stage: Stage<Streaming> = Stage::new(Streams::new(service, 8), &[&unix("unix", "timer")]);
    let client = stage.connect();
    client.send(b"hold\necho held\n").unwrap();
    assert_eq!(stage.during(|| line(&client)), "held\n");
    assert_eq!(stage.services().counts().count(State::Holding, Event::Woken), 1);
}

#[test]
fn a_timer_of_any_service_runs_out_in_an_idle_loop() {
    let with_idle = |idle| Streams::new(Chatter { idle, ..Chatter::default() }, 8);
    let soon = Duration::from_millis(50);
    // Alone with a client, beside a service whose timers run and are not due, and both at once.
    for (clients, first, expected) in [
        (&[1][..], soon, [0, 1]),
        (&[0], soon, [1, 0]),
        (&[0, 1], Duration::from_secs(600), [0, 1]),
        (&[0, 1], soon, [1, 1]),
    ] {
        let services: (Streaming, Streaming) = (with_idle(first), with_idle(soon));
        let mut stage = Stage::new(services, &["127.0.0.1:0", "127.0.0.1:0"]);
        let _clients: Vec<_> = clients.iter().map(|client| connect(&stage.addresses[*client])).collect();
        let late = |(one, two): &(Streaming, Streaming)| {
            [one.counts().outcome(Outcome::Late), two.counts().outcome(Outcome::Late)]
        };
        stage.until(|server| late(server.services()) == expected);
    }
}
