//! Where the server program listens: names are resolved, sockets are bound, and what fails has a cure.

use std::io::{self, ErrorKind};

use welcomed::kernel::mio::{descriptor_limit, is_out_of_descriptors};
use welcomed::kernel::{Mio, NotYet};
use welcomed::net::{Address, Endpoint, Name, Names, UnixName};
use welcomed::reactor::{ListenAt, ListenError, Server, Services};

use crate::status::STATUS;

/// The addresses of all endpoints, each for the service of this number, before a client can connect to any; `None` if the program is asked to stop meanwhile.
pub(crate) fn resolve_all(
    endpoints: Vec<(Option<u8>, Endpoint)>,
    kernel: &mut Mio,
) -> Result<Option<Vec<ListenAt>>, String> {
    // A name server can take long, and the resolver does not heed a signal.
    let resolve = || {
        let all = endpoints.into_iter();
        all.map(|(service, endpoint)| (endpoint.resolve(), service, endpoint)).collect::<Vec<_>>()
    };
    let resolved = kernel.unless_stopped(resolve).map_err(|error| format!("cannot resolve: {error}"))?;
    let Some(resolved) = resolved else { return Ok(None) };
    let endpoints = resolved.into_iter().map(|(addresses, service, endpoint)| match addresses {
        Ok(addresses) => Ok(ListenAt { service, endpoint, addresses }),
        Err(error) => Err(format!("cannot resolve {endpoint}{}: {error}", Given::to(service).beside())),
    });
    endpoints.collect::<Result<_, _>>().map(Some)
}

/// Where the server listens.
pub(crate) struct Listens {
    /// The addresses of each endpoint, at least one.
    pub(crate) addresses: Vec<Vec<Address>>,
    /// Why it does not listen at the other addresses that they have.
    pub(crate) failures: Vec<String>,
}

/// Listens on every address that the endpoints have. Of each endpoint one at least has to work.
pub(crate) fn listen<H: Services<Mio>>(
    server: &mut Server<Mio, H>,
    endpoints: Vec<ListenAt>,
) -> Result<Listens, String> {
    let given: Vec<_> = endpoints.iter().map(|at| (at.endpoint.clone(), Given::to(at.service))).collect();
    match server.listen_at_all(endpoints) {
        Ok(listening) => {
            let each = listening.iter().zip(&given);
            let failures =
                each.flat_map(|(listening, (_, given))| given.refused(&listening.failures)).collect();
            let addresses = listening.into_iter().map(|listening| listening.addresses).collect();
            Ok(Listens { addresses, failures })
        }
        Err(ListenError::Failed(endpoint, failures)) => {
            // Of the same endpoint twice it is the later one that fails.
            let given =
                given.iter().rfind(|(one, _)| *one == endpoint).map_or(Given::ToListen, |(_, given)| *given);
            Err(given.refused(&failures).join("; "))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// The option that an endpoint was given to.
#[derive(Clone, Copy)]
enum Given {
    ToListen,
    ToStatus,
}

impl Given {
    /// The one that the service of this number has its endpoints from.
    fn to(service: Option<u8>) -> Given {
        if service == Some(STATUS) { Given::ToStatus } else { Given::ToListen }
    }

    fn option(self) -> &'static str {
        match self {
            Given::ToListen => "--listen",
            Given::ToStatus => "--status",
        }
    }

    /// What stands behind an endpoint where it would be taken for one of the usual option.
    fn beside(self) -> &'static str {
        match self {
            Given::ToListen => "",
            Given::ToStatus => " (--status)",
        }
    }

    /// Why it does not listen on these addresses, and what to do.
    fn refused(self, failures: &[(Address, io::Error)]) -> Vec<String> {
        let refused = |(address, error): &(Address, io::Error)| {
            let advice = advice(address, error, self.option());
            format!("cannot listen on {address}{}: {error}{advice}", self.beside())
        };
        failures.iter().map(refused).collect()
    }
}

/// What a server needs, if it has not got so many descriptors.
pub(crate) fn too_few_descriptors(error: &io::Error) -> String {
    let limit = descriptor_limit();
    let what = format!(
        "; it takes a descriptor for each address, some for the program and one for a client, and the limit is {limit} \
         (ulimit -n)"
    );
    if is_out_of_descriptors(error) { what } else { String::new() }
}

/// What to do about an address that was given to this option, and that one cannot listen on.
fn advice(address: &Address, error: &io::Error, option: &str) -> String {
    let kind = address.kind;
    match (error.kind(), kind.semantics().names) {
        (ErrorKind::AddrInUse, Names::Port) => {
            format!("; stop the program that has it, or choose another port with {option} {kind}://HOST:PORT")
        }
        (ErrorKind::AddrInUse, Names::Path) => {
            format!("; stop the program that has it, or choose another with {option} {kind}:///PATH")
        }
        (ErrorKind::AlreadyExists, Names::Path) => {
            format!("; choose another path with {option} {kind}:///PATH")
        }
        (ErrorKind::NotFound | ErrorKind::NotADirectory, Names::Path) => {
            format!("; create the directory first, or choose another path with {option} {kind}:///PATH")
        }
        (ErrorKind::InvalidFilename, Names::Path) => {
            format!(
                "; choose a shorter path with {option} {kind}:///PATH, or a name with {option} {kind}://@NAME"
            )
        }
        (ErrorKind::AddrNotAvailable, _) => match address.inet().and_then(|address| NotYet::of(address.ip()))
        {
            Some(not_yet) => format!("; {not_yet}"),
            None => "; this machine does not have that address (`ip address` lists its own)".to_owned(),
        },
        (ErrorKind::PermissionDenied, _) => format!("; it takes {}", kind.semantics().privilege),
        _ => too_few_descriptors(error),
    }
}

/// Says where the status is, and who can read it.
pub(crate) fn say_where_status_is(addresses: &[Address]) {
    for address in addresses {
        match (&address.name, address.inet()) {
            // In a URL a percent sign before a zone is escaped (RFC 6874).
            (_, Some(inet)) => {
                log::info!("the status is at http://{}/", inet.to_string().replace('%', "%25"));
            }
            (Name::Unix(UnixName::Path(path)), None) => {
                let path = path.display();
                log::info!("the status is at {address} (curl --unix-socket {path} http://localhost/)");
            }
            (_, None) => log::info!("the status is at {address}"),
        }
        if !address.is_local() {
            log::warn!(
                "the status at {address} can be read from elsewhere, with the names and addresses of clients"
            );
        }
    }
}
