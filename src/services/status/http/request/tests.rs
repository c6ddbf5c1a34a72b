//! Requests by table, and each limit at its edge.

use super::*;

const LOCAL: Hosts<'_> = Hosts::Ours(&[]);

/// The status that a request is refused with; 200 if it is answered, and 100 if there has to be more of it.
fn status(bytes: &[u8]) -> u16 {
    match parse(bytes, LOCAL) {
        Parsed::More => 100,
        Parsed::Request(_, taken) => {
            assert_eq!(taken, bytes.len(), "{}", bytes.escape_ascii());
            200
        }
        Parsed::Refused(refusal) => refusal.status,
    }
}

fn with(fields: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n").into_bytes()
}

fn request(text: &str) -> Request<'_> {
    match parse(text.as_bytes(), LOCAL) {
        Parsed::Request(request, _) => request,
        other @ (Parsed::More | Parsed::Refused(_)) => panic!("{text:?} is {other:?}"),
    }
}

#[test]
fn a_request_has_one_status() {
    for (text, expected) in [
        ("", 100),
        ("GET", 100),
        ("GET / HTTP/1.", 100),
        ("GET / HTTP/1.0\r\n", 100),
        ("GET / HTTP/1.0\r\n\r\n", 200),
        ("GET / HTTP/1.0\n\n", 200),
        ("HEAD / HTTP/1.0\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nhost:localhost:80 \r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nHost: [::1]:9\r\n\r\n", 200),
        ("GET http://localhost/a HTTP/1.1\r\nHost: rebound.example\r\n\r\n", 200),
        // Malformed.
        ("\u{16}\u{3}\u{1}", 400),
        ("GET  / HTTP/1.1\r\n", 400),
        ("GET /\r\n", 400),
        ("GET / HTTP/1.1 \r\n", 400),
        ("GET / FTP/1.1\r\n", 400),
        ("GET / HTTP/11\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: local host\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n Host: localhost\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : localhost\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\n folded\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nA: \0\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nA: \rb\r\n", 400),
        ("GET * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        ("GET a HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        ("GET http:///a HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        // Other methods.
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n", 405),
        ("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("get / HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
        ("BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
        // Other hosts.
        ("GET / HTTP/1.1\r\nHost: rebound.example\r\n\r\n", 421),
        ("GET / HTTP/1.0\r\nHost: rebound.example\r\n\r\n", 421),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 421),
        ("GET http://rebound.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 421),
        ("GET https://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 421),
        // Other versions.
        ("GET / HTTP/2", 100),
        ("GET / HTTP/2.0\r\n", 505),
        ("GET / HTTP/1.2\r\n", 505),
        ("GET / HTTP/0.9\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ] {
        assert_eq!(status(text.as_bytes()), expected, "{text:?}");
    }
}

#[test]
fn fields_decide_what_is_refused() {
    for (fields, expected) in [
        ("Content-Length: 0\r\n", 200),
        ("Expect: 100-continue\r\n", 200),
        ("Upgrade: h2c\r\nConnection: upgrade\r\n", 200),
        ("Content-Length: 5\r\n", 413),
        ("Transfer-Encoding: chunked\r\n", 413),
        ("Transfer-Encoding: gzip, chunked\r\n", 501),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        ("Expect: tea\r\n", 417),
    ] {
        assert_eq!(status(&with(fields)), expected, "{fields:?}");
    }
}

#[test]
fn a_head_may_have_8_kib_and_no_byte_more() {
    let filled = |bytes: usize| {
        let rest = bytes - with("Filled: \r\n").len();
        with(&format!("Filled: {}\r\n", "x".repeat(rest)))
    };
    let full = filled(HEAD_MAX_BYTES);
    assert_eq!((full.len(), status(&full)), (HEAD_MAX_BYTES, 200));
    assert_eq!(status(&full[..HEAD_MAX_BYTES - 1]), 100);
    let over = filled(HEAD_MAX_BYTES + 1);
    assert_eq!(status(&over[..HEAD_MAX_BYTES - 1]), 100);
    assert_eq!((status(&over[..HEAD_MAX_BYTES]), status(&over)), (431, 431));
    assert_eq!(status(&[&over[..], &vec![b'x'; 99_999]].concat()), 431);
}

#[test]
fn a_request_line_has_to_end_within_8_kib() {
    let line = |bytes: usize| {
        let rest = bytes - "GET / HTTP/1.0\r\n".len();
        format!("GET /{} HTTP/1.0\r\n", "x".repeat(rest)).into_bytes()
    };
    for bytes in [8000, HEAD_MAX_BYTES - 2] {
        assert_eq!(status(&[line(bytes), b"\r\n".to_vec()].concat()), 200, "{bytes}");
    }
    let full = line(HEAD_MAX_BYTES);
    assert_eq!(
        (status(&full[..HEAD_MAX_BYTES - 1]), status(&full)),
        (100, 431),
        "no room for the empty line"
    );
    let over = line(HEAD_MAX_BYTES + 1);
    assert_eq!((status(&over[..HEAD_MAX_BYTES - 1]), status(&over)), (100, 414));
    assert_eq!(status(&[b'x'; HEAD_MAX_BYTES]), 414);
    let version = [&line(HEAD_MAX_BYTES - 1)[..HEAD_MAX_BYTES - 6], b"7.0000"].concat();
    assert_eq!(
        (status(&version[..HEAD_MAX_BYTES - 1]), status(&version)),
        (100, 414),
        "it may be any version"
    );
}

#[test]
fn there_may_be_64_fields_and_not_one_more() {
    let fields = |count: usize| with(&"A: b\r\n".repeat(count - 1));
    assert_eq!((status(&fields(63)), status(&fields(64)), status(&fields(65))), (200, 200, 431));
}

#[test]
fn a_connection_is_kept_as_its_version_has_it() {
    let keeps = |version: &str, field: &str| {
        request(&format!("GET / HTTP/{version}\r\nHost: localhost\r\n{field}\r\n")).keep_alive
    };
    for (field, is_1_0_kept, is_1_1_kept) in [
        ("", false, true),
        ("Connection: keep-alive\r\n", true, true),
        ("Connection: close\r\n", false, false),
        ("Connection: keep-alive, close\r\n", false, false),
        ("Connection: Keep-Alive\r\nConnection: CLOSE\r\n", false, false),
    ] {
        assert_eq!((keeps("1.0", field), keeps("1.1", field)), (is_1_0_kept, is_1_1_kept), "{field:?}");
    }
}

#[test]
fn a_request_says_what_it_is() {
    let found = request("HEAD /%7Ea/b%2fc?d HTTP/1.0\r\nAccept: text/html\r\n\r\n");
    let expected = Request {
        method: Method::Head,
        path: "/~a/b%2fc".into(),
        query: "d",
        wants_html: true,
        version: Version::Http10,
        keep_alive: false,
    };
    assert_eq!(found, expected);
}

#[test]
fn over_a_socket_of_the_unix_domain_any_host_is_ours() {
    for host in ["rebound.example", "", "localhost"] {
        let text = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert!(matches!(parse(text.as_bytes(), Hosts::Any), Parsed::Request(..)), "{host}");
    }
    assert!(matches!(parse(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Hosts::Any), Parsed::Refused(_)));
}

#[test]
fn a_name_that_was_given_is_ours() {
    let names = ["status.example".to_owned()];
    let text = b"GET / HTTP/1.1\r\nHost: status.example:80\r\n\r\n";
    assert!(matches!(parse(text, Hosts::Ours(&names)), Parsed::Request(..)));
}

#[test]
fn empty_lines_before_a_request_are_counted() {
    for (text, bytes) in
        [("", 0), ("\r", 0), ("\r\n", 2), ("\n\r\nGET", 3), ("\r\n\r", 2), ("\rx", 0), (" \n", 0)]
    {
        assert_eq!(empty_lines(text.as_bytes()), bytes, "{text:?}");
    }
}
