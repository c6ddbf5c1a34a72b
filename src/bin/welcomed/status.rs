//! The status of the server: what is recorded, and the service that shows it.

use std::time::Instant;

use welcomed::command_line;
use welcomed::kernel::{Mio, System, SystemReader};
use welcomed::logging::Observer;
use welcomed::reactor::{Datagrams, Streams, Watched};
use welcomed::services::status::numbers::Log;
use welcomed::services::status::stories::{Ledger, Recorded, RecordedDatagrams};
use welcomed::services::status::{Outside, Settings, Shown, StatusStreams};
use welcomed::services::welcome::tables::{connection, datagram};
use welcomed::services::welcome::{WelcomeDatagrams, WelcomeStreams};

use crate::options::{Options, PROGRAM, Switch};
use crate::places::Places;

/// The number of the service that shows the status: the two of the welcome come first.
pub(crate) const STATUS: u8 = 2;

/// The services of a program that shows its status.
pub(crate) type Recording =
    (Streams<Recorded<WelcomeStreams>, Mio>, Datagrams<RecordedDatagrams<WelcomeDatagrams>>);

/// The same two services, recorded, and the one that shows them.
pub(crate) fn watched(
    options: &Options,
    (streams, datagrams): (WelcomeStreams, WelcomeDatagrams),
    places: &Places,
    log: Observer,
) -> Watched<Recording, StatusStreams<Shown<Program>>, Mio> {
    let record = usize::try_from(options.record).unwrap_or(usize::MAX);
    let ledger = Ledger::new(record, options.status_names == Switch::On);
    let streams = {
        use connection::Outcome::{Failed, TimedOut};
        Recorded::new(streams, &ledger, &[TimedOut, Failed])
    };
    let datagrams = {
        use datagram::Outcome::{Dropped, Failed};
        RecordedDatagrams::new(datagrams, &ledger, &[Dropped, Failed])
    };
    let streams = Streams::new(streams, places.all).with_most_per_source(places.of_one_source);
    let mut settings = Settings::default();
    settings.names.clone_from(&options.status_host);
    let status =
        StatusStreams::new(settings, Shown::new(Program { reader: SystemReader::open(), log }, ledger));
    Watched::new((streams, Datagrams::new(datagrams)), Streams::new(status, places.of_status)).giving_way()
}

/// What is shown beside the loop and the ledger.
pub(crate) struct Program {
    reader: SystemReader,
    log: Observer,
}

impl Outside for Program {
    fn name(&self) -> &'static str {
        PROGRAM
    }

    fn version(&self) -> &str {
        command_line::version()
    }

    fn system(&mut self, sockets: &[String], now: Instant) -> System {
        self.reader.read(sockets.iter().map(String::as_str), now)
    }

    fn log(&self) -> Option<Log> {
        let state = self.log.state();
        let queued_bytes = u64::try_from(state.queued_bytes).unwrap_or(u64::MAX);
        Some(Log { lines_dropped: state.lines_dropped, queued_bytes })
    }
}
