//! How a chatter that breaks the law is found out: in debug builds by a panic with the sentence, and else its connection
//! ends, is logged, and is counted, once.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Duration;

use log::{Level, LevelFilter, Log, Metadata, Record};
use welcomed::kernel::Mio;
use welcomed::reactor::{Breach, Streams};

use crate::chatter::Chatter;
use crate::chatter::table::Outcome;
use crate::stage::{Stage, rest};

/// The errors that were logged, of all tests of this process.
struct Errors(Mutex<Vec<String>>);

static ERRORS: Errors = Errors(Mutex::new(Vec::new()));

impl Log for Errors {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() == Level::Error
    }

    fn log(&self, record: &Record<'_>) {
        self.0.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

/// Takes those that begin so: a later client can have the same address.
fn errors_of(client: &str) -> Vec<String> {
    ERRORS.0.lock().unwrap().extract_if(.., |error| error.starts_with(client)).collect()
}

/// What the client does once its lines are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Then {
    Waits,
    Shuts,
    Resets,
}

/// Lets a client send these lines. In debug builds: what the panic says. Else nothing, once it was seen that the one
/// connection ends, is logged and counted, and that another client is served after it.
fn meets(lines: &str, then: Then, breach: Breach, is_decided: bool) -> Option<String> {
    let service = Chatter { idle: Duration::from_millis(30), ..Chatter::default() };
    let mut stage: Stage<Streams<Chatter, Mio>> = Stage::new(Streams::new(service, 8), &["127.0.0.1:0"]);
    let client = stage.connect();
    let name = client.local_addr().unwrap().as_socket().unwrap();
    client.send(lines.as_bytes()).unwrap();
    let client = match then {
        Then::Waits => Some(client),
        Then::Shuts => client.shutdown(Shutdown::Write).map(|()| client).ok(),
        Then::Resets => {
            client.set_linger(Some(Duration::ZERO)).unwrap();
            None
        }
    };
    let turned = catch_unwind(AssertUnwindSafe(|| {
        stage.until(|server| {
            server.services().counts().accepted() == 1 && server.services().connections() == 0
        });
    }));
    if let Err(panic) = turned {
        return Some(*panic.downcast::<String>().unwrap());
    }
    let counts = stage.services().counts();
    assert_eq!((counts.accepted(), counts.open()), (1, 0), "{lines:?}: {counts}");
    assert_eq!(counts.broken(), u64::from(!is_decided), "{lines:?}: {counts}");
    assert_eq!(counts.outcome(Outcome::Done), u64::from(is_decided), "{lines:?}: {counts}");
    let said = errors_of(&format!("{name}: "));
    let [said] = &said[..] else { panic!("{lines:?}: {said:?}") };
    assert!(said.contains(&format!("because the service breaks the law: {breach}: ")), "{lines:?}: {said}");
    // An output that was cut must not pass for a whole one.
    let is_cut = matches!(lines, "corked\n" | "half of it\n" | "give up\n" | "sent nowhere\n");
    if let Some(client) = client {
        let end = is_cut.then_some(ErrorKind::ConnectionReset);
        assert_eq!(stage.during(|| rest(&client).1), end, "{lines:?}");
    }
    let other = stage.connect();
    other.send(b"close\n").unwrap();
    assert_eq!(stage.during(|| rest(&other)), (b"bye\n".to_vec(), None), "{lines:?}");
    None
}

#[test]
fn every_misdeed_is_found_out_and_said_in_the_law_s_words() {
    log::set_logger(&ERRORS).unwrap();
    log::set_max_level(LevelFilter::Error);
    for (lines, then, breach) in [
        ("corked\n", Then::Waits, Breach::ThenNotKept),
        ("half of it\n", Then::Waits, Breach::ThenNotKept),
        ("give up\n", Then::Waits, Breach::OutputChanged),
        ("sent nowhere\n", Then::Waits, Breach::NoArrow),
        ("shut\necho after\n", Then::Waits, Breach::WritesAfterShut),
        ("spin\n", Then::Waits, Breach::Spins),
        ("unknown arrow\n", Then::Waits, Breach::UnknownArrow),
        ("gone\n", Then::Waits, Breach::ClosesUndecided),
        ("echo out\ngone\n", Then::Waits, Breach::ClosesUndecided),
        ("echo out\ngone\nand more\n", Then::Waits, Breach::ClosesUndecided),
        ("bye and gone\n", Then::Waits, Breach::ClosesUndecided),
        ("vanish\n", Then::Waits, Breach::ClosesUndecided),
        ("vanish\n", Then::Shuts, Breach::ClosesUndecided),
        ("vanish\n", Then::Resets, Breach::ClosesUndecided),
        ("part\nspin\n", Then::Waits, Breach::Spins),
    ] {
        let said = meets(lines, then, breach, lines.starts_with("part"));
        assert_eq!(said.is_some(), cfg!(debug_assertions), "{lines:?}: {said:?}");
        if let Some(said) = said {
            assert!(said.contains(&breach.to_string()), "{lines:?}: {said}");
        }
    }
}
