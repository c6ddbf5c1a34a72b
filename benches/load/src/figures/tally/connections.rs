//! What became of the connections of a run.

use serde::{Deserialize, Serialize};

/// What became of connections that could be kept for more requests than one.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Connections {
    /// Connections that were begun, those that failed among them.
    pub(crate) opened: u64,
    /// Those of them that the server closed, or said that it would, behind a whole answer and before the last request.
    pub(crate) closed_early: u64,
}

impl Connections {
    pub(super) fn add(self, other: Connections) -> Connections {
        let closed_early = self.closed_early + other.closed_early;
        Connections { opened: self.opened + other.opened, closed_early }
    }
}
