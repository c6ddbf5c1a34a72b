//! Where to listen and where to connect: `tcp://127.0.0.1:9999` and its short form `127.0.0.1:9999`.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;

/// What is accepted, for a message to someone who wrote something else.
const ACCEPTED: &str = "tcp://HOST:PORT or HOST:PORT, such as 127.0.0.1:9999, localhost:9999 or [::1]:9999";

/// The address of a server as a person writes it. Shown in its long form.
///
/// ```
/// use welcomed::endpoint::Endpoint;
///
/// let endpoint: Endpoint = "localhost:9999".parse().unwrap();
/// assert_eq!(endpoint.to_string(), "tcp://localhost:9999");
/// assert_eq!("tcp://[::1]:9999".parse::<Endpoint>().unwrap().to_string(), "tcp://[::1]:9999");
/// assert!("localhost".parse::<Endpoint>().is_err(), "a port is needed");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Endpoint {
    /// A TCP host, by name or by address (IPv6 without its brackets), and its port.
    Tcp {
        /// A name or an address.
        host: String,
        /// 0 means any free port where one listens, and nothing where one connects.
        port: u16,
    },
}

impl Endpoint {
    /// Every address that the endpoint's host has, each once, in the resolver's order.
    ///
    /// Fails as getaddrinfo(3) does, and with [`io::ErrorKind::NotFound`] where it finds nothing. It may
    /// block while a name server is asked.
    pub fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let Endpoint::Tcp { host, port } = self;
        let mut addresses = Vec::new();
        for address in (host.as_str(), *port).to_socket_addrs()? {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(addresses) }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Endpoint::Tcp { host: address.ip().to_string(), port: address.port() }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Endpoint::Tcp { host, port } = self;
        if host.contains(':') { write!(f, "tcp://[{host}]:{port}") } else { write!(f, "tcp://{host}:{port}") }
    }
}

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(text: &str) -> Result<Self, BadEndpoint> {
        let bad = |what: &'static str| BadEndpoint { what };
        let rest = match text.split_once("://") {
            Some(("tcp", rest)) => rest,
            Some(_) => return Err(bad("this kind of socket is not served")),
            None => text,
        };
        let (host, port) = rest.rsplit_once(':').ok_or(bad("the port is missing"))?;
        let port = port.parse().map_err(|_| bad("the port is not a number from 0 to 65535"))?;
        let host = match host.strip_prefix('[').map(|host| host.strip_suffix(']')) {
            Some(Some(address)) if address.parse::<std::net::Ipv6Addr>().is_ok() => address,
            Some(_) => return Err(bad("what stands in brackets is no IPv6 address")),
            None if host.contains(':') => return Err(bad("an IPv6 address needs brackets")),
            None => host,
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
            return Err(bad("the host is missing or no host name"));
        }
        Ok(Endpoint::Tcp { host: host.to_owned(), port })
    }
}

/// A text that is no endpoint. Shown as what is wrong and what would be right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadEndpoint {
    what: &'static str,
}

impl fmt::Display for BadEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; accepted is {ACCEPTED}", self.what)
    }
}

impl std::error::Error for BadEndpoint {}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Result<String, &'static str> {
        text.parse::<Endpoint>().map(|endpoint| endpoint.to_string()).map_err(|bad| bad.what)
    }

    #[test]
    fn both_forms_are_read_and_the_long_one_is_shown() {
        assert_eq!(endpoint("127.0.0.1:9999"), Ok("tcp://127.0.0.1:9999".into()));
        assert_eq!(endpoint("tcp://localhost:0"), Ok("tcp://localhost:0".into()));
        assert_eq!(endpoint("[::1]:80"), Ok("tcp://[::1]:80".into()));
        assert_eq!(endpoint("tcp://welcome.example:65535"), Ok("tcp://welcome.example:65535".into()));
    }

    #[test]
    fn what_is_no_endpoint_is_told_what_is_wrong_with_it() {
        for (text, what) in [
            ("", "the port is missing"),
            ("localhost", "the port is missing"),
            ("localhost:", "the port is not a number from 0 to 65535"),
            ("localhost:65536", "the port is not a number from 0 to 65535"),
            ("localhost:-1", "the port is not a number from 0 to 65535"),
            ("localhost:99 ", "the port is not a number from 0 to 65535"),
            (":9999", "the host is missing or no host name"),
            ("tcp://:9999", "the host is missing or no host name"),
            ("a b:9999", "the host is missing or no host name"),
            ("tcp://a/b:9999", "the host is missing or no host name"),
            ("::1:9999", "an IPv6 address needs brackets"),
            ("[localhost]:9999", "what stands in brackets is no IPv6 address"),
            ("[::1:9999", "what stands in brackets is no IPv6 address"),
            ("http://localhost:80", "this kind of socket is not served"),
            ("TCP://localhost:80", "this kind of socket is not served"),
        ] {
            assert_eq!(endpoint(text), Err(what), "{text:?}");
        }
    }

    #[test]
    fn an_address_is_resolved_to_itself() {
        let address: SocketAddr = "[::1]:9999".parse().unwrap();
        assert_eq!(Endpoint::from(address).resolve().unwrap(), [address]);
    }
}
