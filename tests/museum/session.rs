//! The plain loop's conversation: its table lingers by itself.

use welcomed::services::welcome::{NAME_MAX_BYTES, Welcome};

welcomed::machine! {
    "connection"
    states {
        /// The name has not ended yet.
        ReadingName = "reading name",
        /// The name has ended; its welcome has not left completely.
        WritingWelcome = "writing welcome",
        /// The welcome and the end of output have left; what still comes in is thrown away, because
        /// closing with unread input makes TCP send a reset (RFC 1122, 4.2.2.13), and a reset may
        /// destroy the welcome on its way.
        Lingering = "lingering",
        /// Over. No arrow leaves it.
        Closed = "closed",
    }
    events {
        /// A line feed ended the name.
        LineEnd = "line end",
        /// The 1,024th byte ended the name.
        NameFull = "1,024th byte",
        /// A record came, on a socket that keeps boundaries: it is the name.
        Record = "record",
        /// A datagram came that is somebody's welcome and nobody's name: to answer it could go on for ever.
        Echo = "echo",
        /// The client has shut its side. After the first byte of a name this ends the name.
        EndOfInput = "end of input",
        /// At least one byte came, and then nothing for the name gap.
        Silence = "silence",
        /// End of input before the first byte: a health check or a port scan, not a visitor.
        NoName = "no name",
        /// The whole welcome has been handed to the kernel, and nothing came after the name.
        WelcomeSent = "welcome sent",
        /// The whole welcome has been handed to the kernel, and the client sends more than a name.
        WelcomeSentInputLeft = "welcome sent with input left",
        /// The kernel had no room for the welcome to a datagram, whose delivery nobody promised.
        NoRoom = "no room",
        /// The sender of the datagram has no name that a welcome could be sent to.
        NoReturnAddress = "no return address",
        /// The state has lasted as long as it may.
        Deadline = "deadline",
        /// Reading, writing or watching the stream failed.
        Failed = "failed",
        /// The server stops and has waited long enough.
        Stopped = "stopped",
    }
    table {
        ReadingName    + LineEnd              => WritingWelcome,
        ReadingName    + NameFull             => WritingWelcome,
        ReadingName    + Record               => WritingWelcome,
        ReadingName    + EndOfInput           => WritingWelcome,
        ReadingName    + Silence              => WritingWelcome,
        ReadingName    + NoName               => Closed,
        ReadingName    + Echo                 => Closed,
        ReadingName    + Deadline             => Closed,
        ReadingName    + Failed               => Closed,
        ReadingName    + Stopped              => Closed,
        WritingWelcome + WelcomeSent          => Closed,
        WritingWelcome + WelcomeSentInputLeft => Lingering,
        WritingWelcome + NoRoom               => Closed,
        WritingWelcome + NoReturnAddress      => Closed,
        WritingWelcome + Deadline             => Closed,
        WritingWelcome + Failed               => Closed,
        WritingWelcome + Stopped              => Closed,
        Lingering      + EndOfInput           => Closed,
        Lingering      + Deadline             => Closed,
        Lingering      + Failed               => Closed,
        Lingering      + Stopped              => Closed,
    }
}

/// What a session waits for. It follows from the state alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Want {
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
#[derive(Default, Debug)]
pub(crate) struct Session {
    machine: Machine,
    name: Vec<u8>,
    reply: Vec<u8>,
    sent: usize,
    /// Whether the client sends more than a name, as far as is known.
    input_left: bool,
}

impl Session {
    /// A conversation whose first byte has not come.
    pub(crate) fn new() -> Session {
        Session::default()
    }

    /// Where the conversation stands.
    pub(crate) fn state(&self) -> State {
        self.machine.state()
    }

    /// What the session waits for.
    pub(crate) fn want(&self) -> Want {
        match self.state() {
            State::ReadingName | State::Lingering => Want::Read,
            State::WritingWelcome => Want::Write,
            State::Closed => Want::Close,
        }
    }

    /// The name as far as it has come, at most [`NAME_MAX_BYTES`]. Once it has ended, without its
    /// line end; empty again once the welcome is sent.
    pub(crate) fn name(&self) -> &[u8] {
        &self.name
    }

    /// Takes bytes from the client.
    ///
    /// While the name is read they end it at the first line feed (a carriage return before it is
    /// dropped) or at byte 1,024, whichever comes first. What comes later is thrown away; if that is
    /// before the welcome is sent, the session knows that it has to linger.
    pub(crate) fn receive(&mut self, bytes: &[u8], welcome: &Welcome) -> Option<Arrow> {
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
    pub(crate) fn receive_record(&mut self, record: &[u8], welcome: &Welcome) -> Option<Arrow> {
        if self.state() != State::ReadingName {
            self.input_left = true;
            return None;
        }
        self.name.extend(record.iter().take(NAME_MAX_BYTES - self.name.len()));
        self.name_ended(Event::Record, welcome)
    }

    /// Takes the end of the client's input: the end of the name if one has begun, no name at all if
    /// not, and the end of lingering.
    pub(crate) fn receive_eof(&mut self, welcome: &Welcome) -> Option<Arrow> {
        match (self.state(), self.name.is_empty()) {
            (State::ReadingName, true) => self.machine.on(Event::NoName).ok().flatten(),
            (State::ReadingName, false) => self.name_ended(Event::EndOfInput, welcome),
            (State::WritingWelcome | State::Lingering | State::Closed, _) => {
                self.machine.on(Event::EndOfInput).ok().flatten()
            }
        }
    }

    /// Takes the news that nothing came for the name gap. It ends a name that has begun, and only that.
    pub(crate) fn silence(&mut self, welcome: &Welcome) -> Option<Arrow> {
        if self.name.is_empty() { None } else { self.name_ended(Event::Silence, welcome) }
    }

    /// What is still to be sent. Empty but while [`Want::Write`] is wanted; even then it can be empty,
    /// when the welcome is: [`Session::sent`] with 0 moves on.
    pub(crate) fn outgoing(&self) -> &[u8] {
        match self.want() {
            Want::Write => self.reply.get(self.sent..).unwrap_or_default(),
            Want::Read | Want::Close => &[],
        }
    }

    /// Takes the news that the first `bytes` of [`Session::outgoing`] have been handed to the kernel.
    pub(crate) fn sent(&mut self, bytes: usize) -> Option<Arrow> {
        self.sent = self.reply.len().min(self.sent + bytes);
        if self.sent < self.reply.len() {
            return None;
        }
        let event = if self.input_left { Event::WelcomeSentInputLeft } else { Event::WelcomeSent };
        let arrow = self.machine.on(event).ok().flatten()?;
        // Lingering can last, and needs neither.
        (self.name, self.reply) = (Vec::new(), Vec::new());
        self.sent = 0;
        Some(arrow)
    }

    /// Takes the news that the present state has lasted as long as it may.
    pub(crate) fn deadline(&mut self) -> Option<Arrow> {
        self.machine.on(Event::Deadline).ok().flatten()
    }

    /// Takes the news that reading, writing or watching the stream failed.
    pub(crate) fn fail(&mut self) -> Option<Arrow> {
        self.machine.on(Event::Failed).ok().flatten()
    }

    fn name_ended(&mut self, event: Event, welcome: &Welcome) -> Option<Arrow> {
        let arrow = self.machine.on(event).ok().flatten()?;
        self.reply = welcome.to(&self.name);
        Some(arrow)
    }
}
