//! One stream, with everything a read or a write can answer at every step.

use proptest::prelude::*;
use welcomed::net::{ErrorCode, Kind};
use welcomed::reactor::Counts;
use welcomed::reactor::tables::stream::{Event as StreamEvent, State as Stream};
use welcomed::schedules::Welcoming;
use welcomed::services::welcome::tables::connection::{Event, Machine, Outcome, State};
use welcomed::simulation::Fault::{Error, Short};
use welcomed::simulation::{Call, Script, Step, Weather};

use crate::stage::{
    Answer, INTERRUPTED, Stage, WOULD_BLOCK, clients, got, has_shut, hello, ms, schedule, served, stayed,
    streams, welcomed,
};

const NAME: &[u8] = b"Rafatul\n";
const WELCOME: &[u8] = b"Hello, Rafatul!";

fn begin(script: Script) -> Stage {
    schedule(&hello(), &[Kind::Tcp], [script]).begin()
}

/// Serves one client, whose reads and writes answer this, and then as they should.
fn serve(
    script: Script,
    reads: impl IntoIterator<Item = Answer>,
    writes: impl IntoIterator<Item = Answer>,
) -> Stage {
    let mut scene = begin(script);
    scene.answers(Call::Read, 0, reads);
    scene.answers(Call::Write, 0, writes);
    served(scene)
}

/// The arrows that were taken, and how often.
fn arrows(counts: &Counts<Machine>) -> Vec<(State, Event, u64)> {
    let pairs = State::ALL.iter().flat_map(|&state| Event::ALL.iter().map(move |&event| (state, event)));
    pairs.map(|(s, e)| (s, e, counts.count(s, e))).filter(|(_, _, count)| *count > 0).collect()
}

/// Reads of so many bytes, cut anywhere, with would-block and interrupts anywhere between them.
fn reads(bytes: usize, cuts: &[(usize, u8)]) -> Vec<Answer> {
    let mut cuts: Vec<(usize, u8)> = cuts.iter().map(|(place, kind)| (place % (bytes + 1), *kind)).collect();
    cuts.sort_unstable();
    let mut reads = Vec::new();
    let mut from = 0;
    for (to, kind) in cuts {
        if to > from {
            reads.push(Some(Short(to - from)));
            from = to;
        }
        match kind % 3 {
            0 => reads.push(WOULD_BLOCK),
            1 => reads.push(INTERRUPTED),
            _ => {}
        }
    }
    reads
}

