//! A datagram service with what it has of its own: admission and counts.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use super::accept::{Accepts, Words, accept_next};
use super::admission::Admission;
use super::breach::{self, Breach};
use super::counts::Counts;
use super::listener::Listener;
use super::service::{DatagramService, News};
use super::services::{Key, Sealed, Services, Turn};
use super::view::ServiceView;
use crate::kernel::{self, Kernel};
use crate::machine::Table;
use crate::net::{Cause, Destination, Kind, Peer};

/// The datagram service `S` in a loop.
pub struct Datagrams<S: DatagramService> {
    service: S,
    /// Datagrams take no place and no descriptor: no connection that closes ends a pause.
    admission: Admission,
    counts: Counts<S::Table>,
}

/// One datagram, and where its conversation stands.
struct Datagram<'a, S: DatagramService> {
    session: S::Session,
    at: <S::Table as Table>::State,
    peer: &'a Peer,
    to: Destination,
}

impl<S: DatagramService> Datagram<'_, S> {
    /// Why it may have no answer, whatever the service says: the answer would not go to its sender, or many servers give one.
    fn is_not_to_be_answered(&self) -> Option<News<'static>> {
        let Datagram { peer, to, .. } = self;
        if **peer == Peer::Unnamed {
            log::debug!("a sender without a name, or with a path of no use here, cannot be answered");
            return Some(News::NoReturnAddress);
        }
        if let Some(why) = to.refuses(peer) {
            log::debug!("{peer}: not answered, {why}");
            return Some(News::NoReturnAddress);
        }
        (*to == Destination::Many).then(|| {
            log::debug!("{peer}: not answered, it was not sent to this host alone");
            News::ForMany
        })
    }
}

impl<S: DatagramService> Datagrams<S> {
    /// The service. Its table has outcomes, or this does not compile:
    ///
    /// ```compile_fail,E0080
    /// # use welcomed::machine::Moved;
    /// # use welcomed::reactor::service::{DatagramService, News};
    /// use welcomed::reactor::{Datagrams, tables::socket};
    ///
    /// struct NoOutcomes;
    ///
    /// impl DatagramService for NoOutcomes {
    ///     type Session = ();
    ///     type Table = socket::Machine;
    /// #   fn room(&self) -> usize { 1500 }
    /// #   fn answer<'a>(&'a self, _: &'a ()) -> Option<&'a [u8]> { None }
    /// #   fn on(&mut self, _: &mut (), _: News<'_>) -> Moved<socket::Machine> { Ok(None) }
    ///     // ...
    /// }
    /// let datagrams = Datagrams::new(NoOutcomes);
    /// ```
    pub fn new(service: S) -> Self {
        const { assert!(S::Table::HAS_OUTCOMES, "the table of a service says what becomes of a client") };
        Datagrams { service, admission: Admission::new(usize::MAX), counts: Counts::default() }
    }

    /// The service.
    pub fn service(&self) -> &S {
        &self.service
    }

    /// The counts so far.
    pub fn counts(&self) -> &Counts<S::Table> {
        &self.counts
    }

    /// Sends the answer, if there is one, once: what came of it.
    fn send<K: Kernel>(
        &self,
        datagram: &Datagram<'_, S>,
        socket: &K::Listener,
        kernel: &mut K,
    ) -> Option<News<'static>> {
        let Datagram { session, at, peer, to } = datagram;
        let answer = self.service.answer(session)?;
        if let Some(why) = datagram.is_not_to_be_answered() {
            return Some(why);
        }
        loop {
            let Err(error) = kernel.send(socket, answer, peer, to) else { return Some(News::Sent) };
            let news = match Cause::of(&error) {
                Cause::Interrupted => continue,
                Cause::WouldBlock | Cause::NoBuffers => News::NoRoom,
                Cause::Exhausted
                | Cause::Socket
                | Cause::Refused
                | Cause::NoSuchSocket
                | Cause::OtherKind
                | Cause::TimedOut
                | Cause::Reset
                | Cause::Network
                | Cause::Denied
                | Cause::Other => News::Failed,
            };
            log::debug!("{peer}: {error} while {at}");
            return Some(news);
        }
    }

    /// Tells the conversation, and does what follows from its arrow. Gives whether it moved.
    fn tell(&mut self, datagram: &mut Datagram<'_, S>, news: News<'_>) -> bool {
        let Datagram { session, at, peer, .. } = datagram;
        let arrow = match self.service.on(session, news) {
            Ok(Some(arrow)) => breach::checked::<S::Table>(*at, arrow),
            Ok(None) => Err(Breach::DatagramMovesNothing),
            Err(no_arrow) => {
                self.end_broken(datagram, Breach::NoArrow, &no_arrow);
                return false;
            }
        };
        match arrow {
            Ok(arrow) => {
                *at = arrow.to;
                self.counts.arrow_taken(arrow);
                log::trace!("{peer}: {arrow}");
                self.service.on_transition(session, arrow, peer);
                true
            }
            Err(breach) => {
                self.broken(datagram, breach);
                false
            }
        }
    }

    /// The service has broken the law.
    #[cold]
    fn broken(&mut self, datagram: &Datagram<'_, S>, breach: Breach) {
        self.end_broken(datagram, breach, &format_args!("while {}", datagram.at));
    }

    /// The service has broken the law: a panic where that is looked for, and else the end of this conversation.
    #[cold]
    fn end_broken(
        &mut self,
        Datagram { at, peer, .. }: &Datagram<'_, S>,
        breach: Breach,
        circumstance: &dyn fmt::Display,
    ) {
        debug_assert!(false, "{peer}: {breach}: {circumstance}");
        log::error!("{peer}: dropped, because the service breaks the law: {breach}: {circumstance}");
        self.counts.conversation_broken(*at);
    }
}

