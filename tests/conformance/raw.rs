//! What tests with raw sockets need: the privilege, and an address for each socket, because raw sockets have no
//! ports.

use std::net::Ipv4Addr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use welcomed::net::Kind;

pub(crate) use crate::kinds::PROTOCOL;
use crate::kinds::open;
use crate::process::{BOUND, not_tested};

/// An address of this machine that no other test uses. A raw socket receives every packet of its protocol that
/// comes to its address.
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
        let allowed = open(Kind::Raw, BOUND).is_ok();
        if !allowed {
            not_tested("raw sockets need CAP_NET_RAW");
        }
        allowed
    })
}
