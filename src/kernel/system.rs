//! What the system tells of this process, of its sockets, and of the network that it is in.
//!
//! It is read when it is asked for. Whatever is not to be had is `None`, as where there is no `/proc`, or in a sandbox. What it takes
//! descriptors for is opened once: these numbers count the most when there are none left.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeVal;
use rustix::time::{ClockId, clock_gettime};

use super::inet_diag::Diag;
use crate::net::Kind;

/// As many open descriptors are counted one by one, where the kernel does not tell how many there are (before Linux 6.2). A
/// thousand take a millisecond.
const COUNTED_DESCRIPTORS_MAX: usize = 500;

/// More than a file of `/proc` has that is read again and again.
const FILE_MAX_BYTES: usize = 32 * 1024;

/// What the system tells at one moment.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct System {
    /// Descriptors that are open. Before Linux 6.2 it is `None` above 500.
    pub open_descriptors: Option<u64>,
    /// How many may be open.
    pub descriptor_limit: Option<u64>,
    /// Memory of the process that is in RAM, in bytes.
    pub resident_bytes: Option<u64>,
    /// Time of the processor for the process itself, all threads together.
    pub cpu_user: Option<Duration>,
    /// Time of the processor that the kernel took for the process.
    pub cpu_system: Option<Duration>,
    /// When the process started, since 1970, as the clock stood when the reader was opened.
    pub started: Option<Duration>,
    /// The moment for which it was asked, since 1970, as the clock of the machine stands. It is only shown: the clock can be set.
    pub present: Option<Duration>,
    /// The sockets that were asked for and found, in their order.
    pub sockets: Vec<SocketNumbers>,
    /// The network namespace.
    pub network: Network,
}

/// What the kernel tells of a socket of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SocketNumbers {
    /// Its address, as it was asked for.
    pub address: String,
    /// The clients in the accept queue and its limit. One more than the limit has room. `None` if clients do not connect.
    pub accept_queue: Option<(u64, u64)>,
    /// What it dropped: handshakes that found the accept queue full, or datagrams that found the receive buffer full. It starts
    /// again at 2^32.
    pub drops: Option<u64>,
}

/// What happened in the whole network namespace of this process, and so not to its sockets alone. In a container it is that
/// container's, and without one it is the whole machine's.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Network {
    /// Handshakes that found an accept queue full (`ListenOverflows`).
    pub listen_overflows: Option<u64>,
    /// Handshakes that were dropped, those above among them (`ListenDrops`).
    pub listen_drops: Option<u64>,
    /// Retransmission timers that ran out (`TCPTimeouts`).
    pub tcp_timeouts: Option<u64>,
    /// Segments of handshakes that were sent again, of connections in either direction (`TCPSynRetrans`).
    pub syn_retransmits: Option<u64>,
    /// Segments that were sent again, those above among them (`RetransSegs`).
    pub retransmitted_segments: Option<u64>,
    /// Datagrams of UDP over IPv4 that found a receive buffer full (`RcvbufErrors`).
    pub udp_receive_buffer_errors: Option<u64>,
}

/// Reads what the system tells. It keeps four descriptors.
pub struct SystemReader {
    statm: Option<File>,
    netstat: Option<File>,
    snmp: Option<File>,
    diag: Option<Diag>,
    started: Option<Duration>,
}

impl SystemReader {
    /// Opens what is to be read. What cannot be opened is `None` from then on.
    #[must_use]
    pub fn open() -> SystemReader {
        SystemReader {
            statm: File::open("/proc/self/statm").ok(),
            netstat: File::open("/proc/self/net/netstat").ok(),
            snmp: File::open("/proc/self/net/snmp").ok(),
            diag: Diag::open().ok(),
            started: started(),
        }
    }

    /// Asks the system, and for the sockets at these addresses, such as `tcp://127.0.0.1:9999`. It tells nothing of kinds other
    /// than TCP and UDP. `now` is a moment not long ago, and the present is told for it.
    #[must_use]
    pub fn read<'a>(&self, addresses: impl IntoIterator<Item = &'a str>, now: Instant) -> System {
        let present = present_at(now);
        let usage = getrusage(UsageWho::RUSAGE_SELF).ok();
        System {
            open_descriptors: open_descriptors(),
            descriptor_limit: getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(limit, _)| limit),
            resident_bytes: text_of(self.statm.as_ref()).and_then(|statm| resident_bytes(&statm)),
            cpu_user: usage.and_then(|usage| duration(usage.user_time())),
            cpu_system: usage.and_then(|usage| duration(usage.system_time())),
            started: self.started,
            present,
            sockets: addresses.into_iter().filter_map(|address| self.socket(address)).collect(),
            network: self.network(),
        }
    }

    fn network(&self) -> Network {
        let netstat = text_of(self.netstat.as_ref()).unwrap_or_default();
        let snmp = text_of(self.snmp.as_ref()).unwrap_or_default();
        Network {
            listen_overflows: counter(&netstat, "TcpExt:", "ListenOverflows"),
            listen_drops: counter(&netstat, "TcpExt:", "ListenDrops"),
            tcp_timeouts: counter(&netstat, "TcpExt:", "TCPTimeouts"),
            syn_retransmits: counter(&netstat, "TcpExt:", "TCPSynRetrans"),
            retransmitted_segments: counter(&snmp, "Tcp:", "RetransSegs"),
            udp_receive_buffer_errors: counter(&snmp, "Udp:", "RcvbufErrors"),
        }
    }

    fn socket(&self, address: &str) -> Option<SocketNumbers> {
        let (kind, place) = internet(address)?;
        let shown = self.diag.as_ref()?.at(kind, place).ok()?;
        Some(SocketNumbers {
            address: address.to_owned(),
            accept_queue: shown.queue.map(|(waiting, limit)| (waiting.into(), limit.into())),
            drops: shown.drops.map(u64::from),
        })
    }
}

