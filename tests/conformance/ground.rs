//! A server with all six kinds of endpoints in its one loop.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use welcomed::net::{Kind, Names};

use crate::counts::Counts;
use crate::process::{Server, not_tested};

/// The protocol number of the raw endpoints: one for experiments (RFC 3692).
pub(crate) const PROTOCOL: i32 = 253;

/// Counts up whatever has to have a name of its own in this process.
static NUMBER: AtomicU32 = AtomicU32::new(1);

pub(crate) fn number() -> u32 {
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// An address of this host that nobody else uses: a raw socket hears all that is sent to its address,
/// whoever else sends there.
pub(crate) fn host() -> Ipv4Addr {
    static HOST: AtomicU32 = AtomicU32::new(0);
    let of_this_process = (std::process::id() % 255 + 1) << 16;
    let number = HOST.fetch_add(1, Ordering::Relaxed);
    assert!(number < 0xffff, "no address is left");
    Ipv4Addr::from(127 << 24 | of_this_process | (number + 1))
}

/// Whether raw sockets may be opened here; if not, says so once.
pub(crate) fn raw_is_allowed() -> bool {
    static ALLOWED: OnceLock<bool> = OnceLock::new();
    *ALLOWED.get_or_init(|| {
        let allowed = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(PROTOCOL))).is_ok();
        if !allowed {
            not_tested("raw sockets need CAP_NET_RAW");
        }
        allowed
    })
}

/// A folder of its own, with a short name: that of a socket has at most 107 bytes.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        let folder = std::env::temp_dir().join(format!("welcomed-{}-{}", std::process::id(), number()));
        // A process with this number can have left one.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        Folder(folder)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A path in it that nobody has taken.
    pub(crate) fn new_path(&self) -> PathBuf {
        self.0.join(format!("client-{}", number()))
    }

    /// What is in it, but for the clients' own sockets.
    pub(crate) fn left(&self) -> Vec<String> {
        let names = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap());
        names.filter(|name| !name.starts_with("client-")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A running server, reachable in every way there is.
pub(crate) struct Ground {
    pub(crate) server: Server,
    pub(crate) folder: Folder,
    /// Where the datagrams of UDP go.
    udp: SocketAddr,
    /// Where the raw packets go.
    host: Ipv4Addr,
    number: u32,
}

impl Ground {
    /// Starts a server and waits until it can be reached everywhere. It listens on a path and on an abstract
    /// name for each kind that is in the Unix domain.
    pub(crate) fn start(options: &[&str]) -> Ground {
        let (folder, number, host) = (Folder::new(), number(), host());
        let mut endpoints = vec!["udp://127.0.0.1:0".to_owned()];
        if raw_is_allowed() {
            endpoints.push(format!("raw://{host}?protocol={PROTOCOL}"));
        }
        for kind in Kind::ALL.iter().filter(|kind| kind.semantics().names == Names::Path) {
            endpoints.push(format!("{kind}://{}", folder.join(&kind.to_string()).display()));
            endpoints.push(format!("{kind}://@{}", abstract_name(*kind, number)));
        }
        let listen = endpoints.iter().flat_map(|endpoint| ["--listen", endpoint]);
        let server = Server::start(&listen.chain(options.iter().copied()).collect::<Vec<_>>());
        for endpoint in endpoints.iter().filter(|endpoint| !endpoint.ends_with(":0")) {
            server.wait_for_log(&format!(" on {endpoint}"));
        }
        let udp = udp_address(&server);
        Ground { server, folder, udp, host, number }
    }

    /// Where clients of this kind go.
    pub(crate) fn address(&self, kind: Kind) -> SockAddr {
        match kind {
            Kind::Tcp => self.server.address.into(),
            Kind::Udp => self.udp.into(),
            Kind::Raw => SocketAddrV4::new(self.host, 0).into(),
            Kind::Unix | Kind::UnixPacket | Kind::UnixGram => SockAddr::unix(self.path(kind)).unwrap(),
        }
    }

    /// The file of the socket of this kind.
    pub(crate) fn path(&self, kind: Kind) -> PathBuf {
        self.folder.join(&kind.to_string())
    }

    /// The abstract name of the other socket of this kind.
    pub(crate) fn abstract_address(&self, kind: Kind) -> SockAddr {
        SockAddr::unix(format!("\0{}", abstract_name(kind, self.number))).unwrap()
    }

    /// Ends the server, if it has not been told to, and looks at what it leaves behind.
    pub(crate) fn end(self) {
        let stopping = self.server.log().contains("stopping: ");
        let ended = if stopping { self.server.wait() } else { self.server.stop() };
        assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
        assert_eq!(self.folder.left(), [""; 0], "no file is left");
        let counts = Counts::last(&ended.log);
        assert_eq!(counts.get("open"), 0, "{counts:?}");
        counts.add_up_to(counts.get("accepted"));
    }
}

fn abstract_name(kind: Kind, number: u32) -> String {
    format!("welcomed-{}-{number}-{kind}", std::process::id())
}

/// The address that a server has got for `udp://127.0.0.1:0`.
pub(crate) fn udp_address(server: &Server) -> SocketAddr {
    let log = server.wait_for_log("waiting for datagrams on udp://");
    let (_, address) = log.split_once("waiting for datagrams on udp://").unwrap();
    address.lines().next().unwrap().parse().unwrap()
}
