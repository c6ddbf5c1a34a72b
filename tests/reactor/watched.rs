//! What is to come, built from outside. A status service shows the arrows of another service while they are taken. A
//! listening socket outlives its server, so that a successor serves the clients who came in between.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use welcomed::kernel::{Closing, Datagram, Interest, Kernel, Mio, Ready, Record};
use welcomed::machine::ArrowOf;
use welcomed::net::{Address, Destination, Peer};
use welcomed::reactor::service::{Input, OnStop, Step, StreamService, TIMERS, Then, Timer, Want};
use welcomed::reactor::{Server, Settings, Streams};
use welcomed::services::welcome::{self, WelcomeStreams};

/// How often each arrow was taken, as it is shown.
type Arrows = Rc<RefCell<BTreeMap<String, u64>>>;

/// A service whose arrows others can see.
struct Watched<S>(S, Arrows);

impl<S: StreamService> StreamService for Watched<S> {
    type Session = S::Session;
    type Table = S::Table;
    const ON_STOP: OnStop = S::ON_STOP;

    fn waits(&self) -> Vec<Duration> {
        self.0.waits()
    }

    fn open(&mut self, peer: &Peer, now: Instant) -> S::Session {
        self.0.open(peer, now)
    }

    fn want<'a>(&'a self, session: &'a S::Session) -> Want<'a> {
        self.0.want(session)
    }

    fn timers(&self, session: &S::Session) -> [Option<Timer>; TIMERS] {
        self.0.timers(session)
    }

    fn on(&mut self, session: &mut S::Session, input: Input<'_>, now: Instant) -> Step<S::Table> {
        self.0.on(session, input, now)
    }

    fn on_transition(&mut self, session: &S::Session, arrow: ArrowOf<S::Table>, peer: &Peer) {
        *self.1.borrow_mut().entry(arrow.to_string()).or_default() += 1;
        self.0.on_transition(session, arrow, peer);
    }
}

mod table {
    welcomed::machine! {
        "status"
        states { Reading = "reading", Writing = "writing", Closed = "closed", }
        events { Asked = "asked", Sent = "sent", Over = "over", }
        outcomes { Answered = "answered", Left = "left", }
        table {
            Reading + Asked => Writing,
            Reading + Over  => Closed: Left,
            Writing + Sent  => Closed: Answered,
            Writing + Over  => Closed: Left,
        }
    }
}
use table::{Event, Machine, State};

/// Answers a line with the arrows of the other service.
struct Status(Arrows);

#[derive(Default)]
struct Asked {
    machine: Machine,
    answer: Vec<u8>,
}

impl StreamService for Status {
    type Session = Asked;
    type Table = Machine;

    fn waits(&self) -> Vec<Duration> {
        Vec::new()
    }

    fn want<'a>(&'a self, asked: &'a Asked) -> Want<'a> {
        match asked.machine.state() {
            State::Reading => Want::Read { room: 100 },
            State::Writing => Want::Write { bytes: &asked.answer, then: Then::Close },
            State::Closed => Want::Close,
        }
    }

    fn timers(&self, _: &Asked) -> [Option<Timer>; TIMERS] {
        [None; TIMERS]
    }

    fn on(&mut self, asked: &mut Asked, input: Input<'_>, _: Instant) -> Step<Machine> {
        match input {
            Input::Bytes(bytes) => {
                let arrows = self.0.borrow();
                for (arrow, count) in arrows.iter() {
                    asked.answer.extend_from_slice(format!("{count} {arrow}\n").as_bytes());
                }
                Step { taken: bytes.len(), moved: asked.machine.on(Event::Asked) }
            }
            Input::Sent => Step::moved(asked.machine.on(Event::Sent)),
            Input::Record { .. }
            | Input::End(_)
            | Input::Elapsed(_)
            | Input::Stopping
            | Input::Stopped
            | Input::Failed => Step::moved(asked.machine.on(Event::Over)),
        }
    }
}

