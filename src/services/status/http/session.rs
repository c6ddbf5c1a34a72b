//! One conversation over a stream: requests in, answers and events out.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::answer::{Answer, Framed};
use super::content::{Content, Reply, Served};
use super::limits::HEAD_MAX_BYTES;
use super::output::Output;
use super::refusal::Refusal;
use super::request::{Hosts, Method, Parsed, Request, empty_lines, parse};
use super::settings::Settings;
use super::tables::{Event, Machine, State};
use crate::machine::Moved;
use crate::net::Peer;
use crate::reactor::Watcher;
use crate::reactor::service::{Input, Step, StreamService, TIMERS, Then, Timer, Wait, Want};
use crate::reactor::view::View;

/// The waits, in the order of [`StreamService::waits`].
const REQUEST: Wait = 0;
const IDLE: Wait = 1;
const WRITE: Wait = 2;
const TICK: Wait = 3;
const WHOLE: Wait = 4;

/// When a client that may not watch can ask again.
const RETRY_AFTER_SECONDS: u64 = 10;

/// Requests of a record have no end of their own.
const RECORD: Refusal = Refusal::malformed("HTTP needs a stream of bytes");

/// The end of input came before that of a request (RFC 9112, 8).
const INCOMPLETE: Refusal = Refusal::malformed("the request has no end");

/// The contents `C`, served over HTTP/1.1 to streams. All sessions are told of a stop: none is worth waiting for, unless it is in a
/// request.
///
/// ```
/// use std::rc::Rc;
/// use std::time::Instant;
/// use welcomed::reactor::service::{Input, StreamService, Then, Want};
/// use welcomed::services::status::http::answer::Answer;
/// use welcomed::services::status::http::request::Request;
/// use welcomed::services::status::{Content, Reply, Settings, StatusStreams};
///
/// struct Hello;
///
/// impl Content for Hello {
///     fn answer(&mut self, request: &Request<'_>, _: Instant) -> Reply {
///         match &*request.path {
///             "/" => Reply::Answer(Answer::text(200, "hello\n")),
///             "/events" => Reply::Watch,
///             _ => Reply::Answer(Answer::text(404, "nothing is there\n")),
///         }
///     }
///
///     fn event(&mut self, _: Instant) -> Rc<[u8]> {
///         Rc::from(*b"data: hello\n\n")
///     }
/// }
///
/// let mut status = StatusStreams::new(Settings::default(), Hello);
/// let (mut session, now) = (Default::default(), Instant::now());
/// let step = status.on(&mut session, Input::Bytes(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET"), now);
/// assert_eq!(step.taken, 35, "what stands behind the request is not its own");
/// let Want::Write { bytes, then: Then::Read } = status.want(&session) else { panic!() };
/// assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n") && bytes.ends_with(b"\r\n\r\nhello\n"));
/// ```
#[derive(Debug)]
pub struct StatusStreams<C> {
    settings: Settings,
    content: C,
    /// Each session that watches has a copy.
    place: Rc<()>,
    /// The last event, and when it was asked for.
    event: Option<(Instant, Rc<[u8]>)>,
    /// The requests so far.
    served: Served,
}

/// One conversation with one client. It holds no input, and no output once that has left.
#[derive(Default, Debug)]
pub struct Session {
    machine: Machine,
    /// Whether it is over a socket of the Unix domain.
    is_local: bool,
    /// How many outputs there were. An answer in two pieces is one.
    outputs: u32,
    output: Output,
    /// Its place among those that watch.
    place: Option<Rc<()>>,
}