fn writes() -> impl Strategy<Value = Vec<Answer>> {
    let write =
        prop_oneof![(1usize..4).prop_map(|bytes| Some(Short(bytes))), Just(WOULD_BLOCK), Just(INTERRUPTED)];
    prop::collection::vec(write, 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn a_name_cut_and_interrupted_anywhere_takes_the_same_arrows(
        (name, ends) in name(),
        cuts in prop::collection::vec((any::<usize>(), any::<u8>()), 0..20),
        writes in writes(),
    ) {
        let script = Script::sends(&name).then([Step::Shut]);
        let plain = serve(script.clone(), [], []);
        let cut = serve(script, reads(name.len(), &cuts), writes);
        prop_assert_eq!(got(&cut, 0), got(&plain, 0));
        // Bytes behind the name are known only if they come with its last byte, so there a cut can decide
        // between closing and lingering. Up to the welcome nothing may differ, and without them nothing at all.
        let compared = |scene: &Stage| {
            let mut arrows = arrows(streams(scene));
            arrows.retain(|(from, ..)| ends || *from == State::ReadingName);
            (arrows, welcomed(scene))
        };
        prop_assert_eq!(compared(&cut), compared(&plain));
    }
}

/// Names that end in every way, and whether nothing stands behind their end.
fn name() -> impl Strategy<Value = (Vec<u8>, bool)> {
    let letters =
        |length| prop::collection::vec(any::<u8>().prop_filter("no line feed", |b| *b != b'\n'), length);
    let end = |bytes: Vec<u8>, end: &[u8]| [&bytes, end].concat();
    prop_oneof![
        letters(0..40).prop_map(|bytes| (bytes, true)),
        letters(0..40).prop_map(move |bytes| (end(bytes, b"\n"), true)),
        letters(0..40).prop_map(move |bytes| (end(bytes, b"\r\n"), true)),
        letters(1015..1024).prop_map(move |bytes| (end(bytes, b"\n"), true)),
        letters(1024..1025).prop_map(|bytes| (bytes, true)),
        letters(1025..1100).prop_map(|bytes| (bytes, false)),
        prop::collection::vec(any::<u8>(), 0..600).prop_map(|bytes| (bytes, false)),
    ]
}

#[test]
fn a_write_that_takes_a_byte_at_a_time_sends_the_whole_welcome() {
    let scene = serve(Script::sends(NAME), [], [Some(Short(1)); WELCOME.len()]);
    assert_eq!((got(&scene, 0), welcomed(&scene)), (WELCOME.to_vec(), 1));
    assert_eq!(scene.count(Call::Write), WELCOME.len());
}

#[test]
fn would_block_before_each_byte_only_delays_the_welcome() {
    for at in 0..=WELCOME.len() {
        let mut writes = vec![Some(Short(1)); WELCOME.len()];
        writes.insert(at, WOULD_BLOCK);
        let scene = serve(Script::sends(NAME), [], writes);
        assert_eq!((got(&scene, 0), welcomed(&scene)), (WELCOME.to_vec(), 1), "at byte {at}");
    }
    let always = [WOULD_BLOCK, Some(Short(1))].repeat(WELCOME.len());
    assert_eq!(got(&serve(Script::sends(NAME), [], always), 0), WELCOME);
}

#[test]
fn would_block_before_each_byte_only_delays_the_name() {
    let scene = serve(Script::sends(NAME), [WOULD_BLOCK, Some(Short(1))].repeat(NAME.len()), []);
    assert_eq!((got(&scene, 0), welcomed(&scene)), (WELCOME.to_vec(), 1));
}

#[test]
fn a_reset_at_any_byte_of_the_name_ends_the_connection() {
    for at in 0..NAME.len() {
        for code in [ErrorCode::ConnReset, ErrorCode::TimedOut, ErrorCode::HostUnreach, ErrorCode::Pipe] {
            let mut reads = vec![Some(Short(1)); at];
            reads.push(Some(Error(code)));
            let scene = serve(Script::sends(NAME), reads, []);
            let left = at == 0 && matches!(code, ErrorCode::ConnReset | ErrorCode::Pipe);
            let event = if left { Event::NoName } else { Event::Failed };
            let ended = streams(&scene).count(State::ReadingName, event);
            assert_eq!((got(&scene, 0), ended), (vec![], 1), "{code} at byte {at}");
        }
    }
}

#[test]
fn a_reset_at_any_byte_of_the_welcome_ends_the_connection() {
    for at in 0..WELCOME.len() {
        for code in [ErrorCode::ConnReset, ErrorCode::Pipe] {
            let mut writes = vec![Some(Short(1)); at];
            writes.push(Some(Error(code)));
            let scene = serve(Script::sends(NAME), [], writes);
            let failed = streams(&scene).outcome(Outcome::Failed);
            assert_eq!((got(&scene, 0), failed), (WELCOME[..at].to_vec(), 1), "{code} at byte {at}");
            assert_eq!(streams(&scene).count(State::WritingWelcome, Event::Failed), 1);
        }
    }
}

#[test]
fn a_write_that_takes_nothing_ends_the_connection() {
    let mut scene = begin(Script::sends(NAME));
    scene.answers(Call::Write, 0, [Some(Short(0))]);
    scene.play();
    assert_eq!(streams(&scene).outcome(Outcome::Failed), 1);
}

#[test]
fn end_of_input_after_any_byte_ends_the_name_there() {
    for at in 0..="Rafatul".len() {
        let (name, _) = "Rafatul".split_at(at);
        for script in [Script::sends(name.as_bytes()), Script::bytewise(name.as_bytes(), ms(1))] {
            let scene = serve(script.then([Step::Shut]), [], []);
            if at == 0 {
                let without_name = streams(&scene).outcome(Outcome::WithoutName);
                assert_eq!((got(&scene, 0), without_name), (vec![], 1));
            } else {
                let welcome = format!("Hello, {name}!").into_bytes();
                assert_eq!((got(&scene, 0), welcomed(&scene)), (welcome, 1));
                assert!(!has_shut(&scene), "the close alone sends the FIN, in one segment with the welcome");
            }
        }
    }
}

#[test]
fn a_client_that_sends_more_is_read_to_its_end() {
    let more = [Step::Pause(ms(1)), Step::Send(vec![b'x'; 9000]), Step::Pause(ms(1)), Step::Shut];
    let scene = serve(Script::sends(b"Rafatul\nand more").then(more), [], []);
    assert_eq!((got(&scene, 0), has_shut(&scene)), (WELCOME.to_vec(), true));
    let counts = streams(&scene);
    let ended = counts.stream(Stream::Lingering, StreamEvent::EndOfInput);
    assert_eq!((welcomed(&scene), counts.lingered(), ended), (1, 1, 1));
}

#[test]
fn what_comes_while_the_welcome_waits_is_read_before_close() {
    let more = Script::sends(b"Rafatul\nmore").then([Step::Shut]);
    for (script, lingers) in [(more, true), (Script::sends(NAME), false)] {
        let scene = serve(script, [Some(Short(NAME.len()))], [Some(Short(2)), WOULD_BLOCK]);
        assert_eq!((got(&scene, 0), has_shut(&scene)), (WELCOME.to_vec(), lingers));
        assert_eq!(streams(&scene).lingered(), u64::from(lingers));
    }
}

#[test]
fn a_reset_while_lingering_is_no_failure_of_the_welcome() {
    let scene = serve(Script::sends(b"Rafatul\nmore"), [None, None, Some(Error(ErrorCode::ConnReset))], []);
    assert_eq!((got(&scene, 0), welcomed(&scene)), (WELCOME.to_vec(), 1));
    assert_eq!(streams(&scene).stream(Stream::Lingering, StreamEvent::Failed), 1);
}

#[test]
fn a_shutdown_that_fails_ends_the_connection() {
    let mut scene = begin(Script::sends(b"Rafatul\nmore"));
    scene.answers(Call::Shut, 0, [Some(Error(ErrorCode::NotConn))]);
    let scene = served(scene);
    assert_eq!((welcomed(&scene), streams(&scene).stream(Stream::Lingering, StreamEvent::Failed)), (1, 1));
    assert_eq!(stayed(&scene, 0), ms(0));
}

#[test]
fn a_prompt_client_is_served_without_being_watched() {
    let scene = served(clients([Script::sends(NAME), Script::sends(b"Ada\n")]));
    assert_eq!((welcomed(&scene), scene.count(Call::Watch)), (2, 0));
}

#[test]
fn a_stream_is_watched_once_for_each_thing_it_waits_for() {
    let scene = serve(Script::bytewise(NAME, ms(1)), [], [WOULD_BLOCK, Some(Short(3)), WOULD_BLOCK]);
    assert_eq!(scene.count(Call::Watch), 2, "once to read, once to write");
}

#[test]
fn a_stream_is_read_for_64_kib_in_each_turn() {
    const TURN: usize = 64 * 1024;
    let endless = schedule(&hello(), &[Kind::Tcp], [Script::sends(&vec![b'x'; 3 * TURN])]);
    let mut scene = endless.in_weather(Weather::calm().with_receive_buffer(usize::MAX)).begin();
    for turn in 1..=3 {
        scene.turn().unwrap();
        assert_eq!(scene.client(0, |client| client.bytes_read()), turn * TURN);
    }
}

#[test]
fn an_interrupted_look_for_more_input_is_made_again() {
    let script = Script::sends(b"Ada\nmore").then([Step::Shut]);
    let scene = serve(script, [Some(Short(4)), INTERRUPTED], [WOULD_BLOCK]);
    assert!(has_shut(&scene), "closing on what was not read would have reset it");
    assert_eq!((welcomed(&scene), streams(&scene).lingered()), (1, 1));
}

#[test]
fn a_welcome_of_more_than_1024_bytes_is_lingered_for() {
    const MUCH: &str = "{name}, you are welcome here!";
    const MOST: &str = match str::from_utf8(&[b'w'; 65_536]) {
        Ok(text) => text,
        Err(_) => panic!(),
    };
    // Beyond the Unix domain, a part may still wait for the client's window; not if the client's end was read.
    let ends = |shuts| if shuts { vec![Step::Shut] } else { vec![Step::Send(b"\n".to_vec())] };
    for (text, kind, shuts, lingers) in [
        ("{name}, you are welcome here", Kind::Tcp, false, false),
        (MUCH, Kind::Tcp, false, true),
        (MUCH, Kind::Tcp, true, false),
        (MUCH, Kind::Unix, false, false),
        // More than is counted.
        (MOST, Kind::Tcp, false, true),
    ] {
        let script = Script::sends(&[b'x'; 1002]).then(ends(shuts));
        let scene = served(schedule(&Welcoming { text, ..hello() }, &[kind], [script]).begin());
        let expected = text.replace("{name}", &"x".repeat(1002)).into_bytes();
        assert_eq!((got(&scene, 0), has_shut(&scene)), (expected, lingers), "{text}, {kind}, {shuts}");
        let much = streams(&scene).stream(Stream::Open, StreamEvent::OverMuchSent);
        assert_eq!((much, streams(&scene).lingered()), (u64::from(lingers), u64::from(lingers)));
    }
}
