//! The simulated kernel: the world as the loop's system calls show it, with faults.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use welcomed::kernel::{Interest, Kernel, Ready, Record, Signal};
use welcomed::net::{Address, Peer};

use crate::checks::Watch;
use crate::client::{Place, Stage};
use crate::faults::{Call, Fault};
use crate::promises::{Promise, broken};
use crate::world::World;

/// What the kernel and whoever plays a schedule share.
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) watch: Watch,
    /// The moment that virtual time counts from.
    start: Instant,
}

/// The server's end of the simulation.
#[derive(Clone)]
pub(crate) struct Sim(pub(crate) Rc<RefCell<State>>);

/// A socket of the server, and which; dropping it closes it.
pub(crate) struct Socket(pub(crate) Sim, pub(crate) usize);

/// The stream of the client with this number; dropping it closes it.
pub(crate) struct Stream(usize, Sim);

impl Sim {
    #[expect(clippy::disallowed_methods, reason = "a moment for virtual time to count from")]
    pub(crate) fn new(world: World) -> Sim {
        Sim(Rc::new(RefCell::new(State { world, watch: Watch::default(), start: Instant::now() })))
    }

    /// Makes a call: time passes, clients may act, and something may go wrong.
    pub(crate) fn call<T>(
        &self,
        call: Call,
        served: Option<usize>,
        does: impl FnOnce(&mut State, Option<Fault>) -> io::Result<T>,
    ) -> io::Result<T> {
        let state = &mut *self.0.borrow_mut();
        state.watch.called();
        let world = &mut state.world;
        world.now += world.weather.cost();
        if world.weather.concurrent {
            world.deliver();
        }
        let fault = world.weather.call(call);
        if fault.is_some() {
            state.watch.progressed(); // whatever the loop does now, it has a reason to
        }
        if let (Some(Fault::Error(errno)), Some(index)) = (fault, served) {
            world.endanger(index, errno);
        }
        let number = world.weather.calls.len() - 1;
        let result = does(state, fault);
        state.world.note(|| {
            let outcome = result.as_ref().err().map_or_else(String::new, |error| format!(" fails: {error}"));
            let fault = fault.map_or_else(String::new, |fault| format!(" ({fault:?})"));
            let whom = served.map_or_else(String::new, |index| format!(" of client {index}"));
            format!("   call {number}: {call:?}{whom}{fault}{outcome}")
        });
        result
    }
}

/// What no loop should need to ask.
impl Sim {
    /// Whether the event for a stream would have EPOLLRDHUP or EPOLLHUP among its flags.
    pub(crate) fn hung_up(&self, stream: &Stream) -> bool {
        let client = &self.0.borrow().world.clients[stream.0];
        client.fin || client.reset
    }

    /// Writes a line to the log.
    pub(crate) fn log(&self) -> io::Result<()> {
        if self.0.borrow().world.log_reader_is_gone { Err(Errno::PIPE.into()) } else { Ok(()) }
    }
}

pub(crate) fn would_block<T>() -> io::Result<T> {
    Err(ErrorKind::WouldBlock.into())
}

impl State {
    fn wait(&mut self, timeout: Option<Duration>, fault: Option<Fault>) -> io::Result<Vec<Ready>> {
        let world = &mut self.world;
        world.doors.iter_mut().for_each(|door| door.unsent = 0);
        let began = world.now;
        let until = timeout.map(|timeout| world.now + timeout);
        if let Some(Fault::Leap(length)) = fault {
            world.leap(length);
        }
        world.deliver();
        if let Some(Fault::Error(errno)) = fault {
            if Call::Wait.deadly().contains(&errno) {
                self.watch.fails(errno);
                self.world.breaks("there was no way to go on");
            }
            return Err(errno.into());
        }
        let mut events = self.world.events(fault);
        while events.is_empty() {
            let world = &mut self.world;
            let lateness = world.weather.lateness();
            let until = until.map(|until| (until + lateness).max(world.now));
            let Some(next) = world.next_moment().into_iter().chain(until).min() else {
                broken(Promise::NoStall, "the loop waits for ever for what nobody will do".to_owned());
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
        }
        self.watch.waited(&self.world, began, &events);
        Ok(events)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.0.0.borrow_mut().world.shut_door(self.1);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let (index, state) = (self.0, &mut *self.1.0.borrow_mut());
        state.watch.progressed();
        let world = &mut state.world;
        let client = &mut world.clients[index];
        (client.place, client.watched, client.edge) = (Place::Over, None, false);
        client.out_fin = true;
        let unread = client.inbox.len() + client.records.len();
        world.note(|| format!("   close of client {index}, {unread} bytes unread"));
        if unread > 0 || world.clients[index].reset {
            world.reset_by_server(index);
        }
    }
}

impl Kernel for Sim {
    type Listener = Socket;
    type Stream = Stream;

    fn now(&self) -> Instant {
        let State { world, watch, start } = &mut *self.0.borrow_mut();
        world.now += world.weather.cost();
        watch.looked_at_the_clock(world.now);
        *start + world.now
    }

    fn socket(&mut self, _: &Address) -> io::Result<Socket> {
        Ok(Socket(self.clone(), usize::MAX))
    }

    fn bind(&mut self, _: &mut Socket, address: &Address, _: u32) -> io::Result<Address> {
        Ok(address.clone())
    }

    fn listen(&mut self, socket: &mut Socket, index: usize, _: u32) -> io::Result<()> {
        socket.1 = index;
        self.0.borrow_mut().world.doors[index].is_open = true;
        Ok(())
    }

