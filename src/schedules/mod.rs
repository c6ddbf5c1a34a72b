//! The welcome under simulation, for tests: what is served, and how its clients are counted.
//!
//! [`Welcoming`] is the subject. What its clients do is in `clients.rs`, what they are owed in `owed.rs`.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "it runs in tests, and a test that cannot go on has to fail and say why"
)]

#[cfg(feature = "status")]
pub mod accounts;
mod clients;
mod owed;

use std::time::Duration;

use crate::net::Kind;
use crate::reactor::service::AtLeast;
use crate::reactor::{Counts, Datagrams, Streams};
use crate::services::welcome::tables::{connection, datagram};
use crate::services::welcome::{Settings, Welcome, WelcomeDatagrams, WelcomeStreams, model};
use crate::simulation::{
    Answered, Audit, Broken, Dice, Limits, Promise, Right, Script, ServerSocket, Sim, Subject, Transcript,
};

pub use self::clients::{bytewise, half_closing, in_two_pieces, long, open, prompt, surplus};

/// A client that sent a name in time and stayed gets one welcome, whole, and then a clean end of input. A datagram that
/// came gets one welcome, unless there was no room for it.
pub const WELCOME: Promise = Promise::Own("Welcome");

/// What silence lasts at least on a long way, so that a second piece is no other name.
const FAR: AtLeast = AtLeast { round_trips: 2, beside: Duration::from_millis(20) };

/// The kinds of the sockets of a schedule. Streams are what most are served over, and alone in more than half.
const KINDS: &[&[Kind]] = &[
    &[Kind::Tcp],
    &[Kind::Tcp],
    &[Kind::Tcp],
    &[Kind::Tcp],
    &[Kind::Tcp],
    &[Kind::Unix],
    &[Kind::UnixPacket],
    &[Kind::Udp],
    &[Kind::Tcp, Kind::UnixPacket, Kind::UnixGram],
    &[Kind::UnixPacket, Kind::Raw, Kind::Udp],
];

/// A long one takes as many calls as all others together, so it is one of ten.
const TEXTS: &[&str] = &[
    "welcome ",
    "welcome ",
    "welcome ",
    "{name}",
    "{name}",
    "{name}",
    "hello {name}, and welcome",
    "hello {name}, and welcome",
    "hello {name}, and welcome",
    LONG_TEXT,
];

/// More than every client's window has room for.
const LONG_TEXT: &str = match str::from_utf8(&[b'w'; 1100]) {
    Ok(text) => text,
    Err(_) => panic!(),
};

/// Those that can be told from a name.
const DATAGRAM_TEXTS: &[&str] = &["welcome ", "{name}, hi", "hello {name}, and welcome"];

/// The welcome over all kinds of sockets, in a hurry, so that schedules are short. Its streams are service 0, its
/// datagrams service 1.
#[derive(Clone, Debug)]
pub struct Welcoming {
    /// What is answered.
    pub text: &'static str,
    /// A name that has begun ends when nothing comes for this long.
    pub name_gap: Duration,
    /// How long a name may take.
    pub name_timeout: Duration,
    /// How long a welcome may take.
    pub write_timeout: Duration,
    /// The most connections of one source; 0 is no such limit.
    pub most_per_source: usize,
    /// The kinds of its sockets.
    pub kinds: &'static [Kind],
}

impl Default for Welcoming {
    fn default() -> Self {
        Welcoming {
            text: "hello {name}!",
            name_gap: Duration::from_millis(50),
            name_timeout: Duration::from_millis(1500),
            write_timeout: Duration::from_millis(500),
            most_per_source: 0,
            kinds: &[Kind::Tcp],
        }
    }
}

impl Welcoming {
    /// A socket of this kind, at the service that serves it.
    #[must_use]
    pub fn socket(kind: Kind) -> ServerSocket {
        ServerSocket::new(kind, u8::from(!kind.semantics().connections))
    }

