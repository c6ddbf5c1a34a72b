//! What is loaded: a server at an endpoint, or a page of an HTTP server.

use std::fmt::{self, Display};

use welcomed::net::{Endpoint, Kind};

use crate::plan::exchange::url::Url;

/// What is loaded.
#[derive(Clone, Debug)]
pub(crate) enum Destination {
    /// A server that is sent names, or what `--send` says.
    Server(Endpoint),
    /// A page that is got.
    Page(Url),
}

impl Destination {
    /// As people write it.
    pub(super) fn parse(text: &str) -> Result<Destination, String> {
        if Url::is_meant(text) {
            return Url::parse(text).map(Destination::Page);
        }
        Endpoint::of_server(text).map(Destination::Server).map_err(|why| why.to_string())
    }

    /// Where the server is.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        match self {
            Destination::Server(endpoint) => endpoint,
            Destination::Page(url) => &url.endpoint,
        }
    }

    /// The page that is got, if it is one.
    pub(crate) fn page(&self) -> Option<&Url> {
        match self {
            Destination::Server(_) => None,
            Destination::Page(url) => Some(url),
        }
    }

    /// The kind of its socket.
    pub(crate) fn kind(&self) -> Kind {
        self.endpoint().kind()
    }
}

impl Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Server(endpoint) => endpoint.fmt(f),
            Destination::Page(url) => url.fmt(f),
        }
    }
}
