//! An urgent byte (`MSG_OOB`) is no part of a name: Linux keeps it out of the stream, for this server as for the lab report's
//! calls (tcp(7), `SO_OOBINLINE`).

use rustix::io::Errno;
use welcomed::net::Kind;

use super::socket_client::{SocketClient, serve};
use crate::process::not_tested;

/// Converses over both kinds of streams, with a server that answers `<` and the name and `>`.
fn converse(does: impl Fn(&SocketClient) -> Result<(), Errno>, answer: &str, ending: &str) {
    for kind in [Kind::Tcp, Kind::Unix] {
        let Some((server, address)) = serve(kind, &["--welcome", "<{name}>", "-vv"]) else { return };
        let client = SocketClient::connect(&address).unwrap();
        match does(&client) {
            Err(Errno::OPNOTSUPP) if kind == Kind::Unix => {
                return not_tested("this system has no urgent bytes over Unix sockets");
            }
            done => done.unwrap(),
        }
        assert_eq!(client.answer(), answer, "{kind}");
        server.wait_for_log(&format!("reading name -> {ending}"));
        server.stop();
    }
}

#[test]
fn an_urgent_byte_alone_is_no_name() {
    let does = |client: &SocketClient| client.send_urgent(b"!").and_then(|()| client.shut());
    converse(does, "", "closed (no name)");
}

#[test]
fn an_urgent_byte_in_a_name_is_no_part_of_it() {
    let does = |client: &SocketClient| {
        client.send(b"A")?;
        client.send_urgent(b"!")?;
        client.send(b"da\n")
    };
    converse(does, "<Ada>", "writing welcome (line end)");
}

#[test]
fn an_urgent_line_feed_ends_no_name() {
    converse(|client| client.send_urgent(b"Ada\n"), "<Ada>", "writing welcome (silence)");
}
