//! A service of one's own with a status, under a name of its own. The welcome stands for the service.
//!
//! `cargo run --example shown`, then `nc 127.0.0.1 7100`, and in a browser <http://127.0.0.1:7101/>. The program has no command line: the
//! status is what it shows.

#![expect(clippy::print_stdout, clippy::indexing_slicing, reason = "an endpoint has an address")]

use std::time::Instant;

use welcomed::kernel::{Mio, System, SystemReader};
use welcomed::reactor::{Server, Settings, Streams, Watched};
use welcomed::services::status::numbers::Log;
use welcomed::services::status::stories::{Ledger, Recorded};
use welcomed::services::status::{self, Outside, Shown, StatusStreams};
use welcomed::services::welcome::tables::connection::Outcome;
use welcomed::services::welcome::{self, WelcomeStreams};

const CAPACITY: usize = 512; // connections at a time
const STATUS_CAPACITY: usize = 16; // clients of the status, beside them
const RECORD_BYTES: usize = 1 << 20; // of stories

/// What the status shows beside the loop: the page, the text, `/counts.json` and `/metrics` have this name.
struct Greeter {
    system: SystemReader,
}

impl Outside for Greeter {
    fn name(&self) -> &'static str {
        "greeter"
    }

    fn version(&self) -> &'static str {
        "1.0"
    }

    fn system(&mut self, sockets: &[String], now: Instant) -> System {
        self.system.read(sockets.iter().map(String::as_str), now)
    }

    fn log(&self) -> Option<Log> {
        None
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // These outcomes are listed as failures. Names and addresses of clients are kept.
    let ledger = Ledger::new(RECORD_BYTES, true);
    let service = WelcomeStreams::new(welcome::Settings::default());
    let service = Recorded::new(service, &ledger, &[Outcome::TimedOut, Outcome::Failed]);

    let shown = Shown::new(Greeter { system: SystemReader::open() }, ledger);
    let status = StatusStreams::new(status::Settings::default(), shown);

    // The status is the last one, and has places of its own.
    let services = Watched::new(Streams::new(service, CAPACITY), Streams::new(status, STATUS_CAPACITY));
    let mut server = Server::new(Mio::with_signals()?, services.giving_way(), Settings::default());
    println!("greeter at {}", server.listen_for(0, &"127.0.0.1:7100".parse()?)?.addresses[0]);
    println!("its status at {}", server.listen_for(1, &"127.0.0.1:7101".parse()?)?.addresses[0]);
    Ok(server.run()?)
}
