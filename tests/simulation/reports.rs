//! What is said of a schedule in which a promise is broken.

use std::io;
use std::process::Command;
use std::time::Duration;

use welcomed::net::Kind;
use welcomed::schedules::Welcoming;
use welcomed::services::welcome::tables::{connection, datagram};
use welcomed::simulation::{
    Audit, Broken, Dice, EventLoop, Promise, Right, Schedule, Script, ServerSocket, Subject, Telling,
    Transcript, Weather, every_fault, first_broken, random_of,
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
    serves_as_the_welcome!();

    fn sockets(&self, _: &mut Dice) -> Vec<ServerSocket> {
        vec![Welcoming::socket(Kind::Tcp)]
    }

    fn judge(&self, client: &Transcript<'_>) -> Result<Right, Broken> {
        assert!(!self.text.is_empty(), "an oracle without words");
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
    assert_eq!(failure.broken.promise, Promise::Survival);
    let told = failure.broken.to_string();
    assert!(told.contains("a panic at tests/simulation/reports.rs:"), "{told}");
    assert!(told.contains("too large"), "{told}");
}

#[test]
fn a_panic_of_the_oracle_is_not_told_as_one_of_the_loop() {
    let broken = told(&Doubted { text: "", explained: &[] }, 1).unwrap();
    assert_eq!(broken.promise, Promise::ORACLE, "{broken}");
    assert!(broken.how.contains("a panic at tests/simulation/reports.rs:"), "{broken}");
    assert!(broken.how.contains("an oracle without words"), "{broken}");
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
fn a_broken_promise_is_told_at_the_line_of_the_test() {
    let doubted = Doubted { text: "hello {name}!", explained: &[] };
    match std::env::var("BREAKS_IN").as_deref() {
        Ok("random") => drop(random_of(&doubted, 1)),
        Ok("no schedule") => drop(random_of(&doubted, 0)),
        Ok("every fault") => drop(every_fault(&schedule(&doubted, 1))),
        Ok("a scene") => {
            let mut scene = schedule(&doubted, 1).begin();
            scene.play();
            scene.judge();
        }
        _ => {
            for breaks_in in ["random", "every fault", "a scene"] {
                let told = in_a_process(breaks_in);
                assert!(told.contains("panicked at tests/simulation/reports.rs:"), "{told}");
                assert!(told.contains("Counts is broken"), "{told}");
                let command = "SIM_SEED=0 cargo test --test simulation reports::a_broken_promise";
                assert_eq!(told.contains(command), breaks_in == "random", "{told}");
            }
            let told = in_a_process("no schedule");
            assert!(told.contains("panicked at tests/simulation/reports.rs:"), "{told}");
            assert!(told.contains("there is no schedule to play"), "{told}");
        }
    }
}

/// What the test above prints where it fails.
fn in_a_process(breaks_in: &str) -> String {
    let mut test = Command::new(std::env::current_exe().unwrap());
    let name = "reports::a_broken_promise_is_told_at_the_line_of_the_test";
    test.args([name, "--exact", "--nocapture"]).env("BREAKS_IN", breaks_in);
    let output =
        test.env_remove("SIM_SEED").env_remove("SIM_FIRST").env_remove("SIM_SEEDS").output().unwrap();
    assert!(!output.status.success(), "{breaks_in}");
    [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
}

#[test]
fn a_report_has_no_command_that_would_not_be_heeded() {
    let found = first_broken(&Doubted { text: "hello {name}!", explained: &[] }, 10).unwrap();
    let (report, seed) = (found.report(), found.seed.unwrap());
    assert!(!report.contains("SIM_SEED"), "{report}");
    assert!(report.contains(&format!("that of seed {seed}")), "{report}");
}

/// The lines of the trace that say what client 0 does.
fn does(schedule: &Schedule<Welcoming>) -> Vec<String> {
    let trace = schedule.play_step_by_step().unwrap().trace;
    let of_client = |line: &String| line.split_once("s  client 0").map(|(_, does)| does.to_owned());
    trace.iter().filter_map(of_client).collect()
}

#[test]
fn a_handshake_on_its_way_is_told_as_one() {
    let weather = Weather::calm().with_way(Duration::from_millis(181));
    let sockets = [Welcoming::socket(Kind::Tcp)];
    let schedule = Schedule::calm(&Welcoming::default(), &sockets, vec![Script::sends(b"Ada\n")]);
    let does = does(&schedule.in_weather(weather));
    assert_eq!(does[0], " (prompt, tcp) connects, and its handshake takes 181ms", "{does:?}");
    assert_eq!(does[1], " (prompt, tcp) has connected", "{does:?}");
}

#[test]
fn what_a_client_sends_in_parts_is_told_in_parts() {
    let weather = Weather::calm().with_receive_buffer(2);
    let sockets = [Welcoming::socket(Kind::Tcp)];
    let schedule = Schedule::calm(&Welcoming::default(), &sockets, vec![Script::sends(b"Grace\n")]);
    let does = does(&schedule.in_weather(weather));
    let send = r#": Send("Grace\n"), "#;
    let parts: Vec<&str> = does.iter().filter_map(|does| does.strip_prefix(send)).collect();
    assert_eq!(parts, ["the first 2 bytes", "2 bytes more", "the rest"], "{does:?}");
}

#[test]
fn a_raw_socket_is_told_with_a_protocol_that_there_is() {
    let sockets = [Welcoming::socket(Kind::Raw)];
    let schedule = Schedule::calm(&Welcoming::default(), &sockets, vec![Script::sends(b"Ada")]);
    let trace = schedule.play_step_by_step().unwrap().trace.join("\n");
    assert!(trace.contains("raw://127.0.0.1?protocol=253"), "{trace}");
}
