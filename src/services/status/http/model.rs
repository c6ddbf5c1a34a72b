//! A request by the grammar of RFC 9110 and RFC 9112, read once more, for tests: line by line and character by character, without
//! [`request`](super::request). It says what is answered, and what that means; not by which status the rest is refused.

#![allow(clippy::struct_excessive_bools, clippy::indexing_slicing, reason = "it runs in tests")]

use super::limits::{FIELDS_MAX, HEAD_MAX_BYTES};
use crate::net::is_address_literal;

/// What bytes are read as.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reading {
    /// The begin of what may be a request, or of what may not: it has no end.
    More,
    /// A request that is answered.
    Answered(Meaning),
    /// One that is not.
    Refused,
}

/// What a request means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Meaning {
    /// Whether it is one for a head alone.
    pub is_head: bool,
    /// What it asks for.
    pub path: String,
    /// What stands behind the question mark.
    pub query: String,
    /// Whether HTML is named among what is taken.
    pub wants_html: bool,
    /// Whether it is HTTP/1.0.
    pub is_1_0: bool,
    /// Whether another request may follow.
    pub keeps: bool,
    /// How many bytes it has, with the empty lines before it.
    pub bytes: usize,
}

/// A field: its name in lower case, and its value.
type Field = (String, String);

/// Reads what `bytes` begin with. Over the Internet the host is an address, `localhost`, or one of `names`; elsewhere it is any.
#[must_use]
pub fn read(bytes: &[u8], names: Option<&[&str]>) -> Reading {
    // A character for each byte, whatever it is: those beyond ASCII are obs-text.
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    let (mut lines, mut before, mut length) = (Vec::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        length += line.chars().count();
        let Some(line) = line.strip_suffix('\n') else { break };
        let line = line.strip_suffix('\r').unwrap_or(line);
        match (line.is_empty(), lines.is_empty()) {
            (true, true) => before = length,
            (true, false) if length - before > HEAD_MAX_BYTES => return Reading::Refused,
            (true, false) => {
                let meaning = meaning(&lines, names).map(|meaning| Meaning { bytes: length, ..meaning });
                return meaning.map_or(Reading::Refused, Reading::Answered);
            }
            (false, _) => lines.push(line),
        }
    }
    if bytes.len() - before < HEAD_MAX_BYTES { Reading::More } else { Reading::Refused }
}

fn meaning(lines: &[&str], names: Option<&[&str]>) -> Option<Meaning> {
    let (first, rest) = lines.split_first()?;
    let [method, target, version] = first.split(' ').collect::<Vec<_>>()[..] else { return None };
    let fields: Vec<Field> = rest.iter().map(|line| field(line)).collect::<Option<_>>()?;
    let all =
        |name: &str| fields.iter().filter(|field| field.0 == name).map(|field| &*field.1).collect::<Vec<_>>();
    if !["GET", "HEAD"].contains(&method)
        || !["HTTP/1.0", "HTTP/1.1"].contains(&version)
        || fields.len() > FIELDS_MAX
    {
        return None;
    }
    let is_1_0 = version == "HTTP/1.0";
    let mut host = match all("host")[..] {
        [] if is_1_0 => None,
        [host] => Some(host_of(host)?),
        _ => return None,
    };
    let rest = match target.split_once("://") {
        Some((scheme, rest)) if !target.starts_with('/') => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            host = Some(host_of(&rest[..end])?);
            if !scheme.eq_ignore_ascii_case("http") || host.as_deref() == Some("") {
                return None;
            }
            rest[end..].to_owned()
        }
        _ => target.starts_with('/').then(|| target.to_owned())?,
    };
    if let (Some(names), Some(host)) = (names, &host) {
        let is_named =
            names.iter().chain(&["localhost"]).any(|name| *name == host.strip_suffix('.').unwrap_or(host));
        if !is_named && !is_address_literal(host) {
            return None;
        }
    }
    let (path, query) = rest.split_once('?').unwrap_or((&rest, ""));
    let path = if path.is_empty() { "/" } else { path };
    let has_content = !all("transfer-encoding").is_empty()
        || !matches!(all("content-length")[..], [] | [_])
        || all("content-length")
            .iter()
            .any(|length| length.is_empty() || !length.chars().all(|digit| digit == '0'));
    if has_content || list(&all("expect")).iter().any(|what| what != "100-continue") {
        return None;
    }
    let options = list(&all("connection"));
    let said = |option: &str| options.iter().any(|said| said == option);
    Some(Meaning {
        is_head: method == "HEAD",
        path: decoded(path, "/")?,
        query: decoded(query, "/?").map(|_| query.to_owned())?,
        wants_html: list(&all("accept")).iter().any(|range| is_html(range)),
        is_1_0,
        keeps: !said("close") && (said("keep-alive") || !is_1_0),
        bytes: 0,
    })
}

