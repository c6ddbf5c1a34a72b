//! Deadlines, in virtual time: to the nanosecond.

use std::time::Duration;

use welcomed::kernel::Signal;
use welcomed::net::Kind;
use welcomed::reactor::tables::stream::{Event as StreamEvent, State as Stream};
use welcomed::schedules::Welcoming;
use welcomed::services::welcome::tables::connection::{Event, Outcome, State};
use welcomed::simulation::Fault::{Leap, Short, Spurious};
use welcomed::simulation::{Call, Reading, Schedule, Script, ServerSocket, Step, Weather};

use crate::stage::{
    INTERRUPTED, Stage, WOULD_BLOCK, accepted_at, clients, closed_at, got, has_shut, late, ms, plain,
    schedule, served, stayed, stopped, streams, welcomed, with_places,
};
use crate::taker::{HOUR, Taking};

/// A scene in which one client comes to a server like this.
fn client(subject: &Welcoming, script: Script) -> Stage {
    schedule(subject, &[Kind::Tcp], [script]).begin()
}

/// A client that sends one byte every `pace`, `count` times, and then nothing.
fn dripping(pace: Duration, count: usize) -> Script {
    Script::bytewise(&vec![b'x'; count], pace)
}

/// A client that takes so many bytes of its welcome, and then no more.
fn taking(bytes: usize, script: Script) -> (Script, Weather) {
    (script.reading(Reading::Never), Weather::calm().with_send_buffer(bytes))
}

fn timed_out(scene: &Stage) -> u64 {
    streams(scene).outcome(Outcome::TimedOut)
}

#[test]
fn a_silent_client_is_closed_at_the_name_deadline() {
    let scene = served(clients([Script::silent()]));
    assert_eq!(stayed(&scene, 0), Duration::from_secs(60));
    assert_eq!((got(&scene, 0), timed_out(&scene)), (vec![], 1));
}

#[test]
fn a_name_without_terminator_ends_at_the_silence_of_the_gap() {
    let scene = served(clients([Script::sends(b"Rafatul")]));
    assert_eq!(stayed(&scene, 0), ms(50));
    assert_eq!(streams(&scene).count(State::ReadingName, Event::Silence), 1);
}

#[test]
fn the_gap_of_a_client_far_away_is_at_least_two_round_trips() {
    let far = Weather::calm().with_round_trip(ms(100));
    // A gap of zero is the rule of a socket that has run dry, however far away it is.
    for (name_gap, stays) in [(ms(50), ms(2 * 100 + 20)), (ms(300), ms(300)), (ms(0), ms(0))] {
        let subject = Welcoming { name_gap, ..plain() };
        let scene = schedule(&subject, &[Kind::Tcp], [Script::sends(b"Rafatul")]).in_weather(far.clone());
        assert_eq!(stayed(&served(scene.begin()), 0), stays, "{name_gap:?}");
    }
}

#[test]
fn every_byte_begins_the_gap_anew() {
    let scene = served(clients([dripping(ms(49), 10)]));
    assert_eq!(stayed(&scene, 0), ms(9 * 49 + 50));
    assert_eq!(welcomed(&scene), 1);
}

#[test]
fn the_gap_runs_from_the_byte_also_in_a_long_turn() {
    let mut scene = clients([Script::sends(b"Ada\n"), Script::sends(b"Rafatul")]);
    scene.answers(Call::Read, 0, [Some(Leap(ms(16)))]);
    scene.answers(Call::Read, 1, [Some(Leap(ms(16)))]);
    let scene = served(scene);
    assert!(stayed(&scene, 1) >= ms(16 + 50), "{:?}", stayed(&scene, 1));
}

#[test]
fn a_spurious_event_does_not_extend_the_gap() {
    let mut scene = clients([Script::sends(b"Rafatul")]);
    scene.answers(Call::Wait, 0, [Some(Spurious); 100]);
    while welcomed(&scene) == 0 {
        scene.turn().unwrap();
        scene.stands_still(ms(1));
    }
    assert!((ms(50)..=ms(52)).contains(&stayed(&scene, 0)), "{:?}", stayed(&scene, 0));
    assert!(scene.count(Call::Wait) > 40);
}

#[test]
fn no_byte_extends_the_deadline_on_the_name() {
    let subject = Welcoming { name_timeout: Duration::from_secs(5), ..plain() };
    let scene = served(client(&subject, dripping(ms(49), 1000)));
    // Behind it the next byte is the end.
    assert_eq!(stayed(&scene, 0), ms(103 * 49));
    assert_eq!((got(&scene, 0), timed_out(&scene)), (vec![], 1));
}

