//! A service that shows the others of its loop.

use std::io;
use std::time::{Duration, Instant};

use super::accept::Accepts as _;
use super::listener::Listener;
use super::service::StreamService;
use super::services::{Key, Sealed, Services, Turn, since};
use super::streams::Streams;
use super::view::{ServiceView, Turns, View};
use crate::kernel::Kernel;
use crate::net::Kind;

/// How often a watcher looks at least, while the loop turns.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a client of a watcher keeps its place at least, where another one waits for it.
const GRACE: Duration = Duration::from_millis(50);

/// How many descriptors are kept back for clients of a watcher: it answers when the process has none left.
pub const KEPT_BACK: usize = 4;

/// A service that shows the others of its loop.
pub trait Watcher: StreamService {
    /// What the loop does at this moment. It is told before anything else that the service is told, and once a second while
    /// the loop turns. A loop that waits is woken for what is new since, and then for nothing more.
    fn look(&mut self, view: View);
}

/// Services, and behind them one that shows them: the [`Watcher`] `W`. Its number is the one behind theirs.
///
/// It has its own places, as any service has, and [`KEPT_BACK`] descriptors are kept back for its clients. While the server
/// stops it goes on until the others are over: then its sessions are told
/// ([`Input::Stopping`](super::service::Input::Stopping)), and those that are not over 100 ms later are ended.
///
/// An answer of a watcher can take longer than many visits. So in one turn it goes on with one of its clients, for one
/// output, accepts one, and looks whether one has to give way ([`giving_way`](Watched::giving_way)). However many ask, and however
/// much, a client of the others waits for no more than that.
///
/// A [`SocketView`](super::view::SocketView) has the number of its service in the loop, and a view has its services from 0 on. So
/// these are the first services of the loop.
///
/// `services::status::Shown` has an example, behind the feature `status`.
pub struct Watched<H, W: StreamService, K: Kernel> {
    services: H,
    watcher: Streams<W, K>,
    turns: Turns,
    /// When it looks again.
    looks_at: Option<Instant>,
    /// Whether the loop has turned since it looked.
    has_news: bool,
    /// Whether the watcher went on with a client in this turn.
    has_driven: bool,
    /// Whether it accepted one in this turn.
    has_accepted: bool,
    /// When its sessions give way to a client that waits for a place, if they ever do.
    gives_way: GivesWay,
}

/// When sessions of a watcher give way.
#[derive(Clone, Copy, Debug)]
enum GivesWay {
    Never,
    /// As soon as a client waits for a place.
    Now,
    /// If one waits then.
    At(Instant),
}

impl<H: Services<K>, W: Watcher, K: Kernel> Watched<H, W, K> {
    /// These services, and the watcher that shows them. A watcher among them does not compile: nothing would say which of the two
    /// goes on for the other.
    pub fn new(services: H, mut watcher: Streams<W, K>) -> Self {
        const { assert!(!H::WATCHES, "a watcher is not watched") };
        watcher.is_watcher = true;
        Watched {
            services,
            watcher,
            turns: Turns::default(),
            looks_at: None,
            has_news: false,
            has_driven: false,
            has_accepted: false,
            gives_way: GivesWay::Never,
        }
    }

    /// The same, where a client that waits for a place of the watcher gets one. Sessions that want to read, and have read all there
    /// was, are told [`Input::Stopping`](super::service::Input::Stopping) once they had 50 ms. One that is told and stays is ended at
    /// the next look, 50 ms later, and one that is never read dry after a second. Those that
    /// [give way last](StreamService::gives_way_last) do so where there are no others.
    #[must_use]
    pub fn giving_way(self) -> Self {
        Watched { gives_way: GivesWay::Now, ..self }
    }

    /// The services that are shown.
    pub fn services(&self) -> &H {
        &self.services
    }

    /// The service that shows them.
    pub fn watcher(&self) -> &Streams<W, K> {
        &self.watcher
    }

    /// Lets the watcher's sessions give way, if a client waits for a place.
    fn make_room(&mut self, turn: &mut Turn<K>) {
        let is_due = match self.gives_way {
            GivesWay::Never => return,
            GivesWay::Now => true,
            GivesWay::At(at) => at <= turn.now,
        };
        if !self.watcher.wants_room(turn) {
            return;
        }
        if is_due {
            self.gives_way = GivesWay::At(turn.now + GRACE);
            self.watcher.give_way();
        }
        if self.watcher.has_more_to_ask(turn) {
            self.watcher_does(turn, Streams::make_room);
        }
    }

    fn look(&mut self, turn: &Turn<K>) {
        let mut services = Vec::new();
        self.services.view(&mut services);
        let watcher_places = Some(self.watcher.places());
        self.watcher.service.look(View {
            age: Duration::from_nanos(since(turn.start, turn.now)),
            stopping: turn.stopping,
            sockets: turn.sockets.clone(),
            services,
            turns: self.turns.clone(),
            watcher_places,
        });
    }

    /// Lets the watcher do something that it may have to know the present for, and that can cost one of the descriptors that are
    /// kept back, or free one.
    fn watcher_does<T>(
        &mut self,
        turn: &mut Turn<K>,
        does: impl FnOnce(&mut Streams<W, K>, &mut Turn<K>) -> T,
    ) -> T {
        self.look(turn);
        let done = does(&mut self.watcher, turn);
        turn.kernel.keep_back(KEPT_BACK);
        done
    }
}

