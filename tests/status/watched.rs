//! What a service is promised that shows the others of its loop, scene by scene: the status beside the welcome.

use std::time::Duration;

use welcomed::kernel::Signal;
use welcomed::net::{ErrorCode, Kind};
use welcomed::schedules::{Welcoming, open, prompt};
use welcomed::services::status::http::tables::Outcome;
use welcomed::simulation::{Call, End, Fault, Reading, Scene, Schedule, Script, ServerSocket, Step, Weather};

use crate::beside::{Beside, STATUS};
use crate::shown::get;

const SHOWN: usize = 1;
const OUT_OF_DESCRIPTORS: Option<Fault> = Some(Fault::Error(ErrorCode::MFile));

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// These clients come: those of the status are at [`SHOWN`].
fn schedule(scripts: impl IntoIterator<Item = Script>) -> Schedule<Beside> {
    let sockets = [Welcoming::socket(Kind::Tcp), ServerSocket::new(Kind::Tcp, STATUS)];
    let beside = Beside {
        welcoming: Welcoming { name_timeout: ms(5000), ..Welcoming::default() },
        ..Beside::default()
    };
    Schedule::calm(&beside, &sockets, scripts.into_iter().collect())
}

/// The same where clients of the status, which have one place, give way.
fn giving_way(scripts: impl IntoIterator<Item = Script>) -> Schedule<Beside> {
    let schedule = schedule(scripts);
    let subject = Beside { gives_way: true, ..schedule.subject.clone() };
    Schedule { subject, places: vec![8, 8, 1], ..schedule }
}

/// A client of the status that asks for this, and stays.
fn asks(path: &str) -> Script {
    Script::sends(&get(path)).at(SHOWN)
}

fn closed_at(scene: &Scene<Beside>, client: usize) -> Duration {
    scene.client(client, |client| client.closed_at().unwrap())
}

fn accepted_at(scene: &Scene<Beside>, client: usize) -> Duration {
    scene.client(client, |client| client.accepted_at().unwrap())
}

/// A name has begun, and does not end.
fn unfinished() -> Script {
    Script::silent()
}

#[test]
fn a_second_stop_ends_what_is_shown_and_then_who_watches() {
    let scripts = [unfinished(), asks("/events"), asks("/ready")];
    let mut scene = schedule(scripts).begin();
    scene.signal(ms(20), Signal::Stop);
    scene.signal(ms(250), Signal::Stop);
    scene.run().unwrap();
    scene.judge();
    assert!(scene.client(0, |client| client.was_stopped()) && closed_at(&scene, 0) == ms(250));
    for watcher in [1, 2] {
        assert_eq!(closed_at(&scene, watcher), ms(250), "it is told as soon as nothing is left to be shown");
        assert_eq!(scene.client(watcher, |client| client.end()), Some(End::Clean));
    }
    let received = scene.client(1, |client| client.received().to_vec());
    let events = String::from_utf8(received).unwrap().matches("data: ").count();
    assert_eq!(events, 3, "it was served while the server stopped: at once, and after 100 ms and 200 ms");
}

/// The loop asks again and again where a stop is over, and one who watches is not: that was a bug.
#[test]
fn the_loop_waits_for_the_last_who_watch() {
    let never = asks("/counts.json").reading(Reading::Never);
    let weather = Weather::calm().with_send_buffer(10);
    let mut scene = schedule([unfinished(), never]).in_weather(weather).begin();
    scene.signal(ms(20), Signal::Stop);
    scene.signal(ms(30), Signal::Stop);
    scene.run().unwrap();
    scene.judge();
    assert_eq!((closed_at(&scene, 0), closed_at(&scene, 1)), (ms(30), ms(130)));
    assert!(scene.count(Call::Wait) <= 8, "{} waits", scene.count(Call::Wait));
}

/// A client that is not known to have sent more was left to the kernel without a read, and so it was told of nothing: that
/// was a bug.
#[test]
fn one_that_is_kept_is_told_of_the_stop_behind_its_answers() {
    for requests in 1..=6 {
        let kept = Script::sends(&get("/ready").repeat(requests)).at(SHOWN);
        let mut scene = schedule([kept.arriving(ms(20))]).begin();
        scene.signal(ms(20), Signal::Stop);
        scene.run().unwrap();
        scene.judge();
        assert!(!scene.client(0, |client| client.was_stopped()), "{requests} requests");
        assert_eq!(closed_at(&scene, 0), ms(20), "{requests} requests");
    }
}