/// What comes back for `request`, up to the end.
fn ask(address: &Address, request: &[u8]) -> String {
    let mut client = TcpStream::connect(address.inet().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client.write_all(request).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

fn welcome(arrows: &Arrows) -> Watched<WelcomeStreams> {
    Watched(WelcomeStreams::new(welcome::Settings::default()), Rc::clone(arrows))
}

#[test]
fn a_service_shows_the_arrows_of_another_while_it_runs() {
    let arrows = Arrows::default();
    let kernel = Mio::new().unwrap();
    let handle = kernel.handle();
    let services = (Streams::new(welcome(&arrows), 8), Streams::new(Status(Rc::clone(&arrows)), 8));
    let mut server = Server::new(kernel, services, Settings::default());
    let mut listen = |service| {
        let listens = server.listen_for(service, &"127.0.0.1:0".parse().unwrap()).unwrap();
        listens.addresses[0].clone()
    };
    let (welcome, status) = (listen(0), listen(1));
    let client = thread::spawn(move || {
        for _ in 0..3 {
            assert_eq!(ask(&welcome, b"Ada\n"), "welcome ");
        }
        let shown = ask(&status, b"status\n");
        handle.stop().unwrap();
        shown
    });
    server.run().unwrap();
    let shown = client.join().unwrap();
    assert!(shown.contains("3 reading name -> writing welcome (line end)\n"), "{shown}");
    assert!(shown.contains("3 writing welcome -> closed (welcome sent)\n"), "{shown}");
}

type Socket = Rc<RefCell<<Mio as Kernel>::Listener>>;

/// The real kernel, with a listening socket that is kept open beyond the server: `socket` gives it again to the next one.
struct Keeping {
    mio: Mio,
    kept: Rc<RefCell<Option<(Socket, Address)>>>,
}

impl Kernel for Keeping {
    type Listener = Socket;
    type Stream = <Mio as Kernel>::Stream;

    fn now(&self) -> Instant {
        self.mio.now()
    }

    fn socket(&mut self, address: &Address) -> io::Result<Socket> {
        match &*self.kept.borrow() {
            Some((kept, _)) => Ok(Rc::clone(kept)),
            None => Ok(Rc::new(RefCell::new(self.mio.socket(address)?))),
        }
    }

    fn bind(&mut self, listener: &mut Socket, address: &Address, unix_mode: u32) -> io::Result<Address> {
        if let Some((_, address)) = &*self.kept.borrow() {
            return Ok(address.clone());
        }
        let address = self.mio.bind(&mut listener.borrow_mut(), address, unix_mode)?;
        *self.kept.borrow_mut() = Some((Rc::clone(listener), address.clone()));
        Ok(address)
    }

    fn listen(
        &mut self,
        listener: &mut Socket,
        index: usize,
        backlog: u32,
        output_timeout: Duration,
    ) -> io::Result<()> {
        self.mio.listen(&mut listener.borrow_mut(), index, backlog, output_timeout)
    }

    fn watch_again(&mut self, listener: &mut Socket, index: usize) -> io::Result<()> {
        self.mio.watch_again(&mut listener.borrow_mut(), index)
    }

    fn accept(&mut self, listener: &Socket) -> io::Result<(Self::Stream, Peer)> {
        self.mio.accept(&listener.borrow())
    }

    fn receive(&mut self, listener: &Socket, buffer: &mut [u8]) -> io::Result<Datagram> {
        self.mio.receive(&listener.borrow(), buffer)
    }

    fn send(
        &mut self,
        listener: &Socket,
        datagram: &[u8],
        peer: &Peer,
        asked: &Destination,
    ) -> io::Result<()> {
        self.mio.send(&listener.borrow(), datagram, peer, asked)
    }

    fn wait(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        self.mio.wait(ready, timeout)
    }

    fn watch(&mut self, stream: &mut Self::Stream, key: usize, interest: Interest) -> io::Result<()> {
        self.mio.watch(stream, key, interest)
    }

    fn round_trip(&self, stream: &Self::Stream) -> io::Result<Duration> {
        self.mio.round_trip(stream)
    }

    fn read(&mut self, stream: &mut Self::Stream, buffer: &mut [u8]) -> io::Result<usize> {
        self.mio.read(stream, buffer)
    }

    fn read_record(&mut self, stream: &mut Self::Stream, buffer: &mut [u8]) -> io::Result<Option<Record>> {
        self.mio.read_record(stream, buffer)
    }

    fn write(&mut self, stream: &mut Self::Stream, bytes: &[u8], more: bool) -> io::Result<usize> {
        self.mio.write(stream, bytes, more)
    }

    fn shutdown_write(&mut self, stream: &mut Self::Stream) -> io::Result<()> {
        self.mio.shutdown_write(stream)
    }

    fn close(&mut self, stream: Self::Stream, closing: Closing) {
        self.mio.close(stream, closing);
    }
}

#[test]
fn a_listening_socket_can_outlive_its_server() {
    let (kept, arrows) = (Rc::default(), Arrows::default());
    let start = || {
        let kernel = Keeping { mio: Mio::new().unwrap(), kept: Rc::clone(&kept) };
        let handle = kernel.mio.handle();
        let mut server = Server::new(kernel, Streams::new(welcome(&arrows), 8), Settings::default());
        let listens = server.listen(&"127.0.0.1:0".parse().unwrap()).unwrap();
        (server, handle, listens.addresses[0].clone())
    };
    let (mut server, handle, address) = start();
    handle.stop().unwrap();
    server.run().unwrap();
    drop(server);
    // No server runs, and a client connects.
    let client = TcpStream::connect(address.inet().unwrap()).unwrap();
    let (mut server, handle, again) = start();
    assert_eq!(address, again);
    let client = thread::spawn(move || {
        let mut client = client;
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        client.write_all(b"Ada\n").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        handle.stop().unwrap();
        answer
    });
    server.run().unwrap();
    assert_eq!(client.join().unwrap(), "welcome ");
}
