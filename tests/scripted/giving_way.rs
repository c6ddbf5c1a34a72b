//! A server that stops while clients wait for places: after half of the time, silent ones give way.

use std::time::Duration;

use welcomed::kernel::Signal;
use welcomed::net::{ErrorCode, Kind};
use welcomed::schedules::Welcoming;
use welcomed::services::welcome::tables::connection::Outcome;
use welcomed::simulation::Fault::{Error, Leap};
use welcomed::simulation::{Call, Schedule, Script, Step};

use crate::stage::{Stage, accepted_at, got, ms, plain, schedule, stayed, stopped, streams, welcomed};

/// Half of the 5 s that a stop takes at most.
const HALF: Duration = Duration::from_millis(2500);

/// A server with so many places that is told to stop at once. These clients have connected before, and no byte ends a
/// name by the silence behind it.
fn stops(places: usize, scripts: Vec<Script>) -> Stage {
    stops_within(2 * HALF, places, scripts)
}

/// The same, if a stop takes at most so long.
fn stops_within(drain_timeout: Duration, places: usize, scripts: Vec<Script>) -> Stage {
    let patient = Welcoming { name_gap: Duration::from_secs(50), ..plain() };
    let mut schedule = schedule(&patient, &[Kind::Tcp], scripts);
    schedule.settings.drain_timeout = drain_timeout;
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
    let gave_way = [0, 1, 2, 3].map(|client| scene.client(client, |client| client.gave_way()));
    assert_eq!(gave_way, [true, false, false, false], "as the simulation judges it");
}

#[test]
fn a_silent_client_gives_way_also_where_descriptors_are_wanting() {
    let mut scene = stops(3, vec![Script::silent(), Script::silent(), Script::sends(b"Ada\n")]);
    // Accepting pauses for 100 ms after each, until the middle of the stop.
    let out_of_descriptors = Some(Error(ErrorCode::MFile));
    scene.answers(Call::Accept, 0, [vec![None; 2], vec![out_of_descriptors; 26]].concat());
    let scene = stopped(scene);
    assert_eq!((got(&scene, 2), stayed(&scene, 0)), (b"welcome ".to_vec(), HALF));
    assert_eq!(given_up(&scene), 2, "the other one at the end");
}

/// From when a client has taken the place of another one, until it gives way itself at the latest.
const GRACE: Duration = Duration::from_millis(200);

#[test]
fn a_silent_client_that_takes_the_place_gives_way_too() {
    let scene = stopped(stops(1, vec![Script::silent(), Script::silent(), Script::sends(b"Ada\n")]));
    assert_eq!((accepted_at(&scene, 1), accepted_at(&scene, 2)), (HALF, HALF + GRACE));
    assert_eq!((given_up(&scene), welcomed(&scene)), (2, 1));
}

#[test]
fn a_client_that_has_just_come_has_time_to_begin() {
    // Its name comes 90 ms after the place was free. A third one waits for the place.
    let late = Script::silent().after_a_pause(HALF + ms(90)).then([Step::Send(b"Ada\n".to_vec())]);
    let scene = stopped(stops(1, vec![Script::silent(), late, Script::sends(b"Bob\n")]));
    assert_eq!((got(&scene, 1), accepted_at(&scene, 2)), (b"welcome ".to_vec(), HALF + ms(90)));
    assert_eq!((given_up(&scene), welcomed(&scene)), (1, 2));
}

#[test]
fn a_silent_client_is_found_behind_many_that_have_begun() {
    // More than are asked in one turn.
    let begun = vec![Script::sends(b"half a name"); 200];
    let scene = stopped(stops(201, [begun, vec![Script::silent(), Script::sends(b"Ada\n")]].concat()));
    assert_eq!((accepted_at(&scene, 201), stayed(&scene, 200)), (HALF, HALF));
    assert_eq!((given_up(&scene), welcomed(&scene)), (201, 1), "those that have begun stay to the end");
}

#[test]
fn no_more_than_64_clients_are_asked_to_give_way_in_a_turn() {
    let begun = vec![Script::sends(b"half a name"); 64];
    let mut scene = stops(65, [begun, vec![Script::silent(), Script::sends(b"Ada\n")]].concat());
    while scene.now() < HALF {
        scene.turn().unwrap();
    }
    let silent = |scene: &Stage| scene.client(64, |client| client.closed_at());
    assert_eq!(silent(&scene), None, "it is the 65th");
    scene.turn().unwrap();
    assert_eq!(silent(&scene), Some(HALF));
    stopped(scene);
}

#[test]
fn a_client_that_has_begun_is_asked_once() {
    let begun = vec![Script::sends(b"half a name"); 10];
    let mut scene = stops(10, [begun, vec![Script::sends(b"Ada\n")]].concat());
    while scene.now() < HALF {
        scene.turn().unwrap();
    }
    let reads = scene.count(Call::Read);
    while scene.now() < 2 * HALF {
        assert_eq!(scene.count(Call::Read), reads, "at {:?}", scene.now());
        scene.turn().unwrap();
    }
    stopped(scene);
}

#[test]
fn a_short_stop_leaves_a_tenth_of_its_time_to_begin() {
    let half = ms(250);
    let scripts = vec![Script::silent(), Script::silent(), Script::sends(b"Ada\n")];
    let scene = stopped(stops_within(2 * half, 1, scripts));
    assert_eq!((accepted_at(&scene, 1), accepted_at(&scene, 2)), (half, half + 2 * ms(50)));
}

#[test]
fn a_client_that_comes_in_a_long_turn_has_time_to_begin() {
    // The turn of a look stands still for 150 ms while the first client leaves. Then the second has its place.
    let first = Script::silent().after_a_pause(HALF).then([Step::Send(b"Ada\n".to_vec())]);
    let second = Script::silent().after_a_pause(HALF + ms(240)).then([Step::Send(b"Bob\n".to_vec())]);
    let mut scene = stops(1, vec![first, second, Script::sends(b"Cyd\n")]);
    scene.answers(Call::Write, 0, [Some(Leap(ms(150)))]);
    let scene = stopped(scene);
    assert_eq!((got(&scene, 1), accepted_at(&scene, 1)), (b"welcome ".to_vec(), HALF + ms(150)));
    assert_eq!((given_up(&scene), welcomed(&scene)), (0, 3));
}

#[test]
fn no_more_than_64_clients_are_closed_in_a_turn_of_a_stop() {
    let mut scene = stops(65, vec![Script::silent(); 65]);
    let open = |scene: &Stage| (0..65).filter(|client| stayed_open(scene, *client)).count();
    while open(&scene) == 65 {
        scene.turn().unwrap();
    }
    assert_eq!(open(&scene), 1, "the 65th has its turn");
    scene.turn().unwrap();
    assert_eq!((open(&scene), given_up(&scene)), (0, 65));
    stopped(scene);
}

fn stayed_open(scene: &Stage, client: usize) -> bool {
    scene.client(client, |client| client.closed_at().is_none())
}
