//! What the fields of a request say, as far as it matters here.

use httparse::Header;

use super::host::host_of;
use super::refusal::Refusal;

/// What follows from the fields of one request.
#[derive(Default, Debug)]
pub(super) struct Fields<'a> {
    /// The host of the field `Host`, if there is one.
    pub(super) host: Option<&'a str>,
    /// Whether the client keeps the connection after the answer (RFC 9112, 9.3).
    pub(super) keeps: bool,
    /// Whether it names HTML among what it takes.
    pub(super) wants_html: bool,
    /// What is refused if the request is for this server, and could be answered otherwise.
    pub(super) asks_too_much: Option<Refusal>,
}

impl<'a> Fields<'a> {
    /// Reads the fields of a request, `is_1_0` or later.
    ///
    /// Refuses what can be read in two ways: two hosts (RFC 9112, 3.2), and an end of the content that is not sure (RFC 9112, 6.1
    /// and 6.3).
    pub(super) fn read(all: &[Header<'a>], is_1_0: bool) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let (mut length, mut codings) = (None, None);
        let (mut closes, mut keeps, mut expects) = (false, false, false);
        for Header { name, value } in all {
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("host") {
                let host = str::from_utf8(value).ok().and_then(host_of);
                let host = host.ok_or(Refusal::malformed("the host is malformed"))?;
                if fields.host.replace(host).is_some() {
                    return Err(Refusal::malformed("there are two hosts"));
                }
            } else if is("connection") {
                closes |= elements(value).any(|option| option.eq_ignore_ascii_case(b"close"));
                keeps |= elements(value).any(|option| option.eq_ignore_ascii_case(b"keep-alive"));
            } else if is("content-length") {
                if length.replace(content_length(value)?).is_some() {
                    return Err(Refusal::malformed("there are two lengths of the content"));
                }
            } else if is("transfer-encoding") {
                codings.get_or_insert_with(Vec::new).extend(elements(value));
            } else if is("accept") {
                fields.wants_html |= elements(value).any(is_html);
            } else if is("expect") {
                expects |= elements(value).any(|what| !what.eq_ignore_ascii_case(b"100-continue"));
            }
        }
        if let Some(codings) = &codings {
            is_chunked(codings, is_1_0 || length.is_some())?;
        }
        if expects {
            fields.asks_too_much = Some(Refusal::EXPECTATION);
        } else if codings.is_some() || length == Some(true) {
            fields.asks_too_much = Some(Refusal::CONTENT);
        }
        fields.keeps = !closes && (keeps || !is_1_0);
        Ok(fields)
    }
}

/// Whether there is any content, by the one field that says how much.
fn content_length(value: &[u8]) -> Result<bool, Refusal> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::malformed("the length of the content is no number"));
    }
    Ok(value.iter().any(|digit| *digit != b'0'))
}

/// Whether the end of the content is known by its chunks. It is not in HTTP/1.0, nor if there is a length beside.
fn is_chunked(codings: &[&[u8]], is_faulty: bool) -> Result<(), Refusal> {
    let is_chunked = |coding: &&[u8]| coding.eq_ignore_ascii_case(b"chunked");
    match codings.split_last() {
        _ if is_faulty => {
            Err(Refusal::malformed("the length of the content is said twice, or not as HTTP/1.0 does"))
        }
        Some((last, before)) if is_chunked(last) && !before.iter().any(is_chunked) => {
            if before.is_empty() {
                Ok(())
            } else {
                Err(Refusal::NOT_KNOWN)
            }
        }
        Some(_) | None => Err(Refusal::malformed("the last transfer coding is not chunked")),
    }
}

/// The elements of a list (RFC 9110, 5.6.1), without the spaces around them. A comma in a quoted string ends none.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    pieces(value, b',').filter(|element| !element.is_empty())
}

/// What stands between separators that are not in a quoted string (RFC 9110, 5.6.4).
fn pieces(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let ends = move |byte: &u8| {
        if std::mem::take(&mut is_escaped) {
            return false;
        }
        is_escaped = is_quoted && *byte == b'\\';
        is_quoted ^= *byte == b'"';
        !is_quoted && *byte == separator
    };
    value.split(ends).map(trimmed)
}

/// Without the spaces around it. Of other white space a field has only tabs.
fn trimmed(piece: &[u8]) -> &[u8] {
    piece.trim_ascii()
}

