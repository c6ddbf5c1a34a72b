//! The two programs as users run them: real processes, real sockets, real signals.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has to fail"
)]

mod browser;
mod process;
mod tied;

mod program {
    // What the tests stand on.
    mod client_program;
    mod errors;
    mod fault_run;
    pub(crate) mod folder;
    mod sandbox;
    mod socket_client;
    mod tracer;

    // The server.
    mod command_lines;
    mod datagram_log;
    mod descriptors;
    mod drain;
    mod false_answers;
    mod injection;
    mod late_input;
    mod leftovers;
    mod log;
    mod many_pipes;
    mod netcat;
    mod prometheus;
    mod shares;
    mod signals;
    mod starting;
    pub(crate) mod status;
    mod status_clients;
    mod status_load;
    mod status_prometheus;
    mod status_proxies;
    mod system_calls;
    mod tcp_clients;
    mod unix_answers;
    mod unix_crowd;
    mod unix_hung;
    mod unix_long_paths;
    mod unix_paths;
    mod unix_races;
    mod unix_starts;
    mod urgent;
    mod values;

    // The client.
    mod client;
    mod client_datagrams;
    mod client_expect;
    mod client_kinds;
    mod client_peers;
    mod client_raw;
    mod client_self;
    mod client_unreachable;

    // Both.
    mod standard_streams;
    mod zones;
}
