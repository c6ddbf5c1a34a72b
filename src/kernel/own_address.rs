//! What the system says of an IPv6 address of its own.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv6Addr};

/// What keeps an address from use that the system has, shown as what to do (`IFA_F_DADFAILED`, `IFA_F_TENTATIVE` of `linux/if_addr.h`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotYet {
    /// It is looked whether another host of the link has it too, which takes a second, and needs the link to be up (RFC 4862, 5.4).
    Tentative,
    /// Another host of the link has it.
    Duplicate,
}

impl NotYet {
    /// What keeps `address` from use; `None` if nothing does, or if it is one of IPv4, or if the system does not have it, or has no `/proc`.
    #[must_use]
    pub fn of(address: IpAddr) -> Option<NotYet> {
        match address {
            IpAddr::V6(ip) => NotYet::in_list(&fs::read_to_string("/proc/net/if_inet6").ok()?, ip),
            IpAddr::V4(_) => None,
        }
    }

    /// The same by a list of the system's addresses: in each line an address, and as the fifth word the flags, all in hexadecimal
    /// digits.
    fn in_list(list: &str, address: Ipv6Addr) -> Option<NotYet> {
        let address = format!("{:032x}", address.to_bits());
        let line = list.lines().find(|line| line.starts_with(&address))?;
        let flags = u32::from_str_radix(line.split_whitespace().nth(4)?, 16).ok()?;
        match flags {
            _ if flags & 0x08 != 0 => Some(NotYet::Duplicate),
            _ if flags & 0x40 != 0 => Some(NotYet::Tentative),
            _ => None,
        }
    }
}

impl fmt::Display for NotYet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotYet::Tentative => {
                "this machine has that address, and looks whether another one has it too: try again in a second or two, with \
                 the link up (`ip address` calls it tentative)"
            }
            NotYet::Duplicate => "another machine of the link has that address too (`ip address`: dadfailed)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_not_yet_of_use_is_told_from_others() {
        let list = "20010db8000000000000000000000001 03 40 00 c0       v0\n\
                    20010db8000000000000000000000002 03 40 00 c8       v0\n\
                    00000000000000000000000000000001 01 80 10 80       lo\n";
        for (address, not_yet) in [
            ("2001:db8::1", Some(NotYet::Tentative)),
            ("2001:db8::2", Some(NotYet::Duplicate)),
            ("::1", None),
            ("2001:db8::3", None),
        ] {
            assert_eq!(NotYet::in_list(list, address.parse().unwrap()), not_yet, "{address}");
        }
        assert_eq!(
            NotYet::in_list("20010db8000000000000000000000001 03", "2001:db8::1".parse().unwrap()),
            None
        );
    }
}