/// `token ":" OWS value OWS`, where a value has no control characters but tabs.
fn field(line: &str) -> Option<Field> {
    let (name, value) = line.split_once(':')?;
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let is_value = |c: char| c == '\t' || (c >= ' ' && c != '\x7f');
    let is_field = !name.is_empty() && name.chars().all(is_token) && value.chars().all(is_value);
    is_field.then(|| (name.to_lowercase(), value.trim_matches([' ', '\t']).to_owned()))
}

/// A host, in lower case, without its port.
fn host_of(authority: &str) -> Option<String> {
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at(end);
    let is_port = port.is_empty() || (port.starts_with(':') && port[1..].chars().all(|c| c.is_ascii_digit()));
    let is_host = if host.starts_with('[') {
        is_address_literal(host)
    } else {
        !host.contains([':', '@', '/']) && decoded(host, "").is_some()
    };
    (is_port && is_host).then(|| host.to_ascii_lowercase())
}

/// A part of a URI with `others` in it, as it is when each escape of an unreserved character is that character.
fn decoded(text: &str, others: &str) -> Option<String> {
    let mut decoded = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let is_unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        if c == '%' {
            let digits: String = rest.by_ref().take(2).collect();
            if digits.len() != 2 || !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            let escaped = char::from(u8::from_str_radix(&digits, 16).ok()?);
            if is_unreserved(escaped) {
                decoded.push(escaped);
            } else {
                decoded.extend(["%", &digits]);
            }
        } else if is_unreserved(c) || "!$&'()*+,;=:@".contains(c) || others.contains(c) {
            decoded.push(c);
        } else {
            return None;
        }
    }
    Some(decoded)
}

/// The elements of lists, in lower case. No comma between two quotes counts, nor a quote behind a backslash there.
fn list(values: &[&str]) -> Vec<String> {
    values
        .iter()
        .flat_map(|value| split(&value.to_lowercase(), ','))
        .filter(|element| !element.is_empty())
        .collect()
}

fn split(value: &str, separator: char) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut is_quoted = false;
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        if c == separator && !is_quoted {
            pieces.push(String::new());
            continue;
        }
        let escaped = if is_quoted && c == '\\' { rest.next() } else { None };
        is_quoted ^= c == '"';
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
            piece.extend(escaped);
        }
    }
    pieces.iter().map(|piece| piece.trim_matches([' ', '\t']).to_owned()).collect()
}

/// Whether a media range is HTML, and its weight is not 0.
fn is_html(range: &str) -> bool {
    let parts = split(range, ';');
    let (kind, parameters) = parts.split_first().map_or(("", &parts[..]), |(kind, rest)| (kind, rest));
    let is_zero = |weight: &String| {
        weight.strip_prefix("q=0").is_some_and(|rest| rest.chars().all(|c| c == '0' || c == '.'))
    };
    kind == "text/html" && !parameters.iter().any(is_zero)
}
