//! An answer, and the bytes that it is sent as.

use std::borrow::Cow;
use std::fmt;

use super::output::{Body, Output};
use super::refusal::Refusal;
use super::request::{Method, Request, Version};

/// What a browser may do with an answer, unless the answer says otherwise: show it, and nothing else.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// What stands in every answer: its content is what it says it is, of this moment, and not for other origins.
const ALWAYS: &str = "X-Content-Type-Options: nosniff\r\n\
                      Referrer-Policy: no-referrer\r\n\
                      Cache-Control: no-store\r\n\
                      Cross-Origin-Resource-Policy: same-origin\r\n";

const TEXT: &str = "text/plain; charset=utf-8";

/// What is answered. What every answer has is added when it is sent: its length, what becomes of the connection, and fields
/// that let a browser only show it. There is no `Date`, since a service has no clock
/// (RFC 9110, 6.6.1).
///
/// ```
/// use welcomed::services::status::http::answer::Answer;
///
/// let answer = Answer::new("text/html; charset=utf-8", "<p>hello").with_policy("default-src 'none'; style-src 'self'");
/// assert_eq!(answer.status(), 200);
/// assert_eq!(Answer::text(404, "nothing is there\n").status(), 404);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    status: u16,
    content_type: &'static str,
    policy: Cow<'static, str>,
    fields: Vec<(&'static str, Cow<'static, str>)>,
    body: Body,
}

impl Answer {
    /// What was asked for (200), of this media type.
    pub fn new(content_type: &'static str, body: impl Into<Body>) -> Answer {
        Answer {
            status: 200,
            content_type,
            policy: Cow::Borrowed(POLICY),
            fields: Vec::new(),
            body: body.into(),
        }
    }

    /// Plain text with this status.
    pub fn text(status: u16, text: impl Into<Body>) -> Answer {
        Answer::new(TEXT, text).with_status(status)
    }

    /// The same with this status, which has to be a final one: 200 to 599.
    #[must_use]
    pub fn with_status(self, status: u16) -> Answer {
        debug_assert!((200..600).contains(&status), "{status} is no status of an answer");
        Answer { status, ..self }
    }

    /// The same with this `Content-Security-Policy`. As a default nothing is loaded, and no page has it in a frame.
    #[must_use]
    pub fn with_policy(self, policy: impl Into<Cow<'static, str>>) -> Answer {
        Answer { policy: policy.into(), ..self }
    }

    /// The same with one more field. A value ends where it has a control character: no text makes two fields of one.
    #[must_use]
    pub fn with_field(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Answer {
        self.fields.push((name, value.into()));
        self
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Its media type.
    #[must_use]
    pub fn content_type(&self) -> &str {
        self.content_type
    }

    /// Its `Content-Security-Policy`.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// Its content.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The answer to a request that is refused.
    pub(super) fn refusing(refusal: Refusal) -> Answer {
        let Refusal { status, why } = refusal;
        let answer = Answer::text(status, format!("{status} {}: {why}\n", phrase(status)));
        // RFC 9110, 15.5.6.
        if status == 405 { answer.with_field("Allow", "GET, HEAD") } else { answer }
    }

    /// The answer to a watcher that is one too many.
    pub(super) fn too_many_watchers(retry_after_seconds: u64) -> Answer {
        Answer::text(503, "503 Service Unavailable: as many watch as may\n")
            .with_field("Retry-After", retry_after_seconds.to_string())
    }

    /// The begin of events without end (HTML, 9.2), which leaves before the first of them.
    pub(super) fn events() -> Answer {
        Answer::new("text/event-stream", "")
    }

    /// Its bytes, as they are to be `framed`.
    pub(super) fn output(self, framed: Framed) -> Output {
        let has_body = framed.has_body && !matches!(self.status, 204 | 304);
        let head = self.head(framed).into_bytes();
        Output::new(head, if has_body { self.body } else { Body::default() })
    }

    /// Its status line and its fields, with the empty line at the end.
    fn head(&self, framed: Framed) -> String {
        let Answer { status, content_type, policy, fields, body } = self;
        let mut head = format!("HTTP/1.1 {status} {}\r\nContent-Type: {content_type}\r\n", phrase(*status));
        // RFC 9110, 8.6: 204 has no length.
        if framed.has_length && *status != 204 {
            push(&mut head, "Content-Length", &body.len());
        }
        if let Some(connection) = framed.connection() {
            push(&mut head, "Connection", &connection);
        }
        push(&mut head, "Content-Security-Policy", &one_line(policy));
        head.push_str(ALWAYS);
        for (name, value) in fields {
            push(&mut head, name, &one_line(value));
        }
        head.push_str("\r\n");
        head
    }
}

fn push(head: &mut String, name: &str, value: &dyn fmt::Display) {
    use fmt::Write as _;
    let written = write!(head, "{name}: {value}\r\n");
    debug_assert!(written.is_ok(), "a text takes everything");
}

/// The value of a field, as far as it is one.
fn one_line(value: &str) -> &str {
    let end = value.find(|character: char| character.is_ascii_control()).unwrap_or(value.len());
    value.get(..end).unwrap_or_default()
}

/// What becomes of a connection and of the content, apart from the answer itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Framed {
    /// Whether the content is sent, and not only its length.
    has_body: bool,
    /// Whether its length is known.
    has_length: bool,
    version: Version,
    keep_alive: bool,
}

impl Framed {
    /// The answer to this request, where the connection is kept or not.
    pub(super) fn to(request: &Request<'_>, keep_alive: bool) -> Framed {
        let (has_body, version) = (request.method != Method::Head, request.version);
        Framed { has_body, has_length: true, version, keep_alive }
    }

