//! The limits of this machine that are too small for a load, each with the command that raises it.

use std::fs;

use crate::program::progress::progress;
use crate::system::processes::{descriptor_limit, processors};

/// What a load needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    /// Sockets open at a time.
    pub(crate) sockets: u64,
    /// Visits at a time, each with a local port.
    pub(crate) in_flight: u64,
    /// Visits a second; 0 where that is not known.
    pub(crate) rate: f64,
    /// Threads that make the visits.
    pub(crate) threads: u64,
    /// Local addresses that the visits come from.
    pub(crate) sources: u64,
    /// Whether visits could come from more addresses of this host, because the server is at one of them.
    pub(crate) has_sources: bool,
}

/// What this machine allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limits {
    descriptors: u64,
    /// Local ports for each local address.
    ports: u64,
    /// The longest backlog that listen(2) gives.
    somaxconn: u64,
    /// The most connections that are kept in `TIME_WAIT`.
    time_wait: u64,
    /// The processors that this process may use.
    processors: u64,
}

/// The descriptors that are needed for other things than visits.
pub(super) const OTHER_DESCRIPTORS: u64 = 64;

/// The backlog that a server needs to bear a burst.
const BACKLOG: u64 = 4096;

/// How long Linux keeps a connection in `TIME_WAIT`.
const TIME_WAIT_SECONDS: f64 = 60.0;

impl Limits {
    /// The limits in force.
    pub(crate) fn read() -> Limits {
        let numbers = |path: &str| -> Vec<u64> {
            let text = fs::read_to_string(path).unwrap_or_default();
            text.split_whitespace().filter_map(|number| number.parse().ok()).collect()
        };
        // A limit that cannot be read is taken for large enough.
        let number = |path: &str| numbers(path).first().copied().unwrap_or(u64::MAX);
        let ports = match numbers("/proc/sys/net/ipv4/ip_local_port_range")[..] {
            [first, last] => last.saturating_sub(first) + 1,
            _ => u64::MAX,
        };
        Limits {
            descriptors: u64::try_from(descriptor_limit()).unwrap_or(u64::MAX),
            ports,
            somaxconn: number("/proc/sys/net/core/somaxconn"),
            time_wait: number("/proc/sys/net/ipv4/tcp_max_tw_buckets"),
            processors: processors().len() as u64,
        }
    }

    /// What is too small for `needs`, one sentence each.
    pub(crate) fn complaints(&self, needs: &Needs) -> Vec<String> {
        let mut complaints = Vec::new();
        let descriptors = needs.sockets + OTHER_DESCRIPTORS;
        if self.descriptors < descriptors {
            complaints.push(format!(
                "{descriptors} descriptors are needed and {} allowed: ulimit -n {descriptors}",
                self.descriptors
            ));
        }
        let ports = self.ports.saturating_mul(needs.sources.max(1));
        if ports < needs.in_flight {
            let sources = needs.in_flight.div_ceil(self.ports.max(1));
            complaints.push(format!(
                "{} local ports are needed and there are {ports}: {}\
                 sysctl -w net.ipv4.ip_local_port_range='1024 65535'",
                needs.in_flight,
                if needs.has_sources { format!("--sources {sources}, or ") } else { String::new() }
            ));
        }
        if self.somaxconn < BACKLOG {
            complaints.push(format!(
                "a burst can overflow the accept queue, which is cut at {}: sysctl -w net.core.somaxconn={BACKLOG}",
                self.somaxconn
            ));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive estimate")]
        let time_wait = (needs.rate * TIME_WAIT_SECONDS) as u64;
        if self.time_wait < time_wait {
            complaints.push(format!(
                "{time_wait} connections will be in TIME_WAIT and {} are kept: \
                 sysctl -w net.ipv4.tcp_max_tw_buckets={time_wait}",
                self.time_wait
            ));
        }
        if self.processors < needs.threads {
            complaints.push(format!(
                "{} threads have {} processors, so that they keep each other waiting: --threads {}",
                needs.threads, self.processors, self.processors
            ));
        }
        complaints
    }
}

/// Shows what is too small for `needs`, on standard error.
pub(super) fn complain(needs: &Needs) {
    for complaint in Limits::read().complaints(needs) {
        progress(&format!("too small: {complaint}"));
        eprintln!();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_limit_that_is_too_small_is_shown_with_its_cure() {
        use super::{Limits, Needs};
        let ample =
            Limits { descriptors: 20_000, ports: 28_232, somaxconn: 4096, time_wait: 131_072, processors: 2 };
        let modest = Needs {
            sockets: 10_000,
            in_flight: 10_000,
            rate: 2_000.0,
            threads: 2,
            sources: 1,
            has_sources: true,
        };
        assert_eq!(ample.complaints(&modest), [""; 0]);
        let scarce =
            Limits { descriptors: 1024, ports: 5_000, somaxconn: 128, time_wait: 1_000, processors: 1 };
        let complaints = scarce.complaints(&modest);
        assert_eq!(complaints.len(), 5);
        for (complaint, cure) in complaints.iter().zip([
            "ulimit -n 10064",
            "--sources 2",
            "sysctl -w net.core.somaxconn=4096",
            "sysctl -w net.ipv4.tcp_max_tw_buckets=120000",
            "--threads 1",
        ]) {
            assert!(complaint.contains(cure), "{complaint}");
        }
        assert_eq!(scarce.complaints(&Needs { sources: 2, ..modest }).len(), 4, "more sources, more ports");
        let far = scarce.complaints(&Needs { has_sources: false, ..modest });
        assert!(far.iter().all(|complaint| !complaint.contains("--sources")), "{far:?}");
    }

    #[test]
    fn this_machine_s_limits_can_be_read() {
        let limits = super::Limits::read();
        assert!(limits.descriptors > 0 && limits.ports > 0 && limits.somaxconn > 0, "{limits:?}");
    }
}
