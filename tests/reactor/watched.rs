//! What is to come, built from outside. A status service shows the arrows of another service while they are taken. A
//! listening socket outlives its server, so that a successor serves the clients who came in between.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use welcomed::kernel::{Closing, Datagram, Handle, Interest, Kernel, Mio, Ready, Record};
use welcomed::net::{Address, Destination, Peer};
use welcomed::reactor::service::{Input, Step, StreamService, TIMERS, Then, Timer, Want};
use welcomed::reactor::view::{SocketView, View};
use welcomed::reactor::{Server, Services, Settings, Streams, Watched, Watcher};
use welcomed::services::welcome::{self, WelcomeStreams};

use crate::chatter::Chatter;
use crate::stage::unix;

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

/// Answers a line with the arrows of the other services, and keeps the connection open. A connection that has asked for
/// `much` is never done with its answer, unless its client reads.
#[derive(Default)]
struct Status {
    view: View,
}

#[derive(Default)]
struct Asked {
    machine: Machine,
    answer: Vec<u8>,
}

impl Status {
    fn answer(&self) -> Vec<u8> {
        let mut answer = format!("stopping: {}\n", self.view.stopping);
        for machine in self.view.services.iter().flat_map(|service| &service.machines) {
            for ((from, event, to), taken) in machine.diagram.arrows.iter().zip(&machine.taken) {
                let _ = writeln!(answer, "{taken} {from} {event} {to}");
            }
            for ((_, name), standing) in machine.diagram.states.iter().zip(&machine.standing) {
                let _ = writeln!(answer, "{standing} in {name}");
            }
        }
        for socket in &self.view.sockets {
            let SocketView { address, service, state, .. } = socket;
            let _ = writeln!(answer, "{address} serves {service} and is {state}");
        }
        answer.into_bytes()
    }
}

impl Watcher for Status {
    fn look(&mut self, view: View) {
        self.view = view;
    }
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
                asked.answer = if bytes == b"much\n" { vec![0; 64 << 20] } else { self.answer() };
                Step { taken: bytes.len(), moved: asked.machine.on(Event::Asked) }
            }
            Input::Sent => Step::moved(asked.machine.on(Event::Sent)),
            Input::Stopping if asked.machine.state() == State::Writing => Step::took(0),
            Input::Record { .. }
            | Input::End(_)
            | Input::Elapsed(_)
            | Input::Stopping
            | Input::Stopped
            | Input::Failed(_) => Step::moved(asked.machine.on(Event::Over)),
        }
    }
}

/// What comes back for `request`, up to the end.
fn ask(address: &Address, request: &[u8]) -> String {
    let mut client = connect(address);
    client.write_all(request).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

fn connect(address: &Address) -> TcpStream {
    let client = TcpStream::connect(address.inet().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client
}

fn welcome() -> WelcomeStreams {
    WelcomeStreams::new(welcome::Settings::default())
}

/// A server of the welcome that is watched, while `clients` runs: it gets the addresses of both, and a handle. Gives what
/// `clients` gave, and how long the server went on after that.
fn watched<T: Send>(clients: impl FnOnce([Address; 2], Handle) -> T + Send) -> (T, Duration) {
    let kernel = Mio::new().unwrap();
    let handle = kernel.handle();
    let services = Watched::new(Streams::new(welcome(), 8), Streams::new(Status::default(), 8));
    let mut server = Server::new(kernel, services, Settings::default());
    let addresses = [0, 1].map(|service| {
        let listens = server.listen_for(service, &"127.0.0.1:0".parse().unwrap()).unwrap();
        listens.addresses[0].clone()
    });
    thread::scope(|scope| {
        let stop = handle.clone();
        let clients = scope.spawn(move || {
            let gave = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| clients(addresses, handle)));
            stop.stop().unwrap();
            (gave, Instant::now())
        });
        server.run().unwrap();
        let (gave, at) = clients.join().unwrap();
        (gave.unwrap_or_else(|panic| std::panic::resume_unwind(panic)), at.elapsed())
    })
}

#[test]
fn a_service_shows_the_arrows_of_another_while_it_runs() {
    let (shown, _) = watched(|[welcome, status], _| {
        for _ in 0..3 {
            assert_eq!(ask(&welcome, b"Ada\n"), "welcome ");
        }
        let _silent = connect(&welcome);
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let shown = ask(&status, b"status\n");
            if shown.contains("1 in reading name\n") || Instant::now() > end {
                return (shown, welcome, status);
            }
        }
    });
    let (shown, welcome, status) = shown;
    for line in [
        "stopping: false".to_owned(),
        "3 ReadingName line end WritingWelcome".to_owned(),
        "3 WritingWelcome welcome sent Closed".to_owned(),
        "1 in reading name".to_owned(),
        format!("{welcome} serves 0 and is listening"),
        format!("{status} serves 1 and is listening"),
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} in {shown}");
    }
}

