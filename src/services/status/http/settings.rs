//! The names, the timeouts, and how many may watch.

use std::time::Duration;

/// What an operator can choose of how the status is served.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The names that mean this server, besides addresses and `localhost`: see [`is_ours`](super::host::is_ours). None.
    pub names: Vec<String>,
    /// A request has to end this long after its first byte. 10 s.
    pub request_timeout: Duration,
    /// A connection without a request is closed after this long. 60 s.
    pub idle_timeout: Duration,
    /// An answer or an event has to leave within this time. 30 s.
    pub write_timeout: Duration,
    /// From one event to the next. 1 s.
    pub tick: Duration,
    /// The most clients that watch at a time. 16.
    pub watchers_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            names: Vec::new(),
            request_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            tick: Duration::from_secs(1),
            watchers_max: 16,
        }
    }
}
