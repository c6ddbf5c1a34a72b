//! The tables of the welcome: of a connection and of a datagram.
//!
//! They are the server's half of the lab report's state diagram, made explicit. Its sockets and streams are the loop's:
//! [`reactor::tables`](crate::reactor::tables). The client's half is [`client::table`](crate::client::table).

/// One accepted connection: reading name → writing welcome → closed.
pub mod connection {
    crate::machine! {
        "connection"
        states {
            /// The name has not ended yet.
            ReadingName = "reading name",
            /// The name has ended; its welcome has not left completely.
            WritingWelcome = "writing welcome",
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
            /// The client has shut its side. After the first byte of a name this ends the name.
            EndOfInput = "end of input",
            /// At least one byte came, and then nothing for the name gap.
            Silence = "silence",
            /// The client left before the first byte, by the end of input or a reset: a health check or a port scan.
            NoName = "no name",
            /// The whole welcome has been handed to the kernel.
            WelcomeSent = "welcome sent",
            /// The state has lasted as long as it may.
            Deadline = "deadline",
            /// Reading, writing or watching the stream failed.
            Failed = "failed",
            /// The server stops, and has waited long enough or needs the place of a client that has not begun its name.
            Stopped = "stopped",
        }
        outcomes {
            /// The whole welcome was handed to the kernel.
            Welcomed = "welcomed",
            /// The client left before the first byte.
            WithoutName = "without a name",
            /// It took too long over its name or over taking the welcome.
            TimedOut = "timed out",
            /// The connection failed, as a rule by a reset once a name had begun.
            Failed = "failed",
            /// It was not finished when the server stopped waiting.
            Stopped = "stopped",
        }
        table {
            ReadingName    + LineEnd     => WritingWelcome,
            ReadingName    + NameFull    => WritingWelcome,
            ReadingName    + Record      => WritingWelcome,
            ReadingName    + EndOfInput  => WritingWelcome,
            ReadingName    + Silence     => WritingWelcome,
            ReadingName    + NoName      => Closed: WithoutName,
            ReadingName    + Deadline    => Closed: TimedOut,
            ReadingName    + Failed      => Closed: Failed,
            ReadingName    + Stopped     => Closed: Stopped,
            WritingWelcome + WelcomeSent => Closed: Welcomed,
            WritingWelcome + Deadline    => Closed: TimedOut,
            WritingWelcome + Failed      => Closed: Failed,
            WritingWelcome + Stopped     => Closed: Stopped,
        }
    }
}

/// One datagram.
pub mod datagram {
    crate::machine! {
        "datagram"
        states {
            /// It came, and is looked at.
            ReadingName = "reading name",
            /// It is a name, and its welcome is to be sent.
            WritingWelcome = "writing welcome",
            /// Over. No arrow leaves it.
            Closed = "closed",
        }
        events {
            /// It is a name.
            Record = "record",
            /// It is a welcome and no name: to answer it could go on for ever.
            Echo = "echo",
            /// The whole welcome has been handed to the kernel.
            WelcomeSent = "welcome sent",
            /// The kernel had no room for the welcome, whose delivery is not sure anyway.
            NoRoom = "no room",
            /// The sender has no name that a welcome could be sent to.
            NoReturnAddress = "no return address",
            /// It was sent to a broadcast or multicast address: many servers would answer it.
            ForMany = "for many",
            /// Sending failed.
            Failed = "failed",
        }
        outcomes {
            /// The welcome was handed to the kernel.
            Welcomed = "welcomed",
            /// The kernel had no room for the welcome.
            Dropped = "dropped",
            /// The sender could not be answered, or was not to be.
            Unanswerable = "unanswerable",
            /// It was not answered.
            Echo = "echo",
            /// Sending failed.
            Failed = "failed",
        }
        table {
            ReadingName    + Record          => WritingWelcome,
            ReadingName    + Echo            => Closed: Echo,
            WritingWelcome + WelcomeSent     => Closed: Welcomed,
            WritingWelcome + NoRoom          => Closed: Dropped,
            WritingWelcome + NoReturnAddress => Closed: Unanswerable,
            WritingWelcome + ForMany         => Closed: Unanswerable,
            WritingWelcome + Failed          => Closed: Failed,
        }
    }
}