impl<S: DatagramService, K: Kernel> Accepts<K> for Datagrams<S> {
    const WORDS: Words = Words { accept: "receive", accepted: "received" };

    fn admits(&self, turn: &Turn<K>) -> bool {
        self.admission.admits(0, turn.now, 0)
    }

    /// Receives the next datagram, and answers it, once. If the answer cannot be sent now it never is: delivery is not
    /// sure, and a client that misses it asks again.
    fn accept_one(&mut self, listener: &mut Listener<K::Listener>, turn: &mut Turn<K>) -> io::Result<()> {
        let socket = listener.socket()?;
        let room = self.service.room().min(turn.buffer.len());
        let buffer = turn.buffer.get_mut(..room).unwrap_or_default();
        let kernel::Datagram { record, peer, to } = turn.kernel.receive(socket, buffer)?;
        self.counts.client_accepted();
        let bytes = buffer.get(..record.bytes).unwrap_or_default();
        let mut datagram = Datagram { session: S::Session::default(), at: S::Table::START, peer: &peer, to };
        let (truncated, socket_number) = (record.truncated, listener.index());
        let news = News::Received { bytes, truncated, peer: &peer, socket: socket_number, now: turn.now };
        if self.tell(&mut datagram, news) {
            let sent = self.send(&datagram, socket, &mut turn.kernel);
            let is_told = sent.is_none_or(|news| self.tell(&mut datagram, news));
            if is_told && !S::Table::is_decided(datagram.at) {
                self.broken(&datagram, Breach::ClosesUndecided);
            }
        }
        Ok(())
    }

    fn pause(&mut self, error: &io::Error, now: Instant, _: u64) {
        self.counts.accept_paused();
        self.admission.pause(now, 0);
        if self.admission.take_first_of_episode() {
            log::warn!("receiving pauses: {error}; others wait");
        }
    }

    fn peer_lost(&mut self) {
        self.counts.accept_failed();
    }
}

impl<S: DatagramService> Sealed for Datagrams<S> {}

impl<S: DatagramService, K: Kernel> Services<K> for Datagrams<S> {
    const COUNT: u8 = 1;

    fn number(&mut self, _: u8) {}

    fn serves(&self, service: u8, kind: Kind) -> bool {
        service == 0 && !kind.semantics().connections
    }

    fn output_timeout(&self, _: u8) -> Duration {
        Duration::MAX
    }

    fn go_on(&mut self, _: &mut Turn<K>) {}

    fn drive(&mut self, _: Key, _: &mut Turn<K>) {}

    fn expire(&mut self, _: &mut Turn<K>) {}

    fn accept(
        &mut self,
        _: u8,
        listener: &mut Listener<K::Listener>,
        turn: &mut Turn<K>,
    ) -> io::Result<bool> {
        accept_next(self, listener, turn)
    }

    fn accepted(&mut self, _: u64, perhaps: u64) {
        if perhaps & 1 == 0 {
            self.admission.queues_are_empty();
        }
    }

    fn asks_again(&self, _: u8, _: &Turn<K>, now: Instant) -> Option<Instant> {
        self.admission.asks_again(0, now, 0)
    }

    fn next(&self, _: &Turn<K>) -> Option<Instant> {
        None
    }

    fn open(&self) -> usize {
        0
    }

    fn stopping(&mut self) {}

    fn end_pauses(&mut self) {
        self.admission.end_pause();
    }

    fn give_way(&mut self) {}

    fn stop(&mut self) {}

    fn sweep(&mut self, _: &mut Turn<K>) {}

    fn report(&self) {
        self.counts.report();
    }

    fn view(&self, views: &mut Vec<ServiceView>) {
        views.push(ServiceView::of(&self.counts, None));
    }
}