#[test]
fn services_that_are_watched_are_served_as_without_a_watcher() {
    let kernel = Mio::new().unwrap();
    let handle = kernel.handle();
    let pair = (Streams::new(welcome(), 8), Streams::new(Chatter::default(), 8));
    let services = Watched::new(pair, Streams::new(Status::default(), 8));
    let write_timeout = services.services().0.service().settings().write_timeout;
    assert_eq!(Services::<Mio>::output_timeout(&services, 0), write_timeout);
    assert_ne!(Services::<Mio>::output_timeout(&services, 2), write_timeout);
    let mut server = Server::new(kernel, services, Settings::default());
    for service in 0..3 {
        assert!(server.listen_for(service, &"udp://127.0.0.1:0".parse().unwrap()).is_err());
    }
    let mut listen = |service, endpoint: &str| {
        let listens = server.listen_for(service, &endpoint.parse().unwrap()).unwrap();
        listens.addresses[0].clone()
    };
    let welcome = listen(0, "127.0.0.1:0");
    let endpoint = unix("unix", "watched");
    listen(1, &endpoint);
    let name = SocketAddr::from_abstract_name(endpoint.strip_prefix("unix://@").unwrap()).unwrap();
    let mut asks = connect(&welcome);
    let mut chats = UnixStream::connect_addr(&name).unwrap();
    chats.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let clients = thread::spawn(move || {
        let mut line = [0; 3];
        let mut chat = || chats.write_all(b"echo hi\n").and_then(|()| chats.read_exact(&mut line));
        let said = chat().and_then(|()| chat());
        // The loop waits for both.
        let mut answer = String::new();
        let asked = asks.write_all(b"Ada\n").and_then(|()| asks.read_to_string(&mut answer));
        handle.stop().unwrap();
        (chats, said.is_ok().then_some(line), asked.is_ok().then_some(answer))
    });
    server.run().unwrap();
    let (_chats, said, asked) = clients.join().unwrap();
    assert_eq!((said, asked), (Some(*b"hi\n"), Some("welcome ".to_owned())));
    assert_eq!(server.services().services().1.service().stoppings, 1, "a client is told of the stop once");
}

#[test]
fn a_watcher_goes_on_until_what_it_shows_is_over() {
    let (gave, went_on) = watched(|[welcome, status], handle| {
        let mut slow = connect(&welcome);
        slow.write_all(b"A").unwrap();
        let idle = connect(&status);
        handle.stop().unwrap();
        let end = Instant::now() + Duration::from_secs(4);
        let mut shown = ask(&status, b"status\n");
        while !shown.contains("stopping: true") && Instant::now() < end {
            shown = ask(&status, b"status\n");
        }
        slow.write_all(b"da\n").unwrap();
        let mut answer = String::new();
        slow.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "welcome ");
        // The idle one sees its end as soon as nothing is left to be shown.
        let ended = Instant::now();
        (&idle).read_to_string(&mut String::new()).unwrap();
        (shown, welcome, ended.elapsed())
    });
    let (shown, welcome, ended) = gave;
    assert!(shown.contains("stopping: true"), "{shown}");
    assert!(shown.contains(&format!("{welcome} serves 0 and is draining")), "{shown}");
    assert!(ended < Duration::from_secs(1) && went_on < Duration::from_secs(1), "{ended:?} {went_on:?}");
}

#[test]
fn a_watcher_that_does_not_read_holds_up_no_stop() {
    let (_slow, went_on) = watched(|[_, status], handle| {
        let mut slow = connect(&status);
        slow.write_all(b"much\n").unwrap();
        slow.read_exact(&mut [0; 1]).unwrap();
        handle.stop().unwrap();
        slow
    });
    assert!(went_on < Duration::from_secs(2), "{went_on:?}");
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

    fn let_no_more_in(&mut self, listener: &Socket) -> io::Result<bool> {
        self.mio.let_no_more_in(&listener.borrow())
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
    let kept = Rc::default();
    let start = || {
        let kernel = Keeping { mio: Mio::new().unwrap(), kept: Rc::clone(&kept) };
        let handle = kernel.mio.handle();
        let mut server = Server::new(kernel, Streams::new(welcome(), 8), Settings::default());
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
