//! One datagram is one conversation.

use std::time::Instant;

use super::limits::NAME_MAX_BYTES;
use super::loop_guard::LoopGuard;
use super::tables::datagram::{Arrow, Event, Machine, State};
use super::text::Welcome;
use crate::machine::Moved;
use crate::net::Peer;
use crate::reactor::service::{DatagramService, News};
use crate::text::Escaped;

/// The welcome over datagrams.
#[derive(Debug)]
pub struct WelcomeDatagrams {
    welcome: Welcome,
    guard: LoopGuard,
}

/// One datagram.
#[derive(Default, Debug)]
pub struct Conversation {
    machine: Machine,
    name: Vec<u8>,
    cut: bool,
    /// Why it is not answered, if so.
    why: &'static str,
    reply: Vec<u8>,
}

/// Below it are the ports of services (RFC 6335). A client that uses one, as some do, is not answered. Some services answer
/// whatever comes and say something else each time: chargen, daytime. With a forged sender they would converse for ever
/// (CVE-2024-2169).
const FIRST_CLIENT_PORT: u16 = 1024;

impl WelcomeDatagrams {
    /// The service. Fails, with the reason, if the welcome is none for datagrams.
    pub fn new(welcome: Welcome) -> Result<Self, &'static str> {
        welcome.suits_datagrams()?;
        Ok(WelcomeDatagrams { welcome, guard: LoopGuard::default() })
    }

    /// Why answering could go on for ever, if it could.
    fn is_echo(&mut self, bytes: &[u8], peer: &Peer, now: Instant) -> Option<&'static str> {
        if matches!(peer, Peer::Inet(address) if (1..FIRST_CLIENT_PORT).contains(&address.port())) {
            Some("it comes from the port of a service")
        } else if self.welcome.could_be(bytes) {
            Some("it says what a welcome server says")
        } else if self.guard.is_repeated_too_often(peer, bytes, now) {
            Some("it says the same over and over")
        } else {
            None
        }
    }
}

impl DatagramService for WelcomeDatagrams {
    type Session = Conversation;
    type Table = Machine;

    fn room(&self) -> usize {
        NAME_MAX_BYTES
    }

    fn answer<'a>(&'a self, session: &'a Conversation) -> Option<&'a [u8]> {
        (session.machine.state() == State::WritingWelcome).then_some(&session.reply)
    }

    fn on(&mut self, session: &mut Conversation, news: News<'_>) -> Moved<Machine> {
        session.machine.on(match news {
            News::Received { bytes, truncated, peer, now, .. } => {
                if let Some(why) = self.is_echo(bytes, peer, now) {
                    session.why = why;
                    Event::Echo
                } else {
                    (session.name, session.cut) = (bytes.to_vec(), truncated);
                    session.reply = self.welcome.to(bytes);
                    Event::Record
                }
            }
            News::Sent => Event::WelcomeSent,
            News::NoRoom => Event::NoRoom,
            News::NoReturnAddress => Event::NoReturnAddress,
            News::ForMany => Event::ForMany,
            News::Failed => Event::Failed,
        })
    }

    fn on_transition(&mut self, session: &Conversation, arrow: Arrow, peer: &Peer) {
        if arrow.event == Event::Echo {
            log::debug!("{peer}: not answered, {}", session.why);
        } else if arrow.to == State::WritingWelcome {
            if session.cut {
                log::info!("{peer}: the name is cut at {NAME_MAX_BYTES} bytes");
            }
            log::info!("received from {peer} {}", Escaped(&session.name));
        }
    }
}
