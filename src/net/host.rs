//! Hosts as people write them: a name, or an address, with a zone where it has one.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs as _};

use super::zone;

/// The host that stands for every address of this machine.
pub(super) const EVERY_ADDRESS: &str = "*";

/// The longest host name: 255 bytes in a message, with a length at its begin and an empty label at its end (RFC 1035, 2.3.4).
pub(crate) const HOST_MAX_BYTES: usize = 253;

/// A host that is no IPv6 address. Fails with what is wrong with it.
pub(super) fn name(host: &str) -> Result<String, &'static str> {
    if host.is_empty() || host.contains(is_foreign) {
        return Err("the host is missing or no host name");
    }
    if host.len() > HOST_MAX_BYTES {
        const { assert!(HOST_MAX_BYTES == 253, "the message names the limit") };
        return Err("the host is longer than 253 bytes");
    }
    if is_meant_as_address(host) && host.parse::<Ipv4Addr>().is_err() {
        return Err("the host is no IPv4 address: four numbers from 0 to 255, without leading zeros");
    }
    Ok(host.to_owned())
}

/// An IPv6 address that stood in brackets, with or without a zone. Fails with what is wrong with it.
pub(super) fn in_brackets(host: &str) -> Result<String, &'static str> {
    let (address, zone) = host.split_once('%').map_or((host, None), |(address, zone)| (address, Some(zone)));
    let Ok(ip) = address.parse::<Ipv6Addr>() else {
        return Err("what stands in brackets is no IPv6 address");
    };
    match zone {
        Some(_) if !ip.is_unicast_link_local() => {
            Err("only a link-local address (fe80::/10) has a zone, which names its link")
        }
        Some(zone) if zone.is_empty() || zone.contains(is_foreign) => {
            Err("the zone is missing or no name of a link, such as eth0")
        }
        Some(_) | None => Ok(host.to_owned()),
    }
}

/// Whether the host of a URI is an address, IPv6 in brackets (RFC 3986, 3.2.2), and so no name. An address of a link may have its zone
/// behind `%25` (RFC 6874), or behind `%` alone, as some clients write it.
///
/// ```
/// use welcomed::net::is_address_literal;
///
/// assert!(is_address_literal("127.0.0.1") && is_address_literal("[::1]") && is_address_literal("[fe80::1%25lo]"));
/// assert!(!is_address_literal("127.1") && !is_address_literal("::1") && !is_address_literal("localhost"));
/// ```
#[must_use]
pub fn is_address_literal(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => match host.split_once('%') {
            None => host.parse::<Ipv6Addr>().is_ok(),
            Some((_, zone)) => {
                let is_char = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
                zone.bytes().all(is_char) && zone::address_and_zone(host).is_some()
            }
        },
        None => host.parse::<Ipv4Addr>().is_ok(),
    }
}

/// What no host and no zone has.
fn is_foreign(character: char) -> bool {
    character.is_whitespace() || character.is_control() || "/?[]".contains(character)
}

/// Whether the resolver would take `host` for an IPv4 address: no name ends in a number. It reads leading zeros as octal digits,
/// `0x` as hexadecimal ones, and one number as four bytes (`inet_aton(3)`).
fn is_meant_as_address(host: &str) -> bool {
    let last = host.strip_suffix('.').unwrap_or(host).rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number(last) || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The addresses of `host`, with `number` as their port. It may block while a name server is asked.
pub(super) fn addresses(host: &str, number: u16) -> io::Result<Vec<SocketAddr>> {
    if host == EVERY_ADDRESS {
        return Ok(vec![(Ipv4Addr::UNSPECIFIED, number).into(), (Ipv6Addr::UNSPECIFIED, number).into()]);
    }
    if let Some((address, zone)) = zone::address_and_zone(host) {
        return Ok(vec![SocketAddrV6::new(address, number, 0, zone::link(zone)?).into()]);
    }
    // An IPv4 address in the form of IPv6 (`::ffff:127.0.0.1`) is one of IPv4: an IPv6 socket of ours serves IPv6 alone.
    let canonical = |address: SocketAddr| match address.ip().to_canonical() {
        IpAddr::V4(ip) => (ip, address.port()).into(),
        IpAddr::V6(_) => address, // with its zone
    };
    Ok((host, number).to_socket_addrs()?.map(canonical).collect())
}
