//! Plays one schedule on one loop, and says which promise was broken, if one was.

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::io::Errno;
use welcomed::facade::{Server, Stats};
use welcomed::net::{Address, Kind, Name, Names, UnixName};
use welcomed::services::welcome::tables::connection::{Event, State as Connection};

use crate::client::Place;
use crate::faults::Call;
use crate::kernel::Sim;
use crate::promises::{Broken, Promise, broken};
use crate::world::World;

/// The most turns of a schedule: far more than any needs.
const TURNS: usize = 100_000;

/// An event loop under test.
pub(crate) trait Subject {
    fn turn(&mut self) -> io::Result<()>;
    /// How many connections it has.
    fn connections(&self) -> usize;
    /// Whether it has ended.
    fn is_closed(&self) -> bool;
    /// The counts, if it keeps any.
    fn stats(&self) -> Option<&Stats>;
}

impl Subject for Server<Sim> {
    fn turn(&mut self) -> io::Result<()> {
        Server::turn(self)
    }

    fn connections(&self) -> usize {
        Server::connections(self)
    }

    fn is_closed(&self) -> bool {
        Server::is_closed(self)
    }

    fn stats(&self) -> Option<&Stats> {
        Some(Server::stats(self))
    }
}

/// The real server on the simulated kernel.
pub(crate) fn server(sim: Sim) -> Server<Sim> {
    let settings = sim.0.borrow().world.settings.clone();
    let kinds: Vec<Kind> = sim.0.borrow().world.doors.iter().map(|door| door.kind).collect();
    let mut server = Server::new(sim, settings);
    for kind in kinds {
        server.listen(&address(kind)).unwrap();
    }
    server
}

/// Some address for a socket of this kind.
pub(crate) fn address(kind: Kind) -> Address {
    let name = match kind.semantics().names {
        Names::Path => Name::Unix(UnixName::Abstract(b"welcomed".to_vec())),
        Names::Port | Names::Protocol => Name::Inet(SocketAddr::from(([127, 0, 0, 1], 9999))),
    };
    Address { kind, name }
}

/// What came of a schedule.
#[derive(Debug)]
pub(crate) struct Played {
    /// Every call that was made.
    pub(crate) calls: Vec<Call>,
    pub(crate) faults: u64,
    pub(crate) clients: u64,
    /// Clients of streams, of records and of datagrams that had a right to a welcome, and got it.
    pub(crate) welcomed: [u64; 3],
    pub(crate) trace: Vec<String>,
}

/// Plays the world on a loop. The trace comes with what went wrong.
pub(crate) fn play<S: Subject>(
    world: World,
    start: impl FnOnce(Sim) -> S,
) -> Result<Played, (Broken, Vec<String>)> {
    let sim = Sim::new(world);
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut subject = start(sim.clone());
        serve(&sim, &mut subject);
        audit(&sim, &subject);
        drop(subject);
        sim.0.borrow_mut().world.at_the_end()
    }));
    let world = &mut sim.0.borrow_mut().world;
    let welcomed = played.map_err(|panic| {
        let how = |text: &str| Broken { promise: Promise::Survival, how: format!("a panic: {text}") };
        let broken = panic
            .downcast_ref::<Broken>()
            .cloned()
            .or_else(|| panic.downcast_ref::<String>().map(|text| how(text)))
            .or_else(|| panic.downcast_ref::<&str>().map(|text| how(text)))
            .unwrap_or_else(|| how("without words"));
        (broken, world.trace.take().unwrap_or_default())
    })?;
    Ok(Played {
        calls: std::mem::take(&mut world.weather.calls),
        faults: world.weather.faults,
        clients: world.clients.len() as u64,
        welcomed,
        trace: world.trace.take().unwrap_or_default(),
    })
}

/// Turns the loop until everybody is gone, or until it has ended if it was told to.
fn serve(sim: &Sim, subject: &mut impl Subject) {
    for _ in 0..TURNS {
        let (over, told_to_end) = {
            let state = sim.0.borrow();
            (state.world.is_over(), state.world.stopped_at.is_some())
        };
        if subject.is_closed() || (over && !told_to_end) {
            return;
        }
        let turned = subject.turn();
        let state = sim.0.borrow();
        if let Err(error) = turned {
            let errno = Errno::from_io_error(&error);
            if errno.is_some() && errno == state.watch.fatal {
                return; // there was no way to go on
            }
            drop(state);
            broken(Promise::Survival, format!("the loop ended with {error}"));
        }
        let open = state.world.clients.iter().filter(|client| client.place == Place::Inside).count();
        let (connections, most) = (subject.connections(), state.world.settings.max_connections);
        drop(state);
        if open != connections || open > most {
            let how = format!("{open} streams are open for {connections} connections, of at most {most}");
            broken(Promise::NoLeak, how);
        }
    }
    broken(Promise::NoSpin, format!("the loop turned {TURNS} times"));
}

/// What must hold of the loop at the end.
fn audit(sim: &Sim, subject: &impl Subject) {
    let state = sim.0.borrow();
    let fatal = state.watch.fatal.is_some();
    if !fatal && subject.connections() > 0 {
        broken(Promise::NoLeak, format!("{} connections are left", subject.connections()));
    }
    let Some(counts) = subject.stats() else { return };
    for from in Connection::ALL {
        for event in Event::ALL {
            let count = counts.count(*from, *event);
            if count > 0 && from.next(*event).is_none() {
                broken(Promise::Counts, format!("{count} went from {from} on {event}: no such arrow"));
            }
        }
    }
    state.counts(counts);
    if !fatal && counts.open() > 0 {
        broken(Promise::Counts, format!("nobody is left; {counts}"));
    }
}
