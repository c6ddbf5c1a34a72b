//! The welcome over all kinds of sockets, as the program serves it, with what an operator can choose in one place.

use std::io;
use std::time::Duration;

use welcomed::kernel::Kernel;
use welcomed::net::Address;
use welcomed::reactor::{self, Counts, Datagrams, Services as _, Streams, tables::stream};
use welcomed::services::welcome::tables::connection::{self, Event, Outcome, State};
use welcomed::services::welcome::tables::datagram;
use welcomed::services::welcome::{self, Both, Welcome, WelcomeDatagrams, WelcomeStreams};

/// What an operator can choose.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) welcome: Welcome,
    pub(crate) name_gap: Duration,
    pub(crate) name_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) max_connections: usize,
    pub(crate) backlog: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let welcome::Settings { welcome, name_gap, name_timeout, write_timeout, .. } =
            welcome::Settings::default();
        let backlog = reactor::Settings::default().backlog;
        Settings { welcome, name_gap, name_timeout, write_timeout, max_connections: 1024, backlog }
    }
}

type Served<K> = (Streams<WelcomeStreams, K>, Datagrams<WelcomeDatagrams>);

/// The server.
pub(crate) struct Server<K: Kernel>(reactor::Server<K, Served<K>>);

impl<K: Kernel> Server<K> {
    /// A welcome that does not suit datagrams is for streams alone.
    pub(crate) fn new(kernel: K, settings: Settings) -> Self {
        let mut of_welcome = welcome::Settings::default();
        of_welcome.welcome = settings.welcome.clone();
        of_welcome.name_gap = settings.name_gap;
        of_welcome.name_timeout = settings.name_timeout;
        of_welcome.write_timeout = settings.write_timeout;
        let mut of_loop = reactor::Settings::default();
        of_loop.backlog = settings.backlog;
        let streams = Streams::new(WelcomeStreams::new(of_welcome), settings.max_connections);
        let datagrams = WelcomeDatagrams::new(settings.welcome);
        let datagrams = datagrams.unwrap_or_else(|_| WelcomeDatagrams::new(Welcome::default()).unwrap());
        let server = reactor::Server::new(kernel, (streams, Datagrams::new(datagrams)), of_loop);
        Server(
            server
                .with_report(|(streams, datagrams)| Both::of(streams.counts(), datagrams.counts()).report()),
        )
    }

    pub(crate) fn listen(&mut self, address: &Address) -> io::Result<Address> {
        self.listen_for(u8::from(!address.kind.semantics().connections), address)
    }

    pub(crate) fn listen_for(&mut self, service: u8, address: &Address) -> io::Result<Address> {
        self.0.listen_at(service, address)
    }

    pub(crate) fn turn(&mut self) -> io::Result<()> {
        self.0.turn()
    }

    pub(crate) fn run(&mut self) -> io::Result<()> {
        self.0.run()
    }

    pub(crate) fn connections(&self) -> usize {
        self.0.services().open()
    }

    pub(crate) fn stats(&self) -> Stats {
        let (streams, datagrams) = self.0.services();
        Stats { streams: streams.counts().clone(), datagrams: datagrams.counts().clone() }
    }
}

/// The counts of both services.
pub(crate) struct Stats {
    streams: Counts<connection::Machine>,
    datagrams: Counts<datagram::Machine>,
}

impl Stats {
    pub(crate) fn accepted(&self) -> u64 {
        self.streams.accepted() + self.datagrams.accepted()
    }

    pub(crate) fn welcomed(&self) -> u64 {
        self.streams.outcome(Outcome::Welcomed) + self.datagrams.outcome(datagram::Outcome::Welcomed)
    }

    pub(crate) fn lingered(&self) -> u64 {
        self.streams.lingered()
    }

    pub(crate) fn without_name(&self) -> u64 {
        self.streams.outcome(Outcome::WithoutName)
    }

    pub(crate) fn timed_out(&self) -> u64 {
        self.streams.outcome(Outcome::TimedOut)
    }

    pub(crate) fn failed(&self) -> u64 {
        self.streams.outcome(Outcome::Failed) + self.datagrams.outcome(datagram::Outcome::Failed)
    }

    pub(crate) fn stopped(&self) -> u64 {
        self.streams.outcome(Outcome::Stopped)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.datagrams.outcome(datagram::Outcome::Dropped)
    }

    pub(crate) fn unanswerable(&self) -> u64 {
        self.datagrams.outcome(datagram::Outcome::Unanswerable)
    }

    pub(crate) fn echoes(&self) -> u64 {
        self.datagrams.outcome(datagram::Outcome::Echo)
    }

    pub(crate) fn open(&self) -> u64 {
        self.streams.open() + self.datagrams.open()
    }

    pub(crate) fn accept_errors(&self) -> u64 {
        self.streams.accept_errors() + self.datagrams.accept_errors()
    }

    pub(crate) fn pauses(&self) -> u64 {
        self.streams.pauses() + self.datagrams.pauses()
    }

    pub(crate) fn count(&self, state: State, event: Event) -> u64 {
        self.streams.count(state, event)
    }

    pub(crate) fn stream(&self, state: stream::State, event: stream::Event) -> u64 {
        self.streams.stream(state, event)
    }

    /// As the log says them.
    pub(crate) fn line(&self) -> String {
        Both::of(&self.streams, &self.datagrams).to_string()
    }
}
