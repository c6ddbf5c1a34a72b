//! A kernel that does not run dry: input, datagrams and errors without end, and what the loop makes of them.

use std::cell::Cell;
use std::io::{self, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use welcomed::kernel::{Closing, Datagram, Handle, Interest, Kernel, Mio, Ready, Record, mio};
use welcomed::net::{Address, Destination, ErrorCode, Peer};
use welcomed::reactor::service::{Input, Step, StreamService, TIMERS, Then, Timer, Want};
use welcomed::reactor::{Breach, Datagrams, Server, Services, Settings, Streams};
use welcomed::services::welcome::{Welcome, WelcomeDatagrams};

use crate::stage::BOUND;

mod table {
    welcomed::machine! {
        "clock"
        states { Reading = "reading", Writing = "writing", Last = "last words", Closed = "closed", }
        events { Tick = "tick", Asked = "asked", Late = "late", Sent = "sent", Over = "over", }
        outcomes { Done = "done", }
        table {
            Reading + Tick => Reading,
            Reading + Asked => Writing,
            Reading + Late => Last,
            Reading + Over => Closed: Done,
            Writing + Sent => Reading,
            Writing + Over => Closed: Done,
            Last + Sent => Closed: Done,
            Last + Over => Closed: Done,
        }
    }
}
use table::{Event, Machine, State};

/// What its timer does.
#[derive(Clone, Copy, PartialEq)]
enum Timed {
    /// It ticks, beside input that is not taken.
    Ticks,
    /// It leads to a word, and is declared again with its old generation.
    Comes,
    /// It leads to the last words.
    Ends,
}

struct Clock {
    timed: Timed,
    wait: Duration,
    word: &'static [u8],
}

#[derive(Default)]
struct Session {
    machine: Machine,
    ticks: u32,
}

impl StreamService for Clock {
    type Session = Session;
    type Table = Machine;

    fn waits(&self) -> Vec<Duration> {
        vec![self.wait]
    }

    fn want<'a>(&'a self, session: &'a Session) -> Want<'a> {
        match session.machine.state() {
            State::Reading => Want::Read { room: 65_536 },
            State::Writing => Want::Write { bytes: self.word, then: Then::Read },
            State::Last => Want::Write { bytes: b"last\n", then: Then::Close },
            State::Closed => Want::Close,
        }
    }

    fn timers(&self, session: &Session) -> [Option<Timer>; TIMERS] {
        let reads = session.machine.state() == State::Reading;
        [reads.then_some(Timer { wait: 0, generation: session.ticks }), None]
    }

    fn on(&mut self, session: &mut Session, input: Input<'_>, _: Instant) -> Step<Machine> {
        let event = match (input, self.timed) {
            (Input::Bytes(bytes), Timed::Ends) => return Step::took(bytes.len()),
            (Input::Bytes(_) | Input::Stopping, _) => return Step::took(0),
            (Input::Elapsed(_), Timed::Ticks) => {
                session.ticks += 1;
                Event::Tick
            }
            (Input::Elapsed(_), Timed::Comes) => Event::Asked,
            (Input::Elapsed(_), Timed::Ends) => Event::Late,
            (Input::Sent, _) => Event::Sent,
            _ => Event::Over,
        };
        Step::moved(session.machine.on(event))
    }
}

/// What the kernel has no end of, and what it was asked for.
#[derive(Default)]
struct Endless {
    input: Cell<bool>,
    /// Whether it takes all that is written but for one byte.
    output: Cell<bool>,
    datagrams: Cell<bool>,
    no_descriptor: Cell<bool>,
    no_watch: Cell<bool>,
    asked: Cell<u32>,
    closing: Cell<Option<Closing>>,
}

struct Real(Mio, Rc<Endless>);

impl Kernel for Real {
    type Listener = mio::Listener;
    type Stream = mio::Stream;

    fn now(&self) -> Instant {
        self.0.now()
    }
    fn socket(&mut self, address: &Address) -> io::Result<Self::Listener> {
        self.0.socket(address)
    }
    fn bind(&mut self, socket: &mut Self::Listener, address: &Address, mode: u32) -> io::Result<Address> {
        self.0.bind(socket, address, mode)
    }
    fn listen(
        &mut self,
        socket: &mut Self::Listener,
        index: usize,
        backlog: u32,
        output_timeout: Duration,
    ) -> io::Result<()> {
        self.0.listen(socket, index, backlog, output_timeout)
    }
    fn watch_again(&mut self, socket: &mut Self::Listener, index: usize) -> io::Result<()> {
        if self.1.no_watch.get() { Err(ErrorCode::NoMem.into()) } else { self.0.watch_again(socket, index) }
    }
    fn let_no_more_in(&mut self, socket: &Self::Listener) -> io::Result<bool> {
        self.0.let_no_more_in(socket)
    }
    fn accept(&mut self, socket: &Self::Listener) -> io::Result<(Self::Stream, Peer)> {
        self.1.asked.update(|asked| asked + 1);
        if self.1.no_descriptor.get() { Err(ErrorCode::MFile.into()) } else { self.0.accept(socket) }
    }
    fn receive(&mut self, socket: &Self::Listener, buffer: &mut [u8]) -> io::Result<Datagram> {
        if !self.1.datagrams.get() {
            return self.0.receive(socket, buffer);
        }
        self.1.asked.update(|asked| asked + 1);
        buffer[..3].copy_from_slice(b"Ada");
        let port = u16::try_from(2000 + self.1.asked.get() % 60_000).unwrap();
        let own = [127, 0, 0, 1];
        Ok(Datagram {
            record: Record { bytes: 3, truncated: false },
            peer: Peer::Inet((own, port).into()),
            to: Destination::One { address: own.into(), interface: 1 },
        })
    }
    fn send(
        &mut self,
        socket: &Self::Listener,
        datagram: &[u8],
        peer: &Peer,
        asked: &Destination,
    ) -> io::Result<()> {
        if self.1.datagrams.get() { Ok(()) } else { self.0.send(socket, datagram, peer, asked) }
    }
    fn wait(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        self.0.wait(ready, timeout)
    }
    fn watch(&mut self, stream: &mut Self::Stream, key: usize, interest: Interest) -> io::Result<()> {
        self.0.watch(stream, key, interest)
    }
    fn round_trip(&self, stream: &Self::Stream) -> io::Result<Duration> {
        self.0.round_trip(stream)
    }
    fn read(&mut self, stream: &mut Self::Stream, buffer: &mut [u8]) -> io::Result<usize> {
        if self.1.input.get() { Ok(buffer.len()) } else { self.0.read(stream, buffer) }
    }
    fn read_record(&mut self, stream: &mut Self::Stream, buffer: &mut [u8]) -> io::Result<Option<Record>> {
        self.0.read_record(stream, buffer)
    }
    fn write(&mut self, stream: &mut Self::Stream, bytes: &[u8], more: bool) -> io::Result<usize> {
        if self.1.output.get() { Ok(bytes.len() - 1) } else { self.0.write(stream, bytes, more) }
    }
    fn shutdown_write(&mut self, stream: &mut Self::Stream) -> io::Result<()> {
        self.0.shutdown_write(stream)
    }
    fn close(&mut self, stream: Self::Stream, closing: Closing) {
        self.1.closing.set(Some(closing));
        self.0.close(stream, closing);
    }
}

/// A server on such a kernel that is to stop within 50 ms, if it is told to.
struct Run<H> {
    server: Server<Real, H>,
    kernel: Rc<Endless>,
    handle: Handle,
    address: SocketAddr,
}

impl<H: Services<Real>> Run<H> {
    fn new(services: H, endpoint: &str, drain_quiet: Option<Duration>) -> Run<H> {
        let (mio, kernel) = (Mio::new().unwrap(), Rc::new(Endless::default()));
        let handle = mio.handle();
        let mut settings = Settings::default();
        (settings.drain_timeout, settings.drain_quiet) = (Duration::from_millis(50), drain_quiet);
        let mut server = Server::new(Real(mio, Rc::clone(&kernel)), services, settings);
        let listening = server.listen(&endpoint.parse().unwrap()).unwrap();
        let address = listening.addresses[0].inet().unwrap();
        Run { server, kernel, handle, address }
    }

    /// Turns the loop until it is so, for a bounded time; the loop is woken now and then. Gives whether it came to pass.
    fn until(&mut self, bound: Duration, is_so: impl Fn(&Run<H>) -> bool) -> bool {
        let start = Instant::now();
        let handle = self.handle.clone();
        let (over, is_over) = std::sync::mpsc::channel::<()>();
        let waker = thread::spawn(move || {
            while is_over.recv_timeout(Duration::from_millis(20))
                == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                let _ = handle.report();
            }
        });
        while !is_so(self) && start.elapsed() < bound {
            self.server.turn().unwrap();
        }
        drop(over);
        waker.join().unwrap();
        is_so(self)
    }
}

