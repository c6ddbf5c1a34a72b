//! The three state machines, each as one table with one row per arrow.
//!
//! They are the lab report's state diagram of the server and client model, made explicit: the server's
//! *socket, bind, listen, accept ... close*, what happens to one accepted *connection*, and the client's
//! *socket, connect, send, receive, close*. The diagrams in README.md are rendered from these tables.
//!
//! ```
//! use welcomed::protocol::state::connection::{Event, Machine, State};
//!
//! let mut connection = Machine::new();
//! assert_eq!(connection.state(), State::ReadingName);
//! connection.on(Event::LineEnd);
//! assert_eq!(connection.state(), State::WritingWelcome);
//! assert_eq!(connection.on(Event::LineEnd), None, "no such arrow: nothing changes");
//! connection.on(Event::WelcomeSent);
//! assert_eq!(connection.state(), State::Closed);
//! ```

/// One accepted connection. The main way through: reading name → writing welcome → closed.
///
/// A datagram is a conversation by itself and takes the same way in one step.
pub mod connection {
    use crate::protocol::machine::machine;

    machine! {
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
}

/// One socket of the server that clients come to. One without connections is served as soon as it is bound.
pub mod server {
    use crate::protocol::machine::machine;

    machine! {
        "server socket"
        states {
            /// The socket exists and has no address.
            Created = "created",
            /// It has its address. Nobody can connect yet; datagrams are received.
            Bound = "bound",
            /// Clients can connect, and are accepted.
            Listening = "listening",
            /// Who had connected, or sent a datagram, is still served, then nobody; the open connections are
            /// being finished.
            Draining = "draining",
            /// Over. No arrow leaves it.
            Closed = "closed",
        }
        events {
            /// bind(2) gave it its address.
            Bind = "bind",
            /// listen(2) opened its backlog.
            Listen = "listen",
            /// The operator asked the server to stop (SIGINT, SIGTERM).
            Stop = "stop",
            /// The last open connection is over.
            Drained = "drained",
            /// Draining has lasted as long as it may.
            Deadline = "deadline",
            /// The operator asked a second time.
            StopNow = "stop now",
            /// The socket itself failed: bind(2), listen(2), or accept(2) or recv(2) for a reason that is its
            /// own.
            Failed = "failed",
        }
        table {
            Created   + Bind     => Bound,
            Created   + Failed   => Closed,
            Bound     + Listen   => Listening,
            Bound     + Stop     => Draining,
            Bound     + Failed   => Closed,
            Listening + Stop     => Draining,
            Listening + Failed   => Closed,
            Draining  + Drained  => Closed,
            Draining  + Deadline => Closed,
            Draining  + StopNow  => Closed,
            Draining  + Failed   => Closed,
        }
    }
}

/// The client's side of a conversation.
pub mod client {
    use crate::protocol::machine::machine;

    machine! {
        "client"
        states {
            /// Nothing has been sent to the network yet.
            Created = "created",
            /// Connecting has begun.
            Connecting = "connecting",
            /// Connected; the name has not left completely.
            SendingName = "sending name",
            /// The name has left; the welcome has not ended.
            ReadingWelcome = "reading welcome",
            /// Over. No arrow leaves it.
            Closed = "closed",
        }
        events {
            /// connect(2) was called.
            Connect = "connect",
            /// The server's host has accepted the connection.
            Connected = "connected",
            /// The whole name has been handed to the kernel.
            NameSent = "name sent",
            /// The server has closed its side.
            EndOfInput = "end of input",
            /// A record came, on a socket that keeps boundaries: it is the welcome.
            Record = "record",
            /// No answer came in time, and delivery is not sure: the name is sent again.
            Retry = "retry",
            /// The visit has lasted as long as it may.
            Deadline = "deadline",
            /// Connecting, reading or writing failed.
            Failed = "failed",
        }
        table {
            Created        + Connect    => Connecting,
            Connecting     + Connected  => SendingName,
            Connecting     + Deadline   => Closed,
            Connecting     + Failed     => Closed,
            SendingName    + NameSent   => ReadingWelcome,
            SendingName    + Deadline   => Closed,
            SendingName    + Failed     => Closed,
            ReadingWelcome + Retry      => SendingName,
            ReadingWelcome + EndOfInput => Closed,
            ReadingWelcome + Record     => Closed,
            ReadingWelcome + Deadline   => Closed,
            ReadingWelcome + Failed     => Closed,
        }
    }
}
