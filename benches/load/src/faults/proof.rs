//! What was done, beside what was reported.

/// One line of the receipt.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    pub(crate) what: String,
    pub(crate) injected: u64,
    pub(crate) reported: u64,
}

impl Proof {
    /// Whether the report is what was done.
    pub(crate) fn holds(&self) -> bool {
        self.injected == self.reported
    }
}
