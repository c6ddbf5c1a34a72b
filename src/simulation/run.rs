//! Many schedules: random ones by seed, and every placement of one and of two faults.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::faults::{Call, Fault};
use super::play::{Failure, Played};
use super::schedule::Schedule;
use super::shrink::shrink;
use super::subject::{Right, Subject};

/// How many schedules are played unless `SIM_SEEDS` says otherwise.
const SEEDS: u64 = 20_000;

/// From how many schedules on they are held to be wild enough.
const ENOUGH: u64 = 2_000;

/// After how many schedules a line says how far it is.
const TELL_EVERY: u64 = 500_000;

/// What came of many random schedules in which every promise was kept.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Sums {
    /// How many schedules there were.
    pub schedules: u64,
    /// How many clients.
    pub clients: u64,
    /// How many calls the loop made.
    pub calls: u64,
    /// How many of these went wrong.
    pub faults: u64,
    /// How many clients had a right to a whole answer, and got it: over streams, in records, by datagrams.
    pub answered: [u64; 3],
}

impl Sums {
    fn add(&mut self, played: &Played) {
        self.schedules += 1;
        self.clients += played.rights.len() as u64;
        self.calls += played.calls.len() as u64;
        self.faults += played.faults.len() as u64;
        for (kind, right) in &played.rights {
            let semantics = kind.semantics();
            let place = usize::from(semantics.boundaries) + usize::from(!semantics.connections);
            self.answered[place] += u64::from(*right == Right::All);
        }
    }

    fn join(mut self, other: Sums) -> Sums {
        self.schedules += other.schedules;
        self.clients += other.clients;
        self.calls += other.calls;
        self.faults += other.faults;
        for (sum, more) in self.answered.iter_mut().zip(other.answered) {
            *sum += more;
        }
        self
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} has to be a number, and not {text:?}")))
}

/// Plays random schedules of `subject`, 20,000 or as many as `SIM_SEEDS` says, from the seed `SIM_FIRST` on. With
/// `SIM_SEED` it plays that one, tells every step, and plays no other.
///
/// # Panics
///
/// If a promise is broken: with the promise, the shortest schedule that breaks it and its steps, and the command that
/// plays it again. And if the schedules are so tame that they prove nothing: fewer clients or faults than schedules, or
/// less than one client in ten with a right to an answer.
#[track_caller]
pub fn random<S: Subject>(subject: &S) -> Sums {
    random_of(subject, SEEDS)
}

/// The same with so many schedules unless `SIM_SEEDS` says otherwise.
///
/// # Panics
///
/// As [`random`] does.
#[track_caller]
pub fn random_of<S: Subject>(subject: &S, seeds: u64) -> Sums {
    if let Some(seed) = number("SIM_SEED") {
        return replay(subject, seed);
    }
    let (first, seeds) = (number("SIM_FIRST").unwrap_or(0), number("SIM_SEEDS").unwrap_or(seeds));
    assert!(seeds > 0, "there is no schedule to play: SIM_SEEDS has to be at least 1");
    let sums = match all(subject, first, seeds) {
        Ok(sums) => sums,
        Err(found) => panic!("{}", found.report_with_command()),
    };
    println!("{sums:?}");
    let Sums { schedules, clients, faults, answered, .. } = sums;
    let tame = clients < schedules || faults < schedules || answered.iter().sum::<u64>() * 10 < clients;
    assert!(schedules < ENOUGH || !tame, "the schedules are too tame: {sums:?}");
    sums
}

/// Plays random schedules of `subject` until one breaks a promise, at most so many, one after the other. Gives the
/// first that does. It heeds none of the variables that [`random`] does: a test may call it for many subjects.
pub fn first_broken<S: Subject>(subject: &S, seeds: u64) -> Option<Found<S>> {
    (0..seeds).find_map(|seed| {
        let schedule = Schedule::from_seed(subject, seed);
        let failure = schedule.play().err()?;
        Some(Found { schedule, failure, seed: Some(seed) })
    })
}

/// Plays the schedules of `seeds` seeds from `first` on, on all cores. A broken promise ends it.
fn all<S: Subject>(subject: &S, first: u64, seeds: u64) -> Result<Sums, Box<Found<S>>> {
    let next = AtomicU64::new(first);
    let worker = || {
        let mut sums = Sums::default();
        while let seed = next.fetch_add(1, Ordering::Relaxed)
            && seed < first.saturating_add(seeds)
        {
            let played = seed - first;
            if played > 0 && played.is_multiple_of(TELL_EVERY) {
                eprintln!("{played} of {seeds} schedules");
            }
            let schedule = Schedule::from_seed(subject, seed);
            match schedule.play() {
                Ok(played) => sums.add(&played),
                Err(failure) => {
                    next.store(u64::MAX / 2, Ordering::Relaxed); // one is enough
                    return Err(Box::new(Found { schedule, failure, seed: Some(seed) }));
                }
            }
        }
        Ok(sums)
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        let results: Vec<Result<Sums, _>> = workers.into_iter().map(join).collect();
        results.into_iter().try_fold(Sums::default(), |sum, result| Ok(sum.join(result?)))
    })
}

