//! What a client is owed, from the bytes that it sent: written from the grammar, and without the service's own code.

use welcomed::services::status::http::model::{self, Meaning, Reading};

use crate::shown::LONG_BYTES;

/// Requests that are refused, and their statuses.
pub(crate) const REFUSED: [(&str, &str); 6] = [
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "405 Method Not Allowed"),
    ("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", "413 Content Too Large"),
    ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request"),
    ("BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", "501 Not Implemented"),
    ("GET / HTTP/3.0\r\n", "505 HTTP Version Not Supported"),
    ("\u{16}\u{3}\u{1}\0", "400 Bad Request"),
];

/// What a request is answered by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Item {
    /// These bytes. The connection is kept, or not.
    Answer { bytes: Vec<u8>, keeps: bool },
    /// This head, and events behind it.
    Events(Vec<u8>),
    /// An answer with this status, and the end.
    Refusal(&'static str),
}

impl Item {
    /// Whether nothing follows.
    pub(crate) fn is_last(&self) -> bool {
        !matches!(self, Item::Answer { keeps: true, .. })
    }

    /// How long it is, at least.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Item::Answer { bytes, .. } | Item::Events(bytes) => bytes.len(),
            Item::Refusal(_) => 400,
        }
    }
}

/// What a client has asked for: a request, or what is refused.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    /// This one, which ends behind so many of all bytes.
    Request(Meaning, usize),
    /// What is answered with this status.
    Refused(&'static str),
}

impl Asked {
    /// Whether nothing follows.
    pub(crate) fn is_last(&self) -> bool {
        match self {
            Asked::Request(meaning, _) => !meaning.keeps || self.watches(),
            Asked::Refused(_) => true,
        }
    }

    /// Whether its client watches from now on.
    pub(crate) fn watches(&self) -> bool {
        matches!(self, Asked::Request(meaning, _) if meaning.path == "/events" && !meaning.is_head)
    }
}

/// All items for these bytes, and what of the bytes is left without one.
pub(crate) fn items(sent: &[u8], has_ended: bool) -> (Vec<Item>, &[u8]) {
    let (asked, rest) = asked(sent, has_ended, Some(&[]));
    let item = |asked: &Asked| match asked {
        Asked::Request(meaning, _) => item(meaning, meaning.keeps),
        Asked::Refused(status) => Item::Refusal(status),
    };
    (asked.iter().map(item).collect(), rest)
}

/// All that these bytes ask for, and what of them is left. Over the Internet the host is an address, `localhost`, or one of
/// `names`; elsewhere it is any.
pub(crate) fn asked<'a>(sent: &'a [u8], has_ended: bool, names: Option<&[&str]>) -> (Vec<Asked>, &'a [u8]) {
    let (mut all, mut rest) = (Vec::new(), sent);
    loop {
        if all.last().is_some_and(Asked::is_last) {
            return (all, rest);
        }
        while let [b'\r', b'\n', behind @ ..] | [b'\n', behind @ ..] = rest {
            rest = behind;
        }
        if let Some((_, status)) = REFUSED.iter().find(|(bytes, _)| is_refused(rest, bytes.as_bytes())) {
            all.push(Asked::Refused(status));
            continue;
        }
        match model::read(rest, names) {
            Reading::Answered(meaning) => {
                rest = &rest[meaning.bytes..];
                all.push(Asked::Request(meaning, sent.len() - rest.len()));
            }
            // The begin of one request, and empty lines or another one behind it.
            Reading::Refused if rest.starts_with(b"GET / HTTP/1.1\r\nHost:\r\n\r\n") => {
                all.push(Asked::Refused("421 Misdirected Request"));
            }
            Reading::Refused => all.push(Asked::Refused("400 Bad Request")),
            Reading::More if has_ended && !matches!(rest, [] | [b'\r']) => {
                all.push(Asked::Refused("400 Bad Request"));
            }
            Reading::More => return (all, rest),
        }
    }
}

/// Whether enough has come to know that it is this one. Without its content it is refused as well.
fn is_refused(bytes: &[u8], known: &[u8]) -> bool {
    let head = known.strip_suffix(b"hello").unwrap_or(known);
    bytes.starts_with(head) || (known[0] == 0x16 && bytes.starts_with(&known[..1]))
}

