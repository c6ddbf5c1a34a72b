//! Idle connections.

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use crate::plan::target::Target;

/// Idle connections. They come from other addresses than the visits: else the kernel's search for a free local port, and
/// with it every visit, would slow down.
pub(crate) fn idle_connections(target: &Target, count: usize) -> io::Result<Vec<OwnedFd>> {
    let own = |index: usize| IpAddr::from([127, 1, 0, u8::try_from(1 + index / 4096 % 250).unwrap_or(1)]);
    let local = target.is_beside_sources();
    (0..count).map(|index| target.idle(local.then(|| own(index)))).collect()
}
