//! A server that stops while clients wait for places: after half of the time, silent ones give way.

use std::time::Duration;

use welcomed::kernel::Signal;
use welcomed::net::Kind;
use welcomed::schedules::Welcoming;
use welcomed::services::welcome::tables::connection::Outcome;
use welcomed::simulation::{Schedule, Script};

use crate::stage::{Stage, accepted_at, got, ms, plain, schedule, stayed, stopped, streams, welcomed};

/// Half of the 5 s that a stop takes at most.
const HALF: Duration = Duration::from_millis(2500);

/// A server with so many places that is told to stop at once. These clients have connected before, and no byte ends a
/// name by the silence behind it.
fn stops(places: usize, scripts: Vec<Script>) -> Stage {
    let patient = Welcoming { name_gap: Duration::from_secs(50), ..plain() };
    let schedule = schedule(&patient, &[Kind::Tcp], scripts);
    Schedule { places: vec![places; 2], ..schedule }.signalled(vec![(ms(0), Signal::Stop)]).begin()
}

fn given_up(scene: &Stage) -> u64 {
    streams(scene).outcome(Outcome::Stopped)
}

#[test]
fn as_many_silent_clients_give_way_as_there_wait() {
    let scene = stopped(stops(3, [vec![Script::silent(); 3], vec![Script::sends(b"Ada\n")]].concat()));
    assert_eq!((got(&scene, 3), accepted_at(&scene, 3)), (b"welcome ".to_vec(), HALF));
    assert_eq!((stayed(&scene, 0), stayed(&scene, 1)), (HALF, 2 * HALF), "one place is enough");
}

#[test]
fn a_silent_client_that_takes_the_place_gives_way_too() {
    let scene = stopped(stops(1, vec![Script::silent(), Script::silent(), Script::sends(b"Ada\n")]));
    assert_eq!((accepted_at(&scene, 1), accepted_at(&scene, 2)), (HALF, HALF));
    assert_eq!((given_up(&scene), welcomed(&scene)), (2, 1));
}

#[test]
fn a_silent_client_is_found_behind_many_that_have_begun() {
    // More than are asked in one turn.
    let begun = vec![Script::sends(b"half a name"); 200];
    let scene = stopped(stops(201, [begun, vec![Script::silent(), Script::sends(b"Ada\n")]].concat()));
    assert_eq!((accepted_at(&scene, 201), stayed(&scene, 200)), (HALF, HALF));
    assert_eq!((given_up(&scene), welcomed(&scene)), (201, 1), "those that have begun stay to the end");
}