/// A file of `/proc`, from its beginning.
fn text_of(file: Option<&File>) -> Option<String> {
    let mut text = vec![0; FILE_MAX_BYTES];
    let mut bytes = 0;
    while let rest @ [_, ..] = text.get_mut(bytes..)? {
        match file?.read_at(rest, u64::try_from(bytes).ok()?).ok()? {
            0 => break,
            more => bytes += more,
        }
    }
    text.truncate(bytes);
    String::from_utf8(text).ok()
}

/// A number in `/proc/net/netstat` or `/proc/net/snmp`: each table is a line of names and a line of numbers.
fn counter(text: &str, table: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().map(str::split_ascii_whitespace);
    let names = lines.find_map(|mut words| (words.next() == Some(table)).then_some(words))?;
    let numbers = lines.next()?.skip(1);
    names.zip(numbers).find(|(found, _)| *found == name)?.1.parse().ok()
}

fn open_descriptors() -> Option<u64> {
    match fs::metadata("/proc/self/fd").ok()?.len() {
        0 => {
            // The list has the descriptor that it is read through.
            let listed = fs::read_dir("/proc/self/fd").ok()?.take(COUNTED_DESCRIPTORS_MAX + 1).count();
            (listed <= COUNTED_DESCRIPTORS_MAX).then_some(u64::try_from(listed).ok()?.checked_sub(1)?)
        }
        open => Some(open),
    }
}

/// The second number of `/proc/self/statm`, in pages.
fn resident_bytes(statm: &str) -> Option<u64> {
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}

fn duration(time: TimeVal) -> Option<Duration> {
    let seconds = u64::try_from(time.tv_sec()).ok()?;
    Some(Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec()).ok()?))
}

/// A moment not long ago, since 1970, as the clock stands now.
#[expect(clippy::disallowed_methods, reason = "two clocks are compared")]
fn present_at(moment: Instant) -> Option<Duration> {
    let present = Duration::try_from(clock_gettime(ClockId::Realtime)).ok()?;
    present.checked_sub(moment.elapsed())
}

/// When the process started, as the clock stands now.
fn started() -> Option<Duration> {
    let since_boot = since_boot(&fs::read_to_string("/proc/self/stat").ok()?)?;
    let now = |clock| Duration::try_from(clock_gettime(clock)).ok();
    let age = now(ClockId::Boottime)?.checked_sub(since_boot)?;
    now(ClockId::Realtime)?.checked_sub(age)
}

/// How long after the system this process started, by the 22nd field of `/proc/self/stat` (`proc_pid_stat(5)`).
fn since_boot(stat: &str) -> Option<Duration> {
    // The second field is the name of the program, which can have anything in it.
    let (_, behind) = stat.rsplit_once(')')?;
    let ticks: u64 = behind.split_ascii_whitespace().nth(22 - 3)?.parse().ok()?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_millis(ticks.checked_mul(1000)?.checked_div(per_second)?))
}

