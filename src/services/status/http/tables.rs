//! The table of a connection over HTTP.

crate::machine! {
    "status"
    states {
        /// No byte of a request has come: of the first one, or of another one on a connection that is kept.
        Waiting = "waiting",
        /// A request has begun, and not ended.
        ReadingRequest = "reading request",
        /// An answer has not left completely.
        WritingAnswer = "writing answer",
        /// An event has not left completely.
        WritingEvent = "writing event",
        /// The next event is not due.
        Watching = "watching",
        /// A request has begun, and not ended, and the server stops: no other request follows.
        ReadingLast = "reading last request",
        /// An answer has not left completely, and the connection ends behind it.
        WritingLast = "writing last answer",
        /// A request is refused, and that has not left completely. The connection ends behind it.
        Refusing = "refusing",
        /// Over. No arrow leaves it.
        Closed = "closed",
    }
    events {
        /// The first byte of a request came, and not its end.
        Begun = "begun",
        /// A whole request came.
        Request = "request",
        /// A whole request came, and no other follows.
        LastRequest = "last request",
        /// A whole request came, of a client that watches from now on.
        Watch = "watch",
        /// It will not be answered as it asks, whatever follows.
        Refused = "refused",
        /// The head of an answer has left, and its body has not.
        HeadSent = "head sent",
        /// The whole answer, or the whole event, has been handed to the kernel.
        Sent = "sent",
        /// The next event is due.
        Tick = "tick",
        /// The client has shut its side.
        EndOfInput = "end of input",
        /// The client has shut its side, or was silent for too long, before its first request.
        NoRequest = "no request",
        /// It has lasted as long as it may.
        Deadline = "deadline",
        /// The server stops, and begins nothing new.
        Stopping = "stopping",
        /// The server does not wait any longer.
        Stopped = "stopped",
        /// Reading, writing or watching the stream failed.
        Failed = "failed",
    }
    outcomes {
        /// Each of its requests was answered, and the answers were handed to the kernel. Events went on until the client left, or
        /// the server stopped.
        Answered = "answered",
        /// It ended before a first request began.
        WithoutRequest = "without a request",
        /// A request was refused.
        Refused = "refused",
        /// A request, or taking an answer, took too long.
        TimedOut = "timed out",
        /// The connection failed, as a rule by a reset.
        Failed = "failed",
        /// It was not finished when the server stopped waiting.
        Stopped = "stopped",
    }
    table {
        Waiting        + Begun       => ReadingRequest,
        Waiting        + Request     => WritingAnswer,
        Waiting        + LastRequest => WritingLast,
        Waiting        + Watch       => WritingEvent,
        Waiting        + Refused     => Refusing: Refused,
        Waiting        + NoRequest   => Closed: WithoutRequest,
        Waiting        + EndOfInput  => Closed: Answered,
        Waiting        + Deadline    => Closed: Answered,
        Waiting        + Stopping    => Closed: Answered,
        Waiting        + Stopped     => Closed: Stopped,
        Waiting        + Failed      => Closed: Failed,
        ReadingRequest + Request     => WritingAnswer,
        ReadingRequest + LastRequest => WritingLast,
        ReadingRequest + Watch       => WritingEvent,
        ReadingRequest + Refused     => Refusing: Refused,
        ReadingRequest + EndOfInput  => Refusing: Refused,
        ReadingRequest + Deadline    => Refusing: TimedOut,
        ReadingRequest + Stopping    => ReadingLast,
        ReadingRequest + Stopped     => Closed: Stopped,
        ReadingRequest + Failed      => Closed: Failed,
        WritingAnswer  + HeadSent    => WritingAnswer,
        WritingAnswer  + Sent        => Waiting,
        WritingAnswer  + Deadline    => Closed: TimedOut,
        WritingAnswer  + Stopped     => Closed: Stopped,
        WritingAnswer  + Failed      => Closed: Failed,
        WritingEvent   + HeadSent    => WritingEvent,
        WritingEvent   + Sent        => Watching,
        WritingEvent   + Deadline    => Closed: TimedOut,
        WritingEvent   + Stopped     => Closed: Stopped,
        WritingEvent   + Failed      => Closed: Failed,
        Watching       + Tick        => WritingEvent,
        Watching       + EndOfInput  => Closed: Answered,
        Watching       + Stopping    => Closed: Answered,
        Watching       + Stopped     => Closed: Stopped,
        Watching       + Failed      => Closed: Failed,
        ReadingLast    + LastRequest => WritingLast,
        ReadingLast    + Refused     => Refusing: Refused,
        ReadingLast    + EndOfInput  => Refusing: Refused,
        ReadingLast    + Deadline    => Refusing: TimedOut,
        ReadingLast    + Stopped     => Closed: Stopped,
        ReadingLast    + Failed      => Closed: Failed,
        WritingLast    + HeadSent    => WritingLast,
        WritingLast    + Sent        => Closed: Answered,
        WritingLast    + Deadline    => Closed: TimedOut,
        WritingLast    + Stopped     => Closed: Stopped,
        WritingLast    + Failed      => Closed: Failed,
        Refusing       + Sent        => Closed,
        Refusing       + Deadline    => Closed,
        Refusing       + Stopped     => Closed,
        Refusing       + Failed      => Closed,
    }
}
