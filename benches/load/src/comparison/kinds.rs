//! The kinds of sockets beside each other: the same names to the same server, `welcomed --quiet`.

use std::io;
use std::time::Duration;

use serde::Serialize;
use welcomed::net::Kind;

use crate::comparison::contender::server::Server;
use crate::comparison::setup::{CROWD, Setup};
use crate::comparison::success::succeeded;
use crate::figures::tally::Tally;
use crate::generator::run;
use crate::plan::{Load, Plan};

/// How often every kind has its turn.
const ROUNDS: usize = 3;

/// What was measured over one kind of socket.
#[derive(Clone, Default, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct KindRow {
    /// The kind of socket: tcp, unix, unixpacket, udp or unixgram.
    pub(crate) kind: String,
    /// Visits welcomed a second, one figure a round.
    pub(crate) rates: Vec<f64>,
    /// Microseconds of the server's processor time for each visit, one figure a round.
    pub(crate) cpu_micros: Vec<f64>,
    /// Visits that were welcomed.
    pub(crate) welcomed: u64,
    /// Datagrams that were not answered within a second.
    pub(crate) lost: u64,
    /// Visits that found no room in an accept queue or in a queue for datagrams, and waited.
    pub(crate) waited: u64,
    /// Visits that failed.
    pub(crate) failures: u64,
}

impl KindRow {
    /// A figure as a share of all visits, in per cent.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub(crate) fn per_cent(&self, count: u64) -> f64 {
        count as f64 * 100.0 / (self.welcomed + self.lost + self.failures).max(1) as f64
    }
}

/// Closed loop over every kind that can be loaded, in turns of `turn`, the order reversed each round. Whatever fails, `rows`
/// has what was measured before.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn measure(
    setup: &Setup<'_>,
    turn: Duration,
    cpu: Option<usize>,
    rows: &mut Vec<KindRow>,
    progress: &mut dyn FnMut(&str),
) -> io::Result<()> {
    let kinds = [Kind::Tcp, Kind::Unix, Kind::UnixPacket, Kind::Udp, Kind::UnixGram];
    rows.extend(kinds.map(|kind| KindRow { kind: kind.to_string(), ..KindRow::default() }));
    for round in 0..ROUNDS {
        let mut order: Vec<_> = rows.iter_mut().zip(kinds).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for (row, kind) in order {
            if !setup.goes_on() {
                break;
            }
            progress(&format!("kinds of sockets, round {} of {ROUNDS}: {kind}", round + 1));
            let server = Server::over(kind, setup.welcomed, cpu, setup.folder)?;
            let plan = Plan {
                server: Some(server.pid()),
                timeout: Duration::from_secs(1),
                ..Plan::plain(server.target.clone(), Load::Closed(CROWD), turn)?
            };
            run(&Plan { duration: turn / 10, ..plan.clone() }, setup.stop, &mut |_| {})?;
            let measured = run(&plan, setup.stop, &mut |_| {})?;
            if !setup.goes_on() {
                break;
            }
            succeeded(&measured.tally)
                .map_err(|why| io::Error::other(format!("welcomed over {kind}: {why}")))?;
            let Tally { welcomed, lost, waited, .. } = measured.tally;
            row.rates.push(measured.rate());
            row.cpu_micros.push(measured.server.cpu as f64 / 1e3 / welcomed.max(1) as f64);
            row.welcomed += welcomed;
            row.lost += lost;
            row.waited += waited;
            row.failures += measured.tally.failures();
        }
    }
    Ok(())
}
