//! Idle connections.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::RecvFlags;
use serde::{Deserialize, Serialize};

use crate::plan::target::Target;

/// How many come from one address. A server can give each source a share of its places: `welcomed` gives half of what its
/// limit of descriptors allows.
const SOURCE_MAX: usize = 128;

/// Idle connections. They come from other addresses than the visits: else the kernel's search for a free local port, and
/// with it every visit, would slow down.
///
/// Each may take `patience` to be accepted. Fails with [`io::ErrorKind::Interrupted`] when `stop` is set.
pub(crate) fn idle_connections(
    target: &Target,
    count: usize,
    patience: Duration,
    stop: &AtomicBool,
) -> io::Result<Vec<OwnedFd>> {
    let own =
        |index: usize| IpAddr::from([127, 1, 0, u8::try_from(1 + index / SOURCE_MAX % 250).unwrap_or(1)]);
    let local = target.is_beside_sources();
    let which = |index, error: io::Error| {
        let why = format!("idle connection {} of {count}: {error}", index + 1);
        io::Error::new(error.kind(), why)
    };
    let idle = |index| {
        let source = local.then(|| own(index));
        target.idle(source, patience, stop).map_err(|error| which(index, error))
    };
    (0..count).map(idle).collect()
}

/// Idle connections that are not there any more.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Left {
    /// The server has closed them.
    pub(crate) closed: usize,
    /// They were reset, or failed in another way.
    pub(crate) reset: usize,
}

/// How many of the idle connections have ended. Once: a look takes the error of a reset out of its socket.
pub(crate) fn left(idle: &[OwnedFd]) -> Left {
    let mut left = Left::default();
    for connection in idle {
        match rustix::net::recv(connection, &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok((0, _)) => left.closed += 1,
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => left.reset += 1,
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::net::TcpListener;
    use std::thread;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    #[test]
    fn no_source_of_idle_connections_needs_more_than_a_small_share() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = Target::from(server.local_addr().unwrap());
        // Its queue has room for fewer than come.
        let accepting = thread::spawn(move || {
            let mut sources: HashMap<IpAddr, usize> = HashMap::new();
            for _ in 0..300 {
                *sources.entry(server.accept().unwrap().1.ip()).or_default() += 1;
            }
            sources
        });
        let _held = idle_connections(&target, 300, Duration::from_secs(10), &AtomicBool::new(false)).unwrap();
        let sources = accepting.join().unwrap();
        assert!(sources.values().all(|connections| *connections <= 128), "{sources:?}");
    }

    #[test]
    fn an_idle_connection_is_waited_for_with_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let server = std::os::unix::net::UnixListener::bind(folder.path().join("s")).unwrap();
        rustix::net::listen(&server, 1).unwrap();
        let target = Target::at(&format!("unix://{}/s", folder.path().display())).unwrap();
        let (patience, stop) = (Duration::from_millis(20), AtomicBool::new(false));
        let error = idle_connections(&target, 10, patience, &stop).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().starts_with("idle connection 3 of 10: "), "{error}");
        let stop = AtomicBool::new(true);
        let stopped = idle_connections(&target, 10, Duration::MAX, &stop).unwrap_err();
        assert_eq!(stopped.kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn idle_connections_that_ended_are_counted() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = Target::from(server.local_addr().unwrap());
        let idle = idle_connections(&target, 3, Duration::from_secs(5), &AtomicBool::new(false)).unwrap();
        let [closed, reset, _there] = [(); 3].map(|()| server.accept().unwrap().0);
        let linger = rustix::net::sockopt::set_socket_linger(&reset, Some(Duration::ZERO));
        assert!(linger.is_ok());
        drop((closed, reset));
        // A look takes the error out of the socket, so both have to have ended before it.
        for ended in &idle[..2] {
            let mut ended = [PollFd::new(ended, PollFlags::IN)];
            poll(&mut ended, Some(&Timespec { tv_sec: 10, tv_nsec: 0 })).unwrap();
        }
        assert_eq!(left(&idle), Left { closed: 1, reset: 1 });
    }
}
