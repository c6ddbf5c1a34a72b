//! The loop's own tables: of a socket that clients come to, and of a stream beside the conversation on it.

/// One socket of the server that clients come to. One without connections is served as soon as it is bound.
pub mod socket {
    crate::machine! {
        "server socket"
        states {
            /// The socket exists and has no address.
            Created = "created",
            /// It has its address. No client can connect yet; datagrams are received.
            Bound = "bound",
            /// Clients can connect, and are accepted.
            Listening = "listening",
            /// Clients that had connected, and datagrams that had come, are served; the open connections finish.
            Draining = "draining",
            /// Over. No arrow leaves it.
            Closed = "closed",
        }
        events {
            /// bind(2) gave it its address.
            Bind = "bind",
            /// listen(2) opened its backlog.
            Listen = "listen",
            /// The server is asked to stop.
            Stop = "stop",
            /// The last open connection is over.
            Drained = "drained",
            /// Draining has lasted as long as it may.
            Deadline = "deadline",
            /// The server is asked to stop a second time.
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
        // All sockets are told together; one that failed is closed by then.
        ignored {
            Draining + Stop,
            Closed + Stop,
            Closed + Drained,
            Closed + Deadline,
            Closed + StopNow,
        }
    }
}

/// A stream, as the kernel has it.
pub mod stream {
    crate::machine! {
        "stream"
        states {
            /// The conversation goes on.
            Open = "open",
            /// The conversation is over, the end of output has left, and what still comes in is thrown away. Closing
            /// with unread input makes TCP send a reset (RFC 1122, 4.2.2.13), which may destroy the output on its way.
            Lingering = "lingering",
            /// Over. No arrow leaves it.
            Closed = "closed",
        }
        events {
            /// The conversation is over, and nothing more is known to come.
            Over = "over",
            /// The conversation is over, and the client sends more than was taken.
            OverInputLeft = "over with input left",
            /// The conversation is over, and more has left than every client's window has room for.
            OverMuchSent = "over with much output",
            /// The conversation is over, and its output was cut short. The stream ends in a reset, where its kind of
            /// socket has one: a part must not pass for the whole.
            OverOutputCut = "over with output cut short",
            /// The client has shut its side.
            EndOfInput = "end of input",
            /// Lingering has lasted as long as it may.
            Deadline = "deadline",
            /// Reading or watching the stream failed.
            Failed = "failed",
            /// The server stops and has waited long enough.
            Stopped = "stopped",
        }
        table {
            Open      + Over          => Closed,
            Open      + OverInputLeft => Lingering,
            Open      + OverMuchSent  => Lingering,
            Open      + OverOutputCut => Closed,
            Lingering + EndOfInput    => Closed,
            Lingering + Deadline      => Closed,
            Lingering + Failed        => Closed,
            Lingering + Stopped       => Closed,
        }
    }
}
