//! The operating system as the event loop sees it.
//!
//! [`Kernel`] is the seam: every system call that the loop makes is one of its methods, and it is the
//! only place where the loop can learn the time. [`Mio`] is the real one. A test can put a
//! simulated one in its place, and the loop runs on it unchanged.

mod backlog;
mod descriptors;
mod directory;
mod held;
mod inet_datagrams;
mod inet_diag;
mod interruptible;
pub mod mio;
mod netlink;
mod own_address;
mod requests;
mod seam;
mod standard_output;
mod standard_streams;
mod stream;
mod system;
mod unix;
mod unix_datagrams;
mod unix_diag;
mod unread;

pub use self::backlog::real_backlog;
pub use self::mio::Mio;
pub use self::own_address::NotYet;
pub use self::requests::Handle;
pub use self::seam::{Closing, Datagram, Interest, Kernel, Ready, Record, Signal};
pub use self::standard_output::Printed;
pub use self::standard_streams::{
    append_to_standard_error, is_standard_output_closed, read_from_standard_input, survive_file_size_limit,
    write_to_standard_error, write_to_standard_output,
};
pub use self::system::{Network, SocketNumbers, System, SystemReader};
