//! A schedule that a test plays turn by turn.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use super::client::Client;
use super::faults::{Call, Fault};
use super::kernel::Sim;
use super::play::{check_the_end, judge, of_panic, serve, turn};
use super::promises::Promise;
use super::schedule::Schedule;
use super::script::{Script, Step};
use super::subject::Subject;
use super::telling::{self, SAID_BY_LOOP, Telling};
use super::transcript::Transcript;
use crate::kernel::Signal;
use crate::reactor::Server;

/// A schedule on the real loop, at any point of it. Between two turns a test looks at what was done, lets something
/// happen, and says what the next calls answer.
///
/// Time passes only while the loop waits, or as a test says. If a promise is broken, the methods that turn the loop panic
/// with the promise and every step so far.
///
/// ```
/// use std::time::Duration;
/// use welcomed::net::{ErrorCode, Kind};
/// use welcomed::schedules::Welcoming;
/// use welcomed::simulation::{Call, Fault, Schedule, Script};
///
/// let sockets = [Welcoming::socket(Kind::Tcp)];
/// let mut scene = Schedule::calm(&Welcoming::default(), &sockets, vec![Script::sends(b"Ada\n")]).begin();
/// scene.answers(Call::Accept, 0, [Some(Fault::Error(ErrorCode::MFile))]);
/// scene.play();
/// scene.judge();
/// assert_eq!(scene.client(0, |client| client.accepted_at()), Some(Duration::from_millis(100)));
/// assert_eq!(scene.count(Call::Accept), 3, "in vain, with success, and one that would block");
/// ```
pub struct Scene<S: Subject> {
    schedule: Schedule<S>,
    sim: Sim,
    server: Server<Sim, S::Services>,
}

impl<S: Subject> Schedule<S> {
    /// Starts the real loop in this schedule, and lets the test turn it.
    #[track_caller]
    pub fn begin(&self) -> Scene<S> {
        let mut world = self.world();
        world.trace = Telling::Everything.trace();
        let sim = Sim::new(world);
        let server = watched(&sim, Promise::Survival, || self.start(sim.clone()));
        Scene { schedule: self.clone(), sim, server }
    }
}

impl<S: Subject> Scene<S> {
    /// One turn of the loop. Fails if the loop does.
    #[track_caller]
    pub fn turn(&mut self) -> io::Result<()> {
        watched(&self.sim, Promise::Survival, || turn(&self.sim, &mut self.server))
    }

    /// Turns until every client is gone, or until the loop has ended if it was told to.
    #[track_caller]
    pub fn play(&mut self) {
        watched(&self.sim, Promise::Survival, || serve(&self.sim, &mut self.server));
    }

    /// Lets the loop run until it has stopped: see [`Server::run`].
    #[track_caller]
    pub fn run(&mut self) -> io::Result<()> {
        watched(&self.sim, Promise::Survival, || self.server.run())
    }

    /// When all clients are gone: holds the counts and what each client got to the oracles of the subject. Panics if a
    /// promise is broken.
    #[track_caller]
    pub fn judge(&self) {
        let Scene { schedule, sim, server } = self;
        watched(sim, Promise::ORACLE, || {
            let judged = check_the_end(sim, server, |server, world| schedule.audit(server, world))
                .and_then(|counts| judge(&schedule.subject, &mut sim.0.borrow_mut().world, counts));
            if let Err(broken) = judged {
                resume_unwind(Box::new(broken));
            }
        });
    }

    /// Another client comes, now or when its script says. Gives its number.
    pub fn comes(&mut self, script: Script) -> usize {
        let world = &mut self.sim.0.borrow_mut().world;
        let socket = &self.schedule.sockets[script.socket];
        let arrives = script.arrives.max(world.now);
        world.clients.push(Client::new(Script { arrives, ..script }, socket.kind, socket.service));
        world.clients.len() - 1
    }

    /// A client that has done all that it was to do also does this, now.
    pub fn does(&mut self, client: usize, step: Step) {
        let world = &mut self.sim.0.borrow_mut().world;
        world.clients[client].next_at = Some(world.now);
        world.clients[client].script.steps.push(step);
    }

    /// The operator asks for this so long after the start, or at the next wait if that is over.
    pub fn signal(&mut self, at: Duration, signal: Signal) {
        let signals = &mut self.sim.0.borrow_mut().world.signals;
        signals.push_back((at, signal));
        signals.make_contiguous().sort_by_key(|(at, _)| *at);
    }

    /// The next calls of this kind go wrong like this, or go well (`None`). `number` is that of the client; of the socket
    /// for [`Call::Accept`] and [`Call::Receive`]; and 0 for [`Call::Wait`]. A [`Fault::Leap`] lets a call take so long.
    pub fn answers(&mut self, call: Call, number: usize, answers: impl IntoIterator<Item = Option<Fault>>) {
        let world = &mut self.sim.0.borrow_mut().world;
        world.weather.answers.entry((call, number)).or_default().extend(answers);
    }

    /// The process stands still for so long, and clients do not.
    pub fn stands_still(&mut self, length: Duration) {
        self.sim.0.borrow_mut().world.leap(length);
    }

    /// The services of the loop, with their counts.
    pub fn services(&self) -> &S::Services {
        self.server.services()
    }

    /// How long it has lasted.
    pub fn now(&self) -> Duration {
        self.sim.0.borrow().world.now
    }

    /// How many calls of this kind the loop has made.
    pub fn count(&self, call: Call) -> usize {
        self.sim.0.borrow().world.calls.iter().filter(|made| **made == call).count()
    }

    /// The clients that the loop was given, in turn.
    pub fn served(&self) -> Vec<usize> {
        self.sim.0.borrow().world.served.clone()
    }

    /// Looks at what a client did and what the kernel answered.
    pub fn client<T>(&self, number: usize, look: impl FnOnce(Transcript<'_>) -> T) -> T {
        look(Transcript { world: &self.sim.0.borrow().world, number, before: 0 })
    }

    /// How many sockets of the server are open.
    pub fn open_sockets(&self) -> usize {
        self.sim.0.borrow().world.sockets.iter().filter(|socket| socket.is_open).count()
    }

    /// What the loop has said in its log.
    pub fn said(&self) -> Vec<String> {
        let said = |line: &String| line.strip_prefix(SAID_BY_LOOP).map(str::to_owned);
        trace(&self.sim).iter().filter_map(said).collect()
    }
}

/// Does something in which a promise may be broken, and lets clients take what has reached them. A panic breaks this one.
#[track_caller]
fn watched<T>(sim: &Sim, by_panic: Promise, does: impl FnOnce() -> T) -> T {
    let quiet = telling::quietly();
    let done = catch_unwind(AssertUnwindSafe(does));
    drop(quiet);
    sim.0.borrow_mut().world.deliver();
    match done {
        Ok(done) => done,
        Err(panic) => panic!("{}\n{}", trace(sim).join("\n"), of_panic(&*panic, by_panic)),
    }
}

/// Every step so far: what clients did, every call and its result, and what the loop said.
fn trace(sim: &Sim) -> Vec<String> {
    let trace = &mut sim.0.borrow_mut().world.trace;
    let trace = trace.get_or_insert_default();
    trace.extend(telling::said());
    trace.clone()
}
