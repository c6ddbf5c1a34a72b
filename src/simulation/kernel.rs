//! The simulated kernel: the world as the loop's system calls show it, with faults.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::client::Place;
use super::faults::{Call, Fault};
use super::promises::{Promise, broken};
use super::socket::Socket;
use super::watch::Watch;
use super::world::World;
use crate::kernel::{Closing, Datagram, Interest, Kernel, Ready, Record, Signal};
use crate::net::{Address, Destination, ErrorCode, Peer};

/// What the kernel and the player of a schedule share.
pub(super) struct State {
    pub(super) world: World,
    pub(super) watch: Watch,
    /// The moment that virtual time counts from.
    start: Instant,
}

/// The simulated kernel.
#[derive(Clone)]
pub struct Sim(pub(super) Rc<RefCell<State>>);

/// A socket of the server, and which; dropping it closes it.
pub struct SimListener {
    pub(super) sim: Sim,
    pub(super) index: usize,
}

/// The stream of a client; dropping it closes it.
pub struct SimStream {
    pub(super) client: usize,
    pub(super) sim: Sim,
    /// How the loop closes it; `None` if the end of the server does.
    closing: Option<Closing>,
}

impl Sim {
    #[expect(clippy::disallowed_methods, reason = "a moment for virtual time to count from")]
    pub(super) fn new(world: World) -> Sim {
        let watch = Watch::new(world.places.len());
        Sim(Rc::new(RefCell::new(State { world, watch, start: Instant::now() })))
    }

    /// Makes a call: time passes, clients may act, and something may go wrong. `number` is that of the client, or of the
    /// socket; 0 for a wait. `shown` is what the trace says of the result.
    pub(super) fn call<T>(
        &self,
        call: Call,
        number: usize,
        does: impl FnOnce(&mut State, Option<Fault>) -> io::Result<T>,
        shown: impl FnOnce(&State, &T) -> String,
    ) -> io::Result<T> {
        let state = &mut *self.0.borrow_mut();
        state.watch.called();
        let world = &mut state.world;
        world.now += world.weather.cost();
        if world.weather.concurrent {
            world.deliver();
        }
        let (client, place) = (call.is_for_a_client().then_some(number), world.calls.len());
        world.calls.push(call);
        let fault = world.weather.fault(place, call, number);
        if let Some(fault) = fault {
            world.faults.push((place, fault));
            state.watch.progressed(); // whatever the loop does now, it has a reason to
        }
        if client.is_some_and(|index| world.clients[index].above_share) {
            broken(
                Promise::Fairness,
                format!("client {number} is served, and its source has all it may have"),
            );
        }
        if let (Some(Fault::Error(code)), Some(index)) = (fault, client) {
            world.endanger(index, call, code);
        }
        if let Some(Fault::Leap(length)) = fault.filter(|_| call != Call::Wait) {
            world.leap(length);
        }
        let result = does(state, fault);
        if state.world.trace.is_some() {
            let outcome = match &result {
                Ok(value) => shown(state, value),
                Err(error) if error.kind() == ErrorKind::WouldBlock => "would block".to_owned(),
                Err(error) => format!("fails: {error}"),
            };
            let fault = fault.map_or_else(String::new, |fault| format!(" (fault: {fault})"));
            let whose = client.map_or_else(String::new, |index| format!(" of client {index}"));
            state.world.note(|| format!("    call {place}: {call:?}{whose}: {outcome}{fault}"));
        }
        result
    }

    /// Whether the event for a stream would have `EPOLLRDHUP` or `EPOLLHUP` among its flags: what no loop should need
    /// to ask, and the seam does not tell.
    #[must_use]
    pub fn has_hung_up(&self, stream: &SimStream) -> bool {
        let client = &self.0.borrow().world.clients[stream.client];
        client.shut_at.is_some() || client.is_done || client.reset
    }
}

pub(super) fn would_block<T>() -> io::Result<T> {
    Err(ErrorKind::WouldBlock.into())
}

