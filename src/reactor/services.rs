//! The services of one loop: one, or a pair of such, each with a number.

use std::io;
use std::time::{Duration, Instant};

use super::listener::Listener;
use super::view::{ServiceView, SocketView};
use crate::kernel::Kernel;
use crate::net::Kind;

/// A connection of one of the services, as the kernel is asked to report it again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    /// The number of its service.
    pub(crate) service: u8,
    /// Its place there.
    pub(crate) slot: usize,
}

/// The bits of a token that hold the place: 24 at least, for more places than a process has descriptors.
const SLOT_BITS: u32 = usize::BITS - 8;

impl Key {
    pub(crate) fn token(self) -> usize {
        (usize::from(self.service) << SLOT_BITS) | self.slot
    }

    pub(crate) fn of(token: usize) -> Key {
        let service = u8::try_from(token >> SLOT_BITS).unwrap_or(u8::MAX);
        Key { service, slot: token & ((1 << SLOT_BITS) - 1) }
    }
}

/// What the loop lends its services for a turn.
pub struct Turn<K> {
    pub(crate) kernel: K,
    /// The buffer that all connections read into, so that an idle one holds none.
    pub(crate) buffer: Box<[u8]>,
    /// The moment after the wait.
    pub(crate) now: Instant,
    /// The last look at the clock in this turn, for what is traced.
    pub(crate) clock: Instant,
    /// How many clients have been accepted so far, and datagrams answered, of all services.
    pub(crate) served: u64,
    /// The moment that timers count from.
    pub(crate) start: Instant,
    /// Whether the server stops.
    pub(crate) stopping: bool,
    /// How many connections have closed so far, of all services: each has freed a descriptor.
    pub(crate) closed: u64,
    /// The sockets that clients come to, for a service that shows them.
    pub(crate) sockets: Vec<SocketView>,
}

/// A moment as timers have it: nanoseconds from the start.
pub(crate) fn since(start: Instant, moment: Instant) -> u64 {
    u64::try_from(moment.saturating_duration_since(start).as_nanos()).unwrap_or(u64::MAX)
}

/// What a turn of the loop asks of the services. [`Streams`](super::Streams), [`Datagrams`](super::Datagrams) and pairs
/// of services implement it.
///
/// Services have numbers from 0 on, in the order in which they stand in the pair: those of `((a, b), (c, d))` are 0, 1, 2
/// and 3. A service of one's own is a [`StreamService`](super::service::StreamService) or a
/// [`DatagramService`](super::service::DatagramService), and never this, which is sealed: what a [`Turn`] has is the loop's.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no service of a loop",
    note = "a service of your own goes into `Streams` or `Datagrams`, and several go into pairs of pairs: `(a, (b, c))`"
)]
pub trait Services<K: Kernel>: Sealed {
    /// How many services these are.
    const COUNT: u8;

    /// The first of them has this number among all services of the loop. It goes into the tokens.
    fn number(&mut self, first: u8);

    /// Whether there is a service of this number, it can serve a socket of this kind, and has a place for a client.
    fn serves(&self, service: u8, kind: Kind) -> bool;

    /// How long an output of the service of this number may take.
    fn output_timeout(&self, service: u8) -> Duration;

    /// Drives connections whose budget was used up in the turn before, within a budget.
    fn go_on(&mut self, turn: &mut Turn<K>);

    /// Something may have happened to a connection.
    fn drive(&mut self, key: Key, turn: &mut Turn<K>);

    /// Tells sessions of timers that have run out, within a budget.
    fn expire(&mut self, turn: &mut Turn<K>);

    /// Accepts or answers the client that has waited longest at a socket of this service, if it is admitted. Gives
    /// whether another one may be, now. Fails if the socket itself is broken.
    fn accept(
        &mut self,
        service: u8,
        listener: &mut Listener<K::Listener>,
        turn: &mut Turn<K>,
    ) -> io::Result<bool>;

    /// All sockets were asked. `waiting` has a bit for the number of each service with a client that still waits, and
    /// `perhaps` one for each where that is not known to be otherwise.
    fn accepted(&mut self, waiting: u64, perhaps: u64);

    /// When it is worth asking again although nothing else happens, if a client waits.
    fn asks_again(&self, service: u8, turn: &Turn<K>, now: Instant) -> Option<Instant>;

    /// The first moment at which there is something to do.
    fn next(&self, turn: &Turn<K>) -> Option<Instant>;

    /// How many connections are open, lingering ones among them.
    fn open(&self) -> usize;

    /// From now on sessions are told that the server stops.
    fn stopping(&mut self);

    /// The time to drain is over: clients that wait are asked for once more, whatever pause there is.
    fn end_pauses(&mut self);

    /// From now on sessions are told so that have not been, until the clients that wait have places.
    fn give_way(&mut self);

    /// Connections are closed, all that there are now.
    fn stop(&mut self);

    /// Goes on with telling and closing, within a budget.
    fn sweep(&mut self, turn: &mut Turn<K>);

    /// Writes the counts to the log.
    fn report(&self);

