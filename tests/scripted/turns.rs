//! How much one turn does for a client, and for all clients together: the budgets of reading, writing and going on.

use welcomed::kernel::Signal;
use welcomed::net::Kind;
use welcomed::simulation::Fault::Short;
use welcomed::simulation::{Call, Scene, Schedule, Script, ServerSocket, Step, Weather};

use crate::stage::ms;
use crate::taker::{HOUR, ROOM, Taker, Taking};

/// What is read from a client in one turn at most, and what is read and written.
const READ_BYTES: usize = 64 * 1024;
const BYTES: usize = 4 * READ_BYTES;

/// A call counts for so many bytes at least, so there are never more calls than these.
const READS: usize = READ_BYTES / 1024;
const CALLS: usize = BYTES / 1024;

/// How many clients go on in one turn without an event of their own.
const PLACES: usize = 64;

/// A scene in which these clients come, all with buffers as large as they need.
fn takes(kind: Kind, scripts: Vec<Script>) -> Scene<Taking> {
    let weather = Weather::calm().with_receive_buffer(usize::MAX).with_send_buffer(usize::MAX);
    Schedule::calm(&Taking::default(), &[ServerSocket::new(kind, 0)], scripts).in_weather(weather).begin()
}

fn sends(bytes: &[u8]) -> Scene<Taking> {
    takes(Kind::Tcp, vec![Script::sends(bytes)])
}

/// How much of `done` each turn does, until all is done, without any time between two turns.
fn by_turns(scene: &mut Scene<Taking>, all: usize, done: impl Fn(&Scene<Taking>) -> usize) -> Vec<usize> {
    let mut turns = Vec::new();
    let mut before = 0;
    while before < all {
        scene.turn().unwrap();
        let now = done(scene);
        assert!(now > before, "a turn does nothing after {turns:?}");
        turns.push(now - before);
        before = now;
    }
    assert_eq!(scene.now(), ms(0), "the loop went on by itself");
    turns
}

fn taken(scene: &Scene<Taking>) -> usize {
    scene.services().service().taken
}

/// That no turn does more than `most`, and none but the last does less.
fn assert_full(turns: &[usize], most: usize) {
    let (last, others) = turns.split_last().unwrap();
    assert!(others.iter().all(|done| *done == most) && *last <= most, "{turns:?}");
}

#[test]
fn reads_of_single_bytes_are_64_a_turn() {
    let mut scene = sends(&[b'.'; 1000]);
    scene.answers(Call::Read, 0, [Some(Short(1)); 1000]);
    assert_full(&by_turns(&mut scene, 1000, taken), READS);
}

#[test]
fn records_of_any_length_are_64_a_turn() {
    for record in [&b""[..], b"x", &[b'x'; 1024]] {
        let steps = vec![Step::Send(record.to_vec()); 1000];
        let mut scene = takes(Kind::UnixPacket, vec![Script::new("records", steps)]);
        assert_full(&by_turns(&mut scene, 1000, taken), READS);
    }
}

#[test]
fn what_was_not_taken_is_offered_64_times_a_turn() {
    let mut scene = sends(&b"!x".repeat(500));
    assert_full(&by_turns(&mut scene, 1000, taken), READS);
    assert_eq!(scene.count(Call::Read), 2, "all came at once, and then it would block");
}

fn written(scene: &Scene<Taking>) -> usize {
    scene.client(0, |client| client.bytes_written())
}

#[test]
fn outputs_of_a_byte_are_at_most_256_a_turn() {
    let mut scene = sends(b"m");
    let turns = by_turns(&mut scene, 1000, written);
    assert!(turns.iter().all(|written| *written <= CALLS), "{turns:?}");
    assert!(turns.len() <= 1000 / CALLS + 2, "{turns:?}: each turn does about as much as it may");
}

#[test]
fn writes_of_a_byte_are_at_most_256_a_turn() {
    let mut scene = sends(b"b");
    scene.answers(Call::Write, 0, vec![Some(Short(1)); 1000]);
    for _ in 0..3 {
        let before = scene.count(Call::Write);
        scene.turn().unwrap();
        let writes = scene.count(Call::Write) - before;
        assert!((CALLS - 1..=CALLS).contains(&writes), "{writes} writes in one turn");
    }
}

