//! The host that a request is for: whether that is this server.
//!
//! A page of a stranger can have its own name lead to this server's address (DNS rebinding). To a browser that page and the
//! status are of one origin then, so it may read the status. What gives it away is the name, which the browser sends.

use crate::net::{HOST_MAX_BYTES, is_address_literal};

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

/// A name for [`is_ours`] as an operator writes it. Fails with what is wrong where no request could have it as its host.
///
/// ```
/// use welcomed::services::status::http::host::checked;
///
/// assert_eq!(checked("status.example").unwrap(), "status.example");
/// assert!(checked("http://status.example/").is_err() && checked("status.example:80").is_err());
/// ```
pub fn checked(name: &str) -> Result<String, String> {
    let is_char = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    let labels = || name.strip_suffix('.').unwrap_or(name).split('.');
    let what = match name {
        _ if is_address_literal(name) => return Ok(name.to_owned()),
        "" => "it is empty",
        _ if name.len() > HOST_MAX_BYTES => {
            const { assert!(HOST_MAX_BYTES == 253, "the message names the limit") };
            "it is longer than 253 bytes"
        }
        _ if name.contains("//") => "it is the address of a page, and a host alone is one of a name",
        _ if name.contains('/') => "it has a path",
        _ if name.contains(char::is_whitespace) => "it has a space",
        _ if name.contains(':') => "it has a port, or is an IPv6 address without brackets",
        _ if !name.is_ascii() => "a browser sends such a name in letters of ASCII (xn--...)",
        _ if name.contains('*') => "an asterisk is only itself: each name is given",
        _ if !name.chars().all(is_char) => "it has a character that no host name has",
        _ if labels().next_back().is_some_and(is_number) => {
            "a browser takes a name that ends in a number for an IPv4 address, which is written as four decimal numbers"
        }
        _ if labels().any(str::is_empty) => "there is nothing between two dots, or before the first",
        _ => return Ok(name.to_owned()),
    };
    Err(format!("{what}; accepted is a name such as status.example, as it stands in the address of the page"))
}

/// Whether a label is a number, as a browser sees it: "ends in a number" in the URL Standard, 3.5.
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    let is_decimal = !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit());
    is_decimal || hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
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
            ("[fe80::1%25eth0]:80", Some("[fe80::1%25eth0]")),
            ("[fe80::1%eth0]", Some("[fe80::1%eth0]")),
            ("[fe80::1%]", None),
            ("[fe80::1%a:b]", None),
            ("[::1%25lo]", None),
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
    fn a_name_that_no_request_can_have_is_refused() {
        let long = "a".repeat(254);
        for (name, what) in [
            ("", "it is empty"),
            ("http://status.example", "address of a page"),
            ("//status.example", "address of a page"),
            ("status.example/", "a path"),
            ("a b", "a space"),
            (" a", "a space"),
            ("a:80", "a port"),
            ("::1", "without brackets"),
            ("h\u{f6}st.example", "xn--"),
            ("*.example", "asterisk"),
            ("u@a", "a character"),
            ("a?b", "a character"),
            ("[::1", "a port"),
            (".", "between two dots"),
            ("a..b", "between two dots"),
            (".a", "between two dots"),
            ("127.1", "ends in a number"),
            ("1.2.3.", "ends in a number"),
            ("0x7f000001", "ends in a number"),
            ("256.1.1.1", "ends in a number"),
            ("a.0x", "ends in a number"),
            ("foo.09", "ends in a number"),
            ("1", "ends in a number"),
            (&long, "253 bytes"),
        ] {
            let why = checked(name).unwrap_err();
            assert!(why.contains(what) && why.contains("such as status.example"), "{name:?}: {why}");
        }
        for name in [
            "status.example",
            "Status.Example.",
            "a_b",
            "a1",
            "1.a",
            "localhost",
            "127.0.0.1",
            "[::1]",
            &long[1..],
        ] {
            assert_eq!(checked(name).as_deref(), Ok(name));
            assert!(host_of(name).is_some_and(|host| is_ours(host, &[name.to_owned()])), "{name}");
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