impl<H: Sealed, W: StreamService, K: Kernel> Sealed for Watched<H, W, K> {}

impl<H: Services<K>, W: Watcher, K: Kernel> Services<K> for Watched<H, W, K> {
    const COUNT: u8 = H::COUNT + 1;
    const WATCHES: bool = true;

    fn number(&mut self, first: u8) {
        self.services.number(first);
        self.watcher.number(first + H::COUNT);
    }

    fn serves(&self, service: u8, kind: Kind) -> bool {
        match service.checked_sub(H::COUNT) {
            None => self.services.serves(service, kind),
            Some(service) => self.watcher.serves(service, kind),
        }
    }

    fn output_timeout(&self, service: u8) -> Duration {
        match service.checked_sub(H::COUNT) {
            None => self.services.output_timeout(service),
            Some(service) => Services::output_timeout(&self.watcher, service),
        }
    }

    fn go_on(&mut self, turn: &mut Turn<K>) {
        self.services.go_on(turn);
        (self.has_driven, self.has_accepted) = (self.watcher.has_to_go_on(), false);
        if self.watcher.has_more_to_do() {
            self.watcher_does(turn, Services::go_on);
        }
    }

    fn drive(&mut self, key: Key, turn: &mut Turn<K>) {
        match key.service.checked_sub(H::COUNT) {
            None => self.services.drive(key, turn),
            Some(_) if std::mem::replace(&mut self.has_driven, true) => self.watcher.put_off(key.slot),
            Some(service) => {
                self.watcher_does(turn, |watcher, turn| watcher.drive(Key { service, ..key }, turn));
            }
        }
    }

    fn expire(&mut self, turn: &mut Turn<K>) {
        self.services.expire(turn);
        if self.watcher.is_due(turn) {
            self.watcher_does(turn, Services::expire);
        }
        self.make_room(turn);
    }

    fn accept(
        &mut self,
        service: u8,
        listener: &mut Listener<K::Listener>,
        turn: &mut Turn<K>,
    ) -> io::Result<bool> {
        match service.checked_sub(H::COUNT) {
            None => self.services.accept(service, listener, turn),
            // It may have more, and the loop comes back at once. A client that waits for a place is asked for in each turn.
            Some(_) if std::mem::replace(&mut self.has_accepted, true) || !self.watcher.admits(turn) => {
                Ok(false)
            }
            Some(service) => self.watcher_does(turn, |watcher, turn| watcher.accept(service, listener, turn)),
        }
    }

    fn accepted(&mut self, waiting: u64, perhaps: u64) {
        self.services.accepted(waiting, perhaps);
        self.watcher.accepted(waiting >> H::COUNT, perhaps >> H::COUNT);
    }

    fn asks_again(&self, service: u8, turn: &Turn<K>, now: Instant) -> Option<Instant> {
        match service.checked_sub(H::COUNT) {
            None => self.services.asks_again(service, turn, now),
            Some(service) => self.watcher.asks_again(service, turn, now),
        }
    }

    fn next(&self, turn: &Turn<K>) -> Option<Instant> {
        let looks_at = self.looks_at.filter(|_| self.has_news);
        let room = match self.gives_way {
            GivesWay::Never => None,
            GivesWay::Now => Some(turn.start),
            GivesWay::At(at) => Some(at),
        };
        let room = room.filter(|_| self.watcher.wants_room(turn));
        [self.services.next(turn), self.watcher.next(turn), looks_at, room].into_iter().flatten().min()
    }

    fn open(&self) -> usize {
        self.services.open()
    }

    fn stopping(&mut self) {
        self.services.stopping();
    }

    fn end_pauses(&mut self) {
        self.services.end_pauses();
        self.watcher.end_pauses();
    }

    fn give_way(&mut self) {
        self.services.give_way();
    }

    fn stop(&mut self) {
        self.services.stop();
    }

    fn sweep(&mut self, turn: &mut Turn<K>) {
        self.services.sweep(turn);
        if self.watcher.has_more_to_do() {
            self.watcher_does(turn, Services::sweep);
        }
    }

    fn report(&self) {
        self.services.report();
        self.watcher.report();
    }

    fn view(&self, views: &mut Vec<ServiceView>) {
        self.services.view(views);
        Services::view(&self.watcher, views);
    }

    fn is_watcher(&self, service: u8) -> bool {
        service == H::COUNT
    }

    fn watchers(&self) -> usize {
        self.watcher.connections()
    }

    fn turned(&mut self, turn: &mut Turn<K>, lasted: Option<Duration>) {
        if let Some(lasted) = lasted {
            self.turns.add(lasted);
        }
        self.has_news = self.looks_at.is_some_and(|looks_at| looks_at > turn.now);
        if !self.has_news {
            self.looks_at = Some(turn.now + LOOK_EVERY);
            self.look(turn);
            turn.kernel.keep_back(KEPT_BACK);
        }
    }

    fn watchers_stopping(&mut self) {
        self.watcher.tell_all();
    }

    fn stop_watchers(&mut self) {
        Services::stop(&mut self.watcher);
    }
}
