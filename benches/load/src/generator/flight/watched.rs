//! What a visit waits for.

use std::io;
use std::os::fd::AsRawFd as _;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use super::Flight;
use crate::plan::welcome::State;

impl Flight {
    /// Lets the kernel report when it can go on. Once is enough, unless it waits for something else, or under another token.
    pub(super) fn watch(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let descriptor = self.socket.as_raw_fd();
        let mut source = SourceFd(&descriptor);
        let wanted = match self.visit.state() {
            State::ReadingWelcome => Interest::READABLE,
            // Watching for both shows a reset while a name is sent slowly.
            State::Created | State::Connecting | State::SendingName | State::Closed => {
                Interest::READABLE | Interest::WRITABLE
            }
        };
        match self.registered.replace((token, wanted)) {
            None => registry.register(&mut source, token, wanted),
            Some(registered) if registered != (token, wanted) => {
                registry.reregister(&mut source, token, wanted)
            }
            Some(_) => Ok(()),
        }
    }

    /// Lets the kernel report at once what is there by now, though it was reported before: watching again raises the edge anew.
    pub(super) fn watch_anew(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let registered = self.registered;
        self.watch(registry, token)?;
        match self.registered {
            Some((token, wanted)) if self.registered == registered => {
                registry.reregister(&mut SourceFd(&self.socket.as_raw_fd()), token, wanted)
            }
            Some(_) | None => Ok(()),
        }
    }
}
