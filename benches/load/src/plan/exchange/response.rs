//! A response of HTTP/1.1 as it comes: where it ends (RFC 9112, 6.3), and whether the connection is kept (9.3).

use httparse::{EMPTY_HEADER, Header, Status};

use crate::plan::exchange::comparison::Comparison;

/// The longest head, and the most that trailers or the line of a chunk may have.
const HEAD_MAX_BYTES: usize = 64 * 1024;

/// The most fields of a head.
const FIELDS_MAX: usize = 128;

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    /// The head, or what has come of it.
    Head,
    /// So many bytes of content, and nothing behind them.
    Content(u64),
    /// The line with the length of a chunk.
    ChunkLength,
    /// So many bytes of a chunk.
    Chunk(u64),
    /// The line end behind a chunk.
    ChunkEnd,
    /// Trailers, or the empty line in their place.
    Trailers,
    /// Content, until the server closes.
    UntilEnd,
    /// Nothing.
    End,
    /// It is no response.
    Malformed,
}

/// A response as it comes.
#[derive(Debug)]
pub(super) struct Response {
    next: Next,
    /// What has come of a head, a line or trailers.
    held: Vec<u8>,
    /// The status; 0 before there is one.
    pub(super) status: u16,
    /// Whether the server keeps the connection.
    keeps: bool,
}

/// What a part that is read as a whole has become: how many bytes it had, and what comes next.
type Part = Option<(usize, Next)>;

impl Response {
    /// One of which nothing has come.
    pub(super) fn new() -> Response {
        Response { next: Next::Head, held: Vec::new(), status: 0, keeps: false }
    }

    /// Takes bytes up to its end, and notes its content. Gives how many stand behind it.
    pub(super) fn take(&mut self, bytes: &[u8], content: &mut Comparison) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match self.next {
                Next::End | Next::Malformed => return rest.len(),
                Next::UntilEnd => {
                    content.note(rest);
                    return 0;
                }
                Next::Content(left) => {
                    let (taken, left, behind) = split(rest, left);
                    content.note(taken);
                    self.next = if left == 0 { Next::End } else { Next::Content(left) };
                    behind
                }
                Next::Chunk(left) => {
                    let (taken, left, behind) = split(rest, left);
                    content.note(taken);
                    self.next = if left == 0 { Next::ChunkEnd } else { Next::Chunk(left) };
                    behind
                }
                Next::Head | Next::ChunkLength | Next::ChunkEnd | Next::Trailers => self.hold(rest),
            };
        }
        0
    }

    /// Holds a line until the part that it belongs to is whole. Gives what is behind it. No more is held than that, so that a response
    /// of many small chunks costs no more than its bytes.
    fn hold<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
        let (line, rest) = bytes.split_at(end);
        self.held.extend_from_slice(line);
        let part = match self.next {
            Next::Head => self.head(),
            Next::ChunkLength => self.chunk_length(),
            Next::ChunkEnd => self.chunk_end(),
            Next::Trailers => self.trailers(),
            Next::Content(_) | Next::Chunk(_) | Next::UntilEnd | Next::End | Next::Malformed => {
                Some((0, self.next))
            }
        };
        // Each part ends with a line.
        self.next = match part {
            Some((length, next)) if length == self.held.len() && length <= HEAD_MAX_BYTES => next,
            None if self.held.len() <= HEAD_MAX_BYTES => return rest,
            Some(_) | None => Next::Malformed,
        };
        self.held.clear();
        rest
    }

    fn head(&mut self) -> Part {
        let mut fields = [EMPTY_HEADER; FIELDS_MAX];
        let mut head = httparse::Response::new(&mut fields);
        let length = match head.parse(&self.held) {
            Ok(Status::Complete(length)) => length,
            Ok(Status::Partial) => return None,
            Err(_) => return Some((self.held.len(), Next::Malformed)),
        };
        let status = head.code.unwrap_or(0);
        let next = next_of(status, head.headers);
        let asks =
            |option| tokens(head.headers, "connection").any(|token| token.eq_ignore_ascii_case(option));
        let keeps = if head.version == Some(1) { !asks("close") } else { asks("keep-alive") };
        self.keeps = keeps && next != Next::UntilEnd;
        self.status = status;
        Some((length, next))
    }

    fn chunk_length(&self) -> Part {
        match httparse::parse_chunk_size(&self.held) {
            Ok(Status::Partial) => None,
            Ok(Status::Complete((length, 0))) => Some((length, Next::Trailers)),
            Ok(Status::Complete((length, bytes))) => Some((length, Next::Chunk(bytes))),
            Err(_) => Some((self.held.len(), Next::Malformed)),
        }
    }

    fn chunk_end(&self) -> Part {
        match self.held.get(..2) {
            Some(b"\r\n") => Some((2, Next::ChunkLength)),
            Some(_) => Some((self.held.len(), Next::Malformed)),
            None => None,
        }
    }

    fn trailers(&self) -> Part {
        let mut fields = [EMPTY_HEADER; FIELDS_MAX];
        match httparse::parse_headers(&self.held, &mut fields) {
            Ok(Status::Partial) => None,
            Ok(Status::Complete((length, _))) => Some((length, Next::End)),
            Err(_) => Some((self.held.len(), Next::Malformed)),
        }
    }

    /// The end of input has come.
    pub(super) fn end_of_input(&mut self) {
        if self.next == Next::UntilEnd {
            self.next = Next::End;
        }
    }

    /// Whether its end has come.
    pub(super) fn is_whole(&self) -> bool {
        self.next == Next::End
    }

    /// Whether it is none of HTTP.
    pub(super) fn is_malformed(&self) -> bool {
        self.next == Next::Malformed
    }

    /// Whether the server takes another request over the same connection.
    pub(super) fn keeps(&self) -> bool {
        self.keeps && self.is_whole()
    }
}