/// The item for a request, whose connection `keeps` or not.
pub(crate) fn item(meaning: &Meaning, keeps: bool) -> Item {
    let Meaning { is_head, path, query, wants_html, is_1_0, .. } = meaning;
    let connection = match (keeps, is_1_0) {
        (false, _) => "Connection: close\r\n",
        (true, true) => "Connection: keep-alive\r\n",
        (true, false) => "",
    };
    let (status, kind, body) = match &**path {
        "/events" if *is_head => {
            return Item::Answer { bytes: head("200 OK", "text/event-stream", connection), keeps };
        }
        "/events" => return Item::Events(head("200 OK", "text/event-stream", "Connection: close\r\n")),
        "/long" => ("200 OK", "text/plain; charset=utf-8", "x".repeat(LONG_BYTES)),
        "/none" => ("404 Not Found", "text/plain; charset=utf-8", "none\n".to_owned()),
        path => {
            let kind = if *wants_html { "text/html; charset=utf-8" } else { "text/plain; charset=utf-8" };
            ("200 OK", kind, format!("{path} {query}\n"))
        }
    };
    let mut bytes = head(status, kind, &format!("Content-Length: {}\r\n{connection}", body.len()));
    if !is_head {
        bytes.extend_from_slice(body.as_bytes());
    }
    Item::Answer { bytes, keeps }
}

fn head(status: &str, kind: &str, framing: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{framing}\
         Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n\
         X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\n\r\n"
    )
    .into_bytes()
}

/// How far a client has got its items.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Got {
    /// All of them, whole, and so much more: events.
    All,
    /// A part: it ends between two items, or within one.
    Part { is_within: bool },
}

/// What else a client may get.
#[derive(Clone, Default, Debug)]
pub(crate) struct Also {
    /// Answers that may stand in the place of any item, as the last one.
    pub(crate) statuses: Vec<&'static str>,
    /// Whether an answer may be the last one because the server stops.
    pub(crate) is_stopping: bool,
    /// Whether a refusal may be one to HEAD.
    pub(crate) has_heads: bool,
}

/// Compares what a client received with its items. Fails with what is wrong.
pub(crate) fn compare(received: &[u8], items: &[Item], also: &Also) -> Result<Got, String> {
    let mut rest = received;
    for item in items {
        let bytes = match item {
            Item::Answer { bytes, .. } | Item::Events(bytes) => bytes,
            Item::Refusal(status) => return refusal(rest, &[&[*status], &also.statuses[..]].concat(), also),
        };
        match rest.strip_prefix(&bytes[..]) {
            Some(behind) => rest = behind,
            None if rest.is_empty() => return Ok(Got::Part { is_within: false }),
            None if bytes.starts_with(rest) => return Ok(Got::Part { is_within: true }),
            None if also.is_stopping && is_last_of_stop(rest, bytes) => {
                return Ok(Got::Part { is_within: false });
            }
            None => return refusal(rest, &also.statuses, also),
        }
        if let Item::Events(_) = item {
            return events(rest);
        }
    }
    if rest.is_empty() { Ok(Got::All) } else { refusal(rest, &also.statuses, also) }
}

/// Whether it is the same answer, or a part of it, which says that the connection ends.
fn is_last_of_stop(got: &[u8], answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let text = text.replacen("Connection: keep-alive\r\n", "", 1);
    text.replacen("Content-Security", "Connection: close\r\nContent-Security", 1).as_bytes().starts_with(got)
}

/// An answer with one of these statuses that ends the connection, or a part of it.
pub(crate) fn refusal(got: &[u8], statuses: &[&str], also: &Also) -> Result<Got, String> {
    let wrong = || Err(format!("{:?} is no answer with {statuses:?}", got.escape_ascii().to_string()));
    if got.is_empty() {
        return Ok(Got::Part { is_within: false });
    }
    let line = |status: &&str| format!("HTTP/1.1 {status}\r\n").into_bytes();
    let known = |line: &Vec<u8>| got.starts_with(line) || line.starts_with(got);
    if !statuses.iter().map(line).any(|line| known(&line)) {
        return wrong();
    }
    let text = String::from_utf8_lossy(got);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return Ok(Got::Part { is_within: true }) };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
    match length {
        Some(length) if body.len() > length => wrong(),
        Some(_) if body.is_empty() && also.has_heads => Ok(Got::All),
        Some(length) if body.len() < length => Ok(Got::Part { is_within: true }),
        Some(_) => Ok(Got::All),
        None => wrong(),
    }
}

/// Events, each with a greater number than the one before.
fn events(got: &[u8]) -> Result<Got, String> {
    let text = String::from_utf8_lossy(got);
    let mut last = 0;
    for event in text.split_inclusive("\n\n") {
        let Some(number) = event.strip_suffix("\n\n") else {
            let is_begin = "data: ".starts_with(event) || event.starts_with("data: ");
            return if is_begin {
                Ok(Got::Part { is_within: true })
            } else {
                Err(format!("{event:?} is no event"))
            };
        };
        let number = number.lines().next().and_then(|line| line.strip_prefix("data: ")?.parse::<u32>().ok());
        match number {
            Some(number) if number > last && event == crate::shown::event(number) => last = number,
            _ => return Err(format!("{event:?} is no event after {last}")),
        }
    }
    Ok(if last > 0 { Got::All } else { Got::Part { is_within: false } })
}
