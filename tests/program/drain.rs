//! Who has come when the server is told to stop is served, however little the backlog is.

use rustix::process::Signal;
use welcomed::net::{Address, Kind};

use super::socket_client::{Visitor, serve};
use crate::process::until;

/// Visitors that have said their name, whether or not anybody listens yet.
fn visitors(address: &Address, count: usize) -> Vec<Visitor> {
    let come = |number: usize| {
        let visitor = Visitor::connect(address).unwrap();
        visitor.say(format!("N{number}\n").as_bytes()).unwrap();
        visitor
    };
    (0..count).map(come).collect()
}

fn all_are_welcomed(visitors: Vec<Visitor>) {
    for visitor in visitors {
        assert_eq!(visitor.answer(), "welcome ");
    }
}

#[test]
fn as_many_as_linux_lets_into_a_backlog_are_accepted() {
    for kind in [Kind::Tcp, Kind::Unix, Kind::UnixPacket] {
        let (server, address) = serve(kind, &["--backlog", "1", "--max-connections", "1"]).unwrap();
        let inside = Visitor::connect(&address).unwrap();
        until("the first is inside", || {
            server.signal(Signal::USR1);
            server.log().contains("counts: 1 accepted")
        });
        // One more than the backlog says (listen(2) does not tell).
        let waiting = visitors(&address, 2);
        server.signal(Signal::TERM);
        server.wait_for_log("stopping: 1 open");
        inside.say(b"Ada\n").unwrap();
        assert_eq!(inside.answer(), "welcome ", "{kind}");
        all_are_welcomed(waiting);
        let ended = server.wait();
        assert!(ended.log.contains("counts: 3 accepted: 3 welcomed"), "{kind}: {}", ended.log);
    }
}

#[test]
fn every_datagram_is_answered() {
    for (kind, count) in [(Kind::Udp, 50), (Kind::UnixGram, 5)] {
        let (server, address) = serve(kind, &["--backlog", "1"]).unwrap();
        server.signal(Signal::STOP);
        let visitors = visitors(&address, count);
        server.signal(Signal::TERM);
        server.signal(Signal::CONT);
        all_are_welcomed(visitors);
        assert_eq!(server.wait().status.code(), Some(0), "{kind}");
    }
}
