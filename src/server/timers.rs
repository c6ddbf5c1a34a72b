//! Which deadline runs in which state of a connection.

use std::time::{Duration, Instant};

use super::deadlines::Deadlines;
use crate::protocol::state::connection::State;

/// How long a connection may linger, in all.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

/// What the passing of time means for a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// The name gap passed without another byte.
    Silence,
    /// The state has lasted as long as it may.
    Deadline,
}

/// One list of deadlines for each state, and one for the name gap, which runs beside the name's own.
#[derive(Debug)]
pub(crate) struct Timers {
    name: Deadlines,
    gap: Deadlines,
    write: Deadlines,
    linger: Deadlines,
}

impl Timers {
    pub(crate) fn new(name_timeout: Duration, name_gap: Duration, write_timeout: Duration) -> Timers {
        Timers {
            name: Deadlines::new(name_timeout),
            gap: Deadlines::new(name_gap),
            write: Deadlines::new(write_timeout),
            linger: Deadlines::new(LINGER_TIMEOUT),
        }
    }

    /// Sets the deadlines of a connection that waits in `state`. That of the state runs from the first
    /// call on and is never extended; that of the name gap begins anew when the name has grown.
    pub(crate) fn arm(&mut self, key: usize, state: State, name_grew: bool, now: Instant) {
        let list = match state {
            State::ReadingName => &mut self.name,
            State::WritingWelcome => &mut self.write,
            State::Lingering => &mut self.linger,
            State::Closed => return,
        };
        if !list.is_armed(key) {
            list.arm(key, now);
        }
        if state == State::ReadingName {
            if name_grew {
                self.gap.arm(key, now);
            }
            return;
        }
        self.name.disarm(key);
        self.gap.disarm(key);
        if state == State::Lingering {
            self.write.disarm(key);
        }
    }

    /// Forgets a connection.
    pub(crate) fn disarm(&mut self, key: usize) {
        for list in [&mut self.name, &mut self.gap, &mut self.write, &mut self.linger] {
            list.disarm(key);
        }
    }

    /// The first moment at which anything is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        [&self.name, &self.gap, &self.write, &self.linger].into_iter().filter_map(Deadlines::next).min()
    }

    /// Takes the next connection that something is due for: what was due first comes first, however late
    /// it is looked for. At the same moment a name's deadline comes before its gap.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<(usize, Due)> {
        let Timers { name, gap, write, linger } = self;
        let lists =
            [(name, Due::Deadline), (gap, Due::Silence), (write, Due::Deadline), (linger, Due::Deadline)];
        let armed = lists.into_iter().filter_map(|(list, due)| Some((list.next()?, list, due)));
        let (_, list, due) = armed.min_by_key(|(next, _, _)| *next)?;
        Some((list.expire(now)?, due))
    }
}
