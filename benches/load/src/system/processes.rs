//! Processes: what they use, and where they may run. And the network's counters.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::time::clock_getcpuclockid;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
pub(crate) use welcomed::kernel::mio::{descriptor_limit, raise_descriptor_limit};

use crate::system::clock::nanos;

/// What a process has used so far, all its threads together, those that have ended among them.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Usage {
    /// Nanoseconds on a processor. The process is asked for by its clock, which needs no `/proc`
    /// (`clock_getcpuclockid(3)`).
    pub(crate) cpu: u64,
    /// Context switches, voluntary and not, of the threads that are there. Not known where `/proc` is another namespace's.
    pub(crate) switches: Option<u64>,
}

impl Usage {
    /// The usage of `pid` so far. Nothing of a process that is gone.
    pub(crate) fn of(pid: u32) -> Usage {
        Usage { cpu: cpu(pid).unwrap_or(0), switches: switches(pid) }
    }

    /// What the calling thread has used so far, without its switches (`CLOCK_THREAD_CPUTIME_ID`, `clock_gettime(2)`).
    pub(crate) fn of_thread() -> Usage {
        let time = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default();
        Usage { cpu: nanos(time), switches: None }
    }

    /// What was used since `before`.
    pub(crate) fn since(self, before: Usage) -> Usage {
        let switches = self.switches.zip(before.switches);
        Usage {
            cpu: self.cpu.saturating_sub(before.cpu),
            switches: switches.map(|(now, before)| now.saturating_sub(before)),
        }
    }
}

fn cpu(pid: u32) -> Option<u64> {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).ok()?);
    let time = Duration::from(clock_getcpuclockid(pid).ok()?.now().ok()?);
    u64::try_from(time.as_nanos()).ok()
}

fn switches(pid: u32) -> Option<u64> {
    let of = |status: &str| -> u64 {
        let lines = status.lines().filter(|line| line.contains("ctxt_switches:"));
        lines.filter_map(|line| line.rsplit('\t').next()?.parse::<u64>().ok()).sum()
    };
    let threads = fs::read_dir(of_process(pid)?.join("task")).ok()?.flatten();
    Some(
        threads.map(|thread| of(&fs::read_to_string(thread.path().join("status")).unwrap_or_default())).sum(),
    )
}

/// The folder of a process in `/proc`, if `/proc` is that of this process's own namespace. In another one the same number is
/// another process (`pid_namespaces(7)`).
pub(crate) fn of_process(pid: u32) -> Option<PathBuf> {
    let own = fs::read_link("/proc/self").ok()?;
    (own.to_str()?.parse() == Ok(std::process::id())).then(|| Path::new("/proc").join(pid.to_string()))
}

/// The threads of a process, as far as they are known.
pub(crate) fn threads(pid: u32) -> Vec<u32> {
    let threads = of_process(pid).and_then(|process| fs::read_dir(process.join("task")).ok());
    let names = threads.into_iter().flatten().flatten().map(|thread| thread.file_name());
    names.filter_map(|name| name.to_str()?.parse().ok()).collect()
}

/// The resident memory of a process in bytes, if it is known.
pub(crate) fn resident_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(of_process(pid)?.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// How many descriptors a process has open, if it is known.
pub(crate) fn descriptors(pid: u32) -> Option<usize> {
    Some(fs::read_dir(of_process(pid)?.join("fd")).ok()?.count())
}

/// Lets a process run on one processor alone, if it exists. Its later threads inherit that.
pub(crate) fn pin(pid: Option<u32>, cpu: usize) -> bool {
    let pid = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(pid, &set).is_ok()
}

/// The processors that this process may use.
pub(crate) fn processors() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else { return vec![0] };
    (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect()
}

/// Counters of the kernel that show an overload (`/proc/net/netstat`, `TcpExt`; `/proc/net/snmp`, `Udp`).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NetCounters {
    /// Connections lost because an accept queue was full.
    pub(crate) listen_overflows: u64,
    /// Connection attempts that a listening socket dropped, for any reason.
    pub(crate) listen_drops: u64,
    /// SYNs that had to be sent again.
    #[serde(rename = "TCPSynRetrans")]
    pub(crate) syn_retrans: u64,
    /// Sockets that were not kept in `TIME_WAIT` because there were too many.
    #[serde(rename = "TCPTimeWaitOverflow")]
    pub(crate) time_wait_overflow: u64,
    /// UDP datagrams that were lost because a receive buffer was full.
    pub(crate) udp_rcvbuf_errors: u64,
}

impl NetCounters {
    /// The counters of this network namespace now.
    pub(crate) fn read() -> NetCounters {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let (netstat, snmp) = (read("/proc/net/netstat"), read("/proc/net/snmp"));
        let tcp = |name| counter(&netstat, "TcpExt: ", name);
        NetCounters {
            listen_overflows: tcp("ListenOverflows"),
            listen_drops: tcp("ListenDrops"),
            syn_retrans: tcp("TCPSynRetrans"),
            time_wait_overflow: tcp("TCPTimeWaitOverflow"),
            udp_rcvbuf_errors: counter(&snmp, "Udp: ", "RcvbufErrors"),
        }
    }

    /// Which network namespace these are of: the machine, since when it runs, and the namespace. Not known without `/proc`.
    pub(crate) fn namespace() -> Option<String> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let namespace = fs::read_link("/proc/self/ns/net").ok()?;
        Some(format!("{} {}", boot.trim(), namespace.display()))
    }

    /// Each counter by itself: what `of` makes of it and the other's.
    pub(crate) fn with(self, other: NetCounters, of: impl Fn(u64, u64) -> u64) -> NetCounters {
        NetCounters {
            listen_overflows: of(self.listen_overflows, other.listen_overflows),
            listen_drops: of(self.listen_drops, other.listen_drops),
            syn_retrans: of(self.syn_retrans, other.syn_retrans),
            time_wait_overflow: of(self.time_wait_overflow, other.time_wait_overflow),
            udp_rcvbuf_errors: of(self.udp_rcvbuf_errors, other.udp_rcvbuf_errors),
        }
    }

    /// What was counted since `before`.
    pub(crate) fn since(self, before: NetCounters) -> NetCounters {
        self.with(before, u64::saturating_sub)
    }
}

/// A counter of a protocol: one line has the names, the next the values, both begin with `protocol`.
fn counter(text: &str, protocol: &str, name: &str) -> u64 {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(protocol));
    let (names, values) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let pair = names.split(' ').zip(values.split(' ')).find(|(n, _)| *n == name);
    pair.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
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
