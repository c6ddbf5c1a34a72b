//! How long to drain, how many clients wait, and the permissions of a path.

use std::time::Duration;

/// What an operator can choose of the loop itself. The defaults are those of the server program.
///
/// ```
/// use std::time::Duration;
/// use welcomed::reactor::Settings;
///
/// let mut settings = Settings::default();
/// settings.drain_timeout = Duration::from_secs(30);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// After a request to stop, open connections have this long to finish. 5 s.
    pub drain_timeout: Duration,
    /// A stopping server goes on accepting until no client has come for so long: the handshake of a client whose connect(2)
    /// has returned can still be on its way. `None` is 1 s at a socket that can be reached from elsewhere, and no time at
    /// one of the loopback or the Unix domain. `drain_timeout` ends it, too: then those are served that can be waiting at
    /// once.
    pub drain_quiet: Option<Duration>,
    /// How many clients can wait to be accepted, for each listening socket (listen(2)). 4,096.
    pub backlog: u32,
    /// The permissions of a socket that has a path (chmod(2)). 0660.
    pub unix_mode: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { drain_timeout: Duration::from_secs(5), drain_quiet: None, backlog: 4096, unix_mode: 0o660 }
    }
}
