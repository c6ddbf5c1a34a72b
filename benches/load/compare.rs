//! The comparison: every contender by the same measure, in one run.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;
use rustix::process::Signal;
use serde::Serialize;
use socket2::Socket;

use crate::arrivals::Spread as ArrivalSpread;
use crate::clock::Nanos;
use crate::contender::{ALL, Server};
use crate::flight::idle;
use crate::generator::{Load, Measured, Plan, run};
use crate::statistics::{Spread, paired_ratios, spread};
use crate::system::{self, NetCounters};
use crate::tally::Tally;

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

/// What was measured of one contender.
#[derive(Clone, Default, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Churn, one figure a round: connections a second.
    pub(crate) rates: Vec<f64>,
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

/// Where the curve of a latency is drawn.
const CURVE: [f64; 13] = [0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999];

/// Latencies of an open loop, in microseconds from the scheduled moment.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) rate: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
    /// How late visits began: the generator's own part.
    pub(crate) start_lag_p99: f64,
    /// From the start to being connected: median and 99th percentile.
    pub(crate) connect: (f64, f64),
    /// From the start to the first byte.
    pub(crate) first_byte: (f64, f64),
    /// From the start to the end.
    pub(crate) end: (f64, f64),
    /// Whether the start lag is so large that the others say nothing.
    pub(crate) spoiled: bool,
    /// Quantiles and their latencies.
    pub(crate) curve: [(f64, f64); CURVE.len()],
}

/// The whole comparison.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) rows: Vec<Row>,
    /// How much of its processor the generator used while churning, from 0 to 1: near 1 it was the limit.
    pub(crate) generator_load: f64,
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
    let mut lab = Lab { scale, folder, cpu, stop, rows: Vec::new(), load: Vec::new() };
    lab.rows = ALL.iter().map(|contender| Row { name: contender.name(), ..Row::default() }).collect();
    lab.churn(progress)?;
    lab.latency(progress)?;
    lab.hold(progress)?;
    lab.calls(progress)?;
    Ok(Comparison {
        generator_load: spread(&lab.load).median,
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
    load: Vec<f64>,
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

    /// Closed loop, in rounds, the order reversed each round: what drifts meets all alike.
    fn churn(&mut self, progress: &mut dyn FnMut(&str)) -> io::Result<()> {
        for round in 0..self.scale.rounds {
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
        for row in &mut self.rows {
            row.costs = paired_ratios(&row.cpu_micros, &floor);
            row.cost = Some(spread(&row.costs)).filter(|cost| cost.median.is_finite());
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn churned(&mut self, index: usize, measured: &Measured) {
        let visits = (measured.tally.welcomed + measured.tally.failures()).max(1) as f64;
        self.load.push(measured.generator.cpu as f64 / 1e9 / measured.seconds);
        if let Some(row) = self.rows.get_mut(index) {
            row.rates.push(measured.tally.welcomed as f64 / measured.seconds);
            row.cpu_micros.push(measured.server.cpu as f64 / 1e3 / visits);
            row.switches.push(measured.server.switches as f64 / visits);
            row.failures += measured.tally.failures();
        }
    }

    /// Open loop, at half of what the slowest reached, so that all are asked the same.
    fn latency(&mut self, progress: &mut dyn FnMut(&str)) -> io::Result<()> {
        let slowest = self.rows.iter().map(|row| spread(&row.rates).median).fold(f64::INFINITY, f64::min);
        if !slowest.is_finite() {
            return Ok(());
        }
        let load = Load::Open(slowest / 2.0, ArrivalSpread::Poisson);
        let mut tallies = vec![Tally::new(); ALL.len()];
        for index in (0..ALL.len()).chain((0..ALL.len()).rev()) {
            let (Some(contender), Some(tally)) = (ALL.get(index), tallies.get_mut(index)) else { continue };
            if !self.goes_on() {
                break;
            }
            progress(&format!("latency at {:.0} visits a second: {}", slowest / 2.0, contender.name()));
            let server = contender.start(self.cpu, self.folder)?;
            self.visit(&server, load, self.scale.latency / 10)?;
            tally.add(&self.visit(&server, load, self.scale.latency / 2)?.tally);
        }
        for (row, tally) in self.rows.iter_mut().zip(tallies).filter(|(_, tally)| tally.welcomed > 0) {
            row.failures += tally.failures();
            row.latency = Some(latency(&tally, slowest / 2.0));
        }
        Ok(())
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
            let cpu =
                |measured: &Measured| measured.server.cpu as f64 / measured.tally.welcomed.max(1) as f64;
            self.visit(&server, Load::Closed(CROWD), self.scale.turn / 10)?;
            let alone = self.visit(&server, Load::Closed(CROWD), self.scale.turn)?;
            let before = system::resident_bytes(server.pid());
            let idle = idle_connections(server.address, count)?;
            for _ in 0..5000 {
                if system::descriptors(server.pid()) >= count {
                    break;
                }
                thread::park_timeout(Duration::from_millis(1));
            }
            let bytes = system::resident_bytes(server.pid()).saturating_sub(before);
            let beside = self.visit(&server, Load::Closed(CROWD), self.scale.turn)?;
            drop(idle);
            if let Some(row) = self.rows.get_mut(index) {
                row.held_bytes = Some(bytes as f64 / count as f64);
                row.held_cost = Some(cpu(&beside) / cpu(&alone));
                row.failures += alone.tally.failures() + beside.tally.failures();
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

/// Connections that say nothing. They come from other addresses than the visits, whose search for a free
/// local port would slow down otherwise, and with it everything.
pub(crate) fn idle_connections(target: SocketAddr, count: usize) -> io::Result<Vec<Socket>> {
    let own = |index: usize| IpAddr::from([127, 1, 0, u8::try_from(1 + index / 4096 % 250).unwrap_or(1)]);
    let local = target.is_ipv4() && target.ip().is_loopback();
    (0..count).map(|index| idle(target, local.then(|| own(index)))).collect()
}

/// Sends one batch of prompt clients through a server that cannot look before all of them are there.
fn batch(server: &Server) -> io::Result<()> {
    use std::io::{Read as _, Write as _};
    server.signal(Signal::STOP);
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
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    tasks.flatten().all(|task| {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        !status.contains("TracerPid:\t0\n")
    })
}

/// The total of a summary by `strace -c`: the fourth column of its last line.
fn total_calls(summary: &str) -> Option<u64> {
    let line = summary.lines().rfind(|line| line.ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// The latencies of a tally, in microseconds.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn latency(tally: &Tally, rate: f64) -> Latency {
    let micros = |quantile: f64| tally.latency.value_at_quantile(quantile) as f64 / 1e3;
    let part = |times: &Histogram<u64>| {
        (times.value_at_quantile(0.5) as f64 / 1e3, times.value_at_quantile(0.99) as f64 / 1e3)
    };
    Latency {
        rate,
        connect: part(&tally.connect),
        first_byte: part(&tally.first_byte),
        end: part(&tally.end),
        p50: micros(0.5),
        p90: micros(0.9),
        p99: micros(0.99),
        p999: micros(0.999),
        max: tally.latency.max() as f64 / 1e3,
        start_lag_p99: tally.start_lag.value_at_quantile(0.99) as f64 / 1e3,
        spoiled: tally.is_spoiled(),
        curve: CURVE.map(|quantile| (quantile, micros(quantile))),
    }
}
