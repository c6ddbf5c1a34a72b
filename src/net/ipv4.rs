//! The IPv4 header, which a raw socket receives before the payload (RFC 791, 3.1).

use std::net::Ipv4Addr;

/// The longest header: 15 words of 4 bytes.
pub const HEADER_MAX_BYTES: usize = 60;

/// The payload of a packet: the bytes behind its header and the header's options. `None` if the packet does not
/// begin with a whole IPv4 header.
///
/// ```
/// use welcomed::net::ipv4::payload;
///
/// let mut packet = vec![0; 24];
/// packet[0] = 0x46; // version 4, a header of 6 words: one of options
/// packet.extend_from_slice(b"Rafatul");
/// assert_eq!(payload(&packet), Some(&b"Rafatul"[..]));
/// assert_eq!(payload(&packet[..23]), None);
/// ```
#[must_use]
pub fn payload(packet: &[u8]) -> Option<&[u8]> {
    let first = packet.first()?;
    let (version, words) = (first >> 4, usize::from(first & 0x0f));
    if version == 4 && words >= 5 { packet.get(words * 4..) } else { None }
}

/// The addresses that a packet comes from and goes to; `None` if it does not begin with a whole IPv4 header.
///
/// ```
/// use welcomed::net::ipv4::addresses;
///
/// let mut packet = vec![0; 20];
/// packet[0] = 0x45;
/// packet[12..20].copy_from_slice(&[127, 0, 0, 5, 127, 0, 0, 6]);
/// assert_eq!(addresses(&packet), Some(([127, 0, 0, 5].into(), [127, 0, 0, 6].into())));
/// ```
#[must_use]
pub fn addresses(packet: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr)> {
    payload(packet)?;
    let source: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
    let destination: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
    Some((source.into(), destination.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_without_a_whole_header_has_no_payload() {
        assert_eq!(payload(b""), None);
        assert_eq!(payload(&[0x65; 40]), None, "version 6");
        assert_eq!(payload(&[0x44; 40]), None, "four words are no header");
        assert_eq!(payload(&[0x4f; HEADER_MAX_BYTES - 1]), None);
        assert_eq!(payload(&[0x4f; HEADER_MAX_BYTES]), Some(&[][..]));
        assert_eq!((addresses(&[0x65; 40]), addresses(&[0x4f; HEADER_MAX_BYTES - 1])), (None, None));
    }
}
