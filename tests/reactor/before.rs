//! A service that stands before another one and hands the stream on: it takes a header line, and what follows is the inner
//! service's. So a PROXY header can stand before any service, without the loop's help.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::iter;
use std::marker::PhantomData;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use welcomed::kernel::Mio;
use welcomed::machine::{Arrow, ArrowOf, Diagram, NoArrow, Table};
use welcomed::net::Peer;
use welcomed::reactor::service::{Input, OnStop, Step, StreamService, TIMERS, Timer, Want};
use welcomed::reactor::view::MachineView;
use welcomed::reactor::{Server, Services as _, Settings, Streams};

use crate::echo::{Echo, Mistake};

/// The longest header, its line end among it.
const HEADER_MAX_BYTES: usize = 32;

/// The header's states and events, and those of the inner table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Either<Own, Inner> {
    Own(Own),
    Inner(Inner),
}

impl<Own: fmt::Display, Inner: fmt::Display> fmt::Display for Either<Own, Inner> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Either::Own(own) => own.fmt(f),
            Either::Inner(inner) => inner.fmt(f),
        }
    }
}

mod header {
    welcomed::machine! {
        "header"
        states { Reading = "reading header", Refused = "refused", Passed = "passed on", }
        events { Bad = "bad header", Over = "over", Taken = "header", }
        table { Reading + Bad => Refused, Reading + Over => Refused, Reading + Taken => Passed, }
    }
}
use header::{Event, Machine, State};

/// What becomes of a client that the header is over for. One that is passed on has its outcome of the inner table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

/// The events after which it is.
const REFUSES: [Event; 2] = [Event::Bad, Event::Over];

/// Both tables side by side: the counts have the cells of both, and the pictures are a list.
struct Before<T>(PhantomData<T>);

impl<T: Table> Table for Before<T> {
    type State = Either<State, T::State>;
    type Event = Either<Event, T::Event>;
    type Outcome = Either<Refused, T::Outcome>;
    const START: Self::State = Either::Own(State::Reading);
    const HAS_OUTCOMES: bool = true;
    const CELLS: usize = Machine::CELLS + T::CELLS;

    fn diagrams() -> impl Iterator<Item = &'static Diagram> {
        Machine::diagrams().chain(T::diagrams())
    }

    fn arrows() -> impl Iterator<Item = ArrowOf<Self>> {
        let own = Machine::arrows().map(|Arrow { from, event, to }| {
            let (from, event, to) = (Either::Own(from), Either::Own(event), Either::Own(to));
            Arrow { from, event, to: Self::leads_to(from, event).unwrap_or(to) }
        });
        let inner = T::arrows().map(|Arrow { from, event, to }| Arrow {
            from: Either::Inner(from),
            event: Either::Inner(event),
            to: Either::Inner(to),
        });
        own.chain(inner)
    }

    fn outcomes() -> impl Iterator<Item = Self::Outcome> {
        iter::once(Either::Own(Refused)).chain(T::outcomes().map(Either::Inner))
    }

    fn cell(state: Self::State, event: Self::Event) -> usize {
        match (state, event) {
            (Either::Inner(state), Either::Inner(event)) => Machine::CELLS + T::cell(state, event),
            (Either::Own(state), Either::Own(event)) => Machine::cell(state, event),
            (Either::Own(_), Either::Inner(_)) | (Either::Inner(_), Either::Own(_)) => Self::CELLS,
        }
    }

    fn leads_to(state: Self::State, event: Self::Event) -> Option<Self::State> {
        match (state, event) {
            (Either::Own(State::Reading), Either::Own(Event::Taken)) => Some(Either::Inner(T::START)),
            (Either::Own(state), Either::Own(event)) => Machine::leads_to(state, event).map(Either::Own),
            (Either::Inner(state), Either::Inner(event)) => T::leads_to(state, event).map(Either::Inner),
            (Either::Own(_), Either::Inner(_)) | (Either::Inner(_), Either::Own(_)) => None,
        }
    }

    fn outcome(state: Self::State, event: Self::Event) -> Option<Self::Outcome> {
        match (state, event) {
            (Either::Inner(state), Either::Inner(event)) => T::outcome(state, event).map(Either::Inner),
            (Either::Own(State::Reading), Either::Own(event)) if REFUSES.contains(&event) => {
                Some(Either::Own(Refused))
            }
            (Either::Own(_), _) | (Either::Inner(_), Either::Own(_)) => None,
        }
    }

    fn is_decided(state: Self::State) -> bool {
        match state {
            Either::Own(state) => state == State::Refused,
            Either::Inner(state) => T::is_decided(state),
        }
    }

    fn cells_of(outcome: Self::Outcome) -> impl Iterator<Item = usize> {
        let (own, inner) = match outcome {
            Either::Own(Refused) => (Some(REFUSES.map(|event| Machine::cell(State::Reading, event))), None),
            Either::Inner(inner) => (None, Some(T::cells_of(inner).map(|cell| Machine::CELLS + cell))),
        };
        own.into_iter().flatten().chain(inner.into_iter().flatten())
    }
}

/// The inner service behind a header.
struct Behind<S>(S);

/// First the header, then the inner conversation.
enum Session<Inner> {
    Header(Machine),
    Inner(Inner),
}

