//! Requests as strategies: those that are answered, those that are nearly right, and any bytes.

use proptest::prelude::*;
use proptest::sample::select;

/// A text, whatever it is drawn from.
type Text = BoxedStrategy<String>;

/// Texts, one behind the other.
fn joined(parts: Vec<Text>) -> Text {
    parts.prop_map(|parts| parts.concat()).boxed()
}

fn one_of(texts: &'static [&'static str]) -> Text {
    select(texts).prop_map(str::to_owned).boxed()
}

fn just(text: &str) -> Text {
    Just(text.to_owned()).boxed()
}

/// One of `usual`, or less often one of `others`.
fn mostly(times: u32, usual: Text, others: Text) -> Text {
    prop_oneof![times => usual, 1 => others].boxed()
}

fn any_of(pattern: &'static str) -> Text {
    pattern.boxed()
}

fn line_end() -> Text {
    mostly(9, just("\r\n"), just("\n"))
}

fn method() -> Text {
    mostly(11, one_of(&["GET", "GET", "HEAD"]), one_of(&["POST", "get", "OPTIONS", "BREW", ""]))
}

fn path() -> Text {
    let ours = one_of(&["/", "/events", "/long", "/none", "/%65vents", "/a?b=c", "/?x", "/%2f", "//"]);
    let absolute =
        joined(vec![one_of(&["http://", "HTTP://", "https://", "x:/"]), host(), any_of("[/?]?[a-z]{0,3}")]);
    let others = prop_oneof![any_of("/[a-z/%0-9?#\"@]{0,6}"), absolute, one_of(&["*", "a", ""])];
    mostly(3, ours, others.boxed())
}

fn host() -> Text {
    let ours = one_of(&["localhost", "127.0.0.1", "[::1]:80", "LOCALHOST.", "status.example", "localhost:"]);
    let others =
        one_of(&["", "rebound.example", "a b", "u@localhost", "[::1", "[a]", "127.1", "localhost:x", ":1"]);
    mostly(9, ours, mostly(1, others, any_of("[a-z.:\\[\\]%0-9]{0,5}")))
}

fn field() -> Text {
    let known = one_of(&[
        "Connection: close",
        "Connection: keep-alive",
        "connection:upgrade , Close",
        "Accept: text/html",
        "Accept: */*",
        "ACCEPT: a;b=\"c,\\\"\", text/html ;q=0.1",
        "Accept: text/html;q=0.0",
        "Content-Length: 0",
        "Expect: 100-continue",
        "X:",
        "X: \t a b\t",
    ]);
    let wrong = one_of(&[
        "Content-Length: 5",
        "Content-Length: x",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Expect: tea",
        "Host: localhost",
        "X : a",
        " X: a",
        ": a",
        "X",
        "X: a\0",
        "X: a\rb",
    ]);
    prop_oneof![12 => known, 1 => wrong, 2 => any_of("[!-~]{1,3}:[\\t -~\u{e4}]{0,8}")].boxed()
}

fn fields(most: usize) -> Text {
    prop::collection::vec(joined(vec![field(), line_end()]), 0..most)
        .prop_map(|fields| fields.concat())
        .boxed()
}

/// Requests of which most are answered.
pub(crate) fn request() -> Text {
    let version = mostly(
        8,
        one_of(&["HTTP/1.1", "HTTP/1.1", "HTTP/1.0"]),
        one_of(&["HTTP/2.0", "HTTP/1.2", "HTTP", ""]),
    );
    let host = mostly(9, joined(vec![just("Host: "), host(), line_end()]), just(""));
    let before = mostly(9, just(""), one_of(&["\r\n", "\n", "\r\n\r\n", "\r"]));
    let line = joined(vec![method(), just(" "), path(), just(" "), version, line_end()]);
    joined(vec![before, line, host, fields(4), line_end()])
}

/// Requests without a mistake. None watches, and the connection is kept behind them.
pub(crate) fn valid() -> Text {
    let path = one_of(&["/", "/none", "/long", "/a?b", "http://localhost/"]);
    let field = one_of(&["", "Accept: text/html\r\n", "X: a\r\n", "Content-Length: 0\n"]);
    let before = mostly(9, just(""), just("\r\n"));
    let line = joined(vec![one_of(&["GET ", "HEAD "]), path, one_of(&[" HTTP/1.1\r\n", " HTTP/1.1\n"])]);
    joined(vec![before, line, just("Host: localhost\r\n"), field, line_end()])
}

/// Requests, changed ones among them, and what is none.
pub(crate) fn input() -> BoxedStrategy<Vec<u8>> {
    let requests = prop::collection::vec(request(), 0..4).prop_map(|requests| requests.concat().into_bytes());
    let requests = requests.boxed();
    let begins = &["x", "GET /", "GET / HTTP/1.1\r\nHost: localhost\r\nX: ", "GET / HTTP/1.0\r\n\r\nGET /"];
    let long = (0..40usize, one_of(begins)).prop_map(|(more, begin)| {
        let filled = vec![b'x'; 8192 - begin.len() - 20 + more];
        [begin.as_bytes(), &filled, b"\r\n\r\n"].concat()
    });
    let many = (55..75usize)
        .prop_map(|count| format!("GET / HTTP/1.0\r\n{}\r\n", "A: b\r\n".repeat(count)).into_bytes());
    let changed = (requests.clone(), any::<prop::sample::Index>(), any::<u8>());
    let changed = changed.prop_map(|(mut bytes, at, byte)| {
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    });
    let any_bytes = prop::collection::vec(any::<u8>(), 0..60);
    prop_oneof![6 => requests, 4 => changed, 1 => any_bytes, 1 => long, 1 => many].boxed()
}
