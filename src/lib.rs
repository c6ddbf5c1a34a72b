//! tour
pub mod client;
pub mod command_line;
pub mod endpoint;
pub mod kernel;
pub mod logging;
pub mod protocol;
pub mod server;
