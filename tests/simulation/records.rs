//! The calls that keep boundaries: records of a connection, and datagrams.

use std::io;
use std::net::SocketAddr;

use rustix::io::Errno;
use welcomed::kernel::{Interest, Record};
use welcomed::net::Peer;

use crate::client::{End, Place};
use crate::faults::{Call, Fault};
use crate::kernel::{Sim, State, would_block};
use crate::promises::{Promise, broken};
use crate::world::World;

/// The port of the first client's datagrams; those below are services'.
const FIRST_PORT: u16 = 40_000;

impl Sim {
    pub(crate) fn read_record_of(&self, index: usize, buffer: &mut [u8]) -> io::Result<Option<Record>> {
        self.call(Call::ReadRecord, Some(index), |state, fault| {
            let World { clients, weather, now, .. } = &mut state.world;
            let client = &mut clients[index];
            if !client.is_readable() || fault == Some(Fault::Error(Errno::AGAIN)) {
                client.would_block(Interest::Readable, weather);
                return would_block();
            }
            if let Some(Fault::Error(errno)) = fault {
                return Err(errno.into());
            }
            state.watch.progressed();
            let Some(length) = client.records.pop_front() else {
                if client.reset && !client.reset_told {
                    client.reset_told = true;
                    return Err(Errno::CONNRESET.into());
                }
                return Ok(None);
            };
            let bytes: Vec<u8> = client.inbox.drain(..length).collect();
            client.bytes_read += length;
            client.records_read += 1;
            client.was_read(*now);
            Ok(Some(fill(buffer, &bytes)))
        })
    }

    pub(crate) fn receive_at(&self, door: usize, buffer: &mut [u8]) -> io::Result<(Record, Peer)> {
        self.call(Call::Receive, None, |state, fault| {
            let State { world, watch, .. } = state;
            watch.asks_for_datagrams(world.now);
            if let Some(Fault::Error(errno)) = fault {
                if Call::Receive.deadly().contains(&errno) {
                    watch.fails(errno);
                    world.breaks("the server's socket broke");
                    world.stopped_at.get_or_insert(world.now);
                }
                if errno == Errno::AGAIN {
                    return world.doors[door].would_block(&world.weather);
                }
                return Err(errno.into());
            }
            let Some(index) = world.doors[door].queue.pop_front() else {
                return world.doors[door].would_block(&world.weather);
            };
            let client = &mut world.clients[index];
            watch.accepted(client, world.now);
            client.place = Place::Over;
            let peer = match client.script.kind {
                "unnamed" => Peer::Unnamed,
                _ => {
                    Peer::Inet(SocketAddr::from(([127, 0, 0, 1], FIRST_PORT + u16::try_from(index).unwrap())))
                }
            };
            Ok((fill(buffer, &client.sent), peer))
        })
    }

    pub(crate) fn send_from(&self, door: usize, datagram: &[u8], peer: &Peer) -> io::Result<()> {
        let Peer::Inet(address) = peer else {
            broken(Promise::NothingElse, format!("a datagram to {peer}, who has no address"));
        };
        let index = usize::from(address.port() - FIRST_PORT);
        self.call(Call::Send, Some(index), |state, fault| {
            let world = &mut state.world;
            if let Some(Fault::Error(errno)) = fault {
                return Err(errno.into());
            }
            if world.doors[door].unsent >= world.weather.unsent {
                world.endanger(index, Errno::AGAIN);
                return would_block();
            }
            world.doors[door].unsent += 1;
            state.watch.progressed();
            let client = &mut world.clients[index];
            if client.end.is_some() || client.script.door != door {
                broken(Promise::NothingElse, format!("a second welcome to client {index}"));
            }
            client.received = datagram.to_vec();
            client.end = Some(End::Clean);
            Ok(())
        })
    }
}

/// Puts as much of a record or a datagram into `buffer` as there is room for.
fn fill(buffer: &mut [u8], bytes: &[u8]) -> Record {
    let kept = bytes.len().min(buffer.len());
    buffer[..kept].copy_from_slice(&bytes[..kept]);
    Record { bytes: kept, truncated: bytes.len() > kept }
}
