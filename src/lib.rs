//! A welcome server and everything around it: a single-threaded event loop on mio that reads a name from
//! every client, writes a welcome and closes; a client; and what both are made of.
//!
//! # A tour
//!
//! Start with [`protocol::state`]: three state machines, each one table. A connection's main way through
//! is *reading name → writing welcome → closed*. [`protocol::Session`] is one such conversation, bytes in
//! and bytes out; it knows no socket, no clock and no log.
//!
//! [`kernel::Kernel`] is the operating system as the loop sees it, one method for each system call.
//! [`kernel::Mio`] is the real one.
//!
//! [`server::Server`] is the loop: its `turn` waits, serves who is ready, expires who is late, and
//! accepts. It tracks connections in a slab, drives each before it asks the kernel to watch it, and sends
//! welcome and FIN in one segment. A client that is prompt costs accept, receive, send and close.
//!
//! [`client::visit()`] is the other end. [`net::Endpoint`] is how people write addresses, and [`net::socket`]
//! what both ends need to know of each kind of socket.
//! [`logging`] and [`command_line`] are what the two programs need beside all that.
//!
//! # A server in a few lines
//!
//! ```no_run
//! use welcomed::net::Endpoint;
//! use welcomed::kernel::Mio;
//! use welcomed::server::{Server, Settings};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let settings = Settings { welcome: "Hello, {name}!".parse()?, ..Settings::default() };
//!     let mut server = Server::new(Mio::new()?, settings);
//!     for address in "localhost:9999".parse::<Endpoint>()?.resolve()? {
//!         server.listen(&address)?;
//!     }
//!     Ok(server.run()?)
//! }
//! ```

pub mod client;
pub mod command_line;
pub mod kernel;
pub mod logging;
pub mod net;
pub mod protocol;
pub mod server;
pub mod text;
