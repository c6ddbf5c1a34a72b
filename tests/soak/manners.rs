//! The manners of clients in one table.

use welcomed::net::Kind;

use super::client::Client;
use super::visit::Visit;
use super::{connections, datagrams};

/// How a client behaves.
pub(crate) struct Manner {
    pub(crate) name: &'static str,
    /// The kinds of sockets that it is for.
    pub(crate) over: &'static [Kind],
    /// How many clients behave so at a time. They take the kinds in turn.
    pub(crate) places: usize,
    /// Visits once.
    pub(crate) visit: fn(&mut Client<'_>, Kind) -> Visit,
}

const TCP: &[Kind] = &[Kind::Tcp];
const STREAMS: &[Kind] = &[Kind::Tcp, Kind::Unix];
const CONNECTIONS: &[Kind] = &[Kind::Tcp, Kind::Unix, Kind::UnixPacket];
const UNIXGRAM: &[Kind] = &[Kind::UnixGram];
const DATAGRAMS: &[Kind] = &[Kind::Udp, Kind::UnixGram, Kind::Raw];

const fn manner(
    name: &'static str,
    over: &'static [Kind],
    places: usize,
    visit: fn(&mut Client<'_>, Kind) -> Visit,
) -> Manner {
    assert!(places >= over.len(), "each kind has a client at a time");
    Manner { name, over, places, visit }
}

/// Every manner.
pub(crate) const MANNERS: [Manner; 20] = [
    manner("prompt", CONNECTIONS, 6, connections::prompt),
    manner("lab report", STREAMS, 8, connections::lab_report),
    manner("half-close", CONNECTIONS, 3, connections::half_close),
    manner("more at once", CONNECTIONS, 3, connections::more_at_once),
    manner("two segments", CONNECTIONS, 6, connections::two_segments),
    manner("urgent byte", TCP, 2, connections::urgent_byte),
    manner("more at the end", CONNECTIONS, 3, connections::more_at_the_end),
    manner("cut name", STREAMS, 4, connections::cut_name),
    manner("edge of the gap", STREAMS, 16, connections::edge_of_the_gap),
    manner("drip", STREAMS, 24, connections::drip),
    manner("late name", CONNECTIONS, 100, connections::late_name),
    manner("silent", CONNECTIONS, 12, connections::silent),
    manner("no name", CONNECTIONS, 3, connections::no_name),
    manner("leaves early", CONNECTIONS, 6, connections::leaves_early),
    manner("asks once", DATAGRAMS, 3, datagrams::asks_once),
    manner("asks twice", DATAGRAMS, 3, datagrams::asks_twice),
    manner("leaves unread", DATAGRAMS, 6, datagrams::leaves_unread),
    manner("is gone", DATAGRAMS, 3, datagrams::is_gone),
    manner("unnamed", UNIXGRAM, 1, datagrams::unnamed),
    manner("echo", DATAGRAMS, 3, datagrams::echo),
];
