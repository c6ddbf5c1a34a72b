//! Whatever a raw packet says: its payload is the end of it, and what is answered is one host and not this one by accident.

#![no_main]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use welcomed::net::{Destination, Peer, ipv4};

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.first_chunk::<16>() {
        Some(bytes) => Some((*bytes).into()),
        None => bytes.first_chunk::<4>().map(|bytes| (*bytes).into()),
    }
}

/// A sender that is answered is one host, and of the family that was asked.
fn is_one_host(sender: IpAddr, asked: IpAddr, port: Option<u16>) {
    let (sender, asked) = (sender.to_canonical(), asked.to_canonical());
    assert!(!sender.is_unspecified() && !sender.is_multicast() && sender != Ipv4Addr::BROADCAST, "{sender}");
    assert_eq!(sender.is_ipv4(), asked.is_ipv4());
    assert_ne!(port, Some(0));
}

fuzz_target!(|bytes: &[u8]| {
    let payload = ipv4::payload(bytes);
    assert!(payload.is_none_or(|payload| bytes.ends_with(payload) && bytes.len() - payload.len() >= 20));
    let addresses = ipv4::addresses(bytes);
    assert_eq!(addresses.is_some(), payload.is_some());
    if let Some((sender, asked)) = addresses {
        let to = Destination::One { address: asked.into(), interface: u32::from(bytes[0]) };
        if to.refuses(&Peer::Host(sender)).is_none() {
            is_one_host(sender.into(), asked.into(), None);
        }
    }
    // The same bytes as a port, an interface and two addresses.
    let Some((&[high, low, interface], rest)) = bytes.split_first_chunk() else { return };
    let (asked, sender) = rest.split_at(rest.len() / 2);
    let (Some(asked), Some(sender)) = (address(asked), address(sender)) else { return };
    let port = u16::from_be_bytes([high, low]);
    let to = Destination::One { address: asked, interface: interface.into() };
    if to.refuses(&Peer::Inet(SocketAddr::new(sender, port))).is_none() {
        is_one_host(sender, asked, Some(port));
    }
});
