//! What a request is for: its request target (RFC 9112, 3.2).

use std::borrow::Cow;

use super::host::{host_of, is_encoded, is_unreserved};
use super::refusal::Refusal;

const MALFORMED: Refusal = Refusal::malformed("the request target is malformed");

/// A target in its parts.
#[derive(Debug)]
pub(super) struct Target<'a> {
    /// The host, if the target names one. It goes before the field `Host` (RFC 9112, 3.2.2).
    pub(super) host: Option<&'a str>,
    /// The path, with a slash at its begin.
    pub(super) path: Cow<'a, str>,
    /// What stands behind the question mark.
    pub(super) query: &'a str,
}

/// Reads a target in origin form (`/path?query`) or in absolute form (`http://host/path?query`), which a server has to accept.
/// The other two forms are for CONNECT and OPTIONS alone.
///
/// A scheme other than `http` is misdirected (RFC 9110, 7.4). A host has to be there, and no user (RFC 9110, 4.2.1 and 4.2.4).
pub(super) fn read(text: &str) -> Result<Target<'_>, Refusal> {
    if text.starts_with('/') {
        return of_origin(text, None);
    }
    let (scheme, rest) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)).ok_or(MALFORMED)?;
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(Refusal::NOT_OURS);
    }
    let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = host_of(authority).filter(|host| !host.is_empty()).ok_or(MALFORMED)?;
    of_origin(rest, Some(host))
}

fn of_origin<'a>(text: &'a str, host: Option<&'a str>) -> Result<Target<'a>, Refusal> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let is_char = |byte: u8| is_unreserved(byte) || b"!$&'()*+,;=:@/".contains(&byte);
    if !is_encoded(path, is_char) || !is_encoded(query, |byte| is_char(byte) || byte == b'?') {
        return Err(MALFORMED);
    }
    let path = if path.is_empty() { Cow::Borrowed("/") } else { decoded(path) };
    Ok(Target { host, path, query })
}

/// A scheme (RFC 3986, 3.1).
fn is_scheme(text: &str) -> bool {
    let is_char = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(is_char)
}

/// The path with each escape of an unreserved character as that character: the two mean the same (RFC 3986, 6.2.2.2). Others stay,
/// as `%2F` is not a slash between two segments.
fn decoded(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut pieces = path.split('%');
    let mut decoded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).unwrap_or_default();
        match u8::from_str_radix(digits, 16) {
            Ok(byte) if is_unreserved(byte) => decoded.push(char::from(byte)),
            Ok(_) | Err(_) => decoded.extend(["%", digits]),
        }
        decoded.push_str(rest);
    }
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_taken_apart() {
        for (text, host, path, query) in [
            ("/", None, "/", ""),
            ("/a/b?c=d?e", None, "/a/b", "c=d?e"),
            ("/?", None, "/", ""),
            ("//a", None, "//a", ""),
            ("/%61%7E%2f%2F%zz", None, "", ""),
            ("/%61%7E%2f%2F", None, "/a~%2f%2F", ""),
            ("/a%2", None, "", ""),
            ("/a#b", None, "", ""),
            ("/a\"b", None, "", ""),
            ("/\u{e4}", None, "", ""),
            ("http://a", Some("a"), "/", ""),
            ("HTTP://a:80/b?c", Some("a"), "/b", "c"),
            ("http://[::1]?c", Some("[::1]"), "/", "c"),
            ("http:///b", None, "", ""),
            ("http://:80/b", None, "", ""),
            ("http://u@a/b", None, "", ""),
            ("http:/b", None, "", ""),
            ("*", None, "", ""),
            ("a:443", None, "", ""),
            ("1://a", None, "", ""),
        ] {
            match read(text) {
                Ok(target) => {
                    assert_eq!((target.host, &*target.path, target.query), (host, path, query), "{text}");
                }
                Err(refusal) => assert!(path.is_empty() && refusal == MALFORMED, "{text}"),
            }
        }
        for text in ["https://a/", "ftp://a/", "x+y://a"] {
            assert_eq!(read(text).unwrap_err(), Refusal::NOT_OURS, "{text}");
        }
    }
}
