//! The programs over a network with delay, loss and disorder: what loopback cannot show.
//!
//! A `Network` is two network namespaces, one for the server and one for its clients. Each has a TUN device. A thread of
//! the test carries the packets from one device to the other: later, twice, in another order or not at all, as a rule
//! says. Both ends are the real kernel, and no packet leaves the test.
//!
//! A test with a network of its own:
//!
//! ```ignore
//! // The first segment with data from the server of each connection is lost. The others take 10 ms each way.
//! let rule = |packet: &Packet| if packet.is(Side::Server, 1) { Fate::Lost } else { Fate::Passes };
//! let Some(network) = Network::new(Duration::from_millis(10), rule) else { return };
//! let server = network.serve(IPV4, &["--name-gap", "60s"]);
//! let client = network.at_client(|| server.send(b"Ada\n"));
//! assert_eq!(answer(client), "welcome ");
//! assert_eq!(network.lost(), 1);
//! ```
//!
//! * A socket belongs to the network of the thread that opens it, wherever it is used later. So open it, and start a
//!   process, within `at_client` or `at_server`.
//! * A rule knows the flow of a packet, the side that sends it, and its number among the packets with data of that side.
//!   Let it depend on these alone, and not on the time or on what passed before: then a test does the same at each run.
//!   `chance` is random and does.
//! * Late data are sent again: by the kernel's loss probe after two round trips, and for sure after one and 200 ms. Such
//!   a copy has a number of its own, and the rule for the first does not hold for it.
//! * Time is real. A test may say that something takes at least so long, and never at most.
//! * It takes root, iproute2 and `/dev/net/tun`. Without them a test says `NOT TESTED`. With musl there is no such test,
//!   because the library for the devices does not build.

#![cfg(not(target_env = "musl"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

mod process;
mod tied;

mod relay {
    // The relay.
    mod carrier;
    mod namespace;
    mod network;
    mod packet;
    mod rule;

    // The tests.
    mod crowd;
    mod datagrams;
    mod far;
    mod forged;
    mod itself;
    mod late_input;
    mod loss;
    mod stopping;
}