/// Serves a name in these pieces, at these moments, where a name has 100 ms. Gives what came back, and when.
fn within_100_ms(name_gap: Duration, pieces: &[(u64, &str)]) -> (Vec<u8>, Duration) {
    let subject = Welcoming { name_timeout: ms(100), name_gap, text: "{name}", ..plain() };
    let mut before = 0;
    let steps = pieces.iter().flat_map(|(at, piece)| {
        let pause = at - std::mem::replace(&mut before, *at);
        [Step::Pause(ms(pause)), Step::Send(piece.as_bytes().to_vec())]
    });
    let scene = served(client(&subject, Script::new("in pieces", steps.collect())));
    (got(&scene, 0), stayed(&scene, 0))
}

#[test]
fn a_name_that_silence_ends_is_in_time_if_its_last_byte_is() {
    let gap = ms(50);
    assert_eq!(within_100_ms(gap, &[(49, "Ada")]), (b"Ada".to_vec(), ms(99)));
    assert_eq!(within_100_ms(gap, &[(51, "Ada")]), (b"Ada".to_vec(), ms(101)));
    assert_eq!(within_100_ms(gap, &[(60, "A"), (99, "da")]), (b"Ada".to_vec(), ms(149)));
    assert_eq!(within_100_ms(gap, &[(101, "Ada")]), (vec![], ms(100)));
    // Behind the deadline only silence or an end makes a name of it.
    assert_eq!(within_100_ms(gap, &[(99, "A"), (110, "da")]), (vec![], ms(110)));
    assert_eq!(within_100_ms(gap, &[(99, "A"), (110, "da\n")]), (b"Ada".to_vec(), ms(110)));
}

#[test]
fn where_the_gap_is_as_long_as_the_time_silence_ends_no_name() {
    assert_eq!(within_100_ms(ms(100), &[(0, "Ada")]), (vec![], ms(100)));
    assert_eq!(within_100_ms(ms(100), &[(60, "Ada")]), (vec![], ms(100)));
    assert_eq!(within_100_ms(ms(100), &[(60, "Ada\n")]), (b"Ada".to_vec(), ms(60)));
}

#[test]
fn a_name_that_silence_ends_outlives_two_standstills() {
    let subject = Welcoming { name_timeout: ms(100), ..plain() };
    let mut scene = client(&subject, Script::silent());
    scene.turn().unwrap();
    scene.stands_still(ms(20));
    scene.does(0, Step::Send(b"Ra".to_vec()));
    // It goes on less than a gap before the deadline, and stands still once more over it.
    scene.stands_still(ms(60));
    scene.turn().unwrap();
    scene.does(0, Step::Send(b"fatul".to_vec()));
    scene.stands_still(ms(900));
    let scene = served(scene);
    assert_eq!((got(&scene, 0), timed_out(&scene)), (b"welcome ".to_vec(), 0));
}

#[test]
fn with_no_gap_a_name_ends_when_the_socket_runs_dry() {
    let subject = Welcoming { name_gap: Duration::ZERO, text: "{name}", ..plain() };
    let mut scene = client(&subject, Script::sends(b"Rafatul"));
    scene.answers(Call::Read, 0, [WOULD_BLOCK, Some(Short(4))]);
    let scene = served(scene);
    assert_eq!(got(&scene, 0), b"Rafatul");
    assert_eq!(streams(&scene).count(State::ReadingName, Event::Silence), 1);
    assert_eq!(stayed(&scene, 0), ms(0));
}

#[test]
fn a_client_that_never_reads_is_closed_at_its_deadline() {
    let (script, weather) = taking(3, Script::sends(b"Rafatul\n"));
    let scene = served(schedule(&plain(), &[Kind::Tcp], [script]).in_weather(weather).begin());
    assert_eq!(stayed(&scene, 0), Duration::from_secs(10));
    assert_eq!((scene.client(0, |client| client.bytes_written()), timed_out(&scene)), (3, 1));
}

#[test]
fn a_client_that_never_stops_sending_lingers_two_seconds() {
    let more = dripping(ms(10), 1000).steps;
    let scene = served(clients([Script::sends(b"Rafatul\nmore").reading(Reading::Never).then(more)]));
    assert_eq!(stayed(&scene, 0), Duration::from_secs(2));
    assert_eq!(streams(&scene).stream(Stream::Lingering, StreamEvent::Deadline), 1);
}

