//! Services on a simulated kernel: every error at every call, in virtual time, from a seed.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::struct_excessive_bools,
    reason = "it runs in tests, and a test that cannot go on has to fail and say why"
)]

mod arrivals;
mod audit;
mod client;
mod conversation;
mod datagrams;
mod dice;
mod faults;
mod kernel;
mod limits;
pub mod oracle;
mod play;
mod promises;
mod run;
mod schedule;
mod script;
mod shrink;
mod socket;
mod streams;
mod subject;
mod telling;
mod transcript;
mod watch;
mod weather;
mod world;

pub use self::audit::Audit;
pub use self::client::{Answered, End};
pub use self::conversation::Conversation;
pub use self::dice::Dice;
pub use self::faults::{Call, Fault};
pub use self::kernel::{Sim, SimListener, SimStream};
pub use self::limits::{Limits, ServerSocket};
pub use self::play::{EventLoop, Failure, Played};
pub use self::promises::{Broken, Promise};
pub use self::run::{Found, Sums, every_fault, first_broken, random, random_of};
pub use self::schedule::Schedule;
pub use self::script::{Reading, Script, Step};
pub use self::subject::{Right, Subject};
pub use self::telling::Telling;
pub use self::transcript::Transcript;
pub use self::weather::Weather;
