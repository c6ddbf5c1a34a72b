//! The text, the gap and the timeouts.

use std::time::Duration;

use super::text::Welcome;

/// What an operator can choose of the welcome. The defaults are those of the server program.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// What is answered.
    pub welcome: Welcome,
    /// A name that has begun ends when nothing comes for this long. The default, 50 ms, is just over a
    /// delayed ACK of 40 ms. Over TCP it lasts two round trips and 20 ms at least. Zero: it ends when the socket runs dry, which is the lab report's own rule.
    pub name_gap: Duration,
    /// A name has to end this long after its client was accepted; where silence ends it, its last byte has to have come by then. 60 s. Where the
    /// gap is as long, silence ends no name.
    pub name_timeout: Duration,
    /// A welcome has to be taken this long after it could not be sent at once. 10 s.
    pub write_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            welcome: Welcome::default(),
            name_gap: Duration::from_millis(50),
            name_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(10),
        }
    }
}

impl Settings {
    /// Whether a name can end by silence.
    pub(super) fn silence_ends_names(&self) -> bool {
        self.name_gap < self.name_timeout
    }
}