impl Session {
    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.machine.state()
    }

    fn reads_request(&self) -> bool {
        matches!(self.state(), State::ReadingRequest | State::ReadingLast)
    }

    /// The event that ends it, unless it ends before its first request.
    fn unless_new(&self, event: Event) -> Event {
        if self.outputs == 0 { Event::NoRequest } else { event }
    }

    fn writes(&mut self, output: Output, event: Event) -> Moved<Machine> {
        self.output = output;
        self.outputs = self.outputs.wrapping_add(1);
        self.machine.on(event)
    }

    /// Refuses the request that begins with `bytes`.
    fn refuses(&mut self, refusal: Refusal, bytes: &[u8], event: Event) -> Moved<Machine> {
        self.writes(Answer::refusing(refusal).output(Framed::to_refused(bytes)), event)
    }

    /// Being closed can last, and needs neither buffers nor a place.
    fn over(&mut self, event: Event) -> Moved<Machine> {
        (self.output, self.place) = (Output::default(), None);
        self.machine.on(event)
    }

    /// No more input comes, and `rest` was not taken.
    fn ended(&mut self, rest: &[u8]) -> Moved<Machine> {
        if self.reads_request() {
            return self.refuses(INCOMPLETE, rest, Event::EndOfInput);
        }
        self.over(self.unless_new(Event::EndOfInput))
    }

    fn sent(&mut self) -> Moved<Machine> {
        if !self.output.has_left() {
            return self.machine.on(Event::HeadSent);
        }
        self.machine.on(Event::Sent)
    }

    /// It has lasted as long as it may. Only a request that has begun is told (RFC 9110, 15.5.9).
    fn is_late(&mut self) -> Moved<Machine> {
        if self.reads_request() {
            return self.refuses(Refusal::LATE, &[], Event::Deadline);
        }
        self.over(self.unless_new(Event::Deadline))
    }

    /// The server stops. A request that has begun is finished.
    fn stopping(&mut self) -> Moved<Machine> {
        if self.state() == State::ReadingRequest {
            return self.machine.on(Event::Stopping);
        }
        self.over(self.unless_new(Event::Stopping))
    }
}

impl<C: Content> StatusStreams<C> {
    /// The service.
    #[must_use]
    pub fn new(settings: Settings, content: C) -> Self {
        StatusStreams { settings, content, place: Rc::new(()), event: None, served: Served::default() }
    }

    /// What is shown.
    #[must_use]
    pub fn content(&self) -> &C {
        &self.content
    }

    /// How many clients watch.
    #[must_use]
    pub fn watchers(&self) -> usize {
        Rc::strong_count(&self.place) - 1
    }

    /// Bytes came, and some of them may have been offered before. What an earlier watcher sends means nothing.
    fn receive(&mut self, session: &mut Session, bytes: &[u8], now: Instant) -> Step<Machine> {
        if session.state() == State::Watching {
            return Step::took(bytes.len());
        }
        let skipped = empty_lines(bytes);
        let rest = bytes.get(skipped..).unwrap_or_default();
        if matches!(rest, [] | [b'\r']) {
            return Step::took(skipped);
        }
        let hosts = if session.is_local { Hosts::Any } else { Hosts::Ours(&self.settings.names) };
        match parse(rest, hosts) {
            Parsed::More if session.state() != State::Waiting => Step::took(skipped),
            Parsed::More => Step { taken: skipped, moved: session.machine.on(Event::Begun) },
            Parsed::Request(request, taken) => {
                self.served.requests += 1;
                let moved = self.answer(session, &request, now);
                Step { taken: skipped + taken, moved }
            }
            Parsed::Refused(refusal) => {
                let is_misdirected = refusal == Refusal::NOT_OURS;
                let count =
                    if is_misdirected { &mut self.served.misdirected } else { &mut self.served.refused };
                *count += 1;
                Step { taken: skipped, moved: session.refuses(refusal, rest, Event::Refused) }
            }
        }
    }

    fn answer(&mut self, session: &mut Session, request: &Request<'_>, now: Instant) -> Moved<Machine> {
        let keeps = request.keep_alive && session.state() != State::ReadingLast;
        let framed = Framed::to(request, keeps);
        let answer = match self.content.answer(request, now) {
            Reply::Answer(answer) => answer.output(framed),
            Reply::Watch if request.method == Method::Head => {
                Answer::events().output(framed.without_length())
            }
            Reply::Watch
                if session.state() == State::ReadingLast || self.watchers() >= self.settings.watchers_max =>
            {
                Answer::too_many_watchers(RETRY_AFTER_SECONDS).output(framed)
            }
            Reply::Watch => {
                session.place = Some(Rc::clone(&self.place));
                let head = Answer::events().output(framed.without_end());
                let first = self.content.first_event(now).unwrap_or_else(|| self.event(now));
                return session.writes(head.followed_by(first), Event::Watch);
            }
        };
        session.writes(answer, if keeps { Event::Request } else { Event::LastRequest })
    }

