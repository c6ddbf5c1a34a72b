//! The operating system as the load test sees it.

pub(crate) mod clock;
pub(crate) mod files;
pub(crate) mod processes;
pub(crate) mod rows;
pub(crate) mod signals;
pub(crate) mod tied;
