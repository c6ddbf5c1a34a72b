//! Bugs planted in `upper`, each of which the simulation finds and names.

use std::time::{Duration, Instant};

use welcomed::reactor::Streams;
use welcomed::reactor::service::{Input, Step, StreamService, TIMERS, Then, Timer, Want};
use welcomed::simulation::{
    Audit, Broken, Dice, Limits, Promise, Right, Script, ServerSocket, Sim, Subject, Transcript,
    first_broken, random_of,
};

use super::super::table::{Event, Machine, State};
use super::super::{IDLE, Session, Upper, WRITE};
use super::{Uppers, explains, judge, upper};

/// How many schedules may pass before a bug is found.
const SEEDS: u64 = 20_000;

/// A change to `upper`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bug {
    DropsTheBeginningOfALine,
    AnswersOneLineOfSeveral,
    AnswersALineAtATimeAndForgetsTheOthers,
    LosesTheLastLine,
    CutsAnAnswer,
    GivesAnswersToTheWrongClient,
    ClosesAnActiveClient,
    HasNoTimers,
    ForgetsThatWritingTakesTime,
    IsIdleAnewWithEveryByte,
    BooksStoppedAsDeadline,
    BooksFailedAsDeadline,
    BooksDoneAsRefused,
    SaysCloseAndReads,
    SaysMoreAndReads,
    ReadsBehindTheEnd,
    TakesNoLongLine,
    IgnoresItsTimer,
    HasNoArrowForAStop,
}

/// Every bug, and the promise that it breaks first.
const BUGS: &[(Bug, Promise)] = &[
    (Bug::DropsTheBeginningOfALine, Promise::NothingElse),
    (Bug::AnswersOneLineOfSeveral, Promise::ANSWER),
    (Bug::AnswersALineAtATimeAndForgetsTheOthers, Promise::ANSWER),
    (Bug::LosesTheLastLine, Promise::ANSWER),
    (Bug::CutsAnAnswer, Promise::ANSWER),
    (Bug::GivesAnswersToTheWrongClient, Promise::NothingElse),
    (Bug::ClosesAnActiveClient, Promise::Counts),
    (Bug::HasNoTimers, Promise::Deadline),
    (Bug::ForgetsThatWritingTakesTime, Promise::Deadline),
    (Bug::IsIdleAnewWithEveryByte, Promise::Deadline),
    (Bug::BooksStoppedAsDeadline, Promise::Counts),
    (Bug::BooksFailedAsDeadline, Promise::Counts),
    (Bug::BooksDoneAsRefused, Promise::Counts),
    (Bug::SaysCloseAndReads, Promise::Law),
    (Bug::SaysMoreAndReads, Promise::Law),
    (Bug::ReadsBehindTheEnd, Promise::Law),
    (Bug::TakesNoLongLine, Promise::Law),
    (Bug::IgnoresItsTimer, Promise::Law),
    (Bug::HasNoArrowForAStop, Promise::Law),
];

/// `upper` with a bug, or as it would be if it answered one line at a time.
struct Faulty {
    upper: Upper,
    bug: Option<Bug>,
    /// What some client is to be answered: only the bug has use for it.
    answer: Vec<u8>,
}

/// A session of it.
#[derive(Default)]
struct FaultySession {
    session: Session,
    /// How many bytes were not taken when it was told of bytes last.
    untaken: usize,
}

impl Faulty {
    /// Of several lines only the first.
    fn first_line(bytes: &[u8]) -> &[u8] {
        bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default()
    }

    fn on_bytes(&mut self, faulty: &mut FaultySession, bytes: &[u8], now: Instant) -> Step<Machine> {
        let FaultySession { session, untaken } = faulty;
        let mut step = match self.bug {
            Some(Bug::AnswersALineAtATimeAndForgetsTheOthers) if *untaken == bytes.len() => Step::took(0),
            Some(Bug::AnswersALineAtATimeAndForgetsTheOthers | Bug::AnswersOneLineOfSeveral) => {
                self.upper.on(session, Input::Bytes(Faulty::first_line(bytes)), now)
            }
            Some(Bug::TakesNoLongLine) if !bytes.contains(&b'\n') => Step::took(0),
            None => self.upper.on(session, Input::Bytes(Faulty::first_line(bytes)), now),
            _ => self.upper.on(session, Input::Bytes(bytes), now),
        };
        match self.bug {
            Some(Bug::DropsTheBeginningOfALine) => step.taken = bytes.len(),
            Some(Bug::AnswersOneLineOfSeveral) => {
                step.taken = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            }
            Some(Bug::IsIdleAnewWithEveryByte) => session.answers = session.answers.wrapping_add(1),
            _ => {}
        }
        *untaken = bytes.len() - step.taken;
        step
    }
}

impl StreamService for Faulty {
    type Session = FaultySession;
    type Table = Machine;

    fn waits(&self) -> Vec<Duration> {
        self.upper.waits()
    }

    fn want<'a>(&'a self, FaultySession { session, .. }: &'a FaultySession) -> Want<'a> {
        match (self.bug, self.upper.want(session)) {
            (Some(Bug::SaysCloseAndReads), Want::Write { bytes, .. }) => {
                Want::Write { bytes, then: Then::Close }
            }
            (Some(Bug::SaysMoreAndReads), Want::Write { bytes, .. }) => {
                Want::Write { bytes, then: Then::More }
            }
            (Some(Bug::CutsAnAnswer), Want::Write { bytes, then }) => {
                Want::Write { bytes: bytes.get(..20).unwrap_or(bytes), then }
            }
            (Some(Bug::GivesAnswersToTheWrongClient), Want::Write { bytes, then }) => {
                // As long as its own, or it would be cut while it leaves.
                Want::Write { bytes: self.answer.get(..bytes.len()).unwrap_or(bytes), then }
            }
            (_, want) => want,
        }
    }

