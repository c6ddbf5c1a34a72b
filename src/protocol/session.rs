//! One conversation: a name in, a welcome out.
//!
//! The usage law: ask [`Session::want`], do just that, tell the session what came of it, and ask again.
//! Every call that can move the state machine gives the [`Arrow`] it moved along, if it did.

use super::state::connection::{Arrow, Event, Machine, State};
use super::welcome::Welcome;

/// The most bytes a name has; the last of them ends it.
pub const NAME_MAX_BYTES: usize = 1024;

/// What a session waits for. It follows from the state alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Want {
    /// Bytes or the end of input, for [`Session::receive`] and [`Session::receive_eof`].
    Read,
    /// To send what [`Session::outgoing`] holds, and to hear of it by [`Session::sent`].
    Write,
    /// Nothing more: close the stream.
    Close,
}

/// One conversation with one client, sans-IO.
///
/// It holds no buffer until a byte of the name has come.
///
/// ```
/// use welcomed::protocol::{Session, Want, Welcome};
///
/// let welcome = Welcome::default();
/// let mut session = Session::new();
/// assert_eq!(session.want(), Want::Read);
/// session.receive(b"Rafa", &welcome);
/// session.receive(b"tul\r\n", &welcome);
/// assert_eq!(session.want(), Want::Write);
/// assert_eq!((session.name(), session.outgoing()), (&b"Rafatul"[..], &b"welcome "[..]));
/// session.sent(8);
/// assert_eq!(session.want(), Want::Close);
/// ```
#[derive(Default, Debug)]
pub struct Session {
    machine: Machine,
    name: Vec<u8>,
    reply: Vec<u8>,
    sent: usize,
    /// Whether the client sends more than a name, as far as is known.
    input_left: bool,
}

impl Session {
    /// A conversation whose first byte has not come.
    #[must_use]
    pub fn new() -> Session {
        Session::default()
    }

    /// Where the conversation stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.machine.state()
    }

    /// What the session waits for.
    #[must_use]
    pub fn want(&self) -> Want {
        match self.state() {
            State::ReadingName | State::Lingering => Want::Read,
            State::WritingWelcome => Want::Write,
            State::Closed => Want::Close,
        }
    }

    /// The name as far as it has come, at most [`NAME_MAX_BYTES`]. Once it has ended, without its
    /// line end; empty again once the welcome is sent.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Takes bytes from the client.
    ///
    /// While the name is read they end it at the first line feed (a carriage return before it is
    /// dropped) or at byte 1,024, whichever comes first. What comes later is thrown away; if that is
    /// before the welcome is sent, the session knows that it has to linger.
    pub fn receive(&mut self, bytes: &[u8], welcome: &Welcome) -> Option<Arrow> {
        if self.state() != State::ReadingName {
            self.input_left |= !bytes.is_empty();
            return None;
        }
        let (bytes, beyond) = bytes.split_at(bytes.len().min(NAME_MAX_BYTES - self.name.len()));
        if let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            self.name.extend_from_slice(line);
            if self.name.last() == Some(&b'\r') {
                self.name.pop();
            }
            self.input_left = rest.len() > 1 || !beyond.is_empty();
            return self.name_ended(Event::LineEnd, welcome);
        }
        self.name.extend_from_slice(bytes);
        if self.name.len() < NAME_MAX_BYTES {
            return None;
        }
        // A name that had to be cut has, as a rule, more behind it, which may arrive between the last
        // look at the socket and its closing. So it lingers whether or not more is here already.
        self.input_left = true;
        self.name_ended(Event::NameFull, welcome)
    }

    /// Takes a record, of a socket that keeps boundaries: it is the name, whatever bytes it has, and it is
    /// cut to [`NAME_MAX_BYTES`]. An empty record is an empty name. One that comes after the name is thrown
    /// away as in [`Session::receive`].
    pub fn receive_record(&mut self, record: &[u8], welcome: &Welcome) -> Option<Arrow> {
        if self.state() != State::ReadingName {
            self.input_left = true;
            return None;
        }
        self.name.extend(record.iter().take(NAME_MAX_BYTES - self.name.len()));
        self.name_ended(Event::Record, welcome)
    }

    /// Takes the news that what came is no name but somebody's welcome, as far as can be known.
    pub fn echo(&mut self) -> Option<Arrow> {
        self.machine.on(Event::Echo)
    }

    /// Takes the end of the client's input: the end of the name if one has begun, no name at all if
    /// not, and the end of lingering.
    pub fn receive_eof(&mut self, welcome: &Welcome) -> Option<Arrow> {
        match (self.state(), self.name.is_empty()) {
            (State::ReadingName, true) => self.machine.on(Event::NoName),
            (State::ReadingName, false) => self.name_ended(Event::EndOfInput, welcome),
            (State::WritingWelcome | State::Lingering | State::Closed, _) => {
                self.machine.on(Event::EndOfInput)
            }
        }
    }

    /// Takes the news that nothing came for the name gap. It ends a name that has begun, and only that.
    pub fn silence(&mut self, welcome: &Welcome) -> Option<Arrow> {
        if self.name.is_empty() { None } else { self.name_ended(Event::Silence, welcome) }
    }

    /// What is still to be sent. Empty but while [`Want::Write`] is wanted; even then it can be empty,
    /// when the welcome is: [`Session::sent`] with 0 moves on.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        match self.want() {
            Want::Write => self.reply.get(self.sent..).unwrap_or_default(),
            Want::Read | Want::Close => &[],
        }
    }

    /// Takes the news that the first `bytes` of [`Session::outgoing`] have been handed to the kernel.
    pub fn sent(&mut self, bytes: usize) -> Option<Arrow> {
        self.sent = self.reply.len().min(self.sent + bytes);
        if self.sent < self.reply.len() {
            return None;
        }
        let event = if self.input_left { Event::WelcomeSentInputLeft } else { Event::WelcomeSent };
        let arrow = self.machine.on(event)?;
        // Lingering can last, and needs neither.
        (self.name, self.reply) = (Vec::new(), Vec::new());
        self.sent = 0;
        Some(arrow)
    }

    /// Takes the news that the kernel has no room for the welcome, and that it will not be tried again.
    pub fn no_room(&mut self) -> Option<Arrow> {
        self.machine.on(Event::NoRoom)
    }

    /// Takes the news that there is nowhere to send the welcome to.
    pub fn no_return_address(&mut self) -> Option<Arrow> {
        self.machine.on(Event::NoReturnAddress)
    }

    /// Takes the news that the present state has lasted as long as it may.
    pub fn deadline(&mut self) -> Option<Arrow> {
        self.machine.on(Event::Deadline)
    }

    /// Takes the news that reading, writing or watching the stream failed.
    pub fn fail(&mut self) -> Option<Arrow> {
        self.machine.on(Event::Failed)
    }

    /// Takes the news that the server will not wait any longer.
    pub fn stop(&mut self) -> Option<Arrow> {
        self.machine.on(Event::Stopped)
    }

    fn name_ended(&mut self, event: Event, welcome: &Welcome) -> Option<Arrow> {
        let arrow = self.machine.on(event)?;
        self.reply = welcome.to(&self.name);
        Some(arrow)
    }
}
