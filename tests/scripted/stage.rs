//! The welcome in a scene, as the program serves it.

use std::time::Duration;

use welcomed::kernel::Signal;
use welcomed::net::{ErrorCode, Kind};
use welcomed::reactor::{Counts, Settings};
use welcomed::schedules::Welcoming;
use welcomed::services::welcome;
use welcomed::services::welcome::tables::{connection, datagram};
use welcomed::simulation::{Call, Fault, Scene, Schedule, Script};

pub(crate) type Stage = Scene<Welcoming>;

/// What a call answers: what goes wrong with it, if something does.
pub(crate) type Answer = Option<Fault>;

pub(crate) const WOULD_BLOCK: Answer = Some(Fault::Error(ErrorCode::Again));
pub(crate) const INTERRUPTED: Answer = Some(Fault::Error(ErrorCode::Intr));

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The welcome with what an operator has if nothing is chosen.
pub(crate) fn plain() -> Welcoming {
    let welcome::Settings { name_gap, name_timeout, write_timeout, .. } = welcome::Settings::default();
    Welcoming { text: "welcome ", name_gap, name_timeout, write_timeout, ..Welcoming::default() }
}

/// The same, and the name is a part of it.
pub(crate) fn hello() -> Welcoming {
    Welcoming { text: "Hello, {name}!", ..plain() }
}

/// These clients come to sockets of these kinds.
pub(crate) fn schedule(
    subject: &Welcoming,
    kinds: &[Kind],
    scripts: impl IntoIterator<Item = Script>,
) -> Schedule<Welcoming> {
    let sockets: Vec<_> = kinds.iter().map(|kind| Welcoming::socket(*kind)).collect();
    Schedule {
        settings: Settings::default(),
        ..Schedule::calm(subject, &sockets, scripts.into_iter().collect())
    }
}

/// A scene in which these clients come by TCP.
pub(crate) fn clients(scripts: impl IntoIterator<Item = Script>) -> Stage {
    schedule(&plain(), &[Kind::Tcp], scripts).begin()
}

/// The same with so many places.
pub(crate) fn with_places(places: usize, scripts: impl IntoIterator<Item = Script>) -> Stage {
    Schedule { places: vec![places; 2], ..schedule(&plain(), &[Kind::Tcp], scripts) }.begin()
}

/// A client that is there, and sends `bytes` only after `delay`.
pub(crate) fn late(delay: Duration, bytes: &[u8]) -> Script {
    Script::sends(bytes).after_a_pause(delay)
}

/// Plays a scene to its end, and holds it to all promises.
pub(crate) fn served(mut scene: Stage) -> Stage {
    scene.play();
    scene.judge();
    scene
}

/// The same until the server has stopped.
pub(crate) fn stopped(mut scene: Stage) -> Stage {
    scene.run().unwrap();
    scene.judge();
    scene
}

/// What a client got.
pub(crate) fn got(scene: &Stage, client: usize) -> Vec<u8> {
    scene.client(client, |client| client.received().to_vec())
}

pub(crate) fn accepted_at(scene: &Stage, client: usize) -> Duration {
    scene.client(client, |client| client.accepted_at().unwrap())
}

pub(crate) fn closed_at(scene: &Stage, client: usize) -> Duration {
    scene.client(client, |client| client.closed_at().unwrap())
}

/// How long it was served.
pub(crate) fn stayed(scene: &Stage, client: usize) -> Duration {
    closed_at(scene, client).saturating_sub(accepted_at(scene, client))
}

/// Whether the server has shut the write side of a stream: it lingered.
pub(crate) fn has_shut(scene: &Stage) -> bool {
    scene.count(Call::Shut) > 0
}

pub(crate) fn streams(scene: &Stage) -> &Counts<connection::Machine> {
    scene.services().0.counts()
}

pub(crate) fn datagrams(scene: &Stage) -> &Counts<datagram::Machine> {
    scene.services().1.counts()
}

pub(crate) fn welcomed(scene: &Stage) -> u64 {
    streams(scene).outcome(connection::Outcome::Welcomed)
        + datagrams(scene).outcome(datagram::Outcome::Welcomed)
}

/// The server is told to stop at the next wait.
pub(crate) fn stop(scene: &mut Stage) {
    scene.signal(scene.now(), Signal::Stop);
}

/// What the loop said in lines that begin like this.
pub(crate) fn said(scene: &Stage, beginning: &str) -> Vec<String> {
    scene.said().into_iter().filter(|line| line.starts_with(beginning)).collect()
}