    /// The event of this tick. It is asked for once, so that watching costs the same for one and for many.
    fn event(&mut self, now: Instant) -> Rc<[u8]> {
        match &self.event {
            Some((since, event)) if now.saturating_duration_since(*since) < self.settings.tick => {
                Rc::clone(event)
            }
            Some(_) | None => {
                let event = self.content.event(now);
                self.event = Some((now, Rc::clone(&event)));
                event
            }
        }
    }
}

impl<C: Content> Watcher for StatusStreams<C> {
    fn look(&mut self, view: View) {
        let (watchers, watchers_max) = (self.watchers(), self.settings.watchers_max);
        self.content.look(view, Served { watchers, watchers_max, ..self.served });
    }
}

impl<C: Content> StreamService for StatusStreams<C> {
    type Session = Session;
    type Table = Machine;

    fn waits(&self) -> Vec<Duration> {
        let Settings { request_timeout, idle_timeout, write_timeout, tick, .. } = self.settings;
        vec![request_timeout, idle_timeout, write_timeout, tick, idle_timeout.saturating_add(request_timeout)]
    }

    fn output_timeout(&self) -> Duration {
        self.settings.write_timeout
    }

    fn open(&mut self, peer: &Peer, _: Instant) -> Session {
        let is_local = matches!(peer, Peer::Process(_) | Peer::Unix(_) | Peer::Unnamed);
        Session { is_local, ..Session::default() }
    }

    fn want<'a>(&'a self, session: &'a Session) -> Want<'a> {
        let (bytes, is_last) = session.output.next();
        let write = |then| Want::Write { bytes, then: if is_last { then } else { Then::More } };
        match session.state() {
            State::Waiting | State::ReadingRequest | State::ReadingLast | State::Watching => {
                Want::Read { room: HEAD_MAX_BYTES }
            }
            State::WritingAnswer | State::WritingEvent => write(Then::Read),
            State::WritingLast | State::Refusing => write(Then::Close),
            State::Closed => Want::Close,
        }
    }

    fn timers(&self, session: &Session) -> [Option<Timer>; TIMERS] {
        let wait = match session.state() {
            State::Waiting => IDLE,
            State::ReadingRequest | State::ReadingLast => REQUEST,
            State::WritingAnswer | State::WritingLast | State::WritingEvent | State::Refusing => WRITE,
            State::Watching => TICK,
            State::Closed => return [None; TIMERS],
        };
        // A request that begins starts a timer late where the process has stood still. Both waits together have an end as well.
        let is_without_request = session.state() == State::Waiting || session.reads_request();
        let timer = |wait| Timer { wait, generation: session.outputs };
        [Some(timer(wait)), is_without_request.then(|| timer(WHOLE))]
    }

    /// A browser that shows the page stays, and a connection that is kept for another request can be made anew.
    fn gives_way_last(&self, session: &Session) -> bool {
        session.place.is_some()
    }

    fn on(&mut self, session: &mut Session, input: Input<'_>, now: Instant) -> Step<Machine> {
        Step::moved(match input {
            Input::Bytes(bytes) => return self.receive(session, bytes, now),
            Input::Record { bytes, .. } => session.refuses(RECORD, bytes, Event::Refused),
            Input::End(rest) => session.ended(rest),
            Input::Sent => session.sent(),
            Input::Elapsed(TICK) => {
                let event = self.event(now);
                session.writes(Output::of(event), Event::Tick)
            }
            Input::Elapsed(_) => session.is_late(),
            Input::Stopping => session.stopping(),
            Input::Stopped => session.over(Event::Stopped),
            Input::Failed(_) => session.over(Event::Failed),
        })
    }
}