/// What is behind a head. No request is HEAD or CONNECT, and none asks for another protocol.
fn next_of(status: u16, fields: &[Header<'_>]) -> Next {
    match status {
        101 => return Next::Malformed,
        // The response proper follows (RFC 9110, 15.2).
        100..=199 => return Next::Head,
        204 | 304 => return Next::End,
        _ => {}
    }
    let mut codings = tokens(fields, "transfer-encoding").peekable();
    if codings.peek().is_some() {
        let is_chunked = codings.last().is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        return if is_chunked { Next::ChunkLength } else { Next::UntilEnd };
    }
    let mut lengths = tokens(fields, "content-length");
    let Some(first) = lengths.next() else { return Next::UntilEnd };
    let is_number = first.bytes().all(|byte| byte.is_ascii_digit());
    // The same length twice is one length (RFC 9110, 8.6).
    match first.parse() {
        Ok(0) if is_number && lengths.all(|length| length == first) => Next::End,
        Ok(bytes) if is_number && lengths.all(|length| length == first) => Next::Content(bytes),
        _ => Next::Malformed,
    }
}

/// The parts of a field's list, in all lines of this name.
fn tokens<'a>(fields: &'a [Header<'a>], name: &'static str) -> impl Iterator<Item = &'a str> {
    let lines = fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
    let values = lines.map(|field| str::from_utf8(field.value).unwrap_or("?"));
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// The first `left` of these bytes, how many are left, and what is behind.
fn split(bytes: &[u8], left: u64) -> (&[u8], u64, &[u8]) {
    let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
    let (taken, behind) = bytes.split_at(length);
    (taken, left - length as u64, behind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::exchange::comparison::Difference;

    /// Reads a response in pieces of so many bytes. Gives what has become of it, how many bytes stand behind it, and whether its content
    /// was `welcome`.
    fn read(text: &str, size: usize) -> (Response, usize, Difference) {
        let mut content = Comparison::with(Some(b"welcome".to_vec()));
        let mut response = Response::new();
        let behind = text.as_bytes().chunks(size).map(|bytes| response.take(bytes, &mut content)).sum();
        (response, behind, content.difference())
    }

    #[test]
    fn a_response_ends_where_the_standard_says_however_it_is_cut() {
        for (text, status, keeps) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nwelcome", 200, true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 7, 7\r\nConnection: Close\r\n\r\nwelcome", 200, false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\nwelcome", 200, false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 7\r\nConnection: x, keep-alive\r\n\r\nwelcome", 200, true),
            (
                "HTTP/1.1 503\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwel\r\n4;x=y\r\ncome\r\n0\r\n\r\n",
                503,
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n7\r\nwelcome\r\n00\r\nA: b\r\n\r\n",
                200,
                true,
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nwelcome",
                200,
                true,
            ),
        ] {
            for size in 1..=text.len() {
                let (response, behind, difference) = read(text, size);
                assert!(
                    response.is_whole() && behind == 0 && difference == Difference::None,
                    "{text} by {size}"
                );
                assert_eq!((response.status, response.keeps()), (status, keeps), "{text} by {size}");
                let (response, behind, _) = read(&format!("{text}more"), size);
                assert!(response.is_whole() && behind == 4, "{text} by {size}");
                let (mut response, ..) = read(&text[..text.len() - 1], size);
                response.end_of_input();
                assert!(!response.is_whole() && !response.is_malformed(), "{text} by {size}");
            }
        }
    }

    #[test]
    fn a_response_without_a_length_ends_with_the_input() {
        for fields in ["", "Transfer-Encoding: gzip\r\nContent-Length: 3\r\n"] {
            let (mut response, behind, difference) =
                read(&format!("HTTP/1.1 200 OK\r\n{fields}\r\nwelcome"), 5);
            assert!(!response.is_whole() && behind == 0 && difference == Difference::None);
            response.end_of_input();
            assert!(response.is_whole() && !response.keeps());
        }
        for status in [204, 304] {
            let (response, ..) = read(&format!("HTTP/1.1 {status} x\r\nContent-Length: 7\r\n\r\n"), 3);
            assert!(response.is_whole() && response.keeps());
        }
    }

    #[test]
    fn what_is_no_response_is_seen_as_that() {
        let head = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
        for text in [
            "welcome to a server that speaks no HTTP\r\n\r\n".to_owned(),
            "HTTP/2.0 200 OK\r\n\r\n".to_owned(),
            "HTTP/1.1 101 Switching\r\n\r\n".to_owned(),
            head("Content-Length: -1"),
            head("Content-Length: +7"),
            head("Content-Length: "),
            head("Content-Length: 7, 8"),
            head("Content-Length: 99999999999999999999"),
            head("Transfer-Encoding: chunked") + "x\r\n",
            head("Transfer-Encoding: chunked") + "1\r\nabc",
            head(&format!("A: {}", "x".repeat(HEAD_MAX_BYTES))),
        ] {
            for size in [1, 3, 100, 100_000] {
                assert!(read(&text, size).0.is_malformed(), "{text:.100} by {size}");
            }
        }
    }
}
