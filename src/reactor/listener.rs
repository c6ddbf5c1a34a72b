//! One socket that clients come to, and where it stands.

use std::io;
use std::time::{Duration, Instant};

use super::admission::ACCEPT_BUDGET;
use super::deadlines::DURATION_MAX;
use super::settings::Settings;
use super::tables::socket::{Arrow, Event, Machine, State};
use super::view::SocketView;
use crate::kernel::Kernel;
use crate::net::{Address, Peer};

/// How many datagrams are answered while draining: far more than a receive buffer has room for.
const LAST_DATAGRAMS: u32 = 65_536;

/// A listening socket, or one that datagrams come to, with its state machine.
#[derive(Debug)]
pub struct Listener<Socket> {
    machine: Machine,
    /// The number of the service that it serves.
    service: u8,
    /// Its own number, once it listens.
    index: usize,
    /// The arrows that it took.
    taken: Vec<Arrow>,
    /// Closed, and so gone, as soon as no client is to be served from here any more.
    socket: Option<Socket>,
    /// How many clients can wait at once, and how many may still be served while draining.
    queue: u32,
    last: u32,
    address: Address,
    /// When it was served last, counted over all clients of the loop.
    served: u64,
    /// How often accepting has failed since then, or since no client waited.
    errors: usize,
    /// Readiness is reported once: remembered here until accept would block, it survives a budget that
    /// ran out, a full house and a pause.
    ready: bool,
    /// Whether the kernel has reported it. When draining begins accept is asked without that.
    reported: bool,
    /// Whether the kernel has not been asked again since a client was accepted, or since draining began.
    asks_kernel: bool,
    /// How long no client must have come before draining is over, and when the last one came or draining began. `None` once no
    /// more clients are let in: then it is over as soon as none waits.
    quiet: Option<Duration>,
    came: Option<Instant>,
}

/// How long the handshakes of clients can be on their way.
const DRAIN_QUIET: Duration = Duration::from_secs(1);

impl<Socket> Listener<Socket> {
    /// Goes from *created* to *bound*, or fails on the way.
    pub(crate) fn bind<K>(
        kernel: &mut K,
        address: &Address,
        service: u8,
        settings: &Settings,
    ) -> io::Result<Self>
    where
        K: Kernel<Listener = Socket>,
    {
        let connections = address.kind.semantics().connections;
        let mut socket = kernel.socket(address)?;
        log::info!("socket created");
        let mut listener = Listener {
            machine: Machine::new(),
            service,
            index: 0,
            taken: Vec::new(),
            socket: None,
            // Linux lets in one more than the backlog says.
            queue: if connections { settings.backlog.saturating_add(1) } else { LAST_DATAGRAMS },
            last: u32::MAX,
            address: address.clone(),
            served: 0,
            errors: 0,
            ready: false,
            reported: false,
            asks_kernel: false,
            quiet: None,
            came: None,
        };
        match kernel.bind(&mut socket, address, settings.unix_mode) {
            Ok(real) => listener.address = real,
            Err(error) => {
                listener.on(Event::Failed);
                return Err(error);
            }
        }
        listener.socket = Some(socket);
        let quiet = if listener.address.is_local() { Duration::ZERO } else { DRAIN_QUIET };
        let quiet = settings.drain_quiet.unwrap_or(quiet).min(DURATION_MAX);
        listener.quiet = Some(quiet);
        if quiet.is_zero() {
            listener.last = listener.queue;
        }
        listener.on(Event::Bind);
        Ok(listener)
    }

    /// Goes on to *listening*, or fails. A socket without connections stays *bound*.
    pub(crate) fn listen<K>(
        &mut self,
        kernel: &mut K,
        index: usize,
        settings: &Settings,
        output_timeout: Duration,
    ) -> io::Result<()>
    where
        K: Kernel<Listener = Socket>,
    {
        self.index = index;
        let socket = self.socket.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let listening = kernel.listen(socket, index, settings.backlog, output_timeout);
        if listening.is_err() {
            self.on(Event::Failed);
        }
        listening?;
        if self.has_connections() {
            self.on(Event::Listen);
        }
        let what = if self.has_connections() { "connections" } else { "datagrams" };
        log::info!("waiting for {what} on {}", self.address);
        Ok(())
    }

