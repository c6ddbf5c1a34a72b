//! The host that a request is for: whether that is this server.
//!
//! A page of a stranger can have its own name lead to this server's address (DNS rebinding). To a browser that page and the
//! status are of one origin then, so it may read the status. What gives it away is the name, which the browser sends.

use crate::net::is_address_literal;

/// Whether `host` can only mean this server: an address, `localhost`, or one of `names`. Upper and lower case are the same, and
/// a dot at the end of a name means nothing.
///
/// ```
/// use welcomed::services::status::http::host::is_ours;
///
/// let names = ["status.example".to_owned()];
/// assert!(is_ours("127.0.0.1", &[]) && is_ours("[::1]", &[]) && is_ours("LocalHost.", &[]));
/// assert!(is_ours("Status.Example", &names));
/// assert!(!is_ours("rebound.example", &names) && !is_ours("", &names));
/// ```
#[must_use]
pub fn is_ours(host: &str, names: &[String]) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_name = |known: &str| name.eq_ignore_ascii_case(known.strip_suffix('.').unwrap_or(known));
    is_address_literal(host) || is_name("localhost") || names.iter().any(|known| is_name(known))
}

/// The host of `authority`, which is a host with or without a port (RFC 9110, 4.2.1 and 7.2). `None` if it is malformed, has a
/// user in it, or an address of a future kind.
pub(super) fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.rfind([':', ']']) {
        Some(at) if authority.get(at..)?.starts_with(':') => (authority.get(..at)?, authority.get(at + 1..)?),
        Some(_) | None => (authority, ""),
    };
    let is_host = if host.starts_with('[') { is_address_literal(host) } else { is_name(host) };
    (is_host && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(host)
}

/// Whether it is a `reg-name` (RFC 3986, 3.2.2), which may be empty.
fn is_name(host: &str) -> bool {
    let is_char = |byte: u8| is_unreserved(byte) || b"!$&'()*+,;=".contains(&byte);
    is_encoded(host, is_char)
}

/// Whether each character is one that `is_char`, or a percent sign with two digits.
pub(super) fn is_encoded(text: &str, is_char: impl Fn(u8) -> bool) -> bool {
    let mut pieces = text.split('%');
    let first = pieces.next().unwrap_or_default();
    let all = |piece: &[u8]| piece.iter().all(|byte| is_char(*byte));
    let is_escape = |piece: &str| match piece.as_bytes().split_at_checked(2) {
        Some((digits, rest)) => digits.iter().all(u8::is_ascii_hexdigit) && all(rest),
        None => false,
    };
    all(first.as_bytes()) && pieces.all(is_escape)
}

/// What has no meaning of its own in a URI (RFC 3986, 2.3).
pub(super) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_told_from_its_port() {
        for (authority, host) in [
            ("localhost", Some("localhost")),
            ("localhost:", Some("localhost")),
            ("localhost:9090", Some("localhost")),
            ("127.0.0.1:1", Some("127.0.0.1")),
            ("[::1]", Some("[::1]")),
            ("[::1]:80", Some("[::1]")),
            ("", Some("")),
            (":80", Some("")),
            ("a%2Fb", Some("a%2Fb")),
            ("a:b", None),
            ("a:80:80", None),
            ("::1", None),
            ("[::1", None),
            ("[::1]x", None),
            ("[localhost]", None),
            ("[fe80::1%25eth0]", None),
            ("user@localhost", None),
            ("a b", None),
            ("a/b", None),
            ("a%2", None),
            ("a%zz", None),
            ("h\u{f6}st", None),
        ] {
            assert_eq!(host_of(authority), host, "{authority:?}");
        }
    }

    #[test]
    fn a_name_that_looks_like_an_address_is_a_name() {
        for host in [
            "127.1",
            "0x7f.0.0.1",
            "127.0.0.1.",
            "127.0.0.1.rebound.example",
            "localhost.example",
            "2130706433",
        ] {
            assert!(!is_ours(host, &[]), "{host}");
        }
    }
}
