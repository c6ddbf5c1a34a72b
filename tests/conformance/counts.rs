//! The counts in a server's log.

use rustix::process::Signal;

use crate::process::{Server, until};

/// One line of counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Counts(String);

/// The end of a line of counts.
const END: &str = " accept pauses\n";

/// The labels of outcomes: each client is counted under one of them.
const OUTCOMES: [&str; 9] = [
    "welcomed",
    "without a name",
    "timed out",
    "failed",
    "stopped",
    "open",
    "dropped",
    "unanswerable",
    "echoes",
];

impl Counts {
    /// The last counts in a log.
    pub(crate) fn last(log: &str) -> Counts {
        let (_, counts) = log.rsplit_once("counts: ").expect("the log has no counts");
        Counts(counts.lines().next().unwrap().to_owned())
    }

    /// Asks a server for its counts.
    pub(crate) fn of(server: &Server) -> Counts {
        let before = server.log().matches(END).count();
        server.signal(Signal::USR1);
        until("the counts are logged", || server.log().matches(END).count() > before);
        Counts::last(&server.log())
    }

    /// The number before `label`.
    pub(crate) fn get(&self, label: &str) -> u64 {
        let (before, _) = self.0.split_once(&format!(" {label}")).unwrap();
        before.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
    }

    /// Fails unless `accepted` clients came, and each is counted under one outcome.
    pub(crate) fn add_up_to(&self, accepted: u64) {
        let all: u64 = OUTCOMES.iter().map(|outcome| self.get(outcome)).sum();
        assert_eq!((self.get("accepted"), all), (accepted, accepted), "{self:?}");
    }
}

/// Waits until `label` has reached `count`. Fails if it is more.
pub(crate) fn wait_for_count(server: &Server, label: &str, count: u64) -> Counts {
    let mut counts = Counts::of(server);
    until(&format!("{count} {label}"), || {
        counts = Counts::of(server);
        counts.get(label) >= count
    });
    assert_eq!(counts.get(label), count, "{label}: {counts:?}");
    counts
}
