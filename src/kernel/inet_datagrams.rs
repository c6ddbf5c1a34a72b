//! Datagrams over the Internet: what each was sent to, and an answer that comes from there.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};

use libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrLike, recvmsg, sendmsg,
    setsockopt, sockopt,
};
use rustix::io::Errno;

use super::seam::{Datagram, Record};
use crate::net::{Destination, Peer, ipv4};

/// From now on the kernel says of each datagram what it was sent to (ip(7), `IP_PKTINFO`; RFC 3542, `IPV6_RECVPKTINFO`).
pub(super) fn tell_destinations(socket: &OwnedFd, is_ipv6: bool) -> io::Result<()> {
    if is_ipv6 {
        setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    } else {
        setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?;
    }
    Ok(())
}

/// Fails for an address that many hosts can have: nothing that is sent there is answered.
pub(super) fn is_of_one_host(address: IpAddr) -> io::Result<()> {
    let address = address.to_canonical();
    if address.is_multicast() || address == Ipv4Addr::BROADCAST {
        let why =
            "it is a broadcast or multicast address, and datagrams that many hosts get are not answered";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    Ok(())
}

/// recvmsg(2): the next datagram.
pub(super) fn receive(socket: &OwnedFd, is_ipv6: bool, buffer: &mut [u8]) -> io::Result<Datagram> {
    let (record, sender, to) = receive_any(socket, is_ipv6, buffer)?;
    Ok(Datagram { record, peer: sender.map_or(Peer::Unnamed, Peer::Inet), to })
}

/// The payload of the next packet of a raw socket. The kernel can queue a packet for another host that it had matched
/// before the socket was bound: that is no datagram of this server, if it is `only_for` one.
pub(super) fn receive_packet(
    socket: &OwnedFd,
    only_for: Option<Ipv4Addr>,
    buffer: &mut [u8],
) -> io::Result<Datagram> {
    loop {
        let mut packet = vec![0; ipv4::HEADER_MAX_BYTES + buffer.len()];
        let (Record { bytes, truncated }, sender, to) = receive_any(socket, false, &mut packet)?;
        let packet = packet.get(..bytes).unwrap_or_default();
        let destination = ipv4::addresses(packet).map(|(_, destination)| destination);
        if only_for.is_some() && destination != only_for {
            continue;
        }
        let payload = ipv4::payload(packet).ok_or(io::ErrorKind::InvalidData)?;
        let kept = payload.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..kept), payload.get(..kept)) {
            to.copy_from_slice(from);
        }
        let record = Record { bytes: kept, truncated: truncated || payload.len() > kept };
        let peer = match sender {
            Some(SocketAddr::V4(sender)) => Peer::Host(*sender.ip()),
            Some(SocketAddr::V6(_)) | None => Peer::Unnamed,
        };
        return Ok(Datagram { record, peer, to });
    }
}

type Any = (Record, Option<SocketAddr>, Destination);

fn receive_any(socket: &OwnedFd, is_ipv6: bool, buffer: &mut [u8]) -> io::Result<Any> {
    // Each kind has its own type of address, which the kernel fills to its end.
    if is_ipv6 {
        receive_from::<SockaddrIn6>(socket, buffer)
    } else {
        receive_from::<SockaddrIn>(socket, buffer)
    }
}

