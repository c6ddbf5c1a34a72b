//! Addresses as the kernel takes and gives them.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::kind::{Kind, Names};
use super::{percent, zone};
use crate::text::Escaped;

/// The longest name in the Unix domain. The kernel has 108 bytes for it and for a NUL, which ends a path and
/// begins an abstract name (unix(7)).
pub const UNIX_NAME_MAX_BYTES: usize = 107;

/// The address that a socket is bound or connected to. Shown as an endpoint.
///
/// ```
/// use std::net::SocketAddr;
/// use welcomed::net::Address;
///
/// let address: SocketAddr = "[::1]:9999".parse().unwrap();
/// assert_eq!(Address::from(address).to_string(), "tcp://[::1]:9999");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Address {
    /// The kind of the socket.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
}

/// The name of a socket.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Name {
    /// An address and a port. A raw socket has its protocol number in the place of the port.
    Inet(SocketAddr),
    /// A name in the Unix domain.
    Unix(UnixName),
}

/// A name in the Unix domain (unix(7)).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum UnixName {
    /// The path of a file.
    Path(PathBuf),
    /// A name without a file, gone with its last socket; Linux only.
    Abstract(Vec<u8>),
}

impl Address {
    /// Whether only this host can reach it: an address of the loopback, or a name of the Unix domain. There connect(2)
    /// returns when the connection is in the accept queue, and nothing is on its way.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self.name {
            Name::Inet(address) => address.ip().to_canonical().is_loopback(),
            Name::Unix(_) => true,
        }
    }

    /// The Internet address, if it is one.
    #[must_use]
    pub fn inet(&self) -> Option<SocketAddr> {
        match self.name {
            Name::Inet(address) => Some(address),
            Name::Unix(_) => None,
        }
    }
}

impl Address {
    /// Fails with [`io::ErrorKind::InvalidInput`] if this is an IPv6 address of a link, and does not say of which. The system
    /// calls it an invalid argument.
    pub fn check_zone(&self) -> io::Result<()> {
        self.inet().map_or(Ok(()), |address| zone::is_said(&address))
    }

    /// Whether one server cannot listen at both, or would receive the same there. One may be every address of the host, and
    /// a path may be spelt in two ways. Port 0 is another port each time.
    ///
    /// ```
    /// use welcomed::net::Endpoint;
    ///
    /// let address = |text: &str| text.parse::<Endpoint>().unwrap().resolve().unwrap().remove(0);
    /// assert!(address("127.0.0.1:9999").overlaps(&address("0.0.0.0:9999")));
    /// assert!(!address("127.0.0.1:9999").overlaps(&address("udp://127.0.0.1:9999")));
    /// assert!(address("unix:///tmp/a").overlaps(&address("unixgram:///tmp//a")));
    /// ```
    #[must_use]
    pub fn overlaps(&self, other: &Address) -> bool {
        match (&self.name, &other.name) {
            // A file has one socket, whatever its kind.
            (Name::Unix(UnixName::Path(one)), Name::Unix(UnixName::Path(other))) => {
                one == other || real(one).is_some_and(|one| Some(one) == real(other))
            }
            (Name::Inet(one), Name::Inet(other_one)) => {
                let is_every = one.ip().is_unspecified() || other_one.ip().is_unspecified();
                let is_same = self.kind == other.kind && one.port() == other_one.port() && one.port() != 0;
                // An IPv6 socket of a server is for IPv6 alone.
                is_same && (one == other_one || (is_every && one.is_ipv4() == other_one.is_ipv4()))
            }
            _ => self == other,
        }
    }
}

/// The path of a file that need not be there, in a directory whose path has no links.
fn real(path: &Path) -> Option<PathBuf> {
    Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?))
}

/// A TCP address.
impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Address { kind: Kind::Tcp, name: Name::Inet(address) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, self.kind.semantics().names) {
            (Name::Inet(address), Names::Protocol) => {
                write!(f, "{}://{}?protocol={}", self.kind, address.ip(), address.port())
            }
            (Name::Inet(address), Names::Port | Names::Path) => write!(f, "{}://{address}", self.kind),
            (Name::Unix(name), _) => write!(f, "{}://{}", self.kind, percent::encoded(&name.to_string())),
        }
    }
}

impl fmt::Display for UnixName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnixName::Path(path) => write!(f, "{}", Escaped(path.as_os_str().as_bytes())),
            UnixName::Abstract(name) => write!(f, "@{}", Escaped(name)),
        }
    }
}

/// The other end of a socket, as far as the kernel tells it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Peer {
    /// An address and a port. Shown as `127.0.0.1:49811`.
    Inet(SocketAddr),
    /// A host: a raw socket has no ports. Shown as `127.0.0.1`.
    Host(Ipv4Addr),
    /// A process of this machine. Shown as `pid 4711`, or as `(no name)`.
    Process(Process),
    /// A socket in the Unix domain that has a name.
    Unix(Box<UnixName>),
    /// A socket in the Unix domain without a name. Shown as `(no name)`.
    Unnamed,
}