impl State {
    fn wait(&mut self, timeout: Option<Duration>, fault: Option<Fault>) -> io::Result<Vec<Ready>> {
        let world = &mut self.world;
        world.sockets.iter_mut().for_each(|socket| socket.unsent = 0);
        let began = world.now;
        let until = timeout.map(|timeout| world.now + timeout);
        if let Some(Fault::Leap(length)) = fault {
            world.leap(length);
        }
        world.deliver();
        if let Some(Fault::Error(code)) = fault {
            if Call::Wait.deadly().contains(&code) {
                self.watch.fails(code);
                self.world.breaks("there was no way to go on");
            }
            return Err(code.into());
        }
        let mut events = self.world.events(fault);
        while events.is_empty() {
            let world = &mut self.world;
            let lateness = world.weather.lateness();
            let until = until.map(|until| (until + lateness).max(world.now));
            let Some(next) = world.next_moment().into_iter().chain(until).min() else {
                if world.is_over() && world.stopped_at.is_none() {
                    break; // the last client has just found a socket that had failed
                }
                broken(Promise::NoStall, "the loop waits for ever, and nothing will happen".to_owned());
            };
            world.now = next.max(world.now);
            world.deliver();
            events = world.events(None);
            if until.is_some_and(|until| until <= world.now) {
                break;
            }
        }
        for _ in events.iter().filter(|event| **event == Ready::Signal(Signal::Stop)) {
            self.world.is_told_to_stop();
            self.world.notes_the_end(self.world.now);
        }
        self.watch.waited(&self.world, began, &events);
        Ok(events)
    }

    /// Accepts the client that has waited longest at a socket.
    fn accept(&mut self, socket: usize, fault: Option<Fault>) -> io::Result<usize> {
        let State { world, watch, .. } = self;
        let service = world.sockets[socket].service;
        watch.asks_for_clients(service, world.now);
        world.asks_for_a_client();
        if let Some(Fault::Error(code)) = fault {
            self.breaks_socket(Call::Accept, socket, code);
            return self.world.accept_fails(socket, code);
        }
        // Linux takes the descriptor before it looks at the queue.
        if !world.has_descriptor() {
            return world.accept_fails(socket, ErrorCode::MFile);
        }
        let Some(index) = world.sockets[socket].queue.front().copied() else {
            return world.sockets[socket].would_block(&world.weather);
        };
        world.serve_next(socket);
        world.counts_for_its_source(index);
        watch.accepted(&mut world.clients[index], world.now);
        world.takes_a_descriptor(index);
        let (inside, places) = (world.inside(service), world.places[usize::from(service)]);
        if inside > places {
            broken(Promise::NoLeak, format!("{inside} streams are open, and there are {places} places"));
        }
        Ok(index)
    }

    /// If the error is one after which a socket of the server is broken: the server has to stop.
    pub(super) fn breaks_socket(&mut self, call: Call, socket: usize, code: ErrorCode) {
        if !call.deadly().contains(&code) {
            return;
        }
        self.world.sockets[socket].is_broken = true;
        // What only watches does not end what it shows.
        if !self.world.watches(self.world.sockets[socket].service) {
            self.watch.fails(code);
            self.world.breaks("the server's socket broke");
            self.world.stopped_at.get_or_insert(self.watch.turn_at);
        }
    }
}

/// In the words of the trace.
fn told(closing: Closing) -> &'static str {
    match closing {
        Closing::AtOnce => "at once",
        Closing::Delivering => "delivering",
        Closing::Cut => "cut short",
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        // While a broken promise unwinds the stack, another one has nothing to say.
        if !std::thread::panicking() {
            let State { world, watch, .. } = &mut *self.sim.0.borrow_mut();
            world.close_socket(self.index);
            world.notes_the_end(watch.turn_at);
        }
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        // A server that is dropped because a promise is broken closes nothing of its own accord.
        if std::thread::panicking() {
            return;
        }
        let (index, state) = (self.client, &mut *self.sim.0.borrow_mut());
        state.watch.progressed();
        let State { world, watch, .. } = state;
        let is_full: Vec<bool> =
            (0..).take(world.places.len()).map(|service| !world.has_room(service)).collect();
        let client = &mut world.clients[index];
        (client.place, client.watched, client.edge) = (Place::Over, None, false);
        for (service, _) in (0..).zip(is_full).filter(|(_, is_full)| *is_full) {
            watch.asks_for_clients(service, world.now); // it can do so from now on
        }
        let client = &mut world.clients[index];
        let service = client.service;
        // Or the loop was told so, if not truly.
        let waits = |socket: &Socket| {
            socket.service == service && (!socket.queue.is_empty() || socket.waits_since.is_some())
        };
        let gave_way = world.sockets.iter().any(waits);
        let client = &mut world.clients[index];
        client.gave_way = gave_way;
        if self.closing.is_some() {
            client.closed_at = Some(world.now);
            client.sent_at_close = Some((client.sent.len(), client.records.len()));
        }
        let (unread, closing) = (client.unread(), self.closing.unwrap_or(client.closing_when_dropped()));
        world.closed += 1;
        world.closes_stream_of(service);
        world.notes_the_end(watch.turn_at);
        world.note(|| format!("    close of client {index}, {}, {unread} bytes unread", told(closing)));
        world.close(index, closing);
    }
}

