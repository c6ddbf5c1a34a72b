//! What ends a name over a stream.

use std::fmt;

use crate::net::Kind;
use crate::services::welcome::NAME_MAX_BYTES;

/// What ends a name over a stream. Where boundaries are kept, a record ends by itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[cfg_attr(feature = "programs", derive(clap::ValueEnum))]
#[non_exhaustive]
pub enum Terminator {
    /// Not at all: the side stays open, and silence ends the name.
    None,
    /// By a line feed.
    #[default]
    Lf,
    /// By shutting the write side.
    Eof,
}

/// Shown as the option's value.
impl fmt::Display for Terminator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Terminator::None => "none",
            Terminator::Lf => "lf",
            Terminator::Eof => "eof",
        })
    }
}

impl Terminator {
    /// What is usual over a kind of socket: a line feed over a stream, and nothing where boundaries are kept.
    #[must_use]
    pub fn usual(kind: Kind) -> Terminator {
        if kind.semantics().boundaries { Terminator::None } else { Terminator::Lf }
    }

    /// The bytes of a stream that are `name` and its end. An empty name is an empty line, whatever ends it: with no bytes it
    /// could not be told from a client that says nothing.
    ///
    /// A name ends at its 1,024th byte, so no more are sent: a server that reads as many and closes would reset the
    /// connection over another one. A carriage return before a line feed is dropped, so one that belongs to the name gets
    /// another.
    pub(super) fn after(self, name: &[u8]) -> Vec<u8> {
        let end: &[u8] = match (self, name) {
            (Terminator::Lf, [.., b'\r']) => b"\r\n",
            (Terminator::Lf, _) | (_, []) => b"\n",
            (Terminator::None | Terminator::Eof, _) => b"",
        };
        let mut bytes = [name, end].concat();
        bytes.truncate(NAME_MAX_BYTES);
        bytes
    }
}
