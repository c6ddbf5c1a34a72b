//! What every peer reads and answers.

/// What every peer answers.
pub(super) const WELCOME: &[u8] = b"welcome ";

/// The longest name that a peer reads.
pub(super) const NAME_MAX_BYTES: usize = 1024;