    /// The answer to a request that begins with `bytes` and is refused.
    pub(super) fn to_refused(bytes: &[u8]) -> Framed {
        let has_body = !bytes.starts_with(b"HEAD ");
        Framed { has_body, has_length: true, version: Version::Http11, keep_alive: false }
    }

    /// The same where the length of the content is not known.
    pub(super) fn without_length(self) -> Framed {
        Framed { has_length: false, ..self }
    }

    /// The same where the end of the connection is that of the content (RFC 9112, 6.3).
    pub(super) fn without_end(self) -> Framed {
        Framed { keep_alive: false, ..self.without_length() }
    }

    /// What the client has to be told of the connection (RFC 9112, 9.3).
    fn connection(self) -> Option<&'static str> {
        match (self.keep_alive, self.version) {
            (false, _) => Some("close"),
            (true, Version::Http10) => Some("keep-alive"),
            (true, Version::Http11) => None,
        }
    }
}

/// What a status means (RFC 9110, 15). Others have no phrase, which means nothing to a client.
fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMED: Framed =
        Framed { has_body: true, has_length: true, version: Version::Http11, keep_alive: true };

    /// All bytes, and in how many pieces they leave.
    fn sent(answer: Answer, framed: Framed) -> (String, usize) {
        let mut output = answer.output(framed);
        let (mut bytes, mut pieces) = (Vec::new(), 0);
        loop {
            bytes.extend_from_slice(output.next().0);
            pieces += 1;
            if output.has_left() {
                return (String::from_utf8(bytes).unwrap(), pieces);
            }
        }
    }

    fn field<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
    }

    #[test]
    fn an_answer_is_sent_with_all_that_it_has_to_have() {
        let (text, pieces) = sent(Answer::new("text/html", "hello").with_field("Retry-After", "1"), FRAMED);
        assert_eq!(
            text,
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\
             Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n\
             X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\nRetry-After: 1\r\n\r\nhello"
        );
        assert_eq!(pieces, 1);
        let policy = "default-src 'self'";
        let (text, _) = sent(Answer::new("text/html", "").with_policy(policy), FRAMED);
        assert_eq!(field(&text, "Content-Security-Policy"), [policy]);
    }

    #[test]
    fn a_head_has_the_length_of_what_it_leaves_out() {
        let (text, _) = sent(Answer::text(404, "none\n"), Framed { has_body: false, ..FRAMED });
        assert!(text.ends_with("\r\n\r\n") && field(&text, "Content-Length") == ["5"]);
    }

    #[test]
    fn a_status_without_content_has_none() {
        for (status, lengths) in [(204, 0), (304, 1)] {
            let (text, _) = sent(Answer::text(status, "none\n"), FRAMED);
            assert!(text.ends_with("\r\n\r\n"), "{status}");
            assert_eq!(field(&text, "Content-Length").len(), lengths, "{status}");
        }
    }

    #[test]
    fn the_connection_is_said_where_it_has_to_be() {
        use Version::{Http10, Http11};
        for (version, keep_alive, said) in [
            (Http11, true, &[][..]),
            (Http11, false, &["close"]),
            (Http10, true, &["keep-alive"]),
            (Http10, false, &["close"]),
        ] {
            let (text, _) = sent(Answer::text(200, ""), Framed { version, keep_alive, ..FRAMED });
            assert_eq!(field(&text, "Connection"), said, "{version:?} {keep_alive}");
        }
        let (text, _) = sent(Answer::events(), FRAMED.without_end());
        assert_eq!((field(&text, "Connection"), field(&text, "Content-Length").len()), (vec!["close"], 0));
    }

    #[test]
    fn no_value_makes_two_fields_of_one() {
        let answer = Answer::text(200, "").with_field("X", "a\r\nSet-Cookie: b").with_policy("c\nd");
        let (text, _) = sent(answer, FRAMED);
        assert_eq!((field(&text, "X"), field(&text, "Content-Security-Policy")), (vec!["a"], vec!["c"]));
        assert!(!text.contains("Set-Cookie"));
    }

    #[test]
    fn a_refusal_says_why_and_ends_the_connection() {
        let (text, _) = sent(Answer::refusing(Refusal::NOT_ALLOWED), Framed::to_refused(b"POST / "));
        assert!(text.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
        assert!(text.ends_with("\r\n\r\n405 Method Not Allowed: only GET and HEAD are\n"), "{text}");
        assert_eq!((field(&text, "Allow"), field(&text, "Connection")), (vec!["GET, HEAD"], vec!["close"]));
        let (text, _) = sent(Answer::refusing(Refusal::NOT_OURS), Framed::to_refused(b"HEAD / "));
        assert!(text.ends_with("\r\n\r\n") && field(&text, "Allow").is_empty());
    }
}