/// The end of an answer, or of an event, leaves in the turn in which the time of who watches is over. Its client has all that it
/// asked for, and counted as stopped: that was a bug.
#[test]
fn what_leaves_at_the_last_moment_is_answered() {
    for path in ["/ready", "/events"] {
        let mut prompt = schedule([unfinished(), asks(path)]).begin();
        prompt.turn().unwrap();
        let bytes = prompt.client(1, |client| client.received().len());
        // It takes a byte in 5 ms. So after 120 ms three are left that the kernel has no room for.
        let weather = Weather::calm().with_send_buffer(bytes - 28);
        let slow = asks(path).reading(Reading::Slow);
        let mut scene = schedule([unfinished(), slow]).in_weather(weather).begin();
        scene.signal(ms(20), Signal::Stop);
        scene.signal(ms(20), Signal::Stop);
        while scene.now() < ms(120) {
            scene.turn().unwrap();
        }
        assert!(scene.client(1, |client| !client.output_is_whole()), "{path}");
        scene.stands_still(ms(20));
        scene.run().unwrap();
        scene.judge();
        assert!(scene.client(1, |client| client.output_is_whole()), "{path}");
        let counts = scene.services().watcher().counts();
        assert_eq!((counts.outcome(Outcome::Answered), counts.outcome(Outcome::Stopped)), (1, 0), "{path}");
    }
}

#[test]
fn neither_has_the_places_of_the_other() {
    let scripts = [unfinished(), prompt(b"Ada"), asks("/events"), asks("/ready").arriving(ms(10))];
    let mut scene = Schedule { places: vec![1; 3], ..schedule(scripts) }.begin();
    while scene.now() < ms(50) {
        scene.turn().unwrap();
    }
    assert_eq!((accepted_at(&scene, 0), accepted_at(&scene, 2)), (ms(0), ms(0)));
    for waits in [1, 3] {
        assert_eq!(scene.client(waits, |client| client.accepted_at()), None);
    }
    scene.does(2, Step::Shut);
    scene.turn().unwrap();
    scene.turn().unwrap();
    assert!(
        accepted_at(&scene, 3) < ms(200),
        "there is a place for one more that watches, and none for the welcome"
    );
    assert_eq!(scene.client(1, |client| client.accepted_at()), None);
    scene.does(0, Step::Shut);
    scene.does(3, Step::Shut);
    scene.play();
    scene.judge();
}

#[test]
fn a_client_that_watches_keeps_its_place_for_50_ms() {
    for arrives in [ms(0), ms(20), ms(50)] {
        let scripts = [Script::silent().at(SHOWN), asks("/ready").arriving(arrives)];
        let mut scene = giving_way(scripts).begin();
        scene.play();
        let gives_way = arrives + ms(50);
        assert_eq!((accepted_at(&scene, 0), closed_at(&scene, 0)), (ms(0), gives_way), "{arrives:?}");
        assert_eq!(accepted_at(&scene, 1), gives_way, "{arrives:?}");
        assert_eq!(scene.client(0, |client| client.end()), Some(End::Clean));
    }
}

#[test]
fn what_is_watched_stops_as_without_a_watcher() {
    // The one has the only place and sends nothing, and the other waits.
    let scripts = [unfinished(), prompt(b"Ada").arriving(ms(10)), asks("/ready")];
    let mut scene = Schedule { places: vec![1, 1, 8], ..schedule(scripts) }.begin();
    scene.signal(ms(20), Signal::Stop);
    scene.run().unwrap();
    scene.judge();
    assert_eq!(scene.client(1, |client| client.received().to_vec()), b"hello Ada!");
    assert_eq!(
        accepted_at(&scene, 1),
        ms(20 + 500),
        "the silent one gives way when half of the time is over"
    );
    let said = scene.said();
    let full = "full: 1 open, the most there may be; others wait".to_owned();
    assert!(said.contains(&full), "{said:?}");
    let counts: Vec<_> = said.iter().filter(|line| line.contains(" accepted: ")).collect();
    assert_eq!(counts.len(), 3, "each service says its counts once: {counts:?}");
}

