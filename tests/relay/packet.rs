//! What a rule knows of a packet.

use std::collections::HashMap;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};

/// The two ends of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    pub(crate) const BOTH: [Side; 2] = [Side::Client, Side::Server];

    pub(crate) fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// A packet of a flow, which is a TCP connection, or what two UDP ports say to each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    /// The side that sends it.
    pub(crate) from: Side,
    /// The number of its flow, from 0, in the order of their first packets.
    pub(crate) flow: usize,
    /// Which of the packets with data it is that this side of the flow sends, from 1. Repeated data counts again, an empty
    /// datagram counts, and a segment without data is 0.
    pub(crate) nth: usize,
}

impl Packet {
    /// Whether it is the `nth` packet with data that `from` sends in its flow.
    pub(crate) fn is(&self, from: Side, nth: usize) -> bool {
        (self.from, self.nth) == (from, nth)
    }
}

/// The ports of a flow, the client's first; whether it is TCP, and whether it is IPv6.
type Key = (u16, u16, bool, bool);

/// A flow with the counts of its packets with data, for each side.
struct Flow {
    number: usize,
    sent: HashMap<Side, usize>,
}

/// The flows so far.
#[derive(Default)]
pub(crate) struct Flows(HashMap<Key, Flow>);

impl Flows {
    /// The packet with these bytes, the IP header first; `None` if it is neither TCP nor UDP. It is counted.
    pub(crate) fn packet(&mut self, from: Side, bytes: &[u8]) -> Option<Packet> {
        let sliced = SlicedPacket::from_ip(bytes).ok()?;
        let is_ipv6 = matches!(sliced.net, Some(NetSlice::Ipv6(_)));
        let (ports, is_tcp, has_data) = match sliced.transport? {
            TransportSlice::Tcp(tcp) => {
                ((tcp.source_port(), tcp.destination_port()), true, !tcp.payload().is_empty())
            }
            TransportSlice::Udp(udp) => ((udp.source_port(), udp.destination_port()), false, true),
            TransportSlice::Icmpv4(_) | TransportSlice::Icmpv6(_) | TransportSlice::Igmp(_) => return None,
        };
        let (client, server) = if from == Side::Client { ports } else { (ports.1, ports.0) };
        let number = self.0.len();
        let new = || Flow { number, sent: HashMap::new() };
        let flow = self.0.entry((client, server, is_tcp, is_ipv6)).or_insert_with(new);
        let sent = flow.sent.entry(from).or_default();
        *sent += usize::from(has_data);
        Some(Packet { from, flow: flow.number, nth: if has_data { *sent } else { 0 } })
    }
}
