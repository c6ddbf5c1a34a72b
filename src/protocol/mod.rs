//! The welcome protocol without any input or output: bytes in, bytes out.
//!
//! Nothing here knows a socket, a clock or a log. That is what lets the tests cut a conversation at
//! every byte, and what lets a reader check the rules without thinking of the operating system.
//!
//! * [`state`]: the three state machines, one row per arrow.
//! * [`session`]: one conversation, from the first byte of a name to the last of the welcome.
//! * [`welcome`]: what is answered.
//! * [`diagram`]: the tables as pictures, in Mermaid and in DOT.

mod machine;

pub mod diagram;
pub mod session;
pub mod state;
pub mod welcome;

pub use machine::{Arrow, Diagram};
pub use session::{NAME_MAX_BYTES, Session, Want};
pub use welcome::{WELCOME_MAX_BYTES, Welcome};
