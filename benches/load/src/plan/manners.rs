//! How visits behave.

use welcomed::net::Kind;

use crate::plan::target::Target;

/// What ends a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
#[non_exhaustive]
pub enum Terminator {
    /// Not at all: the side stays open, and silence ends the name.
    None,
    /// By a line feed.
    Lf,
    /// By shutting the write side.
    Eof,
}

impl Terminator {
    /// What is usual over a kind of socket: where boundaries are kept the end of a record is that of the name.
    pub(crate) fn usual(kind: Kind) -> Terminator {
        if kind.semantics().boundaries { Terminator::None } else { Terminator::Lf }
    }
}

/// What every visit of a run has in common.
#[derive(Clone, Debug)]
pub(crate) struct Manners {
    pub(crate) target: Target,
    pub(crate) terminator: Terminator,
    /// Reset the connection as soon as the name is sent, instead of reading the reply.
    pub(crate) reset: bool,
}
