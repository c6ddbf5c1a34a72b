//! The welcome without any input or output: bytes in, bytes out. Nothing here opens a socket or reads a clock.
//!
//! * [`tables`]: its state machines, one row per arrow.
//! * [`session`]: one conversation, from the first byte of a name to the last of the welcome.
//! * [`datagram`]: one datagram.
//! * `loop_guard`: against endless echoes.
//! * [`text`]: what is answered.
//! * [`limits`]: how long things may be.
//! * `model`, for tests: the same, written without a table.
//! * [`counts`]: what the log says of the clients of both services together.

pub mod counts;
pub mod datagram;
pub mod limits;
mod loop_guard;
#[cfg(feature = "simulation")]
pub mod model;
pub mod session;
mod settings;
pub mod tables;
pub mod text;

pub use counts::Both;
pub use datagram::WelcomeDatagrams;
pub use limits::{NAME_MAX_BYTES, WELCOME_MAX_BYTES};
pub use session::WelcomeStreams;
pub use settings::Settings;
pub use text::Welcome;
