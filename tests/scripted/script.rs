//! What clients do, call by call.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use welcomed::kernel::Interest;
use welcomed::net::{ErrorCode, Peer};

/// What one call of read(2) gives, or of recvmsg(2) where boundaries are kept.
#[derive(Clone, Debug)]
pub(crate) enum Read {
    /// Bytes of a stream, as many as there is room for; or one record, which may be empty, and of which what
    /// there is no room for is lost.
    Bytes(Vec<u8>),
    WouldBlock,
    Interrupted,
    End,
    Error(ErrorCode),
}

/// What one call of write(2) does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Write {
    /// Takes at most so many bytes.
    Takes(usize),
    WouldBlock,
    Interrupted,
    Error(ErrorCode),
}

/// A client's half of a conversation: what the server's calls on its stream will give, in turn. When the
/// reads are played, reading would block for ever; when the writes are, writing takes everything.
#[derive(Clone, Default, Debug)]
pub(crate) struct Client {
    pub(crate) reads: VecDeque<Read>,
    pub(crate) writes: VecDeque<Write>,
    /// Whether writing blocks for ever, instead, when the writes are played.
    pub(crate) takes_no_more: bool,
    pub(crate) watch_fails: Option<ErrorCode>,
    pub(crate) shut_fails: Option<ErrorCode>,
    pub(crate) pace: Duration,
    pub(crate) next_at: Option<Instant>,
    pub(crate) watched: Option<(usize, Interest)>,
    /// Whether readiness would be reported: once, after a call would have blocked or a watch was set.
    pub(crate) armed: bool,
    /// What the server has written.
    pub(crate) written: Vec<u8>,
    pub(crate) shut: bool,
    pub(crate) closed_at: Option<Instant>,
    pub(crate) accepted_at: Option<Instant>,
}

impl Client {
    pub(crate) fn new(
        reads: impl IntoIterator<Item = Read>,
        writes: impl IntoIterator<Item = Write>,
    ) -> Client {
        Client {
            reads: reads.into_iter().collect(),
            writes: writes.into_iter().collect(),
            ..Client::default()
        }
    }

    /// A client that sends `bytes` at once and then waits.
    pub(crate) fn prompt(bytes: &[u8]) -> Client {
        Client::new([Read::Bytes(bytes.to_vec())], [])
    }

    /// A client that says nothing.
    pub(crate) fn silent() -> Client {
        Client::default()
    }

    /// A client that is there, and sends `bytes` only after `delay`.
    pub(crate) fn late(delay: Duration, bytes: &[u8]) -> Client {
        Client::new([Read::WouldBlock, Read::Bytes(bytes.to_vec())], []).paced(delay)
    }

    /// The same client, but each answer to a read comes `pace` after the one before.
    pub(crate) fn paced(mut self, pace: Duration) -> Client {
        self.pace = pace;
        self
    }

    /// What a call gives that would block: from now on, readiness is news.
    pub(crate) fn would_block<T>(&mut self) -> io::Result<T> {
        self.armed = true;
        Err(ErrorKind::WouldBlock.into())
    }

    /// How long it was served.
    pub(crate) fn served(&self) -> Duration {
        self.closed_at.unwrap() - self.accepted_at.unwrap()
    }
}

/// What accept(2) gives.
#[derive(Clone, Debug)]
pub(crate) enum Accept {
    Client(usize),
    Error(ErrorCode),
}

/// What recvfrom(2) gives.
#[derive(Clone, Debug)]
pub(crate) enum Receive {
    Datagram(Peer, Vec<u8>),
    Error(ErrorCode),
}

/// What comes to a socket for datagrams, and what leaves it.
#[derive(Default)]
pub(crate) struct Post {
    /// What receiving gives, in turn; then it would block.
    pub(crate) inbox: VecDeque<Receive>,
    /// What sending fails with, in turn, if it does; then it takes everything.
    pub(crate) sends: VecDeque<Option<ErrorCode>>,
    /// What was sent, and the peer that it went to.
    pub(crate) outbox: Vec<(Peer, Vec<u8>)>,
    pub(crate) receives: usize,
    /// How many of the inbox have been reported.
    pub(crate) reported: usize,
}

impl Post {
    /// The bytes of every answer.
    pub(crate) fn answers(&self) -> Vec<&[u8]> {
        self.outbox.iter().map(|(_, answer)| answer.as_slice()).collect()
    }
}
