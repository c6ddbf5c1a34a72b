//! One connection that keeps boundaries: one record is one name.

use std::time::Duration;

use proptest::prelude::*;
use welcomed::net::{ErrorCode, Kind};
use welcomed::reactor::tables::stream::{Event as StreamEvent, State as Stream};
use welcomed::schedules::Welcoming;
use welcomed::services::welcome::NAME_MAX_BYTES;
use welcomed::services::welcome::tables::connection::{Event, Outcome, State};
use welcomed::simulation::Fault::Error;
use welcomed::simulation::{Call, Script, Step, Weather};

use crate::stage::{
    Answer, INTERRUPTED, Stage, WOULD_BLOCK, got, has_shut, hello, ms, said, schedule, served, stayed,
    streams, welcomed,
};

const PACKETS: &[Kind] = &[Kind::UnixPacket];

fn begin(subject: &Welcoming, script: Script) -> Stage {
    let large = Weather::calm().with_receive_buffer(usize::MAX);
    schedule(subject, PACKETS, [script]).in_weather(large).begin()
}

/// Serves one client, whose reads answer this, and then as they should.
fn serve(script: Script, reads: impl IntoIterator<Item = Answer>) -> Stage {
    let mut scene = begin(&hello(), script);
    scene.answers(Call::ReadRecord, 0, reads);
    served(scene)
}

#[test]
fn one_record_is_one_name_whatever_bytes_it_has() {
    for name in [&b"Ada"[..], b"Ada\n", b"\n", b"Ada\r\nBob\n", b"\0", &[b'\n'; NAME_MAX_BYTES]] {
        let scene = serve(Script::sends(name), []);
        assert_eq!(got(&scene, 0), [b"Hello, ", name, b"!"].concat());
        assert_eq!(streams(&scene).count(State::ReadingName, Event::Record), 1);
        assert!(!has_shut(&scene), "nothing came behind it");
        assert_eq!(stayed(&scene, 0), ms(0), "and nothing was waited for");
    }
}

#[test]
fn an_empty_record_is_an_empty_name_and_not_the_end_of_input() {
    let scene = serve(Script::sends(b""), []);
    assert_eq!((got(&scene, 0), welcomed(&scene)), (b"Hello, !".to_vec(), 1));
}

#[test]
fn the_end_of_input_without_a_record_is_no_name() {
    for reads in [vec![], vec![WOULD_BLOCK, INTERRUPTED]] {
        let scene = serve(Script::scanning(), reads);
        let without_name = streams(&scene).outcome(Outcome::WithoutName);
        assert_eq!((got(&scene, 0), without_name), (vec![], 1));
    }
}

#[test]
fn a_record_of_more_than_1024_bytes_is_cut_and_that_is_said() {
    for (length, lines) in [(NAME_MAX_BYTES, 0), (NAME_MAX_BYTES + 1, 1), (5000, 1)] {
        let scene = serve(Script::sends(&vec![b'x'; length]), []);
        assert_eq!(got(&scene, 0), [b"Hello, ", &[b'x'; NAME_MAX_BYTES][..], b"!"].concat());
        assert_eq!(said(&scene, "pid 1: the name is cut").len(), lines, "{:?}", scene.said());
    }
}

#[test]
fn a_long_record_behind_the_name_cuts_no_name() {
    let scene = serve(Script::sends(b"Ada").then([Step::Send(vec![b'x'; 5000]), Step::Shut]), []);
    assert!(scene.said().iter().all(|line| !line.contains("the name is cut")), "{:?}", scene.said());
}

#[test]
fn a_second_record_makes_the_connection_linger() {
    for second in [&b"Bob"[..], b"", &[b'x'; 5000]] {
        for pauses in [vec![], vec![Step::Pause(ms(1))]] {
            let rest = [Step::Send(b"and more".to_vec()), Step::Shut];
            let script = Script::sends(b"Ada").then([Step::Send(second.to_vec())]).then(pauses).then(rest);
            let scene = serve(script, []);
            assert_eq!((got(&scene, 0), has_shut(&scene)), (b"Hello, Ada!".to_vec(), true));
            assert_eq!((welcomed(&scene), streams(&scene).lingered()), (1, 1));
            assert_eq!(streams(&scene).stream(Stream::Lingering, StreamEvent::EndOfInput), 1);
        }
    }
}

