//! What a client can still expect when something has gone wrong.

use std::time::Duration;

use rustix::io::Errno;

use crate::client::{Place, Stage};
use crate::world::World;

impl World {
    /// An error at one of a client's calls: what it can still expect.
    pub(crate) fn endanger(&mut self, index: usize, errno: Errno) {
        let pieces = self.weather.receive_buffer < 4096;
        let client = &mut self.clients[index];
        let is_datagram = !self.doors[client.script.door].has_connections();
        let early = client.script.in_pieces || pieces || self.settings.name_gap.is_zero();
        let early = early && !client.keeps_boundaries;
        match errno {
            Errno::AGAIN | Errno::NOBUFS if is_datagram => {
                client.excuse("there was no room for its welcome");
                self.dropped += 1;
            }
            Errno::AGAIN if client.keeps_boundaries && client.script.surplus => {
                client.excuse("what came behind its name was denied, and it was closed on that");
            }
            Errno::AGAIN if early => client.excuse("bytes were denied that were there: its name ended early"),
            Errno::AGAIN if self.leaped => client.excuse("bytes were denied, perhaps at its deadline"),
            Errno::AGAIN | Errno::INTR => {}
            _ => {
                client.call_failed = true;
                client.excuse("a call on its stream failed");
            }
        }
    }

    /// Whoever is not inside with the whole of its name need not be waited for; at a second signal, nobody.
    pub(crate) fn is_told_to_stop(&mut self) {
        let at_once = self.stopped_at.is_some() || self.weather.send_buffer < 4096;
        for client in self.clients.iter_mut().filter(|client| client.place != Place::Over) {
            let named = client.name_at.is_some_and(|at| at <= self.now);
            if at_once || client.place != Place::Inside || !named {
                client.excuse("the server was stopped");
            }
        }
        self.stopped_at.get_or_insert(self.now);
    }

    /// The server's own descriptors are broken, and nobody can expect anything of it.
    pub(crate) fn breaks(&mut self, why: &'static str) {
        for client in &mut self.clients {
            client.excuse(why);
        }
    }

    /// Lets time pass without anybody of the server noticing.
    pub(crate) fn leap(&mut self, length: Duration) {
        self.now += length;
        self.leaped = true;
        for client in self.clients.iter_mut().filter(|client| client.place != Place::Over) {
            if client.stage == Stage::Writing || self.stopped_at.is_some() {
                client.excuse("the server stood still while it wrote");
            }
            let named = client.script.name.as_ref().is_none_or(|name| client.bytes_read >= name.len());
            if client.script.by_silence && !named {
                client.excuse("the server stood still, and cannot know of a silence behind the name");
            }
        }
        self.deliver();
    }
}
