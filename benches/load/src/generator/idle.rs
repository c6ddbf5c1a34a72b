//! Idle connections.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use crate::plan::target::Target;

/// How many come from one address. A server can give each source a share of its places: `welcomed` gives half of what its
/// limit of descriptors allows.
const SOURCE_MAX: usize = 128;

/// Idle connections. They come from other addresses than the visits: else the kernel's search for a free local port, and
/// with it every visit, would slow down.
pub(crate) fn idle_connections(target: &Target, count: usize) -> io::Result<Vec<OwnedFd>> {
    let own =
        |index: usize| IpAddr::from([127, 1, 0, u8::try_from(1 + index / SOURCE_MAX % 250).unwrap_or(1)]);
    let local = target.is_beside_sources();
    (0..count).map(|index| target.idle(local.then(|| own(index)))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::net::TcpListener;
    use std::thread;

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
        let _held = idle_connections(&target, 300).unwrap();
        let sources = accepting.join().unwrap();
        assert!(sources.values().all(|connections| *connections <= 128), "{sources:?}");
    }
}
