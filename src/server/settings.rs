//! What an operator can choose.

use std::time::Duration;

use crate::protocol::Welcome;

/// What an operator can choose. The defaults are those of the server program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// What is answered.
    pub welcome: Welcome,
    /// A name that has begun ends when nothing comes for this long. The default, 50 ms, is just over a
    /// delayed ACK of 40 ms. Zero: it ends when the socket runs dry, which is the lab report's own rule.
    pub name_gap: Duration,
    /// A name has to end this long after its client was accepted.
    pub name_timeout: Duration,
    /// A welcome has to be taken this long after it could not be sent at once.
    pub write_timeout: Duration,
    /// After a signal to stop, open connections have this long to finish.
    pub drain_timeout: Duration,
    /// The most connections that are open at a time; further clients wait in the backlog.
    pub max_connections: usize,
    /// How many clients can wait to be accepted, for each listening socket (listen(2)).
    pub backlog: u32,
    /// The permissions of a socket that has a path (chmod(2)).
    pub unix_mode: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            welcome: Welcome::default(),
            name_gap: Duration::from_millis(50),
            name_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(5),
            max_connections: 1024,
            backlog: 4096,
            unix_mode: 0o660,
        }
    }
}
