//! A request, read from the bytes of a stream (RFC 9110, RFC 9112).

use std::borrow::Cow;

use httparse::{EMPTY_HEADER, Error, Status};

use super::fields::Fields;
use super::host::is_ours;
use super::limits::{FIELDS_MAX, HEAD_MAX_BYTES};
use super::refusal::Refusal;
use super::target;

/// What a request asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// What there is.
    Get,
    /// The same without its content.
    Head,
}

/// The version that a client speaks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Version {
    /// HTTP/1.0: a connection has one request, unless the client says otherwise.
    Http10,
    /// HTTP/1.1: a connection has many requests, unless the client says otherwise.
    Http11,
}

/// A request that is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request<'a> {
    /// What it asks for.
    pub method: Method,
    /// Of what: a path, visible characters of ASCII with a slash at the begin. Escaped are only characters that mean something else
    /// when they are not (`%2F`), as they came.
    pub path: Cow<'a, str>,
    /// What stands behind the question mark, as it came; empty if there is none.
    pub query: &'a str,
    /// Whether the client names `text/html` among what it takes, as browsers do, and curl does not.
    pub wants_html: bool,
    /// The version that the client speaks.
    pub version: Version,
    /// Whether the client keeps the connection for another request (RFC 9112, 9.3).
    pub keep_alive: bool,
}

/// What bytes are read as.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Parsed<'a> {
    /// The begin of a request.
    More,
    /// A request in the first so many bytes.
    Request(Request<'a>, usize),
    /// What will not be answered, whatever follows.
    Refused(Refusal),
}

/// Which hosts are this server.
#[derive(Clone, Copy, Debug)]
pub enum Hosts<'a> {
    /// Any: a stranger's page cannot lead a browser to a socket of the Unix domain.
    Any,
    /// Those that [`is_ours`] says, with these names.
    Ours(&'a [String]),
}

/// How many bytes of empty lines stand before a request. They are to be ignored (RFC 9112, 2.2).
pub(super) fn empty_lines(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let [b'\r', b'\n', behind @ ..] | [b'\n', behind @ ..] = rest {
        rest = behind;
    }
    bytes.len() - rest.len()
}

/// Reads the request that `bytes` begin with, with no empty line before it. It depends on them alone, and what is refused
/// is refused in the same way when more has come.
///
/// ```
/// use welcomed::services::status::http::request::{Hosts, Parsed, parse};
///
/// let bytes = b"GET /metrics?x HTTP/1.1\r\nHost: localhost\r\n\r\nGET ";
/// let Parsed::Request(request, taken) = parse(bytes, Hosts::Ours(&[])) else { panic!() };
/// assert_eq!((&*request.path, request.query, taken), ("/metrics", "x", bytes.len() - 4));
/// assert_eq!(parse(&bytes[..taken - 1], Hosts::Ours(&[])), Parsed::More);
/// ```
#[must_use]
pub fn parse<'a>(bytes: &'a [u8], hosts: Hosts<'_>) -> Parsed<'a> {
    let bytes = bytes.get(..HEAD_MAX_BYTES).unwrap_or(bytes);
    let mut fields = [EMPTY_HEADER; FIELDS_MAX];
    let mut head = httparse::Request::new(&mut fields);
    let has_line = bytes.contains(&b'\n');
    match head.parse(bytes) {
        Ok(Status::Complete(taken)) => match accepted(&head, hosts) {
            Ok(request) => Parsed::Request(request, taken),
            Err(refusal) => Parsed::Refused(refusal),
        },
        // The version may not have come to its end.
        Ok(Status::Partial) | Err(Error::Version) if bytes.len() < HEAD_MAX_BYTES && !has_line => {
            Parsed::More
        }
        Ok(Status::Partial) if bytes.len() < HEAD_MAX_BYTES => Parsed::More,
        Ok(Status::Partial) | Err(Error::Version) if !has_line => Parsed::Refused(Refusal::LONG_LINE),
        Ok(Status::Partial) | Err(Error::TooManyHeaders) => Parsed::Refused(Refusal::MANY_FIELDS),
        Err(Error::Version) => Parsed::Refused(of_version(bytes)),
        Err(Error::Token) => Parsed::Refused(Refusal::malformed("the request line is malformed")),
        Err(Error::HeaderName | Error::HeaderValue | Error::NewLine | Error::Status) => {
            Parsed::Refused(Refusal::malformed("a line is malformed"))
        }
    }
}

/// A version that is not spoken here, or none at all.
fn of_version(bytes: &[u8]) -> Refusal {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line.rsplit(|byte| *byte == b' ').next() {
        Some([b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9']) => Refusal::VERSION,
        Some(_) | None => Refusal::malformed("the request line is malformed"),
    }
}

/// A head without a mistake in its lines, as a request that is answered. Content is refused also with GET: it means nothing there,
/// and what follows it may not be what it seems (RFC 9110, 9.3.1).
fn accepted<'a>(head: &httparse::Request<'_, 'a>, hosts: Hosts<'_>) -> Result<Request<'a>, Refusal> {
    let version = if head.version == Some(0) { Version::Http10 } else { Version::Http11 };
    let fields = Fields::read(head.headers, version == Version::Http10)?;
    if version == Version::Http11 && fields.host.is_none() {
        return Err(Refusal::malformed("there is no host"));
    }
    let method = method(head.method.unwrap_or_default())?;
    let target = target::read(head.path.unwrap_or_default())?;
    // A browser sends a host. Without one the client is none.
    if let (Hosts::Ours(names), Some(host)) = (hosts, target.host.or(fields.host))
        && !is_ours(host, names)
    {
        return Err(Refusal::NOT_OURS);
    }
    if let Some(refusal) = fields.asks_too_much {
        return Err(refusal);
    }
    let (path, query) = (target.path, target.query);
    let (wants_html, keep_alive) = (fields.wants_html, fields.keeps);
    Ok(Request { method, path, query, wants_html, version, keep_alive })
}

/// A method of HTTP that is not allowed here is told from one that is not known (RFC 9110, 9.1).
fn method(name: &str) -> Result<Method, Refusal> {
    match name {
        "GET" => Ok(Method::Get),
        "HEAD" => Ok(Method::Head),
        "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH" => Err(Refusal::NOT_ALLOWED),
        _ => Err(Refusal::NOT_KNOWN),
    }
}

#[cfg(test)]
mod tests;
