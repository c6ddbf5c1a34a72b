//! The loop that keeps visits in flight: closed (so many at a time) or open (so many a second).

mod afterwards;
mod evidence;
mod flight;
mod halt;
pub(crate) mod idle;
mod kernel_clock;
mod schedule;
#[cfg(test)]
mod tests;
mod threads;
mod timing;
mod turns;

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use crate::figures::measured::{Glimpse, Measured};
use crate::generator::halt::or_error;
use crate::generator::threads::{alone, together};
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
    if plan.threads == 1 {
        return alone(plan, &OnceLock::new(), stop, tell);
    }
    let server = || plan.server.map(Usage::of).unwrap_or_default();
    let (net, before) = (NetCounters::read(), server());
    let mut measured = Measured::of_threads(or_error(|| together(plan, stop, tell))?);
    measured.server = server().since(before);
    measured.net = NetCounters::read().since(net);
    Ok(measured)
}
