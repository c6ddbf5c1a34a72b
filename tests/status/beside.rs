//! The status beside the welcome in one loop, as the program has them: the welcome is recorded, and `Watched` shows it.

use std::time::{Duration, Instant};

use welcomed::kernel::{Signal, System};
use welcomed::machine::Table;
use welcomed::net::Kind;
use welcomed::reactor::view::{ServiceView, View};
use welcomed::reactor::{Counts, Datagrams, Services as _, Streams, Watched};
use welcomed::schedules::{Welcoming, accounts, open, prompt};
use welcomed::services::status::http::tables::Outcome;
use welcomed::services::status::numbers::{Log, Numbers, Told};
use welcomed::services::status::stories::{Ledger, Recorded, RecordedDatagrams};
use welcomed::services::status::{Outside, Settings, Shown, StatusStreams};
use welcomed::services::welcome::tables::{connection, datagram};
use welcomed::services::welcome::{Welcome, WelcomeDatagrams, WelcomeStreams};
use welcomed::simulation::{
    Audit, Broken, Dice, End, Limits, Promise, Reading, Right, Schedule, Script, ServerSocket, Sim, Step,
    Subject, Transcript, every_fault, random_of,
};

use crate::expected::{Also, Asked, Got, REFUSED, asked};
use crate::schedules::{has_begun, may_be_late};
use crate::shown::{IDLE_TIMEOUT, REQUEST_TIMEOUT, TICK, WRITE_TIMEOUT, get, now};
use crate::told::compare;

/// The number of the service that shows the two of the welcome.
pub(crate) const STATUS: u8 = 2;

/// Every path that is served, and some that are not. Those that stand more than once are short.
const PATHS: &[&str] = &[
    "/health",
    "/health",
    "/health",
    "/health",
    "/ready",
    "/ready",
    "/ready",
    "/counts.json",
    "/counts.json",
    "/counts.json",
    "/counts.json",
    "/metrics",
    "/metrics",
    "/events",
    "/events",
    "/events",
    "/none",
    "/",
    "/connections",
    "/connections?failed",
    "/connections.json",
    "/connections/1",
    "/connections/1.svg",
    "/connections/2.json",
];

/// How a malformed request can be refused, beside 400.
const OTHER_REFUSALS: [&str; 5] = [
    "405 Method Not Allowed",
    "413 Content Too Large",
    "421 Misdirected Request",
    "501 Not Implemented",
    "505 HTTP Version Not Supported",
];

/// What is outside is quiet, or schedules would differ from one run to the next.
pub(crate) struct Quiet;

impl Outside for Quiet {
    fn name(&self) -> &'static str {
        "quiet"
    }

    fn version(&self) -> &'static str {
        "0.0.0"
    }

    fn system(&mut self, _: &[String], _: Instant) -> System {
        System::default()
    }

    fn log(&self) -> Option<Log> {
        None
    }
}

/// The welcome, recorded, and the status that shows it, in a hurry.
#[derive(Clone)]
pub(crate) struct Beside {
    pub(crate) welcoming: Welcoming,
    pub(crate) record_bytes: usize,
    pub(crate) keeps_names: bool,
    pub(crate) watchers_max: usize,
    /// Whether clients of the status give way, as in the program.
    pub(crate) gives_way: bool,
}

impl Default for Beside {
    fn default() -> Self {
        Beside {
            welcoming: Welcoming::default(),
            record_bytes: 1 << 20,
            keeps_names: true,
            watchers_max: 10_000,
            gives_way: false,
        }
    }
}

pub(crate) type Services = Watched<
    (Streams<Recorded<WelcomeStreams>, Sim>, Datagrams<RecordedDatagrams<WelcomeDatagrams>>),
    StatusStreams<Shown<Quiet>>,
    Sim,
>;

impl Subject for Beside {
    type Services = Services;

    fn draw(&self, dice: &mut Dice) -> Self {
        Beside {
            record_bytes: dice.pick(&[0, 50, 1000, 1 << 20]),
            keeps_names: dice.one_in(2),
            watchers_max: dice.pick(&[0, 1, 10_000, 10_000]),
            gives_way: self.gives_way,
            welcoming: self.welcoming.draw(dice),
        }
    }

