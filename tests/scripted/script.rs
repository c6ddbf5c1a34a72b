//! What clients do, call by call.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use welcomed::kernel::Interest;

/// What one call of read(2) gives.
#[derive(Clone, Debug)]
pub(crate) enum Read {
    Bytes(Vec<u8>),
    WouldBlock,
    Interrupted,
    End,
    Error(Errno),
}

/// What one call of write(2) does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Write {
    /// Takes at most so many bytes.
    Takes(usize),
    WouldBlock,
    Interrupted,
    Error(Errno),
}

/// A client's half of a conversation: what the server's calls on its stream will give, in turn. When the
/// reads are played, reading would block for ever; when the writes are, writing takes everything.
#[derive(Clone, Default, Debug)]
pub(crate) struct Client {
    pub(crate) reads: VecDeque<Read>,
    pub(crate) writes: VecDeque<Write>,
    /// Whether writing blocks for ever, instead, when the writes are played.
    pub(crate) takes_no_more: bool,
    pub(crate) watch_fails: Option<Errno>,
    pub(crate) shut_fails: Option<Errno>,
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
    pub(crate) fn would_block(&mut self) -> io::Result<usize> {
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
    Error(Errno),
}
