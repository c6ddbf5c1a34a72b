//! Plays one schedule on one loop, and says which promise was broken, if one was.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::audit::Audit;
use super::client::{Client, Place};
use super::datagrams::address;
use super::faults::{Call, Fault};
use super::kernel::{Sim, State};
use super::promises::{Broken, Promise, broken};
use super::schedule::Schedule;
use super::subject::{Right, Subject};
use super::telling::{self, Telling};
use super::transcript::Transcript;
use super::world::World;
use crate::net::Kind;
use crate::reactor::{Breach, Server, Services};

/// The most turns of a schedule: far more than any needs.
const TURNS: usize = 2_000_000;

/// An event loop on the simulated kernel.
pub trait EventLoop {
    /// One turn: waits, and does what there is to do.
    fn turn(&mut self) -> io::Result<()>;
    /// How many connections it has.
    fn connections(&self) -> usize;
    /// Whether it has ended.
    fn is_closed(&self) -> bool;
}

impl<H: Services<Sim>> EventLoop for Server<Sim, H> {
    fn turn(&mut self) -> io::Result<()> {
        Server::turn(self)
    }

    fn connections(&self) -> usize {
        self.services().open() + self.services().watchers()
    }

    fn is_closed(&self) -> bool {
        Server::is_closed(self)
    }
}

/// What came of a schedule in which every promise was kept.
#[derive(Clone, Debug)]
pub struct Played {
    /// Every call that was made.
    pub calls: Vec<Call>,
    /// What went wrong, and at which call.
    pub faults: Vec<(usize, Fault)>,
    /// What each client had a right to, and has got; and the kind of socket that it came to.
    pub rights: Vec<(Kind, Right)>,
    /// Every step, if it was asked for.
    pub trace: Vec<String>,
}

/// What came of a schedule in which a promise was broken.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The promise, and how it was broken.
    pub broken: Broken,
    /// Every call that was made until then.
    pub calls: Vec<Call>,
    /// What went wrong with them, and at which call.
    pub faults: Vec<(usize, Fault)>,
    /// Every step, if it was asked for.
    pub trace: Vec<String>,
}

impl<S: Subject> Schedule<S> {
    /// Plays it on the real loop.
    pub fn play(&self) -> Result<Played, Box<Failure>> {
        self.play_and(Telling::Nothing)
    }

    /// Plays it on the real loop, and tells every step.
    pub fn play_step_by_step(&self) -> Result<Played, Box<Failure>> {
        self.play_and(Telling::Everything)
    }

    fn play_and(&self, telling: Telling) -> Result<Played, Box<Failure>> {
        let audit = |server: &Server<Sim, S::Services>, world: &World| self.audit(server, world);
        play(self, telling, |sim| self.start(sim), audit)
    }

    /// The real loop, which listens at all its sockets.
    pub(super) fn start(&self, sim: Sim) -> Server<Sim, S::Services> {
        let services = self.subject.services(&self.places);
        let mut server = Server::new(sim, services, self.settings.clone());
        for socket in &self.sockets {
            if let Err(error) = server.listen_at(socket.service, &address(socket.kind)) {
                broken(
                    Promise::Survival,
                    format!("it cannot listen at a socket of {}: {error}", socket.kind),
                );
            }
        }
        server
    }

    /// Whether the counts of the real loop are right.
    pub(super) fn audit(&self, server: &Server<Sim, S::Services>, world: &World) -> Result<(), Broken> {
        let mut audit = Audit::new(world);
        self.subject.audit(server.services(), &mut audit);
        let (told, all) = (audit.services(), S::services_count());
        audit.result.and(if told == all {
            Ok(())
        } else {
            Err(Broken::new(Promise::Counts, format!("{told} of {all} services were audited")))
        })
    }

    /// Plays it on a loop that `start` gives, which has to open the first of its sockets with the index 0 and so on.
    /// Nothing is asked of its counts.
    pub fn play_on<L: EventLoop>(
        &self,
        telling: Telling,
        start: impl FnOnce(Sim) -> L,
    ) -> Result<Played, Box<Failure>> {
        play(self, telling, start, |_, _| Ok(()))
    }
}