    fn services(&self, places: &[usize]) -> Services {
        use connection::Outcome as Of;
        let ledger = Ledger::new(self.record_bytes, self.keeps_names);
        let welcome = WelcomeStreams::new(self.welcoming.settings());
        let streams = Recorded::new(welcome, &ledger, &[Of::TimedOut, Of::Failed]);
        let datagrams = WelcomeDatagrams::new(self.welcoming.settings().welcome)
            .or_else(|_| WelcomeDatagrams::new(Welcome::default()))
            .unwrap();
        let failures = [datagram::Outcome::Dropped, datagram::Outcome::Failed];
        let datagrams = RecordedDatagrams::new(datagrams, &ledger, &failures);
        let streams = Streams::new(streams, places[0]).with_most_per_source(self.welcoming.most_per_source);
        let mut settings = Settings::default();
        settings.request_timeout = REQUEST_TIMEOUT;
        settings.idle_timeout = IDLE_TIMEOUT;
        settings.write_timeout = WRITE_TIMEOUT;
        settings.tick = TICK;
        settings.watchers_max = self.watchers_max;
        let status = StatusStreams::new(settings, Shown::new(Quiet, ledger));
        let watched = Watched::new((streams, Datagrams::new(datagrams)), Streams::new(status, places[2]));
        if self.gives_way { watched.giving_way() } else { watched }
    }

    fn limits(&self, service: u8) -> Limits {
        if service == STATUS {
            return Limits::new(IDLE_TIMEOUT + REQUEST_TIMEOUT, WRITE_TIMEOUT).of_a_watcher();
        }
        self.welcoming.limits(service)
    }

    fn request(&self, service: u8, dice: &mut Dice, number: usize) -> Vec<u8> {
        if service != STATUS {
            return self.welcoming.request(service, dice, number);
        }
        let path = dice.pick(PATHS);
        let field = dice.pick(&[
            "",
            "",
            "",
            "",
            "Connection: close\r\n",
            "Connection: keep-alive\r\n",
            "Accept: text/html\r\n",
        ]);
        let method = dice.pick(&["GET", "GET", "GET", "GET", "GET", "HEAD"]);
        match dice.below(40) {
            0 => dice.pick(&REFUSED).0.into(),
            1 => b"\r\n".to_vec(),
            2 => b"GET / HTTP/1.1\r\nHost:".to_vec(),
            3..6 => format!("{method} {path} HTTP/1.0\r\n{field}\r\n").into(),
            _ => format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n").into(),
        }
    }

    fn sockets(&self, dice: &mut Dice) -> Vec<ServerSocket> {
        let mut sockets = self.welcoming.sockets(dice);
        let kinds: &[Kind] =
            dice.pick(&[&[Kind::Tcp][..], &[Kind::Tcp], &[Kind::Unix], &[Kind::Tcp, Kind::Unix]]);
        sockets.extend(kinds.iter().map(|kind| ServerSocket::new(*kind, STATUS)));
        sockets
    }

    /// One that watches leaves after a while, or the schedule has no end.
    fn script(&self, socket: ServerSocket, dice: &mut Dice, number: usize) -> Script {
        if socket.service != STATUS {
            return self.welcoming.script(socket, dice, number);
        }
        let script = Script::any(dice, socket.kind, |dice| self.request(STATUS, dice, number));
        let watches = script
            .pieces()
            .flatten()
            .copied()
            .collect::<Vec<u8>>()
            .windows(7)
            .any(|seven| seven == b"/events");
        let leaves = script.steps.iter().any(|step| matches!(step, Step::Shut | Step::Reset));
        if !watches || leaves {
            return script;
        }
        script.then([Step::Pause(dice.millis_below(1000)), Step::Shut])
    }

    fn judge(&self, client: &Transcript<'_>) -> Result<Right, Broken> {
        if client.service() == STATUS { self.judged(client) } else { self.welcoming.judge(client) }
    }