fn clock(timed: Timed, wait: u64) -> Streams<Clock, Real> {
    Streams::new(Clock { timed, wait: Duration::from_millis(wait), word: b"word\n" }, 8)
}

/// So many zeros, as addresses without memory behind them; `None` where the system has not even those.
fn zeros(bytes: usize) -> Option<&'static [u8]> {
    Vec::<u8>::new().try_reserve_exact(bytes).ok()?;
    Some(Box::leak(vec![0; bytes].into()))
}

#[test]
fn a_timer_may_tick_for_ever_beside_half_a_line() {
    let mut run = Run::new(clock(Timed::Ticks, 1), "127.0.0.1:0", None);
    let mut client = TcpStream::connect(run.address).unwrap();
    client.write_all(b"half a line").unwrap();
    let ticks =
        |run: &Run<Streams<Clock, Real>>| run.server.services().counts().count(State::Reading, Event::Tick);
    assert!(run.until(BOUND, |run| ticks(run) > 250));
    assert_eq!(run.server.services().connections(), 1);
}

#[test]
fn a_timer_that_ran_out_and_comes_back_runs_again() {
    let mut run = Run::new(clock(Timed::Comes, 5), "127.0.0.1:0", None);
    let _client = TcpStream::connect(run.address).unwrap();
    let words =
        |run: &Run<Streams<Clock, Real>>| run.server.services().counts().count(State::Writing, Event::Sent);
    assert!(run.until(BOUND, |run| words(run) > 2));
}

