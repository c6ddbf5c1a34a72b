//! The loop itself.

use std::io::{self, ErrorKind};
use std::time::Instant;

use super::admission::ACCEPT_BUDGET;
use super::connection::READ_BYTES_PER_TURN;
use super::listener::Listener;
use super::services::{Key, Services, Turn};
use super::settings::Settings;
use super::tables::socket::{Event, State};
use crate::kernel::{Kernel, Ready, Signal};
use crate::net::{Address, Kind};

/// A server of the services `H` on the kernel `K`.
pub struct Server<K: Kernel, H> {
    pub(super) turn: Turn<K>,
    pub(super) services: H,
    pub(super) listeners: Vec<Listener<K::Listener>>,
    pub(super) settings: Settings,
    /// Writes the counts to the log.
    report: fn(&H),
    /// The sockets that clients wait at, while they are served.
    waiting: Vec<usize>,
    /// When draining has to be over; `None` as long as the server does not stop.
    pub(super) drain_by: Option<Instant>,
    /// Whether that moment has come: what is open is closed, and clients that had connected are served if that can be done
    /// at once.
    pub(super) is_stopped: bool,
    /// When watchers have to be over; `None` as long as what they show is not.
    pub(super) watchers_by: Option<Instant>,
    /// When sessions that have not begun have to give way to clients that wait, the next time; `None` if the server does
    /// not stop.
    pub(super) give_way_at: Option<Instant>,
    /// Why the server stops, if that was an error.
    pub(super) failure: Option<io::Error>,
    ready: Vec<Ready>,
    /// Whether there was a turn: a start is none, however long names and sockets take.
    has_turned: bool,
}

impl<K: Kernel, H: Services<K>> Server<K, H> {
    /// A server that does not listen yet.
    pub fn new(kernel: K, mut services: H, settings: Settings) -> Self {
        const { assert!(H::COUNT <= 64, "a loop has at most 64 services") };
        services.number(0);
        let now = kernel.now();
        let buffer = vec![0; READ_BYTES_PER_TURN].into();
        Server {
            turn: Turn {
                kernel,
                buffer,
                now,
                clock: now,
                served: 0,
                start: now,
                stopping: false,
                closed: 0,
                sockets: Vec::new(),
            },
            services,
            listeners: Vec::new(),
            settings,
            report: H::report,
            waiting: Vec::new(),
            drain_by: None,
            give_way_at: None,
            is_stopped: false,
            watchers_by: None,
            failure: None,
            ready: Vec::new(),
            has_turned: false,
        }
    }

    /// The same server, whose counts are written to the log by `report`, instead of a line for each service.
    #[must_use]
    pub fn with_report(mut self, report: fn(&H)) -> Self {
        self.report = report;
        self
    }

    /// The services.
    pub fn services(&self) -> &H {
        &self.services
    }

    /// The number of the first service that can serve this kind of socket.
    pub(super) fn service_for(&self, kind: Kind) -> Option<u8> {
        (0..H::COUNT).find(|service| self.services.serves(*service, kind))
    }

    /// Lets the service of this number listen at one address, and gives the one it really got: port 0 takes a free
    /// port.
    ///
    /// Fails with what socket(2), bind(2) or listen(2) fail with, or with [`ErrorKind::InvalidInput`] if the service
    /// does not serve this kind of socket, or if the server stops. It goes on to listen where it did before.
    pub fn listen_at(&mut self, service: u8, address: &Address) -> io::Result<Address> {
        let listener = self.bind(service, address)?;
        self.listen_on(listener)
    }

    /// Binds a socket of the service of this number to one address. It does not listen yet.
    pub(super) fn bind(&mut self, service: u8, address: &Address) -> io::Result<Listener<K::Listener>> {
        let refused = if !self.services.serves(service, address.kind) {
            Some("the service does not serve this kind of socket")
        } else if self.drain_by.is_some() {
            Some("the server stops")
        } else {
            None
        };
        match refused {
            Some(why) => Err(io::Error::new(ErrorKind::InvalidInput, why)),
            None => Listener::bind(&mut self.turn.kernel, address, service, &self.settings),
        }
    }

    /// Lets a socket that is bound listen. Gives its address.
    pub(super) fn listen_on(&mut self, mut listener: Listener<K::Listener>) -> io::Result<Address> {
        let output_timeout = self.services.output_timeout(listener.service());
        listener.listen(&mut self.turn.kernel, self.listeners.len(), &self.settings, output_timeout)?;
        let address = listener.address().clone();
        self.listeners.push(listener);
        self.show_sockets();
        Ok(address)
    }

    /// Notes where the sockets stand, for a service that shows them.
    pub(super) fn show_sockets(&mut self) {
        if H::WATCHES {
            self.turn.sockets = self.listeners.iter().map(Listener::view).collect();
        }
    }

