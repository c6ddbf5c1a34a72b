//! Where an HTTP server is, and what is got from it: the target as a URL, and the request.

use std::fmt::{self, Display};

use http::Uri;
use http::uri::PathAndQuery;
use welcomed::net::Endpoint;

/// The port of HTTP (RFC 9110, 4.2.1).
const PORT: u16 = 80;

/// What begins a URL whose server has a socket in the Unix domain, as nginx writes it.
const UNIX: &str = "http://unix:";

/// A page of an HTTP server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Url {
    text: String,
    /// Where the server is.
    pub(crate) endpoint: Endpoint,
    host: String,
    path: String,
}

impl Url {
    /// Whether a text begins as a URL does, so that it is no endpoint.
    pub(crate) fn is_meant(text: &str) -> bool {
        let begins =
            |scheme: &str| text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme));
        begins("http://") || begins("https://")
    }

    /// The page at `http://HOST:PORT/PATH`, or at `http://unix:/run/socket:/PATH` over a Unix socket. Without a port it is 80, and
    /// without a path `/`.
    ///
    /// Fails with the reason if it is none.
    pub(crate) fn parse(text: &str) -> Result<Url, String> {
        if let Some(rest) = text.strip_prefix(UNIX) {
            let (name, path) = rest.split_once(':').unwrap_or((rest, "/"));
            let endpoint = endpoint(&format!("unix://{name}"))?;
            let path = path.parse::<PathAndQuery>().map_err(|error| error.to_string())?;
            return Ok(Url {
                text: text.to_owned(),
                endpoint,
                host: "localhost".to_owned(),
                path: target(&path)?,
            });
        }
        let uri: Uri = text.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?;
        if uri.scheme_str() == Some("https") {
            return Err("https is not loaded: no TLS is spoken here".to_owned());
        }
        let authority = uri.authority().ok_or("the host is missing")?;
        if authority.as_str().contains('@') {
            return Err("a user and a password are not sent".to_owned());
        }
        let endpoint =
            endpoint(&format!("{}:{}", authority.host(), port(authority.as_str(), authority.host())?))?;
        let path = uri.path_and_query().map_or(Ok("/".to_owned()), target)?;
        Ok(Url { text: text.to_owned(), endpoint, host: authority.as_str().to_owned(), path })
    }

    /// Its path at the server, with a query if it has one.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The request for it. `last`: the server is asked to close behind its response.
    pub(crate) fn request(&self, last: bool) -> Vec<u8> {
        let Url { host, path, .. } = self;
        let connection = if last { "close" } else { "keep-alive" };
        let agent = concat!("welcomed-load/", env!("CARGO_PKG_VERSION"));
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\nConnection: {connection}\r\n\r\n"
        )
        .into_bytes()
    }
}

/// As it was given.
impl Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn endpoint(text: &str) -> Result<Endpoint, String> {
    Endpoint::of_server(text).map_err(|error| error.what().to_owned())
}

/// The port behind a host, which is missing or a number. An empty one is missing (RFC 3986, 3.2.3).
fn port(authority: &str, host: &str) -> Result<String, String> {
    match authority.strip_prefix(host).unwrap_or_default() {
        "" | ":" => Ok(PORT.to_string()),
        port => port.strip_prefix(':').map(str::to_owned).ok_or_else(|| "the host is none".to_owned()),
    }
}

/// The target of a request: a path and a query (RFC 9112, 3.2.1).
fn target(path: &PathAndQuery) -> Result<String, String> {
    match path.as_str() {
        "*" => Err("the path does not begin with a slash".to_owned()),
        query if query.starts_with('?') => Ok(format!("/{query}")),
        path if path.starts_with('/') && path.is_ascii() => Ok(path.to_owned()),
        _ => {
            Err("the path does not begin with a slash, or has letters that have to be written as %XX"
                .to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn a_url_is_an_endpoint_a_host_and_a_path() {
        for (text, endpoint, host, path) in [
            ("http://localhost:8080/a/b?c=d", "tcp://localhost:8080", "localhost:8080", "/a/b?c=d"),
            ("http://127.0.0.1", "tcp://127.0.0.1:80", "127.0.0.1", "/"),
            ("http://example.org:?q", "tcp://example.org:80", "example.org:", "/?q"),
            ("HTTP://[::1]:81/#part", "tcp://[::1]:81", "[::1]:81", "/"),
            ("http://unix:/run/nginx.sock:/status?x", "unix:///run/nginx.sock", "localhost", "/status?x"),
            ("http://unix:@name", "unix://@name", "localhost", "/"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(url.endpoint.to_string(), endpoint, "{text}");
            let request = String::from_utf8(url.request(true)).unwrap();
            let begin = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: welcomed-load/");
            assert!(
                request.starts_with(&begin) && request.ends_with("\r\nConnection: close\r\n\r\n"),
                "{request}"
            );
        }
    }

    #[test]
    fn what_is_no_url_is_refused_with_the_reason() {
        for (text, why) in [
            ("https://localhost", "https is not loaded"),
            ("http://", ""),
            ("http:///path", ""),
            ("http://a b/", ""),
            ("http://host:0/", "port 0"),
            ("http://host:99999/", ""),
            ("http://host:x/", ""),
            ("http://*:80/", "the host *"),
            ("http://user:secret@host/", "a user and a password"),
            ("http://host/a b", ""),
            ("http://host/a\r\nB: c", ""),
            ("http://unix:", ""),
            ("http://unix:run/x:/", "the path does not begin with a slash"),
            ("http://unix:/run/x:status", ""),
        ] {
            let refused = Url::parse(text).unwrap_err();
            assert!(refused.contains(why) && !refused.contains('\n'), "{text}: {refused}");
        }
        assert!(Url::is_meant("http://x") && Url::is_meant("HTTPS://x") && !Url::is_meant("tcp://x:1"));
    }
}
