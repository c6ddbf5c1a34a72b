//! What a visit asks of any server, and where an answer ends. Without input or output.

pub(crate) mod answer;
mod comparison;
pub(crate) mod escapes;
mod response;
pub(crate) mod status;
pub(crate) mod until;
pub(crate) mod url;

use crate::plan::exchange::answer::{Answer, Framing};
use crate::plan::exchange::status::Statuses;
use crate::plan::exchange::until::Until;

/// What the visits of a run have in common where they are none of the welcome protocol as it is.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// Where an answer ends.
    pub(crate) ends: Ends,
    /// Whether any answer is right, as long as it ends there.
    pub(crate) takes_any: bool,
    /// How many requests a connection has, one after the other; at least 1.
    pub(crate) requests: u64,
    /// The last request of a connection, if it is another one.
    pub(crate) last_request: Option<Vec<u8>>,
}

/// Where an answer ends.
#[derive(Clone, Debug)]
pub(crate) enum Ends {
    /// As it was said.
    Until(Until),
    /// As HTTP/1.1 has it. These statuses are right.
    Http(Vec<Statuses>),
}

impl Exchange {
    /// The answer to one request, before any of it has come. `expected` is the right one, and `is_last` says whether the connection
    /// has no more requests.
    pub(crate) fn answer(&self, expected: &[u8], is_last: bool) -> Answer {
        let expected = (!self.takes_any).then(|| expected.to_vec());
        match &self.ends {
            Ends::Until(until) => Answer::new(Framing::until(until), expected),
            Ends::Http(statuses) => Answer::new(Framing::http(statuses.clone(), is_last), expected),
        }
    }
}