    fn audit(&self, services: &Services, audit: &mut Audit<'_>) {
        let (streams, datagrams) = services.services();
        self.welcoming.explain(streams.counts(), datagrams.counts(), audit);
        audit.service(services.watcher().counts(), |outcome, client| self.explains(outcome, client));
        accounts::agree(streams, datagrams, now());
        let mut views = Vec::new();
        services.view(&mut views);
        let [of_streams, of_datagrams, of_status] = &views[..] else { panic!("three services are shown") };
        is_viewed(of_streams, streams.counts());
        is_viewed(of_datagrams, datagrams.counts());
        is_viewed(of_status, services.watcher().counts());
        let view = View { services: views, ..View::default() };
        let numbers = Numbers::of(&view, &System::default(), Told::default());
        for (shown, viewed) in numbers.services.iter().zip(&view.services) {
            let outcomes: u64 = shown.outcomes.iter().map(|outcome| outcome.count).sum();
            assert_eq!(outcomes + shown.refused + shown.broken + shown.open, viewed.accepted);
        }
    }
}

/// What is viewed of a service is what the loop counts, and every conversation stands somewhere.
fn is_viewed<T: Table>(view: &ServiceView, counts: &Counts<T>) {
    let outcomes: Vec<u64> = T::outcomes().map(|outcome| counts.outcome(outcome)).collect();
    let shown: Vec<u64> = view.outcomes.iter().map(|(_, count)| *count).collect();
    assert_eq!(shown, outcomes);
    assert_eq!(
        (view.accepted, view.open, view.refused),
        (counts.accepted(), counts.open(), counts.refused())
    );
    assert_eq!((view.accept_errors, view.pauses), (counts.accept_errors(), counts.pauses()));
    let taken: Vec<u64> = view.machines.iter().flat_map(|machine| machine.taken.clone()).collect();
    let counted: Vec<u64> = T::arrows().map(|arrow| counts.count(arrow.from, arrow.event)).collect();
    assert_eq!(taken, counted);
    let standing: u64 = view.machines.iter().flat_map(|machine| &machine.standing).sum();
    assert_eq!(standing, counts.accepted() - counts.refused());
}