#[test]
fn lingering_lasts_no_longer_on_a_long_way() {
    // What a service says of its waits is not said of the loop's own.
    let script = Script::sends(b"b").reading(Reading::Never);
    let schedule = Schedule::calm(&Taking::default(), &[ServerSocket::new(Kind::Tcp, 0)], vec![script]);
    let weather = Weather::calm().with_send_buffer(usize::MAX).with_round_trip(ms(5000));
    let mut scene = schedule.in_weather(weather).begin();
    scene.play();
    assert!(scene.count(Call::Shut) > 0, "it lingered");
    assert_eq!(scene.client(0, |client| client.closed_at()), Some(HOUR + Duration::from_secs(2)));
}

#[test]
fn a_fast_sender_leaves_every_other_client_its_turn() {
    let endless = vec![Step::Send(vec![b'x'; 64 * 1024]); 20];
    let scripts = [Script::new("endless", endless), Script::silent()];
    let weather = Weather::calm().with_receive_buffer(usize::MAX);
    let mut scene = schedule(&plain(), &[Kind::Tcp], scripts).in_weather(weather).begin();
    scene.turn().unwrap();
    scene.turn().unwrap();
    scene.does(1, Step::Send(b"Ada\n".to_vec()));
    scene.turn().unwrap();
    scene.turn().unwrap();
    assert_eq!(welcomed(&scene), 2);
    let read = scene.client(0, |client| client.bytes_read());
    assert!(read <= 4 * 64 * 1024, "{read} bytes of one client were read in four turns");
}

#[test]
fn a_fast_sender_of_single_bytes_has_a_budget() {
    let mut scene = clients([Script::sends(&[b"Ada\nmore", &[b'x'; 10_000][..]].concat())]);
    scene.answers(Call::Read, 0, [Some(Short(8))]);
    scene.answers(Call::Read, 0, [Some(Short(1)); 1000]);
    for _ in 0..2 {
        let before = scene.count(Call::Read);
        scene.turn().unwrap();
        let reads = scene.count(Call::Read) - before;
        assert!((1..=65).contains(&reads), "{reads} reads in one turn");
    }
}

#[test]
fn the_name_deadline_ends_where_the_welcome_begins() {
    let subject = Welcoming { name_timeout: ms(100), name_gap: ms(50), ..plain() };
    let (script, weather) = taking(1, Script::sends(b"Rafatul\n"));
    let mut scene = schedule(&subject, &[Kind::Tcp], [script]).in_weather(weather).begin();
    scene.answers(Call::Read, 0, [WOULD_BLOCK]);
    let scene = served(scene);
    assert_eq!(stayed(&scene, 0), Duration::from_secs(10));
    assert_eq!(streams(&scene).count(State::WritingWelcome, Event::Deadline), 1);
}

#[test]
fn the_deadline_on_the_welcome_does_not_run_on_while_lingering() {
    let subject = Welcoming { write_timeout: ms(100), ..plain() };
    let script = Script::sends(b"Rafatul\nmore").reading(Reading::Never);
    let mut scene = client(&subject, script);
    scene.answers(Call::Write, 0, [WOULD_BLOCK]);
    let scene = served(scene);
    assert_eq!(stayed(&scene, 0), Duration::from_secs(2));
    assert_eq!(streams(&scene).stream(Stream::Lingering, StreamEvent::Deadline), 1);
}

/// Serves one client for one turn. Then time leaps, and the rest of the name comes. The wait that could tell of it is
/// interrupted, as after SIGSTOP and SIGCONT.
fn leap(mut scene: Stage, length: Duration, rest: &[u8]) -> Stage {
    scene.turn().unwrap();
    if !rest.is_empty() {
        scene.does(0, Step::Send(rest.to_vec()));
    }
    scene.stands_still(length);
    scene.answers(Call::Wait, 0, [INTERRUPTED]);
    served(scene)
}

#[test]
fn bytes_that_are_here_count_before_a_deadline_that_has_passed() {
    let leap = |script, rest| leap(clients([script]), HOUR, rest);
    assert_eq!(got(&leap(Script::sends(b"Ra"), b"fatul\n"), 0), b"welcome ");
    assert_eq!(got(&leap(Script::silent(), b"Rafatul\n"), 0), b"welcome ");
    assert!(has_shut(&leap(Script::silent(), b"Rafatul\nmore")), "and are no unread input at its close");
}

/// Silence ends such a name, and the gap begins when the bytes are read: here that is after the deadline.
#[test]
fn a_name_that_silence_ends_is_welcomed_after_a_standstill() {
    for script in [Script::sends(b"Ra"), Script::silent()] {
        let scene = leap(clients([script]), HOUR, b"fatul");
        assert_eq!((got(&scene, 0), timed_out(&scene)), (b"welcome ".to_vec(), 0));
        assert_eq!(stayed(&scene, 0), HOUR + ms(50));
    }
}