#[test]
fn a_socket_that_fails_ends_what_watches_alone() {
    let scripts = [prompt(b"Ada").arriving(ms(50)), asks("/ready"), asks("/ready").arriving(ms(20))];
    let mut scene = schedule(scripts).begin();
    scene.answers(Call::Accept, SHOWN, [Some(Fault::Error(ErrorCode::BadF))]);
    scene.signal(ms(100), Signal::Stop);
    scene.run().unwrap();
    scene.judge();
    assert_eq!(scene.client(0, |client| client.received().to_vec()), b"hello Ada!");
    assert_eq!(scene.client(1, |client| client.end()), Some(End::Reset));
    assert_eq!(scene.client(2, |client| client.end()), Some(End::Refused));
}

#[test]
fn out_of_descriptors_it_lets_one_go_and_then_pauses() {
    let mut scene = schedule([asks("/ready").then([Step::Shut])]).begin();
    scene.answers(Call::Accept, SHOWN, [OUT_OF_DESCRIPTORS]);
    scene.play();
    scene.judge();
    assert_eq!(accepted_at(&scene, 0), ms(0), "there was one for it");

    let scripts = [prompt(b"Ada").arriving(ms(50)), asks("/ready").then([Step::Shut])];
    let mut scene = schedule(scripts).begin();
    scene.answers(Call::Accept, SHOWN, [OUT_OF_DESCRIPTORS; 2]);
    scene.play();
    scene.judge();
    assert_eq!((accepted_at(&scene, 0), accepted_at(&scene, 1)), (ms(50), ms(50)));
    assert_eq!(closed_at(&scene, 0), ms(50), "the welcome does not pause, and its descriptor ends the pause");
}

#[test]
fn four_descriptors_are_kept_back_and_taken_back() {
    let watch = |_| asks("/ready");
    let scripts = [unfinished(), prompt(b"Ada")].into_iter().chain((2..7).map(watch));
    let mut scene = schedule(scripts).in_weather(Weather::calm().with_descriptors(1)).begin();
    while scene.now() < ms(300) {
        scene.turn().unwrap();
    }
    let is_in = |scene: &Scene<Beside>, client| scene.client(client, |client| client.accepted_at()).is_some();
    let inside: Vec<usize> = (0..7).filter(|client| is_in(&scene, *client)).collect();
    assert_eq!(inside, [0, 2, 3, 4, 5], "one of the welcome, and four that may have what is kept back");
    for leaves in 2..6 {
        scene.does(leaves, Step::Shut);
    }
    while scene.now() < ms(600) {
        scene.turn().unwrap();
    }
    assert!(is_in(&scene, 6) && !is_in(&scene, 1), "what is given back is for those that watch");
    scene.does(0, Step::Shut);
    scene.does(6, Step::Shut);
    scene.play();
    scene.judge();
    assert_eq!(scene.client(1, |client| client.received().to_vec()), b"hello Ada!");
}

/// More requests at once than a turn has time for: those of later turns are answered with the counts of these turns.
#[test]
fn an_answer_of_a_later_turn_has_the_counts_of_that_turn() {
    let requests = [get("/health").repeat(99), get("/counts.json")].concat().repeat(10);
    let weather = Weather::calm().with_receive_buffer(1 << 20).with_concurrent_clients();
    let script = Script::sends(&requests).at(SHOWN).then([Step::Shut]);
    let mut scene = schedule([script]).in_weather(weather).begin();
    scene.turn().unwrap();
    let welcomed = scene.comes(open(b"Ada"));
    scene.turn().unwrap();
    assert!(scene.client(welcomed, |client| client.accepted_at()).is_some());
    let before = scene.client(0, |client| client.bytes_written());
    scene.play();
    let received = scene.client(0, |client| client.received().to_vec());
    let later = String::from_utf8(received[before..].to_vec()).unwrap();
    let told = |accepted| later.matches(&format!("\"connection\",\n      \"accepted\": {accepted},")).count();
    assert_eq!(told(0), 0, "and {} are right", told(1));
    assert!(told(1) > 3, "{}", told(1));
}
