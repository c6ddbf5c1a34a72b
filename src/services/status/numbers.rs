//! All numbers that are shown, as one value: `/counts.json` is this, and the other ways to show them are made of it.
//!
//! No number here is of one client, and no text is a stranger's. What the system does not tell is left out.

mod joining;
#[cfg(test)]
mod schema;

use serde::Serialize;

use super::http::Served;

/// What the server does, in numbers. All counts are since its start.
#[derive(Clone, PartialEq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Numbers {
    /// The name of the server.
    pub name: String,
    /// The version of the server.
    pub version: String,
    /// How long the server has existed, in seconds.
    pub age_seconds: f64,
    /// Whether the server stops.
    pub stopping: bool,
    /// What is served.
    pub services: Vec<Service>,
    /// The sockets that clients come to, in the order in which the server began to listen at them.
    pub sockets: Vec<Socket>,
    /// The table of these sockets, with all of them counted.
    pub server_socket: Machine,
    /// How long the turns of the loop lasted, without the wait.
    pub turns: Turns,
    /// The service that shows this.
    pub status: Status,
    /// The log, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Log>,
    /// What the system tells of the process. What it does not tell is left out.
    pub process: Process,
    /// What the system tells of the network namespace that the server is in. What it does not tell is left out.
    pub network_namespace: NetworkNamespace,
}

/// What is served: connections or datagrams.
#[derive(Clone, PartialEq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Service {
    /// Its name, which no other service has.
    pub name: String,
    /// Clients accepted, or datagrams received. Each is one of the outcomes, or refused, broken or open.
    pub accepted: u64,
    /// What became of them.
    pub outcomes: Vec<Outcome>,
    /// Clients that were reset, because their source had its share of the places.
    pub refused: u64,
    /// Conversations that were ended because of a bug of the server.
    pub broken: u64,
    /// Clients without an outcome yet.
    pub open: u64,
    /// Clients that were lost before they could be accepted.
    pub accept_errors: u64,
    /// How often accepting or receiving paused.
    pub accept_pauses: u64,
    /// The places for connections, if clients connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub places: Option<Places>,
    /// Its tables: of conversations, and of streams if clients connect.
    pub machines: Vec<Machine>,
}

/// What became of so many clients.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Outcome {
    /// The name of the outcome.
    pub name: String,
    /// How many clients it became of.
    pub count: u64,
}

/// Places for connections.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Places {
    /// Those that are taken, by lingering connections too.
    pub taken: u64,
    /// All of them.
    pub all: u64,
}

/// A state machine with the counts of its arrows.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Machine {
    /// What moves through it.
    pub name: &'static str,
    /// Its states. The first is the start.
    pub states: Vec<State>,
    /// Its arrows, each with how often it was taken.
    pub arrows: Vec<Arrow>,
}

/// A state.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct State {
    /// Its name.
    pub name: &'static str,
    /// Whether no arrow leaves it.
    pub end: bool,
    /// How many stand in it. In an end it is how many have come there.
    pub standing: u64,
}

/// An arrow.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Arrow {
    /// The name of the state that it leaves.
    pub from: &'static str,
    /// What happens.
    pub event: &'static str,
    /// The name of the state that it leads to.
    pub to: &'static str,
    /// How often it was taken.
    pub count: u64,
}

/// A socket that clients come to.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Socket {
    /// Its address, such as `tcp://127.0.0.1:9999`.
    pub address: String,
    /// The name of the service that it serves.
    pub service: String,
    /// The name of the state that it stands in.
    pub state: String,
    /// The clients that wait to be accepted, of a listening TCP socket. Left out if the system does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept_queue: Option<AcceptQueue>,
    /// What this socket dropped: segments of handshakes that found the accept queue full, or datagrams that found the receive
    /// buffer full. A client sends the former again. It starts again at 2^32. Left out if the system does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drops: Option<u64>,
}

/// Clients that wait to be accepted.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AcceptQueue {
    /// How many wait.
    pub waiting: u64,
    /// Above so many, handshakes are dropped.
    pub limit: u64,
}

/// How long the turns of the loop lasted, without the wait.
#[derive(Clone, PartialEq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Turns {
    /// How many there were.
    pub count: u64,
    /// How long all of them lasted together, in seconds.
    pub total_seconds: f64,
    /// How long the longest lasted, in seconds.
    pub longest_seconds: f64,
    /// How many lasted how long.
    pub buckets: Vec<TurnBucket>,
}

/// Turns that lasted about equally long.
#[derive(Clone, Copy, PartialEq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TurnBucket {
    /// Each lasted less than this, in seconds, and not less than the bucket before says. The last has no such bound.
    pub below_seconds: Option<f64>,
    /// How many there were.
    pub count: u64,
}

/// What the service that shows this has done itself. None of its clients is among those of the other services.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Status {
    /// Requests that were answered.
    pub requests: u64,
    /// Requests that were refused because their host is not this server (421).
    pub misdirected: u64,
    /// Requests that were refused for another reason.
    pub refused: u64,
    /// Clients that watch.
    pub watchers: u64,
    /// The most clients that may watch.
    pub watchers_limit: u64,
    /// The places for its connections, if they are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub places: Option<Places>,
}

/// The log.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Log {
    /// Lines that are not in the log, because it did not take them in time.
    pub lines_dropped: u64,
    /// Text that waits to be written, in bytes.
    pub queued_bytes: u64,
}

/// What the system tells of the process.
#[derive(Clone, Copy, PartialEq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Process {
    /// Descriptors that are open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_descriptors: Option<u64>,
    /// How many may be open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub descriptor_limit: Option<u64>,
    /// Memory that is in RAM, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resident_bytes: Option<u64>,
    /// Time of the processor for the process itself, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_user_seconds: Option<f64>,
    /// Time of the processor that the kernel took for the process, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_system_seconds: Option<f64>,
    /// When the process started, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time_seconds: Option<f64>,
}

/// What happened in the whole network namespace, and so not to this server alone. In a container it is the container's, and
/// without one it is the machine's.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NetworkNamespace {
    /// Handshakes that found an accept queue full (`ListenOverflows` of `/proc/net/netstat`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen_overflows: Option<u64>,
    /// Handshakes that were dropped, those above among them (`ListenDrops`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen_drops: Option<u64>,
    /// Retransmission timers of TCP that ran out (`TCPTimeouts`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_timeouts: Option<u64>,
    /// Segments of handshakes that were sent again, of connections in either direction (`TCPSynRetrans`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syn_retransmits: Option<u64>,
    /// Segments of TCP that were sent again, those above among them (`RetransSegs` of `/proc/net/snmp`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retransmitted_segments: Option<u64>,
    /// Datagrams of UDP over IPv4 that found a receive buffer full (`RcvbufErrors`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udp_receive_buffer_errors: Option<u64>,
}

/// What a program tells of itself.
#[derive(Clone, Copy, Default, Debug)]
pub struct Told<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Its log, if it has one.
    pub log: Option<Log>,
    /// What the service that shows it has done.
    pub served: Served,
}

impl Places {
    /// Whether there are any, and all of them are taken.
    #[must_use]
    pub fn is_full(self) -> bool {
        self.all > 0 && self.taken >= self.all
    }
}

impl Numbers {
    /// The numbers as JSON, which `docs/counts.schema.json` describes.
    ///
    /// Fails where a number has no JSON, as no count has.
    pub fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }
}
