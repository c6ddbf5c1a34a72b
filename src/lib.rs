//! tour
pub mod protocol;