    /// What the operator has chosen.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            welcome: self.welcome(),
            name_gap: self.name_gap,
            name_timeout: self.name_timeout,
            write_timeout: self.write_timeout,
        }
    }

    fn welcome(&self) -> Welcome {
        self.text.parse().unwrap_or_default()
    }
}

impl Subject for Welcoming {
    type Services = (Streams<WelcomeStreams, Sim>, Datagrams<WelcomeDatagrams>);

    fn draw(&self, dice: &mut Dice) -> Self {
        let kinds = dice.pick(KINDS);
        let streams_alone = kinds.iter().all(|kind| kind.semantics().connections);
        Welcoming {
            kinds,
            text: dice.pick(if streams_alone { TEXTS } else { DATAGRAM_TEXTS }),
            name_gap: Duration::from_millis(if dice.one_in(5) { 0 } else { 50 }),
            most_per_source: dice.pick(&[0, 0, 0, 1, 2]),
            ..Welcoming::default()
        }
    }

    fn services(&self, places: &[usize]) -> Self::Services {
        let streams = Streams::new(WelcomeStreams::new(self.settings()), places[0])
            .with_most_per_source(self.most_per_source);
        // A text that suits no datagrams is one of a schedule without any.
        let datagrams =
            WelcomeDatagrams::new(self.welcome()).or_else(|_| WelcomeDatagrams::new(Welcome::default()));
        let Ok(datagrams) = datagrams else { panic!("the default welcome suits datagrams") };
        (streams, Datagrams::new(datagrams))
    }

    fn limits(&self, _: u8) -> Limits {
        let Settings { name_gap, name_timeout, write_timeout, .. } = self.settings();
        Limits::new(name_timeout, write_timeout)
            .with_rest(name_gap, FAR)
            .with_most_per_source(self.most_per_source)
    }

    fn request(&self, _: u8, _: &mut Dice, number: usize) -> Vec<u8> {
        format!("N{number}\n").into()
    }

    fn sockets(&self, _: &mut Dice) -> Vec<ServerSocket> {
        self.kinds.iter().map(|kind| Welcoming::socket(*kind)).collect()
    }

    fn script(&self, socket: ServerSocket, dice: &mut Dice, number: usize) -> Script {
        clients::any(socket.kind, dice, number, self.text)
    }

    fn judge(&self, client: &Transcript<'_>) -> Result<Right, Broken> {
        self.judged(client)
    }

    fn audit(&self, (streams, datagrams): &Self::Services, audit: &mut Audit<'_>) {
        self.explain(streams.counts(), datagrams.counts(), audit);
    }
}

impl Welcoming {
    /// Says which outcome is explained by what happened to a client: the [audit](Subject::audit) for a subject that serves
    /// the welcome in another way.
    pub fn explain(
        &self,
        streams: &Counts<connection::Machine>,
        datagrams: &Counts<datagram::Machine>,
        audit: &mut Audit<'_>,
    ) {
        use connection::Outcome as Of;
        use datagram::Outcome as OfDatagram;
        audit.service(streams, |outcome, client| match outcome {
            Of::Welcomed => self.is_welcomed(client),
            _ if client.bytes_written() > 0 && client.output_is_whole() => false,
            Of::WithoutName => client.has_left_silent(),
            Of::TimedOut => client.has_timed_out(),
            Of::Failed => client.has_failed() && !client.has_left_silent(),
            Of::Stopped => client.was_stopped() || (client.gave_way() && client.read().is_empty()),
        });
        audit.service(datagrams, |outcome, client| {
            let is_echo = model::is_echo(self.text, &model::name_of_record(client.sent()).bytes);
            let may_be_answered = client.script().may_be_answered();
            outcome
                == match client.answered() {
                    Answered::Never if is_echo => OfDatagram::Echo,
                    _ if !may_be_answered => OfDatagram::Unanswerable,
                    Answered::NoRoom => OfDatagram::Dropped,
                    Answered::Failed => OfDatagram::Failed,
                    Answered::Sent | Answered::Never => OfDatagram::Welcomed,
                }
        });
    }
}