fn receive_from<A: SockaddrLike + Into<SocketAddr>>(socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<Any> {
    let mut along = cmsg_space!(in6_pktinfo);
    let mut buffers = [IoSliceMut::new(buffer)];
    let message = recvmsg::<A>(socket.as_raw_fd(), &mut buffers, Some(&mut along), MsgFlags::empty())?;
    let to = message.cmsgs().into_iter().flatten().find_map(|part| destination(&part));
    let truncated = message.flags.contains(MsgFlags::MSG_TRUNC);
    let record = Record { bytes: message.bytes, truncated };
    // What is not told is not answered.
    Ok((record, message.address.map(Into::into), to.unwrap_or(Destination::Many)))
}

/// The destination in a control message, if it has one.
fn destination(part: &ControlMessageOwned) -> Option<Destination> {
    if let ControlMessageOwned::Ipv4PacketInfo(info) = part {
        let [told, own] =
            [info.ipi_addr, info.ipi_spec_dst].map(|addr| Ipv4Addr::from(addr.s_addr.to_ne_bytes()));
        // To a datagram for many the kernel adds the address of this host that an answer would come from.
        let one = Destination::One { address: own.into(), interface: info.ipi_ifindex.cast_unsigned() };
        return Some(if told == own { one } else { Destination::Many });
    }
    let ControlMessageOwned::Ipv6PacketInfo(info) = part else { return None };
    let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
    let one = Destination::One { address: address.into(), interface: info.ipi6_ifindex };
    Some(if IpAddr::V6(address).to_canonical().is_multicast() { Destination::Many } else { one })
}

/// sendmsg(2): an answer to a datagram, from the address that was asked. The way is up to the routes.
pub(super) fn send(
    socket: &OwnedFd,
    datagram: &[u8],
    peer: SocketAddr,
    asked: &Destination,
) -> io::Result<()> {
    let (socket, parts, flags) = (socket.as_raw_fd(), [IoSlice::new(datagram)], MsgFlags::MSG_NOSIGNAL);
    match (peer, asked) {
        (SocketAddr::V4(peer), Destination::One { address: IpAddr::V4(own), .. }) => {
            let own = in_addr { s_addr: u32::from_ne_bytes(own.octets()) };
            let info = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: own, ipi_addr: in_addr { s_addr: 0 } };
            let along = [ControlMessage::Ipv4PacketInfo(&info)];
            sendmsg(socket, &parts, &along, flags, Some(&SockaddrIn::from(peer)))?;
        }
        (SocketAddr::V6(peer), Destination::One { address: IpAddr::V6(own), interface }) => {
            // An address of a link is one only together with the interface.
            let ipi6_ifindex = if own.is_unicast_link_local() { *interface } else { 0 };
            let info = in6_pktinfo { ipi6_addr: in6_addr { s6_addr: own.octets() }, ipi6_ifindex };
            let along = [ControlMessage::Ipv6PacketInfo(&info)];
            sendmsg(socket, &parts, &along, flags, Some(&SockaddrIn6::from(peer)))?;
        }
        _ => return Err(Errno::DESTADDRREQ.into()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ipv4(own: [u8; 4], told: [u8; 4], interface: i32) -> Option<Destination> {
        let [ipi_spec_dst, ipi_addr] =
            [own, told].map(|octets| in_addr { s_addr: u32::from_ne_bytes(octets) });
        destination(&ControlMessageOwned::Ipv4PacketInfo(in_pktinfo {
            ipi_ifindex: interface,
            ipi_spec_dst,
            ipi_addr,
        }))
    }

    fn ipv6(octets: [u8; 16], interface: u32) -> Option<Destination> {
        let info = in6_pktinfo { ipi6_addr: in6_addr { s6_addr: octets }, ipi6_ifindex: interface };
        destination(&ControlMessageOwned::Ipv6PacketInfo(info))
    }

    #[test]
    fn what_the_kernel_says_of_a_datagram_for_many_is_no_address() {
        let one = |address: IpAddr| Some(Destination::One { address, interface: 2 });
        assert_eq!(ipv4([192, 0, 2, 1], [192, 0, 2, 1], 2), one([192, 0, 2, 1].into()));
        for told in [[192, 0, 2, 255], [255; 4], [224, 0, 0, 1]] {
            assert_eq!(ipv4([192, 0, 2, 1], told, 2), Some(Destination::Many));
        }
        let address = |text: &str| text.parse::<Ipv6Addr>().unwrap();
        for text in ["fd77::1", "fe80::1", "::1", "::ffff:192.0.2.1"] {
            assert_eq!(ipv6(address(text).octets(), 2), one(address(text).into()));
        }
        for text in ["ff02::1", "ff0e::1", "::ffff:224.0.0.1"] {
            assert_eq!(ipv6(address(text).octets(), 2), Some(Destination::Many));
        }
        let another = ControlMessageOwned::ScmRights(Vec::new());
        assert_eq!(destination(&another), None, "another message");
    }

    proptest! {
        #[test]
        fn whatever_the_kernel_says_is_judged(
            own: [u8; 4], told: [u8; 4], octets: [u8; 16], sender: [u8; 16], port: u16, interface: i32,
        ) {
            let senders = [SocketAddr::from((own, port)), (sender, port).into(), (told, port).into()];
            let destinations = [ipv4(own, told, interface), ipv4(own, own, interface), ipv6(octets, interface.cast_unsigned())];
            for to in destinations.into_iter().flatten() {
                for sender in senders {
                    let why = to.refuses(&Peer::Inet(sender));
                    // Whatever is answered has a port and is one host.
                    prop_assert!(why.is_some() || (port > 0 && !sender.ip().to_canonical().is_multicast()));
                }
            }
        }
    }
}
