//! Servers that fail on purpose, in a known way and a known number of times: what the generator reports has to be
//! just that.

pub(crate) mod datagrams;
pub(crate) mod tcp;
pub(crate) mod unix;
