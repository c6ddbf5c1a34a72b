//! The calls at a socket that datagrams come to, and the names of clients.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;

use super::client::{Answered, Client, End, Place};
use super::faults::{Call, Fault};
use super::kernel::{Sim, State, would_block};
use super::promises::{Promise, broken};
use super::streams::fill;
use super::world::World;
use crate::kernel::Datagram;
use crate::net::{Destination, ErrorCode, Kind, Names, Peer, Process, UnixName};
use crate::text::Quoted;

/// The port of the first client; those below are services'.
const FIRST_PORT: u16 = 40_000;

/// A protocol number for experiments (RFC 3692).
const PROTOCOL: u16 = 253;

impl World {
    /// A client as the kernel names it.
    pub(super) fn peer(&self, index: usize) -> Peer {
        let client = &self.clients[index];
        let number = u16::try_from(index).unwrap_or(u16::MAX);
        let connections = client.kind.semantics().connections;
        if let Some(peer) = client.script.sender.as_ref().filter(|_| !connections) {
            return peer.clone();
        }
        match client.kind.semantics().names {
            Names::Port => {
                let host = [127, 0, client.script.source, 1];
                Peer::Inet(SocketAddr::from((host, FIRST_PORT + number)))
            }
            Names::Path if connections => {
                let pid = NonZeroU32::new(u32::from(number) + 1);
                Peer::Process(Process { pid, user: client.script.source.into() })
            }
            Names::Path => Peer::Unix(Box::new(UnixName::Abstract(format!("client {index}").into()))),
            Names::Protocol => {
                let [high, low] = number.to_be_bytes();
                Peer::Host(Ipv4Addr::new(10, 0, high, low))
            }
        }
    }

    /// What the datagram of a client was sent to, as the kernel tells it.
    fn destination(&self, index: usize) -> Destination {
        let client = &self.clients[index];
        client.script.to.unwrap_or_else(|| match address(client.kind).inet() {
            Some(own) => Destination::One { address: own.ip(), interface: 1 },
            None => Destination::Unix,
        })
    }

    /// The client that a datagram to `peer` goes to. Of those whose scripts have this name it is the last that was received.
    fn client_named(&self, peer: &Peer) -> Option<usize> {
        let has_name =
            |client: &Client| client.accepted_at.is_some() && client.script.sender.as_ref() == Some(peer);
        self.number_of(peer).or_else(|| self.clients.iter().rposition(has_name))
    }

    /// Whether an answer to this client goes to itself and no other, and comes from where it has asked.
    fn may_be_answered(&self, index: usize, peer: &Peer, asked: &Destination) {
        let to = self.destination(index);
        if !self.clients[index].script.may_be_answered() {
            broken(Promise::NothingElse, format!("an answer to {peer}, which is forged or asked {to:?}"));
        } else if *asked != to {
            broken(Promise::NothingElse, format!("an answer from {asked:?} to {peer}, which asked {to:?}"));
        }
    }

    /// The client that has this name because of its number.
    fn number_of(&self, peer: &Peer) -> Option<usize> {
        let number = match peer {
            Peer::Inet(address) => Some(address.port().checked_sub(FIRST_PORT)?.into()),
            Peer::Host(host) => {
                let [10, 0, high, low] = host.octets() else { return None };
                Some(u16::from_be_bytes([high, low]).into())
            }
            Peer::Unix(name) => match &**name {
                UnixName::Abstract(name) => {
                    std::str::from_utf8(name).ok()?.strip_prefix("client ")?.parse().ok()
                }
                UnixName::Path(_) => None,
            },
            Peer::Process(_) | Peer::Unnamed => None,
        };
        let is_own =
            |number: &usize| self.clients.get(*number).is_some_and(|client| client.script.sender.is_none());
        number.filter(is_own)
    }
}

impl Sim {
    pub(super) fn receive_at(&self, socket: usize, buffer: &mut [u8]) -> io::Result<Datagram> {
        let does = |state: &mut State, fault| {
            let State { world, watch, .. } = state;
            watch.asks_for_clients(world.sockets[socket].service, world.now);
            if let Some(Fault::Error(code)) = fault {
                state.breaks_socket(Call::Receive, socket, code);
                let world = &mut state.world;
                if code == ErrorCode::Again {
                    return world.sockets[socket].would_block(&world.weather);
                }
                world.accept_failed(socket, code);
                world.had_its_turn(socket);
                return Err(code.into());
            }
            let Some(index) = world.serve_next(socket) else {
                return world.sockets[socket].would_block(&world.weather);
            };
            let client = &mut world.clients[index];
            watch.accepted(client, world.now);
            (client.place, client.closed_at) = (Place::Over, Some(world.now));
            let record = fill(buffer, &client.sent);
            (client.bytes_read, client.records_read) = (client.sent.len(), 1);
            Ok(Datagram { record, peer: world.peer(index), to: world.destination(index) })
        };
        self.call(Call::Receive, socket, does, |_, Datagram { record, peer, .. }| {
            format!("{} bytes of {peer}", record.bytes)
        })
    }

    pub(super) fn send_from(
        &self,
        socket: usize,
        datagram: &[u8],
        peer: &Peer,
        asked: &Destination,
    ) -> io::Result<()> {
        let index = self.0.borrow().world.client_named(peer);
        let Some(index) = index else {
            broken(Promise::NothingElse, format!("a datagram to {peer}, which has no address"));
        };
        self.0.borrow().world.may_be_answered(index, peer, asked);
        let does = |state: &mut State, fault| {
            let world = &mut state.world;
            if let Some(Fault::Error(code)) = fault {
                return Err(code.into());
            }
            if world.sockets[socket].unsent >= world.weather.unsent {
                world.endanger(index, Call::Send, ErrorCode::Again);
                return would_block();
            }
            world.sockets[socket].unsent += 1;
            state.watch.progressed();
            let client = &mut world.clients[index];
            if client.end.is_some() || client.script.socket != socket {
                broken(Promise::NothingElse, format!("a second answer to client {index}"));
            }
            client.received = datagram.to_vec();
            client.records_written += 1;
            (client.end, client.answered) = (Some(End::Clean), Answered::Sent);
            Ok(())
        };
        self.call(Call::Send, index, does, |_, ()| Quoted(datagram).to_string())
    }
}

/// Some address for a socket of this kind.
pub(super) fn address(kind: Kind) -> crate::net::Address {
    use crate::net::{Address, Name};
    let name = match kind.semantics().names {
        Names::Path => Name::Unix(UnixName::Abstract(b"simulated".to_vec())),
        Names::Port => Name::Inet(SocketAddr::from(([127, 0, 0, 1], 9999))),
        Names::Protocol => Name::Inet(SocketAddr::from(([127, 0, 0, 1], PROTOCOL))),
    };
    Address { kind, name }
}
