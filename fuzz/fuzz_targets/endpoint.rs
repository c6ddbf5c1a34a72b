//! What is read as an endpoint is shown as one that is read as the same.

#![no_main]

use std::net::{IpAddr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use welcomed::net::{Address, Endpoint, Kind};

/// The address that is made of the first bytes of `bytes`.
fn address(bytes: &[u8]) -> Option<SocketAddr> {
    let (port, bytes) = bytes.split_first_chunk()?;
    let ip: IpAddr = match bytes.first_chunk() {
        Some(ip) => <[u8; 16]>::into(*ip),
        None => <[u8; 4]>::into(*bytes.first_chunk()?),
    };
    Some(SocketAddr::new(ip, u16::from_be_bytes(*port)))
}

/// Whether this is an address of a link, with the number of that.
fn has_zone(address: SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() > 0)
}

/// An address of the system's is an endpoint, its text is read as the same, and it resolves to itself.
fn is_itself(address: SocketAddr) {
    let address = Address::from(address);
    let endpoint: Endpoint = address.to_string().parse().expect("an address is shown as an endpoint");
    assert_eq!(endpoint.to_string(), address.to_string());
    assert_eq!(endpoint.resolve().expect("no name server is asked for an address"), [address]);
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(address) = address(bytes) {
        is_itself(address);
    }
    let Ok(text) = str::from_utf8(bytes) else { return };
    // The standard library reads addresses as well. It has zones as numbers, also where they mean nothing.
    if let Ok(address) = text.parse::<SocketAddr>()
        && (!text.contains('%') || has_zone(address))
    {
        is_itself(address);
        assert!(text.parse::<Endpoint>().is_ok(), "{text:?} is an address");
    }
    let endpoint = match text.parse::<Endpoint>() {
        Ok(endpoint) => endpoint,
        Err(bad) => {
            assert!(bad.to_string().contains("accepted is") && !bad.to_string().contains('\n'));
            return;
        }
    };
    let shown = endpoint.to_string();
    assert_eq!(shown.parse::<Endpoint>(), Ok(endpoint.clone()), "{text:?} is shown as {shown:?}");
    let scheme = endpoint.kind().semantics().scheme;
    let short = shown
        .strip_prefix(scheme)
        .and_then(|rest| rest.strip_prefix("://"))
        .expect("the long form begins so");
    assert!(!short.contains(char::is_control), "{shown:?}");
    if endpoint.kind() == Kind::Tcp {
        assert_eq!(short.parse::<Endpoint>(), Ok(endpoint), "{text:?} has the short form {short:?}");
        assert!(!short.contains(|c: char| c.is_whitespace() || c == '/'), "{shown:?}");
    }
});
