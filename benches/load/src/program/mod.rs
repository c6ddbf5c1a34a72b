//! The program: its command line, and what it does with it.

pub(crate) mod knee;
pub(crate) mod load;
pub(crate) mod options;
pub(crate) mod preflight;
