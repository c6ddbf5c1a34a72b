//! How a server listens at an endpoint, which may have several addresses.

use std::fmt;
use std::io;

use super::listener::Listener;
use super::server::Server;
use super::services::Services;
use crate::kernel::Kernel;
use crate::net::{Address, Endpoint, Name};

/// Where a server is to listen: an endpoint that has been resolved ([`Endpoint::resolve`]).
#[derive(Clone, Debug)]
pub struct ListenAt {
    /// The number of the service that serves it. `None` is the first service that can serve its kind of socket.
    pub service: Option<u8>,
    /// The endpoint, for errors.
    pub endpoint: Endpoint,
    /// Its addresses.
    pub addresses: Vec<Address>,
}

/// Where a server listens for an endpoint.
#[derive(Debug)]
#[non_exhaustive]
pub struct Listening {
    /// The addresses that clients reach it at, at least one. Port 0 has become the port that was free.
    pub addresses: Vec<Address>,
    /// The endpoint's other addresses, and why the server does not listen there: `localhost` can have an IPv6 address
    /// on a host without IPv6.
    pub failures: Vec<(Address, io::Error)>,
}

/// Why a server listens at none of an endpoint's addresses. Shown as one line, also where `main` returns it.
#[non_exhaustive]
pub enum ListenError {
    /// No service of this server can serve the kind of socket, or the one that could has no places for clients.
    NotServed(Endpoint),
    /// The service of this number cannot serve the kind of socket, has no places for clients, or there is none.
    NotServedBy(u8, Endpoint),
    /// The endpoint's host has no address.
    Unresolved(Endpoint, io::Error),
    /// No address of the endpoint could be listened at.
    Failed(Endpoint, Vec<(Address, io::Error)>),
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenError::NotServed(endpoint) => write!(f, "no service of this server serves {endpoint}"),
            ListenError::NotServedBy(service, endpoint) => {
                write!(f, "service {service} of this server does not serve {endpoint}")
            }
            ListenError::Unresolved(endpoint, error) => write!(f, "cannot resolve {endpoint}: {error}"),
            ListenError::Failed(_, failures) => {
                for (index, (address, error)) in failures.iter().enumerate() {
                    let separator = if index > 0 { "; " } else { "" };
                    write!(f, "{separator}cannot listen on {address}: {error}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ListenError {}

impl<K: Kernel, H: Services<K>> Server<K, H> {
    /// Lets the first service that can serve this kind of socket listen at every address of `endpoint`, or receive
    /// datagrams there. One address at least has to work.
    ///
    /// Fails with the [`ListenError`] that says why. It may block while a name server is asked.
    pub fn listen(&mut self, endpoint: &Endpoint) -> Result<Listening, ListenError> {
        match self.service_for(endpoint.kind()) {
            Some(service) => self.listen_for(service, endpoint),
            None => Err(ListenError::NotServed(endpoint.clone())),
        }
    }

    /// The same for the service of this number: they count from 0, in the order in which they stand in the pair.
    /// Those of `((a, b), (c, d))` are 0, 1, 2 and 3.
    pub fn listen_for(&mut self, service: u8, endpoint: &Endpoint) -> Result<Listening, ListenError> {
        if !self.services.serves(service, endpoint.kind()) {
            return Err(ListenError::NotServedBy(service, endpoint.clone()));
        }
        let resolved = endpoint.resolve();
        let addresses = resolved.map_err(|error| ListenError::Unresolved(endpoint.clone(), error))?;
        let bound = self.bind_all(service, endpoint.clone(), addresses)?;
        self.listen_on_all(bound)
    }

    /// Listens at all of these. All sockets are bound before the first one listens. So what fails as a rule does so before
    /// a client can have connected. Of each endpoint one address at least has to work. One that an endpoint before it has
    /// as well does not.
    ///
    /// Fails with the [`ListenError`] of the first endpoint that has none.
    pub fn listen_at_all(&mut self, endpoints: Vec<ListenAt>) -> Result<Vec<Listening>, ListenError> {
        let mut bound = Vec::new();
        for Given { service, endpoint, once, twice } in without_those_given_twice(endpoints)? {
            let service = match service {
                Some(service) if self.services.serves(service, endpoint.kind()) => service,
                Some(service) => return Err(ListenError::NotServedBy(service, endpoint)),
                None => match self.service_for(endpoint.kind()) {
                    Some(service) => service,
                    None => return Err(ListenError::NotServed(endpoint)),
                },
            };
            let mut one = self.bind_all(service, endpoint, once)?;
            one.failures.splice(0..0, twice);
            bound.push(one);
        }
        bound.into_iter().map(|bound| self.listen_on_all(bound)).collect()
    }

    /// Binds a socket to each of these addresses, and to one at least.
    fn bind_all(
        &mut self,
        service: u8,
        endpoint: Endpoint,
        addresses: Vec<Address>,
    ) -> Result<Bound<K::Listener>, ListenError> {
        let mut bound = Bound { endpoint, listeners: Vec::new(), failures: Vec::new() };
        for mut address in addresses {
            if let (Name::Inet(inet), Some(Name::Inet(first))) =
                (&mut address.name, bound.listeners.first().map(|first: &Listener<_>| &first.address().name))
            {
                // Where port 0 took a free port for the first address, the others have the same.
                inet.set_port(first.port());
            }
            match self.bind(service, &address) {
                Ok(listener) => bound.listeners.push(listener),
                Err(error) => bound.failures.push((address, error)),
            }
        }
        if bound.listeners.is_empty() {
            return Err(ListenError::Failed(bound.endpoint, bound.failures));
        }
        Ok(bound)
    }

    /// Lets these sockets listen, and one at least.
    fn listen_on_all(&mut self, bound: Bound<K::Listener>) -> Result<Listening, ListenError> {
        let mut listening = Listening { addresses: Vec::new(), failures: bound.failures };
        for listener in bound.listeners {
            let address = listener.address().clone();
            match self.listen_on(listener) {
                Ok(real) => listening.addresses.push(real),
                Err(error) => listening.failures.push((address, error)),
            }
        }
        if listening.addresses.is_empty() {
            Err(ListenError::Failed(bound.endpoint, listening.failures))
        } else {
            Ok(listening)
        }
    }
}

/// An address, and why the server does not listen there.
type Failure = (Address, io::Error);

/// The addresses of an endpoint: those that it is the first to have, and the others.
struct Given {
    service: Option<u8>,
    endpoint: Endpoint,
    once: Vec<Address>,
    twice: Vec<Failure>,
}

/// Tells addresses that an endpoint before has as well from the others. An endpoint has to have one of the others.
fn without_those_given_twice(endpoints: Vec<ListenAt>) -> Result<Vec<Given>, ListenError> {
    let mut all: Vec<Given> = Vec::new();
    for ListenAt { service, endpoint, addresses } in endpoints {
        let mut given = Given { service, endpoint, once: Vec::new(), twice: Vec::new() };
        for address in addresses {
            let has_it = |before: &&Given| before.once.iter().any(|each| each.overlaps(&address));
            match all.iter().find(has_it) {
                Some(Given { endpoint: other, .. }) => {
                    let why = if *other == given.endpoint {
                        "it is given twice".to_owned()
                    } else {
                        format!("{other} is given as well, and has it already")
                    };
                    given.twice.push((address, io::Error::new(io::ErrorKind::InvalidInput, why)));
                }
                None => given.once.push(address),
            }
        }
        if given.once.is_empty() && !given.twice.is_empty() {
            return Err(ListenError::Failed(given.endpoint, given.twice));
        }
        all.push(given);
    }
    Ok(all)
}

/// The sockets of an endpoint that are bound, and why the others are not.
struct Bound<Socket> {
    endpoint: Endpoint,
    listeners: Vec<Listener<Socket>>,
    failures: Vec<Failure>,
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn why_it_listens_nowhere_is_one_line() {
        let failure = |port| {
            let address = Address::from(SocketAddr::from(([127, 0, 0, 1], port)));
            (address, io::Error::new(io::ErrorKind::AddrInUse, "in use"))
        };
        let endpoint: Endpoint = "127.0.0.1:9999".parse().unwrap();
        let unresolved = ListenError::Unresolved(endpoint.clone(), io::ErrorKind::TimedOut.into());
        for (error, line) in [
            (
                ListenError::NotServed(endpoint.clone()),
                "no service of this server serves tcp://127.0.0.1:9999",
            ),
            (unresolved, "cannot resolve tcp://127.0.0.1:9999: timed out"),
            (
                ListenError::Failed(endpoint.clone(), vec![failure(1)]),
                "cannot listen on tcp://127.0.0.1:1: in use",
            ),
            (
                ListenError::Failed(endpoint, vec![failure(1), failure(2)]),
                "cannot listen on tcp://127.0.0.1:1: in use; cannot listen on tcp://127.0.0.1:2: in use",
            ),
        ] {
            assert_eq!((error.to_string().as_str(), format!("{error:?}").as_str()), (line, line));
        }
    }
}