impl Kernel for Sim {
    type Listener = SimListener;
    type Stream = SimStream;

    fn now(&self) -> Instant {
        let State { world, watch, start } = &mut *self.0.borrow_mut();
        world.now += world.weather.cost();
        watch.looked_at_the_clock(world.now);
        *start + world.now
    }

    fn socket(&mut self, _: &Address) -> io::Result<SimListener> {
        Ok(SimListener { sim: self.clone(), index: usize::MAX })
    }

    fn bind(&mut self, _: &mut SimListener, address: &Address, _: u32) -> io::Result<Address> {
        Ok(address.clone())
    }

    fn listen(&mut self, socket: &mut SimListener, index: usize, _: u32, _: Duration) -> io::Result<()> {
        socket.index = index;
        let socket = &mut self.0.borrow_mut().world.sockets[index];
        (socket.is_open, socket.lets_in) = (true, true);
        Ok(())
    }

    fn watch_again(&mut self, socket: &mut SimListener, _: usize) -> io::Result<()> {
        self.0.borrow_mut().world.sockets[socket.index].watched_again();
        Ok(())
    }

    fn let_no_more_in(&mut self, socket: &SimListener) -> io::Result<bool> {
        Ok(self.0.borrow_mut().world.sockets[socket.index].lets_no_more_in())
    }

    fn keep_back(&mut self, count: usize) {
        self.0.borrow_mut().world.keep_back(count);
    }

    fn let_go(&mut self) -> bool {
        self.0.borrow_mut().world.let_go()
    }

    fn accept(&mut self, socket: &SimListener) -> io::Result<(SimStream, Peer)> {
        let client = self.call(
            Call::Accept,
            socket.index,
            |state, fault| state.accept(socket.index, fault),
            |state, index| format!("client {index}, {}", state.world.peer(*index)),
        )?;
        let peer = self.0.borrow().world.peer(client);
        Ok((SimStream { client, sim: self.clone(), closing: None }, peer))
    }

    fn wait(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        {
            let State { world, watch, .. } = &mut *self.0.borrow_mut();
            watch.before_wait(world, timeout);
        }
        let events = self.call(
            Call::Wait,
            0,
            |state, fault| state.wait(timeout, fault),
            |_, events| format!("{events:?}"),
        )?;
        ready.extend(events);
        Ok(())
    }

    fn watch(&mut self, stream: &mut SimStream, key: usize, interest: Interest) -> io::Result<()> {
        let does = |state: &mut State, fault| {
            let State { world, watch, .. } = state;
            let client = &mut world.clients[stream.client];
            watch.progressed();
            if let Some(Fault::Error(code)) = fault {
                // A reason to let clients wait from now on.
                watch.asks_for_clients(client.service, world.now);
                world.pauses[usize::from(client.service)] += 1;
                // That this one is closed makes no room for the next.
                world.refused[usize::from(client.service)] = Some((world.now, world.closed + 1));
                return Err(client.fails(code));
            }
            client.watch(key, interest, &world.weather);
            Ok(())
        };
        self.call(Call::Watch, stream.client, does, |_, ()| format!("{interest:?}"))
    }

    fn round_trip(&self, stream: &SimStream) -> io::Result<Duration> {
        let world = &self.0.borrow().world;
        Ok(if world.clients[stream.client].is_local() { Duration::ZERO } else { world.weather.round_trip })
    }

    fn read(&mut self, stream: &mut SimStream, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_from(stream.client, buffer)
    }

    fn write(&mut self, stream: &mut SimStream, bytes: &[u8], more: bool) -> io::Result<usize> {
        self.write_to(stream.client, bytes, more)
    }

    fn receive(&mut self, socket: &SimListener, buffer: &mut [u8]) -> io::Result<Datagram> {
        self.receive_at(socket.index, buffer)
    }

    fn send(
        &mut self,
        socket: &SimListener,
        datagram: &[u8],
        peer: &Peer,
        asked: &Destination,
    ) -> io::Result<()> {
        self.send_from(socket.index, datagram, peer, asked)
    }

    fn read_record(&mut self, stream: &mut SimStream, buffer: &mut [u8]) -> io::Result<Option<Record>> {
        self.read_record_from(stream.client, buffer)
    }

    fn shutdown_write(&mut self, stream: &mut SimStream) -> io::Result<()> {
        self.shut(stream.client)
    }

    fn close(&mut self, mut stream: SimStream, closing: Closing) {
        stream.closing = Some(closing);
    }
}
