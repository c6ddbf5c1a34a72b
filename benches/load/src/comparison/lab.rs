//! The parts of the comparison: churn, latency, idle connections, system calls.

use std::io;
use std::time::Duration;

use crate::comparison::contender::server::Server;
use crate::comparison::contender::{self, Contender};
use crate::comparison::row::{Held, Row};
use crate::comparison::setup::{CROWD, PATIENCE, Scale, Setup};
use crate::comparison::success::succeeded;
use crate::comparison::{calls, ceiling};
use crate::figures::latency::Latency;
use crate::figures::measured::Measured;
use crate::figures::statistics::{paired_ratios, spread};
use crate::figures::tally::Tally;
use crate::generator::idle::idle_connections;
use crate::generator::run;
use crate::plan::arrivals::Spacing;
use crate::plan::{Load, Plan};
use crate::system::processes::{descriptor_limit, descriptors, resident_bytes, wait_until};

/// How often latencies are measured, if the machine spoils them each time.
const LATENCY_ATTEMPTS: usize = 3;

/// How often a turn is repeated in which the machine let nothing happen.
const TURN_ATTEMPTS: usize = 5;

/// The comparison while it goes on.
pub(crate) struct Lab<'a> {
    setup: &'a Setup<'a>,
    scale: Scale,
    /// The processor that the server has to itself.
    cpu: Option<usize>,
    contenders: Vec<Contender>,
    pub(crate) rows: Vec<Row>,
    /// The generator's ceiling, one figure a round.
    ceilings: Vec<f64>,
}

