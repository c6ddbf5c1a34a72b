//! Which clients of the status give way to one that waits for a place, and when none does.

use std::time::Duration;

use welcomed::net::{ErrorCode, Kind};
use welcomed::schedules::Welcoming;
use welcomed::simulation::{Call, End, Fault, Scene, Schedule, Script, ServerSocket};

use crate::beside::{Beside, STATUS};
use crate::shown::get;

/// How many places the status has.
const PLACES: usize = 3;

/// The sockets of the status.
const TCP: usize = 1;
const UNIX: usize = 2;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A client that asks for this, and stays.
fn asks(path: &str) -> Script {
    Script::sends(&get(path)).at(TCP)
}

/// These clients come to a status that gives way, and so much time passes.
fn played(scripts: impl IntoIterator<Item = Script>, until: Duration) -> Scene<Beside> {
    let mut scene = begun(scripts, until);
    while scene.now() < until {
        scene.turn().unwrap();
    }
    scene
}

/// The same before the first turn.
fn begun(scripts: impl IntoIterator<Item = Script>, until: Duration) -> Scene<Beside> {
    let sockets = [
        Welcoming::socket(Kind::Tcp),
        ServerSocket::new(Kind::Tcp, STATUS),
        ServerSocket::new(Kind::Unix, STATUS),
    ];
    let beside = Beside { gives_way: true, ..Beside::default() };
    let calm = Schedule::calm(&beside, &sockets, scripts.into_iter().collect());
    let mut scene = Schedule { places: vec![2, 2, PLACES], ..calm }.begin();
    // The last turn is that of a client of the welcome.
    scene.comes(Script::silent().arriving(until));
    scene
}

/// The clients that the server has closed, in their order.
fn closed(scene: &Scene<Beside>, clients: usize) -> Vec<usize> {
    let is_closed = |client: &usize| scene.client(*client, |client| client.closed_at().is_some());
    (0..clients).filter(is_closed).collect()
}

fn says_that_others_wait(scene: &Scene<Beside>) -> bool {
    scene.said().iter().any(|line| line.ends_with("others wait"))
}

/// The last of them was closed all the same: that was a bug.
#[test]
fn as_many_as_there_are_places_keep_them_if_nobody_waits() {
    for last in [TCP, UNIX] {
        let scripts = [asks("/ready"), asks("/ready"), asks("/ready").at(last)];
        let scene = played(scripts, ms(1000));
        assert!(closed(&scene, PLACES).is_empty(), "the last comes to socket {last}");
        assert!(!says_that_others_wait(&scene));
    }
}

#[test]
fn one_idle_client_gives_way_to_one_that_waits() {
    for socket in [TCP, UNIX] {
        let scripts =
            (0..PLACES).map(|_| asks("/ready")).chain([asks("/health").at(socket).arriving(ms(500))]);
        let scene = played(scripts, ms(1000));
        assert_eq!(closed(&scene, PLACES + 1).len(), 1);
        assert!(says_that_others_wait(&scene));
        let accepted = scene.client(PLACES, |client| client.accepted_at().unwrap());
        assert!(accepted <= ms(600), "{accepted:?}");
    }
}

#[test]
fn none_gives_way_in_a_pause_while_there_are_places() {
    let until = ms(1000);
    let mut scene = begun([asks("/ready"), asks("/ready").arriving(ms(300))], until);
    // Those that are kept back do not help either.
    let out_of_descriptors = Some(Fault::Error(ErrorCode::MFile));
    scene.answers(Call::Accept, TCP, [vec![None, None], vec![out_of_descriptors; 8]].concat());
    while scene.now() < until {
        scene.turn().unwrap();
    }
    assert_eq!(closed(&scene, 2), [0; 0]);
    assert!(scene.client(1, |client| client.accepted_at().unwrap()) > ms(400), "there was a pause");
}

#[test]
fn who_watches_keeps_its_place_beside_one_who_does_not() {
    let comes = |at| asks("/ready").arriving(ms(at));
    let scripts = [asks("/events"), asks("/events"), asks("/ready"), comes(300), comes(500), comes(700)];
    let scene = played(scripts, ms(1200));
    assert_eq!(closed(&scene, 6), [2, 3, 4]);
    for watches in [0, 1] {
        let events = scene.client(watches, |client| client.received().to_vec());
        let events = String::from_utf8(events).unwrap().matches("data: ").count();
        assert!(events >= 11, "{events}");
    }
}

#[test]
fn where_all_watch_one_of_them_gives_way() {
    let scripts = (0..PLACES).map(|_| asks("/events")).chain([asks("/ready").arriving(ms(300))]);
    let scene = played(scripts, ms(600));
    assert_eq!(closed(&scene, PLACES + 1).len(), 1);
    let accepted = scene.client(PLACES, |client| client.accepted_at().unwrap());
    assert!(accepted <= ms(400), "{accepted:?}");
    let gone = closed(&scene, PLACES)[0];
    assert_eq!(scene.client(gone, |client| client.end()), Some(End::Clean));
}
