//! What happens in a turn: all that can go on does, and each client has its turn.

use std::io::{ErrorKind, Read as _};

use socket2::Socket;
use welcomed::kernel::Mio;
use welcomed::reactor::Streams;

use crate::chatter::Chatter;
use crate::stage::{Stage, line, rest, unix};

/// More lines than one session is offered in a turn.
const LINES_PER_TURN_MAX: usize = 256;

fn chat(endpoint: &str) -> Stage<Streams<Chatter, Mio>> {
    Stage::new(Streams::new(Chatter::default(), 8), &[endpoint])
}

#[test]
fn lines_that_come_in_one_segment_are_all_served() {
    for endpoint in ["127.0.0.1:0", &unix("unix", "segment")] {
        let mut stage = chat(endpoint);
        let client = stage.connect();
        let lines = (0..100).map(|number| format!("echo {number}\n")).collect::<Vec<_>>().concat();
        client.send(lines.as_bytes()).unwrap();
        let answers: String = stage.during(|| (0..100).map(|_| line(&client)).collect());
        assert_eq!(answers, lines.replace("echo ", ""), "{endpoint}");
    }
}

#[test]
fn what_is_left_after_a_turn_is_taken_without_room_to_write() {
    let mut stage = chat(&unix("unix", "room-to-write"));
    let client = stage.connect();
    // With 60 KiB unread a Unix socket is not reported as writable once a quarter of its buffer is used.
    client
        .send(&[b"big 60 read\n".to_vec(), b"one-way\n".repeat(500), b"close\n".to_vec()].concat())
        .unwrap();
    stage.until(|server| server.services().service().lines == 502);
    let (got, error) = stage.during(|| rest(&client));
    assert_eq!((got.len(), error), (60 * 1024 + 4, None));
}

#[test]
fn a_client_that_pipelines_without_end_keeps_no_other_waiting() {
    for endpoint in ["127.0.0.1:0", &unix("unix", "fair")] {
        let mut stage = chat(endpoint);
        let (busy, other) = (stage.connect(), stage.connect());
        busy.set_nonblocking(true).unwrap();
        other.set_nonblocking(true).unwrap();
        stage.until(|server| server.services().connections() == 2);
        for round in 0..20 {
            keep_busy(&busy);
            other.send(b"echo other\n").unwrap();
            let before = stage.services().service().lines;
            let turns = (1..=10).find(|_| {
                stage.turns(1);
                (&other).read(&mut [0; 16]).is_ok()
            });
            let turns = turns.unwrap_or_else(|| panic!("{endpoint}, {round}: no answer after ten turns"));
            assert!(turns <= 3, "{endpoint}, {round}: an answer after {turns} turns");
            let lines = stage.services().service().lines - before;
            assert!(lines > 1, "{endpoint}, {round}: the other client is served as well");
            assert!(lines <= turns * LINES_PER_TURN_MAX, "{endpoint}, {round}: {lines} in {turns} turns");
        }
    }
}

/// Sends lines as long as there is room for more, and reads all answers that are there.
fn keep_busy(mut client: &Socket) {
    let lines = b"echo busy\n".repeat(100);
    while client.send(&lines).is_ok() {}
    let mut buffer = vec![0; 1 << 16];
    loop {
        match client.read(&mut buffer) {
            Ok(bytes) => assert!(bytes > 0, "its connection has ended"),
            Err(error) => return assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}
