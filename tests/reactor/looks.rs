//! When a watcher looks, and what it is shown then.

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use welcomed::kernel::Mio;
use welcomed::reactor::service::{Input, Step, StreamService, TIMERS, Then, Timer, Want};
use welcomed::reactor::view::View;
use welcomed::reactor::{Streams, Watched, Watcher};
use welcomed::services::welcome::{self, WelcomeStreams};

use crate::stage::{Stage, connect};

mod table {
    welcomed::machine! {
        "looks"
        states { Reading = "reading", Answering = "answering", Closed = "closed" }
        events { Asked = "asked", Answered = "answered", Over = "over" }
        outcomes { Left = "left" }
        table {
            Reading   + Asked    => Answering,
            Answering + Answered => Reading,
            Reading   + Over     => Closed: Left,
            Answering + Over     => Closed: Left,
        }
    }
}
use table::{Event, Machine, State};

/// Answers each byte with one. It counts what it was told that was not of the moment of its last look.
#[derive(Default)]
struct Looks {
    times: usize,
    view: View,
    /// The moment from which the loop counts, once it is known.
    start: Option<Instant>,
    told: usize,
    told_late: usize,
}

impl Looks {
    fn accepted(&self) -> u64 {
        self.view.services.iter().map(|service| service.accepted).sum()
    }
}

impl Watcher for Looks {
    fn look(&mut self, view: View) {
        self.times += 1;
        self.view = view;
    }
}

impl StreamService for Looks {
    type Session = Machine;
    type Table = Machine;

    fn waits(&self) -> Vec<Duration> {
        Vec::new()
    }

    fn want<'a>(&'a self, session: &'a Machine) -> Want<'a> {
        match session.state() {
            State::Reading => Want::Read { room: 8192 },
            State::Answering => Want::Write { bytes: b"!", then: Then::Read },
            State::Closed => Want::Close,
        }
    }

    fn timers(&self, _: &Machine) -> [Option<Timer>; TIMERS] {
        [None; TIMERS]
    }

    fn on(&mut self, session: &mut Machine, input: Input<'_>, now: Instant) -> Step<Machine> {
        self.told += 1;
        let start = *self.start.get_or_insert(now.checked_sub(self.view.age).unwrap());
        self.told_late += usize::from(now.duration_since(start) != self.view.age);
        match input {
            Input::Bytes(_) => Step { taken: 1, moved: session.on(Event::Asked) },
            Input::Sent => Step::moved(session.on(Event::Answered)),
            Input::Record { .. }
            | Input::End(_)
            | Input::Elapsed(_)
            | Input::Stopping
            | Input::Stopped
            | Input::Failed(_) => Step::moved(session.on(Event::Over)),
        }
    }
}

type Looking = Watched<Streams<WelcomeStreams, Mio>, Looks, Mio>;

/// The welcome, and a watcher with so many places.
fn stage(places: usize) -> Stage<Looking> {
    let welcome = WelcomeStreams::new(welcome::Settings::default());
    let services = Watched::new(Streams::new(welcome, 8), Streams::new(Looks::default(), places));
    Stage::new(services, &["127.0.0.1:0", "127.0.0.1:0"])
}

fn looks(stage: &Stage<Looking>) -> &Looks {
    stage.services().watcher().service()
}

#[test]
fn a_watcher_is_told_nothing_before_it_has_looked() {
    let mut stage = stage(8);
    let client = connect(&stage.addresses[1]);
    // More than one turn serves.
    (&client).write_all(&[b'?'; 2000]).unwrap();
    stage.until(|server| server.services().watcher().service().told == 4000);
    // The loop goes round for each part of the sweep, and the moment of each is another.
    let _others: Vec<_> = (0..7).map(|_| connect(&stage.addresses[1])).collect();
    stage.until(|server| server.services().watcher().connections() == 8);
    stage.ask_to_stop();
    stage.until(|server| server.services().watcher().connections() == 0);
    assert_eq!(looks(&stage).told_late, 0, "of {}", looks(&stage).told);
}

#[test]
fn a_client_that_waits_for_a_place_of_a_watcher_costs_no_look() {
    let mut stage = stage(1);
    let _clients = [connect(&stage.addresses[1]), connect(&stage.addresses[1])];
    stage.until(|server| server.services().watcher().connections() == 1);
    stage.turns(5);
    let (start, before) = (Instant::now(), looks(&stage).times);
    stage.turns(200);
    // It looks once a second all the same, and each 50 ms whether its client has to give way.
    let due = usize::try_from(start.elapsed().as_millis() / 50).unwrap() + 3;
    assert!(looks(&stage).times - before <= due, "{} looks", looks(&stage).times - before);
}

#[test]
fn a_start_is_no_turn() {
    let mut stage = stage(1);
    thread::sleep(Duration::from_millis(20));
    stage.turns(1);
    let turns = &looks(&stage).view.turns;
    assert_eq!((turns.counts.iter().sum::<u64>(), turns.longest), (0, Duration::ZERO));
}

#[test]
fn a_watcher_sees_what_came_before_the_loop_fell_silent() {
    let mut stage = stage(1);
    stage.turns(1);
    let _client = stage.connect();
    stage.until(|server| server.services().services().connections() == 1);
    assert_eq!(looks(&stage).accepted(), 0, "it has looked less than a second ago");
    stage.during(|| thread::sleep(Duration::from_millis(2500)));
    assert_eq!(looks(&stage).accepted(), 1);
    // And then nothing wakes it.
    let before = looks(&stage).times;
    stage.during(|| thread::sleep(Duration::from_millis(2500)));
    assert!(looks(&stage).times - before <= 1, "{} looks", looks(&stage).times - before);
}
