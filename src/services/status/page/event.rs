//! What the page shows: all of it as JSON inside the page, for the first paint, and then once a second as an event from `/events`.
//! When none has come for six seconds, the page says so.
//!
//! Names and addresses are strangers' text. They come as the log has them ([`text::Escaped`](crate::text::Escaped)), and the
//! page shows them as text alone.

use serde::Serialize;

pub use crate::services::status::numbers::{Outcome, Places, Status};

/// A server at one moment.
#[derive(Clone, Default, Debug, Serialize)]
pub struct Event {
    /// The name of the program.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// How long the loop has existed. It goes back when the server was started again: then the page begins anew.
    pub age_seconds: f64,
    /// Whether the server stops.
    pub stopping: bool,
    /// The services, in their order.
    pub services: Vec<Service>,
    /// The tables, in the order of the page's pictures: of each service that of its conversations and that of its streams, and
    /// at the end that of the sockets.
    pub machines: Vec<Machine>,
    /// The sockets that clients come to.
    pub sockets: Vec<Socket>,
    /// What the kernel lost before the server could accept it, if it tells.
    pub losses: Option<Losses>,
    /// Lines that the log had no room for.
    pub log_lines_dropped: u64,
    /// The descriptors of the process, if the system tells.
    pub descriptors: Option<Descriptors>,
    /// The memory of the process that is resident, if the system tells.
    pub memory_bytes: Option<u64>,
    /// The turns of the loop.
    pub turns: Turns,
    /// The service that shows this.
    pub status: Status,
    /// The last five minutes, oldest first: all of them in the page and in the first event of a connection, and later what came
    /// since the event before. Of points with the same age the page takes the first.
    pub curve: Vec<Point>,
    /// The recent conversations, unless nothing is recorded.
    pub record: Option<Record>,
}

/// A service.
#[derive(Clone, Default, Debug, Serialize)]
pub struct Service {
    /// What its clients are, such as `connection`.
    pub title: String,
    /// Clients accepted, or datagrams received.
    pub accepted: u64,
    /// Clients without an outcome yet.
    pub open: u64,
    /// The places of its connections. `None` if its clients do not connect.
    pub places: Option<Places>,
    /// What became of its clients, in the order of its table.
    pub outcomes: Vec<Outcome>,
    /// Clients that were reset, because their source had its share of the places.
    pub refused: u64,
    /// Conversations that were ended because the service broke the law.
    pub broken: u64,
    /// Clients that were lost before they could be accepted.
    pub accept_errors: u64,
    /// How often accepting or receiving paused.
    pub pauses: u64,
}

/// A table with the counts of its arrows.
#[derive(Clone, Default, Debug, Serialize)]
pub struct Machine {
    /// What moves through it, such as `stream`. It is the heading of the picture.
    pub title: String,
    /// How often each arrow was taken, in the order of the table.
    pub taken: Vec<u64>,
    /// How many stand in each state, in the order of the table. In an end it is how many have come there.
    pub standing: Vec<u64>,
}

/// A socket that clients come to.
#[derive(Clone, Default, Debug, Serialize)]
pub struct Socket {
    /// Its address, such as `tcp://127.0.0.1:9999`.
    pub address: String,
    /// Its state in words, such as `listening`.
    pub state: String,
    /// The clients that wait to be accepted, if the system tells.
    pub waiting: Option<u64>,
    /// How many may wait, if the system tells.
    pub backlog: Option<u64>,
    /// What it dropped: handshakes that found its accept queue full, or datagrams that found no room, if the system tells.
    pub dropped: Option<u64>,
}

/// What the kernel counts of all sockets of the network namespace, since it exists.
#[derive(Clone, Copy, Default, Debug, Serialize)]
pub struct Losses {
    /// How often an accept queue was full (`ListenOverflows`).
    pub overflowed: u64,
    /// How many handshakes were dropped, those among them (`ListenDrops`). A client whose handshake is dropped tries again, and
    /// is counted each time.
    pub dropped: u64,
    /// How many first packets were sent again (`TCPSynRetrans`).
    pub syns_sent_again: u64,
}

/// The descriptors of the process.
#[derive(Clone, Copy, Default, Debug, Serialize)]
pub struct Descriptors {
    /// Those that are open.
    pub open: u64,
    /// How many there may be.
    pub limit: u64,
}

/// The turns of the loop, without the wait.
#[derive(Clone, Copy, Default, Debug, Serialize)]
pub struct Turns {
    /// How many there were.
    pub count: u64,
    /// How long all of them lasted together.
    pub total_seconds: f64,
    /// How long the longest lasted.
    pub longest_seconds: f64,
}

/// A second of the curve.
#[derive(Clone, Copy, Default, Debug, Serialize)]
pub struct Point {
    /// The age of the loop at its end.
    pub age_seconds: f64,
    /// Clients accepted and datagrams received per second.
    pub visits: f64,
    /// Open connections at its end.
    pub open: u64,
}

/// The recent conversations. The newest, the longest and the newest stand first.
#[derive(Clone, Default, Debug, Serialize)]
pub struct Record {
    /// Those that began last.
    pub last: Vec<Conversation>,
    /// Those that lasted longest.
    pub slowest: Vec<Conversation>,
    /// Those that failed last.
    pub failed: Vec<Conversation>,
}

/// A conversation.
#[derive(Clone, Default, Debug, Serialize)]
pub struct Conversation {
    /// Its number: its story is at `/connections/NUMBER`.
    pub number: u64,
    /// The age of the loop when it began, if the record reaches back to that, or the conversation is over.
    pub began_seconds: Option<f64>,
    /// The same as a calendar has it, in UTC (RFC 3339), if that is known.
    pub began_utc: Option<String>,
    /// How long it has lasted, or lasted, if that is known.
    pub lasted_seconds: Option<f64>,
    /// The state that it stands in, or what became of it.
    pub state: String,
    /// The address of the client. `None` where strangers' text is not shown.
    pub peer: Option<String>,
    /// What the client called itself. `None` where strangers' text is not shown, or if it has not said.
    pub name: Option<String>,
    /// The address of the socket that it came to.
    pub endpoint: String,
}

impl Event {
    /// As JSON in one line that can stand in a `<script>` of a page: it has no `<`.
    #[must_use]
    pub fn json(&self) -> String {
        let json = serde_json::to_string(self);
        debug_assert!(json.is_ok(), "each member can be written");
        // In JSON these are parts of strings alone.
        let escape = |c| match c {
            '<' => Some("\\u003c"),
            '>' => Some("\\u003e"),
            '&' => Some("\\u0026"),
            '\u{2028}' => Some("\\u2028"),
            '\u{2029}' => Some("\\u2029"),
            _ => None,
        };
        let mut safe = String::new();
        for c in json.unwrap_or_default().chars() {
            match escape(c) {
                Some(escape) => safe.push_str(escape),
                None => safe.push(c),
            }
        }
        safe
    }

    /// As a server-sent event (`text/event-stream`).
    #[must_use]
    pub fn message(&self) -> String {
        format!("data: {}\n\n", self.json())
    }
}
