//! Many schedules: random ones by seed, and every placement of one and of two faults.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::faults::{Call, Fault};
use super::play::{Failure, Played};
use super::promises::Broken;
use super::schedule::Schedule;
use super::shrink::shrink;
use super::subject::{Right, Subject};

/// How many schedules are played unless `SIM_SEEDS` says otherwise.
const SEEDS: u64 = 20_000;

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
/// plays it again. And if the schedules are so tame that they prove nothing: if there is less than one
/// client or fault for each, or if less than one client in ten has a right to an answer.
pub fn random<S: Subject>(subject: &S) -> Sums {
    if let Some(seed) = number("SIM_SEED") {
        return replay(subject, seed);
    }
    let seeds = number("SIM_SEEDS").unwrap_or(SEEDS);
    let sums = random_from(subject, number("SIM_FIRST").unwrap_or(0), seeds).unwrap_or_else(|report| {
        panic!("{report}");
    });
    println!("{sums:?}");
    let Sums { schedules, clients, faults, answered, .. } = sums;
    let tame = clients < schedules || faults < schedules || answered.iter().sum::<u64>() * 10 < clients;
    assert!(schedules < SEEDS || !tame, "the schedules are too tame: {sums:?}");
    sums
}

/// Plays the schedules of `seeds` seeds from `first` on, on all cores. A broken promise ends it.
pub fn random_from<S: Subject>(subject: &S, first: u64, seeds: u64) -> Result<Sums, Report> {
    let next = AtomicU64::new(first);
    let again = command();
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
                    return Err(Report::of(schedule, failure, Some((seed, &again))));
                }
            }
        }
        Ok(sums)
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        let results = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        results.collect::<Vec<_>>().into_iter().try_fold(Sums::default(), |sum, result| Ok(sum.join(result?)))
    })
}

/// Plays one seed's schedule twice, which has to be the same, and prints every step.
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
            panic!("{}", Report::of(schedule, failure, Some((seed, &command()))))
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
pub fn every_fault<S: Subject>(schedule: &Schedule<S>) -> usize {
    let calls = |plan: &[(usize, Fault)]| -> Vec<Call> {
        let planned = schedule.clone().with_faults(plan);
        match planned.play() {
            Ok(played) => played.calls,
            Err(failure) => panic!("{}", Report::of(planned, failure, None)),
        }
    };
    let mut played = 1;
    for (at, call) in calls(&[]).into_iter().enumerate() {
        let deadly = call.deadly().iter().map(|code| Fault::Error(*code));
        for fault in call.faults().iter().copied().chain(deadly) {
            calls(&[(at, fault)]);
            played += 1;
        }
        for first in call.kinds_of_faults() {
            for (later, call) in calls(&[(at, *first)]).into_iter().enumerate().skip(at + 1) {
                for second in call.kinds_of_faults() {
                    calls(&[(at, *first), (later, *second)]);
                    played += 1;
                }
            }
        }
    }
    played
}

/// A broken promise, for a person: what was broken, the shortest schedule that does it with every step, and the command
/// that plays it again. Shown as text.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was broken in the schedule as it was drawn.
    pub broken: Broken,
    /// The seed, if the schedule was drawn from one.
    pub seed: Option<u64>,
    text: String,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Report {
    /// `seed` is what the schedule was drawn from, with the command that plays it again.
    fn of<S: Subject>(schedule: Schedule<S>, failure: Box<Failure>, seed: Option<(u64, &str)>) -> Report {
        let broken = failure.broken.clone();
        let mut text = format!("{broken}\n");
        let (shortest, _) = shrink(schedule, failure);
        let _ = writeln!(text, "\nThe shortest schedule that breaks it:\n{shortest}\n");
        match shortest.play_step_by_step() {
            Err(failure) => {
                let _ = writeln!(text, "{}\n{}", failure.trace.join("\n"), failure.broken);
            }
            Ok(_) => {
                let _ =
                    writeln!(text, "It depends on more than its schedule: played again, it breaks nothing.");
            }
        }
        if let Some((seed, command)) = seed {
            let _ =
                writeln!(text, "\nTo play it again, and to see every step of the schedule as it was drawn:");
            let _ = writeln!(text, "SIM_SEED={seed} {command}");
        }
        Report { broken, seed: seed.map(|(seed, _)| seed), text }
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