#[test]
fn an_output_leaves_by_256_kib_a_turn() {
    const PIECE: usize = 16 * 1024;
    let mut scene = sends(b"b");
    scene.answers(Call::Write, 0, vec![Some(Short(PIECE)); 4096]);
    let turns = by_turns(&mut scene, 4 << 20, written);
    assert!(turns.iter().all(|written| *written <= BYTES), "{turns:?}");
    assert_eq!(turns.len(), (4 << 20) / BYTES, "{turns:?}: each turn does as much as it may");
}

#[test]
fn no_more_than_64_clients_go_on_in_a_turn_each_in_its_turn() {
    // Each has enough for three turns. All but the first 64 of a turn are accepted in the next ones.
    let all = 3 * READS;
    let mut scene = takes(Kind::Tcp, vec![Script::sends(&vec![b'x'; all]); 200]);
    while scene.served().len() < 200 {
        scene.turn().unwrap();
    }
    while taken(&scene) < 200 * all {
        let before = taken(&scene);
        scene.turn().unwrap();
        let taken = taken(&scene) - before;
        assert!((1..=PLACES * READS).contains(&taken), "{taken} bytes in one turn");
    }
    assert_eq!(scene.now(), ms(0), "the loop went on by itself");
}

#[test]
fn a_client_whose_time_is_over_takes_no_turn_of_another() {
    let mut scene = sends(&[b'x'; 1000]);
    scene.turn().unwrap();
    scene.stands_still(ms(1000));
    let other = scene.comes(Script::sends(&b"!x".repeat(500)));
    scene.turn().unwrap();
    scene.stands_still(HOUR.saturating_sub(ms(500)));
    // Both go on in this turn, and in the same turn the first one's time is over.
    scene.turn().unwrap();
    assert!(scene.client(0, |client| client.closed_at().is_some()));
    let begun = scene.now();
    while scene.client(other, |client| client.bytes_written() < 500) {
        scene.turn().unwrap();
        assert_eq!(scene.now(), begun, "the loop goes on by itself");
    }
}

#[test]
fn a_client_in_the_place_of_another_has_one_turn() {
    let mut scene = sends(&[b'x'; 1000]);
    scene.turn().unwrap();
    scene.comes(Script::sends(&b"!x".repeat(500)));
    // The first one goes on in this turn, and in the same turn its time is over, and the other one gets its place.
    scene.stands_still(HOUR);
    scene.turn().unwrap();
    assert!(scene.client(0, |client| client.closed_at().is_some()));
    let before = taken(&scene);
    while taken(&scene) < before + 500 {
        let before = taken(&scene);
        scene.turn().unwrap();
        assert!(taken(&scene) <= before + READS, "{} bytes in one turn", taken(&scene) - before);
    }
}

#[test]
fn a_command_that_is_answered_and_not_yet_taken_does_not_spin() {
    let mut scene = sends(b"r");
    by_turns(&mut scene, 200, written);
    assert_eq!((taken(&scene), scene.services().connections()), (1, 1));
}

#[test]
fn no_more_than_the_room_lies_untaken() {
    let begun = [b"(", &[b'x'; 2999][..]].concat();
    let rest = [&vec![b'x'; ROOM - 3001][..], b")", &[b'x'; 2000]].concat();
    let script = Script::sends(&begun).then([Step::Pause(ms(1)), Step::Send(rest)]);
    let mut scene = takes(Kind::Tcp, vec![script]);
    scene.turn().unwrap();
    let Taker { taken: nothing, offered, offers, .. } = scene.services().service();
    assert_eq!((*nothing, *offered, *offers), (0, 3000, 1), "nothing was taken, and nothing more came");
    scene.turn().unwrap();
    assert!(taken(&scene) >= ROOM, "{}", taken(&scene));
    assert_eq!(scene.services().service().offered, ROOM);
}

#[test]
fn a_session_that_ends_at_a_stop_is_not_read_once_more() {
    // The first read fills its room, so that only another one tells that there is nothing more.
    let script = Script::sends(&[b"!", &[b'.'; ROOM - 1][..]].concat());
    let schedule = Schedule::calm(&Taking { heeds: true }, &[ServerSocket::new(Kind::Tcp, 0)], vec![script]);
    let mut scene = schedule.signalled(vec![(ms(0), Signal::Stop)]).begin();
    scene.play();
    assert_eq!((taken(&scene), scene.count(Call::Read)), (ROOM, 2));
}