#[test]
fn an_interrupted_look_for_more_records_is_made_again() {
    let script = Script::sends(b"Ada").then([Step::Send(b"more".to_vec()), Step::Shut]);
    assert!(has_shut(&serve(script.clone(), [None, INTERRUPTED])));
    let scene = serve(script, [None, WOULD_BLOCK]);
    assert_eq!((has_shut(&scene), scene.count(Call::ReadRecord)), (false, 2), "it is too late");
}

#[test]
fn what_breaks_behind_the_welcome_takes_nothing_from_it() {
    for later in [Some(Error(ErrorCode::ConnReset)), None] {
        let scene = serve(Script::sends(b"Ada").then([Step::Shut]), [None, later]);
        assert_eq!((got(&scene, 0), has_shut(&scene)), (b"Hello, Ada!".to_vec(), false));
        assert_eq!((welcomed(&scene), scene.count(Call::ReadRecord)), (1, 2));
    }
}

#[test]
fn a_read_that_fails_ends_the_connection_without_a_welcome() {
    for code in [ErrorCode::ConnReset, ErrorCode::NoMem, ErrorCode::TimedOut] {
        let scene = serve(Script::sends(b"Ada"), [Some(Error(code))]);
        let left = code == ErrorCode::ConnReset;
        let outcome = if left { Outcome::WithoutName } else { Outcome::Failed };
        assert_eq!((got(&scene, 0), streams(&scene).outcome(outcome)), (vec![], 1), "{code}");
    }
}

#[test]
fn a_welcome_that_waits_for_room_leaves_when_there_is_some() {
    let mut scene = begin(&hello(), Script::sends(b"Ada"));
    scene.answers(Call::Write, 0, [WOULD_BLOCK]);
    let scene = served(scene);
    assert_eq!((got(&scene, 0), welcomed(&scene)), (b"Hello, Ada!".to_vec(), 1));
    assert_eq!(scene.count(Call::Write), 2);
}

#[test]
fn the_name_gap_never_applies() {
    for name_gap in [Duration::ZERO, ms(50)] {
        let scene = served(begin(&Welcoming { name_gap, ..hello() }, Script::silent()));
        assert_eq!(stayed(&scene, 0), Duration::from_secs(60), "a silent one has its whole time");
        let timed_out = streams(&scene).outcome(Outcome::TimedOut);
        assert_eq!((got(&scene, 0), timed_out), (vec![], 1));
        assert_eq!(streams(&scene).count(State::ReadingName, Event::Silence), 0);
    }
}

#[test]
fn records_without_end_have_a_budget_in_each_turn() {
    for bytes in [0, 1, 5000] {
        let endless = vec![Step::Send(vec![b'x'; bytes]); 1000];
        let mut scene = begin(&hello(), Script::new("endless", endless));
        for _ in 0..2 {
            let before = scene.count(Call::ReadRecord);
            scene.turn().unwrap();
            let reads = scene.count(Call::ReadRecord) - before;
            assert!((1..=66).contains(&reads), "{reads} reads in one turn");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn interrupts_and_would_block_change_no_record(
        name in prop::collection::vec(any::<u8>(), 0..40),
        reads in prop::collection::vec(any::<bool>(), 0..10),
        writes in prop::collection::vec(any::<bool>(), 0..10),
    ) {
        let answers = |dry: Vec<bool>| dry.into_iter().map(|dry| if dry { WOULD_BLOCK } else { INTERRUPTED });
        let mut scene = begin(&hello(), Script::sends(&name).then([Step::Shut]));
        scene.answers(Call::ReadRecord, 0, answers(reads));
        scene.answers(Call::Write, 0, answers(writes));
        let scene = served(scene);
        prop_assert_eq!(got(&scene, 0), [b"Hello, ", &name[..], b"!"].concat());
        prop_assert_eq!((welcomed(&scene), streams(&scene).lingered()), (1, 0));
    }
}