/// Whether a media range is HTML, and not one that the client does not take at all (RFC 9110, 12.4.2 and 12.5.1).
fn is_html(range: &[u8]) -> bool {
    let mut parts = pieces(range, b';');
    let is_html = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/html"));
    let is_zero = |weight: &[u8]| matches!(weight, [b'q' | b'Q', b'=', b'0', rest @ ..] if rest.iter().all(|byte| b".0".contains(byte)));
    is_html && !parts.any(is_zero)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(fields: &[(&'a str, &'a str)]) -> Result<Fields<'a>, Refusal> {
        let fields: Vec<Header<'_>> =
            fields.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
        Fields::read(&fields, false)
    }

    #[test]
    fn html_is_wanted_by_a_client_that_names_it() {
        for (accept, wanted) in [
            ("text/html", true),
            ("TEXT/HTML;level=1", true),
            ("application/xml, text/html;q=0.9,*/*;q=0.8", true),
            ("text/html; Q=0.001", true),
            ("", false),
            ("*/*", false),
            ("text/*", false),
            ("text/plain", false),
            ("text/html;q=0", false),
            ("text/html ; q=0.000", false),
            ("text/plain;x=\"a,text/html\"", false),
            ("text/plain;x=\"a\\\",text/html,\"", false),
            ("text/plain;x=\"a\\\\\",text/html", true),
        ] {
            assert_eq!(read(&[("accept", accept)]).unwrap().wants_html, wanted, "{accept}");
        }
        assert!(read(&[("Accept", "text/plain"), ("ACCEPT", "text/html")]).unwrap().wants_html);
    }

    #[test]
    fn content_is_known_by_its_length_or_its_chunks() {
        for (fields, expected) in [
            (&[("content-length", "0")][..], Ok(false)),
            (&[("content-length", "000")], Ok(false)),
            (&[("content-length", "1")], Ok(true)),
            (&[("content-length", "99999999999999999999999999")], Ok(true)),
            (&[("content-length", "")], Err(400)),
            (&[("content-length", "-1")], Err(400)),
            (&[("content-length", "+1")], Err(400)),
            (&[("content-length", "0, 0")], Err(400)),
            (&[("content-length", "0"), ("content-length", "0")], Err(400)),
            (&[("transfer-encoding", "chunked")], Ok(true)),
            (&[("transfer-encoding", "Chunked, ")], Ok(true)),
            (&[("transfer-encoding", "")], Err(400)),
            (&[("transfer-encoding", "identity")], Err(400)),
            (&[("transfer-encoding", "chunked, gzip")], Err(400)),
            (&[("transfer-encoding", "chunked, chunked")], Err(400)),
            (&[("transfer-encoding", "gzip, chunked")], Err(501)),
            (&[("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")], Err(501)),
            (&[("transfer-encoding", "chunked"), ("content-length", "0")], Err(400)),
        ] {
            let found = read(fields)
                .map(|fields| fields.asks_too_much == Some(Refusal::CONTENT))
                .map_err(|refusal| refusal.status);
            assert_eq!(found, expected, "{fields:?}");
        }
        let chunked = [Header { name: "transfer-encoding", value: b"chunked" }];
        assert_eq!(Fields::read(&chunked, true).unwrap_err().status, 400, "HTTP/1.0 has no chunks");
    }

    #[test]
    fn what_the_connection_is_to_do_can_stand_among_others() {
        for (connection, keeps) in
            [("upgrade, Close", false), (",keep-alive ,close", false), ("closed", true), ("\"close\"", true)]
        {
            assert_eq!(read(&[("Connection", connection)]).unwrap().keeps, keeps, "{connection}");
        }
    }

    #[test]
    fn there_is_one_host() {
        assert_eq!(read(&[("host", "a:80")]).unwrap().host, Some("a"));
        assert_eq!(read(&[("host", "")]).unwrap().host, Some(""));
        assert_eq!(read(&[]).unwrap().host, None);
        for fields in [&[("host", "a"), ("HOST", "a")][..], &[("host", "a,b:c")], &[("host", "a b")]] {
            assert_eq!(read(fields).unwrap_err().status, 400, "{fields:?}");
        }
    }

    #[test]
    fn more_than_a_continuation_cannot_be_expected() {
        let refusal = |expect| read(&[("expect", expect)]).unwrap().asks_too_much;
        assert_eq!(refusal("100-Continue"), None);
        assert_eq!(refusal("100-continue, tea"), Some(Refusal::EXPECTATION));
    }
}