/// The names that mean the server: any in the Unix domain.
fn names(client: &Transcript<'_>) -> Option<&'static [&'static str]> {
    (client.kind() == Kind::Tcp).then_some(&[])
}

/// How long what is answered to this may be: a page is longer than what may wait to be sent.
fn most_bytes(asked: &Asked) -> usize {
    let Asked::Request(meaning, _) = asked else { return 700 };
    match &*meaning.path {
        "/health" | "/ready" => 500,
        _ if meaning.is_head => 500,
        _ => 40_000,
    }
}

impl Beside {
    /// What each outcome of the status means. Behind a client that is one watcher too many there can be anything.
    fn explains(&self, outcome: Outcome, client: &Transcript<'_>) -> bool {
        let (asked, rest) = asked(client.read(), client.end_was_read(), names(client));
        let is_stopping = client.stopped_at().is_some();
        let closed = client.closed_at().unwrap_or(Duration::MAX);
        let since_accept = closed.saturating_sub(client.accepted_at().unwrap_or_default());
        let is_refused = asked.iter().any(|asked| matches!(asked, Asked::Refused(_)));
        let has_begun = has_begun(rest);
        let may_be_many = asked.iter().any(Asked::watches) && self.may_be_many(client);
        match outcome {
            Outcome::Answered if may_be_many => client.output_is_whole(),
            Outcome::Refused if may_be_many => true,
            Outcome::Stopped if may_be_many => client.was_stopped(),
            Outcome::Answered => {
                // Each answer lets the wait for the next request begin anew.
                let asked_at = match asked.last() {
                    Some(Asked::Request(_, end)) => client.came_at(*end).unwrap_or_default(),
                    _ => Duration::ZERO,
                };
                let is_idle = closed.saturating_sub(asked_at) >= IDLE_TIMEOUT;
                let ends = client.end_was_read() || is_stopping || is_idle;
                let has_last = matches!(asked.last(), Some(Asked::Request(meaning, _)) if !meaning.keeps);
                !asked.is_empty() && client.output_is_whole() && (ends || has_last)
            }
            Outcome::WithoutRequest => {
                let is_over = client.end_was_read() || is_stopping || since_accept >= IDLE_TIMEOUT;
                asked.is_empty() && !has_begun && is_over
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

    /// Whether a client that wants to watch may have been one too many.
    fn may_be_many(&self, client: &Transcript<'_>) -> bool {
        self.watchers_max < 10_000 || client.stopped_at().is_some()
    }

    fn judged(&self, client: &Transcript<'_>) -> Result<Right, Broken> {
        let (asked, rest) = asked(client.sent(), client.shut_at().is_some(), names(client));
        let last = client.arrivals().last().map(|(at, _)| *at).max(client.shut_at()).unwrap_or_default();
        let is_in_time = client.is_in_time(last, Duration::ZERO, REQUEST_TIMEOUT);
        let is_stopping = client.stopped_at().is_some();
        let watches = asked.iter().any(Asked::watches);
        let may_be_many = watches && self.may_be_many(client);
        let has_heads = client.sent().windows(4).any(|four| four == b"HEAD");
        let mut also = Also { is_stopping, has_heads, ..Also::default() };
        // A request without an end is late, or malformed before its end.
        if has_begun(rest) || !is_in_time || client.was_denied() {
            also.statuses.extend(["408 Request Timeout", "400 Bad Request"]);
        }
        // The shortest schedule can have requests that are malformed in any way.
        if asked.iter().any(|asked| matches!(asked, Asked::Refused("400 Bad Request"))) {
            also.statuses.extend(OTHER_REFUSALS);
        }
        if may_be_many {
            also.statuses.push("503 Service Unavailable");
        }
        let number = client.number();
        let nothing_else = |how| Broken::new(Promise::NothingElse, format!("client {number}: {how}"));
        let got = compare(client, &asked, &also).map_err(nothing_else)?;
        if got == (Got::Part { is_within: true }) && client.ended_cleanly_by_network() {
            return Err(nothing_else("it got a part of an answer as if it was all".to_owned()));
        }
        let bytes: usize = asked.iter().map(most_bytes).sum();
        let has_more = !rest.is_empty() && asked.last().is_some_and(Asked::is_last);
        let is_slow = client.script().reading != Reading::Prompt;
        let has_right = !asked.is_empty()
            && client.excuse(last).is_none()
            && is_in_time
            && client.keeps_up(bytes + 200)
            && !(is_slow && bytes > 20_000)
            && !(is_slow && is_stopping)
            && !(has_more && client.can_lose_output(0));
        if !has_right || may_be_many {
            return Ok(Right::Excused);
        }
        if got != Got::All || client.end() != Some(End::Clean) {
            let how = format!("client {number} was to get {asked:?} and got {got:?}, {:?}", client.end());
            return Err(Broken::new(Promise::ANSWER, how));
        }
        Ok(Right::All)
    }
}

#[test]
fn every_promise_is_kept() {
    let sums = random_of(&Beside::default(), 2_000);
    let enough = sums.answered.iter().all(|answered| answered * 20 >= sums.schedules);
    assert!(sums.schedules < 2_000 || enough, "the schedules are too tame: {sums:?}");
}

/// A scene of these clients of the welcome, over TCP, and of the status.
fn scene(
    welcomed: impl IntoIterator<Item = Script>,
    shown: impl IntoIterator<Item = Script>,
) -> Schedule<Beside> {
    let sockets = [Welcoming::socket(Kind::Tcp), ServerSocket::new(Kind::Tcp, STATUS)];
    let shown = shown.into_iter().map(|script| script.at(1));
    Schedule::calm(&Beside::default(), &sockets, welcomed.into_iter().chain(shown).collect())
}

#[test]
fn every_promise_is_kept_wherever_one_or_two_calls_fail() {
    let watches = Script::sends(&get("/events")).then([Step::Pause(Duration::from_millis(150)), Step::Shut]);
    let asks = Script::sends(&[get("/health"), get("/counts.json")].concat()).then([Step::Shut]);
    let mut played = every_fault(&scene([prompt(b"N0")], [asks]));
    played += every_fault(&scene([open(b"N0")], [watches.clone()]));
    let stops = vec![(Duration::from_millis(20), Signal::Stop)];
    let idle = Script::sends(&get("/ready"));
    played += every_fault(&scene([open(b"N0")], [idle]).signalled(stops.clone()));
    played += every_fault(&scene([prompt(b"N0")], [watches]).signalled(stops));
    println!("{played} schedules");
    assert!(played > 3_000, "{played}");
}
