//! The comparison: every contender by the same measure, in one run.

pub(crate) mod baseline;
pub(crate) mod beside;
pub(crate) mod calls;
pub(crate) mod ceiling;
pub(crate) mod contender;
pub(crate) mod goals;
pub(crate) mod kinds;

use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde::Serialize;

use crate::comparison::beside::{Difference, differences};
use crate::comparison::contender::{Contender, Server};
use crate::comparison::kinds::KindRow;
use crate::figures::latency::Latency;
use crate::figures::statistics::{Spread, paired_ratios, spread};
use crate::figures::tally::Tally;
use crate::generator::run;
use crate::plan::arrivals::Spread as ArrivalSpread;
use crate::plan::target::Target;
use crate::plan::{Load, Measured, Plan};
use crate::system::clock::Nanos;
use crate::system::processes::{self as system, NetCounters};

/// How long each part of the comparison takes; the tests make it short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// How often every contender has its turn in the churn.
    pub(crate) rounds: usize,
    /// How long one such turn is.
    pub(crate) turn: Nanos,
    /// How long the latency of each is measured.
    pub(crate) latency: Nanos,
    /// How many idle connections are held.
    pub(crate) held: usize,
    /// How often they are held open by `welcomed --quiet` and, if there is one, another build of it.
    pub(crate) hold_turns: usize,
    /// How many batches of 64 clients the system calls are counted over; 0: they are not.
    pub(crate) batches: usize,
}

/// Visits in flight while churning, and clients in a batch.
pub(crate) const CROWD: usize = 64;

/// How often latencies are measured, if the machine spoils them each time.
const LATENCY_ATTEMPTS: usize = 3;

/// What was measured of one contender.
#[derive(Clone, Default, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// Churn, one figure a round: connections a second.
    pub(crate) rates: Vec<f64>,
    /// Churn, one figure a round: how much of its processor the generator used.
    pub(crate) generator_busy: Vec<f64>,
    /// Whether the generator was the limit of the rates, so that they are its own.
    pub(crate) generator_limited: bool,
    /// Churn, one figure a round: microseconds of processor time for each connection.
    pub(crate) cpu_micros: Vec<f64>,
    /// Churn, one figure a round: context switches for each connection.
    pub(crate) switches: Vec<f64>,
    /// Processor time over that of the floor in the same round, one figure a round.
    pub(crate) costs: Vec<f64>,
    /// The same: median and quartiles.
    pub(crate) cost: Option<Spread>,
    /// Visits that failed, in all parts.
    pub(crate) failures: u64,
    pub(crate) latency: Option<Latency>,
    /// System calls for each connection, in batches of 64.
    pub(crate) calls: Option<f64>,
    /// Resident bytes for each idle connection.
    pub(crate) held_bytes: Option<f64>,
    /// Processor time of a connection with the idle ones open, over that without.
    pub(crate) held_cost: Option<f64>,
    /// The same, one a turn: they are the medians.
    pub(crate) held: Vec<Held>,
}

/// What idle connections cost in one turn.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Held {
    /// Resident bytes for each of them.
    pub(crate) bytes: f64,
    /// Microseconds of processor time for a visit beside them.
    pub(crate) micros: f64,
    /// The same over that without them.
    pub(crate) cost: f64,
}

impl Row {
    /// Whether its latencies say more about the machine than about the server.
    pub(crate) fn is_spoiled(&self) -> bool {
        self.latency.is_some_and(|latency| latency.spoiled)
    }
}

/// The whole comparison.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) rows: Vec<Row>,
    /// The kinds of sockets.
    pub(crate) kinds: Vec<KindRow>,
    /// This build of `welcomed` beside another one, if there was one.
    pub(crate) beside: Vec<Difference>,
    /// How much of its processor the generator used while churning, from 0 to 1.
    pub(crate) generator_load: f64,
    /// The visits a second that the generator reaches against a server that does next to nothing.
    pub(crate) generator_ceiling: Option<f64>,
    pub(crate) net: NetCounters,
}

/// Compares, and tells `progress` what it is at. What has been measured when `stop` is set is given.
pub(crate) fn compare(
    scale: Scale,
    beside: Option<&Path>,
    folder: &Path,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(&str),
) -> io::Result<Comparison> {
    fs::create_dir_all(folder)?;
    let processors = system::processors();
    let cpu = processors.first().copied().filter(|_| processors.len() > 1);
    if let (Some(_), Some(last)) = (cpu, processors.last()) {
        system::pin(None, *last);
    }
    let net = NetCounters::read();
    let contenders = contender::all(beside);
    let rows = contenders.iter().map(|contender| Row { name: contender.name(), ..Row::default() });
    let rows = rows.collect();
    let mut lab = Lab { scale, contenders, folder, cpu, stop, rows, ceilings: Vec::new() };
    lab.churn(progress)?;
    lab.latency(progress)?;
    lab.hold(progress)?;
    lab.calls(progress)?;
    let kinds = kinds::measure(scale.turn, cpu, folder, stop, progress)?;
    let busy = lab.rows.iter().flat_map(|row| row.generator_busy.iter().copied());
    Ok(Comparison {
        generator_load: spread(&busy.collect::<Vec<_>>()).median,
        generator_ceiling: lab.ceiling(),
        beside: beside.map(|path| differences(&lab.rows, path)).unwrap_or_default(),
        rows: lab.rows,
        kinds,
        net: NetCounters::read().since(net),
    })
}