#[test]
fn behind_the_deadline_of_a_name_the_next_byte_is_the_end() {
    let mut scene = clients([Script::silent()]);
    scene.turn().unwrap();
    scene.does(0, Step::Send(b"Ra".to_vec()));
    scene.stands_still(HOUR);
    scene.answers(Call::Wait, 0, [INTERRUPTED]);
    scene.turn().unwrap();
    scene.stands_still(ms(30));
    scene.does(0, Step::Send(b"f".to_vec()));
    let scene = served(scene);
    assert_eq!((got(&scene, 0), timed_out(&scene)), (Vec::new(), 1));
    assert_eq!(stayed(&scene, 0), HOUR + ms(30));
}

#[test]
fn a_name_that_is_here_at_its_deadline_is_welcomed_in_full() {
    let (script, weather) = taking(1, Script::silent());
    let scene = schedule(&plain(), &[Kind::Tcp], [script]).in_weather(weather).begin();
    let scene = leap(scene, HOUR, b"Rafatul\n");
    assert_eq!(stayed(&scene, 0), HOUR + Duration::from_secs(10));
}

#[test]
fn a_name_ended_by_silence_is_welcomed_after_its_deadline() {
    let scene = leap(clients([Script::sends(b"Rafatul")]), HOUR, b"");
    assert_eq!((got(&scene, 0), timed_out(&scene)), (b"welcome ".to_vec(), 0));
}

#[test]
fn a_byte_that_is_here_when_the_gap_has_passed_begins_it_anew() {
    let subject = Welcoming { text: "{name}", ..plain() };
    let scene = leap(client(&subject, Script::sends(b"Rafa")), ms(60), b"tul");
    assert_eq!((got(&scene, 0), stayed(&scene, 0)), (b"Rafatul".to_vec(), ms(110)));
}

#[test]
fn a_place_that_a_deadline_frees_is_given_away_in_the_same_turn() {
    let scene = served(with_places(1, [Script::silent(), Script::sends(b"Ada\n")]));
    assert_eq!(closed_at(&scene, 0), accepted_at(&scene, 1));
    assert_eq!(scene.count(Call::Wait), 2);
}

#[test]
fn a_key_keeps_no_deadline_of_the_connection_before() {
    // The first leaves by its welcome after 60 ms, so that its deadline at 100 ms never expires.
    let subject = Welcoming { name_timeout: ms(100), ..plain() };
    let mut schedule = schedule(&subject, &[Kind::Tcp], [late(ms(60), b"Ada\n"), Script::silent()]);
    schedule.places = vec![1; 2];
    let scene = served(schedule.begin());
    assert_eq!((stayed(&scene, 0), stayed(&scene, 1)), (ms(60), ms(100)));
    assert_eq!((welcomed(&scene), timed_out(&scene)), (1, 1));
}

#[test]
fn deadlines_that_pass_together_keep_no_client_waiting_for_all() {
    // Each look at a stream takes a millisecond. The prompt client comes when 1,000 deadlines pass.
    let mut scene = clients(vec![Script::silent(); 1000]);
    while streams(&scene).open() < 1000 {
        scene.turn().unwrap();
    }
    for client in 0..1000 {
        scene.answers(Call::Read, client, [Some(Leap(ms(1))); 2]);
    }
    scene.stands_still(Duration::from_secs(61));
    let before = scene.now();
    let prompt = scene.comes(Script::sends(b"Ada\n"));
    let scene = served(scene);
    assert!(closed_at(&scene, prompt) < before + ms(70), "{before:?} {:?}", closed_at(&scene, prompt));
    assert_eq!((timed_out(&scene), welcomed(&scene)), (1000, 1));
}

#[test]
fn a_timer_that_begins_anew_takes_no_output_back() {
    let script = Script::sends(b"b").reading(Reading::Never);
    let weather = Weather::calm().with_send_buffer(1000);
    let schedule = Schedule::calm(&Taking::default(), &[ServerSocket::new(Kind::Tcp, 0)], vec![script]);
    let mut scene = schedule.in_weather(weather).begin();
    for hours in 1..=3 {
        while scene.now() < HOUR * hours {
            scene.turn().unwrap();
        }
        let written = scene.client(0, |client| client.bytes_written());
        assert_eq!((written, scene.services().connections()), (1000, 1));
    }
}

#[test]
fn an_idle_loop_wakes_for_no_deadline_of_a_client_that_is_gone() {
    let mut scene = clients([late(ms(20), b"Ada\n")]);
    scene.signal(HOUR, Signal::Stop);
    let scene = stopped(scene);
    assert_eq!((welcomed(&scene), scene.now()), (1, HOUR));
    assert_eq!(scene.count(Call::Wait), 3, "for the client, for its name, and for the signal");
}
