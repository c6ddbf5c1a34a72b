//! One listening socket and where it stands.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::endpoint::Endpoint;
use crate::kernel::Kernel;
use crate::protocol::state::server::{Event, Machine, State};

/// A listening socket with its state machine.
#[derive(Debug)]
pub(crate) struct Listener<Socket> {
    machine: Machine,
    /// Closed, and so gone, as soon as nobody new is to be accepted.
    socket: Option<Socket>,
    address: SocketAddr,
    /// Readiness is reported once: remembered here until accept would block, it survives a budget that
    /// ran out, a full house and a pause.
    ready: bool,
}

impl<Socket> Listener<Socket> {
    /// Goes from *created* over *bound* to *listening*, or fails on the way.
    pub(crate) fn open<K>(kernel: &mut K, address: SocketAddr, index: usize, backlog: u32) -> io::Result<Self>
    where
        K: Kernel<Listener = Socket>,
    {
        let mut socket = kernel.socket(address)?;
        log::info!("socket created");
        let mut listener = Listener { machine: Machine::new(), socket: None, address, ready: false };
        let opened = listener.bind_and_listen(&mut socket, kernel, index, backlog);
        if opened.is_err() {
            listener.on(Event::Failed);
        }
        opened?;
        listener.socket = Some(socket);
        log::info!("waiting for connections on {listener}");
        Ok(listener)
    }

    fn bind_and_listen<K>(
        &mut self,
        socket: &mut Socket,
        kernel: &mut K,
        index: usize,
        backlog: u32,
    ) -> io::Result<()>
    where
        K: Kernel<Listener = Socket>,
    {
        self.address = kernel.bind(socket, self.address)?;
        self.on(Event::Bind);
        kernel.listen(socket, index, backlog)?;
        self.on(Event::Listen);
        Ok(())
    }

    /// The address that clients reach it at.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it stands.
    pub(crate) fn state(&self) -> State {
        self.machine.state()
    }

    /// Whether somebody may wait to be accepted.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready && self.socket.is_some()
    }

    /// Remembers that somebody may wait, or that nobody does.
    pub(crate) fn set_ready(&mut self, ready: bool) {
        self.ready = ready;
    }

    /// The client that has waited longest.
    pub(crate) fn accept<K>(&self, kernel: &mut K) -> io::Result<(K::Stream, SocketAddr)>
    where
        K: Kernel<Listener = Socket>,
    {
        match &self.socket {
            Some(socket) => kernel.accept(socket),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Moves along the arrow for `event`, if there is one from here. Whoever is not listening any more
    /// has no socket.
    pub(crate) fn on(&mut self, event: Event) {
        let Some(arrow) = self.machine.on(event) else { return };
        log::trace!("{self}: {arrow}");
        match arrow.to {
            State::Created | State::Bound | State::Listening => {}
            State::Draining | State::Closed => self.socket = None,
        }
    }
}

impl<Socket> fmt::Display for Listener<Socket> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Endpoint::from(self.address).fmt(f)
    }
}
