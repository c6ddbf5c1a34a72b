//! Endpoints: addresses as people write them, to listen at or to connect to. `tcp://127.0.0.1:9999` has the
//! short form `127.0.0.1:9999`; every kind of socket has its scheme.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

use super::address::{Address, Name, UNIX_NAME_MAX_BYTES, UnixName};
use super::kind::{Kind, Names};
use super::{host, percent};

/// The protocol numbers for experiments (RFC 3692, IANA). All others are assigned to protocols.
const PROTOCOLS: [u16; 2] = [253, 254];

/// The address of a server as a person writes it. Shown in its long form.
///
/// The host `*` is every address of this machine, to listen at: `*:9999` is `0.0.0.0:9999` and `[::]:9999`. A link-local IPv6
/// address has a zone: `[fe80::1%eth0]:9999`, or `%2` for the second link. It is taken as it stands (RFC 4007).
///
/// A question mark begins the options. In a name of the Unix domain `%3F` stands for it and `%25` for a percent sign; every other
/// percent sign is itself.
///
/// ```
/// use welcomed::net::Endpoint;
///
/// let endpoint: Endpoint = "localhost:9999".parse().unwrap();
/// assert_eq!(endpoint.to_string(), "tcp://localhost:9999");
/// assert!("localhost".parse::<Endpoint>().is_err(), "a port is needed");
/// for text in ["tcp://[::1]:9999", "unixpacket:///run/welcomed", "unix://@welcomed", "raw://localhost?protocol=253", "[fe80::1%eth0]:80", "unix:///a%3Fb"] {
///     assert!(text.parse::<Endpoint>().unwrap().to_string().ends_with(text));
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Endpoint {
    kind: Kind,
    place: Place,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Place {
    /// A host name or an address (IPv6 without its brackets, with its zone), and the port or the protocol number.
    Host { host: String, number: u16 },
    /// A name in the Unix domain.
    Unix(UnixName),
}

impl Endpoint {
    /// The kind of its socket.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Parses the endpoint of one server, as a client needs it: the host is not `*`, and the port is not 0.
    ///
    /// ```
    /// use welcomed::net::Endpoint;
    ///
    /// assert!(Endpoint::of_server("localhost:9999").is_ok());
    /// assert!(Endpoint::of_server("*:9999").is_err());
    /// assert!(Endpoint::of_server("localhost:0").is_err());
    /// ```
    pub fn of_server(text: &str) -> Result<Endpoint, BadEndpoint> {
        let endpoint: Endpoint = text.parse()?;
        let what = match &endpoint.place {
            Place::Host { host, .. } if host == host::EVERY_ADDRESS => {
                "the host * is for listening, at every address; a client names one server"
            }
            Place::Host { number: 0, .. } => {
                "port 0 is for listening, at a free port; a client names the port of the server"
            }
            Place::Host { .. } | Place::Unix(_) => return Ok(endpoint),
        };
        Err(BadEndpoint { what, kind: Some(endpoint.kind) })
    }

    /// Whether its host is a name, so that [`resolve`](Endpoint::resolve) may have to ask a name server.
    ///
    /// ```
    /// use welcomed::net::Endpoint;
    ///
    /// let has_name = |text: &str| text.parse::<Endpoint>().unwrap().has_name();
    /// assert!(has_name("localhost:9999"));
    /// assert!(!has_name("127.0.0.1:9999") && !has_name("[::1]:9999") && !has_name("*:9999") && !has_name("unix://@w"));
    /// ```
    #[must_use]
    pub fn has_name(&self) -> bool {
        match &self.place {
            Place::Unix(_) => false,
            // A name has no colon, and an IPv6 address has.
            Place::Host { host, .. } => {
                host != host::EVERY_ADDRESS && !host.contains(':') && host.parse::<Ipv4Addr>().is_err()
            }
        }
    }

    /// Parses the endpoint at which a status is served: over streams, since HTTP needs them. A bare port is one of 127.0.0.1. Fails
    /// with what is accepted.
    ///
    /// ```
    /// use welcomed::net::Endpoint;
    ///
    /// assert_eq!(Endpoint::of_status("9998").unwrap().to_string(), "tcp://127.0.0.1:9998");
    /// assert!(Endpoint::of_status("http://127.0.0.1:9998").is_err());
    /// assert!(Endpoint::of_status("udp://127.0.0.1:9998").is_err());
    /// ```
    pub fn of_status(text: &str) -> Result<Endpoint, String> {
        let is_port = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if text.starts_with("http://") || text.starts_with("https://") {
            return Err(
                "it is an endpoint and no address of a page; accepted is 9998 or 127.0.0.1:9998, for one"
                    .to_owned(),
            );
        }
        let whole = if is_port { format!("127.0.0.1:{text}") } else { text.to_owned() };
        let what = |error: BadEndpoint| {
            format!("{}; accepted is 9998, HOST:PORT, unix:///PATH or unix://@NAME", error.what())
        };
        let endpoint: Endpoint = whole.parse().map_err(what)?;
        match endpoint.kind() {
            Kind::Tcp | Kind::Unix => Ok(endpoint),
            other @ (Kind::UnixPacket | Kind::Udp | Kind::UnixGram | Kind::Raw) => Err(format!(
                "HTTP is served over tcp:// and unix://, not over {other}://; accepted is 9998, for one"
            )),
        }
    }

    /// The addresses of the endpoint, each once, in the resolver's order. A raw socket has IPv4 addresses only.
    ///
    /// Fails as getaddrinfo(3) does, and with [`io::ErrorKind::NotFound`] if there is no address. It may block
    /// while a name server is asked.
    pub fn resolve(&self) -> io::Result<Vec<Address>> {
        let kind = self.kind;
        let (host, number) = match &self.place {
            Place::Unix(name) => return Ok(vec![Address { kind, name: Name::Unix(name.clone()) }]),
            Place::Host { host, number } => (host.as_str(), *number),
        };
        let mut addresses = Vec::new();
        for address in host::addresses(host, number)? {
            let fits = kind.semantics().names == Names::Port || address.is_ipv4();
            let address = Address { kind, name: Name::Inet(address) };
            if fits && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        if addresses.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(addresses) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind;
        match &self.place {
            Place::Unix(UnixName::Path(path)) => {
                write!(f, "{kind}://{}", percent::encoded(&path.to_string_lossy()))
            }
            Place::Unix(UnixName::Abstract(name)) => {
                write!(f, "{kind}://@{}", percent::encoded(&String::from_utf8_lossy(name)))
            }
            Place::Host { host, number } if kind.semantics().names == Names::Protocol => {
                write!(f, "{kind}://{host}?protocol={number}")
            }
            Place::Host { host, number } if host.contains(':') => write!(f, "{kind}://[{host}]:{number}"),
            Place::Host { host, number } => write!(f, "{kind}://{host}:{number}"),
        }
    }
}

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(text: &str) -> Result<Self, BadEndpoint> {
        let (kind, rest) = match text.split_once("://") {
            Some((scheme, rest)) => match Kind::of(scheme) {
                Some(kind) => (kind, rest),
                None => return Err(BadEndpoint { what: "this kind of socket is not served", kind: None }),
            },
            None => (Kind::Tcp, without_scheme(text)?),
        };
        let (rest, options) =
            rest.split_once('?').map_or((rest, None), |(rest, options)| (rest, Some(options)));
        let place = match (kind.semantics().names, options) {
            (Names::Protocol, options) => host_and_protocol(rest, options),
            (Names::Port, None) => host_and_port(rest),
            (Names::Path, None) => unix_name(&percent::decoded(rest)).map(Place::Unix),
            (Names::Port, Some(_)) => Err("a question mark begins options, and this kind of socket has none"),
            (Names::Path, Some(_)) => Err("a question mark begins options, and is %3F in a name"),
        };
        place.map(|place| Endpoint { kind, place }).map_err(|what| BadEndpoint { what, kind: Some(kind) })
    }
}

/// A text without `://` as it is; an error if a scheme was meant.
fn without_scheme(text: &str) -> Result<&str, BadEndpoint> {
    let kind = text.split_once(':').and_then(|(scheme, _)| Kind::of(scheme));
    // `tcp:9999` is a host of the name `tcp` and its port.
    let kind = kind.filter(|kind| *kind != Kind::Tcp || text.matches(':').count() > 1);
    if kind.is_some() {
        return Err(BadEndpoint { what: "the two slashes behind the colon are missing", kind });
    }
    if text.starts_with(['/', '@']) {
        return Err(BadEndpoint { what: "it does not say which kind of socket is there", kind: None });
    }
    Ok(text)
}

fn host_and_port(text: &str) -> Result<Place, &'static str> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the host is missing");
    }
    if text.ends_with(']') {
        return Err("the port is missing");
    }
    let (host, port) = text.rsplit_once(':').ok_or("the port is missing")?;
    let number = number(port).ok_or("the port is not a number from 0 to 65535")?;
    let host = match host.strip_prefix('[').map(|host| host.strip_suffix(']')) {
        Some(Some(address)) => host::in_brackets(address)?,
        Some(None) => return Err("what stands in brackets is no IPv6 address"),
        None if is_ipv6(host) || is_ipv6(text) => return Err("an IPv6 address needs brackets"),
        None if host.contains(':') => return Err("there is a colon in the host"),
        None => host::name(host)?,
    };
    Ok(Place::Host { host, number })
}