/// The address of a TCP or UDP socket, as [`Address`](crate::net::Address) shows it.
fn internet(text: &str) -> Option<(Kind, SocketAddr)> {
    let (kind, address) = text.split_once("://")?;
    let kind = [Kind::Tcp, Kind::Udp].into_iter().find(|known| known.to_string() == kind)?;
    Some((kind, address.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a kernel takes descriptors, and here there are none left")]
    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn the_system_tells_of_this_process() {
        let system = SystemReader::open().read([], now());
        let open = system.open_descriptors.unwrap();
        assert!(open > 3 && open < system.descriptor_limit.unwrap(), "{system:?}");
        assert!((1 << 20..1 << 40).contains(&system.resident_bytes.unwrap()), "{system:?}");
        assert!(system.cpu_user.unwrap() + system.cpu_system.unwrap() > Duration::ZERO);
        assert!(system.network.listen_drops.unwrap() >= system.network.listen_overflows.unwrap());
        assert!(system.network.syn_retransmits.is_some() && system.network.tcp_timeouts.is_some());
        assert!(system.network.retransmitted_segments.is_some());
        assert!(system.network.udp_receive_buffer_errors.is_some());
    }

    #[test]
    fn the_start_is_in_the_past_and_stays() {
        let reader = SystemReader::open();
        let present = Duration::try_from(clock_gettime(ClockId::Realtime)).unwrap();
        let started = reader.read([], now()).started.unwrap();
        let latest = started + Duration::from_secs(86_400);
        assert!(started < present && present < latest, "{started:?} {present:?}");
        assert_eq!(reader.read([], now()).started, Some(started));
    }

    /// The limit of descriptors is of a process, so another one plays this test.
    #[test]
    fn without_a_free_descriptor_the_same_is_told() {
        const PLAY: &str = "WELCOMED_TEST_WITHOUT_DESCRIPTORS";
        if std::env::var_os(PLAY).is_none() {
            let mut itself = std::process::Command::new(std::env::current_exe().unwrap());
            let name = "kernel::system::tests::without_a_free_descriptor_the_same_is_told";
            let played = itself.args(["--exact", name]).env(PLAY, "").output().unwrap();
            assert!(played.status.success(), "{played:?}");
            return;
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let reader = SystemReader::open();
        nix::sys::resource::setrlimit(Resource::RLIMIT_NOFILE, 100, 100).unwrap();
        let held: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        let system = reader.read([address.as_str()], now());
        drop(held);
        assert!(system.open_descriptors.is_none_or(|open| open >= 100), "{system:?}");
        assert!(system.resident_bytes.is_some() && system.network.listen_drops.is_some(), "{system:?}");
        assert_eq!(system.sockets.len(), 1, "{system:?}");
    }

    #[test]
    fn the_present_is_when_it_is_asked() {
        // What is read of the system takes a while, and so does the turn in which it is asked.
        let turn = Duration::from_secs(5);
        let before = Duration::try_from(clock_gettime(ClockId::Realtime)).unwrap();
        let asked = now().checked_sub(turn).unwrap();
        let present = SystemReader::open().read([], asked).present.unwrap();
        // The clock can be set meanwhile, but hardly by so little.
        let apart = (present + turn).abs_diff(before);
        assert!(apart < Duration::from_secs(1) || apart > Duration::from_secs(60), "{apart:?}");
    }

    #[test]
    fn a_file_is_read_whole_and_no_more_than_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for bytes in [0, 1, FILE_MAX_BYTES - 1, FILE_MAX_BYTES] {
            let text = "x".repeat(bytes);
            fs::write(&path, &text).unwrap();
            let file = File::open(&path).unwrap();
            for _ in 0..2 {
                assert_eq!(text_of(Some(&file)).unwrap(), text);
            }
        }
        assert_eq!(text_of(None), None);
    }

    #[test]
    fn a_program_can_have_any_name() {
        let stat = "7 (a) b (c)) S 1 1 1 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 1 0 250 9 9 9";
        assert_eq!(since_boot(stat), Some(Duration::from_millis(2500)));
        assert_eq!(since_boot("7 (a) S 1"), None);
    }

    #[test]
    fn a_counter_is_found_by_its_table_and_its_name() {
        let text = "Tcp: A B\nTcp: 1 2\nTcpExt: A C\nTcpExt: 3 18446744073709551615\nUdp: A\n";
        assert_eq!(counter(text, "Tcp:", "B"), Some(2));
        assert_eq!(counter(text, "TcpExt:", "A"), Some(3));
        assert_eq!(counter(text, "TcpExt:", "C"), Some(u64::MAX));
        for (table, name) in [("Tcp:", "C"), ("Ip:", "A"), ("Udp:", "A")] {
            assert_eq!(counter(text, table, name), None, "{table} {name}");
        }
    }

    #[test]
    fn sockets_are_told_of_by_the_addresses_that_they_show() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("[::1]:0").unwrap();
        let addresses = [
            format!("tcp://{}", tcp.local_addr().unwrap()),
            "unix:///run/welcomed".to_owned(),
            "raw://127.0.0.1?protocol=253".to_owned(),
            format!("udp://{}", udp.local_addr().unwrap()),
        ];
        let found = SystemReader::open().read(addresses.iter().map(String::as_str), now()).sockets;
        assert_eq!(
            found.iter().map(|socket| &socket.address).collect::<Vec<_>>(),
            [&addresses[0], &addresses[3]]
        );
        assert!(matches!(found[0].accept_queue, Some((0, 1..))) && found[1].accept_queue.is_none());
        assert_eq!(internet("tcp://[fe80::1%2]:80").unwrap().1.to_string(), "[fe80::1%2]:80");
    }
}
