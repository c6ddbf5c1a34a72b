//! A watcher comes behind what it shows: many clients of the watcher delay no client of the others. None of them keeps a place
//! that it has no use for.

use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use welcomed::kernel::Mio;
use welcomed::net::Address;
use welcomed::reactor::service::{Input, Step, StreamService, TIMERS, Then, Timer, Want};
use welcomed::reactor::view::View;
use welcomed::reactor::{Server, Settings, Streams, Watched, Watcher};
use welcomed::services::welcome::{self, WelcomeStreams};

mod table {
    welcomed::machine! {
        "bell"
        states { Reading = "reading", Ringing = "ringing", Closed = "closed", }
        events { Asked = "asked", Rung = "rung", Over = "over", }
        outcomes { Left = "left", }
        table {
            Reading + Asked => Ringing,
            Reading + Over  => Closed: Left,
            Ringing + Rung  => Reading,
            Ringing + Over  => Closed: Left,
        }
    }
}
use table::{Event, Machine, State};

/// The most places of the watcher.
const PLACES: usize = 8;

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Answers each byte by one, and a `*` by more than any client takes that does not read. It has no timers.
#[derive(Default)]
struct Bell {
    rung: Rc<Cell<usize>>,
}

#[derive(Default)]
struct Asked {
    machine: Machine,
    answer: Vec<u8>,
}

impl Watcher for Bell {
    fn look(&mut self, _: View) {}
}

impl StreamService for Bell {
    type Session = Asked;
    type Table = Machine;

    fn waits(&self) -> Vec<Duration> {
        Vec::new()
    }

    fn want<'a>(&'a self, asked: &'a Asked) -> Want<'a> {
        match asked.machine.state() {
            State::Reading => Want::Read { room: 100 },
            State::Ringing => Want::Write { bytes: &asked.answer, then: Then::Read },
            State::Closed => Want::Close,
        }
    }

    fn timers(&self, _: &Asked) -> [Option<Timer>; TIMERS] {
        [None; TIMERS]
    }

    fn on(&mut self, asked: &mut Asked, input: Input<'_>, _: Instant) -> Step<Machine> {
        match input {
            Input::Bytes(bytes) => {
                asked.answer = vec![b'!'; if bytes[0] == b'*' { 64 << 20 } else { 1 }];
                Step { taken: 1, moved: asked.machine.on(Event::Asked) }
            }
            Input::Sent => {
                self.rung.set(self.rung.get() + 1);
                Step::moved(asked.machine.on(Event::Rung))
            }
            Input::Record { .. }
            | Input::End(_)
            | Input::Elapsed(_)
            | Input::Stopping
            | Input::Stopped
            | Input::Failed(_) => Step::moved(asked.machine.on(Event::Over)),
        }
    }
}

/// Runs `turns` with a server of the welcome and the bell, the addresses of both, and how often the bell has rung. A server
/// that has nothing to do for too long stops.
fn with_server(
    turns: impl FnOnce(
        &mut Server<Mio, Watched<Streams<WelcomeStreams, Mio>, Bell, Mio>>,
        [Address; 2],
        &Cell<usize>,
    ),
) {
    let kernel = Mio::new().unwrap();
    let handle = kernel.handle();
    let bell = Bell::default();
    let rung = Rc::clone(&bell.rung);
    let welcome = WelcomeStreams::new(welcome::Settings::default());
    let services = Watched::new(Streams::new(welcome, 8), Streams::new(bell, PLACES)).giving_way();
    let mut server = Server::new(kernel, services, Settings::default());
    let addresses = [0, 1].map(|service| {
        let listens = server.listen_for(service, &"127.0.0.1:0".parse().unwrap()).unwrap();
        listens.addresses[0].clone()
    });
    let (over, is_over) = mpsc::channel::<()>();
    let guard = thread::spawn(move || {
        if is_over.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
            handle.stop().unwrap();
        }
    });
    turns(&mut server, addresses, &rung);
    drop(over);
    guard.join().unwrap();
}

/// A client that has said `words`.
fn client(address: &Address, words: &[u8]) -> TcpStream {
    let mut client = TcpStream::connect(address.inet().unwrap()).unwrap();
    client.write_all(words).unwrap();
    client.set_nonblocking(true).unwrap();
    client
}

#[test]
fn in_one_turn_a_watcher_goes_on_with_few_of_its_clients() {
    with_server(|server, [_, bell], rung| {
        let end = Instant::now() + LIMIT;
        let mut clients: Vec<_> = (0..PLACES).map(|_| client(&bell, b"")).collect();
        while server.services().watcher().connections() < PLACES {
            assert!(Instant::now() < end, "not all are accepted");
            server.turn().unwrap();
        }
        // All of them are ready at once.
        for client in &mut clients {
            client.write_all(&[b'?'; 50]).unwrap();
        }
        while rung.get() < PLACES * 50 {
            assert!(Instant::now() < end, "{} of {} answers", rung.get(), PLACES * 50);
            let before = rung.get();
            server.turn().unwrap();
            let answers = rung.get() - before;
            // Of one that had something to do, one that was accepted, and one that may have to give way.
            assert!(answers <= 3, "{answers} answers in one turn, while a client of the others may wait");
        }
    });
}

/// Whether a client who asks gets its answer while others who said `words`, and do not read, have all places.
fn is_answered_beside(words: &[u8]) -> bool {
    let mut is_answered = false;
    with_server(|server, [_, bell], _| {
        let _others: Vec<_> = (0..2 * PLACES).map(|_| client(&bell, words)).collect();
        let mut asks = client(&bell, b"?");
        let end = Instant::now() + LIMIT;
        while !is_answered && Instant::now() < end && !server.is_closed() {
            server.turn().unwrap();
            is_answered = asks.read(&mut [0; 1]).is_ok_and(|bytes| bytes == 1);
        }
    });
    is_answered
}

#[test]
fn who_asks_a_watcher_for_nothing_gives_way() {
    assert!(is_answered_beside(b""));
}

#[test]
fn who_has_asked_and_is_silent_gives_way() {
    assert!(is_answered_beside(b"?"));
}

#[test]
fn who_does_not_read_what_a_watcher_says_gives_way() {
    assert!(is_answered_beside(b"*"));
}
