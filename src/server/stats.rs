//! The counts, folded over the arrows that connections take.

use std::fmt;

use crate::protocol::state::connection::{Arrow, Event, State};

/// What became of the clients so far.
///
/// Every accepted client, and every datagram, is counted once among [`welcomed`](Stats::welcomed),
/// [`without_name`](Stats::without_name), [`timed_out`](Stats::timed_out), [`failed`](Stats::failed),
/// [`dropped`](Stats::dropped), [`unanswerable`](Stats::unanswerable), [`echoes`](Stats::echoes),
/// [`stopped`](Stats::stopped) and [`open`](Stats::open). An open client is one whose welcome is still
/// to come.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    accepted: u64,
    arrows: [[u64; Event::ALL.len()]; State::ALL.len()],
    accept_errors: u64,
    pauses: u64,
}

impl Stats {
    /// Clients accepted, and datagrams received.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Clients whose whole welcome was handed to the kernel.
    #[must_use]
    pub fn welcomed(&self) -> u64 {
        self.count(State::WritingWelcome, Event::WelcomeSent) + self.lingered()
    }

    /// Of the welcomed, those that sent more than a name.
    #[must_use]
    pub fn lingered(&self) -> u64 {
        self.count(State::WritingWelcome, Event::WelcomeSentInputLeft)
    }

    /// Clients that ended their input before the first byte: health checks, port scans.
    #[must_use]
    pub fn without_name(&self) -> u64 {
        self.count(State::ReadingName, Event::NoName)
    }

    /// Clients that took too long over their name or over taking the welcome.
    #[must_use]
    pub fn timed_out(&self) -> u64 {
        self.before_welcomed(Event::Deadline)
    }

    /// Clients whose connection failed before they were welcomed, as a rule by a reset.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.before_welcomed(Event::Failed)
    }

    /// Datagrams whose welcome the kernel had no room for.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.count(State::WritingWelcome, Event::NoRoom)
    }

    /// Datagrams whose sender has no name of its own, and so could not be answered.
    #[must_use]
    pub fn unanswerable(&self) -> u64 {
        self.count(State::WritingWelcome, Event::NoReturnAddress)
    }

    /// Datagrams that were not answered because that could go on for ever: they say what a welcome server says,
    /// or the same over and over, or come from the port of a service.
    #[must_use]
    pub fn echoes(&self) -> u64 {
        self.count(State::ReadingName, Event::Echo)
    }

    /// Clients that were not finished when the server stopped waiting for them.
    #[must_use]
    pub fn stopped(&self) -> u64 {
        self.before_welcomed(Event::Stopped)
    }

    /// Clients that are accepted and of whom none of the above is true yet.
    #[must_use]
    pub fn open(&self) -> u64 {
        let without_welcome = self.without_name() + self.timed_out() + self.failed() + self.stopped();
        let datagrams = self.dropped() + self.unanswerable() + self.echoes();
        self.accepted - self.welcomed() - without_welcome - datagrams
    }

    /// Clients that were lost before they could be accepted, by an error of accept(2) that was theirs, and
    /// datagrams that could not be received.
    #[must_use]
    pub fn accept_errors(&self) -> u64 {
        self.accept_errors
    }

    /// How often accepting or receiving paused because the system was out of descriptors or memory, or could not watch
    /// a client that had been accepted.
    #[must_use]
    pub fn pauses(&self) -> u64 {
        self.pauses
    }

    /// How often connections went along the arrow that leaves `state` on `event`.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "the array has a cell for every pair")]
    pub fn count(&self, state: State, event: Event) -> u64 {
        self.arrows[state as usize][event as usize]
    }

    pub(crate) fn client_accepted(&mut self) {
        self.accepted += 1;
    }

    #[expect(clippy::indexing_slicing, reason = "the array has a cell for every pair")]
    pub(crate) fn arrow_taken(&mut self, arrow: Arrow) {
        self.arrows[arrow.from as usize][arrow.event as usize] += 1;
    }

    pub(crate) fn accept_failed(&mut self) {
        self.accept_errors += 1;
    }

    pub(crate) fn accept_paused(&mut self) {
        self.pauses += 1;
    }

    /// Writes the counts to the log. They are asked for, so `logging` lets this module's lines pass even
    /// when it is told to be quiet.
    pub(crate) fn say(&self) {
        log::info!("counts: {self}");
    }

    fn before_welcomed(&self, event: Event) -> u64 {
        self.count(State::ReadingName, event) + self.count(State::WritingWelcome, event)
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} accepted: {} welcomed ({} lingered), {} without a name, {} timed out, {} failed, {} stopped, {} open; \
             {} dropped, {} unanswerable, {} echoes; {} accept errors, {} accept pauses",
            self.accepted(),
            self.welcomed(),
            self.lingered(),
            self.without_name(),
            self.timed_out(),
            self.failed(),
            self.stopped(),
            self.open(),
            self.dropped(),
            self.unanswerable(),
            self.echoes(),
            self.accept_errors(),
            self.pauses(),
        )
    }
}