    /// The address that clients reach it at.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// The number of the service that it serves.
    pub(crate) fn service(&self) -> u8 {
        self.service
    }

    /// Its own number: sockets count from 0, in the order in which the server began to listen at them.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// What is shown of it.
    pub(crate) fn view(&self) -> SocketView {
        let (address, taken) = (self.address.to_string(), self.taken.clone());
        SocketView { address, service: self.service, state: self.state(), taken }
    }

    /// Whether clients connect here, or only send datagrams.
    pub(crate) fn has_connections(&self) -> bool {
        self.address.kind.semantics().connections
    }

    /// Where it stands.
    pub(crate) fn state(&self) -> State {
        self.machine.state()
    }

    /// Whether a client may wait to be served.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready && self.socket.is_some()
    }

    /// Whether the kernel has said so.
    pub(crate) fn is_reported(&self) -> bool {
        self.reported && self.is_ready()
    }

    /// Remembers that a client may wait.
    pub(crate) fn mark_ready(&mut self) {
        (self.ready, self.reported) = (true, true);
    }

    /// Remembers that no client waits.
    pub(crate) fn clear_ready(&mut self) {
        (self.ready, self.reported, self.errors) = (false, false, 0);
    }

    /// Clients that had come when the server was told to stop are served, and then no more. Accept is asked whether there
    /// are any; where no client is admitted, the kernel is.
    pub(crate) fn drain(&mut self, now: Instant) {
        self.on(Event::Stop);
        (self.ready, self.came) = (true, Some(now));
        self.ask_kernel();
    }

    /// Whether a client waits is not known any more.
    fn ask_kernel(&mut self) {
        (self.reported, self.asks_kernel) = (false, true);
    }

    /// Where no place is left, so that accept is not asked: lets the kernel say whether a client waits behind the last that was
    /// accepted.
    pub(crate) fn ask_who_waits<K>(&mut self, kernel: &mut K)
    where
        K: Kernel<Listener = Socket>,
    {
        if self.asks_kernel {
            self.reported = false;
            self.watch_again(kernel, self.index);
        }
    }

    /// Lets the kernel report again whether a client waits, if that is not known.
    pub(crate) fn watch_again<K>(&mut self, kernel: &mut K, index: usize)
    where
        K: Kernel<Listener = Socket>,
    {
        if std::mem::take(&mut self.asks_kernel)
            && let Some(socket) = &mut self.socket
        {
            // If that fails, accept is asked all the same when there is room.
            let _ = kernel.watch_again(socket, index);
        }
    }

    /// The time to drain is over: as many clients are served as can wait at once.
    pub(crate) fn serve_last(&mut self) {
        self.last = self.last.min(self.queue);
    }

    /// When draining is over if no client comes; `None` if one may wait, or all is over.
    pub(crate) fn quiet_at(&self) -> Option<Instant> {
        let quiet = self.quiet.unwrap_or_default();
        self.came.filter(|_| self.socket.is_some() && !self.ready).map(|came| came + quiet)
    }

    /// Draining is over, and no more clients are let in. One may have come since accept was asked: where the kernel lets no
    /// more in, and goes on serving those that have come, it is asked once more. Else the socket is shut.
    pub(crate) fn let_no_more_in<K>(&mut self, kernel: &mut K)
    where
        K: Kernel<Listener = Socket>,
    {
        let let_in = self.quiet.take().is_some();
        match &self.socket {
            Some(socket) if let_in && kernel.let_no_more_in(socket).unwrap_or(false) => {
                (self.ready, self.last) = (true, self.queue);
            }
            _ => self.shut(),
        }
    }

    /// No client is served from here any more.
    pub(crate) fn shut(&mut self) {
        self.socket = None;
    }

    /// The socket, as long as clients are to be served from here.
    pub(crate) fn socket(&self) -> io::Result<&Socket> {
        self.socket.as_ref().ok_or(io::ErrorKind::WouldBlock.into())
    }

    /// The client that has waited longest.
    pub(crate) fn accept<K>(&mut self, kernel: &mut K) -> io::Result<(K::Stream, Peer)>
    where
        K: Kernel<Listener = Socket>,
    {
        kernel.accept(self.socket()?)
    }

    /// When it was served last, counted over all clients of the loop.
    pub(crate) fn last_served(&self) -> u64 {
        self.served
    }

    /// Remembers that a client was accepted, or a datagram answered: the one of this number in the loop. While draining
    /// they are counted: where none is waited for, and once the time is over, as many are served as can wait at once.
    /// Then none is known to wait.
    pub(crate) fn served(&mut self, number: u64, now: Instant) {
        (self.served, self.errors, self.asks_kernel) = (number, 0, true);
        if self.state() == State::Draining {
            self.came = Some(now);
            self.ask_kernel();
            self.last = self.last.saturating_sub(1);
            if self.last == 0 {
                self.clear_ready();
            }
        }
    }

    /// One more error. Whether there was nothing else for as often as the budget of a turn allows.
    pub(crate) fn is_asked_in_vain(&mut self) -> bool {
        self.errors = (self.errors + 1) % ACCEPT_BUDGET;
        self.errors == 0
    }

    /// Whether no client is served from here any more.
    pub(crate) fn is_shut(&self) -> bool {
        self.socket.is_none()
    }

    /// Moves along the arrow for `event`, or stays where the table says that it means nothing here.
    pub(crate) fn on(&mut self, event: Event) {
        let moved = self.machine.on(event);
        debug_assert!(moved.is_ok(), "{}: {moved:?}", self.address);
        let Ok(Some(arrow)) = moved else { return };
        self.taken.push(arrow);
        log::trace!("{}: {arrow}", self.address);
        match arrow.to {
            State::Created | State::Bound | State::Listening | State::Draining => {}
            State::Closed => self.shut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Mio;
    use crate::net::Endpoint;

    #[test]
    fn a_socket_shows_its_arrows_and_is_shut_if_it_cannot_listen() {
        let mut kernel = Mio::new().unwrap();
        let mut address = "tcp://127.0.0.1:0".parse::<Endpoint>().unwrap().resolve().unwrap().remove(0);
        let mut sockets = Vec::new();
        // Both are bound to one port, where only one can listen.
        for _ in 0..2 {
            let socket = Listener::bind(&mut kernel, &address, 0, &Settings::default()).unwrap();
            address = socket.address().clone();
            sockets.push(socket);
        }
        for (index, last) in [(0, Event::Listen), (1, Event::Failed)] {
            let socket = sockets.get_mut(index).unwrap();
            let listening = socket.listen(&mut kernel, index, &Settings::default(), Duration::ZERO);
            let events: Vec<_> = socket.view().taken.iter().map(|arrow| arrow.event).collect();
            assert_eq!(events, [Event::Bind, last]);
            assert_eq!((listening.is_err(), socket.is_shut()), (index == 1, index == 1));
        }
    }

    #[test]
    fn a_stopped_server_answers_what_had_come_up_to_a_limit() {
        let address = "udp://127.0.0.1:0".parse::<Endpoint>().unwrap().resolve().unwrap().remove(0);
        let mut kernel = Mio::new().unwrap();
        let mut listener = Listener::bind(&mut kernel, &address, 0, &Settings::default()).unwrap();
        listener.listen(&mut kernel, 0, &Settings::default(), Duration::ZERO).unwrap();
        listener.drain(kernel.now());
        for number in 1..=LAST_DATAGRAMS {
            assert!(listener.is_ready(), "before datagram {number}");
            listener.served(number.into(), kernel.now());
        }
        assert!(!listener.is_ready() && listener.quiet_at().is_some());
        listener.let_no_more_in(&mut kernel);
        assert!(listener.is_shut());
    }
}
