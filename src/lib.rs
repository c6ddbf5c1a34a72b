//! A single-threaded event loop on mio that serves any protocol, the welcome server that it was made for, and a client.
//!
//! # A tour
//!
//! Start with [`services::welcome::tables`]: a connection is *reading name → writing welcome → closed*, one row for
//! each arrow. [`services::welcome::session`] is one such conversation, bytes in and bytes out; it knows no socket
//! and no clock.
//!
//! [`reactor`] is the loop. It knows no protocol: [`reactor::service`] is the contract between the loop and what it
//! serves. It tracks connections in a slab, drives each before it asks the kernel to watch it, and sends the last
//! output and the FIN in one segment. A prompt client of the welcome costs accept, receive, send and close.
//!
//! [`kernel::Kernel`] is the operating system as the loop sees it, one method for each system call. [`kernel::Mio`] is
//! the real one.
//!
//! [`mod@machine`] declares state machines as tables, [`net`] has endpoints and kinds of sockets, and [`client::visit()`] is
//! the other end of a welcome.
//!
//! # A server in a few lines
//!
//! ```no_run
//! use welcomed::kernel::Mio;
//! use welcomed::reactor::{Server, Settings, Streams};
//! use welcomed::services::welcome::{self, WelcomeStreams};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut settings = welcome::Settings::default();
//!     settings.welcome = "Hello, {name}!".parse()?;
//!     let welcome = Streams::new(WelcomeStreams::new(settings), 1024);
//!     let mut server = Server::new(Mio::with_signals()?, welcome, Settings::default());
//!     server.listen(&"localhost:9999".parse()?)?;
//!     Ok(server.run()?)
//! }
//! ```
//!
//! Turn by turn, in a program of one's own:
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use welcomed::kernel::Mio;
//! use welcomed::reactor::{Server, Settings, Streams};
//! use welcomed::services::welcome::{self, WelcomeStreams};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let welcome = Streams::new(WelcomeStreams::new(welcome::Settings::default()), 1024);
//! let mut server = Server::new(Mio::new()?, welcome, Settings::default());
//! let listening = server.listen(&"127.0.0.1:0".parse()?)?;
//!
//! let mut client = TcpStream::connect(listening.addresses[0].inet().unwrap())?;
//! client.write_all(b"Rafatul\n")?;
//! while server.services().counts().accepted() == 0 {
//!     server.turn()?;
//! }
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?;
//! assert_eq!(answer, "welcome ");
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! * `programs` (default): what only the programs need, `command_line` and `logging`. It switches `status` on.
//! * `status`: what the server does, shown over HTTP, and what its conversations did of late, `services::status`.
//! * `simulation`: services on a simulated kernel, for tests: `simulation`, and `schedules` with those of the welcome. `cargo doc
//!   --no-deps --features simulation` documents them.

pub mod client;
#[cfg(feature = "programs")]
pub mod command_line;
pub mod kernel;
#[cfg(feature = "programs")]
pub mod logging;
pub mod machine;
pub mod net;
pub mod reactor;
#[cfg(feature = "simulation")]
pub mod schedules;
pub mod services;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod text;

/// Every table of this crate as a picture, in the order of a visit.
pub const DIAGRAMS: [&machine::Diagram; 5] = [
    &reactor::tables::socket::DIAGRAM,
    &reactor::tables::stream::DIAGRAM,
    &services::welcome::tables::connection::DIAGRAM,
    &services::welcome::tables::datagram::DIAGRAM,
    &client::table::DIAGRAM,
];
