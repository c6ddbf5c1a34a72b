//! Processes: what they use, and where they may run. And the network's counters.

use std::fs;
use std::thread;
use std::time::Duration;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;
pub(crate) use welcomed::kernel::mio::{descriptor_limit, raise_descriptor_limit};

/// What a process has used so far, all its threads together.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Usage {
    /// Nanoseconds on a processor (`/proc/PID/task/*/schedstat`).
    pub(crate) cpu: u64,
    /// Context switches, voluntary and not.
    pub(crate) switches: u64,
}

impl Usage {
    /// The usage of `pid` so far. Nothing of a process that is gone.
    pub(crate) fn of(pid: u32) -> Usage {
        let usage = Usage::of_threads(pid);
        Usage { cpu: usage.cpu.max(cpu_with_ended_threads(pid)), ..usage }
    }

    fn of_threads(pid: u32) -> Usage {
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Usage::default() };
        let mut usage = Usage::default();
        for task in tasks.flatten() {
            let read = |file| fs::read_to_string(task.path().join(file)).unwrap_or_default();
            usage.cpu +=
                read("schedstat").split(' ').next().and_then(|cpu| cpu.parse::<u64>().ok()).unwrap_or(0);
            let status = read("status");
            let switches = status.lines().filter(|line| line.contains("ctxt_switches:"));
            usage.switches +=
                switches.filter_map(|line| line.rsplit('\t').next()?.parse::<u64>().ok()).sum::<u64>();
        }
        usage
    }

    /// What was used since `before`.
    pub(crate) fn since(self, before: Usage) -> Usage {
        Usage {
            cpu: self.cpu.saturating_sub(before.cpu),
            switches: self.switches.saturating_sub(before.switches),
        }
    }
}

/// Nanoseconds that a process has been on a processor, in steps of 10 ms, with its threads that have ended (`/proc/PID/stat`, fields 14 and 15).
fn cpu_with_ended_threads(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks * 10_000_000
}

/// The resident memory of a process in bytes.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// How many descriptors a process has open.
pub(crate) fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
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
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
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

    /// What was counted since `before`.
    pub(crate) fn since(self, before: NetCounters) -> NetCounters {
        NetCounters {
            listen_overflows: self.listen_overflows.saturating_sub(before.listen_overflows),
            listen_drops: self.listen_drops.saturating_sub(before.listen_drops),
            syn_retrans: self.syn_retrans.saturating_sub(before.syn_retrans),
            time_wait_overflow: self.time_wait_overflow.saturating_sub(before.time_wait_overflow),
            udp_rcvbuf_errors: self.udp_rcvbuf_errors.saturating_sub(before.udp_rcvbuf_errors),
        }
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
