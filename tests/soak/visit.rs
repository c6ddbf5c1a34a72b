//! What comes of a visit: its outcome for the client, and what the server may count.

/// What the server may count for a connection or a datagram: one of these counts. Here `welcomed` are those that did not
/// linger.
pub(crate) type Fate = &'static [&'static str];

pub(crate) const WELCOMED: Fate = &["welcomed"];
pub(crate) const LINGERED: Fate = &["lingered"];
/// More than a name was sent, and it depends on the moment whether the server sees it.
pub(crate) const WELCOMED_OR_LINGERED: Fate = &["welcomed", "lingered"];
/// The client left, and it depends on the moment what the server notices.
pub(crate) const LEFT: Fate = &["welcomed", "failed"];
/// It left with a reset, which can take it away before it is accepted.
pub(crate) const RESET: Fate = &["welcomed", "failed", "accept errors"];
/// It did so before it sent a byte.
pub(crate) const RESET_AT_ONCE: Fate = &["without a name", "accept errors"];
pub(crate) const WITHOUT_A_NAME: Fate = &["without a name"];
pub(crate) const TIMED_OUT: Fate = &["timed out"];
pub(crate) const UNANSWERABLE: Fate = &["unanswerable"];
pub(crate) const ECHO: Fate = &["echoes"];
/// A raw packet for which the server's socket had no room: it is under no count.
pub(crate) const LOST: Fate = &["lost"];
/// A raw packet whose client does not wait for an answer. So it does not notice if there was no room.
pub(crate) const WELCOMED_OR_LOST: Fate = &["welcomed", "lost"];
/// Another packet of a client of which one is lost.
pub(crate) const ANY_OR_LOST: Fate = &["welcomed", "echoes", "lost"];
/// The client itself was late.
pub(crate) const LATE: Fate =
    &["welcomed", "lingered", "without a name", "timed out", "failed", "accept errors"];

/// The outcome of one visit.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    AsPromised,
    /// The client itself was late, so that no answer can be expected.
    Excused,
    /// Input behind the name came after the server's last look, and a segment of the welcome later than the reset that this
    /// causes. Then the welcome is not promised (README.md).
    Overtaken,
    /// A raw packet found no room, as the kernel says: delivery is not sure.
    Lost,
    /// The answer was wrong.
    Broken(String),
}

/// One visit: its outcome, and the fates of its connections and datagrams.
pub(crate) struct Visit {
    pub(crate) outcome: Outcome,
    pub(crate) fates: Vec<Fate>,
}
