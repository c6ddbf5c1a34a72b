//! The server of before the split, on the reactor: only so that the simulation and the scripted scenes, as they
//! stand, can judge the prototype. Goes with them.

#![allow(clippy::pedantic, reason = "it goes with its tests")]

use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::kernel::Kernel;
use crate::net::Address;
use crate::reactor::{self, Datagrams, Streams};
use crate::services::welcome::counts::Both;
use crate::services::welcome::tables::connection::{Event, Outcome, State};
use crate::services::welcome::tables::datagram;
use crate::services::welcome::{self, Welcome, WelcomeDatagrams, WelcomeStreams};

/// What an operator can choose.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "as before")]
pub struct Settings {
    pub welcome: Welcome,
    pub name_gap: Duration,
    pub name_timeout: Duration,
    pub write_timeout: Duration,
    pub drain_timeout: Duration,
    pub max_connections: usize,
    pub backlog: u32,
    pub unix_mode: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let welcome::Settings { welcome, name_gap, name_timeout, write_timeout, .. } =
            welcome::Settings::default();
        let reactor::Settings { drain_timeout, backlog, unix_mode } = reactor::Settings::default();
        let max_connections = 1024;
        Settings {
            welcome,
            name_gap,
            name_timeout,
            write_timeout,
            drain_timeout,
            max_connections,
            backlog,
            unix_mode,
        }
    }
}

type Served<K> = (Streams<WelcomeStreams, K>, Datagrams<WelcomeDatagrams>);

/// The server of before.
pub struct Server<K: Kernel> {
    server: reactor::Server<K, Served<K>>,
    suits: Result<(), &'static str>,
    stats: Stats,
}

#[expect(missing_docs, reason = "as before")]
impl<K: Kernel> Server<K> {
    pub fn new(kernel: K, settings: Settings) -> Self {
        let Settings {
            welcome,
            name_gap,
            name_timeout,
            write_timeout,
            drain_timeout,
            max_connections,
            backlog,
            unix_mode,
        } = settings;
        let suits = welcome.suits_datagrams();
        let for_datagrams = if suits.is_ok() { welcome.clone() } else { Welcome::default() };
        #[expect(clippy::unwrap_used, reason = "it suits")]
        let datagrams = WelcomeDatagrams::new(for_datagrams).unwrap();
        let streams =
            WelcomeStreams::new(welcome::Settings { welcome, name_gap, name_timeout, write_timeout });
        let served = (Streams::new(streams, max_connections), Datagrams::new(datagrams));
        let settings = reactor::Settings { drain_timeout, backlog, unix_mode };
        let server = reactor::Server::new(kernel, served, settings)
            .with_report(|(streams, datagrams)| Both::of(streams.counts(), datagrams.counts()).report());
        Server { server, suits, stats: Stats::default() }
    }

    pub fn listen(&mut self, address: &Address) -> io::Result<Address> {
        let connections = address.kind.semantics().connections;
        if !connections {
            self.suits.map_err(|why| io::Error::new(ErrorKind::InvalidInput, why))?;
        }
        self.server.listen_at(u8::from(!connections), address)
    }

    pub fn turn(&mut self) -> io::Result<()> {
        let turned = self.server.turn();
        self.stats = Stats::of(self.server.services());
        turned
    }

    pub fn run(&mut self) -> io::Result<()> {
        let ran = self.server.run();
        self.stats = Stats::of(self.server.services());
        ran
    }

    pub fn is_closed(&self) -> bool {
        self.server.is_closed()
    }

    pub fn connections(&self) -> usize {
        reactor::Services::open(self.server.services())
    }

    pub fn stats(&self) -> &Stats {
        &self.stats
    }
}

/// The counts of before.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    streams: reactor::Counts<welcome::tables::connection::Machine>,
    datagrams: reactor::Counts<datagram::Machine>,
    text: String,
}

#[expect(missing_docs, reason = "as before")]
impl Stats {
    fn of<K: Kernel>((streams, datagrams): &Served<K>) -> Self {
        let text = Both::of(streams.counts(), datagrams.counts()).to_string();
        Stats { streams: streams.counts().clone(), datagrams: datagrams.counts().clone(), text }
    }
    pub fn accepted(&self) -> u64 {
        self.streams.accepted() + self.datagrams.accepted()
    }
    pub fn welcomed(&self) -> u64 {
        self.streams.outcome(Outcome::Welcomed) + self.datagrams.outcome(datagram::Outcome::Welcomed)
    }
    pub fn lingered(&self) -> u64 {
        self.streams.lingered()
    }
    pub fn without_name(&self) -> u64 {
        self.streams.outcome(Outcome::WithoutName)
    }
    pub fn timed_out(&self) -> u64 {
        self.streams.outcome(Outcome::TimedOut)
    }
    pub fn failed(&self) -> u64 {
        self.streams.outcome(Outcome::Failed) + self.datagrams.outcome(datagram::Outcome::Failed)
    }
    pub fn dropped(&self) -> u64 {
        self.datagrams.outcome(datagram::Outcome::Dropped)
    }
    pub fn unanswerable(&self) -> u64 {
        self.datagrams.outcome(datagram::Outcome::Unanswerable)
    }
    pub fn echoes(&self) -> u64 {
        self.datagrams.outcome(datagram::Outcome::Echo)
    }
    pub fn stopped(&self) -> u64 {
        self.streams.outcome(Outcome::Stopped)
    }
    pub fn open(&self) -> u64 {
        self.streams.open() + self.datagrams.open()
    }
    pub fn accept_errors(&self) -> u64 {
        self.streams.accept_errors() + self.datagrams.accept_errors()
    }
    pub fn pauses(&self) -> u64 {
        self.streams.pauses() + self.datagrams.pauses()
    }
    pub fn count(&self, state: State, event: Event) -> u64 {
        self.streams.count(state, event)
    }
    pub fn stream(
        &self,
        state: reactor::tables::stream::State,
        event: reactor::tables::stream::Event,
    ) -> u64 {
        self.streams.stream(state, event)
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
