//! How visits behave.

use crate::plan::exchange::Exchange;
use crate::plan::target::Target;
use crate::plan::welcome::Terminator;

/// What every visit of a run has in common.
#[derive(Clone, Debug)]
pub(crate) struct Manners {
    pub(crate) target: Target,
    pub(crate) terminator: Terminator,
    /// Reset the connection as soon as the name is sent, instead of reading the reply.
    pub(crate) reset: bool,
    /// Where an answer ends; `None` if it is a welcome, which ends with the input.
    pub(crate) exchange: Option<Exchange>,
}