impl<'a> Lab<'a> {
    /// Nothing is measured yet. The servers run on processor `cpu`, if one is given.
    pub(crate) fn new(setup: &'a Setup<'a>, scale: Scale, cpu: Option<usize>) -> Lab<'a> {
        let contenders = contender::all(setup.welcomed, setup.beside);
        let rows = contenders.iter().map(|contender| Row { name: contender.name(), ..Row::default() });
        Lab { setup, scale, cpu, rows: rows.collect(), contenders, ceilings: Vec::new() }
    }

    /// Loads a server for so long.
    fn visit(&self, server: &Server, load: Load, duration: Duration) -> io::Result<Measured> {
        let plan = Plan { server: Some(server.pid()), ..Plan::plain(server.target.clone(), load, duration)? };
        run(&plan, self.setup.stop, &mut |_| {})
    }

    /// The generator's ceiling, if it has been measured.
    pub(crate) fn ceiling(&self) -> Option<f64> {
        Some(spread(&self.ceilings).median).filter(|ceiling| ceiling.is_finite())
    }

    /// Closed loop, in rounds, the order reversed each round: a drift of the machine meets all alike.
    pub(crate) fn churn(&mut self, progress: &mut dyn FnMut(&str)) -> io::Result<()> {
        for round in 0..self.scale.rounds {
            if self.setup.goes_on() {
                progress(&format!("churn, round {} of {}: the generator", round + 1, self.scale.rounds));
                let ceiling = ceiling::measure(CROWD, self.scale.turn, self.cpu, self.setup.stop)?;
                self.ceilings.extend(ceiling);
            }
            for (index, contender) in self.in_order(round) {
                if !self.setup.goes_on() {
                    break;
                }
                progress(&format!(
                    "churn, round {} of {}: {}",
                    round + 1,
                    self.scale.rounds,
                    contender.name()
                ));
                let measured = self.turn(&contender)?;
                if self.setup.goes_on() {
                    self.churned(index, &measured);
                }
            }
        }
        Ok(())
    }

    /// One turn of a contender. One in which the machine let nothing happen is repeated.
    fn turn(&self, contender: &Contender) -> io::Result<Measured> {
        let mut server = contender.start(self.cpu, self.setup.folder)?;
        self.visit(&server, Load::Closed(CROWD), self.scale.turn / 10)?;
        let mut attempt = 1;
        loop {
            let measured = self.visit(&server, Load::Closed(CROWD), self.scale.turn)?;
            self.serves_still(&mut server, &measured, contender)?;
            let is_empty = measured.tally.welcomed == 0 || measured.server.cpu == 0;
            if !is_empty || attempt == TURN_ATTEMPTS || !self.setup.goes_on() {
                return Ok(measured);
            }
            attempt += 1;
        }
    }

    /// Fails if a server does not serve, so that the comparison does not go on for long without a figure.
    fn serves_still(
        &self,
        server: &mut Server,
        measured: &Measured,
        contender: &Contender,
    ) -> io::Result<()> {
        let named = |why: &dyn std::fmt::Display| io::Error::other(format!("{}: {why}", contender.name()));
        if server.has_ended() {
            return Err(named(&"it ended while it was visited"));
        }
        if self.setup.goes_on() { succeeded(&measured.tally).map_err(|why| named(&why)) } else { Ok(()) }
    }

    /// What follows from the rounds of the churn, as far as they have come.
    pub(crate) fn add_up(&mut self) {
        let floor = self.rows.first().map(|row| row.cpu_micros.clone()).unwrap_or_default();
        let ceiling = self.ceiling();
        for row in &mut self.rows {
            let (rate, busy) = (spread(&row.rates).median, spread(&row.generator_busy).median);
            row.generator_limited = ceiling::was_reached(rate, busy, ceiling);
            row.costs = paired_ratios(&row.cpu_micros, &floor);
            row.cost = Some(spread(&row.costs)).filter(|cost| cost.median.is_finite());
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn churned(&mut self, index: usize, measured: &Measured) {
        let visits = (measured.tally.welcomed + measured.tally.failures()).max(1) as f64;
        if let Some(row) = self.rows.get_mut(index) {
            row.rates.push(measured.rate());
            row.generator_busy.push(measured.busy());
            row.cpu_micros.push(measured.server.cpu as f64 / 1e3 / visits);
            row.switches.extend(measured.server.switches.map(|switches| switches as f64 / visits));
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

    /// Open loop, at half of the rate that the slowest reached, so that the load is the same for all. A server whose
    /// figures the machine spoiled is measured anew.
    pub(crate) fn latency(&mut self, progress: &mut dyn FnMut(&str)) -> io::Result<()> {
        // A server that the machine kept from every visit has no rate that others could be measured at.
        let rates = self.rows.iter().map(|row| spread(&row.rates).median).filter(|rate| *rate > 0.0);
        let slowest = rates.fold(f64::INFINITY, f64::min);
        if !slowest.is_finite() {
            return Ok(());
        }
        let rate = (slowest / 2.0).max(1.0);
        let mut measured_now: Vec<usize> = (0..self.contenders.len()).collect();
        for attempt in 1..=LATENCY_ATTEMPTS {
            let tallies = self.tallies(&measured_now, rate, progress)?;
            for (row, tally) in self.rows.iter_mut().zip(tallies).filter(|(_, tally)| tally.welcomed > 0) {
                row.failures += tally.failures();
                row.latency = Some(Latency::of(&tally, rate, attempt));
            }
            let again = |row: &Row| row.is_spoiled() || row.latency.is_none();
            measured_now.retain(|index| self.rows.get(*index).is_some_and(again));
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
        let load = Load::Open(rate, Spacing::Poisson);
        let mut tallies = vec![Tally::new(); self.contenders.len()];
        for index in contenders.iter().chain(contenders.iter().rev()) {
            let (Some(contender), Some(tally)) = (self.contenders.get(*index), tallies.get_mut(*index))
            else {
                continue;
            };
            if !self.setup.goes_on() {
                break;
            }
            progress(&format!("latency at {rate:.0} visits a second: {}", contender.name()));
            let server = contender.start(self.cpu, self.setup.folder)?;
            self.visit(&server, load, self.scale.latency / 10)?;
            tally.add(&self.visit(&server, load, self.scale.latency / 2)?.tally);
        }
        Ok(tallies)
    }

    /// Idle connections: what each costs in memory, and what they add to the processor time of a visit.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub(crate) fn hold(&mut self, progress: &mut dyn FnMut(&str)) -> io::Result<()> {
        let own = descriptor_limit();
        let count = self.scale.held.min(own.saturating_sub(CROWD * 2 + 64));
        let turns = (0..self.scale.hold_turns).flat_map(|turn| {
            let once = move |contender: &Contender| turn == 0 && contender.holds();
            let order = self.in_order(turn).into_iter();
            order.filter(move |(_, contender)| once(contender) || contender.is_quiet())
        });
        for (index, contender) in turns.collect::<Vec<_>>() {
            if !self.setup.goes_on() || count == 0 {
                break;
            }
            progress(&format!("{count} idle connections: {}", contender.name()));
            let server = contender.start(self.cpu, self.setup.folder)?;
            let churn = || self.visit(&server, Load::Closed(CROWD), self.scale.turn * 2);
            self.visit(&server, Load::Closed(CROWD), self.scale.turn / 10)?;
            // Without, with, with, without: a drift of the machine meets both alike.
            let mut alone = vec![churn()?];
            let before = resident_bytes(server.pid());
            let idle = match idle_connections(&server.target, count, PATIENCE, self.setup.stop) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => break,
                idle => idle?,
            };
            wait_until(|| descriptors(server.pid()).is_none_or(|open| open >= count));
            let bytes =
                resident_bytes(server.pid()).zip(before).map(|(now, before)| now.saturating_sub(before));
            let beside = [churn()?, churn()?];
            drop(idle);
            wait_until(|| descriptors(server.pid()).is_none_or(|open| open < CROWD * 2));
            alone.push(churn()?);
            if !self.setup.goes_on() {
                break;
            }
            if let (Some(row), Some(bytes)) = (self.rows.get_mut(index), bytes) {
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
    pub(crate) fn calls(&mut self, progress: &mut dyn FnMut(&str)) -> io::Result<()> {
        if self.scale.batches > 0 && !calls::can_be_counted() {
            progress(
                "system calls are not counted: strace is not here (apt-get install strace), or /proc is not ours",
            );
            return Ok(());
        }
        for (index, contender) in self.in_order(0) {
            if !self.setup.goes_on() || self.scale.batches == 0 {
                break;
            }
            progress(&format!("system calls: {}", contender.name()));
            let server = contender.start(self.cpu, self.setup.folder)?;
            let calls =
                match calls::of_a_visit(&server, self.scale.batches, self.setup.folder, self.setup.stop) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => break,
                    calls => calls?,
                };
            if let Some(row) = self.rows.get_mut(index) {
                row.calls = calls;
            }
        }
        Ok(())
    }
}

/// The server's processor time of a visit, over some runs.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn cpu_of_a_visit(runs: &[Measured]) -> f64 {
    let visits: u64 = runs.iter().map(|run| run.tally.welcomed).sum();
    runs.iter().map(|run| run.server.cpu).sum::<u64>() as f64 / visits.max(1) as f64
}
