//! One conversation without a kernel and a loop.

use std::time::Instant;

use crate::machine::{ArrowOf, Moved, Table};
use crate::net::Cause;
use crate::reactor::service::{Input, Step, StreamService, Then, Wait, Want};

/// A session of a stream service that is asked and told by [the law](crate::reactor::service), step by step as a test
/// says. For property tests and fuzzing.
///
/// Input waits, as it does in a kernel, while the session writes; what was not taken is offered again.
///
/// # Panics
///
/// Each method does if the service breaks the law.
///
/// ```
/// use std::time::Instant;
/// use welcomed::services::welcome::{Settings, WelcomeStreams};
/// use welcomed::simulation::Conversation;
///
/// let mut service = WelcomeStreams::new(Settings::default());
/// let mut conversation = Conversation::new(&mut service, Instant::now());
/// conversation.receives(b"Rafa");
/// conversation.receives(b"tul\nmore");
/// conversation.sends_all();
/// assert_eq!(conversation.output(), b"welcome ");
/// assert_eq!(conversation.unread(), b"more");
/// ```
pub struct Conversation<'a, S: StreamService> {
    service: &'a mut S,
    session: S::Session,
    now: Instant,
    at: <S::Table as Table>::State,
    /// What has come and was not offered yet.
    inbox: Vec<u8>,
    /// What was offered and not taken, and whether it can be offered again without more.
    untaken: Vec<u8>,
    offer: bool,
    has_ended: bool,
    end_was_told: bool,
    /// How much of the present output has left, and all that has.
    sent: usize,
    output: Vec<u8>,
    arrows: Vec<ArrowOf<S::Table>>,
}

impl<'a, S: StreamService> Conversation<'a, S> {
    /// A session that is new. It is told that it is `now` at every step.
    pub fn new(service: &'a mut S, now: Instant) -> Self {
        Conversation {
            service,
            session: S::Session::default(),
            now,
            at: S::Table::START,
            inbox: Vec::new(),
            untaken: Vec::new(),
            offer: false,
            has_ended: false,
            end_was_told: false,
            sent: 0,
            output: Vec::new(),
            arrows: Vec::new(),
        }
    }

    /// These bytes come, behind those that came before.
    pub fn receives(&mut self, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
        self.advance();
    }

    /// A record comes. Gives whether the session wanted to read: if not, the record is not told.
    pub fn receives_record(&mut self, record: &[u8]) -> bool {
        let Want::Read { room } = self.want() else { return false };
        let bytes = record.get(..room).unwrap_or(record);
        self.tell(Input::Record { bytes, truncated: record.len() > room });
        true
    }

    /// No more input comes.
    pub fn ends(&mut self) {
        self.has_ended = true;
        self.advance();
    }

    /// The timer over this wait has run out. Gives whether the session has declared it: if not, it is not told.
    pub fn elapses(&mut self, wait: Wait) -> bool {
        let before = self.service.timers(&self.session);
        let Some(timer) = before.into_iter().flatten().find(|timer| timer.wait == wait) else { return false };
        let arrows = self.arrows.len();
        self.tell(Input::Elapsed(wait));
        let goes_on = self.service.timers(&self.session).contains(&Some(timer));
        assert!(
            self.arrows.len() > arrows || !goes_on,
            "a timer ran out, and it neither moves nor starts the timer anew"
        );
        self.advance();
        true
    }

    /// At most so many bytes of the present output leave. Gives how many did.
    pub fn sends(&mut self, most: usize) -> usize {
        let Want::Write { bytes, then } = self.service.want(&self.session) else { return 0 };
        let rest = bytes.get(self.sent..).unwrap_or_default();
        let rest = rest.get(..most).unwrap_or(rest);
        self.output.extend_from_slice(rest);
        let leaves = rest.len();
        self.sent += leaves;
        if self.sent == bytes.len() {
            self.sent = 0;
            let arrows = self.arrows.len();
            self.tell(Input::Sent);
            assert!(self.arrows.len() > arrows, "its output has left, and it does not move");
            let keeps = match then {
                Then::Read => true,
                Then::More => matches!(self.want(), Want::Write { .. }),
                Then::Shut => matches!(self.want(), Want::Read { .. } | Want::Close),
                Then::Close => self.want() == Want::Close,
            };
            assert!(keeps, "its output has left, and what it said would follow does not");
            self.advance();
        }
        leaves
    }

    /// Every output leaves, until the session wants something else.
    pub fn sends_all(&mut self) {
        while let Want::Write { .. } = self.want() {
            self.sends(usize::MAX);
        }
    }

    /// Its stream fails, for this cause.
    pub fn fails(&mut self, cause: Cause) {
        self.is_finished_by(Input::Failed(cause));
    }

    /// The server does not wait any longer.
    pub fn is_stopped(&mut self) {
        self.is_finished_by(Input::Stopped);
    }

    /// What the session wants.
    pub fn want(&self) -> Want<'_> {
        self.service.want(&self.session)
    }

    /// The session.
    pub fn session(&self) -> &S::Session {
        &self.session
    }

    /// All output that has left.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// All input that has come and was not taken.
    pub fn unread(&self) -> Vec<u8> {
        [&self.untaken[..], &self.inbox[..]].concat()
    }

    /// The arrows that the session has taken.
    pub fn arrows(&self) -> &[ArrowOf<S::Table>] {
        &self.arrows
    }

    fn is_finished_by(&mut self, input: Input<'_>) {
        if self.want() != Want::Close {
            self.tell(input);
            assert!(self.want() == Want::Close, "it failed or was stopped, and does not close");
        }
    }

    /// Offers and reads for as long as the session wants to, and there is something.
    fn advance(&mut self) {
        while let Want::Read { room } = self.want() {
            let held = self.untaken.len();
            if !self.offer {
                assert!(!self.end_was_told, "its input has ended, and it wants to read");
                assert!(held < room, "it wants to read, and its room is full of what it did not take");
                let read = self.inbox.len().min(room - held);
                self.untaken.extend(self.inbox.drain(..read));
                if read == 0 && !self.has_ended {
                    return;
                }
                if read == 0 {
                    self.end_was_told = true;
                    let rest = std::mem::take(&mut self.untaken);
                    self.tell(Input::End(&rest));
                    continue;
                }
            }
            let bytes = std::mem::take(&mut self.untaken);
            let arrows = self.arrows.len();
            let taken = self.tell(Input::Bytes(&bytes));
            let Some(rest) = bytes.get(taken..) else { panic!("it took more bytes than it was offered") };
            self.untaken = rest.to_vec();
            self.offer = !rest.is_empty() && (taken > 0 || self.arrows.len() > arrows);
        }
    }

    fn tell(&mut self, input: Input<'_>) -> usize {
        let Step { taken, moved } = self.service.on(&mut self.session, input, self.now);
        self.moves(moved);
        taken
    }

    fn moves(&mut self, moved: Moved<S::Table>) {
        match moved {
            Ok(Some(arrow)) => {
                assert!(arrow.from == self.at, "it took an arrow that does not leave the state it stood in");
                self.at = arrow.to;
                self.offer = !self.untaken.is_empty();
                self.arrows.push(arrow);
            }
            Ok(None) => {}
            Err(no_arrow) => panic!("an event came that its table has no row for: {no_arrow}"),
        }
    }
}