#[test]
fn an_output_of_more_than_4_gib_is_found_out() {
    let Some(word) = usize::try_from((1_u64 << 32) + 1).ok().and_then(zeros) else {
        return eprintln!("NOT TESTED: an output of 4 GiB, which this system has no addresses for");
    };
    let service = Clock { timed: Timed::Comes, wait: Duration::from_millis(5), word };
    let mut run = Run::new(Streams::new(service, 8), "127.0.0.1:0", None);
    run.kernel.output.set(true);
    let _client = TcpStream::connect(run.address).unwrap();
    let broken = |run: &Run<Streams<Clock, Real>>| run.server.services().counts().broken() == 1;
    match catch_unwind(AssertUnwindSafe(|| run.until(BOUND, broken))) {
        Ok(found_out) => assert!(found_out && !cfg!(debug_assertions)),
        Err(panic) => {
            let said = panic.downcast::<String>().unwrap();
            assert!(said.contains(&Breach::OutputTooLong.to_string()), "{said}");
        }
    }
}

#[test]
fn last_words_beside_endless_input_are_lingered_for() {
    let mut run = Run::new(clock(Timed::Ends, 50), "127.0.0.1:0", None);
    let mut client = TcpStream::connect(run.address).unwrap();
    client.write_all(b"x").unwrap();
    run.kernel.input.set(true);
    let lingered = |run: &Run<Streams<Clock, Real>>| run.server.services().counts().lingered();
    assert!(run.until(BOUND, |run| run.kernel.closing.get().is_some() || lingered(run) > 0));
    assert_eq!((lingered(&run), run.kernel.closing.get()), (1, None));
}

#[test]
fn a_stream_is_closed_at_once_where_its_end_was_read() {
    for (shuts, closing) in [(true, Closing::AtOnce), (false, Closing::Delivering)] {
        let mut run = Run::new(clock(Timed::Comes, 5), "127.0.0.1:0", None);
        let client = TcpStream::connect(run.address).unwrap();
        let words = |run: &Run<Streams<Clock, Real>>| {
            run.server.services().counts().count(State::Writing, Event::Sent)
        };
        assert!(run.until(BOUND, |run| words(run) > 0));
        if shuts {
            client.shutdown(Shutdown::Write).unwrap();
        } else {
            run.handle.stop().unwrap();
        }
        assert!(run.until(BOUND, |run| run.kernel.closing.get().is_some()));
        assert_eq!(run.kernel.closing.get(), Some(closing), "{shuts}");
    }
}

#[test]
fn a_stop_ends_though_datagrams_come_without_end() {
    for endpoint in ["udp://0.0.0.0:0", "udp://127.0.0.1:0"] {
        let service = Datagrams::new(WelcomeDatagrams::new(Welcome::default()).unwrap());
        let mut run = Run::new(service, endpoint, None);
        run.kernel.datagrams.set(true);
        run.handle.stop().unwrap();
        assert!(run.until(BOUND, |run| run.server.is_closed()), "{endpoint}");
    }
}

#[test]
fn a_stop_ends_though_it_is_to_be_quiet_for_ever() {
    let mut run = Run::new(clock(Timed::Ends, 50), "127.0.0.1:0", Some(Duration::MAX));
    run.handle.stop().unwrap();
    assert!(run.until(BOUND, |run| run.server.is_closed()));
}

#[test]
fn a_pause_for_want_of_descriptors_goes_on_while_draining() {
    for no_watch in [false, true] {
        let mut run = Run::new(clock(Timed::Ends, 5000), "127.0.0.1:0", Some(Duration::from_secs(1)));
        run.kernel.no_descriptor.set(true);
        run.kernel.no_watch.set(no_watch);
        let _client = TcpStream::connect(run.address).unwrap();
        assert!(run.until(BOUND, |run| run.kernel.asked.get() > 0));
        run.kernel.asked.set(0);
        run.handle.stop().unwrap();
        run.until(BOUND, |run| run.server.is_closed());
        assert!(run.kernel.asked.get() < 8, "{} times in 50 ms", run.kernel.asked.get());
    }
}