fn play<S: Subject, L: EventLoop>(
    schedule: &Schedule<S>,
    telling: Telling,
    start: impl FnOnce(Sim) -> L,
    audit: impl FnOnce(&L, &World) -> Result<(), Broken>,
) -> Result<Played, Box<Failure>> {
    let mut world = schedule.world();
    world.trace = telling.trace();
    let sim = Sim::new(world);
    let _quiet = telling::quietly();
    let served = catch_unwind(AssertUnwindSafe(|| {
        let mut subject = start(sim.clone());
        serve(&sim, &mut subject);
        subject
    }));
    let of_loop = |panic: Box<dyn Any + Send>| of_panic(&*panic, Promise::Survival);
    let of_oracle = |panic: Box<dyn Any + Send>| of_panic(&*panic, Promise::ORACLE);
    let played = served.map_err(of_loop).and_then(|subject| {
        let checked = catch_unwind(AssertUnwindSafe(|| check_the_end(&sim, &subject, audit)));
        let counts = checked.map_err(of_oracle)??;
        catch_unwind(AssertUnwindSafe(|| drop(subject))).map_err(of_loop)?;
        let world = &mut sim.0.borrow_mut().world;
        let judged = catch_unwind(AssertUnwindSafe(|| judge(&schedule.subject, world, counts)));
        judged.map_err(of_oracle)?
    });
    let world = &mut sim.0.borrow_mut().world;
    let (calls, faults) = (std::mem::take(&mut world.calls), std::mem::take(&mut world.faults));
    let trace = telling::end(world.trace.take());
    match played {
        Ok(rights) => Ok(Played { calls, faults, rights, trace }),
        Err(broken) => Err(Box::new(Failure { broken, calls, faults, trace })),
    }
}

/// The promise that a panic has broken: `of_others`, if it does not say so itself.
pub(super) fn of_panic(panic: &(dyn Any + Send), of_others: Promise) -> Broken {
    if let Some(broken) = panic.downcast_ref::<Broken>() {
        return broken.clone();
    }
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words");
    let breaks_the_law = Breach::ALL.iter().any(|breach| text.contains(&breach.to_string()));
    if breaks_the_law {
        Broken::new(Promise::Law, text)
    } else {
        Broken::new(of_others, format!("a panic at {}: {text}", telling::place_of_panic()))
    }
}

/// Turns the loop until every client is gone, or until it has ended if it was told to.
pub(super) fn serve(sim: &Sim, subject: &mut impl EventLoop) {
    for _ in 0..TURNS {
        let (over, told_to_end) = {
            let state = sim.0.borrow();
            (state.world.is_over(), state.world.stopped_at.is_some())
        };
        if subject.is_closed() && !told_to_end && !over {
            broken(Promise::Survival, "the loop has ended, and nobody had told it to".to_owned());
        }
        if subject.is_closed() || (over && !told_to_end) {
            return;
        }
        if let Err(error) = turn(sim, subject) {
            let state = sim.0.borrow();
            if state.watch.fatal.is_some_and(|code| code.is(&error)) {
                return; // there was no way to go on
            }
            drop(state);
            broken(Promise::Survival, format!("the loop ended with {error}"));
        }
    }
    broken(Promise::NoSpin, format!("the loop turned {TURNS} times"));
}

/// One turn of the loop, after which each open stream belongs to a connection.
pub(super) fn turn(sim: &Sim, subject: &mut impl EventLoop) -> io::Result<()> {
    subject.turn()?;
    {
        let State { world, watch, .. } = &mut *sim.0.borrow_mut();
        world.watchers_are_served(watch.turn_at);
    }
    let inside = |client: &&Client| client.place == Place::Inside;
    let open = sim.0.borrow().world.clients.iter().filter(inside).count();
    let connections = subject.connections();
    if open != connections {
        broken(Promise::NoLeak, format!("{open} streams are open for {connections} connections"));
    }
    Ok(())
}

/// What must hold of the loop when the clients are gone. Gives whether its counts are right: a wrong answer, which makes
/// them wrong as a rule, is told before them.
pub(super) fn check_the_end<L: EventLoop>(
    sim: &Sim,
    subject: &L,
    audit: impl FnOnce(&L, &World) -> Result<(), Broken>,
) -> Result<Result<(), Broken>, Broken> {
    let state = sim.0.borrow();
    let left = subject.connections();
    if state.watch.fatal.is_none() && left > 0 {
        return Err(Broken::new(Promise::NoLeak, format!("{left} connections are left")));
    }
    match audit(subject, &state.world) {
        Err(broken) if broken.promise != Promise::Counts => Err(broken),
        counts => Ok(counts),
    }
}

/// What must hold when the server is gone, and all clients have taken what was on its way to them; and of its `counts`.
pub(super) fn judge<S: Subject>(
    subject: &S,
    world: &mut World,
    counts: Result<(), Broken>,
) -> Result<Vec<(Kind, Right)>, Broken> {
    world.settle();
    let world = &*world;
    let judged = world.clients.iter().enumerate().map(|(number, client)| {
        let right = subject.judge(&Transcript { world, number, before: 0 })?;
        Ok((client.kind, right))
    });
    let rights = judged.collect::<Result<Vec<_>, Broken>>()?;
    counts.and(Ok(rights))
}
