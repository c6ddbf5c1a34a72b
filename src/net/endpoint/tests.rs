//! Endpoints by table: what is read, and what is refused with which words.

use super::*;

fn endpoint(text: &str) -> Result<String, &'static str> {
    text.parse::<Endpoint>().map(|endpoint| endpoint.to_string()).map_err(|bad| bad.what)
}

#[test]
fn every_form_is_parsed_and_shown_in_its_long_form() {
    assert_eq!(endpoint("127.0.0.1:9999"), Ok("tcp://127.0.0.1:9999".into()));
    assert_eq!(endpoint("[::1]:80"), Ok("tcp://[::1]:80".into()));
    assert_eq!(endpoint("tcp:9999"), Ok("tcp://tcp:9999".into()), "a host of this name");
    for text in [
        "tcp://localhost:0",
        "tcp://welcome.example:65535",
        "udp://[::1]:9999",
        "udp://localhost:9999",
        "unix:///tmp/a b",
        "unix://@a",
        "unixpacket:///a/b.sock",
        "unixgram://@a/b",
        "unix:///a%3Fb%",
        "unixgram://@%3F",
        "tcp://[fe80::1%eth0]:9999",
        "udp://[fe80::1%2]:9999",
        "tcp://[fe80::1%25eth0]:9999",
        "tcp://[fe80::1%a%b]:9999",
        "unix:///tmp/a://b",
        "tcp://10.example:1",
        "raw://127.0.0.1?protocol=253",
        "raw://localhost?protocol=254",
    ] {
        assert_eq!(endpoint(text), Ok(text.into()));
    }
}

#[test]
fn a_text_that_is_no_endpoint_is_refused_with_the_reason() {
    let long = format!("unix:///{}", "x".repeat(UNIX_NAME_MAX_BYTES));
    for (text, what) in [
        ("", "the port is missing"),
        ("localhost", "the port is missing"),
        ("localhost:", "the port is not a number from 0 to 65535"),
        ("localhost:65536", "the port is not a number from 0 to 65535"),
        ("localhost:-1", "the port is not a number from 0 to 65535"),
        ("localhost:99 ", "the port is not a number from 0 to 65535"),
        (":9999", "the host is missing or no host name"),
        ("tcp://:9999", "the host is missing or no host name"),
        ("a b:9999", "the host is missing or no host name"),
        ("tcp://a/b:9999", "the host is missing or no host name"),
        ("::1:9999", "an IPv6 address needs brackets"),
        ("fe80::1", "an IPv6 address needs brackets"),
        ("127.0.0.1:7001,127.0.0.1:7002", "there is a colon in the host"),
        ("localhost:80:81", "there is a colon in the host"),
        ("9999", "the host is missing"),
        ("[::1]", "the port is missing"),
        ("unix:/tmp/a", "the two slashes behind the colon are missing"),
        ("tcp:127.0.0.1:9999", "the two slashes behind the colon are missing"),
        ("/tmp/a", "it does not say which kind of socket is there"),
        ("@a", "it does not say which kind of socket is there"),
        ("[localhost]:9999", "what stands in brackets is no IPv6 address"),
        ("[::1:9999", "what stands in brackets is no IPv6 address"),
        ("http://localhost:80", "this kind of socket is not served"),
        ("TCP://localhost:80", "this kind of socket is not served"),
        ("udp://localhost", "the port is missing"),
        ("localhost:+80", "the port is not a number from 0 to 65535"),
        ("localhost:80?a=b", "a question mark begins options, and this kind of socket has none"),
        ("unix:///a?b", "a question mark begins options, and is %3F in a name"),
        ("raw://localhost?protocol=253?x", "the protocol is not 253 or 254, the two for experiments"),
        ("raw://localhost?protocol=+253", "the protocol is not 253 or 254, the two for experiments"),
        ("[fe80::1%]:80", "the zone is missing or no name of a link, such as eth0"),
        ("[fe80::1%a b]:80", "the zone is missing or no name of a link, such as eth0"),
        ("[::1%lo]:80", "only a link-local address (fe80::/10) has a zone, which names its link"),
        ("[127.0.0.1%lo]:80", "what stands in brackets is no IPv6 address"),
        ("unix://tmp/a", "the path does not begin with a slash"),
        ("unix://", "the path does not begin with a slash"),
        ("unixgram:///tmp/", "the path is that of a directory"),
        ("unix:///a\0b", "a name has no control characters in it"),
        ("unix://@", "the name is missing"),
        (&long, "the name is longer than 107 bytes"),
        ("raw://localhost", "the protocol is missing"),
        ("raw://localhost?protocol=6", "the protocol is not 253 or 254, the two for experiments"),
        ("raw://localhost?protocol=x", "the protocol is not 253 or 254, the two for experiments"),
        ("raw://[::1]?protocol=253", "raw sockets are served over IPv4 only"),
        ("raw://::1?protocol=253", "raw sockets are served over IPv4 only"),
        ("raw://127.0.0.1:80?protocol=253", "a raw socket has no port"),
        ("raw://?protocol=253", "the host is missing or no host name"),
    ] {
        assert_eq!(endpoint(text), Err(what), "{text:?}");
    }
    assert!(endpoint(&long[..long.len() - 1]).is_ok());
    assert!(endpoint(&format!("{}:1", "x".repeat(253))).is_ok());
    assert_eq!(endpoint(&format!("{}:1", "x".repeat(254))), Err("the host is longer than 253 bytes"));
}

