//! Zones of IPv6 addresses: a link-local address is one of a link, which its zone names (RFC 4007).

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};

/// An IPv6 address with a zone behind it, `fe80::1%eth0`, if `text` has that form and the address can have one. The zone is
/// taken as it stands.
pub(super) fn address_and_zone(text: &str) -> Option<(Ipv6Addr, &str)> {
    let (address, zone) = text.split_once('%')?;
    let address: Ipv6Addr = address.parse().ok()?;
    (address.is_unicast_link_local() && !zone.is_empty()).then_some((address, zone))
}

/// The number of the link that `zone` names, by its name or by its number.
///
/// Fails with [`ErrorKind::NotFound`] if there is none of this name, and as socket(2) does. Whether there is one of this
/// number, bind(2) and connect(2) say.
pub(super) fn link(zone: &str) -> io::Result<u32> {
    let any = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    netdevice::name_to_index(&any, zone).or_else(|_| {
        let number = zone.parse().ok().filter(|number| *number > 0 && !zone.starts_with('+'));
        number.ok_or_else(|| {
            let of_a_url = zone.strip_prefix("25").is_some_and(|zone| !zone.is_empty());
            let hint =
                if of_a_url { ", and a zone stands behind % alone, without the %25 of URLs" } else { "" };
            let why = format!("there is no link of this zone; `ip link` lists their names{hint}");
            io::Error::new(ErrorKind::NotFound, why)
        })
    })
}

/// Fails with [`ErrorKind::InvalidInput`] if this is an address of a link, and does not say of which. The system calls it an
/// invalid argument.
pub(crate) fn is_said(address: &SocketAddr) -> io::Result<()> {
    let (IpAddr::V6(ip), SocketAddr::V6(with_zone)) = (address.ip(), address) else { return Ok(()) };
    if ip.is_unicast_link_local() && with_zone.scope_id() == 0 {
        let why =
            format!("the zone is missing, which names the link, such as [{ip}%eth0]:{}", address.port());
        return Err(io::Error::new(ErrorKind::InvalidInput, why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_a_name_or_a_number_of_a_link() {
        assert_eq!((link("lo").unwrap(), link("1").unwrap()), (1, 1));
        assert_eq!(link("4294967295").unwrap(), u32::MAX);
        for zone in ["absent", "0", "+1", "-1", "4294967296", "a name of more than 15 bytes", ""] {
            assert_eq!(link(zone).unwrap_err().kind(), ErrorKind::NotFound, "{zone:?}");
            assert!(!link(zone).unwrap_err().to_string().contains("%25"), "{zone:?}");
        }
    }

    #[test]
    fn a_zone_as_it_stands_in_a_url_is_told_from_one_that_is_absent() {
        assert!(link("25lo").unwrap_err().to_string().ends_with("behind % alone, without the %25 of URLs"));
    }

    #[test]
    fn a_zone_is_all_behind_the_first_percent_sign() {
        let ip: Ipv6Addr = "fe80::1".parse().unwrap();
        for (text, parts) in [
            ("fe80::1%lo", Some((ip, "lo"))),
            ("fe80::1%a%b", Some((ip, "a%b"))),
            ("fe80::1%", None),
            ("fe80::1", None),
            ("2001:db8::1%lo", None),
            ("a%b", None),
        ] {
            assert_eq!(address_and_zone(text), parts, "{text}");
        }
    }

    #[test]
    fn only_an_address_of_a_link_needs_a_zone() {
        for (address, is_right) in [
            ("[fe80::1]:1", false),
            ("[fe80::1%1]:1", true),
            ("[2001:db8::1]:1", true),
            ("127.0.0.1:1", true),
        ] {
            assert_eq!(is_said(&address.parse().unwrap()).is_ok(), is_right, "{address}");
        }
    }
}