impl<Inner> Default for Session<Inner> {
    fn default() -> Self {
        Session::Header(Machine::new())
    }
}

fn lift<T: Table>(Step { taken, moved }: Step<T>) -> Step<Before<T>> {
    let moved = match moved {
        Ok(None) => Ok(None),
        Ok(Some(Arrow { from, event, to })) => {
            Ok(Some(Arrow { from: Either::Inner(from), event: Either::Inner(event), to: Either::Inner(to) }))
        }
        Err(NoArrow { state, event }) => {
            Err(NoArrow { state: Either::Inner(state), event: Either::Inner(event) })
        }
    };
    Step { taken, moved }
}

impl<S: StreamService> StreamService for Behind<S> {
    type Session = Session<S::Session>;
    type Table = Before<S::Table>;
    const ON_STOP: OnStop = S::ON_STOP;

    fn waits(&self) -> Vec<Duration> {
        self.0.waits()
    }

    fn want<'a>(&'a self, session: &'a Self::Session) -> Want<'a> {
        match session {
            Session::Header(machine) if machine.state() == State::Refused => Want::Close,
            Session::Header(_) => Want::Read { room: HEADER_MAX_BYTES },
            Session::Inner(inner) => self.0.want(inner),
        }
    }

    fn timers(&self, session: &Self::Session) -> [Option<Timer>; TIMERS] {
        match session {
            Session::Header(_) => [None; TIMERS],
            Session::Inner(inner) => self.0.timers(inner),
        }
    }

    fn on(&mut self, session: &mut Self::Session, input: Input<'_>, now: Instant) -> Step<Self::Table> {
        let machine = match session {
            Session::Inner(inner) => return lift(self.0.on(inner, input, now)),
            Session::Header(machine) => machine,
        };
        let event = match input {
            Input::Bytes(bytes) => match bytes.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    // What stands behind the header is offered again, to the inner session.
                    let inner = self.0.open(&Peer::Unnamed, now);
                    *session = Session::Inner(inner);
                    let (from, event) = (Either::Own(State::Reading), Either::Own(Event::Taken));
                    let arrow = Arrow { from, event, to: Either::Inner(S::Table::START) };
                    return Step { taken: end + 1, moved: Ok(Some(arrow)) };
                }
                None if bytes.len() < HEADER_MAX_BYTES => return Step::took(0),
                None => Event::Bad,
            },
            Input::Record { .. }
            | Input::End(_)
            | Input::Sent
            | Input::Elapsed(_)
            | Input::Stopping
            | Input::Stopped
            | Input::Failed(_) => Event::Over,
        };
        let own = |arrow: Arrow<State, Event>| Arrow {
            from: Either::Own(arrow.from),
            event: Either::Own(arrow.event),
            to: Either::Own(arrow.to),
        };
        let moved = machine.on(event).map(|arrow| arrow.map(own));
        Step::moved(moved.map_err(|NoArrow { state, event }| NoArrow {
            state: Either::Own(state),
            event: Either::Own(event),
        }))
    }

    fn on_transition(&mut self, session: &Self::Session, arrow: ArrowOf<Self::Table>, peer: &Peer) {
        if let (Session::Inner(inner), Either::Inner(from), Either::Inner(event), Either::Inner(to)) =
            (session, arrow.from, arrow.event, arrow.to)
        {
            self.0.on_transition(inner, Arrow { from, event, to }, peer);
        }
    }
}

#[test]
fn a_header_can_stand_before_any_service() {
    let kernel = Mio::new().unwrap();
    let handle = kernel.handle();
    let services = Streams::new(Behind(Echo(Mistake::None)), 8);
    let mut server = Server::new(kernel, services, Settings::default());
    let address = server.listen(&"127.0.0.1:0".parse().unwrap()).unwrap().addresses[0].inet().unwrap();
    let client = thread::spawn(move || {
        let connect = || {
            let client = TcpStream::connect(address).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            client
        };
        let mut client = connect();
        client.write_all(b"from 192.0.2.1\nabcdefgh").unwrap();
        let mut answer = [0; 8];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"abcdefgh", "what came with the header is not lost");
        drop(client);
        for _ in 0..2 {
            let mut rude = connect();
            rude.write_all(&[b'x'; HEADER_MAX_BYTES]).unwrap();
            assert_eq!(rude.read_to_end(&mut Vec::new()).unwrap(), 0);
        }
        handle.stop().unwrap();
    });
    server.run().unwrap();
    client.join().unwrap();
    let counts = server.services().counts();
    assert!(counts.to_string().starts_with("3 accepted: 2 refused, 1 done, 0 failed, 0 open;"), "{counts}");
    assert_eq!(counts.outcome(Either::Own(Refused)), 2);
    assert_eq!(counts.outcome(Either::Inner(crate::echo::table::Outcome::Done)), 1);

    let mut views = Vec::new();
    server.services().view(&mut views);
    let standing = |table: usize| {
        let MachineView { diagram, standing, .. } = &views[0].machines[table];
        diagram
            .states
            .iter()
            .zip(standing)
            .map(|((_, name), count)| format!("{count} {name}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(standing(0), ["0 reading header", "2 refused", "1 passed on"]);
    assert_eq!(standing(1), ["0 reading", "0 writing", "1 closed"], "it began again in the inner table");
}
