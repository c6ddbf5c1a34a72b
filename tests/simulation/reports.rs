//! What is said of a schedule in which a promise is broken.

use std::io;

use welcomed::net::Kind;
use welcomed::schedules::Welcoming;
use welcomed::services::welcome::tables::{connection, datagram};
use welcomed::simulation::{
    Audit, Broken, Dice, EventLoop, Limits, Promise, Right, Schedule, Script, ServerSocket, Subject, Telling,
    Transcript, first_broken,
};

/// A loop with a mistake.
struct Mistaken(u32);

impl EventLoop for Mistaken {
    fn turn(&mut self) -> io::Result<()> {
        assert!(self.0 < 10, "too large");
        Ok(())
    }

    fn connections(&self) -> usize {
        0
    }

    fn is_closed(&self) -> bool {
        false
    }
}

/// The welcome, held to another text, and to counts of which only these explain anything.
#[derive(Clone)]
struct Doubted {
    text: &'static str,
    explained: &'static [connection::Outcome],
}

impl Subject for Doubted {
    type Services = <Welcoming as Subject>::Services;

    fn services(&self, places: &[usize]) -> Self::Services {
        Welcoming::default().services(places)
    }

    fn limits(&self, service: u8) -> Limits {
        Welcoming::default().limits(service)
    }

    fn request(&self, service: u8, dice: &mut Dice, number: usize) -> Vec<u8> {
        Welcoming::default().request(service, dice, number)
    }

    fn sockets(&self, _: &mut Dice) -> Vec<ServerSocket> {
        vec![Welcoming::socket(Kind::Tcp)]
    }

    fn judge(&self, client: &Transcript<'_>) -> Result<Right, Broken> {
        Welcoming { text: self.text, ..Welcoming::default() }.judge(client)
    }

    fn audit(&self, (streams, datagrams): &Self::Services, audit: &mut Audit<'_>) {
        audit.service(streams.counts(), |outcome, _| self.explained.contains(&outcome));
        audit.service(datagrams.counts(), |_: datagram::Outcome, _| false);
    }
}

/// So many clients that are welcomed.
fn schedule(doubted: &Doubted, clients: usize) -> Schedule<Doubted> {
    let scripts = vec![Script::sends(b"Ada\n"); clients];
    Schedule::calm(doubted, &[Welcoming::socket(Kind::Tcp)], scripts)
}

/// What is said of them.
fn told(doubted: &Doubted, clients: usize) -> Option<Broken> {
    schedule(doubted, clients).play().err().map(|failure| failure.broken)
}

#[test]
fn a_panic_is_told_with_its_file_and_line() {
    let socket = Welcoming::socket(Kind::Tcp);
    let schedule = Schedule::calm(&Welcoming::default(), &[socket], vec![Script::silent()]);
    let failure = schedule.play_on(Telling::Nothing, |_| Mistaken(10)).unwrap_err();
    let told = failure.broken.to_string();
    assert!(told.contains("a panic at tests/simulation/reports.rs:"), "{told}");
    assert!(told.contains("too large"), "{told}");
}

#[test]
fn a_wrong_answer_is_told_before_wrong_counts() {
    use connection::Outcome::{Failed, Welcomed};
    let broken = told(&Doubted { text: "hello {name}?", explained: &[Failed] }, 1).unwrap();
    assert!(broken.how.contains("\"hello Ada!\""), "{broken}");
    let broken = told(&Doubted { text: "hello {name}!", explained: &[Failed] }, 1).unwrap();
    assert_eq!(broken.promise, Promise::Counts, "{broken}");
    assert_eq!(told(&Doubted { text: "hello {name}!", explained: &[Welcomed] }, 1), None);
}

#[test]
fn wrong_counts_name_clients_and_what_they_can_be() {
    use connection::Outcome::{Failed, TimedOut};
    let broken = told(&Doubted { text: "hello {name}!", explained: &[TimedOut, Failed] }, 1).unwrap();
    let says = "1 client is counted as welcomed, and what happened explains that of none: \
                client 0 can be timed out or failed; 1 accepted:";
    assert!(broken.how.contains(says), "{broken}");
    let broken = told(&Doubted { text: "hello {name}!", explained: &[TimedOut, Failed] }, 3).unwrap();
    assert!(broken.how.contains("3 clients are counted"), "{broken}");
    assert!(broken.how.contains("clients 0, 1 and 2 can be timed out or failed"), "{broken}");
}

#[test]
fn a_report_has_no_command_that_would_not_be_heeded() {
    let found = first_broken(&Doubted { text: "hello {name}!", explained: &[] }, 10).unwrap();
    let (report, seed) = (found.report(), found.seed.unwrap());
    assert!(!report.contains("SIM_SEED"), "{report}");
    assert!(report.contains(&format!("that of seed {seed}")), "{report}");
}