/// A process as the kernel tells of it (unix(7), `SO_PEERCRED`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Process {
    /// Its number. None for one of another PID namespace (`pid_namespaces(7)`).
    pub pid: Option<NonZeroU32>,
    /// Its user.
    pub user: u32,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "pid {pid}"),
            None => f.write_str("(no name)"),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Inet(address) => address.fmt(f),
            Peer::Host(host) => host.fmt(f),
            Peer::Process(process) => process.fmt(f),
            Peer::Unix(name) => name.fmt(f),
            Peer::Unnamed => f.write_str("(no name)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_peer_is_no_larger_than_an_internet_address() {
        assert_eq!(size_of::<Peer>(), size_of::<SocketAddr>());
    }

    #[test]
    fn an_address_that_only_this_host_can_reach_is_local() {
        let is_local = |text: &str| Address::from(text.parse::<SocketAddr>().unwrap()).is_local();
        for address in ["127.0.0.1:1", "127.255.255.254:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(is_local(address), "{address}");
        }
        for address in ["192.0.2.1:1", "0.0.0.0:1", "[2001:db8::1]:1", "[::ffff:192.0.2.1]:1"] {
            assert!(!is_local(address), "{address}");
        }
        let name = Name::Unix(UnixName::Abstract(b"a".to_vec()));
        let name = Address { kind: Kind::Unix, name };
        assert!(name.is_local() && name.check_zone().is_ok());
    }

    #[test]
    fn an_address_of_a_link_needs_its_zone() {
        let zone = |text: &str| Address::from(text.parse::<SocketAddr>().unwrap()).check_zone();
        assert_eq!(zone("[fe80::1]:1").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert!(zone("[fe80::1%1]:1").is_ok() && zone("127.0.0.1:1").is_ok());
    }

    #[test]
    fn addresses_of_one_kind_that_take_the_same_clients_overlap() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::create_dir(&real).unwrap();
        symlink(&real, &link).unwrap();
        let inet = |kind, text: &str| Address { kind, name: Name::Inet(text.parse().unwrap()) };
        let tcp = |text| inet(Kind::Tcp, text);
        let named = |kind, name: &str| Address {
            kind,
            name: Name::Unix(UnixName::Abstract(name.as_bytes().to_vec())),
        };
        let file = |kind, folder: &Path, file: &str| Address {
            kind,
            name: Name::Unix(UnixName::Path(folder.join(file))),
        };
        let absent = Path::new("/absent");
        for (one, other, overlap) in [
            (tcp("127.0.0.1:9"), tcp("127.0.0.1:9"), true),
            (tcp("127.0.0.1:9"), tcp("127.0.0.2:9"), false),
            (tcp("127.0.0.1:9"), tcp("127.0.0.1:8"), false),
            (tcp("127.0.0.1:9"), inet(Kind::Udp, "127.0.0.1:9"), false),
            (tcp("127.0.0.1:9"), tcp("0.0.0.0:9"), true),
            (tcp("0.0.0.0:9"), tcp("127.0.0.1:9"), true),
            (tcp("127.0.0.1:9"), tcp("[::]:9"), false),
            (tcp("[::1]:9"), tcp("[::]:9"), true),
            (tcp("127.0.0.1:0"), tcp("127.0.0.1:0"), false),
            (named(Kind::Unix, "a"), named(Kind::Unix, "a"), true),
            (named(Kind::Unix, "a"), named(Kind::Unix, "b"), false),
            (named(Kind::Unix, "a"), named(Kind::UnixGram, "a"), false),
            (file(Kind::Unix, absent, "a"), file(Kind::UnixGram, absent, "a"), true),
            (file(Kind::Unix, absent, "a"), file(Kind::Unix, absent, "b"), false),
            (file(Kind::Unix, absent, "a"), tcp("127.0.0.1:9"), false),
            (file(Kind::Unix, &real, "a"), file(Kind::Unix, &link, "a"), true),
            (file(Kind::Unix, &real, "a"), file(Kind::Unix, &link, "b"), false),
        ] {
            assert_eq!(one.overlaps(&other), overlap, "{one} and {other}");
        }
    }

    #[test]
    fn a_name_of_the_unix_domain_can_forge_nothing() {
        let name = UnixName::Abstract(b"a\n\x1b[31m".to_vec());
        assert_eq!(name.to_string(), r"@a\n\u{1b}[31m");
        let name = UnixName::Path(PathBuf::from("/tmp/a\rb"));
        assert_eq!(name.to_string(), r"/tmp/a\rb");
    }
}
