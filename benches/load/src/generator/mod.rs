//! The loop that keeps visits in flight: closed (so many at a time) or open (so many a second).

mod afterwards;
mod evidence;
mod flight;
pub(crate) mod idle;
mod kernel_clock;
mod schedule;
#[cfg(test)]
mod tests;
mod timing;
mod turns;

use std::io;
use std::sync::atomic::AtomicBool;

use crate::figures::measured::{Glimpse, Measured};
use crate::generator::turns::Generator;
use crate::plan::Plan;
use crate::system::processes::{NetCounters, Usage};

pub(crate) use crate::generator::afterwards::REST;

/// Does what `plan` says, until it is done or `stop` is set, and gives what came of it. `tell` is called four times
/// a second meanwhile.
///
/// A visit that fails is counted and ends no run. An error is one of this machine (no descriptor for the event queue,
/// say), or [`InvalidInput`](io::ErrorKind::InvalidInput) for a load that is none.
pub fn run(plan: &Plan, stop: &AtomicBool, tell: &mut dyn FnMut(&Glimpse<'_>)) -> io::Result<Measured> {
    plan.check()?;
    let usage = || (plan.server.map(Usage::of).unwrap_or_default(), Usage::of(std::process::id()));
    let (net, before) = (NetCounters::read(), usage());
    // Its time runs from here: what was read before can take long on a busy machine.
    let mut generator = Generator::new(plan)?;
    generator.go(stop, tell)?;
    let (server, own) = usage();
    generator.wait_for_leftovers(stop);
    generator.settle();
    let window = generator.schedule.window(generator.at);
    generator.tally.connections = generator.kept.counts();
    generator.tally.not_begun = window.due - window.begun;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let passed = generator.at.saturating_sub(generator.schedule.began).max(1) as f64;
    Ok(Measured {
        tally: generator.tally,
        timeline: generator.timeline,
        kind: plan.manners.target.kind(),
        load: plan.load,
        timeout: plan.timeout,
        seconds: passed / 1e9,
        window,
        welcomed_in_window: generator.welcomed_in_window,
        is_stamped: plan.manners.target.is_stamped(),
        clock_set: generator.system.clock.times_set,
        server: server.since(before.0),
        generator: own.since(before.1),
        net: NetCounters::read().since(net),
        in_flight: generator.in_flight_nanos / passed,
        held_back: generator.schedule.held_back,
    })
}
