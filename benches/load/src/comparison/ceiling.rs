//! Whether a figure is the server's or the generator's own.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::comparison::contender::server::Server;
use crate::figures::measured::Measured;
use crate::generator::run;
use crate::peers::Peer;
use crate::plan::{Load, Plan};

/// A generator that was busy for more than this part of the time was at its limit.
const BUSY: f64 = 0.9;

/// The visits a second that the generator reaches with so many at a time, against a server that does
/// next to nothing, on processor `cpu` if one is given. `None` if `stop` was set before it was known.
pub(crate) fn measure(
    crowd: usize,
    duration: Duration,
    cpu: Option<usize>,
    stop: &AtomicBool,
) -> io::Result<Option<f64>> {
    let server = Server::of_peer(Peer::Null, cpu)?;
    let plan = Plan::plain(server.target.clone(), Load::Closed(crowd), duration)?;
    run(&Plan { duration: duration / 10, ..plan.clone() }, stop, &mut |_| {})?;
    let measured = run(&plan, stop, &mut |_| {})?;
    Ok((!stop.load(Ordering::Relaxed)).then(|| measured.rate()))
}

/// Whether the generator was the limit: it was busy all the time, or as fast as it ever gets.
pub(crate) fn was_reached(rate: f64, busy: f64, ceiling: Option<f64>) -> bool {
    busy > BUSY || ceiling.is_some_and(|ceiling| rate > ceiling * BUSY)
}

/// The same of one run. Of several threads one that is at its limit is enough.
pub(crate) fn limited(measured: &Measured, ceiling: Option<f64>) -> bool {
    let busiest =
        measured.contributions.iter().map(|generator| generator.busy).fold(measured.busy(), f64::max);
    was_reached(measured.rate(), busiest, ceiling)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_busy_generator_and_one_at_its_ceiling_are_the_limit() {
        use super::was_reached;
        assert!(was_reached(100.0, 0.95, Some(1000.0)), "busy all the time");
        assert!(was_reached(950.0, 0.5, Some(1000.0)), "as fast as against a server that does nothing");
        assert!(!was_reached(500.0, 0.5, Some(1000.0)));
        assert!(!was_reached(500.0, 0.5, None), "what is not known is not claimed");
    }
}
