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
    /// Closed, and so gone, as soon as nobody is to be accepted any more.
    socket: Option<Socket>,
    /// How many clients may still be accepted while draining.
    last: u32,
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
        let mut listener =
            Listener { machine: Machine::new(), socket: None, last: backlog, address, ready: false };
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

    /// Remembers that somebody may wait.
    pub(crate) fn somebody_waits(&mut self) {
        self.ready = true;
    }

    /// Remembers that nobody waits. While draining that is the end of accepting.
    pub(crate) fn nobody_waits(&mut self) {
        self.ready = false;
        if self.state() == State::Draining {
            self.socket = None;
        }
    }

    /// The client that has waited longest. While draining the clients are counted: as many as the
    /// backlog has room for can have connected before, and no more are waited for.
    pub(crate) fn accept<K>(&mut self, kernel: &mut K) -> io::Result<(K::Stream, SocketAddr)>
    where
        K: Kernel<Listener = Socket>,
    {
        let Some(socket) = &self.socket else { return Err(io::ErrorKind::WouldBlock.into()) };
        let accepted = kernel.accept(socket)?;
        if self.state() == State::Draining {
            self.last = self.last.saturating_sub(1);
            if self.last == 0 {
                self.nobody_waits();
            }
        }
        Ok(accepted)
    }

    /// Whether nobody can be accepted from here any more.
    pub(crate) fn is_shut(&self) -> bool {
        self.socket.is_none()
    }

    /// Moves along the arrow for `event`, if there is one from here.
    pub(crate) fn on(&mut self, event: Event) {
        let Some(arrow) = self.machine.on(event) else { return };
        log::trace!("{self}: {arrow}");
        match arrow.to {
            State::Created | State::Bound | State::Listening => {}
            // Whoever waits to be accepted has connected already, and is not sent away.
            State::Draining => self.ready = true,
            State::Closed => self.socket = None,
        }
    }
}

impl<Socket> fmt::Display for Listener<Socket> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Endpoint::from(self.address).fmt(f)
    }
}
