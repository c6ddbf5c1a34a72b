//! Single conversations: half-close, slow readers, watchers that miss ticks, and a stop in each state.

use std::time::Duration;

use welcomed::kernel::Signal;
use welcomed::net::Cause;
use welcomed::net::Kind;
use welcomed::reactor::service::{Input, OnStop, StreamService, Then, Want};
use welcomed::services::status::StatusStreams;
use welcomed::services::status::http::session::Session;
use welcomed::services::status::http::tables::{Outcome, State};
use welcomed::simulation::{
    Conversation, End, Reading, Scene, Schedule, Script, ServerSocket, Step, Weather,
};

use crate::expected::{Also, Got, compare, items};
use crate::schedules::Statuses;
use crate::shown::{
    IDLE_TIMEOUT, LONG_BYTES, REQUEST_TIMEOUT, Shown, TICK, WRITE_TIMEOUT, answers, event, get, now, service,
};

/// The waits of the service.
const REQUEST: u8 = 0;
const IDLE: u8 = 1;
const WRITE: u8 = 2;
const TICKS: u8 = 3;

const HALF: &[u8] = b"GET / HTTP/1.1\r\nHo";

/// Lets something happen to a new conversation.
fn converse(happen: impl FnOnce(&mut Conversation<'_, StatusStreams<Shown>>)) {
    happen(&mut Conversation::new(&mut service(), now()));
}

fn status(conversation: &Conversation<'_, StatusStreams<Shown>>) -> Vec<u16> {
    answers(conversation.output(), |_| false).iter().map(|got| got.status).collect()
}

#[test]
fn a_client_that_shuts_its_side_gets_its_answers() {
    converse(|conversation| {
        conversation.receives(&[get("/"), get("/long")].concat());
        conversation.ends();
        assert_eq!(conversation.session().state(), State::WritingAnswer);
        conversation.sends_all();
        assert_eq!((status(conversation), conversation.want()), (vec![200, 200], Want::Close));
    });
}

#[test]
fn a_request_without_an_end_is_malformed_and_a_late_one_is_told() {
    converse(|conversation| {
        conversation.receives(HALF);
        conversation.ends();
        conversation.sends_all();
        assert_eq!((status(conversation), conversation.want()), (vec![400], Want::Close));
    });
    converse(|conversation| {
        conversation.receives(HALF);
        assert!(!conversation.elapses(IDLE) && conversation.elapses(REQUEST));
        conversation.sends_all();
        assert_eq!((status(conversation), conversation.want()), (vec![408], Want::Close));
    });
}

#[test]
fn a_connection_that_is_silent_is_closed_without_a_word() {
    for requests in [0, 1] {
        converse(|conversation| {
            conversation.receives(&get("/").repeat(requests));
            conversation.sends_all();
            let sent = conversation.output().len();
            assert!(!conversation.elapses(REQUEST) && conversation.elapses(IDLE));
            assert_eq!((conversation.want(), conversation.output().len()), (Want::Close, sent));
        });
    }
}

#[test]
fn an_answer_that_is_not_taken_in_time_is_cut() {
    converse(|conversation| {
        conversation.receives(&get("/long"));
        conversation.sends(usize::MAX);
        let Want::Write { bytes, then: Then::Read } = conversation.want() else { panic!("the body") };
        assert_eq!(bytes.len(), LONG_BYTES);
        conversation.sends(10);
        assert!(conversation.elapses(WRITE));
        assert_eq!(conversation.want(), Want::Close);
    });
}

#[test]
fn a_refusal_ends_the_connection_and_what_follows_is_not_read() {
    converse(|conversation| {
        conversation.receives(&[b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", &get("/")[..]].concat());
        conversation.sends_all();
        assert_eq!((status(conversation), conversation.want()), (vec![405], Want::Close));
    });
}

#[test]
fn a_record_is_refused() {
    converse(|conversation| {
        assert!(conversation.receives_record(&get("/")));
        conversation.sends_all();
        assert_eq!((status(conversation), conversation.want()), (vec![400], Want::Close));
    });
}

#[test]
fn a_watcher_gets_an_event_at_once_and_one_with_each_tick() {
    converse(|conversation| {
        conversation.receives(&[get("/events"), get("/")].concat());
        conversation.sends_all();
        assert_eq!((conversation.session().state(), conversation.unread()), (State::Watching, Vec::new()));
        assert!(conversation.elapses(TICKS) && !conversation.elapses(TICKS), "an event is on its way");
        conversation.sends_all();
        let got = answers(conversation.output(), |_| false);
        assert_eq!(
            (got[0].field("Content-Type"), got[0].field("Connection")),
            (Some("text/event-stream"), Some("close"))
        );
        // The tests' clock stands still, so it is the same event.
        assert_eq!(String::from_utf8_lossy(&got[0].body), event(1).repeat(2));
        conversation.receives(b"whatever");
        conversation.ends();
        assert_eq!((conversation.want(), conversation.unread()), (Want::Close, Vec::new()));
    });
}

#[test]
fn an_event_that_is_not_taken_in_time_ends_the_watch() {
    converse(|conversation| {
        conversation.receives(&get("/events"));
        conversation.sends(1);
        assert!(!conversation.elapses(TICKS) && conversation.elapses(WRITE));
        assert_eq!(conversation.want(), Want::Close);
    });
}

#[test]
fn the_head_of_a_watch_can_be_asked_for_alone() {
    converse(|conversation| {
        conversation.receives(&[b"HEAD /events HTTP/1.1\r\nHost: localhost\r\n\r\n", &get("/")[..]].concat());
        conversation.sends_all();
        let got = answers(conversation.output(), |number| number == 0);
        assert_eq!((got.len(), got[0].field("Content-Type")), (2, Some("text/event-stream")));
        assert_eq!((got[0].field("Content-Length"), conversation.session().state()), (None, State::Waiting));
    });
}

#[test]
fn one_watcher_too_many_is_told_when_to_come_again() {
    let mut service = service();
    let mut sessions: Vec<_> = (0..3).map(|_| Session::default()).collect();
    let request = get("/events");
    let mut tell = |session: usize, input| {
        let _ = service.on(&mut sessions[session], input, now());
        let is_closed = service.want(&sessions[session]) == Want::Close;
        (service.watchers(), sessions[session].state(), is_closed)
    };
    assert_eq!(tell(0, Input::Bytes(&request)), (1, State::WritingEvent, false));
    assert_eq!(tell(1, Input::Bytes(&request)), (2, State::WritingEvent, false));
    assert_eq!(tell(2, Input::Bytes(&request)), (2, State::WritingAnswer, false), "it is told so");
    assert_eq!(tell(2, Input::Sent), (2, State::Waiting, false));
    assert_eq!(
        tell(0, Input::Failed(Cause::Reset)),
        (1, State::Closed, true),
        "its place is free, although it may be there for a while"
    );
    assert_eq!(tell(2, Input::Bytes(&request)), (2, State::WritingEvent, false));
    sessions.clear();
    assert_eq!(service.watchers(), 0);
}

/// A schedule of these clients over TCP, in which nothing goes wrong.
fn scene(scripts: Vec<Script>) -> Scene<Statuses> {
    calm(scripts).begin()
}

fn calm(scripts: Vec<Script>) -> Schedule<Statuses> {
    Schedule::calm(&Statuses { watchers_max: 10_000 }, &[ServerSocket::new(Kind::Tcp, 0)], scripts)
}

/// What a client got, as text.
fn received(scene: &Scene<Statuses>, client: usize) -> String {
    scene.client(client, |client| String::from_utf8_lossy(client.received()).into_owned())
}

fn counted(scene: &Scene<Statuses>, outcome: Outcome) -> u64 {
    scene.services().counts().outcome(outcome)
}

fn watches(then: impl IntoIterator<Item = Step>) -> Script {
    Script::sends(&get("/events")).then(then)
}

#[test]
fn a_watcher_that_reads_slowly_misses_ticks() {
    let pause = || [Step::Pause(Duration::from_millis(2050)), Step::Shut];
    let scripts = vec![watches(pause()), watches(pause()).reading(Reading::Slow)];
    let mut scene = calm(scripts).in_weather(Weather::calm().with_send_buffer(300)).begin();
    scene.play();
    let numbers = |client| -> Vec<u32> {
        received(&scene, client)
            .lines()
            .filter_map(|line| line.strip_prefix("data: ")?.parse().ok())
            .collect()
    };
    let (prompt, slow) = (numbers(0), numbers(1));
    assert!(prompt.len() >= 10, "{prompt:?}");
    assert!(!slow.is_empty() && slow.len() < prompt.len(), "{slow:?}");
    assert!(
        slow.is_sorted() && slow.last().copied() > u32::try_from(slow.len()).ok(),
        "it missed some: {slow:?}"
    );
}

#[test]
fn all_watchers_of_one_tick_get_the_same_event() {
    let mut scene = scene((0..10).map(|_| watches([Step::Pause(TICK * 5 / 2), Step::Shut])).collect());
    scene.play();
    let first = received(&scene, 0);
    assert_eq!(first.matches("data: ").count(), 3, "{first}");
    assert!(first.ends_with(&[event(1), event(2), event(3)].concat()), "each is asked for once: {first}");
    assert!((1..10).all(|client| received(&scene, client) == first));
    assert_eq!(counted(&scene, Outcome::Answered), 10);
    scene.judge();
}

#[test]
fn each_deadline_is_that_of_its_state() {
    let clients = vec![
        Script::silent(),
        Script::sends(HALF),
        Script::sends(&get("/")),
        Script::sends(&get("/long").repeat(40)).reading(Reading::Never),
    ];
    let mut scene = scene(clients);
    scene.play();
    let closed = |number: usize| scene.client(number, |client| client.closed_at().unwrap());
    assert_eq!([0, 1, 2, 3].map(closed), [IDLE_TIMEOUT, REQUEST_TIMEOUT, IDLE_TIMEOUT, WRITE_TIMEOUT]);
    assert_eq!(counted(&scene, Outcome::TimedOut), 2);
    assert_eq!((counted(&scene, Outcome::WithoutRequest), counted(&scene, Outcome::Answered)), (1, 1));
}

#[test]
fn each_request_and_each_silence_has_its_time() {
    let (idle, request) = (IDLE_TIMEOUT * 2 / 3, REQUEST_TIMEOUT * 4 / 5);
    let whole = get("/");
    let (first, second) = whole.split_at(10);
    let both = [second, first].concat();
    let pieces = |pause, pieces: &[&[u8]]| {
        let steps = pieces.iter().flat_map(|piece| [Step::Pause(pause), Step::Send(piece.to_vec())]);
        Script::new("in time", steps.collect())
    };
    let clients =
        vec![pieces(idle, &[&whole, &whole, &whole]), pieces(request, &[first, &both, &both, second])];
    let mut scene = scene(clients);
    scene.play();
    assert_eq!([0, 1].map(|client| received(&scene, client).matches("200 OK").count()), [3, 3]);
    let closed = |number: usize| scene.client(number, |client| client.closed_at().unwrap());
    assert_eq!([0, 1].map(closed), [idle * 3 + IDLE_TIMEOUT, request * 4 + IDLE_TIMEOUT]);
}

#[test]
fn a_stop_ends_what_is_idle_and_finishes_what_has_begun() {
    assert_eq!(<StatusStreams<Shown> as StreamService>::ON_STOP, OnStop::TellAll);
    let stop = Duration::from_millis(150);
    let request = get("/");
    let (first, second) = request.split_at(10);
    let later = [Step::Pause(stop * 2), Step::Send(second.to_vec())];
    let clients = vec![
        Script::silent(),
        Script::sends(&get("/")),
        watches([]),
        Script::sends(first).then(later.clone()),
        Script::sends(first),
        Script::sends(&[&get("/")[..], first].concat()).then(later),
    ];
    let mut scene = scene(clients);
    scene.signal(stop, Signal::Stop);
    scene.run().unwrap();
    let closed = |number: usize| scene.client(number, |client| client.closed_at().unwrap());
    assert_eq!([0, 1, 2, 3, 4, 5].map(closed), [stop, stop, stop, stop * 2, REQUEST_TIMEOUT, stop * 2]);
    let ends: Vec<Option<End>> = (0..6).map(|number| scene.client(number, |client| client.end())).collect();
    assert_eq!(ends, [Some(End::Clean); 6]);
    let connections = |number| -> Vec<Option<String>> {
        let answers = answers(received(&scene, number).as_bytes(), |_| false);
        answers.iter().map(|got| got.field("Connection").map(str::to_owned)).collect()
    };
    let close = Some("close".to_owned());
    assert_eq!(connections(3), std::slice::from_ref(&close));
    assert_eq!(connections(5), [None, close], "the second one is the last");
    assert!(received(&scene, 4).starts_with("HTTP/1.1 408 "));
    scene.judge();
}

#[test]
fn an_answer_on_its_way_when_the_server_stops_arrives() {
    let client = Script::sends(&get("/long")).reading(Reading::Slow);
    let mut scene = calm(vec![client]).in_weather(Weather::calm().with_send_buffer(5200)).begin();
    scene.signal(Duration::from_millis(20), Signal::Stop);
    scene.run().unwrap();
    let (items, _) = items(&get("/long"), false);
    let got = scene.client(0, |client| compare(client.received(), &items, &Also::default()));
    assert_ne!(got, Ok(Got::Part { is_within: false }));
    scene.judge();
}
