//! The service on a simulated kernel: alone, and beside the welcome.

use std::time::Duration;

use welcomed::net::Kind;
use welcomed::reactor::Streams;
use welcomed::schedules::Welcoming;
use welcomed::services::status::StatusStreams;
use welcomed::services::status::http::tables::Outcome;
use welcomed::simulation::{
    Audit, Broken, Dice, End, Limits, Promise, Right, Schedule, Script, ServerSocket, Sim, Step, Subject,
    Transcript, every_fault, random_of,
};

use crate::expected::{Also, Got, Item, REFUSED, compare, items};
use crate::shown::{IDLE_TIMEOUT, REQUEST_TIMEOUT, Shown, WRITE_TIMEOUT, get, hurried};

/// The service in a hurry.
#[derive(Clone)]
pub(crate) struct Statuses {
    pub(crate) watchers_max: usize,
}

impl Subject for Statuses {
    type Services = Streams<StatusStreams<Shown>, Sim>;

    fn draw(&self, dice: &mut Dice) -> Self {
        Statuses { watchers_max: dice.pick(&[0, 1, 10_000, 10_000]) }
    }

    fn services(&self, places: &[usize]) -> Self::Services {
        Streams::new(hurried(self.watchers_max), places[0])
    }

    fn limits(&self, _: u8) -> Limits {
        Limits::new(IDLE_TIMEOUT + REQUEST_TIMEOUT, WRITE_TIMEOUT)
    }

    fn request(&self, _: u8, dice: &mut Dice, number: usize) -> Vec<u8> {
        let path = dice.pick(&["/", "/", "/none", "/events", "/long"]);
        let path = if path == "/" { format!("/{number}?{}", dice.below(10)) } else { path.to_owned() };
        let field = dice.pick(&[
            "",
            "",
            "",
            "Connection: close\r\n",
            "Connection: keep-alive\r\n",
            "Accept: text/html\r\n",
        ]);
        let method = dice.pick(&["GET", "GET", "GET", "HEAD"]);
        match dice.below(30) {
            0 => dice.pick(&REFUSED).0.into(),
            1 => b"\r\n".to_vec(),
            2 => b"GET / HTTP/1.1\r\nHost:".to_vec(),
            3..6 => format!("{method} {path} HTTP/1.0\r\n{field}\r\n").into(),
            _ => format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n").into(),
        }
    }

    fn sockets(&self, dice: &mut Dice) -> Vec<ServerSocket> {
        let kinds: &[Kind] =
            dice.pick(&[&[Kind::Tcp][..], &[Kind::Tcp], &[Kind::Unix], &[Kind::Tcp, Kind::Unix]]);
        kinds.iter().map(|kind| ServerSocket::new(*kind, 0)).collect()
    }

    /// One that watches leaves after a while, or the schedule has no end.
    fn script(&self, socket: ServerSocket, dice: &mut Dice, number: usize) -> Script {
        let script = Script::any(dice, socket.kind, |dice| self.request(socket.service, dice, number));
        let all: Vec<u8> = script.pieces().flatten().copied().collect();
        let watches = all.windows(7).any(|seven| seven == b"/events");
        let leaves = script.steps.iter().any(|step| matches!(step, Step::Shut | Step::Reset));
        if !watches || leaves {
            return script;
        }
        script.then([Step::Pause(dice.millis_below(1000)), Step::Shut])
    }

    fn judge(&self, client: &Transcript<'_>) -> Result<Right, Broken> {
        self.judged(client)
    }

    fn audit(&self, services: &Self::Services, audit: &mut Audit<'_>) {
        audit.service(services.counts(), explains);
    }
}

pub(crate) fn has_begun(rest: &[u8]) -> bool {
    !matches!(rest, [] | [b'\r'])
}

/// Whether all bytes came in time for every deadline that there is.
fn is_in_time(client: &Transcript<'_>, last: Duration) -> bool {
    client.is_in_time(last, Duration::ZERO, REQUEST_TIMEOUT)
}

