//! The client's table: the other half of the lab report's state diagram.

crate::machine! {
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
        Created        + Deadline   => Closed,
        Created        + Failed     => Closed,
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
    // The first attempt begins with the name unsent.
    ignored { SendingName + Retry, }
}
