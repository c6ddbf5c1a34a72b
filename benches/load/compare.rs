//! The comparison: every contender by the same measure, in one run.

use std::fs;
use std::io;
use std::net::{IpAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde::Serialize;

use crate::arrivals::Spread as ArrivalSpread;
use crate::ceiling;
use crate::clock::Nanos;
use crate::contender::{ALL, Server};
use crate::generator::run;
use crate::latency::Latency;
use crate::plan::{Load, Measured, Plan};
use crate::statistics::{Spread, paired_ratios, spread};
use crate::system::{self, NetCounters};
use crate::tally::Tally;
use crate::target::Target;

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
    /// How many batches of 64 clients the system calls are counted over; 0: they are not.
    pub(crate) batches: usize,
}

/// Visits in flight while churning, and clients in a batch.
const CROWD: usize = 64;

/// How often latencies are measured, if the machine spoils them each time.
const LATENCY_ATTEMPTS: usize = 3;

/// What was measured of one contender.
#[derive(Clone, Default, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
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
    /// How much of its processor the generator used while churning, from 0 to 1.
    pub(crate) generator_load: f64,
    /// The visits a second that the generator reaches against a server that does next to nothing.
    pub(crate) generator_ceiling: Option<f64>,
    pub(crate) net: NetCounters,
}

/// Compares, and tells `progress` what it is at. What has been measured when `stop` is set is given.
pub(crate) fn compare(
    scale: Scale,
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
    let mut lab = Lab { scale, folder, cpu, stop, rows: Vec::new(), ceilings: Vec::new() };
    lab.rows = ALL.iter().map(|contender| Row { name: contender.name(), ..Row::default() }).collect();
    lab.churn(progress)?;
    lab.latency(progress)?;
    lab.hold(progress)?;
    lab.calls(progress)?;
    let busy = lab.rows.iter().flat_map(|row| row.generator_busy.iter().copied());
    Ok(Comparison {
        generator_load: spread(&busy.collect::<Vec<_>>()).median,
        generator_ceiling: lab.ceiling(),
        rows: lab.rows,
        net: NetCounters::read().since(net),
    })
}

struct Lab<'a> {
    scale: Scale,
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
        let plan = Plan { server: Some(server.pid()), ..Plan::plain(server.address, load, duration)? };
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
            let mut order: Vec<usize> = (0..ALL.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for (index, contender) in order.into_iter().filter_map(|index| Some((index, *ALL.get(index)?))) {
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

    /// Open loop, at half of what the slowest reached, so that all are asked the same. Whoever's figures
    /// were spoiled by the machine is measured anew.
    fn latency(&mut self, progress: &mut dyn FnMut(&str)) -> io::Result<()> {
        let slowest = self.rows.iter().map(|row| spread(&row.rates).median).fold(f64::INFINITY, f64::min);
        if !slowest.is_finite() {
            return Ok(());
        }
        let rate = slowest / 2.0;
        let mut measured_now: Vec<usize> = (0..ALL.len()).collect();
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
        let mut tallies = vec![Tally::new(); ALL.len()];
        for index in contenders.iter().chain(contenders.iter().rev()) {
            let (Some(contender), Some(tally)) = (ALL.get(*index), tallies.get_mut(*index)) else { continue };
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
        for (index, contender) in ALL.into_iter().enumerate().filter(|(_, contender)| contender.holds()) {
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
            let idle = idle_connections(&server.address.into(), count)?;
            wait_until(|| system::descriptors(server.pid()) >= count);
            let bytes = system::resident_bytes(server.pid()).saturating_sub(before);
            let beside = [churn()?, churn()?];
            drop(idle);
            wait_until(|| system::descriptors(server.pid()) < CROWD * 2);
            alone.push(churn()?);
            if let Some(row) = self.rows.get_mut(index) {
                row.held_bytes = Some(bytes as f64 / count as f64);
                row.held_cost = Some(cpu_of_a_visit(&beside) / cpu_of_a_visit(&alone));
                row.failures += alone.iter().chain(&beside).map(|run| run.tally.failures()).sum::<u64>();
            }
        }
        Ok(())
    }

    /// System calls, counted by strace over clients that come in batches: the server is stopped while a
    /// batch connects and sends its names, so that a batch is a batch on any machine.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn calls(&mut self, progress: &mut dyn FnMut(&str)) -> io::Result<()> {
        let strace = Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if self.scale.batches > 0 && !strace.is_ok_and(|status| status.success()) {
            progress("system calls are not counted: strace is not here (apt-get install strace)");
            return Ok(());
        }
        for (index, contender) in ALL.into_iter().enumerate() {
            if !self.goes_on() || self.scale.batches == 0 {
                break;
            }
            progress(&format!("system calls: {}", contender.name()));
            let server = contender.start(self.cpu, self.folder)?;
            let summary = self.folder.join("strace.txt");
            let mut strace = Command::new("strace");
            strace.args(["-f", "-c", "-p", &server.pid().to_string(), "-o"]).arg(&summary);
            let mut strace = strace.stderr(Stdio::null()).spawn()?;
            while !is_traced(server.pid()) && strace.try_wait()?.is_none() {
                thread::park_timeout(Duration::from_millis(1));
            }
            for _ in 0..self.scale.batches {
                batch(&server)?;
            }
            let pid = rustix::process::Pid::from_child(&strace);
            let _ = rustix::process::kill_process(pid, Signal::INT);
            strace.wait()?;
            let total = total_calls(&fs::read_to_string(&summary)?);
            if let (Some(row), Some(total)) = (self.rows.get_mut(index), total) {
                row.calls = Some(total as f64 / (self.scale.batches * CROWD) as f64);
            }
        }
        Ok(())
    }
}

/// Waits for a condition, for 5 s at most.
fn wait_until(condition: impl Fn() -> bool) {
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

/// Sends one batch of prompt clients through a server that cannot look before all of them are there.
fn batch(server: &Server) -> io::Result<()> {
    use std::io::{Read as _, Write as _};
    server.signal(Signal::STOP);
    wait_until(|| is_stopped(server.pid())); // under strace that takes a moment
    let mut clients = Vec::new();
    for _ in 0..CROWD {
        let mut client = TcpStream::connect(server.address)?;
        client.write_all(b"Rafatul\n")?;
        clients.push(client);
    }
    server.signal(Signal::CONT);
    for mut client in clients {
        client.set_read_timeout(Some(Duration::from_secs(10)))?;
        client.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}

/// Whether every thread of a process has a tracer.
fn is_traced(pid: u32) -> bool {
    all_threads(pid, "status", |status| !status.contains("TracerPid:\t0\n"))
}

/// Whether every thread of a process stands still (`/proc/PID/stat`, field 3).
fn is_stopped(pid: u32) -> bool {
    all_threads(pid, "stat", |stat| {
        stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with(['T', 't']))
    })
}

/// Whether the file of every thread of a process is so; true of a process that is gone.
fn all_threads(pid: u32, file: &str, is_so: impl Fn(&str) -> bool) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    tasks.flatten().all(|task| is_so(&fs::read_to_string(task.path().join(file)).unwrap_or_default()))
}

/// The total of a summary by `strace -c`: the fourth column of its last line.
fn total_calls(summary: &str) -> Option<u64> {
    let line = summary.lines().rfind(|line| line.ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}