    /// Serves until it is asked to stop, and writes the counts to the log. [`Mio`](crate::kernel::Mio) is asked by a signal, or
    /// by a [`Handle`](crate::kernel::Handle) that was taken from it before it became this server's.
    ///
    /// Fails with [`ErrorKind::InvalidInput`] if it listens nowhere, if waiting fails, or with the error of a listening
    /// socket that broke. In the last case the open connections finish first, and the counts are written.
    pub fn run(&mut self) -> io::Result<()> {
        if self.listeners.is_empty() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "the server listens nowhere"));
        }
        while !self.is_closed() {
            self.turn()?;
        }
        (self.report)(&self.services);
        self.failure.take().map_or(Ok(()), Err)
    }

    /// One turn of the loop.
    pub fn turn(&mut self) -> io::Result<()> {
        self.wait()?;
        self.serve();
        self.services.expire(&mut self.turn);
        self.accept();
        self.drain_on();
        Ok(())
    }

    /// Whether every listening socket and every connection is closed.
    pub fn is_closed(&self) -> bool {
        let open = self.services.open() + self.services.watchers();
        open == 0 && self.listeners.iter().all(|listener| listener.state() == State::Closed)
    }

    /// Waits until something is ready, the next deadline, or the end of a pause in accepting.
    fn wait(&mut self) -> io::Result<()> {
        log::logger().flush();
        let now = self.turn.kernel.now();
        if H::WATCHES {
            let lasted = now.saturating_duration_since(self.turn.now);
            self.services.turned(&mut self.turn, self.has_turned.then_some(lasted));
            self.has_turned = true;
        }
        let waiting = self.listeners.iter().filter(|listener| listener.is_ready());
        let asks_again =
            |listener: &Listener<_>| self.services.asks_again(listener.service(), &self.turn, now);
        let accept = waiting.filter_map(asks_again).min();
        let until = [accept, self.services.next(&self.turn), self.drains_at()].into_iter().flatten().min();
        let timeout = until.map(|until| until.saturating_duration_since(now));
        let waited = self.turn.kernel.wait(&mut self.ready, timeout);
        self.turn.now = self.turn.kernel.now();
        self.turn.clock = self.turn.now;
        match waited {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            waited => waited,
        }
    }

    /// Serves what is ready. An event is a hint: only the call that follows decides.
    fn serve(&mut self) {
        self.services.go_on(&mut self.turn);
        let mut ready = std::mem::take(&mut self.ready);
        for ready in ready.drain(..) {
            match ready {
                Ready::Stream(token) => self.services.drive(Key::of(token), &mut self.turn),
                Ready::Listener(index) => {
                    if let Some(listener) = self.listeners.get_mut(index) {
                        listener.mark_ready();
                    }
                }
                Ready::Signal(Signal::Stop) => self.stop(),
                Ready::Signal(Signal::Report) => (self.report)(&self.services),
            }
        }
        self.ready = ready;
    }

    /// Accepts or answers clients that wait, one from each socket at a time, within a budget. The socket that was served
    /// longest ago comes first: where there is room for one client, each socket has its turn.
    fn accept(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.extend(
            (0..self.listeners.len()).filter(|index| self.listener(*index).is_some_and(Listener::is_ready)),
        );
        waiting.sort_by_key(|index| self.listener(*index).map(Listener::last_served));
        let mut refused = 0;
        for _ in 0..ACCEPT_BUDGET {
            waiting.retain(|index| self.accept_from(*index, &mut refused));
            if waiting.is_empty() {
                break;
            }
        }
        waiting.clear();
        self.waiting = waiting;
        if H::WATCHES {
            self.ask_who_waits();
        }
        let services = |is_so: fn(&Listener<_>) -> bool| {
            let sockets = self.listeners.iter().filter(|listener| is_so(listener));
            sockets.fold(0, |services, listener| services | (1 << listener.service()))
        };
        self.services.accepted(services(Listener::is_reported), services(Listener::is_ready));
    }

    /// A client of a watcher gives way to one that waits. Where all places are taken it may be that none does: the last that was
    /// accepted may have been the last of all.
    fn ask_who_waits(&mut self) {
        for listener in &mut self.listeners {
            let service = listener.service();
            let is_full = || self.services.asks_again(service, &self.turn, self.turn.now).is_none();
            if self.services.is_watcher(service) && is_full() {
                listener.ask_who_waits(&mut self.turn.kernel);
            }
        }
    }

    fn listener(&self, index: usize) -> Option<&Listener<K::Listener>> {
        self.listeners.get(index)
    }

    /// Accepts or answers one client. Gives whether another one may wait at this socket, and be admitted. A service that
    /// admits no more is asked for nothing more in this turn: its `refused` bit is set, or a socket would be passed over.
    fn accept_from(&mut self, index: usize, refused: &mut u64) -> bool {
        let Some(listener) = self.listeners.get_mut(index) else { return false };
        let service = 1 << listener.service();
        if *refused & service != 0 {
            return false;
        }
        match self.services.accept(listener.service(), listener, &mut self.turn) {
            Ok(goes_on) => {
                *refused |= if listener.is_ready() && !goes_on { service } else { 0 };
                goes_on
            }
            Err(error) => {
                listener.on(Event::Failed);
                // What only watches does not end what it shows.
                if !self.services.is_watcher(listener.service()) {
                    self.failure.get_or_insert(error);
                    self.drain();
                }
                self.show_sockets();
                false
            }
        }
    }
}
