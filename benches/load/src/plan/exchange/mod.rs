//! What a visit asks of any server, and where an answer ends. Without input or output.

pub(crate) mod answer;
mod comparison;
pub(crate) mod escapes;
pub(crate) mod until;

use crate::plan::exchange::answer::{Answer, Framing};
use crate::plan::exchange::until::Until;

/// What the visits of a run have in common where they are none of the welcome protocol as it is.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// Where an answer ends.
    pub(crate) until: Until,
    /// Whether any answer is right, as long as it ends there.
    pub(crate) takes_any: bool,
}

impl Exchange {
    /// The answer to one request, before any of it has come. `expected` is the right one.
    pub(crate) fn answer(&self, expected: &[u8]) -> Answer {
        Answer::new(Framing::until(&self.until), (!self.takes_any).then(|| expected.to_vec()))
    }
}
