//! The calls on a stream: its bytes or records in both directions.

use std::io;
use std::time::Duration;

use super::client::Client;
use super::faults::{Call, Fault};
use super::kernel::{Sim, State, would_block};
use super::promises::{Promise, broken};
use super::world::World;
use crate::kernel::{Interest, Record};
use crate::net::ErrorCode;
use crate::text::Quoted;

impl State {
    /// The beginning of each call that reads from a client, as far as nothing is to be read.
    fn reads<T>(&mut self, index: usize, fault: Option<Fault>) -> Result<(), io::Result<T>> {
        let State { world, watch, .. } = self;
        let World { clients, weather, now, .. } = world;
        let client = &mut clients[index];
        client.is_read(*now);
        if !client.is_readable() || fault == Some(Fault::Error(ErrorCode::Again)) {
            client.denied_last = client.is_readable();
            client.denied |= client.denied_last;
            client.would_block(Interest::Readable, weather);
            return Err(would_block());
        }
        if let Some(Fault::Error(code)) = fault {
            return Err(Err(client.fails(code)));
        }
        watch.progressed();
        client.denied_last = false;
        if !client.has_unread() && client.reset && !client.reset_told {
            client.reset_told = true;
            return Err(Err(client.fails(ErrorCode::ConnReset)));
        }
        client.end_read |= !client.has_unread();
        Ok(())
    }
}

impl Sim {
    pub(super) fn read_from(&self, index: usize, buffer: &mut [u8]) -> io::Result<usize> {
        let does = |state: &mut State, fault| {
            if let Err(result) = state.reads(index, fault) {
                return result;
            }
            let World { clients, now, .. } = &mut state.world;
            let client = &mut clients[index];
            let most = if let Some(Fault::Short(most)) = fault { most } else { usize::MAX };
            let bytes = client.unread().min(buffer.len()).min(most);
            buffer[..bytes].copy_from_slice(&client.sent[client.bytes_read..client.bytes_read + bytes]);
            client.bytes_read += bytes;
            client.told = if bytes < most { client.sent.len() } else { client.bytes_read };
            client.was_read(*now);
            Ok(bytes)
        };
        self.call(Call::Read, index, does, |state, bytes| {
            let Client { sent, bytes_read, .. } = &state.world.clients[index];
            if *bytes == 0 {
                "the end of input".to_owned()
            } else {
                Quoted(&sent[bytes_read - bytes..*bytes_read]).to_string()
            }
        })
    }

    pub(super) fn read_record_from(&self, index: usize, buffer: &mut [u8]) -> io::Result<Option<Record>> {
        let does = |state: &mut State, fault| {
            if let Err(result) = state.reads(index, fault) {
                return result;
            }
            let World { clients, now, .. } = &mut state.world;
            let client = &mut clients[index];
            let Some(length) = client.records.get(client.records_read).copied() else { return Ok(None) };
            let record = fill(buffer, &client.sent[client.bytes_read..client.bytes_read + length]);
            client.bytes_read += length;
            client.records_read += 1;
            client.was_read(*now);
            Ok(Some(record))
        };
        self.call(Call::ReadRecord, index, does, |_, record| match record {
            None => "the end of input".to_owned(),
            Some(Record { bytes, truncated }) => {
                format!("a record of {bytes} bytes{}", if *truncated { ", truncated" } else { "" })
            }
        })
    }

    pub(super) fn write_to(&self, index: usize, bytes: &[u8], more: bool) -> io::Result<usize> {
        let does = |state: &mut State, fault| {
            let State { world: World { clients, weather, now, .. }, watch, .. } = state;
            let client = &mut clients[index];
            client.is_written(*now);
            if client.out_fin {
                broken(Promise::NothingElse, format!("a write to client {index} behind its end"));
            }
            if client.reset {
                watch.progressed();
                return Err(client.fails(ErrorCode::Pipe));
            }
            let room = client.room(weather);
            if room == 0 || fault == Some(Fault::Error(ErrorCode::Again)) {
                client.output_waits = true;
                client.would_block(Interest::Writable, weather);
                return would_block();
            }
            if let Some(Fault::Error(code)) = fault {
                return Err(client.fails(code));
            }
            watch.progressed();
            // A record goes whole, wherever there is any room.
            let most = match fault {
                _ if client.keeps_boundaries() => usize::MAX,
                Some(Fault::Short(most)) => room.min(most),
                _ => room,
            };
            let taken = bytes.len().min(most);
            client.takes(&bytes[..taken], *now);
            client.has_taken(taken == bytes.len(), more, *now);
            Ok(taken)
        };
        self.call(Call::Write, index, does, |_, taken| {
            let more = if more { ", more follows" } else { "" };
            format!("{}, {taken} bytes taken{more}", Quoted(bytes))
        })
    }

    pub(super) fn shut(&self, index: usize) -> io::Result<()> {
        let does = |state: &mut State, fault| {
            let State { world, watch, .. } = state;
            watch.progressed();
            let client = &mut world.clients[index];
            client.is_shut(world.now);
            if let Some(Fault::Error(code)) = fault {
                return Err(code.into());
            }
            client.out_fin = true;
            Ok(())
        };
        self.call(Call::Shut, index, does, |_, ()| "done".to_owned())
    }
}

impl Client {
    /// The kernel takes these bytes for the client.
    fn takes(&mut self, bytes: &[u8], now: Duration) {
        if self.outbox.is_empty() {
            self.next_read_at = self.next_read_at.max(now);
        }
        self.outbox.extend(bytes);
        self.bytes_written += bytes.len();
        self.last_write = bytes.len();
        if self.keeps_boundaries() {
            self.out_records.push_back(bytes.len());
            self.records_written += 1;
        }
    }
}

/// Puts as much of a record or a datagram into `buffer` as there is room for.
pub(super) fn fill(buffer: &mut [u8], bytes: &[u8]) -> Record {
    let kept = bytes.len().min(buffer.len());
    buffer[..kept].copy_from_slice(&bytes[..kept]);
    Record { bytes: kept, truncated: bytes.len() > kept }
}