#[test]
fn what_the_resolver_would_take_for_an_address_is_none() {
    let no_ipv4 = "the host is no IPv4 address: four numbers from 0 to 255, without leading zeros";
    for host in
        ["127.0.0.010", "127.1", "127.0.0.1.", "0x7f000001", "0X7F000001", "256.0.0.1", "a.b.0xff", "0x", "1"]
    {
        assert_eq!(endpoint(&format!("{host}:80")), Err(no_ipv4), "{host}");
        assert_eq!(endpoint(&format!("raw://{host}?protocol=253")), Err(no_ipv4), "{host}");
    }
    for host in ["127.0.0.10", "1a", "10.example", "0x7g"] {
        assert!(endpoint(&format!("{host}:80")).is_ok(), "{host}");
    }
}

#[test]
fn an_error_is_one_line_with_the_accepted_forms() {
    let error = |text: &str| text.parse::<Endpoint>().unwrap_err().to_string();
    assert_eq!(error("raw://a"), "the protocol is missing; accepted is raw://HOST?protocol=253");
    assert!(error("ftp://a").ends_with(
        "tcp://HOST:PORT, unix:///PATH or unix://@NAME, unixpacket:///PATH or \
        unixpacket://@NAME, udp://HOST:PORT, unixgram:///PATH or unixgram://@NAME, raw://HOST?protocol=253"
    ));
    let from_main = format!("{:?}", "raw://a".parse::<Endpoint>().unwrap_err());
    assert_eq!(from_main, error("raw://a"));
}

#[test]
fn a_numeric_address_resolves_to_itself() {
    let resolve = |text: &str| text.parse::<Endpoint>().unwrap().resolve().unwrap();
    let shown = |text: &str| resolve(text).iter().map(Address::to_string).collect::<Vec<_>>();
    for text in [
        "tcp://[::1]:9999",
        "udp://127.0.0.1:1",
        "unix:///tmp/a%3Fb%253F%3A",
        "unixgram://@a",
        "tcp://[fe80::1%7]:9999",
        "raw://127.0.0.1?protocol=254",
    ] {
        assert_eq!(shown(text), [text]);
    }
    assert_eq!(shown("udp://[fe80::1%lo]:9999"), ["udp://[fe80::1%1]:9999"]);
    assert_eq!(shown("raw://localhost?protocol=253"), ["raw://127.0.0.1?protocol=253"]);
    assert_eq!(shown("udp://*:9999"), ["udp://0.0.0.0:9999", "udp://[::]:9999"]);
    assert_eq!(shown("raw://*?protocol=253"), ["raw://0.0.0.0?protocol=253"]);
    assert_eq!(shown("udp://[::ffff:127.0.0.1]:9999"), ["udp://127.0.0.1:9999"]);
}