fn is_ipv6(text: &str) -> bool {
    text.parse::<Ipv6Addr>().is_ok()
}

/// A number in decimal digits. The standard library takes a plus sign as well.
fn number(digits: &str) -> Option<u16> {
    digits.parse().ok().filter(|_| !digits.starts_with('+'))
}

fn host_and_protocol(host: &str, options: Option<&str>) -> Result<Place, &'static str> {
    let protocol = options.and_then(|options| options.strip_prefix("protocol="));
    let number =
        number(protocol.ok_or("the protocol is missing")?).filter(|number| PROTOCOLS.contains(number));
    let number = number.ok_or("the protocol is not 253 or 254, the two for experiments")?;
    if host.contains(['[', ']']) || host.matches(':').count() > 1 {
        return Err("raw sockets are served over IPv4 only");
    }
    if host.contains(':') {
        return Err("a raw socket has no port");
    }
    Ok(Place::Host { host: host::name(host)?, number })
}

fn unix_name(text: &str) -> Result<UnixName, &'static str> {
    let abstract_name = text.strip_prefix('@');
    if abstract_name.unwrap_or(text).len() > UNIX_NAME_MAX_BYTES {
        return Err("the name is longer than 107 bytes");
    }
    if text.contains(char::is_control) {
        return Err("a name has no control characters in it");
    }
    match abstract_name {
        Some("") => Err("the name is missing"),
        Some(name) => Ok(UnixName::Abstract(name.as_bytes().to_vec())),
        None if !text.starts_with('/') => Err("the path does not begin with a slash"),
        None if text.ends_with('/') => Err("the path is that of a directory"),
        None => Ok(UnixName::Path(PathBuf::from(text))),
    }
}

/// A text that is no endpoint. Shown as what is wrong with it, and which forms are accepted, also where `main` returns it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BadEndpoint {
    what: &'static str,
    /// The kind that was meant, if the text shows it.
    kind: Option<Kind>,
}

impl BadEndpoint {
    /// What is wrong with the text, without the forms that are accepted.
    #[must_use]
    pub fn what(&self) -> &'static str {
        self.what
    }
}

impl fmt::Display for BadEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; accepted is ", self.what)?;
        match self.kind {
            Some(Kind::Tcp) => f.write_str(
                "tcp://HOST:PORT or HOST:PORT, such as 127.0.0.1:9999, localhost:9999 or [::1]:9999",
            ),
            Some(kind) => f.write_str(kind.semantics().form),
            None => {
                let forms: Vec<&str> = Kind::ALL.iter().map(|kind| kind.semantics().form).collect();
                f.write_str(&forms.join(", "))
            }
        }
    }
}

/// As shown.
impl fmt::Debug for BadEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for BadEndpoint {}

#[cfg(test)]
mod tests;
