//! The event loop. It knows no protocol: it serves [`Services`], each by the contract in [`service`].
//!
//! [`Server::turn`] is the whole of it: wait, serve what is ready, expire what is late, accept, and drain while it
//! stops. One thread, no locks, no callbacks.
//!
//! A service of connections is put into [`Streams`], one of datagrams into [`Datagrams`], and several into a pair.
//! Each has its own places, timers, admission and counts: a crowd at one takes no place of another.

mod accept;
mod admission;
mod admitting;
mod breach;
mod closing;
mod connection;
mod counts;
mod datagrams;
mod deadlines;
mod drain;
mod expiring;
mod listen;
mod listener;
mod looks;
mod reading;
mod room;
mod server;
pub mod service;
mod services;
mod settings;
mod shares;
mod streams;
pub mod tables;
mod telling;
mod timers;
mod untaken;
pub mod view;
mod watched;
mod writing;

pub use self::breach::Breach;
pub use self::counts::Counts;
pub use self::datagrams::Datagrams;
pub use self::listen::{ListenAt, ListenError, Listening};
pub use self::listener::Listener;
pub use self::server::Server;
pub use self::services::{Key, Services, Turn};
pub use self::settings::Settings;
pub use self::streams::Streams;
pub use self::watched::{KEPT_BACK, Watched, Watcher};