    fn timers(&self, FaultySession { session, .. }: &FaultySession) -> [Option<Timer>; TIMERS] {
        let [timer, none] = self.upper.timers(session);
        let timer = timer.filter(|timer| match self.bug {
            Some(Bug::HasNoTimers) => false,
            Some(Bug::ForgetsThatWritingTakesTime) => timer.wait != WRITE,
            _ => true,
        });
        let is_constant = |timer: &Timer| self.bug == Some(Bug::ClosesAnActiveClient) && timer.wait == IDLE;
        [timer.map(|timer| if is_constant(&timer) { Timer { generation: 0, ..timer } } else { timer }), none]
    }

    fn on(&mut self, faulty: &mut FaultySession, input: Input<'_>, now: Instant) -> Step<Machine> {
        let session = &mut faulty.session;
        let step = match (self.bug, input) {
            (_, Input::Bytes(bytes)) => self.on_bytes(faulty, bytes, now),
            (Some(Bug::LosesTheLastLine), Input::End(_)) => self.upper.on(session, Input::End(&[]), now),
            (Some(Bug::ReadsBehindTheEnd), Input::End(_))
            | (Some(Bug::IgnoresItsTimer), Input::Elapsed(_)) => Step::took(0),
            (Some(Bug::BooksStoppedAsDeadline), Input::Stopped)
            | (Some(Bug::BooksFailedAsDeadline), Input::Failed(_)) => {
                self.upper.on(session, Input::Elapsed(IDLE), now)
            }
            (Some(Bug::BooksDoneAsRefused), Input::End([])) => {
                Step::moved(session.machine.on(Event::TooLong))
            }
            (Some(Bug::HasNoArrowForAStop), Input::Stopping) => Step::moved(session.machine.on(Event::Sent)),
            (_, input) => self.upper.on(session, input, now),
        };
        let session = &faulty.session;
        if session.machine.state() == State::Writing {
            self.answer.clone_from(&session.answer);
        }
        step
    }
}

/// `upper` with a bug, or one line at a time, in a hurry.
#[derive(Clone)]
struct Faulties(Option<Bug>);

impl Subject for Faulties {
    type Services = Streams<Faulty, Sim>;

    fn services(&self, places: &[usize]) -> Self::Services {
        Streams::new(Faulty { upper: upper(), bug: self.0, answer: Vec::new() }, places[0])
    }

    fn limits(&self, service: u8) -> Limits {
        Uppers.limits(service)
    }

    fn request(&self, service: u8, dice: &mut Dice, number: usize) -> Vec<u8> {
        Uppers.request(service, dice, number)
    }

    fn sockets(&self, dice: &mut Dice) -> Vec<ServerSocket> {
        Uppers.sockets(dice)
    }

    fn script(&self, socket: ServerSocket, dice: &mut Dice, number: usize) -> Script {
        Uppers.script(socket, dice, number)
    }

    fn judge(&self, client: &Transcript<'_>) -> Result<Right, Broken> {
        judge(client)
    }

    fn audit(&self, services: &Self::Services, audit: &mut Audit<'_>) {
        audit.service(services.counts(), explains);
    }
}

/// It depends on the loop, which has to offer again what was not taken.
#[test]
fn every_promise_is_kept_one_line_at_a_time() {
    random_of(&Faulties(None), 2_000);
}

#[test]
fn every_planted_bug_is_found_and_named() {
    for (bug, promise) in BUGS {
        let Some(found) = first_broken(&Faulties(Some(*bug)), SEEDS) else {
            panic!("nothing was noticed: {bug:?}")
        };
        println!("{bug:?}, seed {:?}: {}", found.seed, found.failure.broken);
        assert_eq!(found.failure.broken.promise, *promise, "{bug:?}: {}", found.failure.broken);
    }
}

#[test]
fn a_bug_is_shown_by_the_shortest_schedule() {
    let found = first_broken(&Faulties(Some(Bug::LosesTheLastLine)), SEEDS).unwrap();
    let report = found.report();
    println!("{report}");
    assert!(report.contains("client 0: Send(\"d\")"), "{report}");
    let shortest = found.shortest();
    let steps: Vec<String> =
        shortest.schedule.scripts.iter().map(|script| format!("{:?}", script.steps)).collect();
    assert_eq!((&steps[..], shortest.failure.faults.len()), (&["[Send(\"d\"), Shut]".to_owned()][..], 0));
}

/// The server that is dropped after that closes what is open, and a reader would take it for the loop's doing.
#[test]
fn a_trace_ends_with_the_step_that_breaks_a_promise() {
    let found = first_broken(&Faulties(Some(Bug::SaysCloseAndReads)), SEEDS).unwrap();
    let failure = found.shortest().schedule.play_step_by_step().unwrap_err();
    let trace = failure.trace.join("\n");
    assert!(trace.contains("Accept: client 0"), "{trace}");
    assert!(!trace.contains("close of client 0") && !trace.contains("clean end"), "{trace}");
}

#[test]
fn a_wait_without_end_is_told_in_words() {
    let found = first_broken(&Faulties(Some(Bug::HasNoTimers)), SEEDS).unwrap();
    let how = found.shortest().failure.broken.how.clone();
    assert_eq!(how, "client 0 is due at 1.5s, and the loop waits for ever");
}