    /// Adds what is to be shown of each service that is watched.
    fn view(&self, views: &mut Vec<ServiceView>);

    /// Whether one of them shows the others.
    const WATCHES: bool = false;

    /// Whether the service of this number shows others, and so goes on until they are over.
    fn is_watcher(&self, _service: u8) -> bool {
        false
    }

    /// How many connections of watchers are open.
    fn watchers(&self) -> usize {
        0
    }

    /// The loop waits next. The turn before lasted so long, if there was one.
    fn turned(&mut self, _turn: &mut Turn<K>, _lasted: Option<Duration>) {}

    /// What the watchers show is over: they are told that the server stops.
    fn watchers_stopping(&mut self) {}

    /// Connections of watchers are closed.
    fn stop_watchers(&mut self) {}
}

/// What only the loop's own types are.
pub trait Sealed {}

impl<A: Sealed, B: Sealed> Sealed for (A, B) {}

impl<K: Kernel, A: Services<K>, B: Services<K>> Services<K> for (A, B) {
    const COUNT: u8 = A::COUNT + B::COUNT;

    fn number(&mut self, first: u8) {
        self.0.number(first);
        self.1.number(first + A::COUNT);
    }

    fn serves(&self, service: u8, kind: Kind) -> bool {
        match service.checked_sub(A::COUNT) {
            None => self.0.serves(service, kind),
            Some(service) => self.1.serves(service, kind),
        }
    }

    fn output_timeout(&self, service: u8) -> Duration {
        match service.checked_sub(A::COUNT) {
            None => self.0.output_timeout(service),
            Some(service) => self.1.output_timeout(service),
        }
    }

    fn go_on(&mut self, turn: &mut Turn<K>) {
        self.0.go_on(turn);
        self.1.go_on(turn);
    }

    fn drive(&mut self, key: Key, turn: &mut Turn<K>) {
        match key.service.checked_sub(A::COUNT) {
            None => self.0.drive(key, turn),
            Some(service) => self.1.drive(Key { service, ..key }, turn),
        }
    }

    fn expire(&mut self, turn: &mut Turn<K>) {
        self.0.expire(turn);
        self.1.expire(turn);
    }

    fn accept(
        &mut self,
        service: u8,
        listener: &mut Listener<K::Listener>,
        turn: &mut Turn<K>,
    ) -> io::Result<bool> {
        match service.checked_sub(A::COUNT) {
            None => self.0.accept(service, listener, turn),
            Some(service) => self.1.accept(service, listener, turn),
        }
    }

    fn accepted(&mut self, waiting: u64, perhaps: u64) {
        self.0.accepted(waiting, perhaps);
        self.1.accepted(waiting >> A::COUNT, perhaps >> A::COUNT);
    }

    fn asks_again(&self, service: u8, turn: &Turn<K>, now: Instant) -> Option<Instant> {
        match service.checked_sub(A::COUNT) {
            None => self.0.asks_again(service, turn, now),
            Some(service) => self.1.asks_again(service, turn, now),
        }
    }

    fn next(&self, turn: &Turn<K>) -> Option<Instant> {
        [self.0.next(turn), self.1.next(turn)].into_iter().flatten().min()
    }

    fn open(&self) -> usize {
        self.0.open() + self.1.open()
    }

    fn stopping(&mut self) {
        self.0.stopping();
        self.1.stopping();
    }

    fn end_pauses(&mut self) {
        self.0.end_pauses();
        self.1.end_pauses();
    }

    fn give_way(&mut self) {
        self.0.give_way();
        self.1.give_way();
    }

    fn stop(&mut self) {
        self.0.stop();
        self.1.stop();
    }

    fn sweep(&mut self, turn: &mut Turn<K>) {
        self.0.sweep(turn);
        self.1.sweep(turn);
    }

    fn report(&self) {
        self.0.report();
        self.1.report();
    }

    fn view(&self, views: &mut Vec<ServiceView>) {
        self.0.view(views);
        self.1.view(views);
    }

    const WATCHES: bool = A::WATCHES || B::WATCHES;

    fn is_watcher(&self, service: u8) -> bool {
        match service.checked_sub(A::COUNT) {
            None => self.0.is_watcher(service),
            Some(service) => self.1.is_watcher(service),
        }
    }

    fn watchers(&self) -> usize {
        self.0.watchers() + self.1.watchers()
    }

    fn turned(&mut self, turn: &mut Turn<K>, lasted: Option<Duration>) {
        self.0.turned(turn, lasted);
        self.1.turned(turn, lasted);
    }

    fn watchers_stopping(&mut self) {
        self.0.watchers_stopping();
        self.1.watchers_stopping();
    }

    fn stop_watchers(&mut self) {
        self.0.stop_watchers();
        self.1.stop_watchers();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_gives_back_the_key_it_was_made_of() {
        for key in [Key { service: 0, slot: 0 }, Key { service: 63, slot: 20_000 }] {
            assert_eq!(Key::of(key.token()), key);
        }
    }
}
