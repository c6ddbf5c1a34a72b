//! A server with all six kinds of endpoints in its one loop.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::ops::Deref;
use std::path::PathBuf;

use socket2::SockAddr;
use welcomed::net::{Kind, Names};

use super::counts::Counts;
use super::folder::{Folder, number};
use super::raw::{PROTOCOL, host, raw_is_allowed};
use crate::process::Server;

/// A running server that listens at every kind of endpoint.
pub(crate) struct AllKindsServer {
    server: Server,
    pub(crate) folder: Folder,
    /// Its UDP address.
    udp: SocketAddr,
    /// The address of its raw socket.
    host: Ipv4Addr,
    number: u32,
}

impl AllKindsServer {
    /// Starts a server and waits until it listens everywhere. For each kind in the Unix domain it has a path and an
    /// abstract name.
    pub(crate) fn start(options: &[&str]) -> AllKindsServer {
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
        AllKindsServer { server, folder, udp, host, number }
    }

    /// The address of its socket of this kind.
    pub(crate) fn address(&self, kind: Kind) -> SockAddr {
        match kind {
            Kind::Tcp => self.server.address.into(),
            Kind::Udp => self.udp.into(),
            Kind::Raw => SocketAddrV4::new(self.host, 0).into(),
            Kind::Unix | Kind::UnixPacket | Kind::UnixGram => SockAddr::unix(self.path(kind)).unwrap(),
        }
    }

    /// The path of its socket of this kind.
    pub(crate) fn path(&self, kind: Kind) -> PathBuf {
        self.folder.join(&kind.to_string())
    }

    /// The abstract address of its other socket of this kind.
    pub(crate) fn abstract_address(&self, kind: Kind) -> SockAddr {
        SockAddr::unix(format!("\0{}", abstract_name(kind, self.number))).unwrap()
    }

    /// Stops the server, if the test has not. Fails if it leaves a file, or if its counts do not add up.
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

impl Deref for AllKindsServer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

fn abstract_name(kind: Kind, number: u32) -> String {
    format!("welcomed-{}-{number}-{kind}", std::process::id())
}

/// The address of a server that listens at `udp://127.0.0.1:0`.
pub(crate) fn udp_address(server: &Server) -> SocketAddr {
    let log = server.wait_for_log("waiting for datagrams on udp://");
    let (_, address) = log.split_once("waiting for datagrams on udp://").unwrap();
    address.lines().next().unwrap().parse().unwrap()
}