struct Lab<'a> {
    scale: Scale,
    contenders: Vec<Contender>,
    folder: &'a Path,
    /// The processor that the server has to itself.
    cpu: Option<usize>,
    stop: &'a AtomicBool,
    rows: Vec<Row>,
    /// The generator's ceiling, one figure a round.
    ceilings: Vec<f64>,
}

impl Lab<'_> {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Lets visitors have their way with a server.
    fn visit(&self, server: &Server, load: Load, duration: Nanos) -> io::Result<Measured> {
        let plan = Plan { server: Some(server.pid()), ..Plan::plain(server.target.clone(), load, duration)? };
        run(&plan, self.stop, &mut |_| {})
    }

    /// The generator's ceiling, if it has been measured.
    fn ceiling(&self) -> Option<f64> {
        Some(spread(&self.ceilings).median).filter(|ceiling| ceiling.is_finite())
    }

    /// Closed loop, in rounds, the order reversed each round: what drifts meets all alike.
    fn churn(&mut self, progress: &mut dyn FnMut(&str)) -> io::Result<()> {
        for round in 0..self.scale.rounds {
            if self.goes_on() {
                progress(&format!("churn, round {} of {}: the generator", round + 1, self.scale.rounds));
                let ceiling = ceiling::measure(CROWD, self.scale.turn, self.cpu, self.folder, self.stop)?;
                self.ceilings.extend(ceiling);
            }
            for (index, contender) in self.in_order(round) {
                if !self.goes_on() {
                    break;
                }
                progress(&format!(
                    "churn, round {} of {}: {}",
                    round + 1,
                    self.scale.rounds,
                    contender.name()
                ));
                let server = contender.start(self.cpu, self.folder)?;
                self.visit(&server, Load::Closed(CROWD), self.scale.turn / 10)?;
                let measured = self.visit(&server, Load::Closed(CROWD), self.scale.turn)?;
                self.churned(index, &measured);
            }
        }
        let floor = self.rows.first().map(|row| row.cpu_micros.clone()).unwrap_or_default();
        let ceiling = self.ceiling();
        for row in &mut self.rows {
            let (rate, busy) = (spread(&row.rates).median, spread(&row.generator_busy).median);
            row.generator_limited = ceiling::was_reached(rate, busy, ceiling);
            row.costs = paired_ratios(&row.cpu_micros, &floor);
            row.cost = Some(spread(&row.costs)).filter(|cost| cost.median.is_finite());
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn churned(&mut self, index: usize, measured: &Measured) {
        let visits = (measured.tally.welcomed + measured.tally.failures()).max(1) as f64;
        if let Some(row) = self.rows.get_mut(index) {
            row.rates.push(measured.rate());
            row.generator_busy.push(measured.busy());
            row.cpu_micros.push(measured.server.cpu as f64 / 1e3 / visits);
            row.switches.push(measured.server.switches as f64 / visits);
            row.failures += measured.tally.failures();
        }
    }

    /// Every contender and its row, in reversed order in every second round.
    fn in_order(&self, round: usize) -> Vec<(usize, Contender)> {
        let mut order: Vec<_> = self.contenders.iter().cloned().enumerate().collect();
        if round % 2 == 1 {
            order.reverse();
        }
        order
    }

    /// Open loop, at half of what the slowest reached, so that all are asked the same. Whoever's figures
    /// were spoiled by the machine is measured anew.
    fn latency(&mut self, progress: &mut dyn FnMut(&str)) -> io::Result<()> {
        let slowest = self.rows.iter().map(|row| spread(&row.rates).median).fold(f64::INFINITY, f64::min);
        if !slowest.is_finite() {
            return Ok(());
        }
        let rate = slowest / 2.0;
        let mut measured_now: Vec<usize> = (0..self.contenders.len()).collect();
        for attempt in 1..=LATENCY_ATTEMPTS {
            let tallies = self.tallies(&measured_now, rate, progress)?;
            for (row, tally) in self.rows.iter_mut().zip(tallies).filter(|(_, tally)| tally.welcomed > 0) {
                row.failures += tally.failures();
                row.latency = Some(Latency::of(&tally, rate, attempt));
            }
            measured_now.retain(|index| self.rows.get(*index).is_some_and(Row::is_spoiled));
        }
        Ok(())
    }

    /// Measures the latencies of some contenders, each twice, the second time in reversed order.
    fn tallies(
        &self,
        contenders: &[usize],
        rate: f64,
        progress: &mut dyn FnMut(&str),
    ) -> io::Result<Vec<Tally>> {
        let load = Load::Open(rate, ArrivalSpread::Poisson);
        let mut tallies = vec![Tally::new(); self.contenders.len()];
        for index in contenders.iter().chain(contenders.iter().rev()) {
            let (Some(contender), Some(tally)) = (self.contenders.get(*index), tallies.get_mut(*index))
            else {
                continue;
            };
            if !self.goes_on() {
                break;
            }
            progress(&format!("latency at {rate:.0} visits a second: {}", contender.name()));
            let server = contender.start(self.cpu, self.folder)?;
            self.visit(&server, load, self.scale.latency / 10)?;
            tally.add(&self.visit(&server, load, self.scale.latency / 2)?.tally);
        }
        Ok(tallies)
    }

    /// Idle connections: what each costs in memory, and what they cost those who are not idle.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn hold(&mut self, progress: &mut dyn FnMut(&str)) -> io::Result<()> {
        let own = welcomed::kernel::mio::descriptor_limit();
        let count = self.scale.held.min(own.saturating_sub(CROWD * 2 + 64));
        let turns = (0..self.scale.hold_turns).flat_map(|turn| {
            let once = move |contender: &Contender| turn == 0 && contender.holds();
            let order = self.in_order(turn).into_iter();
            order.filter(move |(_, contender)| once(contender) || contender.is_quiet())
        });
        for (index, contender) in turns.collect::<Vec<_>>() {
            if !self.goes_on() || count == 0 {
                break;
            }
            progress(&format!("{count} idle connections: {}", contender.name()));
            let server = contender.start(self.cpu, self.folder)?;
            let churn = || self.visit(&server, Load::Closed(CROWD), self.scale.turn * 2);
            self.visit(&server, Load::Closed(CROWD), self.scale.turn / 10)?;
            // Without, with, with, without: what drifts meets both alike.
            let mut alone = vec![churn()?];
            let before = system::resident_bytes(server.pid());
            let idle = idle_connections(&server.target, count)?;
            wait_until(|| system::descriptors(server.pid()) >= count);
            let bytes = system::resident_bytes(server.pid()).saturating_sub(before);
            let beside = [churn()?, churn()?];
            drop(idle);
            wait_until(|| system::descriptors(server.pid()) < CROWD * 2);
            alone.push(churn()?);
            if let Some(row) = self.rows.get_mut(index) {
                let micros = cpu_of_a_visit(&beside) / 1e3;
                let cost = cpu_of_a_visit(&beside) / cpu_of_a_visit(&alone);
                row.held.push(Held { bytes: bytes as f64 / count as f64, micros, cost });
                let median = |figure: fn(&Held) -> f64| {
                    Some(spread(&row.held.iter().map(figure).collect::<Vec<_>>()).median)
                };
                (row.held_bytes, row.held_cost) = (median(|held| held.bytes), median(|held| held.cost));
                row.failures += alone.iter().chain(&beside).map(|run| run.tally.failures()).sum::<u64>();
            }
        }
        Ok(())
    }

    /// System calls, if they can be counted.
    fn calls(&mut self, progress: &mut dyn FnMut(&str)) -> io::Result<()> {
        if self.scale.batches > 0 && !calls::can_be_counted() {
            progress("system calls are not counted: strace is not here (apt-get install strace)");
            return Ok(());
        }
        for (index, contender) in self.in_order(0) {
            if !self.goes_on() || self.scale.batches == 0 {
                break;
            }
            progress(&format!("system calls: {}", contender.name()));
            let server = contender.start(self.cpu, self.folder)?;
            let calls = calls::of_a_visit(&server, self.scale.batches, self.folder)?;
            if let Some(row) = self.rows.get_mut(index) {
                row.calls = calls;
            }
        }
        Ok(())
    }
}

/// Waits for a condition, for 5 s at most.
pub(crate) fn wait_until(condition: impl Fn() -> bool) {
    for _ in 0..5000 {
        if condition() {
            return;
        }
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// The server's processor time of a visit, over some runs.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn cpu_of_a_visit(runs: &[Measured]) -> f64 {
    let visits: u64 = runs.iter().map(|run| run.tally.welcomed).sum();
    runs.iter().map(|run| run.server.cpu).sum::<u64>() as f64 / visits.max(1) as f64
}

/// Connections that say nothing. They come from other addresses than the visits, whose search for a free
/// local port would slow down otherwise, and with it everything.
pub(crate) fn idle_connections(target: &Target, count: usize) -> io::Result<Vec<OwnedFd>> {
    let own = |index: usize| IpAddr::from([127, 1, 0, u8::try_from(1 + index / 4096 % 250).unwrap_or(1)]);
    let local = target.is_beside_sources();
    (0..count).map(|index| target.idle(local.then(|| own(index)))).collect()
}
