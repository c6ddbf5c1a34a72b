//! How a service of streams accepts a client: a place, a share of the places, and the first drive.

use std::io;
use std::time::Instant;

use super::accept::{Accepts, Words};
use super::connection::Connection;
use super::listener::Listener;
use super::service::{StreamService, Trace};
use super::services::Turn;
use super::shares::Above;
use super::streams::Streams;
use crate::kernel::{Closing, Kernel};
use crate::net::Cause;

/// Whether the process or the system has no descriptor left.
fn is_exhausted(error: &io::Error) -> bool {
    Cause::of(error) == Cause::Exhausted
}

impl<S: StreamService, K: Kernel> Streams<S, K> {
    /// The source of the client that was accepted has its share of the places.
    #[cold]
    fn refuse(&mut self, above: &Above) {
        self.counts.client_refused();
        if above.is_news {
            let (Above { source, .. }, most) = (above, self.shares.most());
            log::info!("{source} has {most} connections, the most of one source; more are refused");
        }
    }
}

impl<S: StreamService, K: Kernel> Accepts<K> for Streams<S, K> {
    const WORDS: Words = Words { accept: "accept", accepted: "accepted" };

    fn admits(&self, turn: &Turn<K>) -> bool {
        self.admission.admits(self.connections.len(), turn.now, turn.closed)
    }

    /// Accepts the client that has waited longest.
    fn accept_one(&mut self, listener: &mut Listener<K::Listener>, turn: &mut Turn<K>) -> io::Result<()> {
        let (stream, peer) = match listener.accept(&mut turn.kernel) {
            Err(error) if self.is_watcher && is_exhausted(&error) && turn.kernel.let_go() => {
                listener.accept(&mut turn.kernel)?
            }
            accepted => accepted?,
        };
        self.counts.client_accepted();
        if let Some(above) = self.shares.above(&peer) {
            self.refuse(&above);
            turn.kernel.close(stream, Closing::Cut);
            return Ok(());
        }
        // Driven at once: most clients have sent their request by now and are done with before the kernel
        // would have to be asked to watch them.
        let mut session = self.service.open(&peer, turn.now);
        if S::IS_TRACED {
            let accepted = Trace::Accepted { peer: &peer, socket: listener.index() };
            self.service.trace(&mut session, accepted, turn.clock);
        }
        let keeps_boundaries = listener.address().kind.semantics().boundaries;
        let connection = Connection::new(stream, session, peer, keeps_boundaries, self.looks.last());
        let slot = self.connections.insert(connection);
        self.places_used = self.places_used.max(slot + 1);
        self.new = Some(slot);
        self.drive_slot(slot, turn);
        self.new = None;
        if let Some(connection) = self.connections.get(slot) {
            self.shares.take(connection.peer());
        }
        Ok(())
    }

    fn pause(&mut self, error: &io::Error, now: Instant, closed: u64) {
        self.counts.accept_paused();
        self.admission.pause(now, closed);
        if self.admission.take_first_of_episode() {
            let open = self.connections.len();
            log::warn!("accepting pauses with {open} open: {error}; others wait");
        }
    }

    fn peer_lost(&mut self) {
        self.counts.accept_failed();
    }
}