impl Statuses {
    fn judged(&self, client: &Transcript<'_>) -> Result<Right, Broken> {
        let (items, rest) = items(client.sent(), client.shut_at().is_some());
        let last = client.arrivals().last().map(|(at, _)| *at).max(client.shut_at()).unwrap_or_default();
        let is_stopping = client.stopped_at().is_some();
        let watches = items.iter().any(|item| matches!(item, Item::Events(_)));
        let may_be_many = watches && (self.watchers_max < 10_000 || is_stopping);
        let has_heads = client.sent().windows(4).any(|four| four == b"HEAD");
        let mut also = Also { is_stopping, has_heads, ..Also::default() };
        // A request without an end is late, or malformed before its end.
        if has_begun(rest) || !is_in_time(client, last) || client.was_denied() {
            also.statuses.extend(["408 Request Timeout", "400 Bad Request"]);
        }
        if may_be_many {
            also.statuses.push("503 Service Unavailable");
        }
        let number = client.number();
        let nothing_else = |how| Broken::new(Promise::NothingElse, format!("client {number}: {how}"));
        let got = with_503(client.received(), &items, &also, may_be_many);
        let got = got.map_err(nothing_else)?;
        let is_within = got == Got::Part { is_within: true };
        if is_within && client.ended_cleanly_by_network() {
            return Err(nothing_else("it got a part of an answer as if it was all".to_owned()));
        }
        let bytes: usize = items.iter().map(Item::bytes).sum();
        let has_more = !rest.is_empty() && items.last().is_some_and(Item::is_last);
        let has_right = !items.is_empty()
            && client.excuse(last).is_none()
            && is_in_time(client, last)
            && client.keeps_up(bytes + 200)
            && !(has_more && client.can_lose_output(bytes));
        if !has_right || may_be_many {
            return Ok(Right::Excused);
        }
        if got != Got::All || client.end() != Some(End::Clean) {
            let how = format!("client {number} was to get {items:?} and got {got:?}, {:?}", client.end());
            return Err(Broken::new(Promise::ANSWER, how));
        }
        Ok(Right::All)
    }
}

/// Compares where a client that is one watcher too many may have got a 503, and all that follows.
fn with_503(received: &[u8], items: &[Item], also: &Also, may_be_many: bool) -> Result<Got, String> {
    let result = compare(received, items, also);
    if !may_be_many || result.is_ok() {
        return result;
    }
    // The 503 keeps the connection, so that what stands behind it is answered as well. Only what is before it is looked at.
    let text = String::from_utf8_lossy(received);
    let Some(at) = text.find("HTTP/1.1 503 ") else { return result };
    compare(&received[..at], items, also)
}

/// Whether a client can have been too slow, so long after it was accepted. Whether a request `has_begun` behind its last answer says
/// which of the times it had.
pub(crate) fn may_be_late(client: &Transcript<'_>, has_begun: bool, since_accept: Duration) -> bool {
    // The end of a late request can be found when it is refused.
    let in_pieces = client.arrivals().len() > 1;
    let is_late = (has_begun || in_pieces) && since_accept >= REQUEST_TIMEOUT;
    // A head and its body have one deadline, and are two outputs.
    let is_slow = !client.output_is_whole() && since_accept >= WRITE_TIMEOUT;
    client.has_timed_out() || is_late || is_slow
}

/// What each outcome means.
fn explains(outcome: Outcome, client: &Transcript<'_>) -> bool {
    let (items, rest) = items(client.read(), client.end_was_read());
    let is_stopping = client.stopped_at().is_some();
    let closed = client.closed_at().unwrap_or(Duration::MAX);
    let since_accept = closed.saturating_sub(client.accepted_at().unwrap_or_default());
    let is_refused = items.iter().any(|item| matches!(item, Item::Refusal(_)));
    let has_begun = has_begun(rest);
    match outcome {
        Outcome::Answered => !items.is_empty() && client.output_is_whole(),
        Outcome::WithoutRequest => {
            let is_over = client.end_was_read() || is_stopping || since_accept >= IDLE_TIMEOUT;
            items.is_empty() && !has_begun && is_over
        }
        Outcome::Refused => is_refused || has_begun,
        Outcome::TimedOut => may_be_late(client, has_begun, since_accept),
        Outcome::Failed => client.has_failed(),
        // One that has nothing to finish is told before, and leaves.
        Outcome::Stopped => {
            client.was_stopped() && !client.has_failed() && (has_begun || !client.output_is_whole())
        }
    }
}

#[test]
fn every_promise_is_kept() {
    random_of(&Statuses { watchers_max: 0 }, 3_000);
}

#[test]
fn every_promise_is_kept_beside_the_welcome() {
    random_of(&(Statuses { watchers_max: 0 }, Welcoming::default()), 1_000);
}

#[test]
fn every_promise_is_kept_wherever_one_or_two_calls_fail() {
    let statuses = Statuses { watchers_max: 10_000 };
    let watch = get("/events");
    let scripts = [
        Script::sends(&[get("/"), get("/none")].concat()).then([Step::Shut]),
        Script::sends(b"GET /long HTTP/1.0\r\n\r\n"),
        Script::sends(b"GET / HTTP/1.1\r\nHost:").then([Step::Pause(REQUEST_TIMEOUT * 2)]),
        Script::sends(REFUSED[0].0.as_bytes()),
        Script::sends(&watch).then([Step::Pause(Duration::from_millis(150)), Step::Shut]),
    ];
    for script in scripts {
        every_fault(&Schedule::calm(&statuses, &[ServerSocket::new(Kind::Tcp, 0)], vec![script]));
    }
}
