//! One schedule: settings, sockets, clients, signals and weather, all from a seed or by hand.

use std::fmt;
use std::time::Duration;

use super::dice::Dice;
use super::faults::{Call, Fault};
use super::limits::ServerSocket;
use super::script::{Script, Step};
use super::subject::Subject;
use super::weather::Weather;
use super::world::World;
use crate::kernel::Signal;
use crate::net::Kind;
use crate::reactor::Settings;

/// All that happens to a server, and what it serves.
#[derive(Clone)]
pub struct Schedule<S> {
    /// What is simulated.
    pub subject: S,
    /// The settings of the loop.
    pub settings: Settings,
    /// How many places each service has, by its number.
    pub places: Vec<usize>,
    /// The sockets that the server opens.
    pub sockets: Vec<ServerSocket>,
    /// What clients do.
    pub scripts: Vec<Script>,
    /// What the operator asks for, and when.
    pub signals: Vec<(Duration, Signal)>,
    /// What the kernel is like.
    pub weather: Weather,
}

/// The most that one of a crowd sends.
const CROWD_BYTES: usize = 40;

/// A server in a hurry, so that schedules are short.
fn hurried() -> Settings {
    Settings { drain_timeout: Duration::from_secs(1), ..Settings::default() }
}

impl<S: Subject> Schedule<S> {
    /// A schedule in which nothing goes wrong: these clients, these sockets, places for all.
    pub fn calm(subject: &S, sockets: &[ServerSocket], scripts: Vec<Script>) -> Schedule<S> {
        Schedule {
            subject: subject.clone(),
            settings: hurried(),
            places: vec![1024; usize::from(S::services_count())],
            sockets: sockets.to_vec(),
            scripts,
            signals: Vec::new(),
            weather: Weather::calm(),
        }
    }

    /// The world in which it is played.
    pub(super) fn world(&self) -> World {
        let limits = (0..S::services_count()).map(|service| self.subject.limits(service)).collect();
        World {
            drain_timeout: self.settings.drain_timeout,
            drain_quiet: self.settings.drain_quiet.unwrap_or_default(),
            backlog: self.settings.backlog as usize,
            places: self.places.clone(),
            signals: self.signals.clone().into(),
            ..World::new(&self.scripts, &self.sockets, limits, self.weather.clone())
        }
    }

    /// The same with this weather.
    #[must_use]
    pub fn in_weather(self, weather: Weather) -> Schedule<S> {
        Schedule { weather, ..self }
    }

    /// The same with these faults, at the calls of these numbers.
    #[must_use]
    pub fn with_faults(mut self, plan: &[(usize, Fault)]) -> Schedule<S> {
        self.weather.plan = plan.to_vec();
        self
    }

    /// The schedule of a seed.
    pub fn from_seed(subject: &S, seed: u64) -> Schedule<S> {
        let mut dice = Dice::new(seed);
        let subject = subject.draw(&mut dice);
        let backlog = dice.pick(&[1, 2, 4096, 4096, 4096]);
        let places = dice.pick(&[1, 2, 3, 1000, 1000, 1000]);
        let clients = match dice.below(1000) {
            0 => 1000, // a crowd at once
            1..100 => 10 + dice.below(20),
            _ => 1 + dice.below(5),
        };
        let sockets = subject.sockets(&mut dice);
        let script = |number| {
            let socket = dice.below(sockets.len());
            let script = subject.script(sockets[socket], &mut dice, number);
            // A crowd comes at once and does the simplest.
            let script = if clients == 1000 { crowd(&script) } else { script };
            script.at(socket).from_source(dice.pick(&[0, 0, 1, 2]))
        };
        let scripts: Vec<Script> = (0..clients).map(script).collect();
        let mut signals = Vec::new();
        if dice.one_in(5) {
            signals.push((dice.millis_below(200), Signal::Report));
        }
        for _ in 0..dice.pick(&[0, 0, 0, 0, 0, 0, 0, 0, 1, 2]) {
            signals.push((dice.millis_below(1000), Signal::Stop));
        }
        signals.sort_by_key(|(at, _)| *at);
        let kinds: Vec<Kind> = sockets.iter().map(|socket| socket.kind).collect();
        let mut weather = Weather::any(&mut dice, clients, &Call::made_for(&kinds));
        let mut settings = Settings { backlog, ..hurried() };
        if dice.one_in(4) {
            weather.way = dice.millis_below(200);
            settings.drain_quiet = Some(weather.way + Duration::from_millis(5));
        }
        if dice.one_in(4) {
            weather.round_trip = dice.millis_below(200);
        }
        Schedule {
            settings,
            places: vec![places; usize::from(S::services_count())],
            ..Schedule::calm(&subject, &sockets, scripts)
        }
        .signalled(signals)
        .in_weather(weather)
    }

    /// The same, and the operator asks for this.
    #[must_use]
    pub fn signalled(self, signals: Vec<(Duration, Signal)>) -> Schedule<S> {
        Schedule { signals, ..self }
    }
}

/// The same client as one of a crowd: it comes at once, sends its first piece, and is done.
fn crowd(script: &Script) -> Script {
    let first = script.pieces().next().unwrap_or_default();
    let first = first.get(..CROWD_BYTES).unwrap_or(first);
    Script::sends(first).called("one of a crowd").then([Step::Shut])
}

/// What happens in it, a line for each thing.
impl<S> fmt::Display for Schedule<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, script) in self.scripts.iter().enumerate() {
            let ServerSocket { kind, service } = self.sockets[script.socket];
            let Script { label, arrives, reading, steps, source, .. } = script;
            write!(f, "client {number} ({label}), {kind} to service {service}")?;
            if *source > 0 {
                write!(f, " from source {source}")?;
            }
            if !arrives.is_zero() {
                write!(f, ", after {arrives:?}")?;
            }
            writeln!(f, ", reads {reading:?}: {steps:?}")?;
        }
        for (at, signal) in &self.signals {
            writeln!(f, "{signal:?} after {at:?}")?;
        }
        for (call, fault) in &self.weather.plan {
            writeln!(f, "call {call}: {fault}")?;
        }
        let Weather {
            send_buffer,
            receive_buffer,
            descriptors,
            way,
            round_trip,
            late,
            sloppy,
            concurrent,
            ..
        } = &self.weather;
        write!(f, "places {:?}, send buffer {send_buffer}, receive buffer {receive_buffer}", self.places)?;
        if *descriptors < usize::MAX {
            write!(f, ", descriptors {descriptors}")?;
        }
        if !way.is_zero() {
            write!(f, ", handshakes take {way:?}")?;
        }
        if !round_trip.is_zero() {
            write!(f, ", the round trip is {round_trip:?}")?;
        }
        let also = [
            (*late, "segments can be late"),
            (*concurrent, "clients act during calls"),
            (*sloppy, "the kernel is sloppy"),
        ];
        also.iter().filter(|(is_so, _)| *is_so).try_for_each(|(_, what)| write!(f, ", {what}"))
    }
}
