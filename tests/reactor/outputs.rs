//! What becomes of an output: all of it arrives, whatever the client does meanwhile, and a clean end behind it.

use std::io::{ErrorKind, Write as _};
use std::time::{Duration, Instant};

use welcomed::kernel::Mio;
use welcomed::reactor::Streams;
use welcomed::reactor::tables::stream;

use crate::chatter::Chatter;
use crate::chatter::table::{Event, Outcome, State};
use crate::stage::{Stage, line, rest, unix};

fn chat(service: Chatter, endpoint: &str) -> Stage<Streams<Chatter, Mio>> {
    Stage::new(Streams::new(service, 8), &[endpoint])
}

#[test]
fn a_big_answer_arrives_although_more_is_sent_meanwhile() {
    for end in ["close", "shut", "read-close", "more-close"] {
        for endpoint in ["127.0.0.1:0", &unix("unix", "meanwhile")] {
            let mut stage = chat(Chatter::default(), endpoint);
            let client = stage.connect();
            client.send(format!("big 8192 {end}\n").as_bytes()).unwrap();
            stage.until(|server| server.services().service().lines == 1);
            stage.turns(50);
            assert_eq!(stage.services().counts().open(), 1, "{end}, {endpoint}: the answer waits for room");
            (&client).write_all(&b"one-way\n".repeat(1000)).unwrap();
            stage.turns(5);
            let (got, error) = stage.during(|| rest(&client));
            assert_eq!((got.len(), error), (8 << 20, None), "{end}, {endpoint}");
            drop(client);
            stage.until(|server| server.services().connections() == 0);
            let counts = stage.services().counts();
            assert_eq!((counts.outcome(Outcome::Done), counts.lingered()), (1, 1), "{end}, {endpoint}");
            assert_eq!(stage.services().service().lines, 1, "{end}, {endpoint}");
        }
    }
}

#[test]
fn outputs_that_follow_one_another_arrive_in_order() {
    let mut stage = chat(Chatter::default(), "127.0.0.1:0");
    let client = stage.connect();
    client.send(b"more 3\nshut\n").unwrap();
    let (got, error) = stage.during(|| rest(&client));
    assert_eq!((String::from_utf8(got).unwrap().as_str(), error), ("more\nmore\nmore\nlast\nbye\n", None));
    client.send(b"one-way\nleave\n").unwrap();
    stage.until(|server| server.services().connections() == 0);
    assert_eq!(stage.services().counts().count(State::Shut, Event::Left), 1);
}

#[test]
fn an_empty_end_behind_an_output_does_not_hold_it_back() {
    let quickest = (0..5).map(|_| {
        let mut stage = chat(Chatter::default(), "127.0.0.1:0");
        let client = stage.connect();
        client.send(b"uncorked\n").unwrap();
        let start = Instant::now();
        assert_eq!(stage.during(|| rest(&client)), (b"bye".to_vec(), None));
        assert_eq!(stage.services().counts().outcome(Outcome::Done), 1);
        start.elapsed()
    });
    let quickest = quickest.min().unwrap();
    assert!(quickest < Duration::from_millis(100), "the kernel held it back: {quickest:?}");
}

#[test]
fn an_output_that_was_cut_short_is_not_lingered_for() {
    for endpoint in ["127.0.0.1:0", &unix("unix", "short")] {
        let mut stage = chat(Chatter { total: Duration::from_millis(50), ..Chatter::default() }, endpoint);
        let client = stage.connect();
        // What was answered before does not count.
        client.send(b"echo before\nbig 8192 close\nand more\n").unwrap();
        stage.until(|server| server.services().counts().outcome(Outcome::Late) == 1);
        stage.until(|server| server.services().connections() == 0);
        let counts = stage.services().counts();
        assert_eq!(counts.count(State::Answering, Event::Late), 1, "{endpoint}");
        assert_eq!((counts.lingered(), over(&stage), cut(&stage)), (0, 0, 1), "{endpoint}");
        let (got, error) = rest(&client);
        assert!(got.len() > 1024 && got.len() < 8 << 20, "{endpoint}: {} bytes", got.len());
        assert!(error.is_some() || endpoint.starts_with("unix"), "{endpoint}");
    }
}

#[test]
fn outputs_that_were_cut_short_between_two_are_not_lingered_for() {
    let service = Chatter { total: Duration::from_millis(50), ..Chatter::default() };
    let mut stage = chat(service, &unix("unix", "between"));
    let client = stage.connect();
    // Each leaves whole or not at all: a part of the answer has left, and no part of the output that waits.
    client.send(b"more 100000\nand more\n").unwrap();
    stage.until(|server| server.services().counts().count(State::Answering, Event::Late) == 1);
    stage.turns(1);
    assert_eq!((stage.services().counts().lingered(), over(&stage), cut(&stage)), (0, 0, 1));
}

#[test]
fn a_session_without_output_is_not_lingered_for() {
    for endpoint in ["127.0.0.1:0", &unix("unix", "without")] {
        let mut stage = chat(Chatter::default(), endpoint);
        let client = stage.connect();
        client.send(b"leave\nand more\n").unwrap();
        stage.until(|server| server.services().counts().outcome(Outcome::Done) == 1);
        stage.until(|server| server.services().connections() == 0);
        assert_eq!((stage.services().counts().lingered(), over(&stage)), (0, 1), "{endpoint}");
        drop(client);
        let client = stage.connect();
        client.send(b"echo out\nleave\nand more\n").unwrap();
        assert_eq!(stage.during(|| line(&client)), "out\n");
        assert_eq!(stage.services().counts().lingered(), 1, "{endpoint}: with output it is");
    }
}

/// What a client gets whose server is dropped when it has served one line.
fn got_of_a_dropped_server(lines: &str) -> (Vec<u8>, Option<ErrorKind>) {
    let mut stage = chat(Chatter::default(), "127.0.0.1:0");
    let client = stage.connect();
    client.send(lines.as_bytes()).unwrap();
    stage.until(|server| server.services().service().lines == 1);
    drop(stage);
    rest(&client)
}

#[test]
fn an_output_that_a_dropped_server_cuts_short_ends_in_a_reset() {
    for lines in ["big 8192 close\n", "big 8192 read\n", "big 8192 shut\n"] {
        let (got, error) = got_of_a_dropped_server(lines);
        assert_eq!(error, Some(ErrorKind::ConnectionReset), "{lines:?}: {} bytes", got.len());
    }
}

#[test]
fn a_whole_output_ends_cleanly_where_the_server_is_dropped() {
    for lines in ["echo out\n", "shut\n"] {
        let (got, error) = got_of_a_dropped_server(lines);
        assert_eq!((got.last(), error), (Some(&b'\n'), None), "{lines:?}");
    }
}

/// How many streams were closed as soon as their conversation was over.
fn over(stage: &Stage<Streams<Chatter, Mio>>) -> u64 {
    stage.services().counts().stream(stream::State::Open, stream::Event::Over)
}

/// The same of those whose output was cut short.
fn cut(stage: &Stage<Streams<Chatter, Mio>>) -> u64 {
    stage.services().counts().stream(stream::State::Open, stream::Event::OverOutputCut)
}