/// Plays one seed's schedule twice, which has to be the same, and prints every step.
#[track_caller]
fn replay<S: Subject>(subject: &S, seed: u64) -> Sums {
    let schedule = Schedule::from_seed(subject, seed);
    println!("{schedule}");
    match (schedule.play_step_by_step(), schedule.play()) {
        (Ok(played), Ok(again)) => {
            println!("{}\nevery promise is kept", played.trace.join("\n"));
            assert_eq!(played.calls, again.calls, "the same seed plays the same schedule");
            let mut sums = Sums::default();
            sums.add(&played);
            sums
        }
        (Err(failure), _) | (_, Err(failure)) => {
            println!("{}\n{}", failure.trace.join("\n"), failure.broken);
            panic!("{}", Found { schedule, failure, seed: Some(seed) }.report_with_command())
        }
    }
}

/// Plays `schedule` with every fault at every call, and with every two kinds of faults at every two calls. Gives how
/// many schedules these were.
///
/// It is meant for schedules with one or two clients in calm weather.
///
/// # Panics
///
/// As [`random`] does if a promise is broken.
#[track_caller]
pub fn every_fault<S: Subject>(schedule: &Schedule<S>) -> usize {
    let mut played = 1;
    for (at, call) in calls(schedule, &[]).into_iter().enumerate() {
        let deadly = call.deadly().iter().map(|code| Fault::Error(*code));
        for fault in call.faults().iter().copied().chain(deadly) {
            calls(schedule, &[(at, fault)]);
            played += 1;
        }
        for first in call.kinds_of_faults() {
            for (later, call) in calls(schedule, &[(at, *first)]).into_iter().enumerate().skip(at + 1) {
                for second in call.kinds_of_faults() {
                    calls(schedule, &[(at, *first), (later, *second)]);
                    played += 1;
                }
            }
        }
    }
    played
}

/// The calls that are made in `schedule` with these faults. Panics if a promise is broken.
#[track_caller]
fn calls<S: Subject>(schedule: &Schedule<S>, plan: &[(usize, Fault)]) -> Vec<Call> {
    let schedule = schedule.clone().with_faults(plan);
    match schedule.play() {
        Ok(played) => played.calls,
        Err(failure) => panic!("{}", Found { schedule, failure, seed: None }.report()),
    }
}

/// A schedule that breaks a promise.
#[derive(Clone)]
pub struct Found<S> {
    /// The schedule.
    pub schedule: Schedule<S>,
    /// What came of it.
    pub failure: Box<Failure>,
    /// Its seed, if it was drawn from one.
    pub seed: Option<u64>,
}

impl<S: Subject> Found<S> {
    /// The shortest schedule that breaks the same promise, as far as can be found.
    #[must_use]
    pub fn shortest(&self) -> Found<S> {
        let (schedule, failure) = shrink(self.schedule.clone(), self.failure.clone());
        Found { schedule, failure, seed: None }
    }

    /// What was broken, for a person: the shortest schedule that does it with every step, and the seed of the schedule as
    /// it was drawn.
    #[must_use]
    pub fn report(&self) -> String {
        let mut text = self.told();
        if let Some(seed) = self.seed {
            let _ = writeln!(
                text,
                "\nThe schedule as it was drawn is that of seed {seed}: `Schedule::from_seed`."
            );
        }
        text
    }

    /// The same for a test that heeds `SIM_SEED`, with the command that plays the schedule again.
    fn report_with_command(&self) -> String {
        let mut text = self.told();
        if let Some(seed) = self.seed {
            let _ =
                writeln!(text, "\nTo play it again, and to see every step of the schedule as it was drawn:");
            let _ = writeln!(text, "SIM_SEED={seed} {}", command());
        }
        text
    }

    fn told(&self) -> String {
        let Found { schedule: shortest, .. } = self.shortest();
        let mut text =
            format!("{}\n\nThe shortest schedule that breaks it:\n{shortest}\n\n", self.failure.broken);
        let _ = match shortest.play_step_by_step() {
            Err(failure) => writeln!(text, "{}\n{}", failure.trace.join("\n"), failure.broken),
            Ok(_) => writeln!(text, "It depends on more than its schedule: played again, it breaks nothing."),
        };
        text
    }
}

/// The command that runs the present test alone.
fn command() -> String {
    let program = std::env::args().next().unwrap_or_default();
    let path = std::path::Path::new(&program);
    let file = path.file_stem().unwrap_or_default().to_string_lossy();
    let target = file.rsplit_once('-').map_or(&*file, |(target, _)| target);
    let folder = path.parent().and_then(|folder| folder.file_name()).unwrap_or_default();
    let root = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let tests = std::path::Path::new(&root).join("tests");
    let target = if folder == "examples" {
        format!(" --example {target}")
    } else if tests.join(target).is_dir() || tests.join(format!("{target}.rs")).is_file() {
        format!(" --test {target}")
    } else {
        String::new()
    };
    let test = thread::current().name().filter(|name| *name != "main").map(|name| format!(" {name}"));
    format!("cargo test{target}{} -- --exact --nocapture", test.unwrap_or_default())
}