    fn accept(&mut self, socket: &Socket) -> io::Result<(Stream, Peer)> {
        let index = self.call(Call::Accept, None, |state, fault| {
            let State { world, watch, .. } = state;
            watch.asks_for_clients(world.now);
            if let Some(Fault::Error(errno)) = fault {
                if Call::Accept.deadly().contains(&errno) {
                    watch.fails(errno);
                    world.breaks("the server's socket broke");
                    world.stopped_at.get_or_insert(world.now);
                }
                return world.accept_fails(socket.1, errno);
            }
            let Some(index) = world.doors[socket.1].queue.front().copied() else {
                return world.doors[socket.1].would_block(&world.weather);
            };
            let inside = world.clients.iter().filter(|client| client.place == Place::Inside).count();
            if inside >= world.weather.descriptors {
                return Err(Errno::MFILE.into());
            }
            world.doors[socket.1].queue.pop_front();
            watch.accepted(&mut world.clients[index], world.now);
            Ok(index)
        })?;
        let port = u16::try_from(index).unwrap();
        Ok((Stream(index, self.clone()), Peer::Inet(SocketAddr::from(([127, 0, 0, 1], port)))))
    }

    fn wait(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        self.0.borrow_mut().before_wait(timeout);
        let events = self.call(Call::Wait, None, |state, fault| state.wait(timeout, fault))?;
        ready.extend(events);
        Ok(())
    }

    fn watch(&mut self, stream: &mut Stream, key: usize, interest: Interest) -> io::Result<()> {
        self.call(Call::Watch, Some(stream.0), |state, fault| {
            let World { clients, weather, now, .. } = &mut state.world;
            state.watch.progressed();
            if let Some(Fault::Error(errno)) = fault {
                state.watch.asks_for_clients(*now); // a reason to let them wait from now on
                return Err(errno.into());
            }
            clients[stream.0].watch(key, interest, weather);
            Ok(())
        })
    }

    fn read(&mut self, stream: &mut Stream, buffer: &mut [u8]) -> io::Result<usize> {
        self.call(Call::Read, Some(stream.0), |state, fault| {
            let World { clients, weather, now, .. } = &mut state.world;
            let client = &mut clients[stream.0];
            if !client.is_readable() || fault == Some(Fault::Error(Errno::AGAIN)) {
                client.would_block(Interest::Readable, weather);
                return would_block();
            }
            if let Some(Fault::Error(errno)) = fault {
                return Err(errno.into());
            }
            state.watch.progressed();
            if client.inbox.is_empty() && client.reset && !client.reset_told {
                client.reset_told = true;
                return Err(Errno::CONNRESET.into());
            }
            let most = if fault == Some(Fault::Short) { 1 } else { buffer.len() };
            let bytes = client.inbox.len().min(most);
            for (place, byte) in buffer.iter_mut().zip(client.inbox.drain(..bytes)) {
                *place = byte;
            }
            client.bytes_read += bytes;
            client.was_read(*now);
            Ok(bytes)
        })
    }

    fn write(&mut self, stream: &mut Stream, bytes: &[u8], _: bool) -> io::Result<usize> {
        self.call(Call::Write, Some(stream.0), |state, fault| {
            let State { world: World { clients, weather, now, .. }, watch, .. } = state;
            let client = &mut clients[stream.0];
            client.reaches(Stage::Writing, *now);
            if client.out_fin {
                broken(Promise::NothingElse, format!("a write to client {} behind its end", stream.0));
            }
            if client.reset {
                watch.progressed();
                return Err(Errno::PIPE.into());
            }
            if client.keeps_boundaries && !client.outbox.is_empty() {
                broken(Promise::NothingElse, format!("a second record to client {}", stream.0));
            }
            let room = client.room(weather);
            if room == 0 || fault == Some(Fault::Error(Errno::AGAIN)) {
                client.would_block(Interest::Writable, weather);
                return would_block();
            }
            if let Some(Fault::Error(errno)) = fault {
                return Err(errno.into());
            }
            watch.progressed();
            // A record goes whole, wherever there is any room.
            let whole = client.keeps_boundaries;
            let most = if whole {
                usize::MAX
            } else if fault == Some(Fault::Short) {
                1
            } else {
                room
            };
            let bytes = bytes.get(..bytes.len().min(most)).unwrap();
            client.outbox.extend(bytes);
            client.more_came = !client.records.is_empty();
            Ok(bytes.len())
        })
    }

    fn receive(&mut self, socket: &Socket, buffer: &mut [u8]) -> io::Result<(Record, Peer)> {
        self.receive_at(socket.1, buffer)
    }

    fn send(&mut self, socket: &Socket, datagram: &[u8], peer: &Peer) -> io::Result<()> {
        self.send_from(socket.1, datagram, peer)
    }

    fn read_record(&mut self, stream: &mut Stream, buffer: &mut [u8]) -> io::Result<Option<Record>> {
        self.read_record_of(stream.0, buffer)
    }

    fn shutdown_write(&mut self, stream: &mut Stream) -> io::Result<()> {
        self.call(Call::Shut, Some(stream.0), |state, fault| {
            let State { world, watch, .. } = state;
            watch.progressed();
            let client = &mut world.clients[stream.0];
            client.reaches(Stage::Lingering, world.now);
            if let Some(Fault::Error(errno)) = fault {
                return Err(errno.into());
            }
            client.out_fin = true;
            Ok(())
        })
    }

    fn close(&mut self, stream: Stream) {
        drop(stream);
    }
}
