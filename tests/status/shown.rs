//! What is shown in these tests, and how it is asked for.

use std::rc::Rc;
use std::time::{Duration, Instant};

use welcomed::services::status::{Answer, Content, Reply, Request, Settings, StatusStreams};

/// How long the service in a hurry waits.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_millis(500);
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_millis(1500);
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_millis(500);
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// The body of `/long`: more than what leaves together with a head.
pub(crate) const LONG_BYTES: usize = 5000;

/// The content: it says what it was asked for, and counts its events.
#[derive(Default, Debug)]
pub(crate) struct Shown {
    pub(crate) events: u32,
}

impl Content for Shown {
    fn answer(&mut self, request: &Request<'_>, _: Instant) -> Reply {
        match &*request.path {
            "/events" => Reply::Watch,
            "/long" => Reply::Answer(Answer::text(200, "x".repeat(LONG_BYTES))),
            "/none" => Reply::Answer(Answer::text(404, "none\n")),
            path => {
                let kind =
                    if request.wants_html { "text/html; charset=utf-8" } else { "text/plain; charset=utf-8" };
                Reply::Answer(Answer::new(kind, format!("{path} {}\n", request.query)))
            }
        }
    }

    fn event(&mut self, _: Instant) -> Rc<[u8]> {
        self.events += 1;
        event(self.events).into_bytes().into()
    }
}

/// An event, with a comment: a client that reads slowly takes longer over it than a tick.
pub(crate) fn event(number: u32) -> String {
    format!("data: {number}\n:{}\n\n", ".".repeat(50))
}

/// The service in a hurry, so that schedules are short.
pub(crate) fn hurried(watchers_max: usize) -> StatusStreams<Shown> {
    let mut settings = Settings::default();
    settings.request_timeout = REQUEST_TIMEOUT;
    settings.idle_timeout = IDLE_TIMEOUT;
    settings.write_timeout = WRITE_TIMEOUT;
    settings.tick = TICK;
    settings.watchers_max = watchers_max;
    StatusStreams::new(settings, Shown::default())
}

/// The service, for which `status.example` is a name.
pub(crate) fn service() -> StatusStreams<Shown> {
    let mut settings = Settings::default();
    settings.names = vec!["status.example".to_owned()];
    settings.watchers_max = 2;
    StatusStreams::new(settings, Shown::default())
}

/// A request for this path that keeps the connection.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

#[expect(clippy::disallowed_methods, reason = "a moment to count from")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// One answer of several: its status, its fields, and its content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// The answers that `output` is made of. `is_head` says of each whether it is one to HEAD. What has no length goes on to the end.
pub(crate) fn answers(output: &[u8], is_head: impl Fn(usize) -> bool) -> Vec<Got> {
    let (mut answers, mut rest) = (Vec::new(), output);
    while !rest.is_empty() {
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(rest[..end].to_vec()).unwrap();
        let status = head.strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap();
        rest = &rest[end..];
        let mut got = Got { status, head, body: Vec::new() };
        let length = got.field("Content-Length").map_or(rest.len(), |length| length.parse().unwrap());
        if !is_head(answers.len()) {
            let (body, behind) = rest.split_at(length);
            got.body = body.to_vec();
            rest = behind;
        }
        answers.push(got);
    }
    answers
}
